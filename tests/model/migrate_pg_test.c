/* migrate_pg_test.c: a PostgreSQL database becomes what the schema files say; a second plan after the first is empty; what
 * others made stays as it was. */
#include "workbench.h"

#include "../db/pg_fixture.h"

#include "core/mem.h"

#define T(properties, rest) "{\"type\":\"object\",\"properties\":{" properties "}" rest "}"
#define ID                  "\"id\":{\"type\":\"integer\"}"
#define PK                  ",\"x-primary-key\":[\"id\"]"
#define OF(name, inner)     ",\"" name "\":{" inner "}"
#define TEXT(name)          OF(name, "\"type\":\"string\"")
#define INT(name)           OF(name, "\"type\":\"integer\"")
#define U                   T(ID, PK)

struct change {
    const char *label;
    const char *before, *rows, *after; /* schema of t, SQL, schema of t */
    const char *loss;                  /* part of what is said of lost data; NULL: nothing is lost */
    const char *error;                 /* part of the error of plan or apply; NULL: it works */
    const char *query, *want;
};

static const struct change CHANGES[] = {
    {"a new column is empty", T(ID, PK), "INSERT INTO t VALUES (1)", T(ID TEXT("a"), PK), NULL, NULL,
     "SELECT count(*) FROM t WHERE a IS NULL", "1"},
    {"a new required column gets its default", T(ID, PK), "INSERT INTO t VALUES (1)",
     T(ID OF("a", "\"type\":\"integer\",\"default\":7"), PK ",\"required\":[\"a\"]"), NULL, NULL, "SELECT a FROM t", "7"},
    {"a new column with an expression gets a value each", T(ID, PK), "INSERT INTO t VALUES (1), (2)",
     T(ID OF("a", "\"type\":\"string\",\"format\":\"uuid\",\"x-default\":\"gen_random_uuid()\""), PK), NULL, NULL,
     "SELECT count(DISTINCT a) FROM t", "2"},
    {"a new required column without default needs an empty table", T(ID, PK), "INSERT INTO t VALUES (1)",
     T(ID TEXT("a"), PK ",\"required\":[\"a\"]"), NULL, "schemas/t.json#/properties/a: required, but 1 row of t", NULL,
     NULL},
    {"a dropped column loses what it held", T(ID TEXT("a"), PK), "INSERT INTO t VALUES (1, 'x'), (2, NULL)", T(ID, PK),
     "1 row has a value in t.a", NULL, "SELECT count(*) FROM information_schema.columns WHERE table_name = 't'", "1"},
    {"an empty column is dropped without a word", T(ID TEXT("a"), PK), "INSERT INTO t (id) VALUES (1)", T(ID, PK), NULL,
     NULL, "SELECT count(*) FROM t", "1"},
    {"a renamed column keeps its data", T(ID TEXT("a"), PK ",\"x-indexes\":[\"a\"]"), "INSERT INTO t VALUES (1, 'x')",
     T(ID OF("b", "\"type\":\"string\",\"x-renamed-from\":\"a\""), PK ",\"x-indexes\":[\"b\"]"), NULL, NULL,
     "SELECT b || ' ' || (SELECT string_agg(indexname, ',') FROM pg_indexes WHERE indexname LIKE 't_%_idx') FROM t",
     "x t_b_idx"},
    {"an integer becomes a text unasked", T(ID INT("a"), PK), "INSERT INTO t VALUES (1, 5)", T(ID TEXT("a"), PK), NULL, NULL,
     "SELECT a || pg_typeof(a) FROM t", "5text"},
    {"a text becomes an integer when that is meant", T(ID TEXT("a"), PK), "INSERT INTO t VALUES (1, '5')",
     T(ID INT("a"), PK), "1 row has a value in t.a that is to become bigint", NULL, "SELECT a + 1 FROM t", "6"},
    {"... and not when it is none", T(ID TEXT("a"), PK), "INSERT INTO t VALUES (1, 'five')", T(ID INT("a"), PK),
     "1 row has a value", "invalid input syntax", NULL, NULL},
    {"a policy does not hold a column fast", T(ID INT("a"), PK ",\"x-policies\":{\"select\":\"a > 1\"}"),
     "INSERT INTO t VALUES (1, 5)", T(ID OF("a", "\"type\":\"number\""), PK ",\"x-policies\":{\"select\":\"a > 1\"}"), NULL,
     NULL, "SELECT count(*) FROM pg_policies WHERE tablename = 't' AND policyname = 'socle_select'", "1"},
    {"what is not required may be null", T(ID TEXT("a"), PK ",\"required\":[\"a\"]"), "INSERT INTO t VALUES (1, 'x')",
     T(ID TEXT("a"), PK), NULL, NULL,
     "SELECT attnotnull::text FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'a'", "false"},
    {"empty values of a required column become the default, which is said", T(ID TEXT("a"), PK), "INSERT INTO t VALUES (1)",
     T(ID OF("a", "\"type\":\"string\",\"default\":\"y\""), PK ",\"required\":[\"a\"]"), "1 row has no value in t.a", NULL,
     "SELECT a FROM t", "y"},
    {"a default comes and goes", T(ID OF("a", "\"type\":\"string\",\"default\":\"y\""), PK), "INSERT INTO t VALUES (1)",
     T(ID TEXT("a"), PK), NULL, NULL,
     "SELECT count(*) FROM information_schema.columns WHERE table_name = 't' AND column_name = 'a' AND column_default IS "
     "NULL",
     "1"},
    {"a key that counts goes on by itself", T(ID, PK), "INSERT INTO t DEFAULT VALUES", T(ID, PK), NULL, NULL,
     "SELECT id FROM t", "1"},
    {"a unique column is a constraint", T(ID TEXT("a"), PK), "INSERT INTO t VALUES (1, 'x')",
     T(ID OF("a", "\"type\":\"string\",\"x-unique\":true"), PK), NULL, NULL,
     "SELECT conname FROM pg_constraint WHERE contype = 'u' AND conrelid = 't'::regclass", "t_a_key"},
    {"rows that are not unique refuse it", T(ID TEXT("a"), PK), "INSERT INTO t VALUES (1, 'x'), (2, 'x')",
     T(ID OF("a", "\"type\":\"string\",\"x-unique\":true"), PK), NULL, "t_a_key", NULL, NULL},
    {"a foreign key comes", T(ID INT("a"), PK), "INSERT INTO u VALUES (1); INSERT INTO t VALUES (1, 1)",
     T(ID OF("a", "\"type\":\"integer\",\"x-references\":\"u.id\",\"x-on-delete\":\"cascade\""), PK), NULL, NULL,
     "SELECT confdeltype::text FROM pg_constraint WHERE conname = 't_a_fkey'", "c"},
    {"... changes what it does", T(ID OF("a", "\"type\":\"integer\",\"x-references\":\"u.id\""), PK), "SELECT 1",
     T(ID OF("a", "\"type\":\"integer\",\"x-references\":\"u.id\",\"x-on-delete\":\"set null\""), PK), NULL, NULL,
     "SELECT string_agg(confdeltype::text, ',') FROM pg_constraint WHERE contype = 'f'", "n"},
    {"... and goes", T(ID OF("a", "\"type\":\"integer\",\"x-references\":\"u.id\""), PK), "SELECT 1", T(ID INT("a"), PK),
     NULL, NULL, "SELECT count(*) FROM pg_constraint WHERE contype = 'f'", "0"},
    {"another primary key", T(ID TEXT("a"), PK ",\"required\":[\"a\"]"), "INSERT INTO t VALUES (1, 'x')",
     T(ID TEXT("a"), ",\"x-primary-key\":[\"a\"],\"required\":[\"a\",\"id\"]"), NULL, NULL,
     "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
     " WHERE i.indrelid = 't'::regclass AND indisprimary",
     "a"},
    {"a search index is there", T(ID TEXT("a"), PK), "SELECT 1", T(ID OF("a", "\"type\":\"string\",\"x-search\":true"), PK),
     NULL, NULL, "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%USING gin (to_tsvector(%'", "2"},
    {"a dropped table loses its rows", T(ID, PK), "INSERT INTO t VALUES (1)", NULL, "1 row is in t", NULL,
     "SELECT count(*) FROM pg_tables WHERE tablename = 't'", "0"},
    {"a policy that went is taken away", T(ID, PK ",\"x-policies\":{\"select\":\"true\",\"insert\":\"true\"}"), "SELECT 1",
     T(ID, PK ",\"x-policies\":{\"select\":\"true\"}"), NULL, NULL,
     "SELECT string_agg(policyname, ',' ORDER BY policyname) FROM pg_policies WHERE tablename = 't'",
     "socle_select,socle_service"},
    {"a policy taken away by hand comes back", T(ID, PK ",\"x-policies\":{\"select\":\"true\"}"),
     "DROP POLICY socle_select ON t", T(ID, PK ",\"x-policies\":{\"select\":\"true\"}"), NULL, NULL,
     "SELECT count(*) FROM pg_policies WHERE policyname = 'socle_select'", "1"},
    {"row-level security that was switched off is on again", T(ID, PK), "ALTER TABLE t DISABLE ROW LEVEL SECURITY",
     T(ID, PK), NULL, NULL, "SELECT relrowsecurity::text FROM pg_class WHERE oid = 't'::regclass", "true"},
    {"a policy about a column that is not there", T(ID, PK), "SELECT 1",
     T(ID, PK ",\"x-policies\":{\"select\":\"nope = 1\"}"), NULL, "t: policies: column \"nope\" does not exist", NULL, NULL},
    {"a table in another schema is another table", T(ID, PK), "CREATE SCHEMA other CREATE TABLE x (id int)",
     T(ID TEXT("x"), PK), NULL, NULL, "SELECT count(*) FROM pg_tables WHERE schemaname = 'other'", "1"},
};

