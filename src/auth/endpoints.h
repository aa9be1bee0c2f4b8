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
    const char *path; /* after /auth/v1; {id} stands for one segment, an uuid; at most twice */
    so_endpoint_handler *handle;
    enum so_auth_access access;
    enum so_endpoint_body body;
    enum so_auth_limit limit;
    bool quick; /* neither blocks nor hashes */
    const char *summary;
};

/* All of them, for documentation and tests. */
const struct so_endpoint *so_endpoint_at(size_t index); /* NULL after the last */

/* What stands for {id}, as it came; {NULL,0} when there is none. */
struct so_endpoint_ids {
    struct so_str first, second;
};
/* The first row for method and path, or NULL.  out_ids may be NULL. */
const struct so_endpoint *so_endpoint_find(struct so_str method, struct so_str path, struct so_endpoint_ids *out_ids);
/* "GET, PUT": what the path takes; "" when there is no such path, p == NULL when memory ran out. */
struct so_str so_endpoint_methods(struct so_str path, struct so_arena *arena);

so_endpoint_handler so_public_health, so_public_settings, so_public_jwks, so_public_configuration;
so_endpoint_handler so_signup, so_token_grant, so_logout, so_me_get, so_me_put;
so_endpoint_handler so_otp, so_recover, so_resend, so_reauthenticate, so_verify_page, so_verify_post;
so_endpoint_handler so_oauth_authorize, so_oauth_callback, so_oauth_link, so_identity_delete;
so_endpoint_handler so_sessions_list, so_session_end_one, so_admin_sessions, so_admin_session_end, so_admin_audit;
so_endpoint_handler so_factor_enroll, so_factor_challenge, so_factor_verify, so_factor_unenroll;
so_endpoint_handler so_recovery_status, so_recovery_generate, so_recovery_verify, so_recovery_regenerate, so_recovery_remove;
so_endpoint_handler so_admin_factors, so_admin_factor_update, so_admin_factor_delete;
so_endpoint_handler so_invite, so_generate_link;
so_endpoint_handler so_admin_list, so_admin_create, so_admin_get, so_admin_update, so_admin_delete;

#endif
