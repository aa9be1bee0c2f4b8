/* pg_session.c: who asks, and how, as settings of the transaction (PostgREST, PreQuery.hs; MainTx.hs).
 *
 *     SELECT set_config('search_path', $1, true), ..., set_config('role', $2, true), ...
 *
 * The role's own settings come before the role: they may be ones that only we may change. */
#include "rest/errors.h"
#include "rest/pg.h"
#include "json/write.h"

enum { SETTING_MAX = 1 << 20 /* bytes of headers and claims as JSON */ };

static void put_setting(struct so_sqlb *b, const char *name, struct so_str value)
{
    so_text_c(&b->text, b->count == 0 ? "set_config('" : ", set_config('");
    so_text_c(&b->text, name);
    so_text_lit(&b->text, "', ");
    so_pg_put_value(b, value);
    so_text_lit(&b->text, ", true)");
}

static void put_named_settings(struct so_sqlb *b, const struct so_proc_setting *settings)
{
    for (const struct so_proc_setting *s = settings; s != NULL; s = s->next) {
        if (so_str_eq(s->name, SO_STR("default_transaction_isolation")))
            continue;
        so_text_lit(&b->text, ", set_config(");
        so_pg_put_value(b, s->name);
        so_text_lit(&b->text, ", ");
        so_pg_put_value(b, s->value);
        so_text_lit(&b->text, ", true)");
    }
}

/* ---- values ---- */

static struct so_str search_path(struct so_sqlb *b)
{
    const struct so_rest_pg_settings *s = &b->plan->settings->pg;
    struct so_text t;
    so_text_init(&t, b->plan->arena, 64);
    so_text_name(&t, so_plan_schema(b->plan));
    for (size_t i = 0; i < s->extra_search_path_count; i++) {
        so_text_lit(&t, ", ");
        so_text_name(&t, s->extra_search_path[i]);
    }
    b->text.failed |= t.failed;
    return so_text_get(&t);
}

struct so_str so_rest_role(const struct so_rest_settings *settings, const struct so_identity *who)
{
    if (who->role_name.p != NULL)
        return who->role_name;
    if (who->role == SO_ROLE_ANON && settings->pg.anon_role.p != NULL)
        return settings->pg.anon_role;
    return so_str_c(so_role_name(who->role));
}

static struct so_str keep(struct so_sqlb *b, struct so_buf *text)
{
    struct so_str kept = text->rc == SO_OK ? so_arena_dup(b->plan->arena, so_buf_str(text)) : (struct so_str){NULL, 0};
    b->text.failed |= kept.p == NULL;
    so_buf_deinit(text);
    return kept;
}

/* The token's claims with the role that counts. */
static struct so_str claims(struct so_sqlb *b, struct so_str role)
{
    const struct so_identity *who = b->plan->who;
    struct so_json value = {.type = SO_JSON_OBJECT};
    struct so_buf text;
    struct so_jw w;
    if (who->claims.p != NULL && so_json_parse(b->plan->arena, who->claims, NULL, &value, NULL) != SO_OK)
        value = (struct so_json){.type = SO_JSON_OBJECT};
    so_buf_init(&text, SETTING_MAX);
    so_jw_init(&w, &text);
    so_jw_object(&w);
    for (uint32_t i = 0; value.type == SO_JSON_OBJECT && i < value.len; i++) {
        if (so_str_eq(so_json_key(&value.u.members[i]), SO_STR("role")))
            continue;
        so_jw_key(&w, so_json_key(&value.u.members[i]));
        so_jw_json(&w, &value.u.members[i].value);
    }
    so_jw_key(&w, SO_STR("role"));
    so_jw_str(&w, role);
    so_jw_end_object(&w);
    return keep(b, &text);
}

static struct so_str lower(struct so_sqlb *b, struct so_str name)
{
    char *p = so_alloc_text(b->plan->arena, name.n + 1);
    b->text.failed |= p == NULL;
    for (size_t i = 0; p != NULL && i < name.n; i++)
        p[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] | 0x20) : name.p[i];
    return so_str(p, p == NULL ? 0 : name.n);
}

/* {"accept": "application/json"}: the last of several with one name, cookies apart. */
static struct so_str headers(struct so_sqlb *b)
{
    const struct so_request *r = b->plan->request;
    struct so_buf text;
    struct so_jw w;
    so_buf_init(&text, SETTING_MAX);
    so_jw_init(&w, &text);
    so_jw_object(&w);
    for (size_t i = 0; i < r->header_count; i++) {
        bool again = so_str_eq_nocase(r->headers[i].name, SO_STR("cookie"));
        for (size_t k = i + 1; !again && k < r->header_count; k++)
            again = so_str_eq_nocase(r->headers[i].name, r->headers[k].name);
        if (again)
            continue;
        so_jw_key(&w, lower(b, r->headers[i].name));
        so_jw_str(&w, r->headers[i].value);
    }
    so_jw_end_object(&w);
    return keep(b, &text);
}

