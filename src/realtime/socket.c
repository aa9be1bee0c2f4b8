/* socket.c: a WebSocket and its messages: each goes to the channel that it names. */
#include "core/clock.h"
#include "core/mem.h"
#include "http/url.h"
#include "realtime/hub_int.h"
#include "json/write.h"

/* ---- out ---- */

static void count_delivery(struct socket *s, int rc)
{
    struct so_realtime_stats *stats = &s->hub->rt->stats;
    if (rc == SO_OK)
        hub_count(&stats->deliveries, 1);
    else if (rc == SO_EBUSY) /* it is being closed with 1013, and comes back later */
        hub_count(&stats->too_slow, 1);
}

void socket_send_text(struct socket *s)
{
    if (s->hub->text.rc == SO_OK)
        count_delivery(s, so_ws_send(s->ws, SO_WS_TEXT, so_buf_str(&s->hub->text)));
    else
        so_ws_close(s->ws, SO_WS_INTERNAL, SO_STR("out of memory")); /* a gap would go unnoticed */
}

void socket_send_frame(struct socket *s, struct so_ws_frame *frame) { count_delivery(s, so_ws_send_frame(s->ws, frame)); }

void socket_send(struct socket *s, const struct so_wire_head *head, struct so_str payload)
{
    so_buf_reset(&s->hub->text);
    so_wire_put(&s->hub->text, s->version, head, payload);
    socket_send_text(s);
}

void socket_reply(struct socket *s, const struct so_wire_message *m, bool is_ok, struct so_str response)
{
    const struct so_wire_head head = {m->join_ref, m->ref, m->topic, SO_STR("phx_reply")};
    struct so_str payload = so_arena_printf(&s->hub->scratch, "{\"status\":\"%s\",\"response\":%.*s}",
                                            is_ok ? "ok" : "error", SO_STR_ARG(response));
    if (payload.p != NULL)
        socket_send(s, &head, payload);
    else
        so_ws_close(s->ws, SO_WS_INTERNAL, SO_STR("out of memory"));
}

void socket_refuse(struct socket *s, const struct so_wire_message *m, const char *reason)
{
    struct so_buf response;
    so_buf_init(&response, TEXT_MAX);
    so_buf_lit(&response, "{\"reason\":");
    so_json_put_str(&response, so_str_c(reason));
    so_buf_putc(&response, '}');
    socket_reply(s, m, false, response.rc == SO_OK ? so_buf_str(&response) : SO_STR("{}"));
    so_buf_deinit(&response);
}

/* ---- in ---- */

static struct channel *find_channel(const struct socket *s, struct so_str topic)
{
    struct channel *ch = s->channels;
    while (ch != NULL && !so_str_eq(room_topic(ch->room), topic))
        ch = ch->next;
    return ch;
}

static void ignore(struct channel *ch, const struct so_wire_message *m)
{
    (void)ch;
    (void)m;
}

/* What a client may say in a channel.  Anything else is passed over, as in the reference. */
static const struct {
    struct so_str event;
    void (*take)(struct channel *ch, const struct so_wire_message *m);
    bool is_counted; /* against events_per_second */
} EVENTS[] = {
    {SO_STR_INIT("broadcast"), talk_broadcast, true},
    {SO_STR_INIT("presence"), talk_presence, true},
    {SO_STR_INIT("access_token"), channel_take_token, true},
    {SO_STR_INIT("phx_leave"), channel_leave, false},
};

static void to_channel(struct channel *ch, const struct so_wire_message *m)
{
    struct socket *s = ch->socket;
    const struct so_realtime_settings *settings = &s->hub->rt->settings;
    void (*take)(struct channel *, const struct so_wire_message *) = ignore;
    bool is_counted = true;
    for (size_t i = 0; i < COUNT_OF(EVENTS); i++)
        if (so_str_eq(m->event, EVENTS[i].event)) {
            take = EVENTS[i].take;
            is_counted = EVENTS[i].is_counted;
        }
    if (is_counted && !so_window_take(&s->events, hub_now_ms(s->hub), 1000, settings->events_per_second))
        channel_shut(ch, "Too many messages per second");
    else if (hub_refuses(s->hub, ch->caller) && take != channel_take_token && take != channel_leave)
        channel_shut(ch, "The session of the token has ended");
    else
        take(ch, m);
}

