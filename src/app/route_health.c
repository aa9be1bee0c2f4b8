/* route_health.c: what machines ask about the server itself: alive, ready, counters, and what a client needs to start. */
#include "app/internal.h"

#include <stdio.h>

#include "core/clock.h"
#include "json/write.h"

static void send_json(struct so_http_exchange *x, int status)
{
    so_http_reply_header(x, SO_STR("Content-Type"), SO_STR("application/json"));
    so_http_reply_header(x, SO_STR("Cache-Control"), SO_STR("no-store"));
    so_http_reply_send(x, status);
}

/* One cheap statement on this loop's own connection: a database that went away shows here. */
static bool database_answers(struct so_app_loop *on)
{
    struct so_err err = SO_ERR_INIT;
    struct so_stmt *st;
    bool row = false;
    if (on->pg != NULL)
        return so_app_pg_is_up(on->pg);
    so_conn_set_deadline(on->reader, so_clock_mono_ns() + 50000000);
    if (so_conn_prepare(on->reader, SO_STR("SELECT 1"), &st, &err) != SO_OK)
        return false;
    int rc = so_stmt_step(st, &row, &err);
    so_stmt_done(st);
    return rc == SO_OK && row;
}

void so_app_health(struct so_app_loop *on, struct so_http_exchange *x, struct so_str which)
{
    bool live = so_str_eq(which, SO_STR("live"));
    if (!live && !so_str_eq(which, SO_STR("ready"))) {
        so_app_reply_error(x, 404, "not_found", "there is nothing at this path", "ask /health/live or /health/ready");
        return;
    }
    bool ready = live || (!atomic_load(&on->app->stopping) && database_answers(on));
    so_buf_puts(so_http_reply_body(x), ready ? "{\"status\":\"ok\"}" : "{\"status\":\"unavailable\"}");
    send_json(x, ready ? 200 : 503);
}

/* Counters tell a stranger about our users: the same port serves everyone, so they need the key. */
static bool is_service(struct so_app_loop *on, const struct so_http_exchange *x)
{
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    struct so_str bearer = so_http_header(&x->req, SO_STR("Authorization"));
    struct so_str key = so_http_header(&x->req, SO_STR("apikey"));
    if (key.p == NULL && so_str_starts(bearer, SO_STR("Bearer ")))
        key = so_str_slice(bearer, 7, bearer.n);
    return so_auth_identify(on->app->auth, on->tokens, key, bearer, x->arena, &who, &err) == SO_OK &&
           who.role == SO_ROLE_SERVICE;
}

void so_app_metrics(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest)
{
    (void)rest;
    if (!is_service(on, x)) {
        so_app_reply_error(x, 401, "no_authorization", "the counters are for the service key only",
                           "send it as the header `apikey` or as a bearer token");
        return;
    }
    struct so_app *app = on->app;
    struct so_buf *b = so_http_reply_body(x);
    struct so_db_stats db;
    uint64_t requests = 0;
    struct so_realtime_stats realtime;
    so_db_get_stats(app->db, &db);
    so_realtime_get_stats(app->realtime, &realtime);
    for (unsigned i = 0; i < app->loop_count; i++)
        requests += __atomic_load_n(&app->loops[i].requests, __ATOMIC_RELAXED);
    const struct {
        const char *name, *kind, *help;
        uint64_t value;
    } METRICS[] = {
        {"socle_http_requests_total", "counter", "Requests received.", requests},
        {"socle_db_write_jobs_total", "counter", "Writes that reached the writer.", db.jobs},
        {"socle_db_commits_total", "counter", "Transactions committed, each with one fsync.", db.commits},
        {"socle_db_batch_largest", "gauge", "Most writes that one commit carried.", db.batch_largest},
        {"socle_db_queue_length", "gauge", "Writes waiting for the writer.", db.queue_length},
        {"socle_realtime_sockets", "gauge", "Open WebSockets.", realtime.sockets},
        {"socle_realtime_channels", "gauge", "Joined channels.", realtime.channels},
        {"socle_realtime_broadcasts_total", "counter", "Broadcasts taken from clients.", realtime.broadcasts},
        {"socle_realtime_deliveries_total", "counter", "Messages handed to WebSockets.", realtime.deliveries},
        {"socle_realtime_too_slow_total", "counter", "WebSockets closed because they did not read.", realtime.too_slow},
        {"socle_realtime_nodes", "gauge", "Other servers on the database that are alive.", realtime.nodes},
        {"socle_realtime_node_drops_total", "counter", "Broadcasts that they did not get.", realtime.node_drops},
    };
    for (size_t i = 0; i < COUNT_OF(METRICS); i++)
        so_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", METRICS[i].name, METRICS[i].help, METRICS[i].name,
                      METRICS[i].kind, METRICS[i].name, (unsigned long long)METRICS[i].value);
    so_http_reply_header(x, SO_STR("Content-Type"), SO_STR("text/plain; version=0.0.4"));
    so_http_reply_send(x, 200);
}

/* /socle.json: the two public things a page needs to create a client, so that no page has to hold them as text. */
void so_app_describe(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest)
{
    (void)rest;
    struct so_jw w;
    so_jw_init(&w, so_http_reply_body(x));
    so_jw_object(&w);
    so_jw_member_cstr(&w, "url", on->app->config->public_url);
    so_jw_member_cstr(&w, "key", on->app->config->anon_key);
    so_jw_end_object(&w);
    send_json(x, 200);
}
