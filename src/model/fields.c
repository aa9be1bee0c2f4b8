/* fields.c: one property of a schema file as the rule of a column. */
#include "model/fields.h"

#include "core/utf8.h"

enum { NAME_MAX_BYTES = 63 };

/* Our keywords, and where each may stand. */
static const struct {
    const char *name;
    bool table, property;
} ANNOTATIONS[] = {
    {"x-primary-key", true, false}, {"x-indexes", true, false},  {"x-unique", true, true},      {"x-policies", true, false},
    {"x-renamed-from", true, true}, {"x-default", false, true},  {"x-references", false, true}, {"x-on-delete", false, true},
    {"x-search", false, true},      {"x-realtime", true, false},
};
static const char *const ANNOTATION_NAMES[] = {
    "x-primary-key", "x-indexes", "x-unique",   "x-policies", "x-renamed-from", "x-default", "x-references",
    "x-on-delete",   "x-search",  "x-realtime", NULL};
_Static_assert(COUNT_OF(ANNOTATIONS) + 1 == COUNT_OF(ANNOTATION_NAMES), "both lists name the same keywords");

static int check_annotation(struct so_str name, bool of_table, const struct so_place *at, struct so_err *err)
{
    for (size_t i = 0; i < COUNT_OF(ANNOTATIONS); i++) {
        if (!so_str_eq_c(name, ANNOTATIONS[i].name))
            continue;
        if (of_table ? ANNOTATIONS[i].table : ANNOTATIONS[i].property)
            return SO_OK;
        return so_place_fail(at, err, SO_EINVAL, "belongs to %s",
                             of_table ? "a property" : "the table, beside \"properties\"");
    }
    const char *near = so_nearest(name, ANNOTATION_NAMES);
    return near == NULL ? SO_OK : so_place_fail(at, err, SO_EINVAL, "no such keyword; did you mean \"%s\"?", near);
}

