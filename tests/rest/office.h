/* office.h: PostgreSQL's catalog of a small office, made by hand, so that requests become SQL without a server.
 *
 *   clients <- projects(client_id)      projects.paint is a domain with casts      add(a, b = 10), busy() -> projects
 *   aggregates: lines(anyelement) as "text/x-lines", page(clients) as "text/html" */
#ifndef SO_TESTS_REST_OFFICE_H
#define SO_TESTS_REST_OFFICE_H

#include "../testing.h"

#include "core/mem.h"
#include "rest/op.h"

struct office {
    struct so_catalog *catalog;
    struct so_snapshot *snapshot;
    struct so_rest_settings settings;
};

static struct so_column CLIENTS_COLUMNS[] = {
    {.name = SO_STR_INIT("id"),
     .declared = SO_STR_INIT("integer"),
     .base = SO_STR_INIT("integer"),
     .pk = 1,
     .not_null = true},
    {.name = SO_STR_INIT("name"), .declared = SO_STR_INIT("text"), .base = SO_STR_INIT("text"), .index = 1}};
static struct so_column PROJECTS_COLUMNS[] = {
    {.name = SO_STR_INIT("id"),
     .declared = SO_STR_INIT("integer"),
     .base = SO_STR_INIT("integer"),
     .pk = 1,
     .not_null = true,
     .has_default = true,
     .default_sql = SO_STR_INIT("nextval('s')")},
    {.name = SO_STR_INIT("name"), .declared = SO_STR_INIT("text"), .base = SO_STR_INIT("text"), .index = 1},
    {.name = SO_STR_INIT("client_id"), .declared = SO_STR_INIT("integer"), .base = SO_STR_INIT("integer"), .index = 2},
    {.name = SO_STR_INIT("paint"),
     .declared = SO_STR_INIT("public.color"),
     .base = SO_STR_INIT("integer"),
     .index = 3,
     .to_json = SO_STR_INIT("public.json"),
     .from_json = SO_STR_INIT("public.color"),
     .from_text = SO_STR_INIT("public.color")},
    {.name = SO_STR_INIT("facts"), .declared = SO_STR_INIT("jsonb"), .base = SO_STR_INIT("jsonb"), .index = 4}};
static const uint16_t FIRST[] = {0}, THIRD[] = {2};
static const struct so_index CLIENTS_KEY = {SO_STR_INIT("clients_pkey"), FIRST, 1, true, true},
                             PROJECTS_KEY = {SO_STR_INIT("projects_pkey"), FIRST, 1, true, true};
static struct so_relation CLIENTS, PROJECTS;
static const struct so_foreign_key OF_CLIENT = {.name = SO_STR_INIT("projects_client_id_fkey"),
                                                .from = &PROJECTS,
                                                .to = &CLIENTS,
                                                .from_columns = THIRD,
                                                .to_columns = FIRST,
                                                .column_count = 1};
static const struct so_foreign_key *const KEYS[] = {&OF_CLIENT};
static const struct so_relation *const RELATIONS[] = {&CLIENTS, &PROJECTS};
static const struct so_proc_param ADD_PARAMS[] = {
    {SO_STR_INIT("a"), SO_STR_INIT("integer"), SO_STR_INIT("integer"), true, false},
    {SO_STR_INIT("b"), SO_STR_INIT("integer"), SO_STR_INIT("integer"), false, false}};
static struct so_proc ADD = {.schema = SO_STR_INIT("public"),
                             .name = SO_STR_INIT("add"),
                             .params = ADD_PARAMS,
                             .param_count = 2,
                             .return_schema = SO_STR_INIT("pg_catalog"),
                             .return_name = SO_STR_INIT("int4"),
                             .volatility = SO_VOLATILITY_IMMUTABLE};
static struct so_proc BUSY = {.schema = SO_STR_INIT("public"),
                              .name = SO_STR_INIT("busy"),
                              .returns_set = true,
                              .returns_composite = true,
                              .return_schema = SO_STR_INIT("public"),
                              .return_name = SO_STR_INIT("projects"),
                              .volatility = SO_VOLATILITY_STABLE};
static const struct so_handler LINES = {SO_STR_INIT("public"), SO_STR_INIT("lines"), SO_STR_INIT("text/x-lines"), NULL,
                                        NULL},
                               PAGE = {SO_STR_INIT("public"), SO_STR_INIT("page"), SO_STR_INIT("text/html"), &CLIENTS,
                                       &LINES};

