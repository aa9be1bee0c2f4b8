/* board.c: reading by snapshots.
 *
 * A row carries the id of its transaction.  PostgreSQL's snapshot "xmin:xmax:running" names those whose rows it does not
 * see: the ones that were running, and all from xmax on.  So what is visible now and was not then has one of those ids,
 * which the table's key finds.  A read that does not fit into one page keeps the snapshot that it ends with, and goes on
 * behind the last row it took. */
#include "realtime/board.h"

#include "core/clock.h"
#include "core/mem.h"
#include "model/notes_pg.h"

enum {
    STEP_MS = 5000, /* for one statement */
    PAGE = 32,      /* rows in one read */
    SNAPSHOT_MAX = 1 << 20,
    SQL_MAX = 1 << 30
};

struct so_board {
    struct so_db *db;
    struct so_conn *conn; /* NULL: not yet */
    const char *me;
    struct so_buf from;  /* the snapshot up to which all is read; empty: none yet */
    struct so_buf upto;  /* and the one up to which it is being read; empty: no read is under way */
    int64_t xid, id;     /* of the last row taken of that read */
    struct so_buf swept; /* as of the last sweep; empty: none */
    struct so_buf sql;
};

int so_board_open(struct so_db *db, const char *me, struct so_board **out, struct so_err *err)
{
    struct so_board *b = so_calloc(1, sizeof(*b));
    if (b == NULL)
        return so_err_oom(err);
    b->db = db;
    b->me = me;
    so_buf_init(&b->from, SNAPSHOT_MAX);
    so_buf_init(&b->upto, SNAPSHOT_MAX);
    so_buf_init(&b->swept, SNAPSHOT_MAX);
    so_buf_init(&b->sql, SQL_MAX);
    *out = b;
    return SO_OK;
}

void so_board_close(struct so_board *b)
{
    if (b == NULL)
        return;
    so_conn_close(b->conn);
    so_buf_deinit(&b->from);
    so_buf_deinit(&b->upto);
    so_buf_deinit(&b->swept);
    so_buf_deinit(&b->sql);
    so_free(b);
}

static int begin(struct so_board *b, struct so_err *err)
{
    int rc = b->conn != NULL ? SO_OK : so_db_reader_open(b->db, &b->conn, err);
    if (rc == SO_OK)
        so_conn_set_deadline(b->conn, so_clock_mono_ns() + STEP_MS * INT64_C(1000000));
    return rc;
}

/* Readers are read only otherwise. */
static int write_sql(struct so_board *b, struct so_err *err)
{
    int rc = so_buf_check(&b->sql, "a row for other processes", err);
    if (rc == SO_OK)
        rc = begin(b, err);
    if (rc == SO_OK)
        rc = so_conn_exec(b->conn, so_buf_cstr(&b->sql), err);
    if (rc != SO_OK && b->conn != NULL)
        (void)!so_conn_exec(b->conn, "ROLLBACK", NULL);
    return rc;
}

static void put_hex(struct so_buf *out, struct so_str bytes)
{
    char *to = bytes.n == 0 ? NULL : so_buf_reserve(out, 2 * bytes.n);
    if (to == NULL)
        return;
    for (size_t i = 0; i < bytes.n; i++) {
        to[2 * i] = "0123456789abcdef"[(uint8_t)bytes.p[i] >> 4];
        to[2 * i + 1] = "0123456789abcdef"[(uint8_t)bytes.p[i] & 15];
    }
    out->len += 2 * bytes.n;
}

/* One text, and so one round trip. */
int so_board_write(struct so_board *b, int64_t number, struct so_str parcels, struct so_err *err)
{
    so_buf_reset(&b->sql);
    so_buf_printf(&b->sql, "BEGIN READ WRITE; INSERT INTO socle.notes (node, number, parcels) VALUES ('%s', %lld, '\\x",
                  b->me, (long long)number);
    put_hex(&b->sql, parcels);
    so_buf_printf(&b->sql, "'); NOTIFY %s, '%s'; COMMIT", SO_NOTES_PG_CHANNEL, b->me);
    return write_sql(b, err);
}

int so_board_sweep(struct so_board *b, struct so_err *err)
{
    int rc = SO_OK;
    if (b->swept.len > 0) {
        so_buf_reset(&b->sql);
        so_buf_printf(&b->sql,
                      "BEGIN READ WRITE; DELETE FROM socle.notes WHERE (xid, id) IN (SELECT xid, id FROM socle.notes"
                      " WHERE xid < pg_snapshot_xmin('%s') FOR UPDATE SKIP LOCKED); COMMIT",
                      so_buf_cstr(&b->swept));
        rc = write_sql(b, err);
    }
    so_buf_reset(&b->swept); /* without a read there is none, and the next sweep removes nothing */
    so_buf_put_str(&b->swept, so_buf_str(&b->from));
    return rc;
}

