/* pg_pool.c: which connection a request takes, and what happens when there is none.
 *
 *   every turn:  do what it is for -> settle(): drop what was lost, send what waits, flush
 *
 * A request takes an idle connection; else one more is made, and meanwhile it joins the shortest pipeline whose first
 * request has not been running for long.  Reads that get stuck there all the same are sent again elsewhere.  While a
 * transaction waits for a verdict nobody joins its connection. When the server cannot be reached everything that waits fails
 * at once, and what comes later fails without waiting, until the next attempt: they begin 100 ms apart and end at 5 s. */
#include "db/pg_pool_int.h"

#include <limits.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/random.h"

enum {
    CONNECTIONS = 16,
    PIPELINE_MAX = 32,
    QUEUE_MAX = 4096,
    PREPARED_MAX = 256,
    CONNECTING_MAX = 2,     /* at once */
    SCRATCH_MAX = 256 << 20 /* bytes of one request's values */
};
#define SLOW_NS          (20 * SO_PG_MS) /* a first request that runs longer than this is not queued behind */
#define BACKOFF_FIRST_NS (100 * SO_PG_MS)
#define BACKOFF_MAX_NS   (5000 * SO_PG_MS)

static struct so_pg_group *group_of(struct so_pg_pool *pool, unsigned slot, struct so_pg_link **out)
{
    for (unsigned i = 0; i < pool->group_count; i++) {
        struct so_pg_group *group = &pool->groups[i];
        if (slot < group->link_count) {
            *out = &group->links[slot];
            return group;
        }
        slot -= group->link_count;
    }
    return NULL; /* the helper's pipe */
}

static unsigned count_links(const struct so_pg_group *group, enum so_pg_link_state state)
{
    unsigned n = 0;
    for (unsigned i = 0; i < group->link_count; i++)
        n += group->links[i].state == state;
    return n;
}

static bool has_links(const struct so_pg_group *group)
{
    return count_links(group, SO_PG_LINK_UP) + count_links(group, SO_PG_LINK_CONNECTING) > 0;
}

void so_pg_alarm_by(struct so_pg_pool *pool, int64_t when)
{
    if (when >= pool->alarm_at)
        return;
    pool->alarm_at = when;
    pool->host->alarm(pool->host->arg, when);
}

/* ---- the queue ---- */

static void enqueue(struct so_pg_group *group, struct so_pg_request *r)
{
    r->next = NULL;
    *group->tail = r;
    group->tail = &r->next;
    group->queued++;
}

void so_pg_requeue(struct so_pg_group *group, struct so_pg_request *r)
{
    r->err = SO_ERR_INIT;
    r->flight = NULL;
    memset(r->answers, 0, sizeof(r->answers));
    r->next = group->head;
    group->head = r;
    if (r->next == NULL)
        group->tail = &r->next;
    group->queued++;
}

static struct so_pg_request *dequeue(struct so_pg_group *group)
{
    struct so_pg_request *r = group->head;
    group->head = r->next;
    if (group->head == NULL)
        group->tail = &group->head;
    group->queued--;
    return r;
}

void so_pg_finish(struct so_pg_request *r, int rc, const struct so_err *why)
{
    r->rc = rc;
    r->flight = NULL;
    if (rc != SO_OK && why != NULL && r->err.code == SO_OK)
        r->err = *why;
    r->done(r);
}

static void fail_queue(struct so_pg_group *group, int rc, const struct so_err *why)
{
    for (size_t left = group->queued; left > 0; left--) /* not what done() adds */
        so_pg_finish(dequeue(group), rc, why);
}

/* ---- connections ---- */

static int64_t backoff(unsigned failures)
{
    int64_t ns = failures > 6 ? BACKOFF_MAX_NS : BACKOFF_FIRST_NS << (failures - 1);
    if (ns > BACKOFF_MAX_NS)
        ns = BACKOFF_MAX_NS;
    return ns / 2 + (int64_t)so_random_below((uint64_t)ns / 2); /* not all nodes at the same instant */
}

