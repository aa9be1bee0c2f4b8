/* endpoints.c: the table of endpoints.  A new one is a row here and a handler. */
#include "auth/endpoints.h"

/* The table's short words. */
#define OPEN   SO_ACCESS_OPEN
#define KEY    SO_ACCESS_KEY
#define USER   SO_ACCESS_USER
#define ADMIN  SO_ACCESS_ADMIN
#define NONE   SO_BODY_NONE
#define MAY    SO_BODY_OPTIONAL
#define NEED   SO_BODY_NEEDED
#define FREE   SO_AUTH_LIMIT_NONE
#define SIGNUP SO_AUTH_LIMIT_SIGNUP
#define TOKEN  SO_AUTH_LIMIT_TOKEN
#define OTP    SO_AUTH_LIMIT_OTP
#define VERIFY SO_AUTH_LIMIT_VERIFY
#define FACTOR SO_AUTH_LIMIT_FACTOR

/* clang-format off */
static const struct so_endpoint ENDPOINTS[] = {
    /* method  path                                 handler                  who    body  limit   quick */
    {"GET",   "/health",                           so_public_health,        KEY,   NONE, FREE,   true,  "name and version"},
    {"GET",   "/settings",                         so_public_settings,      KEY,   NONE, FREE,   true,  "ways to sign in"},
    {"GET",   "/.well-known/jwks.json",            so_public_jwks,          OPEN,  NONE, FREE,   true,  "public keys"},
    {"GET",   "/.well-known/openid-configuration", so_public_configuration, OPEN,  NONE, FREE,   true,  "addresses"},

    {"POST",  "/signup",                           so_signup,               KEY,   NEED, SIGNUP, false, "new account"},
    {"POST",  "/token",                            so_token_grant,          KEY,   NEED, TOKEN,  false, "a session"},
    {"POST",  "/logout",                           so_logout,               USER,  NONE, FREE,   false, "ends sessions"},
    {"POST",  "/otp",                              so_otp,                  KEY,   NEED, OTP,    false, "mails a code"},
    {"POST",  "/magiclink",                        so_otp,                  KEY,   NEED, OTP,    false, "the older form"},
    {"POST",  "/recover",                          so_recover,              KEY,   NEED, OTP,    false, "lost password"},
    {"POST",  "/resend",                           so_resend,               KEY,   NEED, OTP,    false, "mails it again"},
    {"GET",   "/verify",                           so_verify_page,          OPEN,  NONE, FREE,   true,  "page of a link"},
    {"POST",  "/verify",                           so_verify_post,          OPEN,  MAY,  VERIFY, false, "code to session"},
    {"GET",   "/reauthenticate",                   so_reauthenticate,       USER,  NONE, OTP,    false, "mails a nonce"},
    {"GET",   "/user",                             so_me_get,               USER,  NONE, FREE,   false, "the account"},
    {"PUT",   "/user",                             so_me_put,               USER,  NEED, FREE,   false, "changes to it"},
    {"GET",   "/user/sessions",                    so_sessions_list,        USER,  NONE, FREE,   false, "where one is signed in"},
    {"DELETE", "/user/sessions/{id}",              so_session_end_one,      USER,  NONE, FREE,   false, "ends one session"},

    /* The rows with a name come before those with {id}. */
    {"POST",  "/factors",                          so_factor_enroll,        USER,  NEED, FREE,   false, "new second factor"},
    {"GET",   "/factors/recovery-codes",           so_recovery_status,      USER,  NONE, FREE,   false, "how many are left"},
    {"POST",  "/factors/recovery-codes",           so_recovery_generate,    USER,  MAY,  FREE,   false, "new recovery codes"},
    {"DELETE", "/factors/recovery-codes",          so_recovery_remove,      USER,  NONE, FREE,   false, "takes them away"},
    {"POST",  "/factors/recovery-codes/verify",    so_recovery_verify,      USER,  NEED, FACTOR, false, "a code for aal2"},
    {"POST",  "/factors/recovery-codes/regenerate", so_recovery_regenerate, USER,  MAY,  FREE,   false, "others instead"},
    {"POST",  "/factors/{id}/challenge",           so_factor_challenge,     USER,  MAY,  FACTOR, false, "asks for a code"},
    {"POST",  "/factors/{id}/verify",              so_factor_verify,        USER,  NEED, FACTOR, false, "a code for aal2"},
    {"DELETE", "/factors/{id}",                    so_factor_unenroll,      USER,  NONE, FREE,   false, "takes it away"},

    {"GET",   "/authorize",                        so_oauth_authorize,      OPEN,  NONE, TOKEN,  false, "to a provider"},
    {"GET",   "/callback",                         so_oauth_callback,       OPEN,  NONE, TOKEN,  false, "and back"},
    {"POST",  "/callback",                         so_oauth_callback,       OPEN,  NONE, TOKEN,  false, "back by a form"},
    {"GET",   "/user/identities/authorize",        so_oauth_link,           USER,  NONE, TOKEN,  false, "links a provider"},
    {"DELETE", "/user/identities/{id}",            so_identity_delete,      USER,  NONE, FREE,   false, "unlinks one"},

    {"POST",  "/invite",                           so_invite,               ADMIN, NEED, FREE,   false, "mails a new user"},
    {"POST",  "/admin/generate_link",              so_generate_link,        ADMIN, NEED, FREE,   false, "link without mail"},
    {"GET",   "/admin/users",                      so_admin_list,           ADMIN, NONE, FREE,   false, "accounts in pages"},
    {"POST",  "/admin/users",                      so_admin_create,         ADMIN, NEED, FREE,   false, "new account"},
    {"GET",   "/admin/users/{id}",                 so_admin_get,            ADMIN, NONE, FREE,   false, "one account"},
    {"PUT",   "/admin/users/{id}",                 so_admin_update,         ADMIN, NEED, FREE,   false, "changes, bans it"},
    {"DELETE", "/admin/users/{id}",                so_admin_delete,         ADMIN, MAY,  FREE,   false, "deletes it"},
    {"GET",   "/admin/users/{id}/factors",         so_admin_factors,        ADMIN, NONE, FREE,   false, "its second factors"},
    {"PUT",   "/admin/users/{id}/factors/{id}",    so_admin_factor_update,  ADMIN, NEED, FREE,   false, "names one"},
    {"DELETE", "/admin/users/{id}/factors/{id}",   so_admin_factor_delete,  ADMIN, NONE, FREE,   false, "takes one away"},
    {"GET",   "/admin/users/{id}/sessions",        so_admin_sessions,       ADMIN, NONE, FREE,   false, "where it is signed in"},
    {"DELETE", "/admin/users/{id}/sessions/{id}",  so_admin_session_end,    ADMIN, NONE, FREE,   false, "ends one session"},
    {"GET",   "/admin/audit",                      so_admin_audit,          ADMIN, NONE, FREE,   false, "what happened"},
};
/* clang-format on */

