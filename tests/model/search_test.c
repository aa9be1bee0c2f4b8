/* search_test.c: the search index holds after any writes what one made anew would hold. */
#include "workbench.h"

static const char NOTES[] =
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"head\":{\"type\":\"string\",\"x-search\":true},"
    "\"list\":{\"type\":\"array\",\"x-search\":true},\"n\":{\"type\":\"integer\"},"
    "\"u\":{\"type\":\"integer\",\"x-references\":\"u.id\",\"x-on-delete\":\"cascade\"}},"
    "\"required\":[\"id\"],\"x-primary-key\":[\"id\"]}";
static const char OWNERS[] = "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}},\"required\":[\"id\"],"
                             "\"x-primary-key\":[\"id\"]}";

/* FTS5 itself compares every entry with the table's rows: SQLITE_CORRUPT_VTAB when one is missing or too many. */
static void check_index(struct so_db *db, const char *after)
{
    struct so_err err = SO_ERR_INIT;
    static const char CHECK[] = "INSERT INTO _socle_t_fts(_socle_t_fts, rank) VALUES ('integrity-check', 1)";
    if (so_db_write(db, bench_exec, (void *)(uintptr_t)CHECK, &err) != SO_OK)
        fail_msg("after %s: %s", after, err.message);
}

static const char *found(struct so_db *db, const char *query)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "SELECT coalesce(group_concat(id), '') FROM t WHERE rowid IN (SELECT rowid FROM _socle_t_fts WHERE "
             "_socle_t_fts MATCH '%s')",
             query);
    return bench_get(db, sql);
}

static struct so_db *open_notes(void)
{
    bench_open();
    struct so_db *db = bench_database();
    bench_file("schemas/t.json", NOTES);
    bench_file("schemas/u.json", OWNERS);
    bench_must_migrate(db, bench_dir, false);
    bench_sql(db, "INSERT INTO u (id) VALUES (1), (2)");
    return db;
}

static void close_notes(struct so_db *db)
{
    so_db_close(db);
    bench_close();
}

static void every_write_changes_the_index(void **state)
{
    (void)state;
    static const char *const WRITES[] = {
        "INSERT INTO t (id, head, list, u) VALUES ('a', 'one fish', '[\"x\"]', 1), ('b', 'two fish', NULL, 2), ('c', NULL, "
        "'[\"y\"]', NULL)",
        "UPDATE t SET head = 'red fish' WHERE id = 'a'",
        "UPDATE t SET n = 1",
        "UPDATE t SET id = 'bb' WHERE id = 'b'",
        "UPDATE t SET head = NULL, list = NULL WHERE id = 'c'",
        "INSERT INTO t (id, head) VALUES ('a', 'blue fish') ON CONFLICT (id) DO UPDATE SET head = excluded.head",
        "INSERT INTO t (id, head) VALUES ('a', 'green') ON CONFLICT (id) DO NOTHING",
        "DELETE FROM u WHERE id = 2",
        "SAVEPOINT s; INSERT INTO t (id, head) VALUES ('z', 'gone'); ROLLBACK TO s; RELEASE s",
        "DELETE FROM t WHERE id = 'c'",
    };
    struct so_db *db = open_notes();
    for (size_t i = 0; i < COUNT_OF(WRITES); i++) {
        bench_sql(db, WRITES[i]);
        check_index(db, WRITES[i]);
    }
    assert_string_equal(found(db, "fish"), "a");
    assert_string_equal(found(db, "blue"), "a");
    assert_string_equal(found(db, "red OR two OR gone OR green"), "");
    bench_sql(db, "DELETE FROM t");
    check_index(db, "DELETE FROM t");
    close_notes(db);
}

/* Any writes in any order, then the same words counted by the index and by the text itself. */
static void random_writes_leave_a_true_index(void **state)
{
    (void)state;
    uint32_t dice = 7;
    struct so_db *db = open_notes();
    for (int step = 0; step < 200; step++) {
        char sql[256];
        unsigned row = (dice = dice * 1664525u + 1013904223u) >> 8;
        unsigned word = row / 64 % 5, kind = row / 512 % 4;
        const char *const FORMATS[] = {
            "INSERT INTO t (id, head, u) VALUES ('%u', 'w%u w%u', 1) ON CONFLICT (id) DO UPDATE SET head = excluded.head",
            "UPDATE t SET head = 'w%2$u', list = '[\"w%3$u\"]' WHERE id > '%1$u'",
            "DELETE FROM t WHERE id = '%u'",
            "UPDATE t SET id = id || 'x' WHERE id = '%u'",
        };
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(sql, sizeof(sql), FORMATS[kind], row % 64, word, (word + 1) % 5);
#pragma GCC diagnostic pop
        bench_sql(db, sql);
    }
    check_index(db, "200 writes");
    assert_string_not_equal(bench_get(db, "SELECT count(*) FROM t"), "0");
    for (unsigned word = 0; word < 5; word++) {
        char sql[320];
        snprintf(sql, sizeof(sql),
                 "SELECT (SELECT count(*) FROM _socle_t_fts WHERE _socle_t_fts MATCH 'w%u') - (SELECT count(*) FROM t WHERE "
                 "coalesce(head, '') || coalesce(list, '') LIKE '%%w%u%%')",
                 word, word);
        assert_string_equal(bench_get(db, sql), "0");
    }
    close_notes(db);
}

