/* sql.c: plan -> SQL.
 *
 *   read    SELECT outs FROM "t" t0 WHERE ... ORDER BY ... LIMIT ?
 *             a policy:  FROM (SELECT * FROM "t" WHERE policy) t0     the planner flattens it
 *             to-one:    (SELECT so_object(?shape, outs) FROM ...)    in the list of outputs
 *             to-many:   (SELECT so_rows(?shape, outs) FROM ...)
 *             !inner:    EXISTS (SELECT 1 FROM ...)                   in WHERE
 *   write   INSERT INTO "t"(...) SELECT so_value(?input, i, 0), ... FROM so_input(?input) ... RETURNING ...
 *
 * Parameters have explicit numbers.  :auth_uid, :auth_role and :auth_jwt, which policies use by name, are the numbers 1 to
 * 3: a common table expression that nobody reads names them first, wherever in the text they are used. SQLite's RETURNING
 * sees the written row under the table's own name only, so the target of a write has no alias. */
#include "model/search.h"
#include "rest/sql_int.h"

#define IDENTITY "WITH so_who(uid, role, jwt) AS (SELECT :auth_uid, :auth_role, :auth_jwt) "
enum { IDENTITY_PARAMS = 3, TEXT_FIRST = 512, PARAMS_FIRST = 8 };

void so_sqlb_start(struct so_sqlb *b, struct so_rest_plan *p)
{
    *b = (struct so_sqlb){.plan = p, .dialect = p->dialect, .cap = PARAMS_FIRST};
    so_text_init(&b->text, p->arena, TEXT_FIRST);
    b->params = so_alloc(p->arena, PARAMS_FIRST * sizeof(*b->params));
    b->text.failed |= b->params == NULL;
    if (p->needs_identity) {
        so_text_lit(&b->text, IDENTITY);
        b->base = IDENTITY_PARAMS;
    }
}

int so_sqlb_finish(const struct so_sqlb *b, struct so_sql *out)
{
    if (b->text.failed)
        return so_err_oom(b->plan->err);
    *out = (struct so_sql){so_text_get(&b->text), b->params, b->count, b->base};
    return SO_OK;
}

/* ---- parameters ---- */

int so_sqlb_add_param(struct so_sqlb *b, const struct so_param *param)
{
    if (b->text.failed)
        return 0;
    if (b->count == b->cap) {
        struct so_param *more = so_alloc(b->plan->arena, b->cap * 2 * sizeof(*more));
        if (more == NULL) {
            b->text.failed = true;
            return 0;
        }
        memcpy(more, b->params, b->count * sizeof(*more));
        b->params = more;
        b->cap *= 2;
    }
    b->params[b->count++] = *param;
    return b->base + (int)b->count;
}

void so_sqlb_put_number(struct so_sqlb *b, int number)
{
    so_text_char(&b->text, '?');
    so_text_u64(&b->text, (uint64_t)number);
}

static void put_param(struct so_sqlb *b, const struct so_param *param)
{
    so_sqlb_put_number(b, so_sqlb_add_param(b, param));
}

static void put_i64(struct so_sqlb *b, int64_t value) { put_param(b, &(struct so_param){.kind = SO_PARAM_INT, .i = value}); }

void so_sqlb_put_shape(struct so_sqlb *b, const struct so_shape *shape)
{
    put_param(b, &(struct so_param){.kind = SO_PARAM_SHAPE, .pointer = shape});
}

/* ---- columns and templates ---- */

static void put_alias(struct so_sqlb *b, const struct so_node *node)
{
    if (node->is_target) {
        so_text_name(&b->text, node->entity->relation->name);
        return;
    }
    so_text_char(&b->text, 't');
    so_text_u64(&b->text, node->number);
}

static void put_column(struct so_sqlb *b, const struct so_node *node, const struct so_column *column)
{
    put_alias(b, node);
    so_text_char(&b->text, '.');
    so_text_name(&b->text, column->name);
}

