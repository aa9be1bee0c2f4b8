/* pg_catalog_test.c: what so_catalog_read_pg() finds in a PostgreSQL database. */
#include "../testing.h"

#include "pg_fixture.h"

#include "core/mem.h"
#include "db/catalog.h"

static const char SQL[] =
    "CREATE SCHEMA hidden;"
    "CREATE DOMAIN word AS varchar(5);"
    "CREATE TABLE clients (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x');"
    "COMMENT ON TABLE clients IS 'who pays';"
    "CREATE TABLE projects (a int, b int, client_id int REFERENCES clients ON DELETE CASCADE, w word, up text GENERATED "
    "ALWAYS"
    " AS ('u') STORED, n int GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (b, a));"
    "CREATE TABLE passports (client_id int PRIMARY KEY REFERENCES clients);"
    "CREATE TABLE hidden.secrets (id int PRIMARY KEY, client_id int REFERENCES clients);"
    "CREATE VIEW seen AS SELECT b AS second, a AS first, client_id AS client, client_id AS again, 1 AS one FROM projects;"
    "CREATE VIEW over AS SELECT client, first FROM seen;"
    "CREATE VIEW \"odd {name\" AS SELECT id AS \"q}(\\ \"\"x\" FROM hidden.secrets;"
    "CREATE VIEW secrets AS SELECT id, client_id FROM hidden.secrets;"
    "CREATE TABLE parts (id int) PARTITION BY LIST (id); CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);"
    "CREATE FUNCTION f(a int, b text DEFAULT 'x') RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';"
    "CREATE FUNCTION f(a int) RETURNS SETOF clients LANGUAGE sql SET statement_timeout = '5s' AS 'SELECT * FROM clients';"
    "CREATE FUNCTION f(VARIADIC v text[]) RETURNS void LANGUAGE sql AS 'SELECT';"
    "CREATE FUNCTION nameless(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1';"
    "CREATE FUNCTION owner(projects) RETURNS clients LANGUAGE sql AS 'SELECT NULL::clients';";

struct found {
    struct pg_fixture pg;
    struct so_catalog *catalog;
};

static void open_catalog(struct found *f)
{
    const struct so_str schemas[] = {SO_STR("public"), SO_STR("none such")};
    pg_open(&f->pg);
    pg_exec(&f->pg, SQL);
    struct so_conn *conn = pg_reader(&f->pg);
    if (so_catalog_read_pg(conn, schemas, 2, &f->catalog, &f->pg.err) != SO_OK)
        fail_msg("%s", f->pg.err.message);
    so_conn_close(conn);
}

static void close_catalog(struct found *f)
{
    so_catalog_unref(f->catalog);
    pg_close(&f->pg);
}

static const struct so_relation *relation(const struct found *f, const char *name)
{
    const struct so_relation *r = so_catalog_find(f->catalog, so_str_c(name));
    if (r == NULL)
        fail_msg("there is no %s", name);
    return r;
}

static const struct so_column *column(const struct found *f, const char *of, const char *name)
{
    const struct so_column *c = so_relation_column(relation(f, of), so_str_c(name));
    if (c == NULL)
        fail_msg("there is no %s.%s", of, name);
    return c;
}

static void tables_have_their_columns(void **state)
{
    (void)state;
    struct found f;
    open_catalog(&f);
    assert_str(relation(&f, "clients")->description, "who pays");
    assert_true(column(&f, "clients", "name")->not_null);
    assert_str(column(&f, "clients", "name")->default_sql, "'x'::text");
    assert_str(column(&f, "projects", "w")->declared, "public.word");
    assert_str(column(&f, "projects", "w")->base, "character varying");
    assert_true(column(&f, "projects", "up")->generated);
    assert_true(column(&f, "projects", "n")->generated);
    assert_int_equal(column(&f, "projects", "b")->pk, 1);
    assert_int_equal(column(&f, "projects", "a")->pk, 2);
    assert_int_equal(column(&f, "projects", "client_id")->type, SO_TYPE_INTEGER);
    assert_true(relation(&f, "clients")->insertable && !relation(&f, "clients")->is_view);
    assert_null(so_catalog_find(f.catalog, SO_STR("part_1")));
    assert_non_null(so_catalog_find(f.catalog, SO_STR("parts")));
    close_catalog(&f);
}

