/* key_file.h: the file of the signing keys: a JWKS with private members, where each key says what it is for.
 *
 *   next --rotate--> current --rotate--> previous --some days later--> gone        any --revoke--> gone at once
 *
 * The next key is published before it signs, so whoever keeps a copy of the key set (10 minutes, PROTOCOL.md section 4.3)
 * has it already; previous keys are kept for the tokens that they signed.  So a rotation signs nobody out. With a master key
 * the whole file is sealed (crypto/seal.h).   Owns: references to its keys. */
#ifndef SO_AUTH_KEY_FILE_H
#define SO_AUTH_KEY_FILE_H

#include "jose/jwk.h"

enum so_key_state { SO_KEY_NEXT, SO_KEY_CURRENT, SO_KEY_PREVIOUS };
const char *so_key_state_name(enum so_key_state state); /* "next" */

struct so_key_entry {
    struct so_jwk *key;
    enum so_key_state state;
    int64_t since; /* seconds since 1970, when it became that; 0: not known */
};

enum { SO_KEY_FILE_KEYS_MAX = 16 };
struct so_key_file {
    struct so_key_entry entries[SO_KEY_FILE_KEYS_MAX];
    size_t count;
    bool is_sealed; /* as it was read */
};

/* One current key and one next. */
int so_key_file_make(enum so_jws_alg alg, int64_t now, struct so_key_file *out, struct so_err *err) SO_MUST_CHECK;
/* SO_EDENIED: others than the owner may read the file, so its keys are no secret.  SO_EAUTH: it is sealed, and `master`
 * ({NULL,0}: none) does not open it.  A file that says nothing of states: its first private key is the current one. */
int so_key_file_read(const char *path, struct so_str master, struct so_key_file *out, struct so_err *err) SO_MUST_CHECK;
/* Mode 0600, whole or not at all; sealed when there is a master key.  SO_EEXISTS when it is there and not to be replaced. */
int so_key_file_write(const char *path, struct so_str master, const struct so_key_file *file, bool replace,
                      struct so_err *err) SO_MUST_CHECK;
void so_key_file_clear(struct so_key_file *file);

/* next becomes current, current becomes previous, and a new next one is made for `alg` (SO_ALG_NONE: that of the one
 * before). Previous keys that no token can need any more go. */
int so_key_file_rotate(struct so_key_file *file, enum so_jws_alg alg, int64_t now, struct so_err *err) SO_MUST_CHECK;
/* Takes the key away; for the current one the next steps in first.  SO_ENOTFOUND, or SO_EINVAL when `kid` (the beginning of
 * one is enough) fits several. */
int so_key_file_revoke(struct so_key_file *file, struct so_str kid, int64_t now, struct so_err *err) SO_MUST_CHECK;

/* The one that signs. */
struct so_jwk *so_key_file_current(const struct so_key_file *file);

#endif
