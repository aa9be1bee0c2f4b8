/* parcel.h: what one process tells the others, in bytes: parcels, one after the other.
 *
 *   length (4 bytes, of what follows)   kind   is private   encoding   texts, each: length (4 bytes), bytes
 *
 * Numbers are big-endian.  The kind says which texts there are; a reader passes over kinds that it does not know and texts
 * that were added at the end, so processes of different versions understand each other.  realtime.send() writes broadcasts
 * of this form in SQL (model/notes_pg.c).
 * Pure: bytes in, a struct out, and back. */
#ifndef SO_REALTIME_PARCEL_H
#define SO_REALTIME_PARCEL_H

#include "core/buf.h"
#include "realtime/bus.h"

enum so_parcel_kind {
    SO_PARCEL_BROADCAST = 1, /* topic, event, meta, body */
    SO_PARCEL_HERE = 2,      /* presence: topic, event (the key), meta, ref, previous */
    SO_PARCEL_GONE = 3,      /* presence: ref */
    SO_PARCEL_HELLO = 4,     /* to: who is asked for all of its presences; empty: everybody */
    SO_PARCEL_ALL = 5,       /* all presences of this process follow ... */
    SO_PARCEL_ALL_END = 6,   /* ... and there are no others */
    SO_PARCEL_BYE = 7        /* the process ends */
};

struct so_parcel {
    enum so_parcel_kind kind;
    struct so_note note; /* what the kind has of it */
    struct so_str to;
};

/* As the note, which a member has published, is told to others. */
struct so_parcel so_parcel_of(const struct so_note *note);
void so_parcel_put(struct so_buf *out, const struct so_parcel *parcel);

/* The parcel at the beginning of *rest, which is moved behind it; its texts borrow from there.  False at the end. Of a kind
 * that is not known: kind is 0.  SO_EINVAL: not a parcel. */
int so_parcel_read(struct so_str *rest, struct so_parcel *out, bool *out_found) SO_MUST_CHECK;
/* How many bytes of `all` are whole parcels of together at most `max` bytes; the first one always is. */
size_t so_parcel_measure(struct so_str all, size_t max);

#endif
