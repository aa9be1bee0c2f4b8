/* routine_pg.c: functions/NAME.sql as functions of the database: the same statement, its parameters as $1, $2, ...
 *
 *   params      arguments of those names; what is not required is its default, or NULL, when left out
 *   returns     "books[]" SETOF books; a list of objects TABLE(...), of values SETOF; one object OUT arguments; or a value
 *   security    invoker: the caller's policies hold, and what is writeOnly is NULL but to the service role; definer: the
 *               owner's rights, and no policy
 *   volatility  read: STABLE, so it may be called with GET; write: VOLATILE
 *   roles       who may execute it, besides service_role */
#include "db/identity.h"
#include "model/fields.h"
#include "model/pg_model.h"
#include "model/sql_text.h"

enum { SQL_MAX = 1 << 20 };
#define QUOTE "$socle$"

static bool is_required(const struct so_function *f, size_t arg)
{
    const struct so_json *required = so_json_get(f->params_source, SO_STR("required"));
    for (uint32_t i = 0; required != NULL && required->type == SO_JSON_ARRAY && i < required->len; i++)
        if (required->u.items[i].type == SO_JSON_STRING && so_str_eq(so_json_str(&required->u.items[i]), f->args[arg].name))
            return true;
    return false;
}

static void put_columns(struct so_buf *b, const struct so_function *f, const char *before, const char *mode)
{
    for (size_t i = 0; i < f->column_count; i++) {
        so_buf_puts(b, i == 0 ? before : ", ");
        so_buf_puts(b, mode);
        so_sql_put_name(b, f->columns[i].name);
        so_buf_printf(b, " %s", so_pg_type(f->columns[i].type));
    }
}

/* PostgreSQL wants those with a default last; `order` says which stands where. */
static void order_args(const struct so_function *f, size_t *order)
{
    size_t count = 0;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < f->arg_count; i++)
            if (is_required(f, i) == (round == 0))
                order[count++] = i;
}

/* The file's "default", else NULL. */
static int put_default(struct so_pg_planner *p, struct so_buf *b, const struct so_function_column *arg)
{
    struct so_field_rule rule = {.type = arg->type, .default_pg = SO_STR("NULL")};
    const struct so_json *value = so_json_get(arg->schema, SO_STR("default"));
    int rc = value == NULL ? SO_OK : so_default_constant(value, p->base.arena, &rule, p->base.err);
    so_buf_printf(b, " DEFAULT %.*s", SO_STR_ARG(rule.default_pg));
    return rc;
}

static int put_args(struct so_pg_planner *p, struct so_buf *b, const struct so_function *f, const size_t *order)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < f->arg_count; i++) {
        const struct so_function_column *arg = &f->args[order[i]];
        so_buf_puts(b, i == 0 ? "" : ", ");
        so_sql_put_name(b, arg->name);
        so_buf_printf(b, " %s", so_pg_type(arg->type));
        if (!is_required(f, order[i]))
            rc = put_default(p, b, arg);
    }
    if (f->returns == SO_RETURNS_ROW)
        put_columns(b, f, f->arg_count > 0 ? ", " : "", "OUT ");
    return rc;
}

static void put_returns(struct so_buf *b, const struct so_function *f)
{
    const char *type = f->column_count > 0 ? so_pg_type(f->columns[0].type) : "text";
    switch (f->returns) {
    case SO_RETURNS_VOID: so_buf_lit(b, " RETURNS void"); break;
    case SO_RETURNS_VALUE: so_buf_printf(b, " RETURNS %s", type); break;
    case SO_RETURNS_VALUES: so_buf_printf(b, " RETURNS SETOF %s", type); break;
    case SO_RETURNS_ROW: break; /* its OUT arguments say so */
    case SO_RETURNS_ROWS:
        if (f->table.n > 0) {
            so_buf_lit(b, " RETURNS SETOF ");
            so_sql_put_name(b, f->table);
        } else {
            put_columns(b, f, " RETURNS TABLE (", "");
            so_buf_putc(b, ')');
        }
    }
}

/* ---- what an invoker does not see ---- */

static bool hides(const struct so_table *table)
{
    bool any = false;
    for (size_t i = 0; i < table->field_count; i++)
        any |= table->fields[i].write_only;
    return any;
}

static bool is_named(const struct so_function *f, struct so_str table)
{
    bool any = false;
    for (size_t i = 0; i < f->name_count; i++)
        any |= so_str_eq_nocase(f->names[i], table);
    return any;
}

