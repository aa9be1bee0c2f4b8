/* grant.c: POST /token: a session for a password or for a refresh token. */
#include "auth/attempts.h"
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/id_token.h"
#include "auth/passwords.h"
#include "auth/pkce.h"
#include "auth/text.h"
#include "auth/tokens.h"

/* ---- password ---- */

struct sign_in {
    struct so_auth_call *call;
    struct so_grant grant;
    struct so_str address;      /* as it was given, in lower case */
    struct so_str checked_hash; /* what the password was compared with */
    struct so_str new_hash;     /* costlier than that; {NULL,0}: it is good enough */
};

static int run_failed(void *arg, struct so_conn *conn, struct so_err *err)
{
    const struct sign_in *sign_in = arg;
    return so_auth_audit(sign_in->call, conn, "login_failed", sign_in->grant.user.id, err);
}

/* Written down for known and unknown addresses, so that both cost the same. */
static int refuse(struct sign_in *sign_in, struct so_err *err)
{
    int rc = so_auth_write(sign_in->call, run_failed, sign_in, err);
    return rc == SO_OK ? so_auth_fail(err, SO_AUTH_LOGIN_FAILED) : rc;
}

static int run_sign_in(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct sign_in *sign_in = arg;
    struct so_user *user = &sign_in->grant.user;
    struct so_str id = user->id;
    bool found;
    int rc = so_user_find(conn, SO_USER_BY_ID, id, sign_in->call->arena, user, &found, err);
    if (rc != SO_OK)
        return rc;
    /* The account may have changed while the password was hashed. */
    if (!found || !so_str_eq(user->encrypted_password, sign_in->checked_hash))
        return so_auth_fail(err, SO_AUTH_LOGIN_FAILED);
    if (so_user_is_banned(user, sign_in->call->now))
        return so_auth_fail(err, SO_AUTH_LOGIN_BANNED);
    if (user->email_confirmed_at.p == NULL)
        return so_auth_fail(err, SO_AUTH_LOGIN_UNCONFIRMED);
    if (sign_in->new_hash.p != NULL)
        user->encrypted_password = sign_in->new_hash;
    rc = so_attempt_forgive(sign_in->call, conn, SO_ATTEMPT_PASSWORD, sign_in->address, err);
    return rc == SO_OK ? so_session_begin(sign_in->call, conn, "password", &sign_in->grant, err) : rc;
}

static int take_address(struct so_auth_call *call, struct so_str *out, struct so_err *err)
{
    if (!so_auth_email(call->params.email, call->arena, out))
        *out = call->params.email; /* no account has it, and finding that out takes the same way */
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

/* *out stays zeroed when there is none. */
static int find_by_email(struct so_auth_call *call, struct so_str lower, struct so_user *out, struct so_err *err)
{
    struct so_conn *conn;
    bool found;
    int rc = so_db_reader_take(call->auth->db, &conn, err);
    if (rc != SO_OK)
        return rc;
    rc = so_user_find(conn, SO_USER_BY_EMAIL, lower, call->arena, out, &found, err);
    so_db_reader_give(call->auth->db, conn);
    return rc;
}

/* Nothing before the hash depends on whether the account exists, and nothing but a right password tells about it. */
static int grant_password(struct so_auth_call *call, struct so_err *err)
{
    struct sign_in sign_in = {.call = call};
    struct so_str password = call->params.password.p == NULL ? SO_STR("") : call->params.password;
    struct so_err weakness = SO_ERR_INIT;
    bool matches;
    if (call->params.email.n > 0 && call->params.phone.n > 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION,
                                 "Only an email address or phone number should be provided on login.");
    if (call->params.phone.n > 0)
        return so_auth_fail(err, SO_AUTH_PHONE_LOGIN_DISABLED);
    if (call->params.email.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "missing email or phone");
    int rc = take_address(call, &sign_in.address, err);
    if (rc == SO_OK)
        rc = so_attempt_admit(call, SO_ATTEMPT_PASSWORD, sign_in.address, err);
    if (rc == SO_OK)
        rc = find_by_email(call, sign_in.address, &sign_in.grant.user, err);
    if (rc == SO_OK)
        rc = so_auth_password_matches(call, password, sign_in.grant.user.encrypted_password, &matches, err);
    if (rc == SO_OK && !matches)
        return refuse(&sign_in, err);
    sign_in.checked_hash = sign_in.grant.user.encrypted_password;
    if (rc == SO_OK && so_auth_password_is_outdated(call->auth, sign_in.checked_hash))
        rc = so_auth_password_hash(call, password, &sign_in.new_hash, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run_sign_in, &sign_in, err);
    if (rc != SO_OK)
        return rc;
    bool weak = so_auth_password_check(call->auth, password, &weakness) != SO_OK;
    return so_token_reply(call, &sign_in.grant, weak ? weakness.details : NULL, err);
}

/* ---- refresh token ---- */

struct refresh {
    struct so_auth_call *call;
    struct so_grant grant;
    bool reused;
};

static int run_refresh(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct refresh *refresh = arg;
    return so_session_refresh(refresh->call, conn, refresh->call->params.refresh_token, &refresh->grant, &refresh->reused,
                              err);
}

static int grant_refresh(struct so_auth_call *call, struct so_err *err)
{
    struct refresh refresh = {.call = call};
    if (call->params.refresh_token.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "refresh_token required");
    int rc = so_auth_write(call, run_refresh, &refresh, err);
    if (rc != SO_OK)
        return rc;
    if (refresh.reused)
        return so_auth_fail(err, SO_AUTH_REFRESH_USED);
    return so_token_reply(call, &refresh.grant, NULL, err);
}

/* ---- the endpoint ---- */

static const struct {
    const char *type;
    so_endpoint_handler *handle;
} GRANTS[] = {
    {"password", grant_password},
    {"refresh_token", grant_refresh},
    {"pkce", so_pkce_grant},
    {"id_token", so_id_token_grant},
};

int so_token_grant(struct so_auth_call *call, struct so_err *err)
{
    struct so_str type = so_auth_query(call->in->query, "grant_type", call->arena);
    for (size_t i = 0; type.p != NULL && i < COUNT_OF(GRANTS); i++)
        if (so_str_eq_c(type, GRANTS[i].type))
            return GRANTS[i].handle(call, err);
    return so_auth_fail(err, SO_AUTH_GRANT_UNKNOWN);
}
