/* pg_root.c: the root document of a PostgreSQL database: OpenAPI 2.0 as clients and generators of PostgREST know it.
 * Spec: PostgREST, Response/OpenAPI.hs.  Without host and schemes, which a proxy knows better (OpenAPI 2.0: those that
 * served the document). */
#include "rest/op.h"
#include "rest/pg.h"
#include "json/write.h"

/* ---- who sees what ---- */

static bool sees(const struct so_rest_op *op, uint64_t known_to)
{
    return op->settings->openapi == SO_OPENAPI_SHOWS_ALL || (known_to & so_plan_role_bit(&op->plan)) != 0;
}

/* Tables guard themselves when they are asked; those whose policies Socle made from the schema files are known before. */
static bool may(const struct so_rest_op *op, const struct so_relation *r, enum so_command command)
{
    const struct so_entity *e = so_snapshot_entity(op->snapshot, r);
    if (op->settings->openapi == SO_OPENAPI_SHOWS_ALL || op->who->role == SO_ROLE_SERVICE || e == NULL || e->table == NULL ||
        !op->snapshot->model->is_applied)
        return true;
    return e->table->policies[command].kind != SO_POLICY_DENY;
}

static bool may_anything(const struct so_rest_op *op, const struct so_relation *r)
{
    for (enum so_command command = 0; command < SO_CMD_COUNT; command++)
        if (may(op, r, command))
            return true;
    return false;
}

static bool is_hidden(const struct so_rest_op *op, const struct so_relation *r, size_t column)
{
    const struct so_entity *e = so_snapshot_entity(op->snapshot, r);
    return e != NULL && so_entity_column_hidden(&e->columns[column], op->who);
}

/* Relations of the schema that the request names, in the order of their names. */
static const struct so_relation *next_relation(const struct so_rest_op *op, size_t *i)
{
    const struct so_catalog *c = op->snapshot->catalog;
    while (*i < c->relation_count) {
        const struct so_relation *r = c->relations[(*i)++];
        if (so_str_eq(r->schema, op->plan.schema->name) && sees(op, r->known_to) && may_anything(op, r))
            return r;
    }
    return NULL;
}

/* A text and one or two names; when memory runs out, the document's buffer says so. */
static struct so_str text_of(struct so_jw *w, const struct so_rest_op *op, const char *before, struct so_str name,
                             const char *between, struct so_str more)
{
    struct so_str text = so_arena_printf(op->arena, "%s%.*s%s%.*s", before, SO_STR_ARG(name), between, SO_STR_ARG(more));
    if (text.p == NULL && w->buf->rc == SO_OK)
        w->buf->rc = SO_ENOMEM;
    return text;
}
static struct so_str named(struct so_jw *w, const struct so_rest_op *op, const char *before, struct so_str name)
{
    return text_of(w, op, before, name, "", SO_STR(""));
}

/* ---- types ---- */

static bool is_array(struct so_str type)
{
    return type.n > 2 && so_str_eq(so_str_slice(type, type.n - 2, type.n), SO_STR("[]"));
}

/* NULL: any JSON. */
static const char *swagger_type(struct so_str type)
{
    static const struct {
        struct so_str type;
        const char *name;
    } TYPES[] = {{SO_STR_INIT("boolean"), "boolean"},
                 {SO_STR_INIT("smallint"), "integer"},
                 {SO_STR_INIT("integer"), "integer"},
                 {SO_STR_INIT("bigint"), "integer"},
                 {SO_STR_INIT("numeric"), "number"},
                 {SO_STR_INIT("real"), "number"},
                 {SO_STR_INIT("double precision"), "number"},
                 {SO_STR_INIT("json"), NULL},
                 {SO_STR_INIT("jsonb"), NULL}};
    for (size_t i = 0; i < COUNT_OF(TYPES); i++)
        if (so_str_eq(type, TYPES[i].type))
            return TYPES[i].name;
    return is_array(type) ? "array" : "string";
}

static void put_type(struct so_jw *w, struct so_str type)
{
    const char *name = swagger_type(type);
    if (name != NULL)
        so_jw_member_cstr(w, "type", name);
    so_jw_member_str(w, "format", type);
    if (!is_array(type))
        return;
    const char *item = swagger_type(so_str_slice(type, 0, type.n - 2));
    so_jw_key(w, SO_STR("items"));
    so_jw_object(w);
    if (item != NULL)
        so_jw_member_cstr(w, "type", item);
    so_jw_end_object(w);
}

/* The first line, and the rest of it. */
static void put_description(struct so_jw *w, struct so_str text)
{
    struct so_str rest = text, line;
    if (text.p == NULL || !so_str_split(&rest, '\n', &line))
        return;
    so_jw_member_str(w, "summary", line);
    while (rest.n > 0 && rest.p[0] == '\n')
        rest = so_str_slice(rest, 1, rest.n);
    if (rest.n > 0)
        so_jw_member_str(w, "description", rest);
}

