/* why.c: the statement that asks each policy about each row, and its answer.
 *
 *   read, delete   SELECT key, verdict, columns, ... FROM (SELECT * FROM main."t" WHERE what the request names) "t"
 *   update         ... and the same over (SELECT the new values and the old ones) "t"
 *   insert         SELECT ... FROM (SELECT the body's values, the defaults FROM so_input(?)) "t"                          */
#include "rest/why.h"

#include "model/policy.h"
#include "model/sql_text.h"
#include "rest/errors.h"
#include "rest/op.h"
#include "rest/pg.h"
#include "rest/sql_int.h"
#include "rest/validate.h"

enum { RULES_MAX = 4 };

struct rule {
    struct so_str name;
    const struct so_policy *policy;
    bool of_new_row;
    const struct so_entity_column **columns; /* that the policy names */
    size_t column_count;
};

struct asking {
    struct so_rest_plan *plan;
    struct so_conn *conn;
    struct so_arena *arena;
    struct so_err *err;
    struct rule rules[RULES_MAX];
    size_t rule_count;
    struct so_field *key; /* how the key is shown */
    const struct so_entity_column **key_columns;
    size_t key_count;
};

/* ---- which policies are asked ---- */

static bool names_column(const struct so_sql_token *tokens, struct so_str name)
{
    for (; tokens->kind != SO_SQL_END; tokens++) {
        struct so_str text = tokens->text;
        if (tokens->kind == SO_SQL_NAME)
            text = so_str_slice(text, 1, text.n - 1);
        if ((tokens->kind == SO_SQL_NAME || tokens->kind == SO_SQL_WORD) && so_str_eq_nocase(text, name))
            return true;
    }
    return false;
}

static int add_rule(struct asking *a, struct so_str name, const struct so_policy *policy, bool of_new_row)
{
    const struct so_entity *e = a->plan->top.entity;
    const struct so_sql_token *tokens;
    struct rule *r = &a->rules[a->rule_count++];
    *r = (struct rule){.name = name, .policy = policy, .of_new_row = of_new_row};
    if (policy->kind != SO_POLICY_SQL)
        return SO_OK;
    r->columns = so_alloc_array(a->arena, e->relation->column_count + 1, sizeof(*r->columns));
    if (r->columns == NULL)
        return so_err_oom(a->err);
    int rc = so_sql_tokens(policy->source, a->arena, &tokens, a->err);
    for (size_t i = 0; rc == SO_OK && i < e->relation->column_count; i++)
        if (names_column(tokens, e->relation->columns[i].name))
            r->columns[r->column_count++] = &e->columns[i];
    return rc;
}

static int add_command(struct asking *a, enum so_command command, bool of_new_row)
{
    return add_rule(a, so_str_c(so_policy_name((size_t)command)),
                    so_entity_policy(a->plan->top.entity, command, a->plan->who), of_new_row);
}

/* A check takes the place of the update policy for the new row. */
static int add_new_row(struct asking *a, enum so_command command)
{
    const struct so_policy *check = so_entity_check(a->plan->top.entity, a->plan->who);
    bool checks = check->source.n > 0 && !so_str_eq(check->source, SO_STR("true"));
    int rc = command == SO_CMD_INSERT || !checks ? add_command(a, command, true) : SO_OK;
    if (rc == SO_OK && checks)
        rc = add_rule(a, SO_STR("check"), check, true);
    return rc;
}

static int add_rules(struct asking *a)
{
    int rc = SO_OK;
    switch (a->plan->request->verb) {
    case SO_VERB_UPDATE:
        rc = add_command(a, SO_CMD_UPDATE, false);
        if (rc == SO_OK)
            rc = add_command(a, SO_CMD_SELECT, false);
        return rc == SO_OK ? add_new_row(a, SO_CMD_UPDATE) : rc;
    case SO_VERB_DELETE:
        rc = add_command(a, SO_CMD_DELETE, false);
        return rc == SO_OK ? add_command(a, SO_CMD_SELECT, false) : rc;
    case SO_VERB_INSERT:
    case SO_VERB_PUT:
        rc = add_new_row(a, SO_CMD_INSERT);
        if (rc == SO_OK && a->plan->request->prefer.ret == SO_RETURN_FULL)
            rc = add_command(a, SO_CMD_SELECT, true);
        return rc;
    default: return add_command(a, SO_CMD_SELECT, false);
    }
}

