/* serving.c: the main thread while the server runs: signals and, in development, the schema files. */
#include "cli/serving.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "cli/cli.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "db/pg_listen.h"

enum { LOOK_EVERY_MS = 250, LOOK_AT_KEYS_EVERY_MS = 1000, LOOK_AT_REVOCATIONS_EVERY_MS = 400 };

struct serving {
    struct so_app *app;
    uv_loop_t loop;
    uv_signal_t terminate, interrupt, hangup;
    uv_timer_t look, look_at_keys, look_at_revocations;
    uv_async_t told; /* by the database: its schema is another */
    struct so_pg_listener *listener;
    bool listens; /* has begun: the listener's thread alone */
    char schemas[PATH_MAX], functions[PATH_MAX];
    uint64_t fingerprint;
    bool is_blind;                                         /* the last look at revocations failed, which was said */
    char complaint[sizeof(((struct so_err *)0)->message)]; /* what was last wrong with the key file; said once */
};

static void reload(struct serving *s)
{
    struct so_err err = SO_ERR_INIT;
    long long from = so_clock_mono_ns();
    if (so_app_reload(s->app, &err) == SO_OK)
        so_log(SO_LOG_INFO, "reloaded in %.1f ms", (double)(so_clock_mono_ns() - from) / 1e6);
    else
        so_log(SO_LOG_ERROR, "%s%s%s; serving on as before", err.message, err.hint[0] ? ": " : "", err.hint);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct serving *s = handle->data;
    if (number == SIGHUP) {
        reload(s);
        return;
    }
    so_log(SO_LOG_INFO, "stopping: requests under way are finished first");
    uv_stop(&s->loop);
}

static uint64_t fingerprint(const struct serving *s)
{
    return so_fs_fingerprint(s->schemas, ".json") + 31 * so_fs_fingerprint(s->functions, ".sql");
}

static void on_look(uv_timer_t *timer)
{
    struct serving *s = timer->data;
    uint64_t now = fingerprint(s);
    if (now == s->fingerprint)
        return;
    s->fingerprint = now;
    reload(s);
}

/* `socle keys` may have changed the file: a revoked key must not be good for long. */
static void on_look_at_keys(uv_timer_t *timer)
{
    struct serving *s = timer->data;
    struct so_err err = SO_ERR_INIT;
    bool changed;
    int rc = so_app_look_at_keys(s->app, &changed, &err);
    if (rc == SO_OK && changed)
        so_log(SO_LOG_INFO, "the signing keys were read again");
    if (rc != SO_OK && strcmp(err.message, s->complaint) != 0)
        so_log(SO_LOG_ERROR, "%s; serving on with the keys of before", err.message);
    if (rc != SO_OK || changed)
        snprintf(s->complaint, sizeof(s->complaint), "%s", err.message);
}

/* Another process on the same database may have signed somebody out: tokens must be refused here within a second, too. */
static void on_look_at_revocations(uv_timer_t *timer)
{
    struct serving *s = timer->data;
    struct so_err err = SO_ERR_INIT;
    int rc = so_app_look_at_revocations(s->app, &err);
    if (rc != SO_OK && !s->is_blind)
        so_log(SO_LOG_ERROR, "revocations of other processes cannot be read: %s", err.message);
    s->is_blind = rc != SO_OK;
}

/* ---- NOTIFY ---- */

static void on_told(uv_async_t *handle) { reload(handle->data); }

/* On the listener's thread.  The first time that it listens the catalog has just been read; later something may be missed.
 */
static void on_heard(void *arg, struct so_str channel, struct so_str payload)
{
    struct serving *s = arg;
    (void)payload; /* PostgREST tells "reload schema" from "reload config": both are one here */
    if (channel.p != NULL || s->listens)
        uv_async_send(&s->told);
    s->listens = true;
}

static void on_listening_failed(void *arg, const struct so_err *err)
{
    (void)arg;
    so_log(SO_LOG_WARN, "cannot listen for changes of the database's schema: %s: %s", err->message, err->details);
}

static void listen_to(struct serving *s, const struct so_config *config)
{
    const struct so_pg_listen_options options = {.url = config->database_url,
                                                 .channels = &config->db_channel,
                                                 .channel_count = 1,
                                                 .heard = on_heard,
                                                 .failed = on_listening_failed,
                                                 .arg = s};
    struct so_err err = SO_ERR_INIT;
    s->told.data = s;
    if (!config->is_postgres || config->db_channel == NULL || config->db_channel[0] == '\0' ||
        uv_async_init(&s->loop, &s->told, on_told) != 0)
        return;
    if (so_pg_listener_open(&options, &s->listener, &err) != SO_OK)
        on_listening_failed(s, &err);
}

static void watch_signal(struct serving *s, uv_signal_t *handle, int number)
{
    handle->data = s;
    uv_signal_init(&s->loop, handle);
    uv_signal_start(handle, on_signal, number);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    uv_close(handle, NULL);
}

static void announce(const struct so_app *app, const struct so_config *config, unsigned port, long long started_ns)
{
    struct so_buf closed;
    so_buf_init(&closed, 4096);
    so_app_closed_tables(app, &closed);
    if (closed.len > 0)
        so_log(SO_LOG_WARN, "no policies, so only the service key sees: %s", so_buf_cstr(&closed));
    so_buf_deinit(&closed);
    so_log(SO_LOG_INFO, "listening on http://%s:%u, ready in %.1f ms", config->host, port,
           (double)(so_clock_mono_ns() - started_ns) / 1e6);
}

int cli_serve(struct so_app *app, const struct so_config *config, bool watch, long long started_ns)
{
    struct serving s = {.app = app};
    struct so_err err = SO_ERR_INIT;
    unsigned port;
    if (uv_loop_init(&s.loop) != 0)
        return cli_usage("cannot make an event loop");
    /* Before the threads start, so that a signal that comes early is not lost. */
    watch_signal(&s, &s.terminate, SIGTERM);
    watch_signal(&s, &s.interrupt, SIGINT);
    watch_signal(&s, &s.hangup, SIGHUP);
    snprintf(s.schemas, sizeof(s.schemas), "%s/schemas", config->dir);
    snprintf(s.functions, sizeof(s.functions), "%s/functions", config->dir);
    /* Before anybody is told that the server listens: what is saved after that must be seen. */
    s.fingerprint = fingerprint(&s);
    int code = CLI_OK;
    if (so_app_start(app, &port, &err) == SO_OK) {
        announce(app, config, port, started_ns);
        listen_to(&s, config);
        if (watch) {
            s.look.data = &s;
            uv_timer_init(&s.loop, &s.look);
            uv_timer_start(&s.look, on_look, LOOK_EVERY_MS, LOOK_EVERY_MS);
        }
        s.look_at_keys.data = &s;
        uv_timer_init(&s.loop, &s.look_at_keys);
        uv_timer_start(&s.look_at_keys, on_look_at_keys, LOOK_AT_KEYS_EVERY_MS, LOOK_AT_KEYS_EVERY_MS);
        s.look_at_revocations.data = &s;
        uv_timer_init(&s.loop, &s.look_at_revocations);
        uv_timer_start(&s.look_at_revocations, on_look_at_revocations, LOOK_AT_REVOCATIONS_EVERY_MS,
                       LOOK_AT_REVOCATIONS_EVERY_MS);
        uv_run(&s.loop, UV_RUN_DEFAULT);
        so_pg_listener_close(s.listener);
        so_app_stop(app);
    } else {
        code = cli_fail(&err);
    }
    uv_walk(&s.loop, close_handle, NULL);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    uv_loop_close(&s.loop);
    return code;
}
