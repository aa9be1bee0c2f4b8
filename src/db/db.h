/* db.h: the database: connections and statements, readers, and the one writer.
 *
 * SQLite, in a file:
 *   readers: one connection per event loop and a small pool for worker threads, read only, each sees the last commit
 *   writer:  one thread owns the only connection that writes.  It takes every job that waits, runs each in a savepoint of
 * its own, commits them all with one fsync, and only then calls their done(): acknowledged means durable.
 * The writer alone checkpoints, too (readers never do, not even when they close): SQLite before 3.51.3 can corrupt a WAL
 * when two connections write or checkpoint at the same instant (sqlite.org/wal.html#walresetbug).
 * For the same reason the writers of several processes take turns, a batch each; and one process at a time serves a file.
 *
 * PostgreSQL, at a URL (these calls block; what an event loop calls is pg_pool.h):
 *   readers: connections that are read only, each outside a transaction until somebody opens one
 *   writers: a few threads, each with a connection, run one job at a time in a transaction of its own (read committed,
 * unless the job asks for more); jobs of several threads run at once, and their done() may be called at once. A server that
 * went away is an error with id 08... and status 503; the next call finds it again when it is back.
 *
 * A statement that runs into its deadline fails with SO_ETIMEOUT; a lock that another process holds with SO_EBUSY.
 * Errors of the database become SO_EDB with err->id the SQLSTATE of PostgreSQL (23505, 23503, 23502, 23514, 57014, ...). */
#ifndef SO_DB_DB_H
#define SO_DB_DB_H

#include "core/buf.h"
#include "core/err.h"
#include "core/str.h"
#include "db/type.h"
#include "json/json.h"

struct so_db;   /* one per process */
struct so_conn; /* one connection; one thread at a time */
struct so_stmt; /* a prepared statement, borrowed from its connection's cache until so_stmt_done() */

struct so_db_options {
    unsigned pool_size;    /* readers for worker threads; 0 means 4 */
    size_t queue_max;      /* jobs waiting for the writer; 0 means 4096; beyond it SO_EBUSY */
    size_t batch_max;      /* jobs in one commit; 0 means 256 */
    unsigned statement_ms; /* time limit of a job, and of what a worker does with a reader it took; 0 means 8000 */
    bool serves;           /* SO_EBUSY when another process does already */
    bool read_only;        /* no writer: for commands that only look */
    /* PostgreSQL only: */
    unsigned job_threads; /* each with a connection of its own; 0 means 4 */
    bool unprepared;      /* no prepared statements or session settings: for a pooler in transaction mode (pgbouncer) */
};

/* `url` is one of PostgreSQL ("postgres://...", "postgresql://..."), or the path of an SQLite file, which is made with mode
 * 0600 if it is not there: WAL, synchronous=FULL, foreign keys on.  A PostgreSQL server need not be there yet. */
int so_db_open(const char *url, const struct so_db_options *options, struct so_db **out, struct so_err *err) SO_MUST_CHECK;
bool so_db_is_postgres(const struct so_db *db);
bool so_db_is_postgres_url(struct so_str url);
/* Waits for the jobs that were taken, checkpoints, closes.  NULL is fine. */
void so_db_close(struct so_db *db);

/* ---- readers ---- */

int so_db_reader_open(struct so_db *db, struct so_conn **out, struct so_err *err) SO_MUST_CHECK;
void so_conn_close(struct so_conn *conn); /* NULL is fine */
/* From the workers' pool; waits until one is free.  Give it back on the same thread. */
int so_db_reader_take(struct so_db *db, struct so_conn **out, struct so_err *err) SO_MUST_CHECK;
void so_db_reader_give(struct so_db *db, struct so_conn *conn);

/* ---- writer ---- */

struct so_db_job {
    /* Runs on the writer's thread inside a savepoint.  What it returns, if not SO_OK, undoes its own changes and no other's.
     */
    int (*run)(struct so_db_job *job, struct so_conn *conn, struct so_err *err);
    /* On the writer's thread, after the commit's fsync (rc == SO_OK) or the failure.  Be short: post to a loop. */
    void (*done)(struct so_db_job *job);
    int rc;            /* for done() */
    struct so_err err; /* for done() */
    bool repeatable;   /* run() may be called again after its changes were undone, and then starts from scratch: see below */
    bool alone;        /* see so_db_migrate() */
    bool serializable; /* on PostgreSQL: as if jobs like it ran one after another, which those of SQLite always do */
    struct so_db_job *next; /* private */
};
/* On SQLite some failures (a statement stopped in the middle of a write, a full disk, no memory) make SQLite undo the whole
 * transaction.  The other jobs of the batch are then run again when they are repeatable, else they fail with 40001.
 * On PostgreSQL a repeatable job that met another's transaction (40001, 40P01) is run again, a few times. */

