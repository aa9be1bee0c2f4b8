/* alter_pg.c: what a table of a PostgreSQL database lacks of its schema file: columns, types, NOT NULL, defaults, keys.
 *
 * PostgreSQL alters in place.  Rows that do not fit (a value that is no number, a reference to nothing, two of a unique one)
 * make the server refuse the step, and the whole migration with it. */
#include <inttypes.h>

#include "model/convert.h"
#include "model/pg_model.h"
#include "model/sql_text.h"

enum { SQL_MAX = 1 << 20, LOSS_MAX = 64 * 1024 };

static bool is_type(const struct so_field_rule *field, const struct so_column *old)
{
    if (field->type == SO_TYPE_DECIMAL) /* the catalog calls every kind of number one */
        return so_str_eq(old->base, SO_STR("numeric"));
    return old->type == field->type;
}

bool so_pg_unsettles(const struct so_table_diff *d)
{
    for (size_t f = 0; d->old != NULL && f < d->table->field_count; f++)
        if (d->from[f] != NULL && !is_type(&d->table->fields[f], d->from[f]))
            return true;
    return d->dropped_count > 0;
}

static void put_alter_column(struct so_buf *b, struct so_str table, struct so_str column)
{
    so_buf_puts(b, b->len > 0 ? ";\nALTER TABLE " : "ALTER TABLE ");
    so_sql_put_name(b, table);
    so_buf_lit(b, " ALTER COLUMN ");
    so_sql_put_name(b, column);
}

/* ---- defaults ---- */

static int want_default(struct so_pg_planner *p, const struct so_table_diff *d, size_t f, struct so_buf *make,
                        struct so_buf *drop)
{
    const struct so_field_rule *field = &d->table->fields[f];
    put_alter_column(make, d->table->name, field->name);
    so_buf_printf(make, " SET DEFAULT %.*s", SO_STR_ARG(field->default_pg));
    so_buf_lit(drop, "ALTER TABLE IF EXISTS ");
    so_sql_put_name(drop, d->table->name);
    so_buf_lit(drop, " ALTER COLUMN ");
    so_sql_put_name(drop, field->name);
    so_buf_lit(drop, " DROP DEFAULT");
    int rc = so_buf_check(make, "the migration", p->base.err);
    if (rc == SO_OK)
        rc = so_buf_check(drop, "the migration", p->base.err);
    const struct so_pg_object object = {
        .kind = SO_STR("default"),
        .table = d->table->name,
        .name = so_arena_printf(p->base.arena, "%.*s.%.*s", SO_STR_ARG(d->table->name), SO_STR_ARG(field->name)),
        .make = so_buf_str(make),
        .drop = so_buf_str(drop),
        .summary =
            so_arena_printf(p->base.arena, "%.*s: default of %.*s", SO_STR_ARG(d->table->name), SO_STR_ARG(field->name)),
        .inherent = d->old == NULL || d->from[f] == NULL,
    };
    if (rc == SO_OK && (object.name.p == NULL || object.summary.p == NULL))
        rc = so_err_oom(p->base.err);
    return rc == SO_OK ? so_pg_want(p, &object) : rc;
}

int so_pg_want_defaults(struct so_pg_planner *p, const struct so_table_diff *d)
{
    struct so_buf make, drop;
    int rc = SO_OK;
    so_buf_init(&make, SQL_MAX);
    so_buf_init(&drop, SQL_MAX);
    for (size_t f = 0; rc == SO_OK && f < d->table->field_count; f++) {
        so_buf_reset(&make);
        so_buf_reset(&drop);
        if (d->table->fields[f].default_pg.p != NULL)
            rc = want_default(p, d, f, &make, &drop);
    }
    so_buf_deinit(&drop);
    so_buf_deinit(&make);
    return rc;
}

/* ---- steps ---- */

static int add_alter(struct so_pg_planner *p, const struct so_table_diff *d, struct so_str column, const char *what,
                     const struct so_buf *sql, const struct so_buf *loss)
{
    struct so_str name = d->table->name;
    return so_pg_step(p, SO_STEP_ALTER_TABLE, name,
                      so_arena_printf(p->base.arena, "%.*s: %.*s%s%s", SO_STR_ARG(name), SO_STR_ARG(column),
                                      column.n > 0 ? " " : "", what),
                      sql, loss);
}

