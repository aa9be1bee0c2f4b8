/* pg_model.h: what the files share that make a PostgreSQL database fit the schema files.
 *
 *   ddl_pg.c     columns, tables and indexes in PostgreSQL's words
 *   ground_pg.c  what must be there before any table: roles, auth.uid() & co, Socle's own schema
 *   alter_pg.c   what a table's columns and keys lack
 *   access_pg.c  x-policies as row-level security, and privileges
 *   triggers_pg.c  the change log's triggers
 *   routine_pg.c functions/NAME.sql as functions of the database
 *   plan_pg.c    the steps in their order
 *   apply_pg.c   running them, and the book
 *
 * PostgreSQL rewrites every expression that it is given, so what it shows cannot be compared with what a file says.  What
 * Socle made is therefore noted, word by word, in a book: socle.objects.  An object (a policy, an index, a function ...)
 * whose words in the book are those of the plan is left alone; else it is dropped by the words of the book and made anew. */
#ifndef SO_MODEL_PG_MODEL_H
#define SO_MODEL_PG_MODEL_H

#include "model/plan.h"

/* Something that is dropped and made as a whole, besides tables, columns and foreign keys. */
struct so_pg_object {
    struct so_str kind;  /* "index", "search", "access", "logging", "function": a row of DEFINERS in plan_pg.c */
    struct so_str table; /* whose it is; empty: nobody's */
    struct so_str name;  /* unique among its kind */
    struct so_str make;  /* SQL */
    struct so_str drop;  /* SQL that does no harm where it is not there */
    struct so_str summary;
    bool inherent; /* another step makes it, too: it needs none of its own when it is new */
};

struct so_pg_planner {
    struct so_planner base;       /* first: the steps, and how tables continue those of the database */
    struct so_str schema;         /* where the tables are */
    struct so_map book;           /* "kind name" -> struct so_pg_object, as it was made */
    bool has_book;                /* Socle has been here; of the book, base.own are the tables that it made */
    struct so_map guards;         /* table -> "t2": row-level security is on, and how many policies of ours there are */
    struct so_pg_object *objects; /* that should be there */
    size_t object_count, object_cap;
    bool unsettled; /* columns change or go that policies may speak of: all are made anew */
};

/* The object as the book has it, or NULL. */
const struct so_pg_object *so_pg_in_book(const struct so_pg_planner *p, const char *kind, struct so_str name);
/* Adds an object that should be there; texts are copied. */
int so_pg_want(struct so_pg_planner *p, const struct so_pg_object *object) SO_MUST_CHECK;
/* A step with these words; `loss` may be NULL.  Its parts are copied. */
int so_pg_step(struct so_pg_planner *p, enum so_step_kind kind, struct so_str table, struct so_str summary,
               const struct so_buf *sql, const struct so_buf *loss) SO_MUST_CHECK;

/* ddl_pg.c */
const char *so_pg_type(enum so_type type);                                              /* "timestamp with time zone" */
bool so_pg_is_counter(const struct so_table *table, const struct so_field_rule *field); /* an identity column */
void so_pg_put_column(struct so_buf *b, const struct so_table *table, const struct so_field_rule *field);
void so_pg_put_create(struct so_buf *b, const struct so_table *table);
/* ALTER TABLE t ADD CONSTRAINT t_c_fkey ... */
void so_pg_put_reference(struct so_buf *b, const struct so_table *table, const struct so_field_rule *field);
void so_pg_put_names(struct so_buf *b, const struct so_str *names, size_t count);
/* Indexes, unique constraints, search indexes. */
int so_pg_want_indexes(struct so_pg_planner *p, const struct so_table *table) SO_MUST_CHECK;
int so_pg_want_search(struct so_pg_planner *p, const struct so_table *table) SO_MUST_CHECK;

/* ground_pg.c: a step for what is missing.  SO_EDENIED, with the SQL that an administrator must run, when we may not. */
int so_pg_plan_ground(struct so_pg_planner *p) SO_MUST_CHECK;

/* alter_pg.c: whether columns change their type or go. */
bool so_pg_unsettles(const struct so_table_diff *d);
int so_pg_want_defaults(struct so_pg_planner *p, const struct so_table_diff *d) SO_MUST_CHECK;
/* A step for each difference of a table that is there; foreign keys come when every table is. */
int so_pg_plan_alter(struct so_pg_planner *p, const struct so_table_diff *d) SO_MUST_CHECK;
int so_pg_plan_references(struct so_pg_planner *p, const struct so_table_diff *d) SO_MUST_CHECK;

/* access_pg.c */
int so_pg_want_access(struct so_pg_planner *p, const struct so_table *table) SO_MUST_CHECK;
/* What p->guards should say of the table. */
struct so_str so_pg_guard(struct so_arena *arena, const struct so_table *table);

/* triggers_pg.c: the change log's triggers. */
int so_pg_want_logging(struct so_pg_planner *p, const struct so_table *table) SO_MUST_CHECK;

/* routine_pg.c */
int so_pg_want_functions(struct so_pg_planner *p) SO_MUST_CHECK;

/* plan_pg.c and apply_pg.c: so_migrate_plan() and so_migrate_apply() of a PostgreSQL catalog. */
int so_pg_migrate_plan(const struct so_model *model, const struct so_catalog *catalog, struct so_conn *conn,
                       struct so_arena *arena, struct so_plan *out, struct so_err *err) SO_MUST_CHECK;
int so_pg_migrate_apply(const struct so_plan *plan, struct so_conn *conn, struct so_err *err) SO_MUST_CHECK;

#endif
