/* pg_write.c: what a body sets, and INSERT, UPDATE and DELETE (PostgREST, Plan.hs: mutatePlan; QueryBuilder.hs:
 * mutatePlanToQuery).
 *
 * The body is one parameter whatever it holds; PostgreSQL makes rows of it by the columns' own types:
 *     INSERT INTO t(a, b) SELECT pgrst_body.a, pgrst_body.b FROM (SELECT $1::json AS json_data) pgrst_payload,
 *         LATERAL (SELECT "a", "b" FROM json_to_recordset(json_data) AS _("a" integer, "b" text)) pgrst_body */
#include "rest/errors.h"
#include "rest/pg.h"
#include "rest/validate.h"
#include "json/write.h"

/* ---- the plan ---- */

static int add_set(struct so_rest_plan *p, const struct so_set ***end, struct so_input_column *inputs, struct so_str key)
{
    const struct so_entity *e = p->top.entity;
    const struct so_column *column = so_relation_column(e->relation, key);
    if (column == NULL)
        return so_fail_http(p->err, PGRST204, SO_STR_ARG(key), SO_STR_ARG(e->relation->name));
    const struct so_entity_column *c = &e->columns[column->index];
    for (const struct so_set *s = p->write.sets; s != NULL; s = s->next)
        if (s->column == c) /* columns=a,a */
            return SO_OK;
    if (c->rule != NULL && c->rule->read_only && p->who->role != SO_ROLE_SERVICE)
        return so_validate_read_only(p, key);
    struct so_set *set = so_alloc(p->arena, sizeof(*set));
    if (set == NULL)
        return so_err_oom(p->err);
    size_t at = p->write.input.column_count++;
    inputs[at] = (struct so_input_column){column->name, column->type};
    *set = (struct so_set){c, (int)at, column->default_sql, NULL};
    **end = set;
    *end = &set->next;
    return SO_OK;
}

static int plan_sets(struct so_rest_plan *p)
{
    const struct so_request *r = p->request;
    const struct so_set **end = &p->write.sets;
    size_t max = r->payload.key_count + 1;
    int rc = SO_OK;
    p->rows = r->payload.rows;
    if (r->payload.is_text && p->top.entity->table != NULL)
        rc = so_rows_type(p);
    for (const struct so_name *n = r->columns; n != NULL; n = n->next)
        max++;
    struct so_input_column *inputs = so_alloc_array(p->arena, max, sizeof(*inputs));
    if (inputs == NULL)
        return so_err_oom(p->err);
    p->write.input = (struct so_input){.rows = p->rows, .row_count = r->payload.row_count, .columns = inputs};
    if (r->has_columns && r->verb != SO_VERB_PUT) {
        for (const struct so_name *n = r->columns; rc == SO_OK && n != NULL; n = n->next)
            rc = add_set(p, &end, inputs, n->name);
        return rc;
    }
    for (size_t i = 0; rc == SO_OK && i < r->payload.key_count; i++)
        rc = add_set(p, &end, inputs, r->payload.keys[i]);
    return rc;
}

/* The URL names the row by the whole key and nothing else. */
static int check_put(struct so_rest_plan *p)
{
    const struct so_index *primary = p->top.entity->relation->primary;
    size_t found = 0;
    for (const struct so_cond *c = p->top.where; c != NULL; c = c->next, found++)
        if (c->kind != SO_COND_COMPARE || c->negated || c->op != SO_OP_EQ || c->quantifier != SO_QUANT_NONE ||
            c->expr.field->path != NULL || c->expr.column == NULL || c->expr.column->column->pk == 0)
            return so_fail_http(p->err, PGRST105);
    return primary == NULL || found != primary->column_count ? so_fail_http(p->err, PGRST105) : SO_OK;
}

int so_pg_write_plan(struct so_rest_plan *p)
{
    struct so_write *w = &p->write;
    enum so_verb verb = p->request->verb;
    bool has_file = p->top.entity->table != NULL;
    int rc = verb == SO_VERB_PUT ? check_put(p) : SO_OK;
    w->resolution = verb == SO_VERB_PUT      ? SO_RESOLUTION_MERGE
                    : verb == SO_VERB_INSERT ? p->request->prefer.resolution
                                             : SO_RESOLUTION_NONE;
    w->missing_default = verb != SO_VERB_PUT && p->request->prefer.missing == SO_MISSING_DEFAULT;
    w->returns_key = verb == SO_VERB_INSERT && p->request->prefer.ret == SO_RETURN_HEADERS;
    if (w->resolution != SO_RESOLUTION_NONE && p->top.entity->relation->primary == NULL && p->request->on_conflict == NULL)
        w->resolution = SO_RESOLUTION_NONE; /* nothing can conflict */
    if (rc == SO_OK && verb != SO_VERB_DELETE)
        rc = plan_sets(p);
    if (rc == SO_OK && has_file && (verb == SO_VERB_INSERT || verb == SO_VERB_PUT))
        rc = so_validate_body(p);
    w->validates_new_row = has_file && (verb == SO_VERB_UPDATE || w->resolution == SO_RESOLUTION_MERGE);
    return rc;
}