/* ---- reading ---- */

/* Names a transaction once: rows of those that ran before, and of those that were not there. */
static const struct so_str READ = SO_STR_INIT(
    "SELECT s.now, n.xid, n.id, n.node, n.number, n.parcels FROM"
    " (SELECT coalesce(nullif(?2, ''), pg_current_snapshot()::text) AS now) AS s LEFT JOIN LATERAL"
    " (SELECT m.xid::text, m.id, m.node::text, m.number, m.parcels FROM socle.notes m"
    " WHERE (m.xid >= pg_snapshot_xmax(?1::pg_snapshot) OR m.xid = ANY (ARRAY(SELECT pg_snapshot_xip(?1::pg_snapshot))))"
    " AND pg_visible_in_snapshot(m.xid, s.now::pg_snapshot) AND (m.xid, m.id) > (?3::xid8, ?4::bigint)"
    " AND m.node IS DISTINCT FROM ?5::uuid ORDER BY m.xid, m.id LIMIT ?6::int) AS n ON true ORDER BY n.xid::xid8, n.id");

static int take_rows(struct so_board *b, struct so_stmt *st, void (*row)(void *arg, const struct so_board_row *row),
                     void *arg, int *out_count, struct so_err *err)
{
    for (int count = 0;; count++) {
        bool is_row;
        int rc = so_stmt_step(st, &is_row, err);
        if (rc != SO_OK)
            return rc;
        if (is_row && count == 0) {
            so_buf_reset(&b->upto);
            so_buf_put_str(&b->upto, so_stmt_text(st, 0));
            rc = so_buf_check(&b->upto, "a snapshot", err);
            if (rc != SO_OK)
                return rc;
        }
        if (!is_row || so_stmt_is_null(st, 1)) {
            *out_count = count;
            return SO_OK;
        }
        const struct so_board_row one = {so_stmt_text(st, 3), so_stmt_i64(st, 4), so_stmt_text(st, 5)};
        if (one.parcels.p == NULL && !so_stmt_is_null(st, 5))
            return so_err_oom(err);
        row(arg, &one);
        b->xid = so_stmt_i64(st, 1);
        b->id = so_stmt_i64(st, 2);
    }
}

static int read_page(struct so_board *b, void (*row)(void *arg, const struct so_board_row *row), void *arg, int *out_count,
                     struct so_err *err)
{
    struct so_stmt *st;
    int rc = so_conn_prepare(b->conn, READ, &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_text(st, 1, so_buf_str(&b->from));
    so_stmt_bind_text(st, 2, so_buf_str(&b->upto));
    so_stmt_bind_i64(st, 3, b->xid);
    so_stmt_bind_i64(st, 4, b->id);
    so_stmt_bind_text(st, 5, so_str_c(b->me));
    so_stmt_bind_i64(st, 6, PAGE);
    rc = take_rows(b, st, row, arg, out_count, err);
    so_stmt_done(st);
    return rc;
}

/* Nothing is read before: what there is was meant for those who were there. */
static int read_first(struct so_board *b, struct so_err *err)
{
    struct so_stmt *st;
    bool is_row = false;
    int rc = so_conn_prepare(
        b->conn, SO_STR("SELECT pg_current_snapshot()::text, (SELECT count(*) FROM socle.notes WHERE false)"), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &is_row, err);
    if (rc == SO_OK && is_row)
        so_buf_put_str(&b->from, so_stmt_text(st, 0));
    so_stmt_done(st);
    if (rc == SO_OK)
        rc = so_buf_check(&b->from, "a snapshot", err);
    if (rc != SO_OK)
        so_buf_reset(&b->from);
    return rc;
}

int so_board_read(struct so_board *b, void (*row)(void *arg, const struct so_board_row *row), void *arg, bool *out_more,
                  struct so_err *err)
{
    int count = 0, rc = begin(b, err);
    if (rc != SO_OK)
        return rc;
    if (b->from.len == 0) {
        *out_more = false;
        return read_first(b, err);
    }
    rc = read_page(b, row, arg, &count, err);
    if (rc != SO_OK)
        return rc;
    *out_more = count == PAGE;
    if (count == PAGE)
        return SO_OK;
    const struct so_buf former = b->from; /* the read is complete: the next one begins where it ended */
    b->from = b->upto;
    b->upto = former;
    so_buf_reset(&b->upto);
    b->xid = b->id = 0;
    return SO_OK;
}
