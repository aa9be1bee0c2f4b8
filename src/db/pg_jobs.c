/* pg_jobs.c: the threads that write PostgreSQL: each has a connection and runs one job at a time in a transaction of its
 * own. (Group commit is the server's own: commits of several connections at once share its fsync.)
 *
 *   BEGIN -> run() -> COMMIT, or ROLLBACK and, for a repeatable job that met another's transaction, again: a few times
 *
 * A COMMIT whose answer was lost may have happened: such a job fails with 08007 and is never repeated. */
#include "db/pg_int.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/random.h"

#include <time.h>

enum { TRIES = 5, BACKOFF_US = 2000 };

struct jobs {
    struct so_writer base;
    const struct so_db_setup *setup;
    unsigned started;
    pthread_t threads[];
};

/* Changes of the schema come one after another, in all processes: the lock is the transaction's. */
#define MIGRATION_LOCK "SELECT pg_advisory_xact_lock(7160435502319161957)" /* any number: "socle" is in it */

/* ---- one job ---- */

static const char *begin_of(const struct so_pg_conn *conn, const struct so_db_job *job)
{
    if (conn->setup->options.unprepared) /* what session_settings() of pg_conn.c is otherwise */
        return job->serializable ? "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL timezone='UTC'; SET LOCAL datestyle=ISO"
                                 : "BEGIN; SET LOCAL timezone='UTC'; SET LOCAL datestyle=ISO";
    return job->serializable ? "BEGIN ISOLATION LEVEL SERIALIZABLE" : "BEGIN";
}

/* A connection that went away since the last job is made again: nothing was done on it yet. */
static int begin(struct so_pg_conn *conn, const struct so_db_job *job, struct so_err *err)
{
    struct so_err first = SO_ERR_INIT;
    int rc = so_conn_exec(&conn->base, begin_of(conn, job), &first);
    if (rc != SO_OK && conn->pg != NULL && so_pq.status(conn->pg) != CONNECTION_OK) {
        first = SO_ERR_INIT;
        rc = so_conn_exec(&conn->base, begin_of(conn, job), &first);
    }
    if (rc == SO_OK && job->alone)
        rc = so_conn_exec(&conn->base, MIGRATION_LOCK, &first);
    if (rc != SO_OK)
        *err = first;
    return rc;
}

static int commit(struct so_pg_conn *conn, struct so_err *err)
{
    switch (conn->pg == NULL ? PQTRANS_UNKNOWN : so_pq.transactionStatus(conn->pg)) {
    case PQTRANS_INTRANS: break;
    case PQTRANS_INERROR: /* it went on after an error: COMMIT would roll back without a word */
        return so_fail_http(err, SO_EDB, 0, "25P02", "the transaction was aborted");
    case PQTRANS_IDLE: return so_fail_http(err, SO_EDB, 0, "2D000", "the job ended its transaction");
    default: return so_pg_fail_lost(conn->pg, err);
    }
    int rc = so_conn_exec(&conn->base, "COMMIT", err);
    if (rc != SO_OK && (conn->pg == NULL || so_pq.status(conn->pg) != CONNECTION_OK) && err != NULL) {
        *err = SO_ERR_INIT;
        so_fail_http(err, SO_EDB, 503, "08007",
                     "the connection was lost during the commit: it may or may not have happened");
    }
    return rc;
}

static void roll_back(struct so_pg_conn *conn)
{
    so_conn_set_deadline(&conn->base, so_clock_mono_ns() + INT64_C(5000000000));
    if (conn->was_in_transaction)
        (void)!so_conn_exec(&conn->base, "ROLLBACK", NULL);
}

static int try_job(struct so_pg_conn *conn, struct so_db_job *job)
{
    job->err = SO_ERR_INIT;
    so_conn_set_deadline(&conn->base, job->alone ? INT64_MAX : so_clock_mono_ns() + conn->setup->statement_ns);
    int rc = begin(conn, job, &job->err);
    if (rc == SO_OK)
        rc = job->run(job, &conn->base, &job->err);
    if (rc == SO_OK)
        rc = commit(conn, &job->err);
    if (rc != SO_OK)
        roll_back(conn);
    return rc;
}

/* Two jobs that met should not meet again. */
static void wait_a_little(int tries)
{
    uint64_t us = so_random_below((uint64_t)BACKOFF_US << tries);
    nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

static void run_job(struct so_pg_conn *conn, struct so_db_job *job)
{
    int rc = try_job(conn, job);
    for (int tries = 1; rc != SO_OK && tries < TRIES && job->repeatable && so_pg_is_transient(&job->err); tries++) {
        wait_a_little(tries);
        rc = try_job(conn, job);
    }
    so_job_end(job, rc, NULL);
}

/* ---- threads ---- */

/* Without a connection there is nobody to run a job: it is told so. */
static void run_or_refuse(struct so_conn *conn, struct so_db_job *job, const struct so_err *why)
{
    if (conn != NULL)
        run_job(so_pg_conn_of(conn), job);
    else
        so_job_end(job, why->code, why);
}

static void *run_thread(void *arg)
{
    struct jobs *jobs = arg;
    struct so_conn *conn = NULL;
    struct so_db_job *job;
    so_writer_enter(&jobs->base);
    while (so_writer_take(&jobs->base, &job, 1) > 0) {
        struct so_err err = SO_ERR_INIT;
        if (conn == NULL)
            (void)!so_pg_conn_open(jobs->setup, SO_CONN_WRITER, &conn, &err);
        run_or_refuse(conn, job, &err);
        so_writer_tell(&jobs->base, &job, 1);
    }
    so_conn_close(conn);
    return NULL;
}

int so_pg_jobs_open(const struct so_db_setup *setup, struct so_writer **out, struct so_err *err)
{
    unsigned count = setup->options.job_threads;
    struct jobs *jobs = so_calloc(1, sizeof(*jobs) + count * sizeof(jobs->threads[0]));
    if (jobs == NULL)
        return so_err_oom(err);
    so_writer_init(&jobs->base, setup->options.queue_max);
    jobs->setup = setup;
    int rc = SO_OK;
    while (rc == SO_OK && jobs->started < count) {
        rc = so_thread_start(run_thread, jobs, &jobs->threads[jobs->started], err);
        jobs->started += rc == SO_OK;
    }
    if (rc != SO_OK) {
        so_pg_jobs_close(&jobs->base);
        return rc;
    }
    *out = &jobs->base;
    return SO_OK;
}

void so_pg_jobs_close(struct so_writer *base)
{
    struct jobs *jobs = SO_CONTAINER_OF(base, struct jobs, base);
    so_writer_end(base);
    for (unsigned i = 0; i < jobs->started; i++)
        pthread_join(jobs->threads[i], NULL);
    so_writer_deinit(base);
    so_free(jobs);
}