static bool may_connect(const struct so_pg_group *group, int64_t now)
{
    return now >= group->retry_at && count_links(group, SO_PG_LINK_CONNECTING) < CONNECTING_MAX;
}

static void connect_one(struct so_pg_group *group)
{
    for (unsigned i = 0; i < group->link_count; i++) {
        struct so_pg_link *link = &group->links[i];
        if (link->state != SO_PG_LINK_OFF || link->connect.is_queued)
            continue;
        link->state = SO_PG_LINK_CONNECTING;
        link->connect.kind = SO_PG_TASK_CONNECT;
        link->connect.url = group->url;
        so_pg_helper_put(&group->pool->helper, &link->connect);
        return;
    }
}

static void connected(struct so_pg_link *link)
{
    struct so_pg_group *group = link->group;
    struct so_pg_task *task = &link->connect;
    link->state = SO_PG_LINK_OFF;
    if (task->pg != NULL) {
        group->pool->stats.reconnects += group->failures > 0;
        group->failures = 0;
        group->retry_at = 0;
        so_pg_link_up(link, task->pg);
        task->pg = NULL;
        return;
    }
    group->failures++;
    group->why = task->err;
    group->retry_at = so_clock_mono_ns() + backoff(group->failures);
    so_pg_alarm_by(group->pool, group->retry_at);
    if (!has_links(group))
        fail_queue(group, group->why.code, &group->why);
}

static void take_finished(struct so_pg_pool *pool)
{
    struct so_pg_task *task = so_pg_helper_take(&pool->helper);
    while (task != NULL) {
        struct so_pg_task *next = task->next;
        if (task->kind == SO_PG_TASK_CONNECT)
            connected(SO_CONTAINER_OF(task, struct so_pg_link, connect));
        task = next;
    }
}

/* Reads gain more from a pipeline than from a connection of their own; writes wait for the disk side by side. */
static unsigned links_for(const struct so_pg_group *group, const struct so_pg_request *r)
{
    return r->reads ? (group->link_count + 1) / 2 : group->link_count;
}

static void connect_more(struct so_pg_group *group, const struct so_pg_request *r, int64_t now)
{
    unsigned links = count_links(group, SO_PG_LINK_UP) + count_links(group, SO_PG_LINK_CONNECTING);
    if (links < links_for(group, r) && may_connect(group, now))
        connect_one(group);
}

/* NULL: nobody can take it now. */
static struct so_pg_link *choose(struct so_pg_group *group, const struct so_pg_request *r, int64_t now)
{
    struct so_pg_link *best = NULL;
    for (unsigned i = 0; i < group->link_count; i++) {
        struct so_pg_link *link = &group->links[i];
        if (link->state != SO_PG_LINK_UP || link->holder != NULL || link->is_lost)
            continue;
        if (link->in_flight == 0)
            return link;
        bool is_slow = now - link->head_since > SLOW_NS;
        if (!is_slow && link->in_flight < group->pool->options.pipeline_max &&
            (best == NULL || link->in_flight < best->in_flight))
            best = link;
    }
    connect_more(group, r, now);
    return best;
}

/* ---- sending ---- */

/* It is told in the next turn: nothing is done() from within so_pg_submit(). */
static void refuse(struct so_pg_pool *pool, struct so_pg_request *r, const struct so_err *err)
{
    r->err = *err;
    r->next = pool->refused;
    pool->refused = r;
    so_pg_alarm_by(pool, 0);
}

static void tell_refused(struct so_pg_pool *pool)
{
    while (pool->refused != NULL) {
        struct so_pg_request *r = pool->refused;
        pool->refused = r->next;
        so_pg_finish(r, r->err.code, NULL);
    }
}

static void dispatch(struct so_pg_group *group)
{
    int64_t now = group->head == NULL ? 0 : so_clock_mono_ns();
    while (group->head != NULL) {
        struct so_pg_link *link = choose(group, group->head, now);
        if (link == NULL)
            return;
        struct so_pg_request *r = dequeue(group);
        struct so_err err = SO_ERR_INIT;
        int rc = so_pg_link_send(link, r, &err);
        if (rc != SO_OK)
            refuse(group->pool, r, &err);
        else if (link->in_flight > 1)
            so_pg_alarm_by(group->pool, now + SO_PG_STUCK_NS);
    }
}

