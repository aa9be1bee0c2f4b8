/* pg_int.h: what the files about PostgreSQL share.  Not for other modules. */
#ifndef SO_DB_PG_INT_H
#define SO_DB_PG_INT_H

#include "core/arena.h"
#include "db/db_int.h"
#include "db/lru.h"
#include "db/pg_library.h"
#include "db/pg_sql.h"

/* ---- errors (pg_error.c) ---- */

/* Fills err from a result that is an error; returns its code. */
int so_pg_fail_result(const PGresult *result, struct so_err *err);
/* The connection went away (08006), or could not be made (08001). */
int so_pg_fail_lost(PGconn *pg, struct so_err *err);
int so_pg_fail_connect(PGconn *pg, struct so_err *err);
int so_pg_fail_timeout(struct so_err *err);
/* The transaction may succeed when it is run again: serialization failure, deadlock, a plan that DDL outdated. */
bool so_pg_is_transient(const struct so_err *err);
/* The statement has to be prepared anew: it is gone, or its result's type changed. */
bool so_pg_is_stale(const PGresult *result);

/* ---- parameters (pg_params.c) ---- */

/* Values in text form, as libpq takes them. */
struct so_pg_params {
    int count;
    const char **values; /* NULL: null */
    struct so_arena arena;
    int rc; /* the first bad bind, for the first step */
    struct so_err err;
};
void so_pg_params_init(struct so_pg_params *p, int count);
void so_pg_params_deinit(struct so_pg_params *p);
void so_pg_params_null(struct so_pg_params *p, int position);
void so_pg_params_i64(struct so_pg_params *p, int position, int64_t value);
void so_pg_params_double(struct so_pg_params *p, int position, double value);
void so_pg_params_text(struct so_pg_params *p, int position, struct so_str value);
void so_pg_params_blob(struct so_pg_params *p, int position, struct so_str value);
void so_pg_params_refuse(struct so_pg_params *p);
int so_pg_params_check(struct so_pg_params *p, struct so_err *err) SO_MUST_CHECK;

/* ---- rows (pg_rows.c) ---- */

/* A statement whose rows are all here.  The first member of any other of PostgreSQL's statements. */
struct so_pg_rows {
    struct so_stmt base;
    PGresult *result;        /* NULL: none */
    int row;                 /* the current one; -1 before the first */
    struct so_arena scratch; /* for the current row: decoded bytea */
};
extern const struct so_stmt_ops so_pg_rows_ops;
void so_pg_rows_init(struct so_pg_rows *rows);
void so_pg_rows_set(struct so_pg_rows *rows, PGresult *result); /* takes it over; NULL is fine */
bool so_pg_rows_next(struct so_pg_rows *rows);
static inline struct so_pg_rows *so_pg_rows_of(struct so_stmt *base)
{
    return SO_CONTAINER_OF(base, struct so_pg_rows, base);
}

/* ---- a connection (pg_conn.c) ---- */

enum { SO_PG_IDLE_MAX = 128 }; /* prepared statements a connection keeps */

struct so_pg_conn {
    struct so_conn base;
    PGconn *pg; /* NULL: not connected */
    enum so_conn_kind kind;
    const struct so_db_setup *setup;
    bool was_in_transaction; /* after the last answer */
    uint64_t generation;     /* of what is prepared: another one after each reconnection */
    bool forgets;            /* before the next statement, all that is prepared is given up: DDL outdated it */
    uint64_t last_id;        /* of a prepared statement's name */
    struct so_lru prepared;
};

/* For PQconnectdbParams(): keywords and values, with our defaults before what the URL says. */
enum { SO_PG_CONNECT_PARAMS = 8 };
void so_pg_connect_params(const char *url, const char *keywords[SO_PG_CONNECT_PARAMS],
                          const char *values[SO_PG_CONNECT_PARAMS]);
int so_pg_conn_open(const struct so_db_setup *setup, enum so_conn_kind kind, struct so_conn **out,
                    struct so_err *err) SO_MUST_CHECK;
/* Connects when it is not, or not any more. */
int so_pg_conn_ready(struct so_pg_conn *conn, struct so_err *err) SO_MUST_CHECK;
/* After something was sent: waits for the last result, under the deadline.  The caller clears *out, which is not an error.
 */
int so_pg_conn_finish(struct so_pg_conn *conn, PGresult **out, struct so_err *err) SO_MUST_CHECK;
int so_pg_conn_exec(struct so_conn *base, const char *sql, struct so_err *err) SO_MUST_CHECK;
static inline struct so_pg_conn *so_pg_conn_of(struct so_conn *base)
{
    return SO_CONTAINER_OF(base, struct so_pg_conn, base);
}

/* ---- its statements (pg_statement.c) ---- */

int so_pg_prepare(struct so_conn *base, struct so_str sql, struct so_stmt **out, struct so_err *err) SO_MUST_CHECK;
void so_pg_prepared_deinit(struct so_pg_conn *conn);

/* ---- jobs (pg_jobs.c) ---- */

int so_pg_jobs_open(const struct so_db_setup *setup, struct so_writer **out, struct so_err *err) SO_MUST_CHECK;
void so_pg_jobs_close(struct so_writer *base);

#endif
