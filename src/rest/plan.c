/* plan.c: the tree of what is read: columns, embedded relations, conditions, order, range.
 *
 *   make_node     select= against the catalog, top down
 *   apply_scopes  each filter, order and limit to the node that its path names
 *
 * A write reads, too: its top node is what RETURNING gives. */
#include "rest/plan.h"

#include "rest/dialect.h"
#include "rest/errors.h"

/* ---- outputs ---- */

struct outs {
    const struct so_out **end;
    size_t count;
};

static struct so_out *add_out(struct so_rest_plan *p, struct outs *outs)
{
    struct so_out *out = so_alloc_zero(p->arena, sizeof(*out));
    if (out == NULL) {
        so_err_oom(p->err);
        return NULL;
    }
    *outs->end = out;
    outs->end = &out->next;
    outs->count++;
    return out;
}

static int name_out(struct so_rest_plan *p, struct so_out *out, struct so_str key)
{
    out->field.key = so_field_key(p->arena, key);
    return out->field.key.p == NULL ? so_err_oom(p->err) : SO_OK;
}

/* A decimal is a text in JSON, which PostgreSQL has to be told. */
static bool has_decimal(const struct so_entity *e)
{
    for (size_t i = 0; i < e->relation->column_count; i++)
        if (so_entity_column_is_decimal(&e->columns[i]))
            return true;
    return false;
}

static int add_star(struct so_rest_plan *p, const struct so_node *node, struct outs *outs)
{
    const struct so_entity *e = node->entity;
    if (p->dialect->resolves_itself && !so_entity_hides(e, p->who) && !has_decimal(e)) {
        struct so_out *out = add_out(p, outs);
        if (out != NULL)
            out->kind = SO_OUT_STAR;
        return out == NULL ? SO_ENOMEM : SO_OK;
    }
    for (size_t i = 0; i < e->relation->column_count; i++) {
        if (so_entity_column_hidden(&e->columns[i], p->who))
            continue;
        struct so_out *out = add_out(p, outs);
        struct so_field_name *name = so_alloc_zero(p->arena, sizeof(*name));
        if (out == NULL)
            return SO_ENOMEM;
        if (name == NULL)
            return so_err_oom(p->err);
        name->name = e->columns[i].column->name;
        out->expr.column = &e->columns[i];
        out->expr.field = name;
        out->field = e->columns[i].field;
    }
    return SO_OK;
}

/* The key of data->a->0->b is b; of data->0 it is data. */
static struct so_str default_key(const struct so_field_name *field)
{
    struct so_str key = field->name;
    for (const struct so_json_step *s = field->path; s != NULL; s = s->next)
        if (!s->is_index)
            key = s->key;
    return key;
}

static int set_cast(struct so_rest_plan *p, struct so_str name, struct so_out *out)
{
    out->from = out->field.type;
    out->has_cast = true;
    out->cast_name = name;
    if (p->dialect->resolves_itself)
        return SO_OK;
    if (!so_type_find(name, &out->cast))
        return so_fail_http(p->err, SQL_CANNOT_CAST, SO_STR_ARG(name));
    out->field.kind = SO_FIELD_VALUE;
    out->field.type = out->cast;
    return SO_OK;
}

static int set_aggregate_cast(struct so_rest_plan *p, struct so_str name, struct so_out *out)
{
    if (name.p == NULL)
        return SO_OK;
    out->aggregate_cast_name = name;
    if (p->dialect->resolves_itself)
        return SO_OK;
    if (!so_type_find(name, &out->aggregate_cast))
        return so_fail_http(p->err, SQL_CANNOT_CAST, SO_STR_ARG(name));
    out->has_aggregate_cast = true;
    out->field.type = out->aggregate_cast;
    return SO_OK;
}

static const struct {
    const char *name;
    bool keeps_type;
    enum so_type type;
} AGGREGATES[] = {
    [SO_AGG_SUM] = {"sum", true, 0},
    [SO_AGG_AVG] = {"avg", false, SO_TYPE_NUMERIC},
    [SO_AGG_COUNT] = {"count", false, SO_TYPE_INTEGER},
    [SO_AGG_MAX] = {"max", true, 0},
    [SO_AGG_MIN] = {"min", true, 0},
};

