/* policy.c: who may do what: the expressions of x-policies compiled, and proved against the table they guard. */
#include "model/policy.h"

#include "model/place.h"
#include "model/sql_text.h"

/* In the order of enum so_command; the last one is for `check`. */
static const char *const POLICY_NAMES[] = {"select", "insert", "update", "delete", "check", NULL};

const char *so_policy_name(size_t i) { return POLICY_NAMES[i]; }

static int compile(struct so_str source, struct so_arena *arena, struct so_policy *out, struct so_err *err)
{
    struct so_str marked;
    int rc = so_sql_translate_marked(source, arena, &marked, err);
    if (rc != SO_OK)
        return rc;
    out->sql = marked;
    if (so_str_find_char(marked, SO_SQL_GUARD, 0) == SO_STR_NONE &&
        so_str_find_char(marked, SO_SQL_GUARD_WITH, 0) == SO_STR_NONE)
        return SO_OK;
    struct so_buf plain;
    so_buf_init(&plain, SO_SQL_SOURCE_MAX * (size_t)32);
    so_sql_put_guarded(&plain, marked, SO_STR(""));
    rc = so_buf_check(&plain, "the policy", err);
    if (rc == SO_OK) {
        out->sql = so_arena_dup(arena, so_buf_str(&plain));
        out->marked = marked;
        rc = out->sql.p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&plain);
    return rc;
}

int so_policy_compile(struct so_str source, struct so_arena *arena, struct so_policy *out, struct so_err *err)
{
    struct so_str kept = so_arena_dup(arena, so_str_trim(source));
    if (kept.p == NULL)
        return so_err_oom(err);
    struct so_policy policy = {.kind = SO_POLICY_SQL, .source = kept, .sql = SO_STR("")};
    if (so_str_eq_nocase(kept, SO_STR("true"))) {
        policy.kind = SO_POLICY_ALLOW;
    } else if (so_str_eq_nocase(kept, SO_STR("false"))) {
        policy.kind = SO_POLICY_DENY;
    } else if (kept.n == 0) {
        return so_fail(err, SO_EINVAL, "a policy cannot be empty: write \"true\", \"false\" or a condition");
    } else {
        int rc = compile(kept, arena, &policy, err);
        if (rc != SO_OK)
            return rc;
    }
    *out = policy;
    return SO_OK;
}

static int read_one(const struct so_json *value, struct so_arena *arena, const struct so_place *at, struct so_policy *out,
                    struct so_err *err)
{
    struct so_str source;
    switch (value->type) {
    case SO_JSON_STRING: source = so_json_str(value); break;
    case SO_JSON_TRUE: source = SO_STR("true"); break;
    case SO_JSON_FALSE:
    case SO_JSON_NULL: source = SO_STR("false"); break;
    default: return so_place_fail(at, err, SO_EINVAL, "a policy is an SQL condition in a text");
    }
    struct so_err cause = SO_ERR_INIT;
    if (so_policy_compile(source, arena, out, &cause) != SO_OK)
        return so_place_wrap(at, &cause, err);
    return SO_OK;
}

