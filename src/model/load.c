/* load.c: a folder of schema files as a model.
 *
 *   each file: parse -> keywords of the table -> columns (fields.c) -> keys and policies -> compile the schema
 *   then:      references between tables (link.c)
 *
 * Strict on purpose: what a person wrote into a schema file and Socle does not understand stops the start, with file, JSON
 * Pointer and reason; a policy that is silently not there would be an open door. */
#include "model/load.h"

#include <stdio.h>

#include "core/fs.h"
#include "core/mem.h"
#include "model/fields.h"
#include "model/place.h"
#include "model/policy.h"
#include "model/search.h"

enum { TABLE_NAME_MAX = 63, MODEL_MEMORY_MAX = 512 << 20 };

struct loader {
    struct so_model *model;
    struct so_arena *arena;
    struct so_table **tables; /* SO_MODEL_TABLES_MAX of them at most */
    size_t count, cap;
    struct so_err *err;
};

/* ---- names ---- */

static const char *wrong_table_name(struct so_str name)
{
    static const char *const RESERVED[] = {"auth_", "_socle_", "sqlite_"};
    if (name.n == 0 || name.n > TABLE_NAME_MAX)
        return "a table's name has 1 to 63 characters";
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return "a table's name is made of letters, digits and '_', and begins with no digit";
    }
    for (size_t i = 0; i < COUNT_OF(RESERVED); i++) {
        struct so_str head = so_str_slice(name, 0, strlen(RESERVED[i]));
        if (so_str_eq_nocase(head, so_str_c(RESERVED[i])))
            return "names that begin with auth_, _socle_ or sqlite_ are reserved";
    }
    return NULL;
}

static int check_table_name(struct loader *l, const struct so_table *table, const struct so_place *at)
{
    const char *reason = wrong_table_name(table->name);
    if (reason != NULL)
        return so_place_fail(at, l->err, SO_EINVAL, "%s", reason);
    for (size_t i = 0; i < l->count; i++) {
        if (so_str_eq_nocase(l->tables[i]->name, table->name))
            return so_place_fail(at, l->err, SO_EINVAL, "differs from %.*s in case only", SO_STR_ARG(l->tables[i]->file));
    }
    return SO_OK;
}

/* ---- columns ---- */

/* SQLite's names do not mind case.  p is NULL when memory ran out. */
static struct so_str folded_name(struct so_arena *arena, struct so_str name)
{
    char *copy = so_alloc_text(arena, name.n);
    for (size_t i = 0; copy != NULL && i < name.n; i++)
        copy[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] - 'A' + 'a' : name.p[i]);
    return (struct so_str){copy, name.n};
}

static int add_field(struct loader *l, struct so_table *table, struct so_map *folded, struct so_field_rule *field)
{
    struct so_str name = folded_name(l->arena, field->name);
    if (name.p == NULL)
        return so_err_oom(l->err);
    if (so_map_has(folded, name)) {
        struct so_place at = {.file = table->file, .property = field->name};
        return so_place_fail(&at, l->err, SO_EINVAL, "another column has this name but for case");
    }
    if (!so_map_put(folded, name, field) || !so_map_put(&table->by_name, field->name, field))
        return so_err_oom(l->err);
    return SO_OK;
}

static int read_fields(struct loader *l, struct so_table *table, struct so_place *at)
{
    at->keyword = "properties";
    const struct so_json *properties = so_json_get(table->source, SO_STR("properties"));
    if (properties == NULL || properties->type != SO_JSON_OBJECT || properties->len == 0)
        return so_place_fail(at, l->err, SO_EINVAL, "a table needs \"properties\": an object with a member for each column");
    if (properties->len > SO_MODEL_COLUMNS_MAX)
        return so_place_fail(at, l->err, SO_ELIMIT, "more than %d columns", SO_MODEL_COLUMNS_MAX);
    struct so_field_rule *fields = so_alloc_array(l->arena, properties->len, sizeof(*fields));
    struct so_map folded;
    so_map_init(&folded, l->arena);
    int rc = fields == NULL ? so_err_oom(l->err) : SO_OK;
    for (uint32_t i = 0; rc == SO_OK && i < properties->len; i++) {
        rc = so_field_read(table->source, table->file, &properties->u.members[i], l->arena, &fields[i], l->err);
        if (rc == SO_OK)
            rc = add_field(l, table, &folded, &fields[i]);
    }
    table->fields = fields;
    table->field_count = properties->len;
    return rc;
}

