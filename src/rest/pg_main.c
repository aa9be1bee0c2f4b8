/* pg_main.c: the statement whose only row is the whole answer (PostgREST, Statements.hs, SqlFragment.hs: handlerF). */
#include "rest/errors.h"
#include "rest/pg.h"

/* ---- what the top needs ---- */

void so_pg_add_name(struct so_pg_names *n, struct so_str name)
{
    for (size_t i = 0; i < n->count; i++)
        if (so_str_eq(n->names[i], name))
            return;
    if (n->count < COUNT_OF(n->names))
        n->names[n->count++] = name;
    else
        n->all = true;
}

static void add_link(struct so_pg_names *n, const struct so_relation *relation, const struct so_link *l)
{
    const struct so_foreign_key *k = l->key;
    if (l->computed != NULL) { /* what a function of the row needs, nobody knows */
        n->all = true;
        return;
    }
    const uint16_t *columns = l->far == NULL && l->parent_holds_key ? k->from_columns : k->to_columns;
    for (size_t i = 0; i < k->column_count; i++)
        so_pg_add_name(n, relation->columns[columns[i]].name);
}

void so_pg_needed_names(const struct so_rest_plan *p, struct so_pg_names *out)
{
    for (const struct so_out *o = p->top.outs; o != NULL; o = o->next) {
        out->all |= o->kind == SO_OUT_STAR || o->kind == SO_OUT_COUNT;
        if (o->kind == SO_OUT_EXPR)
            so_pg_add_name(out, o->expr.field->name);
    }
    for (const struct so_node *child = p->top.children; child != NULL; child = child->next)
        add_link(out, p->top.entity->relation, &child->link);
}

/* ---- the body of the answer ---- */

struct shape {
    bool scalar; /* each row is one value */
    bool is_one; /* the function gives one row or value, no list */
    bool strips;
};

static void put_json(struct so_sqlb *b, struct shape s)
{
    so_text_c(&b->text, s.strips ? "coalesce(json_strip_nulls(" : "coalesce(");
    so_text_c(&b->text, s.scalar ? "json_agg(_postgrest_t.pgrst_scalar)" : "json_agg(_postgrest_t)");
    so_text_c(&b->text, s.is_one ? "->0" : "");
    so_text_c(&b->text, s.strips ? ")" : "");
    so_text_c(&b->text, s.is_one ? ", 'null')" : ", '[]')");
}

/* A line of names, then the rows as PostgreSQL writes records. */
static void put_csv(struct so_sqlb *b)
{
    so_text_lit(&b->text,
                "(SELECT coalesce(string_agg(a.k, ','), '') FROM (SELECT json_object_keys(r)::text AS k FROM (SELECT "
                "row_to_json(hh) AS r FROM pgrst_source AS hh LIMIT 1) s) a) || E'\\n' || "
                "coalesce(string_agg(substring(_postgrest_t::text, 2, length(_postgrest_t::text) - 2), E'\\n'), '')");
}

static void put_body(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    const struct so_request *r = p->request;
    const struct so_proc *f = p->top.proc;
    struct shape shape = {
        .scalar = f != NULL && !f->returns_composite,
        .is_one = (f != NULL && !f->returns_set) || so_media_is_object(r->media),
        .strips = so_media_strips(r->media),
    };
    bool silent = r->head || (p->top.is_target && r->prefer.ret != SO_RETURN_FULL);
    if (silent)
        so_text_lit(&b->text, "''::text");
    else if (r->media == SO_MEDIA_RAW)
        so_text_str(&b->text, r->raw_sql);
    else if (r->media == SO_MEDIA_CSV)
        put_csv(b);
    else
        put_json(b, shape);
}

/* [["id","eq.1"]]: the key of the one row that was written. */
static void put_location(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    const struct so_relation *r = p->top.entity->relation;
    if (!p->write.returns_key || r->primary == NULL) {
        so_text_lit(&b->text, "NULL::text");
        return;
    }
    so_text_lit(&b->text,
                "CASE WHEN pg_catalog.count(_postgrest_t) = 1 THEN (WITH data AS (SELECT row_to_json(_) AS row FROM "
                "pgrst_source AS _ LIMIT 1) SELECT json_agg(json_build_array(d.key, coalesce('eq.' || d.value, "
                "'is.null')))::text FROM data CROSS JOIN json_each_text(data.row) AS d WHERE d.key IN (");
    for (size_t i = 0; i < r->primary->column_count; i++) {
        so_text_c(&b->text, i > 0 ? ", " : "");
        so_pg_put_literal(b, r->columns[r->primary->columns[i]].name);
    }
    so_text_lit(&b->text, ")) END");
}

/* ---- the statement ---- */

static bool counts(const struct so_rest_plan *p)
{
    enum so_count count = p->request->prefer.count;
    return !p->top.is_target && (count == SO_COUNT_EXACT || count == SO_COUNT_ESTIMATED);
}

