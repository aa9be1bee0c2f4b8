/* sql_call.c: a function's statement, and what it gives as a table.
 *
 *   reads     (statement)
 *     invoker   (WITH "books" AS (SELECT * FROM main."books" WHERE policy), ... statement)     the names stand for what is
 *                                                                                            left of the tables
 *     values    (WITH so_result("f") AS (statement) SELECT * FROM so_result)
 *   changes   (SELECT so_value(?given, i, 0) AS "a", ... FROM so_input(?given))     after the statement has run alone
 *
 * An argument is so_value(?args, 0, n). */
#include "model/sql_text.h"
#include "rest/sql_int.h"

static void put_input(struct so_sqlb *b, int *number, const struct so_input *input)
{
    if (*number == 0)
        *number = so_sqlb_add_param(b, &(struct so_param){.kind = SO_PARAM_INPUT, .pointer = input});
    so_sqlb_put_number(b, *number);
}

static void put_argument(struct so_sqlb *b, unsigned position)
{
    so_text_c(&b->text, b->dialect->input_value);
    put_input(b, &b->args, &b->plan->args);
    so_text_lit(&b->text, ", 0, ");
    so_text_u64(&b->text, position);
    so_text_char(&b->text, ')');
}

static void put_body(struct so_sqlb *b, struct so_str sql)
{
    for (size_t at = 0; at < sql.n;) {
        size_t mark = so_min_size(so_str_find_char(sql, SO_SQL_MARK, at), sql.n);
        so_text_str(&b->text, so_str_slice(sql, at, mark));
        if (mark < sql.n)
            put_argument(b, (unsigned)(sql.p[mark + 1] - 0x20));
        at = mark + 2;
    }
}

/* What no one may read but the service role is NULL. */
static void put_visible(struct so_sqlb *b, const struct so_entity *e)
{
    for (size_t i = 0; i < e->relation->column_count; i++) {
        so_text_c(&b->text, i > 0 ? ", " : "");
        so_text_c(&b->text, so_entity_column_hidden(&e->columns[i], b->plan->who) ? "NULL AS " : "");
        so_text_str(&b->text, e->columns[i].quoted);
    }
}

/* main."t" is the table itself, also where "t" is the guard. */
static void put_guard(struct so_sqlb *b, const struct so_entity *e, const struct so_policy *policy)
{
    so_text_name(&b->text, e->relation->name);
    so_text_lit(&b->text, " AS (SELECT ");
    put_visible(b, e);
    so_text_lit(&b->text, " FROM main.");
    so_text_name(&b->text, e->relation->name);
    if (policy->kind != SO_POLICY_ALLOW)
        so_text_lit(&b->text, " WHERE ");
    if (policy->kind == SO_POLICY_DENY)
        so_text_char(&b->text, '0');
    else if (policy->kind == SO_POLICY_SQL)
        so_text_str(&b->text, policy->sql);
    so_text_char(&b->text, ')');
}

static void put_statement(struct so_sqlb *b, const struct so_routine *r)
{
    const struct so_function *f = r->function;
    bool guarded = b->plan->who->role != SO_ROLE_SERVICE && r->guard_count > 0;
    if (guarded || f->begins_with)
        so_text_c(&b->text, f->is_recursive ? "WITH RECURSIVE " : "WITH ");
    for (size_t i = 0; guarded && i < r->guard_count; i++) {
        so_text_c(&b->text, i > 0 ? ", " : "");
        put_guard(b, r->guards[i], so_entity_policy(r->guards[i], SO_CMD_SELECT, b->plan->who));
    }
    if (guarded)
        so_text_c(&b->text, f->begins_with ? ", " : " ");
    put_body(b, f->sql);
}

static void put_given(struct so_sqlb *b, const struct so_relation *r)
{
    so_text_lit(&b->text, "(SELECT ");
    for (size_t i = 0; i < r->column_count; i++) {
        so_text_c(&b->text, i > 0 ? ", " : "");
        so_text_c(&b->text, b->dialect->input_value);
        put_input(b, &b->given, &b->plan->given);
        so_text_lit(&b->text, ", i, ");
        so_text_u64(&b->text, i);
        so_text_lit(&b->text, ") AS ");
        so_text_name(&b->text, r->columns[i].name);
    }
    so_text_lit(&b->text, " FROM ");
    so_text_c(&b->text, b->dialect->input_rows);
    put_input(b, &b->given, &b->plan->given);
    so_text_lit(&b->text, "))");
}

void so_sqlb_put_call(struct so_sqlb *b, const struct so_routine *r)
{
    const struct so_function *f = r->function;
    bool is_value = f->returns == SO_RETURNS_VALUE || f->returns == SO_RETURNS_VALUES;
    if (f->changes) {
        put_given(b, r->entity->relation);
        return;
    }
    if (is_value) {
        so_text_lit(&b->text, "(WITH so_result(");
        so_text_name(&b->text, f->name);
        so_text_lit(&b->text, ") AS ");
    }
    so_text_char(&b->text, '(');
    put_statement(b, r);
    so_text_c(&b->text, is_value ? ") SELECT * FROM so_result)" : ")");
}

int so_sql_call(struct so_rest_plan *p, struct so_sql *out)
{
    struct so_sqlb b;
    p->needs_identity = false; /* a WITH of ours would stand before one of the function's: names are bound by name */
    so_sqlb_start(&b, p);
    p->needs_identity = true;
    b.base = 10; /* :auth_uid and its like get the numbers after those that are used */
    put_statement(&b, p->top.routine);
    return so_sqlb_finish(&b, out);
}