static int set_aggregate(struct so_rest_plan *p, struct so_node *node, const struct so_select *item, struct so_out *out)
{
    out->aggregate = item->aggregate;
    out->is_aggregate = true;
    node->has_aggregates = true;
    if (!p->settings->aggregates)
        return so_fail_http(p->err, PGRST123);
    if (!AGGREGATES[item->aggregate].keeps_type)
        out->field.type = AGGREGATES[item->aggregate].type;
    return set_aggregate_cast(p, item->aggregate_cast, out);
}

/* count(), and the older spelling count where no column has that name.  Counting tells nothing that Content-Range does not
 * tell, so it needs no setting as the other aggregates do. */
static bool is_count(const struct so_rest_plan *p, const struct so_node *node, const struct so_select *item)
{
    return item->kind == SO_SELECT_COUNT ||
           (!p->dialect->resolves_itself && so_str_eq(item->field.name, SO_STR("count")) && item->field.path == NULL &&
            item->aggregate == SO_AGG_NONE && so_relation_column(node->entity->relation, item->field.name) == NULL);
}

static int add_count(struct so_rest_plan *p, struct so_node *node, const struct so_select *item, struct outs *outs)
{
    struct so_out *out = add_out(p, outs);
    if (out == NULL)
        return SO_ENOMEM;
    node->has_aggregates = true;
    out->kind = SO_OUT_COUNT;
    out->aggregate = SO_AGG_COUNT;
    out->alias = item->alias;
    out->is_aggregate = true;
    out->field.type = SO_TYPE_INTEGER;
    int rc = set_aggregate_cast(p, item->aggregate_cast, out);
    return rc != SO_OK ? rc : name_out(p, out, item->alias.p != NULL ? item->alias : SO_STR("count"));
}

/* A field that the database resolves: a name, a path, a cast, as they stand. */
static int add_unresolved(struct so_rest_plan *p, struct so_node *node, const struct so_select *item, struct outs *outs)
{
    struct so_out *out = add_out(p, outs);
    if (out == NULL)
        return SO_ENOMEM;
    int rc = so_expr_resolve(p, node->entity, &item->field, &out->expr);
    out->cast_name = item->cast;
    out->alias = item->alias;
    if (out->alias.p == NULL && item->aggregate == SO_AGG_NONE && item->field.path != NULL)
        out->alias = default_key(&item->field);
    return rc == SO_OK && item->aggregate != SO_AGG_NONE ? set_aggregate(p, node, item, out) : rc;
}

static int add_field(struct so_rest_plan *p, struct so_node *node, const struct so_select *item, struct outs *outs)
{
    if (is_count(p, node, item))
        return add_count(p, node, item, outs);
    if (p->dialect->resolves_itself)
        return add_unresolved(p, node, item, outs);
    struct so_out *out = add_out(p, outs);
    if (out == NULL)
        return SO_ENOMEM;
    int rc = so_expr_resolve(p, node->entity, &item->field, &out->expr);
    if (rc != SO_OK)
        return rc;
    out->field = out->expr.column->field;
    if (out->expr.path.p != NULL) {
        out->field.kind = out->expr.as_text ? SO_FIELD_VALUE : SO_FIELD_JSON;
        out->field.type = out->expr.as_text ? SO_TYPE_TEXT : SO_TYPE_JSON;
    }
    if (item->cast.p != NULL)
        rc = set_cast(p, item->cast, out);
    if (rc == SO_OK && item->aggregate != SO_AGG_NONE)
        rc = set_aggregate(p, node, item, out);
    if (rc != SO_OK)
        return rc;
    if (item->alias.p != NULL)
        return name_out(p, out, item->alias);
    if (item->aggregate != SO_AGG_NONE)
        return name_out(p, out, so_str_c(AGGREGATES[item->aggregate].name));
    return item->field.path == NULL ? SO_OK : name_out(p, out, default_key(&item->field));
}

