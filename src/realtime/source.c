/* source.c: which kind of change log it is, and how rows of any kind become changes. */
#include "core/mem.h"
#include "realtime/source_int.h"

int so_source_open(struct so_db *db, struct so_source **out, struct so_err *err)
{
    bool is_postgres = so_db_is_postgres(db);
    struct so_source *s = so_calloc(1, sizeof(*s));
    if (s == NULL)
        return so_err_oom(err);
    s->ops = is_postgres ? &so_source_pg : &so_source_sqlite;
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

int so_source_bounds(struct so_source *s, int64_t *out_floor, int64_t *out_newest, struct so_err *err)
{
    return s->ops->bounds(s, out_floor, out_newest, err);
}

int so_source_read(struct so_source *s, int64_t after, int64_t upto, size_t limit, struct so_batch **out, int64_t *out_floor,
                   struct so_err *err)
{
    return s->ops->read(s, after, upto, limit, out, out_floor, err);
}

int so_source_excess(struct so_source *s, int64_t keep_rows, int64_t keep_seconds, int64_t step, int64_t *out,
                     struct so_err *err)
{
    return s->ops->excess(s, keep_rows, keep_seconds, step, out, err);
}

int so_source_trim(const struct so_source *s, struct so_conn *writer, int64_t upto, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = so_conn_prepare(writer, s->ops->trim, &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_i64(st, 1, upto);
    rc = so_stmt_step(st, &row, err);
    so_stmt_done(st);
    return rc;
}

/* ---- rows ---- */

enum { BATCH_BYTES = 1 << 20 }; /* of texts, but for the last change: many may walk through the log at once */

/* The row's texts; p == NULL where the column is NULL. */
static int read_texts(struct so_stmt *st, struct so_str out[5], size_t *bytes, struct so_err *err)
{
    for (int i = 0; i < 5; i++) {
        out[i] = so_stmt_text(st, i + 1);
        if (out[i].p == NULL && !so_stmt_is_null(st, i + 1))
            return so_err_oom(err);
        *bytes += out[i].n;
    }
    return SO_OK;
}

int so_source_take_rows(struct so_stmt *st, size_t limit, struct so_batch *b, int64_t *floor, struct so_err *err)
{
    bool row = true;
    int rc = SO_OK;
    size_t bytes = 0;
    b->last = b->from;
    b->has_more = true;
    for (size_t rows = 0; rc == SO_OK && rows < limit && bytes < BATCH_BYTES; rows++) {
        rc = so_stmt_step(st, &row, err);
        b->has_more = row;
        if (rc != SO_OK || !row)
            break;
        int64_t seq = so_stmt_i64(st, 0);
        if (seq != b->last + 1 && rows > 0)
            break;
        if (seq != b->last + 1)
            *floor = b->from = seq - 1;
        struct so_str texts[5];
        rc = read_texts(st, texts, &bytes, err);
        if (rc == SO_OK)
            rc = so_batch_add(b, seq, texts[0], texts[1], texts[2], texts[3], texts[4], err);
    }
    return rc;
}