static void put_entity_column(struct so_sqlb *b, const struct so_node *node, const struct so_entity_column *column)
{
    put_alias(b, node);
    so_text_char(&b->text, '.');
    so_text_str(&b->text, column->quoted);
}

/* A value as templates around a column: $c in one is the next, the innermost one's is the column itself.
 * CAST(sum(t0."a") AS TEXT) is {"CAST($c AS TEXT)", "sum($c)"}. */
enum { LAYERS_MAX = 4 };
struct layers {
    const char *templates[LAYERS_MAX + 1]; /* the outermost first */
    int count;
    const struct so_node *node;
    const struct so_expr *expr;
    const struct so_out *spread;  /* what is innermost instead of expr, when not NULL */
    const struct so_param *value; /* $v */
    int value_number;             /* 0 until it is used: a template may use it twice */
};

static void add_layer(struct layers *l, const char *template)
{
    if (template != NULL && l->count < LAYERS_MAX)
        l->templates[l->count++] = template;
}

static void put_layer(struct so_sqlb *b, struct layers *l, int level);
static void put_spread_value(struct so_sqlb *b, const struct so_node *parent, const struct so_out *out);

/* The primary key's columns, with the node's alias or bare. */
static void put_key(struct so_sqlb *b, const struct so_node *node, bool qualified)
{
    const struct so_relation *r = node->entity->relation;
    for (size_t i = 0; r->primary != NULL && i < r->primary->column_count; i++) {
        const struct so_column *column = &r->columns[r->primary->columns[i]];
        so_text_c(&b->text, i > 0 ? ", " : "");
        if (qualified)
            put_column(b, node, column);
        else
            so_text_name(&b->text, column->name);
    }
}

static void put_index_name(struct so_sqlb *b, struct so_str table)
{
    so_text_lit(&b->text, "\"" SO_SEARCH_PREFIX);
    so_text_str(&b->text, table); /* of a schema file: letters, digits and '_' */
    so_text_lit(&b->text, SO_SEARCH_SUFFIX "\"");
}

static void put_slot(struct so_sqlb *b, struct layers *l, int level, char slot)
{
    switch (slot) {
    case 'v':
        if (l->value_number == 0)
            l->value_number = so_sqlb_add_param(b, l->value);
        so_sqlb_put_number(b, l->value_number);
        break;
    case 'p': put_param(b, &(struct so_param){.kind = SO_PARAM_TEXT, .text = l->expr->path}); break;
    case 't': so_text_name(&b->text, l->node->entity->relation->name); break;
    case 'k': put_key(b, l->node, true); break;
    case 'K': put_key(b, l->node, false); break;
    case 'x': put_index_name(b, l->node->entity->relation->name); break;
    default: put_layer(b, l, level + 1); break;
    }
}

static void put_layer(struct so_sqlb *b, struct layers *l, int level)
{
    const char *template = l->templates[level];
    if (template == NULL) {
        if (l->spread != NULL)
            put_spread_value(b, l->node, l->spread);
        else
            put_entity_column(b, l->node, l->expr->column);
        return;
    }
    for (const char *dollar; (dollar = strchr(template, '$')) != NULL; template = dollar + 2) {
        so_text_put(&b->text, template, (size_t)(dollar - template));
        put_slot(b, l, level, dollar[1]);
    }
    so_text_c(&b->text, template);
}

/* How what a path finds is read: as JSON, as text, or as a value that sorts and compares. */
enum reading { AS_WRITTEN, AS_VALUE };

static const char *path_template(const struct so_sqlb *b, const struct so_expr *e, enum reading reading)
{
    if (e->path.p == NULL)
        return NULL;
    if (e->as_text)
        return b->dialect->path_text;
    return reading == AS_VALUE ? b->dialect->path_value : b->dialect->path_json;
}

static void put_expr(struct so_sqlb *b, const struct so_node *node, const struct so_expr *e, enum reading reading)
{
    struct layers l = {.node = node, .expr = e};
    add_layer(&l, path_template(b, e, reading));
    put_layer(b, &l, 0);
}

/* A decimal is kept as text; greater and less ask for its value. */
static bool is_decimal(const struct so_expr *e) { return e->path.p == NULL && e->column->column->type == SO_TYPE_DECIMAL; }

