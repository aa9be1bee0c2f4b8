/* jwk_int.h: the inside of a key, for the files of jose/ that make, print and use one. */
#ifndef SO_JOSE_JWK_INT_H
#define SO_JOSE_JWK_INT_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "crypto/digest.h"
#include "jose/alg.h"
#include "jose/jwk.h"

enum {
    SO_RSA_SIZE_MIN = 256,  /* bytes of the modulus: 2048 bits (RFC 7518 section 3.3) */
    SO_RSA_SIZE_MAX = 1024, /* a larger one only makes verifying slow */
    SO_SECRET_MAX = 1024,   /* bytes of an HMAC key */
    SO_KID_MAX = 256        /* bytes */
};

struct so_jwk {
    atomic_uint refs;
    enum so_jws_alg alg;
    bool alg_is_implied; /* the JWK named none: a caller, but never a token, may use another of the same key type */
    bool may_sign, may_verify;
    struct so_str kid;    /* owned; empty when there is none */
    struct so_str header; /* owned: base64url of the header of every token it signs */

    /* One of these two: */
    EVP_PKEY *pkey;
    struct so_str secret; /* owned, zeroed before it is freed */

    /* Made ready once and only ever duplicated, so that a token costs no look-ups by name. */
    EVP_MD_CTX *verifier, *signer; /* of pkey; signer is NULL without the private part */
    struct so_hmac_key *mac;       /* of secret */
};

/* What a key may be used for, as "use", "key_ops" and the presence of a private part say. */
struct so_jwk_traits {
    enum so_jws_alg alg;
    bool alg_is_implied;
    bool may_sign, may_verify;
    struct so_str kid;
};

/* Makes a key of `pkey`, which it takes in any case.  A key that may sign proves that its halves belong together by signing.
 */
int so_jwk_from_pkey(EVP_PKEY *pkey, const struct so_jwk_traits *traits, struct so_jwk **out,
                     struct so_err *err) SO_MUST_CHECK;
/* The same of an HMAC secret, which is copied. */
int so_jwk_from_bytes(struct so_str secret, const struct so_jwk_traits *traits, struct so_jwk **out,
                      struct so_err *err) SO_MUST_CHECK;
/* Like so_jwk_parse(), but SO_ENOTFOUND for a key that is well but not for us: of another type, curve, algorithm or use. */
int so_jwk_read(const struct so_json *jwk, enum so_jws_alg alg, struct so_jwk **out, struct so_err *err) SO_MUST_CHECK;

/* A context of OpenSSL's set up for this key and algorithm (signature.c); NULL when memory ran out.  The caller frees it. */
EVP_MD_CTX *so_signature_context(EVP_PKEY *pkey, enum so_jws_alg alg, bool to_sign);

/* What each key type calls its parts, in JWK and in OpenSSL. */
struct so_jwk_part {
    const char *name;  /* the JWK member */
    const char *param; /* OpenSSL's parameter */
    bool is_private;
};
enum { SO_JWK_PARTS_MAX = 8 };
/* The parts of an asymmetric key type, public ones first, ended by a NULL name; NULL when it is none of ours. */
const struct so_jwk_part *so_jwk_parts(struct so_str kty);

#endif