/* ---- definitions ---- */

static const struct so_foreign_key *key_of(const struct so_relation *r, const struct so_column *column)
{
    for (size_t i = 0; i < r->out_key_count; i++)
        if (r->out_keys[i]->column_count == 1 && r->out_keys[i]->from_columns[0] == column->index)
            return r->out_keys[i];
    return NULL;
}

/* Generators of types read the marks <pk/> and <fk .../>. */
static void put_column_note(struct so_jw *w, const struct so_rest_op *op, const struct so_relation *r,
                            const struct so_column *column)
{
    const struct so_foreign_key *key = key_of(r, column);
    struct so_text t;
    so_text_init(&t, op->arena, 128);
    so_text_str(&t, column->description);
    if (column->pk > 0 || key != NULL)
        so_text_c(&t, column->description.n > 0 ? "\n\nNote:" : "Note:");
    if (column->pk > 0)
        so_text_lit(&t, "\nThis is a Primary Key.<pk/>");
    if (key != NULL) {
        struct so_str table = key->to->name, name = key->to->columns[key->to_columns[0]].name;
        struct so_str note =
            so_arena_printf(op->arena, "\nThis is a Foreign Key to `%.*s.%.*s`.<fk table='%.*s' column='%.*s'/>",
                            SO_STR_ARG(table), SO_STR_ARG(name), SO_STR_ARG(table), SO_STR_ARG(name));
        so_text_str(&t, note);
    }
    struct so_str text = so_text_get(&t);
    if (!t.failed && text.n > 0)
        so_jw_member_str(w, "description", text);
}

/* 'calm'::mood is the string; 0 and true are themselves; what has to be computed is left out. */
static void put_default(struct so_jw *w, const struct so_rest_op *op, const struct so_column *column)
{
    struct so_str text = column->default_sql;
    const char *type = swagger_type(column->base);
    struct so_json value;
    if (text.p == NULL)
        return;
    if (type != NULL && strcmp(type, "string") == 0) {
        size_t cast = so_str_find(text, SO_STR("::"));
        text = so_str_slice(text, 0, so_min_size(cast, text.n));
        if (text.n >= 2 && text.p[0] == '\'' && text.p[text.n - 1] == '\'')
            text = so_str_slice(text, 1, text.n - 1);
        so_jw_member_str(w, "default", text);
    } else if (so_json_parse(op->arena, text, NULL, &value, NULL) == SO_OK) {
        so_jw_key(w, SO_STR("default"));
        so_jw_json(w, &value);
    }
}

static void put_definition(struct so_jw *w, const struct so_rest_op *op, const struct so_relation *r)
{
    so_jw_key(w, r->name);
    so_jw_object(w);
    if (r->description.p != NULL)
        so_jw_member_str(w, "description", r->description);
    so_jw_member_cstr(w, "type", "object");
    so_jw_key(w, SO_STR("required"));
    so_jw_array(w);
    for (size_t i = 0; i < r->column_count; i++)
        if (r->columns[i].not_null && !is_hidden(op, r, i))
            so_jw_str(w, r->columns[i].name);
    so_jw_end_array(w);
    so_jw_key(w, SO_STR("properties"));
    so_jw_object(w);
    for (size_t i = 0; i < r->column_count; i++) {
        if (is_hidden(op, r, i))
            continue;
        so_jw_key(w, r->columns[i].name);
        so_jw_object(w);
        put_default(w, op, &r->columns[i]);
        put_column_note(w, op, r, &r->columns[i]);
        put_type(w, r->columns[i].base);
        so_jw_end_object(w);
    }
    so_jw_end_object(w);
    so_jw_end_object(w);
}

/* ---- parameters ---- */

static const struct {
    const char *key, *name, *description, *in;
} PARAMETERS[] = {{"preferParams", "Prefer", "Preference", "header"},
                  {"preferReturn", "Prefer", "Preference", "header"},
                  {"preferCount", "Prefer", "Preference", "header"},
                  {"preferPost", "Prefer", "Preference", "header"},
                  {"select", "select", "Filtering Columns", "query"},
                  {"on_conflict", "on_conflict", "On Conflict", "query"},
                  {"order", "order", "Ordering", "query"},
                  {"range", "Range", "Limiting and Pagination", "header"},
                  {"rangeUnit", "Range-Unit", "Limiting and Pagination", "header"},
                  {"offset", "offset", "Limiting and Pagination", "query"},
                  {"limit", "limit", "Limiting and Pagination", "query"}};

