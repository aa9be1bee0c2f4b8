/* pg_sql.h: our SQL's parameters as PostgreSQL's: ?1 and :name become $n.
 *
 *   ?N, $N   parameter N            :name   the number of its first use, counted on from the highest before it, as SQLite
 * does
 *
 * Literals ('..', E'..', $tag$..$tag$), quoted names, comments and casts (::type) stay as they are.  A bare ? is an operator
 * of jsonb, and a colon before a digit belongs to an array's slice.   Pure: no connection, no I/O.   Threads: any. */
#ifndef SO_DB_PG_SQL_H
#define SO_DB_PG_SQL_H

#include "core/buf.h"
#include "core/err.h"
#include "core/str.h"

enum { SO_PG_NAMES_MAX = 32, SO_PG_PARAMETERS_MAX = 65535 };

struct so_pg_name {
    struct so_str name; /* with its colon; borrowed from the source */
    int position;
};

struct so_pg_sql {
    struct so_buf text;
    int parameter_count;
    int name_count;
    struct so_pg_name names[SO_PG_NAMES_MAX];
    struct so_str verb; /* the first word; borrowed from the source */
};

/* out->text is the caller's to deinit, after a failure, too.
 * SO_EDB with id 42P02 for a number out of range, 54000 for too many names or a statement that is too long. */
int so_pg_sql_translate(struct so_str sql, struct so_pg_sql *out, struct so_err *err) SO_MUST_CHECK;
/* Refuses an empty statement (42601); those that would end or begin a transaction, which is who opened it's to do, or take
 * our prepared statements away (42501); and COPY, which a connection of ours cannot go on after (0A000). */
int so_pg_sql_check(const struct so_pg_sql *sql, struct so_err *err) SO_MUST_CHECK;
/* 0 when there is none of that name. */
int so_pg_sql_position(const struct so_pg_sql *sql, struct so_str name);

#endif
