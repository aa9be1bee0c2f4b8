/* plan.h: a request resolved against the catalog, the schema files and the policies: what will be read or written, of which
 * tables and columns, under which conditions.  Says nothing in SQL.
 *
 *   embed.c    which relationship "books(...)" means        value.c   a filter's text as the column's stored form
 *   write.c    what a body sets, and what is checked         hint.c    "perhaps you meant"
 *
 * Owns: nothing; everything lives in the request's arena or in the snapshot.   Never: blocks. */
#ifndef SO_REST_PLAN_H
#define SO_REST_PLAN_H

#include "db/input.h"
#include "db/shape.h"
#include "rest/request.h"
#include "rest/snapshot.h"

/* A value that a statement is given. */
enum so_param_kind {
    SO_PARAM_NULL,
    SO_PARAM_INT,
    SO_PARAM_DOUBLE,
    SO_PARAM_TEXT,
    SO_PARAM_BLOB,
    SO_PARAM_SHAPE,
    SO_PARAM_INPUT
};
struct so_param {
    enum so_param_kind kind;
    union {
        int64_t i;
        double d;
        struct so_str text;  /* of TEXT and BLOB */
        const void *pointer; /* of SHAPE and INPUT */
    };
};

/* A column, or what a JSON path finds in it. */
struct so_expr {
    const struct so_entity_column *column; /* NULL: only the database knows it, a computed column (PostgreSQL) */
    const struct so_field_name *field;     /* as it was asked for */
    struct so_str path;                    /* in the database's words; p == NULL: the column itself */
    bool as_text;                          /* the path ends in "->>" */
};

struct so_node;

enum so_cond_kind { SO_COND_AND, SO_COND_OR, SO_COND_COMPARE, SO_COND_IS, SO_COND_EMBED };
struct so_cond {
    enum so_cond_kind kind;
    bool negated;
    enum so_op op; /* COMPARE; one value each, quantifiers are spread into AND and OR */
    enum so_is is;
    struct so_expr expr;
    struct so_param value;
    enum so_quantifier quantifier; /* where the database itself has any and all; list are its values */
    const struct so_name *list;
    struct so_str language;      /* of a full text search; p == NULL: the database's */
    bool as_json;                /* a comparison of JSON with JSON: data->a=eq.1 */
    const struct so_node *embed; /* EMBED: it has rows */
    struct so_cond *sub, *next;
};

struct so_sort {
    const struct so_node *related; /* order=rel(col); NULL for the node's own column */
    struct so_expr expr;
    bool descending;
    enum so_nulls nulls;
    struct so_sort *next;
};

enum so_out_kind {
    SO_OUT_EXPR,
    SO_OUT_STAR,   /* all of its columns, as the database has them */
    SO_OUT_COUNT,  /* count() of the rows */
    SO_OUT_EMBED,  /* an object or an array */
    SO_OUT_SPREAD, /* a column of an embedded resource in the parent's row: of a to-many one, an array */
};
struct so_out {
    enum so_out_kind kind;
    struct so_expr expr;
    enum so_aggregate aggregate;
    bool has_cast, has_aggregate_cast;
    enum so_type aggregate_cast;
    enum so_type cast, from;                      /* from: the type before the cast */
    struct so_str cast_name, aggregate_cast_name; /* as they were asked for; p == NULL: none */
    struct so_str alias;                          /* p == NULL: none */
    const struct so_node *child;
    const struct so_out *inner; /* SPREAD: the child's own */
    bool is_aggregate;          /* counts or sums over the node's rows, as what is spread from a to-one resource does */
    struct so_shape element;    /* SPREAD of a to-many resource: inner's field */
    struct so_field field;
    const struct so_out *next;
};

enum so_cardinality { SO_MANY_TO_ONE, SO_ONE_TO_ONE, SO_ONE_TO_MANY, SO_MANY_TO_MANY };
struct so_link {
    enum so_cardinality cardinality;
    const struct so_foreign_key *key; /* between the two; of MANY_TO_MANY, from the junction to the parent */
    const struct so_foreign_key *far; /* of MANY_TO_MANY: from the junction to the child */
    bool parent_holds_key;            /* key->from is the parent */
    const struct so_entity *from, *to;
    const struct so_entity *junction;
    const struct so_computed *computed; /* a function instead of a key; NULL: no */
};
static inline bool so_link_is_to_one(const struct so_link *l)
{
    return l->cardinality == SO_MANY_TO_ONE || l->cardinality == SO_ONE_TO_ONE;
}

/* One relation in the answer: the top, or an embedded one. */
struct so_node {
    const struct so_entity *entity;
    const struct so_proc *proc;       /* ... of PostgreSQL */
    const struct so_routine *routine; /* the top may be what a function gives; entity is then how its rows look */
    const struct so_policy *policy;   /* what a row must fulfil to be read */
    unsigned depth;                   /* 0: the top */
    bool keeps_domains;               /* its rows go to a function of theirs: values as they are (PostgreSQL) */
    bool expands_star;                /* an aggregate here or above asks for every column by name (PostgreSQL) */
    unsigned number;                  /* t0, t1, ...; the target of a write goes by its own name instead */
    bool is_target;
    const struct so_out *outs;
    struct so_shape shape; /* of outs */
    bool has_aggregates;
    struct so_cond *where; /* all must hold */
    struct so_sort *sorts;
    int64_t limit, offset; /* -1 and 0: none */
    /* below the top: */
    struct so_str name, alias; /* alias.p == NULL: none */
    struct so_link link;
    const struct so_policy *junction_policy;
    enum so_join join;
    bool is_spread;
    struct so_node *children, *next;
};

