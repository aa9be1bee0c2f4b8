/* statement.c: connections and statements of any kind: each call goes to the driver's own function. */
#include "db/db_int.h"

void so_conn_close(struct so_conn *conn)
{
    if (conn != NULL)
        conn->driver->conn_close(conn);
}

void so_conn_set_deadline(struct so_conn *conn, int64_t mono_ns) { conn->deadline = mono_ns; }

bool so_conn_in_transaction(const struct so_conn *conn) { return conn->driver->in_transaction(conn); }

int so_conn_prepare(struct so_conn *conn, struct so_str sql, struct so_stmt **out, struct so_err *err)
{
    return conn->driver->prepare(conn, sql, out, err);
}

int so_conn_exec(struct so_conn *conn, const char *sql, struct so_err *err) { return conn->driver->exec(conn, sql, err); }

void so_stmt_bind_null(struct so_stmt *st, int position) { st->ops->bind_null(st, position); }

void so_stmt_bind_i64(struct so_stmt *st, int position, int64_t value) { st->ops->bind_i64(st, position, value); }

void so_stmt_bind_double(struct so_stmt *st, int position, double value) { st->ops->bind_double(st, position, value); }

void so_stmt_bind_text(struct so_stmt *st, int position, struct so_str value) { st->ops->bind_text(st, position, value); }

void so_stmt_bind_blob(struct so_stmt *st, int position, struct so_str value) { st->ops->bind_blob(st, position, value); }

void so_stmt_bind_pointer(struct so_stmt *st, int position, const void *pointer, const char *kind)
{
    st->ops->bind_pointer(st, position, pointer, kind);
}

int so_stmt_parameter(struct so_stmt *st, const char *name) { return st->ops->parameter(st, name); }

int so_stmt_step(struct so_stmt *st, bool *out_row, struct so_err *err) { return st->ops->step(st, out_row, err); }

int so_stmt_column_count(const struct so_stmt *st) { return st->ops->column_count(st); }

struct so_str so_stmt_column_name(const struct so_stmt *st, int column) { return st->ops->column_name(st, column); }

bool so_stmt_is_null(struct so_stmt *st, int column) { return st->ops->is_null(st, column); }

int64_t so_stmt_i64(struct so_stmt *st, int column) { return st->ops->i64(st, column); }

double so_stmt_double(struct so_stmt *st, int column) { return st->ops->real(st, column); }

struct so_str so_stmt_text(struct so_stmt *st, int column) { return st->ops->text(st, column); }

int64_t so_stmt_changes(struct so_stmt *st) { return st->ops->changes(st); }

void so_stmt_done(struct so_stmt *st)
{
    if (st != NULL)
        st->ops->done(st);
}
