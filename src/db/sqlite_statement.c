/* sqlite_statement.c: prepared statements of SQLite and the cache that each connection keeps of them.
 *
 *   prepare:  idle one of this text? -> out of the cache       none -> compile
 *   done:     reset, into the cache as the newest; the oldest goes when there are too many
 *
 * A statement that is out is not in the cache, so a text that is used twice at once simply gets a second copy. */
#include "db/sqlite_int.h"

#include "core/mem.h"

static const struct so_stmt_ops OPS;

/* ---- the cache ---- */

static struct so_sqlite_stmt *of_item(struct so_lru_item *item)
{
    return SO_CONTAINER_OF(item, struct so_sqlite_stmt, item);
}

static void free_statement(struct so_sqlite_stmt *st)
{
    sqlite3_finalize(st->sqlite);
    so_free(st);
}

static void drop_oldest(struct so_sqlite *conn)
{
    struct so_lru_item *oldest = conn->idle.oldest;
    so_lru_remove(&conn->idle, oldest);
    free_statement(of_item(oldest));
}

void so_sqlite_cache_deinit(struct so_sqlite *conn)
{
    while (conn->idle.count > 0)
        drop_oldest(conn);
}

void so_sqlite_reset_all(struct so_sqlite *conn)
{
    for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(conn->sqlite, st)) != NULL;)
        if (sqlite3_stmt_busy(st))
            sqlite3_reset(st);
}

static int compile(struct so_sqlite *conn, struct so_str sql, uint64_t hash, struct so_sqlite_stmt **out, struct so_err *err)
{
    if (sql.n > INT32_MAX - 1)
        return so_fail_http(err, SO_ELIMIT, 0, "54000", "the statement is too long");
    struct so_sqlite_stmt *st = so_malloc(sizeof(*st) + sql.n);
    if (st == NULL)
        return so_err_oom(err);
    *st = (struct so_sqlite_stmt){.base = {&OPS}, .conn = conn, .item = {.hash = hash, .key = {st->sql, sql.n}}};
    memcpy(st->sql, sql.p, sql.n);
    conn->raised.code = SO_OK;
    int rc = sqlite3_prepare_v3(conn->sqlite, st->sql, (int)sql.n, SQLITE_PREPARE_PERSISTENT, &st->sqlite, NULL);
    if (rc == SQLITE_OK && st->sqlite != NULL) {
        *out = st;
        return SO_OK;
    }
    so_free(st);
    return rc != SQLITE_OK ? so_sqlite_fail(conn, rc, err) : so_fail_http(err, SO_EDB, 0, "42601", "the statement is empty");
}

int so_sqlite_prepare(struct so_conn *base, struct so_str sql, struct so_stmt **out, struct so_err *err)
{
    struct so_sqlite *conn = so_sqlite_of(base);
    uint64_t hash = so_lru_hash(sql);
    struct so_lru_item *cached = so_lru_find(&conn->idle, sql, hash);
    struct so_sqlite_stmt *st = NULL;
    if (cached != NULL) {
        so_lru_remove(&conn->idle, cached);
        st = of_item(cached);
    } else {
        int rc = compile(conn, sql, hash, &st, err);
        if (rc != SO_OK)
            return rc;
    }
    st->rc = SQLITE_OK;
    st->started = false;
    conn->taken++;
    *out = &st->base;
    return SO_OK;
}

static void done(struct so_stmt *base)
{
    struct so_sqlite_stmt *st = so_sqlite_stmt(base);
    struct so_sqlite *conn = st->conn;
    conn->taken--;
    sqlite3_reset(st->sqlite);
    sqlite3_clear_bindings(st->sqlite); /* what was bound is borrowed and goes away now */
    if (conn->idle.count >= SO_STMT_IDLE_MAX)
        drop_oldest(conn);
    so_lru_add(&conn->idle, &st->item);
}

