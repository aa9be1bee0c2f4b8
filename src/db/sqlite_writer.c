/* sqlite_writer.c: the one thread that writes SQLite, and group commit.
 *
 *   queue -> take what waits -> BEGIN -> [SAVEPOINT job RELEASE]... -> COMMIT -> done() for all -> checkpoint if due
 *                                 ^                |
 *                                 +- run again <---+ SQLite undid the whole transaction
 *
 * A job in a batch is TODO, then RAN (inside the open transaction), then ENDED with a result.  RAN becomes ENDED with SO_OK
 * in one place only: after COMMIT returned, that is, after its fsync.  When SQLite gives up a transaction by itself (it does
 * so for SQLITE_FULL, IOERR, NOMEM and an interrupted write) what RAN is lost: such jobs go back to TODO if they may be
 * repeated, and fail if not.  Each such turn ends at least the guilty job, so that a batch comes to an end. */
#include "db/sqlite_int.h"

#include <pthread.h>

#include "core/clock.h"
#include "core/mem.h"

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

struct writer {
    struct so_writer base;
    struct so_sqlite *conn;
    sqlite3_stmt *controls[CONTROL_COUNT];
    int64_t statement_ns;
    size_t batch_max;
    struct so_db_job **taken; /* batch_max of them, the thread's own */
    struct task *batch;       /* the same jobs, each with its state */
    size_t batch_len;
    int served, turn; /* descriptors of the locks; -1: none */
    int checkpointed; /* pages of the WAL that a checkpoint has seen */
    pthread_t thread;
    bool is_running; /* the thread was started */
};

/* ---- the transaction ---- */

static int control(struct writer *w, enum control which, struct so_err *err)
{
    sqlite3_stmt *st = w->controls[which];
    int rc = sqlite3_step(st);
    if (rc == SQLITE_DONE) {
        sqlite3_reset(st);
        return SO_OK;
    }
    int code = so_sqlite_fail(w->conn, rc, err);
    sqlite3_reset(st);
    return code;
}

static bool in_transaction(const struct writer *w) { return !sqlite3_get_autocommit(w->conn->sqlite); }

static void roll_back(struct writer *w)
{
    if (in_transaction(w))
        (void)!control(w, ROLLBACK, NULL);
}

static int begin(struct writer *w, struct so_err *err)
{
    roll_back(w); /* only if an earlier rollback failed */
    return control(w, BEGIN, err);
}

static void end_job(struct task *t, int rc, const struct so_err *err)
{
    t->state = ENDED;
    so_job_end(t->job, rc, err);
}

static void end_all(struct writer *w, enum task_state state, int rc, const struct so_err *err)
{
    for (size_t i = 0; i < w->batch_len; i++)
        if (w->batch[i].state == state)
            end_job(&w->batch[i], rc, err);
}

static size_t count_state(const struct writer *w, enum task_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < w->batch_len; i++)
        n += w->batch[i].state == state;
    return n;
}

/* A deferred constraint that is broken now must not break the commit of the others later. */
static int check_deferred(struct writer *w, struct so_err *err)
{
    int pending = 0, highest = 0;
    sqlite3_db_status(w->conn->sqlite, SQLITE_DBSTATUS_DEFERRED_FKS, &pending, &highest, 0);
    return pending == 0 ? SO_OK : so_sqlite_fail(w->conn, SQLITE_CONSTRAINT_FOREIGNKEY, err);
}

static int call(struct writer *w, struct so_db_job *job)
{
    struct so_sqlite *conn = w->conn;
    job->err = SO_ERR_INIT;
    so_conn_set_deadline(&conn->base, job->alone ? INT64_MAX : so_clock_mono_ns() + w->statement_ns);
    conn->ends_transactions = false;
    int rc = job->run(job, &conn->base, &job->err);
    conn->ends_transactions = true;
    so_conn_set_deadline(&conn->base, INT64_MAX);
    if (conn->taken > 0)
        so_sqlite_reset_all(conn);
    if (rc == SO_OK && !in_transaction(w)) /* it went on after an error that undid everything */
        rc = so_fail_http(&job->err, SO_EDB, 0, "25P02", "the transaction was aborted");
    return rc == SO_OK ? check_deferred(w, &job->err) : rc;
}

/* False when the transaction is gone, and with it what the jobs before did.  (A job that is alone would need no savepoint;
 * leaving it out gained nothing that db_bench could see.) */
static bool run_job(struct writer *w, struct task *t)
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
static bool run_jobs(struct writer *w)
{
    for (size_t i = 0; i < w->batch_len; i++)
        if (w->batch[i].state == TODO && !run_job(w, &w->batch[i]))
            return false;
    return true;
}

