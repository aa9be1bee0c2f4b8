/* pg_why.c: `socle policy explain` on PostgreSQL: the policies that the database has, whoever made them.
 *
 *   session of the request -> which policies hold for the role -> the rows beneath all policies, and for a write the rows
 *   that it makes -> as the role again: each policy's expression over these rows
 *
 * The rows travel as one text of the table's own row type, which keeps every value as it is.  A write is really made, so
 * that defaults and triggers have their say; the caller's transaction is rolled back.  What counts when is PostgreSQL's
 * (rewrite/rowsecurity.c): one permissive policy must allow, every restrictive one, and a write that reads the row obeys the
 * select policies, too. */
#include "rest/pg.h"
#include "rest/validate.h"
#include "rest/why.h"

/* A command as its policies are kept (pg_policy.polcmd), over the old rows or the new ones. */
struct phase {
    const char *command, *polcmd, *privilege;
    bool of_new_row;
    size_t first_rule, rule_count;
};
static const struct phase SELECT_OLD = {"select", "r", "SELECT", false, 0, 0},
                          SELECT_NEW = {"select", "r", "SELECT", true, 0, 0};
static const struct phase UPDATE_OLD = {"update", "w", "UPDATE", false, 0, 0},
                          UPDATE_NEW = {"update", "w", "UPDATE", true, 0, 0};
static const struct phase DELETE_OLD = {"delete", "d", "DELETE", false, 0, 0},
                          INSERT_NEW = {"insert", "a", "INSERT", true, 0, 0};

enum { PHASES_MAX = 4, ROWS_TEXT_MAX = 64 << 20 };

struct rule {
    struct so_why_rule shown;
    bool restricts;          /* must allow; else one of its phase must */
    struct so_str condition; /* SQL over the row */
    struct so_str columns;   /* "t"."a", "t"."b": that it names */
};

struct asking {
    struct so_rest_op *op;
    const struct so_relation *relation;
    struct so_conn *conn;
    struct so_arena *arena;
    struct so_err *err;
    struct so_str role;
    struct phase phases[PHASES_MAX];
    size_t phase_count;
    struct rule rules[SO_WHY_RULES_MAX];
    size_t rule_count;
    struct so_str rows[2]; /* old and new, as an array of the table's row type; p == NULL: there are none */
};

/* ---- statements ---- */

static int open_query(struct asking *a, struct so_str sql, const struct so_str *values, size_t count, struct so_stmt **out)
{
    int rc = so_conn_prepare(a->conn, sql, out, a->err);
    for (size_t i = 0; rc == SO_OK && i < count; i++)
        so_stmt_bind_text(*out, (int)i + 1, values[i]);
    return rc;
}

static int run_all(struct asking *a, struct so_str sql, const struct so_str *values, size_t count, size_t *out_rows)
{
    struct so_stmt *st;
    bool has_row = true;
    int rc = open_query(a, sql, values, count, &st);
    if (rc != SO_OK)
        return rc;
    for (*out_rows = 0; (rc = so_stmt_step(st, &has_row, a->err)) == SO_OK && has_row;)
        (*out_rows)++;
    so_stmt_done(st);
    return rc;
}

static int keep_text(struct asking *a, struct so_stmt *st, int column, struct so_str *out)
{
    *out = so_arena_dup(a->arena, so_stmt_text(st, column));
    return out->p == NULL ? so_err_oom(a->err) : SO_OK;
}

/* What stands before the request's own statement: role, claims, search_path, the pre-request function. */
static int begin_session(struct asking *a)
{
    const struct so_pg *pg = a->op->pg;
    size_t rows;
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < pg->main; i++)
        rc = run_all(a, pg->queries[i].sql, pg->queries[i].values, pg->queries[i].value_count, &rows);
    return rc;
}

/* ---- who reads the rows ---- */

