/* ws.c: connections begin, stay alive, and end. */
#include "ws/ws.h"

#include "core/mem.h"
#include "core/utf8.h"
#include "ws/ws_int.h"

const struct so_ws_options SO_WS_OPTIONS_DEFAULT = {
    .rules = {.deflate = {.is_on = true, .keeps_window = false, .threshold = 256}},
    .message_max = 1024 * 1024,
    .frame_max = 1024 * 1024,
    .queue_max = 4 * 1024 * 1024,
    .ping_interval_ms = 30 * 1000,
    .pong_timeout_ms = 20 * 1000,
    .close_timeout_ms = 5 * 1000,
};

/* ---- the end ---- */

/* Not while its last words are in the cork (on_bytes() comes back here) or wait for the socket or for the end of the turn
 * (on_drained() and so_ws_send_late() do). */
void so_ws_finish(struct so_ws *ws)
{
    if (ws->state == WS_DONE && ws->server->corked != ws && ws->first == NULL)
        so_http_stream_close(ws->stream);
}

/* Nothing more is said or heard. */
static void end(struct so_ws *ws)
{
    ws->state = WS_DONE;
    so_deadline_remove(&ws->deadline);
    so_ws_finish(ws);
}

/* code SO_WS_NO_CODE or 0: an empty close frame. */
static void send_close(struct so_ws *ws, unsigned code, struct so_str reason)
{
    char payload[SO_WS_CONTROL_MAX] = {(char)(code >> 8), (char)code};
    bool has_code = code != 0 && code != SO_WS_NO_CODE;
    size_t n = reason.n <= SO_WS_REASON_MAX ? reason.n : so_utf8_cut(reason.p, SO_WS_REASON_MAX);
    if (n > 0)
        memcpy(payload + 2, reason.p, n);
    so_ws_send_control(ws, SO_WS_CLOSE, so_str(payload, has_code ? 2 + n : 0));
}

void so_ws_close(struct so_ws *ws, unsigned code, struct so_str reason)
{
    if (ws->state != WS_OPEN)
        return;
    send_close(ws, code, reason);
    ws->state = WS_CLOSING;
    so_deadline_put(&ws->server->deadlines, &ws->deadline, WAIT_CLOSE);
    so_ws_pause(ws, false); /* to hear the answer */
}

void so_ws_fail(struct so_ws *ws, enum so_ws_code code, const char *why)
{
    if (ws->state == WS_OPEN)
        ws->code = (uint16_t)code;
    ws->control_len = 0;
    send_close(ws, code, so_str_c(why));
    end(ws);
}

void so_ws_take_close(struct so_ws *ws, unsigned code)
{
    ws->code = (uint16_t)code;
    send_close(ws, code, so_str("", 0));
    end(ws);
}

void so_ws_abort(struct so_ws *ws)
{
    ws->state = WS_DONE;
    so_deadline_remove(&ws->deadline);
    so_http_stream_abort(ws->stream);
}

void so_ws_pause(struct so_ws *ws, bool is_paused)
{
    ws->is_paused = is_paused;
    so_http_stream_pause(ws->stream, is_paused);
}

struct so_str so_ws_protocol(const struct so_ws *ws) { return ws->protocol; }

/* ---- timeouts ---- */

static void on_expired(struct so_deadline *d, void *arg)
{
    struct so_ws_server *s = arg;
    struct so_ws *ws = SO_CONTAINER_OF(d, struct so_ws, deadline);
    if (d->kind == WAIT_CLOSE) {
        if (so_ws_queued(ws) == 0)
            end(ws);
        else
            so_ws_abort(ws);
    } else if (ws->is_paused) {
        so_deadline_put(&s->deadlines, d, WAIT_QUIET); /* we do not listen, so its silence means nothing */
    } else if (d->kind == WAIT_PONG) {
        so_ws_abort(ws);
    } else {
        so_deadline_put(&s->deadlines, d, WAIT_PONG);
        so_ws_send_control(ws, SO_WS_PING, so_str("", 0));
    }
}

/* ---- what the stream tells ---- */

static void on_bytes(struct so_http_stream *stream, struct so_str bytes, void *arg)
{
    (void)stream;
    struct so_ws *ws = arg;
    if (ws->state == WS_OPEN) /* any byte shows that the peer is there */
        so_deadline_put(&ws->server->deadlines, &ws->deadline, WAIT_QUIET);
    so_ws_cork(ws);
    so_ws_receive(ws, bytes);
    so_ws_uncork(ws);
    if (ws->state != WS_OPEN)
        so_buf_deinit(&ws->message);
    so_ws_finish(ws);
}

void so_ws_tell_drained(struct so_ws *ws)
{
    if (ws->state == WS_OPEN && ws->events->drained != NULL)
        ws->events->drained(ws, ws->arg);
}

static void on_drained(struct so_http_stream *stream, void *arg)
{
    (void)stream;
    struct so_ws *ws = arg;
    bool is_drained = so_ws_send_waiting(ws);
    so_ws_finish(ws);
    if (is_drained)
        so_ws_tell_drained(ws);
}

