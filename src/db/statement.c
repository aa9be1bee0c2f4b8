/* statement.c: prepared statements and the cache that each connection keeps of them.
 *
 *   prepare:  idle one of this text? -> out of the cache       none -> compile
 *   done:     reset, into the cache as the newest; the oldest goes when there are too many
 *
 * A statement that is out is not in the cache, so a text that is used twice at once simply gets a second copy. */
#include "db/sqlite_int.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/random.h"

/* ---- the cache ---- */

static struct so_stmt **bucket_of(struct so_conn *conn, uint64_t hash) { return &conn->buckets[hash % SO_STMT_BUCKETS]; }

static void cache_remove(struct so_conn *conn, struct so_stmt *st)
{
    struct so_stmt **link = bucket_of(conn, st->hash);
    while (*link != st)
        link = &(*link)->bucket_next;
    *link = st->bucket_next;
    *(st->newer == NULL ? &conn->newest : &st->newer->older) = st->older;
    *(st->older == NULL ? &conn->oldest : &st->older->newer) = st->newer;
    conn->idle--;
}

static void cache_add(struct so_conn *conn, struct so_stmt *st)
{
    struct so_stmt **bucket = bucket_of(conn, st->hash);
    st->bucket_next = *bucket;
    *bucket = st;
    st->newer = NULL;
    st->older = conn->newest;
    *(conn->newest == NULL ? &conn->oldest : &conn->newest->newer) = st;
    conn->newest = st;
    conn->idle++;
}

static struct so_stmt *cache_take(struct so_conn *conn, struct so_str sql, uint64_t hash)
{
    for (struct so_stmt *st = *bucket_of(conn, hash); st != NULL; st = st->bucket_next)
        if (st->hash == hash && so_str_eq((struct so_str){st->sql, st->sql_len}, sql)) {
            cache_remove(conn, st);
            return st;
        }
    return NULL;
}

static void free_statement(struct so_stmt *st)
{
    sqlite3_finalize(st->sqlite);
    so_free(st);
}

void so_stmt_cache_deinit(struct so_conn *conn)
{
    while (conn->newest != NULL) {
        struct so_stmt *st = conn->newest;
        cache_remove(conn, st);
        free_statement(st);
    }
}

void so_stmt_reset_all(struct so_conn *conn)
{
    for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(conn->sqlite, st)) != NULL;)
        if (sqlite3_stmt_busy(st))
            sqlite3_reset(st);
}

/* NULL with *out_rc when it cannot be compiled. */
static struct so_stmt *compile(struct so_conn *conn, struct so_str sql, uint64_t hash, int *out_rc, struct so_err *err)
{
    if (sql.n > INT32_MAX - 1) {
        *out_rc = so_fail_http(err, SO_ELIMIT, 0, "54000", "the statement is too long");
        return NULL;
    }
    struct so_stmt *st = so_malloc(sizeof(*st) + sql.n);
    if (st == NULL) {
        *out_rc = so_err_oom(err);
        return NULL;
    }
    *st = (struct so_stmt){.conn = conn, .hash = hash, .sql_len = sql.n};
    memcpy(st->sql, sql.p, sql.n);
    conn->raised.code = SO_OK;
    int rc = sqlite3_prepare_v3(conn->sqlite, st->sql, (int)sql.n, SQLITE_PREPARE_PERSISTENT, &st->sqlite, NULL);
    if (rc == SQLITE_OK && st->sqlite != NULL)
        return st;
    *out_rc =
        rc != SQLITE_OK ? so_conn_fail(conn, rc, err) : so_fail_http(err, SO_EDB, 0, "42601", "the statement is empty");
    so_free(st);
    return NULL;
}

int so_conn_prepare(struct so_conn *conn, struct so_str sql, struct so_stmt **out, struct so_err *err)
{
    uint64_t hash = so_hash(sql, so_random_seed());
    struct so_stmt *st = cache_take(conn, sql, hash);
    int rc = SO_OK;
    if (st == NULL)
        st = compile(conn, sql, hash, &rc, err);
    if (st == NULL)
        return rc;
    st->rc = SQLITE_OK;
    st->started = false;
    conn->taken++;
    *out = st;
    return SO_OK;
}