static struct pg_fixture f;

static int plan(struct so_arena *arena, struct so_plan *out, struct so_err *err)
{
    const struct so_str schema = SO_STR("public");
    struct so_model *model = bench_model(bench_dir);
    struct so_catalog *catalog = NULL;
    struct so_conn *conn = NULL;
    int rc = so_db_reader_take(f.db, &conn, err);
    if (rc == SO_OK)
        rc = so_catalog_read_pg(conn, &schema, 1, &catalog, err);
    if (rc == SO_OK)
        rc = so_migrate_plan(model, catalog, conn, arena, out, err);
    so_catalog_unref(catalog);
    so_db_reader_give(f.db, conn);
    so_model_unref(model);
    return rc;
}

static int apply(const struct so_plan *made, bool allow, struct so_err *err)
{
    struct bench_apply a = {made, allow};
    return so_db_migrate(f.db, bench_apply_run, &a, err);
}

static int migrate(bool allow, struct so_err *err)
{
    struct so_arena arena;
    struct so_plan made;
    so_arena_init(&arena, 16 << 20);
    int rc = plan(&arena, &made, err);
    if (rc == SO_OK)
        rc = apply(&made, allow, err);
    so_arena_deinit(&arena);
    return rc;
}

static void expect_nothing_to_do(const char *label)
{
    struct so_arena arena;
    struct so_plan made;
    struct so_err err = SO_ERR_INIT;
    so_arena_init(&arena, 16 << 20);
    assert_int_equal(plan(&arena, &made, &err), SO_OK);
    if (made.step_count > 0)
        fail_msg("%s: %.*s again", label, SO_STR_ARG(made.steps[0].summary));
    so_arena_deinit(&arena);
}

