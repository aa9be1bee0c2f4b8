/* pg_jobs_test.c: jobs on PostgreSQL: a transaction each, several at once. */
#include "pg_fixture.h"

#include <pthread.h>

static void a_failed_job_leaves_nothing(void **state)
{
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    pg_exec(&f, "CREATE TABLE t(x int PRIMARY KEY)");
    assert_int_equal(pg_try(&f, "INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)"), SO_EDB);
    assert_string_equal(f.err.id, "23505");
    pg_exec(&f, "INSERT INTO t VALUES (2)");
    struct so_conn *conn = pg_reader(&f);
    assert_cell(conn, "SELECT string_agg(x::text, ',') FROM t", "2");
    so_conn_close(conn);
    pg_close(&f);
}

static int swallow(void *arg, struct so_conn *conn, struct so_err *err)
{
    (void)arg, (void)err;
    (void)!so_conn_exec(conn, "INSERT INTO t VALUES (1)", NULL);
    (void)!so_conn_exec(conn, "INSERT INTO t VALUES (1)", NULL);
    return SO_OK;
}

static void an_error_that_was_swallowed_is_not_success(void **state)
{
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    pg_exec(&f, "CREATE TABLE t(x int PRIMARY KEY)");
    assert_int_equal(so_db_write(f.db, swallow, NULL, &f.err), SO_EDB);
    assert_string_equal(f.err.id, "25P02");
    pg_close(&f);
}

static int keep_one(void *arg, struct so_conn *conn, struct so_err *err)
{
    (void)arg;
    int rc = so_conn_exec(conn, "INSERT INTO t VALUES (1); SAVEPOINT s", err);
    if (rc == SO_OK && so_conn_exec(conn, "INSERT INTO t VALUES (1)", NULL) == SO_OK)
        return so_fail(err, SO_EINVAL, "it should have failed");
    return rc == SO_OK ? so_conn_exec(conn, "ROLLBACK TO s; RELEASE s; INSERT INTO t VALUES (2)", err) : rc;
}

static void savepoints_undo_a_part(void **state)
{
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    pg_exec(&f, "CREATE TABLE t(x int PRIMARY KEY)");
    assert_int_equal(so_db_write(f.db, keep_one, NULL, &f.err), SO_OK);
    struct so_conn *conn = pg_reader(&f);
    assert_cell(conn, "SELECT count(*) FROM t", "2");
    so_conn_close(conn);
    pg_close(&f);
}

static void a_job_that_lasts_too_long_fails(void **state)
{
    (void)state;
    struct pg_fixture f;
    struct so_db_options options = {.statement_ms = 30};
    pg_open_with(&f, &options);
    assert_int_equal(pg_try(&f, "SELECT pg_sleep(60)"), SO_ETIMEOUT);
    assert_string_equal(f.err.id, "57014");
    const char *sql = "SELECT pg_sleep(0.1)"; /* migrations have no limit */
    assert_int_equal(so_db_migrate(f.db, fixture_run_sql, &sql, &f.err), SO_OK);
    pg_close(&f);
}

/* ---- jobs that meet ---- */

enum { JOBS = 32 };

struct increments {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int left, failed, runs;
};

struct increment {
    struct so_db_job job;
    struct increments *all;
};

