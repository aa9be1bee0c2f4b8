/* pg_pool_test.c: requests in the pipelines of an event loop. */
#include "pg_fixture.h"
#include "pg_host.h"

#include "core/mem.h"

struct bench {
    struct pg_fixture db;
    struct host host;
    struct so_pg_pool_options options;
    struct so_pg_pool *pool;
    unsigned slots;
    int pending;
};

/* A request with its outcome. */
struct asked {
    struct so_pg_request request;
    struct so_pg_query queries[4];
    struct bench *bench;
    bool is_done;
    int checks;
    enum so_pg_verdict verdict;
    char got[256]; /* of the last answer: cells of all rows, with commas */
};

static void open_pool(struct bench *b, const char *sql, struct so_pg_pool_options options)
{
    pg_open(&b->db);
    if (sql != NULL)
        pg_exec(&b->db, sql);
    b->options = options;
    b->options.url = b->db.url;
    b->pending = 0;
    host_init(&b->host);
    b->slots = so_pg_pool_slots(&b->options);
    assert_int_equal(so_pg_pool_open(&b->options, &b->host.host, &b->pool, &b->db.err), SO_OK);
}

static void close_pool(struct bench *b)
{
    so_pg_pool_close(b->pool);
    pg_close(&b->db);
}

static void write_answer(struct asked *a)
{
    struct so_stmt *st = a->request.answers[a->request.query_count - 1];
    struct so_err err = SO_ERR_INIT;
    size_t n = 0;
    a->got[0] = '\0';
    for (bool row; st != NULL && so_stmt_step(st, &row, &err) == SO_OK && row;)
        for (int i = 0; i < so_stmt_column_count(st) && n < sizeof(a->got) - 1; i++) {
            struct so_str cell = so_stmt_text(st, i);
            n += (size_t)snprintf(a->got + n, sizeof(a->got) - n, "%s%.*s", n > 0 ? "," : "", (int)cell.n,
                                  cell.p == NULL ? "" : cell.p);
        }
}

static void on_done(struct so_pg_request *r)
{
    struct asked *a = SO_CONTAINER_OF(r, struct asked, request);
    if (r->rc == SO_OK && a->checks == 0)
        write_answer(a);
    assert_false(a->is_done);
    assert_int_equal(r->rc, r->err.code);
    a->is_done = true;
    a->bench->pending--;
}

static enum so_pg_verdict on_check(struct so_pg_request *r, struct so_err *err)
{
    struct asked *a = SO_CONTAINER_OF(r, struct asked, request);
    a->checks++;
    write_answer(a);
    if (a->verdict == SO_PG_ROLLBACK)
        so_fail_http(err, SO_EDENIED, 403, "42501", "not that row");
    return a->verdict;
}

/* Asks for up to four statements; those of it that are NULL are not there. */
static void ask(struct bench *b, struct asked *a, const char *first, const char *second)
{
    const char *const SQL[] = {first, second};
    struct so_pg_request before = a->request;
    a->bench = b;
    a->is_done = false;
    a->request = (struct so_pg_request){.queries = a->queries,
                                        .deadline = before.deadline == 0 ? INT64_MAX : before.deadline,
                                        .reads = before.reads,
                                        .check = before.check,
                                        .done = on_done};
    for (size_t i = 0; i < COUNT_OF(SQL) && SQL[i] != NULL; i++)
        a->queries[a->request.query_count++].sql = so_str_c(SQL[i]);
    b->pending++;
    struct so_err err = SO_ERR_INIT;
    if (so_pg_submit(b->pool, &a->request, &err) != SO_OK)
        fail_msg("%s %s", err.id, err.message);
}

static void run(struct bench *b)
{
    int64_t end = so_clock_mono_ns() + INT64_C(30000000000);
    while (b->pending > 0 && so_clock_mono_ns() < end)
        host_turn(&b->host, b->pool, b->slots);
    assert_int_equal(b->pending, 0);
}

