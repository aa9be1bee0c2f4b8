/* triggers_pg.c: the triggers of the change log, for the tables whose changes are told (logging_pg.h).  The log itself is
 * made by ground_pg.c, and brought up to date by every server that starts. */
#include "model/logging.h"
#include "model/logging_pg.h"
#include "model/pg_model.h"

enum { SQL_MAX = 64 * 1024 };

int so_pg_want_logging(struct so_pg_planner *p, const struct so_table *table)
{
    struct so_buf make, drop;
    if (!so_logging_wanted(p->base.model, table))
        return SO_OK;
    so_buf_init(&make, SQL_MAX);
    so_buf_init(&drop, SQL_MAX);
    so_logging_pg_put(&make, p->schema, table->name);
    so_logging_pg_put_removal(&drop, p->schema, table->name);
    int rc = so_buf_check(&make, "the triggers", p->base.err);
    if (rc == SO_OK)
        rc = so_buf_check(&drop, "the triggers", p->base.err);
    const struct so_pg_object object = {
        .kind = SO_STR("logging"),
        .table = table->name,
        .name = table->name,
        .make = so_buf_str(&make),
        .drop = so_buf_str(&drop),
        .summary = so_arena_printf(p->base.arena, "%.*s: log changes", SO_STR_ARG(table->name)),
    };
    if (rc == SO_OK)
        rc = object.summary.p == NULL ? so_err_oom(p->base.err) : so_pg_want(p, &object);
    so_buf_deinit(&drop);
    so_buf_deinit(&make);
    return rc;
}
