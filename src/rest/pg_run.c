/* pg_run.c: the transaction of a request on PostgreSQL, and its row as the answer (PostgREST, MainTx.hs, Response.hs).
 *
 *   SET TRANSACTION ...; the session's settings; the pre-request function; the statement; EXPLAIN; the checks
 *
 * The caller has begun the transaction, and ends it: a failure undoes it. */
#include <stdlib.h>

#include "rest/errors.h"
#include "rest/pg.h"
#include "rest/validate.h"

/* ---- statements ---- */

static void bind(struct so_stmt *st, int at, const struct so_param *p)
{
    if (p->kind == SO_PARAM_BLOB)
        so_stmt_bind_blob(st, at, p->text);
    else if (p->kind == SO_PARAM_TEXT)
        so_stmt_bind_text(st, at, p->text);
    else
        so_stmt_bind_null(st, at);
}

static int open_statement(struct so_conn *conn, const struct so_sql *sql, struct so_stmt **out, struct so_err *err)
{
    int rc = so_conn_prepare(conn, sql->text, out, err);
    for (size_t i = 0; rc == SO_OK && i < sql->param_count; i++)
        bind(*out, (int)i + 1, &sql->params[i]);
    return rc;
}

/* A statement whose row nobody needs. */
static int run_silently(struct so_conn *conn, const struct so_sql *sql, struct so_err *err)
{
    struct so_stmt *st;
    bool has_row = true;
    if (sql->text.p == NULL)
        return SO_OK;
    int rc = open_statement(conn, sql, &st, err);
    if (rc != SO_OK)
        return rc;
    while (rc == SO_OK && has_row)
        rc = so_stmt_step(st, &has_row, err);
    so_stmt_done(st);
    return rc;
}

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

static int run_main(struct so_rest_op *op, struct so_conn *conn, struct result *out, struct so_buf *body,
                    struct so_err *err)
{
    struct so_stmt *st;
    bool has_row = false;
    int rc = open_statement(conn, &op->pg->main, &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &has_row, err);
    if (rc == SO_OK && has_row)
        rc = take_row(op, st, out, body, err);
    so_stmt_done(st);
    return rc;
}

/* [{"Plan": {"Plan Rows": 42}}] */
static int run_explain(struct so_rest_op *op, struct so_conn *conn, struct result *r, struct so_err *err)
{
    struct so_stmt *st;
    struct so_json plan;
    bool has_row = false;
    int64_t expected = -1, max_rows = op->settings->max_rows;
    if (op->pg->explain.text.p == NULL)
        return SO_OK;
    int rc = open_statement(conn, &op->pg->explain, &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &has_row, err);
    struct so_str text = rc == SO_OK && has_row ? so_arena_dup(op->arena, so_stmt_text(st, 0)) : SO_STR("[]");
    so_stmt_done(st);
    if (rc == SO_OK)
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
    bool changes =
        op->request.verb == SO_VERB_UPDATE || op->request.verb == SO_VERB_DELETE || op->plan.top.proc != NULL;
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

static int put_range(const struct so_rest_op *op, const struct result *r, struct so_rest_out *out, struct so_err *err)
{
    int64_t offset = op->plan.top.offset;
    if (r->total >= 0 && offset > r->total) {
        int rc = so_fail_http(err, PGRST103);
        so_err_details(err, "An offset of %lld was requested, but there are only %lld rows.", (long long)offset,
                       (long long)r->total);
        return rc;
    }
    out->status = r->total >= 0 && r->page < r->total ? 206 : 200;
    return so_rest_put_content_range(op, out, offset, offset + r->page - 1, r->total, err);
}

static int answer_read(const struct so_rest_op *op, const struct result *r, struct so_rest_out *out, struct so_buf *body,
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

/* A header's name is a token, its value is without line ends (RFC 9110 section 5.5): the database is no way round that. */
static bool is_header(struct so_str name, struct so_str value)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] == ':' || (unsigned char)name.p[i] >= 127)
            return false;
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0')
            return false;
    return name.n > 0;
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
            !is_header(so_json_key(m), so_json_str(&m->value)))
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

/* ---- the transaction ---- */

static int run_transaction(struct so_rest_op *op, struct so_conn *conn, struct result *r, struct so_buf *body,
                           struct so_err *err)
{
    const struct so_pg *pg = op->pg;
    int rc = so_conn_exec(conn, pg->begin.p, err);
    if (rc == SO_OK && pg->rolls_back)
        rc = so_conn_exec(conn, "SAVEPOINT so_rest", err);
    if (rc == SO_OK)
        rc = run_silently(conn, &pg->session, err);
    if (rc == SO_OK)
        rc = run_silently(conn, &pg->pre_request, err);
    if (rc == SO_OK)
        rc = run_main(op, conn, r, body, err);
    if (rc == SO_OK)
        rc = run_explain(op, conn, r, err);
    if (rc == SO_OK)
        rc = check(op, r, err);
    if (rc == SO_OK && pg->rolls_back) /* deferred constraints speak before that */
        rc = so_conn_exec(conn, "SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK TO so_rest; RELEASE so_rest", err);
    return rc;
}

int so_pg_run(struct so_rest_op *op, struct so_conn *conn, struct so_rest_out *out, struct so_buf *body, struct so_err *err)
{
    struct result r = {.total = -1};
    int rc = so_validate_verdict(&op->plan);
    if (rc == SO_OK)
        rc = run_transaction(op, conn, &r, body, err);
    if (rc == SO_OK)
        rc = answer(op, &r, out, body, err);
    out->violations = op->plan.violations;
    return rc;
}
