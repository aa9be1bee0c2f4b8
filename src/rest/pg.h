/* pg.h: a plan as PostgreSQL's statements.  Spec: PostgREST, Query/ and MainTx.hs.
 *
 *   pg_select.c   a node and what it embeds: SELECT ... LEFT JOIN LATERAL (...) ...; how many rows there are
 *   pg_filter.c   conditions and fields
 *   pg_write.c    INSERT, UPDATE, DELETE from json_to_recordset($1)
 *   pg_call.c     which function is called, and the call
 *   pg_media.c    the media types that the database speaks itself
 *   pg_main.c     the one statement whose only row is the answer:
 *                     WITH pgrst_source AS (...) SELECT total, page, location, body, headers, status, inserted FROM ...
 *   pg_session.c  what stands before it in the transaction: role, claims, search_path, the pre-request function
 *   pg_answer.c   the checks before its end, and its row as an answer
 *   pg_why.c      which of the database's policies decide about the rows that a request names */
#ifndef SO_REST_PG_H
#define SO_REST_PG_H

#include "db/pg_pool.h"
#include "rest/op.h"
#include "rest/sql_int.h"

/* The transaction, and which of its statements gives what. */
struct so_pg {
    struct so_rest_transaction transaction;
    struct so_pg_query queries[SO_PG_QUERIES_MAX];
    size_t main, explain; /* SIZE_MAX: not there (explain: count=planned and estimated, what the planner expects) */
};
/* Adds a statement: its parameters as texts. */
int so_pg_add_query(struct so_rest_op *op, const struct so_sql *sql) SO_MUST_CHECK;

/* Columns of the row that the main statement gives. */
enum so_pg_column {
    SO_PG_TOTAL,
    SO_PG_PAGE,
    SO_PG_LOCATION,
    SO_PG_BODY,
    SO_PG_HEADERS,
    SO_PG_STATUS,
    SO_PG_INSERTED,
    SO_PG_ROWS /* the written rows as JSON, for the schema file; not there when nobody asks */
};

/* pg_filter.c */
void so_pg_put_value(struct so_sqlb *b, struct so_str text); /* $1 */
void so_pg_put_int(struct so_sqlb *b, int64_t value);
void so_pg_put_table(struct so_sqlb *b, struct so_str schema, struct so_str name); /* "schema"."name" */
/* How a node's columns are qualified: "schema"."name" or an alias. */
void so_pg_put_source(struct so_sqlb *b, const struct so_node *node);
void so_pg_put_field(struct so_sqlb *b, const struct so_node *node, const struct so_expr *e);
/* A condition.  counting: embedded resources are asked for by EXISTS, since there are no joins. */
void so_pg_put_cond(struct so_sqlb *b, const struct so_node *node, const struct so_cond *c, bool counting);
/* {"a","b"} */
struct so_str so_pg_array(struct so_arena *arena, const struct so_name *list);
/* The name that a child's join goes by in its parent's statement. */
struct so_str so_pg_join_name(struct so_sqlb *b, const struct so_node *child);
/* 'text' */
void so_pg_put_literal(struct so_sqlb *b, struct so_str text);

/* pg_select.c */
void so_pg_put_select(struct so_sqlb *b, const struct so_node *node, const struct so_node *parent);
void so_pg_put_count(struct so_sqlb *b, const struct so_node *node, const struct so_node *parent);

/* pg_main.c: the columns that the outputs and the embedded resources of the top need, each once. */
struct so_pg_names {
    struct so_str names[256];
    size_t count;
    bool all; /* every column of the relation, too */
};
void so_pg_add_name(struct so_pg_names *n, struct so_str name);
void so_pg_needed_names(const struct so_rest_plan *p, struct so_pg_names *out);

/* pg_write.c */
void so_pg_put_write(struct so_sqlb *b);
/* UPDATE t SET ... FROM (the body) pgrst_body, without conditions; false, and nothing, when the body sets nothing. */
bool so_pg_put_changes(struct so_sqlb *b);
/* FROM (SELECT $1 AS json_data) ..., as pgrst_body with these columns. */
struct so_pg_typed {
    struct so_str name, type, default_sql;
    struct so_str from_json; /* the function that makes it of its JSON; n == 0: none is needed */
};
void so_pg_put_body(struct so_sqlb *b, const struct so_pg_typed *columns, size_t count, bool select, bool one,
                    bool defaults);
/* The body as JSON text, whatever it was. */
int so_pg_body_text(struct so_rest_plan *p, struct so_str *out) SO_MUST_CHECK;

/* pg_call.c */
void so_pg_put_call(struct so_sqlb *b);

/* pg_media.c: what the answer is, now that it is known what is asked. */
int so_pg_settle_media(struct so_rest_op *op) SO_MUST_CHECK;

/* pg_why.c: in a transaction that may write and is rolled back. */
struct so_why;
int so_pg_why(struct so_rest_op *op, struct so_conn *conn, struct so_why *out, struct so_err *err) SO_MUST_CHECK;

/* pg_session.c */
int so_pg_session(struct so_rest_op *op) SO_MUST_CHECK;

#endif
