/* run.c: a statement -> rows -> the answer.
 *
 * Reads write each row into the body as it comes.  Writes do, too, and look at each new row on the way: the policies'
 * verdict and the whole row come back beside the columns that the client wants.  Every failure after the statement has run
 * undoes it: the caller's savepoint sees to that. */
#include "rest/dialect.h"
#include "rest/errors.h"
#include "rest/op.h"
#include "rest/validate.h"
#include "json/write.h"

/* ---- statements ---- */

static void bind(struct so_stmt *st, int at, const struct so_param *p)
{
    switch (p->kind) {
    case SO_PARAM_NULL: so_stmt_bind_null(st, at); break;
    case SO_PARAM_INT: so_stmt_bind_i64(st, at, p->i); break;
    case SO_PARAM_DOUBLE: so_stmt_bind_double(st, at, p->d); break;
    case SO_PARAM_TEXT: so_stmt_bind_text(st, at, p->text); break;
    case SO_PARAM_BLOB: so_stmt_bind_blob(st, at, p->text); break;
    case SO_PARAM_SHAPE: so_stmt_bind_pointer(st, at, p->pointer, SO_SHAPE_KIND); break;
    case SO_PARAM_INPUT: so_stmt_bind_pointer(st, at, p->pointer, SO_INPUT_KIND); break;
    }
}

int so_rest_open_statement(const struct so_identity *who, struct so_conn *conn, const struct so_sql *sql,
                           struct so_stmt **out, struct so_err *err)
{
    int rc = so_conn_prepare(conn, sql->text, out, err);
    if (rc != SO_OK)
        return rc;
    if (sql->base > 0)
        so_identity_bind(who, *out);
    for (size_t i = 0; i < sql->param_count; i++)
        bind(*out, sql->base + (int)i + 1, &sql->params[i]);
    return SO_OK;
}

static int open_statement(const struct so_rest_op *op, struct so_conn *conn, const struct so_sql *sql, struct so_stmt **out,
                          struct so_err *err)
{
    return so_rest_open_statement(op->who, conn, sql, out, err);
}

/* The one number that the statement gives. */
static int query_number(const struct so_rest_op *op, struct so_conn *conn, const struct so_sql *sql, int64_t *out,
                        struct so_err *err)
{
    struct so_stmt *st;
    bool has_row;
    int rc = open_statement(op, conn, sql, &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &has_row, err);
    if (rc == SO_OK)
        *out = has_row ? so_stmt_i64(st, 0) : 0;
    so_stmt_done(st);
    return rc;
}

/* ---- rows into the body ---- */

/* What a function of one column gives stands without its name. */
static bool is_value(const struct so_rest_op *op)
{
    const struct so_routine *r = op->plan.top.routine;
    return r != NULL && (r->function->returns == SO_RETURNS_VALUE || r->function->returns == SO_RETURNS_VALUES);
}

/* One value or object instead of an array. */
static bool is_single(const struct so_rest_op *op)
{
    const struct so_routine *r = op->plan.top.routine;
    return so_media_is_object(op->request.media) || (r != NULL && r->function->returns == SO_RETURNS_ROW) ||
           (r != NULL && r->function->returns == SO_RETURNS_VALUE);
}

static void put_one(const struct so_rest_op *op, struct so_stmt *st, struct so_buf *body)
{
    if (is_value(op))
        so_shape_put_value(&op->plan.top.shape.fields[0], st, 0, body);
    else
        so_shape_put_row(&op->plan.top.shape, st, 0, body);
}

static bool is_raw(const struct so_rest_op *op) { return op->request.media == SO_MEDIA_RAW; }

static int put_row(const struct so_rest_op *op, struct so_stmt *st, int64_t index, struct so_buf *body, struct so_err *err)
{
    if (op->request.media == SO_MEDIA_CSV)
        return so_rest_put_csv(op, st, false, body, err);
    if (is_single(op)) {
        if (index == 0 && is_raw(op))
            so_buf_put_str(body, so_stmt_text(st, 0));
        else if (index == 0) /* a second row is an error; it is only counted */
            put_one(op, st, body);
        return SO_OK;
    }
    if (index > 0)
        so_buf_putc(body, ',');
    put_one(op, st, body);
    return SO_OK;
}

static int begin_rows(const struct so_rest_op *op, struct so_buf *body, struct so_err *err)
{
    if (op->request.media == SO_MEDIA_CSV)
        return so_rest_put_csv(op, NULL, true, body, err);
    if (!is_single(op))
        so_buf_putc(body, '[');
    return SO_OK;
}