static void put_visible(struct so_buf *b, struct so_str name, const struct so_field_rule *field)
{
    so_buf_puts(b, b->p[b->len - 1] == ' ' ? "" : ", ");
    if (field == NULL || !field->write_only) {
        so_sql_put_name(b, name);
        return;
    }
    so_buf_lit(b, "CASE WHEN current_user = 'service_role' THEN ");
    so_sql_put_name(b, name);
    so_buf_lit(b, " END AS ");
    so_sql_put_name(b, name);
}

static bool is_dropped(const struct so_table_diff *d, const struct so_column *column)
{
    bool any = false;
    for (size_t i = 0; i < d->dropped_count; i++)
        any |= d->dropped[i] == column;
    return any;
}

static const struct so_field_rule *continuing(const struct so_table_diff *d, const struct so_column *column)
{
    for (size_t i = 0; i < d->table->field_count; i++)
        if (d->from[i] == column)
            return &d->table->fields[i];
    return NULL;
}

/* In the order that the table's columns will have, so that its star is still a row of the table. */
static void put_guard(struct so_buf *b, struct so_str schema, const struct so_table_diff *d)
{
    so_sql_put_name(b, d->table->name);
    so_buf_lit(b, " AS (SELECT ");
    for (size_t i = 0; d->old != NULL && i < d->old->column_count; i++) {
        const struct so_column *column = &d->old->columns[i];
        const struct so_field_rule *field = continuing(d, column);
        if (!is_dropped(d, column))
            put_visible(b, field != NULL ? field->name : column->name, field);
    }
    for (size_t i = 0; i < d->table->field_count; i++)
        if (d->old == NULL || d->from[i] == NULL)
            put_visible(b, d->table->fields[i].name, &d->table->fields[i]);
    so_buf_lit(b, " FROM ");
    so_sql_put_name(b, schema);
    so_buf_putc(b, '.');
    so_sql_put_name(b, d->table->name);
    so_buf_putc(b, ')');
}

/* A name with its schema is the table itself, whatever stands before the statement. */
static int refuse_schema(struct so_pg_planner *p, const struct so_function *f, const struct so_sql_token *t)
{
    for (; t->kind != SO_SQL_END; t++) {
        struct so_str name = t->kind == SO_SQL_NAME ? so_str_slice(t->text, 1, t->text.n - 1) : t->text;
        if ((t->kind == SO_SQL_NAME || t->kind == SO_SQL_WORD) && so_sql_is(t + 1, ".") && so_str_eq_nocase(name, p->schema))
            return so_fail(p->base.err, SO_EINVAL,
                           "%.*s: %.*s.: names stand without the schema where a table has writeOnly columns",
                           SO_STR_ARG(f->file), SO_STR_ARG(name));
    }
    return SO_OK;
}

/* WITH "t" AS (what may be seen of it): the name then means that in the whole statement.  What a WITH of the statement's own
 * begins with is taken over: *t is what follows. */
static int put_guards(struct so_pg_planner *p, struct so_buf *b, const struct so_function *f, const struct so_sql_token **t)
{
    bool any = false;
    for (size_t i = 0; !f->definer && i < p->base.model->table_count; i++) {
        const struct so_table_diff *d = &p->base.diffs[i];
        if (!hides(d->table) || !is_named(f, d->table->name))
            continue;
        so_buf_puts(b, any ? ", " : f->is_recursive ? "WITH RECURSIVE " : "WITH ");
        put_guard(b, p->schema, d);
        any = true;
    }
    if (!any)
        return SO_OK;
    int rc = refuse_schema(p, f, *t);
    so_buf_puts(b, f->begins_with ? ", " : " ");
    *t += f->begins_with + (f->begins_with && f->is_recursive);
    return rc;
}

/* The source with $n for :name. */
static int put_body(struct so_pg_planner *p, struct so_buf *b, const struct so_function *f, const size_t *order)
{
    const struct so_sql_token *t;
    int rc = so_sql_statement_tokens(f->source, p->base.arena, &t, p->base.err);
    if (rc == SO_OK)
        rc = put_guards(p, b, f, &t);
    const char *from = rc == SO_OK && t->kind != SO_SQL_END ? t->text.p : f->source.p;
    for (; rc == SO_OK && t->kind != SO_SQL_END; t++) {
        if (t->kind != SO_SQL_PARAMETER)
            continue;
        so_buf_put(b, from, (size_t)(t->text.p - from));
        for (size_t i = 0; i < f->arg_count; i++)
            if (so_str_eq(f->args[order[i]].name, so_str_slice(t->text, 1, t->text.n)))
                so_buf_printf(b, "$%zu", i + 1);
        from = t->text.p + t->text.n;
    }
    if (rc == SO_OK)
        so_buf_put(b, from, (size_t)(f->source.p + f->source.n - from));
    return rc;
}

