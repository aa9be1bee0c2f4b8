/* validate.c: the schema file's say (DESIGN.md section 3).
 *
 * An insert is judged by its body, before the database sees it, so that every violation is told at once.  Two things must
 * not be held against it: columns that the database fills in (a default, readOnly) may be missing, though the file requires
 * them; so "required" is judged here, by the columns, and not by the file's keyword.  Constant defaults are put in first, so
 * that rules across columns see what will be stored.
 *
 * An update is judged by the row that it leaves behind, inside the transaction. */
#include "rest/validate.h"

#include "rest/errors.h"

static int add(struct so_rest_plan *p, const struct so_violation *v)
{
    struct so_violation *copy = so_alloc(p->arena, sizeof(*copy));
    if (copy == NULL)
        return so_err_oom(p->err);
    *copy = *v;
    copy->next = NULL;
    if (p->violations == NULL)
        p->violations = copy;
    else
        p->violations_last->next = copy;
    p->violations_last = copy;
    return SO_OK;
}

static int add_about(struct so_rest_plan *p, struct so_str location, struct so_str keyword_location, const char *keyword,
                     struct so_str message)
{
    if (location.p == NULL || keyword_location.p == NULL || message.p == NULL)
        return so_err_oom(p->err);
    return add(p, &(struct so_violation){.instance_location = location,
                                         .keyword_location = keyword_location,
                                         .absolute_keyword_location = SO_STR(""),
                                         .keyword = so_str_c(keyword),
                                         .message = message});
}

/* "/3" for a row of an array, "" for the only row. */
static struct so_str row_location(struct so_rest_plan *p, size_t row)
{
    return p->request->payload.is_array ? so_arena_printf(p->arena, "/%zu", row) : SO_STR("");
}

int so_validate_read_only(struct so_rest_plan *p, struct so_str key)
{
    struct so_str at = row_location(p, 0);
    return add_about(p, so_arena_printf(p->arena, "%.*s/%.*s", SO_STR_ARG(at), SO_STR_ARG(key)),
                     so_arena_printf(p->arena, "/properties/%.*s/readOnly", SO_STR_ARG(key)), "readOnly",
                     so_arena_printf(p->arena, "%.*s is set by the server and cannot be written", SO_STR_ARG(key)));
}

/* Whether the client sets the column: by columns=, or in every row. */
static bool is_listed(const struct so_rest_plan *p, const struct so_entity_column *c)
{
    const struct so_input *in = &p->write.input;
    for (size_t i = 0; i < in->column_count; i++)
        if (so_str_eq(in->columns[i].name, c->column->name))
            return true;
    return false;
}

/* A row that lacks a listed column stores NULL there, unless missing=default. */
static bool takes_default(const struct so_rest_plan *p, const struct so_entity_column *c)
{
    return p->write.missing_default || !is_listed(p, c);
}

/* Whether the database puts something in when the row lacks the column. */
static bool is_filled_in(const struct so_rest_plan *p, const struct so_entity_column *c)
{
    if (c->column->generated || (c->column->pk > 0 && c->column->type == SO_TYPE_INTEGER))
        return true;
    return takes_default(p, c) && (c->rule->read_only || c->rule->default_sql.p != NULL || c->column->has_default);
}

/* The members that will be stored: those of the body that are listed, and constant defaults of the others. */
static int complete_row(struct so_rest_plan *p, const struct so_json *row, struct so_json *out)
{
    const struct so_entity *e = p->top.entity;
    struct so_json_member *members = so_alloc_array(p->arena, e->relation->column_count + 1, sizeof(*members));
    if (members == NULL)
        return so_err_oom(p->err);
    uint32_t count = 0;
    for (size_t i = 0; i < e->relation->column_count; i++) {
        const struct so_entity_column *c = &e->columns[i];
        const struct so_json *value = is_listed(p, c) ? so_json_get(row, c->column->name) : NULL;
        if (value == NULL && c->rule != NULL && takes_default(p, c))
            value = so_json_get(c->rule->schema, SO_STR("default"));
        if (value != NULL)
            members[count++] = (struct so_json_member){c->column->name.p, (uint32_t)c->column->name.n,
                                                       so_json_key_hash(c->column->name), *value};
    }
    *out = (struct so_json){.type = SO_JSON_OBJECT, .len = count, .u.members = members};
    return SO_OK;
}

static int check_required(struct so_rest_plan *p, const struct so_json *row, size_t index)
{
    const struct so_entity *e = p->top.entity;
    for (size_t i = 0; i < e->relation->column_count; i++) {
        const struct so_entity_column *c = &e->columns[i];
        if (c->rule == NULL || !c->rule->required || is_filled_in(p, c) || so_json_get(row, c->column->name) != NULL)
            continue;
        int rc = add_about(p, row_location(p, index), SO_STR("/required"), "required",
                           so_arena_printf(p->arena, "%.*s is required", SO_STR_ARG(c->column->name)));
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

static int check_row(struct so_rest_plan *p, const struct so_json *row, size_t index)
{
    const struct so_violation *found = NULL;
    struct so_json completed;
    int rc = complete_row(p, row, &completed);
    if (rc == SO_OK)
        rc = check_required(p, &completed, index);
    if (rc == SO_OK)
        rc = so_table_validate(p->top.entity->table, &completed, p->request->payload.is_array ? (int64_t)index : -1,
                               p->arena, &found, p->err);
    for (; rc == SO_OK && found != NULL; found = found->next)
        if (!so_str_eq(found->keyword_location, SO_STR("/required")))
            rc = add(p, found);
    return rc;
}

int so_validate_body(struct so_rest_plan *p)
{
    const struct so_payload *payload = &p->request->payload;
    for (size_t i = 0; p->top.entity->table != NULL && i < payload->row_count; i++) {
        int rc = check_row(p, &p->rows[i], i);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

int so_validate_changes(struct so_rest_plan *p)
{
    const struct so_violation *found = NULL;
    const struct so_payload *payload = &p->request->payload;
    if (p->top.entity->table == NULL || payload->row_count == 0)
        return SO_OK;
    int rc = so_table_validate(p->top.entity->table, &p->rows[0], -1, p->arena, &found, p->err);
    for (; rc == SO_OK && found != NULL; found = found->next)
        if (so_str_starts(found->keyword_location, SO_STR("/properties/")))
            rc = add(p, found);
    return rc;
}

int so_validate_value(struct so_rest_plan *p, const struct so_json *row, int64_t index)
{
    const struct so_violation *found = NULL;
    int rc = so_table_validate(p->top.entity->table, row, index, p->arena, &found, p->err);
    if (rc == SO_OK && found != NULL && p->violations == NULL)
        p->violations = found;
    return rc;
}

int so_validate_stored(struct so_rest_plan *p, struct so_str row, int64_t index)
{
    struct so_json value;
    int rc = so_json_parse(p->arena, row, NULL, &value, p->err);
    return rc == SO_OK ? so_validate_value(p, &value, index) : rc;
}

int so_validate_verdict(struct so_rest_plan *p)
{
    size_t count = 0;
    for (const struct so_violation *v = p->violations; v != NULL; v = v->next)
        count++;
    if (count == 0)
        return SO_OK;
    struct so_str first = p->violations->message;
    if (count == 1)
        return so_fail_http(p->err, SO422_ONE, SO_STR_ARG(first));
    return so_fail_http(p->err, SO422_MANY, count, SO_STR_ARG(first));
}
