/* pg_log_test.c: the log of a PostgreSQL database: numbers, resuming, several nodes, lost connections. */
#include "pg_world.h"

#include "core/random.h"

#define TABLE_T "CREATE TABLE t (id serial PRIMARY KEY, a int); GRANT SELECT ON t TO anon;"

/* ---- who counts ---- */

/* An ear that wants each number once, in order. */
struct counter {
    struct so_subscription *subscription;
    int64_t next; /* the number that should come now; 0: any */
    int64_t gap_from, gap_to;
    unsigned readies, events;
    bool failed;
};
static void count_ready(int64_t seq, void *arg)
{
    struct counter *c = arg;
    c->readies++;
    if (c->next == 0)
        c->next = seq + 1;
}
static void count_heard(const struct so_heard *heard, void *arg)
{
    struct counter *c = arg;
    if (c->next != heard->seq)
        fail_msg("expected %ld, heard %ld", (long)c->next, (long)heard->seq);
    c->next++;
    c->events++;
}
static void count_gap(int64_t asked, int64_t oldest, void *arg)
{
    struct counter *c = arg;
    c->gap_from = asked;
    c->gap_to = oldest;
    c->next = oldest + 1;
}
static void count_failed(const struct so_err *err, void *arg)
{
    ((struct counter *)arg)->failed = true;
    fail_msg("%s", err->message);
}
static const struct so_subscription_events COUNTER = {count_ready, count_heard, count_gap, count_failed, NULL};

static void count_on(struct so_changes *changes, struct counter *c, int64_t since)
{
    struct so_err err = SO_ERR_INIT;
    struct so_listener l = {.event = SO_STR("*"), .table = SO_STR("t")};
    *c = (struct counter){.next = since + 1};
    if (so_changes_subscribe(changes, &ANON, &l, 1, since, &COUNTER, c, &c->subscription, &err) != SO_OK)
        fail_msg("%s", err.message);
}

static void count_since(struct counter *c, int64_t since)
{
    count_on(world.changes, c, since);
    while (c->readies == 0)
        turn();
}

static void wait_events(struct counter *c, unsigned count)
{
    while (c->events < count)
        turn();
    assert_int_equal(c->events, count);
}

static void insert(int rows)
{
    char sql[96];
    snprintf(sql, sizeof(sql), "INSERT INTO t (a) SELECT i FROM generate_series(1, %d) i", rows);
    pg_exec(&pg, sql);
}

static int64_t ask(const char *sql)
{
    struct so_conn *conn = pg_reader(&pg);
    struct so_stmt *st;
    bool row;
    if (so_conn_prepare(conn, so_str_c(sql), &st, &pg.err) != SO_OK || so_stmt_step(st, &row, &pg.err) != SO_OK)
        fail_msg("%s", pg.err.message);
    int64_t found = so_stmt_i64(st, 0);
    so_stmt_done(st);
    so_conn_close(conn);
    return found;
}

/* A program whose transaction stays open. */
static struct so_conn *begin(const char *sql)
{
    struct so_conn *conn = pg_reader(&pg);
    assert_int_equal(so_conn_exec(conn, "BEGIN READ WRITE", &pg.err), SO_OK);
    if (so_conn_exec(conn, sql, &pg.err) != SO_OK)
        fail_msg("%s", pg.err.message);
    return conn;
}

static void end(struct so_conn *conn, const char *how)
{
    assert_int_equal(so_conn_exec(conn, how, &pg.err), SO_OK);
    so_conn_close(conn);
}

/* ---- tests ---- */

static int open_t(void **state)
{
    (void)state;
    pg_open_world(TABLE_T, "t, sentinel");
    return 0;
}

static int close_t(void **state)
{
    (void)state;
    pg_close_world();
    return 0;
}

static void a_long_transaction_delays_nobody_and_is_told_when_it_commits(void **state)
{
    (void)state;
    struct counter c;
    count_since(&c, -1);
    struct so_conn *slow = begin("INSERT INTO t (a) VALUES (1)"); /* its id in the outbox is the lowest */
    insert(3);
    wait_events(&c, 3);
    end(slow, "COMMIT");
    wait_events(&c, 4);
    slow = begin("INSERT INTO t (a) VALUES (1)");
    end(slow, "ROLLBACK");
    insert(1);
    wait_events(&c, 5);
    assert_int_equal(ask("SELECT last FROM socle.counter"), 5); /* numbers have no holes */
}