static void mkdir_functions(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/functions", bench_dir);
    mkdir(path, 0700);
}

static void start_anew(void)
{
    pg_exec(&f, "DROP SCHEMA IF EXISTS socle, auth, other CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
}

static void expect_loss(const struct change *c, const struct so_plan *made)
{
    const struct so_step *losing = NULL;
    struct so_err err = SO_ERR_INIT;
    for (size_t i = 0; i < made->step_count; i++)
        losing = made->steps[i].loses_data ? &made->steps[i] : losing;
    if ((losing == NULL) != (c->loss == NULL))
        fail_msg("%s: loses %.*s", c->label, SO_STR_ARG(losing == NULL ? SO_STR("nothing") : losing->loss));
    if (losing == NULL)
        return;
    if (strstr(losing->loss.p, c->loss) == NULL)
        fail_msg("%s: %s", c->label, losing->loss.p);
    assert_int_equal(apply(made, false, &err), SO_EDENIED);
}

static void run_change(const struct change *c)
{
    struct so_arena arena;
    struct so_plan made = {.step_count = 0};
    struct so_err err = SO_ERR_INIT;
    start_anew();
    bench_file("schemas/u.json", U);
    bench_file("schemas/t.json", c->before);
    if (migrate(false, &err) != SO_OK)
        fail_msg("%s: before: %s", c->label, err.message);
    expect_nothing_to_do(c->label);
    pg_exec(&f, c->rows);
    bench_file("schemas/t.json", c->after);
    so_arena_init(&arena, 16 << 20);
    int rc = plan(&arena, &made, &err);
    if (rc == SO_OK)
        expect_loss(c, &made);
    if (rc == SO_OK)
        rc = apply(&made, true, &err);
    so_arena_deinit(&arena);
    if ((rc == SO_OK) != (c->error == NULL) || (c->error != NULL && strstr(err.message, c->error) == NULL))
        fail_msg("%s: %s", c->label, rc == SO_OK ? "it works" : err.message);
    if (rc == SO_OK)
        expect_nothing_to_do(c->label);
    if (c->query != NULL && strcmp(bench_get(f.db, c->query), c->want) != 0)
        fail_msg("%s: %s", c->label, bench_get(f.db, c->query));
    bench_file("schemas/t.json", NULL);
    bench_file("schemas/u.json", NULL);
}

static void the_database_becomes_what_the_files_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CHANGES); i++)
        run_change(&CHANGES[i]);
}

