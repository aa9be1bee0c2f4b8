/* sessions.c: sessions and their refresh tokens.
 *
 *   first --refresh--> second --refresh--> third        one family; `parent_hash` points back; only the last is not revoked
 *
 * The database holds the SHA-256 of each token, never a token.  A successor is HMAC(its parent, its salt): whoever shows the
 * parent of the active token, because the answer was lost on the way, gets the same successor again, and whoever reads the
 * database gets neither.  A token without a parent is random.
 *
 * The writer runs one transaction at a time, so parallel refreshes of one token meet here one after the other. */
#include "auth/sessions.h"

#include <stdio.h>

#include "auth/errors.h"
#include "auth/secrets.h"
#include "auth/sql.h"
#include "auth/text.h"
#include "core/random.h"

enum {
    REVOKED_KEPT_SECONDS = 30 * 86400, /* how long a used token is remembered, to know it when it comes again */
    USER_AGENT_MAX = 255
};

/* ---- tokens ---- */

static int insert_token(struct so_auth_call *call, struct so_conn *conn, struct so_str session_id, struct so_str token,
                        struct so_str parent_hash, struct so_str salt, struct so_err *err)
{
    struct so_str hash;
    int rc = so_auth_hash_text(call->arena, token, &hash, err);
    if (rc != SO_OK)
        return rc;
    return so_auth_sql_run(conn,
                           "INSERT INTO auth_refresh_tokens (session_id, token_hash, parent_hash, salt, created_at)"
                           " VALUES (?1, ?2, ?3, ?4, ?5)",
                           SO_VALUES(session_id, hash, parent_hash, salt, call->now), NULL, err);
}

/* ---- sign-in ---- */

static int insert_session(struct so_auth_call *call, struct so_conn *conn, const struct so_grant *grant, struct so_err *err)
{
    struct so_str agent = call->in->user_agent;
    agent.n = so_min_size(agent.n, USER_AGENT_MAX);
    return so_auth_sql_run(
        conn,
        "INSERT INTO auth_sessions (id, user_id, aal, amr, created_at, user_agent, ip)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        SO_VALUES(grant->session_id, grant->user.id, grant->aal, grant->amr, call->now, agent, call->in->peer), NULL, err);
}

int so_session_begin(struct so_auth_call *call, struct so_conn *conn, const char *method, struct so_grant *grant,
                     struct so_err *err)
{
    const struct so_str NONE = {NULL, 0};
    char id[37];
    so_random_uuid(id);
    grant->aal = SO_STR("aal1");
    grant->session_id = so_arena_dup(call->arena, so_str_c(id));
    grant->amr = so_arena_printf(call->arena, "[{\"method\":\"%s\",\"timestamp\":%lld}]", method,
                                 (long long)(call->now_us / 1000000));
    if (grant->session_id.p == NULL || grant->amr.p == NULL)
        return so_err_oom(err);
    grant->user.last_sign_in_at = call->now;
    int rc = so_user_update(call, conn, &grant->user, err);
    if (rc == SO_OK)
        rc = insert_session(call, conn, grant, err);
    if (rc == SO_OK)
        rc = so_auth_random_text(call->arena, &grant->refresh_token, err);
    if (rc == SO_OK)
        rc = insert_token(call, conn, grant->session_id, grant->refresh_token, NONE, NONE, err);
    if (rc == SO_OK)
        rc = so_auth_audit(call, conn, "login", grant->user.id, err);
    return rc;
}

/* ---- refresh ---- */

/* A refresh token and its session, as found. */
struct found {
    struct so_str hash, revoked_at;
    struct so_str session_id, user_id, not_after, aal, amr;
};

static int find_token(struct so_auth_call *call, struct so_conn *conn, struct so_str token, struct found *out,
                      struct so_err *err)
{
    struct so_str *const fields[] = {&out->revoked_at, &out->session_id, &out->user_id,
                                     &out->not_after,  &out->aal,        &out->amr};
    struct so_stmt *st;
    bool row = false;
    int rc = so_auth_hash_text(call->arena, token, &out->hash, err);
    if (rc == SO_OK)
        rc = so_auth_sql_start(conn,
                               "SELECT t.revoked_at, s.id, s.user_id, s.not_after, s.aal, s.amr FROM auth_refresh_tokens t"
                               " JOIN auth_sessions s ON s.id = t.session_id WHERE t.token_hash = ?1",
                               SO_VALUES(out->hash), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && !row)
        rc = so_auth_fail(err, SO_AUTH_REFRESH_NOT_FOUND);
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(fields); i++) {
        struct so_str text = so_stmt_text(st, (int)i);
        *fields[i] = text.p == NULL ? text : so_arena_dup(call->arena, text);
        if (text.p != NULL && fields[i]->p == NULL)
            rc = so_err_oom(err);
    }
    so_stmt_done(st);
    return rc;
}

