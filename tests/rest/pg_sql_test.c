/* pg_sql_test.c: one request, the statements of one transaction on PostgreSQL; values are parameters. */
#include "office.h"

#include "rest/pg.h"

static struct office office;

/* source: of the main statement what stands in WITH pgrst_source AS (...); made: what makes the body of it. */
static const struct {
    const char *request, *accept, *prefer, *body, *source, *made;
} CASES[] = {
    {"GET clients?id=eq.1&select=id,name", NULL, NULL, NULL,
     "SELECT \"public\".\"clients\".\"id\", \"public\".\"clients\".\"name\" FROM \"public\".\"clients\" WHERE "
     "\"public\".\"clients\".\"id\" = $1",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"GET clients?select=id,label:name::varchar&order=name.desc.nullslast&limit=2", NULL, NULL, NULL,
     "SELECT \"public\".\"clients\".\"id\", CAST( \"public\".\"clients\".\"name\" AS varchar ) AS \"label\" FROM "
     "\"public\".\"clients\" ORDER BY \"public\".\"clients\".\"name\" DESC NULLS LAST LIMIT $1 OFFSET $2",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"GET projects?select=*&id=eq.1", NULL, NULL, NULL,
     "SELECT \"public\".\"projects\".\"id\", \"public\".\"projects\".\"name\", \"public\".\"projects\".\"client_id\", "
     "public.json(\"public\".\"projects\".\"paint\") AS \"paint\", \"public\".\"projects\".\"facts\" FROM "
     "\"public\".\"projects\" WHERE \"public\".\"projects\".\"id\" = $1",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"GET projects?select=paint::text&paint=eq.a&name=like.a*", NULL, NULL, NULL,
     "SELECT CAST( public.json(\"public\".\"projects\".\"paint\") AS text ) AS \"paint\" FROM \"public\".\"projects\" WHERE "
     "\"public\".\"projects\".\"paint\" = public.color($1::text) AND \"public\".\"projects\".\"name\" like $2",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"GET projects?select=facts->a->>b&facts->>k=not.in.(1,2)", NULL, NULL, NULL,
     "SELECT \"public\".\"projects\".\"facts\"->$1->>$2 AS \"b\" FROM \"public\".\"projects\" WHERE NOT "
     "\"public\".\"projects\".\"facts\"->>$3 = ANY($4)",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"GET projects?select=name,clients(name)", NULL, NULL, NULL,
     "SELECT \"public\".\"projects\".\"name\", row_to_json(\"projects_clients_1\".*)::jsonb AS \"clients\" FROM "
     "\"public\".\"projects\" LEFT JOIN LATERAL ( SELECT \"clients_1\".\"name\" FROM \"public\".\"clients\" AS "
     "\"clients_1\" WHERE \"clients_1\".\"id\" = \"public\".\"projects\".\"client_id\" ) AS \"projects_clients_1\" ON TRUE",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"GET clients?select=name,projects!inner(paint)&projects.id=gt.3", NULL, NULL, NULL,
     "SELECT \"public\".\"clients\".\"name\", COALESCE( \"clients_projects_1\".\"clients_projects_1\", '[]') AS "
     "\"projects\" FROM \"public\".\"clients\" INNER JOIN LATERAL ( SELECT json_agg(\"clients_projects_1\")::jsonb AS "
     "\"clients_projects_1\" FROM (SELECT public.json(\"projects_1\".\"paint\") AS \"paint\" FROM \"public\".\"projects\" "
     "AS \"projects_1\" WHERE \"projects_1\".\"id\" > $1 AND \"projects_1\".\"client_id\" = \"public\".\"clients\".\"id\" ) "
     "AS \"clients_projects_1\" ) AS \"clients_projects_1\" ON \"clients_projects_1\" IS NOT NULL",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"GET clients?select=name,...projects(paint)&projects.order=id", NULL, NULL, NULL,
     "SELECT \"public\".\"clients\".\"name\", \"clients_projects_1\".\"paint\" FROM \"public\".\"clients\" LEFT JOIN "
     "LATERAL ( SELECT json_agg(\"clients_projects_1\")::jsonb AS \"clients_projects_1\", "
     "COALESCE(json_agg(\"clients_projects_1\".\"paint\" ORDER BY "
     "\"clients_projects_1\".\"clients_projects_1_id_1\"),'[]')::jsonb AS \"paint\" FROM (SELECT "
     "public.json(\"projects_1\".\"paint\") AS \"paint\", \"projects_1\".\"id\" AS \"clients_projects_1_id_1\" FROM "
     "\"public\".\"projects\" AS \"projects_1\" WHERE \"projects_1\".\"client_id\" = \"public\".\"clients\".\"id\" ) AS "
     "\"clients_projects_1\" ) AS \"clients_projects_1\" ON TRUE",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"GET projects?select=client_id,id.max()", NULL, NULL, NULL,
     "SELECT \"public\".\"projects\".\"client_id\", MAX(\"public\".\"projects\".\"id\") FROM \"public\".\"projects\" GROUP "
     "BY \"public\".\"projects\".\"client_id\"",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"GET clients?select=name", "text/x-lines", NULL, NULL,
     "SELECT \"public\".\"clients\".\"name\" FROM \"public\".\"clients\"", "\"public\".\"lines\"(_postgrest_t)"},
    {"GET clients", "text/html", NULL, NULL, "SELECT \"public\".\"clients\".* FROM \"public\".\"clients\"",
     "\"public\".\"page\"(_postgrest_t::\"public\".\"clients\")"},
    {"GET clients", "application/geo+json", NULL, NULL, "SELECT \"public\".\"clients\".* FROM \"public\".\"clients\"",
     "json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(gis.st_asgeojson(_postgrest_t)::json), "
     "'[]'))"},
    {"GET clients", "text/csv", NULL, NULL, "SELECT \"public\".\"clients\".* FROM \"public\".\"clients\"",
     "(SELECT coalesce(string_agg(a.k, ','), '') FROM (SELECT json_object_keys(r)::text AS k FROM (SELECT row_to_json(hh) "
     "AS r FROM pgrst_source AS hh LIMIT 1) s) a) || E'\\n' || coalesce(string_agg(substring(_postgrest_t::text, 2, "
     "length(_postgrest_t::text) - 2), E'\\n'), '')"},
    {"GET clients?id=eq.1", "application/vnd.pgrst.object+json;nulls=stripped", NULL, NULL,
     "SELECT \"public\".\"clients\".* FROM \"public\".\"clients\" WHERE \"public\".\"clients\".\"id\" = $1",
     "coalesce(json_strip_nulls(json_agg(_postgrest_t)->0), 'null')"},
    {"GET rpc/add?a=1&b=2", NULL, NULL, NULL,
     "SELECT pgrst_call.pgrst_scalar FROM (SELECT \"public\".\"add\"(\"a\" := $1::integer, \"b\" := $2::integer) "
     "pgrst_scalar) pgrst_call",
     "coalesce(json_agg(_postgrest_t.pgrst_scalar)->0, 'null')"},
    {"POST rpc/add", NULL, NULL, "{\"a\":1}",
     "SELECT pgrst_call.pgrst_scalar FROM (SELECT $1::json AS json_data) pgrst_payload, LATERAL (SELECT \"a\" FROM "
     "json_to_record(pgrst_payload.json_data) AS _(\"a\" integer) LIMIT 1) pgrst_body , LATERAL (SELECT "
     "\"public\".\"add\"(\"a\" := pgrst_body.\"a\") pgrst_scalar) pgrst_call",
     "coalesce(json_agg(_postgrest_t.pgrst_scalar)->0, 'null')"},
    {"GET rpc/busy?select=id,clients(name)", NULL, NULL, NULL,
     "SELECT pgrst_call.\"id\", pgrst_call.\"client_id\" FROM \"public\".\"busy\"() pgrst_call",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"POST clients", NULL, NULL, "{\"id\":1,\"name\":\"a\"}",
     "INSERT INTO \"public\".\"clients\"(\"id\", \"name\") SELECT pgrst_body.\"id\", pgrst_body.\"name\" FROM (SELECT "
     "$1::json AS json_data) pgrst_payload, LATERAL (SELECT \"id\", \"name\" FROM json_to_record(pgrst_payload.json_data) "
     "AS _(\"id\" integer, \"name\" text)) pgrst_body  RETURNING 1",
     "''::text"},
    {"POST projects?select=id", "application/json", "return=representation, missing=default", "[{\"id\":1,\"paint\":\"a\"}]",
     "INSERT INTO \"public\".\"projects\"(\"id\", \"paint\") SELECT pgrst_body.\"id\", pgrst_body.\"paint\" FROM (SELECT "
     "$1::jsonb AS json_data) pgrst_payload, LATERAL (SELECT jsonb_agg(jsonb_build_object('id', nextval('s')) || elem) AS "
     "val FROM jsonb_array_elements(pgrst_payload.json_data) elem) pgrst_json_defs, LATERAL (SELECT \"id\", "
     "public.color(\"paint\") AS \"paint\" FROM jsonb_to_recordset(pgrst_json_defs.val) AS _(\"id\" integer, \"paint\" "
     "json)) pgrst_body  RETURNING \"public\".\"projects\".\"id\"",
     "coalesce(json_agg(_postgrest_t), '[]')"},
    {"POST clients", NULL, "resolution=merge-duplicates", "[{\"id\":1,\"name\":\"a\"}]",
     "INSERT INTO \"public\".\"clients\"(\"id\", \"name\") SELECT pgrst_body.\"id\", pgrst_body.\"name\" FROM (SELECT "
     "$1::json AS json_data) pgrst_payload, LATERAL (SELECT \"id\", \"name\" FROM "
     "json_to_recordset(pgrst_payload.json_data) AS _(\"id\" integer, \"name\" text)) pgrst_body WHERE "
     "set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) + 1)::text, true) "
     "<> '0' ON CONFLICT(\"id\") DO UPDATE SET \"id\" = EXCLUDED.\"id\", \"name\" = EXCLUDED.\"name\" WHERE "
     "set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) - 1)::text, true) "
     "<> '-1' RETURNING 1",
     "''::text"},
    {"PATCH projects?id=eq.1", NULL, NULL, "{\"paint\":\"a\"}",
     "UPDATE \"public\".\"projects\" SET \"paint\" = pgrst_body.\"paint\" FROM (SELECT $1::json AS json_data) "
     "pgrst_payload, LATERAL (SELECT public.color(\"paint\") AS \"paint\" FROM json_to_record(pgrst_payload.json_data) AS "
     "_(\"paint\" json)) pgrst_body  WHERE \"projects\".\"id\" = $2 RETURNING 1",
     "''::text"},
    {"DELETE clients?id=eq.1", NULL, "return=representation", NULL,
     "DELETE FROM \"public\".\"clients\" WHERE \"clients\".\"id\" = $1 RETURNING \"public\".\"clients\".*",
     "coalesce(json_agg(_postgrest_t), '[]')"},
};

