/* pkce.h: a sign-in by a link or by another provider that ends in the app that asked for it (RFC 7636): the browser brings
 * an auth code, and only who holds the verifier can exchange that for a session, once. */
#ifndef SO_AUTH_PKCE_H
#define SO_AUTH_PKCE_H

#include "auth/codes.h"

/* Absent texts are {NULL,0}. */
struct so_pkce_flow {
    struct so_str user_id, code_challenge, code_challenge_method;
    const char *method;                                   /* for amr */
    struct so_str provider_token, provider_refresh_token; /* handed out with the session */
};

/* Inside the transaction of the sign-in: a new auth code for its user. */
int so_pkce_begin(struct so_auth_call *call, struct so_conn *conn, const struct so_pkce_flow *flow,
                  struct so_str *out_auth_code, struct so_err *err) SO_MUST_CHECK;
/* POST /token?grant_type=pkce */
int so_pkce_grant(struct so_auth_call *call, struct so_err *err) SO_MUST_CHECK;

#endif
