/* expr.c: a name in a URL as a column, or as what a JSON path finds in it. */
#include "rest/dialect.h"
#include "rest/errors.h"
#include "rest/plan.h"

static int resolve_path(struct so_rest_plan *p, const struct so_field_name *field, struct so_expr *out)
{
    enum so_type type = out->column->column->type;
    if (type != SO_TYPE_JSON)
        return so_fail_http(p->err, SQL_NO_JSON, so_type_info(type)->name);
    struct so_text t;
    so_text_init(&t, p->arena, 64);
    for (const struct so_json_step *s = field->path; s != NULL; s = s->next) {
        out->as_text = s->as_text;
        if (!s->is_index && memchr(s->key.p, '"', s->key.n) != NULL) {
            int rc = so_fail_http(p->err, PGRST127);
            so_err_details(p->err, "A JSON key that holds a double quote cannot be named on this database");
            return rc;
        }
    }
    if (!p->dialect->json_path(field->path, &t))
        return so_err_oom(p->err);
    out->path = so_text_get(&t);
    return SO_OK;
}

int so_expr_resolve(struct so_rest_plan *p, const struct so_entity *e, const struct so_field_name *field,
                    struct so_expr *out)
{
    *out = (struct so_expr){.column = so_entity_column(e, field->name, p->who), .field = field};
    bool is_hidden = out->column == NULL && so_relation_column(e->relation, field->name) != NULL;
    if (p->dialect->resolves_itself && !is_hidden)
        return SO_OK;
    if (out->column == NULL)
        return so_fail_http(p->err, SQL_NO_COLUMN, SO_STR_ARG(e->relation->name), SO_STR_ARG(field->name));
    return field->path == NULL ? SO_OK : resolve_path(p, field, out);
}
