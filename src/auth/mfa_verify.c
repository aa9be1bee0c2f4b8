/* mfa_verify.c: POST /factors/{id}/challenge and /verify: a code of an authenticator app makes a session aal2.
 *
 * A challenge is good for five minutes, once, and for the peer that asked for it.  A code is good once, too: the factor
 * remembers the last step that was used. */
#include <stdio.h>

#include "auth/attempts.h"
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/mfa.h"
#include "auth/reply.h"
#include "auth/sql.h"
#include "auth/text.h"
#include "auth/tokens.h"
#include "auth/totp.h"
#include "core/random.h"

/* ---- challenge ---- */

struct challenge {
    struct so_auth_call *call;
    struct so_str id;
};

static int run_challenge(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct challenge *challenge = arg;
    struct so_auth_call *call = challenge->call;
    struct so_factor factor;
    struct so_str old = so_auth_time_dup(call->arena, call->now_us - (int64_t)SO_MFA_CHALLENGE_SECONDS * 1000000);
    if (old.p == NULL)
        return so_err_oom(err);
    int rc = so_factor_find(call, conn, call->user.id, call->id, &factor, err);
    if (rc == SO_OK && !so_str_eq_c(factor.factor_type, SO_FACTOR_TOTP))
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "This kind of factor needs no challenge");
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "DELETE FROM auth_mfa_challenges WHERE factor_id = ?1 AND created_at < ?2",
                             SO_VALUES(factor.id, old), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(
            conn, "INSERT INTO auth_mfa_challenges (id, factor_id, created_at, ip_address) VALUES (?1, ?2, ?3, ?4)",
            SO_VALUES(challenge->id, factor.id, call->now, call->in->peer), NULL, err);
    factor.last_challenged_at = call->now;
    if (rc == SO_OK)
        rc = so_factor_update(call, conn, &factor, err);
    return rc == SO_OK ? so_mfa_audit(call, conn, "challenge_created", &factor, err) : rc;
}

int so_factor_challenge(struct so_auth_call *call, struct so_err *err)
{
    char id[37];
    struct so_jw w;
    so_random_uuid(id);
    struct challenge challenge = {call, so_str_c(id)};
    int rc = so_mfa_admit(call, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run_challenge, &challenge, err);
    if (rc != SO_OK)
        return rc;
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_jw_member_str(&w, "id", challenge.id);
    so_jw_member_cstr(&w, "type", SO_FACTOR_TOTP);
    so_jw_member_i64(&w, "expires_at", call->now_us / 1000000 + SO_MFA_CHALLENGE_SECONDS);
    so_jw_end_object(&w);
    return SO_OK;
}

/* ---- verify ---- */

struct verification {
    struct so_auth_call *call;
    struct so_str challenge_id;
    struct so_grant grant;
    bool is_wrong; /* committed, because the try counts */
    int64_t wait;  /* so was this: too many tries */
};

static int check_challenge(struct verification *v, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = v->call;
    struct so_stmt *st;
    bool row = false;
    int64_t made = 0;
    int rc = so_auth_sql_start(
        conn, "SELECT created_at, ip_address, verified_at FROM auth_mfa_challenges WHERE id = ?1 AND factor_id = ?2",
        SO_VALUES(v->challenge_id, call->id), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && !row)
        rc = so_auth_fail(err, SO_AUTH_CHALLENGE_NOT_FOUND);
    else if (rc == SO_OK && (!so_stmt_is_null(st, 2) || !so_str_eq(so_stmt_text(st, 1), call->in->peer)))
        rc = so_auth_fail(err, SO_AUTH_CHALLENGE_ELSEWHERE);
    else if (rc == SO_OK && (!so_auth_time_read(so_stmt_text(st, 0), &made) ||
                             made + (int64_t)SO_MFA_CHALLENGE_SECONDS * 1000000 <= call->now_us))
        rc = so_auth_fail_with(err, SO_AUTH_CHALLENGE_EXPIRED,
                               "MFA challenge %.*s has expired, verify against another challenge or create a new challenge.",
                               SO_STR_ARG(v->challenge_id));
    so_stmt_done(st);
    return rc;
}

