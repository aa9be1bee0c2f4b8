/* migrate_test.c: the database becomes what the schema files say, no row is lost on the way unseen, and a second plan after
 * the first is empty. */
#include "workbench.h"

/* One table "t" (or, in a text that begins with NAME=, another one) before and after. */
#define T(properties, rest) "{\"type\":\"object\",\"properties\":{" properties "}" rest "}"
#define ID                  "\"id\":{\"type\":\"integer\"}"
#define PK                  ",\"x-primary-key\":[\"id\"]"
#define TEXT(name)          ",\"" name "\":{\"type\":\"string\"}"
#define TYPED(name, inner)  ",\"" name "\":{" inner "}"
#define U                   "u=" T(ID, PK)

struct change {
    const char *label;
    const char *before, *other_before; /* schema of t; of another table, or NULL */
    const char *rows;                  /* SQL */
    const char *after, *other_after;
    const char *loss;  /* part of what is said of lost data; NULL: nothing is lost */
    const char *error; /* part of the plan's error; NULL: it works */
    const char *query, *want;
};

static const struct change CHANGES[] = {
    {"a new column is empty", T(ID, PK), NULL, "INSERT INTO t VALUES (1)", T(ID TEXT("a"), PK), NULL, NULL, NULL,
     "SELECT id || ':' || (a IS NULL) FROM t", "1:1"},
    {"a new column with a constant gets it", T(ID, PK), NULL, "INSERT INTO t VALUES (1)",
     T(ID TYPED("a", "\"type\":\"integer\",\"default\":7"), PK ",\"required\":[\"a\"]"), NULL, NULL, NULL, "SELECT a FROM t",
     "7"},
    {"a new column with an expression gets a value each", T(ID, PK), NULL, "INSERT INTO t VALUES (1), (2)",
     T(ID TYPED("a", "\"type\":\"string\",\"format\":\"uuid\",\"x-default\":\"gen_random_uuid()\""),
       PK ",\"required\":[\"a\"]"),
     NULL, NULL, NULL, "SELECT count(DISTINCT a) FROM t", "2"},
    {"a required column without default needs an empty table", T(ID, PK), NULL, "INSERT INTO t VALUES (1)",
     T(ID TEXT("a"), PK ",\"required\":[\"a\"]"), NULL, NULL, "schemas/t.json#/properties/a: required, but 1 row of t", NULL,
     NULL},
    {"a required column that only a client can fill, too", T(ID, PK), NULL, "INSERT INTO t VALUES (1)",
     T(ID TYPED("a", "\"type\":\"string\",\"x-default\":\"auth.uid()\""), PK ",\"required\":[\"a\"]"), NULL, NULL,
     "would have no value", NULL, NULL},
    {"an empty table takes it", T(ID, PK), NULL, "SELECT 1", T(ID TEXT("a"), PK ",\"required\":[\"a\"]"), NULL, NULL, NULL,
     "SELECT \"notnull\" FROM pragma_table_info('t') WHERE name = 'a'", "1"},
    {"a dropped column loses what it held", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, 'x'), (2, NULL)", T(ID, PK),
     NULL, "1 row has a value in t.a", NULL, "SELECT count(*) FROM pragma_table_info('t')", "1"},
    {"an empty column is dropped without a word", T(ID TEXT("a"), PK), NULL, "INSERT INTO t (id) VALUES (1)", T(ID, PK),
     NULL, NULL, NULL, "SELECT count(*) FROM pragma_table_info('t')", "1"},
    {"an indexed column is dropped with its index", T(ID TEXT("a"), PK ",\"x-indexes\":[\"a\"]"), NULL, "SELECT 1",
     T(ID, PK), NULL, NULL, NULL, "SELECT count(*) FROM sqlite_schema WHERE name = 't_a_idx'", "0"},
    {"a renamed column keeps its data", T(ID TEXT("a"), PK ",\"x-indexes\":[\"a\"]"), NULL, "INSERT INTO t VALUES (1, 'x')",
     T(ID TYPED("b", "\"type\":\"string\",\"x-renamed-from\":\"a\""), PK ",\"x-indexes\":[\"b\"]"), NULL, NULL, NULL,
     "SELECT b || (SELECT name FROM sqlite_schema WHERE type = 'index') FROM t", "xt_b_idx"},
    {"a column renamed in case only keeps its data", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, 'x')",
     T(ID TEXT("A"), PK), NULL, NULL, NULL, "SELECT A || (SELECT name FROM pragma_table_info('t') WHERE cid = 1) FROM t",
     "xA"},
    {"a column that is renamed and changes its type", T(ID TYPED("a", "\"type\":\"integer\""), PK), NULL,
     "INSERT INTO t VALUES (1, 5)", T(ID TYPED("b", "\"type\":\"string\",\"x-renamed-from\":\"a\""), PK), NULL, NULL, NULL,
     "SELECT typeof(b) || b FROM t", "text5"},
    {"an old name that is gone is ignored", T(ID TEXT("b"), PK), NULL, "INSERT INTO t VALUES (1, 'x')",
     T(ID TYPED("b", "\"type\":\"string\",\"x-renamed-from\":\"a\""), PK), NULL, NULL, NULL, "SELECT b FROM t", "x"},
    {"a renamed table keeps rows, indexes and what refers to it",
     T(ID TYPED("u", "\"type\":\"integer\",\"x-references\":\"u.id\""), PK), U,
     "INSERT INTO u VALUES (3); INSERT INTO t VALUES (1, 3)",
     T(ID TYPED("u", "\"type\":\"integer\",\"x-references\":\"v.id\""), PK), "v=" T(ID, PK ",\"x-renamed-from\":\"u\""),
     NULL, NULL, "SELECT v.id || \"table\" FROM v, pragma_foreign_key_list('t')", "3v"},
    {"integer to text loses nothing", T(ID TYPED("a", "\"type\":\"integer\""), PK), NULL, "INSERT INTO t VALUES (1, 5)",
     T(ID TEXT("a"), PK), NULL, NULL, NULL, "SELECT typeof(a) || a FROM t", "text5"},
    {"integer to number loses nothing", T(ID TYPED("a", "\"type\":\"integer\""), PK), NULL, "INSERT INTO t VALUES (1, 5)",
     T(ID TYPED("a", "\"type\":\"number\""), PK), NULL, NULL, NULL, "SELECT a FROM t", "5"},
    {"boolean to text says true", T(ID TYPED("a", "\"type\":\"boolean\""), PK), NULL, "INSERT INTO t VALUES (1, 1)",
     T(ID TEXT("a"), PK), NULL, NULL, NULL, "SELECT a FROM t", "true"},
    {"date to date-time loses nothing", T(ID TYPED("a", "\"type\":\"string\",\"format\":\"date\""), PK), NULL,
     "INSERT INTO t VALUES (1, '2024-05-06')", T(ID TYPED("a", "\"type\":\"string\",\"format\":\"date-time\""), PK), NULL,
     NULL, NULL, "SELECT a FROM t", "2024-05-06T00:00:00.000000+00:00"},
    {"text to JSON is quoted", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, 'x')",
     T(ID TYPED("a", "\"type\":\"array\""), PK), NULL, NULL, NULL, "SELECT a FROM t", "\"x\""},
    {"text to integer keeps the numbers", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, '12'), (2, 'x'), (3, NULL)",
     T(ID TYPED("a", "\"type\":\"integer\""), PK), NULL, "1 row has in t.a a value that is no bigint", NULL,
     "SELECT group_concat(coalesce(a, '-')) FROM t", "12,-,-"},
    {"text to integer loses nothing when all are numbers", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, '-12')",
     T(ID TYPED("a", "\"type\":\"integer\""), PK), NULL, NULL, NULL, "SELECT a + 1 FROM t", "-11"},
    {"text to uuid keeps the uuids", T(ID TEXT("a"), PK), NULL,
     "INSERT INTO t VALUES (1, 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'), (2, 'x')",
     T(ID TYPED("a", "\"type\":\"string\",\"format\":\"uuid\""), PK), NULL, "1 row has in t.a a value that is no uuid", NULL,
     "SELECT a FROM t WHERE id = 1", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {"text to date-time keeps the times", T(ID TEXT("a"), PK), NULL,
     "INSERT INTO t VALUES (1, '2024-05-06T07:08:09+02:00'), (2, '2024-05-06'), (3, '2024-05-06T07:08:09.123456+00:00')",
     T(ID TYPED("a", "\"type\":\"string\",\"format\":\"date-time\""), PK), NULL, "1 row has in t.a", NULL,
     "SELECT group_concat(a) FROM t", "2024-05-06T05:08:09.000000+00:00,2024-05-06T07:08:09.123456+00:00"},
    {"number to integer keeps the whole ones", T(ID TYPED("a", "\"type\":\"number\""), PK), NULL,
     "INSERT INTO t VALUES (1, 2.0), (2, 2.5)", T(ID TYPED("a", "\"type\":\"integer\""), PK), NULL, "1 row has in t.a", NULL,
     "SELECT group_concat(coalesce(a, '-')) FROM t", "2,-"},
    {"a required column cannot lose values", T(ID TEXT("a"), PK ",\"required\":[\"a\"]"), NULL,
     "INSERT INTO t VALUES (1, 'x')", T(ID TYPED("a", "\"type\":\"integer\""), PK ",\"required\":[\"a\"]"), NULL, NULL,
     "would have no value", NULL, NULL},
    {"a column that becomes required has no gaps", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, 'x'), (2, NULL)",
     T(ID TEXT("a"), PK ",\"required\":[\"a\"]"), NULL, NULL, "required, but 1 row of t would have no value", NULL, NULL},
    {"a default fills the gaps", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, 'x'), (2, NULL)",
     T(ID TYPED("a", "\"type\":\"string\",\"default\":\"d\""), PK ",\"required\":[\"a\"]"), NULL,
     "1 row has no value in t.a: the default will be there", NULL, "SELECT group_concat(a) FROM t", "x,d"},
    {"a column that is full may become required", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, 'x')",
     T(ID TEXT("a"), PK ",\"required\":[\"a\"]"), NULL, NULL, NULL, "SELECT a FROM t", "x"},
    {"a column may become optional", T(ID TEXT("a"), PK ",\"required\":[\"a\"]"), NULL, "INSERT INTO t VALUES (1, 'x')",
     T(ID TEXT("a"), PK), NULL, NULL, NULL, "SELECT \"notnull\" FROM pragma_table_info('t') WHERE name = 'a'", "0"},
    {"another default is only for new rows", T(ID TYPED("a", "\"type\":\"string\",\"default\":\"d\""), PK), NULL,
     "INSERT INTO t (id) VALUES (1)", T(ID TYPED("a", "\"type\":\"string\",\"default\":\"it's (e)\""), PK), NULL, NULL, NULL,
     "SELECT a || (SELECT dflt_value FROM pragma_table_info('t') WHERE name = 'a') FROM t", "d'it''s (e)'"},
    {"another key", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, 'x'), (2, 'y')",
     T(ID TEXT("a"), ",\"x-primary-key\":[\"a\"],\"required\":[\"id\"]"), NULL, NULL, NULL,
     "SELECT group_concat(id) || (SELECT name FROM pragma_table_info('t') WHERE pk) FROM t", "1,2a"},
    {"a key that is not unique", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, 'x'), (2, 'x')",
     T(ID TEXT("a"), ",\"x-primary-key\":[\"a\"]"), NULL, NULL, "should be unique by a, but 1 value is in more than one row",
     NULL, NULL},
    {"x-unique makes an index", T(ID TEXT("a"), PK), NULL, "INSERT INTO t VALUES (1, 'x'), (2, NULL), (3, NULL)",
     T(ID TYPED("a", "\"type\":\"string\",\"x-unique\":true"), PK), NULL, NULL, NULL,
     "SELECT name FROM pragma_index_list('t') WHERE \"unique\"", "t_a_key"},
    {"x-unique over rows that are alike", T(ID TEXT("a") TEXT("b"), PK), NULL,
     "INSERT INTO t VALUES (1, 'x', 'y'), (2, 'x', 'y')", T(ID TEXT("a") TEXT("b"), PK ",\"x-unique\":[[\"a\",\"b\"]]"),
     NULL, NULL, "should be unique by a and others", NULL, NULL},
    {"an index that nobody wants goes", T(ID TEXT("a"), PK ",\"x-indexes\":[\"a\"]"), NULL, "SELECT 1", T(ID TEXT("a"), PK),
     NULL, NULL, NULL, "SELECT count(*) FROM pragma_index_list('t')", "0"},
    {"an index made by hand stays, through a rebuild", T(ID TEXT("a"), PK), NULL, "CREATE INDEX mine ON t (a)",
     T(ID TYPED("a", "\"type\":\"string\",\"default\":\"x\""), PK), NULL, NULL, NULL,
     "SELECT name FROM pragma_index_list('t')", "mine"},
    {"a trigger made by hand stays, through a rebuild", T(ID TEXT("a"), PK), NULL,
     "CREATE TRIGGER mine AFTER INSERT ON t BEGIN SELECT 1; END",
     T(ID TYPED("a", "\"type\":\"string\",\"default\":\"x\""), PK), NULL, NULL, NULL,
     "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name NOT LIKE '\\_socle%' ESCAPE '\\'", "mine"},
    {"a view made by hand stays, through a rebuild", T(ID TEXT("a"), PK), NULL,
     "INSERT INTO t VALUES (1, 'x'); CREATE VIEW mine AS SELECT a FROM t",
     T(ID TYPED("a", "\"type\":\"string\",\"default\":\"x\""), PK), NULL, NULL, NULL, "SELECT a FROM mine", "x"},
    {"a new foreign key over rows that fit", T(ID TYPED("u", "\"type\":\"integer\""), PK), U,
     "INSERT INTO u VALUES (3); INSERT INTO t VALUES (1, 3), (2, NULL)",
     T(ID TYPED("u", "\"type\":\"integer\",\"x-references\":\"u.id\",\"x-on-delete\":\"cascade\""), PK), U, NULL, NULL,
     "SELECT \"table\" || on_delete FROM pragma_foreign_key_list('t')", "uCASCADE"},
    {"a new foreign key over rows that do not", T(ID TYPED("u", "\"type\":\"integer\""), PK), U,
     "INSERT INTO t VALUES (1, 3)", T(ID TYPED("u", "\"type\":\"integer\",\"x-references\":\"u.id\""), PK), U, NULL,
     "schemas/t.json#/properties/u/x-references: 1 row of t refers to no row of u", NULL, NULL},
    {"a rebuilt table keeps the rows that refer to it",
     T(ID TYPED("u", "\"type\":\"integer\",\"x-references\":\"u.id\",\"x-on-delete\":\"cascade\""), PK),
     "u=" T(ID TEXT("a"), PK), "INSERT INTO u VALUES (3, 'x'); INSERT INTO t VALUES (1, 3)",
     T(ID TYPED("u", "\"type\":\"integer\",\"x-references\":\"u.id\",\"x-on-delete\":\"cascade\""), PK),
     "u=" T(ID TYPED("a", "\"type\":\"string\",\"default\":\"y\""), PK), NULL, NULL,
     "SELECT t.u || a || \"table\" FROM t JOIN u ON u.id = t.u, pragma_foreign_key_list('t')", "3xu"},
    {"a table that refers to itself is rebuilt", T(ID TYPED("up", "\"type\":\"integer\",\"x-references\":\"t.id\""), PK),
     NULL, "INSERT INTO t VALUES (1, NULL), (2, 1)",
     T(ID TYPED("up", "\"type\":\"integer\",\"x-references\":\"t.id\",\"x-on-delete\":\"set null\""), PK), NULL, NULL, NULL,
     "SELECT count(*) || \"table\" FROM t, pragma_foreign_key_list('t')", "2t"},
    {"a dropped table loses its rows", T(ID, PK), U, "INSERT INTO u VALUES (3)", T(ID, PK), NULL, "1 row is in u", NULL,
     "SELECT count(*) FROM sqlite_schema WHERE name = 'u'", "0"},
    {"a dropped table that was referred to",
     T(ID TYPED("u", "\"type\":\"integer\",\"x-references\":\"u.id\",\"x-on-delete\":\"cascade\""), PK), U,
     "INSERT INTO u VALUES (3); INSERT INTO t VALUES (1, 3)", T(ID TYPED("u", "\"type\":\"integer\""), PK), NULL,
     "1 row is in u", NULL, "SELECT u FROM t", "3"},
    {"a table made by hand is left alone", T(ID, PK), NULL, "CREATE TABLE hand (x); INSERT INTO hand VALUES (5)",
     T(ID TEXT("a"), PK), NULL, NULL, NULL, "SELECT x FROM hand", "5"},
    {"a table made by hand that refers to one that goes", T(ID, PK), U, "CREATE TABLE hand (x REFERENCES u (id))", T(ID, PK),
     NULL, NULL, "\"hand\" refers to it", NULL, NULL},
    {"a table made by hand can be taken over", T(ID, PK), NULL,
     "CREATE TABLE u (id integer primary key, old text unique); INSERT INTO u VALUES (4, 'x')", T(ID, PK),
     "u=" T(ID TYPED("old", "\"type\":\"string\",\"x-unique\":true") TEXT("a"), PK), NULL, NULL, "SELECT id || old FROM u",
     "4x"},
    {"a UNIQUE clause that nobody wants goes", T(ID, PK), NULL,
     "CREATE TABLE u (id integer primary key, old text unique); INSERT INTO u VALUES (4, 'x')", T(ID, PK),
     "u=" T(ID TEXT("old"), PK), NULL, NULL, "SELECT count(*) FROM pragma_index_list('u')", "0"},
    {"a view in the way", T(ID, PK), NULL, "CREATE VIEW u AS SELECT 1", T(ID, PK), U, NULL, "has a view \"u\"", NULL, NULL},
};

