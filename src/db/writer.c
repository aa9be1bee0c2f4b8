/* writer.c: the one thread that writes, and group commit.
 *
 *   queue -> take what waits -> BEGIN -> [SAVEPOINT job RELEASE]... -> COMMIT -> done() for all -> checkpoint if due
 *                                 ^                |
 *                                 +- run again <---+ SQLite undid the whole transaction
 *
 * A job in a batch is TODO, then RAN (inside the open transaction), then ENDED with a result.  RAN becomes ENDED with SO_OK
 * in one place only: after COMMIT returned, that is, after its fsync.  When SQLite gives up a transaction by itself (it does
 * so for SQLITE_FULL, IOERR, NOMEM and an interrupted write) what RAN is lost: such jobs go back to TODO if they may be
 * repeated, and fail if not.  Each such turn ends at least the guilty job, so that a batch comes to an end. */
#include "db/db_int.h"

#include <signal.h>

#include "core/clock.h"
#include "core/mem.h"
#include "db/sqlite_int.h"

enum {
    CHECKPOINT_PAGES = 1000, /* written to the WAL since the last checkpoint */
    WAL_PAGES_LARGE = 16000, /* 64 MiB: from here on a checkpoint waits for readers to let go */
    CHECKPOINT_WAIT_MS = 50, /* but not longer than this */
    BUSY_MS = 5000           /* as sqlite.c set it */
};

enum control { BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, ROLLBACK_TO, CONTROL_COUNT };
static const char *const CONTROLS[] = {
    [BEGIN] = "BEGIN IMMEDIATE",      [COMMIT] = "COMMIT",          [ROLLBACK] = "ROLLBACK",
    [SAVEPOINT] = "SAVEPOINT so_job", [RELEASE] = "RELEASE so_job", [ROLLBACK_TO] = "ROLLBACK TO so_job",
};

enum task_state { TODO, RAN, ENDED };
struct task {
    struct so_db_job *job;
    enum task_state state;
};

struct so_writer {
    struct so_conn *conn;
    sqlite3_stmt *controls[CONTROL_COUNT];
    struct so_writer_options options;
    struct task *batch; /* options.batch_max of them, the thread's own */
    size_t batch_len;
    int checkpointed; /* pages of the WAL that a checkpoint has seen */

    pthread_t thread;
    bool is_running; /* the thread was started */
    pthread_mutex_t lock;
    pthread_cond_t work; /* for the thread: a job or the end */
    /* under the lock: */
    struct so_db_job *head, **tail;
    size_t queued;
    bool is_closing;
    struct so_db_stats stats;
    void (*on_commit)(void *arg); /* NULL: nobody listens */
    void *on_commit_arg;
};

/* ---- the transaction ---- */

static int control(struct so_writer *w, enum control which, struct so_err *err)
{
    sqlite3_stmt *st = w->controls[which];
    int rc = sqlite3_step(st);
    if (rc == SQLITE_DONE) {
        sqlite3_reset(st);
        return SO_OK;
    }
    int code = so_conn_fail(w->conn, rc, err);
    sqlite3_reset(st);
    return code;
}

static bool in_transaction(const struct so_writer *w) { return !sqlite3_get_autocommit(w->conn->sqlite); }

static void roll_back(struct so_writer *w)
{
    if (in_transaction(w))
        (void)!control(w, ROLLBACK, NULL);
}

static int begin(struct so_writer *w, struct so_err *err)
{
    roll_back(w); /* only if an earlier rollback failed */
    return control(w, BEGIN, err);
}

static void end_job(struct task *t, int rc, const struct so_err *err)
{
    t->state = ENDED;
    t->job->rc = rc;
    if (rc != SO_OK && err != NULL && t->job->err.code == SO_OK)
        t->job->err = *err;
    if (rc != SO_OK && t->job->err.code == SO_OK)
        so_fail(&t->job->err, rc, "the write failed");
}

