/* db.c: opens and closes the database; hands work to the pool and the writer. */
#include "db/db_int.h"

#include <string.h>

#include "core/mem.h"

enum { POOL_SIZE = 4, QUEUE_MAX = 4096, BATCH_MAX = 256, STATEMENT_MS = 8000, JOB_THREADS = 4 };

struct so_db {
    char *url;
    struct so_db_setup setup; /* its url is ours */
    const struct so_driver *driver;
    struct so_writer *writer; /* NULL: read only */
    struct so_pool pool;
};

/* The first that takes the URL; SQLite takes everything. */
static const struct so_driver *const DRIVERS[] = {
#ifdef SO_POSTGRES
    &so_pg_driver,
#endif
    &so_sqlite_driver,
};

static const struct so_driver *find_driver(struct so_str url)
{
    size_t i = 0;
    while (!DRIVERS[i]->takes(url))
        i++;
    return DRIVERS[i];
}

bool so_db_is_postgres_url(struct so_str url)
{
    return so_str_starts(url, SO_STR("postgres://")) || so_str_starts(url, SO_STR("postgresql://"));
}

static unsigned given(unsigned value, unsigned otherwise) { return value == 0 ? otherwise : value; }

static void fill_in_defaults(struct so_db_setup *setup)
{
    struct so_db_options *o = &setup->options;
    o->pool_size = given(o->pool_size, POOL_SIZE);
    o->queue_max = o->queue_max == 0 ? QUEUE_MAX : o->queue_max;
    o->batch_max = o->batch_max == 0 ? BATCH_MAX : o->batch_max;
    o->statement_ms = given(o->statement_ms, STATEMENT_MS);
    o->job_threads = given(o->job_threads, JOB_THREADS);
    setup->statement_ns = (int64_t)o->statement_ms * 1000000;
}

static int open_parts(struct so_db *db, struct so_err *err)
{
    int rc = db->driver->check == NULL ? SO_OK : db->driver->check(&db->setup, err);
    if (rc == SO_OK && !db->setup.options.read_only)
        rc = db->driver->writer_open(&db->setup, &db->writer, err);
    return rc;
}

int so_db_open(const char *url, const struct so_db_options *options, struct so_db **out, struct so_err *err)
{
#ifndef SO_POSTGRES
    if (so_db_is_postgres_url(so_str_c(url)))
        return so_fail(err, SO_EINVAL, "this program was built without PostgreSQL: name a file");
#endif
    struct so_db *db = so_calloc(1, sizeof(*db));
    if (db == NULL)
        return so_err_oom(err);
    db->url = so_strndup(url, strlen(url));
    if (db->url == NULL) {
        so_free(db);
        return so_err_oom(err);
    }
    db->driver = find_driver(so_str_c(url));
    db->setup.url = db->url;
    if (options != NULL)
        db->setup.options = *options;
    fill_in_defaults(&db->setup);
    so_pool_init(&db->pool, db->driver, &db->setup);
    int rc = open_parts(db, err);
    if (rc != SO_OK) {
        so_db_close(db);
        return rc;
    }
    *out = db;
    return SO_OK;
}

void so_db_close(struct so_db *db)
{
    if (db == NULL)
        return;
    so_pool_deinit(&db->pool);
    if (db->writer != NULL)
        db->driver->writer_close(db->writer); /* last, so that SQLite's checkpoint finds no reader in the way */
    so_free(db->url);
    so_free(db);
}

bool so_db_is_postgres(const struct so_db *db) { return db->driver != &so_sqlite_driver; }

int so_db_reader_open(struct so_db *db, struct so_conn **out, struct so_err *err)
{
    return db->driver->conn_open(&db->setup, SO_CONN_READER, out, err);
}

int so_db_reader_take(struct so_db *db, struct so_conn **out, struct so_err *err)
{
    return so_pool_take(&db->pool, out, err);
}

void so_db_reader_give(struct so_db *db, struct so_conn *conn) { so_pool_give(&db->pool, conn); }

int so_db_submit(struct so_db *db, struct so_db_job *job, struct so_err *err)
{
    if (db->writer == NULL)
        return so_fail_http(err, SO_EDENIED, 0, "25006", "the database was opened read only");
    return so_writer_submit(db->writer, job, err);
}

void so_db_on_commit(struct so_db *db, void (*fn)(void *arg), void *arg)
{
    if (db->writer != NULL)
        so_writer_on_commit(db->writer, fn, arg);
}

void so_db_get_stats(struct so_db *db, struct so_db_stats *out)
{
    *out = (struct so_db_stats){0};
    if (db->writer != NULL)
        so_writer_stats(db->writer, out);
}

/* ---- waiting for a job ---- */

struct waiter {
    struct so_db_job job;
    int (*run)(void *arg, struct so_conn *conn, struct so_err *err);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_done;
};

static int run_waiter(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    struct waiter *w = SO_CONTAINER_OF(job, struct waiter, job);
    return w->run(w->arg, conn, err);
}

static void end_waiter(struct so_db_job *job)
{
    struct waiter *w = SO_CONTAINER_OF(job, struct waiter, job);
    pthread_mutex_lock(&w->lock);
    w->is_done = true;
    pthread_cond_signal(&w->ended); /* under the lock: w is on a stack that may unwind right after it */
    pthread_mutex_unlock(&w->lock);
}

static int submit_and_wait(struct so_db *db, struct so_db_job options, int (*run)(void *, struct so_conn *, struct so_err *),
                           void *arg, struct so_err *err)
{
    if (db->writer != NULL && so_writer_is_this_thread(db->writer))
        return so_fail(err, SO_EINVAL, "the writer cannot wait for itself");
    struct waiter w = {
        .job = options, .run = run, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    w.job.run = run_waiter;
    w.job.done = end_waiter;
    int rc = so_db_submit(db, &w.job, err);
    if (rc != SO_OK)
        return rc;
    pthread_mutex_lock(&w.lock);
    while (!w.is_done)
        pthread_cond_wait(&w.ended, &w.lock);
    pthread_mutex_unlock(&w.lock);
    if (w.job.rc != SO_OK && err != NULL && err->code == SO_OK)
        *err = w.job.err;
    return w.job.rc;
}

int so_db_write(struct so_db *db, int (*run)(void *arg, struct so_conn *conn, struct so_err *err), void *arg,
                struct so_err *err)
{
    return submit_and_wait(db, (struct so_db_job){.run = NULL}, run, arg, err);
}

int so_db_migrate(struct so_db *db, int (*run)(void *arg, struct so_conn *conn, struct so_err *err), void *arg,
                  struct so_err *err)
{
    return submit_and_wait(db, (struct so_db_job){.alone = true}, run, arg, err);
}