/* "NAME=text" or text of t. */
static void put_schema(const char *text)
{
    char name[32];
    const char *equals = strchr(text, '=');
    if (text[0] == '{')
        snprintf(name, sizeof(name), "schemas/t.json");
    else
        snprintf(name, sizeof(name), "schemas/%.*s.json", (int)(equals - text), text);
    bench_file(name, text[0] == '{' ? text : equals + 1);
}

static void put_schemas(const char *one, const char *other)
{
    bench_file("schemas/u.json", NULL);
    put_schema(one);
    if (other != NULL)
        put_schema(other);
}

static void check_refused(const struct change *c, struct so_db *db)
{
    struct so_err err = SO_ERR_INIT;
    int rc = bench_migrate(db, bench_dir, false, &err);
    if (rc != SO_EDENIED || strstr(err.message, c->loss) == NULL)
        fail_msg("%s: %s: %s", c->label, so_code_name(rc), err.message);
    rc = so_db_write(db, bench_exec, (void *)(uintptr_t) "SELECT 1", &err);
    assert_int_equal(rc, SO_OK);
}

static void check_change(const struct change *c)
{
    struct so_err err = SO_ERR_INIT;
    bench_open();
    struct so_db *db = bench_database();
    put_schemas(c->before, c->other_before);
    bench_must_migrate(db, bench_dir, false);
    bench_sql(db, c->rows);
    put_schemas(c->after, c->other_after);
    if (c->loss != NULL)
        check_refused(c, db);
    int rc = bench_migrate(db, bench_dir, c->loss != NULL, &err);
    if (c->error != NULL) {
        if (rc != SO_EINVAL || strstr(err.message, c->error) == NULL)
            fail_msg("%s: %s: %s", c->label, so_code_name(rc), err.message);
    } else {
        if (rc != SO_OK)
            fail_msg("%s: %s", c->label, err.message);
        bench_must_migrate(db, bench_dir, false); /* nothing more to do */
        const char *got = bench_get(db, c->query);
        if (strcmp(got, c->want) != 0)
            fail_msg("%s:\ngot:  %s\nwant: %s", c->label, got, c->want);
        assert_string_equal(bench_get(db, "SELECT * FROM pragma_foreign_key_check"), "");
        assert_string_equal(bench_get(db, "SELECT * FROM pragma_integrity_check"), "ok");
    }
    so_db_close(db);
    bench_close();
}