static void end_all(struct so_writer *w, enum task_state state, int rc, const struct so_err *err)
{
    for (size_t i = 0; i < w->batch_len; i++)
        if (w->batch[i].state == state)
            end_job(&w->batch[i], rc, err);
}

static size_t count_state(const struct so_writer *w, enum task_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < w->batch_len; i++)
        n += w->batch[i].state == state;
    return n;
}

/* A deferred constraint that is broken now must not break the commit of the others later. */
static int check_deferred(struct so_writer *w, struct so_err *err)
{
    int pending = 0, highest = 0;
    sqlite3_db_status(w->conn->sqlite, SQLITE_DBSTATUS_DEFERRED_FKS, &pending, &highest, 0);
    return pending == 0 ? SO_OK : so_conn_fail(w->conn, SQLITE_CONSTRAINT_FOREIGNKEY, err);
}

static int call(struct so_writer *w, struct so_db_job *job)
{
    struct so_conn *conn = w->conn;
    job->err = SO_ERR_INIT;
    so_conn_set_deadline(conn, job->alone ? INT64_MAX : so_clock_mono_ns() + w->options.statement_ns);
    conn->ends_transactions = false;
    int rc = job->run(job, conn, &job->err);
    conn->ends_transactions = true;
    so_conn_set_deadline(conn, INT64_MAX);
    if (conn->taken > 0)
        so_stmt_reset_all(conn);
    if (rc == SO_OK && !in_transaction(w)) /* it went on after an error that undid everything */
        rc = so_fail_http(&job->err, SO_EDB, 0, "25P02", "the transaction was aborted");
    return rc == SO_OK ? check_deferred(w, &job->err) : rc;
}

/* False when the transaction is gone, and with it what the jobs before did.  (A job that is alone would need no savepoint;
 * leaving it out gained nothing that db_bench could see.) */
static bool run_job(struct so_writer *w, struct task *t)
{
    struct so_err err = SO_ERR_INIT;
    int rc = control(w, SAVEPOINT, &err);
    if (rc != SO_OK) {
        end_job(t, rc, &err);
        return in_transaction(w);
    }
    rc = call(w, t->job);
    if (rc == SO_OK)
        rc = control(w, RELEASE, &t->job->err);
    if (rc == SO_OK) {
        t->state = RAN;
        return true;
    }
    end_job(t, rc, NULL);
    if (!in_transaction(w))
        return false;
    if (control(w, ROLLBACK_TO, NULL) == SO_OK && control(w, RELEASE, NULL) == SO_OK)
        return true;
    roll_back(w);
    return false;
}

/* False when the transaction is gone. */
static bool run_jobs(struct so_writer *w)
{
    for (size_t i = 0; i < w->batch_len; i++)
        if (w->batch[i].state == TODO && !run_job(w, &w->batch[i]))
            return false;
    return true;
}

