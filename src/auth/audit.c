/* audit.c: the audit log: a row for each event of the auth service, in the transaction of what it tells about, and
 * GET /admin/audit.  Rows are kept for SOCLE_AUDIT_DAYS: each new one takes some old ones away. */
#include <stdio.h>

#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/page.h"
#include "auth/reply.h"
#include "auth/sql.h"
#include "auth/text.h"

/* The events, with the reference's names and groups; what it has no event for is marked. */
static const struct action {
    const char *name, *type;
} ACTIONS[] = {
    {"login", "account"},
    {"login_failed", "account"}, /* ours */
    {"logout", "account"},
    {"invite_accepted", "account"},
    {"user_signedup", "team"},
    {"user_created", "team"}, /* ours: by an administrator */
    {"user_invited", "team"},
    {"user_deleted", "team"},
    {"token_revoked", "token"},
    {"token_refreshed", "token"},
    {"user_modified", "user"},
    {"user_recovery_requested", "user"},
    {"user_reauthenticate_requested", "user"},
    {"user_confirmation_requested", "user"},
    {"user_repeated_signup", "user"},
    {"user_updated_password", "user"},
    {"identity_linked", "user"},
    {"identity_unlinked", "user"},
    {"user_emptied", "user"}, /* ours: somebody else's account, given to the owner of its address */
    {"factor_in_progress", "factor"},
    {"factor_unenrolled", "factor"},
    {"challenge_created", "factor"},
    {"verification_attempted", "factor"}, /* and passed */
    {"verification_failed", "factor"},    /* ours */
    {"recovery_codes_created", "factor"}, /* ours */
    {"factor_deleted", "factor"},
    {"factor_updated", "factor"},
};

static const char *type_of(struct so_str action)
{
    for (size_t i = 0; i < COUNT_OF(ACTIONS); i++)
        if (so_str_eq_c(action, ACTIONS[i].name))
            return ACTIONS[i].type;
    return "user";
}

/* ---- writing ---- */

/* Two for one, so that the log cannot outgrow its time. */
static int drop_old(struct so_auth_call *call, struct so_conn *conn, struct so_err *err)
{
    int64_t kept_us = call->auth->settings.audit_days * 86400 * 1000000;
    if (kept_us <= 0)
        return SO_OK;
    struct so_str old = so_auth_time_dup(call->arena, call->now_us - kept_us);
    if (old.p == NULL)
        return so_err_oom(err);
    return so_auth_sql_run(conn,
                           "DELETE FROM auth_audit_log WHERE id IN"
                           " (SELECT id FROM auth_audit_log WHERE created_at < ?1 ORDER BY created_at LIMIT 2)",
                           SO_VALUES(old), NULL, err);
}

int so_auth_audit(struct so_auth_call *call, struct so_conn *conn, const char *action, struct so_str user_id,
                  struct so_err *err)
{
    enum { USER_AGENT_MAX = 255 };
    const struct so_str NONE = {NULL, 0};
    struct so_str agent = so_str_slice(call->in->user_agent, 0, USER_AGENT_MAX);
    /* Whoever signs in acts, too, though not named by a token yet. */
    struct so_str actor = call->user.id.p != NULL ? call->user.id : call->by_admin ? NONE : user_id;
    int rc = so_auth_sql_run(
        conn,
        "INSERT INTO auth_audit_log (created_at, action, actor_id, user_id, session_id, ip_address,"
        " user_agent, traits) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        SO_VALUES(call->now, so_str_c(action), actor, user_id, call->session_id, call->in->peer, agent, call->traits), NULL,
        err);
    call->traits = NONE;
    return rc == SO_OK ? drop_old(call, conn, err) : rc;
}

/* ---- GET /admin/audit ---- */

/* "?query=author:ada", "action:login", "type:factor", as the reference has them. */
struct filter {
    struct so_str author, action, type; /* LIKE patterns; "%" is everything */
};

/* %text%, with LIKE's signs in it taken as they are. */
static int pattern_of(struct so_auth_call *call, struct so_str text, struct so_str *out, struct so_err *err)
{
    char *to = so_alloc_text(call->arena, 2 * text.n + 3);
    size_t n = 0;
    if (to == NULL)
        return so_err_oom(err);
    to[n++] = '%';
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '%' || text.p[i] == '_' || text.p[i] == '!')
            to[n++] = '!';
        to[n++] = text.p[i];
    }
    to[n++] = '%';
    *out = so_str(to, n);
    return SO_OK;
}

static int take_filter(struct so_auth_call *call, struct filter *out, struct so_err *err)
{
    const struct {
        const char *scope;
        struct so_str *to;
    } SCOPES[] = {{"author", &out->author}, {"action", &out->action}, {"type", &out->type}};
    struct so_str query = so_auth_query(call->in->query, "query", call->arena);
    *out = (struct filter){SO_STR("%"), SO_STR("%"), SO_STR("")};
    if (query.n == 0)
        return SO_OK;
    size_t colon = so_str_find_char(query, ':', 0);
    for (size_t i = 0; colon != SO_STR_NONE && i < COUNT_OF(SCOPES); i++)
        if (so_str_eq_c(so_str_slice(query, 0, colon), SCOPES[i].scope)) {
            struct so_str text = so_str_slice(query, colon + 1, query.n);
            if (SCOPES[i].to != &out->type)
                return pattern_of(call, text, SCOPES[i].to, err);
            out->type = text;
            return SO_OK;
        }
    return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Invalid query scope: %.*s", (int)so_min_size(query.n, 64), query.p);
}

