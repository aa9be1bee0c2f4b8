/* contains_test.c: so_contains() is jsonb's @>, and running out of memory is an error. */
#include "fixture.h"

#include "core/mem.h"

static void one_value_contains_another(void **state)
{
    static const struct {
        const char *whole, *part, *want;
    } TABLE[] = {
        {"{\"a\":1,\"b\":2}", "{\"b\":2}", "1"},
        {"{\"a\":1}", "{\"a\":1.0}", "1"},
        {"{\"a\":1}", "{\"a\":\"1\"}", "0"},
        {"{\"a\":{\"b\":[1,{\"c\":2}]}}", "{\"a\":{\"b\":[{\"c\":2}]}}", "1"},
        {"[1,2,3]", "[3,1]", "1"},
        {"[1,2,3]", "[1,1]", "1"},
        {"[1,[2,3]]", "[2]", "0"},
        {"[1,2]", "2", "1"}, /* an array may contain a bare value */
        {"2", "[2]", "0"},
        {"[]", "[]", "1"},
        {"{}", "[]", "0"},
        {"null", "null", "1"},
    };
    struct fixture f;
    struct so_conn *conn;
    (void)state;
    fixture_open(&f);
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    for (size_t i = 0; i < COUNT_OF(TABLE); i++) {
        char sql[256];
        snprintf(sql, sizeof(sql), "SELECT so_contains('%s', '%s')", TABLE[i].whole, TABLE[i].part);
        assert_cell(conn, sql, TABLE[i].want);
    }
    assert_cell(conn, "SELECT so_contains(NULL, '1') IS NULL", "1");
    so_conn_close(conn);
    fixture_close(&f);
}

static void a_failed_allocation_is_an_error(void **state)
{
    static const char SQL[] =
        "SELECT so_contains('{\"a\":[1,2,{\"b\":\"\\u00e9\"}],\"c\":1e400}', '{\"a\":[{\"b\":\"\\u00e9\"}]}')";
    struct fixture f;
    struct so_conn *conn;
    bool failed = true;
    long failures = 0;
    (void)state;
    fixture_open(&f);
    for (long n = 0; failed; n++) {
        struct so_stmt *st = NULL;
        bool row = false;
        f.err = SO_ERR_INIT;
        assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK); /* a new one keeps no memory of the last */
        so_mem_fail_at(n);
        int rc = so_conn_prepare(conn, so_str_c(SQL), &st, &f.err);
        if (rc == SO_OK)
            rc = so_stmt_step(st, &row, &f.err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (rc == SO_OK)
            assert_int_equal(so_stmt_i64(st, 0), 1);
        else
            assert_int_equal(rc, SO_ENOMEM);
        failures += rc != SO_OK;
        so_stmt_done(st);
        so_conn_close(conn);
    }
    assert_true(failures > 0);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value_contains_another),
        cmocka_unit_test(a_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
