/* source.c: the change log of SQLite (model/logging.h): a table, in the order of commits, since there is one writer at a
 * time. */
#include "realtime/source.h"

#include <stdio.h>
#include <time.h>

#include "core/clock.h"
#include "core/mem.h"

struct so_source {
    struct so_conn *conn;
};

int so_source_open(struct so_db *db, struct so_source **out, struct so_err *err)
{
    struct so_source *s = so_calloc(1, sizeof(*s));
    if (s == NULL)
        return so_err_oom(err);
    int rc = so_db_reader_open(db, &s->conn, err);
    if (rc != SO_OK) {
        so_free(s);
        return rc;
    }
    *out = s;
    return SO_OK;
}

void so_source_close(struct so_source *s)
{
    if (s == NULL)
        return;
    so_conn_close(s->conn);
    so_free(s);
}

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

int so_source_bounds(struct so_source *s, int64_t *out_floor, int64_t *out_newest, struct so_err *err)
{
    static const struct so_str SQL =
        SO_STR_INIT("SELECT coalesce((SELECT min(seq) FROM _socle_changes) - 1, n), n"
                    " FROM (SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = '_socle_changes'), 0),"
                    " coalesce((SELECT max(seq) FROM _socle_changes), 0)) AS n)");
    struct so_stmt *st;
    bool row = false;
    int rc = prepare(s, SQL, &st, err);
    int64_t bounds[2] = {0, 0};
    if (rc == SO_OK && st != NULL)
        rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row) {
        bounds[0] = so_stmt_i64(st, 0);
        bounds[1] = so_stmt_i64(st, 1);
    }
    so_stmt_done(st);
    if (rc == SO_OK) {
        *out_floor = bounds[0];
        *out_newest = bounds[1];
    }
    return rc;
}

/* The row's texts; p == NULL where the column is NULL. */
static int read_texts(struct so_stmt *st, struct so_str out[5], struct so_err *err)
{
    for (int i = 0; i < 5; i++) {
        out[i] = so_stmt_text(st, i + 1);
        if (out[i].p == NULL && !so_stmt_is_null(st, i + 1))
            return so_err_oom(err);
    }
    return SO_OK;
}

/* Up to the first hole, which is then the next call's business. */
static int read_rows(struct so_stmt *st, size_t limit, struct so_batch *b, int64_t *floor, struct so_err *err)
{
    bool row = true;
    int rc = SO_OK;
    b->last = b->from;
    for (size_t rows = 0; rc == SO_OK && rows < limit; rows++) {
        rc = so_stmt_step(st, &row, err);
        if (rc != SO_OK || !row)
            break;
        int64_t seq = so_stmt_i64(st, 0);
        if (seq != b->last + 1 && rows > 0)
            break;
        if (seq != b->last + 1)
            *floor = b->from = seq - 1;
        struct so_str texts[5];
        rc = read_texts(st, texts, err);
        if (rc == SO_OK)
            rc = so_batch_add(b, seq, texts[0], texts[1], texts[2], texts[3], texts[4], err);
    }
    return rc;
}

int so_source_read(struct so_source *s, int64_t after, int64_t upto, size_t limit, struct so_batch **out, int64_t *out_floor,
                   struct so_err *err)
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
        rc = read_rows(st, limit, b, &floor, err);
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

int so_source_excess(struct so_source *s, int64_t keep_rows, int64_t keep_seconds, int64_t step, int64_t *out,
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
    int rc = so_source_bounds(s, &floor, &newest, err);
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

int so_source_trim(struct so_conn *writer, int64_t upto, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = so_conn_prepare(writer, SO_STR("DELETE FROM _socle_changes WHERE seq <= ?1"), &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_i64(st, 1, upto);
    rc = so_stmt_step(st, &row, err);
    so_stmt_done(st);
    return rc;
}
