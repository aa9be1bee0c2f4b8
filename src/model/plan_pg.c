/* plan_pg.c: the steps from what a PostgreSQL database is to what the model says, in the order in which they run:
 *
 *   ground -> drop objects -> rename tables, columns -> alter, add, drop columns -> create tables -> add foreign keys
 *   -> drop tables -> make objects
 *
 * Objects (pg_model.h) that speak of columns go before those change, and are made when all is as it should be.  The steps
 * are one transaction, so nobody sees a table without its policies. */
#include "model/logging_pg.h"
#include "model/pg_model.h"
#include "model/sql_text.h"

enum { SQL_MAX = 4 << 20 };

/* In the order in which they are made; dropped in the other.  What is added here is planned, applied and kept in the book
 * like the rest: it makes SQL for a table and hands it to so_pg_want(). */
static const struct definer {
    const char *kind;
    int (*of_table)(struct so_pg_planner *p, const struct so_table *table); /* NULL: of_diff or of_model */
    int (*of_diff)(struct so_pg_planner *p, const struct so_table_diff *d);
    int (*of_model)(struct so_pg_planner *p);
} DEFINERS[] = {
    {"default", NULL, so_pg_want_defaults, NULL}, {"index", so_pg_want_indexes, NULL, NULL},
    {"search", so_pg_want_search, NULL, NULL},    {"access", so_pg_want_access, NULL, NULL},
    {"logging", so_pg_want_logging, NULL, NULL},  {"function", NULL, NULL, so_pg_want_functions},
};

int so_pg_step(struct so_pg_planner *p, enum so_step_kind kind, struct so_str table, struct so_str summary,
               const struct so_buf *sql, const struct so_buf *loss)
{
    if (summary.p == NULL)
        return so_err_oom(p->base.err);
    return so_plan_add(&p->base, (struct so_step){.kind = kind, .table = table, .summary = summary}, sql, loss);
}

/* ---- objects ---- */

static int copy_object(struct so_arena *arena, const struct so_pg_object *from, struct so_pg_object *out, struct so_err *err)
{
    *out = (struct so_pg_object){
        .kind = so_arena_dup(arena, from->kind),
        .table = so_arena_dup(arena, from->table),
        .name = so_arena_dup(arena, from->name),
        .make = so_arena_dup(arena, from->make),
        .drop = so_arena_dup(arena, from->drop),
        .summary = so_arena_dup(arena, from->summary),
        .inherent = from->inherent,
    };
    bool good = out->kind.p != NULL && out->table.p != NULL && out->name.p != NULL && out->make.p != NULL &&
                out->drop.p != NULL && out->summary.p != NULL;
    return good ? SO_OK : so_err_oom(err);
}

int so_pg_want(struct so_pg_planner *p, const struct so_pg_object *object)
{
    if (p->object_count == p->object_cap) {
        size_t cap = p->object_cap == 0 ? 64 : p->object_cap * 2;
        struct so_pg_object *bigger = so_alloc_array(p->base.arena, cap, sizeof(*bigger));
        if (bigger == NULL)
            return so_err_oom(p->base.err);
        if (p->object_count > 0)
            memcpy(bigger, p->objects, p->object_count * sizeof(*bigger));
        p->objects = bigger;
        p->object_cap = cap;
    }
    int rc = copy_object(p->base.arena, object, &p->objects[p->object_count], p->base.err);
    p->object_count += rc == SO_OK;
    return rc;
}

static struct so_str key_of(struct so_arena *arena, struct so_str kind, struct so_str name)
{
    return so_arena_printf(arena, "%.*s %.*s", SO_STR_ARG(kind), SO_STR_ARG(name));
}

const struct so_pg_object *so_pg_in_book(const struct so_pg_planner *p, const char *kind, struct so_str name)
{
    struct so_str key = key_of(p->base.arena, so_str_c(kind), name);
    return key.p == NULL ? NULL : so_map_find(&p->book, key);
}

static int want_all(struct so_pg_planner *p)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(DEFINERS); i++) {
        const struct definer *definer = &DEFINERS[i];
        for (size_t t = 0; rc == SO_OK && definer->of_model == NULL && t < p->base.model->table_count; t++)
            rc = definer->of_table != NULL ? definer->of_table(p, p->base.model->tables[t])
                                           : definer->of_diff(p, &p->base.diffs[t]);
        if (rc == SO_OK && definer->of_model != NULL)
            rc = definer->of_model(p);
    }
    return rc;
}

