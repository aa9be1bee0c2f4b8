/* match_test.c: LIKE, ILIKE and regular expressions as PostgreSQL has them, and the small functions. */
#include "fixture.h"

#include "core/clock.h"

static const struct {
    const char *sql, *want; /* want: the result, or "!" and the SQLSTATE */
} CASES[] = {
    {"so_like('a%', 'abc')", "1"},
    {"so_like('a%', 'Abc')", "0"},
    {"so_like('a_c', 'abc')", "1"},
    {"so_like('_', 'é')", "1"},
    {"so_like('%', '')", "1"},
    {"so_like('', '')", "1"},
    {"so_like('', 'a')", "0"},
    {"so_like('%a%b%c', 'xxaxxbxxbc')", "1"},
    {"so_like('%a%b%c', 'xxaxxbxxbcd')", "0"},
    {"so_like('%ab', 'aab')", "1"},
    {"so_like('100\\%', '100%')", "1"},
    {"so_like('100\\%', '1000')", "0"},
    {"so_like('a\\_b', 'axb')", "0"},
    {"so_like('a\\\\b', 'a\\b')", "1"},
    {"so_like('a\\', 'a\\')", "1"},
    {"so_like('1%', 12)", "1"},
    {"so_like(NULL, 'a') IS NULL", "1"},
    {"so_ilike('ÄÖ%', 'äöü')", "1"},
    {"so_ilike('ПРИВЕТ', 'привет')", "1"},
    {"so_ilike('a%', 'ABC')", "1"},
    {"'abc' LIKE 'A%'", "0"}, /* the pragma holds */
    {"so_regex('^b', 'abc', '')", "0"},
    {"so_regex('b.c', 'ab' || char(10) || 'cd', '')", "1"},
    {"so_regex('B', 'abc', 'i')", "1"},
    {"so_regex('B', 'abc', '')", "0"},
    {"so_regex('c$', 'abc' || char(10), '')", "0"},
    {"so_regex('ä', 'Ä', 'i')", "1"},
    {"so_regex('(', 'abc', '')", "!2201B"},
    {"so_regex(NULL, 'abc', '') IS NULL", "1"},
    {"so_regex('^(a+)+$', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab', '')", "!54001"},
    {"length(so_uuid())", "36"},
};

static void patterns_match_as_in_postgres(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn;
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        char sql[256], got[64];
        struct so_err err = SO_ERR_INIT;
        struct so_stmt *st;
        bool row;
        snprintf(sql, sizeof(sql), "SELECT %s", CASES[i].sql);
        if (so_conn_prepare(conn, so_str_c(sql), &st, &err) != SO_OK)
            fail_msg("%s: %s", sql, err.message);
        if (so_stmt_step(st, &row, &err) == SO_OK)
            snprintf(got, sizeof(got), "%.*s", SO_STR_ARG(so_stmt_text(st, 0)));
        else
            snprintf(got, sizeof(got), "!%s", err.id);
        if (strcmp(got, CASES[i].want) != 0)
            fail_msg("%s: %s", sql, got);
        so_stmt_done(st);
    }
    so_conn_close(conn);
    fixture_close(&f);
}

static void a_long_pattern_stays_quick(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn;
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    int64_t start = so_clock_mono_ns();
    assert_cell(conn, "SELECT so_like('%a%a%a%a%a%a%a%a%a%a%a%b', replace(hex(zeroblob(5000)), '0', 'a'))", "0");
    assert_true(so_clock_mono_ns() - start < 1000000000);
    so_conn_close(conn);
    fixture_close(&f);
}

static void a_pattern_serves_many_rows(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn;
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    assert_cell(conn,
                "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5000)"
                " SELECT sum(so_regex('^[1-4]+$', n, '')) FROM t",
                "340");
    so_conn_close(conn);
    fixture_close(&f);
}

static int64_t a_moment(void) { return INT64_C(1700000000123456); }

static void now_comes_from_the_clock(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, "CREATE TABLE t(id UUID TEXT DEFAULT (gen_random_uuid()), at TIMESTAMPTZ TEXT DEFAULT (so_now()), x)");
    so_clock_set_source(a_moment);
    fixture_exec(&f, "INSERT INTO t(x) VALUES (1), (2)");
    so_clock_set_source(NULL);
    struct so_conn *conn;
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    assert_cell(conn, "SELECT DISTINCT at FROM t", "2023-11-14T22:13:20.123456+00:00");
    assert_cell(conn, "SELECT count(DISTINCT id) FROM t", "2");
    so_conn_close(conn);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_as_in_postgres),
        cmocka_unit_test(a_long_pattern_stays_quick),
        cmocka_unit_test(a_pattern_serves_many_rows),
        cmocka_unit_test(now_comes_from_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
