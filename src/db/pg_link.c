/* pg_link.c: one connection of the pool, in pipeline mode.
 *
 * What is sent for a request:  [BEGIN] { [Parse what is new] Bind Execute }... Sync
 * Statements between two Syncs are one transaction even without BEGIN (PostgreSQL's manual, 55.2.4); BEGIN is there only
 * when the transaction must outlive its Sync, for a check.  Parse comes where the statement is used and not before, because
 * names are looked up in the search_path that an earlier statement of the request may have set.  So it can be skipped by an
 * earlier failure: then those sent after it, which count on it, fail with 26000 and are sent again (pg_flight.c). */
#include "db/pg_pool_int.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/mem.h"

enum { NAME_SIZE = 24 };

/* What could not be put into libpq's buffer means that the connection is of no use any more. */
static void must(struct so_pg_link *link, int sent)
{
    link->is_dirty = true;
    if (sent != 1)
        link->is_lost = true;
}

/* ---- flights ---- */

static void push(struct so_pg_link *link, struct so_pg_flight *flight)
{
    if (link->first == NULL)
        link->head_since = so_clock_mono_ns();
    flight->next = NULL;
    *link->last = flight;
    link->last = &flight->next;
    link->in_flight++;
    link->pool->stats.in_flight++;
}

struct so_pg_flight *so_pg_link_pop(struct so_pg_link *link)
{
    struct so_pg_flight *flight = link->first;
    link->first = flight->next;
    if (link->first == NULL)
        link->last = &link->first;
    else
        link->head_since = so_clock_mono_ns();
    link->cancelled_at = 0;
    link->in_flight--;
    link->pool->stats.in_flight--;
    if (link->holder == flight)
        link->holder = NULL;
    return flight;
}

static void add_step(struct so_pg_flight *flight, enum so_pg_step_kind kind, size_t query, struct so_pg_known *known)
{
    flight->steps[flight->step_count].kind = kind;
    flight->steps[flight->step_count].query = query;
    flight->steps[flight->step_count].known = known;
    flight->steps[flight->step_count].id = known == NULL ? 0 : known->id;
    flight->step_count++;
    if (known != NULL)
        known->uses++;
}

static void send_plain(struct so_pg_link *link, const char *sql)
{
    must(link, so_pq.sendQueryParams(link->pg, sql, 0, NULL, NULL, NULL, NULL, 0));
}

static void send_sync(struct so_pg_link *link)
{
    must(link, so_pq.pipelineSync(link->pg));
    link->pool->stats.round_trips++;
}

void so_pg_link_send_control(struct so_pg_link *link, const char *sql)
{
    struct so_pg_flight *flight = link->is_lost ? NULL : so_pg_flight_take(link->pool);
    if (flight == NULL) { /* a connection whose state nobody knows is of no use */
        link->is_lost = true;
        return;
    }
    add_step(flight, SO_PG_STEP_CONTROL, 0, NULL);
    push(link, flight);
    send_plain(link, sql);
    send_sync(link);
}

void so_pg_link_send_commit(struct so_pg_link *link, struct so_pg_flight *flight)
{
    flight->step = flight->step_count = 0;
    flight->phase = SO_PG_ENDING;
    add_step(flight, SO_PG_STEP_CONTROL, 0, NULL);
    send_plain(link, "COMMIT");
    send_sync(link);
    link->holder = NULL; /* others may follow it */
}

/* ---- statements that the connection knows ---- */

static struct so_pg_known *of_item(struct so_lru_item *item) { return SO_CONTAINER_OF(item, struct so_pg_known, item); }

static void name_of(uint64_t id, char out[NAME_SIZE]) { snprintf(out, NAME_SIZE, "so%" PRIu64, id); }

static void free_known(struct so_pg_known *known)
{
    so_buf_deinit(&known->sql.text);
    so_free(known);
}

static void forget_all(struct so_pg_link *link)
{
    while (link->known.count > 0) {
        struct so_lru_item *item = link->known.oldest;
        so_lru_remove(&link->known, item);
        free_known(of_item(item));
    }
}

/* The least recently used, unless an answer is waited for. */
static void forget_oldest(struct so_pg_link *link)
{
    struct so_lru_item *item = link->known.oldest;
    while (item != NULL && of_item(item)->uses > 0)
        item = item->newer;
    if (item == NULL)
        return;
    struct so_pg_known *known = of_item(item);
    so_lru_remove(&link->known, item);
    if (known->is_prepared) {
        char name[NAME_SIZE], sql[48];
        name_of(known->id, name);
        snprintf(sql, sizeof(sql), "DEALLOCATE %s", name);
        so_pg_link_send_control(link, sql);
    }
    free_known(known);
}

