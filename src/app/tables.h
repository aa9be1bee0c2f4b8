/* tables.h: the catalog of the database that the configuration names. */
#ifndef SO_APP_TABLES_H
#define SO_APP_TABLES_H

#include "app/config.h"
#include "db/catalog.h"
#include "db/db.h"

int so_app_read_tables(const struct so_config *config, struct so_conn *conn, struct so_catalog **out,
                       struct so_err *err) SO_MUST_CHECK;

#endif