/* The user of the connection if the policies do not hold for it, else a role that it may take and for which they do not. */
static int become_reader(struct asking *a)
{
    static const struct so_str SQL = SO_STR_INIT(
        "SELECT set_config('role', name, true), set_config('row_security', 'off', true) FROM (SELECT r.rolname AS name "
        "FROM pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 "
        "AND (r.rolname = session_user OR pg_has_role(session_user, r.oid, 'MEMBER')) AND (r.rolsuper OR r.rolbypassrls OR "
        "NOT c.relrowsecurity OR (pg_has_role(r.oid, c.relowner, 'USAGE') AND NOT c.relforcerowsecurity)) AND "
        "has_table_privilege(r.oid, c.oid, 'SELECT') AND has_table_privilege(r.oid, c.oid, $3) "
        "ORDER BY r.rolname <> session_user, r.oid LIMIT 1) reader");
    struct so_str privilege = so_str_c(a->phases[0].privilege);
    const struct so_str values[] = {a->relation->schema, a->relation->name, privilege};
    size_t rows;
    int rc = run_all(a, SQL, values, COUNT_OF(values), &rows);
    if (rc != SO_OK || rows > 0)
        return rc;
    rc = so_fail(a->err, SO_EDENIED, "the user of DATABASE_URL cannot look beneath the policies of \"%.*s\"",
                 SO_STR_ARG(a->relation->name));
    so_err_hint(a->err, "explain needs the table's owner, or a role with BYPASSRLS");
    return rc;
}

static int become_caller(struct asking *a)
{
    size_t rows;
    return run_all(a, SO_STR("SELECT set_config('role', $1, true), set_config('row_security', 'on', true)"), &a->role, 1,
                   &rows);
}

/* ---- which policies are asked ---- */

static void add_phase(struct asking *a, const struct phase *phase) { a->phases[a->phase_count++] = *phase; }

/* A row that the statement reads must be visible: by a condition, or since it is answered. */
static void find_phases(struct asking *a)
{
    const struct so_rest_plan *p = &a->op->plan;
    enum so_return ret = p->request->prefer.ret;
    bool answers = ret == SO_RETURN_FULL || ret == SO_RETURN_HEADERS || p->write.validates_new_row;
    bool reads = answers || p->top.where != NULL;
    switch (p->request->verb) {
    case SO_VERB_UPDATE:
        add_phase(a, &UPDATE_OLD);
        if (reads)
            add_phase(a, &SELECT_OLD);
        add_phase(a, &UPDATE_NEW);
        if (reads)
            add_phase(a, &SELECT_NEW);
        break;
    case SO_VERB_DELETE:
        add_phase(a, &DELETE_OLD);
        if (reads)
            add_phase(a, &SELECT_OLD);
        break;
    case SO_VERB_INSERT:
    case SO_VERB_PUT:
        add_phase(a, &INSERT_NEW);
        if (answers)
            add_phase(a, &SELECT_NEW);
        break;
    default: add_phase(a, &SELECT_OLD);
    }
}

static int add_rule(struct asking *a, struct phase *phase, const struct rule *rule)
{
    if (a->rule_count == COUNT_OF(a->rules))
        return so_fail(a->err, SO_ELIMIT, "more than %d policies decide about \"%.*s\"", SO_WHY_RULES_MAX,
                       SO_STR_ARG(a->relation->name));
    struct rule *r = &a->rules[a->rule_count++];
    *r = *rule;
    r->shown.command = so_str_c(phase->command);
    r->shown.of_new_row = phase->of_new_row;
    phase->rule_count++;
    return SO_OK;
}

/* What stands in the place of a policy. */
static int add_fixed(struct asking *a, struct phase *phase, struct so_str name, struct so_str source, bool allows)
{
    const struct rule rule = {.shown = {.policy = name, .source = source},
                              .restricts = !allows && source.n > 0,
                              .condition = allows ? SO_STR("true") : SO_STR("false")};
    return add_rule(a, phase, &rule);
}

static int read_policy(struct asking *a, struct phase *phase, struct so_stmt *st, bool *any_allows)
{
    struct rule rule = {.restricts = so_stmt_i64(st, 1) == 0};
    int rc = keep_text(a, st, 0, &rule.shown.policy);
    if (rc == SO_OK)
        rc = keep_text(a, st, 2, &rule.condition);
    if (rc == SO_OK)
        rc = keep_text(a, st, 3, &rule.columns);
    if (rc == SO_OK)
        rc = keep_text(a, st, 4, &rule.shown.source); /* on one line, for people */
    *any_allows |= !rule.restricts;
    return rc == SO_OK ? add_rule(a, phase, &rule) : rc;
}

