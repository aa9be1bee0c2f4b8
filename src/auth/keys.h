/* keys.h: the keys that sign and verify access tokens: our own from the key file (auth/key_file.h), and the shared secret if
 * there is one.  A ring never changes: when the file did, a new ring takes its place, and whoever uses the old one holds it
 * until done.   Threads: any. */
#ifndef SO_AUTH_KEYS_H
#define SO_AUTH_KEYS_H

#include <stdatomic.h>

#include "jose/jwk.h"

struct so_auth_ring {
    atomic_uint refs;
    uint64_t version;       /* no other ring of this process has it */
    struct so_jwks keys;    /* every key that a token may be signed with */
    struct so_jwk *signing; /* borrowed from keys */
    struct so_buf document; /* {"keys":[...]}: public keys only, never the shared secret */
};

struct so_auth_key_settings {
    const char *path;
    struct so_str secret; /* HS256; {NULL,0}: none */
    struct so_str master; /* seals the file; {NULL,0}: it is plain */
    bool weak_allowed;    /* secret and master may be well-known or repetitive ones */
};

struct so_auth_keys;
/* Reads the file, or makes it with new keys and mode 0600.  A plain file is sealed when there is a master key.
 * Secret and master key must have 32 bytes. */
int so_auth_keys_open(const struct so_auth_key_settings *settings, struct so_auth_keys **out,
                      struct so_err *err) SO_MUST_CHECK;
void so_auth_keys_close(struct so_auth_keys *keys); /* NULL is fine */

/* Differs whenever the ring differs. */
uint64_t so_auth_keys_version(const struct so_auth_keys *keys);
struct so_auth_ring *so_auth_keys_take(struct so_auth_keys *keys);
void so_auth_keys_give(struct so_auth_ring *ring);

/* Reads the file again and serves by it from now on; on failure the old keys stay. */
int so_auth_keys_reload(struct so_auth_keys *keys, struct so_err *err) SO_MUST_CHECK;
/* The same only if the file was changed since it was last looked at, and at most once a second: cheap enough for every token
 * that no key fits.  *out_changed (may be NULL): there is a new ring. */
int so_auth_keys_look(struct so_auth_keys *keys, bool *out_changed, struct so_err *err) SO_MUST_CHECK;

#endif
