/* pg_select.c: a node of the plan and what it embeds as a SELECT (PostgREST, QueryBuilder.hs: readPlanToQuery).
 *
 *   to one    LEFT JOIN LATERAL (SELECT ...) AS "a_b_1" ON TRUE           row_to_json("a_b_1".*)::jsonb AS "b"
 *   to many   ... (SELECT json_agg("a_b_1") AS "a_b_1" FROM (SELECT ...) AS "a_b_1") ...  COALESCE("a_b_1"."a_b_1", '[]')
 *   spread    the same joins; each of the child's columns is one of the parent
 *
 * Aggregates of a to-one spread are computed by the parent, over the rows that it groups: the child passes the bare column
 * on.  The order of a to-many spread becomes that of each column's array. */
#include "rest/errors.h"
#include "rest/pg.h"

static bool is_to_one(const struct so_node *n) { return so_link_is_to_one(&n->link); }
static bool is_to_one_spread(const struct so_node *n) { return n->depth > 0 && n->is_spread && is_to_one(n); }
static bool is_to_many_spread(const struct so_node *n) { return n->depth > 0 && n->is_spread && !is_to_one(n); }

static void put_comma(struct so_sqlb *b, bool *first)
{
    so_text_c(&b->text, *first ? "" : ", ");
    *first = false;
}

static void put_as(struct so_sqlb *b, struct so_str alias)
{
    if (alias.p == NULL)
        return;
    so_text_lit(&b->text, " AS ");
    so_text_name(&b->text, alias);
}

/* ---- one output ---- */

static const struct so_str AGGREGATE_NAMES[] = {
    [SO_AGG_SUM] = SO_STR_INIT("sum"), [SO_AGG_AVG] = SO_STR_INIT("avg"), [SO_AGG_COUNT] = SO_STR_INIT("count"),
    [SO_AGG_MAX] = SO_STR_INIT("max"), [SO_AGG_MIN] = SO_STR_INIT("min"),
};

/* CAST(SUM(value) AS type): before(), the value, after(). */
static void before_aggregate(struct so_sqlb *b, const struct so_out *out)
{
    if (out->aggregate_cast_name.p != NULL)
        so_text_lit(&b->text, "CAST( ");
    so_text_c(&b->text, b->dialect->aggregates[out->aggregate]);
}

static void after_aggregate(struct so_sqlb *b, const struct so_out *out)
{
    so_text_char(&b->text, ')');
    if (out->aggregate_cast_name.p == NULL)
        return;
    so_text_lit(&b->text, " AS ");
    so_text_str(&b->text, out->aggregate_cast_name);
    so_text_lit(&b->text, " )");
}

/* The function that says how a column's values look in JSON, when the value goes out as it is. */
static struct so_str output_function(const struct so_out *out)
{
    bool plain = out->kind == SO_OUT_EXPR && out->expr.column != NULL && out->expr.field->path == NULL &&
                 out->aggregate == SO_AGG_NONE;
    return plain ? out->expr.column->column->to_json : (struct so_str){NULL, 0};
}

static void put_field_value(struct so_sqlb *b, const struct so_node *node, const struct so_out *out)
{
    struct so_str function = output_function(out);
    so_text_str(&b->text, function);
    so_text_c(&b->text, function.n > 0 ? "(" : "");
    so_pg_put_field(b, node, &out->expr);
    so_text_c(&b->text, function.n > 0 ? ")" : "");
}

static void put_cast_field(struct so_sqlb *b, const struct so_node *node, const struct so_out *out)
{
    if (out->kind == SO_OUT_COUNT) {
        so_pg_put_source(b, node);
        so_text_c(&b->text, is_to_one_spread(node) ? "" : ".*");
        return;
    }
    bool is_decimal = out->expr.column != NULL && so_entity_column_is_decimal(out->expr.column) &&
                      out->expr.field->path == NULL && out->aggregate == SO_AGG_NONE;
    struct so_str cast = out->cast_name.p == NULL && is_decimal ? SO_STR("text") : out->cast_name;
    if (cast.p != NULL)
        so_text_lit(&b->text, "CAST( ");
    put_field_value(b, node, out);
    if (cast.p == NULL)
        return;
    so_text_lit(&b->text, " AS ");
    so_text_str(&b->text, cast); /* the grammar allows letters, digits, blanks and brackets only */
    so_text_lit(&b->text, " )");
}