/* In the words of the server's rules: a policy without WITH CHECK uses USING in its place; one without either allows
 * nothing, or, when it restricts, everything. */
static int read_policies(struct asking *a, struct phase *phase)
{
    static const struct so_str SQL = SO_STR_INIT(
        "SELECT q.name, q.permissive, q.condition, q.columns, regexp_replace(q.condition, '\\s*\\n\\s*', ' ', 'g') FROM "
        "(SELECT "
        "p.polname AS name, p.polpermissive AS permissive, coalesce(pg_get_expr(CASE WHEN $4 = 'new' THEN "
        "coalesce(p.polwithcheck, p.polqual) ELSE p.polqual END, p.polrelid, true), CASE WHEN p.polpermissive THEN 'false' "
        "ELSE 'true' END) AS condition, coalesce((SELECT string_agg(format('%I.%I', c.relname, a.attname), ', ' ORDER BY "
        "a.attnum) FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE "
        "d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = "
        "p.polrelid AND a.attnum > 0), '') AS columns FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN "
        "pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND p.polcmd::text IN ('*', $3) "
        "AND "
        "(0 = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) r WHERE pg_has_role(r, 'USAGE')))) q ORDER BY "
        "q.permissive, q.name");
    bool checks = phase->of_new_row && phase->polcmd[0] != 'r';
    const struct so_str values[] = {a->relation->schema, a->relation->name, so_str_c(phase->polcmd),
                                    checks ? SO_STR("new") : SO_STR("old")};
    struct so_stmt *st;
    bool has_row = true, any_allows = false;
    int rc = open_query(a, SQL, values, COUNT_OF(values), &st);
    if (rc != SO_OK)
        return rc;
    while ((rc = so_stmt_step(st, &has_row, a->err)) == SO_OK && has_row)
        if ((rc = read_policy(a, phase, st, &any_allows)) != SO_OK)
            break;
    so_stmt_done(st);
    return rc == SO_OK && !any_allows ? add_fixed(a, phase, so_str_c(phase->command), SO_STR(""), false) : rc;
}

/* Asked as the caller: privileges come before policies, and a role may be above these. */
static int read_standing(struct asking *a, const struct phase *phase, bool *out_may, bool *out_is_held)
{
    static const struct so_str SQL = SO_STR_INIT(
        "SELECT CASE $3 WHEN 'DELETE' THEN has_table_privilege(c.oid, $3) ELSE has_any_column_privilege(c.oid, $3) END, "
        "row_security_active(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND "
        "c.relname = $2");
    const struct so_str values[] = {a->relation->schema, a->relation->name, so_str_c(phase->privilege)};
    struct so_stmt *st;
    bool has_row = false;
    int rc = open_query(a, SQL, values, COUNT_OF(values), &st);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &has_row, a->err);
    *out_may = rc == SO_OK && has_row && so_stmt_i64(st, 0) == 1;
    *out_is_held = rc == SO_OK && has_row && so_stmt_i64(st, 1) == 1;
    so_stmt_done(st);
    return rc;
}

static int add_phase_rules(struct asking *a, struct phase *phase)
{
    bool may, is_held;
    phase->first_rule = a->rule_count;
    int rc = read_standing(a, phase, &may, &is_held);
    if (rc == SO_OK && !may) {
        struct so_str lacks = so_arena_printf(a->arena, "no privilege to %s", phase->command);
        rc = lacks.p == NULL ? so_err_oom(a->err) : add_fixed(a, phase, SO_STR("GRANT"), lacks, false);
    }
    if (rc != SO_OK)
        return rc;
    return is_held ? read_policies(a, phase)
                   : add_fixed(a, phase, SO_STR("row security"), SO_STR("does not hold for this table or role"), true);
}