static int learn(struct so_pg_link *link, struct so_str sql, struct so_pg_known **out, struct so_err *err)
{
    uint64_t hash = so_lru_hash(sql);
    struct so_lru_item *item = so_lru_find(&link->known, sql, hash);
    if (item != NULL) {
        if (item->newer != NULL) {
            so_lru_remove(&link->known, item);
            so_lru_add(&link->known, item); /* as the newest */
        }
        *out = of_item(item);
        return SO_OK;
    }
    struct so_pg_known *known = so_malloc(sizeof(*known) + sql.n);
    if (known == NULL)
        return so_err_oom(err);
    *known = (struct so_pg_known){.item = {.hash = hash, .key = {known->key, sql.n}}};
    memcpy(known->key, sql.p, sql.n);
    int rc = so_pg_sql_translate(known->item.key, &known->sql, err);
    if (rc == SO_OK)
        rc = so_pg_sql_check(&known->sql, err);
    if (rc != SO_OK) {
        free_known(known);
        return rc;
    }
    so_lru_add(&link->known, &known->item);
    *out = known;
    return SO_OK;
}

/* ---- sending ---- */

/* As libpq wants them: each with a NUL behind it. */
static int copy_values(struct so_pg_link *link, const struct so_pg_query *query, const char ***out, struct so_err *err)
{
    struct so_arena *arena = &link->pool->scratch;
    const char **values = so_alloc_array(arena, query->value_count + 1, sizeof(values[0]));
    if (values == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < query->value_count; i++) {
        struct so_str value = query->values[i];
        if (value.p == NULL)
            continue;
        if (so_str_find_char(value, '\0', 0) != SO_STR_NONE)
            return so_fail_http(err, SO_EDB, 0, "22021", "invalid byte sequence for encoding \"UTF8\": 0x00");
        values[i] = so_arena_dup(arena, value).p;
        if (values[i] == NULL)
            return so_err_oom(err);
    }
    *out = values;
    return SO_OK;
}

static void send_query(struct so_pg_link *link, struct so_pg_flight *flight, size_t i, struct so_pg_known *known,
                       const char **values)
{
    int count = (int)flight->request->queries[i].value_count;
    /* What came back is not sent under a name again: if the name's statement cannot be prepared, each of many requests that
     * share it shall get the server's reason, not the next one's. */
    if (link->pool->options.unprepared || flight->request->tries > 0) {
        add_step(flight, SO_PG_STEP_QUERY, i, known);
        must(link, so_pq.sendQueryParams(link->pg, known->sql.text.p, count, NULL, values, NULL, NULL, 0));
        return;
    }
    char name[NAME_SIZE];
    if (!known->is_prepared) {
        known->id = ++link->last_id;
        known->is_prepared = true;
        name_of(known->id, name);
        add_step(flight, SO_PG_STEP_PREPARE, i, known);
        must(link, so_pq.sendPrepare(link->pg, name, known->sql.text.p, 0, NULL));
    }
    name_of(known->id, name);
    add_step(flight, SO_PG_STEP_QUERY, i, known);
    must(link, so_pq.sendQueryPrepared(link->pg, name, count, values, NULL, NULL, 0));
}

/* First everything that can fail, then everything that cannot: half a request must not be sent. */
int so_pg_link_send_queries(struct so_pg_link *link, struct so_pg_flight *flight, struct so_err *err)
{
    const struct so_pg_request *r = flight->request;
    struct so_pg_known *known[SO_PG_QUERIES_MAX];
    const char **values[SO_PG_QUERIES_MAX];
    int rc = SO_OK;
    for (size_t i = 0; i < r->query_count && rc == SO_OK; i++) {
        rc = learn(link, r->queries[i].sql, &known[i], err);
        if (rc == SO_OK)
            rc = copy_values(link, &r->queries[i], &values[i], err);
    }
    if (rc == SO_OK) {
        if (r->check != NULL && link->holder != flight) {
            add_step(flight, SO_PG_STEP_CONTROL, 0, NULL);
            send_plain(link, "BEGIN");
        }
        for (size_t i = 0; i < r->query_count; i++)
            send_query(link, flight, i, known[i], values[i]);
        send_sync(link);
    }
    so_arena_reset(&link->pool->scratch);
    return rc;
}

