/* sql.c: statements whose parameters are all text. */
#include "auth/sql.h"

int so_auth_sql_start(struct so_conn *conn, const char *sql, const struct so_str *values, size_t count, struct so_stmt **out,
                      struct so_err *err)
{
    struct so_stmt *st;
    int rc = so_conn_prepare(conn, so_str_c(sql), &st, err);
    if (rc != SO_OK)
        return rc;
    for (size_t i = 0; i < count; i++)
        so_stmt_bind_text(st, (int)i + 1, values[i]);
    *out = st;
    return SO_OK;
}

int so_auth_sql_run(struct so_conn *conn, const char *sql, const struct so_str *values, size_t count, int64_t *out_changes,
                    struct so_err *err)
{
    struct so_stmt *st;
    int rc = so_auth_sql_start(conn, sql, values, count, &st, err);
    if (rc != SO_OK)
        return rc;
    bool row = true;
    while (rc == SO_OK && row)
        rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && out_changes != NULL)
        *out_changes = so_stmt_changes(st);
    so_stmt_done(st);
    return rc;
}
