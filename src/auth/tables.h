/* tables.h: the auth service's own tables and their versions. */
#ifndef SO_AUTH_TABLES_H
#define SO_AUTH_TABLES_H

#include "db/db.h"

/* Brings the tables to the newest version, each step in the same transaction as the note that it was done.
 * SO_EDENIED when the database was made by a newer program. */
int so_auth_tables_migrate(struct so_db *db, struct so_err *err) SO_MUST_CHECK;

#endif
