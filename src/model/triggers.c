/* triggers.c: a table's triggers of the change log beside those that it should have.
 *
 * They are compared by their text, in which every column stands: a column that comes, goes or is renamed renews them.  All
 * three are kept, or all are made anew. */
#include "model/logging.h"
#include "model/plan.h"

enum { TRIGGER_SQL_MAX = 1 << 20, TRIGGERS_MAX = 16 };

struct comparison {
    struct so_planner *p;
    const struct so_table *table; /* NULL: nothing is wanted */
    struct so_str found[TRIGGERS_MAX];
    size_t count, fitting;
};

static int is_wanted(const struct comparison *c, struct so_str sql, bool *out)
{
    struct so_buf wanted;
    so_buf_init(&wanted, TRIGGER_SQL_MAX);
    int rc = SO_OK;
    *out = false;
    for (size_t i = 0; rc == SO_OK && c->table != NULL && i < SO_LOGGING_TRIGGERS; i++) {
        so_buf_reset(&wanted);
        so_logging_put(&wanted, c->table, i);
        rc = so_buf_check(&wanted, "the change log's trigger", c->p->err);
        *out = *out || so_str_eq(so_buf_str(&wanted), sql);
    }
    so_buf_deinit(&wanted);
    return rc;
}

static int add_found(struct comparison *c, struct so_stmt *st)
{
    bool wanted;
    if (c->count == TRIGGERS_MAX)
        return so_fail(c->p->err, SO_ELIMIT, "too many triggers are called " SO_LOGGING_PREFIX "...");
    struct so_str name = so_arena_dup(c->p->arena, so_stmt_text(st, 0));
    if (name.p == NULL)
        return so_err_oom(c->p->err);
    int rc = is_wanted(c, so_stmt_text(st, 1), &wanted);
    c->found[c->count++] = name;
    c->fitting += wanted;
    return rc;
}

static int read_triggers(struct comparison *c, struct so_str table)
{
    struct so_stmt *st;
    bool row = true;
    int rc = so_conn_prepare(c->p->conn,
                             SO_STR("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1"
                                    " AND substr(name, 1, length('" SO_LOGGING_PREFIX "')) = '" SO_LOGGING_PREFIX "'"),
                             &st, c->p->err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_text(st, 1, table);
    while (rc == SO_OK) {
        rc = so_stmt_step(st, &row, c->p->err);
        if (rc != SO_OK || !row)
            break;
        rc = add_found(c, st);
    }
    so_stmt_done(st);
    return rc;
}

int so_diff_compare_logging(struct so_planner *p, struct so_table_diff *d)
{
    bool wanted = so_logging_wanted(p->model, d->table);
    struct comparison c = {.p = p, .table = wanted ? d->table : NULL};
    int rc = d->old == NULL ? SO_OK : read_triggers(&c, d->old->name);
    if (rc != SO_OK)
        return rc;
    if (wanted && c.count == SO_LOGGING_TRIGGERS && c.fitting == SO_LOGGING_TRIGGERS)
        return SO_OK;
    d->logging_missing = wanted;
    struct so_str *names = so_alloc_array(p->arena, so_max_size(c.count, 1), sizeof(*names));
    if (names == NULL)
        return so_err_oom(p->err);
    for (size_t i = 0; i < c.count; i++)
        names[i] = c.found[i];
    d->old_logging = names;
    d->old_logging_count = c.count;
    return SO_OK;
}
