/* seed_test.c: the first rows of an app come from its folder, once, whole and valid. */
#include "workbench.h"

struct seeding {
    const char *dir;
    struct so_model *model;
    size_t rows;
};

static int run_seed(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct seeding *s = arg;
    return so_seed_load(s->dir, s->model, NULL, conn, &s->rows, err);
}

static int seed(struct so_db *db, const char *dir, size_t *out_rows, struct so_err *err)
{
    struct seeding s = {dir, bench_model(dir), 0};
    int rc = so_db_write(db, run_seed, &s, err);
    *out_rows = s.rows;
    so_model_unref(s.model);
    return rc;
}

static void the_bookstore_gets_its_rows_once(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    size_t rows = 0;
    bench_open();
    struct so_db *db = bench_database();
    bench_must_migrate(db, bench_data("bookstore"), false);
    if (seed(db, bench_data("bookstore"), &rows, &err) != SO_OK)
        fail_msg("%s", err.message);
    assert_int_equal(rows, 4);
    assert_string_equal(bench_get(db, "SELECT group_concat(id) FROM (SELECT id FROM authors ORDER BY id)"),
                        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12");
    assert_string_equal(bench_get(db, "SELECT tags || price FROM books WHERE pages = 387"), "[\"utopia\"]9.5");
    assert_string_equal(bench_get(db, "SELECT created_at FROM books WHERE pages = 165"), "2024-01-01T00:00:00.000000+00:00");
    assert_string_equal(bench_get(db, "SELECT created_at > '2024-06' AND owner_id IS NULL FROM books WHERE pages = 387"),
                        "1");
    assert_int_equal(seed(db, bench_data("bookstore"), &rows, &err), SO_OK);
    assert_int_equal(rows, 0);
    so_db_close(db);
    bench_close();
}

static const char SCHEMA[] =
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},\"n\":{\"type\":\"integer\",\"minimum\":1},"
    "\"up\":{\"type\":\"integer\",\"x-references\":\"t.id\"},\"d\":{\"type\":\"string\",\"default\":\"x\"}},"
    "\"required\":[\"n\",\"d\"],\"x-primary-key\":[\"id\"]}";

static const struct {
    const char *label, *file, *text;
    const char *message; /* of the failure; NULL: it works */
    size_t rows;
} CASES[] = {
    {"no rows", "seed/t.json", "[]", NULL, 0},
    {"keys and defaults come from the database", "seed/t.json", "[{\"n\":1},{\"n\":2,\"d\":\"y\"}]", NULL, 2},
    {"a row may refer to a later one", "seed/t.json", "[{\"id\":1,\"n\":1,\"up\":2},{\"id\":2,\"n\":1}]", NULL, 2},
    {"blank lines mean nothing", "seed/t.jsonl", "\n{\"n\":1}\r\n  \n{\"n\":2}", NULL, 2},
    {"a reference to nothing", "seed/t.json", "[{\"n\":1,\"up\":7}]", "seed/t: a row refers to a row of t that is not there",
     0},
    {"no array", "seed/t.json", "{}", "seed/t.json: should be an array of rows", 0},
    {"no row", "seed/t.json", "[{\"n\":1}, 2]", "seed/t.json: row 2: a row is an object", 0},
    {"no JSON", "seed/t.json", "[\n{\"n\":1},\n{]", "seed/t.json: not JSON: line 3: ", 0},
    {"no JSON in a line", "seed/t.jsonl", "{\"n\":1}\n{", "seed/t.jsonl: not JSON: line 2: ", 0},
    {"an unknown column", "seed/t.json", "[{\"n\":1,\"m\":2}]", "seed/t.json: row 1: the table has no column \"m\"", 0},
    {"against the schema", "seed/t.json", "[{\"n\":1},{\"n\":0}]", "seed/t.json: row 2: ", 0},
    {"a required value that is missing", "seed/t.json", "[{\"d\":\"a\"}]", "seed/t.json: rows 1 to 1: ", 0},
    {"a value of another type", "seed/t.json", "[{\"n\":\"many\"}]", "seed/t.json: rows 1 to 1: ", 0},
    {"a key that comes twice", "seed/t.json", "[{\"id\":1,\"n\":1},{\"id\":1,\"n\":1}]", "seed/t.json: rows 1 to 2: ", 0},
};

