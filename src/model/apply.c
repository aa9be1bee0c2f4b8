/* apply.c: run the steps of a plan, and remember what was done.
 *
 *   _socle_tables      the tables that Socle made: others are never dropped
 *   _socle_migrations  one row a step, for `socle migrate status`
 *   _socle_changes     the change log (logging.h)
 *
 * Indexes and triggers that were made by hand on a table that is rebuilt are read before it and made again after it. */
#include "model/logging.h"
#include "model/migrate.h"
#include "model/pg_model.h"

static const char BOOKKEEPING[] =
    "CREATE TABLE IF NOT EXISTS _socle_tables (name TEXT PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS _socle_migrations (id INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ TEXT NOT NULL,"
    " \"table\" TEXT NOT NULL, summary TEXT NOT NULL, sql TEXT NOT NULL);" SO_LOGGING_TABLE;

/* Runs `sql` with texts bound to ?1, ?2, ...; *out_row may be NULL. */
static int run(struct so_conn *conn, struct so_str sql, const struct so_str *texts, size_t count, bool *out_row,
               struct so_err *err)
{
    struct so_stmt *st;
    bool row = false;
    int rc = so_conn_prepare(conn, sql, &st, err);
    if (rc != SO_OK)
        return rc;
    for (size_t i = 0; i < count; i++)
        so_stmt_bind_text(st, (int)i + 1, texts[i]);
    rc = so_stmt_step(st, &row, err);
    so_stmt_done(st);
    if (rc == SO_OK && out_row != NULL)
        *out_row = row;
    return rc;
}

static int check_loss(const struct so_plan *plan, struct so_err *err)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct so_step *step = &plan->steps[i];
        if (!step->loses_data)
            continue;
        so_fail(err, SO_EDENIED, "%.*s would lose data: %.*s", SO_STR_ARG(step->summary), SO_STR_ARG(step->loss));
        so_err_hint(err, "to let it, use --allow-data-loss; nothing has been changed");
        return SO_EDENIED;
    }
    return SO_OK;
}

static bool drops_tables(const struct so_plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].kind == SO_STEP_REBUILD_TABLE || plan->steps[i].kind == SO_STEP_DROP_TABLE)
            return true;
    }
    return false;
}

/* DROP TABLE deletes the rows first, and with them, through ON DELETE CASCADE, those that refer to them. */
static int check_not_enforced(struct so_conn *conn, struct so_err *err)
{
    bool enforced = true;
    int rc = run(conn, SO_STR("SELECT 1 FROM pragma_foreign_keys WHERE foreign_keys"), NULL, 0, &enforced, err);
    if (rc == SO_OK && enforced)
        rc = so_fail(err, SO_EINVAL,
                     "a plan that drops or rebuilds tables runs without enforced foreign keys: so_db_migrate()");
    return rc;
}

static int remember(const struct so_step *step, struct so_conn *conn, struct so_err *err)
{
    int rc = SO_OK;
    const struct so_str names[] = {step->table, step->old_name};
    if (step->kind == SO_STEP_CREATE_TABLE)
        rc = run(conn, SO_STR("INSERT OR IGNORE INTO _socle_tables (name) VALUES (?1)"), names, 1, NULL, err);
    else if (step->kind == SO_STEP_RENAME_TABLE)
        rc = run(conn, SO_STR("UPDATE OR REPLACE _socle_tables SET name = ?1 WHERE name = ?2"), names, 2, NULL, err);
    else if (step->kind == SO_STEP_DROP_TABLE)
        rc = run(conn, SO_STR("DELETE FROM _socle_tables WHERE name = ?1"), names, 1, NULL, err);
    if (rc != SO_OK)
        return rc;
    const struct so_str row[] = {step->table, step->summary, step->sql};
    return run(conn,
               SO_STR("INSERT INTO _socle_migrations (applied_at, \"table\", summary, sql) VALUES (so_now(), ?1, ?2, ?3)"),
               row, 3, NULL, err);
}

/* ---- rebuilding ---- */

