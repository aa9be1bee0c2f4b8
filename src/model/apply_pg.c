/* apply_pg.c: run the steps of a plan on PostgreSQL, and write the book anew.
 *
 * All of it is the caller's transaction; NOTIFY, which tells every server on the database to read the catalog again, comes
 * with its commit. */
#include "model/pg_model.h"

static int run(struct so_conn *conn, const char *sql, const struct so_str *texts, size_t count, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = so_conn_prepare(conn, so_str_c(sql), &st, err);
    if (rc != SO_OK)
        return rc;
    for (size_t i = 0; i < count; i++)
        so_stmt_bind_text(st, (int)i + 1, texts[i]);
    rc = so_stmt_step(st, &row, err);
    so_stmt_done(st);
    return rc;
}

static int apply_step(const struct so_step *step, struct so_conn *conn, struct so_err *err)
{
    struct so_err cause = SO_ERR_INIT;
    int rc = so_conn_exec(conn, step->sql.p, &cause);
    if (rc == SO_OK)
        return SO_OK;
    so_fail_http(err, rc, cause.status, cause.id, "%.*s: %s", SO_STR_ARG(step->summary), cause.message);
    if (cause.details[0] != '\0')
        so_err_details(err, "%s", cause.details);
    if (cause.hint[0] != '\0')
        so_err_hint(err, "%s", cause.hint);
    return rc;
}

static int remember(const struct so_plan *plan, struct so_conn *conn, struct so_err *err)
{
    int rc = so_conn_exec(conn, "DELETE FROM socle.objects", err);
    for (size_t i = 0; rc == SO_OK && i < plan->object_count; i++) {
        const struct so_pg_object *o = &plan->objects[i];
        const struct so_str texts[] = {o->kind, o->name, o->table, o->make, o->drop};
        rc = run(conn, "INSERT INTO socle.objects (kind, name, \"table\", make, drop) VALUES (?1, ?2, ?3, ?4, ?5)", texts,
                 COUNT_OF(texts), err);
    }
    for (size_t i = 0; rc == SO_OK && i < plan->step_count; i++) {
        const struct so_step *step = &plan->steps[i];
        const struct so_str texts[] = {step->table, step->summary, step->sql};
        rc = run(conn, "INSERT INTO socle.migrations (\"table\", summary, sql) VALUES (?1, ?2, ?3)", texts, COUNT_OF(texts),
                 err);
    }
    return rc;
}

int so_pg_migrate_apply(const struct so_plan *plan, struct so_conn *conn, struct so_err *err)
{
    int rc = run(conn, "SELECT set_config('search_path', quote_ident(?1), true)", &plan->schema, 1, err);
    for (size_t i = 0; rc == SO_OK && i < plan->step_count; i++)
        rc = apply_step(&plan->steps[i], conn, err);
    if (rc == SO_OK)
        rc = remember(plan, conn, err);
    return rc == SO_OK ? so_conn_exec(conn, "NOTIFY pgrst, 'reload schema'", err) : rc;
}