static void put_signature(struct so_buf *b, const struct so_function *f, const size_t *order)
{
    so_sql_put_name(b, f->name);
    so_buf_putc(b, '(');
    for (size_t i = 0; i < f->arg_count; i++)
        so_buf_printf(b, "%s%s", i == 0 ? "" : ", ", so_pg_type(f->args[order[i]].type));
    so_buf_putc(b, ')');
}

static void put_rights(struct so_buf *b, const struct so_function *f, const size_t *order)
{
    so_buf_lit(b, ";\nREVOKE ALL ON FUNCTION ");
    put_signature(b, f, order);
    so_buf_lit(b, " FROM PUBLIC, anon, authenticated;\nGRANT EXECUTE ON FUNCTION ");
    put_signature(b, f, order);
    so_buf_lit(b, " TO service_role");
    for (unsigned role = SO_ROLE_ANON; role < SO_ROLE_SERVICE; role++)
        if ((f->roles & (1u << role)) != 0)
            so_buf_printf(b, ", %s", so_role_name((enum so_role)role));
    if (f->description.n > 0) {
        so_buf_lit(b, ";\nCOMMENT ON FUNCTION ");
        put_signature(b, f, order);
        so_buf_lit(b, " IS ");
        so_sql_put_text(b, f->description);
    }
}

static int put_make(struct so_pg_planner *p, struct so_buf *b, const struct so_function *f, const size_t *order)
{
    so_buf_lit(b, "CREATE FUNCTION ");
    so_sql_put_name(b, f->name);
    so_buf_putc(b, '(');
    int rc = put_args(p, b, f, order);
    so_buf_putc(b, ')');
    put_returns(b, f);
    so_buf_printf(b, " LANGUAGE sql %s SECURITY %s SET search_path = ", f->is_write ? "VOLATILE" : "STABLE",
                  f->definer ? "DEFINER" : "INVOKER");
    so_sql_put_name(b, p->schema);
    so_buf_lit(b, " AS " QUOTE "\n");
    if (rc == SO_OK)
        rc = put_body(p, b, f, order);
    so_buf_lit(b, "\n" QUOTE);
    put_rights(b, f, order);
    return rc;
}

static int want_function(struct so_pg_planner *p, const struct so_function *f, struct so_buf *make, struct so_buf *drop)
{
    size_t *order = so_alloc_array(p->base.arena, f->arg_count + 1, sizeof(*order));
    if (order == NULL)
        return so_err_oom(p->base.err);
    if (so_str_find(f->source, SO_STR(QUOTE)) != SO_STR_NONE)
        return so_fail(p->base.err, SO_EINVAL, "%.*s: " QUOTE " may not stand in it", SO_STR_ARG(f->file));
    order_args(f, order);
    int rc = put_make(p, make, f, order);
    so_buf_lit(drop, "DROP FUNCTION IF EXISTS ");
    put_signature(drop, f, order);
    if (rc == SO_OK)
        rc = so_buf_check(make, "the function", p->base.err);
    if (rc == SO_OK)
        rc = so_buf_check(drop, "the function", p->base.err);
    const struct so_pg_object object = {
        .kind = SO_STR("function"),
        .table = SO_STR(""),
        .name = f->name,
        .make = so_buf_str(make),
        .drop = so_buf_str(drop),
        .summary = so_arena_printf(p->base.arena, "%.*s: function", SO_STR_ARG(f->file)),
    };
    if (rc == SO_OK)
        rc = object.summary.p == NULL ? so_err_oom(p->base.err) : so_pg_want(p, &object);
    return rc;
}

int so_pg_want_functions(struct so_pg_planner *p)
{
    struct so_buf make, drop;
    int rc = SO_OK;
    so_buf_init(&make, SQL_MAX);
    so_buf_init(&drop, SQL_MAX);
    for (size_t i = 0; rc == SO_OK && i < p->base.model->function_count; i++) {
        so_buf_reset(&make);
        so_buf_reset(&drop);
        rc = want_function(p, p->base.model->functions[i], &make, &drop);
    }
    so_buf_deinit(&drop);
    so_buf_deinit(&make);
    return rc;
}
