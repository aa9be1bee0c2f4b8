/* discovery.h: where an OpenID provider has its endpoints: OpenID Connect Discovery 1.0 section 4, fetched once an hour and
 * kept while fetching fails.   Blocks: never on an event loop.   Threads: any. */
#ifndef SO_AUTH_DISCOVERY_H
#define SO_AUTH_DISCOVERY_H

#include <pthread.h>

#include "auth/fetch.h"

struct so_discovery {
    pthread_mutex_t lock;
    char *document; /* owned; NULL: not fetched yet */
    size_t length;
    int64_t read_at, tried_at;
};
void so_discovery_init(struct so_discovery *discovery);
void so_discovery_deinit(struct so_discovery *discovery);

/* In the arena.  userinfo may be absent. */
struct so_discovered {
    struct so_str authorization, token, userinfo, jwks;
    bool takes_basic, takes_post; /* how a client may show its secret */
};
/* SO_EDENIED when the document is another issuer's: its "issuer" must be `issuer` to the letter. */
int so_discovery_take(struct so_discovery *discovery, struct so_str issuer, struct so_fetcher *fetcher, int64_t now,
                      struct so_arena *arena, struct so_discovered *out, struct so_err *err) SO_MUST_CHECK;

#endif
