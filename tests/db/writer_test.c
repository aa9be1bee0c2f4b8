/* writer_test.c: group commit: jobs stand or fall alone, and what is acknowledged is there. */
#include "fixture.h"

#include <pthread.h>

#include "core/clock.h"
#include "core/mem.h"

/* ---- jobs that insert a number ---- */

struct insertion {
    struct so_db_job job;
    int value;
    int runs;
    const char *sql; /* with the value as ?1 */
    struct crowd *crowd;
};

struct crowd {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    size_t done;
};
#define CROWD_INIT                                                                                                          \
    {                                                                                                                       \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                                                              \
    }

static const char INSERT[] = "INSERT INTO t VALUES (?1)";

static int run_insertion(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    struct insertion *x = SO_CONTAINER_OF(job, struct insertion, job);
    struct so_stmt *st;
    bool row = true;
    x->runs++;
    int rc = so_conn_prepare(conn, so_str_c(x->sql), &st, err);
    if (rc != SO_OK)
        return rc;
    if (so_stmt_parameter(st, "?1") > 0)
        so_stmt_bind_i64(st, 1, x->value);
    while (row && (rc = so_stmt_step(st, &row, err)) == SO_OK)
        ;
    so_stmt_done(st);
    return rc;
}

static void end_insertion(struct so_db_job *job)
{
    struct crowd *crowd = SO_CONTAINER_OF(job, struct insertion, job)->crowd;
    pthread_mutex_lock(&crowd->lock);
    crowd->done++;
    pthread_cond_signal(&crowd->ended);
    pthread_mutex_unlock(&crowd->lock);
}

static struct insertion insertion(struct crowd *crowd, int value, const char *sql)
{
    return (struct insertion){
        .job = {.run = run_insertion, .done = end_insertion}, .value = value, .sql = sql, .crowd = crowd};
}

static void wait_for(struct crowd *crowd, size_t count)
{
    pthread_mutex_lock(&crowd->lock);
    while (crowd->done < count)
        pthread_cond_wait(&crowd->ended, &crowd->lock);
    pthread_mutex_unlock(&crowd->lock);
}

/* Keeps the writer busy until let_go(), so that what is submitted meanwhile becomes one batch. */
struct gate {
    struct so_db_job job;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool is_closed, is_done;
};

static int run_gate(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    struct gate *g = SO_CONTAINER_OF(job, struct gate, job);
    (void)conn, (void)err;
    pthread_mutex_lock(&g->lock);
    while (g->is_closed)
        pthread_cond_wait(&g->moved, &g->lock);
    pthread_mutex_unlock(&g->lock);
    return SO_OK;
}

static void end_gate(struct so_db_job *job)
{
    struct gate *g = SO_CONTAINER_OF(job, struct gate, job);
    pthread_mutex_lock(&g->lock);
    g->is_done = true;
    pthread_cond_broadcast(&g->moved);
    pthread_mutex_unlock(&g->lock);
}

static void submit(struct fixture *f, struct so_db_job *job)
{
    if (so_db_submit(f->db, job, &f->err) != SO_OK)
        fail_msg("%s", f->err.message);
}

/* Submits all while the gate is closed, then lets them run as one batch and waits for the end. */
static void run_as_batch(struct fixture *f, struct crowd *crowd, struct insertion *jobs, size_t count)
{
    struct gate g = {.job = {.run = run_gate, .done = end_gate},
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .moved = PTHREAD_COND_INITIALIZER,
                     .is_closed = true};
    struct so_db_stats stats;
    submit(f, &g.job);
    do
        so_db_get_stats(f->db, &stats);
    while (stats.queue_length > 0); /* the gate itself is not to be in the batch */
    for (size_t i = 0; i < count; i++)
        submit(f, &jobs[i].job);
    pthread_mutex_lock(&g.lock);
    g.is_closed = false;
    pthread_cond_broadcast(&g.moved);
    while (!g.is_done)
        pthread_cond_wait(&g.moved, &g.lock);
    pthread_mutex_unlock(&g.lock);
    wait_for(crowd, count);
}

