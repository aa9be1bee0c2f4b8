/* access.c: two conditions, each a statement over a row that is made of parameters. */
#include "realtime/access.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "db/db.h"
#include "db/identity.h"
#include "model/policy.h"
#include "json/json.h"

enum { FILE_MAX = 64 * 1024, MEMORY_MAX = 16 << 20, WISHES = 2 };

/* A condition is asked on the event loop: one that takes longer counts as "no". */
#define BUDGET_NS 20000000LL

static const char *const WISH_NAMES[WISHES] = {[SO_HEAR] = "select", [SO_SPEAK] = "insert"};

struct so_access {
    struct so_arena arena;
    struct so_policy policies[WISHES]; /* zeroed: SO_POLICY_DENY */
    struct so_str sql[WISHES];         /* of SO_POLICY_SQL */
    unsigned refs;                     /* atomic */
};

static int refuse(const char *what, const struct so_err *cause, struct so_err *err)
{
    return so_fail(err, cause->code, "realtime/policies.json#/%s: %s", what, cause->message);
}

static int read_one(struct so_access *a, const struct so_model *model, enum so_access_wish wish, const struct so_json *value,
                    struct so_err *err)
{
    struct so_err cause = SO_ERR_INIT;
    struct so_policy *policy = &a->policies[wish];
    if (value == NULL)
        return SO_OK;
    int rc = value->type == SO_JSON_STRING ? so_policy_compile(so_json_str(value), &a->arena, policy, &cause)
                                           : so_fail(&cause, SO_EINVAL, "a policy is an SQL condition in a text");
    if (rc == SO_OK)
        rc = so_policy_guard(model, &a->arena, policy, &cause);
    if (rc == SO_OK && policy->kind == SO_POLICY_SQL) {
        a->sql[wish] = so_arena_printf(&a->arena,
                                       "SELECT 1 FROM (SELECT :realtime_topic AS topic, :realtime_extension AS extension)"
                                       " AS messages WHERE (%.*s)",
                                       SO_STR_ARG(policy->sql));
        rc = a->sql[wish].p == NULL ? so_err_oom(&cause) : SO_OK;
    }
    return rc == SO_OK ? SO_OK : refuse(WISH_NAMES[wish], &cause, err);
}

static int read_file(struct so_access *a, const struct so_model *model, struct so_str text, struct so_err *err)
{
    struct so_err cause = SO_ERR_INIT;
    struct so_json file;
    if (so_json_parse(&a->arena, text, NULL, &file, &cause) != SO_OK)
        return refuse("", &cause, err);
    if (file.type != SO_JSON_OBJECT)
        return so_fail(err, SO_EINVAL, "realtime/policies.json: should be an object such as {\"select\": \"true\"}");
    for (uint32_t i = 0; i < file.len; i++) {
        struct so_str key = so_json_key(&file.u.members[i]);
        if (!so_str_eq_c(key, WISH_NAMES[SO_HEAR]) && !so_str_eq_c(key, WISH_NAMES[SO_SPEAK]))
            return so_fail(err, SO_EINVAL, "realtime/policies.json#/%.*s: there are select (to hear) and insert (to speak)",
                           SO_STR_ARG(key));
    }
    int rc = SO_OK;
    for (int wish = 0; rc == SO_OK && wish < WISHES; wish++)
        rc = read_one(a, model, (enum so_access_wish)wish, so_json_get(&file, so_str_c(WISH_NAMES[wish])), err);
    return rc;
}

int so_access_load(const char *dir, const struct so_model *model, struct so_access **out, struct so_err *err)
{
    char path[4096];
    struct so_access *a = so_calloc(1, sizeof(*a));
    if (a == NULL)
        return so_err_oom(err);
    a->refs = 1;
    so_arena_init(&a->arena, MEMORY_MAX);
    struct so_buf text;
    so_buf_init(&text, FILE_MAX);
    int length = snprintf(path, sizeof(path), "%s/realtime/policies.json", dir == NULL ? "." : dir);
    int rc = length > 0 && (size_t)length < sizeof(path) ? SO_OK : so_fail(err, SO_ELIMIT, "the folder's name is too long");
    if (rc == SO_OK && so_fs_exists(path)) {
        rc = so_fs_read(path, &text, err);
        struct so_str kept = rc == SO_OK ? so_arena_dup(&a->arena, so_buf_str(&text)) : so_str("", 0);
        if (rc == SO_OK)
            rc = kept.p == NULL ? so_err_oom(err) : read_file(a, model, kept, err);
    }
    so_buf_deinit(&text);
    if (rc != SO_OK) {
        so_access_unref(a);
        return rc;
    }
    *out = a;
    return SO_OK;
}

struct so_access *so_access_ref(struct so_access *a)
{
    (void)__atomic_add_fetch(&a->refs, 1, __ATOMIC_RELAXED);
    return a;
}

void so_access_unref(struct so_access *a)
{
    if (a == NULL || __atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    so_arena_deinit(&a->arena);
    so_free(a);
}

int so_access_check(const struct so_access *a, struct so_conn *conn, struct so_err *err)
{
    for (int wish = 0; wish < WISHES; wish++) {
        struct so_err cause = SO_ERR_INIT;
        struct so_stmt *st;
        if (a->policies[wish].kind != SO_POLICY_SQL)
            continue;
        int rc = so_conn_prepare(conn, a->sql[wish], &st, &cause);
        if (rc != SO_OK)
            return refuse(WISH_NAMES[wish], &cause, err);
        so_stmt_done(st);
    }
    return SO_OK;
}

static void bind(struct so_stmt *st, const char *name, struct so_str value)
{
    int position = so_stmt_parameter(st, name);
    if (position > 0)
        so_stmt_bind_text(st, position, value);
}

static bool run(struct so_str sql, struct so_conn *conn, const struct so_access_question *q, struct so_err *err)
{
    struct so_stmt *st;
    bool is_row = false;
    if (conn == NULL) {
        so_fail(err, SO_EDENIED, "the policies of private channels cannot be asked here");
        return false;
    }
    so_conn_set_deadline(conn, so_clock_mono_ns() + BUDGET_NS);
    if (so_conn_prepare(conn, sql, &st, err) != SO_OK)
        return false;
    so_identity_bind(q->who, st);
    bind(st, ":realtime_topic", q->topic);
    bind(st, ":realtime_extension", so_str_c(q->extension));
    int rc = so_stmt_step(st, &is_row, err);
    so_stmt_done(st);
    return rc == SO_OK && is_row;
}

bool so_access_ask(const struct so_access *a, struct so_conn *conn, const struct so_access_question *q, struct so_err *err)
{
    if (q->who->role == SO_ROLE_SERVICE)
        return true;
    if (a == NULL)
        return false;
    switch (a->policies[q->wish].kind) {
    case SO_POLICY_ALLOW: return true;
    case SO_POLICY_SQL:
        return conn != NULL && run(a->sql[q->wish], conn, q, err); /* a loop has none on PostgreSQL: denied */
    default: return false;
    }
}