/* ---- tables ---- */

void so_sqlb_put_guarded(struct so_sqlb *b, const struct so_entity *e, const struct so_policy *policy)
{
    if (policy->kind == SO_POLICY_ALLOW) {
        so_text_name(&b->text, e->relation->name);
        return;
    }
    so_text_lit(&b->text, "(SELECT * FROM ");
    so_text_name(&b->text, e->relation->name);
    so_text_lit(&b->text, " WHERE ");
    if (policy->kind == SO_POLICY_DENY)
        so_text_char(&b->text, '0');
    else
        so_text_str(&b->text, policy->sql);
    so_text_char(&b->text, ')');
}

static void put_from(struct so_sqlb *b, const struct so_node *node)
{
    so_text_lit(&b->text, " FROM ");
    if (node->routine != NULL)
        so_sqlb_put_call(b, node->routine);
    else
        so_sqlb_put_guarded(b, node->entity, node->policy);
    so_text_char(&b->text, ' ');
    put_alias(b, node);
    if (node->link.junction == NULL)
        return;
    so_text_lit(&b->text, ", ");
    so_sqlb_put_guarded(b, node->link.junction, node->junction_policy);
    so_text_lit(&b->text, " j");
    so_text_u64(&b->text, node->number);
}

/* " WHERE " once, " AND " after that. */
void so_sqlb_put_and(struct so_sqlb *b, bool *first)
{
    so_text_c(&b->text, *first ? " WHERE " : " AND ");
    *first = false;
}

static void put_junction_column(struct so_sqlb *b, const struct so_node *node, const struct so_column *column)
{
    so_text_char(&b->text, 'j');
    so_text_u64(&b->text, node->number);
    so_text_char(&b->text, '.');
    so_text_name(&b->text, column->name);
}

static void put_link(struct so_sqlb *b, const struct so_node *parent, const struct so_node *child, bool *first)
{
    const struct so_foreign_key *k = child->link.key, *far = child->link.far;
    for (size_t i = 0; i < k->column_count; i++) {
        const struct so_column *from = &k->from->columns[k->from_columns[i]], *to = &k->to->columns[k->to_columns[i]];
        so_sqlb_put_and(b, first);
        if (far != NULL)
            put_junction_column(b, child, from);
        else
            put_column(b, child, child->link.parent_holds_key ? to : from);
        so_text_lit(&b->text, " = ");
        put_column(b, parent, far == NULL && child->link.parent_holds_key ? from : to);
    }
    for (size_t i = 0; far != NULL && i < far->column_count; i++) {
        so_sqlb_put_and(b, first);
        put_junction_column(b, child, &far->from->columns[far->from_columns[i]]);
        so_text_lit(&b->text, " = ");
        put_column(b, child, &far->to->columns[far->to_columns[i]]);
    }
}

/* ---- conditions ---- */

static void put_where(struct so_sqlb *b, const struct so_node *node, const struct so_node *parent);

static void put_exists(struct so_sqlb *b, const struct so_node *parent, const struct so_node *child)
{
    so_text_lit(&b->text, "EXISTS (SELECT 1");
    put_from(b, child);
    put_where(b, child, parent);
    so_text_char(&b->text, ')');
}

/* data->a=eq."x": both sides in the database's one spelling of JSON. */
static void put_json_compare(struct so_sqlb *b, const struct so_node *node, const struct so_cond *c)
{
    struct layers value = {.node = node, .expr = &c->expr, .value = &c->value};
    add_layer(&value, b->dialect->json_value);
    put_expr(b, node, &c->expr, AS_WRITTEN);
    so_text_c(&b->text, b->dialect->json_operators[c->op]);
    put_layer(b, &value, 0);
}

