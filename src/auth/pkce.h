/* pkce.h: a sign-in by a link that ends in the app that asked for it (RFC 7636): the link gives an auth code, and only who
 * holds the verifier can exchange that for a session, once. */
#ifndef SO_AUTH_PKCE_H
#define SO_AUTH_PKCE_H

#include "auth/codes.h"

/* Inside the transaction that spends `code`: a new auth code for its user. */
int so_pkce_begin(struct so_auth_call *call, struct so_conn *conn, const struct so_code_found *code, const char *method,
                  struct so_str *out_auth_code, struct so_err *err) SO_MUST_CHECK;
/* POST /token?grant_type=pkce */
int so_pkce_grant(struct so_auth_call *call, struct so_err *err) SO_MUST_CHECK;

#endif
