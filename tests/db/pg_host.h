/* pg_host.h: the smallest event loop that a pool can live on: poll(), one alarm. */
#ifndef SO_TESTS_DB_PG_HOST_H
#define SO_TESTS_DB_PG_HOST_H

#include <poll.h>

#include "core/clock.h"
#include "db/pg_pool.h"

enum { HOST_SLOTS = 160 };

struct host {
    struct so_pg_host host;
    struct pollfd fds[HOST_SLOTS];
    int64_t alarm_at;
    int fail_watches; /* the next ones fail */
};

static inline int host_watch(void *arg, unsigned slot, int fd, unsigned events, struct so_err *err)
{
    struct host *h = arg;
    if (h->fail_watches > 0 && events != 0) {
        h->fail_watches--;
        return so_fail(err, SO_EIO, "no more descriptors");
    }
    h->fds[slot].fd = events == 0 ? -1 : fd;
    h->fds[slot].events = (short)((events & SO_PG_READ ? POLLIN : 0) | (events & SO_PG_WRITE ? POLLOUT : 0));
    return SO_OK;
}

static inline void host_alarm(void *arg, int64_t mono_ns) { ((struct host *)arg)->alarm_at = mono_ns; }

static inline void host_init(struct host *h)
{
    *h = (struct host){.host = {h, host_watch, host_alarm}, .alarm_at = INT64_MAX};
    for (size_t i = 0; i < HOST_SLOTS; i++)
        h->fds[i].fd = -1;
}

/* One turn: waits for something, at most a second. */
static inline void host_turn(struct host *h, struct so_pg_pool *pool, unsigned slots)
{
    int64_t left = h->alarm_at == INT64_MAX ? 1000 : (h->alarm_at - so_clock_mono_ns() + 999999) / 1000000;
    poll(h->fds, slots, left < 0 ? 0 : left > 1000 ? 1000 : (int)left);
    if (h->alarm_at <= so_clock_mono_ns()) {
        h->alarm_at = INT64_MAX;
        so_pg_pool_tick(pool);
    }
    for (unsigned i = 0; i < slots; i++) {
        short got = h->fds[i].fd < 0 ? 0 : h->fds[i].revents;
        unsigned events = (got & (POLLIN | POLLHUP | POLLERR) ? SO_PG_READ : 0U) | (got & POLLOUT ? SO_PG_WRITE : 0U);
        if (events != 0)
            so_pg_pool_ready(pool, i, events);
    }
}

#endif
