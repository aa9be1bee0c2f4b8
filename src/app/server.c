/* server.c: the event loops: start them, give every request to its door, stop them. */
#include "app/internal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/mem.h"

/* ---- dispatch ---- */

typedef void door(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest_of_path);

/* Prefixes, longest of a kind first; what none of them takes is the data API's or a file of public/. */
static const struct {
    struct so_str prefix;
    door *open;
    bool exact;
} DOORS[] = {
    {SO_STR_INIT("/auth/v1/"), so_app_auth, false},      {SO_STR_INIT("/realtime/v1/"), so_app_realtime, false},
    {SO_STR_INIT("/health/"), so_app_health, false},     {SO_STR_INIT("/metrics"), so_app_metrics, true},
    {SO_STR_INIT("/socle.json"), so_app_describe, true}, {SO_STR_INIT("/dashboard/mail"), so_app_mail, true},
};

/* The auth endpoints' table keeps the slash: "/token". */
static struct so_str rest_of(struct so_str path, size_t door_index)
{
    size_t from = DOORS[door_index].prefix.n;
    return so_str_slice(path, DOORS[door_index].open == so_app_auth ? from - 1 : from, path.n);
}

/* The data API is where SOCLE_REST_PATH says; at "/" it takes what no other door does, and there are no files. */
static bool is_rest(const struct so_app *app, struct so_str path, struct so_str *out_rest)
{
    struct so_str prefix = so_str_c(app->config->rest_path);
    if (!so_str_starts(path, prefix) || (path.n > prefix.n && path.p[prefix.n] != '/'))
        return false;
    *out_rest = so_str_slice(path, so_min_size(prefix.n + 1, path.n), path.n);
    return true;
}

static void on_request(struct so_http_exchange *x, void *arg)
{
    struct so_app_loop *on = arg;
    __atomic_store_n(&on->requests, on->requests + 1, __ATOMIC_RELAXED);
    if (so_app_cors(on->app->config, x))
        return;
    struct so_str path = x->req.path;
    for (size_t i = 0; i < COUNT_OF(DOORS); i++)
        if (DOORS[i].exact ? so_str_eq(path, DOORS[i].prefix) : so_str_starts(path, DOORS[i].prefix)) {
            DOORS[i].open(on, x, rest_of(path, i));
            return;
        }
    struct so_str rest;
    if (is_rest(on->app, path, &rest))
        so_app_rest(on, x, rest);
    else
        so_app_static(on, x);
}

/* ---- start ---- */

static struct so_http_limits limits_of(const struct so_config *c)
{
    struct so_http_limits limits = SO_HTTP_LIMITS_DEFAULT;
    limits.body_max = (size_t)c->body_max;
    limits.reply_max = (size_t)c->reply_max;
    limits.request_memory_max = so_max_size((size_t)c->body_max * 8, (size_t)16 << 20);
    limits.header_timeout_ms = (unsigned)c->header_timeout_ms;
    limits.body_timeout_ms = (unsigned)c->body_timeout_ms;
    limits.idle_timeout_ms = (unsigned)c->idle_timeout_ms;
    limits.write_timeout_ms = (unsigned)c->write_timeout_ms;
    limits.connections_max = (unsigned)c->connections_max;
    return limits;
}

static void free_loop(struct so_app_loop *on)
{
    so_hub_free(on->hub);
    so_app_pg_close(on->pg);
    so_loop_free(on->loop);
    so_conn_close(on->reader);
    so_auth_cache_free(on->tokens);
    so_snapshot_unref(on->snapshot);
    *on = (struct so_app_loop){0};
}

/* PostgreSQL's answers come over a network: a loop never waits for one. */
static int open_database(struct so_app *app, struct so_app_loop *on, struct so_err *err)
{
    const struct so_pg_pool_options options = {.url = app->config->database_url,
                                               .read_url = app->config->db_read_url,
                                               .connections = (unsigned)app->config->db_pool,
                                               .unprepared = !app->config->db_prepared};
    return app->config->is_postgres ? so_app_pg_open(on->loop, &options, &on->pg, err)
                                    : so_db_reader_open(app->db, &on->reader, err);
}