static void changes_keep_what_they_can_and_say_what_they_lose(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CHANGES); i++)
        check_change(&CHANGES[i]);
}

static void the_bookstore_is_made(void **state)
{
    (void)state;
    bench_open();
    struct so_db *db = bench_database();
    bench_must_migrate(db, bench_data("bookstore"), false);
    assert_string_equal(bench_get(db, "SELECT group_concat(name) FROM _socle_tables"), "authors,books");
    assert_string_equal(bench_get(db, "SELECT group_concat(summary) FROM _socle_migrations"),
                        "authors: create table,books: create table,authors: create search index");
    assert_string_equal(bench_get(db, "SELECT group_concat(name) FROM pragma_index_list('books') WHERE origin = 'c'"),
                        "books_author_id_idx");
    bench_sql(db, "INSERT INTO authors (name) VALUES ('a'), ('b');"
                  "INSERT INTO books (isbn, title, pages) VALUES ('1', 't', 1)");
    assert_string_equal(bench_get(db,
                                  "SELECT count(DISTINCT id) FROM authors WHERE substr(id, 20, 1) IN ('8', '9', 'a', 'b')"
                                  " AND id LIKE '________-____-4___-____-____________' AND id = lower(id)"),
                        "2");
    assert_string_equal(bench_get(db, "SELECT created_at LIKE '____-__-__T__:__:__.______+00:00' FROM books"), "1");
    so_db_close(db);
    bench_close();
}

