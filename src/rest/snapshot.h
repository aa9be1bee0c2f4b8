/* snapshot.h: the catalog and the model joined, once, so that a request finds all of a table with one look-up.
 * Owns: the joined entries.   Borrows: the snapshot's catalog and model.   Threads: never changes. */
#ifndef SO_REST_SNAPSHOT_H
#define SO_REST_SNAPSHOT_H

#include "db/shape.h"
#include "rest/rest.h"

struct so_entity_column {
    const struct so_column *column;
    const struct so_field_rule *rule; /* NULL when no schema file speaks of it */
    struct so_field field;            /* how it is written into an answer */
    struct so_str quoted;             /* "name", as SQL has it */
};

struct so_entity {
    const struct so_relation *relation;
    const struct so_table *table;           /* NULL when there is no schema file: closed to all but the service role */
    const struct so_entity_column *columns; /* relation->column_count, by position */
    bool guards_itself;                     /* the database has row policies of its own (PostgreSQL) */
    struct so_shape row;                    /* every column by position: the row that the schema file judges */
};

/* A function, with what it reads joined to the tables. */
struct so_routine {
    const struct so_function *function;
    const struct so_entity *entity;        /* how its rows look: a table, or columns of its own; NULL for void */
    const struct so_entity *const *guards; /* of an invoker's: the relations that its statement names */
    size_t guard_count;
};
const struct so_routine *so_snapshot_function(const struct so_snapshot *s, struct so_str name);
bool so_routine_may(const struct so_routine *r, const struct so_identity *who); /* call it */
const struct so_policy *so_policy_allow(void);

/* Relations of Socle's own are not found. */
const struct so_entity *so_snapshot_find(const struct so_snapshot *s, struct so_str name);
/* In a schema; NULL: there is but one. */
const struct so_entity *so_snapshot_find_in(const struct so_snapshot *s, const struct so_schema *schema, struct so_str name);
/* Of a relation of the catalog; NULL when it is not served. */
const struct so_entity *so_snapshot_entity(const struct so_snapshot *s, const struct so_relation *relation);
struct so_dialect;
const struct so_dialect *so_snapshot_dialect(const struct so_snapshot *s);
/* A column of it is hidden from the caller. */
bool so_entity_hides(const struct so_entity *e, const struct so_identity *who);
/* NULL when there is no such column, or the caller may not know of it (writeOnly). */
const struct so_entity_column *so_entity_column(const struct so_entity *e, struct so_str name,
                                                const struct so_identity *who);
static inline bool so_entity_column_hidden(const struct so_entity_column *c, const struct so_identity *who)
{
    return c->rule != NULL && c->rule->write_only && who->role != SO_ROLE_SERVICE;
}
/* What guards `command` for this caller: ALLOW for the service role, DENY without a schema file. */
const struct so_policy *so_entity_policy(const struct so_entity *e, enum so_command command, const struct so_identity *who);
/* What the new row must fulfil: ALLOW when nothing is asked. */
const struct so_policy *so_entity_check(const struct so_entity *e, const struct so_identity *who);

/* The schema file says that it is exact: "format": "decimal". */
static inline bool so_entity_column_is_decimal(const struct so_entity_column *c)
{
    return c->rule != NULL && c->rule->type == SO_TYPE_DECIMAL;
}

#endif
