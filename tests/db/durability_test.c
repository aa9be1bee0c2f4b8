/* durability_test.c: acknowledged means durable: with a failing disk, and after kill -9. */
#include "fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "core/fs.h"
#include "fault_vfs.h"

enum { JOBS = 6 };

struct insertion {
    struct so_db_job job;
    int value;
    atomic_bool is_done;
};

static int run_insertion(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = so_conn_prepare(conn, SO_STR("INSERT INTO t VALUES (?1, randomblob(6000))"), &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_i64(st, 1, SO_CONTAINER_OF(job, struct insertion, job)->value);
    rc = so_stmt_step(st, &row, err);
    so_stmt_done(st);
    return rc;
}

static void end_insertion(struct so_db_job *job)
{
    atomic_store(&SO_CONTAINER_OF(job, struct insertion, job)->is_done, true);
}

static void insert_all(struct fixture *f, struct insertion *jobs, bool repeatable)
{
    for (int i = 0; i < JOBS; i++) {
        jobs[i] =
            (struct insertion){.job = {.run = run_insertion, .done = end_insertion, .repeatable = repeatable}, .value = i};
        assert_int_equal(so_db_submit(f->db, &jobs[i].job, NULL), SO_OK);
        if (i == 0) /* one alone, then a batch */
            while (!atomic_load(&jobs[i].is_done))
                usleep(50);
    }
    for (int i = 0; i < JOBS; i++)
        while (!atomic_load(&jobs[i].is_done))
            usleep(50);
}

/* What was acknowledged is there, and nothing else. */
static void check(const char *path, const struct insertion *jobs, const char *label, long n)
{
    struct so_db *db;
    struct so_conn *conn = NULL;
    struct so_err err = SO_ERR_INIT;
    if (so_db_open(path, NULL, &db, &err) != SO_OK || so_db_reader_take(db, &conn, &err) != SO_OK)
        fail_msg("%s %ld: %s", label, n, err.message);
    assert_cell(conn, "PRAGMA integrity_check", "ok");
    for (int i = 0; i < JOBS; i++) {
        char sql[64], got[8];
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM t WHERE x = %d", i);
        fixture_cell(conn, sql, got, sizeof(got));
        if (strcmp(got, jobs[i].job.rc == SO_OK ? "1" : "0") != 0)
            fail_msg("%s %ld: job %d ended with %d (%s), rows: %s", label, n, i, jobs[i].job.rc, jobs[i].job.err.message,
                     got);
    }
    so_db_reader_give(db, conn);
    so_db_close(db);
}

static void copy_file(const struct fixture *from, const struct fixture *to, const char *suffix)
{
    char path[128];
    struct so_buf b;
    so_buf_init(&b, 64 << 20);
    snprintf(path, sizeof(path), "%s%s", from->path, suffix);
    if (so_fs_read(path, &b, NULL) == SO_OK) {
        snprintf(path, sizeof(path), "%s%s", to->path, suffix);
        assert_int_equal(so_fs_write(path, so_buf_str(&b), 0600, true, NULL), SO_OK);
    }
    so_buf_deinit(&b);
}

static void sabotage(enum fault_kind kind, bool stays, bool repeatable, const char *label)
{
    int fired = 1;
    for (long n = 0; fired > 0; n++) {
        struct fixture f, crashed;
        struct insertion jobs[JOBS];
        fixture_open(&f);
        fixture_dir(&crashed);
        fixture_exec(&f, "CREATE TABLE t(x INTEGER PRIMARY KEY, filler)");
        fault_order(kind, n, stays);
        insert_all(&f, jobs, repeatable);
        fired = atomic_load(&fault_count);
        fault_order(kind, -1, false);
        if (!stays) { /* what a crash at this moment would leave; with a disk that fails for good nothing can be mended */
            copy_file(&f, &crashed, "");
            copy_file(&f, &crashed, "-wal");
            check(crashed.path, jobs, label, n);
        }
        so_db_close(f.db);
        check(f.path, jobs, label, n);
        fixture_remove(&f);
        fixture_remove(&crashed);
    }
}

static void no_failing_disk_makes_a_false_promise(void **state)
{
    static const struct {
        const char *label;
        enum fault_kind kind;
        bool stays;
    } CASES[] = {
        {"one write fails", FAULT_WRITE, false}, {"the disk is full", FAULT_WRITE, true},
        {"one sync fails", FAULT_SYNC, false},   {"no sync works", FAULT_SYNC, true},
        {"one read fails", FAULT_READ, false},   {"no read works", FAULT_READ, true},
    };
    (void)state;
    fault_install();
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        for (int repeatable = 0; repeatable < 2; repeatable++)
            sabotage(CASES[i].kind, CASES[i].stays, repeatable, CASES[i].label);
}

/* ---- kill -9 ---- */

struct ack {
    struct so_db_job job;
    int value;
    int pipe;
};

static int run_ack(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = so_conn_prepare(conn, SO_STR("INSERT INTO t VALUES (?1, randomblob(500))"), &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_i64(st, 1, SO_CONTAINER_OF(job, struct ack, job)->value);
    rc = so_stmt_step(st, &row, err);
    so_stmt_done(st);
    return rc;
}

static void end_ack(struct so_db_job *job)
{
    struct ack *a = SO_CONTAINER_OF(job, struct ack, job);
    if (a->job.rc == SO_OK && write(a->pipe, &a->value, sizeof(a->value)) != sizeof(a->value))
        _exit(1);
    free(a);
}

/* Writes for ever, the acknowledged numbers into the pipe. */
static void write_until_killed(const char *path, int first, int pipe)
{
    struct so_db *db;
    if (so_db_open(path, NULL, &db, NULL) != SO_OK)
        _exit(2);
    for (int i = first;; i++) {
        struct ack *a = calloc(1, sizeof(*a));
        if (a == NULL)
            _exit(3);
        *a = (struct ack){.job = {.run = run_ack, .done = end_ack}, .value = i, .pipe = pipe};
        while (so_db_submit(db, &a->job, NULL) != SO_OK)
            usleep(100);
    }
}

/* Returns one more than the last number that was acknowledged. */
static int kill_a_writer(struct fixture *f, int first, useconds_t after_us)
{
    int ends[2], value, last = first - 1;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        write_until_killed(f->path, first, ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &value, sizeof(value)), sizeof(value)); /* it is at work */
    last = value;
    /* Reading all the time keeps the pipe from stopping it. */
    for (useconds_t spent = 0; spent < after_us; spent += 1)
        if (read(ends[0], &value, sizeof(value)) == sizeof(value))
            last = value;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(ends[0], &value, sizeof(value)) == sizeof(value))
        last = value;
    close(ends[0]);
    return last + 1;
}

static void a_killed_process_keeps_its_word(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, "CREATE TABLE t(x INTEGER PRIMARY KEY, filler)");
    so_db_close(f.db);
    int next = 0;
    for (int round = 0; round < 5; round++) {
        char sql[64], want[16];
        int acknowledged = kill_a_writer(&f, next, (useconds_t)(500 + round * 700));
        struct so_conn *conn;
        assert_int_equal(so_db_open(f.path, NULL, &f.db, &f.err), SO_OK);
        assert_int_equal(so_db_reader_take(f.db, &conn, &f.err), SO_OK);
        assert_cell(conn, "PRAGMA integrity_check", "ok");
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM t WHERE x < %d", acknowledged);
        snprintf(want, sizeof(want), "%d", acknowledged);
        assert_cell(conn, sql, want);
        fixture_cell(conn, "SELECT max(x) + 1 FROM t", want, sizeof(want));
        next = atoi(want); /* what was written but not told may be there, too */
        so_db_reader_give(f.db, conn);
        so_db_close(f.db);
    }
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_process_keeps_its_word), /* first: a child of a process without threads */
        cmocka_unit_test(no_failing_disk_makes_a_false_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
