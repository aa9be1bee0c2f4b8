/* hub.c: what the sockets of one loop share, and the sweep: once a second expired tokens, ended sessions and silent sockets
 * are looked for. */
#include <uv.h>

#include "core/clock.h"
#include "core/mem.h"
#include "realtime/hub_int.h"

const struct so_realtime_settings SO_REALTIME_SETTINGS_DEFAULT = {
    .origins = "*",
    .connections_max = 10000,
    .channels_max = 100,
    .joins_per_second = 100,
    .events_per_second = 500,
    .presence_calls_max = 5,
    .presence_window_ms = 30 * 1000,
    .posts_per_second = 1000,
    .payload_max = 3000 * 1024,
    .queue_max = 4 << 20,
    .stall_ms = 10000,
    .silence_ms = 60 * 1000,
};

/* ---- the process ---- */

int so_realtime_open(const struct so_realtime_settings *settings, struct so_realtime **out, struct so_err *err)
{
    struct so_realtime *rt = so_calloc(1, sizeof(*rt));
    if (rt == NULL)
        return so_err_oom(err);
    rt->settings = *settings;
    int rc = so_bus_new(&rt->bus, err);
    if (rc == SO_OK)
        rc = so_presence_new(&rt->presence, err);
    const struct so_nodes_options nodes = {.db = settings->nodes_db,
                                           .listen_url = settings->nodes_url,
                                           .timeout_ms = settings->nodes_timeout_ms,
                                           .told = settings->nodes_told};
    if (rc == SO_OK && nodes.db != NULL)
        rc = so_nodes_open(&nodes, rt->bus, rt->presence, &rt->nodes, err);
    const struct so_store_options store = {settings->replay_db, settings->replay_seconds, settings->replay_bytes};
    if (rc == SO_OK && store.db != NULL)
        rc = so_store_open(&store, &rt->store, err);
    if (rc != SO_OK) {
        so_realtime_close(rt);
        return rc;
    }
    *out = rt;
    return SO_OK;
}

void so_realtime_close(struct so_realtime *rt)
{
    if (rt == NULL)
        return;
    so_nodes_close(rt->nodes);
    so_bus_free(rt->bus);
    so_presence_free(rt->presence);
    so_store_close(rt->store);
    so_free(rt);
}

void so_realtime_get_stats(struct so_realtime *rt, struct so_realtime_stats *out)
{
    struct so_nodes_stats nodes = {0};
    if (rt->nodes != NULL)
        so_nodes_get_stats(rt->nodes, &nodes);
    *out = (struct so_realtime_stats){
        .sockets = __atomic_load_n(&rt->stats.sockets, __ATOMIC_RELAXED),
        .channels = __atomic_load_n(&rt->stats.channels, __ATOMIC_RELAXED),
        .broadcasts = __atomic_load_n(&rt->stats.broadcasts, __ATOMIC_RELAXED),
        .deliveries = __atomic_load_n(&rt->stats.deliveries, __ATOMIC_RELAXED),
        .too_slow = __atomic_load_n(&rt->stats.too_slow, __ATOMIC_RELAXED),
        .nodes = nodes.peers,
        .node_drops = nodes.dropped,
    };
}

/* ---- the sweep ---- */

int64_t hub_now_ms(const struct so_hub *hub) { return (int64_t)uv_now(so_loop_uv(hub->loop)); }

bool hub_refuses(const struct so_hub *hub, const struct so_caller *caller)
{
    const struct so_gate *gate = &hub->gate;
    return gate->revocations(gate->arg) != hub->revocations && gate->is_revoked(gate->arg, &caller->who);
}

static void sweep_channel(struct channel *ch, int64_t now)
{
    char why[64];
    const struct so_caller *caller = ch->caller;
    if (hub_refuses(ch->socket->hub, caller)) {
        channel_shut(ch, "The session of the token has ended");
    } else if (caller->expires != 0 && caller->expires <= now) {
        (void)snprintf(why, sizeof(why), "Token has expired %lld seconds ago", (long long)(now - caller->expires));
        channel_shut(ch, why);
    }
}

/* Changes wait for it, and it has taken nothing of what is in its queue. */
static bool is_stuck(struct socket *s)
{
    int64_t now = hub_now_ms(s->hub);
    size_t queued = so_ws_queued(s->ws);
    if (!s->is_held || queued < s->queued)
        s->moved_ms = now;
    s->queued = queued;
    return now - s->moved_ms > s->hub->rt->settings.stall_ms;
}

static void sweep_socket(struct socket *s, int64_t now)
{
    for (struct channel *ch = s->channels, *next; ch != NULL; ch = next) {
        next = ch->next;
        sweep_channel(ch, now);
    }
    if (hub_now_ms(s->hub) - s->heard_ms > s->hub->rt->settings.silence_ms)
        so_ws_close(s->ws, SO_WS_GOING_AWAY, SO_STR("no heartbeat came"));
    if (is_stuck(s)) {
        so_ws_close(s->ws, SO_WS_TRY_AGAIN_LATER, SO_STR("nothing is read"));
        hub_count(&s->hub->rt->stats.too_slow, 1);
        s->is_held = false;
    }
}