static void on_stopping(struct so_http_stream *stream, void *arg)
{
    (void)stream;
    so_ws_close(arg, SO_WS_GOING_AWAY, SO_STR("the server stops"));
}

static void on_closed(struct so_http_stream *stream, void *arg)
{
    (void)stream;
    struct so_ws *ws = arg;
    ws->state = WS_DONE;
    struct so_str reason = ws->control_len > 2 ? so_str(ws->control + 2, ws->control_len - 2U) : so_str("", 0);
    bool is_peers = ws->code != SO_WS_DROPPED;
    ws->events->closed(ws, ws->code, is_peers ? reason : so_str("", 0), ws->arg);
    so_deadline_remove(&ws->deadline);
    ws->server->count--;
    so_ws_forget_late(ws);
    so_ws_forget_waiting(ws);
    so_buf_deinit(&ws->message);
    so_ws_deflater_free(ws->deflater);
    so_ws_inflater_free(ws->inflater);
    so_free(ws);
}

static const struct so_http_stream_events STREAM_EVENTS = {on_bytes, on_drained, on_stopping, on_closed};

/* ---- the beginning ---- */

static struct so_ws *new_connection(struct so_ws_server *s, const struct so_ws_handshake *h,
                                    const struct so_ws_events *events, void *arg)
{
    struct so_ws *ws = so_calloc(1, sizeof(*ws));
    if (ws == NULL)
        return NULL;
    ws->server = s;
    ws->events = events;
    ws->arg = arg;
    ws->protocol = h->protocol;
    ws->deflate = h->deflate;
    ws->code = SO_WS_DROPPED;
    so_ws_parser_init(&ws->parser, s->options.frame_max, h->deflate.is_on);
    so_buf_init(&ws->message, s->options.message_max);
    return ws;
}

int so_ws_accept(struct so_ws_server *s, struct so_http_exchange *x, const struct so_ws_events *events, void *arg,
                 struct so_ws **out_ws, struct so_err *err)
{
    struct so_err own = SO_ERR_INIT;
    struct so_ws_handshake h;
    struct so_ws *ws = NULL;
    if (err == NULL)
        err = &own;
    int rc = so_ws_handshake_read(&x->req, &s->options.rules, &h, err);
    if (rc == SO_OK && (ws = new_connection(s, &h, events, arg)) == NULL)
        rc = so_err_oom(err);
    if (rc == SO_OK) {
        so_ws_handshake_reply(x, &h);
        rc = so_http_upgrade(x, &STREAM_EVENTS, ws, &ws->stream, err);
    }
    if (rc != SO_OK) {
        so_free(ws);
        so_ws_handshake_refuse(x, err);
        return rc;
    }
    s->count++;
    so_deadline_put(&s->deadlines, &ws->deadline, WAIT_QUIET);
    *out_ws = ws;
    return SO_OK;
}

/* ---- the server ---- */

int so_ws_server_new(struct so_loop *loop, const struct so_ws_options *options, struct so_ws_server **out,
                     struct so_err *err)
{
    struct so_ws_server *s = so_calloc(1, sizeof(*s));
    if (s == NULL)
        return so_err_oom(err);
    s->loop = loop;
    s->options = *options;
    so_deadlines_init(&s->deadlines, so_loop_uv(loop), on_expired, s);
    s->deadlines.lasts_ms[WAIT_QUIET] = options->ping_interval_ms;
    s->deadlines.lasts_ms[WAIT_PONG] = options->pong_timeout_ms;
    s->deadlines.lasts_ms[WAIT_CLOSE] = options->close_timeout_ms;
    so_buf_init(&s->spare, options->message_max);
    so_buf_init(&s->inflated, options->message_max + 1); /* zlib sees that a message has ended when there is room left */
    so_buf_init(&s->deflated, SIZE_MAX / 2);             /* bounded by what is sent */
    so_buf_init(&s->cork, CORK_MAX);
    *out = s;
    return SO_OK;
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct so_deadlines *deadlines = timer->data;
    struct so_ws_server *s = SO_CONTAINER_OF(deadlines, struct so_ws_server, deadlines);
    s->is_freed = true;
    if (!s->is_turn_posted) /* else its task is the last to need it */
        so_free(s);
}

void so_ws_server_free(struct so_ws_server *s)
{
    if (s == NULL)
        return;
    so_buf_deinit(&s->spare);
    so_buf_deinit(&s->inflated);
    so_buf_deinit(&s->deflated);
    so_buf_deinit(&s->cork);
    for (size_t i = 0; i < COUNT_OF(s->deflaters); i++)
        so_ws_deflater_free(s->deflaters[i]);
    so_ws_inflater_free(s->inflater);
    so_deadlines_close(&s->deadlines, on_timer_closed);
}

size_t so_ws_server_count(const struct so_ws_server *s) { return s->count; }