int so_sqlite_exec(struct so_conn *base, const char *sql, struct so_err *err)
{
    struct so_sqlite *conn = so_sqlite_of(base);
    conn->now_us = 0;
    conn->raised.code = SO_OK;
    int rc = sqlite3_exec(conn->sqlite, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SO_OK : so_sqlite_fail(conn, rc, err);
}

/* ---- parameters ---- */

static sqlite3_stmt *sqlite_of(const struct so_stmt *base) { return ((const struct so_sqlite_stmt *)base)->sqlite; }

static void note_bind(struct so_stmt *base, int rc)
{
    struct so_sqlite_stmt *st = so_sqlite_stmt(base);
    if (st->rc == SQLITE_OK)
        st->rc = rc;
}

static void bind_null(struct so_stmt *st, int position) { note_bind(st, sqlite3_bind_null(sqlite_of(st), position)); }

static void bind_i64(struct so_stmt *st, int position, int64_t value)
{
    note_bind(st, sqlite3_bind_int64(sqlite_of(st), position, value));
}

static void bind_double(struct so_stmt *st, int position, double value)
{
    note_bind(st, sqlite3_bind_double(sqlite_of(st), position, value));
}

static void bind_text(struct so_stmt *st, int position, struct so_str value)
{
    note_bind(st, sqlite3_bind_text64(sqlite_of(st), position, value.p, value.n, SQLITE_STATIC, SQLITE_UTF8));
}

static void bind_blob(struct so_stmt *st, int position, struct so_str value)
{
    note_bind(st, sqlite3_bind_blob64(sqlite_of(st), position, value.p, value.n, SQLITE_STATIC));
}

static void bind_pointer(struct so_stmt *st, int position, const void *pointer, const char *kind)
{
    /* Our functions only read it; SQLite's interface has no const. */
    note_bind(st, sqlite3_bind_pointer(sqlite_of(st), position, (void *)(uintptr_t)pointer, kind, NULL));
}

static int parameter(struct so_stmt *st, const char *name) { return sqlite3_bind_parameter_index(sqlite_of(st), name); }

/* ---- rows ---- */

static int start(struct so_sqlite_stmt *st, struct so_err *err)
{
    struct so_sqlite *conn = st->conn;
    if (st->rc != SQLITE_OK)
        return so_sqlite_fail(conn, st->rc, err);
    st->started = true;
    conn->now_us = 0;
    conn->raised.code = SO_OK;
    return SO_OK;
}

static int step(struct so_stmt *base, bool *out_row, struct so_err *err)
{
    struct so_sqlite_stmt *st = so_sqlite_stmt(base);
    if (!st->started) {
        int rc = start(st, err);
        if (rc != SO_OK)
            return rc;
    }
    int rc = sqlite3_step(st->sqlite);
    if (SO_UNLIKELY(rc != SQLITE_ROW && rc != SQLITE_DONE)) {
        int code = so_sqlite_fail(st->conn, rc, err);
        sqlite3_reset(st->sqlite);
        return code;
    }
    *out_row = rc == SQLITE_ROW;
    return SO_OK;
}

static int column_count(const struct so_stmt *st) { return sqlite3_column_count(sqlite_of(st)); }

static struct so_str column_name(const struct so_stmt *st, int column)
{
    return so_str_c(sqlite3_column_name(sqlite_of(st), column));
}

static bool is_null(struct so_stmt *st, int column) { return sqlite3_column_type(sqlite_of(st), column) == SQLITE_NULL; }

static int64_t i64(struct so_stmt *st, int column) { return sqlite3_column_int64(sqlite_of(st), column); }

static double real(struct so_stmt *st, int column) { return sqlite3_column_double(sqlite_of(st), column); }

static struct so_str text(struct so_stmt *st, int column)
{
    const char *p = (const char *)sqlite3_column_text(sqlite_of(st), column);
    return (struct so_str){p, p == NULL ? 0 : (size_t)sqlite3_column_bytes(sqlite_of(st), column)};
}

static int64_t changes(struct so_stmt *st) { return sqlite3_changes64(so_sqlite_stmt(st)->conn->sqlite); }

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