static void commit(struct writer *w)
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

static void lose(struct writer *w)
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

static void run_batch(struct writer *w)
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

static int check_references(struct writer *w, struct so_err *err)
{
    struct so_stmt *st;
    bool row = false;
    int rc = so_conn_prepare(&w->conn->base, SO_STR("SELECT \"table\", parent FROM pragma_foreign_key_check"), &st, err);
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

static void run_alone(struct writer *w)
{
    struct task *t = &w->batch[0];
    struct so_err err = SO_ERR_INIT;
    int rc = so_conn_exec(&w->conn->base, "PRAGMA foreign_keys=OFF", &err); /* does nothing inside a transaction */
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
    for (int tries = 0; tries < 3 && so_conn_exec(&w->conn->base, "PRAGMA foreign_keys=ON", NULL) != SO_OK; tries++)
        ;
}

/* ---- checkpoints ---- */

static void checkpoint_if_due(struct writer *w)
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

/* ---- the thread ---- */

static bool take_batch(struct writer *w)
{
    w->batch_len = so_writer_take(&w->base, w->taken, w->batch_max);
    for (size_t i = 0; i < w->batch_len; i++)
        w->batch[i] = (struct task){w->taken[i], TODO};
    return w->batch_len > 0;
}

static void *run_thread(void *arg)
{
    struct writer *w = arg;
    so_writer_enter(&w->base);
    w->conn->ends_transactions = true;
    while (take_batch(w)) {
        so_sqlite_turn_take(w->turn);
        if (w->batch[0].job->alone)
            run_alone(w);
        else
            run_batch(w);
        so_writer_tell(&w->base, w->taken, w->batch_len);
        checkpoint_if_due(w);
        so_sqlite_turn_give(w->turn);
    }
    return NULL;
}

/* ---- open and close ---- */

static int prepare_controls(struct writer *w, struct so_err *err)
{
    int rc = SQLITE_OK;
    w->conn->ends_transactions = true;
    for (size_t i = 0; i < CONTROL_COUNT && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(w->conn->sqlite, CONTROLS[i], -1, SQLITE_PREPARE_PERSISTENT, &w->controls[i], NULL);
    w->conn->ends_transactions = false;
    return rc == SQLITE_OK ? SO_OK : so_sqlite_fail(w->conn, rc, err);
}

int so_sqlite_writer_open(const struct so_db_setup *setup, struct so_writer **out, struct so_err *err)
{
    struct writer *w = so_calloc(1, sizeof(*w));
    if (w == NULL)
        return so_err_oom(err);
    so_writer_init(&w->base, setup->options.queue_max);
    w->statement_ns = setup->statement_ns;
    w->batch_max = setup->options.batch_max;
    w->served = w->turn = -1;
    int rc = so_sqlite_turn_open(setup->url, &w->turn, err);
    if (rc == SO_OK && setup->options.serves)
        rc = so_sqlite_serve_lock(setup->url, &w->served, err);
    if (rc != SO_OK)
        goto fail;
    so_sqlite_turn_take(w->turn);
    rc = so_sqlite_open(setup->url, SO_CONN_WRITER, &w->conn, err);
    if (rc != SO_OK)
        goto fail;
    w->taken = so_calloc(w->batch_max, sizeof(struct so_db_job *));
    w->batch = so_calloc(w->batch_max, sizeof(w->batch[0]));
    rc = w->taken == NULL || w->batch == NULL ? so_err_oom(err) : prepare_controls(w, err);
    if (rc == SO_OK)
        rc = so_thread_start(run_thread, w, &w->thread, err);
    if (rc != SO_OK)
        goto fail;
    so_sqlite_turn_give(w->turn);
    w->is_running = true;
    *out = &w->base;
    return SO_OK;
fail:
    so_sqlite_writer_close(&w->base);
    return rc;
}

void so_sqlite_writer_close(struct so_writer *base)
{
    struct writer *w = SO_CONTAINER_OF(base, struct writer, base);
    so_writer_end(base);
    if (w->is_running)
        pthread_join(w->thread, NULL);
    for (size_t i = 0; i < CONTROL_COUNT; i++)
        sqlite3_finalize(w->controls[i]);
    if (w->conn != NULL) {
        so_sqlite_turn_take(w->turn);
        sqlite3_wal_checkpoint_v2(w->conn->sqlite, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        so_conn_close(&w->conn->base);
    }
    so_sqlite_lock_close(w->turn);
    so_sqlite_lock_close(w->served);
    so_free(w->taken);
    so_free(w->batch);
    so_writer_deinit(base);
    so_free(w);
}
