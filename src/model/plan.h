/* plan.h: what the parts of the planner share.
 *
 *   diff.c    table by table: what continues what, and what differs
 *   triggers.c what becomes of the change log's triggers
 *   survey.c  what that does to the rows: what would be lost, and what cannot work
 *   rebuild.c the SQL of a table that is made anew
 *   plan.c    the steps, in the order in which they run */
#ifndef SO_MODEL_PLAN_H
#define SO_MODEL_PLAN_H

#include "model/ddl.h"
#include "model/migrate.h"
#include "model/search.h"

struct so_planner {
    const struct so_model *model;
    const struct so_catalog *catalog;
    struct so_conn *conn; /* only read */
    struct so_arena *arena;
    struct so_err *err;
    struct so_map own;           /* names of the tables that Socle made */
    struct so_table_diff *diffs; /* one a table of the model, in its order */
    struct so_step *steps;
    size_t step_count, step_cap;
};

/* A table of the model beside what the database has of it. */
struct so_table_diff {
    const struct so_table *table;
    const struct so_relation *old; /* NULL: a new table */
    const struct so_column **from; /* for each field the column that it continues; NULL: a new column */
    const struct so_column **dropped;
    size_t dropped_count;
    const struct so_index_rule *indexes; /* all that the table should have */
    size_t index_count;
    bool *index_there;              /* for each of them: the database has it */
    const struct so_index **unused; /* ours, or in the way: to be dropped */
    size_t unused_count;
    bool rebuild;
    struct so_search_state search;
    const struct so_str *old_logging; /* triggers of the change log that are to be dropped */
    size_t old_logging_count;
    bool logging_missing;  /* and that are to be made */
    struct so_buf reasons; /* what differs, for the summary; until the plan is made */
};

/* plan.c, for plan_pg.c, too: adds a step; `sql` and `loss` (may be NULL) are copied, as are the names. */
int so_plan_add(struct so_planner *p, struct so_step step, const struct so_buf *sql,
                const struct so_buf *loss) SO_MUST_CHECK;
/* Steps that both databases spell alike; `sql` is empty and may be used. */
int so_plan_renames(struct so_planner *p, struct so_table_diff *d, struct so_buf *sql) SO_MUST_CHECK;
int so_plan_drop_column(struct so_planner *p, const struct so_table_diff *d, const struct so_column *column,
                        struct so_buf *sql) SO_MUST_CHECK;
int so_plan_drop_tables(struct so_planner *p) SO_MUST_CHECK;
int so_plan_refuse_nulls(struct so_planner *p, const struct so_table_diff *d, size_t f, int64_t rows) SO_MUST_CHECK;
bool so_diff_primary_key_changed(const struct so_table_diff *d);
/* The column is part of the foreign key. */
bool so_key_has(const struct so_foreign_key *key, const struct so_column *column);

/* In two rounds, since the second asks what becomes of other tables: first which continues which, then what differs. */
int so_diff_make(struct so_planner *p, const struct so_table *table, struct so_table_diff *out) SO_MUST_CHECK;
int so_diff_compare(struct so_planner *p, struct so_table_diff *d) SO_MUST_CHECK;
void so_diff_deinit(struct so_table_diff *diff);
static inline bool so_diff_renames_table(const struct so_table_diff *d)
{
    return d->old != NULL && !so_str_eq(d->old->name, d->table->name);
}
static inline bool so_diff_renames_column(const struct so_table_diff *d, size_t field)
{
    return d->from[field] != NULL && !so_str_eq(d->from[field]->name, d->table->fields[field].name);
}
/* Whether the field's foreign key is not the one that the column has. */
bool so_diff_reference_changed(const struct so_planner *p, const struct so_table_diff *d, size_t field);

/* triggers.c: fills old_logging and logging_missing. */
int so_diff_compare_logging(struct so_planner *p, struct so_table_diff *d) SO_MUST_CHECK;

/* Fills `loss` with what the rows of a rebuilt or altered table would lose (empty: nothing).  SO_EINVAL when the rows do not
 * fit at all, with a hint. */
int so_survey_table(struct so_planner *p, const struct so_table_diff *d, struct so_buf *loss) SO_MUST_CHECK;
/* The same for one column that goes. */
int so_survey_dropped(struct so_planner *p, const struct so_table_diff *d, const struct so_column *column,
                      struct so_buf *loss) SO_MUST_CHECK;
/* The number that `sql` gives. */
int so_survey_count(struct so_planner *p, const struct so_buf *sql, int64_t *out) SO_MUST_CHECK;

/* Whether a row gets a value where it has none: from the default, or the row's number. */
bool so_rebuild_fills(const struct so_table_diff *d, size_t field);
/* The old value in the new type, NULL where it has none. */
void so_rebuild_put_converted(struct so_buf *b, const struct so_table_diff *d, size_t field, bool after_rename);
/* The value of a field for each old row, defaults included; `after_rename` says which names the columns bear. */
void so_rebuild_put_value(struct so_buf *b, const struct so_table_diff *d, size_t field, bool after_rename);
void so_rebuild_put(struct so_buf *b, const struct so_table_diff *d);

#endif