static void end_rows(const struct so_rest_op *op, struct so_buf *body)
{
    if (op->request.media != SO_MEDIA_CSV && !is_single(op))
        so_buf_putc(body, ']');
}

static int check_singular(const struct so_rest_op *op, int64_t rows, struct so_err *err)
{
    if (!so_media_is_object(op->request.media) || rows == 1)
        return SO_OK;
    int rc = so_fail_http(err, PGRST116);
    so_err_details(err, "The result contains %lld rows", (long long)rows);
    return rc;
}

/* Prefer: max-affected, of updates, deletes and functions. */
static int check_affected(const struct so_rest_op *op, int64_t rows, struct so_err *err)
{
    const struct so_prefer *p = &op->request.prefer;
    bool changes = op->request.verb == SO_VERB_UPDATE || op->request.verb == SO_VERB_DELETE || op->plan.top.routine != NULL;
    if (!changes || p->max_affected < 0 || p->handling != SO_HANDLING_STRICT || rows <= p->max_affected)
        return SO_OK;
    int rc = so_fail_http(err, PGRST124);
    so_err_details(err, "The query affects %lld rows", (long long)rows);
    return rc;
}

/* ---- reads ---- */

static int read_rows(const struct so_rest_op *op, struct so_conn *conn, int64_t *out_rows, struct so_buf *body,
                     struct so_err *err)
{
    struct so_stmt *st;
    int64_t rows = 0;
    bool has_row = true;
    int rc = open_statement(op, conn, &op->sql, &st, err);
    if (rc != SO_OK)
        return rc;
    if (!op->request.head)
        rc = begin_rows(op, body, err);
    while (rc == SO_OK && (rc = so_stmt_step(st, &has_row, err)) == SO_OK && has_row) {
        if (!op->request.head)
            rc = put_row(op, st, rows, body, err);
        rows++;
        if (body->rc != SO_OK)
            break;
    }
    so_stmt_done(st);
    if (!op->request.head)
        end_rows(op, body);
    if (!op->request.head && rows == 0 && is_single(op) && !so_media_is_object(op->request.media) && !is_raw(op))
        so_buf_lit(body, "null"); /* a function that gave nothing */
    *out_rows = rows;
    return rc == SO_OK ? so_buf_check(body, "the answer", err) : rc;
}

/* A page that is not full tells the total by itself. */
static int find_total(const struct so_rest_op *op, struct so_conn *conn, int64_t rows, int64_t *out, struct so_err *err)
{
    const struct so_node *top = &op->plan.top;
    bool is_last_page = (top->limit < 0 || rows < top->limit) && (rows > 0 || top->offset == 0);
    if (!is_last_page)
        return query_number(op, conn, &op->count, out, err);
    *out = top->offset + rows;
    return SO_OK;
}

static int run_read(struct so_rest_op *op, struct so_conn *conn, struct so_rest_out *out, struct so_buf *body,
                    struct so_err *err)
{
    int64_t rows = 0, total = -1, offset = op->plan.top.offset;
    int rc = read_rows(op, conn, &rows, body, err);
    if (rc == SO_OK)
        rc = check_singular(op, rows, err);
    if (rc == SO_OK)
        rc = check_affected(op, rows, err);
    if (rc == SO_OK && op->count.text.p != NULL)
        rc = find_total(op, conn, rows, &total, err);
    if (rc != SO_OK)
        return rc;
    if (total >= 0 && offset > total) {
        rc = so_fail_http(err, PGRST103);
        op->range_total = total;
        so_err_details(err, "An offset of %lld was requested, but there are only %lld rows.", (long long)offset,
                       (long long)total);
        return rc;
    }
    out->status = total >= 0 && rows < total ? 206 : 200;
    so_rest_put_content_type(op, out);
    rc = so_rest_put_content_range(op, out, offset, offset + rows - 1, total, err);
    if (rc == SO_OK)
        rc = so_rest_put_content_location(op, out, err);
    return rc == SO_OK ? so_rest_put_preferences(op, out, err) : rc;
}

/* ---- how a transaction ends ---- */

/* Whether what the operation writes is undone although it went well (the reference's db-tx-end). */
static bool rolls_back(const struct so_rest_op *op)
{
    enum so_tx asked = op->settings->tx_override ? op->request.prefer.tx : SO_TX_UNSET;
    bool undone = asked == SO_TX_UNSET ? op->settings->tx_rolls_back : asked == SO_TX_ROLLBACK;
    return undone && so_rest_writes(op);
}

static int begin_undoable(const struct so_rest_op *op, struct so_conn *conn, struct so_err *err)
{
    return rolls_back(op) ? so_conn_exec(conn, "SAVEPOINT so_rest", err) : SO_OK;
}