/* The column's name in the statement's result. */
static struct so_str result_name(const struct so_node *node, const struct so_out *out)
{
    if (out->alias.p != NULL)
        return out->alias;
    if (out->aggregate != SO_AGG_NONE && (is_to_one_spread(node) || out->kind == SO_OUT_COUNT))
        return AGGREGATE_NAMES[out->aggregate];
    return out->aggregate != SO_AGG_NONE ? AGGREGATE_NAMES[out->aggregate] : out->expr.field->name;
}

static void put_item(struct so_sqlb *b, const struct so_node *node, const struct so_out *out)
{
    bool hoisted = is_to_one_spread(node);
    bool aggregates = out->aggregate != SO_AGG_NONE && !hoisted;
    if (aggregates)
        before_aggregate(b, out);
    put_cast_field(b, node, out);
    if (aggregates)
        after_aggregate(b, out);
    bool is_named = (hoisted && out->aggregate != SO_AGG_NONE) || output_function(out).n > 0;
    put_as(b, is_named ? result_name(node, out) : out->alias);
}

/* ---- stars ---- */

static bool has_output_function(const struct so_relation *r)
{
    for (size_t i = 0; i < r->column_count; i++)
        if (r->columns[i].to_json.n > 0)
            return true;
    return false;
}

/* Grouping, arrays of columns and functions of columns need their names. */
static bool expands_star(const struct so_node *node)
{
    const struct so_relation *r = node->entity->relation;
    return r->column_count > 0 &&
           (node->expands_star || is_to_many_spread(node) || (!node->keeps_domains && has_output_function(r)));
}

static void put_star_column(struct so_sqlb *b, const struct so_node *node, const struct so_entity_column *column,
                            bool grouping)
{
    bool converts = !grouping && column->column->to_json.n > 0;
    if (converts) {
        so_text_str(&b->text, column->column->to_json);
        so_text_char(&b->text, '(');
    }
    so_pg_put_source(b, node);
    so_text_char(&b->text, '.');
    so_text_str(&b->text, column->quoted);
    if (converts) {
        so_text_lit(&b->text, ") AS ");
        so_text_str(&b->text, column->quoted);
    }
}

static void put_star(struct so_sqlb *b, const struct so_node *node, bool grouping)
{
    const struct so_entity *e = node->entity;
    bool first = true;
    if (!expands_star(node)) {
        so_pg_put_source(b, node);
        so_text_lit(&b->text, ".*");
        return;
    }
    for (size_t i = 0; i < e->relation->column_count; i++) {
        put_comma(b, &first);
        put_star_column(b, node, &e->columns[i], grouping);
    }
}

/* ---- spreads ---- */

/* The columns that a spread child gives its parent, in the order of its select: calls each() with the name of each. */
struct spread {
    struct so_sqlb *b;
    const struct so_node *parent, *child;
    struct so_str join;
    bool first;
    /* out is NULL for a column of a star or an embedded resource; aggregate: to be computed by the parent */
    void (*each)(struct spread *s, struct so_str name, const struct so_out *out);
};

static void walk_spread(struct spread *s, const struct so_node *node)
{
    for (const struct so_out *out = node->outs; out != NULL; out = out->next) {
        switch (out->kind) {
        case SO_OUT_STAR:
            if (!expands_star(node)) {
                s->each(s, (struct so_str){NULL, 0}, NULL);
                break;
            }
            for (size_t i = 0; i < node->entity->relation->column_count; i++)
                s->each(s, node->entity->relation->columns[i].name, NULL);
            break;
        case SO_OUT_EMBED: s->each(s, out->child->alias.p != NULL ? out->child->alias : out->child->name, NULL); break;
        case SO_OUT_SPREAD: walk_spread(s, out->child); break;
        default: s->each(s, result_name(node, out), is_to_one_spread(node) ? out : NULL); break;
        }
    }
}

static void put_join_column(struct spread *s, struct so_str name)
{
    so_text_name(&s->b->text, s->join);
    so_text_char(&s->b->text, '.');
    if (name.p == NULL)
        so_text_char(&s->b->text, '*');
    else
        so_text_name(&s->b->text, name);
}