struct checking {
    const struct so_model *model;
};
static int check_model(void *arg, struct so_conn *conn, struct so_err *err)
{
    return so_model_check(((struct checking *)arg)->model, conn, err);
}

static void policies_are_proved_against_the_table(void **state)
{
    (void)state;
#define POLICY(name, sql) PK ",\"x-policies\":{\"" name "\":\"" sql "\"}"
    static const struct {
        const char *schema, *message; /* NULL: fine */
    } CASES[] = {
        {T(ID TEXT("a"), PK), NULL},
        {T(ID TEXT("a"), POLICY("update", "a = auth.uid() and exists (select 1 from t x where x.id = t.id)")), NULL},
        {T(ID TEXT("a"), POLICY("update", "b = 1")), "schemas/t.json#/x-policies/update: "},
        {T(ID TEXT("a"), POLICY("check", "\\\"b\\\" = 1")), "schemas/t.json#/x-policies/check: "},
        {T(ID TEXT("a"), POLICY("delete", "a = = 1")), "schemas/t.json#/x-policies/delete: "},
        {T(ID TEXT("a"), POLICY("insert", "nofunction(a)")), "schemas/t.json#/x-policies/insert: "},
        {T(ID TYPED("a", "\"type\":\"string\",\"x-default\":\"draft\""), PK), "schemas/t.json#/properties/a/x-default: "},
        {T(ID TYPED("a", "\"type\":\"string\",\"x-default\":\"auth.jwt() ->> 'email'\""), PK), NULL},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_err err = SO_ERR_INIT;
        bench_open();
        struct so_db *db = bench_database();
        bench_file("schemas/t.json", CASES[i].schema);
        bench_must_migrate(db, bench_dir, false);
        struct so_model *model = bench_model(bench_dir);
        struct checking checking = {model};
        int rc = so_db_write(db, check_model, &checking, &err);
        if (CASES[i].message == NULL ? rc != SO_OK : rc != SO_EINVAL || strstr(err.message, CASES[i].message) != err.message)
            fail_msg("%s: %s: %s", CASES[i].schema, so_code_name(rc), err.message);
        so_model_unref(model);
        so_db_close(db);
        bench_close();
    }
}

