/* logging_pg.c: the schema `socle` of PostgreSQL, and the triggers of logged tables. */
#include "model/logging_pg.h"

#include "model/sql_text.h"

enum { SQL_MAX = 4 << 20 };
#define OUTBOX_MAX "100000" /* rows that wait for a number: as many as SOCLE_LOG_KEEP_ROWS keeps of those that have one */

/* ---- the log ---- */

static const char LOG[] =
    "CREATE SCHEMA IF NOT EXISTS socle; REVOKE ALL ON SCHEMA socle FROM PUBLIC;"
    "CREATE TABLE IF NOT EXISTS socle.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL,"
    " \"schema\" text NOT NULL, \"table\" text NOT NULL, op text NOT NULL, old json, new json);"
    "CREATE TABLE IF NOT EXISTS socle.changes (seq bigint PRIMARY KEY, at timestamptz NOT NULL, \"schema\" text NOT NULL,"
    " \"table\" text NOT NULL, op text NOT NULL, old json, new json);"
    "CREATE TABLE IF NOT EXISTS socle.counter (one boolean PRIMARY KEY DEFAULT true CHECK (one), last bigint NOT NULL);"
    "INSERT INTO socle.counter (last) VALUES (0) ON CONFLICT DO NOTHING;"
    "REVOKE ALL ON socle.outbox, socle.changes, socle.counter FROM PUBLIC;";

/* Output settings are the function's own: the writer's time zone is no part of a row. */
#define FIXED_OUTPUT                                                                                                        \
    " SET search_path = '' SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres'"                       \
    " SET bytea_output = 'hex' SET extra_float_digits = 1"

static const char TRIGGER_FUNCTION[] =
    "CREATE OR REPLACE FUNCTION socle.log_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER" FIXED_OUTPUT
    " AS $log$"
    " DECLARE root regclass := pg_catalog.pg_partition_root(TG_RELID); at_schema text := TG_TABLE_SCHEMA;"
    " at_table text := TG_TABLE_NAME; at_id bigint;"
    " BEGIN"
    "  IF root IS NOT NULL AND root <> TG_RELID THEN"
    "   SELECT n.nspname, c.relname INTO at_schema, at_table FROM pg_catalog.pg_class c"
    "    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = root;"
    "  END IF;"
    "  IF TG_OP = 'TRUNCATE' THEN"
    "   EXECUTE pg_catalog.format('INSERT INTO socle.outbox (at, \"schema\", \"table\", op, old)"
    " SELECT pg_catalog.clock_timestamp(), $1, $2, ''DELETE'', pg_catalog.row_to_json(t) FROM %I.%I AS t',"
    "    at_schema, at_table) USING at_schema, at_table;"
    "  ELSE"
    "   INSERT INTO socle.outbox (at, \"schema\", \"table\", op, old, new)"
    "    VALUES (pg_catalog.clock_timestamp(), at_schema, at_table, TG_OP,"
    "    CASE WHEN TG_OP <> 'INSERT' THEN pg_catalog.row_to_json(OLD) END,"
    "    CASE WHEN TG_OP <> 'DELETE' THEN pg_catalog.row_to_json(NEW) END) RETURNING id INTO at_id;"
    "   IF at_id % 1000 = 0 THEN PERFORM socle.bound_outbox(at_id - " OUTBOX_MAX "); END IF;"
    "  END IF;"
    "  PERFORM pg_catalog.pg_notify('" SO_LOGGING_PG_CHANNEL "', '');"
    "  RETURN NULL;"
    " END $log$;"
    "REVOKE ALL ON FUNCTION socle.log_change() FROM PUBLIC;";

/* While no node runs, nobody numbers what waits, and writers keep it short themselves: the oldest go, up to an id.  Numbers
 * are drawn for them and, with all that had one, kept from everybody, so that who resumes from before is told of a gap.  A
 * numberer at work is not waited for: then there is nothing to do.  A transaction with a snapshot of its own leaves it to
 * others, since it could fail at the counter's row. */
static const char BOUND[] = "CREATE OR REPLACE FUNCTION socle.bound_outbox(upto bigint) RETURNS void LANGUAGE plpgsql"
                            " SET search_path = '' AS $bound$"
                            " DECLARE gone bigint;"
                            " BEGIN"
                            "  IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' OR NOT EXISTS"
                            "   (SELECT FROM socle.outbox WHERE id <= upto) THEN RETURN; END IF;"
                            "  PERFORM FROM socle.counter FOR UPDATE SKIP LOCKED;"
                            "  IF NOT FOUND THEN RETURN; END IF;"
                            "  DELETE FROM socle.outbox WHERE id <= upto;"
                            "  GET DIAGNOSTICS gone = ROW_COUNT;"
                            "  DELETE FROM socle.changes;"
                            "  UPDATE socle.counter SET last = last + gone;"
                            " END $bound$;"
                            "REVOKE ALL ON FUNCTION socle.bound_outbox(bigint) FROM PUBLIC;";