static void expect(const struct asked *a, int rc, const char *id_or_answer)
{
    if (a->request.rc != rc)
        fail_msg("%d %s %s", a->request.rc, a->request.err.id, a->request.err.message);
    assert_string_equal(rc == SO_OK ? a->got : a->request.err.id, id_or_answer);
}

static void ask_alone(struct bench *b, const char *sql, const char *want)
{
    struct asked a = {.request.reads = true};
    ask(b, &a, sql, NULL);
    run(b);
    expect(&a, SO_OK, want);
}

/* ---- ---- */

static void a_request_sets_its_surroundings_and_answers_in_one_round_trip(void **state)
{
    (void)state;
    struct bench b;
    struct asked a = {0};
    struct so_pg_pool_stats stats;
    open_pool(&b, "CREATE TABLE t(x int, s text); INSERT INTO t VALUES (1, 'one'), (2, NULL)",
              (struct so_pg_pool_options){0});
    const struct so_str claims[] = {SO_STR("{\"sub\":\"u1\"}")}, values[] = {SO_STR("2"), {NULL, 0}};
    a.queries[0].values = claims;
    a.queries[0].value_count = 1;
    a.queries[1].values = values;
    a.queries[1].value_count = 2;
    ask(&b, &a, "SELECT set_config('request.jwt.claims', ?1, true)",
        "SELECT x, s, current_setting('request.jwt.claims'), ?2::text FROM t WHERE x <= :a::int + ?1::int ORDER BY x");
    a.queries[1].value_count = 2;
    run(&b);
    assert_int_equal(a.request.rc, SO_EDB); /* three parameters, two values */
    assert_string_equal(a.request.err.id, "08P01");
    assert_int_equal(a.request.failed, 1);
    ask(&b, &a, "SELECT set_config('request.jwt.claims', ?1, true)",
        "SELECT x, s, current_setting('request.jwt.claims'), ?2::text FROM t WHERE x <= ?1::int ORDER BY x");
    run(&b);
    expect(&a, SO_OK, "1,one,{\"sub\":\"u1\"},,2,,{\"sub\":\"u1\"},");
    so_pg_pool_get_stats(b.pool, &stats);
    assert_int_equal(stats.round_trips, 2);
    assert_int_equal(stats.in_flight + stats.queued, 0);
    ask_alone(&b, "SELECT current_setting('request.jwt.claims')", ""); /* it was the transaction's */
    close_pool(&b);
}

static void a_failure_touches_no_other_request_in_the_pipeline(void **state)
{
    (void)state;
    struct bench b;
    struct asked all[30] = {0};
    open_pool(&b, "CREATE TABLE t(x int PRIMARY KEY); INSERT INTO t VALUES (0)",
              (struct so_pg_pool_options){.connections = 1});
    for (int round = 0; round < 2; round++) {
        so_pg_pool_cork(b.pool);
        for (size_t i = 0; i < COUNT_OF(all); i++)
            switch (i % 3) {
            case 0: ask(&b, &all[i], "SELECT 1, 2", NULL); break;
            case 1: ask(&b, &all[i], "SELECT missing", "SELECT 'skipped, and so never prepared'"); break;
            default: ask(&b, &all[i], "SELECT 'skipped, and so never prepared'", NULL); break;
            }
        so_pg_pool_uncork(b.pool);
        run(&b);
        for (size_t i = 0; i < COUNT_OF(all); i++)
            switch (i % 3) {
            case 0: expect(&all[i], SO_OK, "1,2"); break;
            case 1: expect(&all[i], SO_EDB, "42703"); break;
            default: expect(&all[i], SO_OK, "skipped, and so never prepared"); break;
            }
    }
    close_pool(&b);
}

