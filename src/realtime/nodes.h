/* nodes.h: many processes ("nodes") on one PostgreSQL as one realtime server: broadcasts and presences of each reach the
 * clients of all.
 *
 *   a loop --bus--> so_nodes: queue -> its thread -> board.h (a table, and NOTIFY) -> the threads of the others -> their
 * buses
 *
 * One thread writes what waits in one row and one round trip, and reads what others wrote; the loops never wait for it.
 * Order is kept per sender, nothing is delivered twice, and what was written during a cut is read after it.  A node says
 * something at least every third of `timeout_ms`; one that says nothing for all of it is dead, and its presences leave
 * (peers.h). While the database is away everybody hears his own node, and the presences of others stay as they were. Owns:
 * the thread, two connections.   Threads: any. */
#ifndef SO_REALTIME_NODES_H
#define SO_REALTIME_NODES_H

#include "db/db.h"
#include "realtime/bus.h"
#include "realtime/presence.h"

struct so_nodes_options {
    struct so_db *db;
    const char *listen_url; /* where to LISTEN; NULL: looks every third of timeout_ms.  Borrowed */
    unsigned timeout_ms;    /* the same for all nodes */
    /* The other nodes can not be reached, or can again (NULL).  On a thread of ours; NULL is fine. */
    void (*told)(void *arg, const struct so_err *err);
    void *arg;
};

struct so_nodes;
int so_nodes_open(const struct so_nodes_options *options, struct so_bus *bus, struct so_presence *presence,
                  struct so_nodes **out, struct so_err *err) SO_MUST_CHECK;
/* Says goodbye, which may take a moment.  Nothing is published any more; NULL is fine. */
void so_nodes_close(struct so_nodes *nodes);

struct so_nodes_stats {
    uint64_t peers;         /* other nodes that are alive */
    uint64_t rows, dropped; /* rows written; broadcasts that the others did not get, since too much was waiting */
};
void so_nodes_get_stats(struct so_nodes *nodes, struct so_nodes_stats *out);

#endif
