/* pg_statement.c: statements on a connection that may block.
 *
 *   text -> struct prepared (translated, named, in the connection's cache) <- any number of struct stmt, one a use
 *
 * The first step sends the values and waits for the whole answer.  What is prepared belongs to a generation of its
 * connection: after a reconnection, or when the server says that a plan is out of date, it is prepared again. */
#include "db/pg_int.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/mem.h"

struct prepared {
    struct so_lru_item item;
    struct so_pg_sql sql;
    uint64_t id, generation; /* 0: not prepared; the connection's generations begin at 1 */
    size_t uses;
    char key[];
};

struct stmt {
    struct so_pg_rows rows;
    struct so_pg_conn *conn;
    struct prepared *prepared;
    struct so_pg_params params;
    bool started;
};

enum { NAME_SIZE = 24 };
static const struct so_stmt_ops OPS;

static struct stmt *stmt_of(struct so_stmt *base) { return SO_CONTAINER_OF(base, struct stmt, rows.base); }

static void name_of(const struct prepared *p, char out[NAME_SIZE]) { snprintf(out, NAME_SIZE, "so%" PRIu64, p->id); }

/* ---- the cache ---- */

static void free_prepared(struct prepared *p)
{
    so_buf_deinit(&p->sql.text);
    so_free(p);
}

static struct prepared *of_item(struct so_lru_item *item) { return SO_CONTAINER_OF(item, struct prepared, item); }

void so_pg_prepared_deinit(struct so_pg_conn *conn)
{
    while (conn->prepared.count > 0) {
        struct so_lru_item *item = conn->prepared.oldest;
        so_lru_remove(&conn->prepared, item);
        free_prepared(of_item(item));
    }
}

static void deallocate(struct so_pg_conn *conn, const struct prepared *p)
{
    char name[NAME_SIZE], sql[48];
    name_of(p, name);
    snprintf(sql, sizeof(sql), "DEALLOCATE %s", name);
    (void)!so_pg_conn_exec(&conn->base, sql, NULL); /* if it fails, the connection is lost, and the statement with it */
}

/* Makes room for one more.  Not in a failed transaction, where nothing can be deallocated: the cache then grows for a while.
 */
static void drop_oldest(struct so_pg_conn *conn)
{
    struct so_lru_item *item = conn->prepared.oldest;
    if (so_pq.transactionStatus(conn->pg) == PQTRANS_INERROR)
        return;
    while (item != NULL && of_item(item)->uses > 0)
        item = item->newer;
    if (item == NULL)
        return;
    so_lru_remove(&conn->prepared, item);
    if (of_item(item)->generation == conn->generation)
        deallocate(conn, of_item(item));
    free_prepared(of_item(item));
}

/* ---- preparing ---- */

static int new_prepared(struct so_str sql, uint64_t hash, struct prepared **out, struct so_err *err)
{
    struct prepared *p = so_malloc(sizeof(*p) + sql.n);
    if (p == NULL)
        return so_err_oom(err);
    *p = (struct prepared){.item = {.hash = hash, .key = {p->key, sql.n}}};
    memcpy(p->key, sql.p, sql.n);
    int rc = so_pg_sql_translate(p->item.key, &p->sql, err);
    if (rc == SO_OK)
        rc = so_pg_sql_check(&p->sql, err);
    if (rc != SO_OK) {
        free_prepared(p);
        return rc;
    }
    *out = p;
    return SO_OK;
}

static int prepare_on_server(struct so_pg_conn *conn, struct prepared *p, struct so_err *err)
{
    char name[NAME_SIZE];
    PGresult *result = NULL;
    p->id = ++conn->last_id;
    name_of(p, name);
    int rc = so_pq.sendPrepare(conn->pg, name, p->sql.text.p, 0, NULL) != 1 ? so_pg_fail_lost(conn->pg, err)
                                                                            : so_pg_conn_finish(conn, &result, err);
    so_pq.clear(result);
    p->generation = rc == SO_OK ? conn->generation : 0;
    return rc;
}

