/* peers.h: what one process knows of the others: who they are, and who is present there.
 *
 * Each process tells what happens there in rows that are numbered from 1.  What it tells of its presences is taken in that
 * order and nobody else speaks of them, so whoever has heard all of one process knows its presences; and whoever may have
 * missed something (a process that is new to it, a number that is missing, memory that ran out) asks for all of them, and
 * takes away what is not among them.
 * Owns: the presences of others in `presence`.   Threads: one. */
#ifndef SO_REALTIME_PEERS_H
#define SO_REALTIME_PEERS_H

#include "realtime/parcel.h"
#include "realtime/presence.h"

enum { SO_PEER_ID_SIZE = 37 }; /* a UUID and its NUL */

struct so_peers;
/* me: the name of this process.  Broadcasts and diffs go to all loops of `bus`; both are borrowed. */
int so_peers_new(struct so_bus *bus, struct so_presence *presence, const char *me, struct so_peers **out,
                 struct so_err *err) SO_MUST_CHECK;
void so_peers_free(struct so_peers *p); /* all presences of others are gone after it; NULL is fine */

/* One row of `id`'s, its number and its parcels; an empty id: the database's own, which has broadcasts only.  What cannot be
 * taken for lack of memory, or because it makes no sense, is made up for by asking. */
void so_peers_take(struct so_peers *p, struct so_str id, int64_t number, struct so_str parcels, int64_t now_ns);
/* Writes the questions to those of whom something may have been missed. */
void so_peers_ask(struct so_peers *p, struct so_buf *out);
/* Has somebody asked for our presences?  Once. */
bool so_peers_was_asked(struct so_peers *p);

/* Whoever has said nothing since `before_ns` is dead, and its presences leave. */
void so_peers_bury(struct so_peers *p, int64_t before_ns);
/* As if all had just spoken: when we have been deaf ourselves. */
void so_peers_forgive(struct so_peers *p, int64_t now_ns);
size_t so_peers_count(const struct so_peers *p);

#endif