static struct so_field_rule *find_field(const struct so_table *table, struct so_str name)
{
    return so_map_find(&table->by_name, name);
}

static int read_required(struct loader *l, struct so_table *table, struct so_place *at)
{
    at->keyword = "required";
    const struct so_json *required = so_json_get(table->source, SO_STR("required"));
    if (required == NULL || (required->type == SO_JSON_ARRAY && required->len == 0))
        return SO_OK;
    const struct so_str *names;
    size_t count;
    int rc = so_names_read(required, l->arena, at, &names, &count, l->err);
    for (size_t i = 0; rc == SO_OK && i < count; i++) {
        struct so_field_rule *field = find_field(table, names[i]);
        if (field == NULL)
            return so_place_fail(at, l->err, SO_EINVAL, "there is no property \"%.*s\"", SO_STR_ARG(names[i]));
        field->required = true;
    }
    return rc;
}

/* ---- keys and indexes ---- */

/* A list of names of columns that are there. */
static int read_columns(struct loader *l, const struct so_table *table, const struct so_json *value,
                        const struct so_place *at, const struct so_str **out, size_t *out_count)
{
    int rc = so_names_read(value, l->arena, at, out, out_count, l->err);
    for (size_t i = 0; rc == SO_OK && i < *out_count; i++) {
        if (find_field(table, (*out)[i]) == NULL)
            return so_place_fail(at, l->err, SO_EINVAL, "there is no property \"%.*s\"", SO_STR_ARG((*out)[i]));
    }
    return rc;
}

static int read_primary_key(struct loader *l, struct so_table *table, struct so_place *at)
{
    at->keyword = "x-primary-key";
    const struct so_json *key = so_json_get(table->source, SO_STR("x-primary-key"));
    if (key == NULL)
        return SO_OK;
    int rc = read_columns(l, table, key, at, &table->primary_key, &table->primary_key_count);
    for (size_t i = 0; rc == SO_OK && i < table->primary_key_count; i++) {
        struct so_field_rule *field = find_field(table, table->primary_key[i]);
        enum so_type type;
        bool nullable;
        so_type_infer(table->source, field->schema, &type, &nullable);
        if (nullable)
            return so_place_fail(at, l->err, SO_EINVAL, "\"%.*s\" may be null; a primary key may not",
                                 SO_STR_ARG(field->name));
        field->required = true;
    }
    return rc;
}

/* [["a", "b"], "c"]: lists of columns. */
static int read_column_lists(struct loader *l, const struct so_table *table, const char *keyword, struct so_place *at,
                             const struct so_str *const **out, size_t *out_count)
{
    at->keyword = keyword;
    const struct so_json *value = so_json_get(table->source, so_str_c(keyword));
    if (value == NULL)
        return SO_OK;
    if (value->type != SO_JSON_ARRAY)
        return so_place_fail(at, l->err, SO_EINVAL,
                             "should be a list of lists of property names: [[\"a\"], [\"b\", \"c\"]]");
    const struct so_str **lists = so_alloc_array(l->arena, so_max_size(value->len, 1), sizeof(*lists));
    if (lists == NULL)
        return so_err_oom(l->err);
    for (uint32_t i = 0; i < value->len; i++) {
        char position[16];
        size_t length;
        snprintf(position, sizeof(position), "%u", (unsigned)i);
        at->member = so_str_c(position);
        int rc = read_columns(l, table, &value->u.items[i], at, &lists[i], &length);
        at->member = SO_STR("");
        if (rc != SO_OK)
            return rc;
    }
    *out = lists;
    *out_count = value->len;
    return SO_OK;
}

/* ---- the table ---- */

static int read_table_text(struct loader *l, const struct so_table *table, const char *keyword, struct so_place *at,
                           struct so_str *out)
{
    at->keyword = keyword;
    const struct so_json *value = so_json_get(table->source, so_str_c(keyword));
    if (value == NULL)
        return SO_OK;
    if (value->type != SO_JSON_STRING)
        return so_place_fail(at, l->err, SO_EINVAL, "should be a text");
    *out = so_json_str(value);
    return SO_OK;
}

