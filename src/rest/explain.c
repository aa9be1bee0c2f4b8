/* explain.c: application/vnd.pgrst.plan: how the statement of a request would run (PostgREST, Observability, Execution
 * plan).
 *
 *   +text   a line each, indented as the steps nest         +json   [{"Plan": {"Node Type": ..., "Plans": [...]}}]
 *
 * SQLite tells without running: so nothing is written, and what only a run could tell is refused. */
#include "rest/dialect.h"
#include "rest/errors.h"
#include "rest/op.h"
#include "rest/text.h"
#include "rest/validate.h"
#include "json/write.h"

enum { STEPS_MAX = 4096 };

static int explain(struct so_rest_op *op, struct so_sql *sql, struct so_err *err)
{
    struct so_text t;
    so_text_init(&t, op->arena, sql->text.n + 32);
    so_text_c(&t, op->plan.dialect->explain);
    so_text_str(&t, sql->text);
    sql->text = so_text_get(&t);
    return t.failed ? so_err_oom(err) : SO_OK;
}

int so_explain_prepare(struct so_rest_op *op, struct so_err *err)
{
    unsigned unknown = op->request.explain.options & ~(unsigned)SO_EXPLAIN_VERBOSE;
    if (unknown != 0) {
        int rc = so_fail_http(err, PGRST127);
        so_err_details(err,
                       "This database explains a statement without running it: of the options only verbose is available");
        return rc;
    }
    struct so_sql *sql = op->call.text.p != NULL ? &op->call : &op->sql;
    if (sql->text.p != NULL)
        return explain(op, sql, err);
    return op->plan.violations != NULL ? so_validate_verdict(&op->plan) : so_fail_http(err, PGRST127);
}

/* ---- the steps ---- */

struct step {
    int64_t id, parent;
    struct so_str text;
};
struct steps {
    struct step *items;
    size_t count;
};

static int read_steps(const struct so_rest_op *op, struct so_stmt *st, struct steps *out, struct so_err *err)
{
    bool has_row = true;
    out->items = so_alloc_array(op->arena, STEPS_MAX, sizeof(*out->items));
    int rc = out->items == NULL ? so_err_oom(err) : SO_OK;
    while (rc == SO_OK && (rc = so_stmt_step(st, &has_row, err)) == SO_OK && has_row) {
        if (out->count == STEPS_MAX)
            break;
        struct step step = {so_stmt_i64(st, 0), so_stmt_i64(st, 1), so_arena_dup(op->arena, so_stmt_text(st, 3))};
        if (step.text.p == NULL)
            rc = so_err_oom(err);
        out->items[out->count++] = step;
    }
    return rc;
}

/* Steps come in the order in which they nest, so all of a step's own follow it. */
static void put_text(const struct steps *steps, int64_t parent, size_t from, int depth, struct so_buf *body)
{
    for (size_t i = from; i < steps->count; i++) {
        if (steps->items[i].parent != parent)
            continue;
        so_buf_printf(body, "%*s%s%.*s\n", depth * 2, "", depth > 0 ? "->  " : "", SO_STR_ARG(steps->items[i].text));
        put_text(steps, steps->items[i].id, i + 1, depth + 1, body);
    }
}

static void put_json(const struct steps *steps, int64_t parent, size_t from, struct so_jw *w)
{
    bool any = false;
    for (size_t i = from; i < steps->count; i++) {
        if (steps->items[i].parent != parent)
            continue;
        if (!any) {
            so_jw_key(w, SO_STR("Plans"));
            so_jw_array(w);
            any = true;
        }
        so_jw_object(w);
        so_jw_member_str(w, "Node Type", steps->items[i].text);
        put_json(steps, steps->items[i].id, i + 1, w);
        so_jw_end_object(w);
    }
    if (any)
        so_jw_end_array(w);
}

static void put_plan(const struct so_rest_op *op, const struct steps *steps, struct so_buf *body)
{
    struct so_str sql = op->call.text.p != NULL ? op->call.text : op->sql.text;
    bool verbose = (op->request.explain.options & SO_EXPLAIN_VERBOSE) != 0;
    sql = so_str_slice(sql, strlen(op->plan.dialect->explain), sql.n);
    if (!op->request.explain.as_json) {
        put_text(steps, 0, 0, 0, body);
        if (verbose)
            so_buf_printf(body, "Query Text: %.*s\n", SO_STR_ARG(sql));
        return;
    }
    struct so_jw w;
    so_jw_init(&w, body);
    so_jw_array(&w);
    so_jw_object(&w);
    if (verbose)
        so_jw_member_str(&w, "Query Text", sql);
    so_jw_key(&w, SO_STR("Plan"));
    so_jw_object(&w);
    so_jw_member_cstr(&w, "Node Type", "Query");
    put_json(steps, 0, 0, &w);
    so_jw_end_object(&w);
    so_jw_end_object(&w);
    so_jw_end_array(&w);
}

int so_explain_run(const struct so_rest_op *op, struct so_stmt *st, struct so_rest_out *out, struct so_buf *body,
                   struct so_err *err)
{
    struct steps steps = {NULL, 0};
    struct so_text type;
    int rc = read_steps(op, st, &steps, err);
    so_text_init(&type, op->arena, 128);
    so_explain_put_type(&op->request.explain, &type);
    if (rc == SO_OK && type.failed)
        rc = so_err_oom(err);
    if (rc != SO_OK)
        return rc;
    out->status = 200;
    so_rest_put_header(out, SO_STR("Content-Type"), so_text_get(&type));
    if (!op->request.head)
        put_plan(op, &steps, body);
    return so_buf_check(body, "the answer", err);
}
