/* plan.c: the steps from what the database is to what the model says, in the order in which they run:
 *
 *   drop logging, search indexes -> rename tables, columns -> drop indexes -> rebuild tables -> add, drop columns
 *   -> create tables -> create indexes -> create search indexes -> create logging -> drop tables
 *
 * The triggers of the change log name columns, so those that no longer fit go before anything else.  After the renames every
 * step speaks of tables and columns by their new names.  What is dropped goes last, so that what referred to it has been
 * changed before. */
#include "model/plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "model/logging.h"
#include "model/pg_model.h"
#include "model/sql_text.h"

enum { SQL_MAX = 4 << 20, LOSS_MAX = 64 * 1024 };

/* ---- steps ---- */

int so_plan_add(struct so_planner *p, struct so_step step, const struct so_buf *sql, const struct so_buf *loss)
{
    if (p->step_count == p->step_cap) {
        size_t cap = p->step_cap == 0 ? 16 : p->step_cap * 2;
        struct so_step *bigger = so_alloc_array(p->arena, cap, sizeof(*bigger));
        if (bigger == NULL)
            return so_err_oom(p->err);
        if (p->step_count > 0)
            memcpy(bigger, p->steps, p->step_count * sizeof(*bigger));
        p->steps = bigger;
        p->step_cap = cap;
    }
    int rc = so_buf_check(sql, "the migration", p->err);
    if (rc == SO_OK && loss != NULL)
        rc = so_buf_check(loss, "the migration", p->err);
    if (rc != SO_OK)
        return rc;
    /* The plan outlives model and catalog. */
    step.table = so_arena_dup(p->arena, step.table);
    step.old_name = so_arena_dup(p->arena, step.old_name);
    step.sql = so_arena_dup(p->arena, so_buf_str(sql));
    step.loss = loss == NULL ? SO_STR("") : so_arena_dup(p->arena, so_buf_str(loss));
    step.loses_data = step.loss.n > 0;
    if (step.table.p == NULL || step.old_name.p == NULL || step.sql.p == NULL || step.loss.p == NULL ||
        step.summary.p == NULL)
        return so_err_oom(p->err);
    p->steps[p->step_count++] = step;
    return SO_OK;
}

/* Each step_*() adds one step; `sql` is empty and may be used. */

static int step_rename_table(struct so_planner *p, const struct so_table_diff *d, struct so_buf *sql)
{
    so_buf_lit(sql, "ALTER TABLE ");
    so_sql_put_name(sql, d->old->name);
    so_buf_lit(sql, " RENAME TO ");
    so_sql_put_name(sql, d->table->name);
    struct so_step step = {.kind = SO_STEP_RENAME_TABLE, .table = d->table->name, .old_name = d->old->name};
    step.summary =
        so_arena_printf(p->arena, "%.*s: rename table to %.*s", SO_STR_ARG(d->old->name), SO_STR_ARG(d->table->name));
    return so_plan_add(p, step, sql, NULL);
}

static int step_rename_column(struct so_planner *p, const struct so_table_diff *d, size_t f, struct so_buf *sql)
{
    struct so_str from = d->from[f]->name, to = d->table->fields[f].name;
    so_buf_lit(sql, "ALTER TABLE ");
    so_sql_put_name(sql, d->table->name);
    so_buf_lit(sql, " RENAME COLUMN ");
    so_sql_put_name(sql, from);
    so_buf_lit(sql, " TO ");
    so_sql_put_name(sql, to);
    struct so_step step = {.kind = SO_STEP_RENAME_COLUMN, .table = d->table->name, .old_name = from};
    step.summary = so_arena_printf(p->arena, "%.*s: rename column %.*s to %.*s", SO_STR_ARG(d->table->name),
                                   SO_STR_ARG(from), SO_STR_ARG(to));
    return so_plan_add(p, step, sql, NULL);
}

