/* shape_test.c: rows become JSON, whatever the cells hold; nested rows, too. */
#include "fixture.h"

#include "core/mem.h"
#include "db/shape.h"

static const struct {
    const char *label;
    enum so_type type;
    const char *cell; /* SQL */
    const char *want;
} CELLS[] = {
    {"null", SO_TYPE_TEXT, "NULL", "null"},
    {"text is escaped", SO_TYPE_TEXT, "'a\"b' || char(10)", "\"a\\\"b\\n\""},
    {"the largest integer is exact", SO_TYPE_INTEGER, "9223372036854775807", "9223372036854775807"},
    {"a double is the shortest text", SO_TYPE_NUMERIC, "0.1", "0.1"},
    {"a number that is text stays exact", SO_TYPE_NUMERIC, "'123456789012345678901234567890.5'",
     "123456789012345678901234567890.5"},
    {"text that is no number", SO_TYPE_NUMERIC, "'many'", "\"many\""},
    {"infinity is no JSON", SO_TYPE_NUMERIC, "9e999", "null"},
    {"true", SO_TYPE_BOOLEAN, "1", "true"},
    {"false", SO_TYPE_BOOLEAN, "0", "false"},
    {"JSON is nested", SO_TYPE_JSON, "'{\"a\": [1, 2]}'", "{\"a\": [1, 2]}"},
    {"broken JSON becomes a string", SO_TYPE_JSON, "'{\"a\": [1, 2'", "\"{\\\"a\\\": [1, 2\""},
    {"a JSON number", SO_TYPE_JSON, "5", "5"},
    {"a whole second has no fraction", SO_TYPE_TIMESTAMPTZ, "'2024-01-01T00:00:00.000000+00:00'",
     "\"2024-01-01T00:00:00+00:00\""},
    {"a fraction is trimmed", SO_TYPE_TIMESTAMPTZ, "'2024-01-01T00:00:00.500000+00:00'", "\"2024-01-01T00:00:00.5+00:00\""},
    {"a foreign timestamp", SO_TYPE_TIMESTAMPTZ, "'2024-01-01 00:00:00'", "\"2024-01-01 00:00:00\""},
    {"an injected timestamp", SO_TYPE_TIMESTAMPTZ, "'2024-01-01T\",\"a\":1.000000+00:00'",
     "\"2024-01-01T\\\",\\\"a\\\":1.000000+00:00\""},
    {"time", SO_TYPE_TIME, "'12:30:00.250000'", "\"12:30:00.25\""},
    {"date", SO_TYPE_DATE, "'2024-02-29'", "\"2024-02-29\""},
    {"decimal is text", SO_TYPE_DECIMAL, "'1.5'", "\"1.5\""},
    {"blob", SO_TYPE_BLOB, "x'00ff10'", "\"AP8Q\""},
    {"empty blob", SO_TYPE_BLOB, "x''", "\"\""},
    {"a view's number", SO_TYPE_TEXT, "count(*)", "1"},
};

static void cells_are_written_by_what_they_hold(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn;
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    for (size_t i = 0; i < COUNT_OF(CELLS); i++) {
        struct so_field field = {SO_STR("\"x\":"), SO_FIELD_VALUE, CELLS[i].type};
        struct so_shape shape = {&field, 1, false};
        struct so_stmt *st;
        struct so_buf b;
        bool row;
        char sql[256], want[256];
        snprintf(sql, sizeof(sql), "SELECT %s", CELLS[i].cell);
        snprintf(want, sizeof(want), "{\"x\":%s}", CELLS[i].want);
        so_buf_init(&b, 4096);
        if (so_conn_prepare(conn, so_str_c(sql), &st, &f.err) != SO_OK || so_stmt_step(st, &row, &f.err) != SO_OK)
            fail_msg("%s: %s", CELLS[i].label, f.err.message);
        so_shape_put_row(&shape, st, 0, &b);
        if (!so_str_eq_c(so_buf_str(&b), want))
            fail_msg("%s: %.*s", CELLS[i].label, SO_STR_ARG(so_buf_str(&b)));
        so_buf_deinit(&b);
        so_stmt_done(st);
    }
    so_conn_close(conn);
    fixture_close(&f);
}

static const char NESTED[] = "SELECT a.name, (SELECT so_rows(?1, x.isbn, x.pages) FROM (SELECT b.isbn, b.pages FROM books b"
                             " WHERE b.author = a.id ORDER BY b.isbn DESC) x),"
                             " (SELECT so_object(?1, isbn, pages) FROM books b WHERE b.author = a.id LIMIT 1)"
                             " FROM authors a ORDER BY a.id";

