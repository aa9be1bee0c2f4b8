/* recovery.c: /factors/recovery-codes: ten codes on paper for whoever lost the authenticator app.
 *
 * They are one factor of their own kind, which is never an account's only one.  Sixteen letters of thirty-one are 79 random
 * bits, so a plain SHA-256 keeps them as well as a slow hash would.  Each is good once. */
#include <stdio.h>

#include "auth/attempts.h"
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/mfa.h"
#include "auth/reply.h"
#include "auth/secrets.h"
#include "auth/sql.h"
#include "auth/tokens.h"
#include "core/random.h"

enum { CODES = 10, CODE_LETTERS = 16 };
static const char LETTERS[] = "abcdefghjkmnpqrstuvwxyz23456789"; /* none that looks like another */

struct request {
    struct so_auth_call *call;
    struct so_factor factor;
    struct so_str codes[CODES]; /* new ones, to be shown once */
    struct so_str hash;         /* of the one given */
    int64_t remaining;
    struct so_grant grant;
    bool is_wrong; /* committed, because the try counts */
    int64_t wait;  /* so was this */
};

/* ---- the set ---- */

/* *out_found false: the user has none. */
static int find_set(struct request *r, struct so_conn *conn, bool *out_found, struct so_err *err)
{
    const struct so_user *user = &r->call->user;
    struct so_factor *factors;
    size_t count;
    int rc = so_factors_load(conn, user->id, r->call->arena, &factors, &count, err);
    *out_found = false;
    for (size_t i = 0; rc == SO_OK && i < count; i++)
        if (so_str_eq_c(factors[i].factor_type, SO_FACTOR_RECOVERY)) {
            r->factor = factors[i];
            *out_found = true;
        }
    return rc;
}

static int need_set(struct request *r, struct so_conn *conn, struct so_err *err)
{
    bool found;
    int rc = find_set(r, conn, &found, err);
    return rc == SO_OK && !found ? so_auth_fail(err, SO_AUTH_FACTOR_NOT_FOUND) : rc;
}

