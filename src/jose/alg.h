/* alg.h: what the algorithms of RFC 7518 section 3.1, RFC 8037 and RFC 9864 are made of. */
#ifndef SO_JOSE_ALG_H
#define SO_JOSE_ALG_H

#include "crypto/digest.h"
#include "jose/jwk.h"

enum so_jws_kind { SO_JWS_HMAC, SO_JWS_RSA, SO_JWS_PSS, SO_JWS_EC, SO_JWS_ED };

struct so_jws_info {
    const char *name;
    enum so_jws_kind kind;
    enum so_digest digest;
    const char *kty;   /* of its keys */
    const char *curve; /* "crv" of its keys, or NULL; OpenSSL knows the curves by the same names */
    size_t coordinate; /* bytes of a curve coordinate: half a signature */
};

const struct so_jws_info *so_jws_info(enum so_jws_alg alg); /* never NULL; SO_ALG_NONE has empty texts */

/* Whether a token that says `named` may be signed with a key for `keys`: they are the same, or EdDSA and one of its curves
 * (RFC 9864 section 2.2).  The names that RFC 9864 has for COSE only, ESP256 and its like, are unknown here. */
bool so_jws_covers(enum so_jws_alg named, enum so_jws_alg keys);

#endif