int so_annotations_check(const struct so_json *schema, bool of_table, struct so_place *at, struct so_err *err)
{
    if (schema->type != SO_JSON_OBJECT)
        return SO_OK;
    const char *outer = at->keyword;
    for (uint32_t i = 0; i < schema->len; i++) {
        struct so_str name = so_json_key(&schema->u.members[i]);
        char text[64];
        if (!so_str_starts(name, SO_STR("x-")) && !so_str_starts(name, SO_STR("x_")))
            continue;
        if (name.n >= sizeof(text))
            continue;
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        at->keyword = text;
        int rc = check_annotation(name, of_table, at, err);
        at->keyword = outer;
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

int so_names_read(const struct so_json *value, struct so_arena *arena, const struct so_place *at, const struct so_str **out,
                  size_t *out_count, struct so_err *err)
{
    bool list = value->type == SO_JSON_ARRAY;
    size_t count = list ? value->len : 1;
    const struct so_json *items = list ? value->u.items : value;
    struct so_str *names = so_alloc_array(arena, count + 1, sizeof(*names));
    if (names == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < count; i++) {
        if (items[i].type != SO_JSON_STRING)
            return so_place_fail(at, err, SO_EINVAL, "should be a list of property names");
        names[i] = so_json_str(&items[i]);
        for (size_t j = 0; j < i; j++) {
            if (so_str_eq(names[i], names[j]))
                return so_place_fail(at, err, SO_EINVAL, "names \"%.*s\" twice", SO_STR_ARG(names[i]));
        }
    }
    if (count == 0)
        return so_place_fail(at, err, SO_EINVAL, "is an empty list: name at least one property");
    *out = names;
    *out_count = count;
    return SO_OK;
}

/* ---- one property ---- */

struct reader {
    const struct so_json *schema;
    struct so_arena *arena;
    struct so_place at;
    struct so_err *err;
    int rc; /* the first failure; later reads do nothing */
};

static const struct so_json *get(struct reader *r, const char *keyword)
{
    r->at.keyword = keyword;
    return r->rc == SO_OK ? so_json_get(r->schema, so_str_c(keyword)) : NULL;
}

static void read_flag(struct reader *r, const char *keyword, bool *out)
{
    const struct so_json *value = get(r, keyword);
    if (value == NULL)
        return;
    if (so_json_is_bool(value))
        *out = value->type == SO_JSON_TRUE;
    else
        r->rc = so_place_fail(&r->at, r->err, SO_EINVAL, "should be true or false");
}

static void read_text(struct reader *r, const char *keyword, struct so_str *out)
{
    const struct so_json *value = get(r, keyword);
    if (value == NULL)
        return;
    if (value->type == SO_JSON_STRING)
        *out = so_json_str(value);
    else
        r->rc = so_place_fail(&r->at, r->err, SO_EINVAL, "should be a text");
}

static void read_reference(struct reader *r, struct so_field_rule *field)
{
    struct so_str whole = {NULL, 0};
    read_text(r, "x-references", &whole);
    if (whole.p == NULL)
        return;
    size_t dot = so_str_find_char(whole, '.', 0);
    field->references_table = so_str_slice(whole, 0, dot == SO_STR_NONE ? whole.n : dot);
    field->references_column = dot == SO_STR_NONE ? SO_STR("") : so_str_slice(whole, dot + 1, whole.n);
    if (field->references_table.n == 0 || (dot != SO_STR_NONE && field->references_column.n == 0))
        r->rc = so_place_fail(&r->at, r->err, SO_EINVAL, "should be \"table.column\"");
}

static void read_on_delete(struct reader *r, struct so_field_rule *field)
{
    static const char *const ACTIONS[] = {"CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"};
    struct so_str text = {NULL, 0};
    read_text(r, "x-on-delete", &text);
    if (text.p == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(ACTIONS); i++) {
        if (so_str_eq_nocase(text, so_str_c(ACTIONS[i])))
            field->on_delete = so_str_c(ACTIONS[i]);
    }
    if (field->on_delete.n == 0)
        r->rc = so_place_fail(&r->at, r->err, SO_EINVAL,
                              "should be \"cascade\", \"set null\", \"set default\", \"restrict\" or \"no action\"");
    else if (field->references_table.n == 0)
        r->rc = so_place_fail(&r->at, r->err, SO_EINVAL, "means nothing without x-references");
    if (so_str_eq_c(field->on_delete, "NO ACTION"))
        field->on_delete = SO_STR("");
}

static void read_default(struct reader *r, struct so_field_rule *field)
{
    struct so_err cause = SO_ERR_INIT;
    const struct so_json *expression = get(r, "x-default");
    const struct so_json *constant = get(r, "default");
    int rc = SO_OK;
    if (expression != NULL && constant != NULL) {
        r->rc = so_place_fail(&r->at, r->err, SO_EINVAL, "stands beside x-default: keep one of them");
        return;
    }
    r->at.keyword = expression != NULL ? "x-default" : "default";
    if (expression != NULL && expression->type == SO_JSON_STRING)
        rc = so_default_expression(so_json_str(expression), r->arena, field, &cause);
    else if (expression != NULL)
        rc = so_default_constant(expression, r->arena, field, &cause);
    else if (constant != NULL)
        rc = so_default_constant(constant, r->arena, field, &cause);
    if (rc != SO_OK)
        r->rc = so_place_wrap(&r->at, &cause, r->err);
}

/* Any text that both databases and a URL can carry. */
static const char *wrong_name(struct so_str name)
{
    if (name.n == 0)
        return "a column needs a name";
    if (name.n > NAME_MAX_BYTES)
        return "the name is longer than 63 bytes";
    for (size_t i = 0; i < name.n; i++) {
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7F)
            return "the name holds a control character";
    }
    return NULL;
}

int so_field_read(const struct so_json *root, struct so_str file, const struct so_json_member *property,
                  struct so_arena *arena, struct so_field_rule *out, struct so_err *err)
{
    const struct so_json *schema = &property->value;
    struct so_field_rule field = {.name = so_json_key(property), .schema = schema};
    struct reader r = {schema, arena, {.file = file, .property = field.name}, err, SO_OK};
    const char *reason = wrong_name(field.name);
    if (reason != NULL)
        return so_place_fail(&r.at, err, SO_EINVAL, "%s", reason);
    if (schema->type == SO_JSON_FALSE)
        return so_place_fail(&r.at, err, SO_EINVAL, "no value can ever be in this column");
    r.rc = so_annotations_check(schema, false, &r.at, err);
    bool nullable;
    so_type_infer(root, schema, &field.type, &nullable);
    read_flag(&r, "readOnly", &field.read_only);
    read_flag(&r, "writeOnly", &field.write_only);
    read_flag(&r, "x-unique", &field.unique);
    read_flag(&r, "x-search", &field.search);
    read_text(&r, "title", &field.title);
    read_text(&r, "description", &field.description);
    read_text(&r, "x-renamed-from", &field.renamed_from);
    read_reference(&r, &field);
    read_on_delete(&r, &field);
    read_default(&r, &field);
    if (r.rc == SO_OK)
        *out = field;
    return r.rc;
}
