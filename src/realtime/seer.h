/* seer.h: asks PostgreSQL's select policies about rows of the change log, under each subscriber's role and claims.
 *
 * A thread with a connection of its own, so that no event loop waits: socle.see() (model/logging_pg.h) answers a whole round
 * of questions at once.  While the database is away it tries again until it is back. Owns: thread and connection.   Threads:
 * any, but a round is its loop's before and after.   Limits: ASK_MS of seer.c. */
#ifndef SO_REALTIME_SEER_H
#define SO_REALTIME_SEER_H

#include "db/db.h"
#include "net/loop.h"

/* A change's rows as JSON; p == NULL: there is none.  Borrowed until done. */
struct so_seer_row {
    struct so_str old_row, new_row;
};

/* One viewer about rows of one table. */
struct so_seer_ask {
    struct so_str role, claims, schema, table, columns; /* columns: a JSON list of the names that are to be told */
    const size_t *rows;                                 /* positions in the round's */
    bool *old_seen, *new_seen;                          /* the answers, by position in `rows` */
    size_t count;
    struct so_err err; /* code != SO_OK: it could not be said */
};

struct so_seer_round {
    struct so_seer_row *rows;
    size_t row_count;
    struct so_seer_ask *asks;
    size_t ask_count;
    struct so_loop *loop;
    struct so_task done; /* posted to it */
    /* private: */
    struct so_seer_round *next;
};

struct so_seer;
int so_seer_open(struct so_db *db, struct so_seer **out, struct so_err *err) SO_MUST_CHECK;
void so_seer_close(struct so_seer *s); /* no round is under way; NULL is fine */
void so_seer_ask(struct so_seer *s, struct so_seer_round *round);
/* The round's loop ends.  True: it is the caller's again, and done will not be posted; false: it has been posted.  May wait
 * for the question that is being asked. */
bool so_seer_take_back(struct so_seer *s, struct so_seer_round *round);

#endif