static void put_parameter(struct so_jw *w, struct so_str key, struct so_str name, struct so_str description, const char *in)
{
    so_jw_key(w, key);
    so_jw_object(w);
    so_jw_member_str(w, "name", name);
    if (description.p != NULL)
        so_jw_member_str(w, "description", description);
    so_jw_member_bool(w, "required", false);
    so_jw_member_cstr(w, "in", in);
    so_jw_member_cstr(w, "type", "string");
    so_jw_end_object(w);
}

static void put_relation_parameters(struct so_jw *w, const struct so_rest_op *op, const struct so_relation *r)
{
    so_jw_key(w, named(w, op, "body.", r->name));
    so_jw_object(w);
    so_jw_member_str(w, "name", r->name);
    so_jw_member_str(w, "description", r->name);
    so_jw_member_bool(w, "required", false);
    so_jw_member_cstr(w, "in", "body");
    so_jw_key(w, SO_STR("schema"));
    so_jw_object(w);
    so_jw_member_str(w, "$ref", named(w, op, "#/definitions/", r->name));
    so_jw_end_object(w);
    so_jw_end_object(w);
    for (size_t i = 0; i < r->column_count; i++)
        if (!is_hidden(op, r, i))
            put_parameter(w, text_of(w, op, "rowFilter.", r->name, ".", r->columns[i].name), r->columns[i].name,
                          r->columns[i].description, "query");
}

static void put_ref(struct so_jw *w, const struct so_rest_op *op, struct so_str name)
{
    so_jw_object(w);
    so_jw_member_str(w, "$ref", named(w, op, "#/parameters/", name));
    so_jw_end_object(w);
}

/* ---- paths ---- */

struct method {
    enum so_command command;
    const char *name, *status, *description;
    bool filters, has_body;
    const char *parameters; /* names separated by blanks */
};
static const struct method READ = {
    SO_CMD_SELECT, "get", "200", "OK", true, false, "select order range rangeUnit offset limit preferCount"};
static const struct method WRITES[] = {{SO_CMD_INSERT, "post", "201", "Created", false, true, "select preferPost"},
                                       {SO_CMD_DELETE, "delete", "204", "No Content", true, false, "preferReturn"},
                                       {SO_CMD_UPDATE, "patch", "204", "No Content", true, true, "preferReturn"}};

static void put_response(struct so_jw *w, const char *status, const char *description)
{
    so_jw_key(w, SO_STR("responses"));
    so_jw_object(w);
    so_jw_key(w, so_str_c(status));
    so_jw_object(w);
    so_jw_member_cstr(w, "description", description);
    so_jw_end_object(w);
    so_jw_end_object(w);
}

static void put_method(struct so_jw *w, const struct so_rest_op *op, const struct so_relation *r, const struct method *m)
{
    struct so_str names = so_str_c(m->parameters), name;
    so_jw_key(w, so_str_c(m->name));
    so_jw_object(w);
    so_jw_key(w, SO_STR("tags"));
    so_jw_array(w);
    so_jw_str(w, r->name);
    so_jw_end_array(w);
    put_description(w, r->description);
    so_jw_key(w, SO_STR("parameters"));
    so_jw_array(w);
    for (size_t i = 0; m->filters && i < r->column_count; i++)
        if (!is_hidden(op, r, i))
            put_ref(w, op, text_of(w, op, "rowFilter.", r->name, ".", r->columns[i].name));
    if (m->has_body)
        put_ref(w, op, named(w, op, "body.", r->name));
    while (so_str_split(&names, ' ', &name))
        put_ref(w, op, name);
    so_jw_end_array(w);
    put_response(w, m->status, m->description);
    so_jw_end_object(w);
}

static void put_path(struct so_jw *w, const struct so_rest_op *op, const struct so_relation *r)
{
    so_jw_key(w, named(w, op, "/", r->name));
    so_jw_object(w);
    if (may(op, r, READ.command))
        put_method(w, op, r, &READ);
    for (size_t i = 0; (r->insertable || r->updatable || r->deletable) && i < COUNT_OF(WRITES); i++)
        if (may(op, r, WRITES[i].command))
            put_method(w, op, r, &WRITES[i]);
    so_jw_end_object(w);
}

static void put_arguments(struct so_jw *w, const struct so_proc *f)
{
    so_jw_object(w);
    so_jw_member_cstr(w, "name", "args");
    so_jw_member_bool(w, "required", true);
    so_jw_member_cstr(w, "in", "body");
    so_jw_key(w, SO_STR("schema"));
    so_jw_object(w);
    so_jw_member_cstr(w, "type", "object");
    so_jw_key(w, SO_STR("required"));
    so_jw_array(w);
    for (size_t i = 0; i < f->param_count; i++)
        if (f->params[i].required)
            so_jw_str(w, f->params[i].name);
    so_jw_end_array(w);
    so_jw_key(w, SO_STR("properties"));
    so_jw_object(w);
    for (size_t i = 0; i < f->param_count; i++) {
        so_jw_key(w, f->params[i].name);
        so_jw_object(w);
        put_type(w, f->params[i].type);
        so_jw_end_object(w);
    }
    so_jw_end_object(w);
    so_jw_end_object(w);
    so_jw_end_object(w);
}

