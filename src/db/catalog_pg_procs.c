/* catalog_pg_procs.c: functions as clients call them, and computed relationships.
 * Spec: PostgREST, SchemaCache.hs: allFunctions, allComputedRels. */
#include "db/catalog_pg_int.h"

#include <string.h>

/* ---- functions ---- */

/* A row per argument, those of one function together; a function without arguments has one with a NULL position.  An
 * argument without a name can be given only when it is the only one and takes the whole body.  Types that cut values off at
 * their length are cast to what does not. */
static const struct so_str PROCS = SO_STR_INIT(
    "WITH RECURSIVE bases(oid, base) AS ("
    " SELECT t.oid, t.oid FROM pg_catalog.pg_type t WHERE t.typbasetype = 0"
    " UNION ALL SELECT t.oid, b.base FROM bases b JOIN pg_catalog.pg_type t ON t.typbasetype = b.oid),"
    " arguments AS ("
    " SELECT p.oid, COALESCE(a.name, '') AS name, a.type, COALESCE(a.mode, 'i') = 'v' AS variadic,"
    " row_number() OVER (PARTITION BY p.oid ORDER BY a.ord) AS idx"
    " FROM pg_catalog.pg_proc p,"
    " LATERAL ROWS FROM (pg_catalog.unnest(p.proargnames), pg_catalog.unnest(COALESCE(p.proallargtypes, "
    "p.proargtypes::oid[])),"
    " pg_catalog.unnest(p.proargmodes)) WITH ORDINALITY AS a(name, type, mode, ord)"
    " WHERE p.pronamespace IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY($1::text[]))"
    " AND a.type IS NOT NULL AND COALESCE(a.mode, 'i') IN ('i','b','v')),"
    " callable AS (SELECT oid, count(*) FILTER (WHERE name = '') = 0 OR (count(*) = 1 AND bool_and(type IN ("
    "'pg_catalog.bytea'::pg_catalog.regtype, 'pg_catalog.json'::pg_catalog.regtype, 'pg_catalog.jsonb'::pg_catalog.regtype,"
    " 'pg_catalog.text'::pg_catalog.regtype, 'pg_catalog.xml'::pg_catalog.regtype))) AS ok FROM arguments GROUP BY oid)"
    " SELECT p.oid::text, n.nspname, p.proname, d.description, p.proretset::int,"
    " (t.typtype = 'c' OR COALESCE(p.proargmodes::text[] && '{t,b,o}', false))::int,"
    " tn.nspname, COALESCE(tc.relname, t.typname), p.provolatile,"
    " a.name, pg_catalog.format_type(a.type, NULL),"
    " CASE a.type WHEN 'pg_catalog.bit'::pg_catalog.regtype THEN 'bit varying'"
    " WHEN 'pg_catalog.bit[]'::pg_catalog.regtype THEN 'bit varying[]'"
    " WHEN 'pg_catalog.bpchar'::pg_catalog.regtype THEN 'character varying'"
    " WHEN 'pg_catalog.bpchar[]'::pg_catalog.regtype THEN 'character varying[]'"
    " ELSE pg_catalog.format_type(a.type, NULL) END,"
    " (a.idx <= p.pronargs - p.pronargdefaults)::int, a.variadic::int, pg_catalog.array_to_string(p.proconfig, E'\\n'),"
    " CASE WHEN rt.typtype = 'd' AND rt.typname ~ '^([A-Za-z0-9.-]+/[A-Za-z0-9.+-]+|[*]/[*])$' THEN rt.typname END"
    " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
    " JOIN pg_catalog.pg_type rt ON rt.oid = p.prorettype"
    " JOIN bases b ON b.oid = p.prorettype JOIN pg_catalog.pg_type t ON t.oid = b.base"
    " JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace"
    " LEFT JOIN pg_catalog.pg_class tc ON tc.oid = t.typrelid"
    " LEFT JOIN arguments a ON a.oid = p.oid LEFT JOIN callable c ON c.oid = p.oid"
    " LEFT JOIN pg_catalog.pg_description d ON d.objoid = p.oid AND d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
    " WHERE n.nspname = ANY($1::text[]) AND p.prokind = 'f' AND t.oid <> 'pg_catalog.trigger'::pg_catalog.regtype"
    " AND COALESCE(c.ok, true)"
    " ORDER BY n.nspname, p.proname, p.pronargs, p.oid, a.idx");