/* Queues.  The job is the caller's until done().  SO_EBUSY when the queue is full, SO_ECLOSED, SO_EDENIED when read only. */
int so_db_submit(struct so_db *db, struct so_db_job *job, struct so_err *err) SO_MUST_CHECK;
/* The same, waiting for the end: for worker threads and commands. */
int so_db_write(struct so_db *db, int (*run)(void *arg, struct so_conn *conn, struct so_err *err), void *arg,
                struct so_err *err) SO_MUST_CHECK;
/* The same for changes of the schema: alone in its transaction, without a time limit, and with foreign keys not enforced
 * while it runs, since dropping a table would otherwise delete or nullify the rows that refer to it.  They are all checked
 * before the commit: 23503.  (On PostgreSQL they stay enforced; migrations of all processes come one after another.) */
int so_db_migrate(struct so_db *db, int (*run)(void *arg, struct so_conn *conn, struct so_err *err), void *arg,
                  struct so_err *err) SO_MUST_CHECK;
/* fn(arg) is called on a thread that writes after each commit, before the jobs' done(): be short.  One listener; NULL ends
 * it, and returns when no call is under way any more.  Nothing happens when the database was opened read only. */
void so_db_on_commit(struct so_db *db, void (*fn)(void *arg), void *arg);
/* Counters for /metrics and benchmarks: commits, jobs, largest batch. */
struct so_db_stats {
    uint64_t commits, jobs, batch_largest, queue_length;
};
void so_db_get_stats(struct so_db *db, struct so_db_stats *out);

/* ---- statements ---- */

/* Parameters are ?1, ?2 ... and named ones (:auth_uid); on PostgreSQL also $1.
 * Finds the SQL in the connection's cache or prepares it.  A statement has bindings cleared.  SQL with a syntax error or an
 * unknown name: SO_EDB, id 42601, 42703 or 42P01 (from the first step, where statements are not prepared). */
int so_conn_prepare(struct so_conn *conn, struct so_str sql, struct so_stmt **out, struct so_err *err) SO_MUST_CHECK;
/* Several statements separated by ';', no results, no cache: migrations. */
int so_conn_exec(struct so_conn *conn, const char *sql, struct so_err *err) SO_MUST_CHECK;
/* Statements that run longer fail with SO_ETIMEOUT, id 57014; INT64_MAX: no limit.  On so_clock_mono_ns()'s scale. */
void so_conn_set_deadline(struct so_conn *conn, int64_t mono_ns);

/* Position is 1-based.  Text is borrowed until so_stmt_done().  An error is kept and returned by the first so_stmt_step().
 */
void so_stmt_bind_null(struct so_stmt *st, int position);
void so_stmt_bind_i64(struct so_stmt *st, int position, int64_t value);
void so_stmt_bind_double(struct so_stmt *st, int position, double value);
void so_stmt_bind_text(struct so_stmt *st, int position, struct so_str value); /* p == NULL binds NULL */
void so_stmt_bind_blob(struct so_stmt *st, int position, struct so_str value);
/* A pointer that SQL functions of ours read (shape.h, input.h); `kind` is the literal they ask for.  SQLite only: elsewhere
 * the first step fails with 0A000. */
void so_stmt_bind_pointer(struct so_stmt *st, int position, const void *pointer, const char *kind);
/* Position of a named parameter (":auth_uid"), 0 when the statement has none. */
int so_stmt_parameter(struct so_stmt *st, const char *name);

/* PostgreSQL's columns are its text; bytea is its bytes, and so_stmt_i64() of a boolean 0 or 1.
 * *out_row: true with a row, false at the end. */
int so_stmt_step(struct so_stmt *st, bool *out_row, struct so_err *err) SO_MUST_CHECK;
int so_stmt_column_count(const struct so_stmt *st);
/* Borrowed from the statement; "" when memory ran out. */
struct so_str so_stmt_column_name(const struct so_stmt *st, int column);
bool so_stmt_is_null(struct so_stmt *st, int column); /* 0-based */
int64_t so_stmt_i64(struct so_stmt *st, int column);
double so_stmt_double(struct so_stmt *st, int column);
struct so_str so_stmt_text(struct so_stmt *st, int column); /* borrowed until the next step; {NULL,0} for NULL */
int64_t so_stmt_changes(struct so_stmt *st);                /* rows the last write touched */
void so_stmt_done(struct so_stmt *st);                      /* back to the cache; NULL is fine */

#endif