static void assert_value(struct fixture *f, const char *sql, const char *want)
{
    struct so_conn *conn;
    assert_int_equal(so_db_reader_take(f->db, &conn, &f->err), SO_OK);
    assert_cell(conn, sql, want);
    so_db_reader_give(f->db, conn);
}

static const char SCHEMA[] =
    "CREATE TABLE t(x INTEGER PRIMARY KEY);"
    "CREATE TABLE parents(id INTEGER PRIMARY KEY);"
    "CREATE TABLE children(id INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED);"
    "CREATE TRIGGER bomb BEFORE INSERT ON t WHEN new.x = 666 BEGIN SELECT RAISE(ROLLBACK, 'boom'); END";

/* ---- tests ---- */

static void a_failing_job_harms_no_other(void **state)
{
    (void)state;
    struct fixture f;
    struct crowd crowd = CROWD_INIT;
    fixture_open(&f);
    fixture_exec(&f, SCHEMA);
    struct insertion jobs[] = {
        insertion(&crowd, 1, INSERT),
        insertion(&crowd, 1, INSERT),                                     /* a duplicate */
        insertion(&crowd, 2, "INSERT INTO t VALUES (?1), (?1 + 1), (1)"), /* fails in its third row */
        insertion(&crowd, 5, "INSERT INTO children VALUES (?1)"),         /* deferred: would break the COMMIT */
        insertion(&crowd, 6, INSERT),
    };
    static const char *const IDS[] = {"", "23505", "23505", "23503", ""};
    run_as_batch(&f, &crowd, jobs, COUNT_OF(jobs));
    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        assert_int_equal(jobs[i].job.rc, IDS[i][0] == '\0' ? SO_OK : SO_EDB);
        assert_string_equal(jobs[i].job.err.id, IDS[i]);
    }
    assert_value(&f, "SELECT group_concat(x) FROM t", "1,6");
    assert_value(&f, "SELECT count(*) FROM children", "0");
    struct so_db_stats stats;
    so_db_get_stats(f.db, &stats);
    assert_int_equal(stats.batch_largest, COUNT_OF(jobs));
    fixture_close(&f);
}

static void a_lost_transaction_is_repeated_or_told(void **state)
{
    (void)state;
    struct fixture f;
    struct crowd crowd = CROWD_INIT;
    fixture_open(&f);
    fixture_exec(&f, SCHEMA);
    struct insertion jobs[] = {insertion(&crowd, 1, INSERT), insertion(&crowd, 2, INSERT), insertion(&crowd, 666, INSERT),
                               insertion(&crowd, 3, INSERT)};
    jobs[0].job.repeatable = true;
    run_as_batch(&f, &crowd, jobs, COUNT_OF(jobs));
    assert_int_equal(jobs[0].job.rc, SO_OK);
    assert_int_equal(jobs[0].runs, 2);
    assert_int_equal(jobs[1].job.rc, SO_EDB);
    assert_string_equal(jobs[1].job.err.id, "40001");
    assert_int_equal(jobs[1].runs, 1);
    assert_int_equal(jobs[2].job.rc, SO_EDB);
    assert_string_equal(jobs[2].job.err.message, "boom");
    assert_int_equal(jobs[3].job.rc, SO_OK);
    assert_int_equal(jobs[3].runs, 1);
    assert_value(&f, "SELECT group_concat(x) FROM t", "1,3");
    fixture_close(&f);
}

static int swallow(void *arg, struct so_conn *conn, struct so_err *err)
{
    (void)arg, (void)err;
    (void)!so_conn_exec(conn, "INSERT INTO t VALUES (666)", NULL);
    return SO_OK;
}

static void an_error_that_a_job_swallows_is_found(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, SCHEMA);
    assert_int_equal(so_db_write(f.db, swallow, NULL, &f.err), SO_EDB);
    assert_string_equal(f.err.id, "25P02");
    fixture_exec(&f, "INSERT INTO t VALUES (1)");
    fixture_close(&f);
}