struct object {
    struct object *next;
    struct so_str name, sql;
};

/* Indexes and triggers on the table, with the SQL that made them. */
static int read_objects(struct so_conn *conn, struct so_str table, struct so_arena *arena, struct object **out,
                        struct so_err *err)
{
    struct so_stmt *st;
    struct object *first = NULL, **next = &first;
    bool row = true;
    int rc =
        so_conn_prepare(conn,
                        SO_STR("SELECT name, sql FROM sqlite_schema"
                               " WHERE tbl_name = ?1 AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid"),
                        &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_text(st, 1, table);
    while (rc == SO_OK) {
        rc = so_stmt_step(st, &row, err);
        if (rc != SO_OK || !row)
            break;
        struct object *object = so_alloc_zero(arena, sizeof(*object));
        if (object == NULL) {
            rc = so_err_oom(err);
            break;
        }
        object->name = so_arena_dup(arena, so_stmt_text(st, 0));
        object->sql = so_arena_dup(arena, so_stmt_text(st, 1));
        if (object->name.p == NULL || object->sql.p == NULL)
            rc = so_err_oom(err);
        *next = object;
        next = &object->next;
    }
    so_stmt_done(st);
    *out = first;
    return rc;
}

/* Those that the step's own SQL has not made. */
static int make_objects(struct so_conn *conn, const struct object *object, struct so_err *err)
{
    int rc = SO_OK;
    for (; rc == SO_OK && object != NULL; object = object->next) {
        bool there = false;
        rc = run(conn, SO_STR("SELECT 1 FROM sqlite_schema WHERE name = ?1"), &object->name, 1, &there, err);
        if (rc == SO_OK && !there)
            rc = so_conn_exec(conn, object->sql.p, err);
    }
    return rc;
}

static int rebuild(const struct so_step *step, struct so_conn *conn, struct so_err *err)
{
    struct so_arena arena;
    struct object *objects = NULL;
    so_arena_init(&arena, 16 << 20);
    int rc = read_objects(conn, step->table, &arena, &objects, err);
    if (rc == SO_OK)
        rc = so_conn_exec(conn, "PRAGMA legacy_alter_table=ON", err);
    if (rc == SO_OK)
        rc = so_conn_exec(conn, step->sql.p, err);
    if (so_conn_exec(conn, "PRAGMA legacy_alter_table=OFF", rc == SO_OK ? err : NULL) != SO_OK && rc == SO_OK)
        rc = SO_EDB;
    if (rc == SO_OK)
        rc = make_objects(conn, objects, err);
    so_arena_deinit(&arena);
    return rc;
}

static int apply_step(const struct so_step *step, struct so_conn *conn, struct so_err *err)
{
    struct so_err cause = SO_ERR_INIT;
    int rc = step->kind == SO_STEP_REBUILD_TABLE ? rebuild(step, conn, &cause) : so_conn_exec(conn, step->sql.p, &cause);
    if (rc == SO_OK)
        rc = remember(step, conn, &cause);
    if (rc == SO_OK)
        return SO_OK;
    so_fail_http(err, rc, cause.status, cause.id, "%.*s: %s", SO_STR_ARG(step->summary), cause.message);
    if (cause.details[0] != '\0')
        so_err_details(err, "%s", cause.details);
    return rc;
}

int so_migrate_apply(const struct so_plan *plan, struct so_conn *conn, bool allow_data_loss, struct so_err *err)
{
    if (plan->step_count == 0)
        return SO_OK;
    int rc = allow_data_loss ? SO_OK : check_loss(plan, err);
    if (plan->is_postgres)
        return rc == SO_OK ? so_pg_migrate_apply(plan, conn, err) : rc;
    if (rc == SO_OK && drops_tables(plan))
        rc = check_not_enforced(conn, err);
    if (rc == SO_OK)
        rc = so_conn_exec(conn, BOOKKEEPING, err);
    for (size_t i = 0; rc == SO_OK && i < plan->step_count; i++)
        rc = apply_step(&plan->steps[i], conn, err);
    return rc;
}