/* RFC 6265 section 4.2: name=value; name=value */
static void put_cookies(struct so_jw *w, struct so_str value)
{
    struct so_str pair;
    while (so_str_split(&value, ';', &pair)) {
        pair = so_str_trim(pair);
        size_t equals = so_str_find_char(pair, '=', 0);
        if (pair.n == 0)
            continue;
        so_jw_key(w, so_str_slice(pair, 0, so_min_size(equals, pair.n)));
        so_jw_str(w, equals == SO_STR_NONE ? SO_STR("") : so_str_slice(pair, equals + 1, pair.n));
    }
}

static struct so_str cookies(struct so_sqlb *b)
{
    const struct so_request *r = b->plan->request;
    struct so_buf text;
    struct so_jw w;
    so_buf_init(&text, SETTING_MAX);
    so_jw_init(&w, &text);
    so_jw_object(&w);
    for (size_t i = 0; i < r->header_count; i++)
        if (so_str_eq_nocase(r->headers[i].name, SO_STR("cookie")))
            put_cookies(&w, r->headers[i].value);
    so_jw_end_object(&w);
    return keep(b, &text);
}

/* ---- the transaction ---- */

static const struct so_role_settings *settings_of(const struct so_rest_op *op, struct so_str role)
{
    const struct so_role_settings *s = op->snapshot->catalog->roles;
    while (s != NULL && !so_str_eq(s->role, role))
        s = s->next;
    return s;
}

static const char *isolation_of(struct so_str level)
{
    static const char *const LEVELS[] = {"repeatable read", "serializable"};
    for (size_t i = 0; i < COUNT_OF(LEVELS); i++)
        if (level.p != NULL && so_str_eq_nocase(level, so_str_c(LEVELS[i])))
            return LEVELS[i];
    return NULL;
}

static bool is_read_only(const struct so_rest_op *op)
{
    const struct so_proc *f = op->plan.top.proc;
    if (f != NULL)
        return !op->request.is_call || f->volatility != SO_VOLATILITY_VOLATILE;
    return !op->plan.top.is_target;
}

/* Not the usual level: it must be said before anything else. */
static int add_isolation(struct so_rest_op *op, const struct so_role_settings *role)
{
    const char *level = isolation_of(role == NULL ? (struct so_str){NULL, 0} : role->isolation);
    const struct so_proc *f = op->plan.top.proc;
    for (const struct so_proc_setting *s = f == NULL ? NULL : f->settings; s != NULL; s = s->next)
        if (so_str_eq(s->name, SO_STR("default_transaction_isolation")))
            level = isolation_of(s->value);
    if (level == NULL)
        return SO_OK;
    struct so_sql sql = {.text = so_arena_printf(op->arena, "SET TRANSACTION ISOLATION LEVEL %s", level)};
    op->pg->transaction.is_checked = true; /* so that there is a BEGIN before it */
    return sql.text.p == NULL ? so_err_oom(op->plan.err) : so_pg_add_query(op, &sql);
}

/* schema.function or function */
static int add_pre_request(struct so_rest_op *op)
{
    struct so_str rest = op->settings->pg.pre_request, part;
    struct so_text t;
    if (rest.p == NULL)
        return SO_OK;
    so_text_init(&t, op->arena, 64);
    so_text_lit(&t, "SELECT ");
    for (const char *before = ""; so_str_split(&rest, '.', &part); before = ".") {
        so_text_c(&t, before);
        so_text_name(&t, part);
    }
    so_text_lit(&t, "()");
    struct so_sql sql = {.text = so_text_get(&t)};
    return t.failed ? so_err_oom(op->plan.err) : so_pg_add_query(op, &sql);
}

int so_pg_session(struct so_rest_op *op)
{
    struct so_sqlb b;
    struct so_sql sql;
    struct so_str role = so_rest_role(op->settings, op->who);
    const struct so_role_settings *settings = settings_of(op, role);
    const struct so_proc *f = op->plan.top.proc;
    struct so_rest_transaction *tx = &op->pg->transaction;
    tx->reads = is_read_only(op);
    int rc = add_isolation(op, settings);
    so_sqlb_start(&b, &op->plan);
    so_text_lit(&b.text, "SELECT ");
    put_setting(&b, "search_path", search_path(&b));
    put_named_settings(&b, op->settings->pg.app_settings);
    put_named_settings(&b, settings == NULL ? NULL : settings->settings);
    put_setting(&b, "role", role);
    put_setting(&b, "request.jwt.claims", claims(&b, role));
    put_setting(&b, "request.method", op->request.method);
    put_setting(&b, "request.path", so_arena_printf(op->arena, "/%.*s", SO_STR_ARG(op->request.path)));
    put_setting(&b, "request.headers", headers(&b));
    put_setting(&b, "request.cookies", cookies(&b));
    if (op->request.prefer.timezone.p != NULL)
        put_setting(&b, "timezone", op->request.prefer.timezone);
    put_named_settings(&b, f == NULL ? NULL : f->settings);
    so_text_c(&b.text, tx->reads ? ", set_config('transaction_read_only', 'on', true)" : "");
    if (rc == SO_OK)
        rc = so_sqlb_finish(&b, &sql);
    if (rc == SO_OK)
        rc = so_pg_add_query(op, &sql);
    return rc == SO_OK ? add_pre_request(op) : rc;
}
