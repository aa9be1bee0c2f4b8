/* pg_statement_test.c: the same statements, values and errors on PostgreSQL as on SQLite. */
#include "pg_fixture.h"

#include "core/clock.h"
#include "core/mem.h"

static const char TABLES[] = "CREATE TABLE authors(id text PRIMARY KEY);"
                             "CREATE TABLE books(isbn text PRIMARY KEY, title text NOT NULL, pages int CHECK (pages > 0),"
                             "  author text REFERENCES authors(id), UNIQUE(title, pages));"
                             "INSERT INTO books VALUES ('1', 'a', 1, NULL)";

static void errors_have_their_sqlstate(void **state)
{
    static const struct {
        const char *sql;
        int code;
        const char *id, *message;
    } CASES[] = {
        {"INSERT INTO books VALUES ('1', 'b', 1, NULL)", SO_EDB, "23505",
         "duplicate key value violates unique constraint \"books_pkey\""},
        {"INSERT INTO books VALUES ('2', NULL, 1, NULL)", SO_EDB, "23502",
         "null value in column \"title\" of relation \"books\" violates not-null constraint"},
        {"INSERT INTO books VALUES ('2', 'b', -1, NULL)", SO_EDB, "23514",
         "new row for relation \"books\" violates check constraint \"books_pages_check\""},
        {"INSERT INTO books VALUES ('2', 'b', 1, 'x')", SO_EDB, "23503",
         "insert or update on table \"books\" violates foreign key constraint \"books_author_fkey\""},
        {"SELECT * FROM missing", SO_EDB, "42P01", "relation \"missing\" does not exist"},
        {"SELECT missing FROM books", SO_EDB, "42703", "column \"missing\" does not exist"},
        {"SELEC 1", SO_EDB, "42601", "syntax error at or near \"SELEC\""},
        {"SELECT missing(1)", SO_EDB, "42883", "function missing(integer) does not exist"},
        {"SELECT 1/0", SO_EDB, "22012", "division by zero"},
        {"SELECT * FROM books; LOCK TABLE missing", SO_EDB, "42P01", "relation \"missing\" does not exist"},
        {"COPY books TO STDOUT", SO_EDB, "0A000", "COPY is not supported"},
    };
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    pg_exec(&f, TABLES);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        int rc = pg_try(&f, CASES[i].sql);
        if (rc != CASES[i].code || strcmp(f.err.id, CASES[i].id) != 0 || strcmp(f.err.message, CASES[i].message) != 0)
            fail_msg("%s\n got %d %s %s", CASES[i].sql, rc, f.err.id, f.err.message);
    }
    assert_int_equal(pg_try(&f, "INSERT INTO books VALUES ('2', 'a', 1, NULL)"), SO_EDB);
    assert_string_equal(f.err.details, "Key (title, pages)=(a, 1) already exists.");
    assert_int_equal(pg_try(&f, "SELECT * FROM books WHERE pages = 'x'::text"), SO_EDB);
    assert_true(strlen(f.err.hint) > 0);
    pg_close(&f);
}

static void statements_that_are_not_the_callers_are_refused(void **state)
{
    static const char *const CASES[] = {"COMMIT", "begin", "END", "abort", "/* x */ Start Transaction", "DISCARD ALL"};
    (void)state;
    struct pg_fixture f;
    struct so_stmt *st;
    pg_open(&f);
    struct so_conn *conn = pg_reader(&f);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        f.err = SO_ERR_INIT;
        assert_int_equal(so_conn_prepare(conn, so_str_c(CASES[i]), &st, &f.err), SO_EDB);
        assert_string_equal(f.err.id, "42501");
    }
    so_conn_close(conn);
    pg_close(&f);
}

static struct so_stmt *prepare(struct pg_fixture *f, struct so_conn *conn, const char *sql)
{
    struct so_stmt *st;
    if (so_conn_prepare(conn, so_str_c(sql), &st, &f->err) != SO_OK)
        fail_msg("%s: %s", sql, f->err.message);
    return st;
}