static int step_drop_index(struct so_planner *p, const struct so_table_diff *d, const struct so_index *index,
                           struct so_buf *sql)
{
    so_buf_lit(sql, "DROP INDEX ");
    so_sql_put_name(sql, index->name);
    struct so_step step = {.kind = SO_STEP_DROP_INDEX, .table = d->table->name};
    step.summary = so_arena_printf(p->arena, "%.*s: drop index %.*s", SO_STR_ARG(d->table->name), SO_STR_ARG(index->name));
    return so_plan_add(p, step, sql, NULL);
}

static int step_create_index(struct so_planner *p, const struct so_table_diff *d, const struct so_index_rule *index,
                             struct so_buf *sql)
{
    so_ddl_put_index(sql, d->table->name, index);
    struct so_step step = {.kind = SO_STEP_CREATE_INDEX, .table = d->table->name};
    step.summary = so_arena_printf(p->arena, "%.*s: create %sindex %.*s", SO_STR_ARG(d->table->name),
                                   index->unique ? "unique " : "", SO_STR_ARG(index->name));
    return so_plan_add(p, step, sql, NULL);
}

static int step_drop_search(struct so_planner *p, const struct so_table_diff *d, struct so_buf *sql)
{
    struct so_str name = d->old == NULL ? d->table->name : d->old->name;
    so_search_put_drop(sql, name);
    struct so_step step = {.kind = SO_STEP_DROP_SEARCH, .table = name};
    step.summary = so_arena_printf(p->arena, "%.*s: drop search index", SO_STR_ARG(name));
    return so_plan_add(p, step, sql, NULL);
}

static int step_create_search(struct so_planner *p, const struct so_table_diff *d, struct so_buf *sql)
{
    so_search_put_create(sql, d->table);
    struct so_step step = {.kind = SO_STEP_CREATE_SEARCH, .table = d->table->name};
    step.summary = so_arena_printf(p->arena, "%.*s: create search index", SO_STR_ARG(d->table->name));
    return so_plan_add(p, step, sql, NULL);
}

static int step_add_column(struct so_planner *p, const struct so_table_diff *d, size_t f, struct so_buf *sql)
{
    const struct so_field_rule *field = &d->table->fields[f];
    so_buf_lit(sql, "ALTER TABLE ");
    so_sql_put_name(sql, d->table->name);
    so_buf_lit(sql, " ADD COLUMN ");
    so_ddl_put_column(sql, d->table, field);
    struct so_step step = {.kind = SO_STEP_ADD_COLUMN, .table = d->table->name};
    step.summary =
        so_arena_printf(p->arena, "%.*s: add column %.*s %s%s", SO_STR_ARG(d->table->name), SO_STR_ARG(field->name),
                        so_type_info(field->type)->name, field->required ? " not null" : "");
    return so_plan_add(p, step, sql, NULL);
}

int so_plan_drop_column(struct so_planner *p, const struct so_table_diff *d, const struct so_column *column,
                        struct so_buf *sql)
{
    struct so_buf loss;
    so_buf_init(&loss, LOSS_MAX);
    int rc = so_survey_dropped(p, d, column, &loss);
    so_buf_lit(sql, "ALTER TABLE ");
    so_sql_put_name(sql, d->table->name);
    so_buf_lit(sql, " DROP COLUMN ");
    so_sql_put_name(sql, column->name);
    struct so_step step = {.kind = SO_STEP_DROP_COLUMN, .table = d->table->name};
    step.summary = so_arena_printf(p->arena, "%.*s: drop column %.*s", SO_STR_ARG(d->table->name), SO_STR_ARG(column->name));
    if (rc == SO_OK)
        rc = so_plan_add(p, step, sql, &loss);
    so_buf_deinit(&loss);
    return rc;
}

static int step_rebuild(struct so_planner *p, struct so_table_diff *d, const struct so_buf *survey, struct so_buf *sql)
{
    struct so_buf loss;
    so_buf_init(&loss, LOSS_MAX);
    so_buf_put_str(&loss, so_buf_str(survey));
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < d->dropped_count; i++)
        rc = so_survey_dropped(p, d, d->dropped[i], &loss);
    so_rebuild_put(sql, d);
    struct so_step step = {.kind = SO_STEP_REBUILD_TABLE, .table = d->table->name};
    step.summary =
        so_arena_printf(p->arena, "%.*s: rebuild table (%s)", SO_STR_ARG(d->table->name), so_buf_cstr(&d->reasons));
    if (rc == SO_OK)
        rc = so_plan_add(p, step, sql, &loss);
    so_buf_deinit(&loss);
    return rc;
}