static void a_slow_write_is_stopped(void **state)
{
    (void)state;
    struct fixture f;
    struct crowd crowd = CROWD_INIT;
    struct so_db_options options = {.statement_ms = 50};
    fixture_dir(&f);
    assert_int_equal(so_db_open(f.path, &options, &f.db, &f.err), SO_OK);
    fixture_exec(&f, SCHEMA);
    struct insertion jobs[] = {
        insertion(&crowd, 1, INSERT),
        insertion(&crowd, 100,
                  "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"),
        insertion(&crowd, 2, INSERT),
    };
    jobs[0].job.repeatable = true;
    run_as_batch(&f, &crowd, jobs, COUNT_OF(jobs));
    assert_int_equal(jobs[0].job.rc, SO_OK);
    assert_int_equal(jobs[1].job.rc, SO_ETIMEOUT);
    assert_string_equal(jobs[1].job.err.id, "57014");
    assert_int_equal(jobs[2].job.rc, SO_OK);
    assert_value(&f, "SELECT group_concat(x) FROM t", "1,2");
    fixture_close(&f);
}

static void the_queue_is_bounded(void **state)
{
    (void)state;
    struct fixture f;
    struct crowd crowd = CROWD_INIT;
    struct so_db_options options = {.queue_max = 2};
    struct so_db_stats stats;
    fixture_dir(&f);
    assert_int_equal(so_db_open(f.path, &options, &f.db, &f.err), SO_OK);
    fixture_exec(&f, SCHEMA);
    struct gate g = {.job = {.run = run_gate, .done = end_gate},
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .moved = PTHREAD_COND_INITIALIZER,
                     .is_closed = true};
    submit(&f, &g.job);
    do
        so_db_get_stats(f.db, &stats);
    while (stats.queue_length > 0);
    struct insertion jobs[] = {insertion(&crowd, 1, INSERT), insertion(&crowd, 2, INSERT), insertion(&crowd, 3, INSERT)};
    submit(&f, &jobs[0].job);
    submit(&f, &jobs[1].job);
    assert_int_equal(so_db_submit(f.db, &jobs[2].job, &f.err), SO_EBUSY);
    pthread_mutex_lock(&g.lock);
    g.is_closed = false;
    pthread_cond_broadcast(&g.moved);
    pthread_mutex_unlock(&g.lock);
    wait_for(&crowd, 2);
    fixture_close(&f); /* waits for the gate, too */
    assert_true(g.is_done);
}

static void a_closing_database_does_what_waits(void **state)
{
    enum { JOBS = 500 };
    static struct insertion jobs[JOBS];
    (void)state;
    struct fixture f;
    struct crowd crowd = CROWD_INIT;
    fixture_open(&f);
    fixture_exec(&f, SCHEMA);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = insertion(&crowd, i, INSERT);
        submit(&f, &jobs[i].job);
    }
    so_db_close(f.db);
    assert_int_equal(crowd.done, JOBS);
    struct so_db_options options = {.read_only = true};
    assert_int_equal(so_db_open(f.path, &options, &f.db, &f.err), SO_OK);
    assert_value(&f, "SELECT count(*) FROM t", "500");
    assert_int_equal(fixture_try(&f, "DELETE FROM t"), SO_EDENIED);
    fixture_close(&f);
}

static void a_migration_keeps_the_rows_that_refer(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, "CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(a INTEGER REFERENCES a ON DELETE CASCADE);"
                     "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)");
    const char *rebuild = "CREATE TABLE a2(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO a2(id) SELECT id FROM a;"
                          "DROP TABLE a; ALTER TABLE a2 RENAME TO a";
    f.err = SO_ERR_INIT;
    assert_int_equal(so_db_migrate(f.db, fixture_run_sql, &rebuild, &f.err), SO_OK);
    assert_value(&f, "SELECT count(*) FROM b", "1");
    const char *orphan = "DELETE FROM a";
    assert_int_equal(so_db_migrate(f.db, fixture_run_sql, &orphan, &f.err), SO_EDB);
    assert_string_equal(f.err.id, "23503");
    assert_value(&f, "SELECT count(*) FROM a", "1");
    assert_int_equal(fixture_try(&f, "INSERT INTO b VALUES (9)"), SO_EDB); /* enforced again */
    assert_string_equal(f.err.id, "23503");
    fixture_close(&f);
}

