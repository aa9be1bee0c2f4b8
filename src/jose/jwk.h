/* jwk.h: JSON Web Keys and key sets (RFC 7517, 7518, 8037, 9864; thumbprints RFC 7638).
 * A key is bound to one algorithm: its "alg", or what its type and curve imply.  The token's header never chooses.
 * Owns: a key owns its OpenSSL handle.   Threads: a key never changes after it was made; so_jwk_ref() and unref() are
 * atomic. */
#ifndef SO_JOSE_JWK_H
#define SO_JOSE_JWK_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "json/json.h"

enum so_jws_alg {
    SO_ALG_NONE, /* no algorithm: a key that cannot sign */
    SO_ALG_HS256,
    SO_ALG_HS384,
    SO_ALG_HS512,
    SO_ALG_RS256,
    SO_ALG_RS384,
    SO_ALG_RS512,
    SO_ALG_PS256,
    SO_ALG_PS384,
    SO_ALG_PS512,
    SO_ALG_ES256,
    SO_ALG_ES384,
    SO_ALG_ES512,
    SO_ALG_EDDSA,   /* RFC 8037: the key says which curve */
    SO_ALG_ED25519, /* RFC 9864: the name does */
    SO_ALG_ED448,
    SO_ALG_COUNT
};
const char *so_jws_alg_name(enum so_jws_alg alg);    /* "ES256" */
enum so_jws_alg so_jws_alg_find(struct so_str name); /* SO_ALG_NONE when unknown; "none" is unknown */

struct so_jwk; /* opaque, reference counted */

/* From one JWK.  `alg` (SO_ALG_NONE to leave it to the key) must agree with the key's type and its own "alg".
 * An RSA key without "alg" and without `alg` means RS256; EC keys mean the algorithm of their curve; oct keys mean HS256.
 * SO_EINVAL says which member is wrong.  HMAC keys shorter than the hash (RFC 7518 section 3.2), RSA below 2048 bits, "use"
 * other than "sig", and points off the curve are refused. */
int so_jwk_parse(const struct so_json *jwk, enum so_jws_alg alg, struct so_jwk **out, struct so_err *err) SO_MUST_CHECK;
/* A raw HMAC secret; at least 32 bytes. */
int so_jwk_from_secret(struct so_str secret, enum so_jws_alg alg, struct so_jwk **out, struct so_err *err) SO_MUST_CHECK;
/* A new key pair (or HMAC secret) with its thumbprint as kid. */
int so_jwk_generate(enum so_jws_alg alg, struct so_jwk **out, struct so_err *err) SO_MUST_CHECK;
struct so_jwk *so_jwk_ref(struct so_jwk *key);
void so_jwk_unref(struct so_jwk *key); /* NULL is fine */

enum so_jws_alg so_jwk_alg(const struct so_jwk *key);
struct so_str so_jwk_kid(const struct so_jwk *key); /* may be empty */
bool so_jwk_is_private(const struct so_jwk *key);   /* can sign */
/* Writes the JWK; private members only when asked for.  The public form of an HMAC key is refused (SO_EINVAL). */
int so_jwk_put(const struct so_jwk *key, bool with_private, struct so_buf *out, struct so_err *err) SO_MUST_CHECK;
/* base64url of the SHA-256 thumbprint. */
int so_jwk_thumbprint(const struct so_jwk *key, struct so_buf *out, struct so_err *err) SO_MUST_CHECK;

/* A set: a plain array the caller owns. */
enum { SO_JWKS_MAX = 64 };
struct so_jwks {
    struct so_jwk *keys[SO_JWKS_MAX];
    size_t count;
};
/* From a JWKS or a single JWK.  Keys of unknown type or use are skipped, as RFC 7517 section 5 asks; malformed ones fail. */
int so_jwks_parse(const struct so_json *doc, struct so_jwks *out, struct so_err *err) SO_MUST_CHECK;
void so_jwks_clear(struct so_jwks *set); /* unrefs all */

#endif