static void put_logging(struct so_buf *sql, const struct so_table *table)
{
    for (size_t i = 0; i < SO_LOGGING_TRIGGERS; i++) {
        so_buf_puts(sql, sql->len > 0 ? ";\n" : "");
        so_logging_put(sql, table, i);
    }
}

static int step_create_logging(struct so_planner *p, const struct so_table_diff *d, struct so_buf *sql)
{
    put_logging(sql, d->table);
    struct so_step step = {.kind = SO_STEP_CREATE_LOGGING, .table = d->table->name};
    step.summary = so_arena_printf(p->arena, "%.*s: log changes", SO_STR_ARG(d->table->name));
    return so_plan_add(p, step, sql, NULL);
}

static int step_drop_logging(struct so_planner *p, const struct so_table_diff *d, struct so_buf *sql)
{
    for (size_t i = 0; i < d->old_logging_count; i++) {
        so_buf_puts(sql, i == 0 ? "DROP TRIGGER " : ";\nDROP TRIGGER ");
        so_sql_put_name(sql, d->old_logging[i]);
    }
    struct so_step step = {.kind = SO_STEP_DROP_LOGGING, .table = d->table->name};
    step.summary = so_arena_printf(p->arena, "%.*s: stop logging changes%s", SO_STR_ARG(d->table->name),
                                   d->logging_missing ? " for a moment" : "");
    return so_plan_add(p, step, sql, NULL);
}

static int step_create_table(struct so_planner *p, const struct so_table_diff *d, struct so_buf *sql)
{
    so_ddl_put_table(sql, d->table, d->table->name);
    for (size_t i = 0; i < d->index_count; i++) {
        so_buf_lit(sql, ";\n");
        so_ddl_put_index(sql, d->table->name, &d->indexes[i]);
    }
    if (d->logging_missing)
        put_logging(sql, d->table);
    struct so_step step = {.kind = SO_STEP_CREATE_TABLE, .table = d->table->name};
    step.summary = so_arena_printf(p->arena, "%.*s: create table", SO_STR_ARG(d->table->name));
    return so_plan_add(p, step, sql, NULL);
}

static bool has_search(const struct so_planner *p, const struct so_relation *r)
{
    struct so_str name = so_arena_printf(p->arena, SO_SEARCH_PREFIX "%.*s" SO_SEARCH_SUFFIX, SO_STR_ARG(r->name));
    return so_catalog_find(p->catalog, name) != NULL;
}

static int step_drop_table(struct so_planner *p, const struct so_relation *r, struct so_buf *sql)
{
    int64_t rows = 0;
    struct so_buf loss;
    so_buf_init(&loss, LOSS_MAX);
    so_buf_lit(sql, "SELECT count(*) FROM ");
    so_sql_put_name(sql, r->name);
    int rc = so_survey_count(p, sql, &rows);
    if (rows > 0)
        so_buf_printf(&loss, "%" PRId64 " %s in %.*s", rows, rows == 1 ? "row is" : "rows are", SO_STR_ARG(r->name));
    so_buf_reset(sql);
    if (has_search(p, r)) {
        so_search_put_drop(sql, r->name);
        so_buf_lit(sql, ";\n");
    }
    so_buf_lit(sql, "DROP TABLE ");
    so_sql_put_name(sql, r->name);
    struct so_step step = {.kind = SO_STEP_DROP_TABLE, .table = r->name};
    step.summary = so_arena_printf(p->arena, "%.*s: drop table", SO_STR_ARG(r->name));
    if (rc == SO_OK)
        rc = so_plan_add(p, step, sql, &loss);
    so_buf_deinit(&loss);
    return rc;
}

/* ---- phases: each goes through all tables ---- */

static int drop_logging_phase(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql)
{
    return d->old_logging_count > 0 ? step_drop_logging(p, d, sql) : SO_OK;
}