static void commit(struct so_writer *w)
{
    struct so_err err = SO_ERR_INIT;
    int rc = control(w, COMMIT, &err);
    if (rc != SO_OK) {
        roll_back(w);
        /* After a failed fsync the WAL may hold the whole transaction, unseen; were the process to die now, recovery would
         * find it.  Emptying the WAL takes that chance away, if the disk still lets us. */
        sqlite3_wal_checkpoint_v2(w->conn->sqlite, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    end_all(w, RAN, rc, &err);
}

static void lose(struct so_writer *w)
{
    struct so_err err = SO_ERR_INIT;
    so_fail_http(&err, SO_EDB, 0, "40001", "could not write: another write of the same commit failed");
    so_err_hint(&err, "Try again.");
    for (size_t i = 0; i < w->batch_len; i++) {
        struct task *t = &w->batch[i];
        if (t->state == RAN && t->job->repeatable)
            t->state = TODO;
        else if (t->state == RAN)
            end_job(t, SO_EDB, &err);
    }
}

static void run_batch(struct so_writer *w)
{
    while (count_state(w, TODO) > 0) {
        struct so_err err = SO_ERR_INIT;
        int rc = begin(w, &err);
        if (rc != SO_OK)
            end_all(w, TODO, rc, &err);
        else if (run_jobs(w))
            commit(w);
        else
            lose(w);
    }
}

/* ---- a change of the schema ---- */

static int check_references(struct so_writer *w, struct so_err *err)
{
    struct so_stmt *st;
    bool row = false;
    int rc = so_conn_prepare(w->conn, SO_STR("SELECT \"table\", parent FROM pragma_foreign_key_check"), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row) {
        struct so_str table = so_stmt_text(st, 0), parent = so_stmt_text(st, 1);
        rc = so_fail_http(err, SO_EDB, 0, "23503", "a row of table \"%.*s\" refers to a row of \"%.*s\" that is not there",
                          SO_STR_ARG(table), SO_STR_ARG(parent));
    }
    so_stmt_done(st);
    return rc;
}

static void run_alone(struct so_writer *w)
{
    struct task *t = &w->batch[0];
    struct so_err err = SO_ERR_INIT;
    int rc = so_conn_exec(w->conn, "PRAGMA foreign_keys=OFF", &err); /* does nothing inside a transaction */
    if (rc == SO_OK)
        rc = begin(w, &err);
    if (rc != SO_OK) {
        end_job(t, rc, &err);
    } else if (!run_job(w, t) || t->state != RAN) {
        roll_back(w);
    } else {
        rc = check_references(w, &err);
        if (rc == SO_OK) {
            commit(w);
        } else {
            roll_back(w);
            end_job(t, rc, &err);
        }
    }
    for (int tries = 0; tries < 3 && so_conn_exec(w->conn, "PRAGMA foreign_keys=ON", NULL) != SO_OK; tries++)
        ;
}

/* ---- checkpoints ---- */

static void checkpoint_if_due(struct so_writer *w)
{
    int pages = w->conn->wal_pages;
    if (pages < w->checkpointed)
        w->checkpointed = 0; /* SQLite began the WAL anew */
    if (pages - w->checkpointed < CHECKPOINT_PAGES)
        return;
    bool is_large = pages >= WAL_PAGES_LARGE;
    int in_log = -1, moved = -1;
    sqlite3_busy_timeout(w->conn->sqlite, CHECKPOINT_WAIT_MS);
    sqlite3_wal_checkpoint_v2(w->conn->sqlite, "main", is_large ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
                              &in_log, &moved);
    sqlite3_busy_timeout(w->conn->sqlite, BUSY_MS);
    /* What a reader still holds back, or a failure left, is tried again after as many pages. */
    w->checkpointed = in_log == 0 ? 0 : pages;
    w->conn->wal_pages = w->checkpointed;
}

/* ---- the queue ---- */

int so_writer_submit(struct so_writer *w, struct so_db_job *job, struct so_err *err)
{
    int rc = SO_OK;
    job->next = NULL;
    pthread_mutex_lock(&w->lock);
    if (w->is_closing) {
        rc = so_fail(err, SO_ECLOSED, "the database is closing");
    } else if (w->queued >= w->options.queue_max) {
        rc = so_fail_http(err, SO_EBUSY, 503, "53300", "too many writes are waiting");
    } else {
        *w->tail = job;
        w->tail = &job->next;
        if (w->queued++ == 0)
            pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
    return rc;
}

/* Fills the batch; waits for the first job.  False at the end. */
static bool take_batch(struct so_writer *w)
{
    w->batch_len = 0;
    pthread_mutex_lock(&w->lock);
    while (w->head == NULL && !w->is_closing)
        pthread_cond_wait(&w->work, &w->lock);
    while (w->head != NULL && w->batch_len < w->options.batch_max) {
        struct so_db_job *job = w->head;
        if (job->alone && w->batch_len > 0)
            break;
        w->head = job->next;
        w->batch[w->batch_len++] = (struct task){job, TODO};
        if (job->alone)
            break;
    }
    if (w->head == NULL)
        w->tail = &w->head;
    w->queued -= w->batch_len;
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->batch_len; i++) { /* a job that cannot even start is told why, too */
        w->batch[i].job->rc = SO_OK;
        w->batch[i].job->err = SO_ERR_INIT;
    }
    return w->batch_len > 0;
}

static void tell(struct so_writer *w)
{
    size_t good = 0;
    for (size_t i = 0; i < w->batch_len; i++)
        good += w->batch[i].job->rc == SO_OK;
    pthread_mutex_lock(&w->lock);
    w->stats.commits += good > 0;
    w->stats.jobs += w->batch_len;
    if (w->stats.batch_largest < w->batch_len)
        w->stats.batch_largest = w->batch_len;
    if (good > 0 && w->on_commit != NULL)
        w->on_commit(w->on_commit_arg);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->batch_len; i++)
        w->batch[i].job->done(w->batch[i].job); /* the job is the caller's again, and may be gone */
}

static void *run_thread(void *arg)
{
    struct so_writer *w = arg;
    w->conn->ends_transactions = true;
    while (take_batch(w)) {
        if (w->batch[0].job->alone)
            run_alone(w);
        else
            run_batch(w);
        tell(w);
        checkpoint_if_due(w);
    }
    return NULL;
}

/* ---- open and close ---- */

static int prepare_controls(struct so_writer *w, struct so_err *err)
{
    int rc = SQLITE_OK;
    w->conn->ends_transactions = true;
    for (size_t i = 0; i < CONTROL_COUNT && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(w->conn->sqlite, CONTROLS[i], -1, SQLITE_PREPARE_PERSISTENT, &w->controls[i], NULL);
    w->conn->ends_transactions = false;
    return rc == SQLITE_OK ? SO_OK : so_conn_fail(w->conn, rc, err);
}

/* Signals are for the main thread. */
static int start_thread(struct so_writer *w, struct so_err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->thread, NULL, run_thread, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return so_fail(err, SO_EIO, "cannot start a thread: %s", strerror(rc));
    w->is_running = true;
    return SO_OK;
}

int so_writer_open(const char *path, const struct so_writer_options *options, struct so_writer **out, struct so_err *err)
{
    struct so_writer *w = so_calloc(1, sizeof(*w));
    if (w == NULL)
        return so_err_oom(err);
    w->options = *options;
    w->tail = &w->head;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    int rc = so_conn_open(path, SO_CONN_WRITER, &w->conn, err);
    if (rc != SO_OK)
        goto fail;
    w->batch = so_calloc(options->batch_max, sizeof(w->batch[0]));
    rc = w->batch == NULL ? so_err_oom(err) : prepare_controls(w, err);
    if (rc == SO_OK)
        rc = start_thread(w, err);
    if (rc != SO_OK)
        goto fail;
    *out = w;
    return SO_OK;
fail:
    so_writer_close(w);
    return rc;
}

void so_writer_close(struct so_writer *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->is_closing = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    if (w->is_running)
        pthread_join(w->thread, NULL);
    for (size_t i = 0; i < CONTROL_COUNT; i++)
        sqlite3_finalize(w->controls[i]);
    if (w->conn != NULL && w->conn->sqlite != NULL)
        sqlite3_wal_checkpoint_v2(w->conn->sqlite, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    so_conn_close(w->conn);
    so_free(w->batch);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    so_free(w);
}

bool so_writer_is_this_thread(const struct so_writer *w)
{
    return w->is_running && pthread_equal(pthread_self(), w->thread);
}

void so_writer_on_commit(struct so_writer *w, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&w->lock);
    w->on_commit = fn;
    w->on_commit_arg = arg;
    pthread_mutex_unlock(&w->lock);
}

void so_writer_stats(struct so_writer *w, struct so_db_stats *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->stats;
    out->queue_length = w->queued;
    pthread_mutex_unlock(&w->lock);
}