/* Each statement of a volatile function has a snapshot of its own: after the counter's row is locked, the last numberer's
 * work is seen.  The commit is waited for, so that no change can be read whose transaction a crash of the server undoes. */
static const char NUMBERER[] =
    "CREATE OR REPLACE FUNCTION socle.number_changes(max_rows int) RETURNS int LANGUAGE plpgsql"
    " SET search_path = '' AS $number$"
    " DECLARE base bigint; moved int;"
    " BEGIN"
    "  PERFORM pg_catalog.set_config('synchronous_commit', 'on', true);"
    "  SELECT last INTO STRICT base FROM socle.counter FOR UPDATE;"
    "  WITH taken AS (DELETE FROM socle.outbox WHERE id IN (SELECT id FROM socle.outbox ORDER BY id LIMIT max_rows)"
    "   RETURNING *)"
    "  INSERT INTO socle.changes SELECT base + pg_catalog.row_number() OVER (ORDER BY id), at, \"schema\", \"table\", op,"
    "   old, new FROM taken;"
    "  GET DIAGNOSTICS moved = ROW_COUNT;"
    "  IF moved > 0 THEN UPDATE socle.counter SET last = base + moved; END IF;"
    "  RETURN moved;"
    " END $number$;"
    "REVOKE ALL ON FUNCTION socle.number_changes(int) FROM PUBLIC;";

/* For each of `asks` ({"role", "claims", "schema", "table", "columns", "rows": [positions]}): under that role and those
 * claims, does the select policy hold for the rows of `changes` ([[old, new], ...]) at those positions?  `problem` when it
 * cannot be said; then the rest of that one's answers mean nothing.  The policies are read with an empty search_path, so
 * that every name in them is whole.  Names of columns in a policy mean the row's, since json_populate_record() is the
 * innermost table. */