static int create_logging_phase(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql)
{
    return d->old != NULL && d->logging_missing ? step_create_logging(p, d, sql) : SO_OK;
}

int so_plan_renames(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql)
{
    int rc = so_diff_renames_table(d) ? step_rename_table(p, d, sql) : SO_OK;
    for (size_t f = 0; rc == SO_OK && f < d->table->field_count; f++) {
        so_buf_reset(sql);
        if (so_diff_renames_column(d, f))
            rc = step_rename_column(p, d, f, sql);
    }
    return rc;
}

static int drop_search_phase(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql)
{
    return d->search.any && !d->search.fits ? step_drop_search(p, d, sql) : SO_OK;
}

static int create_search_phase(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql)
{
    return d->search.wanted && !d->search.fits ? step_create_search(p, d, sql) : SO_OK;
}

static int drop_index_phase(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < d->unused_count; i++) {
        so_buf_reset(sql);
        rc = step_drop_index(p, d, d->unused[i], sql);
    }
    return rc;
}

static int rebuild_phase(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql)
{
    if (d->old == NULL)
        return SO_OK;
    struct so_buf loss;
    so_buf_init(&loss, LOSS_MAX);
    int rc = so_survey_table(p, d, &loss);
    if (rc == SO_OK)
        rc = so_buf_check(&loss, "the migration", p->err); /* what is lost must not go unsaid */
    if (rc == SO_OK && d->rebuild)
        rc = step_rebuild(p, d, &loss, sql);
    so_buf_deinit(&loss);
    return rc;
}

static int column_phase(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql)
{
    int rc = SO_OK;
    if (d->old == NULL || d->rebuild)
        return SO_OK;
    /* First the new ones: a table must always have a column. */
    for (size_t f = 0; rc == SO_OK && f < d->table->field_count; f++) {
        so_buf_reset(sql);
        if (d->from[f] == NULL)
            rc = step_add_column(p, d, f, sql);
    }
    for (size_t i = 0; rc == SO_OK && i < d->dropped_count; i++) {
        so_buf_reset(sql);
        rc = so_plan_drop_column(p, d, d->dropped[i], sql);
    }
    return rc;
}

static int create_phase(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql)
{
    return d->old == NULL ? step_create_table(p, d, sql) : SO_OK;
}

static int create_index_phase(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql)
{
    int rc = SO_OK;
    if (d->old == NULL || d->rebuild)
        return SO_OK;
    for (size_t i = 0; rc == SO_OK && i < d->index_count; i++) {
        so_buf_reset(sql);
        if (!d->index_there[i])
            rc = step_create_index(p, d, &d->indexes[i], sql);
    }
    return rc;
}

static int each_table(struct so_planner *p, int (*phase)(struct so_planner *, struct so_table_diff *, struct so_buf *))
{
    int rc = SO_OK;
    struct so_buf sql;
    so_buf_init(&sql, SQL_MAX);
    for (size_t i = 0; rc == SO_OK && i < p->model->table_count; i++) {
        so_buf_reset(&sql);
        rc = phase(p, &p->diffs[i], &sql);
    }
    so_buf_deinit(&sql);
    return rc;
}

/* ---- tables that go ---- */

static bool is_kept(const struct so_planner *p, const struct so_relation *r)
{
    for (size_t i = 0; i < p->model->table_count; i++) {
        if (p->diffs[i].old == r)
            return true;
    }
    bool elsewhere = so_catalog_find(p->catalog, r->name) != r; /* in another schema */
    return r->is_view || r->internal || elsewhere || !so_map_has(&p->own, r->name);
}