static void drop_lost(struct so_pg_group *group)
{
    bool dropped = false;
    for (unsigned i = 0; i < group->link_count; i++) {
        struct so_pg_link *link = &group->links[i];
        if (link->state != SO_PG_LINK_UP || !link->is_lost)
            continue;
        struct so_err why = SO_ERR_INIT;
        so_pg_fail_lost(link->pg, &why);
        so_pg_link_down(link, why.code, &why);
        dropped = true;
    }
    if (dropped && !has_links(group) && may_connect(group, so_clock_mono_ns()))
        connect_one(group); /* so that we know when it is back */
}

static void flush(struct so_pg_group *group)
{
    for (unsigned i = 0; i < group->link_count; i++)
        if (group->links[i].state == SO_PG_LINK_UP && group->links[i].is_dirty && !group->links[i].is_lost)
            so_pg_link_flush(&group->links[i]);
}

static bool any_lost(const struct so_pg_pool *pool)
{
    for (unsigned i = 0; i < pool->group_count; i++)
        for (unsigned k = 0; k < pool->groups[i].link_count; k++)
            if (pool->groups[i].links[k].state == SO_PG_LINK_UP && pool->groups[i].links[k].is_lost)
                return true;
    return false;
}

/* What waits is sent; no callback is called. */
static void send_waiting(struct so_pg_pool *pool)
{
    if (pool->is_corked || pool->is_working || pool->is_closing)
        return;
    for (unsigned i = 0; i < pool->group_count; i++) {
        dispatch(&pool->groups[i]);
        flush(&pool->groups[i]);
    }
    if (any_lost(pool))
        so_pg_alarm_by(pool, 0); /* settle() soon */
}

static void settle(struct so_pg_pool *pool)
{
    if (pool->is_corked || pool->is_working || pool->is_closing)
        return;
    pool->is_working = true;
    do {
        tell_refused(pool);
        for (unsigned i = 0; i < pool->group_count; i++) {
            drop_lost(&pool->groups[i]);
            dispatch(&pool->groups[i]);
            flush(&pool->groups[i]);
        }
    } while (any_lost(pool) || pool->refused != NULL);
    pool->is_working = false;
}

void so_pg_pool_cork(struct so_pg_pool *pool) { pool->is_corked = true; }

void so_pg_pool_uncork(struct so_pg_pool *pool)
{
    pool->is_corked = false;
    settle(pool);
}

void so_pg_pool_ready(struct so_pg_pool *pool, unsigned slot, unsigned events)
{
    struct so_pg_link *link = NULL;
    bool was_working = pool->is_working;
    pool->is_working = true; /* what callbacks submit is sent together */
    if (group_of(pool, slot, &link) == NULL) {
        take_finished(pool);
    } else if (link->state == SO_PG_LINK_UP) {
        if ((events & SO_PG_WRITE) != 0)
            link->is_dirty = true;
        so_pg_link_read(link);
    }
    pool->is_working = was_working;
    settle(pool);
}

/* ---- time ---- */

void so_pg_pool_tick(struct so_pg_pool *pool)
{
    int64_t now = so_clock_mono_ns();
    bool was_working = pool->is_working;
    pool->is_working = true;
    pool->alarm_at = INT64_MAX;
    for (unsigned i = 0; i < pool->group_count; i++) {
        struct so_pg_group *group = &pool->groups[i];
        so_pg_late_queue(group, now);
        for (unsigned k = 0; k < group->link_count; k++)
            if (group->links[k].state == SO_PG_LINK_UP)
                so_pg_late_link(&group->links[k], now);
        if (group->failures > 0 && !has_links(group) && may_connect(group, now))
            connect_one(group);
    }
    pool->is_working = was_working;
    settle(pool);
    for (unsigned i = 0; i < pool->group_count; i++)
        so_pg_alarm_by(pool, so_pg_late_next(&pool->groups[i], now));
}