/* The primary key names a row for people; without one all columns do. */
static int find_key(struct asking *a)
{
    const struct so_entity *e = a->plan->top.entity;
    const struct so_index *primary = e->relation->primary;
    a->key_count = primary != NULL ? primary->column_count : e->relation->column_count;
    a->key_columns = so_alloc_array(a->arena, a->key_count + 1, sizeof(*a->key_columns));
    a->key = so_alloc_array(a->arena, a->key_count + 1, sizeof(*a->key));
    if (a->key_columns == NULL || a->key == NULL)
        return so_err_oom(a->err);
    for (size_t i = 0; i < a->key_count; i++) {
        a->key_columns[i] = &e->columns[primary != NULL ? primary->columns[i] : i];
        a->key[i] = a->key_columns[i]->field;
    }
    return SO_OK;
}

/* ---- the statement ---- */

static const struct so_set *set_of(const struct so_rest_plan *p, const struct so_entity_column *column)
{
    for (const struct so_set *s = p->write.sets; s != NULL; s = s->next)
        if (s->column == column)
            return s;
    return NULL;
}

static void put_default(struct so_sqlb *b, const struct so_entity_column *c)
{
    struct so_str sql = c->rule != NULL && c->rule->default_sql.p != NULL ? c->rule->default_sql : c->column->default_sql;
    so_text_char(&b->text, '(');
    so_text_str(&b->text, sql.p == NULL ? SO_STR("NULL") : sql);
    so_text_char(&b->text, ')');
}

/* The value that the column would get: of row `row` of the body, else of the old row, else its default. */
static void put_new_value(struct so_sqlb *b, const struct so_entity_column *c, const char *row)
{
    const struct so_set *set = set_of(b->plan, c);
    if (set != NULL) {
        so_sqlb_put_set_value(b, set, row);
    } else if (b->plan->request->verb == SO_VERB_UPDATE) {
        so_text_name(&b->text, b->plan->top.entity->relation->name);
        so_text_char(&b->text, '.');
        so_text_str(&b->text, c->quoted);
    } else {
        put_default(b, c);
    }
}

static void put_new_row(struct so_sqlb *b, const char *row)
{
    const struct so_entity *e = b->plan->top.entity;
    so_text_lit(&b->text, "(SELECT ");
    for (size_t i = 0; i < e->relation->column_count; i++) {
        so_text_c(&b->text, i > 0 ? ", " : "");
        put_new_value(b, &e->columns[i], row);
        so_text_lit(&b->text, " AS ");
        so_text_str(&b->text, e->columns[i].quoted);
    }
}

static void put_policy(struct so_sqlb *b, const struct so_policy *policy)
{
    so_text_c(&b->text, policy->kind == SO_POLICY_SQL ? "((" : policy->kind == SO_POLICY_ALLOW ? "((1" : "((0");
    if (policy->kind == SO_POLICY_SQL)
        so_text_str(&b->text, policy->sql);
    so_text_lit(&b->text, ") IS TRUE)");
}

/* The row that a rule of the new row of an update sees stands in a subquery under the table's own name. */
static void put_rule(struct so_sqlb *b, const struct rule *r)
{
    struct so_str table = b->plan->top.entity->relation->name;
    bool changed = r->of_new_row && b->plan->request->verb == SO_VERB_UPDATE;
    so_text_lit(&b->text, ", ");
    so_text_c(&b->text, changed ? "(SELECT " : "");
    put_policy(b, r->policy);
    if (changed) {
        so_text_lit(&b->text, " FROM ");
        put_new_row(b, "0");
        so_text_lit(&b->text, ") ");
        so_text_name(&b->text, table);
        so_text_char(&b->text, ')');
    }
    for (size_t i = 0; i < r->column_count; i++) {
        so_text_lit(&b->text, ", ");
        if (changed)
            put_new_value(b, r->columns[i], "0");
        else
            so_text_str(&b->text, r->columns[i]->quoted);
    }
}