static void seeds_are_loaded_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_err err = SO_ERR_INIT;
        size_t rows = 0;
        bench_open();
        struct so_db *db = bench_database();
        bench_file("schemas/t.json", SCHEMA);
        bench_must_migrate(db, bench_dir, false);
        bench_file(CASES[i].file, CASES[i].text);
        int rc = seed(db, bench_dir, &rows, &err);
        if ((rc == SO_OK) != (CASES[i].message == NULL) || rows != CASES[i].rows)
            fail_msg("%s: %s: %s (%zu rows)", CASES[i].label, so_code_name(rc), err.message, rows);
        if (CASES[i].message != NULL && strncmp(err.message, CASES[i].message, strlen(CASES[i].message)) != 0)
            fail_msg("%s: %s", CASES[i].label, err.message);
        char count[24];
        snprintf(count, sizeof(count), "%zu", CASES[i].rows);
        assert_string_equal(bench_get(db, "SELECT count(*) FROM t"), count);
        so_db_close(db);
        bench_close();
    }
}

static void many_rows_take_many_batches(void **state)
{
    (void)state;
    enum { ROWS = 1203 };
    static const char *const FORMS[][4] = {{"seed/t.json", "[", ",", "]"}, {"seed/t.jsonl", "", "\n", "\n"}};
    for (size_t f = 0; f < COUNT_OF(FORMS); f++) {
        struct so_err err = SO_ERR_INIT;
        struct so_buf text;
        size_t rows = 0;
        so_buf_init(&text, 1 << 20);
        so_buf_puts(&text, FORMS[f][1]);
        for (int i = 1; i <= ROWS; i++)
            so_buf_printf(&text, "%s{\"n\":%d}", i == 1 ? "" : FORMS[f][2], i);
        so_buf_puts(&text, FORMS[f][3]);
        bench_open();
        struct so_db *db = bench_database();
        bench_file("schemas/t.json", SCHEMA);
        bench_must_migrate(db, bench_dir, false);
        bench_file(FORMS[f][0], so_buf_cstr(&text));
        if (seed(db, bench_dir, &rows, &err) != SO_OK)
            fail_msg("%s", err.message);
        assert_int_equal(rows, ROWS);
        assert_string_equal(bench_get(db, "SELECT count(DISTINCT n) || ' ' || sum(n = id) FROM t"), "1203 1203");
        so_db_close(db);
        bench_close();
        so_buf_deinit(&text);
    }
}

static void a_failed_allocation_leaves_no_rows(void **state)
{
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_err err = SO_ERR_INIT;
        size_t rows = 0;
        bench_open();
        struct so_db *db = bench_database();
        bench_file("schemas/t.json", SCHEMA);
        bench_must_migrate(db, bench_dir, false);
        bench_file("seed/t.json", "[{\"n\":1},{\"n\":2}]");
        struct seeding s = {bench_dir, bench_model(bench_dir), 0};
        so_mem_fail_at(n);
        int rc = so_db_write(db, run_seed, &s, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        rows = s.rows;
        so_model_unref(s.model);
        if (rc == SO_OK ? rows != 2 : !failed)
            fail_msg("allocation %ld: %s: %s", n, so_code_name(rc), err.message);
        assert_string_equal(bench_get(db, "SELECT count(*) FROM t"), rc == SO_OK ? "2" : "0");
        so_db_close(db);
        bench_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bookstore_gets_its_rows_once),
        cmocka_unit_test(seeds_are_loaded_whole_or_not_at_all),
        cmocka_unit_test(many_rows_take_many_batches),
        cmocka_unit_test(a_failed_allocation_leaves_no_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