static int end_undoable(const struct so_rest_op *op, struct so_conn *conn, struct so_err *err)
{
    return rolls_back(op) ? so_conn_exec(conn, "ROLLBACK TO so_rest; RELEASE so_rest", err) : SO_OK;
}

/* ---- functions ---- */

/* The rows that the statement returned, as JSON: the plan's `given`, which the read after it takes for a table. */
static int take_given(struct so_rest_op *op, struct so_stmt *st, struct so_buf *text, struct so_err *err)
{
    const struct so_entity *e = op->plan.top.entity;
    size_t count = e->relation->column_count;
    int *at = so_alloc_array(op->arena, count + 1, sizeof(*at));
    bool has_row = true, named = op->plan.top.routine->function->returns >= SO_RETURNS_ROW;
    int rc = at == NULL ? so_err_oom(err) : SO_OK;
    for (size_t i = 0; rc == SO_OK && named && i < count; i++)
        while (at[i] < so_stmt_column_count(st) &&
               !so_str_eq_nocase(so_stmt_column_name(st, at[i]), e->relation->columns[i].name))
            at[i]++;
    so_buf_putc(text, '[');
    while (rc == SO_OK && (rc = so_stmt_step(st, &has_row, err)) == SO_OK && has_row) {
        so_buf_puts(text, text->len > 1 ? ",{" : "{");
        for (size_t i = 0; i < count; i++) {
            so_buf_puts(text, i > 0 ? "," : "");
            so_buf_put_str(text, e->columns[i].field.key);
            so_shape_put_value(&e->columns[i].field, st, at[i], text);
        }
        so_buf_putc(text, '}');
    }
    so_buf_putc(text, ']');
    return rc == SO_OK ? so_buf_check(text, "what the function returned", err) : rc;
}

static int parse_given(struct so_rest_op *op, struct so_str text, struct so_err *err)
{
    struct so_json rows;
    struct so_str kept = so_arena_dup(op->arena, text);
    int rc = kept.p == NULL ? so_err_oom(err) : so_json_parse(op->arena, kept, NULL, &rows, err);
    if (rc != SO_OK)
        return rc;
    op->plan.given.rows = rows.u.items;
    op->plan.given.row_count = rows.len;
    return SO_OK;
}

static int run_call(struct so_rest_op *op, struct so_conn *conn, struct so_err *err)
{
    struct so_stmt *st;
    struct so_buf text;
    bool has_row = true, is_void = op->plan.top.routine->function->returns == SO_RETURNS_VOID;
    int rc = open_statement(op, conn, &op->call, &st, err);
    if (rc != SO_OK)
        return rc;
    so_buf_init(&text, op->settings->body_max);
    while (is_void && rc == SO_OK && has_row)
        rc = so_stmt_step(st, &has_row, err);
    if (!is_void)
        rc = take_given(op, st, &text, err);
    so_stmt_done(st);
    if (rc == SO_OK && !is_void)
        rc = parse_given(op, so_buf_str(&text), err);
    so_buf_deinit(&text);
    return rc;
}

static int run_function(struct so_rest_op *op, struct so_conn *conn, struct so_rest_out *out, struct so_buf *body,
                        struct so_err *err)
{
    int rc = so_validate_verdict(&op->plan);
    if (rc == SO_OK)
        rc = begin_undoable(op, conn, err);
    if (rc == SO_OK && op->call.text.p != NULL)
        rc = run_call(op, conn, err);
    if (rc == SO_OK && op->sql.text.p != NULL)
        rc = run_read(op, conn, out, body, err);
    if (rc == SO_OK)
        rc = end_undoable(op, conn, err);
    if (rc != SO_OK || op->sql.text.p != NULL)
        return rc;
    out->status = 204;
    return so_rest_put_preferences(op, out, err);
}

/* ---- writes ---- */

struct written {
    int64_t rows;
    int64_t existing; /* of an upsert: rows that were there before */
    struct so_str location;
};

/* "/books?isbn=eq.123" */
static int note_location(const struct so_rest_op *op, struct so_stmt *st, struct written *w, struct so_err *err)
{
    const struct so_relation *r = op->plan.top.entity->relation;
    struct so_buf b;
    so_buf_init(&b, 8192);
    so_buf_putc(&b, '/');
    so_buf_put_url(&b, r->name);
    for (size_t i = 0; i < r->primary->column_count; i++) {
        so_buf_putc(&b, i == 0 ? '?' : '&');
        so_buf_put_url(&b, r->columns[r->primary->columns[i]].name);
        so_buf_lit(&b, "=eq.");
        so_buf_put_url(&b, so_stmt_text(st, op->layout.key + (int)i));
    }
    int rc = so_buf_check(&b, "the location", err);
    if (rc == SO_OK) {
        w->location = so_arena_dup(op->arena, so_buf_str(&b));
        rc = w->location.p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&b);
    return rc;
}

