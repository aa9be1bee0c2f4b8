/* notes_pg.c: what stands in schema `socle` for many processes, and schema `realtime` for those who broadcast with SQL. */
#include "model/notes_pg.h"

/* The key serves both who reads what is new and who sweeps what is old. */
static const char TABLE[] =
    "CREATE SCHEMA IF NOT EXISTS socle; REVOKE ALL ON SCHEMA socle FROM PUBLIC;"
    "CREATE UNLOGGED TABLE IF NOT EXISTS socle.notes (xid xid8 NOT NULL DEFAULT pg_current_xact_id(),"
    " id bigint GENERATED ALWAYS AS IDENTITY, node uuid, number bigint, parcels bytea NOT NULL, PRIMARY KEY (xid, id));"
    "REVOKE ALL ON socle.notes FROM PUBLIC;";

int so_notes_pg_install(struct so_conn *conn, struct so_err *err) { return so_conn_exec(conn, TABLE, err); }
