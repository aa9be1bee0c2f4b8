/* logging_test.c: every change of a table is in the change log, whoever made it, and a migration leaves it so. */
#include "workbench.h"

#include <sqlite3.h>

#define SCHEMA(properties, rest) "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}" properties "}" rest "}"
#define PK                       ",\"x-primary-key\":[\"id\"]"
#define TEXT(name)               ",\"" name "\":{\"type\":\"string\"}"
#define TYPED(name, inner)       ",\"" name "\":{" inner "}"

/* The log as "INSERT t old new|..." */
static const char LOG[] =
    "SELECT coalesce(group_concat(seq || ' ' || op || ' ' || \"table\" || ' ' || coalesce(old, '-') || ' ' ||"
    " coalesce(new, '-'), '|'), '') FROM _socle_changes";

/* Another program: SQLite as it comes, with the schema not trusted. */
static void other_program(const char *sql)
{
    char path[96];
    sqlite3 *other;
    char *message = NULL;
    snprintf(path, sizeof(path), "%s/app.db", bench_dir);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    sqlite3_exec(other, "PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=ON", NULL, NULL, NULL);
    if (sqlite3_exec(other, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(other);
}

static const struct {
    const char *label, *sql, *want;
} WRITES[] = {
    {"an insert", "INSERT INTO t VALUES (1, 'x')", "1 INSERT t - \"id\" 1,\"a\" 'x'"},
    {"an update has both rows", "INSERT INTO t VALUES (1, 'x'); UPDATE t SET a = NULL",
     "1 INSERT t - \"id\" 1,\"a\" 'x'|2 UPDATE t \"id\" 1,\"a\" 'x' \"id\" 1,\"a\" NULL"},
    {"a delete has the old row", "INSERT INTO t VALUES (1, 'x'); DELETE FROM t",
     "1 INSERT t - \"id\" 1,\"a\" 'x'|2 DELETE t \"id\" 1,\"a\" 'x' -"},
    {"an upsert is what it did",
     "INSERT INTO t VALUES (1, 'x'); INSERT INTO t VALUES (1, 'y'), (2, 'z')"
     " ON CONFLICT (id) DO UPDATE SET a = excluded.a",
     "1 INSERT t - \"id\" 1,\"a\" 'x'|2 UPDATE t \"id\" 1,\"a\" 'x' \"id\" 1,\"a\" 'y'|3 INSERT t - \"id\" 2,\"a\" 'z'"},
    {"what is ignored did not happen", "INSERT INTO t VALUES (1, 'x'); INSERT OR IGNORE INTO t VALUES (1, 'y')",
     "1 INSERT t - \"id\" 1,\"a\" 'x'"},
    {"what is rolled back did not happen, and leaves no hole in the numbers",
     "BEGIN; INSERT INTO t VALUES (1, 'x'); ROLLBACK; BEGIN; SAVEPOINT s; INSERT INTO t VALUES (2, 'x'); ROLLBACK TO s;"
     " INSERT INTO t VALUES (3, 'x'); COMMIT",
     "1 INSERT t - \"id\" 3,\"a\" 'x'"},
    {"a cascade is logged", "INSERT INTO t VALUES (1, 'x'); INSERT INTO child VALUES (5, 1); DELETE FROM t",
     "1 INSERT t - \"id\" 1,\"a\" 'x'|2 INSERT child - \"id\" 5,\"t\" 1|3 DELETE child \"id\" 5,\"t\" 1 -|"
     "4 DELETE t \"id\" 1,\"a\" 'x' -"},
    {"so is a delete of everything", "INSERT INTO child VALUES (1, NULL), (2, NULL); DELETE FROM child",
     "1 INSERT child - \"id\" 1,\"t\" NULL|2 INSERT child - \"id\" 2,\"t\" NULL|3 DELETE child \"id\" 1,\"t\" NULL -|"
     "4 DELETE child \"id\" 2,\"t\" NULL -"},
    {"values keep what they are",
     "INSERT INTO t VALUES (9007199254740993, 'it''s \"q\" \\ ' || char(10) || char(0x1F600)), (2, x'00ff')",
     "1 INSERT t - \"id\" 9007199254740993,\"a\" 'it''s \"q\" \\ \n\xF0\x9F\x98\x80'|2 INSERT t - \"id\" 2,\"a\" X'00FF'"},
    {"a table without a schema file is nobody's business", "CREATE TABLE own (a); INSERT INTO own VALUES (1)", ""},
    {"nor is one that wants no realtime", "INSERT INTO quiet VALUES (1)", ""},
};

static void every_write_is_logged(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(WRITES); i++) {
        bool is_other = i % 2 == 1;
        bench_open();
        bench_file("schemas/t.json", SCHEMA(TEXT("a"), PK));
        bench_file("schemas/child.json",
                   SCHEMA(TYPED("t", "\"type\":\"integer\",\"x-references\":\"t.id\",\"x-on-delete\":\"cascade\""), PK));
        bench_file("schemas/quiet.json", SCHEMA("", PK ",\"x-realtime\":false"));
        struct so_db *db = bench_database();
        bench_must_migrate(db, bench_dir, false);
        bool ends_transactions = strstr(WRITES[i / 2].sql, "BEGIN") != NULL;
        if (is_other || ends_transactions)
            other_program(WRITES[i / 2].sql);
        else
            bench_sql(db, WRITES[i / 2].sql);
        const char *got = bench_get(db, LOG);
        if (strcmp(got, WRITES[i / 2].want) != 0)
            fail_msg("%s\n got:  %s\n want: %s", WRITES[i / 2].label, got, WRITES[i / 2].want);
        so_db_close(db);
        bench_close();
    }
}

static const struct {
    const char *label, *before, *after, *old_name, *rows, *want;
} CHANGES[] = {
    {"a new column", SCHEMA("", PK), SCHEMA(TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, 'x')",
     "1 INSERT t - \"id\" 1,\"a\" 'x'"},
    {"a renamed column", SCHEMA(TEXT("a"), PK), SCHEMA(TYPED("b", "\"type\":\"string\",\"x-renamed-from\":\"a\""), PK), NULL,
     "INSERT INTO t VALUES (1, 'x')", "1 INSERT t - \"id\" 1,\"b\" 'x'"},
    {"a dropped column", SCHEMA(TEXT("a"), PK), SCHEMA("", PK), NULL, "INSERT INTO t VALUES (1)", "1 INSERT t - \"id\" 1"},
    {"another type", SCHEMA(TEXT("a"), PK), SCHEMA(TYPED("a", "\"type\":\"integer\""), PK), NULL,
     "INSERT INTO t VALUES (1, 2)", "1 INSERT t - \"id\" 1,\"a\" 2"},
    {"another type and a new column", SCHEMA(TEXT("a"), PK), SCHEMA(TYPED("a", "\"type\":\"integer\"") TEXT("b"), PK), NULL,
     "INSERT INTO t VALUES (1, 2, 'y')", "1 INSERT t - \"id\" 1,\"a\" 2,\"b\" 'y'"},
    {"a renamed table", SCHEMA(TEXT("a"), PK), SCHEMA(TEXT("a"), PK ",\"x-renamed-from\":\"u\""), "u",
     "INSERT INTO t VALUES (1, 'x')", "1 INSERT t - \"id\" 1,\"a\" 'x'"},
    {"realtime switched off", SCHEMA("", PK), SCHEMA("", PK ",\"x-realtime\":false"), NULL, "INSERT INTO t VALUES (1)", ""},
    {"realtime switched off and a new column", SCHEMA("", PK), SCHEMA(TEXT("a"), PK ",\"x-realtime\":false"), NULL,
     "INSERT INTO t VALUES (1, 'x')", ""},
    {"realtime switched on", SCHEMA("", PK ",\"x-realtime\":false"), SCHEMA("", PK), NULL, "INSERT INTO t VALUES (1)",
     "1 INSERT t - \"id\" 1"},
};

static void a_migration_leaves_the_log_fitting(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CHANGES); i++) {
        char old_file[64];
        snprintf(old_file, sizeof(old_file), "schemas/%s.json", CHANGES[i].old_name == NULL ? "t" : CHANGES[i].old_name);
        bench_open();
        bench_file(old_file, CHANGES[i].before);
        struct so_db *db = bench_database();
        bench_must_migrate(db, bench_dir, false);
        bench_file(old_file, NULL);
        bench_file("schemas/t.json", CHANGES[i].after);
        bench_must_migrate(db, bench_dir, true);
        bench_sql(db, CHANGES[i].rows);
        const char *got = bench_get(db, LOG);
        if (strcmp(got, CHANGES[i].want) != 0)
            fail_msg("%s\n got:  %s\n want: %s", CHANGES[i].label, got, CHANGES[i].want);
        so_db_close(db);
        bench_close();
    }
}