static int read_table_flag(struct loader *l, const struct so_table *table, const char *keyword, struct so_place *at,
                           bool *out)
{
    at->keyword = keyword;
    const struct so_json *value = so_json_get(table->source, so_str_c(keyword));
    if (value == NULL)
        return SO_OK;
    if (!so_json_is_bool(value))
        return so_place_fail(at, l->err, SO_EINVAL, "should be true or false");
    *out = value->type == SO_JSON_TRUE;
    return SO_OK;
}

static int check_root(struct loader *l, const struct so_table *table, struct so_place *at)
{
    at->keyword = NULL;
    if (table->source->type != SO_JSON_OBJECT)
        return so_place_fail(at, l->err, SO_EINVAL, "a table's schema is an object");
    at->keyword = "type";
    const struct so_json *type = so_json_get(table->source, SO_STR("type"));
    if (type == NULL || type->type != SO_JSON_STRING || !so_str_eq_c(so_json_str(type), "object"))
        return so_place_fail(at, l->err, SO_EINVAL, "a table's rows are objects: \"type\" should be \"object\"");
    at->keyword = NULL;
    return so_annotations_check(table->source, true, at, l->err);
}

static void free_schema(void *schema) { so_schema_free(schema); }

static int compile_schema(struct loader *l, struct so_table *table)
{
    const struct so_schema_options options = {.assert_format = true};
    struct so_err cause = SO_ERR_INIT;
    struct so_schema *schema = NULL;
    int rc = so_schema_compile(table->source, &options, &schema, &cause);
    if (rc == SO_ENOMEM)
        return so_err_oom(l->err);
    if (rc != SO_OK) { /* details hold the pointer */
        return so_fail(l->err, rc, "%.*s%s: %s", SO_STR_ARG(table->file), cause.details[0] == '#' ? cause.details : "#",
                       cause.message);
    }
    if (!so_defer(l->arena, free_schema, schema))
        return so_err_oom(l->err);
    table->schema = schema;
    return SO_OK;
}

static int read_table(struct loader *l, struct so_table *table)
{
    struct so_place at = {.file = table->file};
    int rc = check_table_name(l, table, &at);
    if (rc == SO_OK)
        rc = check_root(l, table, &at);
    if (rc == SO_OK)
        rc = read_table_text(l, table, "title", &at, &table->title);
    if (rc == SO_OK)
        rc = read_table_text(l, table, "description", &at, &table->description);
    if (rc == SO_OK)
        rc = read_table_text(l, table, "x-renamed-from", &at, &table->renamed_from);
    table->realtime = true;
    if (rc == SO_OK)
        rc = read_table_flag(l, table, "x-realtime", &at, &table->realtime);
    if (rc == SO_OK)
        rc = read_fields(l, table, &at);
    if (rc == SO_OK)
        rc = read_required(l, table, &at);
    if (rc == SO_OK)
        rc = read_primary_key(l, table, &at);
    if (rc == SO_OK)
        rc = so_search_check(table, &at, l->err);
    if (rc == SO_OK)
        rc = read_column_lists(l, table, "x-indexes", &at, &table->indexes, &table->index_count);
    if (rc == SO_OK)
        rc = read_column_lists(l, table, "x-unique", &at, &table->uniques, &table->unique_count);
    if (rc == SO_OK)
        rc = so_policies_read(so_json_get(table->source, SO_STR("x-policies")), l->arena, table, l->err);
    if (rc == SO_OK)
        rc = compile_schema(l, table);
    const struct so_json *additional = so_json_get(table->source, SO_STR("additionalProperties"));
    table->additional_properties = additional == NULL || additional->type != SO_JSON_FALSE;
    return rc;
}

/* ---- files ---- */

/* The text must live as long as the values, which point into it. */
int so_model_read_text(struct so_arena *arena, const char *path, struct so_str *out, struct so_err *err)
{
    struct so_buf bytes;
    so_buf_init(&bytes, SO_MODEL_FILE_MAX);
    int rc = so_fs_read(path, &bytes, err);
    struct so_str text = {NULL, 0};
    if (rc == SO_OK) {
        text = so_arena_dup(arena, so_buf_str(&bytes));
        rc = text.p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&bytes);
    if (rc == SO_OK)
        *out = text;
    return rc;
}