static void every_type_is_postgresqls_own(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    start_anew();
    bench_file(
        "schemas/t.json",
        T(ID TEXT("s") OF("u", "\"type\":\"string\",\"format\":\"uuid\"") OF("d", "\"type\":\"string\",\"format\":\"date\"")
              OF("h", "\"type\":\"string\",\"format\":\"time\"") OF("m", "\"type\":\"string\",\"format\":\"date-time\"")
                  OF("x", "\"type\":\"string\",\"format\":\"decimal\"") OF("n", "\"type\":\"number\"")
                      OF("b", "\"type\":\"boolean\",\"default\":true") OF("j", "\"type\":\"array\",\"default\":[1]"),
          PK));
    assert_int_equal(migrate(false, &err), SO_OK);
    expect_nothing_to_do("types");
    assert_string_equal(
        bench_get(f.db, "SELECT string_agg(format_type(atttypid, NULL), ',' ORDER BY attnum) FROM pg_attribute"
                        " WHERE attrelid = 't'::regclass AND attnum > 0"),
        "bigint,text,uuid,date,time without time zone,timestamp with time zone,numeric,double precision,boolean,"
        "jsonb");
    pg_exec(&f, "INSERT INTO t DEFAULT VALUES");
    assert_string_equal(bench_get(f.db, "SELECT b || j::text FROM t"), "true[1]");
    bench_file("schemas/t.json", NULL);
}

static void changes_are_logged_once_the_migration_is_applied(void **state)
{
    static const char QUESTION[] =
        "SELECT coalesce(string_agg(tgrelid::regclass || ' ' || tgname, ',' ORDER BY tgname), '') FROM "
        "pg_trigger g JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal";
    struct so_err err = SO_ERR_INIT;
    (void)state;
    start_anew();
    bench_file("schemas/t.json", T(ID, PK));
    bench_file("schemas/u.json", T(ID, PK ",\"x-realtime\":false"));
    assert_int_equal(migrate(false, &err), SO_OK);
    expect_nothing_to_do("logged tables");
    assert_string_equal(bench_get(f.db, QUESTION), "t socle_log,t socle_log_truncate");
    pg_exec(&f, "INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)");
    assert_string_equal(bench_get(f.db, "SELECT string_agg(\"table\" || new, ',') FROM socle.outbox"), "t{\"id\":1}");
    pg_exec(&f, "DROP TRIGGER socle_log ON t");
    assert_int_equal(migrate(false, &err), SO_OK);
    assert_string_equal(bench_get(f.db, QUESTION), "t socle_log,t socle_log_truncate");
    bench_file("schemas/t.json", T(ID, PK ",\"x-realtime\":false"));
    bench_file("schemas/v.json", T(ID, PK ",\"x-renamed-from\":\"u\""));
    bench_file("schemas/u.json", NULL);
    assert_int_equal(migrate(false, &err), SO_OK);
    expect_nothing_to_do("other logged tables");
    assert_string_equal(bench_get(f.db, QUESTION), "v socle_log,v socle_log_truncate");
    bench_file("schemas/t.json", NULL);
    bench_file("schemas/v.json", NULL);
}

