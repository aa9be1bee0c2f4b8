/* notes_pg.h: the table in which Socle processes on one PostgreSQL leave rows for each other (realtime/board.h), and the
 * functions with which the database itself broadcasts:
 *
 *   realtime.send(payload jsonb, event text, topic text, private boolean DEFAULT true)
 *   realtime.broadcast_changes(topic_name, event_name, operation, table_name, table_schema, new, old, level DEFAULT 'ROW')
 *
 *   socle.notes     xid, id (its order), node (of a process; null: the database's own), number (its count), parcels
 *
 * The table is not logged: what is in it is of interest for seconds.  Who writes a row says NOTIFY socle_notes with its
 * name. Who may send is owner and service_role; others through functions that are SECURITY DEFINER. */
#ifndef SO_MODEL_NOTES_PG_H
#define SO_MODEL_NOTES_PG_H

#include "db/db.h"

#define SO_NOTES_PG_CHANNEL "socle_notes"

/* Makes what is missing; functions of that name which somebody else made are left alone.  In a transaction of the caller's.
 */
int so_notes_pg_install(struct so_conn *conn, struct so_err *err) SO_MUST_CHECK;

#endif