static int write_statement(struct asking *a, struct so_sql *out)
{
    struct so_rest_plan *p = a->plan;
    struct so_sqlb b;
    bool inserts = p->request->verb == SO_VERB_INSERT || p->request->verb == SO_VERB_PUT, first = true;
    p->needs_identity = true;
    p->top.is_target = true; /* conditions name the table itself */
    so_sqlb_start(&b, p);
    so_text_lit(&b.text, "SELECT ");
    for (size_t i = 0; i < a->key_count; i++) {
        so_text_c(&b.text, i > 0 ? ", " : "");
        so_text_str(&b.text, a->key_columns[i]->quoted);
    }
    for (size_t i = 0; i < a->rule_count; i++)
        put_rule(&b, &a->rules[i]);
    so_text_lit(&b.text, " FROM ");
    if (inserts) {
        put_new_row(&b, "i");
        so_text_lit(&b.text, " FROM ");
        so_sqlb_put_input_rows(&b);
        so_text_lit(&b.text, ") ");
        so_text_name(&b.text, p->top.entity->relation->name);
    } else {
        so_text_lit(&b.text, "main.");
        so_text_name(&b.text, p->top.entity->relation->name);
    }
    for (const struct so_cond *c = p->top.where; !inserts && c != NULL; c = c->next) {
        so_sqlb_put_and(&b, &first);
        so_sqlb_put_cond(&b, &p->top, c);
    }
    so_text_lit(&b.text, " LIMIT ");
    so_text_u64(&b.text, SO_WHY_ROWS_MAX + 1);
    return so_sqlb_finish(&b, out);
}

/* ---- its rows ---- */

static int keep(struct asking *a, struct so_buf *b, struct so_str *out)
{
    int rc = so_buf_check(b, "a row", a->err);
    *out = rc == SO_OK ? so_arena_dup(a->arena, so_buf_str(b)) : (struct so_str){NULL, 0};
    so_buf_deinit(b);
    return rc == SO_OK && out->p == NULL ? so_err_oom(a->err) : rc;
}

static int read_values(struct asking *a, struct so_stmt *st, const struct rule *r, int at, struct so_str *out)
{
    struct so_buf b;
    so_buf_init(&b, 1 << 20);
    so_buf_putc(&b, '{');
    for (size_t i = 0; i < r->column_count; i++) {
        so_buf_puts(&b, i > 0 ? "," : "");
        so_buf_put_str(&b, r->columns[i]->field.key);
        so_shape_put_value(&r->columns[i]->field, st, at + (int)i, &b);
    }
    so_buf_putc(&b, '}');
    return keep(a, &b, out);
}

static int read_row(struct asking *a, struct so_stmt *st, struct so_why_row *row)
{
    const struct so_shape key = {a->key, a->key_count, false};
    struct so_buf b;
    int at = (int)a->key_count;
    so_buf_init(&b, 1 << 20);
    so_shape_put_row(&key, st, 0, &b);
    int rc = keep(a, &b, &row->key);
    row->allowed = true;
    row->rule_count = a->rule_count;
    for (size_t i = 0; rc == SO_OK && i < a->rule_count; i++) {
        const struct rule *r = &a->rules[i];
        struct so_str source = r->policy->source;
        if (r->policy->kind == SO_POLICY_ALLOW && source.n == 0)
            source = SO_STR("true");
        row->rules[i] = (struct so_why_rule){.policy = r->name, .source = source, .of_new_row = r->of_new_row};
        row->rules[i].allows = so_stmt_i64(st, at) == 1;
        row->allowed &= row->rules[i].allows;
        rc = read_values(a, st, r, at + 1, &row->rules[i].values);
        at += 1 + (int)r->column_count;
    }
    return rc;
}