/* ---- the body ---- */

/* JSON goes to the database as it came; other forms become an array of objects of texts. */
int so_pg_body_text(struct so_rest_plan *p, struct so_str *out)
{
    const struct so_request *r = p->request;
    struct so_json rows = {.type = SO_JSON_ARRAY, .len = (uint32_t)r->payload.row_count, .u.items = r->payload.rows};
    struct so_buf b;
    struct so_jw w;
    *out = r->body_text;
    if (r->content == SO_CONTENT_JSON || r->content >= SO_CONTENT_TEXT)
        return SO_OK;
    so_buf_init(&b, 256u << 20);
    so_jw_init(&w, &b);
    so_jw_json(&w, &rows);
    int rc = so_buf_check(&b, "the body", p->err);
    if (rc == SO_OK) {
        *out = so_arena_dup(p->arena, so_buf_str(&b));
        rc = out->p == NULL ? so_err_oom(p->err) : SO_OK;
    }
    so_buf_deinit(&b);
    return rc;
}

static bool is_object(struct so_str json)
{
    for (size_t i = 0; i < json.n; i++)
        if (json.p[i] != ' ' && json.p[i] != '\t' && json.p[i] != '\n' && json.p[i] != '\r')
            return json.p[i] == '{';
    return false;
}

static void put_defaults(struct so_sqlb *b, const struct so_pg_typed *columns, size_t count)
{
    bool first = true;
    so_text_lit(&b->text, "jsonb_build_object(");
    for (size_t i = 0; i < count; i++) {
        if (columns[i].default_sql.p == NULL)
            continue;
        so_text_c(&b->text, first ? "" : ", ");
        first = false;
        so_pg_put_literal(b, columns[i].name);
        so_text_lit(&b->text, ", ");
        so_text_str(&b->text, columns[i].default_sql);
    }
    so_text_char(&b->text, ')');
}

/* Each row with the defaults below it: what the client gave wins. */
static void put_defaulted(struct so_sqlb *b, const struct so_pg_typed *columns, size_t count, bool object)
{
    so_text_c(&b->text, object ? "LATERAL (SELECT " : "LATERAL (SELECT jsonb_agg(");
    put_defaults(b, columns, count);
    so_text_c(&b->text, object
                            ? " || pgrst_payload.json_data AS val) pgrst_json_defs, "
                            : " || elem) AS val FROM jsonb_array_elements(pgrst_payload.json_data) elem) pgrst_json_defs, ");
}

static void put_records(struct so_sqlb *b, const struct so_pg_typed *columns, size_t count, bool object, bool defaults)
{
    const char *value = defaults ? "pgrst_json_defs.val" : "pgrst_payload.json_data", *prefix = defaults ? "jsonb" : "json";
    if (count == 0 && object) {
        so_text_lit(&b->text, "(values(1)) _ "); /* {}: one row of nothing but defaults */
        return;
    }
    so_text_c(&b->text, prefix);
    so_text_c(&b->text, count == 0 ? "_array_elements(" : object ? "_to_record(" : "_to_recordset(");
    so_text_c(&b->text, value);
    so_text_c(&b->text, count == 0 ? ") _ " : ") AS _(");
    for (size_t i = 0; i < count; i++) {
        so_text_c(&b->text, i > 0 ? ", " : "");
        so_text_name(&b->text, columns[i].name);
        so_text_char(&b->text, ' ');
        if (columns[i].from_json.n > 0)
            so_text_lit(&b->text, "json");
        else
            so_text_str(&b->text, columns[i].type);
    }
    so_text_c(&b->text, count == 0 ? "" : ")");
}

