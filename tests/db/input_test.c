/* input_test.c: the rows of a body are written by one statement, converted as PostgreSQL would. */
#include "fixture.h"

#include "core/mem.h"
#include "db/input.h"

static struct so_json parse(struct so_arena *arena, const char *text)
{
    struct so_json v;
    struct so_err err = SO_ERR_INIT;
    if (so_json_parse(arena, so_str_c(text), NULL, &v, &err) != SO_OK)
        fail_msg("%s: %s", text, err.message);
    return v;
}

static const struct {
    enum so_type type;
    const char *json, *want; /* the result of quote(), or "!" and the SQLSTATE */
} CASES[] = {
    {SO_TYPE_TEXT, "\"a\"", "'a'"},
    {SO_TYPE_TEXT, "5", "'5'"},
    {SO_TYPE_TEXT, "1.50", "'1.50'"},
    {SO_TYPE_TEXT, "true", "'true'"},
    {SO_TYPE_TEXT, "[1,2]", "'[1,2]'"},
    {SO_TYPE_TEXT, "null", "NULL"},
    {SO_TYPE_TEXT, "\"a\\u0000b\"", "!22P05"},
    {SO_TYPE_INTEGER, "9223372036854775807", "9223372036854775807"},
    {SO_TYPE_INTEGER, "9223372036854775808", "!22003"},
    {SO_TYPE_INTEGER, "1.0", "1"},
    {SO_TYPE_INTEGER, "1.5", "!22P02"},
    {SO_TYPE_INTEGER, "\" 42 \"", "42"},
    {SO_TYPE_INTEGER, "\"x\"", "!22P02"},
    {SO_TYPE_INTEGER, "true", "!22P02"},
    {SO_TYPE_INTEGER, "[]", "!22P02"},
    {SO_TYPE_NUMERIC, "1.5", "1.5"},
    {SO_TYPE_NUMERIC, "1.0", "1"},
    {SO_TYPE_NUMERIC, "\"-2.5e1\"", "-25"},
    {SO_TYPE_NUMERIC, "1e999", "!22003"},
    {SO_TYPE_NUMERIC, "\"1e999999\"", "!22003"},
    {SO_TYPE_BOOLEAN, "true", "1"},
    {SO_TYPE_BOOLEAN, "false", "0"},
    {SO_TYPE_BOOLEAN, "\"yes\"", "1"},
    {SO_TYPE_BOOLEAN, "2", "!22P02"},
    {SO_TYPE_JSON, "{\"a\": [1, \"x\"]}", "'{\"a\":[1,\"x\"]}'"},
    {SO_TYPE_JSON, "\"text\"", "'\"text\"'"},
    {SO_TYPE_UUID, "\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\"", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"},
    {SO_TYPE_UUID, "5", "!22P02"},
    {SO_TYPE_TIMESTAMPTZ, "\"2024-01-01T01:00:00+01:00\"", "'2024-01-01T00:00:00.000000+00:00'"},
    {SO_TYPE_TIMESTAMPTZ, "\"soon\"", "!22007"},
    {SO_TYPE_DECIMAL, "1.10", "'1.1'"},
    {SO_TYPE_DECIMAL, "\"0.30000000000000000001\"", "'0.30000000000000000001'"},
    {SO_TYPE_BLOB, "\"AP8Q\"", "X'00FF10'"},
    {SO_TYPE_BLOB, "\"AP8\"", "X'00FF'"},
    {SO_TYPE_BLOB, "\"AP8=\"", "X'00FF'"},
    {SO_TYPE_BLOB, "\"\\\\x00Ff10\"", "X'00FF10'"},
    {SO_TYPE_BLOB, "\"A\"", "!22P02"},
    {SO_TYPE_BLOB, "\"a b=\"", "!22P02"},
    {SO_TYPE_BLOB, "5", "!22P02"},
};

/* The first cell of `sql` with ?1 bound to `in`, or "!" and the SQLSTATE. */
static void eval(struct so_conn *conn, const char *sql, const struct so_input *in, char *out, size_t size)
{
    struct so_err err = SO_ERR_INIT;
    struct so_stmt *st;
    bool row = false;
    if (so_conn_prepare(conn, so_str_c(sql), &st, &err) != SO_OK)
        fail_msg("%s: %s", sql, err.message);
    so_stmt_bind_pointer(st, 1, in, SO_INPUT_KIND);
    if (so_stmt_step(st, &row, &err) == SO_OK)
        snprintf(out, size, "%.*s", SO_STR_ARG(row ? so_stmt_text(st, 0) : SO_STR("no row")));
    else
        snprintf(out, size, "!%s", err.id);
    so_stmt_done(st);
}

static void values_are_converted(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn;
    struct so_arena arena;
    so_arena_init(&arena, 1 << 20);
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        char json[256], got[256];
        snprintf(json, sizeof(json), "{\"v\": %s}", CASES[i].json);
        struct so_json row = parse(&arena, json);
        struct so_input_column column = {SO_STR("v"), CASES[i].type};
        struct so_input in = {&row, 1, &column, 1};
        eval(conn, "SELECT quote(so_value(?1, 0, 0))", &in, got, sizeof(got));
        if (strcmp(got, CASES[i].want) != 0)
            fail_msg("%s from %s: %s", so_type_info(CASES[i].type)->name, CASES[i].json, got);
    }
    so_arena_deinit(&arena);
    so_conn_close(conn);
    fixture_close(&f);
}