static void put_spread_item(struct spread *s, struct so_str name, const struct so_out *out)
{
    bool aggregates = out != NULL && out->aggregate != SO_AGG_NONE && !is_to_one_spread(s->parent);
    put_comma(s->b, &s->first);
    if (aggregates)
        before_aggregate(s->b, out);
    put_join_column(s, name);
    if (aggregates) {
        after_aggregate(s->b, out);
        put_as(s->b, name);
    }
}

static void put_spread_array(struct spread *s, struct so_str name, const struct so_out *out)
{
    (void)out;
    const struct so_node *child = s->child;
    unsigned i = 0;
    so_text_lit(&s->b->text, ", COALESCE(json_agg(");
    put_join_column(s, name);
    for (const struct so_sort *sort = child->sorts; sort != NULL; sort = sort->next) {
        static const char *const NULLS[] = {"", " NULLS FIRST", " NULLS LAST"};
        so_text_c(&s->b->text, sort == child->sorts ? " ORDER BY " : ", ");
        put_join_column(s, so_arena_printf(s->b->plan->arena, "%.*s_%.*s_%u", SO_STR_ARG(s->join),
                                           SO_STR_ARG(sort->expr.field->name), ++i));
        so_text_c(&s->b->text, sort->descending ? " DESC" : "");
        so_text_c(&s->b->text, NULLS[sort->nulls]);
    }
    so_text_lit(&s->b->text, "),'[]')::jsonb AS ");
    so_text_name(&s->b->text, name);
}

static void put_spread_group(struct spread *s, struct so_str name, const struct so_out *out)
{
    if (out != NULL && out->aggregate != SO_AGG_NONE)
        return;
    so_text_c(&s->b->text, s->first ? " GROUP BY " : ", ");
    s->first = false;
    put_join_column(s, name);
}

/* ---- the list of outputs ---- */

static void put_embed_item(struct so_sqlb *b, const struct so_node *child)
{
    struct so_str join = so_pg_join_name(b, child);
    if (is_to_one(child)) {
        so_text_lit(&b->text, "row_to_json(");
        so_text_name(&b->text, join);
        so_text_lit(&b->text, ".*)::jsonb");
    } else {
        so_text_lit(&b->text, "COALESCE( ");
        so_text_name(&b->text, join);
        so_text_char(&b->text, '.');
        so_text_name(&b->text, join);
        so_text_lit(&b->text, ", '[]')");
    }
    put_as(b, child->alias.p != NULL ? child->alias : child->name);
}

static struct so_str order_name(struct so_sqlb *b, const struct so_node *node, const struct so_sort *sort, unsigned i)
{
    return so_arena_printf(b->plan->arena, "%.*s_%.*s_%u", SO_STR_ARG(so_pg_join_name(b, node)),
                           SO_STR_ARG(sort->expr.field->name), i);
}

static void put_sort_field(struct so_sqlb *b, const struct so_node *node, const struct so_sort *sort);

static void put_items(struct so_sqlb *b, const struct so_node *node)
{
    bool first = true;
    unsigned i = 0;
    if (node->outs == NULL && node->children == NULL) {
        so_pg_put_source(b, node);
        so_text_lit(&b->text, ".*");
        first = false;
    }
    for (const struct so_out *out = node->outs; out != NULL; out = out->next) {
        if (out->kind == SO_OUT_SPREAD) {
            struct spread s = {b, node, out->child, so_pg_join_name(b, out->child), first, put_spread_item};
            walk_spread(&s, out->child);
            first = s.first;
            continue;
        }
        put_comma(b, &first);
        if (out->kind == SO_OUT_EMBED)
            put_embed_item(b, out->child);
        else if (out->kind == SO_OUT_STAR)
            put_star(b, node, false);
        else
            put_item(b, node, out);
    }
    for (const struct so_sort *sort = node->sorts; is_to_many_spread(node) && sort != NULL; sort = sort->next) {
        put_comma(b, &first);
        put_sort_field(b, node, sort);
        put_as(b, order_name(b, node, sort, ++i));
    }
}

/* ---- FROM, WHERE, GROUP BY, ORDER BY ---- */

