/* resume_test.c: who comes back gets what was missed, in order, once; or is told that it is gone. */
#include "changes_fixture.h"

#include "core/random.h"

static const char *const TABLES[] = {"t", TABLE(TEXT("a"), SELECT("true")), NULL};

static int open_tables(void **state)
{
    (void)state;
    open_world(TABLES);
    return 0;
}

static int close_tables(void **state)
{
    (void)state;
    close_world();
    return 0;
}

static void insert(int from, int to)
{
    char sql[256];
    snprintf(
        sql, sizeof(sql),
        "WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO t (id) SELECT i FROM n",
        from, to);
    bench_sql(world.db, sql);
}

/* An ear that only wants each number once, in order. */
struct counter {
    struct so_subscription *subscription;
    int64_t next; /* the number that should come now */
    int64_t gap_from, gap_to;
    unsigned readies;
    int64_t ready_seq;
    bool failed;
};
static void count_ready(int64_t seq, void *arg)
{
    struct counter *c = arg;
    c->readies++;
    c->ready_seq = seq;
    if (c->next == 0)
        c->next = seq + 1;
    assert_true(seq >= c->next - 1);
}
static void count_heard(const struct so_heard *heard, void *arg)
{
    struct counter *c = arg;
    if (c->next != heard->seq)
        fail_msg("expected %ld, heard %ld", (long)c->next, (long)heard->seq);
    c->next++;
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
    (void)err;
    struct counter *c = arg;
    c->failed = true;
    c->subscription = NULL;
}
static const struct so_subscription_events COUNTER = {count_ready, count_heard, count_gap, count_failed, NULL};

static void count_since(struct counter *c, int64_t since)
{
    struct so_err err = SO_ERR_INIT;
    struct so_listener l = {.event = SO_STR("*"), .table = SO_STR("t")};
    *c = (struct counter){.next = since + 1};
    assert_int_equal(so_changes_subscribe(world.changes, &ANON, &l, 1, since, &COUNTER, c, &c->subscription, &err), SO_OK);
}

static void wait_for(struct counter *c, int64_t next)
{
    while (c->next < next || c->readies == 0)
        turn();
    assert_int_equal(c->next, next);
}

static void every_point_can_be_resumed_from(void **state)
{
    (void)state;
    struct counter counters[26];
    insert(1, 25);
    for (int i = 0; i <= 25; i++)
        count_since(&counters[i], i);
    for (int i = 0; i <= 25; i++)
        wait_for(&counters[i], 26);
    insert(26, 30); /* and live from there */
    for (int i = 0; i <= 25; i++) {
        wait_for(&counters[i], 31);
        assert_int_equal(counters[i].readies, 1);
        so_subscription_close(counters[i].subscription);
    }
}

static void a_long_past_comes_in_batches_while_the_present_goes_on(void **state)
{
    (void)state;
    struct counter old, live, late;
    insert(1, 2000);
    count_since(&live, -1);
    while (live.readies == 0)
        turn();
    count_since(&old, 0);
    for (int i = 0; i < 20; i++) {
        insert(2001 + i * 10, 2010 + i * 10);
        turn();
        if (i == 10)
            count_since(&late, 500);
    }
    wait_for(&old, 2201);
    wait_for(&live, 2201);
    wait_for(&late, 2201);
    so_subscription_close(old.subscription);
    so_subscription_close(live.subscription);
    so_subscription_close(late.subscription);
}

/* The process died after the commit and before anyone heard: the log is in the database. */
static void what_was_committed_before_a_start_is_heard(void **state)
{
    (void)state;
    struct counter c;
    insert(1, 3);
    close_loop();
    so_db_close(world.db);
    other_program("PRAGMA trusted_schema=OFF; INSERT INTO t (id) VALUES (4)");
    world.db = bench_database();
    open_loop(100000);
    count_since(&c, 1);
    wait_for(&c, 5);
    so_subscription_close(c.subscription);
}

static void what_retention_removed_is_a_gap(void **state)
{
    (void)state;
    struct counter old, young, future;
    insert(1, 2000);
    close_loop();
    open_loop(10); /* removes in steps of 500 */
    while (strcmp(bench_get(world.db, "SELECT min(seq) FROM _socle_changes"), "1991") != 0)
        usleep(1000);
    count_since(&old, 5);
    count_since(&young, 1992);
    count_since(&future, 5000);
    wait_for(&old, 2001);
    assert_int_equal(old.gap_from, 5);
    assert_int_equal(old.gap_to, 1990);
    wait_for(&young, 2001);
    assert_int_equal(young.gap_from, 0);
    while (future.readies == 0)
        turn();
    assert_int_equal(future.gap_from, 5000);
    assert_int_equal(future.gap_to, 2000);
    insert(2001, 2005);
    wait_for(&old, 2006);
    wait_for(&young, 2006);
    wait_for(&future, 2006);
    so_subscription_close(old.subscription);
    so_subscription_close(young.subscription);
    so_subscription_close(future.subscription);
}