static int find_rules(struct asking *a)
{
    int rc = SO_OK;
    find_phases(a);
    for (size_t i = 0; rc == SO_OK && i < a->phase_count; i++)
        rc = add_phase_rules(a, &a->phases[i]);
    return rc;
}

/* ---- the rows ---- */

static void put_table(struct so_sqlb *b)
{
    const struct so_relation *r = b->plan->top.entity->relation;
    so_pg_put_table(b, r->schema, r->name);
}

/* A row of `source` as a value of the table's type. */
static void put_row_of(struct so_sqlb *b, struct so_str source)
{
    so_text_lit(&b->text, "ROW(");
    if (source.n > 0)
        so_text_str(&b->text, source);
    else
        put_table(b);
    so_text_lit(&b->text, ".*)::");
    put_table(b);
}

/* The rows that the request names, one more than are shown. */
static void put_named(struct so_sqlb *b)
{
    bool first = true;
    so_text_lit(&b->text, " FROM ");
    put_table(b);
    for (const struct so_cond *c = b->plan->top.where; c != NULL; c = c->next) {
        so_sqlb_put_and(b, &first);
        so_pg_put_cond(b, &b->plan->top, c, true);
    }
    so_text_lit(&b->text, " LIMIT ");
    so_text_u64(&b->text, SO_WHY_ROWS_MAX + 1);
}

static void put_read(struct so_sqlb *b)
{
    so_text_lit(&b->text, "SELECT ARRAY(SELECT ");
    put_row_of(b, SO_STR(""));
    put_named(b);
    so_text_lit(&b->text, ")::text, NULL");
}

/* Each old row beside what becomes of it: the table joined to itself, since RETURNING knows the new row only. */
static void put_update(struct so_sqlb *b)
{
    so_text_lit(&b->text, "WITH pgrst_rows AS (");
    if (so_pg_put_changes(b)) {
        so_text_lit(&b->text, ", (SELECT tableoid AS pgrst_table, ctid AS pgrst_at, ");
        put_row_of(b, SO_STR(""));
        so_text_lit(&b->text, " AS pgrst_old");
        put_named(b);
        so_text_lit(&b->text, ") pgrst_found WHERE ");
        put_table(b);
        so_text_lit(&b->text, ".ctid = pgrst_at AND ");
        put_table(b);
        so_text_lit(&b->text, ".tableoid = pgrst_table RETURNING pgrst_old, ");
        put_row_of(b, SO_STR(""));
        so_text_lit(&b->text, " AS pgrst_new");
    } else {
        so_text_lit(&b->text, "SELECT pgrst_old, pgrst_old AS pgrst_new FROM (SELECT ");
        put_row_of(b, SO_STR(""));
        so_text_lit(&b->text, " AS pgrst_old");
        put_named(b);
        so_text_lit(&b->text, ") pgrst_found");
    }
    so_text_lit(&b->text,
                ") SELECT ARRAY(SELECT pgrst_old FROM pgrst_rows)::text, ARRAY(SELECT pgrst_new FROM pgrst_rows)::text");
}

static void put_insert(struct so_sqlb *b)
{
    so_text_lit(&b->text, "WITH pgrst_source AS (");
    so_pg_put_write(b);
    so_text_lit(&b->text, ") SELECT NULL, ARRAY(SELECT ");
    put_row_of(b, SO_STR("pgrst_source"));
    so_text_lit(&b->text, " FROM pgrst_source)::text");
}

static int write_rows(struct asking *a, struct so_sql *out)
{
    struct so_rest_plan *p = &a->op->plan;
    struct so_sqlb b;
    p->top.outs = NULL; /* the columns of the table, all and alone, come back */
    p->top.children = NULL;
    p->write.validates_new_row = true;
    so_sqlb_start(&b, p);
    switch (p->request->verb) {
    case SO_VERB_UPDATE: put_update(&b); break;
    case SO_VERB_INSERT:
    case SO_VERB_PUT: put_insert(&b); break;
    default: put_read(&b);
    }
    return so_sqlb_finish(&b, out);
}

