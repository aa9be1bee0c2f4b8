/* db_bench.c: how fast one row is read, and how many durable writes a second group commit gives.
 *
 *   db_bench [DIRECTORY]     a database is made there (default: the current one), and removed */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "db/shape.h"

enum { ROWS = 100000, READS = 500000, WRITES = 20000, IN_FLIGHT = 32 };

static void die(const struct so_err *err)
{
    fprintf(stderr, "db_bench: %s\n", err->message);
    exit(1);
}

static int fill(void *arg, struct so_conn *conn, struct so_err *err) { return so_conn_exec(conn, arg, err); }

/* ---- reads ---- */

static const struct so_field FIELDS[] = {
    {SO_STR_INIT("\"id\":"), SO_FIELD_VALUE, SO_TYPE_INTEGER},
    {SO_STR_INIT("\"title\":"), SO_FIELD_VALUE, SO_TYPE_TEXT},
    {SO_STR_INIT("\"price\":"), SO_FIELD_VALUE, SO_TYPE_NUMERIC},
    {SO_STR_INIT("\"at\":"), SO_FIELD_VALUE, SO_TYPE_TIMESTAMPTZ},
};

static void bench_reads(struct so_db *db)
{
    const struct so_shape shape = {FIELDS, COUNT_OF(FIELDS), false};
    struct so_err err = SO_ERR_INIT;
    struct so_conn *conn;
    struct so_buf out;
    if (so_db_reader_open(db, &conn, &err) != SO_OK)
        die(&err);
    so_buf_init(&out, 1 << 20);
    uint64_t id = 1;
    int64_t start = so_clock_mono_ns();
    for (int i = 0; i < READS; i++) {
        struct so_stmt *st;
        bool row;
        id = (id * 48271) % 2147483647;                              /* any order but the stored one */
        so_conn_set_deadline(conn, so_clock_mono_ns() + 1000000000); /* as a request would */
        if (so_conn_prepare(conn, SO_STR("SELECT id, title, price, at FROM books WHERE id = ?1"), &st, &err) != SO_OK)
            die(&err);
        so_stmt_bind_i64(st, 1, (int64_t)(id % ROWS) + 1);
        if (so_stmt_step(st, &row, &err) != SO_OK || !row)
            die(&err);
        so_buf_reset(&out);
        so_shape_put_row(&shape, st, 0, &out);
        so_stmt_done(st);
    }
    double seconds = (double)(so_clock_mono_ns() - start) / 1e9;
    printf("point reads      %10.0f /s   %6.2f us each\n", READS / seconds, seconds / READS * 1e6);
    so_buf_deinit(&out);
    so_conn_close(conn);
}

/* ---- writes ---- */

struct flight {
    struct so_db_job job;
    struct so_db *db;
    int *left; /* jobs to submit, on the writer's thread only after the start */
    pthread_mutex_t *lock;
    pthread_cond_t *ended;
    int *landed;
};

static int insert(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    struct so_stmt *st;
    bool row = false;
    (void)job;
    int rc = so_conn_prepare(conn,
                             SO_STR("INSERT INTO books(title, price, at) VALUES ('A title of some length', 9.99, so_now())"
                                    " RETURNING id"),
                             &st, err);
    if (rc != SO_OK)
        return rc;
    do
        rc = so_stmt_step(st, &row, err);
    while (rc == SO_OK && row);
    so_stmt_done(st);
    return rc;
}

static void land(struct so_db_job *job)
{
    struct flight *f = SO_CONTAINER_OF(job, struct flight, job);
    if (job->rc != SO_OK)
        die(&job->err);
    pthread_mutex_lock(f->lock);
    bool again = --*f->left >= IN_FLIGHT;
    ++*f->landed;
    pthread_cond_signal(f->ended);
    pthread_mutex_unlock(f->lock);
    if (again && so_db_submit(f->db, job, NULL) != SO_OK)
        exit(1);
}

static void bench_writes(struct so_db *db, int in_flight)
{
    static struct flight flights[IN_FLIGHT];
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
    int writes = in_flight == 1 ? WRITES / 20 : WRITES, landed = 0, left = writes + IN_FLIGHT - in_flight;
    struct so_db_stats before, after;
    so_db_get_stats(db, &before);
    int64_t start = so_clock_mono_ns();
    for (int i = 0; i < in_flight; i++) {
        flights[i] = (struct flight){{.run = insert, .done = land}, db, &left, &lock, &ended, &landed};
        if (so_db_submit(db, &flights[i].job, NULL) != SO_OK)
            exit(1);
    }
    pthread_mutex_lock(&lock);
    while (landed < writes)
        pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
    double seconds = (double)(so_clock_mono_ns() - start) / 1e9;
    so_db_get_stats(db, &after);
    printf("durable inserts  %10.0f /s   %2d in flight, %.1f a commit, %.0f us a commit\n", writes / seconds, in_flight,
           (double)(after.jobs - before.jobs) / (double)(after.commits - before.commits),
           seconds / (double)(after.commits - before.commits) * 1e6);
}

int main(int argc, char **argv)
{
    char path[512];
    struct so_db *db;
    struct so_err err = SO_ERR_INIT;
    char schema[] = "CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT NOT NULL, price NUMERIC, at TIMESTAMPTZ TEXT);"
                    "INSERT INTO books(title, price, at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                    " WHERE i < 100000) SELECT 'Title number ' || i, i * 0.25, so_now() FROM n";
    snprintf(path, sizeof(path), "%s/db_bench.%d.db", argc > 1 ? argv[1] : ".", (int)getpid());
    if (so_db_open(path, NULL, &db, &err) != SO_OK || so_db_write(db, fill, schema, &err) != SO_OK)
        die(&err);
    bench_reads(db);
    bench_writes(db, 1);
    bench_writes(db, IN_FLIGHT);
    so_db_close(db);
    unlink(path);
    return 0;
}
