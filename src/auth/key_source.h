/* key_source.h: public keys that somebody else keeps, at a URL (a JWKS) or in a file: read when asked, kept while reading
 * fails, read again when they are old or when a token names a key that is not among them.
 *
 *   take():    the keys as they are now, at once            anywhere
 *   refresh(): reads them, at most once in a while          blocks: never on an event loop
 *
 * Owns: its key set.   Threads: any. */
#ifndef SO_AUTH_KEY_SOURCE_H
#define SO_AUTH_KEY_SOURCE_H

#include <pthread.h>
#include <stdatomic.h>

#include "auth/fetch.h"
#include "jose/jwk.h"

enum {
    SO_KEYS_FRESH_S = 600, /* after this long they are read again */
    SO_KEYS_RETRY_S = 30,  /* between two readings, whatever was asked */
    SO_KEYS_FIRST_S = 2    /* the same while there is no key at all */
};

/* Never changes; whoever uses it holds it until done. */
struct so_key_set {
    atomic_uint refs;
    struct so_jwks keys;
};
void so_key_set_give(struct so_key_set *set); /* NULL is fine */
/* Whether it may have the key that the token's header names.  True for what names none or is no token: other keys would not
 * help it. */
bool so_key_set_has(const struct so_key_set *set, struct so_str token, struct so_arena *arena);

struct so_key_source {
    pthread_mutex_t lock; /* of all below; held for moments */
    struct so_key_set *set;
    int64_t read_at, tried_at; /* seconds; 0: never */
    bool is_reading;
};
void so_key_source_init(struct so_key_source *source);
void so_key_source_deinit(struct so_key_source *source);

/* NULL when nothing was read yet.  The caller gives it back. */
struct so_key_set *so_key_source_take(struct so_key_source *source);
bool so_key_source_is_old(struct so_key_source *source, int64_t now);

/* where: "https://..." or a path.  SO_EBUSY: somebody is reading, or somebody did within SO_KEYS_RETRY_S.  On any failure
 * the keys stay as they were.  *out_changed (may be NULL): they are others now. */
int so_key_source_refresh(struct so_key_source *source, struct so_str where, struct so_fetcher *fetcher, int64_t now,
                          bool *out_changed, struct so_err *err) SO_MUST_CHECK;

#endif
