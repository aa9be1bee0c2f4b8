/* route_rest.c: the data API's door.
 *
 *   identify -> prepare -> read:  run here within LOOP_BUDGET_NS --too long--> once more on a worker with the full time
 * limit write: run on the writer's thread, answered after its commit; PostgreSQL: the statements go to this loop's pool
 *
 * While a call is away, the exchange, its arena and its body belong to that thread alone; the loop touches them again in
 * reply(). */
#include "app/internal.h"

#include <string.h>

#include "core/clock.h"
#include "core/log.h"

/* A read that takes longer than this would be felt by the other connections of the loop. */
#define LOOP_BUDGET_NS     3000000LL
#define LOST_TOLD_EVERY_NS 10000000000LL

struct call {
    struct so_http_exchange *x;
    struct so_app_loop *on;
    struct so_snapshot *snapshot; /* a reference */
    struct so_identity who;
    struct so_rest_op *op;
    struct so_rest_out out;
    struct so_err err;
    int rc;
    union {
        struct so_db_job job;
        struct so_work work;
        struct so_pg_request pg;
    } away;
    bool is_answered; /* by a check before the commit */
    struct so_task back;
};

/* The client is not told which host it was; the log is, once in a while. */
static void log_lost_database(struct so_app_loop *on, const struct so_err *err)
{
    int64_t now = so_clock_mono_ns();
    if (strncmp(err->id, "08", 2) != 0 || (on->lost_told_ns != 0 && now - on->lost_told_ns < LOST_TOLD_EVERY_NS))
        return;
    on->lost_told_ns = now;
    so_log(SO_LOG_ERROR, "%s: %s", err->message, err->details);
}

static void reply(struct call *c)
{
    struct so_http_exchange *x = c->x;
    if (c->rc != SO_OK) {
        log_lost_database(c->on, &c->err);
        so_buf_reset(so_http_reply_body(x));
        c->out = (struct so_rest_out){.violations = c->out.violations};
        so_rest_error(c->op, &c->who, &c->err, &c->out, so_http_reply_body(x));
    }
    for (size_t i = 0; i < c->out.header_count; i++)
        so_http_reply_header(x, c->out.headers[i].name, c->out.headers[i].value);
    struct so_snapshot *snapshot = c->snapshot;
    so_http_reply_send(x, c->out.status); /* frees the arena and `c` with it */
    so_snapshot_unref(snapshot);
}

static void fail(struct call *c, int rc)
{
    c->rc = rc;
    reply(c);
}

static void run(struct call *c, struct so_conn *conn)
{
    c->err = SO_ERR_INIT;
    c->rc = so_rest_run(c->op, conn, &c->out, so_http_reply_body(c->x), &c->err);
}

/* ---- on the writer ---- */

static int run_job(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    struct call *c = SO_CONTAINER_OF(job, struct call, away.job);
    /* The writer may run a job twice, when the batch it was in had to be undone: start from nothing. */
    so_buf_reset(so_http_reply_body(c->x));
    c->out = (struct so_rest_out){0};
    return so_rest_run(c->op, conn, &c->out, so_http_reply_body(c->x), err);
}

static void back_on_loop(struct so_task *task) { reply(SO_CONTAINER_OF(task, struct call, back)); }

static void job_done(struct so_db_job *job)
{
    struct call *c = SO_CONTAINER_OF(job, struct call, away.job);
    c->rc = job->rc;
    c->err = job->err;
    c->back.run = back_on_loop;
    so_loop_post(c->on->loop, &c->back);
}

static void write_it(struct call *c)
{
    c->away.job = (struct so_db_job){.run = run_job, .done = job_done, .repeatable = true};
    int rc = so_db_submit(c->on->app->db, &c->away.job, &c->err);
    if (rc != SO_OK)
        fail(c, rc);
}

/* ---- on PostgreSQL ---- */

static void answer(struct call *c, struct so_pg_request *r)
{
    c->err = SO_ERR_INIT;
    so_buf_reset(so_http_reply_body(c->x));
    c->rc = so_rest_answer(c->op, r->answers, &c->out, so_http_reply_body(c->x), &c->err);
    c->is_answered = true;
}

/* Before the commit.  What is undone although it went well is no error: pg_done() looks at c->rc. */
static enum so_pg_verdict pg_check(struct so_pg_request *r, struct so_err *err)
{
    struct call *c = SO_CONTAINER_OF(r, struct call, away.pg);
    answer(c, r);
    if (c->rc == SO_OK && !so_rest_transaction(c->op)->rolls_back)
        return SO_PG_COMMIT;
    *err = c->err;
    return SO_PG_ROLLBACK;
}

