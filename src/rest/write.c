/* write.c: what a body sets, where a conflict leads, and which policies stand before and after.
 *
 * PostgreSQL's rules (CREATE POLICY, table "Policies Applied by Command Type"), which SQLite's statement repeats:
 *
 *             the old row must fulfil     the new row must fulfil
 *   insert                                insert, check, and select when it is returned
 *   update    update, select              check or else update, and select
 *   delete    delete, select
 *   upsert    update, select              insert, check, select; of a changed row check or else update, too */
#include "rest/errors.h"
#include "rest/plan.h"
#include "rest/validate.h"

static const struct so_policy NOTHING_ASKED = {.kind = SO_POLICY_ALLOW};

/* ---- columns ---- */

struct sets {
    const struct so_set **end;
    struct so_input_column *inputs;
    size_t input_count;
};

static int add_set(struct so_rest_plan *p, struct sets *sets, const struct so_entity_column *column, bool from_body,
                   struct so_str default_sql)
{
    struct so_set *set = so_alloc(p->arena, sizeof(*set));
    if (set == NULL)
        return so_err_oom(p->err);
    *set = (struct so_set){column, -1, default_sql, NULL};
    if (from_body) {
        set->input = (int)sets->input_count;
        sets->inputs[sets->input_count++] = (struct so_input_column){column->column->name, column->column->type};
    }
    *sets->end = set;
    sets->end = &set->next;
    return SO_OK;
}

/* The default of a column as an expression; p == NULL when it has none. */
static struct so_str default_of(const struct so_entity_column *c)
{
    if (c->rule != NULL && c->rule->default_sql.p != NULL)
        return c->rule->default_sql;
    return c->column->has_default ? c->column->default_sql : (struct so_str){NULL, 0};
}

static bool is_set(const struct so_write *w, const struct so_entity_column *column)
{
    for (const struct so_set *s = w->sets; s != NULL; s = s->next)
        if (s->column == column)
            return true;
    return false;
}

static int set_key(struct so_rest_plan *p, struct sets *sets, struct so_str key)
{
    const struct so_entity *e = p->top.entity;
    const struct so_column *column = so_relation_column(e->relation, key);
    if (column == NULL)
        return so_fail_http(p->err, PGRST204, SO_STR_ARG(key), SO_STR_ARG(e->relation->name));
    const struct so_entity_column *c = &e->columns[column->index];
    if (column->generated)
        return so_fail_http(p->err, SQL_GENERATED, SO_STR_ARG(key));
    if (c->rule != NULL && c->rule->read_only && p->who->role != SO_ROLE_SERVICE)
        return so_validate_read_only(p, key);
    if (is_set(&p->write, c)) /* columns=a,a */
        return SO_OK;
    return add_set(p, sets, c, true, p->write.missing_default ? default_of(c) : (struct so_str){NULL, 0});
}

/* What columns= names, else what the rows hold. */
static int set_keys(struct so_rest_plan *p, struct sets *sets)
{
    const struct so_request *r = p->request;
    p->rows = r->payload.rows;
    int rc = r->payload.is_text ? so_rows_type(p) : SO_OK;
    size_t max = r->payload.key_count;
    for (const struct so_name *n = r->columns; r->has_columns && n != NULL; n = n->next)
        max++;
    sets->inputs = so_alloc_array(p->arena, max + 1, sizeof(*sets->inputs));
    if (sets->inputs == NULL)
        return so_err_oom(p->err);
    if (r->has_columns && r->verb != SO_VERB_PUT) {
        for (const struct so_name *n = r->columns; rc == SO_OK && n != NULL; n = n->next)
            rc = set_key(p, sets, n->name);
    } else {
        for (size_t i = 0; rc == SO_OK && i < r->payload.key_count; i++)
            rc = set_key(p, sets, r->payload.keys[i]);
    }
    p->write.input = (struct so_input){
        .rows = p->rows,
        .row_count = r->payload.row_count,
        .columns = sets->inputs,
        .column_count = sets->input_count,
    };
    return rc;
}

/* Defaults that the database cannot apply by itself (auth.uid()) are part of every insert. */
static int set_defaults(struct so_rest_plan *p, struct sets *sets)
{
    const struct so_entity *e = p->top.entity;
    for (size_t i = 0; i < e->relation->column_count; i++) {
        const struct so_entity_column *c = &e->columns[i];
        bool ours = c->rule != NULL && c->rule->default_sql.p != NULL && !c->rule->default_in_ddl;
        if (!ours || is_set(&p->write, c))
            continue;
        p->needs_identity = true;
        int rc = add_set(p, sets, c, false, c->rule->default_sql);
        if (rc != SO_OK)
            return rc;
    }
    /* A row of nothing but defaults still needs a column to name. */
    for (size_t i = 0; p->write.sets == NULL && i < e->relation->column_count; i++)
        if (!e->columns[i].column->generated)
            return add_set(p, sets, &e->columns[i], false, default_of(&e->columns[i]));
    return SO_OK;
}