static const struct so_foreign_key *key(const struct found *f, const char *from, const char *to, const char *column_name)
{
    const struct so_relation *r = relation(f, from);
    for (size_t i = 0; i < r->out_key_count; i++) {
        const struct so_foreign_key *k = r->out_keys[i];
        if (so_str_eq_c(k->to->name, to) && so_str_eq_c(r->columns[k->from_columns[0]].name, column_name))
            return k;
    }
    return NULL;
}

static void keys_lead_both_ways(void **state)
{
    (void)state;
    struct found f;
    open_catalog(&f);
    const struct so_foreign_key *k = key(&f, "projects", "clients", "client_id");
    assert_non_null(k);
    assert_str(k->name, "projects_client_id_fkey");
    assert_str(k->on_delete, "CASCADE");
    assert_false(k->from_unique);
    assert_true(key(&f, "passports", "clients", "client_id")->from_unique);
    close_catalog(&f);
}

static void views_show_the_keys_of_their_tables(void **state)
{
    (void)state;
    struct found f;
    open_catalog(&f);
    const struct so_relation *seen = relation(&f, "seen");
    assert_non_null(seen->primary);
    assert_int_equal(seen->primary->column_count, 2);
    assert_non_null(key(&f, "seen", "clients", "client"));
    assert_non_null(key(&f, "seen", "clients", "again")); /* each column that shows it is a way of its own */
    assert_true(key(&f, "seen", "clients", "client")->traced);
    assert_non_null(key(&f, "over", "clients", "client"));       /* through a view over a view */
    assert_null(relation(&f, "over")->primary);                  /* half a key is none */
    assert_non_null(key(&f, "secrets", "clients", "client_id")); /* of a table that is not served */
    assert_non_null(relation(&f, "odd {name")->primary);         /* names may hold what the tree is written with */
    close_catalog(&f);
}

static void functions_are_found_with_their_overloads(void **state)
{
    (void)state;
    struct found f;
    open_catalog(&f);
    const struct so_schema *schema = so_catalog_schema(f.catalog, SO_STR("public"));
    const struct so_proc *first = so_map_find(&schema->procs, SO_STR("f"));
    assert_non_null(first);
    size_t count = 0;
    for (const struct so_proc *p = first; p != NULL; p = p->next, count++) {
        if (p->param_count == 2) {
            assert_true(p->params[0].required && !p->params[1].required);
            assert_int_equal(p->volatility, SO_VOLATILITY_STABLE);
        } else if (p->returns_set) {
            assert_true(p->returns_composite);
            assert_str(p->return_name, "clients");
            assert_str(p->settings->name, "statement_timeout");
            assert_str(p->settings->value, "5s");
        } else {
            assert_true(p->returns_void && p->params[0].variadic);
        }
    }
    assert_int_equal(count, 3);
    assert_null(so_map_find(&schema->procs, SO_STR("nameless")));
    const struct so_relation *projects = relation(&f, "projects");
    assert_int_equal(projects->computed_count, 1);
    assert_str(projects->computed[0]->to->name, "clients");
    assert_true(projects->computed[0]->to_one);
    assert_null(so_catalog_schema(f.catalog, SO_STR("hidden")));
    close_catalog(&f);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    struct found f;
    const struct so_str schemas[] = {SO_STR("public")};
    open_catalog(&f);
    struct so_conn *conn = pg_reader(&f.pg);
    int rc = SO_ENOMEM;
    for (long n = 0; rc != SO_OK && n < 1000000; n = n * 2 + 1) { /* a sample: each round asks the server everything */
        struct so_catalog *catalog = NULL;
        struct so_err err = SO_ERR_INIT;
        so_mem_fail_at(n);
        rc = so_catalog_read_pg(conn, schemas, 1, &catalog, &err);
        so_mem_fail_at(-1);
        if (rc == SO_OK)
            so_catalog_unref(catalog);
        else
            assert_null(catalog);
    }
    assert_int_equal(rc, SO_OK);
    so_conn_close(conn);
    close_catalog(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_have_their_columns),
        cmocka_unit_test(keys_lead_both_ways),
        cmocka_unit_test(views_show_the_keys_of_their_tables),
        cmocka_unit_test(functions_are_found_with_their_overloads),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
