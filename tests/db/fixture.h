/* fixture.h: a database in a directory of its own for one test. */
#ifndef SO_TESTS_DB_FIXTURE_H
#define SO_TESTS_DB_FIXTURE_H

#include "../testing.h"

#include <unistd.h>

#include "db/db.h"

struct fixture {
    char dir[64], path[96];
    struct so_db *db;
    struct so_err err;
};

static inline void fixture_dir(struct fixture *f)
{
    *f = (struct fixture){.err = SO_ERR_INIT};
    snprintf(f->dir, sizeof(f->dir), "%s", "/tmp/socle-db-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/data.db", f->dir);
}

static inline void fixture_open(struct fixture *f)
{
    fixture_dir(f);
    if (so_db_open(f->path, NULL, &f->db, &f->err) != SO_OK)
        fail_msg("%s", f->err.message);
}

static inline void fixture_remove(struct fixture *f)
{
    static const char *const SUFFIXES[] = {"", "-wal", "-shm", "-lock", "-turn"};
    for (size_t i = 0; i < COUNT_OF(SUFFIXES); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s%s", f->path, SUFFIXES[i]);
        unlink(path);
    }
    rmdir(f->dir);
}

static inline void fixture_close(struct fixture *f)
{
    so_db_close(f->db);
    fixture_remove(f);
}

static inline int fixture_run_sql(void *sql, struct so_conn *conn, struct so_err *err)
{
    return so_conn_exec(conn, *(const char **)sql, err);
}

/* Through the writer; f->err holds the failure. */
static inline int fixture_try(struct fixture *f, const char *sql)
{
    f->err = SO_ERR_INIT;
    return so_db_write(f->db, fixture_run_sql, (void *)&sql, &f->err);
}

static inline void fixture_exec(struct fixture *f, const char *sql)
{
    if (fixture_try(f, sql) != SO_OK)
        fail_msg("%s: %s", sql, f->err.message);
}

/* The first cell of the first row as text, "" for NULL or no row. */
static inline void fixture_cell(struct so_conn *conn, const char *sql, char *out, size_t size)
{
    struct so_err err = SO_ERR_INIT;
    struct so_stmt *st;
    bool row = false;
    if (so_conn_prepare(conn, so_str_c(sql), &st, &err) != SO_OK || so_stmt_step(st, &row, &err) != SO_OK)
        fail_msg("%s: %s", sql, err.message);
    struct so_str text = row ? so_stmt_text(st, 0) : SO_STR("");
    snprintf(out, size, "%.*s", SO_STR_ARG(text));
    so_stmt_done(st);
}

static inline void assert_cell(struct so_conn *conn, const char *sql, const char *want)
{
    char got[4096];
    fixture_cell(conn, sql, got, sizeof(got));
    if (strcmp(got, want) != 0)
        fail_msg("%s\n got:  %s\n want: %s", sql, got, want);
}

#endif