static void put_compare(struct so_sqlb *b, const struct so_node *node, const struct so_cond *c)
{
    const struct so_dialect_operator *op = &b->dialect->operators[c->op];
    struct layers l = {.node = node, .expr = &c->expr, .value = &c->value};
    if (c->as_json) {
        put_json_compare(b, node, c);
        return;
    }
    add_layer(&l, b->nots > 0 && op->exact != NULL ? op->exact : op->sql);
    if (op->is_ordering && is_decimal(&c->expr))
        add_layer(&l, b->dialect->decimal_order);
    add_layer(&l, path_template(b, &c->expr, op->is_set ? AS_WRITTEN : AS_VALUE));
    put_layer(b, &l, 0);
}

static void put_list(struct so_sqlb *b, const struct so_node *node, const struct so_cond *list, const char *between)
{
    so_text_char(&b->text, '(');
    if (list == NULL)
        so_text_char(&b->text, '1');
    for (const struct so_cond *c = list; c != NULL; c = c->next) {
        if (c != list)
            so_text_c(&b->text, between);
        so_sqlb_put_cond(b, node, c);
    }
    so_text_char(&b->text, ')');
}

void so_sqlb_put_cond(struct so_sqlb *b, const struct so_node *node, const struct so_cond *c)
{
    b->nots += c->negated;
    if (c->negated)
        so_text_lit(&b->text, "NOT (");
    switch (c->kind) {
    case SO_COND_AND: put_list(b, node, c->sub, " AND "); break;
    case SO_COND_OR: put_list(b, node, c->sub, " OR "); break;
    case SO_COND_COMPARE: put_compare(b, node, c); break;
    case SO_COND_EMBED: put_exists(b, node, c->embed); break;
    case SO_COND_IS:
        put_expr(b, node, &c->expr, AS_VALUE);
        so_text_c(&b->text, b->dialect->is[c->is]);
        break;
    }
    if (c->negated)
        so_text_char(&b->text, ')');
    b->nots -= c->negated;
}

/* The link to the parent (NULL for the top), the node's own conditions, and what !inner asks. */
static void put_where(struct so_sqlb *b, const struct so_node *node, const struct so_node *parent)
{
    bool first = true;
    if (parent != NULL)
        put_link(b, parent, node, &first);
    for (const struct so_cond *c = node->where; c != NULL; c = c->next) {
        so_sqlb_put_and(b, &first);
        so_sqlb_put_cond(b, node, c);
    }
    for (const struct so_node *child = node->children; child != NULL; child = child->next)
        if (child->join == SO_JOIN_INNER) {
            so_sqlb_put_and(b, &first);
            put_exists(b, node, child);
        }
}

/* ---- outputs ---- */

static void put_tail(struct so_sqlb *b, const struct so_node *node);

/* A to-many resource that is sorted, cut or grouped, or any that is wide, needs its rows first and the JSON after that. */
static bool needs_inner_select(const struct so_node *node)
{
    return node->sorts != NULL || node->shape.field_count > SO_SHAPE_CELLS_MAX || node->limit >= 0 || node->offset > 0 ||
           node->has_aggregates;
}

static void put_embed(struct so_sqlb *b, const struct so_node *parent, const struct so_node *child)
{
    bool to_one = so_link_is_to_one(&child->link), wide = child->shape.field_count > SO_SHAPE_CELLS_MAX;
    so_text_lit(&b->text, "(SELECT ");
    so_text_c(&b->text, to_one ? b->dialect->object : b->dialect->rows);
    if (!wide && (to_one || !needs_inner_select(child))) {
        so_sqlb_put_shape(b, &child->shape);
        so_text_lit(&b->text, ", ");
        so_sqlb_put_outs(b, child, false);
        so_text_char(&b->text, ')');
        put_from(b, child);
        put_where(b, child, parent);
        so_text_char(&b->text, ')');
        return;
    }
    so_sqlb_put_cells(b, &child->shape);
    so_text_lit(&b->text, ") FROM (SELECT ");
    so_sqlb_put_outs(b, child, true);
    put_from(b, child);
    put_where(b, child, parent);
    if (!to_one)
        put_tail(b, child);
    so_text_lit(&b->text, "))");
}

static void put_spread(struct so_sqlb *b, const struct so_node *parent, const struct so_out *out);

