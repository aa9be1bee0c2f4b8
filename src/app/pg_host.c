/* pg_host.c: what the pool asks of its event loop (db/pg_pool.h: struct so_pg_host), by uv_poll and one uv_timer.
 *
 * A socket may be closed as soon as nobody watches it, and another one may then get its number.  So each watch is a handle
 * of its own: the old one is stopped at once and closed when libuv gets to it. Requests of one turn of the loop are sent
 * together: the first one corks the pool, uv_check, which libuv calls when all sockets were read, uncorks it. */
#include "app/pg_host.h"

#include <uv.h>

#include "core/clock.h"
#include "core/mem.h"

struct watch {
    uv_poll_t poll;
    struct so_app_pg *pg;
    unsigned slot;
    int fd;
};

struct so_app_pg {
    struct so_pg_pool *pool;
    struct so_pg_host host;
    uv_loop_t *uv;
    uv_timer_t timer;
    uv_check_t turn_end;
    bool is_corked;
    struct watch **watches; /* by slot; NULL: nothing to watch */
    unsigned slots;
    unsigned handles; /* that libuv has not given back */
    bool is_closing;
};

static void maybe_free(struct so_app_pg *pg)
{
    if (!pg->is_closing || pg->handles > 0)
        return;
    so_free(pg->watches);
    so_free(pg);
}

/* ---- turns of the loop ---- */

static void on_turn_end(uv_check_t *check)
{
    struct so_app_pg *pg = SO_CONTAINER_OF(check, struct so_app_pg, turn_end);
    pg->is_corked = false;
    uv_check_stop(check);
    so_pg_pool_uncork(pg->pool);
}

static void cork(struct so_app_pg *pg)
{
    if (pg->is_corked)
        return;
    pg->is_corked = true;
    so_pg_pool_cork(pg->pool);
    uv_check_start(&pg->turn_end, on_turn_end);
}

int so_app_pg_submit(struct so_app_pg *pg, struct so_pg_request *r, struct so_err *err)
{
    cork(pg);
    return so_pg_submit(pg->pool, r, err);
}

bool so_app_pg_is_up(const struct so_app_pg *pg) { return so_pg_pool_is_up(pg->pool); }

/* ---- sockets ---- */

static void watch_closed(uv_handle_t *handle)
{
    struct watch *w = SO_CONTAINER_OF((uv_poll_t *)(void *)handle, struct watch, poll);
    struct so_app_pg *pg = w->pg;
    so_free(w);
    pg->handles--;
    maybe_free(pg);
}

static void unwatch(struct so_app_pg *pg, unsigned slot)
{
    struct watch *w = pg->watches[slot];
    if (w == NULL)
        return;
    pg->watches[slot] = NULL;
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, watch_closed);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *w = SO_CONTAINER_OF(poll, struct watch, poll);
    unsigned what = status < 0 ? SO_PG_READ | SO_PG_WRITE : 0; /* an error shows when it is read or written */
    what |= (events & UV_READABLE) != 0 ? SO_PG_READ : 0;
    what |= (events & UV_WRITABLE) != 0 ? SO_PG_WRITE : 0;
    cork(w->pg);
    so_pg_pool_ready(w->pg->pool, w->slot, what);
}

static int start_watch(struct so_app_pg *pg, unsigned slot, int fd, struct so_err *err)
{
    struct watch *w = so_calloc(1, sizeof(*w));
    if (w == NULL)
        return so_err_oom(err);
    w->pg = pg;
    w->slot = slot;
    w->fd = fd;
    int failed = uv_poll_init(pg->uv, &w->poll, fd);
    if (failed != 0) {
        so_free(w);
        return so_fail(err, SO_EIO, "the database's socket cannot be watched: %s", uv_strerror(failed));
    }
    uv_unref((uv_handle_t *)&w->poll); /* an idle pool does not keep a loop going; a request under way does */
    pg->handles++;
    pg->watches[slot] = w;
    return SO_OK;
}