/* "'login', 'logout'": the actions of a type.  The names are ours, so they need no quoting. */
static struct so_str actions_of(struct so_auth_call *call, struct so_str type)
{
    struct so_str list = SO_STR("''");
    for (size_t i = 0; list.p != NULL && i < COUNT_OF(ACTIONS); i++)
        if (so_str_eq_c(type, ACTIONS[i].type))
            list = so_arena_printf(call->arena, "%.*s, '%s'", SO_STR_ARG(list), ACTIONS[i].name);
    return list;
}

static void put_entry(struct so_jw *w, struct so_stmt *st)
{
    struct so_str actor = so_stmt_text(st, 3), name = so_stmt_text(st, 4), traits = so_stmt_text(st, 9);
    so_jw_object(w);
    so_jw_member_str(w, "id", so_stmt_text(st, 0));
    so_jw_key(w, SO_STR("created_at"));
    so_row_put_time(w, so_stmt_text(st, 1));
    so_jw_member_str(w, "ip_address", so_stmt_is_null(st, 7) ? SO_STR("") : so_stmt_text(st, 7));
    so_jw_key(w, SO_STR("payload"));
    so_jw_object(w);
    so_jw_member_str(w, "action", so_stmt_text(st, 2));
    so_jw_member_cstr(w, "log_type", type_of(so_stmt_text(st, 2)));
    so_jw_member_str(w, "actor_id", actor.p == NULL ? SO_STR("00000000-0000-0000-0000-000000000000") : actor);
    so_jw_member_str(w, "actor_username", actor.p == NULL ? SO_STR("service_role") : name.p == NULL ? SO_STR("") : name);
    so_jw_member_bool(w, "actor_via_sso", false);
    static const char *const MEMBERS[] = {"user_id", "session_id", NULL, "user_agent"};
    for (int i = 0; i < (int)COUNT_OF(MEMBERS); i++)
        if (MEMBERS[i] != NULL && !so_stmt_is_null(st, 5 + i))
            so_jw_member_str(w, MEMBERS[i], so_stmt_text(st, 5 + i));
    if (traits.p != NULL) {
        so_jw_key(w, SO_STR("traits"));
        so_jw_raw(w, traits);
    }
    so_jw_end_object(w);
    so_jw_end_object(w);
}

/* One page and, in the last column of each row, how many there are in all. */
static int start_page(struct so_auth_call *call, struct so_conn *conn, const struct filter *filter,
                      const struct so_auth_page *page, struct so_stmt **out, struct so_err *err)
{
    struct so_str by_type = filter->type.n == 0 ? SO_STR("1 = 1") : SO_STR("");
    if (filter->type.n > 0) {
        by_type = actions_of(call, filter->type);
        by_type = so_arena_printf(call->arena, "l.action IN (%.*s)", SO_STR_ARG(by_type));
    }
    struct so_str sql = so_arena_printf(
        call->arena,
        "SELECT l.id, l.created_at, l.action, l.actor_id, COALESCE(u.email, u.phone), l.user_id, l.session_id, l.ip_address,"
        " l.user_agent, l.traits, count(*) OVER () FROM auth_audit_log l LEFT JOIN auth_users u ON u.id = l.actor_id"
        " WHERE (?1 = '%%' OR LOWER(COALESCE(u.email, u.phone)) LIKE LOWER(?1) ESCAPE '!') AND l.action LIKE LOWER(?2) "
        "ESCAPE '!' AND %.*s"
        " ORDER BY l.id DESC LIMIT CAST(?3 AS INTEGER) OFFSET CAST(?4 AS INTEGER)",
        SO_STR_ARG(by_type));
    long long size = page->per_page, before = page->page - 1;
    struct so_str limit = so_arena_printf(call->arena, "%lld", size);
    struct so_str offset = so_arena_printf(call->arena, "%lld", before * size);
    if (sql.p == NULL || limit.p == NULL || offset.p == NULL)
        return so_err_oom(err);
    return so_auth_sql_start(conn, sql.p, SO_VALUES(filter->author, filter->action, limit, offset), out, err);
}

static int put_entries(struct so_auth_call *call, struct so_stmt *st, int64_t *out_total, struct so_err *err)
{
    struct so_jw w;
    int rc;
    so_reply_begin(call, 200, &w);
    so_jw_array(&w);
    for (bool row; (rc = so_stmt_step(st, &row, err)) == SO_OK && row;) {
        *out_total = so_stmt_i64(st, 10);
        put_entry(&w, st);
    }
    so_jw_end_array(&w);
    return rc;
}

int so_admin_audit(struct so_auth_call *call, struct so_err *err)
{
    struct filter filter;
    struct so_auth_page page;
    struct so_conn *conn;
    struct so_stmt *st;
    int64_t total = 0;
    int rc = take_filter(call, &filter, err);
    if (rc == SO_OK)
        rc = so_auth_page_take(call, &page, err);
    if (rc == SO_OK)
        rc = so_db_reader_take(call->auth->db, &conn, err);
    if (rc != SO_OK)
        return rc;
    rc = start_page(call, conn, &filter, &page, &st, err);
    if (rc == SO_OK) {
        rc = put_entries(call, st, &total, err);
        so_stmt_done(st);
    }
    so_db_reader_give(call->auth->db, conn);
    if (rc == SO_OK)
        so_auth_page_put(call, &page, "/admin/audit", total);
    return rc;
}
