/* deadline.c: rings of deadlines, and when to look at their heads. */
#include "net/deadline.h"

/* The timer is not set more finely than this, so that deadlines a little apart share one wake-up. */
enum { GRAIN_MS = 5 };

static void ring_at(struct so_deadlines *all, uint64_t due, uint64_t now);

static void on_ring(uv_timer_t *timer)
{
    struct so_deadlines *all = timer->data;
    uint64_t now = uv_now(timer->loop), next = UINT64_MAX;
    all->timer_due = UINT64_MAX;
    for (int kind = 0; kind < SO_DEADLINE_KINDS; kind++) {
        if (all->lasts_ms[kind] == 0)
            continue;
        struct so_deadline *d;
        while ((d = so_deadline_first(all, kind)) != NULL && d->due <= now)
            all->expired(d, all->arg);
        if (d != NULL && d->due < next)
            next = d->due;
    }
    if (next != UINT64_MAX)
        ring_at(all, next, now);
}

static void ring_at(struct so_deadlines *all, uint64_t due, uint64_t now)
{
    if (due >= all->timer_due || uv_is_closing((uv_handle_t *)&all->timer))
        return;
    uint64_t in = due > now + GRAIN_MS ? due - now : GRAIN_MS;
    all->timer_due = now + in;
    (void)uv_timer_start(&all->timer, on_ring, in, 0); /* fails only when closing */
}

void so_deadlines_init(struct so_deadlines *all, uv_loop_t *loop, void (*expired)(struct so_deadline *d, void *arg),
                       void *arg)
{
    *all = (struct so_deadlines){.timer_due = UINT64_MAX, .expired = expired, .arg = arg};
    (void)uv_timer_init(loop, &all->timer); /* always 0 */
    all->timer.data = all;
    for (int kind = 0; kind < SO_DEADLINE_KINDS; kind++)
        all->lists[kind].prev = all->lists[kind].next = &all->lists[kind];
}

void so_deadline_remove(struct so_deadline *d)
{
    if (d->next == NULL)
        return;
    d->prev->next = d->next;
    d->next->prev = d->prev;
    d->prev = d->next = NULL;
}

void so_deadline_put(struct so_deadlines *all, struct so_deadline *d, int kind)
{
    so_deadline_remove(d);
    struct so_deadline *ring = &all->lists[kind];
    d->prev = ring->prev;
    d->next = ring;
    ring->prev->next = d;
    ring->prev = d;
    d->kind = kind;
    if (all->lasts_ms[kind] == 0) {
        d->due = UINT64_MAX;
        return;
    }
    uint64_t now = uv_now(all->timer.loop);
    d->due = now + all->lasts_ms[kind];
    if (d->due < all->timer_due)
        ring_at(all, d->due, now);
}

struct so_deadline *so_deadline_first(struct so_deadlines *all, int kind)
{
    struct so_deadline *ring = &all->lists[kind];
    return ring->next == ring ? NULL : ring->next;
}

void so_deadlines_close(struct so_deadlines *all, uv_close_cb closed)
{
    (void)uv_timer_stop(&all->timer);
    uv_close((uv_handle_t *)&all->timer, closed);
}
