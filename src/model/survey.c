/* survey.c: look at the rows before anything is changed: what would be lost, and what cannot work at all.
 *
 * Everything is asked of the old table with the very expressions that the rebuild will use, so that what is counted is what
 * will happen. */
#include <inttypes.h>

#include "model/convert.h"
#include "model/plan.h"
#include "model/sql_text.h"

enum { SQL_MAX = 1 << 20 };

int so_survey_count(struct so_planner *p, const struct so_buf *sql, int64_t *out)
{
    struct so_stmt *st;
    bool row = false;
    int rc = so_buf_check(sql, "the query", p->err);
    if (rc == SO_OK)
        rc = so_conn_prepare(p->conn, so_buf_str(sql), &st, p->err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, p->err);
    if (rc == SO_OK)
        *out = row ? so_stmt_i64(st, 0) : 0;
    so_stmt_done(st);
    return rc;
}

static const char *rows_word(int64_t n) { return n == 1 ? "row" : "rows"; }

static void note(struct so_buf *loss, const char *before)
{
    so_buf_puts(loss, loss->len > 0 ? "; " : "");
    so_buf_puts(loss, before);
}

/* At most `limit`: a start asks only whether there are rows, and must not wait for a count of them all. */
static int count_rows(struct so_planner *p, const struct so_table_diff *d, int64_t limit, int64_t *out)
{
    struct so_buf sql;
    so_buf_init(&sql, SQL_MAX);
    so_buf_lit(&sql, "SELECT count(*) FROM (SELECT 1 FROM ");
    so_sql_put_name(&sql, d->old->name);
    so_buf_printf(&sql, " LIMIT %" PRId64 ")", limit);
    int rc = so_survey_count(p, &sql, out);
    so_buf_deinit(&sql);
    return rc;
}

/* Rows where the old column is (`has`) or is not filled, and the new one is NULL. */
static int count_nulls(struct so_planner *p, const struct so_table_diff *d, size_t f, const char *has, int64_t *out)
{
    struct so_buf sql;
    so_buf_init(&sql, SQL_MAX);
    so_buf_lit(&sql, "SELECT count(*) FROM ");
    so_sql_put_name(&sql, d->old->name);
    so_buf_lit(&sql, " WHERE ");
    so_sql_put_name(&sql, d->from[f]->name);
    so_buf_printf(&sql, " IS %s AND (", has);
    so_rebuild_put_converted(&sql, d, f, false);
    so_buf_lit(&sql, ") IS NULL");
    int rc = so_survey_count(p, &sql, out);
    so_buf_deinit(&sql);
    return rc;
}

int so_plan_refuse_nulls(struct so_planner *p, const struct so_table_diff *d, size_t f, int64_t rows)
{
    const struct so_field_rule *field = &d->table->fields[f];
    so_fail(p->err, SO_EINVAL, "%.*s#/properties/%.*s: required, but %" PRId64 " %s of %.*s would have no value",
            SO_STR_ARG(d->table->file), SO_STR_ARG(field->name), rows, rows_word(rows), SO_STR_ARG(d->table->name));
    so_err_hint(p->err, "give it a \"default\", or leave it out of \"required\" until every row has a value");
    return SO_EINVAL;
}

static int survey_kept_column(struct so_planner *p, const struct so_table_diff *d, size_t f, struct so_buf *loss)
{
    const struct so_field_rule *field = &d->table->fields[f];
    const struct so_column *old = d->from[f];
    int64_t lost = 0, empty = 0;
    int rc = SO_OK;
    if (!so_convert_is_safe(old->type, field->type))
        rc = count_nulls(p, d, f, "NOT NULL", &lost);
    if (rc == SO_OK && field->required && (!old->not_null || lost > 0))
        rc = count_nulls(p, d, f, "NULL", &empty);
    if (rc != SO_OK)
        return rc;
    if (field->required && lost + empty > 0 && !so_rebuild_fills(d, f))
        return so_plan_refuse_nulls(p, d, f, lost + empty);
    if (lost > 0) {
        note(loss, "");
        so_buf_printf(loss, "%" PRId64 " %s in %.*s.%.*s a value that is no %s", lost, lost == 1 ? "row has" : "rows have",
                      SO_STR_ARG(d->table->name), SO_STR_ARG(old->name), so_type_info(field->type)->name);
    }
    if (empty > 0) {
        note(loss, "");
        so_buf_printf(loss, "%" PRId64 " %s no value in %.*s.%.*s: the default will be there", empty,
                      empty == 1 ? "row has" : "rows have", SO_STR_ARG(d->table->name), SO_STR_ARG(old->name));
    }
    return SO_OK;
}

int so_survey_dropped(struct so_planner *p, const struct so_table_diff *d, const struct so_column *column,
                      struct so_buf *loss)
{
    int64_t filled = 0;
    struct so_buf sql;
    so_buf_init(&sql, SQL_MAX);
    so_buf_lit(&sql, "SELECT count(");
    so_sql_put_name(&sql, column->name);
    so_buf_lit(&sql, ") FROM ");
    so_sql_put_name(&sql, d->old->name);
    int rc = so_survey_count(p, &sql, &filled);
    so_buf_deinit(&sql);
    if (rc != SO_OK || filled == 0)
        return rc;
    note(loss, "");
    so_buf_printf(loss, "%" PRId64 " %s a value in %.*s.%.*s", filled, filled == 1 ? "row has" : "rows have",
                  SO_STR_ARG(d->old->name), SO_STR_ARG(column->name));
    return SO_OK;
}

/* ---- keys ---- */