/* SELECT count(*) FROM the table as it is now WHERE column `condition`. */
static int count_rows(struct so_pg_planner *p, const struct so_table_diff *d, const struct so_column *column,
                      const char *condition, int64_t *out)
{
    struct so_buf sql;
    so_buf_init(&sql, SQL_MAX);
    so_buf_lit(&sql, "SELECT count(*) FROM ");
    so_sql_put_name(&sql, d->old->name);
    if (column != NULL) {
        so_buf_lit(&sql, " WHERE ");
        so_sql_put_name(&sql, column->name);
        so_buf_printf(&sql, " %s", condition);
    }
    int rc = so_survey_count(&p->base, &sql, out);
    so_buf_deinit(&sql);
    return rc;
}

static bool is_number(enum so_type type)
{
    return type == SO_TYPE_INTEGER || type == SO_TYPE_NUMERIC || type == SO_TYPE_DECIMAL;
}

/* The old value in the new type; the server refuses what has none. */
static void put_converted(struct so_buf *b, struct so_str column, enum so_type from, enum so_type to)
{
    struct so_buf name;
    so_buf_init(&name, 1024);
    so_sql_put_name(&name, column);
    const char *c = so_buf_cstr(&name), *type = so_pg_type(to);
    if (from == SO_TYPE_JSON)
        so_buf_printf(b, "(%s #>> '{}')::%s", c, type);
    else if (to == SO_TYPE_JSON)
        so_buf_printf(b, "to_jsonb(%s)", c);
    else if (from == SO_TYPE_BOOLEAN && is_number(to))
        so_buf_printf(b, "%s::int::%s", c, type);
    else if (is_number(from) && to == SO_TYPE_BOOLEAN)
        so_buf_printf(b, "%s <> 0", c);
    else if (is_number(from) && is_number(to))
        so_buf_printf(b, "%s::%s", c, type);
    else
        so_buf_printf(b, "%s::text::%s", c, type);
    b->rc = b->rc == SO_OK ? name.rc : b->rc;
    so_buf_deinit(&name);
}

static int alter_type(struct so_pg_planner *p, const struct so_table_diff *d, size_t f, struct so_buf *sql,
                      struct so_buf *loss)
{
    const struct so_field_rule *field = &d->table->fields[f];
    const struct so_column *old = d->from[f];
    int64_t filled = 0;
    int rc = so_convert_is_safe(old->type, field->type) ? SO_OK : count_rows(p, d, old, "IS NOT NULL", &filled);
    if (rc == SO_OK && filled > 0)
        so_buf_printf(loss, "%" PRId64 " %s a value in %.*s.%.*s that is to become %s", filled,
                      filled == 1 ? "row has" : "rows have", SO_STR_ARG(d->table->name), SO_STR_ARG(old->name),
                      so_pg_type(field->type));
    if (old->has_default) {
        put_alter_column(sql, d->table->name, field->name);
        so_buf_lit(sql, " DROP DEFAULT");
    }
    put_alter_column(sql, d->table->name, field->name);
    so_buf_printf(sql, " TYPE %s USING ", so_pg_type(field->type));
    put_converted(sql, field->name, old->type, field->type);
    if (field->default_pg.p != NULL) {
        put_alter_column(sql, d->table->name, field->name);
        so_buf_printf(sql, " SET DEFAULT %.*s", SO_STR_ARG(field->default_pg));
    }
    struct so_str what = so_arena_printf(p->base.arena, "%.*s -> %s", SO_STR_ARG(old->base), so_pg_type(field->type));
    if (rc == SO_OK && what.p == NULL)
        rc = so_err_oom(p->base.err);
    return rc == SO_OK ? add_alter(p, d, field->name, what.p, sql, loss) : rc;
}

