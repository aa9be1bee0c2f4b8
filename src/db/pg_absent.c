/* pg_absent.c: the pool and the listener of a build without PostgreSQL: there are none.  so_db_open() has refused such a URL
 * before. */
#include "db/pg_listen.h"
#include "db/pg_pool.h"

unsigned so_pg_pool_slots(const struct so_pg_pool_options *options)
{
    (void)options;
    return 1;
}

int so_pg_pool_open(const struct so_pg_pool_options *options, const struct so_pg_host *host, struct so_pg_pool **out,
                    struct so_err *err)
{
    (void)options;
    (void)host;
    (void)out;
    return so_fail(err, SO_EINVAL, "this build has no PostgreSQL");
}

int so_pg_submit(struct so_pg_pool *pool, struct so_pg_request *r, struct so_err *err)
{
    (void)pool;
    (void)r;
    return so_fail(err, SO_EINVAL, "this build has no PostgreSQL");
}

bool so_pg_pool_is_up(const struct so_pg_pool *pool)
{
    (void)pool;
    return false;
}

void so_pg_pool_close(struct so_pg_pool *pool) { (void)pool; }
void so_pg_pool_tick(struct so_pg_pool *pool) { (void)pool; }
void so_pg_pool_cork(struct so_pg_pool *pool) { (void)pool; }
void so_pg_pool_uncork(struct so_pg_pool *pool) { (void)pool; }

void so_pg_pool_ready(struct so_pg_pool *pool, unsigned slot, unsigned events)
{
    (void)pool;
    (void)slot;
    (void)events;
}

int so_pg_listener_open(const struct so_pg_listen_options *options, struct so_pg_listener **out, struct so_err *err)
{
    (void)options;
    (void)out;
    return so_fail(err, SO_EINVAL, "this build has no PostgreSQL");
}

void so_pg_listener_close(struct so_pg_listener *l) { (void)l; }