/* ---- the book ---- */

static int each_row(struct so_pg_planner *p, struct so_str sql, int (*each)(struct so_pg_planner *p, struct so_stmt *st))
{
    struct so_stmt *st;
    bool row = true;
    int rc = so_conn_prepare(p->base.conn, sql, &st, p->base.err);
    if (rc != SO_OK)
        return rc;
    while (rc == SO_OK) {
        rc = so_stmt_step(st, &row, p->base.err);
        if (rc != SO_OK || !row)
            break;
        rc = each(p, st);
    }
    so_stmt_done(st);
    return rc;
}

static int read_object(struct so_pg_planner *p, struct so_stmt *st)
{
    const struct so_pg_object row = {.kind = so_stmt_text(st, 0),
                                     .table = so_stmt_text(st, 1),
                                     .name = so_stmt_text(st, 2),
                                     .make = so_stmt_text(st, 3),
                                     .drop = so_stmt_text(st, 4),
                                     .summary = SO_STR("")};
    struct so_pg_object *object = so_alloc(p->base.arena, sizeof(*object));
    struct so_str key = key_of(p->base.arena, row.kind, row.name);
    if (object == NULL || key.p == NULL)
        return so_err_oom(p->base.err);
    int rc = copy_object(p->base.arena, &row, object, p->base.err);
    struct so_map *into = so_str_eq(row.kind, SO_STR("table")) ? &p->base.own : &p->book;
    struct so_str name = into == &p->book ? key : object->name;
    return rc != SO_OK || so_map_put(into, name, object) ? rc : so_err_oom(p->base.err);
}

static int read_guard(struct so_pg_planner *p, struct so_stmt *st)
{
    struct so_str name = so_arena_dup(p->base.arena, so_stmt_text(st, 0));
    struct so_str *guard = so_alloc(p->base.arena, sizeof(*guard));
    if (name.p == NULL || guard == NULL)
        return so_err_oom(p->base.err);
    *guard = so_arena_dup(p->base.arena, so_stmt_text(st, 1));
    return guard->p != NULL && so_map_put(&p->guards, name, guard) ? SO_OK : so_err_oom(p->base.err);
}

static int is_there(struct so_pg_planner *p, struct so_stmt *st)
{
    p->has_book = so_stmt_i64(st, 0) != 0;
    return SO_OK;
}

/* What was dropped by hand is not in the book, either. */
static int read_book(struct so_pg_planner *p)
{
    so_map_init(&p->book, p->base.arena);
    so_map_init(&p->base.own, p->base.arena);
    so_map_init(&p->guards, p->base.arena);
    int rc = each_row(p, SO_STR("SELECT (to_regclass('socle.objects') IS NOT NULL)::int"), is_there);
    if (rc != SO_OK || !p->has_book)
        return rc;
    rc = each_row(p,
                  SO_STR("SELECT kind, \"table\", name, make, drop FROM socle.objects WHERE CASE"
                         " WHEN kind IN ('index', 'search') THEN to_regclass(quote_ident(name)) IS NOT NULL"
                         " WHEN kind = 'logging' THEN EXISTS (SELECT FROM pg_trigger WHERE tgname = '" SO_LOGGING_PG_TRIGGER
                         "' AND tgrelid = to_regclass(quote_ident(name)))"
                         " WHEN kind = 'function' THEN EXISTS (SELECT FROM pg_proc WHERE proname = name"
                         " AND pronamespace = current_schema()::regnamespace) ELSE true END ORDER BY kind, name"),
                  read_object);
    if (rc == SO_OK)
        rc = each_row(p,
                      SO_STR("SELECT c.relname, left(c.relrowsecurity::text, 1) || count(y.polname) FROM pg_class c"
                             " LEFT JOIN pg_policy y ON y.polrelid = c.oid AND y.polname LIKE 'socle\\_%'"
                             " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace"
                             " GROUP BY c.oid"),
                      read_guard);
    return rc;
}

/* ---- which objects go, and which are made ---- */

static const struct so_table_diff *diff_of(const struct so_pg_planner *p, struct so_str table)
{
    for (size_t i = 0; i < p->base.model->table_count; i++)
        if (so_str_eq(p->base.diffs[i].table->name, table))
            return &p->base.diffs[i];
    return NULL;
}

