/* source.h: the change log as the feed reads it: of SQLite (source_sqlite.c) or of PostgreSQL (source_pg.c).
 * Threads: one at a time. */
#ifndef SO_REALTIME_SOURCE_H
#define SO_REALTIME_SOURCE_H

#include "db/db.h"
#include "realtime/batch.h"

struct so_source;
int so_source_open(struct so_db *db, struct so_source **out, struct so_err *err) SO_MUST_CHECK;
void so_source_close(struct so_source *s); /* NULL is fine */

/* *out_floor: the log holds everything after it; *out_newest: its newest change.  Both 0 when there is no log yet. */
int so_source_bounds(struct so_source *s, int64_t *out_floor, int64_t *out_newest, struct so_err *err) SO_MUST_CHECK;
/* The first changes after `after` and up to `upto`, at most `limit`; an empty batch when there are none.  When the log
 * begins later, or has a hole there, (*out)->from and *out_floor are where it goes on; else *out_floor is -1. */
int so_source_read(struct so_source *s, int64_t after, int64_t upto, size_t limit, struct so_batch **out, int64_t *out_floor,
                   struct so_err *err) SO_MUST_CHECK;

/* The newest change of those that retention no longer wants, at most `step` at once; 0: there are none. */
int so_source_excess(struct so_source *s, int64_t keep_rows, int64_t keep_seconds, int64_t step, int64_t *out,
                     struct so_err *err) SO_MUST_CHECK;
/* In a job of the writer: removes the changes up to `upto`. */
int so_source_trim(const struct so_source *s, struct so_conn *writer, int64_t upto, struct so_err *err) SO_MUST_CHECK;

#endif
