/* typed.c: the rows of a CSV or form body, where every value is text, as JSON would have brought them: so that the schema
 * file judges 5 and not "5". */
#include "rest/plan.h"

/* "5" of a CSV body as the number 5, "[1]" as an array: what the column holds.  What is no such value stays a string, and
 * the schema file or the database says so. */
int so_text_type(struct so_rest_plan *p, enum so_type type, struct so_json *value)
{
    struct so_err why = SO_ERR_INIT;
    struct so_json typed = *value;
    int rc = SO_OK;
    switch (type) {
    case SO_TYPE_JSON: rc = so_json_parse(p->arena, so_json_str(value), NULL, &typed, &why); break;
    case SO_TYPE_INTEGER:
    case SO_TYPE_NUMERIC: rc = so_input_convert(value, type, p->arena, &typed, &why); break;
    case SO_TYPE_BOOLEAN:
        rc = so_input_convert(value, type, p->arena, &typed, &why);
        typed = (struct so_json){.type = typed.u.i != 0 ? SO_JSON_TRUE : SO_JSON_FALSE};
        break;
    default: break;
    }
    if (rc == SO_OK)
        *value = typed;
    return rc == SO_ENOMEM ? so_err_oom(p->err) : SO_OK;
}

int so_rows_type(struct so_rest_plan *p)
{
    const struct so_payload *payload = &p->request->payload;
    struct so_json *rows = so_alloc_array(p->arena, payload->row_count, sizeof(*rows));
    if (rows == NULL)
        return so_err_oom(p->err);
    for (size_t i = 0; i < payload->row_count; i++) {
        rows[i] = payload->rows[i];
        struct so_json_member *members = so_alloc_array(p->arena, rows[i].len, sizeof(*members));
        if (members == NULL)
            return so_err_oom(p->err);
        for (uint32_t m = 0; m < rows[i].len; m++) {
            members[m] = rows[i].u.members[m];
            const struct so_column *column = so_relation_column(p->top.entity->relation, so_json_key(&members[m]));
            int rc = column == NULL || members[m].value.type != SO_JSON_STRING
                         ? SO_OK
                         : so_text_type(p, column->type, &members[m].value);
            if (rc != SO_OK)
                return rc;
        }
        rows[i].u.members = members;
    }
    p->rows = rows;
    return SO_OK;
}
