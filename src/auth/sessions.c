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

#include "auth/errors.h"
#include "auth/secrets.h"
#include "auth/sql.h"
#include "auth/text.h"
#include "core/random.h"

enum {
    REVOKED_KEPT_SECONDS = 30 * 86400, /* how long a used token is remembered, to know it when it comes again */
    ENDED_KEPT_SECONDS = 86400,        /* how long an ended session can tell that it ended */
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

int so_session_renew_token(struct so_auth_call *call, struct so_conn *conn, struct so_str session_id, struct so_str *out,
                           struct so_err *err)
{
    const struct so_str NONE = {NULL, 0};
    int rc =
        so_auth_sql_run(conn, "DELETE FROM auth_refresh_tokens WHERE session_id = ?1", SO_VALUES(session_id), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_random_text(call->arena, out, err);
    return rc == SO_OK ? insert_token(call, conn, session_id, *out, NONE, NONE, err) : rc;
}

/* The session is over, and its access tokens are refused.  The row stays, to say so. */
static int stop_session(struct so_auth_call *call, struct so_conn *conn, struct so_str id, struct so_err *err)
{
    int rc =
        so_auth_sql_run(conn, "UPDATE auth_sessions SET not_after = ?2 WHERE id = ?1", SO_VALUES(id, call->now), NULL, err);
    return rc == SO_OK ? so_session_refuse(call, conn, id, call->now_us / 1000000 + call->auth->settings.token_lifetime, err)
                       : rc;
}

/* ---- sign-in ---- */

/* Seconds since 1970; the limits are kept so: a token ends with its session at the latest. */
static int64_t token_expiry(const struct so_auth_call *call, const struct so_session *session)
{
    const struct so_auth_settings *settings = &call->auth->settings;
    enum so_session_end_cause cause;
    int64_t ends = so_session_ends(session, &settings->session_limits, &cause) / 1000000;
    int64_t usual = call->now_us / 1000000 + settings->token_lifetime;
    return ends < usual ? ends : usual;
}

void so_session_grant(const struct so_auth_call *call, const struct so_session *session, struct so_grant *out)
{
    out->session_id = session->id;
    out->aal = session->aal;
    out->amr = session->amr;
    out->expires = token_expiry(call, session);
}

static int make_session(struct so_auth_call *call, const struct so_user *user, const char *method, struct so_session *out,
                        struct so_err *err)
{
    char id[37];
    so_random_uuid(id);
    *out = (struct so_session){
        .id = so_arena_dup(call->arena, so_str_c(id)),
        .user_id = user->id,
        .aal = SO_STR("aal1"),
        .amr = so_arena_printf(call->arena, "[{\"method\":\"%s\",\"timestamp\":%lld}]", method,
                               (long long)(call->now_us / 1000000)),
        .created_at = call->now,
        .user_agent = so_str_slice(call->in->user_agent, 0, USER_AGENT_MAX),
        .ip = call->in->peer,
    };
    return out->id.p == NULL || out->amr.p == NULL ? so_err_oom(err) : SO_OK;
}

/* The user's sessions that ended a day ago or more, by whatever rule: nobody asks about them any more. */
static int forget_ended(struct so_auth_call *call, struct so_conn *conn, struct so_str user_id, struct so_err *err)
{
    const struct so_session_limits *limits = &call->auth->settings.session_limits;
    const struct {
        const char *sql;
        int64_t seconds;
        bool holds;
    } RULES[] = {
        {"DELETE FROM auth_sessions WHERE user_id = ?1 AND not_after < ?2", 0, true},
        {"DELETE FROM auth_sessions WHERE user_id = ?1 AND created_at < ?2", limits->lifetime, limits->lifetime > 0},
        {"DELETE FROM auth_sessions WHERE user_id = ?1 AND COALESCE(refreshed_at, created_at) < ?2", limits->inactivity,
         limits->inactivity > 0},
    };
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(RULES); i++) {
        if (!RULES[i].holds)
            continue;
        struct so_str since =
            so_auth_time_dup(call->arena, call->now_us - (RULES[i].seconds + ENDED_KEPT_SECONDS) * 1000000);
        rc = since.p == NULL ? so_err_oom(err) : so_auth_sql_run(conn, RULES[i].sql, SO_VALUES(user_id, since), NULL, err);
    }
    return rc;
}

/* With one session a user, the new one ends the others: their rows stay a while, so that their owners learn why. */
static int end_older(struct so_auth_call *call, struct so_conn *conn, const struct so_session *newest, struct so_err *err)
{
    struct so_session *sessions;
    size_t count;
    int rc = forget_ended(call, conn, newest->user_id, err);
    if (rc != SO_OK || !call->auth->settings.single_session)
        return rc;
    rc = so_sessions_load(conn, newest->user_id, call->arena, &sessions, &count, err);
    for (size_t i = 0; rc == SO_OK && i < count; i++)
        if (sessions[i].not_after.p == NULL && !so_str_eq(sessions[i].id, newest->id))
            rc = stop_session(call, conn, sessions[i].id, err);
    return rc;
}

int so_session_begin(struct so_auth_call *call, struct so_conn *conn, const char *method, struct so_grant *grant,
                     struct so_err *err)
{
    const struct so_str NONE = {NULL, 0};
    struct so_session session;
    int rc = make_session(call, &grant->user, method, &session, err);
    if (rc != SO_OK)
        return rc;
    so_session_grant(call, &session, grant);
    grant->user.last_sign_in_at = call->now;
    rc = so_user_update(call, conn, &grant->user, err);
    if (rc == SO_OK)
        rc = so_session_insert(conn, &session, err);
    if (rc == SO_OK)
        rc = end_older(call, conn, &session, err);
    if (rc == SO_OK)
        rc = so_auth_random_text(call->arena, &grant->refresh_token, err);
    if (rc == SO_OK)
        rc = insert_token(call, conn, session.id, grant->refresh_token, NONE, NONE, err);
    if (rc == SO_OK)
        rc = so_auth_audit(call, conn, "login", grant->user.id, err);
    return rc;
}

/* ---- refresh ---- */

/* A refresh token and its session, as found. */
struct found {
    struct so_str hash, revoked_at;
    struct so_session session;
};

static int find_token(struct so_auth_call *call, struct so_conn *conn, struct so_str token, struct found *out,
                      struct so_err *err)
{
    struct so_stmt *st;
    struct so_str session_id = {NULL, 0};
    bool row = false;
    int rc = so_auth_hash_text(call->arena, token, &out->hash, err);
    if (rc == SO_OK)
        rc = so_auth_sql_start(conn, "SELECT session_id, revoked_at FROM auth_refresh_tokens WHERE token_hash = ?1",
                               SO_VALUES(out->hash), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row) {
        session_id = so_arena_dup(call->arena, so_stmt_text(st, 0));
        out->revoked_at = so_stmt_text(st, 1);
        if (out->revoked_at.p != NULL)
            out->revoked_at = so_arena_dup(call->arena, out->revoked_at);
        if (session_id.p == NULL || (!so_stmt_is_null(st, 1) && out->revoked_at.p == NULL))
            rc = so_err_oom(err);
    }
    so_stmt_done(st);
    if (rc == SO_OK && row)
        rc = so_session_find(conn, session_id, call->arena, &out->session, &row, err);
    return rc == SO_OK && !row ? so_auth_fail(err, SO_AUTH_REFRESH_NOT_FOUND) : rc;
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
                               SO_VALUES(found->session.id), &st, err);
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
                             SO_VALUES(found->session.id, old), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "UPDATE auth_sessions SET refreshed_at = ?2, ip = ?3 WHERE id = ?1",
                             SO_VALUES(found->session.id, call->now, call->in->peer), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_random_text(call->arena, &salt, err);
    if (rc == SO_OK)
        rc = so_auth_hmac_text(call->arena, token, salt, out, err);
    if (rc == SO_OK)
        rc = insert_token(call, conn, found->session.id, *out, found->hash, salt, err);
    return rc;
}

