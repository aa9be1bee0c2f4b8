/* session_aal.c: how sure we are of who has a session: `aal`, and the claim `amr` that says why (RFC 8176).
 *
 *   aal1 --a second factor--> aal2 --that factor is gone--> aal1
 *
 * amr is an array of {"method", "timestamp"}, newest first, each method once. */
#include "auth/errors.h"
#include "auth/sessions.h"
#include "auth/sql.h"

enum { AMR_MAX = 4096 };

static void put_entry(struct so_jw *w, const char *method, int64_t timestamp)
{
    so_jw_object(w);
    so_jw_member_cstr(w, "method", method);
    so_jw_member_i64(w, "timestamp", timestamp);
    so_jw_end_object(w);
}

/* `amr` without `method`, or with it in front when `timestamp` is not 0. */
static int change_amr(struct so_auth_call *call, struct so_str amr, const char *method, int64_t timestamp,
                      struct so_str *out, struct so_err *err)
{
    struct so_json old = {.type = SO_JSON_ARRAY};
    struct so_buf text;
    struct so_jw w;
    int rc = amr.n == 0 ? SO_OK : so_json_parse(call->arena, amr, NULL, &old, err);
    if (rc != SO_OK)
        return rc;
    so_buf_init(&text, AMR_MAX);
    so_jw_init(&w, &text);
    so_jw_array(&w);
    if (timestamp != 0)
        put_entry(&w, method, timestamp);
    for (size_t i = 0; old.type == SO_JSON_ARRAY && i < old.len; i++)
        if (!so_str_eq_c(so_json_get_str(&old.u.items[i], SO_STR("method")), method))
            so_jw_json(&w, &old.u.items[i]);
    so_jw_end_array(&w);
    rc = so_buf_check(&text, "amr", err);
    if (rc == SO_OK) {
        *out = so_arena_dup(call->arena, so_buf_str(&text));
        rc = out->p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&text);
    return rc;
}

static int write_level(struct so_conn *conn, const struct so_session *session, struct so_err *err)
{
    return so_auth_sql_run(
        conn, "UPDATE auth_sessions SET aal = ?2, amr = ?3, factor_id = ?4, refreshed_at = ?5 WHERE id = ?1",
        SO_VALUES(session->id, session->aal, session->amr, session->factor_id, session->refreshed_at), NULL, err);
}

int so_session_raise(struct so_auth_call *call, struct so_conn *conn, const char *method, struct so_str factor_id,
                     struct so_grant *grant, struct so_err *err)
{
    struct so_session session;
    bool found;
    int rc = so_session_find(conn, call->session_id, call->arena, &session, &found, err);
    if (rc == SO_OK && !found)
        return so_auth_fail(err, SO_AUTH_SESSION_GONE);
    if (rc == SO_OK)
        rc = change_amr(call, session.amr, method, call->now_us / 1000000, &session.amr, err);
    if (rc != SO_OK)
        return rc;
    session.aal = SO_STR("aal2");
    session.factor_id = factor_id;
    session.refreshed_at = call->now;
    rc = write_level(conn, &session, err);
    if (rc == SO_OK)
        rc = so_session_end(call, conn, SO_SESSION_WEAK, session.user_id, session.id, err);
    if (rc == SO_OK)
        rc = so_session_renew_token(call, conn, session.id, &grant->refresh_token, err);
    if (rc == SO_OK)
        so_session_grant(call, &session, grant);
    return rc;
}

int so_session_lower(struct so_auth_call *call, struct so_conn *conn, struct so_str user_id, struct so_str factor_id,
                     const char *method, struct so_err *err)
{
    struct so_session *sessions;
    size_t count;
    int rc = so_sessions_load(conn, user_id, call->arena, &sessions, &count, err);
    for (size_t i = 0; rc == SO_OK && i < count; i++) {
        struct so_session *session = &sessions[i];
        if (!so_str_eq(session->factor_id, factor_id))
            continue;
        rc = change_amr(call, session->amr, method, 0, &session->amr, err);
        session->aal = SO_STR("aal1");
        session->factor_id = (struct so_str){NULL, 0};
        if (rc == SO_OK)
            rc = write_level(conn, session, err);
    }
    return rc;
}