static const char *cast_template(const struct so_sqlb *b, enum so_type from, enum so_type to)
{
    return from == SO_TYPE_BOOLEAN && to == SO_TYPE_TEXT ? b->dialect->cast_boolean_text : b->dialect->casts[to];
}

static const char *aggregate_template(const struct so_sqlb *b, const struct so_out *out)
{
    return out->kind == SO_OUT_COUNT ? "count(*)" : b->dialect->aggregates[out->aggregate];
}

/* a->b::int.sum()::text, from the outside in. */
static void put_plain(struct so_sqlb *b, const struct so_node *node, const struct so_out *out, bool aggregated)
{
    struct layers l = {.node = node, .expr = &out->expr};
    if (aggregated && out->has_aggregate_cast)
        add_layer(&l, b->dialect->casts[out->aggregate_cast]);
    if (aggregated)
        add_layer(&l, aggregate_template(b, out));
    if (out->has_cast)
        add_layer(&l, cast_template(b, out->from, out->cast));
    if (out->kind == SO_OUT_EXPR)
        add_layer(&l, path_template(b, &out->expr, AS_WRITTEN));
    put_layer(b, &l, 0);
}

static void put_out(struct so_sqlb *b, const struct so_node *node, const struct so_out *out)
{
    switch (out->kind) {
    case SO_OUT_STAR: /* only of a database that resolves it */
    case SO_OUT_EXPR:
    case SO_OUT_COUNT: put_plain(b, node, out, true); break;
    case SO_OUT_EMBED: put_embed(b, node, out->child); break;
    case SO_OUT_SPREAD: put_spread(b, node, out); break;
    }
}

/* The spread column itself, without what aggregates it. */
static void put_spread_value(struct so_sqlb *b, const struct so_node *parent, const struct so_out *out)
{
    so_text_lit(&b->text, "(SELECT ");
    if (out->inner->kind == SO_OUT_SPREAD && out->is_aggregate)
        put_spread_value(b, out->child, out->inner);
    else if (out->is_aggregate)
        put_plain(b, out->child, out->inner, false);
    else
        put_out(b, out->child, out->inner);
    put_from(b, out->child);
    put_where(b, out->child, parent);
    so_text_char(&b->text, ')');
}

/* ...rel(col.sum()) of a to-one resource sums over the parent's rows. */
static void put_spread_aggregate(struct so_sqlb *b, const struct so_node *parent, const struct so_out *out)
{
    struct layers l = {.node = parent, .spread = out};
    const struct so_out *leaf = out;
    while (leaf->kind == SO_OUT_SPREAD)
        leaf = leaf->inner;
    if (leaf->has_aggregate_cast)
        add_layer(&l, b->dialect->casts[leaf->aggregate_cast]);
    add_layer(&l, aggregate_template(b, leaf));
    put_layer(b, &l, 0);
}

/* Each column of a to-many resource is an array of its own, all in the same order. */
static void put_spread_array(struct so_sqlb *b, const struct so_node *parent, const struct so_out *out)
{
    const struct so_node *child = out->child;
    bool nested = needs_inner_select(child);
    so_text_lit(&b->text, "(SELECT ");
    so_text_c(&b->text, b->dialect->values);
    so_sqlb_put_shape(b, &out->element);
    so_text_c(&b->text, nested ? ", c0) FROM (SELECT " : ", ");
    put_out(b, child, out->inner);
    so_text_c(&b->text, nested ? " AS c0" : ")");
    put_from(b, child);
    put_where(b, child, parent);
    if (nested)
        put_tail(b, child);
    so_text_c(&b->text, nested ? "))" : ")");
}

static void put_spread(struct so_sqlb *b, const struct so_node *parent, const struct so_out *out)
{
    if (!so_link_is_to_one(&out->child->link))
        put_spread_array(b, parent, out);
    else if (out->is_aggregate)
        put_spread_aggregate(b, parent, out);
    else
        put_spread_value(b, parent, out);
}

