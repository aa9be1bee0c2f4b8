/* jws.h: JWS compact serialisation (RFC 7515 section 3.1) over bytes of any kind; jwt.h adds what the bytes must say.
 * Threads: any. */
#ifndef SO_JOSE_JWS_H
#define SO_JOSE_JWS_H

#include "jose/jwk.h"

/* Verifies and gives the payload, in `arena`.  alg: SO_ALG_NONE to leave it to the keys, else the only one accepted.
 * *out_key (if not NULL) is borrowed from `keys`.  Errors as so_jwt_verify(). */
int so_jws_verify(const struct so_jwks *keys, struct so_str token, enum so_jws_alg alg, struct so_arena *arena,
                  struct so_str *out_payload, const struct so_jwk **out_key, struct so_err *err) SO_MUST_CHECK;

/* Splits and decodes: nothing is verified, and the header is any JSON object. */
int so_jws_decode(struct so_str token, struct so_arena *arena, struct so_json *out_header, struct so_str *out_payload,
                  struct so_err *err) SO_MUST_CHECK;

#endif