/* What a change of the schema outdated.  A failed transaction has to end first. */
static void forget(struct so_pg_conn *conn)
{
    if (so_pq.transactionStatus(conn->pg) == PQTRANS_INERROR)
        return;
    conn->forgets = false;
    conn->generation++;
    (void)!so_pg_conn_exec(&conn->base, "DEALLOCATE ALL", NULL); /* if it fails, the connection is lost */
}

static int make_ready(struct so_pg_conn *conn, struct prepared *p, struct so_err *err)
{
    int rc = so_pg_conn_ready(conn, err);
    if (rc == SO_OK && conn->forgets)
        forget(conn);
    if (rc != SO_OK || conn->setup->options.unprepared || p->generation == conn->generation)
        return rc;
    rc = prepare_on_server(conn, p, err);
    /* The server had gone away, and nobody had asked since. */
    if (rc != SO_OK && so_pq.status(conn->pg) != CONNECTION_OK && !conn->was_in_transaction) {
        if (err != NULL)
            *err = SO_ERR_INIT;
        rc = so_pg_conn_ready(conn, err);
        if (rc == SO_OK)
            rc = prepare_on_server(conn, p, err);
    }
    return rc;
}

static int find_prepared(struct so_pg_conn *conn, struct so_str sql, struct prepared **out, struct so_err *err)
{
    uint64_t hash = so_lru_hash(sql);
    struct so_lru_item *item = so_lru_find(&conn->prepared, sql, hash);
    if (item != NULL) {
        so_lru_remove(&conn->prepared, item);
        so_lru_add(&conn->prepared, item); /* as the newest */
        *out = of_item(item);
        return make_ready(conn, *out, err);
    }
    struct prepared *p = NULL;
    int rc = new_prepared(sql, hash, &p, err);
    if (rc != SO_OK)
        return rc;
    rc = make_ready(conn, p, err);
    if (rc != SO_OK) {
        free_prepared(p);
        return rc;
    }
    if (conn->prepared.count >= SO_PG_IDLE_MAX)
        drop_oldest(conn);
    so_lru_add(&conn->prepared, &p->item);
    *out = p;
    return SO_OK;
}

int so_pg_prepare(struct so_conn *base, struct so_str sql, struct so_stmt **out, struct so_err *err)
{
    struct so_pg_conn *conn = so_pg_conn_of(base);
    struct prepared *p = NULL;
    int rc = find_prepared(conn, sql, &p, err);
    if (rc != SO_OK)
        return rc;
    struct stmt *st = so_malloc(sizeof(*st));
    if (st == NULL)
        return so_err_oom(err);
    *st = (struct stmt){.conn = conn, .prepared = p};
    so_pg_rows_init(&st->rows);
    st->rows.base.ops = &OPS;
    so_pg_params_init(&st->params, p->sql.parameter_count);
    p->uses++;
    *out = &st->rows.base;
    return SO_OK;
}

static void done(struct so_stmt *base)
{
    struct stmt *st = stmt_of(base);
    st->prepared->uses--;
    so_pg_rows_set(&st->rows, NULL);
    so_pg_params_deinit(&st->params);
    so_free(st);
}

/* ---- values ---- */

static struct so_pg_params *params_of(struct so_stmt *base) { return &stmt_of(base)->params; }

static void bind_null(struct so_stmt *st, int position) { so_pg_params_null(params_of(st), position); }
static void bind_i64(struct so_stmt *st, int position, int64_t value) { so_pg_params_i64(params_of(st), position, value); }
static void bind_double(struct so_stmt *st, int position, double value)
{
    so_pg_params_double(params_of(st), position, value);
}
static void bind_text(struct so_stmt *st, int position, struct so_str value)
{
    so_pg_params_text(params_of(st), position, value);
}
static void bind_blob(struct so_stmt *st, int position, struct so_str value)
{
    so_pg_params_blob(params_of(st), position, value);
}
static void bind_pointer(struct so_stmt *st, int position, const void *pointer, const char *kind)
{
    (void)position, (void)pointer, (void)kind;
    so_pg_params_refuse(params_of(st));
}
static int parameter(struct so_stmt *st, const char *name)
{
    return so_pg_sql_position(&stmt_of(st)->prepared->sql, so_str_c(name));
}