static int add_fields(struct so_rest_plan *p, struct so_node *node, const struct so_select *items, struct outs *outs)
{
    int rc = SO_OK;
    for (const struct so_select *item = items; rc == SO_OK && item != NULL; item = item->next) {
        if (item->kind == SO_SELECT_STAR)
            rc = add_star(p, node, outs);
        else if (item->kind == SO_SELECT_FIELD || item->kind == SO_SELECT_COUNT)
            rc = add_field(p, node, item, outs);
    }
    return rc;
}

/* ---- embedded relations ---- */

static int make_node(struct so_rest_plan *p, struct so_node *node, const struct so_select *items);

static int add_embed(struct so_rest_plan *p, struct so_node *child, struct outs *outs)
{
    if (child->outs == NULL) /* rel(): only there to be filtered by */
        return SO_OK;
    struct so_out *out = add_out(p, outs);
    if (out == NULL)
        return SO_ENOMEM;
    out->kind = SO_OUT_EMBED;
    out->child = child;
    out->field.kind = SO_FIELD_JSON;
    return name_out(p, out, child->alias.p != NULL ? child->alias : child->name);
}

static int add_spread(struct so_rest_plan *p, struct so_node *node, struct so_node *child, struct outs *outs)
{
    if (p->dialect->resolves_itself) { /* the statement reads the child's own outputs */
        struct so_out *out = add_out(p, outs);
        if (out == NULL)
            return SO_ENOMEM;
        out->kind = SO_OUT_SPREAD;
        out->child = child;
        return SO_OK;
    }
    bool to_one = so_link_is_to_one(&child->link);
    if (!to_one && child->has_aggregates) {
        int rc = so_fail_http(p->err, PGRST127);
        so_err_details(p->err, "Aggregates are not implemented for one-to-many or many-to-many spreads.");
        return rc;
    }
    for (const struct so_out *inner = child->outs; inner != NULL; inner = inner->next) {
        struct so_out *out = add_out(p, outs);
        if (out == NULL)
            return SO_ENOMEM;
        out->kind = SO_OUT_SPREAD;
        out->child = child;
        out->inner = inner;
        out->field = inner->field;
        out->is_aggregate = inner->is_aggregate;
        node->has_aggregates |= inner->is_aggregate;
        if (to_one)
            continue;
        out->field.kind = SO_FIELD_JSON;
        out->element = (struct so_shape){&inner->field, 1, false};
    }
    return SO_OK;
}

static int make_child(struct so_rest_plan *p, struct so_node *node, const struct so_select *item, struct so_node **out)
{
    struct so_node *child = so_alloc_zero(p->arena, sizeof(*child));
    if (child == NULL)
        return so_err_oom(p->err);
    int rc = so_link_find(p, node->entity, item->field.name, item->hint, &child->link);
    if (rc != SO_OK)
        return rc;
    child->entity = child->link.to;
    child->depth = node->depth + 1;
    child->name = item->field.name;
    child->alias = item->alias;
    child->join = item->join;
    child->is_spread = item->kind == SO_SELECT_SPREAD;
    if (child->link.junction != NULL) {
        child->junction_policy = so_entity_policy(child->link.junction, SO_CMD_SELECT, p->who);
        p->needs_identity |= child->junction_policy->kind == SO_POLICY_SQL;
    }
    *out = child;
    return make_node(p, child, item->children);
}

static int add_children(struct so_rest_plan *p, struct so_node *node, const struct so_select *items, struct outs *outs)
{
    struct so_node **end = &node->children;
    for (const struct so_select *item = items; item != NULL; item = item->next) {
        if (item->kind != SO_SELECT_EMBED && item->kind != SO_SELECT_SPREAD)
            continue;
        int rc = make_child(p, node, item, end);
        if (rc == SO_OK)
            rc = (*end)->is_spread ? add_spread(p, node, *end, outs) : add_embed(p, *end, outs);
        if (rc != SO_OK)
            return rc;
        end = &(*end)->next;
    }
    return SO_OK;
}