static void put_from(struct so_sqlb *b, const struct so_node *node, const struct so_node *parent)
{
    const struct so_relation *r = node->entity->relation;
    const struct so_link *l = &node->link;
    so_text_lit(&b->text, " FROM ");
    if (node->depth == 0 && (node->is_target || node->proc != NULL)) {
        so_text_lit(&b->text, "pgrst_source AS ");
        so_text_name(&b->text, r->name);
        return;
    }
    if (l->computed != NULL) {
        so_pg_put_table(b, l->computed->schema, l->computed->name);
        so_text_char(&b->text, '(');
        if (parent->depth > 0 && parent->link.cardinality != SO_MANY_TO_MANY)
            so_pg_put_source(b, parent);
        else
            so_text_name(&b->text, parent->entity->relation->name);
        so_text_lit(&b->text, "::");
        so_pg_put_table(b, l->from->relation->schema, l->from->relation->name);
        so_text_char(&b->text, ')');
    } else {
        so_pg_put_table(b, r->schema, r->name);
    }
    if (node->depth > 0 && l->cardinality != SO_MANY_TO_MANY) {
        so_text_lit(&b->text, " AS ");
        so_pg_put_source(b, node);
    }
    if (l->junction != NULL) {
        so_text_lit(&b->text, ", ");
        so_pg_put_table(b, l->junction->relation->schema, l->junction->relation->name);
    }
}

static void put_column(struct so_sqlb *b, const struct so_node *node, const struct so_column *column)
{
    so_pg_put_source(b, node);
    so_text_char(&b->text, '.');
    so_text_name(&b->text, column->name);
}

static void put_junction_column(struct so_sqlb *b, const struct so_link *l, const struct so_column *column)
{
    so_pg_put_table(b, l->junction->relation->schema, l->junction->relation->name);
    so_text_char(&b->text, '.');
    so_text_name(&b->text, column->name);
}

static void put_link(struct so_sqlb *b, const struct so_node *node, const struct so_node *parent, bool *first)
{
    const struct so_link *l = &node->link;
    const struct so_foreign_key *k = l->key, *far = l->far;
    if (l->computed != NULL)
        return;
    for (size_t i = 0; far != NULL && i < far->column_count; i++) {
        so_sqlb_put_and(b, first);
        put_junction_column(b, l, &far->from->columns[far->from_columns[i]]);
        so_text_lit(&b->text, " = ");
        put_column(b, node, &far->to->columns[far->to_columns[i]]);
    }
    for (size_t i = 0; i < k->column_count; i++) {
        const struct so_column *from = &k->from->columns[k->from_columns[i]], *to = &k->to->columns[k->to_columns[i]];
        so_sqlb_put_and(b, first);
        if (far != NULL)
            put_junction_column(b, l, from);
        else
            put_column(b, node, l->parent_holds_key ? to : from);
        so_text_lit(&b->text, " = ");
        put_column(b, parent, far == NULL && l->parent_holds_key ? from : to);
    }
}

/* The conditions of a write's top have found its rows already. */
static void put_conditions(struct so_sqlb *b, const struct so_node *node, const struct so_node *parent, bool counting,
                           bool *first)
{
    for (const struct so_cond *c = node->is_target ? NULL : node->where; c != NULL; c = c->next) {
        so_sqlb_put_and(b, first);
        so_pg_put_cond(b, node, c, counting);
    }
    if (parent != NULL)
        put_link(b, node, parent, first);
}

static bool child_aggregates(const struct so_node *node)
{
    for (const struct so_node *c = node->children; c != NULL; c = c->next)
        if (is_to_one_spread(c) && (c->has_aggregates || child_aggregates(c)))
            return true;
    return false;
}

static void put_group(struct so_sqlb *b, const struct so_node *node)
{
    bool first = true;
    if (is_to_one_spread(node) || (!node->has_aggregates && !child_aggregates(node)))
        return;
    for (const struct so_out *out = node->outs; out != NULL; out = out->next) {
        if (out->kind == SO_OUT_SPREAD) {
            struct spread s = {b, node, out->child, so_pg_join_name(b, out->child), first, put_spread_group};
            walk_spread(&s, out->child);
            first = s.first;
            continue;
        }
        if (out->aggregate != SO_AGG_NONE)
            continue;
        so_text_c(&b->text, first ? " GROUP BY " : ", ");
        first = false;
        if (out->kind == SO_OUT_STAR)
            put_star(b, node, true);
        else if (out->kind == SO_OUT_EMBED)
            so_text_name(&b->text, out->child->alias.p != NULL ? out->child->alias : out->child->name);
        else if (out->alias.p != NULL)
            so_text_name(&b->text, out->alias);
        else
            so_pg_put_field(b, node, &out->expr);
    }
}