static const char ROWS[] = "[{\"a\": 1, \"b\": \"x\"}, {\"b\": null}, {\"a\": \"3\", \"b\": \"z\", \"c\": true}]";
static const struct so_input_column COLUMNS[] = {{SO_STR_INIT("a"), SO_TYPE_INTEGER}, {SO_STR_INIT("b"), SO_TYPE_TEXT}};

static void absent_and_null_differ(void **state)
{
    static const struct {
        const char *sql, *want;
    } EVALS[] = {
        {"SELECT group_concat(so_has(?1, i, 0) || so_has(?1, i, 1)) FROM so_input(?1)", "11,01,11"},
        {"SELECT group_concat(quote(so_value(?1, i, 0))) FROM so_input(?1)", "1,NULL,3"},
        {"SELECT count(*) FROM so_input(?1)", "3"},
        {"SELECT count(*), ?1 FROM so_input(NULL)", "0"},
        {"SELECT count(*) FROM so_input(?1) WHERE i > 0", "2"},
        {"SELECT so_value(?1, 3, 0)", "!XX000"},
        {"SELECT so_value(?1, 0, 2)", "!XX000"},
        {"SELECT so_value(?1, -1, 0)", "!XX000"},
    };
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct so_conn *conn;
    struct so_arena arena;
    so_arena_init(&arena, 1 << 20);
    struct so_json rows = parse(&arena, ROWS);
    struct so_input in = {rows.u.items, rows.len, COLUMNS, COUNT_OF(COLUMNS)};
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    for (size_t i = 0; i < COUNT_OF(EVALS); i++) {
        char got[256];
        eval(conn, EVALS[i].sql, &in, got, sizeof(got));
        if (strcmp(got, EVALS[i].want) != 0)
            fail_msg("%s: %s", EVALS[i].sql, got);
    }
    so_arena_deinit(&arena);
    so_conn_close(conn);
    fixture_close(&f);
}

struct insertion {
    const struct so_input *in;
    size_t returned;
};

static int insert(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct insertion *x = arg;
    struct so_stmt *st;
    bool row = true;
    x->returned = 0;
    int rc = so_conn_prepare(conn,
                             SO_STR("INSERT INTO t(a, b) SELECT so_value(?1, i, 0), so_value(?1, i, 1) FROM so_input(?1)"
                                    " RETURNING a, b"),
                             &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_pointer(st, 1, x->in, SO_INPUT_KIND);
    while ((rc = so_stmt_step(st, &row, err)) == SO_OK && row)
        x->returned++;
    so_stmt_done(st);
    return rc;
}

static void one_statement_writes_all_rows_or_none(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, "CREATE TABLE t(a INTEGER, b TEXT)");
    struct so_conn *conn;
    struct so_arena arena;
    so_arena_init(&arena, 1 << 20);
    struct so_json rows = parse(&arena, ROWS), bad = parse(&arena, "[{\"a\": 1}, {\"a\": \"one\"}]");
    struct so_input in = {rows.u.items, rows.len, COLUMNS, COUNT_OF(COLUMNS)};
    struct so_input bad_in = {bad.u.items, bad.len, COLUMNS, COUNT_OF(COLUMNS)};
    struct insertion x = {&in, 0};
    assert_int_equal(so_db_write(f.db, insert, &x, &f.err), SO_OK);
    assert_int_equal(x.returned, 3);
    x.in = &bad_in;
    assert_int_equal(so_db_write(f.db, insert, &x, &f.err), SO_EINVAL);
    assert_string_equal(f.err.id, "22P02");
    assert_string_equal(f.err.message, "invalid input syntax for type bigint: \"one\"");
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    assert_cell(conn, "SELECT group_concat(quote(a) || quote(b)) FROM t", "1'x',NULLNULL,3'z'");
    so_conn_close(conn);
    so_arena_deinit(&arena);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_converted),
        cmocka_unit_test(absent_and_null_differ),
        cmocka_unit_test(one_statement_writes_all_rows_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
