/* ground_pg.c: what a PostgreSQL database needs before the first table: the roles that requests are made as, auth.uid() and
 * its like, which policies ask, and Socle's own schema with the book.
 *
 * Only what is missing is made, so an existing Supabase database keeps its own functions. */
#include <stdio.h>

#include "model/logging.h"
#include "model/logging_pg.h"
#include "model/pg_model.h"
#include "model/sql_text.h"

enum { SQL_MAX = 64 * 1024 };

static const char *const ROLES[] = {"anon", "authenticated", "service_role"};

/* The token's claims, as PostgREST hands them down (request.jwt.claims); none is an empty text. */
#define CLAIMS "nullif(current_setting('request.jwt.claims', true), '')::jsonb"
static const struct {
    const char *name, *returns, *body;
} FUNCTIONS[] = {
    {"uid", "uuid", "SELECT (" CLAIMS " ->> 'sub')::uuid"},
    {"role", "text", "SELECT " CLAIMS " ->> 'role'"},
    {"email", "text", "SELECT " CLAIMS " ->> 'email'"},
    {"jwt", "jsonb", "SELECT " CLAIMS},
};

static const char BOOK[] =
    "CREATE SCHEMA IF NOT EXISTS socle;\n"
    "REVOKE ALL ON SCHEMA socle FROM PUBLIC;\n"
    "CREATE TABLE IF NOT EXISTS socle.objects (kind text, name text, \"table\" text NOT NULL, make text NOT NULL,"
    " drop text NOT NULL, PRIMARY KEY (kind, name));\n"
    "CREATE TABLE IF NOT EXISTS socle.migrations (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " applied_at timestamptz NOT NULL DEFAULT now(), \"table\" text NOT NULL, summary text NOT NULL, sql text NOT NULL)";

static int ask(struct so_pg_planner *p, const char *sql, const char *text, bool *out)
{
    struct so_stmt *st;
    bool row = false;
    int rc = so_conn_prepare(p->base.conn, so_str_c(sql), &st, p->base.err);
    if (rc != SO_OK)
        return rc;
    if (text != NULL)
        so_stmt_bind_text(st, 1, so_str_c(text));
    rc = so_stmt_step(st, &row, p->base.err);
    if (rc == SO_OK)
        *out = row && so_stmt_i64(st, 0) != 0;
    so_stmt_done(st);
    return rc;
}

static void begin(struct so_buf *sql, struct so_buf *words, const char *what)
{
    so_buf_puts(sql, sql->len > 0 ? ";\n" : "");
    so_buf_puts(words, words->len > 0 ? ", " : "");
    so_buf_puts(words, what);
}

/* ---- roles ---- */

static int refuse_roles(struct so_pg_planner *p, struct so_buf *sql)
{
    so_fail(p->base.err, SO_EDENIED,
            "the database lacks roles that its user may not make or become: an administrator must run: %s",
            so_buf_cstr(sql));
    so_err_hint(p->base.err, "or give the user of DATABASE_URL the attribute CREATEROLE");
    return SO_EDENIED;
}

static int plan_role(struct so_pg_planner *p, const char *role, struct so_buf *sql, struct so_buf *words)
{
    bool there = false, member = false;
    int rc = ask(p, "SELECT count(*) FROM pg_roles WHERE rolname = ?1", role, &there);
    if (rc == SO_OK && there)
        rc = ask(p, "SELECT pg_has_role(rolname, 'MEMBER')::int FROM pg_roles WHERE rolname = ?1", role, &member);
    if (rc != SO_OK || (there && member))
        return rc;
    begin(sql, words, role);
    if (!there)
        so_buf_printf(sql, "CREATE ROLE %s NOLOGIN;\n", role);
    so_buf_printf(sql, "GRANT %s TO CURRENT_USER", role);
    return SO_OK;
}

static int plan_roles(struct so_pg_planner *p, struct so_buf *sql, struct so_buf *words)
{
    bool may = false;
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(ROLES); i++)
        rc = plan_role(p, ROLES[i], sql, words);
    if (rc != SO_OK || sql->len == 0)
        return rc;
    rc = ask(p, "SELECT (rolsuper OR rolcreaterole)::int FROM pg_roles WHERE rolname = current_user", NULL, &may);
    return rc != SO_OK || may ? rc : refuse_roles(p, sql);
}

/* ---- functions and schemas ---- */

