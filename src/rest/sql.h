/* sql.h: a plan as one statement.  The text depends on the shape of the request only; what a client chose is a parameter, so
 * that the connection's statement cache finds it again.   Errors: SO_ENOMEM when the arena's limit was met. */
#ifndef SO_REST_SQL_H
#define SO_REST_SQL_H

#include "rest/plan.h"

struct so_sql {
    struct so_str text;
    const struct so_param *params; /* the first one is number base + 1 */
    size_t param_count;
    int base; /* parameters before ours: those of the identity */
};

/* SELECT of the top node's outputs. */
int so_sql_read(struct so_rest_plan *p, struct so_sql *out) SO_MUST_CHECK;
/* SELECT of how many rows that would be without limit and offset. */
int so_sql_count(struct so_rest_plan *p, struct so_sql *out) SO_MUST_CHECK;

/* Where the parts of a RETURNING row are; -1: not there.  The outputs, when they are there, come first. */
struct so_sql_layout {
    bool has_outs;
    int check; /* 1 when the new row may be */
    int row;   /* the whole row, by position */
    int key;   /* the primary key's columns */
};
int so_sql_write(struct so_rest_plan *p, struct so_sql *out, struct so_sql_layout *out_layout) SO_MUST_CHECK;
/* SELECT of how many rows of the body are there already; text.p == NULL: none can be. */
int so_sql_existing(struct so_rest_plan *p, struct so_sql *out) SO_MUST_CHECK;

/* sql_call.c: the statement alone of a function that changes rows or gives none. */
int so_sql_call(struct so_rest_plan *p, struct so_sql *out) SO_MUST_CHECK;

#endif