static int open_loop(struct so_app *app, struct so_app_loop *on, struct so_err *err)
{
    *on = (struct so_app_loop){.app = app, .snapshot = so_snapshot_ref(app->snapshot)};
    int rc = so_loop_new(&on->loop, err);
    if (rc == SO_OK)
        rc = open_database(app, on, err);
    if (rc == SO_OK)
        rc = so_auth_cache_new(app->auth, &on->tokens, err);
    const struct so_hub_options hub = {
        .realtime = app->realtime,
        .loop = on->loop,
        .gate = so_app_gate(on),
        .reader = on->reader,
        .feed = app->feed,
    };
    if (rc == SO_OK)
        rc = so_hub_new(&hub, &on->hub, err);
    if (rc == SO_OK)
        rc = so_hub_use(on->hub, on->snapshot->catalog, on->snapshot->model, app->access, err);
    const struct so_http_server_options options = {
        .host = app->config->host,
        .port = app->port, /* the first loop may have asked for any: the others share what it got */
        .limits = limits_of(app->config),
        .handler = on_request,
        .handler_arg = on,
        .loop_data = on,
    };
    if (rc == SO_OK)
        rc = so_http_server_start(on->loop, &options, &on->server, err);
    if (rc == SO_OK)
        app->port = so_http_server_port(on->server);
    return rc;
}

static void *run_loop(void *arg)
{
    so_loop_run(((struct so_app_loop *)arg)->loop);
    return NULL;
}

static unsigned loops_wanted(const struct so_config *c)
{
    if (c->threads > 0)
        return (unsigned)c->threads;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (unsigned)cores : 1;
}

int so_app_start(struct so_app *app, unsigned *out_port, struct so_err *err)
{
    unsigned wanted = loops_wanted(app->config), opened = 0;
    int rc = so_workers_start((unsigned)app->config->workers, err);
    app->loops = rc == SO_OK ? so_calloc(wanted, sizeof(*app->loops)) : NULL;
    if (rc == SO_OK && app->loops == NULL)
        rc = so_err_oom(err);
    app->port = (unsigned)app->config->port;
    for (; rc == SO_OK && opened < wanted; opened++)
        rc = open_loop(app, &app->loops[opened], err);
    /* Nothing runs before everything is open, so a failure here has nobody to stop. */
    for (; rc == SO_OK && app->loop_count < wanted; app->loop_count++)
        if (pthread_create(&app->loops[app->loop_count].thread, NULL, run_loop, &app->loops[app->loop_count]) != 0)
            rc = so_fail(err, SO_EIO, "cannot start a thread");
    if (rc != SO_OK) {
        so_app_stop(app);
        return rc;
    }
    *out_port = app->port;
    return SO_OK;
}

/* ---- stop ---- */

struct stop {
    struct so_app_loop *on;
    struct so_task task;
};

static void loop_is_empty(void *arg)
{
    struct so_app_loop *on = arg;
    so_hub_free(on->hub);
    on->hub = NULL;
    so_app_pg_close(on->pg);
    on->pg = NULL;
    so_loop_stop(on->loop);
}

static void stop_on_loop(struct so_task *task)
{
    struct stop *s = SO_CONTAINER_OF(task, struct stop, task);
    so_http_server_stop(s->on->server, (unsigned)s->on->app->config->grace_ms, loop_is_empty, s->on);
    so_free(s);
}

void so_app_stop(struct so_app *app)
{
    atomic_store(&app->stopping, true);
    for (unsigned i = 0; i < app->loop_count; i++) {
        struct stop *s = so_malloc(sizeof(*s));
        if (s == NULL) {
            so_loop_stop(app->loops[i].loop); /* without grace, since there is no memory to ask for it */
            continue;
        }
        *s = (struct stop){&app->loops[i], {.run = stop_on_loop}};
        so_loop_post(app->loops[i].loop, &s->task);
    }
    for (unsigned i = 0; i < app->loop_count; i++)
        pthread_join(app->loops[i].thread, NULL);
    so_workers_stop();
    for (unsigned i = 0; i < app->loop_count; i++)
        free_loop(&app->loops[i]);
    so_free(app->loops);
    app->loops = NULL;
    app->loop_count = 0;
}