static inline void must(int rc, const struct so_err *err)
{
    if (rc != SO_OK)
        fail_msg("%s", err->message);
}

static inline void office_relation(struct so_arena *arena, struct so_relation *r, size_t index, struct so_str name,
                                   const struct so_column *columns, size_t count, const struct so_index *key)
{
    *r = (struct so_relation){.index = index,
                              .schema = SO_STR("public"),
                              .name = name,
                              .insertable = true,
                              .updatable = true,
                              .deletable = true,
                              .columns = columns,
                              .column_count = count,
                              .indexes = key,
                              .index_count = 1,
                              .primary = key};
    so_map_init(&r->by_name, arena);
    for (size_t i = 0; i < count; i++)
        assert_true(so_map_put(&r->by_name, columns[i].name, (void *)(uintptr_t)&columns[i]));
}

static inline void office_open(struct office *o)
{
    struct so_err err = SO_ERR_INIT;
    struct so_catalog *c = so_calloc(1, sizeof(*c));
    assert_non_null(c);
    so_arena_init(&c->arena, 1 << 20);
    *o = (struct office){.catalog = c, .settings = {.path = SO_STR("/"), .body_max = 1 << 20, .aggregates = true}};
    o->settings.pg.anon_role = SO_STR("anon");
    office_relation(&c->arena, &CLIENTS, 0, SO_STR("clients"), CLIENTS_COLUMNS, COUNT_OF(CLIENTS_COLUMNS), &CLIENTS_KEY);
    office_relation(&c->arena, &PROJECTS, 1, SO_STR("projects"), PROJECTS_COLUMNS, COUNT_OF(PROJECTS_COLUMNS),
                    &PROJECTS_KEY);
    CLIENTS.in_keys = PROJECTS.out_keys = KEYS;
    CLIENTS.in_key_count = PROJECTS.out_key_count = 1;
    struct so_schema *schema = so_alloc_zero(&c->arena, sizeof(*schema));
    assert_non_null(schema);
    schema->name = SO_STR("public");
    so_map_init(&schema->relations, &c->arena);
    so_map_init(&schema->procs, &c->arena);
    so_map_init(&c->by_name, &c->arena);
    so_map_init(&c->timezones, &c->arena);
    assert_true(so_map_put(&schema->relations, CLIENTS.name, &CLIENTS) &&
                so_map_put(&schema->relations, PROJECTS.name, &PROJECTS));
    assert_true(so_map_put(&c->by_name, CLIENTS.name, &CLIENTS) && so_map_put(&c->by_name, PROJECTS.name, &PROJECTS));
    assert_true(so_map_put(&schema->procs, ADD.name, &ADD) && so_map_put(&schema->procs, BUSY.name, &BUSY));
    c->engine = SO_ENGINE_POSTGRES;
    c->refs = 1;
    c->schemas = schema;
    c->schema_count = 1;
    c->relations = RELATIONS;
    c->relation_count = COUNT_OF(RELATIONS);
    c->handlers = &PAGE;
    c->geojson = SO_STR("gis.st_asgeojson");
    must(so_snapshot_new(c, NULL, &o->snapshot, &err), &err);
}

static inline void office_close(struct office *o) { so_snapshot_unref(o->snapshot); }

/* request: "GET clients?select=id"; accept, prefer and body may be NULL. */
static inline int office_ask(struct office *o, const char *request, const char *accept, const char *prefer, const char *body,
                             struct so_arena *arena, struct so_rest_op **out, struct so_err *err)
{
    static struct so_rest_header headers[2];
    static const struct so_identity ANYBODY = {.role = SO_ROLE_ANON};
    struct so_rest_in in = {.who = &ANYBODY, .body = so_str_c(body), .headers = headers};
    struct so_str target = so_str_c(request);
    if (accept != NULL)
        headers[in.header_count++] = (struct so_rest_header){SO_STR("Accept"), so_str_c(accept)};
    if (prefer != NULL)
        headers[in.header_count++] = (struct so_rest_header){SO_STR("Prefer"), so_str_c(prefer)};
    so_str_split(&target, ' ', &in.method);
    so_str_split(&target, '?', &in.path);
    in.query = target;
    return so_rest_prepare(&in, o->snapshot, &o->settings, arena, out, err);
}

#endif