struct procs {
    struct so_proc *last;
    struct so_str oid;
    struct so_proc_param *params;
    size_t cap;
};

/* Repeated before the call, as the reference does by default: they govern the transaction, not the function's body alone. */
static const char *const HOISTED[] = {
    "statement_timeout=", "plan_filter.statement_cost_limit=", "default_transaction_isolation="};

int so_pg_add_setting(struct so_pg_reading *r, struct so_str line, const struct so_proc_setting **head)
{
    size_t equals = so_str_find_char(line, '=', 0);
    struct so_proc_setting *s = so_alloc(r->arena, sizeof(*s));
    if (s == NULL)
        return so_err_oom(r->err);
    *s = (struct so_proc_setting){.name = so_arena_dup(r->arena, so_str_slice(line, 0, equals)),
                                  .value = so_arena_dup(r->arena, so_str_slice(line, equals + 1, line.n)),
                                  .next = *head};
    *head = s;
    return s->name.p == NULL || s->value.p == NULL ? so_err_oom(r->err) : SO_OK;
}

static int add_settings(struct so_pg_reading *r, struct so_str lines, struct so_proc *proc)
{
    struct so_str line;
    int rc = SO_OK;
    while (rc == SO_OK && so_str_split(&lines, '\n', &line))
        for (size_t i = 0; rc == SO_OK && i < COUNT_OF(HOISTED); i++)
            if (so_str_starts(line, so_str_c(HOISTED[i])))
                rc = so_pg_add_setting(r, line, &proc->settings);
    return rc;
}

static enum so_volatility volatility_of(struct so_str letter)
{
    return so_str_eq(letter, SO_STR("i"))   ? SO_VOLATILITY_IMMUTABLE
           : so_str_eq(letter, SO_STR("s")) ? SO_VOLATILITY_STABLE
                                            : SO_VOLATILITY_VOLATILE;
}

/* Overloads hang together in the order of the query: fewest parameters first. */
static int hang_proc(struct so_pg_reading *r, struct so_proc *proc)
{
    struct so_schema *schema = so_pg_own(so_catalog_schema(r->catalog, proc->schema));
    struct so_proc *first = schema == NULL ? NULL : so_map_find(&schema->procs, proc->name);
    if (schema == NULL)
        return SO_OK;
    if (first == NULL)
        return so_map_put(&schema->procs, proc->name, proc) ? SO_OK : so_err_oom(r->err);
    while (first->next != NULL)
        first = so_pg_own(first->next);
    first->next = proc;
    return SO_OK;
}

static int start_proc(struct so_pg_reading *r, struct so_stmt *st, struct procs *all)
{
    struct so_proc *proc = so_alloc_zero(r->arena, sizeof(*proc));
    if (proc == NULL)
        return so_err_oom(r->err);
    struct so_str *const TEXTS[] = {&proc->schema, &proc->name, &proc->description};
    int rc = so_pg_copy(r, st, 6, &proc->return_schema);
    if (rc == SO_OK)
        rc = so_pg_copy(r, st, 7, &proc->return_name);
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(TEXTS); i++)
        rc = so_pg_copy(r, st, (int)i + 1, TEXTS[i]);
    if (rc == SO_OK)
        rc = so_pg_copy(r, st, 15, &proc->media_type);
    if (rc == SO_OK && !so_stmt_is_null(st, 14))
        rc = add_settings(r, so_stmt_text(st, 14), proc);
    proc->returns_set = so_stmt_i64(st, 4) != 0;
    proc->returns_composite = so_stmt_i64(st, 5) != 0;
    proc->returns_void = !proc->returns_set && so_str_eq(proc->return_name, SO_STR("void")) &&
                         so_str_eq(proc->return_schema, SO_STR("pg_catalog"));
    proc->volatility = volatility_of(so_stmt_text(st, 8));
    all->last = proc;
    all->cap = 0;
    all->params = NULL;
    all->oid = so_arena_dup(&r->scratch, so_stmt_text(st, 0));
    if (all->oid.p == NULL || !so_map_put(&r->procs_by_oid, all->oid, proc))
        return so_err_oom(r->err);
    return rc == SO_OK ? hang_proc(r, proc) : rc;
}

