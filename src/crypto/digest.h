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

/* Equal, in time that depends on the lengths only. */
bool so_equal_secret(struct so_str a, struct so_str b);

#endif
