/* sql_int.h: what sql.c (reads) and sql_write.c share: the statement being written. */
#ifndef SO_REST_SQL_INT_H
#define SO_REST_SQL_INT_H

#include "rest/dialect.h"
#include "rest/sql.h"

struct so_sqlb {
    struct so_text text;
    struct so_rest_plan *plan;
    const struct so_dialect *dialect;
    struct so_param *params;
    size_t count, cap;
    int base;
    int input; /* number of the body's parameter, 0 until it is used */
    int args;  /* the same of a function's arguments */
    int given; /* ... and of the rows that its statement returned */
    int nots;  /* around the condition that is being written */
};

void so_sqlb_start(struct so_sqlb *b, struct so_rest_plan *p);
int so_sqlb_finish(const struct so_sqlb *b, struct so_sql *out) SO_MUST_CHECK;
/* The parameter's number. */
int so_sqlb_add_param(struct so_sqlb *b, const struct so_param *param);
void so_sqlb_put_number(struct so_sqlb *b, int number);
void so_sqlb_put_shape(struct so_sqlb *b, const struct so_shape *shape);
/* sql_wide.c: the shape's parameter and its cells c0, c1, ...; more than a function takes are nested. */
void so_sqlb_put_cells(struct so_sqlb *b, const struct so_shape *shape);
/* The table, or what the policy leaves of it. */
void so_sqlb_put_guarded(struct so_sqlb *b, const struct so_entity *e, const struct so_policy *policy);
/* " WHERE " once, " AND " after that. */
void so_sqlb_put_and(struct so_sqlb *b, bool *first);
void so_sqlb_put_cond(struct so_sqlb *b, const struct so_node *node, const struct so_cond *c);
/* named: AS c0, c1, ... for the select around it. */
void so_sqlb_put_outs(struct so_sqlb *b, const struct so_node *node, bool named);

/* sql_write.c: the body as a table with the column i; what a write sets, of the row `row` of the body. */
void so_sqlb_put_input_rows(struct so_sqlb *b);
void so_sqlb_put_set_value(struct so_sqlb *b, const struct so_set *set, const char *row);

/* sql_call.c: what a function gives, as a table without a name. */
void so_sqlb_put_call(struct so_sqlb *b, const struct so_routine *r);

#endif
