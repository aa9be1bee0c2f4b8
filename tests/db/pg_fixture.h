/* pg_fixture.h: a PostgreSQL database of its own for one test, on the server of the test run.
 *
 * Without a server (SOCLE_TEST_POSTGRES is not set) a program of such tests ends at once: pg_is_missing(). */
#ifndef SO_TESTS_DB_PG_FIXTURE_H
#define SO_TESTS_DB_PG_FIXTURE_H

#include "fixture.h"

struct pg_fixture {
    char name[48], url[512];
    struct so_db *admin; /* on the server's own database */
    struct so_db *db;
    struct so_err err;
};

static inline const char *pg_server(void)
{
    const char *url = getenv("SOCLE_TEST_POSTGRES");
    return url == NULL || url[0] == '\0' ? NULL : url;
}

/* For main(): says so, in TAP, when there is no server, and the program has nothing to do. */
static inline bool pg_is_missing(void)
{
    if (pg_server() != NULL)
        return false;
    printf("1..0 # SKIP SOCLE_TEST_POSTGRES is not set (./dev test starts a server)\n");
    return true;
}

static inline int pg_run_outside(struct so_db *db, const char *sql, struct so_err *err)
{
    struct so_conn *conn;
    int rc = so_db_reader_open(db, &conn, err);
    if (rc != SO_OK)
        return rc;
    rc = so_conn_exec(conn, "SET default_transaction_read_only=off", err);
    if (rc == SO_OK)
        rc = so_conn_exec(conn, sql, err);
    so_conn_close(conn);
    return rc;
}

/* "/postgres?" of the server's URL becomes "/NAME?". */
static inline void pg_database_url(const char *server, const char *name, char *out, size_t size)
{
    const char *at = strstr(server, "/postgres?");
    assert_non_null(at);
    snprintf(out, size, "%.*s/%s?%s", (int)(at - server), server, name, at + strlen("/postgres?"));
}

static inline void pg_open_with(struct pg_fixture *f, const struct so_db_options *options)
{
    static int count;
    const char *server = pg_server();
    char sql[96];
    *f = (struct pg_fixture){.err = SO_ERR_INIT};
    snprintf(f->name, sizeof(f->name), "t_%d_%d", (int)getpid(), ++count);
    pg_database_url(server, f->name, f->url, sizeof(f->url));
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s", f->name);
    struct so_db_options only = {.read_only = true};
    if (so_db_open(server, &only, &f->admin, &f->err) != SO_OK || pg_run_outside(f->admin, sql, &f->err) != SO_OK ||
        so_db_open(f->url, options, &f->db, &f->err) != SO_OK)
        fail_msg("%s: %s", f->err.message, f->err.details);
}

static inline void pg_open(struct pg_fixture *f) { pg_open_with(f, NULL); }

static inline void pg_close(struct pg_fixture *f)
{
    char sql[96];
    so_db_close(f->db);
    snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", f->name);
    assert_int_equal(pg_run_outside(f->admin, sql, &f->err), SO_OK);
    so_db_close(f->admin);
}

/* Through a job; f->err holds the failure. */
static inline int pg_try(struct pg_fixture *f, const char *sql)
{
    f->err = SO_ERR_INIT;
    return so_db_write(f->db, fixture_run_sql, (void *)&sql, &f->err);
}

static inline void pg_exec(struct pg_fixture *f, const char *sql)
{
    if (pg_try(f, sql) != SO_OK)
        fail_msg("%s: %s", sql, f->err.message);
}

static inline struct so_conn *pg_reader(struct pg_fixture *f)
{
    struct so_conn *conn;
    if (so_db_reader_open(f->db, &conn, &f->err) != SO_OK)
        fail_msg("%s: %s", f->err.message, f->err.details);
    return conn;
}

#endif
