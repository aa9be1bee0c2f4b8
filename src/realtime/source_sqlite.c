/* source_sqlite.c: the change log of SQLite (model/logging.h): a table, in the order of commits, since there is one writer
 * at a time. */
#include "realtime/source_int.h"

#include <stdio.h>
#include <time.h>

#include "core/clock.h"

/* No log yet (no migration has made it): SO_OK and no statement. */
static int prepare(struct so_source *s, struct so_str sql, struct so_stmt **out, struct so_err *err)
{
    struct so_err cause = SO_ERR_INIT;
    *out = NULL;
    int rc = so_conn_prepare(s->conn, sql, out, &cause);
    if (rc == SO_EDB && strcmp(cause.id, "42P01") == 0)
        return SO_OK;
    if (rc != SO_OK && err != NULL && err->code == SO_OK)
        *err = cause;
    return rc;
}

static int bounds(struct so_source *s, int64_t *out_floor, int64_t *out_newest, struct so_err *err)
{
    static const struct so_str SQL =
        SO_STR_INIT("SELECT coalesce((SELECT min(seq) FROM _socle_changes) - 1, n), n"
                    " FROM (SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = '_socle_changes'), 0),"
                    " coalesce((SELECT max(seq) FROM _socle_changes), 0)) AS n)");
    struct so_stmt *st;
    bool row = false;
    int rc = prepare(s, SQL, &st, err);
    int64_t found[2] = {0, 0};
    if (rc == SO_OK && st != NULL)
        rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row) {
        found[0] = so_stmt_i64(st, 0);
        found[1] = so_stmt_i64(st, 1);
    }
    so_stmt_done(st);
    if (rc == SO_OK) {
        *out_floor = found[0];
        *out_newest = found[1];
    }
    return rc;
}

static int read_log(struct so_source *s, int64_t after, int64_t upto, size_t limit, struct so_batch **out,
                    int64_t *out_floor, struct so_err *err)
{
    struct so_stmt *st;
    struct so_batch *b = so_batch_new(limit, err);
    int64_t floor = -1;
    if (b == NULL)
        return SO_ENOMEM;
    b->from = b->last = after;
    int rc = prepare(s,
                     SO_STR("SELECT seq, at, \"table\", op, old, new FROM _socle_changes WHERE seq > ?1 AND seq <= ?2"
                            " ORDER BY seq"),
                     &st, err);
    if (rc == SO_OK && st != NULL) {
        so_stmt_bind_i64(st, 1, after);
        so_stmt_bind_i64(st, 2, upto);
        rc = so_source_take_rows(st, limit, b, &floor, err);
        so_stmt_done(st);
    }
    if (rc != SO_OK) {
        so_batch_unref(b);
        return rc;
    }
    *out = b;
    *out_floor = floor;
    return SO_OK;
}

/* ---- retention ---- */

static void format_time(int64_t seconds, char out[32])
{
    time_t t = (time_t)seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
}

static int excess(struct so_source *s, int64_t keep_rows, int64_t keep_seconds, int64_t step, int64_t *out,
                  struct so_err *err)
{
    /* The first of the oldest `step` changes that is to stay; without one all of them go. */
    static const struct so_str SQL =
        SO_STR_INIT("SELECT coalesce((SELECT seq FROM _socle_changes WHERE seq <= ?1 AND seq > ?2 AND at >= ?3"
                    " ORDER BY seq LIMIT 1) - 1, ?1)");
    int64_t floor, newest, upto = 0;
    char cutoff[32];
    struct so_stmt *st;
    bool row = false;
    int rc = bounds(s, &floor, &newest, err);
    if (rc != SO_OK || newest == floor) {
        if (rc == SO_OK)
            *out = 0;
        return rc;
    }
    rc = so_conn_prepare(s->conn, SQL, &st, err);
    if (rc != SO_OK)
        return rc;
    format_time(so_clock_now() - keep_seconds, cutoff);
    so_stmt_bind_i64(st, 1, floor + step < newest ? floor + step : newest);
    so_stmt_bind_i64(st, 2, newest > keep_rows ? newest - keep_rows : 0);
    so_stmt_bind_text(st, 3, so_str_c(cutoff));
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK)
        upto = so_stmt_i64(st, 0);
    so_stmt_done(st);
    if (rc == SO_OK)
        *out = upto > floor ? upto : 0;
    return rc;
}

const struct so_source_ops so_source_sqlite = {bounds, read_log, excess,
                                               SO_STR_INIT("DELETE FROM _socle_changes WHERE seq <= ?1")};
