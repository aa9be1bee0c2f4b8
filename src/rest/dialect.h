/* dialect.h: how a database spells things: one row each, so that code asks the row and never which database it is.
 * In templates $c is the column (or what a JSON path finds in it), $v the value's parameter, $p the path's; $t the table,
 * $k the row's primary key, $K its columns' names, $x the table's search index. */
#ifndef SO_REST_DIALECT_H
#define SO_REST_DIALECT_H

#include "db/type.h"
#include "rest/plan.h"
#include "rest/text.h"

struct so_dialect_operator {
    const char *sql;     /* a template; NULL: the database cannot */
    const char *missing; /* then: what it lacks */
    const char *exact;   /* used under "not" where sql says false of what should be unknown; NULL: sql will do */
    bool is_set;         /* the operand is an array or object in JSON */
    bool is_text;        /* the operand is text, whatever the column is */
    bool is_ordering;    /* compares greater and less */
    /* Turns the pattern as clients write it into the database's; NULL: no pattern.  False when memory ran out. */
    bool (*pattern)(struct so_arena *arena, struct so_str text, struct so_str *out);
    /* Makes the condition's value from the filter's text in a way of its own; NULL: value.c does. */
    int (*convert)(struct so_rest_plan *p, struct so_cond *c, const struct so_filter *f, struct so_str text);
};

struct so_rest_op;
struct so_dialect {
    const char *name;
    /* Names, types, values and privileges are the database's own affair: the plan passes them on as they were asked for, and
     * row policies are not put into the statement. */
    bool resolves_itself;
    int (*call_plan)(struct so_rest_plan *p, const struct so_request *request);
    int (*write_plan)(struct so_rest_plan *p);
    int (*make)(struct so_rest_op *op); /* the statements of a plan */
    int (*run)(struct so_rest_op *op, struct so_conn *conn, struct so_rest_out *out, struct so_buf *body,
               struct so_err *err);
    void (*root)(const struct so_rest_op *op, struct so_buf *body); /* the document at the root */
    struct so_dialect_operator operators[SO_OP_COUNT];
    const char *is[SO_IS_UNKNOWN + 1];
    /* A JSON path: its parameter's text, and what it finds as JSON, as text, and as a value that sorts. */
    bool (*json_path)(const struct so_json_step *steps, struct so_text *out);
    const char *path_json, *path_text, *path_value;
    /* A comparison of JSON with JSON: the operator and the value's side. */
    const char *json_operators[SO_OP_COUNT];
    const char *json_value;
    const char *casts[SO_TYPE_COUNT]; /* to the type; $c */
    const char *cast_boolean_text;
    const char *decimal_order; /* what makes a decimal's text compare by value; $c */
    const char *aggregates[SO_AGG_MIN + 1];
    bool nulls_are_smallest; /* NULL sorts before everything unless told otherwise */
    const char *object, *rows, *values;
    const char *explain;                 /* before a statement: how it would run, in rows (id, parent id, -, sentence) */
    const char *input_rows;              /* the body as a table with the column i */
    const char *input_value, *input_has; /* functions of (input, row, column) */
};

extern const struct so_dialect so_dialect_sqlite;
extern const struct so_dialect so_dialect_postgres;

/* PostgREST lets '*' stand for '%', which needs no escape in a URL. */
bool so_like_stars(struct so_arena *arena, struct so_str text, struct so_str *out);

/* search.c: convert of SQLite's full text operators. */
int so_search_convert(struct so_rest_plan *p, struct so_cond *c, const struct so_filter *f,
                      struct so_str text) SO_MUST_CHECK;

#endif
