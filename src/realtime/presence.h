/* presence.h: who is in which room, with what they say of themselves (PROTOCOL.md section 7.8).
 *
 * One table for all loops of the process.  Each change yields a diff, a note that the caller delivers to the room, and has a
 * number; a state that is read is told which number it includes.  So a member who was given the state passes over the diffs
 * that are still on their way but in it already, and knows of everybody exactly once.
 * Diffs of one entry come from one loop and so arrive in order; those of different entries commute.
 * Owns: everything.   Threads: any; an entry is one connection's. */
#ifndef SO_REALTIME_PRESENCE_H
#define SO_REALTIME_PRESENCE_H

#include "realtime/bus.h"

struct so_presence;
struct so_presence_entry; /* what one connection tracks in one room */

int so_presence_new(struct so_presence **out, struct so_err *err) SO_MUST_CHECK;
void so_presence_free(struct so_presence *p); /* all entries have been untracked; NULL is fine */

/* meta: a JSON object.  *entry is NULL at first, and the connection's from then on; tracking again replaces what it says.
 * *out_diff: to be delivered and given back; NULL when nothing has changed.  SO_ENOMEM: all is as before. */
int so_presence_track(struct so_presence *p, const struct so_room_name *room, struct so_str key, struct so_str meta,
                      struct so_presence_entry **entry, struct so_note **out_diff) SO_MUST_CHECK;
/* Cannot fail: somebody who is gone must not stay in the list for lack of memory.  The diff, or NULL when *entry was. */
struct so_note *so_presence_untrack(struct so_presence *p, struct so_presence_entry **entry);
/* Appends the payload of presence_state: {"<key>":{"metas":[...]}}. */
void so_presence_put_state(struct so_presence *p, const struct so_room_name *room, struct so_buf *out,
                           uint64_t *out_version);

#endif