/* A message of a membership that has ended meanwhile: its client knows, and waits for no answer but that of a leave. */
static bool is_stale(const struct channel *ch, const struct so_wire_message *m)
{
    return !so_str_eq(m->join_ref, SO_WIRE_NULL) && !so_str_eq(m->join_ref, ch->join_ref);
}

static void dispatch(struct socket *s, const struct so_wire_message *m)
{
    bool leaves = so_str_eq(m->event, SO_STR("phx_leave"));
    if (so_str_eq(m->topic, SO_STR("phoenix"))) {
        if (so_str_eq(m->event, SO_STR("heartbeat")))
            socket_reply(s, m, true, SO_STR("{}"));
        return;
    }
    if (so_str_eq(m->event, SO_STR("phx_join"))) {
        channel_join(s, m);
        return;
    }
    struct channel *ch = find_channel(s, m->topic);
    if (ch != NULL && !is_stale(ch, m))
        to_channel(ch, m);
    else if (leaves)
        socket_reply(s, m, true, SO_STR("{}"));
    else if (ch == NULL)
        socket_refuse(s, m, "unmatched topic");
}

static void on_message(struct so_ws *ws, enum so_ws_opcode opcode, struct so_str bytes, void *arg)
{
    (void)ws;
    struct socket *s = arg;
    struct so_hub *hub = s->hub;
    struct so_wire_message m;
    bool is_binary = opcode == SO_WS_BINARY;
    s->heard_ms = hub_now_ms(hub);
    so_arena_reset(&hub->scratch);
    int rc = SO_EINVAL; /* there are no binary frames in 1.0.0 */
    if (!is_binary)
        rc = so_wire_read_text(s->version, bytes, &hub->scratch, &m);
    else if (s->version == SO_WIRE_V2)
        rc = so_wire_read_binary(bytes, &hub->scratch, &m);
    if (rc == SO_OK)
        dispatch(s, &m);
    else if (rc == SO_ENOMEM)
        so_ws_close(s->ws, SO_WS_INTERNAL, SO_STR("out of memory"));
    /* Anything else is no message: dropped, and the socket stays (PROTOCOL.md section 7.2). */
}

/* What it could not take before waits in the log. */
static void on_drained(struct so_ws *ws, void *arg)
{
    (void)ws;
    struct socket *s = arg;
    if (!s->is_held)
        return;
    s->is_held = false;
    for (struct channel *ch = s->channels; ch != NULL; ch = ch->next)
        hear_go_on(ch);
}

static void free_socket(struct socket *s)
{
    if (s == NULL)
        return;
    so_caller_unref(s->caller);
    so_free(s);
}

static void on_closed(struct so_ws *ws, unsigned code, struct so_str reason, void *arg)
{
    (void)ws;
    (void)code;
    (void)reason;
    struct socket *s = arg;
    while (s->channels != NULL)
        channel_end(s->channels);
    *s->at = s->next;
    if (s->next != NULL)
        s->next->at = s->at;
    hub_count(&s->hub->rt->stats.sockets, -1);
    free_socket(s);
}

/* ---- connecting ---- */

static void reply_error(struct so_http_exchange *x, int status, const char *message)
{
    struct so_buf *body = so_http_reply_body(x);
    so_buf_lit(body, "{\"error\":");
    so_json_put_str(body, so_str_c(message));
    so_buf_putc(body, '}');
    so_http_reply_header(x, SO_STR("Content-Type"), SO_STR("application/json"));
    if (status == 429)
        so_http_reply_header(x, SO_STR("Retry-After"), SO_STR("10"));
    so_http_reply_send(x, status);
}

