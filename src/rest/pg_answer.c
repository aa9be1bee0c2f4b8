/* pg_answer.c: the one row of a transaction as the answer (PostgREST, MainTx.hs, Response.hs). */
#include "rest/errors.h"
#include "rest/pg.h"
#include "rest/validate.h"

/* ---- the row ---- */

/* All texts are in the request's arena or, the body, in the answer's buffer. */
struct result {
    int64_t total, page; /* total: -1 when it was not counted */
    int64_t inserted;
    bool has_inserted;
    struct so_str location, headers, status, written; /* p == NULL: none */
};

static int keep_text(const struct so_rest_op *op, struct so_stmt *st, int column, struct so_str *out, struct so_err *err)
{
    *out = (struct so_str){NULL, 0};
    if (so_stmt_is_null(st, column))
        return SO_OK;
    *out = so_arena_dup(op->arena, so_stmt_text(st, column));
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

static int take_row(const struct so_rest_op *op, struct so_stmt *st, struct result *out, struct so_buf *body,
                    struct so_err *err)
{
    int64_t number;
    struct so_str inserted = so_stmt_text(st, SO_PG_INSERTED);
    out->total = so_stmt_is_null(st, SO_PG_TOTAL) ? -1 : so_stmt_i64(st, SO_PG_TOTAL);
    out->page = so_stmt_i64(st, SO_PG_PAGE);
    out->has_inserted = inserted.n > 0 && so_str_to_i64(inserted, &number);
    out->inserted = out->has_inserted ? number : 0;
    int rc = keep_text(op, st, SO_PG_LOCATION, &out->location, err);
    if (rc == SO_OK)
        rc = keep_text(op, st, SO_PG_HEADERS, &out->headers, err);
    if (rc == SO_OK)
        rc = keep_text(op, st, SO_PG_STATUS, &out->status, err);
    if (rc == SO_OK && op->plan.write.validates_new_row)
        rc = keep_text(op, st, SO_PG_ROWS, &out->written, err);
    if (rc != SO_OK)
        return rc;
    so_buf_put_str(body, so_stmt_text(st, SO_PG_BODY));
    return so_buf_check(body, "the answer", err);
}

static int take_main(struct so_rest_op *op, struct so_stmt *st, struct result *out, struct so_buf *body, struct so_err *err)
{
    bool has_row = false;
    int rc = so_stmt_step(st, &has_row, err);
    return rc == SO_OK && has_row ? take_row(op, st, out, body, err) : rc;
}

/* [{"Plan": {"Plan Rows": 42}}] */
static int take_explain(struct so_rest_op *op, struct so_stmt *st, struct result *r, struct so_err *err)
{
    struct so_json plan;
    bool has_row = false;
    int64_t expected = -1, max_rows = op->settings->max_rows;
    int rc = so_stmt_step(st, &has_row, err);
    if (rc != SO_OK || !has_row)
        return rc;
    struct so_str text = so_arena_dup(op->arena, so_stmt_text(st, 0));
    rc = text.p == NULL ? so_err_oom(err) : so_json_parse(op->arena, text, NULL, &plan, err);
    if (rc != SO_OK)
        return rc;
    const struct so_json *rows = so_json_at(&plan, SO_STR("/0/Plan/Plan Rows"));
    if (rows == NULL || !so_json_to_i64(rows, &expected))
        return SO_OK;
    if (op->request.prefer.count == SO_COUNT_PLANNED)
        r->total = expected;
    else if (max_rows == 0 || r->total > max_rows)
        r->total = r->total > expected ? r->total : expected;
    return SO_OK;
}

/* ---- checks ---- */

static int check_singular(const struct so_rest_op *op, const struct result *r, struct so_err *err)
{
    if (!so_media_is_object(op->request.media) || r->page == 1 || op->request.verb == SO_VERB_PUT)
        return SO_OK;
    int rc = so_fail_http(err, PGRST116);
    so_err_details(err, "The result contains %lld rows", (long long)r->page);
    return rc;
}

static int check_affected(const struct so_rest_op *op, const struct result *r, struct so_err *err)
{
    const struct so_prefer *p = &op->request.prefer;
    bool changes = op->request.verb == SO_VERB_UPDATE || op->request.verb == SO_VERB_DELETE || op->plan.top.proc != NULL;
    if (!changes || p->max_affected < 0 || p->handling != SO_HANDLING_STRICT || r->page <= p->max_affected)
        return SO_OK;
    int rc = so_fail_http(err, PGRST124);
    so_err_details(err, "The query affects %lld rows", (long long)r->page);
    return rc;
}

/* What the schema file says of the rows as they are now. */
static int check_written(struct so_rest_op *op, const struct result *r, struct so_err *err)
{
    struct so_json rows;
    if (r->written.p == NULL)
        return SO_OK;
    int rc = so_json_parse(op->arena, r->written, NULL, &rows, err);
    for (uint32_t i = 0; rc == SO_OK && rows.type == SO_JSON_ARRAY && i < rows.len; i++)
        rc = so_validate_value(&op->plan, &rows.u.items[i], op->request.payload.is_array ? (int64_t)i : -1);
    return rc == SO_OK ? so_validate_verdict(&op->plan) : rc;
}

static int check(struct so_rest_op *op, const struct result *r, struct so_err *err)
{
    int rc = check_written(op, r, err);
    if (rc == SO_OK)
        rc = check_singular(op, r, err);
    if (rc == SO_OK)
        rc = check_affected(op, r, err);
    if (rc == SO_OK && op->request.verb == SO_VERB_PUT && r->page != 1)
        rc = so_fail_http(err, PGRST115);
    return rc;
}

/* ---- the answer ---- */

static int put_range(struct so_rest_op *op, const struct result *r, struct so_rest_out *out, struct so_err *err)
{
    int64_t offset = op->plan.top.offset;
    if (r->total >= 0 && offset > r->total) {
        int rc = so_fail_http(err, PGRST103);
        op->range_total = r->total;
        so_err_details(err, "An offset of %lld was requested, but there are only %lld rows.", (long long)offset,
                       (long long)r->total);
        return rc;
    }
    out->status = r->total >= 0 && r->page < r->total ? 206 : 200;
    return so_rest_put_content_range(op, out, offset, offset + r->page - 1, r->total, err);
}

static int answer_read(struct so_rest_op *op, const struct result *r, struct so_rest_out *out, struct so_buf *body,
                       struct so_err *err)
{
    bool is_void = op->plan.top.proc != NULL && op->plan.top.proc->returns_void;
    int rc = put_range(op, r, out, err);
    if (is_void) {
        out->status = 204;
        so_buf_reset(body);
    } else {
        so_rest_put_content_type(op, out);
    }
    if (rc == SO_OK)
        rc = so_rest_put_content_location(op, out, err);
    return rc;
}

/* [["id","eq.1"]] -> /books?id=eq.1 */
static int put_location(const struct so_rest_op *op, const struct result *r, struct so_rest_out *out, struct so_err *err)
{
    struct so_json pairs;
    struct so_buf b;
    if (r->location.p == NULL)
        return SO_OK;
    int rc = so_json_parse(op->arena, r->location, NULL, &pairs, err);
    if (rc != SO_OK || pairs.type != SO_JSON_ARRAY)
        return rc;
    so_buf_init(&b, 64 * 1024);
    so_buf_putc(&b, '/');
    so_buf_put_url(&b, op->plan.top.entity->relation->name);
    for (uint32_t i = 0; i < pairs.len; i++) {
        const struct so_json *pair = pairs.u.items[i].u.items;
        so_buf_putc(&b, i == 0 ? '?' : '&');
        so_buf_put_url(&b, so_json_str(&pair[0]));
        so_buf_putc(&b, '=');
        so_buf_put_url(&b, so_json_str(&pair[1]));
    }
    struct so_str text = b.rc == SO_OK ? so_arena_dup(op->arena, so_buf_str(&b)) : (struct so_str){NULL, 0};
    so_buf_deinit(&b);
    if (text.p == NULL)
        return so_err_oom(err);
    so_rest_put_header(out, SO_STR("Location"), text);
    return SO_OK;
}

static int status_of(const struct so_rest_op *op, const struct result *r)
{
    bool full = op->request.prefer.ret == SO_RETURN_FULL, merges = op->plan.write.resolution == SO_RESOLUTION_MERGE;
    switch (op->request.verb) {
    case SO_VERB_INSERT: return merges && r->inserted <= 0 ? 200 : 201;
    case SO_VERB_PUT: return !full ? 204 : r->inserted > 0 ? 201 : 200;
    default: return full ? 200 : 204;
    }
}

static int answer_write(const struct so_rest_op *op, const struct result *r, struct so_rest_out *out, struct so_err *err)
{
    int64_t total = op->request.prefer.count != SO_COUNT_NONE ? r->page : -1;
    int64_t upper = op->request.verb == SO_VERB_UPDATE ? r->page - 1 : -1;
    out->status = status_of(op, r);
    if (op->request.prefer.ret == SO_RETURN_FULL)
        so_rest_put_content_type(op, out);
    int rc = put_location(op, r, out, err);
    if (rc == SO_OK && op->request.verb != SO_VERB_PUT)
        rc = so_rest_put_content_range(op, out, 0, upper, total, err);
    return rc;
}

/* What the database says of the answer wins: response.status and response.headers. */
static void replace_header(struct so_rest_out *out, struct so_str name, struct so_str value, size_t ours)
{
    for (size_t i = 0; i < ours; i++)
        if (so_str_eq_nocase(out->headers[i].name, name)) {
            out->headers[i].value = value;
            return;
        }
    so_rest_put_header(out, name, value);
}

static int put_headers(const struct so_rest_op *op, struct so_str text, struct so_rest_out *out, struct so_err *err)
{
    struct so_json list;
    size_t ours = out->header_count;
    if (text.p == NULL)
        return SO_OK;
    if (so_json_parse(op->arena, text, NULL, &list, NULL) != SO_OK || list.type != SO_JSON_ARRAY)
        return so_fail_http(err, PGRST111);
    for (uint32_t i = 0; i < list.len; i++) {
        const struct so_json *one = &list.u.items[i];
        const struct so_json_member *m = one->u.members;
        if (one->type != SO_JSON_OBJECT || one->len != 1 || m->value.type != SO_JSON_STRING ||
            !so_rest_is_header(so_json_key(m), so_json_str(&m->value)))
            return so_fail_http(err, PGRST111);
        replace_header(out, so_json_key(m), so_json_str(&m->value), ours);
    }
    return SO_OK;
}

static int put_status(struct so_str text, struct so_rest_out *out, struct so_err *err)
{
    int64_t status;
    if (text.p == NULL)
        return SO_OK;
    if (!so_str_to_i64(text, &status) || status < 100 || status > 599)
        return so_fail_http(err, PGRST112);
    out->status = (int)status;
    return SO_OK;
}

static int answer(struct so_rest_op *op, const struct result *r, struct so_rest_out *out, struct so_buf *body,
                  struct so_err *err)
{
    int rc = op->plan.top.is_target ? answer_write(op, r, out, err) : answer_read(op, r, out, body, err);
    if (rc == SO_OK)
        rc = so_rest_put_preferences(op, out, err);
    if (rc == SO_OK)
        rc = put_headers(op, r->headers, out, err);
    return rc == SO_OK ? put_status(r->status, out, err) : rc;
}

/* The plan's lines instead of the answer. */
static int answer_plan(struct so_rest_op *op, struct so_stmt *st, struct so_rest_out *out, struct so_buf *body,
                       struct so_err *err)
{
    struct so_text type;
    bool has_row = true;
    int rc = SO_OK;
    while (rc == SO_OK && (rc = so_stmt_step(st, &has_row, err)) == SO_OK && has_row) {
        so_buf_put_str(body, so_stmt_text(st, 0));
        so_buf_putc(body, '\n');
    }
    so_text_init(&type, op->arena, 128);
    so_explain_put_type(&op->request.explain, &type);
    if (rc == SO_OK && type.failed)
        rc = so_err_oom(err);
    out->status = 200;
    so_rest_put_header(out, SO_STR("Content-Type"), so_text_get(&type));
    return rc == SO_OK ? so_buf_check(body, "the plan", err) : rc;
}

int so_rest_answer(struct so_rest_op *op, struct so_stmt *const *answers, struct so_rest_out *out, struct so_buf *body,
                   struct so_err *err)
{
    struct result r = {.total = -1};
    *out = (struct so_rest_out){.status = 500};
    op->plan.err = err;
    if (op->request.explain.asked)
        return answer_plan(op, answers[op->pg->main], out, body, err);
    int rc = take_main(op, answers[op->pg->main], &r, body, err);
    if (rc == SO_OK && op->pg->explain != SIZE_MAX)
        rc = take_explain(op, answers[op->pg->explain], &r, err);
    if (rc == SO_OK)
        rc = check(op, &r, err);
    if (rc == SO_OK)
        rc = answer(op, &r, out, body, err);
    out->violations = op->plan.violations;
    return rc;
}

/* ---- on a connection that may block ---- */

static int run_query(struct so_conn *conn, const struct so_pg_query *query, struct so_stmt **out, struct so_err *err)
{
    int rc = so_conn_prepare(conn, query->sql, out, err);
    for (size_t i = 0; rc == SO_OK && i < query->value_count; i++)
        so_stmt_bind_text(*out, (int)i + 1, query->values[i]);
    return rc;
}

static int run_silently(struct so_conn *conn, const struct so_pg_query *query, struct so_err *err)
{
    struct so_stmt *st;
    bool has_row = true;
    int rc = run_query(conn, query, &st, err);
    if (rc != SO_OK)
        return rc;
    while (rc == SO_OK && has_row)
        rc = so_stmt_step(st, &has_row, err);
    so_stmt_done(st);
    return rc;
}

/* The caller has begun the transaction and ends it.  For tests, and for a body that was refused. */
int so_pg_run(struct so_rest_op *op, struct so_conn *conn, struct so_rest_out *out, struct so_buf *body, struct so_err *err)
{
    const struct so_rest_transaction *tx = &op->pg->transaction;
    struct so_stmt *answers[SO_PG_QUERIES_MAX] = {NULL};
    int rc = so_validate_verdict(&op->plan);
    for (size_t i = 0; rc == SO_OK && i < tx->query_count; i++) {
        bool is_read = i == op->pg->main || i == op->pg->explain;
        rc = is_read ? run_query(conn, &tx->queries[i], &answers[i], err) : run_silently(conn, &tx->queries[i], err);
    }
    if (rc == SO_OK && tx->query_count > 0)
        rc = so_rest_answer(op, answers, out, body, err);
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        so_stmt_done(answers[i]);
    out->violations = op->plan.violations;
    return rc;
}
