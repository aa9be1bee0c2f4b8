/* external.c: accounts and the identities that other providers vouch for. */
#include "auth/external.h"

#include "auth/errors.h"
#include "auth/pkce.h"
#include "auth/sql.h"
#include "json/json.h"

static struct so_str provider_name(const struct so_external *external) { return external->provider->settings.name; }

static int attach(struct so_external *external, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    const struct so_profile *profile = &external->profile;
    const struct so_user_identity identity = {
        .provider = provider_name(external),
        .provider_id = profile->subject,
        .email = profile->email,
        .identity_data = profile->data,
    };
    return so_user_attach(external->call, conn, user, &identity, err);
}

/* user_metadata takes over what the provider says.  When the app's own leaves no room it stays as it is. */
static int describe(struct so_external *external, struct so_user *user, struct so_err *err)
{
    struct so_auth_call *call = external->call;
    struct so_json data;
    struct so_err own = SO_ERR_INIT;
    int rc = so_json_parse(call->arena, external->profile.data, NULL, &data, err);
    if (rc != SO_OK)
        return rc;
    rc = so_auth_merge(user->raw_user_meta_data, &data, SO_AUTH_USER_METADATA_MAX, call->arena, &user->raw_user_meta_data,
                       &own);
    return rc == SO_ENOMEM ? so_err_oom(err) : SO_OK;
}

static int needs_verification(struct so_external *external, struct so_err *err)
{
    struct so_str name = provider_name(external);
    return so_auth_fail_with(err, SO_AUTH_PROVIDER_UNVERIFIED,
                             "Unverified email with %.*s. Verify the email with %.*s in order to sign in", SO_STR_ARG(name),
                             SO_STR_ARG(name));
}

static bool has_address(const struct so_external *external)
{
    return external->profile.email.p != NULL && external->profile.email_verified;
}

/* ---- an account that has the address already ---- */

/* Whether the owner of the mailbox has ever proved to be the owner of the account: by a mail's code, or by another provider.
 * email_confirmed_at alone does not say so: with autoconfirm anybody's address counts as confirmed. */
static bool is_proven(struct so_auth_call *call, const struct so_user *user)
{
    for (size_t i = 0; user->email_confirmed_at.p != NULL && i < user->identity_count; i++) {
        const struct so_user_identity *identity = &user->identities[i];
        struct so_json data;
        if (!so_str_eq(identity->email, user->email) ||
            so_json_parse(call->arena, identity->identity_data, NULL, &data, NULL) != SO_OK)
            continue;
        const struct so_json *verified = so_json_get(&data, SO_STR("email_verified"));
        if (verified != NULL && verified->type == SO_JSON_TRUE)
            return true;
    }
    return false;
}

/* Nothing that a stranger may have put there stays: password, sessions, codes, factors, identities, metadata. */
static int empty(struct so_external *external, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    const struct so_str NONE = {NULL, 0};
    struct so_auth_call *call = external->call;
    int rc = so_session_end(call, conn, SO_SESSION_ALL, user->id, NONE, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "DELETE FROM auth_one_time_tokens WHERE user_id = ?1", SO_VALUES(user->id), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "DELETE FROM auth_flow_states WHERE user_id = ?1", SO_VALUES(user->id), NULL, err);
    if (rc == SO_OK) /* a factor of theirs would keep the owner at aal1 for ever */
        rc = so_auth_sql_run(conn, "DELETE FROM auth_mfa_factors WHERE user_id = ?1", SO_VALUES(user->id), NULL, err);
    user->factor_count = 0;
    while (rc == SO_OK && user->identity_count > 0)
        rc = so_user_detach(call, conn, user, user->identity_count - 1, err);
    user->encrypted_password = user->email_change = user->phone = user->phone_change = NONE;
    user->phone_confirmed_at = NONE;
    user->email_change_confirm_status = SO_STR("0");
    user->raw_user_meta_data = SO_STR("{}");
    return rc == SO_OK ? so_auth_audit(call, conn, "user_emptied", user->id, err) : rc;
}

static int join(struct so_external *external, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    int rc = is_proven(external->call, user) ? SO_OK : empty(external, conn, user, err);
    if (rc == SO_OK && user->email_confirmed_at.p == NULL)
        user->email_confirmed_at = external->call->now;
    if (rc == SO_OK)
        rc = attach(external, conn, user, err);
    if (rc == SO_OK)
        rc = describe(external, user, err);
    return rc == SO_OK ? so_auth_audit(external->call, conn, "identity_linked", user->id, err) : rc;
}

/* ---- a new account ---- */

static int add(struct so_external *external, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    struct so_auth_call *call = external->call;
    if (call->auth->settings.signup_disabled)
        return so_auth_fail(err, SO_AUTH_SIGNUP_DISABLED);
    int rc = so_user_make(call, user, err);
    if (rc == SO_OK && has_address(external)) {
        user->email = external->profile.email;
        user->email_confirmed_at = call->now;
    }
    if (rc == SO_OK)
        rc = describe(external, user, err);
    if (rc == SO_OK)
        rc = so_user_insert(conn, user, err);
    if (rc == SO_OK)
        rc = attach(external, conn, user, err);
    return rc == SO_OK ? so_auth_audit(call, conn, "user_signedup", user->id, err) : rc;
}