int so_pg_link_send(struct so_pg_link *link, struct so_pg_request *r, struct so_err *err)
{
    if (link->known.count >= link->pool->options.prepared_max)
        forget_oldest(link);
    struct so_pg_flight *flight = so_pg_flight_take(link->pool);
    if (flight == NULL)
        return so_err_oom(err);
    flight->request = r;
    int rc = so_pg_link_send_queries(link, flight, err);
    if (rc != SO_OK) {
        so_pg_flight_give(link->pool, flight);
        return rc;
    }
    r->flight = flight;
    r->tries++;
    push(link, flight);
    if (r->check != NULL)
        link->holder = flight;
    return SO_OK;
}

/* ---- the socket ---- */

static void watch(struct so_pg_link *link, unsigned events)
{
    struct so_pg_pool *pool = link->pool;
    if (events == link->events)
        return;
    link->events = events;
    if (pool->host->watch(pool->host->arg, link->slot, so_pq.socket(link->pg), events, NULL) != SO_OK && events != 0)
        link->is_lost = true;
}

void so_pg_link_flush(struct so_pg_link *link)
{
    link->is_dirty = false;
    int left = so_pq.flush(link->pg);
    if (left < 0)
        link->is_lost = true;
    else
        watch(link, left > 0 ? SO_PG_READ | SO_PG_WRITE : SO_PG_READ);
}

static bool waits_for_answer(const struct so_pg_link *link)
{
    return link->first != NULL && link->first->phase != SO_PG_WAITING;
}

void so_pg_link_read(struct so_pg_link *link)
{
    bool is_open = so_pq.consumeInput(link->pg) == 1;
    while (!link->is_lost && waits_for_answer(link) && !so_pq.isBusy(link->pg)) {
        PGresult *result = so_pq.getResult(link->pg);
        if (result == NULL && so_pq.status(link->pg) != CONNECTION_OK)
            break;
        so_pg_flight_result(link, result);
    }
    if (!is_open || so_pq.status(link->pg) != CONNECTION_OK)
        link->is_lost = true;
}

void so_pg_link_up(struct so_pg_link *link, PGconn *pg)
{
    link->pg = pg;
    link->state = SO_PG_LINK_UP;
    link->is_lost = link->is_dirty = false;
    link->events = 0;
    link->cancelled_at = link->last_cancel_at = 0;
    link->pool->stats.connections++;
    watch(link, SO_PG_READ);
}

/* A write that was sent may have been committed, although nobody heard of it. */
static void fail_lost(const struct so_pg_flight *flight, int code, const struct so_err *why)
{
    struct so_pg_request *r = flight->request;
    bool may_be_done = flight->phase == SO_PG_ENDING || (r->check == NULL && !r->reads);
    if (r->err.code == SO_OK && may_be_done && code == SO_EDB)
        so_fail_http(&r->err, SO_EDB, 503, "08007",
                     "the connection was lost during the commit: it may or may not have happened");
    so_pg_finish(r, r->err.code == SO_OK ? code : r->err.code, why);
}

void so_pg_link_down(struct so_pg_link *link, int code, const struct so_err *why)
{
    struct so_pg_pool *pool = link->pool;
    struct so_pg_flight *flights = link->first;
    if (link->state != SO_PG_LINK_UP)
        return;
    watch(link, 0);
    so_pq.finish(link->pg);
    link->pg = NULL;
    link->state = SO_PG_LINK_OFF;
    pool->stats.connections--;
    pool->stats.in_flight -= link->in_flight;
    link->first = link->holder = NULL;
    link->last = &link->first;
    link->in_flight = 0;
    forget_all(link);
    struct so_pg_request *again = NULL; /* in reverse: each goes to the queue's front */
    while (flights != NULL) {
        struct so_pg_flight *flight = flights;
        flights = flight->next;
        struct so_pg_request *r = flight->request;
        if (r != NULL && !pool->is_closing && r->reads && r->tries < SO_PG_TRIES && !flight->was_extended) {
            r->next = again;
            again = r;
        } else if (r != NULL) {
            fail_lost(flight, code, why);
        }
        so_pg_flight_give(pool, flight);
    }
    while (again != NULL) {
        struct so_pg_request *r = again;
        again = r->next;
        so_pg_requeue(link->group, r);
    }
}

void so_pg_link_deinit(struct so_pg_link *link)
{
    so_pq.finish(link->connect.pg); /* made, but never used */
    so_pq.freeCancel(link->cancel.cancel);
    forget_all(link);
}