static int watch(void *arg, unsigned slot, int fd, unsigned events, struct so_err *err)
{
    struct so_app_pg *pg = arg;
    struct watch *w = pg->watches[slot];
    if (events == 0 || (w != NULL && w->fd != fd))
        unwatch(pg, slot);
    if (events == 0)
        return SO_OK;
    int rc = pg->watches[slot] == NULL ? start_watch(pg, slot, fd, err) : SO_OK;
    if (rc != SO_OK)
        return rc;
    int wanted = ((events & SO_PG_READ) != 0 ? UV_READABLE : 0) | ((events & SO_PG_WRITE) != 0 ? UV_WRITABLE : 0);
    int failed = uv_poll_start(&pg->watches[slot]->poll, wanted, on_ready);
    return failed == 0 ? SO_OK : so_fail(err, SO_EIO, "the database's socket cannot be watched: %s", uv_strerror(failed));
}

/* ---- the alarm ---- */

static void on_alarm(uv_timer_t *timer) { so_pg_pool_tick(SO_CONTAINER_OF(timer, struct so_app_pg, timer)->pool); }

static void alarm_at(void *arg, int64_t mono_ns)
{
    struct so_app_pg *pg = arg;
    if (mono_ns == INT64_MAX) {
        uv_timer_stop(&pg->timer);
        return;
    }
    int64_t ns = mono_ns - so_clock_mono_ns();
    uv_update_time(pg->uv); /* a timer counts from the turn's time, which may be old */
    uv_timer_start(&pg->timer, on_alarm, ns <= 0 ? 0 : (uint64_t)(ns / 1000000 + 1), 0);
}

/* ---- open and close ---- */

int so_app_pg_open(struct so_loop *loop, const struct so_pg_pool_options *options, struct so_app_pg **out,
                   struct so_err *err)
{
    struct so_app_pg *pg = so_calloc(1, sizeof(*pg));
    if (pg == NULL)
        return so_err_oom(err);
    pg->uv = so_loop_uv(loop);
    pg->slots = so_pg_pool_slots(options);
    pg->watches = so_calloc(pg->slots, sizeof(pg->watches[0]));
    pg->host = (struct so_pg_host){.arg = pg, .watch = watch, .alarm = alarm_at};
    int rc = pg->watches == NULL ? so_err_oom(err) : SO_OK;
    if (rc == SO_OK) {
        uv_timer_init(pg->uv, &pg->timer);
        uv_unref((uv_handle_t *)&pg->timer);
        uv_check_init(pg->uv, &pg->turn_end);
        uv_unref((uv_handle_t *)&pg->turn_end);
        pg->handles += 2;
        rc = so_pg_pool_open(options, &pg->host, &pg->pool, err);
    }
    if (rc != SO_OK) {
        so_app_pg_close(pg);
        return rc;
    }
    *out = pg;
    return SO_OK;
}

static void timer_closed(uv_handle_t *handle)
{
    struct so_app_pg *pg = SO_CONTAINER_OF((uv_timer_t *)(void *)handle, struct so_app_pg, timer);
    pg->handles--;
    maybe_free(pg);
}

static void turn_end_closed(uv_handle_t *handle)
{
    struct so_app_pg *pg = SO_CONTAINER_OF((uv_check_t *)(void *)handle, struct so_app_pg, turn_end);
    pg->handles--;
    maybe_free(pg);
}

void so_app_pg_close(struct so_app_pg *pg)
{
    if (pg == NULL)
        return;
    so_pg_pool_close(pg->pool);
    pg->pool = NULL;
    for (unsigned i = 0; pg->watches != NULL && i < pg->slots; i++)
        unwatch(pg, i);
    pg->is_closing = true;
    if (pg->handles > 0) {
        uv_close((uv_handle_t *)&pg->timer, timer_closed);
        uv_close((uv_handle_t *)&pg->turn_end, turn_end_closed);
    }
    maybe_free(pg);
}