struct interleaved {
    struct so_db_job job;
    int id;
};

static int write_slowly(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    char sql[256];
    int id = SO_CONTAINER_OF(job, struct interleaved, job)->id;
    snprintf(sql, sizeof(sql),
             "INSERT INTO t (a) VALUES (%d); SELECT pg_sleep(random() * 0.01); INSERT INTO t (a) VALUES (%d);"
             " SELECT pg_sleep(random() * 0.01); UPDATE t SET a = a + 1 WHERE id = 1",
             id, id);
    return so_conn_exec(conn, sql, err);
}

static void job_done(struct so_db_job *job) { assert_int_equal(job->rc, SO_OK); }

/* Writers whose transactions overlap in every way; readers that come and go: nobody misses or repeats a number. */
static void interleaved_writers_lose_nothing(void **state)
{
    (void)state;
    enum { JOBS = 150, READERS = 6, TOTAL = 1 + 3 * JOBS };
    static struct interleaved jobs[JOBS];
    struct counter c, others[READERS] = {0};
    struct so_changes *changes; /* of a second node: both give numbers */
    struct so_feed *feed = pg_feed(100000, 60000);
    assert_int_equal(so_changes_new(feed, world.loop, NULL, &changes, &pg.err), SO_OK);
    pg_use_tables(changes);
    count_since(&c, -1);
    insert(1);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct interleaved){.job = {.run = write_slowly, .done = job_done}, .id = i};
        assert_int_equal(so_db_submit(pg.db, &jobs[i].job, &pg.err), SO_OK);
    }
    while (c.events < TOTAL) {
        turn();
        struct counter *other = &others[so_random_below(READERS)];
        if (other->subscription != NULL && other->readies > 0) { /* comes back where it was */
            so_subscription_close(other->subscription);
            count_on(so_random_below(2) == 0 ? changes : world.changes, other, other->next - 1);
        } else if (other->subscription == NULL) {
            count_on(changes, other, (int64_t)so_random_below((uint64_t)c.next));
        }
    }
    for (size_t i = 0; i < READERS; i++)
        while (others[i].subscription != NULL && others[i].next <= TOTAL)
            turn();
    assert_int_equal(ask("SELECT count(*) FROM socle.outbox"), 0);
    /* Updates of one row, in the order in which they happened. */
    assert_int_equal(ask("SELECT count(*) FROM (SELECT (new->>'a')::int - lag((new->>'a')::int) OVER (ORDER BY seq) AS step"
                         " FROM socle.changes WHERE op = 'UPDATE') AS s WHERE step <> 1"),
                     0);
    so_changes_free(changes);
    so_feed_close(feed);
}

static void every_point_can_be_resumed_from(void **state)
{
    (void)state;
    enum { ROWS = 600 }; /* more than two batches */
    insert(ROWS);
    for (int64_t since = 0; since <= ROWS; since += 37) {
        struct counter c;
        count_since(&c, since);
        assert_int_equal(c.events, ROWS - since);
        so_subscription_close(c.subscription);
    }
    struct counter beyond;
    count_since(&beyond, ROWS + 5);
    assert_int_equal(beyond.gap_from, ROWS + 5); /* a number that was never given */
    assert_int_equal(beyond.gap_to, ROWS);
}

static void what_is_too_old_goes_and_a_gap_says_so(void **state)
{
    (void)state;
    insert(2000);
    struct so_feed *other = pg_feed(100, 20); /* keeps a hundred */
    while (ask("SELECT coalesce(min(seq), 0) FROM socle.changes") != 1901)
        ;
    so_feed_close(other);
    struct counter c;
    count_since(&c, 5);
    assert_int_equal(c.gap_from, 5);
    assert_int_equal(c.gap_to, 1900);
    assert_int_equal(c.events, 100);
}