static void step_to(struct pg_fixture *f, struct so_stmt *st, bool want)
{
    bool row = !want;
    if (so_stmt_step(st, &row, &f->err) != SO_OK)
        fail_msg("%s", f->err.message);
    assert_int_equal(row, want);
}

static void values_go_there_and_back(void **state)
{
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    struct so_conn *conn = pg_reader(&f);
    struct so_stmt *st =
        prepare(&f, conn,
                "SELECT ?1::bigint AS a, ?2::float8, ?3::text, ?4::bytea, ?5::text, true, false, :name::text, "
                "'2024-05-06T07:08:09+02'::timestamptz, ''::bytea");
    so_stmt_bind_i64(st, 1, INT64_MIN);
    so_stmt_bind_double(st, 2, 0.1);
    so_stmt_bind_text(st, 3, SO_STR("ä '\"\\"));
    so_stmt_bind_blob(st, 4, SO_STR("\0\x01\xff"));
    so_stmt_bind_text(st, 5, (struct so_str){NULL, 0});
    assert_int_equal(so_stmt_parameter(st, ":name"), 6);
    assert_int_equal(so_stmt_parameter(st, ":none"), 0);
    so_stmt_bind_text(st, 6, SO_STR(""));
    step_to(&f, st, true);
    assert_int_equal(so_stmt_column_count(st), 10);
    assert_str(so_stmt_column_name(st, 0), "a");
    assert_true(so_stmt_i64(st, 0) == INT64_MIN);
    assert_true(so_stmt_double(st, 1) == 0.1);
    assert_str(so_stmt_text(st, 2), "ä '\"\\");
    assert_true(so_str_eq(so_stmt_text(st, 3), SO_STR("\0\x01\xff")));
    assert_true(so_stmt_is_null(st, 4));
    assert_null(so_stmt_text(st, 4).p);
    assert_int_equal(so_stmt_i64(st, 5), 1);
    assert_int_equal(so_stmt_i64(st, 6), 0);
    assert_false(so_stmt_is_null(st, 7));
    assert_str(so_stmt_text(st, 7), "");
    assert_str(so_stmt_text(st, 8), "2024-05-06 05:08:09+00");
    assert_str(so_stmt_text(st, 9), "");
    assert_non_null(so_stmt_text(st, 9).p);
    step_to(&f, st, false);
    step_to(&f, st, false);
    assert_true(so_stmt_is_null(st, 0));
    so_stmt_done(st);
    so_conn_close(conn);
    pg_close(&f);
}

static void a_statement_can_be_used_twice_at_once(void **state)
{
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    struct so_conn *conn = pg_reader(&f);
    struct so_stmt *a = prepare(&f, conn, "SELECT ?1::int + n FROM generate_series(1, 3) n");
    struct so_stmt *b = prepare(&f, conn, "SELECT ?1::int + n FROM generate_series(1, 3) n");
    so_stmt_bind_i64(a, 1, 10);
    so_stmt_bind_i64(b, 1, 20);
    step_to(&f, a, true);
    step_to(&f, b, true);
    step_to(&f, a, true);
    assert_int_equal(so_stmt_i64(a, 0), 12);
    assert_int_equal(so_stmt_i64(b, 0), 21);
    so_stmt_done(a);
    so_stmt_done(b);
    so_conn_close(conn);
    pg_close(&f);
}

static void the_cache_is_bounded(void **state)
{
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    struct so_conn *conn = pg_reader(&f);
    for (int i = 0; i < 300; i++) {
        char sql[32], want[16];
        snprintf(sql, sizeof(sql), "SELECT %d", i % 200);
        snprintf(want, sizeof(want), "%d", i % 200);
        assert_cell(conn, sql, want);
    }
    assert_cell(conn, "SELECT count(*) FROM pg_prepared_statements", "128");
    so_conn_close(conn);
    pg_close(&f);
}