static void a_plan_that_drops_wants_no_enforced_keys(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_arena arena;
    struct so_plan plan;
    so_arena_init(&arena, 1 << 20);
    bench_open();
    struct so_db *db = bench_database();
    put_schemas(T(ID TEXT("a"), PK), NULL);
    bench_must_migrate(db, bench_dir, false);
    put_schemas(T(ID TYPED("a", "\"type\":\"integer\""), PK), NULL);
    assert_int_equal(bench_plan(db, bench_dir, &arena, &plan, &err), SO_OK);
    struct bench_apply apply = {&plan, false};
    assert_int_equal(so_db_write(db, bench_apply_run, &apply, &err), SO_EINVAL);
    so_db_close(db);
    bench_close();
    so_arena_deinit(&arena);
}

/* ---- many random models, one after the other ---- */

static uint32_t dice_state;
static unsigned dice(unsigned sides)
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (dice_state >> 8) % sides;
}

static const char *const RANDOM_TYPES[] = {
    "\"type\":\"string\"",
    "\"type\":\"string\",\"default\":\"it's\"",
    "\"type\":\"string\",\"x-unique\":true",
    "\"type\":\"integer\"",
    "\"type\":\"integer\",\"default\":3",
    "\"type\":\"number\"",
    "\"type\":\"boolean\",\"default\":false",
    "\"type\":\"array\",\"default\":[]",
    "\"type\":\"string\",\"format\":\"date-time\",\"x-default\":\"now()\"",
    "\"type\":\"string\",\"format\":\"uuid\",\"x-default\":\"gen_random_uuid()\"",
    "\"type\":\"integer\",\"x-references\":\"t0.id\"",
    "\"type\":\"integer\",\"x-references\":\"t1.id\",\"x-on-delete\":\"cascade\"",
};