/* A parameter of the query; empty when it is absent or malformed. */
static struct so_str parameter(const struct so_http_exchange *x, struct so_str name)
{
    struct so_str rest = x->req.query, pair, value;
    while (rest.p != NULL && so_str_split(&rest, '&', &pair)) {
        size_t equals = so_str_find_char(pair, '=', 0);
        if (equals == SO_STR_NONE || !so_str_eq(so_str_slice(pair, 0, equals), name))
            continue;
        if (so_http_decode(x->arena, so_str_slice(pair, equals + 1, pair.n), true, &value) == SO_OK)
            return value;
    }
    return SO_STR("");
}

static bool read_version(struct so_str vsn, enum so_wire_version *out)
{
    *out = so_str_starts(vsn, SO_STR("2.")) ? SO_WIRE_V2 : SO_WIRE_V1;
    return vsn.n == 0 || *out == SO_WIRE_V2 || so_str_starts(vsn, SO_STR("1."));
}

static struct socket *new_socket(struct so_hub *hub, const struct so_guest *guest, struct so_str key)
{
    struct socket *s = so_calloc(1, sizeof(*s) + key.n);
    struct so_caller *caller = s == NULL ? NULL : so_caller_new(guest, so_str("", 0));
    if (caller == NULL) {
        so_free(s);
        return NULL;
    }
    if (key.n > 0)
        memcpy(s->text, key.p, key.n);
    s->hub = hub;
    s->caller = caller;
    s->key = so_str(s->text, key.n);
    s->heard_ms = hub_now_ms(hub);
    return s;
}

static const struct so_ws_events SOCKET_EVENTS = {on_message, on_drained, on_closed};

static void accept_socket(struct so_hub *hub, struct so_http_exchange *x, struct socket *s)
{
    if (so_ws_accept(hub->ws, x, &SOCKET_EVENTS, s, &s->ws, NULL) != SO_OK) { /* it has answered */
        hub_count(&hub->rt->stats.sockets, -1);
        free_socket(s);
        return;
    }
    s->next = hub->sockets;
    s->at = &hub->sockets;
    if (s->next != NULL)
        s->next->at = &s->next;
    hub->sockets = s;
}

void so_hub_connect(struct so_hub *hub, struct so_http_exchange *x)
{
    struct so_err err = SO_ERR_INIT;
    struct so_guest guest;
    enum so_wire_version version;
    struct so_str key = parameter(x, SO_STR("apikey"));
    if (key.n == 0)
        key = so_http_header(&x->req, SO_STR("x-api-key"));
    if (key.n == 0) {
        reply_error(x, 401, "API key is missing");
        return;
    }
    if (!read_version(parameter(x, SO_STR("vsn")), &version)) {
        reply_error(x, 400, "this vsn is not spoken here: there are 1.0.0 and 2.0.0");
        return;
    }
    int rc = hub->gate.identify(hub->gate.arg, key, SO_STR(""), x->arena, &guest, &err);
    if (rc != SO_OK) {
        reply_error(x, rc == SO_ENOMEM ? 503 : 401, err.message);
        return;
    }
    /* Counted before it is looked at: loops that accept at the same moment must not let in one too many. */
    uint64_t count = __atomic_add_fetch(&hub->rt->stats.sockets, 1, __ATOMIC_RELAXED);
    struct socket *s = count <= hub->rt->settings.connections_max ? new_socket(hub, &guest, key) : NULL;
    if (s == NULL) {
        hub_count(&hub->rt->stats.sockets, -1);
        bool is_full = count > hub->rt->settings.connections_max;
        reply_error(x, is_full ? 429 : 503, is_full ? "Too many connected users" : "out of memory");
        return;
    }
    s->version = version;
    accept_socket(hub, x, s);
}
