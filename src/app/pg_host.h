/* pg_host.h: a loop's pool of PostgreSQL connections on libuv: its sockets and its alarm.
 * Owns: the pool and its handles.   Threads: the loop's; open and close before and after it runs. */
#ifndef SO_APP_PG_HOST_H
#define SO_APP_PG_HOST_H

#include "db/pg_pool.h"
#include "net/loop.h"

struct so_app_pg;
int so_app_pg_open(struct so_loop *loop, const struct so_pg_pool_options *options, struct so_app_pg **out,
                   struct so_err *err) SO_MUST_CHECK;
/* On the loop's thread, while it still runs: ends what waits and closes the handles.  NULL is fine. */
void so_app_pg_close(struct so_app_pg *pg);
/* As so_pg_submit(); all requests of one turn of the loop are sent together. */
int so_app_pg_submit(struct so_app_pg *pg, struct so_pg_request *r, struct so_err *err) SO_MUST_CHECK;
bool so_app_pg_is_up(const struct so_app_pg *pg);

#endif
