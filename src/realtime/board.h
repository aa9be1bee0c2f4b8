/* board.h: the table socle.notes of PostgreSQL (model/notes_pg.h), where processes leave rows for each other, as one of them
 * uses it.
 *
 * Every row is read once, and none is missed: a read takes the rows that are visible now and were not at the last read,
 * whatever the order in which their transactions began and ended, and after a cut it goes on where it stopped, as far back
 * as the sweep leaves rows.  Rows of one process come in the order in which it wrote them. Owns: a connection, made when it
 * is first needed and again when it is lost.   Threads: one; these calls block. */
#ifndef SO_REALTIME_BOARD_H
#define SO_REALTIME_BOARD_H

#include "core/buf.h"
#include "db/db.h"

struct so_board;
struct so_board_row {
    struct so_str id; /* of the process; empty: the database's own */
    int64_t number;
    struct so_str parcels;
};

/* me: the id of this process, whose rows are not read.  The database need not be there. */
int so_board_open(struct so_db *db, const char *me, struct so_board **out, struct so_err *err) SO_MUST_CHECK;
void so_board_close(struct so_board *b); /* NULL is fine */

/* When it fails the row may be there all the same: write it again under the same number. */
int so_board_write(struct so_board *b, int64_t number, struct so_str parcels, struct so_err *err) SO_MUST_CHECK;
/* What is new, at most some rows at a time: *out_more says that there are others.  The first read takes nothing, and those
 * after it what was written since.  Whatever row() was given counts as read. */
int so_board_read(struct so_board *b, void (*row)(void *arg, const struct so_board_row *row), void *arg, bool *out_more,
                  struct so_err *err) SO_MUST_CHECK;
/* Removes what could be read already when the last sweep was made. */
int so_board_sweep(struct so_board *b, struct so_err *err) SO_MUST_CHECK;

#endif
