/* pg_world.h: the world of changes_fixture.h on a PostgreSQL database of its own. */
#ifndef SO_TESTS_PG_WORLD_H
#define SO_TESTS_PG_WORLD_H

#include "changes_fixture.h"

#include "../db/pg_fixture.h"

#include "model/logging_pg.h"

static struct pg_fixture pg;

/* Roles belong to the whole server: made once, whoever comes first. */
#define ROLES                                                                                                               \
    "DO $$ BEGIN PERFORM pg_advisory_xact_lock(4711);"                                                                      \
    " IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'anon') THEN CREATE ROLE anon; END IF;"                           \
    " IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticated') THEN CREATE ROLE authenticated; END IF;"         \
    " IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN CREATE ROLE service_role BYPASSRLS;"         \
    " END IF; END $$;"                                                                                                      \
    "GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;"                                                    \
    "CREATE SCHEMA auth; GRANT USAGE ON SCHEMA auth TO PUBLIC;"                                                             \
    "CREATE FUNCTION auth.uid() RETURNS text LANGUAGE sql STABLE AS $$"                                                     \
    " SELECT nullif(current_setting('request.jwt.claims', true), '')::json->>'sub' $$;"                                     \
    "CREATE TABLE sentinel (id int PRIMARY KEY); GRANT SELECT ON sentinel TO service_role;"

static int fit_tables(void *arg, struct so_conn *conn, struct so_err *err)
{
    return so_logging_pg_fit(conn, so_str_c(arg), err);
}

static inline void pg_use_tables(struct so_changes *changes)
{
    struct so_err err = SO_ERR_INIT;
    struct so_catalog *catalog;
    struct so_model *model;
    const struct so_str schemas[] = {SO_STR_INIT("public")};
    struct so_conn *conn = pg_reader(&pg);
    assert_int_equal(so_model_load(NULL, &model, &err), SO_OK);
    if (so_catalog_read_pg(conn, schemas, 1, &catalog, &err) != SO_OK)
        fail_msg("%s", err.message);
    so_conn_close(conn);
    if (so_changes_use(changes, catalog, model, &err) != SO_OK)
        fail_msg("%s", err.message);
    so_catalog_unref(catalog);
    so_model_unref(model);
}

static inline struct so_feed *pg_feed(int64_t keep_rows, unsigned poll_ms)
{
    struct so_err err = SO_ERR_INIT;
    struct so_feed *feed;
    const struct so_feed_options options = {
        .keep_rows = keep_rows, .keep_seconds = 3600, .poll_ms = poll_ms, .listen_url = pg.url};
    if (so_feed_open(pg.db, &options, &feed, &err) != SO_OK)
        fail_msg("%s", err.message);
    return feed;
}

static inline void pg_log_tables(const char *list)
{
    struct so_err err = SO_ERR_INIT;
    if (so_db_migrate(pg.db, fit_tables, (void *)(uintptr_t)list, &err) != SO_OK)
        fail_msg("%s", err.message);
}

/* sql: the tables; list: those of them that are logged. */
static inline void pg_open_tables(const char *sql, const char *list)
{
    pg_open(&pg);
    pg_exec(&pg, ROLES);
    pg_exec(&pg, sql);
    pg_log_tables(list);
}

static inline void pg_start_world(void)
{
    struct so_err err = SO_ERR_INIT;
    world = (struct world){.db = pg.db};
    assert_int_equal(so_loop_new(&world.loop, &err), SO_OK);
    world.feed = pg_feed(100000, 60000); /* so long that notices must do */
    assert_int_equal(so_changes_new(world.feed, world.loop, NULL, &world.changes, &err), SO_OK);
    pg_use_tables(world.changes);
}

static inline void pg_open_world(const char *sql, const char *list)
{
    pg_open_tables(sql, list);
    pg_start_world();
}

static inline void pg_close_world(void)
{
    close_loop();
    pg_close(&pg);
}

/* Everything that was committed has been told when the sentinel is heard. */
static inline void pg_settle(void)
{
    static struct ear sentinel;
    static int id;
    char sql[96];
    hear(&sentinel, &SERVICE, "sentinel", NULL);
    snprintf(sql, sizeof(sql), "INSERT INTO sentinel VALUES (%d)", ++id);
    pg_exec(&pg, sql);
    while (sentinel.events == 0)
        turn();
    so_subscription_close(sentinel.subscription);
}

#endif