/* Rows without a value get the default, which is said as a loss. */
static int alter_null(struct so_pg_planner *p, const struct so_table_diff *d, size_t f, struct so_buf *sql,
                      struct so_buf *loss)
{
    const struct so_field_rule *field = &d->table->fields[f];
    int64_t empty = 0;
    int rc = field->required ? count_rows(p, d, d->from[f], "IS NULL", &empty) : SO_OK;
    if (rc == SO_OK && empty > 0 && field->default_pg.p == NULL)
        return so_plan_refuse_nulls(&p->base, d, f, empty);
    if (empty > 0) {
        so_buf_printf(loss, "%" PRId64 " %s no value in %.*s.%.*s: the default will be there", empty,
                      empty == 1 ? "row has" : "rows have", SO_STR_ARG(d->table->name), SO_STR_ARG(field->name));
        so_buf_lit(sql, "UPDATE ");
        so_sql_put_name(sql, d->table->name);
        so_buf_lit(sql, " SET ");
        so_sql_put_name(sql, field->name);
        so_buf_printf(sql, " = %.*s WHERE ", SO_STR_ARG(field->default_pg));
        so_sql_put_name(sql, field->name);
        so_buf_lit(sql, " IS NULL");
    }
    put_alter_column(sql, d->table->name, field->name);
    so_buf_puts(sql, field->required ? " SET NOT NULL" : " DROP NOT NULL");
    return rc == SO_OK ? add_alter(p, d, field->name, field->required ? "not null" : "may be null", sql, loss) : rc;
}

/* A key that counts by itself goes on after the highest. */
static int alter_counter(struct so_pg_planner *p, const struct so_table_diff *d, size_t f, struct so_buf *sql)
{
    const struct so_field_rule *field = &d->table->fields[f];
    struct so_buf table;
    so_buf_init(&table, 1024);
    so_sql_put_name(&table, d->table->name);
    put_alter_column(sql, d->table->name, field->name);
    so_buf_lit(sql, " ADD GENERATED BY DEFAULT AS IDENTITY;\nSELECT setval(pg_get_serial_sequence(");
    so_sql_put_text(sql, so_buf_str(&table));
    so_buf_lit(sql, ", ");
    so_sql_put_text(sql, field->name);
    so_buf_lit(sql, "), coalesce(max(");
    so_sql_put_name(sql, field->name);
    so_buf_printf(sql, "), 0) + 1, false) FROM %s", so_buf_cstr(&table));
    so_buf_deinit(&table);
    return add_alter(p, d, field->name, "counts by itself", sql, NULL);
}

static int alter_column(struct so_pg_planner *p, const struct so_table_diff *d, size_t f, struct so_buf *sql,
                        struct so_buf *loss)
{
    const struct so_field_rule *field = &d->table->fields[f];
    const struct so_column *old = d->from[f];
    int rc = SO_OK;
    if (!is_type(field, old))
        rc = alter_type(p, d, f, sql, loss);
    so_buf_reset(sql);
    so_buf_reset(loss);
    if (rc == SO_OK && old->not_null != field->required && old->pk == 0)
        rc = alter_null(p, d, f, sql, loss);
    so_buf_reset(sql);
    if (rc == SO_OK && so_pg_is_counter(d->table, field) && !old->has_default && !old->generated)
        rc = alter_counter(p, d, f, sql);
    return rc;
}

static int add_column(struct so_pg_planner *p, const struct so_table_diff *d, size_t f, struct so_buf *sql)
{
    const struct so_field_rule *field = &d->table->fields[f];
    int64_t rows = 0;
    int rc = SO_OK;
    if (field->required && field->default_pg.p == NULL && !so_pg_is_counter(d->table, field))
        rc = count_rows(p, d, NULL, NULL, &rows);
    if (rc == SO_OK && rows > 0)
        return so_plan_refuse_nulls(&p->base, d, f, rows);
    so_buf_lit(sql, "ALTER TABLE ");
    so_sql_put_name(sql, d->table->name);
    so_buf_lit(sql, " ADD COLUMN ");
    so_pg_put_column(sql, d->table, field);
    struct so_str summary =
        so_arena_printf(p->base.arena, "%.*s: add column %.*s %s%s", SO_STR_ARG(d->table->name), SO_STR_ARG(field->name),
                        so_type_info(field->type)->name, field->required ? " not null" : "");
    return rc == SO_OK ? so_pg_step(p, SO_STEP_ADD_COLUMN, d->table->name, summary, sql, NULL) : rc;
}