static int fetch_rows(struct asking *a)
{
    struct so_sql sql;
    struct so_stmt *st;
    bool has_row = false;
    int rc = write_rows(a, &sql);
    struct so_str *values = rc == SO_OK ? so_alloc_array(a->arena, sql.param_count + 1, sizeof(*values)) : NULL;
    if (rc == SO_OK && values == NULL)
        rc = so_err_oom(a->err);
    for (size_t i = 0; rc == SO_OK && i < sql.param_count; i++)
        values[i] = sql.params[i].text;
    if (rc == SO_OK)
        rc = open_query(a, sql.text, values, sql.param_count, &st);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &has_row, a->err);
    for (int i = 0; rc == SO_OK && has_row && i < 2; i++)
        if (!so_stmt_is_null(st, i))
            rc = keep_text(a, st, i, &a->rows[i]);
    so_stmt_done(st);
    return rc;
}

/* ---- the verdicts ---- */

static void put_json(struct so_text *t, struct so_str columns)
{
    so_text_c(t, columns.n == 0 ? "'{}'" : "(SELECT row_to_json(pgrst_v) FROM (SELECT ");
    so_text_str(t, columns);
    so_text_c(t, columns.n == 0 ? "" : ") pgrst_v)::text");
}

/* The primary key names a row for people; without one all columns do. */
static struct so_str key_columns(struct asking *a)
{
    const struct so_relation *r = a->relation;
    size_t count = r->primary != NULL ? r->primary->column_count : r->column_count;
    struct so_text t;
    so_text_init(&t, a->arena, 64);
    for (size_t i = 0; i < count; i++) {
        so_text_c(&t, i > 0 ? ", " : "");
        so_text_name(&t, r->name);
        so_text_char(&t, '.');
        so_text_name(&t, r->columns[r->primary != NULL ? r->primary->columns[i] : i].name);
    }
    return t.failed ? (struct so_str){NULL, 0} : so_text_get(&t);
}

static int write_question(struct asking *a, bool of_new_row, struct so_str *out)
{
    struct so_text t;
    so_text_init(&t, a->arena, 512);
    so_text_lit(&t, "SELECT ");
    put_json(&t, key_columns(a));
    for (size_t i = 0; i < a->rule_count; i++) {
        const struct rule *r = &a->rules[i];
        if (r->shown.of_new_row != of_new_row)
            continue;
        so_text_lit(&t, ", (");
        so_text_str(&t, r->condition);
        so_text_lit(&t, ") IS TRUE, ");
        put_json(&t, r->columns);
    }
    so_text_lit(&t, " FROM unnest($1::text::");
    so_text_name(&t, a->relation->schema);
    so_text_char(&t, '.');
    so_text_name(&t, a->relation->name);
    so_text_lit(&t, "[]) AS ");
    so_text_name(&t, a->relation->name);
    *out = so_text_get(&t);
    return t.failed ? so_err_oom(a->err) : SO_OK;
}

static int read_verdicts(struct asking *a, struct so_stmt *st, bool of_new_row, struct so_why_row *row)
{
    int at = 1, rc = row->key.p == NULL ? keep_text(a, st, 0, &row->key) : SO_OK;
    for (size_t i = 0; rc == SO_OK && i < a->rule_count; i++) {
        struct so_why_rule *r = &row->rules[i];
        if (r->of_new_row != of_new_row)
            continue;
        r->allows = so_stmt_i64(st, at) == 1;
        rc = keep_text(a, st, at + 1, &r->values);
        at += 2;
    }
    return rc;
}

static int add_row(struct asking *a, struct so_why_row **out)
{
    struct so_why_row *row = so_alloc_zero(a->arena, sizeof(*row));
    if (row == NULL)
        return so_err_oom(a->err);
    row->rules = so_alloc_array(a->arena, a->rule_count + 1, sizeof(*row->rules));
    if (row->rules == NULL)
        return so_err_oom(a->err);
    for (size_t i = 0; i < a->rule_count; i++)
        row->rules[i] = a->rules[i].shown;
    row->rule_count = a->rule_count;
    *out = row;
    return SO_OK;
}

