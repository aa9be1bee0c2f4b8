/* user.c: GET and PUT /user: the account of the token. */
#include "auth/attempts.h"
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/letters.h"
#include "auth/passwords.h"
#include "auth/reply.h"
#include "auth/sessions.h"
#include "auth/text.h"

int so_me_get(struct so_auth_call *call, struct so_err *err)
{
    (void)err;
    so_reply_user(call, &call->user);
    return SO_OK;
}

struct change {
    struct so_auth_call *call;
    struct so_user user;
    struct so_str email; /* the new one; p == NULL: unchanged */
    struct so_str hash;  /* of the new password; p == NULL: unchanged */
    bool nonce_is_wrong; /* committed, because the guess counts */
};

/* ---- inside the transaction ---- */

static int change_email(struct change *change, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = change->call;
    struct so_user *user = &change->user, other;
    bool taken;
    int rc = so_user_find(conn, SO_USER_BY_EMAIL, change->email, call->arena, &other, &taken, err);
    if (rc == SO_OK && taken)
        return so_auth_fail(err, SO_AUTH_EMAIL_EXISTS);
    if (!call->auth->settings.autoconfirm) {
        user->email_change = change->email;
        return so_email_change_send(call, conn, user, err);
    }
    user->email = change->email;
    user->email_confirmed_at = call->now;
    user->is_anonymous = SO_STR("0");
    if (rc == SO_OK)
        rc = so_user_identify(call, conn, user, "email", false, err); /* nobody has proved anything */
    return rc == SO_OK ? so_user_describe(call, user, err) : rc;
}

static int change_password(struct change *change, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = change->call;
    change->user.encrypted_password = change->hash;
    int rc = so_session_end(call, conn, SO_SESSION_OTHERS, change->user.id, call->session_id, err);
    return rc == SO_OK ? so_auth_audit(call, conn, "user_updated_password", change->user.id, err) : rc;
}

/* The code of GET /reauthenticate. */
static int check_nonce(struct change *change, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = change->call;
    struct so_code_found code = {0};
    bool found = false;
    int rc = so_code_find_by_digits(call, conn, change->user.email, call->params.nonce, 1U << SO_CODE_REAUTHENTICATION,
                                    &code, &found, err);
    change->nonce_is_wrong = !found || !so_str_eq(code.user_id, change->user.id);
    return rc == SO_OK && found ? so_code_spend(conn, &code, err) : rc;
}

static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct change *change = arg;
    struct so_auth_call *call = change->call;
    bool found;
    call->mail_count = 0;
    int rc = so_user_find(conn, SO_USER_BY_ID, call->user.id, call->arena, &change->user, &found, err);
    if (rc == SO_OK && !found)
        return so_auth_fail(err, SO_AUTH_USER_GONE);
    if (rc == SO_OK && change->hash.p != NULL && call->params.nonce.n > 0)
        rc = check_nonce(change, conn, err);
    if (rc != SO_OK || change->nonce_is_wrong)
        return rc;
    if (call->params.data != NULL)
        rc = so_auth_merge(change->user.raw_user_meta_data, call->params.data, SO_AUTH_USER_METADATA_MAX, call->arena,
                           &change->user.raw_user_meta_data, err);
    if (rc == SO_OK && change->email.p != NULL && !so_str_eq(change->email, change->user.email))
        rc = change_email(change, conn, err);
    if (rc == SO_OK && change->hash.p != NULL)
        rc = change_password(change, conn, err);
    if (rc == SO_OK)
        rc = so_user_update(call, conn, &change->user, err);
    return rc == SO_OK ? so_auth_audit(call, conn, "user_modified", change->user.id, err) : rc;
}

/* ---- before it ---- */