static void a_request_is_all_or_nothing(void **state)
{
    static const struct {
        const char *first, *second, *id;
        size_t failed;
    } CASES[] = {
        {"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (0)", "23505", 1},
        {"INSERT INTO t VALUES (1)", "SELECT 1/0", "22012", 1},
        {"INSERT INTO t VALUES (1)", "SELEC", "42601", 1},
        {"INSERT INTO t VALUES (1)", "INSERT INTO u VALUES (5)", "23503", 2}, /* found by the commit alone */
    };
    (void)state;
    struct bench b;
    open_pool(&b,
              "CREATE TABLE t(x int PRIMARY KEY); INSERT INTO t VALUES (0);"
              "CREATE TABLE u(x int REFERENCES t DEFERRABLE INITIALLY DEFERRED)",
              (struct so_pg_pool_options){.connections = 2});
    for (size_t i = 0; i < 2 * COUNT_OF(CASES); i++) {
        struct asked a = {.request.check = i >= COUNT_OF(CASES) ? on_check : NULL};
        ask(&b, &a, CASES[i % COUNT_OF(CASES)].first, CASES[i % COUNT_OF(CASES)].second);
        run(&b);
        expect(&a, SO_EDB, CASES[i % COUNT_OF(CASES)].id);
        if (i < COUNT_OF(CASES))
            assert_int_equal(a.request.failed, CASES[i].failed);
        ask_alone(&b, "SELECT count(*) FROM t", "1");
    }
    close_pool(&b);
}

static void a_check_decides_about_its_transaction(void **state)
{
    (void)state;
    struct bench b;
    struct asked a = {.request.check = on_check, .verdict = SO_PG_COMMIT}, other = {0};
    open_pool(&b, "CREATE TABLE t(x int)", (struct so_pg_pool_options){.connections = 1});
    ask(&b, &a, "INSERT INTO t VALUES (1) RETURNING x", NULL);
    ask(&b, &other, "SELECT count(*) FROM t", NULL); /* waits for it, or goes behind it */
    run(&b);
    expect(&a, SO_OK, "1");
    expect(&other, SO_OK, "1");
    a.verdict = SO_PG_ROLLBACK;
    ask(&b, &a, "INSERT INTO t VALUES (2) RETURNING x", NULL);
    ask(&b, &other, "SELECT count(*) FROM t", NULL);
    run(&b);
    expect(&a, SO_EDENIED, "42501");
    assert_int_equal(a.request.err.status, 403);
    expect(&other, SO_OK, "1");
    close_pool(&b);
}

static enum so_pg_verdict insert_two_more(struct so_pg_request *r, struct so_err *err)
{
    struct asked *a = SO_CONTAINER_OF(r, struct asked, request);
    (void)err;
    write_answer(a);
    if (++a->checks == 3)
        return SO_PG_COMMIT;
    a->queries[0].sql = a->checks == 1 ? SO_STR("INSERT INTO t VALUES (2) RETURNING x") : SO_STR("SELECT sum(x) FROM t");
    return SO_PG_MORE;
}

static void more_statements_can_join_the_transaction(void **state)
{
    (void)state;
    struct bench b;
    struct asked a = {.request.check = insert_two_more};
    open_pool(&b, "CREATE TABLE t(x int)", (struct so_pg_pool_options){0});
    ask(&b, &a, "INSERT INTO t VALUES (1) RETURNING x", NULL);
    run(&b);
    expect(&a, SO_OK, "3");
    close_pool(&b);
}

static void a_transaction_waits_for_its_verdict(void **state)
{
    (void)state;
    struct bench b;
    struct asked a = {.request.check = on_check, .verdict = SO_PG_WAIT}, other = {0};
    open_pool(&b, "CREATE TABLE t(x int)", (struct so_pg_pool_options){.connections = 1});
    ask(&b, &a, "INSERT INTO t VALUES (1)", NULL);
    while (a.checks == 0)
        host_turn(&b.host, b.pool, b.slots);
    ask(&b, &other, "SELECT count(*) FROM t", NULL);
    so_pg_resume(b.pool, &a.request, SO_PG_COMMIT, NULL);
    run(&b);
    expect(&a, SO_OK, "");
    expect(&other, SO_OK, "1");

    a.checks = 0; /* nobody says anything: the deadline does */
    a.request.deadline = so_clock_mono_ns() + 50000000;
    ask(&b, &a, "INSERT INTO t VALUES (2)", NULL);
    run(&b);
    expect(&a, SO_ETIMEOUT, "57014");
    so_pg_resume(b.pool, &a.request, SO_PG_COMMIT, NULL); /* too late: nothing happens */
    ask_alone(&b, "SELECT count(*) FROM t", "1");
    close_pool(&b);
}