static int validate_row(struct so_rest_op *op, struct so_stmt *st, int64_t index, struct so_err *err)
{
    struct so_buf b;
    so_buf_init(&b, op->settings->body_max);
    so_shape_put_row(&op->plan.top.entity->row, st, op->layout.row, &b);
    int rc = so_buf_check(&b, "a row", err);
    struct so_str text = rc == SO_OK ? so_arena_dup(op->arena, so_buf_str(&b)) : (struct so_str){NULL, 0};
    so_buf_deinit(&b);
    if (rc == SO_OK && text.p == NULL)
        rc = so_err_oom(err);
    if (rc == SO_OK)
        rc = so_validate_stored(&op->plan, text, op->request.payload.is_array ? index : -1);
    return rc == SO_OK ? so_validate_verdict(&op->plan) : rc;
}

static int take_written_row(struct so_rest_op *op, struct so_stmt *st, struct written *w, struct so_buf *body,
                            struct so_err *err)
{
    const struct so_sql_layout *l = &op->layout;
    int rc = SO_OK;
    if (l->check >= 0 && so_stmt_i64(st, l->check) != 1)
        return so_fail_http(err, SQL_POLICY, SO_STR_ARG(op->plan.top.entity->relation->name));
    if (l->row >= 0)
        rc = validate_row(op, st, w->rows, err);
    if (rc == SO_OK && l->key >= 0 && w->rows == 0)
        rc = note_location(op, st, w, err);
    if (rc == SO_OK && l->has_outs)
        rc = put_row(op, st, w->rows, body, err);
    w->rows++;
    return rc == SO_OK ? so_buf_check(body, "the answer", err) : rc;
}

/* What the schema file says of a body that the database refused is more than the database said. */
static int explain_refusal(struct so_rest_op *op, int rc, struct so_err *err)
{
    bool by_value = strncmp(err->id, "22", 2) == 0 || strcmp(err->id, "23502") == 0 || strcmp(err->id, "23514") == 0;
    if (!by_value || op->request.verb != SO_VERB_UPDATE)
        return rc;
    struct so_err better = SO_ERR_INIT;
    op->plan.err = &better;
    int verdict = so_validate_changes(&op->plan);
    if (verdict == SO_OK)
        verdict = so_validate_verdict(&op->plan);
    op->plan.err = err;
    if (verdict == SO_OK || better.status != 422)
        return rc;
    *err = better;
    return verdict;
}

static int write_rows(struct so_rest_op *op, struct so_conn *conn, struct written *w, struct so_buf *body,
                      struct so_err *err)
{
    struct so_stmt *st;
    bool has_row = true;
    int rc = open_statement(op, conn, &op->sql, &st, err);
    if (rc != SO_OK)
        return rc;
    while (rc == SO_OK) {
        rc = so_stmt_step(st, &has_row, err);
        if (rc != SO_OK)
            rc = explain_refusal(op, rc, err);
        if (rc != SO_OK || !has_row)
            break;
        rc = take_written_row(op, st, w, body, err);
    }
    so_stmt_done(st);
    return rc;
}

/* An upsert returns every row of the body, unless a policy held a row back. */
static int check_refused_upsert(const struct so_rest_op *op, const struct written *w, struct so_err *err)
{
    const struct so_write *write = &op->plan.write;
    if (write->resolution != SO_RESOLUTION_MERGE || write->input.column_count == 0 ||
        w->rows == (int64_t)write->input.row_count)
        return SO_OK;
    return so_fail_http(err, SQL_POLICY_UPSERT, SO_STR_ARG(op->plan.top.entity->relation->name));
}

static int check_written(const struct so_rest_op *op, const struct written *w, struct so_err *err)
{
    int rc = check_refused_upsert(op, w, err);
    if (rc == SO_OK)
        rc = check_singular(op, w->rows, err);
    if (rc == SO_OK)
        rc = check_affected(op, w->rows, err);
    if (rc == SO_OK && op->request.verb == SO_VERB_PUT && w->rows != 1)
        rc = so_fail_http(err, PGRST115);
    return rc;
}