static void what_is_too_old_goes(void **state)
{
    (void)state;
    struct counter c;
    insert(1, 10);
    bench_sql(world.db, "UPDATE _socle_changes SET at = '2020-01-01T00:00:00.000Z' WHERE seq <= 4");
    close_loop();
    open_loop(100000);
    while (strcmp(bench_get(world.db, "SELECT min(seq) FROM _socle_changes"), "5") != 0)
        usleep(1000);
    count_since(&c, 0);
    wait_for(&c, 11);
    assert_int_equal(c.gap_to, 4);
    so_subscription_close(c.subscription);
}

/* An emptied log does not begin again at 1. */
static void an_emptied_log_is_a_gap_and_goes_on(void **state)
{
    (void)state;
    struct counter live, back;
    insert(1, 10);
    count_since(&live, 10);
    wait_for(&live, 11);
    bench_sql(world.db, "DELETE FROM _socle_changes");
    insert(11, 12);
    wait_for(&live, 13);
    bench_sql(world.db, "DELETE FROM _socle_changes");
    count_since(&back, 3);
    while (back.readies == 0)
        turn();
    assert_int_equal(back.gap_from, 3);
    assert_int_equal(back.gap_to, 12);
    insert(13, 14);
    wait_for(&live, 15);
    wait_for(&back, 15);
    so_subscription_close(live.subscription);
    so_subscription_close(back.subscription);
}

static void a_line_of_another_program_in_the_log_is_left_out(void **state)
{
    (void)state;
    struct ear ear = {0};
    hear(&ear, &ANON, "t", NULL);
    bench_sql(world.db, "INSERT INTO _socle_changes (at, \"table\", op, new) VALUES ('x', 't', 'INSERT', 'nonsense'),"
                        " ('x', 't', 'DROP', NULL); INSERT INTO t VALUES (1, 'x')");
    settle();
    assert_heard("nonsense", &ear, "INSERT {\"id\":1,\"a\":\"x\"} -\n");
    so_subscription_close(ear.subscription);
}

static void a_loop_that_nobody_listens_on_wakes_again(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct counter c;
        int64_t since = i % 2 == 0 ? -1 : i;
        insert(i + 1, i + 1);
        count_since(&c, since);
        if (i % 3 == 0) { /* gone before the mark came */
            so_subscription_close(c.subscription);
            count_since(&c, since);
        }
        while (c.readies == 0)
            turn();
        if (i % 4 == 0)
            uv_run(so_loop_uv(world.loop), UV_RUN_NOWAIT); /* what is still under way belongs to nobody */
        so_subscription_close(c.subscription);
    }
}

/* A loop that takes nothing for a while is behind, and catches up. */
static void a_loop_that_stood_still_catches_up(void **state)
{
    (void)state;
    struct counter a, b;
    count_since(&a, 0);
    while (a.readies == 0)
        turn();
    for (int i = 0; i < 300; i++) { /* more messages than may be under way */
        insert(i + 1, i + 1);
        usleep(300);
    }
    count_since(&b, 100);
    wait_for(&a, 301);
    wait_for(&b, 301);
    insert(301, 400);
    wait_for(&a, 401);
    wait_for(&b, 401);
    so_subscription_close(a.subscription);
    so_subscription_close(b.subscription);
}

/* Random histories: subscribers come, go and come back with the number they had, while changes are made. */
static void random_histories_lose_nothing(void **state)
{
    (void)state;
    struct counter counters[8] = {0};
    int written = 0;
    srand(7);
    for (int round = 0; round < 400; round++) {
        struct counter *c = &counters[rand() % 8];
        switch (rand() % 4) {
        case 0: {
            int more = 1 + rand() % 5;
            insert(written + 1, written + more);
            written += more;
            break;
        }
        case 1:
            if (c->subscription == NULL)
                count_since(c, c->next > 0 ? c->next - 1 : 0);
            break;
        case 2:
            so_subscription_close(c->subscription);
            c->subscription = NULL;
            break;
        default: uv_run(so_loop_uv(world.loop), UV_RUN_NOWAIT); break;
        }
    }
    for (size_t i = 0; i < COUNT_OF(counters); i++) {
        if (counters[i].subscription == NULL)
            count_since(&counters[i], counters[i].next > 0 ? counters[i].next - 1 : 0);
        wait_for(&counters[i], written + 1);
        assert_int_equal(counters[i].gap_to, 0);
        so_subscription_close(counters[i].subscription);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, open_tables, close_tables)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_point_can_be_resumed_from),
        T(a_long_past_comes_in_batches_while_the_present_goes_on),
        T(what_was_committed_before_a_start_is_heard),
        T(what_retention_removed_is_a_gap),
        T(what_is_too_old_goes),
        T(an_emptied_log_is_a_gap_and_goes_on),
        T(a_line_of_another_program_in_the_log_is_left_out),
        T(a_loop_that_nobody_listens_on_wakes_again),
        T(a_loop_that_stood_still_catches_up),
        T(random_histories_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