static void a_statement_timeout_of_the_request_holds(void **state)
{
    (void)state;
    struct bench b;
    struct asked a = {0};
    open_pool(&b, NULL, (struct so_pg_pool_options){.connections = 1});
    ask(&b, &a, "SELECT set_config('statement_timeout', '30', true)", "SELECT pg_sleep(60)");
    run(&b);
    expect(&a, SO_ETIMEOUT, "57014");
    ask_alone(&b, "SELECT pg_sleep(0.05)", "");
    close_pool(&b);
}

static void a_deadline_cancels_and_others_go_on(void **state)
{
    (void)state;
    struct bench b;
    struct asked slow = {.request.deadline = so_clock_mono_ns() + 100000000}, others[8] = {0};
    open_pool(&b, NULL, (struct so_pg_pool_options){.connections = 1});
    slow.request.deadline = so_clock_mono_ns() + 100000000;
    so_pg_pool_cork(b.pool);
    ask(&b, &slow, "SELECT pg_sleep(60)", NULL);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        ask(&b, &others[i], "SELECT 'quick'", NULL);
    so_pg_pool_uncork(b.pool);
    run(&b);
    expect(&slow, SO_ETIMEOUT, "57014");
    assert_string_equal(slow.request.err.message, "canceling statement due to statement timeout");
    for (size_t i = 0; i < COUNT_OF(others); i++)
        expect(&others[i], SO_OK, "quick");
    close_pool(&b);
}

static void a_slow_statement_does_not_hold_the_others(void **state)
{
    (void)state;
    struct bench b;
    struct asked slow = {0};
    open_pool(&b, NULL, (struct so_pg_pool_options){.connections = 2});
    slow.request.deadline = so_clock_mono_ns() + INT64_C(20000000000);
    ask(&b, &slow, "SELECT pg_sleep(60)", NULL);
    b.pending--;
    for (int i = 0; i < 20; i++)
        ask_alone(&b, "SELECT 1", "1");
    assert_false(slow.is_done);
    b.pending++;
    so_pg_pool_close(b.pool);
    assert_int_equal(slow.request.rc, SO_ECLOSED);
    b.pool = NULL;
    close_pool(&b);
}

static void a_changed_table_is_prepared_anew(void **state)
{
    (void)state;
    struct bench b;
    struct asked reads[6] = {0};
    open_pool(&b, "CREATE TABLE t(x int); INSERT INTO t VALUES (1)", (struct so_pg_pool_options){.connections = 1});
    ask_alone(&b, "SELECT * FROM t", "1");
    pg_exec(&b.db, "ALTER TABLE t ADD y text DEFAULT 'new'");
    so_pg_pool_cork(b.pool);
    for (size_t i = 0; i < COUNT_OF(reads); i++)
        ask(&b, &reads[i], "SELECT * FROM t", NULL);
    so_pg_pool_uncork(b.pool);
    run(&b);
    for (size_t i = 0; i < COUNT_OF(reads); i++)
        expect(&reads[i], SO_OK, "1,new");
    ask_alone(&b, "SELECT * FROM t", "1,new");
    ask_alone(&b, "SELECT count(*) FROM pg_prepared_statements", "2"); /* that one, and this */
    close_pool(&b);
}

static void prepared_statements_are_bounded(void **state)
{
    (void)state;
    struct bench b;
    open_pool(&b, NULL, (struct so_pg_pool_options){.connections = 1, .prepared_max = 10});
    for (int i = 0; i < 40; i++) {
        char sql[32], want[16];
        snprintf(sql, sizeof(sql), "SELECT %d", i);
        snprintf(want, sizeof(want), "%d", i);
        ask_alone(&b, sql, want);
    }
    ask_alone(&b, "SELECT count(*) FROM pg_prepared_statements", "10");
    so_pg_pool_close(b.pool);
    b.options.unprepared = true;
    assert_int_equal(so_pg_pool_open(&b.options, &b.host.host, &b.pool, &b.db.err), SO_OK);
    for (int i = 0; i < 3; i++)
        ask_alone(&b, "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''", "0");
    close_pool(&b);
}

