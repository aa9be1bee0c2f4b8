/* signup.c: POST /signup: a new account with address and password, or an anonymous one. */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/letters.h"
#include "auth/passwords.h"
#include "auth/reply.h"
#include "auth/text.h"
#include "auth/tokens.h"

/* One transaction: the account, its identity, and its first session or a letter. */
struct signup {
    struct so_auth_call *call;
    struct so_grant grant;
    const char *method; /* for amr */
    bool is_open;       /* nobody has to confirm anything: a session comes at once */
};

/* Somebody has the address.  With confirmations nothing here may tell who: the answer looks like that of a new account, the
 * owner of an unconfirmed one gets another letter, and of a confirmed one nothing. */
static int meet_other(struct signup *signup, struct so_conn *conn, struct so_user *other, struct so_err *err)
{
    struct so_auth_call *call = signup->call;
    if (signup->is_open)
        return so_auth_fail(err, SO_AUTH_USER_EXISTS);
    signup->grant.user.confirmation_sent_at = call->now;
    int rc = SO_OK;
    if (other->email_confirmed_at.p == NULL) {
        other->confirmation_sent_at = call->now;
        rc = so_letter_write(call, conn, SO_CODE_CONFIRMATION, other, other->email, err);
        if (rc == SO_OK)
            rc = so_user_update(call, conn, other, err);
        signup->grant.user = *other;
    }
    return rc == SO_OK ? so_auth_audit(call, conn, "user_repeated_signup", other->id, err) : rc;
}

static int add_user(struct signup *signup, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = signup->call;
    struct so_user *user = &signup->grant.user;
    if (!signup->is_open)
        user->confirmation_sent_at = call->now;
    int rc = so_user_insert(conn, user, err);
    if (rc == SO_OK && user->email.p != NULL)
        rc = so_user_identify(call, conn, user, "email", false, err);
    if (rc == SO_OK)
        rc = so_auth_audit(call, conn, "user_signedup", user->id, err);
    if (rc == SO_OK && signup->is_open)
        return so_session_begin(call, conn, signup->method, &signup->grant, err);
    if (rc == SO_OK)
        rc = so_user_update(call, conn, user, err);
    return rc == SO_OK ? so_letter_write(call, conn, SO_CODE_CONFIRMATION, user, user->email, err) : rc;
}

static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct signup *signup = arg;
    struct so_user *user = &signup->grant.user, other = {0};
    bool found = false;
    int rc = SO_OK;
    signup->call->mail_count = 0;
    if (user->email.p != NULL)
        rc = so_user_find(conn, SO_USER_BY_EMAIL, user->email, signup->call->arena, &other, &found, err);
    if (rc != SO_OK)
        return rc;
    return found ? meet_other(signup, conn, &other, err) : add_user(signup, conn, err);
}

static int finish(struct signup *signup, struct so_err *err)
{
    int rc = so_auth_write(signup->call, run, signup, err);
    if (rc == SO_OK && signup->is_open)
        return so_token_reply(signup->call, &signup->grant, NULL, err);
    if (rc == SO_OK)
        rc = so_letters_post(signup->call, err);
    if (rc == SO_OK)
        so_reply_user(signup->call, &signup->grant.user);
    return rc;
}

static int sign_up_anonymously(struct so_auth_call *call, struct so_err *err)
{
    struct signup signup = {.call = call, .method = "anonymous", .is_open = true};
    struct so_user *user = &signup.grant.user;
    if (!call->auth->settings.anonymous_enabled)
        return so_auth_fail(err, SO_AUTH_ANONYMOUS_DISABLED);
    int rc = so_auth_limit(call, SO_AUTH_LIMIT_ANONYMOUS, err);
    if (rc == SO_OK)
        rc = so_user_make(call, user, err);
    if (rc == SO_OK)
        rc = so_auth_merge(SO_STR(""), call->params.data, SO_AUTH_USER_METADATA_MAX, call->arena, &user->raw_user_meta_data,
                           err);
    if (rc != SO_OK)
        return rc;
    user->is_anonymous = SO_STR("1");
    return finish(&signup, err);
}

static int check_params(struct so_auth_call *call, struct so_err *err)
{
    const struct so_auth_params *params = &call->params;
    if (params->password.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Signup requires a valid password");
    int rc = so_auth_password_check(call->auth, params->password, err);
    if (rc != SO_OK)
        return rc;
    if (params->email.n > 0 && params->phone.n > 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION,
                                 "Only an email address or phone number should be provided on signup.");
    return params->phone.n > 0 ? so_auth_fail(err, SO_AUTH_PHONE_SIGNUP_DISABLED) : SO_OK;
}

int so_signup(struct so_auth_call *call, struct so_err *err)
{
    struct signup signup = {.call = call, .method = "password", .is_open = call->auth->settings.autoconfirm};
    struct so_user *user = &signup.grant.user;
    if (call->auth->settings.signup_disabled)
        return so_auth_fail(err, SO_AUTH_SIGNUP_DISABLED);
    if (call->params.email.n == 0 && call->params.phone.n == 0)
        return sign_up_anonymously(call, err);
    int rc = check_params(call, err);
    if (rc == SO_OK)
        rc = so_user_make(call, user, err);
    if (rc == SO_OK)
        rc = so_auth_email_take(call->arena, call->params.email, &user->email, err);
    if (rc == SO_OK)
        rc = so_auth_merge(SO_STR(""), call->params.data, SO_AUTH_USER_METADATA_MAX, call->arena, &user->raw_user_meta_data,
                           err);
    if (rc == SO_OK && !signup.is_open)
        rc = so_letter_check_challenge(call, err);
    if (rc == SO_OK && !signup.is_open)
        rc = so_letter_admit(call, user->email, err);
    if (rc == SO_OK && signup.is_open)
        user->email_confirmed_at = call->now;
    if (rc == SO_OK)
        rc = so_user_describe(call, user, err);
    if (rc == SO_OK)
        rc = so_auth_password_hash(call, call->params.password, &user->encrypted_password, err);
    return rc == SO_OK ? finish(&signup, err) : rc;
}