static void on_sweep(struct so_deadline *d, void *arg)
{
    struct so_hub *hub = arg;
    int64_t now = so_clock_now();
    uint64_t revocations = hub->gate.revocations(hub->gate.arg);
    so_deadline_put(&hub->deadlines, d, 0);
    so_arena_reset(&hub->scratch);
    for (struct socket *s = hub->sockets; s != NULL; s = s->next)
        sweep_socket(s, now);
    hub->revocations = revocations;
    hear_forget(hub);
}

/* ---- beginning and end ---- */

/* "a, b" as a list for the handshake; "*" is none: anybody.  Borrows from `text`. */
static int read_origins(struct so_hub *hub, const char *text, struct so_ws_options *options, struct so_err *err)
{
    struct so_str rest = so_str_c(text), one;
    size_t count = 0, cap = 1;
    for (const char *c = text; *c != '\0'; c++)
        cap += *c == ',';
    hub->origins = so_calloc(cap, sizeof(*hub->origins));
    if (hub->origins == NULL)
        return so_err_oom(err);
    while (so_str_split(&rest, ',', &one)) {
        one = so_str_trim(one);
        if (so_str_eq(one, SO_STR("*")))
            return SO_OK;
        hub->origins[count++] = one;
    }
    options->rules.origins = hub->origins;
    options->rules.origin_count = count;
    return SO_OK;
}

static int open_ws(struct so_hub *hub, struct so_err *err)
{
    enum { FRAME_OVERHEAD = 64 * 1024, CLOSE_TIMEOUT_MS = 1000 };
    const struct so_realtime_settings *settings = &hub->rt->settings;
    struct so_ws_options options = SO_WS_OPTIONS_DEFAULT;
    /* More than a payload may have, so that one that is too large is answered, not cut off. */
    options.message_max = options.frame_max = settings->payload_max * 2 + FRAME_OVERHEAD;
    options.queue_max = settings->queue_max;
    options.ping_interval_ms = 0;                /* clients send heartbeats: see the sweep */
    options.close_timeout_ms = CLOSE_TIMEOUT_MS; /* a stop does not wait for clients who do not answer */
    int rc = read_origins(hub, settings->origins, &options, err);
    return rc == SO_OK ? so_ws_server_new(hub->loop, &options, &hub->ws, err) : rc;
}

int so_hub_new(const struct so_hub_options *options, struct so_hub **out, struct so_err *err)
{
    struct so_hub *hub = so_calloc(1, sizeof(*hub));
    if (hub == NULL)
        return so_err_oom(err);
    hub->rt = options->realtime;
    hub->loop = options->loop;
    hub->gate = options->gate;
    hub->reader = options->reader;
    so_arena_init(&hub->scratch, SCRATCH_MAX);
    so_buf_init(&hub->text, TEXT_MAX);
    so_buf_init(&hub->payload, TEXT_MAX);
    so_deadlines_init(&hub->deadlines, so_loop_uv(hub->loop), on_sweep, hub);
    hub->deadlines.lasts_ms[0] = SWEEP_MS;
    int rc = open_ws(hub, err);
    if (rc == SO_OK && options->feed != NULL)
        rc = so_changes_new(options->feed, hub->loop, hub->reader, &hub->changes, err);
    if (rc == SO_OK)
        rc = so_bus_join(hub->rt->bus, hub->loop, room_receive, hub, &hub->member, err);
    if (rc != SO_OK) {
        so_hub_free(hub);
        return rc;
    }
    so_deadline_put(&hub->deadlines, &hub->sweep, 0);
    *out = hub;
    return SO_OK;
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct so_deadlines *deadlines = timer->data;
    so_free(SO_CONTAINER_OF(deadlines, struct so_hub, deadlines));
}

void so_hub_free(struct so_hub *hub)
{
    if (hub == NULL)
        return;
    hear_forget(hub);
    so_bus_leave(hub->member);
    so_changes_free(hub->changes);
    so_access_unref(hub->access);
    so_ws_server_free(hub->ws);
    so_hash_table_deinit(&hub->rooms);
    so_free(hub->origins);
    so_arena_deinit(&hub->scratch);
    so_buf_deinit(&hub->text);
    so_buf_deinit(&hub->payload);
    so_deadline_remove(&hub->sweep);
    so_deadlines_close(&hub->deadlines, on_timer_closed);
}

int so_hub_use(struct so_hub *hub, const struct so_catalog *catalog, const struct so_model *model, struct so_access *access,
               struct so_err *err)
{
    int rc = hub->changes == NULL ? SO_OK : so_changes_use(hub->changes, catalog, model, err);
    if (rc != SO_OK)
        return rc;
    so_access_ref(access);
    so_access_unref(hub->access);
    hub->access = access;
    for (struct socket *s = hub->sockets; s != NULL; s = s->next)
        for (struct channel *ch = s->channels, *next; ch != NULL; ch = next) {
            next = ch->next;
            (void)channel_reconsider(ch);
        }
    return SO_OK;
}
