/* catalog_test.c: the catalog knows tables, views, keys and foreign keys as they are. */
#include "fixture.h"

#include "core/mem.h"
#include "db/catalog.h"

static const char SCHEMA[] =
    "CREATE TABLE authors(id UUID TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, born DATE TEXT);"
    "CREATE TABLE books(isbn TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT 'x', pages INTEGER,"
    "  author_id UUID TEXT REFERENCES authors(id) ON DELETE CASCADE, lang TEXT, n INTEGER AS (pages + 1), UNIQUE(lang, "
    "title));"
    "CREATE INDEX books_by_author ON books(author_id);"
    "CREATE UNIQUE INDEX books_long ON books(title) WHERE pages > 100;"
    "CREATE INDEX books_lower ON books(lower(title));"
    "CREATE TABLE covers(isbn TEXT PRIMARY KEY REFERENCES BOOKS, picture BLOB);"
    "CREATE TABLE pairs(a INTEGER, b INTEGER, PRIMARY KEY(b, a)) WITHOUT ROWID;"
    "CREATE TABLE links(id INTEGER PRIMARY KEY, x INTEGER, y INTEGER, other TEXT REFERENCES nowhere(id),"
    "  FOREIGN KEY(y, x) REFERENCES pairs(b, a));"
    "CREATE VIEW titles AS SELECT title, pages, count(*) AS n FROM books;"
    "CREATE VIEW broken AS SELECT * FROM gone;"
    "CREATE TABLE auth_users(id TEXT);"
    "CREATE TABLE _socle_state(id TEXT);"
    "CREATE VIRTUAL TABLE words USING fts5(body);";

static struct so_catalog *read_catalog(struct fixture *f)
{
    struct so_conn *conn;
    struct so_catalog *catalog = NULL;
    if (so_db_reader_take(f->db, &conn, &f->err) != SO_OK || so_catalog_read(conn, &catalog, &f->err) != SO_OK)
        fail_msg("%s", f->err.message);
    so_db_reader_give(f->db, conn);
    return catalog;
}

static const struct so_relation *find(const struct so_catalog *c, const char *name)
{
    const struct so_relation *r = so_catalog_find(c, so_str_c(name));
    assert_non_null(r);
    return r;
}

static void columns_have_types_and_places(void **state)
{
    static const struct {
        const char *table, *column;
        enum so_type type;
        unsigned pk;
        bool not_null, generated, has_default;
    } CASES[] = {
        {"authors", "id", SO_TYPE_UUID, 1, true, false, false},
        {"authors", "born", SO_TYPE_DATE, 0, false, false, false},
        {"books", "title", SO_TYPE_TEXT, 0, true, false, true},
        {"books", "n", SO_TYPE_INTEGER, 0, false, true, false},
        {"covers", "picture", SO_TYPE_BLOB, 0, false, false, false},
        {"pairs", "a", SO_TYPE_INTEGER, 2, true, false, false},
        {"links", "id", SO_TYPE_INTEGER, 1, false, false, true}, /* a row's number */
        {"titles", "pages", SO_TYPE_INTEGER, 0, false, false, false},
        {"titles", "n", SO_TYPE_TEXT, 0, false, false, false},
    };
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, SCHEMA);
    struct so_catalog *c = read_catalog(&f);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const struct so_column *column = so_relation_column(find(c, CASES[i].table), so_str_c(CASES[i].column));
        assert_non_null(column);
        if (column->type != CASES[i].type || column->pk != CASES[i].pk || column->not_null != CASES[i].not_null ||
            column->generated != CASES[i].generated || column->has_default != CASES[i].has_default)
            fail_msg("%s.%s", CASES[i].table, CASES[i].column);
    }
    assert_str(so_relation_column(find(c, "books"), SO_STR("title"))->default_sql, "'x'");
    so_catalog_unref(c);
    fixture_close(&f);
}

