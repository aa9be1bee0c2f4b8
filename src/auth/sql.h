/* sql.h: statements whose parameters are all text, which is what our tables take: SQLite turns '1' into 1 where a column
 * is declared an integer.  A str with p == NULL binds NULL. */
#ifndef SO_AUTH_SQL_H
#define SO_AUTH_SQL_H

#include "db/db.h"

/* Prepares and binds ?1 ... ?count; the caller steps, then so_stmt_done(). */
int so_auth_sql_start(struct so_conn *conn, const char *sql, const struct so_str *values, size_t count, struct so_stmt **out,
                      struct so_err *err) SO_MUST_CHECK;
/* Runs to the end; *out_changes (if not NULL): the rows written. */
int so_auth_sql_run(struct so_conn *conn, const char *sql, const struct so_str *values, size_t count, int64_t *out_changes,
                    struct so_err *err) SO_MUST_CHECK;

/* For the two above: the values in a row, and how many. */
#define SO_VALUES(...)                                                                                                      \
    (const struct so_str[]){__VA_ARGS__}, sizeof((const struct so_str[]){__VA_ARGS__}) / sizeof(struct so_str)

#endif