static int add_param(struct so_pg_reading *r, struct so_stmt *st, struct procs *all)
{
    struct so_proc *proc = all->last;
    if (proc->param_count == all->cap) {
        size_t cap = all->cap == 0 ? 4 : all->cap * 2;
        struct so_proc_param *more = so_alloc_array(r->arena, cap, sizeof(*more));
        if (more == NULL)
            return so_err_oom(r->err);
        if (proc->param_count > 0)
            memcpy(more, all->params, proc->param_count * sizeof(*more));
        all->params = more;
        all->cap = cap;
        proc->params = more;
    }
    struct so_proc_param *param = &all->params[proc->param_count++];
    int rc = so_pg_copy(r, st, 9, &param->name);
    if (rc == SO_OK)
        rc = so_pg_copy(r, st, 10, &param->type);
    if (rc == SO_OK)
        rc = so_pg_copy(r, st, 11, &param->wide_type);
    param->required = so_stmt_i64(st, 12) != 0;
    param->variadic = so_stmt_i64(st, 13) != 0;
    return rc;
}

static int add_proc_row(struct so_pg_reading *r, struct so_stmt *st, void *arg)
{
    struct procs *all = arg;
    int rc = SO_OK;
    if (all->last == NULL || !so_str_eq(all->oid, so_stmt_text(st, 0)))
        rc = start_proc(r, st, all);
    return rc == SO_OK && !so_stmt_is_null(st, 9) ? add_param(r, st, all) : rc;
}

/* ---- computed relationships ---- */

static const struct so_str COMPUTED =
    SO_STR_INIT("SELECT n.nspname, p.proname, a.typrelid::text, t.typrelid::text, (NOT p.proretset OR p.prorows = 1)::int"
                " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
                " JOIN pg_catalog.pg_type a ON a.oid = p.proargtypes[0] JOIN pg_catalog.pg_type t ON t.oid = p.prorettype"
                " WHERE p.pronargs = 1 AND a.typrelid <> 0 AND t.typrelid <> 0 ORDER BY n.nspname, p.proname, p.oid");

static int add_computed(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct so_relation *from = so_pg_find_relation(r, so_stmt_text(st, 2));
    const struct so_relation *to = so_pg_find_relation(r, so_stmt_text(st, 3));
    if (from == NULL || to == NULL)
        return SO_OK;
    struct so_computed *c = so_alloc_zero(r->arena, sizeof(*c));
    const struct so_computed **all = so_alloc_array(r->arena, from->computed_count + 1, sizeof(*all));
    if (c == NULL || all == NULL)
        return so_err_oom(r->err);
    c->from = from;
    c->to = to;
    c->to_one = so_stmt_i64(st, 4) != 0;
    int rc = so_pg_copy(r, st, 0, &c->schema);
    if (rc == SO_OK)
        rc = so_pg_copy(r, st, 1, &c->name);
    if (from->computed_count > 0)
        memcpy((void *)all, (const void *)from->computed, from->computed_count * sizeof(*all));
    all[from->computed_count++] = c;
    from->computed = all;
    return rc;
}

int so_pg_read_procs(struct so_pg_reading *r)
{
    struct procs procs = {0};
    int rc = so_pg_each_row(r, PROCS, add_proc_row, &procs);
    return rc == SO_OK ? so_pg_each_row(r, COMPUTED, add_computed, NULL) : rc;
}