/* ---- requests ---- */

static bool is_unreachable(const struct so_pg_group *group)
{
    return group->failures > 0 && !has_links(group) && so_clock_mono_ns() < group->retry_at;
}

static struct so_pg_group *group_for(struct so_pg_pool *pool, const struct so_pg_request *r)
{
    bool reads_elsewhere = r->reads && pool->group_count > 1 && !is_unreachable(&pool->groups[1]);
    return &pool->groups[reads_elsewhere ? 1 : 0];
}

int so_pg_submit(struct so_pg_pool *pool, struct so_pg_request *r, struct so_err *err)
{
    struct so_pg_group *group = group_for(pool, r);
    if (r->query_count == 0 || r->query_count > SO_PG_QUERIES_MAX)
        return so_fail(err, SO_EINVAL, "a request has 1 to %d statements", SO_PG_QUERIES_MAX);
    for (size_t i = 0; i < r->query_count; i++)
        if (r->queries[i].value_count > SO_PG_PARAMETERS_MAX)
            return so_fail_http(err, SO_EDB, 0, "54000", "the statement has too many parameters");
    if (pool->is_closing)
        return so_fail(err, SO_ECLOSED, "the database is closing");
    if (group->queued >= pool->options.queue_max)
        return so_fail_http(err, SO_EBUSY, 503, "53300", "too many requests are waiting for the database");
    if (is_unreachable(group)) {
        if (err != NULL && err->code == SO_OK)
            *err = group->why;
        return group->why.code;
    }
    r->rc = SO_OK;
    r->err = SO_ERR_INIT;
    r->failed = 0;
    r->flight = NULL;
    r->tries = 0;
    memset(r->answers, 0, sizeof(r->answers));
    pool->stats.requests++;
    enqueue(group, r);
    so_pg_alarm_by(pool, r->deadline);
    send_waiting(pool);
    return SO_OK;
}

static struct so_pg_link *link_of(struct so_pg_pool *pool, const struct so_pg_request *r)
{
    for (unsigned i = 0; i < pool->group_count; i++)
        for (unsigned k = 0; k < pool->groups[i].link_count; k++)
            if (pool->groups[i].links[k].holder == r->flight)
                return &pool->groups[i].links[k];
    return NULL;
}

void so_pg_resume(struct so_pg_pool *pool, struct so_pg_request *r, enum so_pg_verdict verdict, const struct so_err *why)
{
    struct so_pg_link *link = r->flight == NULL ? NULL : link_of(pool, r);
    if (link == NULL || r->flight->phase != SO_PG_WAITING)
        return;
    bool was_working = pool->is_working;
    pool->is_working = true;
    so_pg_flight_go_on(link, verdict, why);
    pool->is_working = was_working;
    settle(pool);
}

void so_pg_pool_get_stats(const struct so_pg_pool *pool, struct so_pg_pool_stats *out)
{
    *out = pool->stats;
    for (unsigned i = 0; i < pool->group_count; i++)
        out->queued += pool->groups[i].queued;
}

bool so_pg_pool_is_up(const struct so_pg_pool *pool) { return pool->groups[0].failures == 0; }

/* ---- open and close ---- */

static int open_group(struct so_pg_pool *pool, const char *url, unsigned first_slot, struct so_err *err)
{
    struct so_pg_group *group = &pool->groups[pool->group_count++];
    *group = (struct so_pg_group){.pool = pool, .tail = &group->head, .why = SO_ERR_INIT};
    PQconninfoOption *options = so_pq.conninfoParse(url, NULL);
    if (options == NULL)
        return so_fail(err, SO_EINVAL, "the URL of the database is not valid");
    so_pq.conninfoFree(options);
    group->url = so_strndup(url, strlen(url));
    group->links = so_calloc(pool->options.connections, sizeof(group->links[0]));
    if (group->url == NULL || group->links == NULL)
        return so_err_oom(err);
    group->link_count = pool->options.connections;
    for (unsigned i = 0; i < group->link_count; i++) {
        struct so_pg_link *link = &group->links[i];
        link->group = group;
        link->pool = pool;
        link->slot = first_slot + i;
        link->last = &link->first;
    }
    return SO_OK;
}

