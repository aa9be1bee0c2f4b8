/* endpoints.h: the table of endpoints, and the handlers in it. */
#ifndef SO_AUTH_ENDPOINTS_H
#define SO_AUTH_ENDPOINTS_H

#include "auth/auth_int.h"
#include "auth/identify.h"
#include "auth/limits.h"

/* Answers, or returns an error that so_reply_error() then answers. */
typedef int so_endpoint_handler(struct so_auth_call *call, struct so_err *err);

enum so_endpoint_body { SO_BODY_NONE, SO_BODY_OPTIONAL, SO_BODY_NEEDED };

struct so_endpoint {
    const char *method;
    const char *path; /* after /auth/v1; {id} stands for one segment, an uuid */
    so_endpoint_handler *handle;
    enum so_auth_access access;
    enum so_endpoint_body body;
    enum so_auth_limit limit;
    bool quick; /* neither blocks nor hashes */
    const char *summary;
};

/* All of them, for documentation and tests. */
const struct so_endpoint *so_endpoint_at(size_t index); /* NULL after the last */

/* The row for method and path, or NULL.  out_id (may be NULL): what stands for {id}, as it came. */
const struct so_endpoint *so_endpoint_find(struct so_str method, struct so_str path, struct so_str *out_id);
/* "GET, PUT": what the path takes; "" when there is no such path, p == NULL when memory ran out. */
struct so_str so_endpoint_methods(struct so_str path, struct so_arena *arena);

so_endpoint_handler so_public_health, so_public_settings, so_public_jwks, so_public_configuration;
so_endpoint_handler so_signup, so_token_grant, so_logout, so_me_get, so_me_put;
so_endpoint_handler so_otp, so_recover, so_resend, so_reauthenticate, so_verify_page, so_verify_post;
so_endpoint_handler so_oauth_authorize, so_oauth_callback, so_oauth_link, so_identity_delete;
so_endpoint_handler so_invite, so_generate_link;
so_endpoint_handler so_admin_list, so_admin_create, so_admin_get, so_admin_update, so_admin_delete;

#endif