/* Every table has the key "id" and the column "keep" with a value that must survive. */
static void random_table(unsigned table)
{
    char text[4096], required[256] = "";
    char name[32];
    size_t n = (size_t)snprintf(text, sizeof(text), "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}");
    if (dice(2) == 0)
        n += (size_t)snprintf(text + n, sizeof(text) - n, ",\"keep\":{\"type\":\"string\"%s}",
                              dice(2) ? ",\"default\":\"k\"" : "");
    else
        n += (size_t)snprintf(text + n, sizeof(text) - n, ",\"keep\":{\"type\":\"string\",\"x-search\":true}");
    for (unsigned c = 0; c < 5; c++) {
        const char *type = RANDOM_TYPES[dice(COUNT_OF(RANDOM_TYPES))];
        if (dice(3) == 0)
            continue;
        n += (size_t)snprintf(text + n, sizeof(text) - n, ",\"c%u\":{%s%s}", c, type,
                              dice(4) == 0 ? ",\"x-renamed-from\":\"c4\"" : "");
        if (strstr(type, "default") != NULL && dice(2) == 0)
            snprintf(required + strlen(required), sizeof(required) - strlen(required), ",\"c%u\"", c);
    }
    snprintf(text + n, sizeof(text) - n, "},\"required\":[\"id\"%s],\"x-primary-key\":[\"id\"],\"x-indexes\":[\"keep\"%s]}",
             required, dice(2) ? ",[\"keep\",\"id\"]" : "");
    snprintf(name, sizeof(name), "schemas/t%u.json", table);
    bench_file(name, text);
}

