/* presence.h: who is in which room, with what they say of themselves (PROTOCOL.md section 7.8).
 *
 * One table for all loops of the process.  Each change yields a diff, a note that the caller delivers to the room, and has a
 * number; a state that is read is told which number it includes.  So a member who was given the state passes over the diffs
 * that are still on their way but in it already, and knows of everybody exactly once.
 * Diffs of one entry come from one loop and so arrive in order; those of different entries commute.
 * Entries of other processes lie in the same table (so_presence_place()); their diffs come from the thread that reads what
 * those say, which is the only one to touch them.
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
/* What another process tracks under `ref`; meta: with its references, as the diffs there had it.  In place of *entry, which
 * is NULL when it is new.  SO_ENOMEM: all is as before. */
int so_presence_place(struct so_presence *p, const struct so_room_name *room, struct so_str key, struct so_str ref,
                      struct so_str meta, struct so_presence_entry **entry, struct so_note **out_diff) SO_MUST_CHECK;
/* What is tracked in this process, one after the other, as fields of a note of presence: room, event, ref, meta.  Nothing
 * changes meanwhile, so be quick. */
void so_presence_each_own(struct so_presence *p, void (*fn)(void *arg, const struct so_note *one), void *arg);
/* Appends the payload of presence_state: {"<key>":{"metas":[...]}}. */
void so_presence_put_state(struct so_presence *p, const struct so_room_name *room, struct so_buf *out,
                           uint64_t *out_version);

#endif