/* Nobody numbers: at each thousandth id the writer drops what is more than 100,000 ids old. */
static void without_a_node_the_outbox_stays_short_and_a_gap_says_so(void **state)
{
    (void)state;
    pg_open_tables(TABLE_T, "t, sentinel");
    insert(10);
    pg_exec(&pg, "SELECT socle.number_changes(4)");
    pg_exec(&pg, "SELECT setval('socle.outbox_id_seq', 100995)");
    insert(4);
    assert_int_equal(ask("SELECT count(*) FROM socle.outbox"), 10);
    insert(6);
    assert_int_equal(ask("SELECT count(*) FROM socle.outbox"), 10);
    assert_int_equal(ask("SELECT min(id) FROM socle.outbox"), 100996);
    assert_int_equal(ask("SELECT last FROM socle.counter"), 10);
    pg_start_world();
    struct counter c;
    count_since(&c, 2);
    assert_int_equal(c.gap_from, 2);
    assert_int_equal(c.gap_to, 10);
    wait_events(&c, 10);
    pg_close_world();
}

/* Whose snapshot may be old must not meet the counter's row. */
static void a_serializable_writer_bounds_nothing(void **state)
{
    (void)state;
    pg_open_tables(TABLE_T, "t, sentinel");
    insert(10);
    pg_exec(&pg, "SELECT setval('socle.outbox_id_seq', 100999)");
    struct so_conn *conn = pg_reader(&pg);
    assert_int_equal(so_conn_exec(conn, "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE; SELECT 1 FROM t LIMIT 1", &pg.err),
                     SO_OK);
    pg_exec(&pg, "UPDATE socle.counter SET last = last");
    assert_int_equal(so_conn_exec(conn, "INSERT INTO t (a) VALUES (1)", &pg.err), SO_OK);
    end(conn, "COMMIT");
    assert_int_equal(ask("SELECT count(*) FROM socle.outbox"), 11);
    pg_close(&pg);
}

static void changes_reach_all_nodes_under_one_number(void **state)
{
    (void)state;
    struct so_changes *changes;
    struct so_feed *other = pg_feed(100000, 60000);
    struct counter here, there;
    assert_int_equal(so_changes_new(other, world.loop, NULL, &changes, &pg.err), SO_OK);
    pg_use_tables(changes);
    count_on(world.changes, &here, -1);
    count_on(changes, &there, -1);
    while (here.readies + there.readies < 2)
        turn();
    for (int i = 1; i <= 40; i++) {
        insert(1);
        while (i % 8 == 0 && here.events + there.events < 2 * (unsigned)i)
            turn();
    }
    assert_int_equal(here.next, there.next);
    /* One who was heard here goes on there. */
    so_subscription_close(here.subscription);
    insert(3);
    count_on(changes, &here, here.next - 1);
    wait_events(&here, 3);
    wait_events(&there, 43);
    so_changes_free(changes);
    so_feed_close(other);
}

static void cut_all(void)
{
    char sql[256];
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'", pg.name);
    assert_int_equal(pg_run_outside(pg.admin, sql, &pg.err), SO_OK);
}

static void a_lost_connection_comes_back_without_a_gap(void **state)
{
    (void)state;
    struct counter c;
    unsigned told = 0;
    count_since(&c, -1);
    for (int i = 0; i < 5; i++) {
        insert(300);
        told += 300;
        for (int turns = 0; turns < i && c.events < told; turns++)
            turn();
        cut_all();
        while (pg_try(&pg, "INSERT INTO t (a) VALUES (0)") != SO_OK)
            ;
        told++;
    }
    wait_events(&c, told);
}

/* Whatever happens in whatever order: each one's numbers come in order, without a gap or a duplicate. */
static void random_histories_lose_nothing(void **state)
{
    (void)state;
    enum { STEPS = 250, EARS = 5 };
    struct counter ears[EARS] = {0};
    struct so_conn *open = NULL;
    unsigned written = 0;
    for (int step = 0; step < STEPS; step++) {
        struct counter *ear = &ears[so_random_below(EARS)];
        switch (so_random_below(8)) {
        case 0:
        case 1: insert(1 + (int)so_random_below(20)); break;
        case 2:
            if (ear->subscription == NULL)
                count_on(world.changes, ear, ear->next - 1); /* from now on, or where it was */
            break;
        case 3: /* may be catching up, or waiting for policies */
            so_subscription_close(ear->subscription);
            ear->subscription = NULL;
            break;
        case 4:
            if (open == NULL) {
                open = begin("INSERT INTO t (a) VALUES (-1), (-2)");
            } else {
                end(open, so_random_below(2) == 0 ? "COMMIT" : "ROLLBACK");
                open = NULL;
            }
            break;
        case 5: pg_use_tables(world.changes); break;
        default: uv_run(so_loop_uv(world.loop), UV_RUN_NOWAIT); break;
        }
    }
    if (open != NULL)
        end(open, "COMMIT");
    written = (unsigned)ask("SELECT count(*) FROM t");
    insert(1);
    for (size_t i = 0; i < EARS; i++) {
        if (ears[i].subscription == NULL)
            count_on(world.changes, &ears[i], ears[i].next - 1);
        while (ears[i].next != (int64_t)written + 2)
            turn();
    }
}

