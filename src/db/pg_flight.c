/* pg_flight.c: one request on its way: its answers come in, it is checked, and ends.
 *
 *   RUNNING --every statement's answer, Sync--> [check] --> ENDING (COMMIT was sent) --Sync--> done
 *      ^                                          |  |
 *      +------------- SO_PG_MORE -----------------+  +--> WAITING --so_pg_resume()--> as above
 *
 * A failure ends it at its Sync; an open transaction is rolled back by a flight of its own behind it.  When the reason was
 * not the request's (a statement that was not prepared after all, a cancel that was meant for another), it goes back to the
 * queue: its transaction was undone, so that nothing has happened. */
#include "db/pg_pool_int.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/mem.h"

enum { CANCEL_WINDOW_S = 5 }; /* how late a cancel can hit another statement */

/* ---- flights are kept for reuse ---- */

static void reset(struct so_pg_flight *flight)
{
    flight->request = NULL;
    flight->phase = SO_PG_RUNNING;
    flight->has_failed = flight->may_repeat = flight->was_extended = false;
    flight->step = flight->step_count = 0;
}

struct so_pg_flight *so_pg_flight_take(struct so_pg_pool *pool)
{
    struct so_pg_flight *flight = pool->spare;
    if (flight != NULL) {
        pool->spare = flight->next;
        return flight;
    }
    flight = so_malloc(sizeof(*flight));
    if (flight == NULL)
        return NULL;
    for (size_t i = 0; i < SO_PG_QUERIES_MAX; i++)
        so_pg_rows_init(&flight->rows[i]);
    reset(flight);
    return flight;
}

static void clear_answers(struct so_pg_flight *flight)
{
    for (size_t i = 0; i < SO_PG_QUERIES_MAX; i++)
        if (flight->rows[i].result != NULL)
            so_pg_rows_set(&flight->rows[i], NULL);
    if (flight->request != NULL)
        memset(flight->request->answers, 0, sizeof(flight->request->answers));
}

void so_pg_flight_give(struct so_pg_pool *pool, struct so_pg_flight *flight)
{
    flight->request = NULL; /* it may be gone */
    clear_answers(flight);
    reset(flight);
    flight->next = pool->spare;
    pool->spare = flight;
}

/* ---- answers ---- */

static bool is_past(int64_t deadline) { return deadline != INT64_MAX && so_clock_mono_ns() >= deadline; }

static bool says(const PGresult *result, int field, const char *text)
{
    return so_str_eq_c(so_str_c(so_pq.resultErrorField(result, field)), text);
}

/* The server's name for it is not good any more; unless it has another by now. */
static void forget(struct so_pg_flight *flight)
{
    struct so_pg_known *known = flight->step < flight->step_count ? flight->steps[flight->step].known : NULL;
    if (known != NULL && known->id == flight->steps[flight->step].id)
        known->is_prepared = false;
}

static bool is_prepare(const struct so_pg_flight *flight)
{
    return flight->step < flight->step_count && flight->steps[flight->step].kind == SO_PG_STEP_PREPARE;
}

static void note_error(struct so_pg_link *link, struct so_pg_flight *flight, const PGresult *result)
{
    struct so_pg_request *r = flight->request;
    bool is_stale = so_pg_is_stale(result);
    flight->has_failed = true;
    if (is_prepare(flight) || is_stale)
        forget(flight);
    if (so_pq.resultErrorField(result, PG_DIAG_SQLSTATE) == NULL || says(result, PG_DIAG_SEVERITY_NONLOCALIZED, "FATAL"))
        link->is_lost = true;
    if (r == NULL)
        return;
    bool is_cancelled = says(result, PG_DIAG_SQLSTATE, "57014");
    bool was_cancelled =
        link->last_cancel_at != 0 && so_clock_mono_ns() - link->last_cancel_at < CANCEL_WINDOW_S * INT64_C(1000000000);
    r->failed = flight->step < flight->step_count ? flight->steps[flight->step].query : r->query_count;
    if (is_cancelled && was_cancelled && is_past(r->deadline))
        so_pg_fail_timeout(&r->err);
    else
        so_pg_fail_result(result, &r->err);
    flight->may_repeat =
        is_stale || (is_cancelled && was_cancelled && !is_past(r->deadline)) || (r->reads && so_pg_is_transient(&r->err));
}

static void keep_answer(struct so_pg_flight *flight, PGresult *result)
{
    struct so_pg_request *r = flight->request;
    if (r == NULL || flight->step >= flight->step_count || flight->steps[flight->step].kind != SO_PG_STEP_QUERY) {
        so_pq.clear(result);
        return;
    }
    size_t i = flight->steps[flight->step].query;
    so_pg_rows_set(&flight->rows[i], result);
    r->answers[i] = &flight->rows[i].base;
}