static void a_migration_keeps_the_index(void **state)
{
    (void)state;
#define T(head, rest) "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"}," head "}," rest "}"
#define KEY           "\"required\":[\"id\"],\"x-primary-key\":[\"id\"]"
    static const struct {
        const char *label, *schema;
        bool indexed;
    } MODELS[] = {
        {"another column", T("\"head\":{\"type\":\"string\",\"x-search\":true},\"more\":{\"type\":\"string\"}", KEY), true},
        {"a rebuild", T("\"head\":{\"type\":\"string\",\"x-search\":true,\"default\":\"d\"}", KEY), true},
        {"a renamed column", T("\"top\":{\"type\":\"string\",\"x-search\":true,\"x-renamed-from\":\"head\"}", KEY), true},
        {"no search", T("\"top\":{\"type\":\"string\"}", KEY), false},
        {"search again", T("\"top\":{\"type\":\"string\",\"x-search\":true}", KEY), true},
    };
    struct so_db *db = open_notes();
    bench_sql(db,
              "INSERT INTO t (id, head) VALUES ('a', 'fish'), ('b', 'bird'), ('c', 'fish'); DELETE FROM t WHERE id = 'a'");
    for (size_t i = 0; i < COUNT_OF(MODELS); i++) {
        struct so_err err = SO_ERR_INIT;
        bench_file("schemas/t.json", MODELS[i].schema);
        if (bench_migrate(db, bench_dir, true, &err) != SO_OK)
            fail_msg("%s: %s", MODELS[i].label, err.message);
        bench_must_migrate(db, bench_dir, false); /* nothing more to do */
        assert_string_equal(bench_get(db,
                                      "SELECT count(*) > 0 FROM sqlite_schema WHERE name LIKE '\\_socle\\_t\\_fts%' ESCAPE "
                                      "'\\'"),
                            MODELS[i].indexed ? "1" : "0");
        if (!MODELS[i].indexed)
            continue;
        check_index(db, MODELS[i].label);
        assert_string_equal(found(db, "fish"), "c");
    }
    bench_file("schemas/t.json", NULL);
    bench_file("schemas/v.json", T("\"top\":{\"type\":\"string\",\"x-search\":true}", KEY ",\"x-renamed-from\":\"t\""));
    bench_must_migrate(db, bench_dir, false);
    assert_string_equal(bench_get(db, "SELECT count(*) FROM _socle_v_fts WHERE _socle_v_fts MATCH 'fish'"), "1");
    assert_string_equal(bench_get(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%t\\_fts%' ESCAPE '\\'"), "0");
    struct so_err err = SO_ERR_INIT;
    bench_file("schemas/v.json", NULL);
    assert_int_equal(bench_migrate(db, bench_dir, true, &err), SO_OK);
    assert_string_equal(bench_get(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%fts%'"), "0");
    close_notes(db);
}

static void what_cannot_be_searched_stops_the_start(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *want;
    } BAD[] = {
        {T("\"n\":{\"type\":\"integer\",\"x-search\":true}", KEY),
         "schemas/t.json#/properties/n/x-search: only text can be searched, and this is bigint"},
        {T("\"n\":{\"type\":\"string\",\"x-search\":true}", "\"required\":[\"id\"]"),
         "schemas/t.json#/properties/n/x-search: needs a table with x-primary-key"},
        {T("\"n\":{\"type\":\"string\",\"x-search\":true},\"rank\":{}", KEY),
         "schemas/t.json#/properties/rank/x-search: a table that is searched cannot have a column of this name"},
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct so_err err = SO_ERR_INIT;
        struct so_model *model;
        bench_open();
        bench_file("schemas/t.json", BAD[i].schema);
        assert_int_equal(so_model_load(bench_dir, &model, &err), SO_EINVAL);
        assert_string_equal(err.message, BAD[i].want);
        bench_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_write_changes_the_index),
        cmocka_unit_test(random_writes_leave_a_true_index),
        cmocka_unit_test(a_migration_keeps_the_index),
        cmocka_unit_test(what_cannot_be_searched_stops_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