/* Without limits the page is all there is. */
static bool needs_count(const struct so_rest_plan *p)
{
    return counts(p) && (p->settings->max_rows > 0 || p->top.limit >= 0 || p->top.offset > 0);
}

static bool gives_one(const struct so_rest_plan *p) { return p->top.proc != NULL && !p->top.proc->returns_set; }

static void put_source(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    so_text_lit(&b->text, "WITH pgrst_source AS (");
    if (p->top.is_target)
        so_pg_put_write(b);
    else if (p->top.proc != NULL)
        so_pg_put_call(b);
    else
        so_pg_put_select(b, &p->top, NULL);
    so_text_char(&b->text, ')');
    if (!needs_count(p))
        return;
    so_text_lit(&b->text, ", pgrst_source_count AS (");
    so_pg_put_count(b, &p->top, NULL);
    if (p->request->prefer.count == SO_COUNT_ESTIMATED && p->settings->max_rows > 0) {
        so_text_lit(&b->text, " LIMIT ");
        so_text_u64(&b->text, (uint64_t)p->settings->max_rows + 1);
    }
    so_text_char(&b->text, ')');
}

/* The written rows for the schema's verdict, which knows a decimal as a text. */
static void put_written(struct so_sqlb *b)
{
    const struct so_entity *e = b->plan->top.entity;
    bool any = false;
    for (size_t i = 0; i < e->relation->column_count; i++)
        any |= so_entity_column_is_decimal(&e->columns[i]);
    so_text_c(&b->text, any ? ", (SELECT json_agg(to_jsonb(_)" : ", (SELECT json_agg(_");
    for (size_t i = 0; i < e->relation->column_count; i++) {
        if (!so_entity_column_is_decimal(&e->columns[i]))
            continue;
        so_text_lit(&b->text, " || jsonb_build_object(");
        so_pg_put_literal(b, e->relation->columns[i].name);
        so_text_lit(&b->text, ", _.");
        so_text_name(&b->text, e->relation->columns[i].name);
        so_text_lit(&b->text, "::text)");
    }
    so_text_lit(&b->text, ") FROM pgrst_source AS _)::text AS written");
}

static void put_columns(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    const char *page = gives_one(p) ? "1" : "pg_catalog.count(_postgrest_t)";
    so_text_lit(&b->text, " SELECT ");
    so_text_c(&b->text, needs_count(p) ? "(SELECT pg_catalog.count(*) FROM pgrst_source_count)"
                        : counts(p)    ? page
                                       : "NULL::bigint");
    so_text_lit(&b->text, " AS total_result_set, ");
    so_text_c(&b->text, page);
    so_text_lit(&b->text, " AS page_total, ");
    put_location(b);
    so_text_lit(&b->text, " AS header, ");
    put_body(b);
    so_text_lit(&b->text, " AS body, nullif(current_setting('response.headers', true), '') AS response_headers, "
                          "nullif(current_setting('response.status', true), '') AS response_status, ");
    so_text_c(&b->text,
              p->write.resolution == SO_RESOLUTION_MERGE ? "nullif(current_setting('pgrst.inserted', true), '')" : "''");
    so_text_lit(&b->text, " AS response_inserted");
    if (p->write.validates_new_row)
        put_written(b);
}

static void put_rows(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    bool silent = p->top.is_target && p->request->prefer.ret != SO_RETURN_FULL;
    so_text_lit(&b->text, " FROM (");
    if (silent || (!p->top.is_target && p->top.proc == NULL))
        so_text_lit(&b->text, "SELECT * FROM pgrst_source");
    else
        so_pg_put_select(b, &p->top, NULL);
    so_text_lit(&b->text, ") _postgrest_t");
}

/* application/vnd.pgrst.plan: how the statement would run, or ran, in its place. */
static void put_explain(struct so_sqlb *b)
{
    static const struct {
        enum so_explain_option option;
        const char *sql;
    } OPTIONS[] = {{SO_EXPLAIN_ANALYZE, ", ANALYZE"},
                   {SO_EXPLAIN_VERBOSE, ", VERBOSE"},
                   {SO_EXPLAIN_SETTINGS, ", SETTINGS"},
                   {SO_EXPLAIN_BUFFERS, ", BUFFERS"},
                   {SO_EXPLAIN_WAL, ", WAL"}};
    const struct so_explain *e = &b->plan->request->explain;
    if (!e->asked)
        return;
    so_text_c(&b->text, e->as_json ? "EXPLAIN (FORMAT JSON" : "EXPLAIN (FORMAT TEXT");
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
        so_text_c(&b->text, (e->options & OPTIONS[i].option) != 0 ? OPTIONS[i].sql : "");
    so_text_lit(&b->text, ") ");
}