static void relations_are_sorted_and_broken_views_left_out(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, SCHEMA);
    struct so_catalog *c = read_catalog(&f);
    for (size_t i = 1; i < c->relation_count; i++)
        assert_true(so_str_cmp(c->relations[i - 1]->name, c->relations[i]->name) < 0);
    assert_null(so_catalog_find(c, SO_STR("broken")));
    assert_null(so_catalog_find(c, SO_STR("words_data")));
    assert_true(find(c, "words")->is_view);
    assert_true(find(c, "titles")->is_view);
    assert_false(find(c, "books")->is_view);
    assert_true(find(c, "auth_users")->internal);
    assert_true(find(c, "_socle_state")->internal);
    assert_false(find(c, "authors")->internal);
    so_catalog_unref(so_catalog_ref(c));
    so_catalog_unref(c);
    fixture_close(&f);
}

static void keys_lead_both_ways(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, SCHEMA);
    struct so_catalog *c = read_catalog(&f);
    const struct so_relation *books = find(c, "books"), *authors = find(c, "authors"), *links = find(c, "links");
    assert_int_equal(books->out_key_count, 1);
    assert_str(books->out_keys[0]->name, "books_author_id_fkey");
    assert_str(books->out_keys[0]->on_delete, "CASCADE");
    assert_ptr_equal(books->out_keys[0]->to, authors);
    assert_false(books->out_keys[0]->from_unique);
    assert_int_equal(authors->in_key_count, 1);
    assert_ptr_equal(authors->in_keys[0], books->out_keys[0]);
    assert_int_equal(books->in_key_count, 1);
    assert_true(books->in_keys[0]->from_unique); /* covers: one to one; "REFERENCES BOOKS" names no column */
    assert_int_equal(books->in_keys[0]->to_columns[0], 0);
    assert_int_equal(links->out_key_count, 1); /* the one that leads nowhere is left out */
    assert_str(links->out_keys[0]->name, "links_y_x_fkey");
    assert_int_equal(links->out_keys[0]->from_columns[0], 2);
    assert_int_equal(links->out_keys[0]->to_columns[0], 1);
    so_catalog_unref(c);
    fixture_close(&f);
}

static void indexes_are_listed_with_the_primary_key_first(void **state)
{
    static const struct {
        const char *name;
        bool unique;
    } WANT[] = {{"books_pkey", true}, {"books_by_author", false}, {"books_long", false}, {"books_lang_title_key", true}};
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, SCHEMA);
    struct so_catalog *c = read_catalog(&f);
    const struct so_relation *books = find(c, "books"), *pairs = find(c, "pairs");
    assert_int_equal(books->index_count, COUNT_OF(WANT)); /* the one on an expression is none for us */
    for (size_t i = 0; i < COUNT_OF(WANT); i++) {
        assert_str(books->indexes[i].name, WANT[i].name);
        assert_int_equal(books->indexes[i].unique, WANT[i].unique);
    }
    assert_ptr_equal(books->primary, &books->indexes[0]);
    assert_int_equal(pairs->primary->column_count, 2);
    assert_int_equal(pairs->primary->columns[0], 1);
    assert_null(find(c, "titles")->primary);
    so_catalog_unref(c);
    fixture_close(&f);
}

static void no_allocation_failure_harms(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_exec(&f, SCHEMA);
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_err err = SO_ERR_INIT;
        struct so_conn *conn = NULL;
        struct so_catalog *c = NULL;
        so_mem_fail_at(n);
        int rc = so_db_reader_open(f.db, &conn, &err);
        if (rc == SO_OK)
            rc = so_catalog_read(conn, &c, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (rc != SO_OK && rc != SO_ENOMEM)
            fail_msg("allocation %ld: %d %s", n, rc, err.message);
        if (rc == SO_OK && (c == NULL || c->relation_count != 9)) /* SQLite does without some of them */
            fail_msg("allocation %ld: incomplete", n);
        so_catalog_unref(c);
        so_conn_close(conn);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_have_types_and_places), cmocka_unit_test(relations_are_sorted_and_broken_views_left_out),
        cmocka_unit_test(keys_lead_both_ways),           cmocka_unit_test(indexes_are_listed_with_the_primary_key_first),
        cmocka_unit_test(no_allocation_failure_harms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