/* Whether the code is one of now and none of before; then the factor has seen it. */
static int check_code(struct verification *v, struct so_factor *factor, struct so_err *err)
{
    struct so_auth_call *call = v->call;
    struct so_str secret, code = so_str_trim(call->params.code);
    int64_t last = -1;
    if (factor->last_step.p != NULL && !so_str_to_i64(factor->last_step, &last))
        return so_fail(err, SO_EDB, "last_step of factor %.*s is no number", SO_STR_ARG(factor->id));
    int rc = so_factor_show(call, factor, &secret, err);
    if (rc != SO_OK)
        return rc;
    int64_t step = so_totp_find_step(secret, code, call->now_us / 1000000, last);
    v->is_wrong = step < 0;
    if (v->is_wrong)
        return SO_OK;
    factor->last_step = so_arena_printf(call->arena, "%lld", (long long)step);
    if (factor->last_step.p == NULL)
        return so_err_oom(err);
    return so_factor_hide(call, secret, factor, err);
}

/* In one statement each, so that of two requests with one challenge or one code only the first goes on. */
static int spend(struct verification *v, struct so_conn *conn, const struct so_factor *factor, struct so_err *err)
{
    int64_t challenges = 0, steps = 0;
    int rc = so_auth_sql_run(conn, "UPDATE auth_mfa_challenges SET verified_at = ?2 WHERE id = ?1 AND verified_at IS NULL",
                             SO_VALUES(v->challenge_id, v->call->now), &challenges, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn,
                             "UPDATE auth_mfa_factors SET last_step = CAST(?2 AS BIGINT)"
                             " WHERE id = ?1 AND COALESCE(last_step, -1) < CAST(?2 AS BIGINT)",
                             SO_VALUES(factor->id, factor->last_step), &steps, err);
    if (rc == SO_OK && challenges != 1)
        return so_auth_fail(err, SO_AUTH_CHALLENGE_ELSEWHERE);
    return rc == SO_OK && steps != 1 ? so_auth_fail(err, SO_AUTH_CODE_WRONG) : rc;
}

static int accept(struct verification *v, struct so_conn *conn, struct so_factor *factor, struct so_err *err)
{
    struct so_auth_call *call = v->call;
    factor->status = SO_STR("verified");
    int rc = spend(v, conn, factor, err);
    if (rc == SO_OK)
        rc = so_factor_update(call, conn, factor, err);
    if (rc == SO_OK)
        rc = so_attempt_forgive(call, conn, SO_ATTEMPT_FACTOR, call->user.id, err);
    return rc == SO_OK ? so_mfa_pass(call, conn, factor, &v->grant, err) : rc;
}

static int run_verify(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct verification *v = arg;
    struct so_auth_call *call = v->call;
    struct so_factor factor;
    int rc = so_factor_find(call, conn, call->user.id, call->id, &factor, err);
    if (rc == SO_OK && !so_str_eq_c(factor.factor_type, SO_FACTOR_TOTP))
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "This kind of factor is not verified here");
    if (rc == SO_OK)
        rc = check_challenge(v, conn, err);
    if (rc == SO_OK)
        rc = so_attempt_take(call, conn, SO_ATTEMPT_FACTOR, call->user.id, &v->wait, err);
    if (rc == SO_OK && v->wait == 0)
        rc = check_code(v, &factor, err);
    if (rc != SO_OK || v->wait > 0)
        return rc;
    return v->is_wrong ? so_mfa_audit(call, conn, "verification_failed", &factor, err) : accept(v, conn, &factor, err);
}

int so_factor_verify(struct so_auth_call *call, struct so_err *err)
{
    struct verification v = {.call = call};
    uint8_t bytes[16];
    int rc = so_mfa_admit(call, err);
    if (rc != SO_OK)
        return rc;
    if (call->params.code.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Code needs to be non-empty");
    if (!so_auth_uuid(call->params.challenge_id, bytes))
        return so_auth_fail(err, SO_AUTH_CHALLENGE_NOT_FOUND);
    rc = so_auth_uuid_lower(call->arena, call->params.challenge_id, &v.challenge_id, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run_verify, &v, err);
    if (rc != SO_OK)
        return rc;
    call->retry_after = v.wait;
    if (v.wait > 0)
        return so_auth_fail(err, SO_AUTH_RATE_LIMIT);
    return v.is_wrong ? so_auth_fail(err, SO_AUTH_CODE_WRONG) : so_token_reply(call, &v.grant, NULL, err);
}