static unsigned connections_of(const struct so_pg_pool_options *o)
{
    return o->connections == 0 ? CONNECTIONS : o->connections;
}

static unsigned group_count(const struct so_pg_pool_options *o) { return o->read_url == NULL ? 1 : 2; }

unsigned so_pg_pool_slots(const struct so_pg_pool_options *options)
{
    return connections_of(options) * group_count(options) + 1;
}

static int open_parts(struct so_pg_pool *pool, struct so_err *err)
{
    const struct so_pg_pool_options *o = &pool->options;
    int rc = so_pg_helper_open(&pool->helper, err);
    if (rc == SO_OK)
        rc = open_group(pool, o->url, 0, err);
    if (rc == SO_OK && o->read_url != NULL)
        rc = open_group(pool, o->read_url, o->connections, err);
    if (rc == SO_OK)
        rc = pool->host->watch(pool->host->arg, so_pg_pool_slots(o) - 1, pool->helper.wake[0], SO_PG_READ, err);
    return rc;
}

int so_pg_pool_open(const struct so_pg_pool_options *options, const struct so_pg_host *host, struct so_pg_pool **out,
                    struct so_err *err)
{
    int rc = so_pq_load(err);
    if (rc != SO_OK)
        return rc;
    struct so_pg_pool *pool = so_calloc(1, sizeof(*pool));
    if (pool == NULL)
        return so_err_oom(err);
    struct so_pg_pool_options *o = &pool->options;
    *o = *options;
    o->connections = connections_of(options);
    o->pipeline_max = o->pipeline_max == 0 ? PIPELINE_MAX : o->pipeline_max;
    o->queue_max = o->queue_max == 0 ? QUEUE_MAX : o->queue_max;
    o->prepared_max = o->prepared_max == 0 ? PREPARED_MAX : o->prepared_max;
    pool->host = host;
    pool->alarm_at = INT64_MAX;
    so_arena_init(&pool->scratch, SCRATCH_MAX);
    rc = open_parts(pool, err);
    if (rc != SO_OK) {
        so_pg_pool_close(pool);
        return rc;
    }
    o->url = o->read_url = NULL; /* each group has its own copy; these are the caller's */
    *out = pool;
    return SO_OK;
}

static void close_group(struct so_pg_group *group)
{
    struct so_err why = SO_ERR_INIT;
    so_fail(&why, SO_ECLOSED, "the database is closing");
    fail_queue(group, SO_ECLOSED, &why);
    for (unsigned i = 0; i < group->link_count; i++) {
        so_pg_link_down(&group->links[i], SO_ECLOSED, &why);
        so_pg_link_deinit(&group->links[i]);
    }
    so_free(group->links);
    so_free(group->url);
}

void so_pg_pool_close(struct so_pg_pool *pool)
{
    if (pool == NULL)
        return;
    pool->is_closing = true;
    unsigned helper_slot = 0;
    for (unsigned i = 0; i < pool->group_count; i++)
        helper_slot += pool->groups[i].link_count;
    if (pool->helper.is_running)
        (void)!pool->host->watch(pool->host->arg, helper_slot, pool->helper.wake[0], 0, NULL);
    so_pg_helper_close(&pool->helper);
    tell_refused(pool);
    for (unsigned i = 0; i < pool->group_count; i++)
        close_group(&pool->groups[i]);
    while (pool->spare != NULL) {
        struct so_pg_flight *flight = pool->spare;
        pool->spare = flight->next;
        so_free(flight);
    }
    if (pool->alarm_at != INT64_MAX)
        pool->host->alarm(pool->host->arg, INT64_MAX);
    so_arena_deinit(&pool->scratch);
    so_free(pool);
}