/* The table's columns are no longer in the order of the file's, and a star is still a row of the table. */
static void an_invokers_function_keeps_the_order_of_the_columns(void **state)
{
    struct so_err err = SO_ERR_INIT;
    (void)state;
    start_anew();
    mkdir_functions();
    bench_file("functions/all_t.sql", "/* {\"returns\": \"t[]\"} */ SELECT * FROM t");
    bench_file("schemas/t.json", T(ID TEXT("gone") OF("secret", "\"type\":\"string\",\"writeOnly\":true"), PK));
    assert_int_equal(migrate(false, &err), SO_OK);
    bench_file("schemas/t.json", T(ID INT("between") OF("key", "\"type\":\"string\",\"writeOnly\":true,"
                                                               "\"x-renamed-from\":\"secret\""),
                                   PK));
    assert_int_equal(migrate(true, &err), SO_OK);
    expect_nothing_to_do("a function of hidden columns");
    pg_exec(&f, "INSERT INTO t (id, key, between) VALUES (1, 'x', 2)");
    assert_string_equal(bench_get(f.db, "SELECT row_to_json(t)::text FROM all_t() t"),
                        "{\"id\":1,\"key\":null,\"between\":2}");
    bench_file("functions/all_t.sql", "/* {\"returns\": \"t[]\"} */ SELECT * FROM public.t");
    assert_int_equal(migrate(true, &err), SO_EINVAL);
    assert_non_null(strstr(err.message, "functions/all_t.sql: public.: names stand without the schema"));
    bench_file("functions/all_t.sql", NULL);
    bench_file("schemas/t.json", NULL);
}

/* The server ends the session before the step `at`: as good as a cut connection. */
static int apply_cut(const struct so_plan *made, size_t at, struct so_err *err)
{
    static const struct so_step CUT = {.table = SO_STR_INIT("t"),
                                       .summary = SO_STR_INIT("cut"),
                                       .sql = SO_STR_INIT("SELECT pg_terminate_backend(pg_backend_pid())")};
    struct so_step steps[64];
    struct so_plan longer = *made;
    assert_true(made->step_count < COUNT_OF(steps));
    memcpy(steps, made->steps, at * sizeof(*steps));
    steps[at] = CUT;
    memcpy(steps + at + 1, made->steps + at, (made->step_count - at) * sizeof(*steps));
    longer.steps = steps;
    longer.step_count++;
    return apply(&longer, true, err);
}

static void a_connection_cut_in_the_middle_leaves_nothing_behind(void **state)
{
    struct so_arena arena;
    struct so_plan made;
    struct so_err err = SO_ERR_INIT;
    (void)state;
    start_anew();
    bench_file("schemas/t.json", T(ID TEXT("a"), PK ",\"x-policies\":{\"select\":\"true\"},\"x-indexes\":[\"a\"]"));
    so_arena_init(&arena, 16 << 20);
    assert_int_equal(plan(&arena, &made, &err), SO_OK);
    assert_true(made.step_count > 3);
    for (size_t at = 0; at <= made.step_count; at++) {
        err = SO_ERR_INIT;
        assert_int_not_equal(apply_cut(&made, at, &err), SO_OK);
        assert_string_equal(bench_get(f.db, "SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = 'public')"
                                            " + (SELECT count(*) FROM pg_namespace WHERE nspname IN ('socle', 'auth'))"),
                            "0");
    }
    so_arena_deinit(&arena);
    err = SO_ERR_INIT;
    if (migrate(false, &err) != SO_OK)
        fail_msg("%s", err.message);
    expect_nothing_to_do("after the cuts");
    bench_file("schemas/t.json", NULL);
}