/* Row-level security was switched off, or a policy taken away. */
static int is_guarded(struct so_pg_planner *p, const struct so_table_diff *d, bool *out)
{
    const struct so_str *is = so_map_find(&p->guards, d->old->name);
    struct so_str should = so_pg_guard(p->base.arena, d->table);
    *out = is != NULL && so_str_eq(*is, should);
    return should.p == NULL ? so_err_oom(p->base.err) : SO_OK;
}

static int is_as_it_should_be(struct so_pg_planner *p, const struct so_pg_object *object, bool *out)
{
    struct so_str key = key_of(p->base.arena, object->kind, object->name);
    if (key.p == NULL)
        return so_err_oom(p->base.err);
    const struct so_pg_object *old = so_map_find(&p->book, key);
    const struct so_table_diff *d = diff_of(p, object->table);
    bool is_access = so_str_eq(object->kind, SO_STR("access"));
    bool good = old != NULL && so_str_eq(old->make, object->make) && (d == NULL || d->old != NULL);
    *out = good && !(is_access && p->unsettled);
    return *out && is_access ? is_guarded(p, d, out) : SO_OK;
}

static int drop_object(struct so_pg_planner *p, const struct so_pg_object *object)
{
    struct so_buf sql;
    so_buf_init(&sql, SQL_MAX);
    so_buf_put_str(&sql, object->drop);
    int rc = so_pg_step(p, SO_STEP_DROP_OBJECT, object->table,
                        so_arena_printf(p->base.arena, "%.*s%sdrop %.*s %.*s", SO_STR_ARG(object->table),
                                        object->table.n > 0 ? ": " : "", SO_STR_ARG(object->kind), SO_STR_ARG(object->name)),
                        &sql, NULL);
    so_buf_deinit(&sql);
    return rc;
}

/* Of the book, what is not wanted, or not like this. */
static int drop_kind(struct so_pg_planner *p, struct so_str kind)
{
    struct so_str key;
    void *value;
    int rc = SO_OK;
    for (size_t at = 0; rc == SO_OK && so_map_next(&p->book, &at, &key, &value);) {
        const struct so_pg_object *old = value;
        bool stays = false;
        if (!so_str_eq(old->kind, kind))
            continue;
        for (size_t i = 0; rc == SO_OK && i < p->object_count; i++)
            if (so_str_eq(p->objects[i].kind, kind) && so_str_eq(p->objects[i].name, old->name))
                rc = is_as_it_should_be(p, &p->objects[i], &stays);
        if (rc == SO_OK && !stays)
            rc = drop_object(p, old);
    }
    return rc;
}

static int drop_objects(struct so_pg_planner *p)
{
    int rc = SO_OK;
    for (size_t i = COUNT_OF(DEFINERS); rc == SO_OK && i-- > 0;)
        rc = drop_kind(p, so_str_c(DEFINERS[i].kind));
    return rc;
}

static int make_objects(struct so_pg_planner *p)
{
    struct so_buf sql;
    int rc = SO_OK;
    so_buf_init(&sql, SQL_MAX);
    for (size_t i = 0; rc == SO_OK && i < p->object_count; i++) {
        const struct so_pg_object *object = &p->objects[i];
        bool stays;
        rc = is_as_it_should_be(p, object, &stays);
        if (rc != SO_OK || stays || object->inherent)
            continue;
        so_buf_reset(&sql);
        so_buf_put_str(&sql, object->make);
        rc = so_pg_step(p, SO_STEP_CREATE_OBJECT, object->table, object->summary, &sql, NULL);
    }
    so_buf_deinit(&sql);
    return rc;
}

/* ---- tables ---- */

static int make_diffs(struct so_pg_planner *p)
{
    size_t count = p->base.model->table_count;
    int rc = SO_OK;
    p->base.diffs = so_alloc_array(p->base.arena, so_max_size(count, 1), sizeof(*p->base.diffs));
    if (p->base.diffs == NULL)
        return so_err_oom(p->base.err);
    for (size_t i = 0; rc == SO_OK && i < count; i++) {
        rc = so_diff_make(&p->base, p->base.model->tables[i], &p->base.diffs[i]);
        p->unsettled |= rc == SO_OK && so_pg_unsettles(&p->base.diffs[i]);
    }
    return rc;
}

static int create_table(struct so_pg_planner *p, const struct so_table *table, struct so_buf *sql)
{
    so_pg_put_create(sql, table);
    return so_pg_step(p, SO_STEP_CREATE_TABLE, table->name,
                      so_arena_printf(p->base.arena, "%.*s: create table", SO_STR_ARG(table->name)), sql, NULL);
}