static void a_bad_bind_is_told_by_the_first_step(void **state)
{
    static const char *const WANT[] = {"42P02", "22021", "0A000"};
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    struct so_conn *conn = pg_reader(&f);
    for (size_t i = 0; i < COUNT_OF(WANT); i++) {
        bool row;
        struct so_stmt *st = prepare(&f, conn, "SELECT ?1::text");
        if (i == 0)
            so_stmt_bind_i64(st, 9, 1);
        else if (i == 1)
            so_stmt_bind_text(st, 1, SO_STR("a\0b"));
        else
            so_stmt_bind_pointer(st, 1, WANT, "kind");
        assert_int_equal(so_stmt_step(st, &row, &f.err), SO_EDB);
        assert_string_equal(f.err.id, WANT[i]);
        f.err = SO_ERR_INIT;
        so_stmt_done(st);
    }
    so_conn_close(conn);
    pg_close(&f);
}

static void a_deadline_stops_a_statement(void **state)
{
    (void)state;
    struct pg_fixture f;
    bool row;
    pg_open(&f);
    struct so_conn *conn = pg_reader(&f);
    struct so_stmt *st = prepare(&f, conn, "SELECT pg_sleep(60)");
    int64_t start = so_clock_mono_ns();
    so_conn_set_deadline(conn, start + 20000000);
    assert_int_equal(so_stmt_step(st, &row, &f.err), SO_ETIMEOUT);
    assert_string_equal(f.err.id, "57014");
    assert_string_equal(f.err.message, "canceling statement due to statement timeout");
    assert_in_range(so_clock_mono_ns() - start, 20000000, INT64_C(20000000000));
    so_stmt_done(st);
    so_conn_set_deadline(conn, INT64_MAX);
    assert_cell(conn, "SELECT 1", "1");
    so_conn_close(conn);
    pg_close(&f);
}

static void a_reader_cannot_write_and_sees_the_last_commit(void **state)
{
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    struct so_conn *conn = pg_reader(&f);
    pg_exec(&f, "CREATE TABLE t(x int); INSERT INTO t VALUES (1)");
    assert_cell(conn, "SELECT count(*) FROM t", "1");
    pg_exec(&f, "INSERT INTO t VALUES (2)");
    assert_cell(conn, "SELECT count(*) FROM t", "2");
    assert_int_equal(so_conn_exec(conn, "INSERT INTO t VALUES (3)", &f.err), SO_EDB);
    assert_string_equal(f.err.id, "25006");
    so_conn_close(conn);
    pg_close(&f);
}

static void a_changed_table_is_prepared_anew(void **state)
{
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    struct so_conn *conn = pg_reader(&f);
    pg_exec(&f, "CREATE TABLE t(x int); INSERT INTO t VALUES (1)");
    assert_cell(conn, "SELECT * FROM t", "1");
    pg_exec(&f, "ALTER TABLE t ALTER x TYPE text USING 'was ' || x");
    assert_cell(conn, "SELECT * FROM t", "was 1");
    assert_cell(conn, "SELECT count(*) FROM pg_prepared_statements", "2"); /* the old one is gone, this one is there */
    so_conn_close(conn);
    pg_close(&f);
}

static void a_lost_connection_is_made_again(void **state)
{
    (void)state;
    struct pg_fixture f;
    bool row;
    char pid[16], kill[96];
    pg_open(&f);
    struct so_conn *conn = pg_reader(&f);
    fixture_cell(conn, "SELECT pg_backend_pid()", pid, sizeof(pid));
    snprintf(kill, sizeof(kill), "SELECT pg_terminate_backend(%s, 5000)", pid);
    assert_int_equal(pg_run_outside(f.admin, kill, &f.err), SO_OK);
    assert_cell(conn, "SELECT 1", "1"); /* outside a transaction nobody notices */

    fixture_cell(conn, "SELECT pg_backend_pid()", pid, sizeof(pid));
    assert_int_equal(so_conn_exec(conn, "BEGIN", &f.err), SO_OK);
    snprintf(kill, sizeof(kill), "SELECT pg_terminate_backend(%s, 5000)", pid);
    assert_int_equal(pg_run_outside(f.admin, kill, &f.err), SO_OK);
    struct so_stmt *st;
    int rc = so_conn_prepare(conn, SO_STR("SELECT 2"), &st, &f.err); /* in one it is lost */
    assert_int_equal(rc, SO_EDB);
    assert_int_equal(f.err.status, 503);
    f.err = SO_ERR_INIT;
    assert_int_equal(so_conn_prepare(conn, SO_STR("SELECT 2"), &st, &f.err), SO_EDB); /* until its end */
    assert_string_equal(f.err.id, "08006");
    assert_int_equal(so_conn_exec(conn, "ROLLBACK", NULL), SO_EDB);
    assert_cell(conn, "SELECT 3", "3");
    (void)row;
    so_conn_close(conn);
    pg_close(&f);
}