static int read_rows(struct asking *a, struct so_stmt *st, struct so_why *out)
{
    struct so_why_row **end = &out->rows;
    bool has_row = true;
    int rc;
    while ((rc = so_stmt_step(st, &has_row, a->err)) == SO_OK && has_row) {
        out->is_cut = out->row_count == SO_WHY_ROWS_MAX;
        if (out->is_cut)
            break;
        struct so_why_row *row = so_alloc_zero(a->arena, sizeof(*row));
        if (row != NULL)
            row->rules = so_alloc_zero(a->arena, RULES_MAX * sizeof(*row->rules));
        rc = row == NULL || row->rules == NULL ? so_err_oom(a->err) : read_row(a, st, row);
        if (rc != SO_OK)
            break;
        *end = row;
        end = &row->next;
        out->row_count++;
        out->allowed_count += row->allowed;
    }
    return rc;
}

static int ask(struct asking *a, struct so_why *out)
{
    struct so_sql sql;
    struct so_stmt *st;
    int rc = add_rules(a);
    if (rc == SO_OK)
        rc = find_key(a);
    if (rc == SO_OK)
        rc = write_statement(a, &sql);
    if (rc == SO_OK)
        rc = so_rest_open_statement(a->plan->who, a->conn, &sql, &st, a->err);
    if (rc != SO_OK)
        return rc;
    rc = read_rows(a, st, out);
    so_stmt_done(st);
    return rc;
}

static int fail_no_rows(struct so_err *err)
{
    return so_fail(err, SO_EINVAL, "policies decide about rows: name a table, as in \"GET books\"");
}

static int ask_postgres(const struct so_rest_in *in, const struct so_snapshot *snapshot,
                        const struct so_rest_settings *settings, struct so_conn *conn, struct so_arena *arena,
                        struct so_why *out, struct so_err *err)
{
    struct so_rest_op *op;
    int rc = so_rest_prepare(in, snapshot, settings, arena, &op, err);
    if (rc != SO_OK)
        return rc;
    out->resource = op->request.name;
    out->is_function = op->request.resource == SO_RESOURCE_FUNCTION;
    return op->pg == NULL ? fail_no_rows(err) : so_pg_why(op, conn, out, err);
}

int so_rest_why(const struct so_rest_in *in, const struct so_snapshot *snapshot, const struct so_rest_settings *settings,
                struct so_conn *conn, struct so_arena *arena, struct so_why *out, struct so_err *err)
{
    struct so_request request;
    struct so_rest_plan plan;
    *out = (struct so_why){.resource = {NULL, 0}};
    if (so_snapshot_dialect(snapshot)->resolves_itself)
        return ask_postgres(in, snapshot, settings, conn, arena, out, err);
    int rc = so_request_parse(in, arena, &request, err);
    if (rc != SO_OK)
        return rc;
    out->resource = request.name;
    out->is_function = request.resource == SO_RESOURCE_FUNCTION;
    const struct so_routine *routine = out->is_function ? so_snapshot_function(snapshot, request.name) : NULL;
    if (routine != NULL) {
        out->may_call = so_routine_may(routine, in->who);
        out->roles = routine->function->roles;
        return SO_OK;
    }
    if (request.resource == SO_RESOURCE_ROOT || request.verb == SO_VERB_INFO)
        return fail_no_rows(err);
    rc = so_rest_plan_make(&request, snapshot, in->who, settings, arena, &plan, err);
    if (rc != SO_OK && !(strcmp(err->id, "42501") == 0 && plan.top.entity != NULL))
        return rc; /* a closed insert is refused while it is planned: then there is a plan */
    plan.err = err;
    rc = so_validate_verdict(&plan);
    struct asking a = {.plan = &plan, .conn = conn, .arena = arena, .err = err};
    return rc == SO_OK ? ask(&a, out) : rc;
}
