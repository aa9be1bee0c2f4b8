/* keys.h: the keys that sign and verify access tokens: our own ES256 key from its file, and the shared secret if there is
 * one. Owns: the keys.   Threads: any, once opened; the ring does not change while the program runs, and when it will
 * (rotation), its version will tell caches so. */
#ifndef SO_AUTH_KEYS_H
#define SO_AUTH_KEYS_H

#include "jose/jwk.h"

struct so_auth_keys {
    struct so_jwks ring;         /* every key that a token may be signed with */
    struct so_jwk *signing;      /* borrowed from ring */
    uint64_t version;            /* differs whenever the ring differs */
    struct so_buf jwks_document; /* {"keys":[...]}: public keys only, never the shared secret */
};

/* Reads the file, or makes it with a new key and mode 0600.  A file that others may read is refused (SO_EDENIED): its key is
 * no secret any more.  `secret` may be {NULL,0}; it must have 32 bytes and, without `weak_allowed`, not be a well-known or
 * repetitive one. */
int so_auth_keys_open(const char *path, struct so_str secret, bool weak_allowed, struct so_auth_keys *out,
                      struct so_err *err) SO_MUST_CHECK;
void so_auth_keys_close(struct so_auth_keys *keys); /* a zeroed one is fine */

#endif