/* ---- the end of a phase ---- */

static void release(struct so_pg_flight *flight)
{
    for (size_t i = 0; i < flight->step_count; i++)
        if (flight->steps[i].known != NULL)
            flight->steps[i].known->uses--;
    flight->step = flight->step_count = 0;
}

/* A plan that a change of the schema outdated is still there, under a name that nobody uses any more. */
static void deallocate_stale(struct so_pg_link *link, const struct so_pg_flight *flight)
{
    for (size_t i = 0; i < flight->step_count; i++) {
        const struct so_pg_known *known = flight->steps[i].known;
        if (flight->steps[i].kind != SO_PG_STEP_QUERY || known == NULL || known->is_prepared ||
            known->id != flight->steps[i].id)
            continue;
        char sql[48];
        snprintf(sql, sizeof(sql), "DEALLOCATE so%" PRIu64, known->id);
        so_pg_link_send_control(link, sql);
    }
}

/* Off the connection, whose transaction is over, or will be by what was sent behind it. */
static void land(struct so_pg_link *link, int rc)
{
    struct so_pg_flight *flight = so_pg_link_pop(link);
    struct so_pg_request *r = flight->request;
    bool repeats =
        rc != SO_OK && flight->may_repeat && !flight->was_extended && r->tries < SO_PG_TRIES && !is_past(r->deadline);
    if (repeats) {
        clear_answers(flight);
        link->pool->stats.retries++;
        so_pg_requeue(link->group, r);
    } else {
        so_pg_finish(r, rc, NULL);
    }
    so_pg_flight_give(link->pool, flight);
}

static void fail(struct so_pg_link *link, struct so_pg_flight *flight)
{
    bool is_open = flight->request->check != NULL && flight->phase == SO_PG_RUNNING;
    if (is_open)
        so_pg_link_send_control(link, "ROLLBACK"); /* first, so that what is sent next comes after it */
    if (flight->may_repeat)
        deallocate_stale(link, flight);
    release(flight);
    land(link, flight->request->err.code);
}

void so_pg_flight_go_on(struct so_pg_link *link, enum so_pg_verdict verdict, const struct so_err *why)
{
    struct so_pg_flight *flight = link->first;
    struct so_pg_request *r = flight->request;
    struct so_err err = SO_ERR_INIT;
    flight->phase = SO_PG_RUNNING;
    if (verdict == SO_PG_MORE) {
        clear_answers(flight);
        flight->was_extended = true;
        if (r->query_count > 0 && r->query_count <= SO_PG_QUERIES_MAX) {
            if (so_pg_link_send_queries(link, flight, &err) == SO_OK)
                return;
        } else {
            so_fail(&err, SO_EINVAL, "a request has 1 to %d statements", SO_PG_QUERIES_MAX);
        }
        verdict = SO_PG_ROLLBACK;
        why = &err;
    }
    switch (verdict) {
    case SO_PG_COMMIT: so_pg_link_send_commit(link, flight); break;
    case SO_PG_WAIT: flight->phase = SO_PG_WAITING; break;
    case SO_PG_ROLLBACK:
    default:
        if (why != NULL && r->err.code == SO_OK)
            r->err = *why;
        if (r->err.code == SO_OK)
            so_fail(&r->err, SO_EINVAL, "the transaction was rolled back");
        so_pg_link_send_control(link, "ROLLBACK");
        land(link, r->err.code);
        break;
    }
}

static void end_phase(struct so_pg_link *link)
{
    struct so_pg_flight *flight = link->first;
    struct so_pg_request *r = flight->request;
    if (r == NULL) {
        release(flight);
        so_pg_flight_give(link->pool, so_pg_link_pop(link));
    } else if (flight->has_failed) {
        fail(link, flight);
    } else if (flight->phase == SO_PG_RUNNING && r->check != NULL) {
        struct so_err why = SO_ERR_INIT;
        release(flight);
        so_pg_flight_go_on(link, r->check(r, &why), &why);
    } else {
        release(flight);
        land(link, SO_OK);
    }
}

void so_pg_flight_result(struct so_pg_link *link, PGresult *result)
{
    struct so_pg_flight *flight = link->first;
    if (result == NULL) {
        flight->step++;
        return;
    }
    switch (so_pq.resultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        so_pq.clear(result);
        end_phase(link);
        break;
    case PGRES_PIPELINE_ABORTED:
        if (is_prepare(flight))
            forget(flight);
        so_pq.clear(result);
        break;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY: keep_answer(flight, result); break;
    default: /* an error; or COPY, after which a pipeline cannot go on */
        if (so_pq.resultStatus(result) != PGRES_FATAL_ERROR)
            link->is_lost = true;
        note_error(link, flight, result);
        so_pq.clear(result);
        break;
    }
}