void so_stmt_done(struct so_stmt *st)
{
    if (st == NULL)
        return;
    struct so_conn *conn = st->conn;
    conn->taken--;
    sqlite3_reset(st->sqlite);
    sqlite3_clear_bindings(st->sqlite); /* what was bound is borrowed and goes away now */
    if (conn->idle >= SO_STMT_IDLE_MAX) {
        struct so_stmt *oldest = conn->oldest;
        cache_remove(conn, oldest);
        free_statement(oldest);
    }
    cache_add(conn, st);
}

int so_conn_exec(struct so_conn *conn, const char *sql, struct so_err *err)
{
    conn->now_us = 0;
    conn->raised.code = SO_OK;
    int rc = sqlite3_exec(conn->sqlite, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SO_OK : so_conn_fail(conn, rc, err);
}

/* ---- parameters ---- */

static void note_bind(struct so_stmt *st, int rc)
{
    if (st->rc == SQLITE_OK)
        st->rc = rc;
}

void so_stmt_bind_null(struct so_stmt *st, int position) { note_bind(st, sqlite3_bind_null(st->sqlite, position)); }

void so_stmt_bind_i64(struct so_stmt *st, int position, int64_t value)
{
    note_bind(st, sqlite3_bind_int64(st->sqlite, position, value));
}

void so_stmt_bind_double(struct so_stmt *st, int position, double value)
{
    note_bind(st, sqlite3_bind_double(st->sqlite, position, value));
}

void so_stmt_bind_text(struct so_stmt *st, int position, struct so_str value)
{
    note_bind(st, sqlite3_bind_text64(st->sqlite, position, value.p, value.n, SQLITE_STATIC, SQLITE_UTF8));
}

void so_stmt_bind_blob(struct so_stmt *st, int position, struct so_str value)
{
    note_bind(st, sqlite3_bind_blob64(st->sqlite, position, value.p, value.n, SQLITE_STATIC));
}

void so_stmt_bind_pointer(struct so_stmt *st, int position, const void *pointer, const char *kind)
{
    /* Our functions only read it; SQLite's interface has no const. */
    note_bind(st, sqlite3_bind_pointer(st->sqlite, position, (void *)(uintptr_t)pointer, kind, NULL));
}

int so_stmt_parameter(struct so_stmt *st, const char *name) { return sqlite3_bind_parameter_index(st->sqlite, name); }

/* ---- rows ---- */

static int start(struct so_stmt *st, struct so_err *err)
{
    struct so_conn *conn = st->conn;
    if (st->rc != SQLITE_OK)
        return so_conn_fail(conn, st->rc, err);
    st->started = true;
    conn->now_us = 0;
    conn->raised.code = SO_OK;
    return SO_OK;
}

int so_stmt_step(struct so_stmt *st, bool *out_row, struct so_err *err)
{
    if (!st->started) {
        int rc = start(st, err);
        if (rc != SO_OK)
            return rc;
    }
    int rc = sqlite3_step(st->sqlite);
    if (SO_UNLIKELY(rc != SQLITE_ROW && rc != SQLITE_DONE)) {
        int code = so_conn_fail(st->conn, rc, err);
        sqlite3_reset(st->sqlite);
        return code;
    }
    *out_row = rc == SQLITE_ROW;
    return SO_OK;
}

int so_stmt_column_count(const struct so_stmt *st) { return sqlite3_column_count(st->sqlite); }

struct so_str so_stmt_column_name(const struct so_stmt *st, int column)
{
    return so_str_c(sqlite3_column_name(st->sqlite, column));
}

bool so_stmt_is_null(struct so_stmt *st, int column) { return sqlite3_column_type(st->sqlite, column) == SQLITE_NULL; }

int64_t so_stmt_i64(struct so_stmt *st, int column) { return sqlite3_column_int64(st->sqlite, column); }

double so_stmt_double(struct so_stmt *st, int column) { return sqlite3_column_double(st->sqlite, column); }

struct so_str so_stmt_text(struct so_stmt *st, int column)
{
    const char *p = (const char *)sqlite3_column_text(st->sqlite, column);
    return (struct so_str){p, p == NULL ? 0 : (size_t)sqlite3_column_bytes(st->sqlite, column)};
}

int64_t so_stmt_changes(struct so_stmt *st) { return sqlite3_changes64(st->conn->sqlite); }
