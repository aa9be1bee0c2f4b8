/* sqlite_int.h: what the files of db/ share about one SQLite connection.  Not for other modules. */
#ifndef SO_DB_SQLITE_INT_H
#define SO_DB_SQLITE_INT_H

#include <sqlite3.h>

#include "db/db.h"

/* Idle statements a connection keeps, and the buckets they are found in (a power of two). */
enum { SO_STMT_IDLE_MAX = 128, SO_STMT_BUCKETS = 256 };

enum so_conn_kind { SO_CONN_READER, SO_CONN_WRITER };

struct so_stmt {
    sqlite3_stmt *sqlite;
    struct so_conn *conn;
    int rc;                      /* SQLite's code of a bind that failed, for the first step */
    bool started;                /* stepped since it was taken */
    struct so_stmt *bucket_next; /* the rest is the cache's, while idle */
    struct so_stmt *newer, *older;
    uint64_t hash;
    size_t sql_len;
    char sql[]; /* its key */
};

struct so_conn {
    sqlite3 *sqlite;
    enum so_conn_kind kind;
    int64_t deadline;        /* on so_clock_mono_ns()'s scale */
    int64_t now_us;          /* what so_now() says during this statement; 0: not asked yet */
    bool ends_transactions;  /* the writer itself is at work: BEGIN and COMMIT are allowed */
    int wal_pages;           /* in the WAL after the last commit (writer) */
    struct so_err raised;    /* what a function of ours failed with, until the step returns */
    struct so_arena scratch; /* for one call of a function of ours */
    size_t taken;            /* statements out of the cache */
    size_t idle;             /* statements in it */
    struct so_stmt *newest, *oldest;
    struct so_stmt *buckets[SO_STMT_BUCKETS];
    struct so_conn *next; /* the pool's */
};

/* sqlite.c: configures the library, once in a process and before anything else calls it. */
int so_sqlite_init(struct so_err *err) SO_MUST_CHECK;
int so_conn_open(const char *path, enum so_conn_kind kind, struct so_conn **out, struct so_err *err) SO_MUST_CHECK;

/* sqlerror.c: fills err from what `sqlite_rc` and the connection's message say; returns its code. */
int so_conn_fail(struct so_conn *conn, int sqlite_rc, struct so_err *err);
/* Makes the running SQL function fail with `err`, which the statement's step will then return as it is. */
void so_conn_raise(sqlite3_context *context, const struct so_err *err);

/* statement.c */
void so_stmt_cache_deinit(struct so_conn *conn);
/* Ends every statement that a careless job left running. */
void so_stmt_reset_all(struct so_conn *conn);

/* Each returns an SQLite code.  The connection is the functions' user data. */
int so_functions_register(struct so_conn *conn);
int so_match_register(struct so_conn *conn);
int so_shape_register(struct so_conn *conn);
int so_input_register(struct so_conn *conn);
int so_contains_register(struct so_conn *conn);

/* One row of a table of SQL functions. */
struct so_sql_function {
    const char *name;
    int args; /* -1: any number */
    int flags;
    void (*call)(sqlite3_context *, int, sqlite3_value **);
    void (*step)(sqlite3_context *, int, sqlite3_value **); /* an aggregate has these two instead */
    void (*final)(sqlite3_context *);
};
int so_conn_add_functions(struct so_conn *conn, const struct so_sql_function *table, size_t count);
/* A function's result in memory of so_malloc(), which it takes over. */
void so_result_buf(sqlite3_context *context, struct so_buf *buf, const char *what);

#endif
