/* seal.h: a text that only the holder of a master key can read or change: AES-256-GCM (NIST SP 800-38D) under a key derived
 * from the master key by HKDF-SHA256 (RFC 5869).
 *
 *   sealed = salt (16 bytes) | nonce (12) | ciphertext | tag (16)
 *
 * Each sealing draws a new salt and so has a key of its own: nonces cannot repeat under one key.   Threads: any. */
#ifndef SO_CRYPTO_SEAL_H
#define SO_CRYPTO_SEAL_H

#include "core/buf.h"
#include "core/err.h"

enum { SO_SEAL_EXTRA = 16 + 12 + 16 }; /* bytes that a sealed text is longer than the plain one */

/* Appends the sealed form of `plain`.  `purpose` is bound into it: what was sealed for one opens for no other.
 * `master` must be hard to guess: HKDF is no password hash. */
int so_seal(struct so_str master, struct so_str purpose, struct so_str plain, struct so_buf *out,
            struct so_err *err) SO_MUST_CHECK;
/* Appends the plain text.  SO_EAUTH when the master key or the purpose is another, or a byte was changed. */
int so_unseal(struct so_str master, struct so_str purpose, struct so_str sealed, struct so_buf *out,
              struct so_err *err) SO_MUST_CHECK;

#endif