/* ---- many threads ---- */

enum { THREADS = 4, EACH = 1000 };
struct worker {
    struct fixture *f;
    int first;
    int failures;
};

static void *write_many(void *arg)
{
    static struct insertion all[THREADS * EACH];
    struct worker *w = arg;
    struct crowd crowd = CROWD_INIT;
    for (int i = 0; i < EACH; i++) {
        struct insertion *x = &all[w->first + i];
        *x = insertion(&crowd, i % 10 == 9 ? 0 : 1000 + w->first + i, INSERT); /* every tenth wants the same row */
        while (so_db_submit(w->f->db, &x->job, NULL) != SO_OK)
            ;
    }
    wait_for(&crowd, EACH);
    for (int i = 0; i < EACH; i++)
        w->failures += all[w->first + i].job.rc != SO_OK;
    return NULL;
}

static void threads_write_together(void **state)
{
    (void)state;
    struct fixture f;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    fixture_open(&f);
    fixture_exec(&f, SCHEMA);
    int failures = 0;
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){&f, i * EACH, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        failures += workers[i].failures;
    }
    assert_int_equal(failures, THREADS * EACH / 10 - 1); /* one of them got row 0 */
    assert_value(&f, "SELECT count(*) FROM t", "3601");
    assert_value(&f, "PRAGMA integrity_check", "ok");
    fixture_close(&f);
}

static void no_allocation_failure_loses_a_write(void **state)
{
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n += n < 200 ? 1 : 7) {
        struct fixture f;
        struct crowd crowd = CROWD_INIT;
        fixture_open(&f);
        fixture_exec(&f, SCHEMA);
        struct insertion jobs[4];
        int good = 0;
        so_mem_fail_at(n);
        for (int i = 0; i < 4; i++) {
            jobs[i] = insertion(&crowd, i, INSERT);
            jobs[i].job.repeatable = i % 2 == 0;
            submit(&f, &jobs[i].job);
        }
        wait_for(&crowd, 4);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        for (int i = 0; i < 4; i++) {
            char sql[64];
            snprintf(sql, sizeof(sql), "SELECT count(*) FROM t WHERE x = %d", i);
            assert_value(&f, sql, jobs[i].job.rc == SO_OK ? "1" : "0");
            good += jobs[i].job.rc == SO_OK;
        }
        assert_true(failed || good == 4);
        fixture_exec(&f, "INSERT INTO t VALUES (100)"); /* the writer goes on */
        fixture_close(&f);
    }
}

static void opening_survives_allocation_failures(void **state)
{
    (void)state;
    struct fixture f;
    bool failed = true;
    fixture_dir(&f);
    for (long n = 0; failed; n++) {
        struct so_err err = SO_ERR_INIT;
        f.db = NULL;
        so_mem_fail_at(n);
        int rc = so_db_open(f.path, NULL, &f.db, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (rc != SO_OK && (rc != SO_ENOMEM || f.db != NULL))
            fail_msg("allocation %ld: %d %s", n, rc, err.message);
        so_db_close(f.db);
    }
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_job_harms_no_other),
        cmocka_unit_test(a_lost_transaction_is_repeated_or_told),
        cmocka_unit_test(an_error_that_a_job_swallows_is_found),
        cmocka_unit_test(a_slow_write_is_stopped),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(a_closing_database_does_what_waits),
        cmocka_unit_test(a_migration_keeps_the_rows_that_refer),
        cmocka_unit_test(threads_write_together),
        cmocka_unit_test(no_allocation_failure_loses_a_write),
        cmocka_unit_test(opening_survives_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
