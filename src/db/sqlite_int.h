/* sqlite_int.h: what the files of db/ share about one SQLite connection.  Not for other modules. */
#ifndef SO_DB_SQLITE_INT_H
#define SO_DB_SQLITE_INT_H

#include <sqlite3.h>

#include "db/db_int.h"
#include "db/lru.h"

enum { SO_STMT_IDLE_MAX = 128 }; /* idle statements a connection keeps */

struct so_sqlite {
    struct so_conn base;
    sqlite3 *sqlite;
    enum so_conn_kind kind;
    int64_t now_us;          /* what so_now() says during this statement; 0: not asked yet */
    bool ends_transactions;  /* the writer itself is at work: BEGIN and COMMIT are allowed */
    int wal_pages;           /* in the WAL after the last commit (writer) */
    struct so_err raised;    /* what a function of ours failed with, until the step returns */
    struct so_arena scratch; /* for one call of a function of ours */
    size_t taken;            /* statements out of the cache */
    struct so_lru idle;      /* those in it */
};

struct so_sqlite_stmt {
    struct so_stmt base;
    sqlite3_stmt *sqlite;
    struct so_sqlite *conn;
    struct so_lru_item item; /* the cache's, while idle */
    int rc;                  /* SQLite's code of a bind that failed, for the first step */
    bool started;            /* stepped since it was taken */
    char sql[];              /* its key */
};

static inline struct so_sqlite *so_sqlite_of(struct so_conn *base) { return SO_CONTAINER_OF(base, struct so_sqlite, base); }

static inline struct so_sqlite_stmt *so_sqlite_stmt(struct so_stmt *base)
{
    return SO_CONTAINER_OF(base, struct so_sqlite_stmt, base);
}

/* sqlite.c: configures the library, once in a process and before anything else calls it. */
int so_sqlite_init(struct so_err *err) SO_MUST_CHECK;
int so_sqlite_open(const char *path, enum so_conn_kind kind, struct so_sqlite **out, struct so_err *err) SO_MUST_CHECK;

/* sqlite_error.c: fills err from what `sqlite_rc` and the connection's message say; returns its code. */
int so_sqlite_fail(struct so_sqlite *conn, int sqlite_rc, struct so_err *err);
/* Makes the running SQL function fail with `err`, which the statement's step will then return as it is. */
void so_sqlite_raise(sqlite3_context *context, const struct so_err *err);

/* sqlite_statement.c */
int so_sqlite_prepare(struct so_conn *base, struct so_str sql, struct so_stmt **out, struct so_err *err) SO_MUST_CHECK;
int so_sqlite_exec(struct so_conn *base, const char *sql, struct so_err *err) SO_MUST_CHECK;
void so_sqlite_cache_deinit(struct so_sqlite *conn);
/* Ends every statement that a careless job left running. */
void so_sqlite_reset_all(struct so_sqlite *conn);

/* sqlite_writer.c */
/* sqlite_lock.c: SO_EBUSY when another process serves this file; whose turn it is to write. */
int so_sqlite_serve_lock(const char *path, int *out_fd, struct so_err *err) SO_MUST_CHECK;
int so_sqlite_turn_open(const char *path, int *out_fd, struct so_err *err) SO_MUST_CHECK;
void so_sqlite_turn_take(int fd);
void so_sqlite_turn_give(int fd);
void so_sqlite_lock_close(int fd); /* -1 is fine */
int so_sqlite_writer_open(const struct so_db_setup *setup, struct so_writer **out, struct so_err *err) SO_MUST_CHECK;
void so_sqlite_writer_close(struct so_writer *base);

/* Each returns an SQLite code.  The connection is the functions' user data. */
int so_functions_register(struct so_sqlite *conn);
int so_match_register(struct so_sqlite *conn);
int so_shape_register(struct so_sqlite *conn);
int so_input_register(struct so_sqlite *conn);
int so_contains_register(struct so_sqlite *conn);

/* One row of a table of SQL functions. */
struct so_sql_function {
    const char *name;
    int args; /* -1: any number */
    int flags;
    void (*call)(sqlite3_context *, int, sqlite3_value **);
    void (*step)(sqlite3_context *, int, sqlite3_value **); /* an aggregate has these two instead */
    void (*final)(sqlite3_context *);
};
int so_sqlite_add_functions(struct so_sqlite *conn, const struct so_sql_function *table, size_t count);
/* A function's result in memory of so_malloc(), which it takes over. */
void so_result_buf(sqlite3_context *context, struct so_buf *buf, const char *what);

#endif