/* A table made by hand that refers to one that goes would be left broken. */
static int check_references_to(struct so_planner *p, const struct so_relation *r)
{
    for (size_t i = 0; i < r->in_key_count; i++) {
        const struct so_relation *from = r->in_keys[i]->from;
        bool of_model = false;
        for (size_t t = 0; t < p->model->table_count; t++)
            of_model = of_model || p->diffs[t].old == from;
        if (from == r || of_model || !is_kept(p, from))
            continue;
        so_fail(p->err, SO_EINVAL, "the table \"%.*s\" is in no schema file and would be dropped, but \"%.*s\" refers to it",
                SO_STR_ARG(r->name), SO_STR_ARG(from->name));
        so_err_hint(p->err, "that table was made by hand: drop it, or its foreign key, first");
        return SO_EINVAL;
    }
    return SO_OK;
}

int so_plan_drop_tables(struct so_planner *p)
{
    int rc = SO_OK;
    struct so_buf sql;
    so_buf_init(&sql, SQL_MAX);
    for (size_t i = 0; rc == SO_OK && i < p->catalog->relation_count; i++) {
        const struct so_relation *r = p->catalog->relations[i];
        if (is_kept(p, r))
            continue;
        so_buf_reset(&sql);
        rc = check_references_to(p, r);
        if (rc == SO_OK)
            rc = step_drop_table(p, r, &sql);
    }
    so_buf_deinit(&sql);
    return rc;
}

/* ---- the plan ---- */

static int read_own_tables(struct so_planner *p)
{
    struct so_stmt *st;
    bool row = true;
    so_map_init(&p->own, p->arena);
    if (so_catalog_find(p->catalog, SO_STR("_socle_tables")) == NULL)
        return SO_OK;
    int rc = so_conn_prepare(p->conn, SO_STR("SELECT name FROM _socle_tables"), &st, p->err);
    if (rc != SO_OK)
        return rc;
    while (rc == SO_OK) {
        rc = so_stmt_step(st, &row, p->err);
        if (rc != SO_OK || !row)
            break;
        struct so_str name = so_arena_dup(p->arena, so_stmt_text(st, 0));
        if (name.p == NULL || !so_map_put(&p->own, name, NULL))
            rc = so_err_oom(p->err);
    }
    so_stmt_done(st);
    return rc;
}

static int make_diffs(struct so_planner *p)
{
    int rc = SO_OK;
    p->diffs = so_alloc_array(p->arena, so_max_size(p->model->table_count, 1), sizeof(*p->diffs));
    if (p->diffs == NULL)
        return so_err_oom(p->err);
    for (size_t i = 0; rc == SO_OK && i < p->model->table_count; i++)
        rc = so_diff_make(p, p->model->tables[i], &p->diffs[i]);
    for (size_t i = 0; rc == SO_OK && i < p->model->table_count; i++)
        rc = so_diff_compare(p, &p->diffs[i]);
    return rc;
}

static int make_steps(struct so_planner *p)
{
    static int (*const PHASES[])(struct so_planner *, struct so_table_diff *, struct so_buf *) = {
        drop_logging_phase, drop_search_phase, so_plan_renames,    drop_index_phase,    rebuild_phase,
        column_phase,       create_phase,      create_index_phase, create_search_phase, create_logging_phase};
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(PHASES); i++)
        rc = each_table(p, PHASES[i]);
    return rc == SO_OK ? so_plan_drop_tables(p) : rc;
}

int so_migrate_plan(const struct so_model *model, const struct so_catalog *catalog, struct so_conn *conn,
                    struct so_arena *arena, struct so_plan *out, struct so_err *err)
{
    if (catalog->engine == SO_ENGINE_POSTGRES)
        return so_pg_migrate_plan(model, catalog, conn, arena, out, err);
    struct so_planner p = {.model = model, .catalog = catalog, .conn = conn, .arena = arena, .err = err};
    int rc = read_own_tables(&p);
    if (rc == SO_OK)
        rc = make_diffs(&p);
    if (rc == SO_OK)
        rc = make_steps(&p);
    for (size_t i = 0; p.diffs != NULL && i < model->table_count; i++)
        so_diff_deinit(&p.diffs[i]);
    if (rc != SO_OK)
        return rc;
    struct so_plan plan = {.steps = p.steps, .step_count = p.step_count};
    for (size_t i = 0; i < plan.step_count; i++)
        plan.losing_count += plan.steps[i].loses_data;
    *out = plan;
    return SO_OK;
}
