/* guard.c: a policy's subquery reads other tables with the eyes of the caller, as in PostgreSQL:
 *
 *   EXISTS (SELECT 1 FROM members m WHERE ...)
 *   EXISTS (WITH "members" AS (SELECT * FROM main."members" WHERE its select policy) SELECT 1 FROM members m WHERE ...)
 *
 * The common table expression takes the table's name, so no spelling of the subquery slips past it.  Tables without a
 * schema file and views have no policies and are read as they are.  A select policy that needs itself is refused; PostgreSQL
 * would answer 42P17, infinite recursion, to every request. */
#include "model/load.h"
#include "model/place.h"
#include "model/policy.h"
#include "model/sql_text.h"

enum { GUARDED_MAX = 1 << 20 };

struct guarding {
    struct so_arena *arena;
    const struct so_table *const *tables;
    struct so_table **unguarded; /* the same, to be guarded; NULL: they are */
    size_t count;
    char *state; /* of each table's select policy */
    struct so_err *err;
};
enum { UNSEEN, VISITING, DONE };

/* A table's name stands after FROM, JOIN, ',' or '(' (perhaps with public. before it), and a column's may, too: one name too
 * many costs nothing. */
static bool may_be_table(const struct so_sql_token *first, const struct so_sql_token *t)
{
    if (t->kind != SO_SQL_WORD && t->kind != SO_SQL_NAME && t->kind != SO_SQL_TEXT)
        return false;
    if (t == first || so_sql_is(t + 1, "."))
        return false;
    if (so_sql_is(t - 1, "."))
        return true;
    return so_sql_is(t - 1, "from") || so_sql_is(t - 1, "join") || so_sql_is(t - 1, ",") || t[-1].kind == SO_SQL_OPEN;
}

static bool names_table(const struct so_sql_token *first, const struct so_table *table)
{
    for (const struct so_sql_token *t = first; t->kind != SO_SQL_END; t++) {
        bool quoted = t->kind == SO_SQL_NAME || t->kind == SO_SQL_TEXT;
        struct so_str name = quoted ? so_str_slice(t->text, 1, t->text.n - 1) : t->text;
        if (may_be_table(first, t) && so_str_eq_nocase(name, table->name))
            return true;
    }
    return false;
}

static int guard_select(struct guarding *g, size_t i);

static int put_guards(struct guarding *g, const struct so_sql_token *tokens, struct so_buf *out)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct so_policy *select = &g->tables[i]->policies[SO_CMD_SELECT];
        if (select->kind == SO_POLICY_ALLOW || !names_table(tokens, g->tables[i]))
            continue;
        int rc = g->unguarded == NULL ? SO_OK : guard_select(g, i);
        if (rc != SO_OK)
            return rc;
        so_buf_puts(out, out->len > 0 ? ", " : "");
        so_sql_put_name(out, g->tables[i]->name);
        so_buf_lit(out, " AS (SELECT * FROM main.");
        so_sql_put_name(out, g->tables[i]->name);
        so_buf_printf(out, " WHERE %.*s)", SO_STR_ARG(select->kind == SO_POLICY_SQL ? select->sql : SO_STR("0")));
    }
    return so_buf_check(out, "the policy", g->err);
}

static int guard_policy(struct guarding *g, struct so_policy *policy)
{
    const struct so_sql_token *tokens;
    if (policy->kind != SO_POLICY_SQL || policy->marked.p == NULL)
        return SO_OK;
    int rc = so_sql_tokens(policy->source, g->arena, &tokens, g->err);
    if (rc != SO_OK)
        return rc;
    struct so_buf guards, sql;
    so_buf_init(&guards, GUARDED_MAX);
    so_buf_init(&sql, GUARDED_MAX);
    rc = put_guards(g, tokens, &guards);
    if (rc == SO_OK) {
        so_sql_put_guarded(&sql, policy->marked, so_buf_str(&guards));
        rc = so_buf_check(&sql, "the policy", g->err);
    }
    struct so_str kept = rc == SO_OK ? so_arena_dup(g->arena, so_buf_str(&sql)) : (struct so_str){NULL, 0};
    if (rc == SO_OK)
        rc = kept.p == NULL ? so_err_oom(g->err) : SO_OK;
    if (rc == SO_OK)
        policy->sql = kept;
    so_buf_deinit(&sql);
    so_buf_deinit(&guards);
    return rc;
}

/* Recursion is at most as deep as there are tables. */
static int guard_select(struct guarding *g, size_t i)
{
    struct so_table *table = g->unguarded[i];
    if (g->state[i] == VISITING) {
        struct so_place at = {.file = table->file, .keyword = "x-policies", .member = SO_STR("select")};
        so_place_fail(&at, g->err, SO_EINVAL, "infinite recursion detected in policy for relation \"%.*s\"",
                      SO_STR_ARG(table->name));
        so_err_hint(g->err, "a subquery sees a table through its select policy: read a view there, which has none");
        return SO_EINVAL;
    }
    if (g->state[i] == DONE)
        return SO_OK;
    g->state[i] = VISITING;
    int rc = guard_policy(g, &table->policies[SO_CMD_SELECT]);
    g->state[i] = DONE;
    return rc;
}

int so_policies_guard(struct so_model *model, struct so_table **tables, size_t count, struct so_err *err)
{
    struct guarding g = {
        .arena = &model->arena,
        .tables = (const struct so_table *const *)tables,
        .unguarded = tables,
        .count = count,
        .err = err,
    };
    g.state = so_alloc_zero(&model->arena, count + 1);
    int rc = g.state == NULL ? so_err_oom(err) : SO_OK;
    for (size_t i = 0; rc == SO_OK && i < count; i++)
        rc = guard_select(&g, i);
    for (size_t i = 0; rc == SO_OK && i < count; i++) {
        for (size_t c = SO_CMD_SELECT + 1; rc == SO_OK && c < SO_CMD_COUNT; c++)
            rc = guard_policy(&g, &tables[i]->policies[c]);
        if (rc == SO_OK)
            rc = guard_policy(&g, &tables[i]->check);
    }
    return rc;
}

int so_policy_guard(const struct so_model *model, struct so_arena *arena, struct so_policy *policy, struct so_err *err)
{
    struct guarding g = {.arena = arena, .tables = model->tables, .count = model->table_count, .err = err};
    return guard_policy(&g, policy);
}
