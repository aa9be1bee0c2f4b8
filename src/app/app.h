/* app.h: the server: wires HTTP to rest and auth.
 *
 *   main thread      opens everything, waits for signals, watches files (dev), reloads, stops
 *   loop threads     one event loop each: listener, connections, reader connection, token cache, snapshot
 *   worker threads   what may block: auth endpoints, slow reads, files
 *   writer thread    the database's (db/db.h)
 *
 * One request: server.c on_request -> route_rest.c -> so_auth_identify -> so_rest_prepare -> so_rest_run (here, on a worker
 * or on the writer) -> so_http_reply_send. */
#ifndef SO_APP_APP_H
#define SO_APP_APP_H

#include "app/config.h"
#include "core/err.h"

struct so_app;

/* What opening does when the schema files ask for changes of the database. */
enum so_app_migrate {
    SO_MIGRATE_REFUSE, /* fail, and say which command applies them */
    SO_MIGRATE_SAFE    /* apply what loses no data; fail if more is asked */
};

/* Opens database, schema files and keys of config (borrowed until so_app_close()), but does not listen yet. */
int so_app_open(const struct so_config *config, enum so_app_migrate migrate, struct so_app **out,
                struct so_err *err) SO_MUST_CHECK;
/* Loads rows into empty tables from DIR/seed. */
int so_app_seed(struct so_app *app, size_t *out_rows, struct so_err *err) SO_MUST_CHECK;
/* Starts the loops and listens.  *out_port is the real port. */
int so_app_start(struct so_app *app, unsigned *out_port, struct so_err *err) SO_MUST_CHECK;
/* Reads schema files, catalog and keys again (migrating as at open) and serves by them from now on; on failure all stays as
 * it was. */
int so_app_reload(struct so_app *app, struct so_err *err) SO_MUST_CHECK;
/* Reads the key file again if `socle keys` changed it.  *out_changed: there are new keys.  On failure the old ones stay. */
/* The folder of the database file, for whoever opens the database without an app. */
int so_app_make_data_folder(const struct so_config *config, struct so_err *err) SO_MUST_CHECK;
/* What other processes on the same database revoked: see so_auth_look_at_revocations(). */
int so_app_look_at_revocations(struct so_app *app, struct so_err *err) SO_MUST_CHECK;
int so_app_look_at_keys(struct so_app *app, bool *out_changed, struct so_err *err) SO_MUST_CHECK;
/* Names of served tables without any policy, joined by ", ", for the warning at start; empty when there are none. */
void so_app_closed_tables(const struct so_app *app, struct so_buf *out);
/* Graceful stop: waits for the requests under way (config.grace_ms at most). */
void so_app_stop(struct so_app *app);
void so_app_close(struct so_app *app); /* stopped or never started; NULL is fine */

#endif
