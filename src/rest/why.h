/* why.h: which policy lets a caller have which row, and on which values that hangs: `socle policy explain`.
 *
 * Asks the same policies over the same rows as the request would, in a statement that only reads: the rows that the request
 * names, whoever may see them, and for a write also the rows as they would become.
 * On PostgreSQL they are the policies of the database, whoever made them (pg_why.c), and a write is made and rolled back. */
#ifndef SO_REST_WHY_H
#define SO_REST_WHY_H

#include "rest/rest.h"

enum { SO_WHY_RULES_MAX = 256, SO_WHY_ROWS_MAX = 100 };

/* A policy's verdict on one row. */
struct so_why_rule {
    struct so_str policy;  /* "select" ... or "check"; on PostgreSQL its name */
    struct so_str command; /* PostgreSQL: of "select" ... that it decides about; n == 0: as the policy is called */
    struct so_str source;  /* as the schema file or the database has it; empty: there is none, which denies */
    bool of_new_row;       /* the row as it would become */
    bool allows;
    bool is_overruled;    /* it does not allow, but another of the command does, and one is enough (PostgreSQL) */
    struct so_str values; /* {"owner_id":"..."}: of the columns that the policy names, as JSON */
};
struct so_why_row {
    struct so_str key; /* {"isbn":"..."} */
    struct so_why_rule *rules;
    size_t rule_count;
    bool allowed; /* every rule allows; on PostgreSQL as its policies go together */
    struct so_why_row *next;
};
struct so_why {
    struct so_str resource; /* the table or function */
    bool is_function;
    bool may_call;  /* of a function */
    unsigned roles; /* ... that may */
    struct so_why_row *rows;
    size_t row_count, allowed_count;
    bool is_cut; /* there are more rows than SO_WHY_ROWS_MAX */
};

/* On a reader; on PostgreSQL in a transaction of the caller's that may write.  What the request gets wrong by itself is its
 * error, as so_rest_prepare() would say it. */
int so_rest_why(const struct so_rest_in *in, const struct so_snapshot *snapshot, const struct so_rest_settings *settings,
                struct so_conn *conn, struct so_arena *arena, struct so_why *out, struct so_err *err) SO_MUST_CHECK;

#endif
