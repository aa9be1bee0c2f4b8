/* id_token.h: ID tokens (OpenID Connect Core sections 2 and 3.1.3.7): what one must say before anybody is let in by it.
 * Blocks when keys must be fetched: never on an event loop. */
#ifndef SO_AUTH_ID_TOKEN_H
#define SO_AUTH_ID_TOKEN_H

#include "auth/auth_int.h"
#include "auth/providers.h"

/* How far the provider's clock may be from ours. */
enum { SO_ID_TOKEN_LEEWAY_S = 60 };

struct so_id_token {
    struct so_provider *provider;
    struct so_str token;
    struct so_str jwks;         /* where the provider's keys are */
    struct so_str nonce;        /* what the claim must be; {NULL,0}: the token must have none */
    struct so_str access_token; /* must fit "at_hash" where the token has it; {NULL,0}: there is none */
};
/* Signature by the provider's keys, iss to the letter, aud, azp, exp, nonce, at_hash.  *out is in the call's arena. */
int so_id_token_verify(struct so_auth_call *call, const struct so_id_token *what, struct so_json *out,
                       struct so_err *err) SO_MUST_CHECK;

/* POST /token?grant_type=id_token */
int so_id_token_grant(struct so_auth_call *call, struct so_err *err) SO_MUST_CHECK;

#endif