/* The new row of an update comes in the place of its old one. */
static int judge(struct asking *a, bool of_new_row, struct so_why *out)
{
    struct so_stmt *st;
    struct so_str sql;
    struct so_why_row **at = &out->rows;
    bool has_row = true;
    size_t count = 0;
    if (a->rows[of_new_row].p == NULL)
        return SO_OK;
    int rc = write_question(a, of_new_row, &sql);
    if (rc == SO_OK)
        rc = open_query(a, sql, &a->rows[of_new_row], 1, &st);
    if (rc != SO_OK)
        return rc;
    while ((rc = so_stmt_step(st, &has_row, a->err)) == SO_OK && has_row) {
        out->is_cut = count++ == SO_WHY_ROWS_MAX;
        if (out->is_cut)
            break;
        if (*at == NULL)
            rc = add_row(a, at);
        if (rc == SO_OK)
            rc = read_verdicts(a, st, of_new_row, *at);
        if (rc != SO_OK)
            break;
        at = &(*at)->next;
    }
    so_stmt_done(st);
    return rc;
}

static bool phase_allows(struct asking *a, const struct phase *phase, struct so_why_row *row)
{
    bool one_allows = false, all_allow = true;
    for (size_t i = phase->first_rule; i < phase->first_rule + phase->rule_count; i++) {
        one_allows |= !a->rules[i].restricts && row->rules[i].allows;
        all_allow &= !a->rules[i].restricts || row->rules[i].allows;
    }
    for (size_t i = phase->first_rule; i < phase->first_rule + phase->rule_count; i++)
        row->rules[i].is_overruled = one_allows && !a->rules[i].restricts && !row->rules[i].allows;
    return one_allows && all_allow;
}

static void sum_up(struct asking *a, struct so_why *out)
{
    for (struct so_why_row *row = out->rows; row != NULL; row = row->next) {
        row->allowed = true;
        for (size_t i = 0; i < a->phase_count; i++)
            row->allowed &= phase_allows(a, &a->phases[i], row);
        out->row_count++;
        out->allowed_count += row->allowed;
    }
}

static int explain_table(struct asking *a, struct so_why *out)
{
    if (a->relation->is_view)
        return so_fail(a->err, SO_EINVAL, "policies are of tables, and \"%.*s\" is a view: ask about the tables it reads",
                       SO_STR_ARG(a->relation->name));
    int rc = find_rules(a);
    if (rc == SO_OK)
        rc = become_reader(a);
    if (rc == SO_OK)
        rc = fetch_rows(a);
    if (rc == SO_OK)
        rc = become_caller(a);
    if (rc == SO_OK)
        rc = judge(a, false, out);
    if (rc == SO_OK)
        rc = judge(a, true, out);
    if (rc == SO_OK)
        sum_up(a, out);
    return rc;
}

static int explain_function(struct asking *a, struct so_why *out)
{
    static const struct so_str SQL = SO_STR_INIT(
        "SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1 AND p.proname = "
        "$2 AND has_function_privilege(p.oid, 'EXECUTE')");
    const struct so_proc *f = a->op->plan.top.proc;
    const struct so_str values[] = {f->schema, f->name};
    size_t rows;
    int rc = run_all(a, SQL, values, COUNT_OF(values), &rows);
    out->may_call = rc == SO_OK && rows > 0;
    return rc;
}

int so_pg_why(struct so_rest_op *op, struct so_conn *conn, struct so_why *out, struct so_err *err)
{
    struct asking *a = so_alloc_zero(op->arena, sizeof(*a));
    if (a == NULL)
        return so_err_oom(err);
    *a =
        (struct asking){.op = op, .conn = conn, .arena = op->arena, .err = err, .role = so_rest_role(op->settings, op->who)};
    a->relation = op->plan.top.entity == NULL ? NULL : op->plan.top.entity->relation;
    op->plan.err = err;
    int rc = so_validate_verdict(&op->plan);
    if (rc == SO_OK)
        rc = begin_session(a);
    if (rc != SO_OK)
        return rc;
    return out->is_function ? explain_function(a, out) : explain_table(a, out);
}