/* named: AS c0, c1, ... for the select around it. */
void so_sqlb_put_outs(struct so_sqlb *b, const struct so_node *node, bool named)
{
    size_t i = 0;
    for (const struct so_out *out = node->outs; out != NULL; out = out->next, i++) {
        if (i > 0)
            so_text_lit(&b->text, ", ");
        put_out(b, node, out);
        if (named) {
            so_text_lit(&b->text, " AS c");
            so_text_u64(&b->text, i);
        }
    }
    if (i == 0)
        so_text_char(&b->text, '1'); /* select=: rows without columns */
}

/* ---- GROUP BY, ORDER BY, LIMIT ---- */

static void put_group(struct so_sqlb *b, const struct so_node *node)
{
    const char *before = " GROUP BY ";
    size_t position = 1;
    for (const struct so_out *out = node->outs; node->has_aggregates && out != NULL; out = out->next, position++) {
        if (out->is_aggregate)
            continue;
        so_text_c(&b->text, before);
        so_text_u64(&b->text, position);
        before = ", ";
    }
}

static void put_sort_key(struct so_sqlb *b, const struct so_node *node, const struct so_sort *sort)
{
    struct layers l = {.node = node, .expr = &sort->expr};
    add_layer(&l, is_decimal(&sort->expr) ? b->dialect->decimal_order : path_template(b, &sort->expr, AS_VALUE));
    put_layer(b, &l, 0);
}

/* PostgreSQL takes NULL for the largest value.  Where no NULL can be, nothing is said, so that an index can serve. */
static void put_nulls(struct so_sqlb *b, const struct so_sort *sort)
{
    bool never = sort->related == NULL && sort->expr.path.p == NULL && sort->expr.column->column->not_null;
    bool first = sort->nulls == SO_NULLS_DEFAULT ? sort->descending : sort->nulls == SO_NULLS_FIRST;
    if (!never && first != (b->dialect->nulls_are_smallest != sort->descending))
        so_text_c(&b->text, first ? " NULLS FIRST" : " NULLS LAST");
}

static void put_tail(struct so_sqlb *b, const struct so_node *node)
{
    put_group(b, node);
    for (const struct so_sort *sort = node->sorts; sort != NULL; sort = sort->next) {
        so_text_c(&b->text, sort == node->sorts ? " ORDER BY " : ", ");
        if (sort->related != NULL) {
            so_text_lit(&b->text, "(SELECT ");
            put_sort_key(b, sort->related, sort);
            put_from(b, sort->related);
            put_where(b, sort->related, node);
            so_text_char(&b->text, ')');
        } else {
            put_sort_key(b, node, sort);
        }
        if (sort->descending)
            so_text_lit(&b->text, " DESC");
        put_nulls(b, sort);
    }
    if (node->limit >= 0 || node->offset > 0) {
        so_text_lit(&b->text, " LIMIT ");
        put_i64(b, node->limit);
    }
    if (node->offset > 0) {
        so_text_lit(&b->text, " OFFSET ");
        put_i64(b, node->offset);
    }
}

/* ---- reads ---- */

int so_sql_read(struct so_rest_plan *p, struct so_sql *out)
{
    struct so_sqlb b;
    so_sqlb_start(&b, p);
    so_text_lit(&b.text, "SELECT ");
    so_sqlb_put_outs(&b, &p->top, false);
    put_from(&b, &p->top);
    put_where(&b, &p->top, NULL);
    put_tail(&b, &p->top);
    return so_sqlb_finish(&b, out);
}

int so_sql_count(struct so_rest_plan *p, struct so_sql *out)
{
    struct so_sqlb b;
    so_sqlb_start(&b, p);
    bool grouped = p->top.has_aggregates;
    so_text_c(&b.text, grouped ? "SELECT count(*) FROM (SELECT " : "SELECT count(*)");
    if (grouped)
        so_sqlb_put_outs(&b, &p->top, true);
    put_from(&b, &p->top);
    put_where(&b, &p->top, NULL);
    if (grouped) {
        put_group(&b, &p->top);
        so_text_char(&b.text, ')');
    }
    return so_sqlb_finish(&b, out);
}