static void put_sort_field(struct so_sqlb *b, const struct so_node *node, const struct so_sort *sort)
{
    if (sort->related == NULL) {
        so_pg_put_field(b, node, &sort->expr);
        return;
    }
    struct so_node as = {.entity = sort->related->entity};
    struct so_relation named = {.name = so_pg_join_name(b, sort->related)};
    struct so_entity entity = {.relation = &named};
    struct so_expr expr = {.field = sort->expr.field};
    as.entity = &entity;
    as.is_target = true; /* so that the join's name stands alone */
    so_pg_put_field(b, &as, &expr);
}

static void put_order(struct so_sqlb *b, const struct so_node *node)
{
    static const char *const NULLS[] = {
        [SO_NULLS_DEFAULT] = "", [SO_NULLS_FIRST] = " NULLS FIRST", [SO_NULLS_LAST] = " NULLS LAST"};
    for (const struct so_sort *sort = is_to_many_spread(node) ? NULL : node->sorts; sort != NULL; sort = sort->next) {
        so_text_c(&b->text, sort == node->sorts ? " ORDER BY " : ", ");
        put_sort_field(b, node, sort);
        so_text_c(&b->text, sort->descending ? " DESC" : "");
        so_text_c(&b->text, NULLS[sort->nulls]);
    }
}

static void put_range(struct so_sqlb *b, const struct so_node *node)
{
    if (node->is_target || (node->limit < 0 && node->offset == 0))
        return;
    so_text_lit(&b->text, " LIMIT ");
    if (node->limit < 0)
        so_text_lit(&b->text, "ALL");
    else
        so_pg_put_int(b, node->limit);
    so_text_lit(&b->text, " OFFSET ");
    so_pg_put_int(b, node->offset);
}

/* ---- joins ---- */

static void put_array(struct so_sqlb *b, const struct so_node *node, const struct so_node *child, struct so_str join)
{
    so_text_lit(&b->text, "SELECT json_agg(");
    so_text_name(&b->text, join);
    so_text_lit(&b->text, ")::jsonb AS ");
    so_text_name(&b->text, join);
    if (child->is_spread) {
        struct spread s = {b, node, child, join, true, put_spread_array};
        walk_spread(&s, child);
    }
    so_text_lit(&b->text, " FROM (");
    so_pg_put_select(b, child, node);
    so_text_lit(&b->text, " ) AS ");
    so_text_name(&b->text, join);
}

static void put_join(struct so_sqlb *b, const struct so_node *node, const struct so_node *child)
{
    struct so_str join = so_pg_join_name(b, child);
    bool inner = child->join == SO_JOIN_INNER;
    so_text_c(&b->text, inner ? " INNER JOIN LATERAL ( " : " LEFT JOIN LATERAL ( ");
    if (is_to_one(child))
        so_pg_put_select(b, child, node);
    else
        put_array(b, node, child, join);
    so_text_lit(&b->text, " ) AS ");
    so_text_name(&b->text, join);
    so_text_lit(&b->text, " ON ");
    if (inner && !is_to_one(child)) {
        so_text_name(&b->text, join);
        so_text_lit(&b->text, " IS NOT NULL");
    } else {
        so_text_lit(&b->text, "TRUE");
    }
}

void so_pg_put_select(struct so_sqlb *b, const struct so_node *node, const struct so_node *parent)
{
    bool first = true;
    so_text_lit(&b->text, "SELECT ");
    put_items(b, node);
    put_from(b, node, parent);
    for (const struct so_node *child = node->children; child != NULL; child = child->next)
        put_join(b, node, child);
    put_conditions(b, node, parent, false, &first);
    put_group(b, node);
    put_order(b, node);
    put_range(b, node);
}

void so_pg_put_count(struct so_sqlb *b, const struct so_node *node, const struct so_node *parent)
{
    bool first = true;
    so_text_lit(&b->text, "SELECT 1");
    put_from(b, node, parent);
    put_conditions(b, node, parent, true, &first);
    for (const struct so_node *child = node->children; child != NULL; child = child->next) {
        if (child->join != SO_JOIN_INNER)
            continue;
        so_sqlb_put_and(b, &first);
        so_text_lit(&b->text, "EXISTS (");
        so_pg_put_count(b, child, node);
        so_text_lit(&b->text, " )");
    }
}
