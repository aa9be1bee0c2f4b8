/* statement_test.c: statements, their cache, and errors in PostgreSQL's words. */
#include "fixture.h"

#include "core/clock.h"

static struct so_conn *open_reader(struct fixture *f)
{
    struct so_conn *conn;
    if (so_db_reader_open(f->db, &conn, &f->err) != SO_OK)
        fail_msg("%s", f->err.message);
    return conn;
}

static void errors_are_those_of_postgres(void **state)
{
    static const struct {
        const char *sql, *id, *message;
    } CASES[] = {
        {"INSERT INTO books VALUES ('1', 'b', 1, NULL)", "23505",
         "duplicate key value violates unique constraint \"books_pkey\""},
        {"INSERT INTO books VALUES ('2', 'a', 1, NULL)", "23505",
         "duplicate key value violates unique constraint \"books_title_pages_key\""},
        {"INSERT INTO numbered VALUES (1)", "23505", "duplicate key value violates unique constraint \"numbered_pkey\""},
        {"INSERT INTO books VALUES ('2', NULL, 1, NULL)", "23502",
         "null value in column \"title\" of relation \"books\" violates not-null constraint"},
        {"INSERT INTO books VALUES ('2', 'b', -1, NULL)", "23514",
         "new row violates check constraint \"books_pages_check\""},
        {"INSERT INTO books VALUES ('2', 'b', 1, 'x')", "23503", "insert, update or delete violates foreign key constraint"},
        {"SELECT * FROM missing", "42P01", "relation \"missing\" does not exist"},
        {"SELECT missing FROM books", "42703", "column \"missing\" does not exist"},
        {"SELECT \"missing\" FROM books", "42703", "column \"missing\" does not exist"},
        {"SELEC 1", "42601", "near \"SELEC\": syntax error"},
        {"SELECT missing(1)", "42883", "function missing does not exist"},
        {"COMMIT", "42501", "not authorized"},
        {"BEGIN", "42501", "not authorized"},
        {"RELEASE so_job", "42501", "not authorized"},
        {"ATTACH ':memory:' AS x", "42501", "not authorized"},
        {"CREATE TABLE books(x)", "42P07", "table books already exists"},
        {"SELECT abs(-9223372036854775807 - 1)", "22003", "integer overflow"},
    };
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(
        &f, "CREATE TABLE authors(id TEXT PRIMARY KEY);"
            "CREATE TABLE numbered(id INTEGER PRIMARY KEY); INSERT INTO numbered VALUES (1);"
            "CREATE TABLE books(isbn TEXT PRIMARY KEY, title TEXT NOT NULL, pages INTEGER,"
            "  author TEXT REFERENCES authors(id), CONSTRAINT books_pages_check CHECK (pages > 0), UNIQUE(title, pages));"
            "INSERT INTO books VALUES ('1', 'a', 1, NULL)");
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        int rc = fixture_try(&f, CASES[i].sql);
        if (rc != SO_EDB || strcmp(f.err.id, CASES[i].id) != 0 || strcmp(f.err.message, CASES[i].message) != 0)
            fail_msg("%s\n got %d %s %s", CASES[i].sql, rc, f.err.id, f.err.message);
    }
    assert_int_equal(fixture_try(&f, CASES[1].sql), SO_EDB);
    assert_string_equal(f.err.details, "Key (title, pages) already exists.");
    fixture_close(&f);
}

static void a_statement_comes_from_the_cache(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn = open_reader(&f);
    struct so_stmt *a, *b, *again;
    bool row;
    assert_int_equal(so_conn_prepare(conn, SO_STR("SELECT ?1"), &a, &f.err), SO_OK);
    assert_int_equal(so_conn_prepare(conn, SO_STR("SELECT ?1"), &b, &f.err), SO_OK);
    assert_ptr_not_equal(a, b); /* both are in use */
    so_stmt_bind_i64(a, 1, 7);
    so_stmt_bind_text(b, 1, SO_STR("seven"));
    assert_int_equal(so_stmt_step(a, &row, &f.err), SO_OK);
    assert_int_equal(so_stmt_step(b, &row, &f.err), SO_OK);
    assert_int_equal(so_stmt_i64(a, 0), 7);
    assert_str(so_stmt_text(b, 0), "seven");
    so_stmt_done(b);
    so_stmt_done(a);
    assert_int_equal(so_conn_prepare(conn, SO_STR("SELECT ?1"), &again, &f.err), SO_OK);
    assert_ptr_equal(again, a);
    assert_int_equal(so_stmt_step(again, &row, &f.err), SO_OK);
    assert_true(so_stmt_is_null(again, 0)); /* bindings are gone */
    so_stmt_done(again);
    so_conn_close(conn);
    fixture_close(&f);
}

static void the_cache_is_bounded(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn = open_reader(&f);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1000; i++) {
            char sql[32], want[16];
            snprintf(sql, sizeof(sql), "SELECT %d", i);
            snprintf(want, sizeof(want), "%d", i);
            assert_cell(conn, sql, want);
        }
    so_conn_close(conn);
    fixture_close(&f);
}

static void a_deadline_stops_a_statement(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn = open_reader(&f);
    struct so_stmt *st;
    bool row;
    int64_t start = so_clock_mono_ns();
    so_conn_set_deadline(conn, start + 3000000);
    assert_int_equal(
        so_conn_prepare(conn, SO_STR("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t"),
                        &st, &f.err),
        SO_OK);
    assert_int_equal(so_stmt_step(st, &row, &f.err), SO_ETIMEOUT);
    assert_string_equal(f.err.id, "57014");
    assert_string_equal(f.err.message, "canceling statement due to statement timeout");
    assert_in_range(so_clock_mono_ns() - start, 3000000, 1000000000);
    so_stmt_done(st);
    so_conn_set_deadline(conn, INT64_MAX);
    assert_cell(conn, "SELECT 1", "1");
    so_conn_close(conn);
    fixture_close(&f);
}

static void a_reader_cannot_write_and_sees_the_last_commit(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn = open_reader(&f);
    fixture_exec(&f, "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    assert_cell(conn, "SELECT count(*) FROM t", "1");
    fixture_exec(&f, "INSERT INTO t VALUES (2)");
    assert_cell(conn, "SELECT count(*) FROM t", "2");
    assert_int_equal(so_conn_exec(conn, "INSERT INTO t VALUES (3)", &f.err), SO_EDB);
    assert_string_equal(f.err.id, "25006");
    so_conn_close(conn);
    fixture_close(&f);
}

static void a_bad_bind_is_told_by_the_first_step(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn = open_reader(&f);
    struct so_stmt *st;
    bool row;
    assert_int_equal(so_conn_prepare(conn, SO_STR("SELECT ?1, :name"), &st, &f.err), SO_OK);
    assert_int_equal(so_stmt_parameter(st, ":name"), 2);
    assert_int_equal(so_stmt_parameter(st, ":none"), 0);
    so_stmt_bind_i64(st, 9, 1);
    assert_int_equal(so_stmt_step(st, &row, &f.err), SO_EDB);
    assert_string_equal(f.err.id, "42P02");
    so_stmt_done(st);
    so_conn_close(conn);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_those_of_postgres),
        cmocka_unit_test(a_statement_comes_from_the_cache),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(a_deadline_stops_a_statement),
        cmocka_unit_test(a_reader_cannot_write_and_sees_the_last_commit),
        cmocka_unit_test(a_bad_bind_is_told_by_the_first_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