/* Runs NESTED; SO_OK and the rows in `out`. */
static int put_nested(struct so_conn *conn, bool strip_nulls, struct so_buf *out, struct so_err *err)
{
    const struct so_field inner_fields[] = {{SO_STR("\"isbn\":"), SO_FIELD_VALUE, SO_TYPE_TEXT},
                                            {SO_STR("\"pages\":"), SO_FIELD_VALUE, SO_TYPE_INTEGER}};
    const struct so_field outer_fields[] = {{SO_STR("\"name\":"), SO_FIELD_VALUE, SO_TYPE_TEXT},
                                            {SO_STR("\"books\":"), SO_FIELD_JSON, SO_TYPE_JSON},
                                            {SO_STR("\"first\":"), SO_FIELD_JSON, SO_TYPE_JSON}};
    const struct so_shape inner = {inner_fields, 2, strip_nulls}, outer = {outer_fields, 3, strip_nulls};
    struct so_stmt *st;
    bool row = true;
    int rc = so_conn_prepare(conn, so_str_c(NESTED), &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_pointer(st, 1, &inner, SO_SHAPE_KIND);
    while ((rc = so_stmt_step(st, &row, err)) == SO_OK && row)
        so_shape_put_row(&outer, st, 0, out);
    so_stmt_done(st);
    return rc == SO_OK ? so_buf_check(out, "the rows", err) : rc;
}

static const char LIBRARY[] = "CREATE TABLE authors(id INTEGER PRIMARY KEY, name TEXT);"
                              "CREATE TABLE books(isbn TEXT, pages INTEGER, author INTEGER);"
                              "INSERT INTO authors VALUES (1, 'A'), (2, NULL);"
                              "INSERT INTO books VALUES ('x', 10, 1), ('y', NULL, 1)";
static const char WANT[] = "{\"name\":\"A\",\"books\":[{\"isbn\":\"y\",\"pages\":null},{\"isbn\":\"x\",\"pages\":10}],"
                           "\"first\":{\"isbn\":\"x\",\"pages\":10}}{\"name\":null,\"books\":[],\"first\":null}";
static const char WANT_STRIPPED[] = "{\"name\":\"A\",\"books\":[{\"isbn\":\"y\"},{\"isbn\":\"x\",\"pages\":10}],"
                                    "\"first\":{\"isbn\":\"x\",\"pages\":10}}{\"books\":[]}";

static void rows_nest(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, LIBRARY);
    struct so_conn *conn;
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    for (int strip = 0; strip < 2; strip++) {
        struct so_buf b;
        so_buf_init(&b, 1 << 20);
        assert_int_equal(put_nested(conn, strip, &b, &f.err), SO_OK);
        assert_str(so_buf_str(&b), strip ? WANT_STRIPPED : WANT);
        so_buf_deinit(&b);
    }
    so_conn_close(conn);
    fixture_close(&f);
}

static void sql_cannot_forge_a_shape(void **state)
{
    static const char *const CASES[] = {"SELECT so_rows(1, 2)", "SELECT so_object('x', 2)", "SELECT so_object()",
                                        "SELECT so_object(NULL)", "SELECT so_value(1, 0, 0)"};
    (void)state;
    struct fixture f;
    fixture_open(&f);
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        assert_int_equal(fixture_try(&f, CASES[i]), SO_EDB);
    fixture_close(&f);
}

static void no_allocation_failure_harms(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, LIBRARY);
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_err err = SO_ERR_INIT;
        struct so_conn *conn = NULL;
        struct so_buf b;
        so_buf_init(&b, 1 << 20);
        so_mem_fail_at(n);
        int rc = so_db_reader_open(f.db, &conn, &err);
        if (rc == SO_OK)
            rc = put_nested(conn, false, &b, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (rc == SO_OK ? !so_str_eq_c(so_buf_str(&b), WANT) : rc != SO_ENOMEM)
            fail_msg("allocation %ld: %d %s", n, rc, err.message);
        so_buf_deinit(&b);
        so_conn_close(conn);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_written_by_what_they_hold),
        cmocka_unit_test(rows_nest),
        cmocka_unit_test(sql_cannot_forge_a_shape),
        cmocka_unit_test(no_allocation_failure_harms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
