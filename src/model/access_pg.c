/* access_pg.c: x-policies as PostgreSQL's row-level security, and the privileges that go with them.
 *
 *   select, insert, update, delete   one policy each, for everybody; none where the file has none: then no row is there
 *   check                            WITH CHECK of insert (beside the insert policy) and of update (else the update policy)
 *   service                          everything, to service_role, which so needs no BYPASSRLS, a superuser's to give
 *
 * Every role has the privileges, and the policies decide, so that the answers are those of SQLite: no rows, where a missing
 * privilege would be an error.  A table without x-policies has none but the service's: it is closed.
 * The owner is not forced under the policies: no request is made as the owner, but functions that are "definer" are. */
#include "model/pg_model.h"
#include "model/policy.h"
#include "model/sql_text.h"

enum { SQL_MAX = 1 << 20 };

static const char *const VERBS[SO_CMD_COUNT] = {"SELECT", "INSERT", "UPDATE", "DELETE"};

static const char *text_of(const struct so_policy *policy)
{
    return policy->kind == SO_POLICY_ALLOW ? "true" : policy->kind == SO_POLICY_DENY ? "false" : policy->source.p;
}

static int length_of(const struct so_policy *policy)
{
    return policy->kind == SO_POLICY_SQL ? (int)policy->source.n : (int)strlen(text_of(policy));
}

static void put_condition(struct so_buf *b, const char *clause, const struct so_policy *policy)
{
    so_buf_printf(b, " %s (%.*s)", clause, length_of(policy), text_of(policy));
}

static void put_head(struct so_buf *b, const struct so_table *table, const char *name, const char *verb)
{
    so_buf_printf(b, ";\nCREATE POLICY socle_%s ON ", name);
    so_sql_put_name(b, table->name);
    so_buf_printf(b, " FOR %s", verb);
}

static void put_policy(struct so_buf *b, const struct so_table *table, enum so_command command)
{
    const struct so_policy *own = &table->policies[command], *check = &table->check;
    put_head(b, table, so_policy_name(command), VERBS[command]);
    switch (command) {
    case SO_CMD_INSERT:
        so_buf_lit(b, " WITH CHECK (");
        put_condition(b, "", own);
        put_condition(b, "AND", check);
        so_buf_putc(b, ')');
        break;
    case SO_CMD_UPDATE:
        put_condition(b, "USING", own);
        put_condition(b, "WITH CHECK", so_policy_is_given(check) ? check : own);
        break;
    default: put_condition(b, "USING", own);
    }
}

static void put_make(struct so_buf *b, const struct so_table *table)
{
    so_buf_lit(b, "ALTER TABLE ");
    so_sql_put_name(b, table->name);
    so_buf_lit(b, " ENABLE ROW LEVEL SECURITY");
    so_buf_lit(b, ";\nGRANT SELECT, INSERT, UPDATE, DELETE ON ");
    so_sql_put_name(b, table->name);
    so_buf_lit(b, " TO anon, authenticated, service_role");
    put_head(b, table, "service", "ALL");
    so_buf_lit(b, " TO service_role USING (true) WITH CHECK (true)");
    for (size_t i = 0; i < SO_CMD_COUNT; i++)
        if (table->policies[i].kind != SO_POLICY_DENY)
            put_policy(b, table, (enum so_command)i);
}

/* Row-level security stays on: without policies that is closed. */
static void put_drop(struct so_buf *b, const struct so_table *table)
{
    static const char *const NAMES[] = {"service", "select", "insert", "update", "delete"};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        so_buf_printf(b, "%sDROP POLICY IF EXISTS socle_%s ON ", i == 0 ? "" : "; ", NAMES[i]);
        so_sql_put_name(b, table->name);
    }
}

int so_pg_want_access(struct so_pg_planner *p, const struct so_table *table)
{
    struct so_buf make, drop;
    so_buf_init(&make, SQL_MAX);
    so_buf_init(&drop, SQL_MAX);
    put_make(&make, table);
    put_drop(&drop, table);
    int rc = so_buf_check(&make, "the policies", p->base.err);
    if (rc == SO_OK)
        rc = so_buf_check(&drop, "the policies", p->base.err);
    const struct so_pg_object object = {
        .kind = SO_STR("access"),
        .table = table->name,
        .name = table->name,
        .make = so_buf_str(&make),
        .drop = so_buf_str(&drop),
        .summary = so_arena_printf(p->base.arena, "%.*s: policies", SO_STR_ARG(table->name)),
    };
    if (rc == SO_OK)
        rc = object.summary.p == NULL ? so_err_oom(p->base.err) : so_pg_want(p, &object);
    so_buf_deinit(&drop);
    so_buf_deinit(&make);
    return rc;
}

struct so_str so_pg_guard(struct so_arena *arena, const struct so_table *table)
{
    size_t count = 1;
    for (size_t i = 0; i < SO_CMD_COUNT; i++)
        count += table->policies[i].kind != SO_POLICY_DENY;
    return so_arena_printf(arena, "t%zu", count);
}
