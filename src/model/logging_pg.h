/* logging_pg.h: the change log on PostgreSQL, in a schema of its own, which is closed to everybody but its owner.
 *
 *   socle.outbox    what triggers write, in the transaction of the change: id (a sequence), at, schema, table, op, old, new
 *   socle.changes   the same with a number: seq = 1, 2, 3, ... without holes
 *   socle.counter   the last number given; who holds its row numbers
 *
 * Ids are drawn when rows are written, and transactions commit in another order: who read by id would miss the long ones.
 * So socle.number_changes(max) moves what has been committed from the outbox into the log and numbers it there, one such
 * transaction at a time: what was read of socle.changes is final, and no number ever appears below one that was read.  A
 * long transaction delays nobody; changes of one row keep their order, since the second waited for the first one's commit.
 * While nobody numbers, writers keep the outbox short themselves (socle.bound_outbox), and who resumes is told of a gap.
 *
 * Rows are JSON as row_to_json() writes it, with time zone UTC and the other settings of output fixed.  TRUNCATE is logged
 * as the DELETE of each row.  A partition's changes are its root's.  Every transaction that changes something says NOTIFY
 * socle_changes.  socle.see() asks the select policies about rows of the log (realtime/seer.h). */
#ifndef SO_MODEL_LOGGING_PG_H
#define SO_MODEL_LOGGING_PG_H

#include "core/buf.h"
#include "db/db.h"

#define SO_LOGGING_PG_CHANNEL "socle_changes"
#define SO_LOGGING_PG_TRIGGER "socle_log" /* of a logged table; "socle_log_truncate" is the other one */

/* Makes what is missing of the schema `socle`, and brings its functions up to date.  In a transaction of the caller's. */
int so_logging_pg_install(struct so_conn *conn, struct so_err *err) SO_MUST_CHECK;
/* The same as statements. */
void so_logging_pg_put_install(struct so_buf *b);
/* The statements that make a table's triggers, in place of those it has, or take them away. */
void so_logging_pg_put(struct so_buf *b, struct so_str schema, struct so_str table);
void so_logging_pg_put_removal(struct so_buf *b, struct so_str schema, struct so_str table);

/* Installs the log, with triggers for exactly the tables of `list`: names with or without schema ("public" is meant then),
 * separated by commas, or "publication": those of the publication supabase_realtime.  A name that is no table: SO_EINVAL.
 * Writes no trigger that is there already.  An empty list only takes triggers away. */
int so_logging_pg_fit(struct so_conn *conn, struct so_str list, struct so_err *err) SO_MUST_CHECK;

#endif
