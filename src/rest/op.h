/* op.h: a request that is ready to run. */
#ifndef SO_REST_OP_H
#define SO_REST_OP_H

#include "rest/sql.h"

struct so_rest_op {
    struct so_request request;
    struct so_rest_plan plan;
    struct so_sql sql, count, existing; /* text.p == NULL: not needed */
    struct so_sql call;                 /* of a function: runs before sql, which reads what it returned */
    struct so_sql_layout layout;
    struct so_pg *pg;    /* PostgreSQL's statements instead of these; NULL on SQLite */
    int64_t range_total; /* of a page beyond the end: how many rows there are; -1: another failure */
    const struct so_rest_settings *settings;
    const struct so_snapshot *snapshot;
    const struct so_identity *who;
    struct so_arena *arena;
};

/* run.c: prepared, with its parameters and the caller bound. */
int so_rest_open_statement(const struct so_identity *who, struct so_conn *conn, const struct so_sql *sql,
                           struct so_stmt **out, struct so_err *err) SO_MUST_CHECK;

/* prepare.c: the statements of a plan, on SQLite and on PostgreSQL (pg_main.c); pg_run.c runs the latter. */
int so_sql_make(struct so_rest_op *op) SO_MUST_CHECK;
int so_pg_make(struct so_rest_op *op) SO_MUST_CHECK;
int so_pg_run(struct so_rest_op *op, struct so_conn *conn, struct so_rest_out *out, struct so_buf *body,
              struct so_err *err) SO_MUST_CHECK;

/* explain.c: how the statement would run, in its place. */
int so_explain_prepare(struct so_rest_op *op, struct so_err *err) SO_MUST_CHECK;
int so_explain_run(const struct so_rest_op *op, struct so_stmt *st, struct so_rest_out *out, struct so_buf *body,
                   struct so_err *err) SO_MUST_CHECK;
/* root.c: the document at "/": the tables that the caller may see. */
void so_rest_write_root(const struct so_rest_op *op, struct so_buf *body);
void so_pg_write_root(const struct so_rest_op *op, struct so_buf *body); /* pg_root.c */
/* answer.c: headers. */
/* A header's name is a token, its value is without line ends (RFC 9110 section 5.5): the database is no way round that. */
bool so_rest_is_header(struct so_str name, struct so_str value);
void so_rest_put_header(struct so_rest_out *out, struct so_str name, struct so_str value);
int so_rest_put_content_range(const struct so_rest_op *op, struct so_rest_out *out, int64_t lower, int64_t upper,
                              int64_t total, struct so_err *err) SO_MUST_CHECK;
int so_rest_put_content_location(const struct so_rest_op *op, struct so_rest_out *out, struct so_err *err) SO_MUST_CHECK;
int so_rest_put_preferences(const struct so_rest_op *op, struct so_rest_out *out, struct so_err *err) SO_MUST_CHECK;
void so_rest_put_content_type(const struct so_rest_op *op, struct so_rest_out *out);
void so_rest_put_allow(const struct so_rest_op *op, struct so_rest_out *out);
/* csv_out.c: the current row, after `first` rows the header's line. */
int so_rest_put_csv(const struct so_rest_op *op, struct so_stmt *st, bool header, struct so_buf *body,
                    struct so_err *err) SO_MUST_CHECK;

#endif