/* Groups of rows that would share a key. */
static int survey_unique(struct so_planner *p, const struct so_table_diff *d, const struct so_str *columns, size_t count)
{
    struct so_buf keys, sql;
    int64_t groups = 0;
    so_buf_init(&keys, SQL_MAX);
    so_buf_init(&sql, SQL_MAX);
    for (size_t i = 0; i < count; i++) {
        so_buf_printf(&keys, "%sk%zu", i == 0 ? "" : ", ", i);
        so_buf_puts(&sql, i == 0 ? "SELECT " : ", ");
        so_rebuild_put_value(&sql, d, (size_t)(so_table_field(d->table, columns[i]) - d->table->fields), false);
        so_buf_printf(&sql, " AS k%zu", i);
    }
    struct so_buf whole;
    so_buf_init(&whole, 2 * SQL_MAX);
    so_buf_printf(&whole, "SELECT count(*) FROM (SELECT 1 FROM (%s FROM ", so_buf_cstr(&sql));
    so_sql_put_name(&whole, d->old->name);
    so_buf_lit(&whole, ") WHERE ");
    for (size_t i = 0; i < count; i++)
        so_buf_printf(&whole, "%sk%zu IS NOT NULL", i == 0 ? "" : " AND ", i);
    so_buf_printf(&whole, " GROUP BY %s HAVING count(*) > 1)", so_buf_cstr(&keys));
    int rc = so_buf_check(&sql, "the query", p->err);
    if (rc == SO_OK)
        rc = so_buf_check(&keys, "the query", p->err);
    if (rc == SO_OK)
        rc = so_survey_count(p, &whole, &groups);
    if (rc == SO_OK && groups > 0) {
        rc = so_fail(p->err, SO_EINVAL, "%.*s: should be unique by %.*s%s, but %" PRId64 " %s more than one row of %.*s",
                     SO_STR_ARG(d->table->file), SO_STR_ARG(columns[0]), count > 1 ? " and others" : "", groups,
                     groups == 1 ? "value is in" : "values are in", SO_STR_ARG(d->table->name));
        so_err_hint(p->err, "make the rows differ first");
    }
    so_buf_deinit(&whole);
    so_buf_deinit(&sql);
    so_buf_deinit(&keys);
    return rc;
}

/* link.c has proved that the table is in the model. */
static const struct so_table_diff *diff_of(const struct so_planner *p, struct so_str table)
{
    size_t i = 0;
    while (!so_str_eq(p->diffs[i].table->name, table))
        i++;
    return &p->diffs[i];
}

/* Rows that refer to nothing. */
static int survey_reference(struct so_planner *p, const struct so_table_diff *d, size_t f)
{
    const struct so_field_rule *field = &d->table->fields[f];
    const struct so_table_diff *to = diff_of(p, field->references_table);
    size_t key = (size_t)(so_table_field(to->table, field->references_column) - to->table->fields);
    int64_t orphans = 0;
    struct so_buf sql;
    so_buf_init(&sql, SQL_MAX);
    so_buf_lit(&sql, "SELECT count(*) FROM (SELECT (");
    so_rebuild_put_value(&sql, d, f, false);
    so_buf_lit(&sql, ") AS k FROM ");
    so_sql_put_name(&sql, d->old->name);
    so_buf_lit(&sql, ") WHERE k IS NOT NULL");
    if (to->old != NULL) {
        so_buf_lit(&sql, " AND k NOT IN (SELECT v FROM (SELECT (");
        so_rebuild_put_value(&sql, to, key, false);
        so_buf_lit(&sql, ") AS v FROM ");
        so_sql_put_name(&sql, to->old->name);
        so_buf_lit(&sql, ") WHERE v IS NOT NULL)");
    }
    int rc = so_survey_count(p, &sql, &orphans);
    so_buf_deinit(&sql);
    if (rc != SO_OK || orphans == 0)
        return rc;
    so_fail(p->err, SO_EINVAL, "%.*s#/properties/%.*s/x-references: %" PRId64 " %s of %.*s %s to no row of %.*s",
            SO_STR_ARG(d->table->file), SO_STR_ARG(field->name), orphans, rows_word(orphans), SO_STR_ARG(d->table->name),
            orphans == 1 ? "refers" : "refer", SO_STR_ARG(field->references_table));
    so_err_hint(p->err, "delete or correct those rows, or add what they refer to, first");
    return SO_EINVAL;
}

/* A new column that every row would need a value for. */
static int refuse_new(struct so_planner *p, const struct so_table_diff *d, size_t f)
{
    int64_t rows = 0;
    int rc = count_rows(p, d, INT64_MAX, &rows);
    return rc == SO_OK ? so_plan_refuse_nulls(p, d, f, rows) : rc;
}

int so_survey_table(struct so_planner *p, const struct so_table_diff *d, struct so_buf *loss)
{
    int64_t rows = 0;
    int rc = count_rows(p, d, 1, &rows);
    if (rows == 0)
        return rc;
    for (size_t f = 0; rc == SO_OK && f < d->table->field_count; f++) {
        const struct so_field_rule *field = &d->table->fields[f];
        if (d->from[f] != NULL)
            rc = survey_kept_column(p, d, f, loss);
        else if (field->required && !so_rebuild_fills(d, f))
            rc = refuse_new(p, d, f);
        bool refers = field->references_table.n > 0;
        if (rc == SO_OK && refers && (d->from[f] == NULL || so_diff_reference_changed(p, d, f)))
            rc = survey_reference(p, d, f);
    }
    if (rc == SO_OK && d->rebuild && d->table->primary_key_count > 0)
        rc = survey_unique(p, d, d->table->primary_key, d->table->primary_key_count);
    for (size_t i = 0; rc == SO_OK && i < d->index_count; i++) {
        if (d->indexes[i].unique && (d->rebuild || !d->index_there[i]))
            rc = survey_unique(p, d, d->indexes[i].columns, d->indexes[i].column_count);
    }
    return rc;
}
