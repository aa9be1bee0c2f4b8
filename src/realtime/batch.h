/* batch.h: some changes in a row, read once and shared by all loops.
 * Owns: everything it points to.   Threads: never changes once the feed has filled it; ref and unref are atomic. */
#ifndef SO_REALTIME_BATCH_H
#define SO_REALTIME_BATCH_H

#include "realtime/row.h"

enum so_change_op { SO_CHANGE_INSERT, SO_CHANGE_UPDATE, SO_CHANGE_DELETE };

struct so_change {
    int64_t seq;
    enum so_change_op op;
    struct so_str at, table;
    struct so_row old_row, new_row; /* old of UPDATE and DELETE, new of INSERT and UPDATE; else without cells */
};

struct so_batch {
    struct so_arena arena;
    int64_t from, last; /* it holds all changes after `from`, up to and with `last` */
    struct so_change *changes;
    size_t count;
    bool is_json;  /* its rows are; to be said before the first is added */
    bool has_more; /* the log was not read to its end */
    int refs;      /* private */
};

const char *so_change_op_name(enum so_change_op op); /* "INSERT" ... */

struct so_batch *so_batch_new(size_t room, struct so_err *err); /* with one reference; NULL: no memory */
struct so_batch *so_batch_ref(struct so_batch *b);
void so_batch_unref(struct so_batch *b); /* NULL is fine */

/* One row of the log.  A change that cannot be read (another program wrote into the log) is left out. */
int so_batch_add(struct so_batch *b, int64_t seq, struct so_str at, struct so_str table, struct so_str op,
                 struct so_str old_row, struct so_str new_row, struct so_err *err) SO_MUST_CHECK;

#endif