/* The outputs' fields in one array, as the database's writer wants them. */
static int make_shape(struct so_rest_plan *p, struct so_node *node, size_t count)
{
    struct so_field *fields = so_alloc(p->arena, (count + 1) * sizeof(*fields));
    if (fields == NULL)
        return so_err_oom(p->err);
    size_t i = 0;
    for (const struct so_out *out = node->outs; out != NULL; out = out->next)
        fields[i++] = out->field;
    node->shape = (struct so_shape){fields, count, so_media_strips(p->request->media)};
    return SO_OK;
}

/* node->entity is set. */
static int make_node(struct so_rest_plan *p, struct so_node *node, const struct so_select *items)
{
    struct outs outs = {.end = &node->outs};
    node->number = p->node_count++;
    node->limit = -1;
    node->policy = node->routine != NULL ? so_policy_allow() : so_entity_policy(node->entity, SO_CMD_SELECT, p->who);
    p->needs_identity |= node->policy->kind == SO_POLICY_SQL;
    int rc = add_fields(p, node, items, &outs);
    if (rc == SO_OK)
        rc = add_children(p, node, items, &outs);
    return rc == SO_OK ? make_shape(p, node, outs.count) : rc;
}

/* ---- conditions ---- */

static struct so_node *find_child(const struct so_node *node, struct so_str name)
{
    struct so_node *by_name = NULL;
    for (struct so_node *c = node->children; c != NULL; c = c->next) {
        if (c->alias.p != NULL && so_str_eq(c->alias, name))
            return c;
        if (by_name == NULL && so_str_eq(c->name, name))
            by_name = c;
    }
    return by_name;
}

static int fail_not_embedded(struct so_rest_plan *p, struct so_str name)
{
    int rc = so_fail_http(p->err, PGRST108, SO_STR_ARG(name));
    so_err_hint(p->err, "Verify that '%.*s' is included in the 'select' query parameter.", SO_STR_ARG(name));
    return rc;
}

static int resolve_all(struct so_rest_plan *p, const struct so_node *node, const struct so_filter *filters,
                       struct so_cond **out);

/* rel=is.null, rel=not.is.null: whether the embedded resource has rows.  *out_done: it was one. */
static int resolve_embed(struct so_rest_plan *p, const struct so_node *node, const struct so_filter *f, struct so_cond *c,
                         bool *out_done)
{
    const struct so_node *child = f->field.path == NULL ? find_child(node, f->field.name) : NULL;
    *out_done = false;
    if (child == NULL)
        return SO_OK;
    bool is_null = f->op == SO_OP_IS && f->is == SO_IS_NULL, is_not_null = f->op == SO_OP_IS && f->is == SO_IS_NOT_NULL;
    if (!is_null && !is_not_null) {
        if (p->dialect->resolves_itself || so_entity_column(node->entity, f->field.name, p->who) != NULL)
            return SO_OK;
        int rc = so_fail_http(p->err, PGRST120, SO_STR_ARG(f->field.name));
        so_err_details(p->err, "Only is null or not is null filters are allowed on embedded resources");
        return rc;
    }
    c->kind = SO_COND_EMBED;
    c->embed = child;
    c->negated = f->negated != is_null;
    *out_done = true;
    return SO_OK;
}

/* like(any).{a,b} is like.a or like.b. */
static int resolve_quantified(struct so_rest_plan *p, const struct so_filter *f, struct so_cond *c)
{
    struct so_cond **end = &c->sub;
    struct so_cond one = *c;
    c->kind = f->quantifier == SO_QUANT_ANY ? SO_COND_OR : SO_COND_AND;
    one.negated = false;
    for (const struct so_name *item = f->list; item != NULL; item = item->next) {
        struct so_cond *sub = so_alloc(p->arena, sizeof(*sub));
        if (sub == NULL)
            return so_err_oom(p->err);
        *sub = one;
        int rc = so_value_convert(p, sub, f, item->name);
        if (rc != SO_OK)
            return rc;
        *end = sub;
        end = &sub->next;
    }
    return SO_OK;
}

