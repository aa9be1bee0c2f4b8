/* signup.c: POST /signup: a new account with address and password, or an anonymous one. */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/passwords.h"
#include "auth/text.h"
#include "auth/tokens.h"

/* One transaction: the account, its identity, its first session. */
struct signup {
    struct so_auth_call *call;
    struct so_grant grant;
    const char *method; /* for amr */
};

static int check_address_is_free(struct signup *signup, struct so_conn *conn, struct so_err *err)
{
    struct so_user other;
    bool found;
    int rc = so_user_find(conn, SO_USER_BY_EMAIL, signup->grant.user.email, signup->call->arena, &other, &found, err);
    return rc == SO_OK && found ? so_auth_fail(err, SO_AUTH_USER_EXISTS) : rc;
}

static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct signup *signup = arg;
    struct so_user *user = &signup->grant.user;
    int rc = user->email.p == NULL ? SO_OK : check_address_is_free(signup, conn, err);
    if (rc == SO_OK)
        rc = so_user_insert(conn, user, err);
    if (rc == SO_OK && user->email.p != NULL)
        rc = so_user_identify(signup->call, conn, user, "email", false, err);
    if (rc == SO_OK)
        rc = so_auth_audit(signup->call, conn, "user_signedup", user->id, err);
    if (rc == SO_OK)
        rc = so_session_begin(signup->call, conn, signup->method, &signup->grant, err);
    return rc;
}

static int finish(struct signup *signup, struct so_err *err)
{
    int rc = so_auth_write(signup->call, run, signup, err);
    return rc == SO_OK ? so_token_reply(signup->call, &signup->grant, NULL, err) : rc;
}

static int sign_up_anonymously(struct so_auth_call *call, struct so_err *err)
{
    struct signup signup = {.call = call, .method = "anonymous"};
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
    struct signup signup = {.call = call, .method = "password"};
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
    if (rc == SO_OK)
        rc = so_user_describe(call, user, err);
    if (rc == SO_OK)
        rc = so_auth_password_hash(call, call->params.password, &user->encrypted_password, err);
    if (rc != SO_OK)
        return rc;
    user->email_confirmed_at = call->now; /* autoconfirm: so_auth_open() insists on it */
    return finish(&signup, err);
}
