/* bus.h: what one room says, carried to everybody who may have listeners of it.
 *
 *   a channel --so_bus_publish()--> the bus --> every other loop of this process: receive(), on that loop
 *
 * Notes of one loop arrive in the order in which it published them.  Broadcast and presence know nothing of where the others
 * are: what a member publishes is also handed to the carrier (nodes.h), which takes it to other processes, and what those
 * say goes to all loops (so_bus_publish() with from == NULL).   Threads: any. */
#ifndef SO_REALTIME_BUS_H
#define SO_REALTIME_BUS_H

#include "core/err.h"
#include "net/loop.h"
#include "realtime/wire.h"

/* ---- notes ---- */

enum so_note_kind {
    SO_NOTE_BROADCAST,
    SO_NOTE_PRESENCE /* body: {"joins":...,"leaves":...} */
};

/* A room's name, and whether it is private: two rooms of one name do not hear each other. */
struct so_room_name {
    struct so_str topic; /* as clients write it: "realtime:lobby" */
    bool is_private;
};

/* One text for both, for tables; `buffer` holds it.  topic: at most SO_WIRE_NAME_MAX bytes. */
struct so_str so_room_key(const struct so_room_name *room, char buffer[SO_WIRE_NAME_MAX + 1]);
/* And back; borrows from the key. */
struct so_room_name so_room_of_key(struct so_str key);

/* Never changes once made, so all threads may read it. */
struct so_note {
    unsigned refs; /* atomic */
    enum so_note_kind kind;
    struct so_room_name room;
    struct so_str event, body, meta; /* event and meta of a broadcast */
    enum so_wire_encoding encoding;  /* of a broadcast */
    uint64_t version;                /* of presence: see presence.h */
    /* Of presence, the same for other processes: under `ref` the key `event` says `meta` (empty: leaves), in place of what
     * stood under `previous` (empty: of nothing). */
    struct so_str ref, previous;
    struct so_note *next; /* the carrier's */
};

/* A copy of all that `of` points to, with one reference.  NULL: out of memory. */
struct so_note *so_note_new(const struct so_note *of);
struct so_note *so_note_ref(struct so_note *note);
void so_note_unref(struct so_note *note); /* NULL is fine */

/* ---- the bus ---- */

struct so_bus;        /* one per process */
struct so_bus_member; /* one per loop */

int so_bus_new(struct so_bus **out, struct so_err *err) SO_MUST_CHECK;
void so_bus_free(struct so_bus *bus); /* after the last member has left; NULL is fine */

/* receive() is called on `loop`, until so_bus_leave(), which is called there, too. */
int so_bus_join(struct so_bus *bus, struct so_loop *loop, void (*receive)(struct so_note *note, void *arg), void *arg,
                struct so_bus_member **out, struct so_err *err) SO_MUST_CHECK;
void so_bus_leave(struct so_bus_member *member); /* NULL is fine */

/* carry() gets each note that a member publishes, on the thread that does; nothing is published any more when it is taken
 * away (NULL).  At most one. */
void so_bus_set_carrier(struct so_bus *bus, void (*carry)(void *arg, struct so_note *note), void *arg);

/* To all members but `from` (NULL: to all), and when it comes from a member to the carrier.  SO_ENOMEM: to no member. */
int so_bus_publish(struct so_bus *bus, const struct so_bus_member *from, struct so_note *note) SO_MUST_CHECK;

#endif
