/* link.c: the references between tables: every x-references leads to a key of the right type; tables in their order. */
#include "model/fields.h"
#include "model/load.h"
#include "model/place.h"

struct linker {
    struct so_model *model;
    const struct so_table **order;
    size_t placed;
    struct so_map state; /* table name -> &VISITING or &PLACED */
};

static int VISITING, PLACED;

/* A foreign key may lead to what is unique. */
static bool is_key(const struct so_table *table, const struct so_field_rule *field)
{
    if (field->unique)
        return true;
    if (table->primary_key_count == 1 && so_str_eq(table->primary_key[0], field->name))
        return true;
    for (size_t i = 0; i < table->unique_count; i++) {
        if (so_str_eq(table->uniques[i][0], field->name) && table->uniques[i][1].p == NULL)
            return true;
    }
    return false;
}

static int resolve(struct so_model *model, const struct so_table *table, struct so_field_rule *field, struct so_err *err)
{
    struct so_place at = {.file = table->file, .property = field->name, .keyword = "x-references"};
    const struct so_table *to = so_model_find(model, field->references_table);
    if (to == NULL)
        return so_place_fail(&at, err, SO_EINVAL, "there is no table \"%.*s\"", SO_STR_ARG(field->references_table));
    if (field->references_column.n == 0) {
        if (to->primary_key_count != 1)
            return so_place_fail(&at, err, SO_EINVAL, "say which column: \"%.*s.column\"", SO_STR_ARG(to->name));
        field->references_column = to->primary_key[0];
    }
    const struct so_field_rule *key = so_table_field(to, field->references_column);
    if (key == NULL)
        return so_place_fail(&at, err, SO_EINVAL, "the table \"%.*s\" has no column \"%.*s\"", SO_STR_ARG(to->name),
                             SO_STR_ARG(field->references_column));
    if (key->type != field->type)
        return so_place_fail(&at, err, SO_EINVAL, "%.*s.%.*s is %s, but this is %s", SO_STR_ARG(to->name),
                             SO_STR_ARG(key->name), so_type_in_schema(key->type), so_type_in_schema(field->type));
    if (!is_key(to, key))
        return so_place_fail(&at, err, SO_EINVAL, "%.*s.%.*s is not unique: make it the primary key, or x-unique",
                             SO_STR_ARG(to->name), SO_STR_ARG(key->name));
    at.keyword = "x-on-delete";
    if (so_str_eq_c(field->on_delete, "SET NULL") && field->required)
        return so_place_fail(&at, err, SO_EINVAL, "cannot set null: the column is required");
    return SO_OK;
}

static int resolve_all(struct so_model *model, struct so_table **tables, size_t count, struct so_err *err)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t f = 0; f < tables[i]->field_count; f++) {
            struct so_field_rule *field = so_map_find(&tables[i]->by_name, tables[i]->fields[f].name);
            int rc = field->references_table.n == 0 ? SO_OK : resolve(model, tables[i], field, err);
            if (rc != SO_OK)
                return rc;
        }
    }
    return SO_OK;
}

/* Depth first: what a table refers to comes before it.  A cycle is cut where it closes.
 * Recursion is at most SO_MODEL_TABLES_MAX deep. */
static bool place(struct linker *l, const struct so_table *table)
{
    if (so_map_has(&l->state, table->name))
        return true;
    if (!so_map_put(&l->state, table->name, &VISITING))
        return false;
    for (size_t i = 0; i < table->field_count; i++) {
        struct so_str to = table->fields[i].references_table;
        if (to.n > 0 && !place(l, so_model_find(l->model, to)))
            return false;
    }
    l->order[l->placed++] = table;
    return so_map_put(&l->state, table->name, &PLACED);
}

int so_model_link(struct so_model *model, struct so_table **tables, size_t count, struct so_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!so_map_put(&model->by_name, tables[i]->name, tables[i]))
            return so_err_oom(err);
    }
    int rc = resolve_all(model, tables, count, err);
    if (rc != SO_OK)
        return rc;
    struct linker l = {.model = model, .order = so_alloc_array(&model->arena, so_max_size(count, 1), sizeof(*l.order))};
    if (l.order == NULL)
        return so_err_oom(err);
    so_map_init(&l.state, &model->arena);
    for (size_t i = 0; i < count; i++) {
        if (!place(&l, tables[i]))
            return so_err_oom(err);
    }
    model->tables = l.order;
    model->table_count = l.placed;
    return SO_OK;
}