static void what_cannot_be_sent_fails_alone(void **state)
{
    static const struct so_str NUL[] = {SO_STR_INIT("a\0b")};
    (void)state;
    struct bench b;
    struct asked a = {0}, good = {0};
    open_pool(&b, NULL, (struct so_pg_pool_options){.connections = 1});
    a.queries[0].values = NUL;
    a.queries[0].value_count = 1;
    ask(&b, &a, "SELECT ?1::text", NULL);
    ask(&b, &good, "SELECT 1", NULL);
    run(&b);
    expect(&a, SO_EDB, "22021");
    expect(&good, SO_OK, "1");
    memset(a.queries, 0, sizeof(a.queries));
    static const struct {
        const char *sql, *id;
    } REFUSED[] = {{"SELECT ?0", "42P02"}, {"COMMIT", "42501"}, {"COPY t TO STDOUT", "0A000"}, {"", "42601"}};
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        ask(&b, &a, REFUSED[i].sql, NULL);
        assert_false(a.is_done); /* not from within */
        run(&b);
        expect(&a, SO_EDB, REFUSED[i].id);
    }
    struct so_err err = SO_ERR_INIT;
    a.request.query_count = 0;
    assert_int_equal(so_pg_submit(b.pool, &a.request, &err), SO_EINVAL);
    close_pool(&b);
}

static void large_values_go_through(void **state)
{
    enum { SIZE = 3 << 20 };
    (void)state;
    struct bench b;
    struct asked all[4] = {0};
    char *text = malloc(SIZE);
    memset(text, 'x', SIZE);
    const struct so_str values[] = {{text, SIZE}};
    open_pool(&b, NULL, (struct so_pg_pool_options){.connections = 1});
    so_pg_pool_cork(b.pool);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        all[i].queries[0].values = values;
        all[i].queries[0].value_count = 1;
        ask(&b, &all[i], "SELECT length(?1::text), repeat(?1::text, 2)", NULL);
    }
    so_pg_pool_uncork(b.pool);
    run(&b);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        assert_memory_equal(all[i].got, "3145728,xxxx", 12);
    close_pool(&b);
    free(text);
}

static void a_full_queue_says_so(void **state)
{
    (void)state;
    struct bench b;
    struct asked all[3] = {0}, more = {0};
    struct so_err err = SO_ERR_INIT;
    open_pool(&b, NULL, (struct so_pg_pool_options){.connections = 1, .queue_max = 3});
    for (size_t i = 0; i < COUNT_OF(all); i++)
        ask(&b, &all[i], "SELECT 1", NULL); /* they wait for the connection */
    more.request = all[0].request;
    assert_int_equal(so_pg_submit(b.pool, &more.request, &err), SO_EBUSY);
    assert_int_equal(err.status, 503);
    run(&b);
    close_pool(&b);
}

static void reads_go_to_the_other_url(void **state)
{
    (void)state;
    struct bench b;
    struct asked a = {0};
    pg_open(&b.db);
    char read_url[600];
    snprintf(read_url, sizeof(read_url), "%s&application_name=replica", b.db.url);
    b.options = (struct so_pg_pool_options){.url = b.db.url, .read_url = read_url, .connections = 2};
    b.pending = 0;
    host_init(&b.host);
    b.slots = so_pg_pool_slots(&b.options);
    assert_int_equal(so_pg_pool_open(&b.options, &b.host.host, &b.pool, &b.db.err), SO_OK);
    ask_alone(&b, "SELECT current_setting('application_name')", "replica");
    ask(&b, &a, "SELECT current_setting('application_name')", NULL);
    run(&b);
    expect(&a, SO_OK, "socle");
    close_pool(&b);
}

/* ---- failures below ---- */

static void terminate_all(struct bench *b)
{
    char sql[200];
    struct so_err err = SO_ERR_INIT;
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '%s'",
             b->db.name);
    assert_int_equal(pg_run_outside(b->db.admin, sql, &err), SO_OK);
}

