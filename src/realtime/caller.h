/* caller.h: somebody who has been identified, shared by the channels that came with one token.
 * Owns: copies of all text.   Threads: one loop's. */
#ifndef SO_REALTIME_CALLER_H
#define SO_REALTIME_CALLER_H

#include "realtime/realtime.h"

struct so_caller {
    unsigned refs;
    struct so_identity who;
    int64_t expires;     /* seconds since 1970; 0: never */
    struct so_str token; /* empty: the connection's key speaks */
};

/* A copy with one reference; NULL: out of memory. */
struct so_caller *so_caller_new(const struct so_guest *guest, struct so_str token);
struct so_caller *so_caller_ref(struct so_caller *caller);
void so_caller_unref(struct so_caller *caller); /* NULL is fine */

#endif