static int plan_tables(struct so_pg_planner *p)
{
    size_t count = p->base.model->table_count;
    struct so_buf sql;
    int rc = SO_OK;
    so_buf_init(&sql, SQL_MAX);
    for (size_t i = 0; rc == SO_OK && i < count; i++) {
        so_buf_reset(&sql);
        if (p->base.diffs[i].old != NULL)
            rc = so_plan_renames(&p->base, &p->base.diffs[i], &sql);
    }
    for (size_t i = 0; rc == SO_OK && i < count; i++)
        if (p->base.diffs[i].old != NULL)
            rc = so_pg_plan_alter(p, &p->base.diffs[i]);
    for (size_t i = 0; rc == SO_OK && i < count; i++) {
        so_buf_reset(&sql);
        if (p->base.diffs[i].old == NULL)
            rc = create_table(p, p->base.model->tables[i], &sql);
    }
    for (size_t i = 0; rc == SO_OK && i < count; i++)
        rc = so_pg_plan_references(p, &p->base.diffs[i]);
    so_buf_deinit(&sql);
    return rc == SO_OK ? so_plan_drop_tables(&p->base) : rc;
}

/* Those that Socle makes now, or made: they may be dropped some day. */
static int want_tables(struct so_pg_planner *p)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < p->base.model->table_count; i++) {
        const struct so_table_diff *d = &p->base.diffs[i];
        if (d->old != NULL && !so_map_has(&p->base.own, d->old->name))
            continue;
        rc = so_pg_want(p, &(struct so_pg_object){.kind = SO_STR("table"),
                                                  .table = d->table->name,
                                                  .name = d->table->name,
                                                  .make = SO_STR(""),
                                                  .drop = SO_STR(""),
                                                  .summary = SO_STR(""),
                                                  .inherent = true});
    }
    return rc;
}

/* ---- the plan ---- */

static int use_schema(struct so_pg_planner *p)
{
    struct so_stmt *st;
    bool row;
    int rc =
        so_conn_prepare(p->base.conn, SO_STR("SELECT set_config('search_path', quote_ident(?1), false)"), &st, p->base.err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_text(st, 1, p->schema);
    rc = so_stmt_step(st, &row, p->base.err);
    so_stmt_done(st);
    return rc;
}

static int make_steps(struct so_pg_planner *p)
{
    int rc = read_book(p);
    if (rc == SO_OK)
        rc = make_diffs(p);
    if (rc == SO_OK)
        rc = want_all(p);
    if (rc == SO_OK)
        rc = so_pg_plan_ground(p);
    if (rc == SO_OK)
        rc = drop_objects(p);
    if (rc == SO_OK)
        rc = plan_tables(p);
    if (rc == SO_OK)
        rc = make_objects(p);
    return rc == SO_OK ? want_tables(p) : rc;
}

/* Tables that are there, in a database that Socle never changed, are somebody else's. */
static bool is_foreign(const struct so_pg_planner *p)
{
    bool any = false;
    for (size_t i = 0; i < p->base.model->table_count; i++)
        any |= p->base.diffs[i].old != NULL;
    return any && !p->has_book;
}

int so_pg_migrate_plan(const struct so_model *model, const struct so_catalog *catalog, struct so_conn *conn,
                       struct so_arena *arena, struct so_plan *out, struct so_err *err)
{
    struct so_pg_planner p = {
        .base = {.model = model, .catalog = catalog, .conn = conn, .arena = arena, .err = err},
        .schema = catalog->schema_count > 0 ? so_arena_dup(arena, catalog->schemas[0].name) : SO_STR("public"),
    };
    int rc = p.schema.p == NULL ? so_err_oom(err) : use_schema(&p);
    if (rc == SO_OK)
        rc = make_steps(&p);
    for (size_t i = 0; p.base.diffs != NULL && i < model->table_count; i++)
        so_diff_deinit(&p.base.diffs[i]);
    if (so_conn_exec(conn, "RESET search_path", rc == SO_OK ? err : NULL) != SO_OK && rc == SO_OK)
        rc = SO_EDB;
    if (rc != SO_OK)
        return rc;
    struct so_plan plan = {
        .steps = p.base.steps,
        .step_count = p.base.step_count,
        .is_postgres = true,
        .is_foreign = is_foreign(&p),
        .schema = p.schema,
        .objects = p.objects,
        .object_count = p.object_count,
    };
    for (size_t i = 0; i < plan.step_count; i++)
        plan.losing_count += plan.steps[i].loses_data;
    *out = plan;
    return SO_OK;
}