const struct so_endpoint *so_endpoint_at(size_t index) { return index < COUNT_OF(ENDPOINTS) ? &ENDPOINTS[index] : NULL; }

static bool path_matches(const char *pattern, struct so_str path, struct so_endpoint_ids *out)
{
    struct so_str want = so_str_c(pattern), want_part, part;
    struct so_endpoint_ids ids = {0};
    while (so_str_split(&want, '/', &want_part)) {
        if (!so_str_split(&path, '/', &part))
            return false;
        if (so_str_eq_c(want_part, "{id}") && part.n > 0)
            *(ids.first.p == NULL ? &ids.first : &ids.second) = part;
        else if (!so_str_eq(want_part, part))
            return false;
    }
    if (path.p != NULL)
        return false;
    *out = ids;
    return true;
}

const struct so_endpoint *so_endpoint_find(struct so_str method, struct so_str path, struct so_endpoint_ids *out_ids)
{
    struct so_endpoint_ids ids;
    /* HEAD is GET; whoever sends the answer leaves the body out (RFC 9110 section 9.3.2). */
    if (so_str_eq_c(method, "HEAD"))
        method = SO_STR("GET");
    for (size_t i = 0; i < COUNT_OF(ENDPOINTS); i++) {
        if (!so_str_eq_c(method, ENDPOINTS[i].method) || !path_matches(ENDPOINTS[i].path, path, &ids))
            continue;
        if (out_ids != NULL)
            *out_ids = ids;
        return &ENDPOINTS[i];
    }
    return NULL;
}

struct so_str so_endpoint_methods(struct so_str path, struct so_arena *arena)
{
    struct so_str list = SO_STR("");
    struct so_endpoint_ids ids;
    for (size_t i = 0; i < COUNT_OF(ENDPOINTS) && list.p != NULL; i++)
        if (path_matches(ENDPOINTS[i].path, path, &ids))
            list = so_arena_printf(arena, "%.*s%s%s", SO_STR_ARG(list), list.n == 0 ? "" : ", ", ENDPOINTS[i].method);
    return list;
}