static int resolve_leaf(struct so_rest_plan *p, const struct so_node *node, const struct so_filter *f, struct so_cond *c)
{
    bool done;
    int rc = resolve_embed(p, node, f, c, &done);
    if (rc != SO_OK || done)
        return rc;
    c->kind = f->op == SO_OP_IS ? SO_COND_IS : SO_COND_COMPARE;
    c->negated = f->negated;
    c->op = f->op;
    c->is = f->is;
    rc = so_expr_resolve(p, node->entity, &f->field, &c->expr);
    if (rc != SO_OK || f->op == SO_OP_IS)
        return rc;
    if (p->dialect->resolves_itself) {
        c->value = (struct so_param){.kind = SO_PARAM_TEXT, .text = f->value};
        c->quantifier = f->quantifier;
        c->list = f->list;
        c->language = f->language;
        return SO_OK;
    }
    if (f->op == SO_OP_IN)
        return so_value_convert_list(p, c, f->list);
    if (f->quantifier != SO_QUANT_NONE)
        return resolve_quantified(p, f, c);
    return so_value_convert(p, c, f, f->value);
}

static int resolve(struct so_rest_plan *p, const struct so_node *node, const struct so_filter *f, struct so_cond **out)
{
    struct so_cond *c = so_alloc_zero(p->arena, sizeof(*c));
    if (c == NULL)
        return so_err_oom(p->err);
    *out = c;
    if (f->logic == SO_LOGIC_LEAF)
        return resolve_leaf(p, node, f, c);
    c->kind = f->logic == SO_LOGIC_AND ? SO_COND_AND : SO_COND_OR;
    c->negated = f->negated;
    return resolve_all(p, node, f->sub, &c->sub);
}

static int resolve_all(struct so_rest_plan *p, const struct so_node *node, const struct so_filter *filters,
                       struct so_cond **out)
{
    for (const struct so_filter *f = filters; f != NULL; f = f->next) {
        int rc = resolve(p, node, f, out);
        if (rc != SO_OK)
            return rc;
        out = &(*out)->next;
    }
    return SO_OK;
}

/* ---- order and range ---- */

static int resolve_sort(struct so_rest_plan *p, const struct so_node *node, const struct so_order *o, struct so_sort *sort)
{
    const struct so_entity *e = node->entity;
    sort->descending = o->direction == SO_ORDER_DESC;
    sort->nulls = o->nulls;
    if (o->relation.p != NULL) {
        const struct so_node *child = find_child(node, o->relation);
        if (child == NULL)
            return fail_not_embedded(p, o->relation);
        if (!so_link_is_to_one(&child->link)) {
            int rc = so_fail_http(p->err, PGRST118, SO_STR_ARG(o->relation));
            so_err_details(p->err, "'%.*s' and '%.*s' do not form a many-to-one or one-to-one relationship",
                           SO_STR_ARG(e->relation->name), SO_STR_ARG(o->relation));
            return rc;
        }
        sort->related = child;
        e = child->entity;
    }
    return so_expr_resolve(p, e, &o->field, &sort->expr);
}

static int resolve_sorts(struct so_rest_plan *p, struct so_node *node, const struct so_order *order)
{
    struct so_sort **end = &node->sorts;
    for (const struct so_order *o = order; o != NULL; o = o->next) {
        struct so_sort *sort = so_alloc_zero(p->arena, sizeof(*sort));
        if (sort == NULL)
            return so_err_oom(p->err);
        int rc = resolve_sort(p, node, o, sort);
        if (rc != SO_OK)
            return rc;
        *end = sort;
        end = &sort->next;
    }
    return SO_OK;
}

static int apply_scope(struct so_rest_plan *p, struct so_node *node, const struct so_scope *scope)
{
    int rc = resolve_all(p, node, scope->filters, &node->where);
    if (rc == SO_OK)
        rc = resolve_sorts(p, node, scope->order);
    node->limit = scope->has_limit ? scope->limit : -1;
    node->offset = scope->offset;
    return rc;
}