/* Reads, then writes what it read plus one: right only as if jobs ran one after another. */
static int run_increment(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    struct increment *x = SO_CONTAINER_OF(job, struct increment, job);
    struct so_stmt *st;
    bool row;
    int64_t value = 0;
    pthread_mutex_lock(&x->all->lock);
    x->all->runs++;
    pthread_mutex_unlock(&x->all->lock);
    int rc = so_conn_prepare(conn, SO_STR("SELECT n FROM counter"), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    value = rc == SO_OK ? so_stmt_i64(st, 0) : 0;
    so_stmt_done(st);
    if (rc == SO_OK)
        rc = so_conn_prepare(conn, SO_STR("UPDATE counter SET n = ?1"), &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_i64(st, 1, value + 1);
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK)
        assert_int_equal(so_stmt_changes(st), 1);
    so_stmt_done(st);
    return rc;
}

static void end_increment(struct so_db_job *job)
{
    struct increment *x = SO_CONTAINER_OF(job, struct increment, job);
    pthread_mutex_lock(&x->all->lock);
    x->all->left--;
    x->all->failed += job->rc != SO_OK;
    if (job->rc != SO_OK && strcmp(job->err.id, "40001") != 0)
        print_message("# %s %s\n", job->err.id, job->err.message);
    pthread_cond_signal(&x->all->ended);
    pthread_mutex_unlock(&x->all->lock);
}

static void serializable_jobs_that_meet_are_run_again(void **state)
{
    (void)state;
    struct pg_fixture f;
    struct increments all = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .left = JOBS};
    struct increment jobs[JOBS];
    struct so_db_stats stats;
    char want[16];
    pg_open(&f);
    pg_exec(&f, "CREATE TABLE counter(n int); INSERT INTO counter VALUES (0)");
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct increment){{.run = run_increment, .done = end_increment, .repeatable = true, .serializable = true},
                                     &all};
        assert_int_equal(so_db_submit(f.db, &jobs[i].job, &f.err), SO_OK);
    }
    pthread_mutex_lock(&all.lock);
    while (all.left > 0)
        pthread_cond_wait(&all.ended, &all.lock);
    pthread_mutex_unlock(&all.lock);
    assert_true(all.runs >= JOBS); /* more, when some met */
    struct so_conn *conn = pg_reader(&f);
    snprintf(want, sizeof(want), "%d", JOBS - all.failed); /* the tries are bounded; what failed has done nothing */
    assert_cell(conn, "SELECT n FROM counter", want);
    so_db_get_stats(f.db, &stats);
    assert_int_equal(stats.jobs, JOBS + 1);
    so_conn_close(conn);
    pg_close(&f);
}

static int wait_for_itself(void *arg, struct so_conn *conn, struct so_err *err)
{
    (void)conn;
    return so_db_write(arg, fixture_run_sql, &(const char *){"SELECT 1"}, err);
}

static void a_job_cannot_wait_for_another(void **state)
{
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    assert_int_equal(so_db_write(f.db, wait_for_itself, f.db, &f.err), SO_EINVAL);
    pg_close(&f);
}

/* ---- migrations ---- */

static int migrate_slowly(void *arg, struct so_conn *conn, struct so_err *err)
{
    (void)arg;
    return so_conn_exec(conn, "INSERT INTO log SELECT count(*) FROM log; SELECT pg_sleep(0.02)", err);
}

static void *migrate_thread(void *arg)
{
    struct so_err err = SO_ERR_INIT;
    assert_int_equal(so_db_migrate(arg, migrate_slowly, NULL, &err), SO_OK);
    return NULL;
}

static void migrations_come_one_after_another(void **state)
{
    (void)state;
    struct pg_fixture f;
    pthread_t threads[4];
    pg_open(&f);
    pg_exec(&f, "CREATE TABLE log(n int)");
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_thread, f.db), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    struct so_conn *conn = pg_reader(&f);
    assert_cell(conn, "SELECT string_agg(n::text, ',' ORDER BY n) FROM log", "0,1,2,3");
    so_conn_close(conn);
    pg_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_job_leaves_nothing),
        cmocka_unit_test(an_error_that_was_swallowed_is_not_success),
        cmocka_unit_test(savepoints_undo_a_part),
        cmocka_unit_test(a_job_that_lasts_too_long_fails),
        cmocka_unit_test(serializable_jobs_that_meet_are_run_again),
        cmocka_unit_test(a_job_cannot_wait_for_another),
        cmocka_unit_test(migrations_come_one_after_another),
    };
    return pg_is_missing() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