int so_policies_read(const struct so_json *policies, struct so_arena *arena, struct so_table *table, struct so_err *err)
{
    struct so_place at = {.file = table->file, .keyword = "x-policies"};
    table->check = (struct so_policy){.kind = SO_POLICY_ALLOW, .source = SO_STR(""), .sql = SO_STR("")};
    if (policies == NULL)
        return SO_OK;
    if (policies->type != SO_JSON_OBJECT)
        return so_place_fail(&at, err, SO_EINVAL, "should be an object such as {\"select\": \"true\"}");
    table->has_policies = true;
    for (uint32_t i = 0; i < policies->len; i++) {
        const struct so_json_member *member = &policies->u.members[i];
        at.member = so_json_key(member);
        size_t which = 0;
        while (POLICY_NAMES[which] != NULL && !so_str_eq_c(at.member, POLICY_NAMES[which]))
            which++;
        if (POLICY_NAMES[which] == NULL) {
            const char *near = so_nearest(at.member, POLICY_NAMES);
            return so_place_fail(
                &at, err, SO_EINVAL, "no such policy: there are select, insert, update, delete and check%s%s%s",
                near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near, near == NULL ? "" : "\"?");
        }
        struct so_policy *into = which < SO_CMD_COUNT ? &table->policies[which] : &table->check;
        int rc = read_one(&member->value, arena, &at, into, err);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

/* Preparing proves the names and the syntax; nothing is run. */
static int prepare_only(struct so_conn *conn, const struct so_buf *sql, struct so_err *err)
{
    struct so_err cause = SO_ERR_INIT;
    struct so_stmt *st = NULL;
    int rc = so_buf_check(sql, "the statement", err);
    if (rc != SO_OK)
        return rc;
    rc = so_conn_prepare(conn, so_buf_str(sql), &st, &cause);
    if (rc != SO_OK)
        return so_fail(err, rc == SO_EDB ? SO_EINVAL : rc, "%s", cause.message);
    so_stmt_done(st);
    return SO_OK;
}

int so_policy_check(struct so_conn *conn, const struct so_table *table, const struct so_policy *policy, struct so_err *err)
{
    if (policy->kind != SO_POLICY_SQL)
        return SO_OK;
    struct so_place at = {.file = table->file, .keyword = "x-policies", .member = SO_STR("check")};
    for (size_t i = 0; i < SO_CMD_COUNT; i++) {
        if (policy == &table->policies[i])
            at.member = so_str_c(POLICY_NAMES[i]);
    }
    struct so_buf sql;
    so_buf_init(&sql, SO_SQL_SOURCE_MAX * (size_t)32);
    so_buf_lit(&sql, "SELECT 1 FROM ");
    so_sql_put_name(&sql, table->name);
    so_buf_printf(&sql, " WHERE (%.*s)", SO_STR_ARG(policy->sql));
    struct so_err cause = SO_ERR_INIT;
    int rc = prepare_only(conn, &sql, &cause);
    so_buf_deinit(&sql);
    return rc == SO_OK ? SO_OK : so_place_wrap(&at, &cause, err);
}

static int check_default(struct so_conn *conn, const struct so_table *table, const struct so_field_rule *field,
                         struct so_err *err)
{
    struct so_place at = {.file = table->file, .property = field->name, .keyword = "x-default"};
    struct so_buf sql;
    so_buf_init(&sql, SO_SQL_SOURCE_MAX * (size_t)32);
    so_buf_printf(&sql, "SELECT (%.*s)", SO_STR_ARG(field->default_sql));
    struct so_err cause = SO_ERR_INIT;
    int rc = prepare_only(conn, &sql, &cause);
    so_buf_deinit(&sql);
    if (rc != SO_OK)
        so_err_hint(&cause, "a text constant stands between single quotes: \"'draft'\"");
    return rc == SO_OK ? SO_OK : so_place_wrap(&at, &cause, err);
}

int so_model_check(const struct so_model *model, struct so_conn *conn, struct so_err *err)
{
    for (size_t i = 0; i < model->table_count; i++) {
        const struct so_table *table = model->tables[i];
        int rc = so_policy_check(conn, table, &table->check, err);
        for (size_t c = 0; rc == SO_OK && c < SO_CMD_COUNT; c++)
            rc = so_policy_check(conn, table, &table->policies[c], err);
        for (size_t f = 0; rc == SO_OK && f < table->field_count; f++) {
            const struct so_field_rule *field = &table->fields[f];
            if (field->default_sql.p != NULL && !field->default_in_ddl)
                rc = check_default(conn, table, field, err);
        }
        if (rc != SO_OK)
            return rc;
    }
    for (size_t i = 0; i < model->function_count; i++) {
        int rc = so_function_check(model->functions[i], model, conn, err);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}
