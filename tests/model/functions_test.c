/* functions_test.c: function files become functions; what is not understood stops the start with file and reason. */
#include "workbench.h"

#include "core/mem.h"
#include "model/policy.h"

static void open_functions(const char *file, const char *text)
{
    char path[96];
    bench_open();
    snprintf(path, sizeof(path), "%s/functions", bench_dir);
    assert_int_equal(mkdir(path, 0700), 0);
    bench_file("schemas/t.json", "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}},\"required\":[\"id\"],"
                                 "\"x-primary-key\":[\"id\"]}");
    bench_file(file, text);
}

static void a_function_is_understood(void **state)
{
    (void)state;
    open_functions("functions/f.sql",
                   "\n/* {\"params\":{\"properties\":{\"n\":{\"type\":\"integer\"}}},\"returns\":\"t[]\","
                   "\"roles\":[\"anon\"],\"security\":\"definer\"} */\n"
                   "-- it's a comment\nSELECT * /* ; */ FROM t WHERE id = :n::int AND 'a -- :b' <> '';\n");
    struct so_model *m = bench_model(bench_dir);
    assert_int_equal(m->function_count, 1);
    const struct so_function *f = m->functions[0];
    assert_true(so_str_eq_c(f->name, "f"));
    assert_true(so_str_eq_c(f->table, "t"));
    assert_int_equal(f->returns, SO_RETURNS_ROWS);
    assert_int_equal(f->roles, 1u << SO_ROLE_ANON);
    assert_true(f->definer);
    assert_false(f->changes);
    assert_true(so_str_find(f->sql, SO_STR("CAST(\x03\x20 AS INTEGER) AND 'a -- :b'")) != SO_STR_NONE);
    so_model_unref(m);
    bench_close();
}

#define HEAD "/* {\"returns\":\"void\"} */ "
static const struct {
    const char *text, *message; /* the message begins with it */
} WRONG[] = {
    {"SELECT 1", "functions/f.sql: should begin with a comment of JSON"},
    {"SELECT 1 /* {} */", "functions/f.sql: should begin with a comment of JSON"},
    {"/* {\"a\" */ SELECT 1", "functions/f.sql: "},
    {"/* [] */ SELECT 1", "functions/f.sql: the first comment should be a JSON object"},
    {"/* {\"role\":[]} */ SELECT 1", "functions/f.sql: \"role\" is not known"},
    {"/* {\"roles\":[\"admin\"]} */ SELECT 1", "functions/f.sql: there is no role \"admin\""},
    {"/* {\"roles\":\"anon\"} */ SELECT 1", "functions/f.sql: \"roles\" should be a list"},
    {"/* {\"security\":\"x\"} */ SELECT 1", "functions/f.sql: \"security\" should be"},
    {"/* {\"volatility\":1} */ SELECT 1", "functions/f.sql: \"volatility\" should be"},
    {"/* {\"returns\":\"t\"} */ SELECT 1", "functions/f.sql: \"returns\" should be"},
    {"/* {\"params\":1} */ SELECT 1", "functions/f.sql: \"params\" should be"},
    {"/* {\"params\":{\"properties\":{\"a\":{\"type\":\"strin\"}}}} */ SELECT 1", "functions/f.sql: "},
    {HEAD "SELECT :a", "functions/f.sql: :a is none of the params"},
    {HEAD "SELECT 1; SELECT 2", "functions/f.sql: ';'"},
    {HEAD "", "functions/f.sql: should be one SELECT"},
    {HEAD "DROP TABLE t", "functions/f.sql: drop"},
    {HEAD "DELETE FROM t", "functions/f.sql: DELETE: only an expression"},
    {"/* {\"volatility\":\"write\"} */ DELETE FROM t", "functions/f.sql: a function that writes needs"},
    {HEAD "SELECT * FROM main.t", "functions/f.sql: main.: names stand without"},
    {HEAD "SELECT * FROM \"Main\".t", "functions/f.sql: Main.: names stand without"},
    {HEAD "SELECT * FROM sqlite_schema", "functions/f.sql: sqlite_schema: "},
    {HEAD "SELECT * FROM 'auth_users'", "functions/f.sql: \"auth_users\" is not available to an invoker's"},
    {HEAD "SELECT * FROM pragma_table_list", "functions/f.sql: "},
    {HEAD "SELECT * FROM dbstat", "functions/f.sql: \"dbstat\""},
};