/* The reference's three conditions of a new password or address, each a setting or a fact of the account. */
static int check_rights(struct so_auth_call *call, const struct change *change, struct so_err *err)
{
    const struct so_auth_settings *settings = &call->auth->settings;
    const struct so_auth_params *params = &call->params;
    enum { FRESH_SECONDS = 86400 };
    bool is_weak = so_factors_count_verified(call->user.factors, call->user.factor_count) > 0 &&
                   !so_str_eq_c(call->session.aal, "aal2");
    bool new_email = change->email.p != NULL && !so_str_eq(change->email, call->user.email);
    int64_t began;
    if (is_weak && (params->password.n > 0 || new_email))
        return so_auth_fail(err, SO_AUTH_AAL2_TO_UPDATE);
    if (params->password.n == 0)
        return SO_OK;
    bool is_fresh =
        so_auth_time_read(call->session.created_at, &began) && began + (int64_t)FRESH_SECONDS * 1000000 >= call->now_us;
    if (settings->password_reauthentication && !is_fresh && params->nonce.n == 0)
        return so_auth_fail(err, SO_AUTH_REAUTHENTICATE);
    /* Who came by a mailed code may have forgotten the old one. */
    bool by_mail = so_str_find(call->session.amr, SO_STR("\"otp\"")) != SO_STR_NONE ||
                   so_str_find(call->session.amr, SO_STR("\"recovery\"")) != SO_STR_NONE;
    if (settings->password_current_required && call->user.encrypted_password.n > 0 && !by_mail &&
        params->current_password.n == 0)
        return so_auth_fail(err, SO_AUTH_CURRENT_PASSWORD_NEEDED);
    return SO_OK;
}

/* Three argon2 runs at most: the current one, the new one against the old, the new one's hash. */
static int take_password(struct so_auth_call *call, struct so_str *out_hash, struct so_err *err)
{
    const struct so_auth_params *params = &call->params;
    struct so_str old = call->user.encrypted_password;
    bool matches = true;
    if (so_user_is_anonymous(&call->user) && params->email.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION_STATE,
                                 "Updating password of an anonymous user without an email or phone is not allowed");
    int rc = so_auth_password_check(call->auth, params->password, err);
    if (rc == SO_OK && params->current_password.p != NULL)
        rc = so_attempt_admit(call, SO_ATTEMPT_PASSWORD, call->user.email.n > 0 ? call->user.email : call->user.id, err);
    if (rc == SO_OK && params->current_password.p != NULL)
        rc = so_auth_password_matches(call, params->current_password, old, &matches, err);
    if (rc == SO_OK && !matches)
        return so_auth_fail(err, SO_AUTH_CURRENT_PASSWORD);
    matches = false;
    if (rc == SO_OK && old.p != NULL)
        rc = so_auth_password_matches(call, params->password, old, &matches, err);
    if (rc == SO_OK && matches)
        return so_auth_fail(err, SO_AUTH_SAME_PASSWORD);
    return rc == SO_OK ? so_auth_password_hash(call, params->password, out_hash, err) : rc;
}

int so_me_put(struct so_auth_call *call, struct so_err *err)
{
    struct change change = {.call = call};
    int rc = SO_OK;
    if (call->params.app_metadata != NULL)
        return so_auth_fail(err, SO_AUTH_NOT_ADMIN_METADATA);
    if (call->params.phone.n > 0)
        return so_auth_fail(err, SO_AUTH_PHONE_LOGIN_DISABLED);
    if (call->params.email.n > 0)
        rc = so_auth_email_take(call->arena, call->params.email, &change.email, err);
    if (rc == SO_OK)
        rc = check_rights(call, &change, err);
    if (rc == SO_OK && change.email.p != NULL && !call->auth->settings.autoconfirm)
        rc = so_letter_admit(call, change.email, err);
    if (rc == SO_OK && call->params.password.p != NULL)
        rc = take_password(call, &change.hash, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run, &change, err);
    if (rc == SO_OK && change.nonce_is_wrong)
        return so_auth_fail(err, SO_AUTH_NONCE_INVALID);
    if (rc == SO_OK)
        rc = so_letters_post(call, err);
    if (rc == SO_OK)
        so_reply_user(call, &change.user);
    return rc;
}