void so_pg_put_body(struct so_sqlb *b, const struct so_pg_typed *columns, size_t count, bool select, bool one, bool defaults)
{
    struct so_str body;
    if (so_pg_body_text(b->plan, &body) != SO_OK) {
        b->text.failed = true;
        return;
    }
    bool object = is_object(body);
    for (size_t i = 0; select && i < count; i++) {
        so_text_c(&b->text, i == 0 ? "SELECT pgrst_body." : ", pgrst_body.");
        so_text_name(&b->text, columns[i].name);
    }
    so_text_c(&b->text, select && count == 0 ? "SELECT FROM (SELECT " : " FROM (SELECT ");
    so_pg_put_value(b, body);
    so_text_c(&b->text, defaults ? "::jsonb AS json_data) pgrst_payload, " : "::json AS json_data) pgrst_payload, ");
    if (defaults)
        put_defaulted(b, columns, count, object);
    so_text_lit(&b->text, "LATERAL (SELECT ");
    for (size_t i = 0; i < count; i++) {
        so_text_c(&b->text, i > 0 ? ", " : "");
        so_text_str(&b->text, columns[i].from_json);
        so_text_c(&b->text, columns[i].from_json.n > 0 ? "(" : "");
        so_text_name(&b->text, columns[i].name);
        if (columns[i].from_json.n == 0)
            continue;
        so_text_lit(&b->text, ") AS ");
        so_text_name(&b->text, columns[i].name);
    }
    so_text_lit(&b->text, " FROM ");
    put_records(b, columns, count, object, defaults);
    so_text_c(&b->text, one && count > 0 ? " LIMIT 1) pgrst_body " : ") pgrst_body ");
}

/* ---- RETURNING ---- */

static void put_returning(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    const struct so_relation *r = p->top.entity->relation;
    enum so_return ret = p->request->prefer.ret;
    struct so_pg_names names = {.all = p->write.validates_new_row};
    bool returns = ret == SO_RETURN_FULL || ret == SO_RETURN_HEADERS || names.all;
    if (returns)
        so_pg_needed_names(p, &names);
    for (size_t i = 0; returns && r->primary != NULL && i < r->primary->column_count; i++)
        so_pg_add_name(&names, r->columns[r->primary->columns[i]].name);
    if (!returns || (names.count == 0 && !names.all)) {
        so_text_lit(&b->text, " RETURNING 1");
        return;
    }
    so_text_lit(&b->text, " RETURNING ");
    if (names.all) {
        so_pg_put_table(b, r->schema, r->name);
        so_text_lit(&b->text, ".*");
    }
    for (size_t i = 0, put = 0; i < names.count; i++) {
        if (names.all && so_relation_column(r, names.names[i]) != NULL)
            continue;
        so_text_c(&b->text, names.all || put++ > 0 ? ", " : "");
        so_pg_put_table(b, r->schema, r->name);
        so_text_char(&b->text, '.');
        so_text_name(&b->text, names.names[i]);
    }
}

/* ---- statements ---- */

/* Counts in a setting of the transaction how many rows were new: +1 for each row, -1 when it was there (PostgREST: 201 or
 * 200). */
static void put_counter(struct so_sqlb *b, bool add)
{
    so_text_lit(&b->text,
                "set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) ");
    so_text_c(&b->text, add ? "+ 1)::text, true) <> '0'" : "- 1)::text, true) <> '-1'");
}

/* The body's row is the one that the URL names. */
static void put_put_conditions(struct so_sqlb *b)
{
    struct so_relation body = {.name = SO_STR("pgrst_body")};
    struct so_entity entity = {.relation = &body};
    struct so_node node = {.entity = &entity, .is_target = true};
    for (const struct so_cond *c = b->plan->top.where; c != NULL; c = c->next) {
        so_text_lit(&b->text, " AND ");
        so_pg_put_cond(b, &node, c, false);
    }
}

static void put_conflict_columns(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    const struct so_relation *r = p->top.entity->relation;
    bool named = p->request->on_conflict != NULL && p->request->verb != SO_VERB_PUT, first = true;
    so_text_lit(&b->text, " ON CONFLICT(");
    for (const struct so_name *n = named ? p->request->on_conflict : NULL; n != NULL; n = n->next, first = false) {
        so_text_c(&b->text, first ? "" : ", ");
        so_text_name(&b->text, n->name);
    }
    for (size_t i = 0; !named && i < r->primary->column_count; i++, first = false) {
        so_text_c(&b->text, first ? "" : ", ");
        so_text_name(&b->text, r->columns[r->primary->columns[i]].name);
    }
    so_text_lit(&b->text, ") ");
}

static void put_conflict(struct so_sqlb *b)
{
    const struct so_write *w = &b->plan->write;
    put_conflict_columns(b);
    if (w->resolution == SO_RESOLUTION_IGNORE || w->sets == NULL) {
        so_text_lit(&b->text, "DO NOTHING");
        return;
    }
    so_text_lit(&b->text, "DO UPDATE SET ");
    for (const struct so_set *s = w->sets; s != NULL; s = s->next) {
        so_text_c(&b->text, s == w->sets ? "" : ", ");
        so_text_str(&b->text, s->column->quoted);
        so_text_lit(&b->text, " = EXCLUDED.");
        so_text_str(&b->text, s->column->quoted);
    }
    so_text_lit(&b->text, " WHERE ");
    put_counter(b, false);
}

