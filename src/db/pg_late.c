/* pg_late.c: what the pool's alarm is for: requests whose deadline has passed, and those that wait behind a slow one.
 *
 *   in the queue        refused
 *   WAITING             rolled back
 *   first in its line   cancelled; the connection is dropped when even that is not answered
 *   behind another      left alone until it is the first; reads are sent again elsewhere */
#include "db/pg_pool_int.h"

#define CANCEL_PATIENCE_NS (5000 * SO_PG_MS)

void so_pg_late_queue(struct so_pg_group *group, int64_t now)
{
    struct so_pg_request **at = &group->head, *late = NULL;
    while (*at != NULL) {
        struct so_pg_request *r = *at;
        if (r->deadline > now) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        group->queued--;
        r->next = late;
        late = r;
    }
    group->tail = at;
    while (late != NULL) {
        struct so_pg_request *r = late;
        late = r->next;
        so_fail_http(&r->err, SO_EBUSY, 503, "53300", "no connection to the database became free in time");
        so_pg_finish(r, SO_EBUSY, NULL);
    }
}

static void cancel(struct so_pg_link *link, int64_t now)
{
    if (link->cancel.is_queued)
        return;
    link->cancel.cancel = so_pq.getCancel(link->pg);
    if (link->cancel.cancel == NULL) {
        link->is_lost = true;
        return;
    }
    link->cancel.kind = SO_PG_TASK_CANCEL;
    link->cancelled_at = link->last_cancel_at = now;
    so_pg_helper_put(&link->pool->helper, &link->cancel);
}

static void expire_link(struct so_pg_link *link, int64_t now)
{
    struct so_pg_flight *flight = link->first;
    if (flight == NULL || flight->request == NULL || flight->request->deadline > now)
        return;
    if (flight->phase == SO_PG_WAITING) {
        struct so_err why = SO_ERR_INIT;
        so_pg_fail_timeout(&why);
        so_pg_flight_go_on(link, SO_PG_ROLLBACK, &why);
    } else if (link->cancelled_at == 0) {
        cancel(link, now);
    } else if (now - link->cancelled_at > CANCEL_PATIENCE_NS) {
        so_pg_fail_timeout(&flight->request->err);
        link->is_lost = true;
    }
}

/* Reads that wait behind a slow statement go back to the queue; their answers will be thrown away. */
static void free_the_stuck(struct so_pg_link *link, int64_t now)
{
    if (link->in_flight < 2 || now - link->head_since < SO_PG_STUCK_NS)
        return;
    struct so_pg_request *stuck = NULL;
    for (struct so_pg_flight *flight = link->first->next; flight != NULL; flight = flight->next) {
        struct so_pg_request *r = flight->request;
        if (r == NULL || !r->reads || r->check != NULL || r->tries > 1)
            continue;
        flight->request = NULL;
        r->next = stuck;
        stuck = r;
    }
    while (stuck != NULL) {
        struct so_pg_request *r = stuck;
        stuck = r->next;
        so_pg_requeue(link->group, r);
    }
}

void so_pg_late_link(struct so_pg_link *link, int64_t now)
{
    expire_link(link, now);
    free_the_stuck(link, now);
}

/* When something in the group has to be looked at again.  A request that waits behind another is looked at soon after its
 * deadline, when it may have become the first. */
int64_t so_pg_late_next(const struct so_pg_group *group, int64_t now)
{
    int64_t next = group->failures > 0 ? group->retry_at : INT64_MAX;
    for (const struct so_pg_request *r = group->head; r != NULL; r = r->next)
        next = r->deadline < next ? r->deadline : next;
    for (unsigned i = 0; i < group->link_count; i++) {
        const struct so_pg_link *link = &group->links[i];
        if (link->in_flight > 1 && link->head_since + SO_PG_STUCK_NS < next)
            next = link->head_since + SO_PG_STUCK_NS;
        for (const struct so_pg_flight *f = link->first; f != NULL; f = f->next)
            if (f->request != NULL && f->request->deadline < next)
                next = f->request->deadline;
    }
    return next <= now ? now + 50 * SO_PG_MS : next;
}