/* ---- conflicts ---- */

static int set_conflict(struct so_rest_plan *p, const struct so_entity_column **columns, size_t count)
{
    p->write.conflict = columns;
    p->write.conflict_count = count;
    return SO_OK;
}

static int conflict_on_key(struct so_rest_plan *p)
{
    const struct so_entity *e = p->top.entity;
    const struct so_index *primary = e->relation->primary;
    const struct so_entity_column **columns = so_alloc_array(p->arena, primary->column_count, sizeof(*columns));
    if (columns == NULL)
        return so_err_oom(p->err);
    for (size_t i = 0; i < primary->column_count; i++)
        columns[i] = &e->columns[primary->columns[i]];
    return set_conflict(p, columns, primary->column_count);
}

static bool index_is(const struct so_index *index, const struct so_entity_column *const *columns, size_t count)
{
    size_t found = 0;
    if (!(index->unique || index->primary) || index->column_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            found += index->columns[k] == columns[i]->column->index;
    return found == count;
}

static int conflict_on_names(struct so_rest_plan *p, const struct so_name *names)
{
    const struct so_entity *e = p->top.entity;
    size_t count = 0;
    for (const struct so_name *n = names; n != NULL; n = n->next)
        count++;
    const struct so_entity_column **columns = so_alloc_array(p->arena, count, sizeof(*columns));
    if (columns == NULL)
        return so_err_oom(p->err);
    count = 0;
    for (const struct so_name *n = names; n != NULL; n = n->next) {
        columns[count] = so_entity_column(e, n->name, p->who);
        if (columns[count++] == NULL)
            return so_fail_http(p->err, SQL_NO_COLUMN, SO_STR_ARG(e->relation->name), SO_STR_ARG(n->name));
    }
    bool known = e->relation->primary != NULL && index_is(e->relation->primary, columns, count);
    for (size_t i = 0; !known && i < e->relation->index_count; i++)
        known = index_is(&e->relation->indexes[i], columns, count);
    return known ? set_conflict(p, columns, count) : so_fail_http(p->err, SQL_NO_CONFLICT);
}

static int plan_conflict(struct so_rest_plan *p)
{
    const struct so_request *r = p->request;
    p->write.resolution = r->verb == SO_VERB_PUT ? SO_RESOLUTION_MERGE : r->prefer.resolution;
    if (p->write.resolution == SO_RESOLUTION_NONE)
        return SO_OK;
    if (r->on_conflict != NULL && r->verb != SO_VERB_PUT)
        return conflict_on_names(p, r->on_conflict);
    if (p->top.entity->relation->primary != NULL)
        return conflict_on_key(p);
    p->write.resolution = SO_RESOLUTION_NONE; /* nothing can conflict */
    return SO_OK;
}

/* ---- PUT ---- */

static int check_put_value(struct so_rest_plan *p, const struct so_cond *c)
{
    const struct so_payload *payload = &p->request->payload;
    const struct so_column *column = c->expr.column->column;
    const struct so_json *value = payload->row_count == 1 ? so_json_get(&payload->rows[0], column->name) : NULL;
    struct so_json stored;
    if (value == NULL)
        return so_fail_http(p->err, PGRST115);
    int rc = so_input_convert(value, column->type, p->arena, &stored, p->err);
    if (rc != SO_OK)
        return rc;
    bool same =
        stored.type == SO_JSON_STRING   ? c->value.kind == SO_PARAM_TEXT && so_str_eq(c->value.text, so_json_str(&stored))
        : stored.type == SO_JSON_INT    ? c->value.kind == SO_PARAM_INT && c->value.i == stored.u.i
        : stored.type == SO_JSON_NUMBER ? c->value.kind == SO_PARAM_DOUBLE && c->value.d >= so_json_to_double(&stored) &&
                                              c->value.d <= so_json_to_double(&stored)
                                        : c->value.kind == SO_PARAM_INT && c->value.i == (stored.type == SO_JSON_TRUE);
    return same ? SO_OK : so_fail_http(p->err, PGRST115);
}

/* The URL names the row by the whole key and nothing else, and the body agrees. */
static int check_put(struct so_rest_plan *p)
{
    const struct so_index *primary = p->top.entity->relation->primary;
    size_t found = 0;
    for (const struct so_cond *c = p->top.where; c != NULL; c = c->next, found++)
        if (c->kind != SO_COND_COMPARE || c->negated || c->op != SO_OP_EQ || c->expr.path.p != NULL ||
            c->expr.column->column->pk == 0)
            return so_fail_http(p->err, PGRST105);
    if (primary == NULL || found != primary->column_count)
        return so_fail_http(p->err, PGRST105);
    for (const struct so_cond *c = p->top.where; c != NULL; c = c->next) {
        int rc = check_put_value(p, c);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

/* ---- policies ---- */

static bool asks(const struct so_policy *policy) { return policy->kind != SO_POLICY_ALLOW; }

/* check when the file has one, else the update policy. */
static const struct so_policy *changed_row_policy(struct so_rest_plan *p)
{
    const struct so_policy *check = so_entity_check(p->top.entity, p->who);
    return so_policy_is_given(check) ? check : so_entity_policy(p->top.entity, SO_CMD_UPDATE, p->who);
}

static void plan_policies(struct so_rest_plan *p)
{
    static const enum so_command COMMANDS[] = {[SO_VERB_INSERT] = SO_CMD_INSERT,
                                               [SO_VERB_PUT] = SO_CMD_INSERT,
                                               [SO_VERB_UPDATE] = SO_CMD_UPDATE,
                                               [SO_VERB_DELETE] = SO_CMD_DELETE};
    struct so_write *w = &p->write;
    const struct so_entity *e = p->top.entity;
    enum so_command command = COMMANDS[p->request->verb];
    const struct so_policy *own = so_entity_policy(e, command, p->who);
    const struct so_policy *select = so_entity_policy(e, SO_CMD_SELECT, p->who);
    const struct so_policy *check = so_entity_check(e, p->who);
    bool merges = w->resolution == SO_RESOLUTION_MERGE, returns = p->request->prefer.ret == SO_RETURN_FULL || w->returns_key;

    for (size_t i = 0; i < COUNT_OF(w->old_row); i++)
        w->old_row[i] = &NOTHING_ASKED;
    for (size_t i = 0; i < COUNT_OF(w->new_row); i++)
        w->new_row[i] = &NOTHING_ASKED;
    if (command != SO_CMD_INSERT) {
        w->old_row[0] = own;
        w->old_row[1] = select;
    } else if (merges) {
        w->old_row[0] = so_entity_policy(e, SO_CMD_UPDATE, p->who);
        w->old_row[1] = select;
    }
    if (command == SO_CMD_INSERT) {
        w->new_row[0] = own;
        w->new_row[1] = check;
        w->new_row[2] = returns || w->resolution != SO_RESOLUTION_NONE ? select : &NOTHING_ASKED;
    } else if (command == SO_CMD_UPDATE) {
        w->new_row[0] = changed_row_policy(p);
        w->new_row[1] = select;
    }
    if (merges)
        w->changed_row = changed_row_policy(p);
    for (size_t i = 0; i < COUNT_OF(w->new_row); i++) {
        w->checks_new_row |= asks(w->new_row[i]);
        p->needs_identity |= w->new_row[i]->kind == SO_POLICY_SQL;
    }
    for (size_t i = 0; i < COUNT_OF(w->old_row); i++)
        p->needs_identity |= w->old_row[i]->kind == SO_POLICY_SQL;
    p->needs_identity |= merges && w->changed_row->kind == SO_POLICY_SQL;
}

/* ---- the whole ---- */

static int plan_insert(struct so_rest_plan *p)
{
    struct so_write *w = &p->write;
    struct sets sets = {.end = &w->sets};
    int rc = p->request->verb == SO_VERB_PUT ? check_put(p) : SO_OK;
    if (rc == SO_OK)
        rc = plan_conflict(p);
    if (rc != SO_OK)
        return rc;
    w->missing_default = p->request->prefer.missing == SO_MISSING_DEFAULT;
    w->returns_key = p->request->verb == SO_VERB_INSERT && p->request->prefer.ret == SO_RETURN_HEADERS &&
                     p->top.entity->relation->primary != NULL;
    plan_policies(p);
    rc = set_keys(p, &sets);
    if (rc == SO_OK && w->new_row[0]->kind == SO_POLICY_DENY)
        return so_fail_http(p->err, SQL_POLICY, SO_STR_ARG(p->top.entity->relation->name));
    if (rc == SO_OK)
        rc = so_validate_body(p);
    if (rc == SO_OK)
        rc = set_defaults(p, &sets);
    w->validates_new_row = w->resolution == SO_RESOLUTION_MERGE && p->top.entity->table != NULL;
    w->is_nothing = p->request->payload.row_count == 0;
    return rc;
}

static int plan_update(struct so_rest_plan *p)
{
    struct so_write *w = &p->write;
    struct sets sets = {.end = &w->sets};
    w->missing_default = p->request->prefer.missing == SO_MISSING_DEFAULT;
    plan_policies(p);
    int rc = set_keys(p, &sets);
    w->validates_new_row = p->top.entity->table != NULL;
    w->is_nothing = w->sets == NULL || p->request->payload.row_count == 0;
    return rc;
}

int so_write_plan(struct so_rest_plan *p)
{
    if (p->top.entity->relation->is_view)
        return so_fail_http(p->err, SQL_VIEW, SO_STR_ARG(p->top.entity->relation->name));
    if (p->request->verb == SO_VERB_UPDATE)
        return plan_update(p);
    if (p->request->verb != SO_VERB_DELETE)
        return plan_insert(p);
    plan_policies(p);
    return SO_OK;
}