/* Somebody else has the token, too: the family ends.  Its rows stay, so that every token of it says "already used". */
static int end_family(struct so_auth_call *call, struct so_conn *conn, const struct found *found, struct so_err *err)
{
    int rc =
        so_auth_sql_run(conn, "UPDATE auth_refresh_tokens SET revoked_at = ?2 WHERE session_id = ?1 AND revoked_at IS NULL",
                        SO_VALUES(found->session.id, call->now), NULL, err);
    if (rc == SO_OK)
        rc = stop_session(call, conn, found->session.id, err);
    if (rc == SO_OK)
        rc = so_auth_audit(call, conn, "token_revoked", found->session.user_id, err);
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

/* Whether the session's time is over, and what to say then. */
static int check_time(struct so_auth_call *call, const struct found *found, const struct so_user *user, struct so_err *err)
{
    static const char *const WHY[] = {
        [SO_SESSION_ENDED] = "", [SO_SESSION_TOO_OLD] = "", [SO_SESSION_IDLE] = " (Inactivity)"};
    const struct so_session_limits *limits = &call->auth->settings.session_limits;
    enum so_session_end_cause cause;
    int64_t began;
    if (so_session_ends(&found->session, limits, &cause) <= call->now_us)
        return cause == SO_SESSION_ENDED && found->revoked_at.p != NULL
                   ? so_auth_fail(err, SO_AUTH_REFRESH_USED)
                   : so_auth_fail_with(err, SO_AUTH_REFRESH_EXPIRED, "Invalid Refresh Token: Session Expired%s", WHY[cause]);
    if (limits->low_aal > 0 && so_factors_count_verified(user->factors, user->factor_count) > 0 &&
        so_str_eq_c(found->session.aal, "aal1") && so_auth_time_read(found->session.created_at, &began) &&
        began + limits->low_aal * 1000000 <= call->now_us)
        return so_auth_fail_with(err, SO_AUTH_REFRESH_EXPIRED,
                                 "Invalid Refresh Token: Session Expired (Low AAL: User Needs MFA Verification)");
    return SO_OK;
}

static int check_family(struct so_auth_call *call, struct so_conn *conn, const struct found *found, struct so_user *out,
                        struct so_err *err)
{
    bool exists;
    int rc = so_user_find(conn, SO_USER_BY_ID, found->session.user_id, call->arena, out, &exists, err);
    if (rc == SO_OK && (!exists || out->deleted_at.p != NULL))
        return so_auth_fail(err, SO_AUTH_REFRESH_NOT_FOUND);
    if (rc == SO_OK && so_user_is_banned(out, call->now))
        return so_auth_fail(err, SO_AUTH_REFRESH_BANNED);
    return rc == SO_OK ? check_time(call, found, out, err) : rc;
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
        rc = so_auth_audit(call, conn, "token_refreshed", found.session.user_id, err);
    found.session.refreshed_at = call->now;
    so_session_grant(call, &found.session, grant);
    grant->refresh_token = issued;
    return rc;
}

/* ---- the end ---- */

struct ids {
    struct so_str *items;
    size_t count;
};

#define LIST "SELECT id, count(*) OVER () FROM auth_sessions WHERE user_id = ?1 "

static int list_sessions(struct so_auth_call *call, struct so_conn *conn, enum so_session_scope scope, struct so_str user_id,
                         struct so_str session_id, struct ids *out, struct so_err *err)
{
    static const char *const SQL[] = {
        [SO_SESSION_ALL] = LIST,
        [SO_SESSION_THIS] = LIST "AND id = ?2",
        [SO_SESSION_OTHERS] = LIST "AND id <> ?2",
        [SO_SESSION_WEAK] = LIST "AND id <> ?2 AND aal = 'aal1'",
    };
    struct so_stmt *st;
    if (session_id.n == 0) /* a token without session: every one is another */
        scope = SO_SESSION_ALL;
    const struct so_str values[] = {user_id, session_id};
    int rc = so_auth_sql_start(conn, SQL[scope], values, scope == SO_SESSION_ALL ? 1 : 2, &st, err);
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
    enum so_session_end_cause cause;
    bool found;
    int rc = so_session_find(conn, session_id, call->arena, &call->session, &found, err);
    if (rc != SO_OK)
        return rc;
    if (!found || !so_str_eq(call->session.user_id, user_id))
        return so_auth_fail(err, SO_AUTH_SESSION_GONE);
    bool is_over = so_session_ends(&call->session, &call->auth->settings.session_limits, &cause) <= call->now_us;
    return is_over ? so_auth_fail(err, SO_AUTH_SESSION_EXPIRED) : SO_OK;
}