static void put_query(struct so_jw *w, const struct so_proc *f)
{
    for (size_t i = 0; i < f->param_count; i++) {
        const char *type = swagger_type(f->params[i].type);
        bool is_list = type == NULL || is_array(f->params[i].type); /* {1,2} in a URL, or JSON */
        so_jw_object(w);
        so_jw_member_str(w, "name", f->params[i].name);
        so_jw_member_bool(w, "required", f->params[i].required);
        so_jw_member_cstr(w, "in", "query");
        so_jw_member_cstr(w, "type", is_list ? "string" : type);
        so_jw_member_str(w, "format", f->params[i].type);
        so_jw_end_object(w);
    }
}

/* Of overloads the first stands for all: a path is there once. */
static void put_proc(struct so_jw *w, const struct so_rest_op *op, const struct so_proc *f)
{
    so_jw_key(w, named(w, op, "/rpc/", f->name));
    so_jw_object(w);
    for (int post = f->volatility == SO_VOLATILITY_VOLATILE; post < 2; post++) {
        so_jw_key(w, post ? SO_STR("post") : SO_STR("get"));
        so_jw_object(w);
        so_jw_key(w, SO_STR("tags"));
        so_jw_array(w);
        so_jw_str(w, named(w, op, "(rpc) ", f->name));
        so_jw_end_array(w);
        put_description(w, f->description);
        so_jw_key(w, SO_STR("parameters"));
        so_jw_array(w);
        if (post) {
            put_arguments(w, f);
            put_ref(w, op, SO_STR("preferParams"));
        } else {
            put_query(w, f);
        }
        so_jw_end_array(w);
        put_response(w, "200", "OK");
        so_jw_end_object(w);
    }
    so_jw_end_object(w);
}

static void put_paths(struct so_jw *w, const struct so_rest_op *op)
{
    const struct so_relation *r;
    struct so_str name;
    void *first;
    so_jw_key(w, SO_STR("paths"));
    so_jw_object(w);
    so_jw_key(w, SO_STR("/"));
    so_jw_object(w);
    so_jw_key(w, SO_STR("get"));
    so_jw_object(w);
    so_jw_member_cstr(w, "summary", "OpenAPI description (this document)");
    put_response(w, "200", "OK");
    so_jw_end_object(w);
    so_jw_end_object(w);
    for (size_t i = 0; (r = next_relation(op, &i)) != NULL;)
        put_path(w, op, r);
    for (size_t i = 0; so_map_next(&op->plan.schema->procs, &i, &name, &first);) {
        const struct so_proc *f = first;
        while (f != NULL && !sees(op, f->known_to))
            f = f->next;
        if (f != NULL)
            put_proc(w, op, f);
    }
    so_jw_end_object(w);
}

void so_pg_write_root(const struct so_rest_op *op, struct so_buf *body)
{
    const struct so_relation *r;
    struct so_jw w;
    so_jw_init(&w, body);
    so_jw_object(&w);
    so_jw_member_cstr(&w, "swagger", "2.0");
    so_jw_key(&w, SO_STR("info"));
    so_jw_object(&w);
    so_jw_member_cstr(&w, "title", "PostgREST API"); /* what generators look for */
    so_jw_member_cstr(&w, "description", "This is a dynamic API generated by Socle");
    so_jw_member_cstr(&w, "version", SOCLE_VERSION);
    so_jw_end_object(&w);
    so_jw_member_str(&w, "basePath", op->settings->path);
    put_paths(&w, op);
    so_jw_key(&w, SO_STR("definitions"));
    so_jw_object(&w);
    for (size_t i = 0; (r = next_relation(op, &i)) != NULL;)
        put_definition(&w, op, r);
    so_jw_end_object(&w);
    so_jw_key(&w, SO_STR("parameters"));
    so_jw_object(&w);
    for (size_t i = 0; i < COUNT_OF(PARAMETERS); i++)
        put_parameter(&w, so_str_c(PARAMETERS[i].key), so_str_c(PARAMETERS[i].name), so_str_c(PARAMETERS[i].description),
                      PARAMETERS[i].in);
    for (size_t i = 0; (r = next_relation(op, &i)) != NULL;)
        put_relation_parameters(&w, op, r);
    so_jw_end_object(&w);
    so_jw_end_object(&w);
}
