/* signature.h: bytes in, signature out; and back.  JOSE's forms: an ECDSA signature is r and s side by side, each as long
 * as the curve's order (RFC 7518 section 3.4), never DER.   Threads: any. */
#ifndef SO_JOSE_SIGNATURE_H
#define SO_JOSE_SIGNATURE_H

#include "jose/jwk.h"

enum { SO_SIGNATURE_MAX = 1024 }; /* bytes: RSA with 8192 bits */

/* Whether this key may be used with `alg`: its own one, or, when the JWK named none and the caller (`is_callers`) asks for
 * it, another of the same key type. */
bool so_signature_fits(const struct so_jwk *key, enum so_jws_alg alg, bool is_callers);
/* Exact length in bytes. */
size_t so_signature_size(const struct so_jwk *key, enum so_jws_alg alg);

/* `alg` must fit the key.  SO_OK; SO_EAUTH for any signature but the right one; SO_ENOMEM. */
int so_signature_verify(const struct so_jwk *key, enum so_jws_alg alg, struct so_str data, struct so_str signature,
                        struct so_err *err) SO_MUST_CHECK;
/* SO_EINVAL when the key cannot sign. */
int so_signature_make(const struct so_jwk *key, struct so_str data, uint8_t out[SO_SIGNATURE_MAX], size_t *out_len,
                      struct so_err *err) SO_MUST_CHECK;

#endif