static int apply_scopes(struct so_rest_plan *p)
{
    int rc = apply_scope(p, &p->top, &p->request->top);
    for (const struct so_scope *scope = p->request->scopes; rc == SO_OK && scope != NULL; scope = scope->next) {
        struct so_node *node = &p->top;
        for (const struct so_name *step = scope->path; step != NULL; step = step->next) {
            struct so_node *child = find_child(node, step->name);
            if (child == NULL)
                return fail_not_embedded(p, step->name);
            node = child;
        }
        rc = apply_scope(p, node, scope);
    }
    return rc;
}

/* No list in the answer is longer than the setting allows. */
static void cap_rows(struct so_node *node, int64_t max_rows)
{
    if (max_rows > 0 && (node->limit < 0 || node->limit > max_rows))
        node->limit = max_rows;
    for (struct so_node *child = node->children; child != NULL; child = child->next)
        cap_rows(child, max_rows);
}

/* ---- the whole ---- */

static int fail_no_table(struct so_rest_plan *p, struct so_str name)
{
    struct so_str schema = so_plan_schema(p);
    int rc = so_fail_http(p->err, PGRST205, SO_STR_ARG(schema), SO_STR_ARG(name));
    struct so_str near = so_hint_table(p, name);
    if (near.p != NULL)
        so_err_hint(p->err, "Perhaps you meant the table '%.*s.%.*s'", SO_STR_ARG(schema), SO_STR_ARG(near));
    return rc;
}

/* The schema that the request names, else the first of those that are served. */
static int choose_schema(struct so_rest_plan *p)
{
    const struct so_catalog *catalog = p->snapshot->catalog;
    struct so_str name = p->request->profile;
    struct so_text list;
    if (catalog->schema_count == 0 && (name.p == NULL || so_str_eq(name, SO_STR("public"))))
        return SO_OK;
    p->schema = name.p == NULL ? catalog->schemas : so_catalog_schema(catalog, name);
    if (p->schema != NULL)
        return SO_OK;
    so_text_init(&list, p->arena, 64);
    for (size_t i = 0; i < catalog->schema_count; i++) {
        so_text_c(&list, i > 0 ? ", " : "");
        so_text_str(&list, catalog->schemas[i].name);
    }
    if (list.failed)
        return so_err_oom(p->err);
    int rc = so_fail_http(p->err, PGRST106, SO_STR_ARG(name));
    struct so_str names = catalog->schema_count == 0 ? SO_STR("public") : so_text_get(&list);
    so_err_hint(p->err, "Only the following schemas are exposed: %.*s", SO_STR_ARG(names));
    return rc;
}

int so_rest_plan_make(const struct so_request *request, const struct so_snapshot *snapshot, const struct so_identity *who,
                      const struct so_rest_settings *settings, struct so_arena *arena, struct so_rest_plan *out,
                      struct so_err *err)
{
    *out = (struct so_rest_plan){.request = request,
                                 .dialect = so_snapshot_dialect(snapshot),
                                 .snapshot = snapshot,
                                 .who = who,
                                 .settings = settings,
                                 .arena = arena,
                                 .err = err};
    int rc = choose_schema(out);
    if (request->resource == SO_RESOURCE_ROOT)
        return rc;
    if (rc == SO_OK && request->resource == SO_RESOURCE_FUNCTION) {
        rc = out->dialect->call_plan(out, request);
    } else if (rc == SO_OK) {
        out->top.entity = so_snapshot_find_in(snapshot, out->schema, request->name);
        rc = out->top.entity == NULL ? fail_no_table(out, request->name) : SO_OK;
    }
    if (rc != SO_OK || request->verb == SO_VERB_INFO)
        return rc;
    out->top.is_target = request->verb != SO_VERB_READ;
    rc = make_node(out, &out->top, request->select);
    if (rc == SO_OK)
        rc = apply_scopes(out);
    if (rc != SO_OK)
        return rc;
    if (out->top.is_target)
        return out->dialect->write_plan(out);
    if (out->top.routine != NULL && out->top.routine->function->returns < SO_RETURNS_VALUES)
        return SO_OK; /* one value, whatever max_rows is */
    cap_rows(&out->top, settings->max_rows);
    return SO_OK;
}