static void what_is_wrong_is_named_with_its_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(WRONG); i++) {
        struct so_err err = SO_ERR_INIT;
        struct so_model *m = NULL;
        open_functions("functions/f.sql", WRONG[i].text);
        int rc = so_model_load(bench_dir, &m, &err);
        bench_close();
        if (rc == SO_OK || strncasecmp(err.message, WRONG[i].message, strlen(WRONG[i].message)) != 0)
            fail_msg("%s\nsaid:   %s\nshould: %s", WRONG[i].text, err.message, WRONG[i].message);
    }
}

static const struct {
    const char *text, *message;
} UNPROVED[] = {
    {HEAD "SELECT x FROM t", "functions/f.sql: column \"x\" does not exist"},
    {HEAD "SELECT FROM", "functions/f.sql: "},
    {HEAD "WITH t AS (SELECT 1) SELECT * FROM t", "functions/f.sql: "},
    {HEAD "SELECT rowid FROM t", "functions/f.sql: "},
    {"/* {\"returns\":\"u[]\"} */ SELECT 1", "functions/f.sql: \"returns\": there is no table \"u\""},
    {"/* {\"returns\":\"t[]\"} */ SELECT 1 AS a", "functions/f.sql: column \"r.id\" does not exist"},
    {"/* {\"returns\":{\"type\":\"integer\"}} */ SELECT 1, 2", "functions/f.sql: should give one column, but gives 2"},
    {"/* {\"returns\":\"t[]\",\"volatility\":\"write\",\"security\":\"definer\"} */ DELETE FROM t RETURNING 1 AS x",
     "functions/f.sql: gives no column \"id\""},
};

static void the_database_has_to_understand_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(UNPROVED); i++) {
        struct so_err err = SO_ERR_INIT;
        open_functions("functions/f.sql", UNPROVED[i].text);
        struct so_model *m = bench_model(bench_dir);
        struct so_db *db = bench_database();
        struct so_conn *conn = NULL;
        bench_must_migrate(db, bench_dir, false);
        assert_int_equal(so_db_reader_take(db, &conn, &err), SO_OK);
        int rc = so_model_check(m, conn, &err);
        so_db_reader_give(db, conn);
        so_db_close(db);
        so_model_unref(m);
        bench_close();
        if (rc != SO_EINVAL || strncmp(err.message, UNPROVED[i].message, strlen(UNPROVED[i].message)) != 0)
            fail_msg("%s\nsaid:   %s\nshould: %s", UNPROVED[i].text, err.message, UNPROVED[i].message);
    }
}

/* Loading runs functions.c and guard.c; the check compiles every statement with its guards. */
static void a_failed_allocation_is_an_error(void **state)
{
    (void)state;
    open_functions("functions/f.sql",
                   "/* {\"params\":{\"properties\":{\"n\":{\"type\":\"integer\",\"default\":1}}},\"returns\":"
                   "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":"
                   "\"integer\"}}}},\"roles\":[\"anon\"]} */ WITH x AS (SELECT id FROM t) SELECT id FROM x, u "
                   "WHERE id >= :n");
    bench_file("schemas/u.json",
               "{\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"integer\"},\"s\":{\"type\":\"string\","
               "\"x-search\":true}},\"required\":[\"k\"],\"x-primary-key\":[\"k\"],\"x-policies\":{\"select\":"
               "\"exists (select 1 from t where t.id = k)\",\"insert\":\"k in (select id from t)\"}}");
    struct so_db *db = bench_database();
    bench_must_migrate(db, bench_dir, false);
    struct so_conn *conn;
    struct so_err err = SO_ERR_INIT;
    assert_int_equal(so_db_reader_take(db, &conn, &err), SO_OK);
    bool failed = true;
    long failures = 0;
    for (long n = 0; failed; n += n < 400 ? 1 : 7) {
        struct so_model *model = NULL;
        err = SO_ERR_INIT;
        so_mem_fail_at(n);
        int rc = so_model_load(bench_dir, &model, &err);
        if (rc == SO_OK)
            rc = so_model_check(model, conn, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (rc != SO_OK && (!failed || err.message[0] == '\0'))
            fail_msg("allocation %ld: %s", n, err.message);
        failures += rc != SO_OK;
        so_model_unref(model);
    }
    assert_true(failures > 50);
    so_db_reader_give(db, conn);
    so_db_close(db);
    bench_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_is_understood),
        cmocka_unit_test(what_is_wrong_is_named_with_its_file),
        cmocka_unit_test(the_database_has_to_understand_it),
        cmocka_unit_test(a_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
