/* tables.h: what the data API needs of a configuration: the catalog of the database that it names, and its settings. */
#ifndef SO_APP_TABLES_H
#define SO_APP_TABLES_H

#include "app/config.h"
#include "db/catalog.h"
#include "db/db.h"
#include "rest/rest.h"

int so_app_read_tables(const struct so_config *config, struct so_conn *conn, struct so_catalog **out,
                       struct so_err *err) SO_MUST_CHECK;
/* Whether the tables of the schema files are those whose changes are logged: else nobody's are, or those that a setting
 * names (PostgreSQL). */
static inline bool so_app_logs_model(const struct so_config *config)
{
    bool names = config->is_postgres && config->realtime_tables != NULL && config->realtime_tables[0] != '\0';
    return config->realtime && !names;
}

/* app.c.  Borrows from the configuration. */
struct so_rest_settings so_app_rest_settings(const struct so_config *config);

#endif
