/* source_pg.c: the change log of PostgreSQL (model/logging_pg.h), which all nodes read by its numbers.
 *
 * Who reads numbers first: what has been committed and waits in the outbox.  Two nodes that do so at once do it one after
 * the other; so when a read returns, all that was committed before it began has a number, whoever gave it. */
#include "realtime/source_int.h"

#include "core/clock.h"

enum {
    NUMBERED_AT_ONCE = 5000, /* changes in one transaction of the numberer's */
    STEP_MS = 10000          /* for one statement: another's numbering may have to be waited for */
};

/* A log that nobody has made yet: no such table, no such schema. */
static bool is_missing(const struct so_err *err)
{
    return err->code == SO_EDB && (strcmp(err->id, "42P01") == 0 || strcmp(err->id, "3F000") == 0);
}

static int pass_on(int rc, const struct so_err *cause, struct so_err *err)
{
    if (err != NULL && err->code == SO_OK)
        *err = *cause;
    return rc;
}

/* The first row of a statement without or with parameters already in it; *out_st NULL: there is no log.  so_stmt_done(). */
static int ask(struct so_source *s, struct so_str sql, const int64_t *params, int count, struct so_stmt **out_st,
               bool *out_row, struct so_err *err)
{
    struct so_err cause = SO_ERR_INIT;
    struct so_stmt *st = NULL;
    *out_st = NULL;
    *out_row = false;
    so_conn_set_deadline(s->conn, so_clock_mono_ns() + STEP_MS * INT64_C(1000000));
    int rc = so_conn_prepare(s->conn, sql, &st, &cause);
    for (int i = 0; rc == SO_OK && i < count; i++)
        so_stmt_bind_i64(st, i + 1, params[i]);
    if (rc == SO_OK)
        rc = so_stmt_step(st, out_row, &cause);
    if (rc == SO_OK) {
        *out_st = st;
        return SO_OK;
    }
    so_stmt_done(st);
    return is_missing(&cause) ? SO_OK : pass_on(rc, &cause, err);
}

/* The value of a statement that has one row. */
static int ask_number(struct so_source *s, struct so_str sql, const int64_t *params, int count, int64_t *out,
                      struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = ask(s, sql, params, count, &st, &row, err);
    if (rc == SO_OK && row)
        *out = so_stmt_i64(st, 0);
    so_stmt_done(st);
    return rc;
}

/* ---- the numberer ---- */

/* Readers are read only otherwise. */
static int number_some(struct so_source *s, int64_t *out_moved, struct so_err *err)
{
    static const int64_t MOST = NUMBERED_AT_ONCE;
    int rc = so_conn_exec(s->conn, "BEGIN READ WRITE", err);
    if (rc != SO_OK)
        return rc;
    rc = ask_number(s, SO_STR("SELECT socle.number_changes(?1::int)"), &MOST, 1, out_moved, err);
    if (rc == SO_OK)
        return so_conn_exec(s->conn, "COMMIT", err);
    (void)!so_conn_exec(s->conn, "ROLLBACK", NULL);
    return rc;
}

static int number_all(struct so_source *s, struct so_err *err)
{
    for (;;) {
        int64_t waiting = 0, moved = 0;
        int rc = ask_number(s, SO_STR("SELECT EXISTS (SELECT FROM socle.outbox)::int"), NULL, 0, &waiting, err);
        if (rc == SO_OK && waiting != 0)
            rc = number_some(s, &moved, err);
        if (rc != SO_OK || moved < NUMBERED_AT_ONCE)
            return rc;
    }
}

/* ---- reading ---- */

static int bounds(struct so_source *s, int64_t *out_floor, int64_t *out_newest, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int64_t floor = 0, newest = 0;
    int rc = number_all(s, err);
    if (rc == SO_OK)
        rc = ask(s, SO_STR("SELECT coalesce((SELECT min(seq) FROM socle.changes) - 1, last), last FROM socle.counter"), NULL,
                 0, &st, &row, err);
    if (rc != SO_OK)
        return rc;
    if (row) {
        floor = so_stmt_i64(st, 0);
        newest = so_stmt_i64(st, 1);
    }
    so_stmt_done(st);
    *out_floor = floor;
    *out_newest = newest;
    return SO_OK;
}

static int fill(struct so_source *s, int64_t after, int64_t upto, size_t limit, struct so_batch *b, int64_t *floor,
                struct so_err *err)
{
    static const struct so_str SQL =
        SO_STR_INIT("SELECT seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),"
                    " \"schema\" || '.' || \"table\", op, old, new"
                    " FROM socle.changes WHERE seq > ?1::bigint AND seq <= ?2::bigint ORDER BY seq LIMIT ?3::bigint");
    struct so_stmt *st;
    int rc;
    so_conn_set_deadline(s->conn, so_clock_mono_ns() + STEP_MS * INT64_C(1000000));
    rc = so_conn_prepare(s->conn, SQL, &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_i64(st, 1, after);
    so_stmt_bind_i64(st, 2, upto);
    so_stmt_bind_i64(st, 3, (int64_t)limit);
    rc = so_source_take_rows(st, limit, b, floor, err);
    so_stmt_done(st);
    return rc;
}

static int read_log(struct so_source *s, int64_t after, int64_t upto, size_t limit, struct so_batch **out,
                    int64_t *out_floor, struct so_err *err)
{
    struct so_err cause = SO_ERR_INIT;
    int64_t floor = -1;
    int rc = upto == INT64_MAX ? number_all(s, err) : SO_OK; /* the past has its numbers */
    struct so_batch *b = rc == SO_OK ? so_batch_new(limit, err) : NULL;
    if (b == NULL)
        return rc == SO_OK ? SO_ENOMEM : rc;
    b->is_json = true;
    b->from = b->last = after;
    rc = fill(s, after, upto, limit, b, &floor, &cause);
    if (rc != SO_OK && !is_missing(&cause)) {
        so_batch_unref(b);
        return pass_on(rc, &cause, err);
    }
    *out = b;
    *out_floor = floor;
    return SO_OK;
}

/* ---- retention ---- */

static int excess(struct so_source *s, int64_t keep_rows, int64_t keep_seconds, int64_t step, int64_t *out,
                  struct so_err *err)
{
    /* The first of the oldest `step` changes that is to stay; without one all of them go. */
    static const struct so_str SQL =
        SO_STR_INIT("SELECT coalesce((SELECT seq FROM socle.changes WHERE seq <= ?1::bigint AND seq > ?2::bigint"
                    " AND at >= to_timestamp(?3::bigint) ORDER BY seq LIMIT 1) - 1, ?1::bigint)");
    int64_t floor, newest, upto = 0;
    int rc = bounds(s, &floor, &newest, err);
    if (rc != SO_OK)
        return rc;
    const int64_t params[] = {floor + step < newest ? floor + step : newest, newest > keep_rows ? newest - keep_rows : 0,
                              so_clock_now() - keep_seconds};
    if (newest > floor)
        rc = ask_number(s, SQL, params, COUNT_OF(params), &upto, err);
    if (rc == SO_OK)
        *out = upto > floor ? upto : 0;
    return rc;
}

const struct so_source_ops so_source_pg = {bounds, read_log, excess,
                                           SO_STR_INIT("DELETE FROM socle.changes WHERE seq <= ?1::bigint")};
