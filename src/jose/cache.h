/* cache.h: tokens that were verified a moment ago, so that a client's next request costs a look-up instead of a signature.
 * One cache serves one set of checks (so_jwt_checks but for `now`): what was good for one audience is found for that one.
 * Owns: copies of tokens and claims.   Threads: one; give each thread its own.   Limits: a number of entries, and
 * SO_JWT_CACHE_BYTES_MAX each; larger tokens are simply not kept. */
#ifndef SO_JOSE_CACHE_H
#define SO_JOSE_CACHE_H

#include "jose/jwt.h"

enum { SO_JWT_CACHE_BYTES_MAX = 8 * 1024 }; /* of a token and its claims together */

struct so_jwt_cache;
/* Room for at least `entries` tokens (1024 is usual); NULL when memory ran out. */
struct so_jwt_cache *so_jwt_cache_new(size_t entries) SO_MUST_CHECK;
void so_jwt_cache_free(struct so_jwt_cache *cache); /* NULL is fine */

/* The claims of a token that so_jwt_cache_put() was given under the same key_version and that is good at `now`; NULL
 * otherwise: then verify it, which also says what is wrong.  Another key_version than in the last call empties the cache.
 * Valid until the next call with this cache. */
const struct so_json *so_jwt_cache_find(struct so_jwt_cache *cache, struct so_str token, uint64_t key_version, int64_t now,
                                        int64_t leeway);
/* Keeps a token that so_jwt_verify() has just found good.  When memory runs out it is not kept, and nothing is lost. */
void so_jwt_cache_put(struct so_jwt_cache *cache, struct so_str token, uint64_t key_version, const struct so_json *claims);

size_t so_jwt_cache_count(const struct so_jwt_cache *cache); /* entries in use */

#endif