/* What was logged before the triggers were there is a database of an older version. */
static void an_older_database_gets_its_triggers(void **state)
{
    (void)state;
    bench_open();
    bench_file("schemas/t.json", SCHEMA("", PK));
    struct so_db *db = bench_database();
    bench_sql(db, "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
    bench_must_migrate(db, bench_dir, false);
    bench_sql(db, "INSERT INTO t VALUES (2)");
    assert_string_equal(bench_get(db, LOG), "1 INSERT t - \"id\" 2");
    so_db_close(db);
    bench_close();
}

static void a_table_of_a_thousand_columns_is_logged(void **state)
{
    (void)state;
    static char schema[64 * 1024];
    size_t len =
        (size_t)snprintf(schema, sizeof(schema), "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}");
    for (int i = 1; i < 1000; i++)
        len += (size_t)snprintf(schema + len, sizeof(schema) - len, TEXT("c%d"), i);
    snprintf(schema + len, sizeof(schema) - len, "}" PK "}");
    bench_open();
    bench_file("schemas/t.json", schema);
    struct so_db *db = bench_database();
    bench_must_migrate(db, bench_dir, false);
    bench_sql(db, "INSERT INTO t (id, c999) VALUES (1, 'last')");
    assert_string_equal(bench_get(db, "SELECT substr(new, -12) FROM _socle_changes"), "c999\" 'last'");
    so_db_close(db);
    bench_close();
}

static void x_realtime_is_a_truth(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_model *model;
    bench_open();
    bench_file("schemas/t.json", SCHEMA("", ",\"x-realtime\":\"no\""));
    assert_int_equal(so_model_load(bench_dir, &model, &err), SO_EINVAL);
    assert_string_equal(err.message, "schemas/t.json#/x-realtime: should be true or false");
    bench_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_write_is_logged),
        cmocka_unit_test(a_migration_leaves_the_log_fitting),
        cmocka_unit_test(an_older_database_gets_its_triggers),
        cmocka_unit_test(a_table_of_a_thousand_columns_is_logged),
        cmocka_unit_test(x_realtime_is_a_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
