/* mfa_enroll.c: POST /factors and DELETE /factors/{id}: an authenticator app comes and goes.
 *
 *   enrolled: unverified --a code of it (mfa_verify.c)--> verified        unverified ones are gone after five minutes */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/mfa.h"
#include "auth/qr.h"
#include "auth/reply.h"
#include "auth/sql.h"
#include "auth/text.h"
#include "auth/totp.h"

struct enrolment {
    struct so_auth_call *call;
    struct so_factor factor;
    struct so_str secret;
};

/* ---- in the transaction ---- */

/* Those of this user that nobody finished. */
static int drop_forgotten(struct so_auth_call *call, struct so_conn *conn, struct so_err *err)
{
    struct so_str since = so_auth_time_dup(call->arena, call->now_us - (int64_t)SO_MFA_UNVERIFIED_SECONDS * 1000000);
    if (since.p == NULL)
        return so_err_oom(err);
    return so_auth_sql_run(conn,
                           "DELETE FROM auth_mfa_factors WHERE user_id = ?1 AND status = 'unverified' AND created_at < ?2"
                           " AND (last_challenged_at IS NULL OR last_challenged_at < ?2)",
                           SO_VALUES(call->user.id, since), NULL, err);
}

static int check_room(struct so_auth_call *call, const struct so_factor *others, size_t count,
                      const struct so_factor *factor, struct so_err *err)
{
    for (size_t i = 0; i < count; i++)
        if (so_str_eq(others[i].friendly_name, factor->friendly_name))
            return so_auth_fail_with(err, SO_AUTH_FACTOR_NAME_TAKEN,
                                     "A factor with the friendly name \"%.*s\" for this user already exists",
                                     SO_STR_ARG(factor->friendly_name));
    if (count >= call->auth->settings.factors_max)
        return so_auth_fail(err, SO_AUTH_TOO_MANY_FACTORS);
    if (so_factors_count_verified(others, count) > 0 && !so_str_eq_c(call->session.aal, "aal2"))
        return so_auth_fail(err, SO_AUTH_AAL2_TO_ENROLL);
    return SO_OK;
}

static int run_enroll(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct enrolment *e = arg;
    struct so_auth_call *call = e->call;
    struct so_factor *others;
    size_t count;
    int rc = drop_forgotten(call, conn, err);
    if (rc == SO_OK)
        rc = so_factors_load(conn, call->user.id, call->arena, &others, &count, err);
    if (rc == SO_OK)
        rc = check_room(call, others, count, &e->factor, err);
    if (rc == SO_OK)
        rc = so_factor_insert(conn, &e->factor, err);
    return rc == SO_OK ? so_mfa_audit(call, conn, "factor_in_progress", &e->factor, err) : rc;
}

/* ---- the answer ---- */

/* "example.com:3000" out of "https://example.com:3000/path", as the reference names the issuer. */
static struct so_str host_of(struct so_str url)
{
    size_t scheme = so_str_find(url, SO_STR("://"));
    struct so_str host = scheme == SO_STR_NONE ? url : so_str_slice(url, scheme + 3, url.n);
    return so_str_slice(host, 0, so_str_find_char(host, '/', 0));
}

static int put_totp(struct enrolment *e, struct so_jw *w, struct so_err *err)
{
    enum { SVG_MAX = 1 << 20 };
    struct so_auth_call *call = e->call;
    struct so_str issuer = call->params.issuer.n > 0 ? call->params.issuer : host_of(call->auth->settings.site_url);
    struct so_str account = call->user.email.n > 0 ? call->user.email : call->user.phone;
    struct so_buf uri, svg;
    struct so_qr qr;
    so_buf_init(&uri, SO_QR_TEXT_MAX);
    so_buf_init(&svg, SVG_MAX);
    so_totp_put_uri(e->secret, issuer, account, &uri);
    int rc = so_buf_check(&uri, "the factor's URI", err);
    if (rc == SO_OK)
        rc = so_qr_make(so_buf_str(&uri), SO_QR_MASK_BEST, call->arena, &qr, err);
    if (rc == SO_OK) {
        so_qr_put_svg(&qr, &svg);
        rc = so_buf_check(&svg, "the QR code", err);
    }
    if (rc == SO_OK) {
        so_jw_object(w);
        so_jw_member_str(w, "qr_code", so_buf_str(&svg));
        so_jw_member_str(w, "secret", e->secret);
        so_jw_member_str(w, "uri", so_buf_str(&uri));
        so_jw_end_object(w);
    }
    so_buf_deinit(&svg);
    so_buf_deinit(&uri);
    return rc;
}