static const struct so_pg_query *main_of(const struct so_rest_op *op) { return &op->pg->queries[op->pg->main]; }

static bool check(const char *request, const char *what, struct so_str got, const char *want)
{
    if (so_str_eq_c(got, want))
        return true;
    print_error("%s: %s\n  got:  %.*s\n  want: %s\n", request, what, SO_STR_ARG(got), want);
    return false;
}

/* From behind `before` to `after`. */
static struct so_str part(struct so_str text, const char *before, const char *after)
{
    size_t from = so_str_find(text, so_str_c(before)), n;
    if (from == SO_STR_NONE)
        return SO_STR("");
    text = so_str_slice(text, from + strlen(before), text.n);
    n = so_str_find(text, so_str_c(after));
    return so_str_slice(text, 0, n == SO_STR_NONE ? text.n : n);
}

static void a_request_is_one_statement(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_arena arena;
        struct so_err err = SO_ERR_INIT;
        struct so_rest_op *op = NULL;
        so_arena_init(&arena, 1 << 20);
        must(office_ask(&office, CASES[i].request, CASES[i].accept, CASES[i].prefer, CASES[i].body, &arena, &op, &err),
             &err);
        struct so_str sql = main_of(op)->sql;
        wrong += !check(CASES[i].request, "rows",
                        part(sql, "WITH pgrst_source AS (", ") SELECT NULL::bigint AS total_result_set"), CASES[i].source);
        wrong += !check(CASES[i].request, "body", part(sql, " AS header, ", " AS body"), CASES[i].made);
        so_arena_deinit(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void values_are_parameters(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_err err = SO_ERR_INIT;
    struct so_rest_op *op = NULL;
    so_arena_init(&arena, 1 << 20);
    must(office_ask(&office, "GET clients?name=eq.%27;drop--&id=in.(1,2)&limit=3", NULL, NULL, NULL, &arena, &op, &err),
         &err);
    const struct so_pg_query *q = main_of(op);
    assert_int_equal(q->value_count, 4);
    assert_str(q->values[0], "';drop--");
    assert_str(q->values[1], "{\"1\",\"2\"}");
    assert_str(q->values[2], "3");
    assert_str(q->values[3], "0");
    assert_true(so_str_find(q->sql, SO_STR("drop")) == SO_STR_NONE);
    so_arena_deinit(&arena);
}

/* The session comes first; a read is read-only and needs no BEGIN; what may be refused waits for its answer. */
static void transactions_are_as_the_request_needs(void **state)
{
    (void)state;
    static const struct {
        const char *request, *accept, *prefer, *body;
        bool reads, is_checked;
    } REQUESTS[] = {
        {"GET clients", NULL, NULL, NULL, true, false},
        {"GET clients", "application/vnd.pgrst.object+json", NULL, NULL, true, false},
        {"GET rpc/add?a=1", NULL, NULL, NULL, true, false},
        {"POST rpc/add", NULL, NULL, "{\"a\":1}", true, false},
        {"POST clients", NULL, NULL, "{\"id\":1}", false, false},
        {"POST clients", "application/vnd.pgrst.object+json", NULL, "{\"id\":1}", false, true},
        {"DELETE clients?id=eq.1", NULL, "max-affected=1, handling=strict", NULL, false, true},
        {"PUT clients?id=eq.1", NULL, NULL, "{\"id\":1}", false, true},
    };
    for (size_t i = 0; i < COUNT_OF(REQUESTS); i++) {
        struct so_arena arena;
        struct so_err err = SO_ERR_INIT;
        struct so_rest_op *op = NULL;
        so_arena_init(&arena, 1 << 20);
        must(office_ask(&office, REQUESTS[i].request, REQUESTS[i].accept, REQUESTS[i].prefer, REQUESTS[i].body, &arena, &op,
                        &err),
             &err);
        const struct so_rest_transaction *tx = so_rest_transaction(op);
        assert_non_null(tx);
        assert_int_equal(tx->reads, REQUESTS[i].reads);
        assert_int_equal(tx->is_checked, REQUESTS[i].is_checked);
        assert_true(
            so_str_starts(tx->queries[0].sql, SO_STR("SELECT set_config('search_path', $1, true), set_config('role', $2")));
        assert_str(tx->queries[0].values[0], "\"public\"");
        assert_str(tx->queries[0].values[1], "anon");
        bool read_only = so_str_find(tx->queries[0].sql, SO_STR("transaction_read_only")) != SO_STR_NONE;
        assert_int_equal(read_only, REQUESTS[i].reads);
        so_arena_deinit(&arena);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *request, *accept, *body, *id;
    } REQUESTS[] = {
        {"GET clients", "image/png", NULL, "PGRST107"},
        {"GET clients?select=name", "text/html", NULL, "PGRST107"},
        {"GET projects", "text/html", NULL, "PGRST107"},
        {"GET nothing", NULL, NULL, "PGRST205"},
        {"GET rpc/nothing", NULL, NULL, "PGRST202"},
        {"GET rpc/add?b=1", NULL, NULL, "PGRST202"},
        {"POST clients", NULL, "{\"nothing\":1}", "PGRST204"},
        {"PUT clients?name=eq.a", NULL, "{\"id\":1}", "PGRST105"},
        {"GET clients?select=...projects(id.count())", NULL, NULL, "PGRST127"},
        {"GET clients?select=busy(id)", NULL, NULL, "PGRST200"},
    };
    for (size_t i = 0; i < COUNT_OF(REQUESTS); i++) {
        struct so_arena arena;
        struct so_err err = SO_ERR_INIT;
        struct so_rest_op *op = NULL;
        so_arena_init(&arena, 1 << 20);
        int rc = office_ask(&office, REQUESTS[i].request, REQUESTS[i].accept, NULL, REQUESTS[i].body, &arena, &op, &err);
        assert_int_not_equal(rc, SO_OK);
        assert_string_equal(err.id, REQUESTS[i].id);
        so_arena_deinit(&arena);
    }
}

static void memory_may_run_out(void **state)
{
    (void)state;
    static const struct {
        const char *request, *accept, *prefer, *body;
    } REQUESTS[] = {
        {"GET projects?select=*,clients!inner(name)&paint=in.(a,b)&facts->>k=eq.1&order=clients(name)&limit=3", NULL,
         "count=estimated", NULL},
        {"GET clients?select=name,...projects(paint)&projects.order=id", NULL, NULL, NULL},
        {"GET clients", "text/html", NULL, NULL},
        {"GET clients", "application/geo+json", NULL, NULL},
        {"POST projects?columns=id,paint", NULL, "missing=default, return=representation, resolution=merge-duplicates",
         "[{\"id\":1,\"paint\":\"a\"}]"},
        {"POST rpc/add", NULL, NULL, "{\"a\":1}"},
        {"GET rpc/busy?select=id,clients(name)", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(REQUESTS); i++) {
        bool failed = true;
        for (long n = 0; failed; n++) {
            struct so_arena arena;
            struct so_err err = SO_ERR_INIT;
            struct so_rest_op *op = NULL;
            so_arena_init(&arena, 1 << 20);
            so_mem_fail_at(n);
            int rc = office_ask(&office, REQUESTS[i].request, REQUESTS[i].accept, REQUESTS[i].prefer, REQUESTS[i].body,
                                &arena, &op, &err);
            failed = so_mem_failed();
            so_mem_fail_at(-1);
            if (failed)
                assert_int_equal(rc, SO_ENOMEM);
            so_arena_deinit(&arena);
        }
    }
}

/* Buffers fail by themselves: the document is whole or the buffer says that it is not. */
static void the_root_document_may_run_out_of_memory(void **state)
{
    (void)state;
    bool failed = true;
    office.settings.openapi = SO_OPENAPI_SHOWS_ALL;
    for (long n = 0; failed; n++) {
        struct so_arena arena;
        struct so_err err = SO_ERR_INIT;
        struct so_rest_op *op = NULL;
        struct so_rest_out out;
        struct so_buf body;
        struct so_json document;
        so_arena_init(&arena, 1 << 20);
        so_buf_init(&body, 1 << 20);
        so_mem_fail_at(n);
        int rc = office_ask(&office, "GET ", NULL, NULL, NULL, &arena, &op, &err);
        if (rc == SO_OK)
            rc = so_rest_run(op, NULL, &out, &body, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
        if (!failed)
            must(so_json_parse(&arena, so_buf_str(&body), NULL, &document, &err), &err);
        so_buf_deinit(&body);
        so_arena_deinit(&arena);
    }
}

static int open_office(void **state)
{
    (void)state;
    office_open(&office);
    return 0;
}

static int close_office(void **state)
{
    (void)state;
    office_close(&office);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_one_statement),
        cmocka_unit_test(values_are_parameters),
        cmocka_unit_test(transactions_are_as_the_request_needs),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(the_root_document_may_run_out_of_memory),
    };
    return cmocka_run_group_tests(tests, open_office, close_office);
}
