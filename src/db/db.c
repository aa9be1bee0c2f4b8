/* db.c: opens and closes the database; hands work to the pool and the writer. */
#include "db/db_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"
#include "db/sqlite_int.h"

enum { POOL_SIZE = 4, QUEUE_MAX = 4096, BATCH_MAX = 256, STATEMENT_MS = 8000 };

struct so_db {
    char *path;
    struct so_writer *writer; /* NULL: read only */
    struct so_pool pool;
};

/* A new file must not be readable by others, not even for a moment; the WAL's files inherit its mode.  Closing a descriptor
 * of a file drops the process's POSIX locks on it, SQLite's too, so this one is opened only where there was no file. */
static int create_file(const char *path, struct so_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return so_fail_http(err, SO_EIO, 0, "58030", "cannot make the database %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return SO_OK;
}

static int open_parts(struct so_db *db, const struct so_db_options *o, struct so_err *err)
{
    int64_t statement_ns = (int64_t)(o->statement_ms == 0 ? STATEMENT_MS : o->statement_ms) * 1000000;
    so_pool_init(&db->pool, db->path, o->pool_size == 0 ? POOL_SIZE : o->pool_size, statement_ns);
    if (o->read_only)
        return so_fs_exists(db->path) ? SO_OK : so_fail(err, SO_ENOTFOUND, "there is no database %s", db->path);
    int rc = create_file(db->path, err);
    if (rc != SO_OK)
        return rc;
    struct so_writer_options options = {
        .queue_max = o->queue_max == 0 ? QUEUE_MAX : o->queue_max,
        .batch_max = o->batch_max == 0 ? BATCH_MAX : o->batch_max,
        .statement_ns = statement_ns,
    };
    return so_writer_open(db->path, &options, &db->writer, err);
}

int so_db_open(const char *path, const struct so_db_options *options, struct so_db **out, struct so_err *err)
{
    static const struct so_db_options DEFAULTS;
    struct so_db *db = so_calloc(1, sizeof(*db));
    if (db == NULL)
        return so_err_oom(err);
    db->path = so_strndup(path, strlen(path));
    if (db->path == NULL) {
        so_free(db);
        return so_err_oom(err);
    }
    int rc = open_parts(db, options == NULL ? &DEFAULTS : options, err);
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
    so_writer_close(db->writer); /* last, so that its checkpoint finds no reader in the way */
    so_free(db->path);
    so_free(db);
}

int so_db_reader_open(struct so_db *db, struct so_conn **out, struct so_err *err)
{
    return so_conn_open(db->path, SO_CONN_READER, out, err);
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