static int make_code(struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    char text[CODE_LETTERS];
    for (size_t i = 0; i < CODE_LETTERS; i++)
        text[i] = LETTERS[so_random_below(sizeof(LETTERS) - 1)];
    *out = so_arena_dup(arena, so_str(text, CODE_LETTERS));
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

static int write_codes(struct request *r, struct so_conn *conn, struct so_err *err)
{
    int rc = so_auth_sql_run(conn, "DELETE FROM auth_mfa_recovery_codes WHERE factor_id = ?1", SO_VALUES(r->factor.id), NULL,
                             err);
    for (size_t i = 0; rc == SO_OK && i < CODES; i++) {
        struct so_str hash;
        rc = make_code(r->call->arena, &r->codes[i], err);
        if (rc == SO_OK)
            rc = so_auth_hash_text(r->call->arena, r->codes[i], &hash, err);
        if (rc == SO_OK)
            rc = so_auth_sql_run(conn, "INSERT INTO auth_mfa_recovery_codes (factor_id, code_hash) VALUES (?1, ?2)",
                                 SO_VALUES(r->factor.id, hash), NULL, err);
    }
    return rc;
}

static bool is_aal2(const struct so_auth_call *call) { return so_str_eq_c(call->session.aal, "aal2"); }

/* ---- answers ---- */

static void begin_set(struct request *r, struct so_jw *w)
{
    so_reply_begin(r->call, 200, w);
    so_reply_header(r->call->out, "Cache-Control", SO_STR("no-store"));
    so_jw_object(w);
    so_jw_member_str(w, "id", r->factor.id);
    so_jw_member_cstr(w, "type", SO_FACTOR_RECOVERY);
}

static int reply_codes(struct request *r)
{
    struct so_jw w;
    begin_set(r, &w);
    so_jw_member_str(&w, "friendly_name", r->factor.friendly_name.p == NULL ? SO_STR("") : r->factor.friendly_name);
    so_jw_member_i64(&w, "total", CODES);
    so_jw_key(&w, SO_STR("codes"));
    so_jw_array(&w);
    for (size_t i = 0; i < CODES; i++)
        so_jw_str(&w, r->codes[i]);
    so_jw_end_array(&w);
    so_jw_end_object(&w);
    return SO_OK;
}

/* ---- how many are left ---- */

static int count_left(struct request *r, struct so_conn *conn, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = so_auth_sql_start(conn, "SELECT count(*) FROM auth_mfa_recovery_codes WHERE factor_id = ?1 AND used_at IS NULL",
                               SO_VALUES(r->factor.id), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK)
        r->remaining = so_stmt_i64(st, 0);
    so_stmt_done(st);
    return rc;
}

int so_recovery_status(struct so_auth_call *call, struct so_err *err)
{
    struct request r = {.call = call};
    struct so_conn *conn;
    struct so_jw w;
    int rc = so_mfa_admit(call, err);
    if (rc == SO_OK)
        rc = so_db_reader_take(call->auth->db, &conn, err);
    if (rc != SO_OK)
        return rc;
    rc = need_set(&r, conn, err);
    if (rc == SO_OK)
        rc = count_left(&r, conn, err);
    so_db_reader_give(call->auth->db, conn);
    if (rc != SO_OK)
        return rc;
    begin_set(&r, &w);
    so_jw_member_i64(&w, "total", CODES);
    so_jw_member_i64(&w, "remaining", r.remaining);
    so_jw_end_object(&w);
    return SO_OK;
}

/* ---- make, make anew, take away ---- */

static int run_generate(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct request *r = arg;
    struct so_auth_call *call = r->call;
    bool found;
    int rc = find_set(r, conn, &found, err);
    if (rc == SO_OK && found)
        return so_auth_fail(err, SO_AUTH_FACTOR_EXISTS);
    if (rc == SO_OK && so_factors_count_verified(call->user.factors, call->user.factor_count) == 0)
        return so_auth_fail(err, SO_AUTH_RECOVERY_SOLE);
    if (rc == SO_OK)
        rc = so_factor_make(call, call->user.id, SO_FACTOR_RECOVERY, true, &r->factor, err);
    if (rc != SO_OK)
        return rc;
    r->factor.friendly_name = call->params.friendly_name.n > 0 ? call->params.friendly_name : SO_STR("Recovery codes");
    for (size_t i = 0; i < call->user.factor_count; i++)
        if (so_str_eq(call->user.factors[i].friendly_name, r->factor.friendly_name))
            return so_auth_fail(err, SO_AUTH_FACTOR_NAME_TAKEN);
    rc = so_factor_insert(conn, &r->factor, err);
    if (rc == SO_OK)
        rc = write_codes(r, conn, err);
    return rc == SO_OK ? so_mfa_audit(call, conn, "recovery_codes_created", &r->factor, err) : rc;
}

int so_recovery_generate(struct so_auth_call *call, struct so_err *err)
{
    struct request r = {.call = call};
    int rc = so_mfa_admit(call, err);
    if (rc == SO_OK && so_factors_count_verified(call->user.factors, call->user.factor_count) > 0 && !is_aal2(call))
        return so_auth_fail(err, SO_AUTH_AAL2_TO_ENROLL);
    if (rc == SO_OK)
        rc = so_auth_write(call, run_generate, &r, err);
    return rc == SO_OK ? reply_codes(&r) : rc;
}

static int run_regenerate(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct request *r = arg;
    int rc = need_set(r, conn, err);
    if (rc == SO_OK)
        rc = write_codes(r, conn, err);
    if (rc == SO_OK)
        rc = so_factor_update(r->call, conn, &r->factor, err);
    if (rc == SO_OK)
        rc = so_attempt_forgive(r->call, conn, SO_ATTEMPT_RECOVERY, r->call->user.id, err);
    return rc == SO_OK ? so_mfa_audit(r->call, conn, "recovery_codes_created", &r->factor, err) : rc;
}

int so_recovery_regenerate(struct so_auth_call *call, struct so_err *err)
{
    struct request r = {.call = call};
    int rc = so_mfa_admit(call, err);
    if (rc == SO_OK && !is_aal2(call))
        return so_auth_fail(err, SO_AUTH_AAL2_TO_ENROLL);
    if (rc == SO_OK)
        rc = so_auth_write(call, run_regenerate, &r, err);
    return rc == SO_OK ? reply_codes(&r) : rc;
}

static int run_remove(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct request *r = arg;
    int rc = need_set(r, conn, err);
    if (rc == SO_OK)
        rc = so_mfa_remove(r->call, conn, &r->factor, err);
    return rc == SO_OK ? so_mfa_audit(r->call, conn, "factor_unenrolled", &r->factor, err) : rc;
}

int so_recovery_remove(struct so_auth_call *call, struct so_err *err)
{
    struct request r = {.call = call};
    struct so_jw w;
    int rc = so_mfa_admit(call, err);
    if (rc == SO_OK && !is_aal2(call))
        return so_auth_fail(err, SO_AUTH_AAL2_TO_UNENROLL);
    if (rc == SO_OK)
        rc = so_auth_write(call, run_remove, &r, err);
    if (rc != SO_OK)
        return rc;
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_jw_member_str(&w, "id", r.factor.id);
    so_jw_end_object(&w);
    return SO_OK;
}

/* ---- use one ---- */

/* As it was typed: capitals, blanks and dashes mean nothing. */
static int hash_typed(struct request *r, struct so_str typed, struct so_err *err)
{
    char text[CODE_LETTERS + 1];
    size_t n = 0;
    for (size_t i = 0; i < typed.n && n < sizeof(text); i++) {
        char c = typed.p[i];
        if (c != ' ' && c != '\t' && c != '-')
            text[n++] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    return so_auth_hash_text(r->call->arena, so_str(text, n), &r->hash, err);
}

static int run_verify(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct request *r = arg;
    struct so_auth_call *call = r->call;
    bool found;
    int64_t changes = 0;
    int rc = find_set(r, conn, &found, err);
    if (rc == SO_OK)
        rc = so_attempt_take(call, conn, SO_ATTEMPT_RECOVERY, call->user.id, &r->wait, err);
    if (rc == SO_OK && r->wait == 0 && found)
        rc = so_auth_sql_run(conn,
                             "UPDATE auth_mfa_recovery_codes SET used_at = ?3"
                             " WHERE factor_id = ?1 AND code_hash = ?2 AND used_at IS NULL",
                             SO_VALUES(r->factor.id, r->hash, call->now), &changes, err);
    r->is_wrong = changes != 1;
    if (rc != SO_OK || r->wait > 0 || !found)
        return rc;
    if (r->is_wrong)
        return so_mfa_audit(call, conn, "verification_failed", &r->factor, err);
    rc = so_attempt_forgive(call, conn, SO_ATTEMPT_RECOVERY, call->user.id, err);
    return rc == SO_OK ? so_mfa_pass(call, conn, &r->factor, &r->grant, err) : rc;
}

int so_recovery_verify(struct so_auth_call *call, struct so_err *err)
{
    struct request r = {.call = call};
    int rc = so_mfa_admit(call, err);
    if (rc == SO_OK)
        rc = hash_typed(&r, call->params.code, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run_verify, &r, err);
    if (rc != SO_OK)
        return rc;
    call->retry_after = r.wait;
    if (r.wait > 0)
        return so_auth_fail(err, SO_AUTH_RECOVERY_LOCKED);
    return r.is_wrong ? so_auth_fail(err, SO_AUTH_RECOVERY_WRONG) : so_token_reply(call, &r.grant, NULL, err);
}
