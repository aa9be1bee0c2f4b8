/* root.c: the document at the root: what the caller may do to which table, in the form that clients of PostgREST know
 * (OpenAPI 2.0).  A table whose policies close every command is not named. */
#include "rest/op.h"
#include "json/write.h"

static const struct {
    const char *method;
    enum so_command command;
} METHODS[] = {{"get", SO_CMD_SELECT}, {"post", SO_CMD_INSERT}, {"patch", SO_CMD_UPDATE}, {"delete", SO_CMD_DELETE}};

static bool shows_all(const struct so_rest_op *op) { return op->settings->openapi == SO_OPENAPI_SHOWS_ALL; }

static bool may(const struct so_rest_op *op, const struct so_entity *e, enum so_command command)
{
    if (command != SO_CMD_SELECT && e->relation->is_view)
        return false;
    return shows_all(op) || so_entity_policy(e, command, op->who)->kind != SO_POLICY_DENY;
}

static bool may_anything(const struct so_rest_op *op, const struct so_entity *e)
{
    for (size_t i = 0; i < COUNT_OF(METHODS); i++)
        if (may(op, e, METHODS[i].command))
            return true;
    return false;
}

static void write_path(const struct so_rest_op *op, const struct so_entity *e, struct so_jw *w)
{
    struct so_str path = so_arena_printf(op->arena, "/%.*s", SO_STR_ARG(e->relation->name));
    so_jw_key(w, path.p == NULL ? SO_STR("/") : path);
    so_jw_object(w);
    for (size_t i = 0; i < COUNT_OF(METHODS); i++) {
        if (!may(op, e, METHODS[i].command))
            continue;
        so_jw_key(w, so_str_c(METHODS[i].method));
        so_jw_object(w);
        so_jw_key(w, SO_STR("tags"));
        so_jw_array(w);
        so_jw_str(w, e->relation->name);
        so_jw_end_array(w);
        so_jw_key(w, SO_STR("responses"));
        so_jw_object(w);
        so_jw_key(w, SO_STR("200"));
        so_jw_object(w);
        so_jw_member_cstr(w, "description", "OK");
        so_jw_end_object(w);
        so_jw_end_object(w);
        so_jw_end_object(w);
    }
    so_jw_end_object(w);
}

static void write_definition(const struct so_rest_op *op, const struct so_entity *e, struct so_jw *w)
{
    static const char *const TYPES[SO_TYPE_COUNT] = {
        [SO_TYPE_INTEGER] = "integer", [SO_TYPE_NUMERIC] = "number", [SO_TYPE_BOOLEAN] = "boolean"};
    so_jw_key(w, e->relation->name);
    so_jw_object(w);
    if (e->table != NULL && e->table->description.n > 0)
        so_jw_member_str(w, "description", e->table->description);
    so_jw_member_cstr(w, "type", "object");
    so_jw_key(w, SO_STR("properties"));
    so_jw_object(w);
    for (size_t i = 0; i < e->relation->column_count; i++) {
        const struct so_entity_column *c = &e->columns[i];
        if (so_entity_column_hidden(c, op->who))
            continue;
        so_jw_key(w, c->column->name);
        so_jw_object(w);
        so_jw_member_cstr(w, "format", so_type_info(c->column->type)->name);
        if (c->column->type != SO_TYPE_JSON)
            so_jw_member_cstr(w, "type", TYPES[c->column->type] == NULL ? "string" : TYPES[c->column->type]);
        so_jw_end_object(w);
    }
    so_jw_end_object(w);
    so_jw_end_object(w);
}

/* "/rpc/f" of the functions that the caller may call. */
static void write_function_path(const struct so_rest_op *op, const struct so_function *f, struct so_jw *w)
{
    struct so_str path = so_arena_printf(op->arena, "/rpc/%.*s", SO_STR_ARG(f->name));
    so_jw_key(w, path.p == NULL ? SO_STR("/rpc") : path);
    so_jw_object(w);
    for (int post = f->is_write; post < 2; post++) {
        so_jw_key(w, post ? SO_STR("post") : SO_STR("get"));
        so_jw_object(w);
        if (f->description.n > 0)
            so_jw_member_str(w, "description", f->description);
        so_jw_key(w, SO_STR("responses"));
        so_jw_object(w);
        so_jw_key(w, f->returns == SO_RETURNS_VOID ? SO_STR("204") : SO_STR("200"));
        so_jw_object(w);
        so_jw_member_cstr(w, "description", "OK");
        so_jw_end_object(w);
        so_jw_end_object(w);
        so_jw_end_object(w);
    }
    so_jw_end_object(w);
}

static void write_functions(const struct so_rest_op *op, struct so_jw *w)
{
    const struct so_model *model = op->snapshot->model;
    for (size_t i = 0; model != NULL && i < model->function_count; i++)
        if (shows_all(op) || so_routine_may(so_snapshot_function(op->snapshot, model->functions[i]->name), op->who))
            write_function_path(op, model->functions[i], w);
}

static void write_each(const struct so_rest_op *op, struct so_jw *w, const char *key,
                       void (*write)(const struct so_rest_op *op, const struct so_entity *e, struct so_jw *w))
{
    const struct so_catalog *catalog = op->snapshot->catalog;
    so_jw_key(w, so_str_c(key));
    so_jw_object(w);
    for (size_t i = 0; i < catalog->relation_count; i++) {
        const struct so_entity *e = so_snapshot_find(op->snapshot, catalog->relations[i]->name);
        if (e != NULL && may_anything(op, e))
            write(op, e, w);
    }
    if (write == write_path)
        write_functions(op, w);
    so_jw_end_object(w);
}

void so_rest_write_root(const struct so_rest_op *op, struct so_buf *body)
{
    struct so_jw w;
    so_jw_init(&w, body);
    so_jw_object(&w);
    so_jw_member_cstr(&w, "swagger", "2.0");
    so_jw_key(&w, SO_STR("info"));
    so_jw_object(&w);
    so_jw_member_cstr(&w, "title", "Socle");
    so_jw_member_cstr(&w, "version", SOCLE_VERSION);
    so_jw_end_object(&w);
    so_jw_member_str(&w, "basePath", op->settings->path);
    write_each(op, &w, "paths", write_path);
    write_each(op, &w, "definitions", write_definition);
    so_jw_end_object(&w);
}