/* Where the active token is the direct successor of the one shown: makes it again.  out->p == NULL: it is not. */
static int repeat_successor(struct so_auth_call *call, struct so_conn *conn, const struct found *found, struct so_str token,
                            struct so_str *out, struct so_err *err)
{
    struct so_stmt *st;
    bool row = false;
    int rc = so_auth_sql_start(conn,
                               "SELECT parent_hash, salt FROM auth_refresh_tokens"
                               " WHERE session_id = ?1 AND revoked_at IS NULL ORDER BY id DESC LIMIT 1",
                               SO_VALUES(found->session_id), &st, err);
    if (rc != SO_OK)
        return rc;
    *out = (struct so_str){NULL, 0};
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row && so_str_eq(so_stmt_text(st, 0), found->hash))
        rc = so_auth_hmac_text(call->arena, token, so_stmt_text(st, 1), out, err);
    so_stmt_done(st);
    return rc;
}

static int issue_successor(struct so_auth_call *call, struct so_conn *conn, const struct found *found, struct so_str token,
                           struct so_str *out, struct so_err *err)
{
    struct so_str salt, old = so_auth_time_dup(call->arena, call->now_us - (int64_t)REVOKED_KEPT_SECONDS * 1000000);
    if (old.p == NULL)
        return so_err_oom(err);
    /* The time of the first use stays: a token cannot be kept alive by showing it again and again. */
    int rc =
        so_auth_sql_run(conn, "UPDATE auth_refresh_tokens SET revoked_at = ?2 WHERE token_hash = ?1 AND revoked_at IS NULL",
                        SO_VALUES(found->hash, call->now), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "DELETE FROM auth_refresh_tokens WHERE session_id = ?1 AND revoked_at < ?2",
                             SO_VALUES(found->session_id, old), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "UPDATE auth_sessions SET refreshed_at = ?2, ip = ?3 WHERE id = ?1",
                             SO_VALUES(found->session_id, call->now, call->in->peer), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_random_text(call->arena, &salt, err);
    if (rc == SO_OK)
        rc = so_auth_hmac_text(call->arena, token, salt, out, err);
    if (rc == SO_OK)
        rc = insert_token(call, conn, found->session_id, *out, found->hash, salt, err);
    return rc;
}

/* Somebody else has the token, too: the family ends.  Its rows stay, so that every token of it says "already used". */
static int end_family(struct so_auth_call *call, struct so_conn *conn, const struct found *found, struct so_err *err)
{
    int rc =
        so_auth_sql_run(conn, "UPDATE auth_refresh_tokens SET revoked_at = ?2 WHERE session_id = ?1 AND revoked_at IS NULL",
                        SO_VALUES(found->session_id, call->now), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "UPDATE auth_sessions SET not_after = ?2 WHERE id = ?1",
                             SO_VALUES(found->session_id, call->now), NULL, err);
    if (rc == SO_OK)
        rc = so_session_refuse(call, conn, found->session_id, call->now_us / 1000000 + call->auth->settings.token_lifetime,
                               err);
    if (rc == SO_OK)
        rc = so_auth_audit(call, conn, "token_revoked", found->user_id, err);
    return rc;
}

/* Whether a used token comes too late to be a retry. */
static int is_reuse(struct so_auth_call *call, const struct found *found, bool *out, struct so_err *err)
{
    struct so_str since = so_auth_time_dup(call->arena, call->now_us - call->auth->settings.refresh_reuse_seconds * 1000000);
    if (since.p == NULL)
        return so_err_oom(err);
    *out = so_str_cmp(found->revoked_at, since) < 0;
    return SO_OK;
}

static int check_family(struct so_auth_call *call, struct so_conn *conn, const struct found *found, struct so_user *out,
                        struct so_err *err)
{
    bool exists;
    if (found->not_after.p != NULL && so_str_cmp(found->not_after, call->now) <= 0)
        return so_auth_fail(err, found->revoked_at.p != NULL ? SO_AUTH_REFRESH_USED : SO_AUTH_REFRESH_EXPIRED);
    int rc = so_user_find(conn, SO_USER_BY_ID, found->user_id, call->arena, out, &exists, err);
    if (rc == SO_OK && (!exists || out->deleted_at.p != NULL))
        return so_auth_fail(err, SO_AUTH_REFRESH_NOT_FOUND);
    if (rc == SO_OK && so_user_is_banned(out, call->now))
        return so_auth_fail(err, SO_AUTH_REFRESH_BANNED);
    return rc;
}

int so_session_refresh(struct so_auth_call *call, struct so_conn *conn, struct so_str token, struct so_grant *grant,
                       bool *out_reused, struct so_err *err)
{
    struct found found = {0};
    struct so_str issued = {NULL, 0};
    bool reuse = false;
    int rc = find_token(call, conn, token, &found, err);
    if (rc == SO_OK)
        rc = check_family(call, conn, &found, &grant->user, err);
    if (rc == SO_OK && found.revoked_at.p != NULL)
        rc = repeat_successor(call, conn, &found, token, &issued, err);
    if (rc == SO_OK && found.revoked_at.p != NULL && issued.p == NULL)
        rc = is_reuse(call, &found, &reuse, err);
    if (rc != SO_OK)
        return rc;
    *out_reused = reuse;
    if (reuse)
        return end_family(call, conn, &found, err);
    if (issued.p == NULL)
        rc = issue_successor(call, conn, &found, token, &issued, err);
    if (rc == SO_OK)
        rc = so_auth_audit(call, conn, "token_refreshed", found.user_id, err);
    grant->session_id = found.session_id;
    grant->aal = found.aal;
    grant->amr = found.amr;
    grant->refresh_token = issued;
    return rc;
}

/* ---- the end ---- */

int so_session_refuse(struct so_auth_call *call, struct so_conn *conn, struct so_str id, int64_t until, struct so_err *err)
{
    char now[24], expires[24];
    snprintf(now, sizeof(now), "%lld", (long long)(call->now_us / 1000000));
    snprintf(expires, sizeof(expires), "%lld", (long long)until);
    int rc =
        so_auth_sql_run(conn, "DELETE FROM auth_revocations WHERE expires_at <= ?1", SO_VALUES(so_str_c(now)), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn,
                             "INSERT INTO auth_revocations (id, expires_at) VALUES (?1, ?2)"
                             " ON CONFLICT (id) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)",
                             SO_VALUES(id, so_str_c(expires)), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_revoked_batch_put(&call->auth->revoked, &call->revoked, call->arena, id, until, err);
    return rc;
}

struct ids {
    struct so_str *items;
    size_t count;
};

static int list_sessions(struct so_auth_call *call, struct so_conn *conn, enum so_session_scope scope, struct so_str user_id,
                         struct so_str session_id, struct ids *out, struct so_err *err)
{
    static const char *const SQL[] = {
        [SO_SESSION_ALL] = "SELECT id, count(*) OVER () FROM auth_sessions WHERE user_id = ?1 AND ?2 IS ?2",
        [SO_SESSION_THIS] = "SELECT id, count(*) OVER () FROM auth_sessions WHERE user_id = ?1 AND id = ?2",
        [SO_SESSION_OTHERS] = "SELECT id, count(*) OVER () FROM auth_sessions WHERE user_id = ?1 AND id IS NOT ?2",
    };
    struct so_stmt *st;
    int rc = so_auth_sql_start(conn, SQL[scope], SO_VALUES(user_id, session_id), &st, err);
    if (rc != SO_OK)
        return rc;
    *out = (struct ids){0};
    for (bool row; (rc = so_stmt_step(st, &row, err)) == SO_OK && row; out->count++) {
        if (out->items == NULL)
            out->items = so_alloc_array(call->arena, (size_t)so_stmt_i64(st, 1), sizeof(*out->items));
        struct so_str id = {NULL, 0};
        if (out->items != NULL)
            id = so_arena_dup(call->arena, so_stmt_text(st, 0));
        if (id.p == NULL) {
            rc = so_err_oom(err);
            break;
        }
        out->items[out->count] = id;
    }
    so_stmt_done(st);
    return rc;
}

int so_session_end(struct so_auth_call *call, struct so_conn *conn, enum so_session_scope scope, struct so_str user_id,
                   struct so_str session_id, struct so_err *err)
{
    int64_t until = call->now_us / 1000000 + call->auth->settings.token_lifetime;
    struct ids ids;
    int rc = list_sessions(call, conn, scope, user_id, session_id, &ids, err);
    for (size_t i = 0; rc == SO_OK && i < ids.count; i++) {
        rc = so_auth_sql_run(conn, "DELETE FROM auth_sessions WHERE id = ?1", SO_VALUES(ids.items[i]), NULL, err);
        if (rc == SO_OK)
            rc = so_session_refuse(call, conn, ids.items[i], until, err);
    }
    return rc;
}

int so_session_check(struct so_auth_call *call, struct so_conn *conn, struct so_str session_id, struct so_str user_id,
                     struct so_err *err)
{
    struct so_stmt *st;
    bool row = false;
    int rc = so_auth_sql_start(conn, "SELECT not_after FROM auth_sessions WHERE id = ?1 AND user_id = ?2",
                               SO_VALUES(session_id, user_id), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && !row)
        rc = so_auth_fail(err, SO_AUTH_SESSION_GONE);
    if (rc == SO_OK && !so_stmt_is_null(st, 0) && so_str_cmp(so_stmt_text(st, 0), call->now) <= 0)
        rc = so_auth_fail(err, SO_AUTH_SESSION_EXPIRED);
    so_stmt_done(st);
    return rc;
}