static int parse_file(struct loader *l, const char *path, struct so_table *table)
{
    struct so_str text;
    int rc = so_model_read_text(l->arena, path, &text, l->err);
    if (rc != SO_OK)
        return rc;
    struct so_json *source = so_alloc_zero(l->arena, sizeof(*source));
    if (source == NULL)
        return so_err_oom(l->err);
    const struct so_json_options options = {.reject_duplicates = true};
    struct so_err cause = SO_ERR_INIT;
    rc = so_json_parse(l->arena, text, &options, source, &cause);
    if (rc == SO_ENOMEM)
        return so_err_oom(l->err);
    if (rc != SO_OK) {
        size_t line = 1;
        for (size_t i = 0; i < text.n && i < cause.at; i++)
            line += text.p[i] == '\n';
        return so_fail_at(l->err, rc, cause.at, "%.*s: not JSON: line %zu: %s", SO_STR_ARG(table->file), line,
                          cause.message);
    }
    table->source = source;
    return SO_OK;
}

static int add_table(struct loader *l, struct so_table *table)
{
    if (l->count == SO_MODEL_TABLES_MAX)
        return so_fail(l->err, SO_ELIMIT, "schemas: more than %d tables", SO_MODEL_TABLES_MAX);
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 16 : l->cap * 2;
        struct so_table **bigger = so_alloc_array(l->arena, cap, sizeof(*bigger));
        if (bigger == NULL)
            return so_err_oom(l->err);
        for (size_t i = 0; i < l->count; i++)
            bigger[i] = l->tables[i];
        l->tables = bigger;
        l->cap = cap;
    }
    l->tables[l->count++] = table;
    return SO_OK;
}

static int load_file(void *arg, const char *path, struct so_str file_name)
{
    struct loader *l = arg;
    struct so_table *table = so_alloc_zero(l->arena, sizeof(*table));
    if (table == NULL)
        return so_err_oom(l->err);
    so_map_init(&table->by_name, l->arena);
    table->file = so_arena_printf(l->arena, "schemas/%.*s", SO_STR_ARG(file_name));
    if (table->file.p == NULL)
        return so_err_oom(l->err);
    table->name = so_str_slice(table->file, strlen("schemas/"), table->file.n - strlen(".json"));
    int rc = parse_file(l, path, table);
    if (rc == SO_OK)
        rc = read_table(l, table);
    if (rc == SO_OK)
        rc = add_table(l, table);
    return rc;
}

int so_model_load(const char *dir, struct so_model **out, struct so_err *err)
{
    struct so_model *model = so_calloc(1, sizeof(*model));
    if (model == NULL)
        return so_err_oom(err);
    model->refs = 1;
    model->realtime = true;
    so_arena_init(&model->arena, MODEL_MEMORY_MAX);
    so_map_init(&model->by_name, &model->arena);
    struct loader l = {.model = model, .arena = &model->arena, .err = err};
    struct so_str path = so_arena_printf(&model->arena, "%s/schemas", dir);
    int rc = path.p == NULL ? so_err_oom(err) : so_fs_each(path.p, ".json", load_file, &l, err);
    if (rc == SO_OK)
        rc = so_model_link(model, l.tables, l.count, err);
    if (rc == SO_OK)
        rc = so_policies_guard(model, l.tables, l.count, err);
    if (rc == SO_OK)
        rc = so_functions_load(dir, model, err);
    if (rc != SO_OK) {
        so_model_unref(model);
        return rc;
    }
    *out = model;
    return SO_OK;
}

struct so_model *so_model_ref(struct so_model *m)
{
    __atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
    return m;
}

void so_model_unref(struct so_model *m)
{
    if (m == NULL || __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    so_arena_deinit(&m->arena); /* frees the compiled schemas, too */
    so_free(m);
}

const struct so_table *so_model_find(const struct so_model *m, struct so_str name) { return so_map_find(&m->by_name, name); }
const struct so_field_rule *so_table_field(const struct so_table *t, struct so_str name)
{
    return so_map_find(&t->by_name, name);
}