static void random_models_follow_each_other(void **state)
{
    (void)state;
    enum { CHAINS = 12, STEPS = 8, TABLES = 3 };
    size_t migrated = 0;
    for (unsigned chain = 0; chain < CHAINS; chain++) {
        dice_state = chain * 7919 + 1;
        bench_open();
        struct so_db *db = bench_database();
        for (unsigned t = 0; t < TABLES; t++)
            random_table(t);
        bench_must_migrate(db, bench_dir, false);
        for (unsigned t = 0; t < TABLES; t++) {
            char sql[256];
            snprintf(sql, sizeof(sql), "INSERT INTO t%u (id, keep) VALUES (1, 'one'), (2, 'two'), (5, 'five')", t);
            bench_sql(db, sql);
        }
        for (unsigned step = 0; step < STEPS; step++) {
            struct so_err err = SO_ERR_INIT;
            for (unsigned t = 0; t < TABLES; t++)
                random_table(t);
            int rc = bench_migrate(db, bench_dir, true, &err);
            if (rc == SO_EINVAL)
                continue; /* rows that do not fit: said, and nothing changed */
            if (rc != SO_OK)
                fail_msg("chain %u, step %u: %s", chain, step, err.message);
            bench_must_migrate(db, bench_dir, false);
            migrated++;
            for (unsigned t = 0; t < TABLES; t++) {
                char sql[128];
                snprintf(sql, sizeof(sql), "SELECT group_concat(id || keep) FROM (SELECT * FROM t%u ORDER BY id)", t);
                assert_string_equal(bench_get(db, sql), "1one,2two,5five");
            }
            assert_string_equal(bench_get(db, "SELECT * FROM pragma_foreign_key_check"), "");
            assert_string_equal(
                bench_get(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_socle\\_new%' ESCAPE '\\'"), "0");
        }
        so_db_close(db);
        bench_close();
    }
    assert_true(migrated > CHAINS * STEPS / 4);
}

/* Plans and applies with the n-th allocation failing in the one or the other. */
static int migrate_failing(struct so_db *db, const struct so_model *model, long in_plan, long in_apply)
{
    struct so_arena arena;
    struct so_plan plan;
    struct so_err err = SO_ERR_INIT;
    struct so_catalog *catalog = NULL;
    struct so_conn *conn = NULL;
    so_arena_init(&arena, 1 << 20);
    assert_int_equal(so_db_reader_take(db, &conn, &err), SO_OK);
    assert_int_equal(so_catalog_read(conn, &catalog, &err), SO_OK);
    so_mem_fail_at(in_plan);
    int rc = so_migrate_plan(model, catalog, conn, &arena, &plan, &err);
    if (in_apply >= 0 || !so_mem_failed())
        so_mem_fail_at(-1);
    so_db_reader_give(db, conn);
    so_catalog_unref(catalog);
    if (rc == SO_OK && in_apply >= 0) {
        struct bench_apply apply = {&plan, false};
        so_mem_fail_at(in_apply);
        rc = so_db_migrate(db, bench_apply_run, &apply, &err);
    }
    so_arena_deinit(&arena);
    return rc;
}

static void a_failed_allocation_changes_nothing(void **state)
{
    (void)state;
    bench_open();
    struct so_db *db = bench_database();
    put_schemas(T(ID TEXT("a"), PK), U);
    bench_must_migrate(db, bench_dir, false);
    bench_sql(db, "INSERT INTO t VALUES (1, '5')");
    put_schemas(T(ID TYPED("b", "\"type\":\"integer\",\"x-renamed-from\":\"a\""), PK ",\"x-indexes\":[\"b\"]"), NULL);
    struct so_model *model = bench_model(bench_dir);
    long failures = 0;
    for (long n = 0; migrate_failing(db, model, n, -1) != SO_OK; n++) {
        assert_true(so_mem_failed());
        failures++;
    }
    assert_true(failures > 10);
    for (long n = 0; migrate_failing(db, model, -1, n) != SO_OK; n++) {
        assert_true(so_mem_failed());
        so_mem_fail_at(-1);
        failures++;
        assert_string_equal(bench_get(db, "SELECT a || (SELECT count(*) FROM u) FROM t"), "50");
    }
    so_mem_fail_at(-1);
    assert_true(failures > 20);
    assert_string_equal(bench_get(db, "SELECT b + 1 FROM t"), "6");
    so_model_unref(model);
    so_db_close(db);
    bench_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bookstore_is_made),
        cmocka_unit_test(changes_keep_what_they_can_and_say_what_they_lose),
        cmocka_unit_test(policies_are_proved_against_the_table),
        cmocka_unit_test(a_plan_that_drops_wants_no_enforced_keys),
        cmocka_unit_test(random_models_follow_each_other),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
