/* policy_list.c: socle policy list. */
#include "cli/policy_list.h"

#include "model/policy.h"

/* ---- the files ---- */

static const struct so_policy *policy_of(const struct so_table *t, size_t i)
{
    return i < SO_CMD_COUNT ? &t->policies[i] : &t->check;
}

static void list_text(const struct so_model *model, struct so_buf *out)
{
    for (size_t t = 0; t < model->table_count; t++) {
        const struct so_table *table = model->tables[t];
        so_buf_printf(out, "%s%.*s\n", t > 0 ? "\n" : "", SO_STR_ARG(table->name));
        for (size_t i = 0; i <= SO_CMD_COUNT; i++) {
            const struct so_policy *p = policy_of(table, i);
            bool none = p->source.n == 0;
            if (i == SO_CMD_COUNT && p->kind == SO_POLICY_ALLOW)
                continue; /* nothing more is asked of a new row */
            so_buf_printf(out, "  %-8s%.*s\n", so_policy_name(i),
                          SO_STR_ARG(none ? SO_STR("(closed: no policy)") : p->source));
        }
    }
}

void cli_put_policy(struct so_jw *w, const char *key, struct so_str source)
{
    if (source.n == 0)
        so_jw_member_cstr(w, key, NULL);
    else
        so_jw_member_str(w, key, source);
}

static void list_json(const struct so_model *model, struct so_buf *out)
{
    struct so_jw w;
    so_jw_init(&w, out);
    so_jw_object(&w);
    for (size_t t = 0; t < model->table_count; t++) {
        so_jw_key(&w, model->tables[t]->name);
        so_jw_object(&w);
        for (size_t i = 0; i <= SO_CMD_COUNT; i++) {
            const struct so_policy *p = policy_of(model->tables[t], i);
            bool is_unsaid = p->source.n == 0 && p->kind == SO_POLICY_ALLOW; /* a check that nobody wrote */
            cli_put_policy(&w, so_policy_name(i), is_unsaid ? SO_STR("true") : p->source);
        }
        so_jw_end_object(&w);
    }
    so_jw_end_object(&w);
    so_buf_putc(out, '\n');
}

void cli_list_files(const struct so_model *model, bool as_json, struct so_buf *out)
{
    if (as_json)
        list_json(model, out);
    else
        list_text(model, out);
}

/* ---- the database ---- */

/* A row a policy; a table without policies has one, too.  $1: the served schemas; names of those after the first bear it. */
#define POLICIES                                                                                                            \
    "SELECT CASE WHEN n.nspname = ($1::text[])[1] THEN c.relname::text ELSE format('%s.%s', n.nspname, c.relname) END AS "  \
    "name, c.relrowsecurity AS held, p.polname AS policy, CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' "     \
    "WHEN "                                                                                                                 \
    "'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END AS command, p.polpermissive AS permissive, (SELECT "           \
    "json_agg(CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r) END) FROM unnest(p.polroles) r) AS roles, "               \
    "regexp_replace(pg_get_expr(p.polqual, p.polrelid, true), '\\s*\\n\\s*', ' ', 'g') AS \"using\", "                      \
    "regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid, true), '\\s*\\n\\s*', ' ', 'g') AS \"check\" "                  \
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_policy p ON p.polrelid = c.oid AND "        \
    "c.relrowsecurity WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY ($1::text[])"

static const char TEXT_SQL[] =
    "SELECT name, CASE WHEN NOT held THEN '(open: no row security)' WHEN policy IS NULL THEN '(closed: no policy)' ELSE "
    "format('%-6s %s %sto %s:%s%s', command, policy, CASE WHEN permissive THEN '' ELSE '(restrictive) ' END, (SELECT "
    "string_agg(r, ', ') FROM json_array_elements_text(roles) r), ' ' || \"using\", ' check ' || \"check\") END FROM "
    "(" POLICIES ") t ORDER BY name, array_position('{select,insert,update,delete,all}', command), policy";
static const char JSON_SQL[] =
    "SELECT coalesce(json_object_agg(name, line ORDER BY name), '{}') FROM (SELECT name, json_build_object('row_security', "
    "bool_and(held), 'policies', coalesce(json_agg(json_build_object('policy', policy, 'command', command, 'permissive', "
    "permissive, 'roles', roles, 'using', \"using\", 'check', \"check\") ORDER BY command, policy) FILTER (WHERE policy IS "
    "NOT NULL), '[]')) AS line FROM (" POLICIES ") t GROUP BY name) t";

/* {"a","b"} */
static void put_schemas(const struct so_config *config, struct so_buf *out)
{
    for (size_t i = 0; i < config->schema_count; i++) {
        so_buf_puts(out, i == 0 ? "{\"" : "\",\"");
        for (size_t k = 0; k < config->schemas[i].n; k++) {
            char c = config->schemas[i].p[k];
            so_buf_puts(out, c == '"' || c == '\\' ? "\\" : "");
            so_buf_putc(out, c);
        }
    }
    so_buf_puts(out, config->schema_count == 0 ? "{}" : "\"}");
}

static int read_lines(struct so_stmt *st, bool as_json, struct so_buf *out, struct so_err *err)
{
    struct so_buf last; /* the table that the lines are of */
    bool has_row = true;
    int rc;
    so_buf_init(&last, 1 << 10);
    while ((rc = so_stmt_step(st, &has_row, err)) == SO_OK && has_row) {
        struct so_str name = so_stmt_text(st, 0);
        if (!as_json && !so_str_eq(so_buf_str(&last), name)) {
            so_buf_printf(out, "%s%.*s\n", out->len > 0 ? "\n" : "", SO_STR_ARG(name));
            so_buf_reset(&last);
            so_buf_put_str(&last, name);
        }
        so_buf_printf(out, as_json ? "%.*s\n" : "  %.*s\n", SO_STR_ARG(so_stmt_text(st, as_json ? 0 : 1)));
    }
    so_buf_deinit(&last);
    return rc;
}

int cli_list_database(struct so_conn *conn, const struct so_config *config, bool as_json, struct so_buf *out,
                      struct so_err *err)
{
    struct so_buf schemas;
    struct so_stmt *st;
    so_buf_init(&schemas, 1 << 16);
    put_schemas(config, &schemas);
    int rc = so_buf_check(&schemas, "the schemas", err);
    if (rc == SO_OK)
        rc = so_conn_prepare(conn, so_str_c(as_json ? JSON_SQL : TEXT_SQL), &st, err);
    if (rc == SO_OK) {
        so_stmt_bind_text(st, 1, so_buf_str(&schemas));
        rc = read_lines(st, as_json, out, err);
        so_stmt_done(st);
    }
    so_buf_deinit(&schemas);
    return rc;
}