static int make_main(struct so_rest_op *op)
{
    struct so_sqlb b;
    so_sqlb_start(&b, &op->plan);
    put_explain(&b);
    put_source(&b);
    put_columns(&b);
    put_rows(&b);
    struct so_sql sql;
    int rc = so_sqlb_finish(&b, &sql);
    op->pg->main = op->pg->transaction.query_count;
    return rc == SO_OK ? so_pg_add_query(op, &sql) : rc;
}

static int make_explain(struct so_rest_op *op)
{
    enum so_count count = op->request.prefer.count;
    struct so_sqlb b;
    if (op->plan.top.is_target || op->plan.top.proc != NULL || count == SO_COUNT_NONE || count == SO_COUNT_EXACT)
        return SO_OK;
    so_sqlb_start(&b, &op->plan);
    so_text_lit(&b.text, "EXPLAIN (FORMAT JSON) ");
    so_pg_put_count(&b, &op->plan.top, NULL);
    struct so_sql sql;
    int rc = so_sqlb_finish(&b, &sql);
    op->pg->explain = op->pg->transaction.query_count;
    return rc == SO_OK ? so_pg_add_query(op, &sql) : rc;
}

/* Aggregates need the columns of every star by name, here and below. */
static void mark_stars(struct so_node *node, bool above)
{
    bool here = above || node->has_aggregates;
    for (const struct so_node *child = node->children; child != NULL; child = child->next)
        node->expands_star |= child->is_spread && child->has_aggregates;
    node->expands_star |= here;
    for (struct so_node *child = node->children; child != NULL; child = child->next)
        mark_stars(child, here || (node->is_spread && !so_link_is_to_one(&node->link)));
}

static int check_spreads(struct so_rest_plan *p, const struct so_node *node, bool in_list)
{
    for (const struct so_node *child = node->children; child != NULL; child = child->next) {
        bool listed = child->is_spread && (in_list || !so_link_is_to_one(&child->link));
        if (listed && child->has_aggregates) {
            int rc = so_fail_http(p->err, PGRST127);
            so_err_details(p->err, "Aggregates are not implemented for one-to-many or many-to-many spreads.");
            return rc;
        }
        int rc = check_spreads(p, child, listed);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

/* What may be wrong with a write's answer must be found before the commit; so must what a rollback would hide. */
static int end_transaction(struct so_rest_op *op)
{
    static const struct so_sql CONSTRAINTS = {.text = SO_STR_INIT("SET CONSTRAINTS ALL IMMEDIATE")};
    struct so_rest_transaction *tx = &op->pg->transaction;
    const struct so_prefer *prefer = &op->request.prefer;
    enum so_tx asked = op->settings->tx_override ? prefer->tx : SO_TX_UNSET;
    bool limited = prefer->max_affected >= 0 && prefer->handling == SO_HANDLING_STRICT;
    tx->rolls_back = !tx->reads && (asked == SO_TX_UNSET ? op->settings->tx_rolls_back : asked == SO_TX_ROLLBACK);
    tx->is_checked |= tx->rolls_back ||
                      (!tx->reads && (so_media_is_object(op->request.media) || limited || op->request.verb == SO_VERB_PUT ||
                                      op->plan.top.proc != NULL || op->plan.write.validates_new_row));
    return tx->rolls_back ? so_pg_add_query(op, &CONSTRAINTS) : SO_OK;
}

int so_pg_add_query(struct so_rest_op *op, const struct so_sql *sql)
{
    struct so_str *values = so_alloc_array(op->arena, sql->param_count + 1, sizeof(*values));
    if (values == NULL)
        return so_err_oom(op->plan.err);
    for (size_t i = 0; i < sql->param_count; i++)
        values[i] = sql->params[i].text;
    op->pg->queries[op->pg->transaction.query_count++] = (struct so_pg_query){sql->text, values, sql->param_count};
    return SO_OK;
}

int so_pg_make(struct so_rest_op *op)
{
    op->pg = so_alloc_zero(op->arena, sizeof(*op->pg));
    if (op->pg == NULL)
        return so_err_oom(op->plan.err);
    op->pg->transaction.queries = op->pg->queries;
    op->pg->main = op->pg->explain = SIZE_MAX;
    if (op->plan.violations != NULL)
        return SO_OK; /* nothing will run */
    int rc = so_pg_settle_media(op);
    if (rc == SO_OK)
        rc = check_spreads(&op->plan, &op->plan.top, false);
    mark_stars(&op->plan.top, false);
    if (rc == SO_OK)
        rc = so_pg_session(op);
    if (rc == SO_OK)
        rc = make_main(op);
    if (rc == SO_OK)
        rc = make_explain(op);
    return rc == SO_OK ? end_transaction(op) : rc;
}

const struct so_rest_transaction *so_rest_transaction(const struct so_rest_op *op)
{
    return op->pg == NULL || op->pg->transaction.query_count == 0 ? NULL : &op->pg->transaction;
}