static void a_lost_connection_is_replaced(void **state)
{
    (void)state;
    struct bench b;
    struct asked reads[10] = {0}, write = {0};
    open_pool(&b, "CREATE TABLE t(x int)", (struct so_pg_pool_options){.connections = 2});
    ask_alone(&b, "SELECT 1", "1");
    terminate_all(&b);
    so_pg_pool_cork(b.pool);
    for (size_t i = 0; i < COUNT_OF(reads); i++) {
        reads[i].request.reads = true;
        ask(&b, &reads[i], "SELECT 2", NULL);
    }
    ask(&b, &write, "INSERT INTO t VALUES (1)", NULL);
    so_pg_pool_uncork(b.pool);
    run(&b);
    for (size_t i = 0; i < COUNT_OF(reads); i++)
        expect(&reads[i], SO_OK, "2");
    /* The write was sent into the void: whoever asked is told that nobody knows. */
    if (write.request.rc != SO_OK)
        assert_int_equal(write.request.err.status, 503);
    ask_alone(&b, "SELECT 3", "3");
    close_pool(&b);
}

static void a_socket_that_cannot_be_watched_is_given_up(void **state)
{
    (void)state;
    struct bench b;
    open_pool(&b, NULL, (struct so_pg_pool_options){.connections = 1});
    b.host.fail_watches = 1;
    ask_alone(&b, "SELECT 1", "1"); /* by the next one */
    close_pool(&b);
}

static void memory_that_runs_out_fails_requests_and_nothing_else(void **state)
{
    static const struct so_str VALUES[] = {SO_STR_INIT("x")};
    (void)state;
    struct bench b;
    open_pool(&b, "CREATE TABLE t(x text)", (struct so_pg_pool_options){.connections = 2});
    for (long n = 0;; n++) {
        struct asked a = {.request.check = on_check, .verdict = SO_PG_COMMIT};
        char sql[64];
        snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (?1) RETURNING %ld", n); /* new each time */
        a.queries[0].values = VALUES;
        a.queries[0].value_count = 1;
        so_mem_fail_at(n);
        ask(&b, &a, sql, NULL);
        run(&b);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (!failed) {
            assert_int_equal(a.request.rc, SO_OK);
            break;
        }
        assert_true(a.request.rc == SO_OK || a.request.rc == SO_ENOMEM || a.request.err.status == 503);
    }
    so_pg_pool_close(b.pool);
    for (long n = 0;; n++) {
        struct so_err err = SO_ERR_INIT;
        so_mem_fail_at(n);
        int rc = so_pg_pool_open(&b.options, &b.host.host, &b.pool, &err);
        so_mem_fail_at(-1);
        if (rc == SO_OK)
            break;
        assert_int_equal(rc, SO_ENOMEM);
    }
    close_pool(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_sets_its_surroundings_and_answers_in_one_round_trip),
        cmocka_unit_test(a_failure_touches_no_other_request_in_the_pipeline),
        cmocka_unit_test(a_request_is_all_or_nothing),
        cmocka_unit_test(a_check_decides_about_its_transaction),
        cmocka_unit_test(more_statements_can_join_the_transaction),
        cmocka_unit_test(a_transaction_waits_for_its_verdict),
        cmocka_unit_test(a_statement_timeout_of_the_request_holds),
        cmocka_unit_test(a_deadline_cancels_and_others_go_on),
        cmocka_unit_test(a_slow_statement_does_not_hold_the_others),
        cmocka_unit_test(a_changed_table_is_prepared_anew),
        cmocka_unit_test(prepared_statements_are_bounded),
        cmocka_unit_test(what_cannot_be_sent_fails_alone),
        cmocka_unit_test(large_values_go_through),
        cmocka_unit_test(a_full_queue_says_so),
        cmocka_unit_test(reads_go_to_the_other_url),
        cmocka_unit_test(a_lost_connection_is_replaced),
        cmocka_unit_test(a_socket_that_cannot_be_watched_is_given_up),
        cmocka_unit_test(memory_that_runs_out_fails_requests_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