/* ---- rows ---- */

static int send(struct stmt *st, struct so_err *err)
{
    struct so_pg_conn *conn = st->conn;
    const struct so_pg_params *p = &st->params;
    int sent;
    if (conn->setup->options.unprepared) {
        sent = so_pq.sendQueryParams(conn->pg, st->prepared->sql.text.p, p->count, NULL, p->values, NULL, NULL, 0);
    } else {
        char name[NAME_SIZE];
        name_of(st->prepared, name);
        sent = so_pq.sendQueryPrepared(conn->pg, name, p->count, p->values, NULL, NULL, 0);
    }
    return sent == 1 ? SO_OK : so_pg_fail_lost(conn->pg, err);
}

static int run_once(struct stmt *st, PGresult **out, struct so_err *err)
{
    int rc = make_ready(st->conn, st->prepared, err);
    if (rc == SO_OK)
        rc = send(st, err);
    return rc == SO_OK ? so_pg_conn_finish(st->conn, out, err) : rc;
}

/* A statement that failed outside a transaction has done nothing when its plan was stale, and nothing that matters when it
 * only reads: it may be run once more. */
static bool may_run_again(struct stmt *st, const PGresult *result, bool was_in_transaction)
{
    struct so_pg_conn *conn = st->conn;
    if (so_pg_is_stale(result))
        conn->forgets = true; /* what else is prepared may be stale, too */
    if (was_in_transaction)
        return false;
    bool is_lost = conn->pg == NULL || so_pq.status(conn->pg) != CONNECTION_OK;
    return so_pg_is_stale(result) || (is_lost && conn->kind == SO_CONN_READER && !conn->setup->options.unprepared);
}

static int run(struct stmt *st, struct so_err *err)
{
    struct so_err first = SO_ERR_INIT;
    PGresult *result = NULL;
    bool was_in_transaction = st->conn->was_in_transaction;
    int rc = run_once(st, &result, &first);
    if (rc != SO_OK && rc != SO_ETIMEOUT && may_run_again(st, result, was_in_transaction)) {
        so_pq.clear(result);
        result = NULL;
        first = SO_ERR_INIT;
        rc = run_once(st, &result, &first);
    }
    if (rc != SO_OK) {
        so_pq.clear(result);
        if (err != NULL && err->code == SO_OK)
            *err = first;
        return rc;
    }
    so_pg_rows_set(&st->rows, result);
    return SO_OK;
}

static int step(struct so_stmt *base, bool *out_row, struct so_err *err)
{
    struct stmt *st = stmt_of(base);
    if (!st->started) {
        int rc = so_pg_params_check(&st->params, err);
        if (rc == SO_OK)
            rc = run(st, err);
        if (rc != SO_OK)
            return rc;
        st->started = true;
    }
    *out_row = so_pg_rows_next(&st->rows);
    return SO_OK;
}

static int column_count(const struct so_stmt *st) { return so_pg_rows_ops.column_count(st); }
static struct so_str column_name(const struct so_stmt *st, int column) { return so_pg_rows_ops.column_name(st, column); }
static bool is_null(struct so_stmt *st, int column) { return so_pg_rows_ops.is_null(st, column); }
static int64_t i64(struct so_stmt *st, int column) { return so_pg_rows_ops.i64(st, column); }
static double real(struct so_stmt *st, int column) { return so_pg_rows_ops.real(st, column); }
static struct so_str text(struct so_stmt *st, int column) { return so_pg_rows_ops.text(st, column); }
static int64_t changes(struct so_stmt *st) { return so_pg_rows_ops.changes(st); }

static const struct so_stmt_ops OPS = {
    .bind_null = bind_null,
    .bind_i64 = bind_i64,
    .bind_double = bind_double,
    .bind_text = bind_text,
    .bind_blob = bind_blob,
    .bind_pointer = bind_pointer,
    .parameter = parameter,
    .step = step,
    .column_count = column_count,
    .column_name = column_name,
    .is_null = is_null,
    .i64 = i64,
    .real = real,
    .text = text,
    .changes = changes,
    .done = done,
};
