/* db_int.h: what the files of db/ share: the kinds of database, connections and statements of any kind, the pool of readers,
 * and the queue of jobs.  Not for other modules. */
#ifndef SO_DB_DB_INT_H
#define SO_DB_DB_INT_H

#include <pthread.h>

#include "core/thread.h"
#include "db/db.h"

struct so_writer;

enum so_conn_kind { SO_CONN_READER, SO_CONN_WRITER };

/* What so_db_open() was given, with the defaults filled in. */
struct so_db_setup {
    const char *url; /* of the database, or its file's path */
    struct so_db_options options;
    int64_t statement_ns;
};

/* ---- a kind of database ---- */

struct so_driver {
    bool (*takes)(struct so_str url);
    /* Before anything is opened: makes or finds the file.  NULL: nothing to do. */
    int (*check)(const struct so_db_setup *setup, struct so_err *err);
    int (*conn_open)(const struct so_db_setup *setup, enum so_conn_kind kind, struct so_conn **out, struct so_err *err);
    void (*conn_close)(struct so_conn *conn);
    bool (*conn_is_usable)(const struct so_conn *conn); /* false: not worth going back to the pool.  NULL: always is */
    int (*prepare)(struct so_conn *conn, struct so_str sql, struct so_stmt **out, struct so_err *err);
    int (*exec)(struct so_conn *conn, const char *sql, struct so_err *err);
    bool (*in_transaction)(const struct so_conn *conn);
    int (*writer_open)(const struct so_db_setup *setup, struct so_writer **out, struct so_err *err);
    void (*writer_close)(struct so_writer *w); /* does the jobs that wait */
};

extern const struct so_driver so_sqlite_driver;
extern const struct so_driver so_pg_driver; /* only in a build with PostgreSQL */

/* The first member of every connection. */
struct so_conn {
    const struct so_driver *driver;
    int64_t deadline;     /* on so_clock_mono_ns()'s scale */
    struct so_conn *next; /* the pool's */
};

bool so_conn_in_transaction(const struct so_conn *conn);

/* What a statement does: as db.h says of so_stmt_NAME(). */
struct so_stmt_ops {
    void (*bind_null)(struct so_stmt *st, int position);
    void (*bind_i64)(struct so_stmt *st, int position, int64_t value);
    void (*bind_double)(struct so_stmt *st, int position, double value);
    void (*bind_text)(struct so_stmt *st, int position, struct so_str value);
    void (*bind_blob)(struct so_stmt *st, int position, struct so_str value);
    void (*bind_pointer)(struct so_stmt *st, int position, const void *pointer, const char *kind);
    int (*parameter)(struct so_stmt *st, const char *name);
    int (*step)(struct so_stmt *st, bool *out_row, struct so_err *err);
    int (*column_count)(const struct so_stmt *st);
    struct so_str (*column_name)(const struct so_stmt *st, int column);
    bool (*is_null)(struct so_stmt *st, int column);
    int64_t (*i64)(struct so_stmt *st, int column);
    double (*real)(struct so_stmt *st, int column);
    struct so_str (*text)(struct so_stmt *st, int column);
    int64_t (*changes)(struct so_stmt *st);
    void (*done)(struct so_stmt *st);
};

/* The first member of every statement. */
struct so_stmt {
    const struct so_stmt_ops *ops;
};

/* ---- connections for worker threads, opened when they are first needed ---- */

struct so_pool {
    pthread_mutex_t lock;
    pthread_cond_t given_back;
    const struct so_driver *driver;
    const struct so_db_setup *setup;
    struct so_conn *free; /* linked by next */
    unsigned open;
};

void so_pool_init(struct so_pool *pool, const struct so_driver *driver, const struct so_db_setup *setup);
void so_pool_deinit(struct so_pool *pool); /* every connection is back */
int so_pool_take(struct so_pool *pool, struct so_conn **out, struct so_err *err) SO_MUST_CHECK;
void so_pool_give(struct so_pool *pool, struct so_conn *conn);

/* ---- jobs that wait for a thread that writes ---- */

/* The first member of every writer. */
struct so_writer {
    pthread_mutex_t lock;
    pthread_cond_t work; /* for its threads: a job, or the end */
    /* under the lock: */
    struct so_db_job *head, **tail;
    size_t queued, queue_max;
    bool is_closing;
    struct so_db_stats stats;
    void (*on_commit)(void *arg); /* NULL: nobody listens */
    void *on_commit_arg;
};

void so_writer_init(struct so_writer *w, size_t queue_max);
void so_writer_deinit(struct so_writer *w);
int so_writer_submit(struct so_writer *w, struct so_db_job *job, struct so_err *err) SO_MUST_CHECK;
/* Takes up to `max` jobs into out[], a job that is `alone` alone, with rc and err cleared; waits for the first.  0 at the
 * end: it is closing and nothing waits. */
size_t so_writer_take(struct so_writer *w, struct so_db_job **out, size_t max);
/* Counts one commit's jobs and calls done() of each: they are the caller's again, and may be gone. */
void so_writer_tell(struct so_writer *w, struct so_db_job *const *jobs, size_t count);
/* After it so_writer_take() ends; new jobs are refused. */
void so_writer_end(struct so_writer *w);
/* Called on one of its threads? */
bool so_writer_is_this_thread(const struct so_writer *w);
/* run() of such a thread calls it first. */
void so_writer_enter(const struct so_writer *w);
void so_writer_on_commit(struct so_writer *w, void (*fn)(void *arg), void *arg);
void so_writer_stats(struct so_writer *w, struct so_db_stats *out);
/* Fills the job's rc and err; the first error stays. */
void so_job_end(struct so_db_job *job, int rc, const struct so_err *err);

#endif