static const struct so_pg_typed *typed_sets(struct so_sqlb *b, size_t *out_count)
{
    const struct so_write *w = &b->plan->write;
    struct so_pg_typed *columns = so_alloc_array(b->plan->arena, w->input.column_count + 1, sizeof(*columns));
    *out_count = 0;
    b->text.failed |= columns == NULL;
    for (const struct so_set *s = w->sets; columns != NULL && s != NULL; s = s->next)
        columns[(*out_count)++] = (struct so_pg_typed){s->column->column->name, s->column->column->declared, s->default_sql,
                                                       s->column->column->from_json};
    return columns;
}

static void put_insert(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    const struct so_relation *r = p->top.entity->relation;
    size_t count;
    const struct so_pg_typed *columns = typed_sets(b, &count);
    so_text_lit(&b->text, "INSERT INTO ");
    so_pg_put_table(b, r->schema, r->name);
    for (size_t i = 0; columns != NULL && i < count; i++) {
        so_text_c(&b->text, i == 0 ? "(" : ", ");
        so_text_name(&b->text, columns[i].name);
    }
    so_text_c(&b->text, count > 0 ? ") " : " ");
    so_pg_put_body(b, columns, count, true, false, p->write.missing_default);
    if (p->write.resolution == SO_RESOLUTION_MERGE) {
        so_text_lit(&b->text, "WHERE ");
        put_counter(b, true);
    }
    if (p->request->verb == SO_VERB_PUT)
        put_put_conditions(b);
    if (p->write.resolution != SO_RESOLUTION_NONE)
        put_conflict(b);
    put_returning(b);
}

static void put_where(struct so_sqlb *b)
{
    bool first = true;
    for (const struct so_cond *c = b->plan->top.where; c != NULL; c = c->next) {
        so_sqlb_put_and(b, &first);
        so_pg_put_cond(b, &b->plan->top, c, false);
    }
}

/* An empty body changes nothing; the columns are there so that select= is understood. */
static void put_no_update(struct so_sqlb *b)
{
    const struct so_relation *r = b->plan->top.entity->relation;
    struct so_pg_names names = {.count = 0};
    so_pg_needed_names(b->plan, &names);
    so_text_lit(&b->text, "SELECT ");
    so_text_name(&b->text, r->name);
    so_text_lit(&b->text, ".*");
    for (size_t i = 0; i < names.count; i++) {
        if (so_relation_column(r, names.names[i]) != NULL)
            continue;
        so_text_lit(&b->text, ", ");
        so_text_name(&b->text, r->name);
        so_text_char(&b->text, '.');
        so_text_name(&b->text, names.names[i]);
    }
    so_text_lit(&b->text, " FROM ");
    so_pg_put_table(b, r->schema, r->name);
    so_text_lit(&b->text, " WHERE false");
}

bool so_pg_put_changes(struct so_sqlb *b)
{
    const struct so_write *w = &b->plan->write;
    const struct so_relation *r = b->plan->top.entity->relation;
    size_t count;
    const struct so_pg_typed *columns = typed_sets(b, &count);
    if (count == 0)
        return false;
    so_text_lit(&b->text, "UPDATE ");
    so_pg_put_table(b, r->schema, r->name);
    for (const struct so_set *s = w->sets; s != NULL; s = s->next) {
        so_text_c(&b->text, s == w->sets ? " SET " : ", ");
        so_text_str(&b->text, s->column->quoted);
        so_text_lit(&b->text, " = pgrst_body.");
        so_text_str(&b->text, s->column->quoted);
    }
    so_pg_put_body(b, columns, count, false, false, w->missing_default);
    return true;
}

static void put_update(struct so_sqlb *b)
{
    if (!so_pg_put_changes(b)) {
        put_no_update(b);
        return;
    }
    put_where(b);
    put_returning(b);
}

static void put_delete(struct so_sqlb *b)
{
    const struct so_relation *r = b->plan->top.entity->relation;
    so_text_lit(&b->text, "DELETE FROM ");
    so_pg_put_table(b, r->schema, r->name);
    put_where(b);
    put_returning(b);
}

void so_pg_put_write(struct so_sqlb *b)
{
    switch (b->plan->request->verb) {
    case SO_VERB_UPDATE: put_update(b); break;
    case SO_VERB_DELETE: put_delete(b); break;
    default: put_insert(b); break;
    }
}
