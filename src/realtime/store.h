/* store.h: broadcasts of private channels that are kept for those who come later (config.broadcast.replay of a join).
 *
 *   so_store_put()     a note, with an id and a time to live -> a row of the database
 *   so_store_recall()  the newest rows of a topic since a moment -> notes, the oldest first
 *
 * Both are jobs of the database's writer, so a loop never waits, and what was put before is recalled after; done() is called
 * on the loop that asked, exactly once, and the loop does not end before. The table is made with the first message that is
 * kept: _socle_messages, on PostgreSQL socle.messages (in a schema that must be there).  Of a topic the newest
 * SO_STORE_RECALL_MAX are kept, of all no more than `bytes_max`, and none for longer than `keep_seconds`. Threads: any. */
#ifndef SO_REALTIME_STORE_H
#define SO_REALTIME_STORE_H

#include "db/db.h"
#include "net/loop.h"
#include "realtime/bus.h"

enum { SO_STORE_RECALL_MAX = 25 }; /* messages a recall, as in the reference */

struct so_store_options {
    struct so_db *db;
    int64_t keep_seconds, bytes_max;
};
struct so_store;
int so_store_open(const struct so_store_options *options, struct so_store **out, struct so_err *err) SO_MUST_CHECK;
void so_store_close(struct so_store *s); /* nothing is under way; NULL is fine */

/* "{"id":...}" and "{"replayed":true,"id":...}": what a note says of itself, with an id of 36 bytes. */
enum { SO_STORE_ID = 36, SO_STORE_META_MAX = 80 };
struct so_str so_store_meta(const char id[SO_STORE_ID + 1], bool is_replayed, char buffer[SO_STORE_META_MAX]);
/* The id that a note says; p is NULL without one. */
struct so_str so_store_id(struct so_str meta);

/* note->meta has its id.  ttl_seconds: at most what the store keeps; INT64_MAX: that.  err is NULL once it is durable;
 * done may be NULL. */
int so_store_put(struct so_store *s, struct so_loop *loop, struct so_note *note, int64_t ttl_seconds,
                 void (*done)(void *arg, const struct so_err *err), void *arg, struct so_err *err) SO_MUST_CHECK;

/* The notes are the store's, and gone after done(); err is NULL when it could be read. */
struct so_store_recall {
    struct so_str topic; /* as in so_room_name: "realtime:lobby" */
    int64_t since_ms;    /* milliseconds since 1970 */
    int64_t limit;       /* is brought between 1 and SO_STORE_RECALL_MAX */
};
int so_store_recall(struct so_store *s, struct so_loop *loop, const struct so_store_recall *what,
                    void (*done)(void *arg, struct so_note *const *notes, size_t count, const struct so_err *err), void *arg,
                    struct so_err *err) SO_MUST_CHECK;

#endif