static int plan_function(struct so_pg_planner *p, size_t i, struct so_buf *sql, struct so_buf *words)
{
    bool there = false;
    char name[32];
    snprintf(name, sizeof(name), "auth.%s()", FUNCTIONS[i].name);
    int rc = ask(p, "SELECT (to_regprocedure(?1) IS NOT NULL)::int", name, &there);
    if (rc != SO_OK || there)
        return rc;
    begin(sql, words, name);
    so_buf_printf(sql, "CREATE FUNCTION auth.%s() RETURNS %s LANGUAGE sql STABLE AS $socle$%s$socle$", FUNCTIONS[i].name,
                  FUNCTIONS[i].returns, FUNCTIONS[i].body);
    return SO_OK;
}

static int plan_usage(struct so_pg_planner *p, struct so_str schema, struct so_buf *sql, struct so_buf *words)
{
    bool all = false;
    static const char QUESTION[] =
        "SELECT (count(*) = 3)::int FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role')"
        " AND EXISTS (SELECT FROM pg_namespace n WHERE nspname = ?1 AND has_schema_privilege(rolname, n.oid, 'USAGE'))";
    struct so_str name = so_arena_printf(p->base.arena, "%.*s", SO_STR_ARG(schema));
    if (name.p == NULL)
        return so_err_oom(p->base.err);
    int rc = ask(p, QUESTION, name.p, &all);
    if (rc != SO_OK || all)
        return rc;
    begin(sql, words, "use of schema ");
    so_buf_put_str(words, schema);
    so_buf_lit(sql, "GRANT USAGE ON SCHEMA ");
    so_sql_put_name(sql, schema);
    so_buf_lit(sql, " TO anon, authenticated, service_role");
    return SO_OK;
}

static int plan_schema(struct so_pg_planner *p, struct so_str schema, struct so_buf *sql, struct so_buf *words)
{
    bool there = false;
    struct so_str name = so_arena_printf(p->base.arena, "%.*s", SO_STR_ARG(schema));
    if (name.p == NULL)
        return so_err_oom(p->base.err);
    int rc = ask(p, "SELECT count(*) FROM pg_namespace WHERE nspname = ?1", name.p, &there);
    if (rc != SO_OK || there)
        return rc;
    begin(sql, words, "schema ");
    so_buf_put_str(words, schema);
    so_buf_lit(sql, "CREATE SCHEMA ");
    so_sql_put_name(sql, schema);
    return SO_OK;
}

static int plan_log(struct so_pg_planner *p, struct so_buf *sql, struct so_buf *words)
{
    bool there = false, wanted = false;
    for (size_t i = 0; i < p->base.model->table_count; i++)
        wanted |= so_logging_wanted(p->base.model, p->base.model->tables[i]);
    int rc =
        wanted ? ask(p, "SELECT (to_regprocedure('socle.bound_outbox(bigint)') IS NOT NULL)::int", NULL, &there) : SO_OK;
    if (rc != SO_OK || there || !wanted)
        return rc;
    begin(sql, words, "the change log");
    so_logging_pg_put_install(sql);
    return SO_OK;
}

static int plan_all(struct so_pg_planner *p, struct so_buf *sql, struct so_buf *words)
{
    int rc = plan_roles(p, sql, words);
    if (rc == SO_OK)
        rc = plan_schema(p, p->schema, sql, words);
    if (rc == SO_OK)
        rc = plan_usage(p, p->schema, sql, words);
    if (rc == SO_OK)
        rc = plan_schema(p, SO_STR("auth"), sql, words);
    if (rc == SO_OK)
        rc = plan_usage(p, SO_STR("auth"), sql, words);
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(FUNCTIONS); i++)
        rc = plan_function(p, i, sql, words);
    if (rc == SO_OK && !p->has_book) {
        begin(sql, words, "schema socle");
        so_buf_puts(sql, BOOK);
    }
    return rc == SO_OK ? plan_log(p, sql, words) : rc;
}

/* An app without tables and functions asks nothing of the database. */
int so_pg_plan_ground(struct so_pg_planner *p)
{
    struct so_buf sql, words;
    if (p->object_count == 0 && !p->has_book)
        return SO_OK;
    so_buf_init(&sql, SQL_MAX);
    so_buf_init(&words, SQL_MAX);
    int rc = plan_all(p, &sql, &words);
    if (rc == SO_OK)
        rc = so_buf_check(&words, "the migration", p->base.err);
    if (rc == SO_OK && sql.len > 0)
        rc = so_pg_step(p, SO_STEP_PREPARE, SO_STR(""),
                        so_arena_printf(p->base.arena, "prepare the database: %s", so_buf_cstr(&words)), &sql, NULL);
    so_buf_deinit(&words);
    so_buf_deinit(&sql);
    return rc;
}
