/* tables.c: the catalog of the database that the configuration names. */
#include "app/tables.h"

int so_app_read_tables(const struct so_config *config, struct so_conn *conn, struct so_catalog **out, struct so_err *err)
{
    return config->is_postgres ? so_catalog_read_pg(conn, config->schemas, config->schema_count, out, err)
                               : so_catalog_read(conn, out, err);
}
