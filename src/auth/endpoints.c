/* endpoints.c: the table of endpoints.  A new one is a row here and a handler. */
#include "auth/endpoints.h"

static const struct so_endpoint ENDPOINTS[] = {
    {"GET", "/health", so_public_health, SO_ACCESS_KEY, SO_BODY_NONE, SO_AUTH_LIMIT_NONE, true, "name and version"},
    {"GET", "/settings", so_public_settings, SO_ACCESS_KEY, SO_BODY_NONE, SO_AUTH_LIMIT_NONE, true,
     "which ways to sign in are on"},
    {"GET", "/.well-known/jwks.json", so_public_jwks, SO_ACCESS_OPEN, SO_BODY_NONE, SO_AUTH_LIMIT_NONE, true,
     "the public keys that verify access tokens"},
    {"GET", "/.well-known/openid-configuration", so_public_configuration, SO_ACCESS_OPEN, SO_BODY_NONE, SO_AUTH_LIMIT_NONE,
     true, "where the endpoints are"},

    {"POST", "/signup", so_signup, SO_ACCESS_KEY, SO_BODY_NEEDED, SO_AUTH_LIMIT_SIGNUP, false,
     "a new account, or an anonymous one, and its first session"},
    {"POST", "/token", so_token_grant, SO_ACCESS_KEY, SO_BODY_NEEDED, SO_AUTH_LIMIT_TOKEN, false,
     "a session for a password or a refresh token"},
    {"POST", "/logout", so_logout, SO_ACCESS_USER, SO_BODY_NONE, SO_AUTH_LIMIT_NONE, false,
     "ends this session, the others, or all"},
    {"GET", "/user", so_me_get, SO_ACCESS_USER, SO_BODY_NONE, SO_AUTH_LIMIT_NONE, false, "the account of the token"},
    {"PUT", "/user", so_me_put, SO_ACCESS_USER, SO_BODY_NEEDED, SO_AUTH_LIMIT_NONE, false,
     "changes address, password or metadata"},

    {"GET", "/admin/users", so_admin_list, SO_ACCESS_ADMIN, SO_BODY_NONE, SO_AUTH_LIMIT_NONE, false, "a page of accounts"},
    {"POST", "/admin/users", so_admin_create, SO_ACCESS_ADMIN, SO_BODY_NEEDED, SO_AUTH_LIMIT_NONE, false, "a new account"},
    {"GET", "/admin/users/{id}", so_admin_get, SO_ACCESS_ADMIN, SO_BODY_NONE, SO_AUTH_LIMIT_NONE, false, "one account"},
    {"PUT", "/admin/users/{id}", so_admin_update, SO_ACCESS_ADMIN, SO_BODY_NEEDED, SO_AUTH_LIMIT_NONE, false,
     "changes or bans an account"},
    {"DELETE", "/admin/users/{id}", so_admin_delete, SO_ACCESS_ADMIN, SO_BODY_OPTIONAL, SO_AUTH_LIMIT_NONE, false,
     "deletes an account and ends its sessions"},
};

const struct so_endpoint *so_endpoint_at(size_t index) { return index < COUNT_OF(ENDPOINTS) ? &ENDPOINTS[index] : NULL; }

static bool path_matches(const char *pattern, struct so_str path, struct so_str *out_id)
{
    struct so_str want = so_str_c(pattern), want_part, part;
    struct so_str id = {NULL, 0};
    while (so_str_split(&want, '/', &want_part)) {
        if (!so_str_split(&path, '/', &part))
            return false;
        if (so_str_eq_c(want_part, "{id}") && part.n > 0)
            id = part;
        else if (!so_str_eq(want_part, part))
            return false;
    }
    if (path.p != NULL)
        return false;
    *out_id = id;
    return true;
}

const struct so_endpoint *so_endpoint_find(struct so_str method, struct so_str path, struct so_str *out_id,
                                           bool *out_path_known)
{
    struct so_str id;
    /* HEAD is GET; whoever sends the answer leaves the body out (RFC 9110 section 9.3.2). */
    const char *head = so_str_eq_c(method, "HEAD") ? "GET" : NULL;
    *out_path_known = false;
    for (size_t i = 0; i < COUNT_OF(ENDPOINTS); i++) {
        if (!path_matches(ENDPOINTS[i].path, path, &id))
            continue;
        *out_path_known = true;
        if (!so_str_eq_c(head == NULL ? method : so_str_c(head), ENDPOINTS[i].method))
            continue;
        if (out_id != NULL)
            *out_id = id;
        return &ENDPOINTS[i];
    }
    return NULL;
}