static const char SEER[] =
    "CREATE OR REPLACE FUNCTION socle.see(asks json, changes json)"
    " RETURNS TABLE (ask int, n int, old_seen boolean, new_seen boolean, problem text)"
    " LANGUAGE plpgsql SET search_path = '' AS $see$"
    " DECLARE g record; rel oid; qual text; olds json[]; news json[];"
    " BEGIN"
    "  SELECT pg_catalog.array_agg(c.j->0 ORDER BY c.i), pg_catalog.array_agg(c.j->1 ORDER BY c.i) INTO olds, news"
    "   FROM pg_catalog.json_array_elements(changes) WITH ORDINALITY AS c(j, i);"
    "  FOR g IN SELECT a.i::int AS i, a.j FROM pg_catalog.json_array_elements(asks) WITH ORDINALITY AS a(j, i) LOOP"
    "   BEGIN"
    "    PERFORM pg_catalog.set_config('search_path', '', true);"
    "    rel := pg_catalog.format('%I.%I', g.j->>'schema', g.j->>'table')::pg_catalog.regclass;"
    "    PERFORM pg_catalog.set_config('request.jwt.claims', ((g.j->>'claims')::jsonb"
    "     || pg_catalog.jsonb_build_object('role', g.j->>'role'))::text, true),"
    "     pg_catalog.set_config('role', g.j->>'role', true);"
    "    IF EXISTS (SELECT FROM pg_catalog.json_array_elements_text(g.j->'columns') AS c(name)"
    "     WHERE NOT pg_catalog.has_column_privilege(rel, c.name, 'SELECT')) THEN"
    "     RAISE EXCEPTION 'the columns that may be read are others now';"
    "    END IF;"
    "    IF pg_catalog.json_array_length(g.j->'columns') = 0 OR NOT pg_catalog.has_schema_privilege("
    "     (SELECT c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid = rel), 'USAGE') THEN"
    "     qual := 'false';"
    "    ELSIF NOT pg_catalog.row_security_active(rel) THEN"
    "     qual := 'true';"
    "    ELSE"
    "     SELECT '(' || coalesce(pg_catalog.string_agg('(' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', ' OR ')"
    "       FILTER (WHERE p.polpermissive), 'false') || ')' || coalesce(' AND ' || pg_catalog.string_agg('('"
    "       || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', ' AND ') FILTER (WHERE NOT p.polpermissive), '')"
    "      INTO qual FROM pg_catalog.pg_policy p WHERE p.polrelid = rel AND p.polcmd IN ('r', '*')"
    "      AND (0 = ANY (p.polroles) OR EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) AS r(id)"
    "       WHERE pg_catalog.pg_has_role(r.id, 'USAGE')));"
    "    END IF;"
    "    IF qual IN ('true', 'false', '((true))') THEN"
    "     RETURN QUERY SELECT g.i, p.n::int, qual <> 'false', qual <> 'false', NULL::text"
    "      FROM pg_catalog.json_array_elements(g.j->'rows') WITH ORDINALITY AS p(at, n);"
    "    ELSE"
    "     PERFORM pg_catalog.set_config('search_path', pg_catalog.quote_ident(g.j->>'schema') || ', public, extensions',"
    "      true);"
    "     RETURN QUERY EXECUTE pg_catalog.format('SELECT $1, q.n::int,"
    " CASE WHEN pg_catalog.json_typeof(q.o) = ''object'' THEN coalesce((SELECT %1$s FROM"
    " pg_catalog.json_populate_record(NULL::%2$I.%3$I, q.o) AS %3$I), false) ELSE false END,"
    " CASE WHEN pg_catalog.json_typeof(q.w) = ''object'' THEN coalesce((SELECT %1$s FROM"
    " pg_catalog.json_populate_record(NULL::%2$I.%3$I, q.w) AS %3$I), false) ELSE false END, NULL::text"
    " FROM (SELECT ($3)[p.at::text::int] AS o, ($4)[p.at::text::int] AS w, p.n FROM pg_catalog.json_array_elements($2)"
    " WITH ORDINALITY AS p(at, n)) AS q',"
    "     qual, g.j->>'schema', g.j->>'table') USING g.i, g.j->'rows', olds, news;"
    "    END IF;"
    "    PERFORM pg_catalog.set_config('role', 'none', true);"
    "   EXCEPTION WHEN OTHERS THEN"
    "    RETURN QUERY SELECT g.i, 0, false, false, SQLERRM;"
    "   END;"
    "  END LOOP;"
    " END $see$;"
    "REVOKE ALL ON FUNCTION socle.see(json, json) FROM PUBLIC;";

static const char *const PARTS[] = {LOG, BOUND, TRIGGER_FUNCTION, NUMBERER, SEER};

int so_logging_pg_install(struct so_conn *conn, struct so_err *err)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(PARTS); i++)
        rc = so_conn_exec(conn, PARTS[i], err);
    return rc;
}

void so_logging_pg_put_install(struct so_buf *b)
{
    for (size_t i = 0; i < COUNT_OF(PARTS); i++)
        so_buf_puts(b, PARTS[i]);
}

/* ---- a table ---- */

static void put_table(struct so_buf *b, struct so_str schema, struct so_str table)
{
    so_sql_put_name(b, schema);
    so_buf_putc(b, '.');
    so_sql_put_name(b, table);
}

void so_logging_pg_put_removal(struct so_buf *b, struct so_str schema, struct so_str table)
{
    static const char *const TRIGGERS[] = {SO_LOGGING_PG_TRIGGER, SO_LOGGING_PG_TRIGGER "_truncate"};
    for (size_t i = 0; i < COUNT_OF(TRIGGERS); i++) {
        so_buf_printf(b, "DROP TRIGGER IF EXISTS %s ON ", TRIGGERS[i]);
        put_table(b, schema, table);
        so_buf_lit(b, ";");
    }
}

void so_logging_pg_put(struct so_buf *b, struct so_str schema, struct so_str table)
{
    so_logging_pg_put_removal(b, schema, table);
    so_buf_lit(b, "CREATE TRIGGER " SO_LOGGING_PG_TRIGGER " AFTER INSERT OR UPDATE OR DELETE ON ");
    put_table(b, schema, table);
    so_buf_lit(b, " FOR EACH ROW EXECUTE FUNCTION socle.log_change();"
                  "CREATE TRIGGER " SO_LOGGING_PG_TRIGGER "_truncate BEFORE TRUNCATE ON ");
    put_table(b, schema, table);
    so_buf_lit(b, " FOR EACH STATEMENT EXECUTE FUNCTION socle.log_change();");
}

/* ---- a list of tables ---- */