/* One column of the table that a write sets. */
struct so_set {
    const struct so_entity_column *column;
    int input;                 /* position in the input's columns; -1: always the default */
    struct so_str default_sql; /* for rows that leave it out; p == NULL: NULL */
    const struct so_set *next;
};

struct so_write {
    struct so_input input;
    const struct so_set *sets;
    enum so_resolution resolution;
    const struct so_entity_column *const *conflict; /* columns of the ON CONFLICT target */
    size_t conflict_count;
    bool missing_default;
    const struct so_policy *old_row[2];  /* what the row must fulfil before the write; ALLOW when nothing */
    const struct so_policy *new_row[3];  /* ... and after */
    const struct so_policy *changed_row; /* of an upsert that changes: what the row it leaves must fulfil */
    bool checks_new_row;                 /* some of them asks something */
    bool validates_new_row;
    bool returns_key; /* return=headers-only: Location */
    bool is_nothing;  /* an empty body: no statement at all */
};

struct so_dialect;
struct so_rest_plan {
    const struct so_request *request;
    const struct so_snapshot *snapshot;
    const struct so_identity *who;
    const struct so_rest_settings *settings;
    const struct so_dialect *dialect;
    const struct so_schema *schema; /* that the request names; NULL where there is but one */
    struct so_arena *arena;
    struct so_err *err;
    struct so_node top;
    unsigned node_count;
    bool needs_identity; /* some policy or default asks who the caller is */
    struct so_write write;
    struct so_input args;                  /* of a function: one row */
    struct so_input given;                 /* of a function that changes: what its statement returned, filled at run time */
    const struct so_json *rows;            /* of the body, each value of its column's type */
    const struct so_violation *violations; /* of the body; the request is refused */
    struct so_violation *violations_last;
};

/* `out` must stay where it is.  request, snapshot and who must outlive it. */
int so_rest_plan_make(const struct so_request *request, const struct so_snapshot *snapshot, const struct so_identity *who,
                      const struct so_rest_settings *settings, struct so_arena *arena, struct so_rest_plan *out,
                      struct so_err *err) SO_MUST_CHECK;

/* What messages call the schema. */
static inline struct so_str so_plan_schema(const struct so_rest_plan *p)
{
    return p->schema == NULL ? SO_STR("public") : p->schema->name;
}

/* ---- the parts ---- */

/* embed.c: PGRST200, PGRST201. */
int so_link_find(struct so_rest_plan *p, const struct so_entity *from, struct so_str target, struct so_str hint,
                 struct so_link *out) SO_MUST_CHECK;
/* expr.c: 42703; a path on what is no JSON: 42883. */
int so_expr_resolve(struct so_rest_plan *p, const struct so_entity *e, const struct so_field_name *field,
                    struct so_expr *out) SO_MUST_CHECK;
/* value.c: the condition's value in stored form; 22P02 when the text is none. */
int so_value_convert(struct so_rest_plan *p, struct so_cond *c, const struct so_filter *f, struct so_str text) SO_MUST_CHECK;
int so_value_convert_list(struct so_rest_plan *p, struct so_cond *c, const struct so_name *list) SO_MUST_CHECK;
/* typed.c: a text as the value that JSON would have brought for a column of `type`; what is none stays a text. */
int so_text_type(struct so_rest_plan *p, enum so_type type, struct so_json *value) SO_MUST_CHECK;
/* call.c: PGRST202, 42501, and the arguments. */
int so_call_plan(struct so_rest_plan *p, const struct so_request *request) SO_MUST_CHECK;
/* The arguments against the params of the function's file; what it finds is p->violations. */
int so_call_judge(struct so_rest_plan *p, const struct so_request *request, const struct so_function *f) SO_MUST_CHECK;
/* typed.c: p->rows of a body that is text, each value of its column's type. */
int so_rows_type(struct so_rest_plan *p) SO_MUST_CHECK;
/* pg_call.c: the same among PostgreSQL's functions; PGRST203, too. */
int so_pg_call_plan(struct so_rest_plan *p, const struct so_request *request) SO_MUST_CHECK;
/* pg_write.c: the columns that are set. */
int so_pg_write_plan(struct so_rest_plan *p) SO_MUST_CHECK;
/* write.c */
int so_write_plan(struct so_rest_plan *p) SO_MUST_CHECK;
/* hint.c: the readable table or column whose name is nearest; p == NULL when none is near. */
struct so_str so_hint_table(const struct so_rest_plan *p, struct so_str name);
/* PostgreSQL: the bit of the caller's role in known_to; whether it may know of a function. */
uint64_t so_plan_role_bit(const struct so_rest_plan *p);
bool so_proc_is_known(const struct so_rest_plan *p, const struct so_proc *f);
double so_similarity(struct so_str a, struct so_str b);

#endif