/* The places of failure lie further and further apart. */
static void memory_that_runs_out_ends_the_plan(void **state)
{
    const struct so_str schema = SO_STR("public");
    struct so_err err = SO_ERR_INIT;
    struct so_catalog *catalog = NULL;
    struct so_conn *conn = NULL;
    bool failed = true;
    (void)state;
    start_anew();
    bench_file("schemas/t.json", T(ID TEXT("a"), PK ",\"x-policies\":{\"select\":\"true\"},\"x-indexes\":[\"a\"]"));
    struct so_model *model = bench_model(bench_dir);
    assert_int_equal(so_db_reader_take(f.db, &conn, &err), SO_OK);
    assert_int_equal(so_catalog_read_pg(conn, &schema, 1, &catalog, &err), SO_OK);
    for (long n = 0; failed; n += 1 + n / 16) {
        struct so_arena arena;
        struct so_plan made = {.step_count = 0};
        err = SO_ERR_INIT;
        so_arena_init(&arena, 16 << 20);
        so_mem_fail_at(n);
        int rc = so_migrate_plan(model, catalog, conn, &arena, &made, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_true(failed ? rc == SO_OK || rc == SO_ENOMEM || rc == SO_EDB : rc == SO_OK);
        assert_true(rc != SO_OK || made.step_count > 3);
        so_arena_deinit(&arena);
    }
    so_db_reader_give(f.db, conn);
    so_catalog_unref(catalog);
    so_model_unref(model);
    bench_file("schemas/t.json", NULL);
}

static void tables_of_others_are_theirs(void **state)
{
    struct so_arena arena;
    struct so_plan made;
    struct so_err err = SO_ERR_INIT;
    (void)state;
    start_anew();
    pg_exec(&f, "CREATE TABLE t (id int PRIMARY KEY, more text); CREATE TABLE theirs (id int)");
    bench_file("schemas/t.json", T(ID, PK));
    so_arena_init(&arena, 16 << 20);
    assert_int_equal(plan(&arena, &made, &err), SO_OK);
    assert_true(made.is_foreign);
    so_arena_deinit(&arena);
    assert_int_equal(migrate(false, &err), SO_OK); /* asked for: now it is ours, but will never be dropped */
    bench_file("schemas/t.json", NULL);
    assert_int_equal(migrate(false, &err), SO_OK);
    expect_nothing_to_do("a table that was there before");
    assert_string_equal(bench_get(f.db, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "2");
}

static void functions_of_a_database_before_are_kept(void **state)
{
    struct so_err err = SO_ERR_INIT;
    (void)state;
    start_anew();
    pg_exec(&f, "CREATE SCHEMA auth; CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS"
                " $$SELECT '00000000-0000-4000-8000-000000000001'::uuid$$");
    bench_file("schemas/t.json", T(ID, PK));
    assert_int_equal(migrate(false, &err), SO_OK);
    assert_string_equal(bench_get(f.db, "SELECT auth.uid()::text"), "00000000-0000-4000-8000-000000000001");
    assert_string_equal(bench_get(f.db, "SELECT (auth.jwt() IS NULL)::text"), "true");
    bench_file("schemas/t.json", NULL);
}

static void a_user_who_may_not_make_roles_is_told_what_to_ask_for(void **state)
{
    struct so_err err = SO_ERR_INIT;
    (void)state;
    start_anew();
    char sql[256];
    snprintf(sql, sizeof(sql), "CREATE ROLE plain_%s NOLOGIN; SET ROLE plain_%s", f.name, f.name);
    struct so_conn *conn = pg_reader(&f);
    assert_int_equal(so_conn_exec(conn, "SET default_transaction_read_only=off", &err), SO_OK);
    assert_int_equal(so_conn_exec(conn, sql, &err), SO_OK);
    bench_file("schemas/t.json", T(ID, PK));
    struct so_model *model = bench_model(bench_dir);
    struct so_catalog *catalog = NULL;
    const struct so_str schema = SO_STR("public");
    struct so_arena arena;
    struct so_plan made;
    so_arena_init(&arena, 16 << 20);
    assert_int_equal(so_catalog_read_pg(conn, &schema, 1, &catalog, &err), SO_OK);
    assert_int_equal(so_migrate_plan(model, catalog, conn, &arena, &made, &err), SO_EDENIED);
    assert_non_null(strstr(err.message, "GRANT anon TO "));
    so_arena_deinit(&arena);
    so_catalog_unref(catalog);
    so_model_unref(model);
    snprintf(sql, sizeof(sql), "RESET ROLE; DROP ROLE plain_%s", f.name);
    assert_int_equal(so_conn_exec(conn, sql, &err), SO_OK);
    so_conn_close(conn);
    bench_file("schemas/t.json", NULL);
}

static int open_all(void **state)
{
    (void)state;
    bench_open();
    pg_open(&f);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    pg_close(&f);
    bench_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_database_becomes_what_the_files_say),
        cmocka_unit_test(every_type_is_postgresqls_own),
        cmocka_unit_test(changes_are_logged_once_the_migration_is_applied),
        cmocka_unit_test(an_invokers_function_keeps_the_order_of_the_columns),
        cmocka_unit_test(a_connection_cut_in_the_middle_leaves_nothing_behind),
        cmocka_unit_test(memory_that_runs_out_ends_the_plan),
        cmocka_unit_test(tables_of_others_are_theirs),
        cmocka_unit_test(functions_of_a_database_before_are_kept),
        cmocka_unit_test(a_user_who_may_not_make_roles_is_told_what_to_ask_for),
    };
    return pg_is_missing() ? 0 : cmocka_run_group_tests(tests, open_all, close_all);
}