/* A node that dies while it numbers: nothing was numbered, and the next one does it. */
static void a_numberer_that_dies_leaves_its_work_to_others(void **state)
{
    (void)state;
    insert(10);
    struct so_conn *dying = begin("SELECT socle.number_changes(4)");
    struct counter c;
    count_on(world.changes, &c, 0);
    insert(1);
    assert_int_equal(ask("SELECT last FROM socle.counter"), 0); /* the feed waits for the counter's row */
    cut_all();
    so_conn_close(dying);
    wait_events(&c, 11);
    assert_int_equal(ask("SELECT last FROM socle.counter"), 11);
}

static void the_log_is_closed_to_api_roles(void **state)
{
    (void)state;
    static const char *const TRIES[] = {"SELECT * FROM socle.changes",         "SELECT * FROM socle.outbox",
                                        "DELETE FROM socle.counter",           "SELECT socle.number_changes(1)",
                                        "SELECT * FROM socle.see('[]', '[]')", "SELECT socle.bound_outbox(1)"};
    insert(1);
    for (size_t i = 0; i < COUNT_OF(TRIES); i++) {
        char sql[128];
        snprintf(sql, sizeof(sql), "SET LOCAL ROLE anon; %s", TRIES[i]);
        assert_int_not_equal(pg_try(&pg, sql), SO_OK);
        assert_string_equal(pg.err.id, "42501");
    }
    /* A role that may write but knows nothing of the log is logged. */
    pg_exec(&pg, "GRANT INSERT ON t TO anon; GRANT USAGE ON SEQUENCE t_id_seq TO anon");
    pg_exec(&pg, "SET LOCAL ROLE anon; INSERT INTO t (a) VALUES (5)");
    struct counter c;
    count_since(&c, 0);
    assert_int_equal(c.events, 2);
}

static void a_database_without_a_log_is_silent(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_subscription *subscription;
    struct so_listener l = {.event = SO_STR("*"), .table = SO_STR("t")};
    struct counter c = {0};
    pg_exec(&pg, "DROP SCHEMA socle CASCADE");
    pg_use_tables(world.changes);
    assert_int_equal(so_changes_subscribe(world.changes, &ANON, &l, 1, -1, &COUNTER, &c, &subscription, &err), SO_EINVAL);
    assert_string_equal(err.message, "there is no table \"t\" whose changes are told");
    /* All tables: none is told, and one is ready all the same. */
    l.table = (struct so_str){NULL, 0};
    assert_int_equal(so_changes_subscribe(world.changes, &ANON, &l, 1, -1, &COUNTER, &c, &subscription, &err), SO_OK);
    while (c.readies == 0)
        turn();
    err = SO_ERR_INIT;
    assert_int_equal(so_db_migrate(pg.db, fit_tables, (char[]){"t, nowhere.x"}, &err), SO_EINVAL);
    assert_string_equal(err.message, "there is no table \"nowhere.x\" to log");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, open_t, close_t)
        T(a_long_transaction_delays_nobody_and_is_told_when_it_commits),
        T(interleaved_writers_lose_nothing),
        T(every_point_can_be_resumed_from),
        T(what_is_too_old_goes_and_a_gap_says_so),
        cmocka_unit_test(without_a_node_the_outbox_stays_short_and_a_gap_says_so),
        cmocka_unit_test(a_serializable_writer_bounds_nothing),
        T(changes_reach_all_nodes_under_one_number),
        T(a_lost_connection_comes_back_without_a_gap),
        T(random_histories_lose_nothing),
        T(a_numberer_that_dies_leaves_its_work_to_others),
        T(the_log_is_closed_to_api_roles),
        T(a_database_without_a_log_is_silent),
    };
    return pg_is_missing() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
