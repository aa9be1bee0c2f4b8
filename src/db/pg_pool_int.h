/* pg_pool_int.h: what the files of the pool share.
 *
 *   pg_pool.c    the queue, which connection a request takes, deadlines, back-off
 *   pg_link.c    one connection: sends requests, reads their answers
 *   pg_flight.c  one request on its way: its statements, checks, commit
 *   pg_helper.c  the thread that may block */
#ifndef SO_DB_PG_POOL_INT_H
#define SO_DB_PG_POOL_INT_H

#include "db/pg_int.h"
#include "db/pg_pool.h"

struct so_pg_link;
struct so_pg_group;

/* ---- the helper thread (pg_helper.c) ---- */

struct so_pg_task {
    enum { SO_PG_TASK_CONNECT, SO_PG_TASK_CANCEL } kind;
    bool is_queued; /* the helper's, until it is done */
    const char *url;
    PGconn *pg;       /* out: CONNECTION_OK, or NULL with err */
    PGcancel *cancel; /* freed by the helper */
    struct so_err err;
    struct so_pg_task *next;
};

struct so_pg_helper {
    pthread_t thread;
    bool is_running;
    int wake[2]; /* a pipe: the loop watches [0] */
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* under the lock: */
    struct so_pg_task *todo, **todo_tail, *finished;
    bool is_closing;
};

int so_pg_helper_open(struct so_pg_helper *h, struct so_err *err) SO_MUST_CHECK;
void so_pg_helper_close(struct so_pg_helper *h); /* tasks that wait are dropped, what runs is waited for */
void so_pg_helper_put(struct so_pg_helper *h, struct so_pg_task *task);
struct so_pg_task *so_pg_helper_take(struct so_pg_helper *h); /* all that is finished, linked by next; empties the pipe */

/* ---- a connection (pg_link.c) ---- */

/* A statement that a connection knows. */
struct so_pg_known {
    struct so_lru_item item;
    struct so_pg_sql sql;
    uint64_t id;      /* of its name on the server */
    bool is_prepared; /* or will be, when what was sent is read */
    size_t uses;      /* in flights */
    char key[];
};

enum so_pg_link_state { SO_PG_LINK_OFF, SO_PG_LINK_CONNECTING, SO_PG_LINK_UP };

struct so_pg_link {
    struct so_pg_group *group;
    struct so_pg_pool *pool;
    enum so_pg_link_state state;
    unsigned slot;
    PGconn *pg;
    unsigned events; /* that are watched */
    bool is_dirty;   /* something was put into libpq's buffer and not flushed */
    bool is_lost;
    struct so_pg_flight *first, **last; /* sent, in this order */
    size_t in_flight;
    struct so_pg_flight *holder; /* its transaction is open: nothing else may be sent */
    int64_t head_since;          /* when the first flight became the first */
    int64_t cancelled_at;        /* the first flight; 0: not */
    int64_t last_cancel_at;      /* any: it may have hit the wrong one */
    uint64_t last_id;
    struct so_lru known;
    struct so_pg_task connect, cancel;
};

/* ---- a request on its way (pg_flight.c) ---- */

enum so_pg_step_kind { SO_PG_STEP_PREPARE, SO_PG_STEP_QUERY, SO_PG_STEP_CONTROL };
enum so_pg_phase { SO_PG_RUNNING, SO_PG_WAITING, SO_PG_ENDING };
enum { SO_PG_TRIES = 4 }; /* how often a request is sent, at most */
enum { SO_PG_STEPS_MAX = 2 * SO_PG_QUERIES_MAX + 2 };

struct so_pg_flight {
    struct so_pg_request *request; /* NULL: nobody waits for it (DEALLOCATE, ROLLBACK) */
    struct so_pg_flight *next;
    enum so_pg_phase phase;
    bool has_failed;   /* in this phase; request->err says how */
    bool may_repeat;   /* it failed for a reason that is not its own */
    bool was_extended; /* by SO_PG_MORE: its first statements are not known any more */
    size_t step, step_count;
    struct {
        enum so_pg_step_kind kind;
        size_t query;
        struct so_pg_known *known;
        uint64_t id; /* its name when this was sent */
    } steps[SO_PG_STEPS_MAX];
    struct so_pg_rows rows[SO_PG_QUERIES_MAX];
};

/* Statements without a request, in a transaction of their own: ROLLBACK, DEALLOCATE. */
void so_pg_link_send_control(struct so_pg_link *link, const char *sql);
/* The next statements of a flight that is on its way.  Not SO_OK: nothing was sent. */
int so_pg_link_send_queries(struct so_pg_link *link, struct so_pg_flight *flight, struct so_err *err) SO_MUST_CHECK;
/* COMMIT, for the holder. */
void so_pg_link_send_commit(struct so_pg_link *link, struct so_pg_flight *flight);
struct so_pg_flight *so_pg_link_pop(struct so_pg_link *link);
/* Sends what the request wants.  Not SO_OK: nothing was sent, and err says why; a connection that turns out to be lost is
 * not such an error (link->is_lost). */
int so_pg_link_send(struct so_pg_link *link, struct so_pg_request *r, struct so_err *err) SO_MUST_CHECK;
/* A verdict about the holder, which was waited for or just given. */
void so_pg_flight_go_on(struct so_pg_link *link, enum so_pg_verdict verdict, const struct so_err *why);
/* What the server has said. */
void so_pg_link_read(struct so_pg_link *link);
void so_pg_link_flush(struct so_pg_link *link);
/* With a connection that the helper made. */
void so_pg_link_up(struct so_pg_link *link, PGconn *pg);
/* Drops the connection; its flights fail, or go back to the queue. */
void so_pg_link_down(struct so_pg_link *link, int code, const struct so_err *why);
void so_pg_link_deinit(struct so_pg_link *link);

struct so_pg_flight *so_pg_flight_take(struct so_pg_pool *pool); /* NULL: no memory */
void so_pg_flight_give(struct so_pg_pool *pool, struct so_pg_flight *flight);
/* The first flight of the link got one result, or NULL for the end of a statement's. */
void so_pg_flight_result(struct so_pg_link *link, PGresult *result);

/* ---- the pool (pg_pool.c) ---- */

struct so_pg_group {
    struct so_pg_pool *pool;
    char *url;
    struct so_pg_link *links;
    unsigned link_count;
    struct so_pg_request *head, **tail; /* wait */
    size_t queued;
    unsigned failures; /* connections that could not be made, in a row */
    int64_t retry_at;  /* 0: at any time */
    struct so_err why; /* of the last failure */
};

struct so_pg_pool {
    struct so_pg_pool_options options;
    const struct so_pg_host *host;
    struct so_pg_group groups[2]; /* [1]: where reads go, if they go elsewhere */
    unsigned group_count;
    struct so_pg_helper helper;
    struct so_pg_request *refused; /* could not be sent, and have not been told */
    struct so_pg_flight *spare;
    struct so_arena scratch; /* values on their way into libpq's buffer */
    bool is_corked, is_working, is_closing;
    int64_t alarm_at;
    struct so_pg_pool_stats stats;
};

/* Back to the front of the queue. */
void so_pg_requeue(struct so_pg_group *group, struct so_pg_request *r);
/* The request is the caller's again; without an error in it, `why` is. */
void so_pg_finish(struct so_pg_request *r, int rc, const struct so_err *why);
void so_pg_alarm_by(struct so_pg_pool *pool, int64_t when);

#endif
