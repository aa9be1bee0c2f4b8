/* feed.h: how a loop hears from the feed: a slot, into which the feed's thread posts what it read.
 *
 * A message may hold, in this order: a floor (the log begins only after it), a batch, a mark (all that was committed when
 * `ticket` was drawn has been posted, up to `seq`).  Batches of the past, for those who come back, and of the present arrive
 * mixed; each says where it begins and ends.  So a reader at N takes from a batch with from <= N < last what is after N, and
 * leaves others alone.
 * Threads: so_slot_*() on the slot's loop; the feed: any. */
#ifndef SO_REALTIME_FEED_H
#define SO_REALTIME_FEED_H

#include "net/loop.h"
#include "realtime/batch.h"
#include "realtime/changes.h"

struct so_slot;
struct so_slot_message {
    struct so_slot_message *next; /* the receiver's, while it keeps it */
    int64_t floor;                /* -1: none */
    const struct so_batch *batch; /* NULL: none; borrowed as long as the message is */
    bool is_mark;
    int64_t seq;
    uint64_t ticket;
};

/* receive() returns true when it keeps the message, which then counts as not taken until so_slot_release(). */
int so_slot_open(struct so_feed *feed, struct so_loop *loop, bool (*receive)(void *arg, struct so_slot_message *m),
                 void *arg, struct so_slot **out, struct so_err *err) SO_MUST_CHECK;
void so_slot_close(struct so_slot *slot); /* no messages after it; NULL is fine */

void so_slot_release(struct so_slot_message *m);

/* Asks for everything after `since` (< 0: only for what comes from now on), and wakes a slot that is idle.  Draws a ticket;
 * a mark with this ticket, or a later one, follows. */
uint64_t so_slot_ask(struct so_slot *slot, int64_t since);
/* Nobody on this loop listens any more: no batches until the next so_slot_ask(). */
void so_slot_idle(struct so_slot *slot);

/* Who asks PostgreSQL's policies; NULL on SQLite. */
struct so_seer *so_feed_seer(const struct so_feed *feed);
struct so_str so_feed_anon_role(const struct so_feed *feed);

#endif