static void no_server_is_an_error_with_503(void **state)
{
    (void)state;
    struct so_db *db;
    struct so_conn *conn;
    struct so_err err = SO_ERR_INIT;
    assert_int_equal(so_db_open("postgresql:///x?host=/nowhere", NULL, &db, &err), SO_OK);
    assert_int_equal(so_db_reader_take(db, &conn, &err), SO_EDB);
    assert_string_equal(err.id, "08001");
    assert_int_equal(err.status, 503);
    err = SO_ERR_INIT;
    assert_int_equal(so_db_write(db, fixture_run_sql, &(const char *){"SELECT 1"}, &err), SO_EDB);
    assert_string_equal(err.id, "08001");
    so_db_close(db);
    err = SO_ERR_INIT;
    assert_int_equal(so_db_open("postgresql://u:secret@[/x", NULL, &db, &err), SO_EINVAL);
    assert_null(strstr(err.message, "secret"));
}

static void without_prepared_statements_all_is_the_same(void **state)
{
    (void)state;
    struct pg_fixture f;
    struct so_db_options options = {.unprepared = true};
    pg_open_with(&f, &options);
    struct so_conn *conn = pg_reader(&f);
    pg_exec(&f, "CREATE TABLE t(x int); INSERT INTO t VALUES (1)");
    struct so_stmt *st = prepare(&f, conn, "SELECT x FROM t WHERE x = ?1");
    so_stmt_bind_i64(st, 1, 1);
    step_to(&f, st, true);
    assert_int_equal(so_stmt_i64(st, 0), 1);
    so_stmt_done(st);
    assert_cell(conn, "SELECT count(*) FROM pg_prepared_statements", "0");
    so_conn_close(conn);
    pg_close(&f);
}

static void memory_that_runs_out_is_an_error(void **state)
{
    (void)state;
    struct pg_fixture f;
    pg_open(&f);
    for (long n = 0;; n++) {
        struct so_conn *conn = NULL;
        struct so_stmt *st = NULL;
        struct so_err err = SO_ERR_INIT;
        bool row = false;
        so_mem_fail_at(n);
        int rc = so_db_reader_open(f.db, &conn, &err);
        if (rc == SO_OK)
            rc = so_conn_prepare(conn, SO_STR("SELECT ?1::text, :b::bytea"), &st, &err);
        if (rc == SO_OK) {
            so_stmt_bind_text(st, 1, SO_STR("x"));
            so_stmt_bind_blob(st, 2, SO_STR("y"));
            rc = so_stmt_step(st, &row, &err);
        }
        bool bytes_failed = rc == SO_OK && so_stmt_text(st, 1).p == NULL; /* decoding failed */
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        so_stmt_done(st);
        so_conn_close(conn);
        if (!failed) {
            assert_int_equal(rc, SO_OK);
            break;
        }
        assert_true(rc == SO_ENOMEM || bytes_failed);
    }
    pg_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_their_sqlstate),
        cmocka_unit_test(statements_that_are_not_the_callers_are_refused),
        cmocka_unit_test(values_go_there_and_back),
        cmocka_unit_test(a_statement_can_be_used_twice_at_once),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(a_bad_bind_is_told_by_the_first_step),
        cmocka_unit_test(a_deadline_stops_a_statement),
        cmocka_unit_test(a_reader_cannot_write_and_sees_the_last_commit),
        cmocka_unit_test(a_changed_table_is_prepared_anew),
        cmocka_unit_test(a_lost_connection_is_made_again),
        cmocka_unit_test(no_server_is_an_error_with_503),
        cmocka_unit_test(without_prepared_statements_all_is_the_same),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
    };
    return pg_is_missing() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