static int status_of(const struct so_rest_op *op, const struct written *w)
{
    bool full = op->request.prefer.ret == SO_RETURN_FULL;
    bool all_were_there = w->existing > 0 && w->existing >= w->rows;
    switch (op->request.verb) {
    case SO_VERB_INSERT: return all_were_there ? 200 : 201;
    case SO_VERB_PUT: return !full ? 204 : all_were_there ? 200 : 201;
    default: return full ? 200 : 204;
    }
}

static int put_written_headers(const struct so_rest_op *op, const struct written *w, struct so_rest_out *out,
                               struct so_err *err)
{
    int rc = SO_OK;
    int64_t total = op->request.prefer.count != SO_COUNT_NONE ? w->rows : -1;
    int64_t upper = op->request.verb == SO_VERB_UPDATE ? w->rows - 1 : -1;
    out->status = status_of(op, w);
    if (w->location.p != NULL && w->rows == 1)
        so_rest_put_header(out, SO_STR("Location"), w->location);
    if (op->request.prefer.ret == SO_RETURN_FULL)
        so_rest_put_content_type(op, out);
    if (op->request.verb != SO_VERB_PUT)
        rc = so_rest_put_content_range(op, out, 0, upper, total, err);
    return rc == SO_OK ? so_rest_put_preferences(op, out, err) : rc;
}

static int write_all(struct so_rest_op *op, struct so_conn *conn, struct written *w, struct so_buf *body, struct so_err *err)
{
    bool full = op->request.prefer.ret == SO_RETURN_FULL;
    int rc = full ? begin_rows(op, body, err) : SO_OK;
    if (rc == SO_OK && op->existing.text.p != NULL)
        rc = query_number(op, conn, &op->existing, &w->existing, err);
    if (rc == SO_OK && op->sql.text.p != NULL)
        rc = write_rows(op, conn, w, body, err);
    if (rc == SO_OK)
        rc = op->sql.text.p != NULL ? check_written(op, w, err) : check_singular(op, 0, err);
    if (full)
        end_rows(op, body);
    return rc == SO_OK ? so_buf_check(body, "the answer", err) : rc;
}

static int run_write(struct so_rest_op *op, struct so_conn *conn, struct so_rest_out *out, struct so_buf *body,
                     struct so_err *err)
{
    struct written w = {.location = {NULL, 0}};
    int rc = so_validate_verdict(&op->plan);
    if (rc == SO_OK)
        rc = begin_undoable(op, conn, err);
    if (rc == SO_OK)
        rc = write_all(op, conn, &w, body, err);
    if (rc == SO_OK)
        rc = end_undoable(op, conn, err);
    return rc == SO_OK ? put_written_headers(op, &w, out, err) : rc;
}

/* ---- the rest ---- */

static int run_info(const struct so_rest_op *op, struct so_rest_out *out)
{
    out->status = 200;
    so_rest_put_allow(op, out);
    return SO_OK;
}

static int run_root(const struct so_rest_op *op, struct so_rest_out *out, struct so_buf *body, struct so_err *err)
{
    if (op->settings->openapi == SO_OPENAPI_DISABLED)
        return so_fail_http(err, PGRST126);
    out->status = 200;
    so_rest_put_header(out, SO_STR("Content-Type"), so_media_type(SO_MEDIA_OPENAPI));
    if (!op->request.head)
        op->plan.dialect->root(op, body);
    return so_buf_check(body, "the answer", err);
}

static int run_explained(const struct so_rest_op *op, struct so_conn *conn, struct so_rest_out *out, struct so_buf *body,
                         struct so_err *err)
{
    struct so_stmt *st;
    int rc = open_statement(op, conn, op->call.text.p != NULL ? &op->call : &op->sql, &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_explain_run(op, st, out, body, err);
    so_stmt_done(st);
    return rc;
}

int so_rest_run(struct so_rest_op *op, struct so_conn *conn, struct so_rest_out *out, struct so_buf *body,
                struct so_err *err)
{
    *out = (struct so_rest_out){.status = 500};
    op->plan.err = err;
    if (op->request.verb == SO_VERB_INFO)
        return run_info(op, out);
    if (op->request.resource == SO_RESOURCE_ROOT)
        return run_root(op, out, body, err);
    if (op->request.explain.asked && op->plan.dialect->run == NULL)
        return run_explained(op, conn, out, body, err);
    int rc = op->plan.dialect->run != NULL      ? op->plan.dialect->run(op, conn, out, body, err)
             : op->plan.top.routine != NULL     ? run_function(op, conn, out, body, err)
             : op->request.verb == SO_VERB_READ ? run_read(op, conn, out, body, err)
                                                : run_write(op, conn, out, body, err);
    out->violations = op->plan.violations;
    return rc;
}