static int reply_enrolled(struct enrolment *e, struct so_err *err)
{
    struct so_jw w;
    so_reply_begin(e->call, 200, &w);
    so_jw_object(&w);
    so_jw_member_str(&w, "id", e->factor.id);
    so_jw_member_str(&w, "type", e->factor.factor_type);
    so_jw_member_str(&w, "friendly_name", e->factor.friendly_name);
    so_jw_key(&w, SO_STR("totp"));
    int rc = put_totp(e, &w, err);
    so_jw_end_object(&w);
    so_reply_header(e->call->out, "Cache-Control", SO_STR("no-store"));
    return rc;
}

/* ---- the endpoints ---- */

static const struct {
    const char *type;
    enum so_auth_error refusal;
} OFF[] = {
    {"phone", SO_AUTH_PHONE_FACTOR_OFF},
    {"webauthn", SO_AUTH_WEBAUTHN_FACTOR_OFF},
};

static int check_type(struct so_str type, struct so_err *err)
{
    if (so_str_eq_c(type, SO_FACTOR_TOTP))
        return SO_OK;
    for (size_t i = 0; i < COUNT_OF(OFF); i++)
        if (so_str_eq_c(type, OFF[i].type))
            return so_auth_fail(err, OFF[i].refusal);
    return so_auth_fail_with(err, SO_AUTH_VALIDATION, "factor_type needs to be totp, phone, or webauthn");
}

int so_factor_enroll(struct so_auth_call *call, struct so_err *err)
{
    struct enrolment e = {.call = call};
    int rc = so_mfa_admit(call, err);
    if (rc == SO_OK)
        rc = check_type(call->params.factor_type, err);
    if (rc == SO_OK)
        rc = so_factor_make(call, call->user.id, SO_FACTOR_TOTP, false, &e.factor, err);
    if (rc == SO_OK)
        rc = so_totp_secret(call->arena, &e.secret, err);
    if (rc == SO_OK)
        rc = so_factor_hide(call, e.secret, &e.factor, err);
    if (rc != SO_OK)
        return rc;
    e.factor.friendly_name = call->params.friendly_name.n > 0 ? call->params.friendly_name : SO_STR("");
    rc = so_auth_write(call, run_enroll, &e, err);
    return rc == SO_OK ? reply_enrolled(&e, err) : rc;
}

static int run_unenroll(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = arg;
    struct so_factor factor;
    int rc = so_factor_find(call, conn, call->user.id, call->id, &factor, err);
    if (rc == SO_OK && so_factor_is_verified(&factor) && !so_str_eq_c(call->session.aal, "aal2"))
        return so_auth_fail(err, SO_AUTH_AAL2_TO_UNENROLL);
    if (rc == SO_OK)
        rc = so_mfa_remove(call, conn, &factor, err);
    return rc == SO_OK ? so_mfa_audit(call, conn, "factor_unenrolled", &factor, err) : rc;
}

int so_factor_unenroll(struct so_auth_call *call, struct so_err *err)
{
    struct so_jw w;
    int rc = so_mfa_admit(call, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run_unenroll, call, err);
    if (rc != SO_OK)
        return rc;
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_jw_member_str(&w, "id", call->id);
    so_jw_end_object(&w);
    return SO_OK;
}
