/* validate.c: a row against its table's schema, with the one rule that JSON Schema does not have: null in a column that
 * is not required means "no value" (DESIGN.md section 3). */
#include "model/model.h"

#include <inttypes.h>

static bool is_absent(const struct so_table *t, const struct so_json_member *member)
{
    if (member->value.type != SO_JSON_NULL)
        return false;
    const struct so_field_rule *field = so_table_field(t, so_json_key(member));
    return field != NULL && !field->required;
}

/* The row without such nulls: itself when it has none. */
static int without_absent(const struct so_table *t, const struct so_json *row, struct so_arena *arena, struct so_json *out,
                          struct so_err *err)
{
    uint32_t absent = 0;
    for (uint32_t i = 0; row->type == SO_JSON_OBJECT && i < row->len; i++)
        absent += is_absent(t, &row->u.members[i]);
    *out = *row;
    if (absent == 0)
        return SO_OK;
    struct so_json_member *members = so_alloc_array(arena, row->len, sizeof(*members));
    if (members == NULL)
        return so_err_oom(err);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < row->len; i++) {
        if (!is_absent(t, &row->u.members[i]))
            members[kept++] = row->u.members[i];
    }
    *out = (struct so_json){.type = SO_JSON_OBJECT, .len = kept, .u.members = members};
    return SO_OK;
}

/* Copies of the violations with "/row_index" before each location. */
static int with_index(const struct so_violation *list, int64_t row_index, struct so_arena *arena,
                      const struct so_violation **out, struct so_err *err)
{
    const struct so_violation *first = NULL, **next = &first;
    for (; list != NULL; list = list->next) {
        struct so_violation *copy = so_alloc(arena, sizeof(*copy));
        struct so_str location = so_arena_printf(arena, "/%" PRId64 "%.*s", row_index, SO_STR_ARG(list->instance_location));
        if (copy == NULL || location.p == NULL)
            return so_err_oom(err);
        *copy = *list;
        copy->instance_location = location;
        copy->next = NULL;
        *next = copy;
        next = &copy->next;
    }
    *out = first;
    return SO_OK;
}

int so_table_validate(const struct so_table *t, const struct so_json *row, int64_t row_index, struct so_arena *arena,
                      const struct so_violation **out, struct so_err *err)
{
    struct so_json present;
    bool valid = false;
    int rc = without_absent(t, row, arena, &present, err);
    if (rc == SO_OK)
        rc = so_schema_check(t->schema, &present, &valid, err);
    if (rc != SO_OK)
        return rc;
    const struct so_violation *violations = NULL;
    if (!valid)
        rc = so_schema_validate(t->schema, &present, arena, 0, &violations, err);
    if (rc == SO_OK && violations != NULL && row_index >= 0)
        rc = with_index(violations, row_index, arena, &violations, err);
    if (rc == SO_OK)
        *out = violations;
    return rc;
}

/* A parameter that may be left out may be null, too. */
static bool is_left_out(const struct so_json_member *member) { return member->value.type == SO_JSON_NULL; }

static int without_nulls(const struct so_json *args, struct so_arena *arena, struct so_json *out, struct so_err *err)
{
    struct so_json_member *members = so_alloc_array(arena, so_max_size(args->len, 1), sizeof(*members));
    uint32_t kept = 0;
    if (members == NULL)
        return so_err_oom(err);
    for (uint32_t i = 0; i < args->len; i++)
        if (!is_left_out(&args->u.members[i]))
            members[kept++] = args->u.members[i];
    *out = (struct so_json){.type = SO_JSON_OBJECT, .len = kept, .u.members = members};
    return SO_OK;
}

int so_function_validate(const struct so_function *f, const struct so_json *args, struct so_arena *arena,
                         const struct so_violation **out, struct so_err *err)
{
    struct so_json present;
    bool valid = true;
    const struct so_violation *violations = NULL;
    int rc = f->params == NULL ? SO_OK : so_schema_check(f->params, args, &valid, err);
    if (rc == SO_OK && !valid) { /* perhaps only for a null that means "left out" */
        rc = without_nulls(args, arena, &present, err);
        if (rc == SO_OK)
            rc = so_schema_validate(f->params, &present, arena, 0, &violations, err);
    }
    if (rc == SO_OK)
        *out = violations;
    return rc;
}
