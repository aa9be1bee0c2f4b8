/* source_int.h: what the kinds of change log share.  Not for others than source*.c. */
#ifndef SO_REALTIME_SOURCE_INT_H
#define SO_REALTIME_SOURCE_INT_H

#include "realtime/source.h"

/* A kind of log: as source.h says of so_source_NAME(). */
struct so_source_ops {
    int (*bounds)(struct so_source *s, int64_t *out_floor, int64_t *out_newest, struct so_err *err);
    int (*read)(struct so_source *s, int64_t after, int64_t upto, size_t limit, struct so_batch **out, int64_t *out_floor,
                struct so_err *err);
    int (*excess)(struct so_source *s, int64_t keep_rows, int64_t keep_seconds, int64_t step, int64_t *out,
                  struct so_err *err);
    struct so_str trim; /* SQL that removes the changes up to ?1 */
};

struct so_source {
    const struct so_source_ops *ops;
    struct so_conn *conn;
};

extern const struct so_source_ops so_source_sqlite, so_source_pg;

/* Rows of the log (seq, at, table, op, old, new) into `b`, up to the first hole, which is then the next call's business.
 * *floor: as *out_floor of so_source_read(). */
int so_source_take_rows(struct so_stmt *st, size_t limit, struct so_batch *b, int64_t *floor,
                        struct so_err *err) SO_MUST_CHECK;

#endif