static void pg_done(struct so_pg_request *r)
{
    struct call *c = SO_CONTAINER_OF(r, struct call, away.pg);
    bool undone = c->is_answered && (c->rc != SO_OK || so_rest_transaction(c->op)->rolls_back);
    if (r->rc == SO_OK && !c->is_answered) {
        answer(c, r);
    } else if (r->rc != SO_OK && !undone) {
        c->rc = r->rc;
        c->err = r->err;
    }
    reply(c);
}

static void ask_postgres(struct call *c)
{
    const struct so_rest_transaction *tx = so_rest_transaction(c->op);
    c->away.pg = (struct so_pg_request){
        .queries = tx->queries,
        .query_count = tx->query_count,
        .deadline = so_clock_mono_ns() + c->on->app->config->statement_ms * 1000000,
        .reads = tx->reads,
        .check = tx->is_checked ? pg_check : NULL,
        .done = pg_done,
    };
    int rc = so_app_pg_submit(c->on->pg, &c->away.pg, &c->err);
    if (rc != SO_OK)
        fail(c, rc);
}

/* ---- on a worker ---- */

static void work_read(struct so_work *w)
{
    struct call *c = SO_CONTAINER_OF(w, struct call, away.work);
    struct so_app *app = c->on->app;
    struct so_conn *conn;
    c->err = SO_ERR_INIT;
    c->rc = so_db_reader_take(app->db, &conn, &c->err);
    if (c->rc != SO_OK)
        return;
    so_conn_set_deadline(conn, so_clock_mono_ns() + app->config->statement_ms * 1000000);
    run(c, conn);
    so_db_reader_give(app->db, conn);
}

static void work_read_done(struct so_work *w) { reply(SO_CONTAINER_OF(w, struct call, away.work)); }

static void read_slowly(struct call *c)
{
    so_buf_reset(so_http_reply_body(c->x));
    c->out = (struct so_rest_out){0};
    c->err = SO_ERR_INIT;
    c->away.work = (struct so_work){.work = work_read, .done = work_read_done};
    int rc = so_loop_work(c->on->loop, &c->away.work, &c->err);
    if (rc != SO_OK)
        fail(c, rc);
}

static void read_it(struct call *c)
{
    if (c->on->reader != NULL)
        so_conn_set_deadline(c->on->reader, so_clock_mono_ns() + LOOP_BUDGET_NS);
    run(c, c->on->reader);
    if (c->rc == SO_ETIMEOUT)
        read_slowly(c);
    else
        reply(c);
}

/* ---- the door ---- */

static const struct so_rest_header *copy_headers(const struct so_http_exchange *x)
{
    struct so_rest_header *headers = so_alloc_array(x->arena, x->req.header_count, sizeof(*headers));
    for (size_t i = 0; headers != NULL && i < x->req.header_count; i++)
        headers[i] = (struct so_rest_header){x->req.headers[i].name, x->req.headers[i].value};
    return headers;
}

void so_app_rest(struct so_app_loop *on, struct so_http_exchange *x, struct so_str path)
{
    struct call *c = so_alloc_zero(x->arena, sizeof(*c));
    const struct so_rest_header *headers = copy_headers(x);
    if (c == NULL || (headers == NULL && x->req.header_count > 0)) {
        so_app_reply_error(x, 503, "53200", "out of memory", NULL);
        return;
    }
    *c = (struct call){.x = x, .on = on, .snapshot = so_snapshot_ref(on->snapshot), .err = SO_ERR_INIT};
    struct so_identity who;
    int rc = so_auth_identify(on->app->auth, on->tokens, so_http_header(&x->req, SO_STR("apikey")),
                              so_http_header(&x->req, SO_STR("Authorization")), x->arena, &who, &c->err);
    /* The call may outlive what the token cache holds. */
    if (rc == SO_OK && who.role_name.p != NULL && so_str_eq(who.role_name, on->app->rest.pg.anon_role))
        who.role = SO_ROLE_ANON;
    if (rc == SO_OK)
        rc = so_identity_copy(&who, x->arena, &c->who, &c->err);
    if (rc != SO_OK) {
        fail(c, rc);
        return;
    }
    const struct so_rest_in in = {
        .method = x->req.method_text,
        .path = path,
        .query = x->req.query,
        .headers = headers,
        .header_count = x->req.header_count,
        .body = x->req.body,
        .who = &c->who,
    };
    rc = so_rest_prepare(&in, c->snapshot, &on->app->rest, x->arena, &c->op, &c->err);
    if (rc != SO_OK)
        fail(c, rc);
    else if (so_rest_transaction(c->op) != NULL)
        ask_postgres(c);
    else if (so_rest_writes(c->op))
        write_it(c);
    else
        read_it(c);
}
