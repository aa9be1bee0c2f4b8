/* exchange.h: the authorization code that came back from a provider becomes a profile (RFC 6749 section 4.1.3).
 * Blocks: never on an event loop. */
#ifndef SO_AUTH_EXCHANGE_H
#define SO_AUTH_EXCHANGE_H

#include "auth/auth_int.h"
#include "auth/profile.h"
#include "auth/providers.h"

struct so_exchange {
    struct so_provider *provider;
    struct so_str code, verifier; /* of PKCE, RFC 7636 */
    struct so_str nonce;          /* what an ID token must hold */

    /* results, in the call's arena */
    struct so_profile profile;
    struct so_str access_token, refresh_token; /* refresh_token: {NULL,0} when there is none */
};
/* err says what was wrong in words for the log; it holds no secret. */
int so_exchange_code(struct so_auth_call *call, struct so_exchange *exchange, struct so_err *err) SO_MUST_CHECK;

/* Where the provider sends the browser to ask the person, up to the "?"; and where it sends it back. */
int so_exchange_endpoint(struct so_auth_call *call, struct so_provider *provider, struct so_str *out,
                         struct so_err *err) SO_MUST_CHECK;
struct so_str so_exchange_redirect_uri(struct so_auth_call *call); /* p == NULL: memory ran out */

#endif
