/* pg_pool.h: PostgreSQL for one event loop: a few connections in libpq's pipeline mode, shared by many requests.
 *
 *   so_pg_submit():  queue -> the best connection -> [prepare what is new] statements, Sync -> answers -> done()
 *
 * A request is a short list of statements that succeed or fail together, sent in one round trip.  Each ends in a Sync of its
 * own, so a failure touches no other request in the same pipeline.  Nothing here blocks: connecting (names, TLS, passwords)
 * and cancelling is done by a helper thread. Owns: its connections and the helper thread.   Threads: the loop's;
 * so_pg_pool_close(), too. Callbacks (check, done) may submit further requests, but not close the pool.   (LISTEN is
 * pg_listen.h.) */
#ifndef SO_DB_PG_POOL_H
#define SO_DB_PG_POOL_H

#include "db/db.h"

struct so_pg_pool;

/* ---- the event loop below ---- */

enum { SO_PG_READ = 1, SO_PG_WRITE = 2 };

struct so_pg_host {
    void *arg;
    /* From now on call so_pg_pool_ready(pool, slot, what) whenever `fd` is ready for one of `events`; 0: not any more, and
     * the descriptor may be closed right after.  Slots count from 0 to so_pg_pool_slots() - 1, one descriptor each at a
     * time. */
    int (*watch)(void *arg, unsigned slot, int fd, unsigned events, struct so_err *err);
    /* From now on call so_pg_pool_tick() once, at `mono_ns` on so_clock_mono_ns()'s scale, in place of any earlier time;
     * INT64_MAX: never. */
    void (*alarm)(void *arg, int64_t mono_ns);
};

struct so_pg_pool_options {
    const char *url;
    const char *read_url; /* where requests that only read go (replicas: target_session_attrs=prefer-standby); NULL: `url` */
    unsigned connections; /* at most, per URL; 0 means 16.  They are opened as they are needed; reads share half of them */
    unsigned pipeline_max; /* requests sent on one connection and not answered; 0 means 32 */
    size_t queue_max;      /* requests that wait for a connection; 0 means 4096; beyond it SO_EBUSY */
    unsigned prepared_max; /* statements that a connection keeps; 0 means 256 */
    bool unprepared;       /* no prepared statements: for a pooler in transaction mode (pgbouncer) */
};

/* The strings of `options` are copied, `host` must outlive the pool.  The server need not be there. */
int so_pg_pool_open(const struct so_pg_pool_options *options, const struct so_pg_host *host, struct so_pg_pool **out,
                    struct so_err *err) SO_MUST_CHECK;
/* Every request that is not done is ended with SO_ECLOSED.  NULL is fine.  Waits for a connection that is being made. */
void so_pg_pool_close(struct so_pg_pool *pool);
unsigned so_pg_pool_slots(const struct so_pg_pool_options *options);
void so_pg_pool_ready(struct so_pg_pool *pool, unsigned slot, unsigned events);
void so_pg_pool_tick(struct so_pg_pool *pool);

/* Between the two, requests are queued and written to the sockets together at the end: once for all that a turn of the loop
 * brought.  They do not nest. */
void so_pg_pool_cork(struct so_pg_pool *pool);
void so_pg_pool_uncork(struct so_pg_pool *pool);

/* ---- requests ---- */

enum { SO_PG_QUERIES_MAX = 8 };

/* One statement.  Parameters as in so_conn_prepare(): ?1, $1, :name (which takes the next number). */
struct so_pg_query {
    struct so_str sql;           /* its text is the key under which it is prepared: keep values out of it */
    const struct so_str *values; /* each as text, without a type; p == NULL: null; no NUL inside */
    size_t value_count;
};

enum so_pg_verdict {
    SO_PG_COMMIT,
    SO_PG_ROLLBACK, /* done() then has err's code */
    SO_PG_MORE,     /* r->queries was replaced: run these in the same transaction, then check again */
    SO_PG_WAIT      /* nothing yet: so_pg_resume() will tell; the connection is held meanwhile, until the deadline */
};

struct so_pg_request {
    /* The caller's, all of it unchanged until done(): */
    const struct so_pg_query *queries; /* one transaction; the statements of a transaction are not among them */
    size_t query_count;                /* 1 .. SO_PG_QUERIES_MAX */
    int64_t deadline;                  /* on so_clock_mono_ns()'s scale; INT64_MAX: none */
    bool reads; /* changes nothing: may go to a replica, and is sent again when its connection is lost */
    /* NULL: commits by itself, in the one round trip.  Else, when every statement succeeded, says what to do; the answers
     * can be read.  ROLLBACK needs `err`. */
    enum so_pg_verdict (*check)(struct so_pg_request *r, struct so_err *err);
    /* Once, after the commit or the failure.  The request is the caller's again, and may be gone when it returns. */
    void (*done)(struct so_pg_request *r);

    /* The outcome, for check() and done(): */
    int rc;
    struct so_err err;
    size_t failed;                              /* the statement that did, from 0 */
    struct so_stmt *answers[SO_PG_QUERIES_MAX]; /* of each statement, its rows all there; the pool's, until done() returns */

    /* private: */
    struct so_pg_request *next;
    struct so_pg_flight *flight; /* NULL: not sent */
    unsigned tries;
};

/* Takes the request; done() is not called from within.  SO_EBUSY (503) when too many wait, SO_EDB with 08001 (503) while the
 * server cannot be reached, SO_EINVAL for too many statements. */
int so_pg_submit(struct so_pg_pool *pool, struct so_pg_request *r, struct so_err *err) SO_MUST_CHECK;
/* For a request whose check() said SO_PG_WAIT; `why` is for SO_PG_ROLLBACK, which calls done() from within.  Not from
 * check(). */
void so_pg_resume(struct so_pg_pool *pool, struct so_pg_request *r, enum so_pg_verdict verdict, const struct so_err *why);

struct so_pg_pool_stats {
    unsigned connections; /* that are up */
    size_t queued, in_flight;
    uint64_t requests, round_trips, reconnects, retries;
};
void so_pg_pool_get_stats(const struct so_pg_pool *pool, struct so_pg_pool_stats *out);
/* A connection to `url` is up, or none was needed yet: for readiness. */
bool so_pg_pool_is_up(const struct so_pg_pool *pool);

#endif