static int alter_primary_key(struct so_pg_planner *p, const struct so_table_diff *d, struct so_buf *sql)
{
    so_buf_lit(sql, "ALTER TABLE ");
    so_sql_put_name(sql, d->table->name);
    if (d->old->primary != NULL) {
        so_buf_lit(sql, " DROP CONSTRAINT ");
        so_sql_put_name(sql, d->old->primary->name);
    }
    if (d->table->primary_key_count > 0) {
        so_buf_puts(sql, d->old->primary != NULL ? ", ADD PRIMARY KEY (" : " ADD PRIMARY KEY (");
        so_pg_put_names(sql, d->table->primary_key, d->table->primary_key_count);
        so_buf_putc(sql, ')');
    }
    return add_alter(p, d, SO_STR(""), "another primary key", sql, NULL);
}

/* Foreign keys that go, before what they refer to does. */
static int drop_references(struct so_pg_planner *p, const struct so_table_diff *d, size_t f, struct so_buf *sql)
{
    for (size_t i = 0; i < d->old->out_key_count; i++) {
        const struct so_foreign_key *key = d->old->out_keys[i];
        if (!so_key_has(key, d->from[f]) || key->traced)
            continue;
        so_buf_puts(sql, sql->len > 0 ? ";\n" : "");
        so_buf_lit(sql, "ALTER TABLE ");
        so_sql_put_name(sql, d->table->name);
        so_buf_lit(sql, " DROP CONSTRAINT ");
        so_sql_put_name(sql, key->name);
    }
    return sql->len == 0 ? SO_OK : add_alter(p, d, d->table->fields[f].name, "without its foreign key", sql, NULL);
}

int so_pg_plan_alter(struct so_pg_planner *p, const struct so_table_diff *d)
{
    struct so_buf sql, loss;
    int rc = SO_OK;
    so_buf_init(&sql, SQL_MAX);
    so_buf_init(&loss, LOSS_MAX);
    for (size_t f = 0; rc == SO_OK && f < d->table->field_count; f++) {
        so_buf_reset(&sql);
        so_buf_reset(&loss);
        if (d->from[f] == NULL)
            rc = add_column(p, d, f, &sql);
        else if (so_diff_reference_changed(&p->base, d, f))
            rc = drop_references(p, d, f, &sql);
        so_buf_reset(&sql);
        if (rc == SO_OK && d->from[f] != NULL)
            rc = alter_column(p, d, f, &sql, &loss);
    }
    so_buf_reset(&sql);
    if (rc == SO_OK && so_diff_primary_key_changed(d))
        rc = alter_primary_key(p, d, &sql);
    for (size_t i = 0; rc == SO_OK && i < d->dropped_count; i++) {
        so_buf_reset(&sql);
        rc = so_plan_drop_column(&p->base, d, d->dropped[i], &sql);
    }
    so_buf_deinit(&loss);
    so_buf_deinit(&sql);
    return rc;
}

int so_pg_plan_references(struct so_pg_planner *p, const struct so_table_diff *d)
{
    struct so_buf sql;
    int rc = SO_OK;
    so_buf_init(&sql, SQL_MAX);
    for (size_t f = 0; rc == SO_OK && f < d->table->field_count; f++) {
        const struct so_field_rule *field = &d->table->fields[f];
        bool is_new = d->old == NULL || d->from[f] == NULL;
        if (field->references_table.n == 0 || (!is_new && !so_diff_reference_changed(&p->base, d, f)))
            continue;
        so_buf_reset(&sql);
        so_pg_put_reference(&sql, d->table, field);
        struct so_str what = so_arena_printf(p->base.arena, "refers to %.*s", SO_STR_ARG(field->references_table));
        rc = what.p == NULL ? so_err_oom(p->base.err) : add_alter(p, d, field->name, what.p, &sql, NULL);
    }
    so_buf_deinit(&sql);
    return rc;
}