/* ---- which one ---- */

static int enter(struct so_external *external, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    struct so_arena *arena = external->call->arena;
    bool found = false;
    int rc = so_user_find_by_identity(conn, provider_name(external), external->profile.subject, arena, user, &found, err);
    if (rc == SO_OK && found) {
        rc = attach(external, conn, user, err);
        return rc == SO_OK ? describe(external, user, err) : rc;
    }
    if (rc == SO_OK && !has_address(external))
        return external->provider->settings.email_optional ? add(external, conn, user, err)
                                                           : needs_verification(external, err);
    if (rc == SO_OK)
        rc = so_user_find(conn, SO_USER_BY_EMAIL, external->profile.email, arena, user, &found, err);
    if (rc != SO_OK)
        return rc;
    return found ? join(external, conn, user, err) : add(external, conn, user, err);
}

/* ---- a link that the user asked for ---- */

/* An account without address, an anonymous one for instance, takes the provider's. */
static int take_address(struct so_external *external, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    struct so_user other;
    bool taken;
    if (!has_address(external) && !external->provider->settings.email_optional)
        return needs_verification(external, err);
    if (has_address(external)) {
        int rc = so_user_find(conn, SO_USER_BY_EMAIL, external->profile.email, external->call->arena, &other, &taken, err);
        if (rc != SO_OK)
            return rc;
        if (taken)
            return so_auth_fail(err, SO_AUTH_EMAIL_EXISTS);
        user->email = external->profile.email;
        user->email_confirmed_at = external->call->now;
    }
    user->is_anonymous = SO_STR("0");
    return SO_OK;
}

static int link_to_user(struct so_external *external, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    struct so_arena *arena = external->call->arena;
    struct so_user owner;
    bool found = false, taken = false;
    int rc = so_user_find(conn, SO_USER_BY_ID, external->link_to, arena, user, &found, err);
    if (rc == SO_OK && !found)
        return so_auth_fail(err, SO_AUTH_USER_NOT_FOUND);
    if (rc == SO_OK)
        rc = so_user_find_by_identity(conn, provider_name(external), external->profile.subject, arena, &owner, &taken, err);
    if (rc == SO_OK && taken)
        return so_auth_fail_with(err, SO_AUTH_IDENTITY_EXISTS, "Identity is already linked%s",
                                 so_str_eq(owner.id, user->id) ? "" : " to another user");
    if (rc == SO_OK && user->email.n == 0)
        rc = take_address(external, conn, user, err);
    if (rc == SO_OK)
        rc = attach(external, conn, user, err);
    return rc == SO_OK ? so_auth_audit(external->call, conn, "identity_linked", user->id, err) : rc;
}

int so_external_may_link(const struct so_auth_call *call, struct so_err *err)
{
    const struct so_user *user = &call->user;
    if (!call->auth->settings.manual_linking)
        return so_auth_fail(err, SO_AUTH_LINKING_DISABLED);
    if (so_factors_count_verified(user->factors, user->factor_count) > 0 && !so_str_eq_c(call->session.aal, "aal2"))
        return so_auth_fail_with(err, SO_AUTH_AAL2_TO_UPDATE,
                                 "AAL2 session is required to link or unlink identities when MFA is enabled.");
    return SO_OK;
}

/* ---- the transaction ---- */

static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct so_external *external = arg;
    struct so_auth_call *call = external->call;
    struct so_user *user = &external->grant.user;
    int rc = external->link_to.p != NULL ? link_to_user(external, conn, user, err) : enter(external, conn, user, err);
    if (rc != SO_OK)
        return rc;
    if (user->deleted_at.p != NULL)
        return so_auth_fail(err, SO_AUTH_USER_NOT_FOUND);
    if (so_user_is_banned(user, call->now))
        return so_auth_fail(err, SO_AUTH_USER_BANNED);
    external->grant.provider_token = external->provider_token;
    external->grant.provider_refresh_token = external->provider_refresh_token;
    if (external->code_challenge.p == NULL)
        return so_session_begin(call, conn, "oauth", &external->grant, err);
    const struct so_pkce_flow flow = {
        .user_id = user->id,
        .code_challenge = external->code_challenge,
        .code_challenge_method = external->code_challenge_method,
        .method = "oauth",
        .provider_token = external->provider_token,
        .provider_refresh_token = external->provider_refresh_token,
    };
    rc = so_user_update(call, conn, user, err);
    return rc == SO_OK ? so_pkce_begin(call, conn, &flow, &external->auth_code, err) : rc;
}

int so_external_sign_in(struct so_external *external, struct so_err *err)
{
    return so_auth_write(external->call, run, external, err);
}
