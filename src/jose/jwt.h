/* jwt.h: JWS compact serialisation and JWT claims (RFC 7515, 7519) with the advice of RFC 8725.
 * Refused before any cryptography: more than SO_JWT_MAX bytes, other than three parts, base64url that is not canonical,
 * duplicate members, "alg":"none", an alg that is not the key's, "crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc".
 * Threads: any. */
#ifndef SO_JOSE_JWT_H
#define SO_JOSE_JWT_H

#include "jose/jwk.h"

enum { SO_JWT_MAX = 16 * 1024 }; /* bytes of a token */

struct so_jwt_checks {
    int64_t now;         /* seconds since 1970 */
    int64_t leeway;      /* seconds of clock skew allowed */
    struct so_str aud;   /* {NULL,0}: not checked; else one of the token's audiences must be it */
    struct so_str iss;   /* {NULL,0}: not checked */
    enum so_jws_alg alg; /* SO_ALG_NONE: what the key says */
};

/* Verifies signature, then times, audience, issuer.  On success *out_claims is the payload (an object) in `arena`, and
 * *out_key (if not NULL) the key that verified, borrowed from `keys`.
 * SO_EAUTH bad signature or no key fits; SO_EINVAL malformed; SO_EEXPIRED; SO_EEARLY; SO_EDENIED wrong aud or iss;
 * SO_ELIMIT; SO_ENOMEM.  err->message names the reason in words a developer understands. */
int so_jwt_verify(const struct so_jwks *keys, struct so_str token, const struct so_jwt_checks *checks,
                  struct so_arena *arena, struct so_json *out_claims, const struct so_jwk **out_key,
                  struct so_err *err) SO_MUST_CHECK;

/* Signs `payload` (JSON text of the claims) into `out` as header.payload.signature with typ JWT and the key's kid. */
int so_jwt_sign(const struct so_jwk *key, struct so_str payload, struct so_buf *out, struct so_err *err) SO_MUST_CHECK;

/* When a token is good: from nbf, included, until exp, excluded, in whole seconds since 1970. */
struct so_jwt_times {
    int64_t nbf, exp; /* INT64_MIN and INT64_MAX when the token does not say */
};
/* SO_EINVAL for "exp", "nbf" or "iat" that is no number, negative, or beyond the year 9999. */
int so_jwt_times_read(const struct so_json *claims, struct so_jwt_times *out, struct so_err *err) SO_MUST_CHECK;
/* SO_EEXPIRED, SO_EEARLY or SO_OK.  A leeway below 0 is none, and one above a day is a day. */
int so_jwt_times_check(const struct so_jwt_times *times, int64_t now, int64_t leeway, struct so_err *err) SO_MUST_CHECK;

/* Splits and decodes without verifying anything: for `socle jwt decode`. */
int so_jwt_decode(struct so_str token, struct so_arena *arena, struct so_json *out_header, struct so_json *out_payload,
                  struct so_err *err) SO_MUST_CHECK;

#endif
