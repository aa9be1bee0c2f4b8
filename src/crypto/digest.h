/* digest.h: hashes and HMAC (FIPS 180-4, RFC 2104) on OpenSSL, constant-time comparison.   Threads: any. */
#ifndef SO_CRYPTO_DIGEST_H
#define SO_CRYPTO_DIGEST_H

#include "core/base.h"
#include "core/str.h"

enum so_digest { SO_SHA1, SO_SHA256, SO_SHA384, SO_SHA512 };
enum { SO_DIGEST_MAX = 64 };

size_t so_digest_size(enum so_digest kind); /* bytes */
/* Writes so_digest_size(kind) bytes.  False when OpenSSL failed (memory). */
bool so_digest(enum so_digest kind, struct so_str data, uint8_t out[SO_DIGEST_MAX]) SO_MUST_CHECK;
bool so_hmac(enum so_digest kind, struct so_str key, struct so_str data, uint8_t out[SO_DIGEST_MAX]) SO_MUST_CHECK;

/* An HMAC key made ready once: each use then costs the hashing and little more.  Never changes; threads may share it. */
struct so_hmac_key;
struct so_hmac_key *so_hmac_key_new(enum so_digest kind, struct so_str key); /* NULL when memory ran out; copies the key */
void so_hmac_key_free(struct so_hmac_key *key);                              /* NULL is fine; the copy is zeroed */
bool so_hmac_with(const struct so_hmac_key *key, struct so_str data, uint8_t out[SO_DIGEST_MAX]) SO_MUST_CHECK;

/* Equal, in time that depends on the lengths only. */
bool so_equal_secret(struct so_str a, struct so_str b);

#endif