/* The name of a list as a schema and a table: `a.b`, or `b` of public. */
static void split_name(struct so_str name, struct so_str *schema, struct so_str *table)
{
    size_t dot = so_str_find_char(name, '.', 0);
    *schema = dot == SO_STR_NONE ? SO_STR("public") : so_str_trim(so_str_slice(name, 0, dot));
    *table = dot == SO_STR_NONE ? name : so_str_trim(so_str_slice(name, dot + 1, name.n));
}

/* SQL text of the wanted tables as a list of (schema, table). */
static void put_wanted(struct so_buf *b, struct so_str list)
{
    struct so_str one, schema, table;
    const char *before = "VALUES ";
    if (so_str_eq_c(so_str_trim(list), "publication")) {
        so_buf_lit(b, "SELECT schemaname::text, tablename::text FROM pg_catalog.pg_publication_tables"
                      " WHERE pubname = 'supabase_realtime'");
        return;
    }
    while (so_str_split(&list, ',', &one)) {
        one = so_str_trim(one);
        if (one.n == 0)
            continue;
        split_name(one, &schema, &table);
        so_buf_puts(b, before);
        so_buf_putc(b, '(');
        so_sql_put_text(b, schema);
        so_buf_lit(b, "::text, ");
        so_sql_put_text(b, table);
        so_buf_lit(b, "::text)");
        before = ", ";
    }
    if (before[0] == 'V')
        so_buf_lit(b, "SELECT ''::text, ''::text WHERE false");
}

/* A row per table that is wanted or has the trigger: schema, table, wanted, has it, exists. */
static void put_question(struct so_buf *b, struct so_str list)
{
    so_buf_lit(b, "WITH wanted(s, t) AS (");
    put_wanted(b, list);
    so_buf_lit(b,
               "), logged(s, t) AS (SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_trigger g"
               " JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
               " WHERE g.tgname = '" SO_LOGGING_PG_TRIGGER "' AND g.tgparentid = 0)"
               " SELECT coalesce(w.s, l.s), coalesce(w.t, l.t), (w.t IS NOT NULL)::int, (l.t IS NOT NULL)::int,"
               " EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
               " WHERE n.nspname = coalesce(w.s, l.s) AND c.relname = coalesce(w.t, l.t) AND c.relkind IN ('r', 'p'))::int"
               " FROM wanted w FULL JOIN logged l ON w.s = l.s AND w.t = l.t ORDER BY 1, 2");
}

/* The statements that make wanted and logged tables the same. */
static int put_differences(struct so_buf *b, struct so_stmt *st, struct so_err *err)
{
    bool row = true;
    for (;;) {
        int rc = so_stmt_step(st, &row, err);
        if (rc != SO_OK || !row)
            return rc;
        struct so_str schema = so_stmt_text(st, 0), table = so_stmt_text(st, 1);
        bool is_wanted = so_stmt_i64(st, 2) != 0, is_logged = so_stmt_i64(st, 3) != 0;
        if (so_stmt_i64(st, 4) == 0)
            return so_fail(err, SO_EINVAL, "there is no table \"%.*s.%.*s\" to log", SO_STR_ARG(schema), SO_STR_ARG(table));
        if (is_wanted && !is_logged)
            so_logging_pg_put(b, schema, table);
        else if (!is_wanted)
            so_logging_pg_put_removal(b, schema, table);
    }
}

static int differences(struct so_conn *conn, struct so_str list, struct so_buf *out, struct so_err *err)
{
    struct so_buf sql;
    struct so_stmt *st;
    so_buf_init(&sql, SQL_MAX);
    put_question(&sql, list);
    int rc = so_buf_check(&sql, "the list of logged tables", err);
    if (rc == SO_OK)
        rc = so_conn_prepare(conn, so_buf_str(&sql), &st, err);
    if (rc == SO_OK) {
        rc = put_differences(out, st, err);
        so_stmt_done(st);
    }
    so_buf_deinit(&sql);
    return rc;
}

int so_logging_pg_fit(struct so_conn *conn, struct so_str list, struct so_err *err)
{
    struct so_buf sql;
    so_buf_init(&sql, SQL_MAX);
    int rc = differences(conn, list, &sql, err);
    if (rc == SO_OK)
        rc = so_buf_check(&sql, "the triggers of logged tables", err);
    if (rc == SO_OK && so_str_trim(list).n > 0)
        rc = so_logging_pg_install(conn, err);
    if (rc == SO_OK && sql.len > 0)
        rc = so_conn_exec(conn, so_buf_cstr(&sql), err);
    so_buf_deinit(&sql);
    return rc;
}
