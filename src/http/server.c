/* server.c: a listener on a loop, its connections, and how both end. */
#include <unistd.h>

#include "core/mem.h"
#include "http/connection.h"
#include "net/listen.h"

enum {
    BACKLOG = 4096,
    LINGER_MS = 2000, /* how long a client may take to read the last reply and close */
    OUT_MAX = 512 * 1024
};

const struct so_http_limits SO_HTTP_LIMITS_DEFAULT = {
    .line_max = 16 * 1024,
    .headers_max = 32 * 1024,
    .header_count_max = 100,
    .body_max = 8 * 1024 * 1024,
    .reply_max = 64 * 1024 * 1024,
    .request_memory_max = 32 * 1024 * 1024,
    .header_timeout_ms = 10 * 1000,
    .body_timeout_ms = 30 * 1000,
    .idle_timeout_ms = 75 * 1000,
    .write_timeout_ms = 30 * 1000,
    .connections_max = 10 * 1000,
};

/* ---- the end: connections, then handles, then memory ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct so_http_server *s = handle->data;
    if (--s->handles > 0)
        return;
    void (*stopped)(void *arg) = s->stopped;
    void *arg = s->stopped_arg;
    so_call_free_spare(s);
    so_buf_deinit(&s->out);
    so_free(s);
    if (stopped != NULL)
        stopped(arg);
}

static void close_handle(struct so_http_server *s, uv_handle_t *handle)
{
    handle->data = s;
    uv_close(handle, on_handle_closed);
}

static void on_deadlines_closed(uv_handle_t *handle)
{
    handle->data = SO_CONTAINER_OF(handle->data, struct so_http_server, deadlines);
    on_handle_closed(handle);
}

static void close_timers(struct so_http_server *s)
{
    if (s->is_closing_timers)
        return;
    s->is_closing_timers = true;
    close_handle(s, (uv_handle_t *)&s->grace);
    so_deadlines_close(&s->deadlines, on_deadlines_closed);
}

void so_server_lost_connection(struct so_http_server *s)
{
    s->connections--;
    if (s->is_stopping && s->connections == 0)
        close_timers(s);
}

/* ---- accepting ---- */

static void accept_waiting(struct so_http_server *s);

static void on_turned_away(uv_handle_t *handle)
{
    struct so_http_server *s = handle->data;
    s->is_turning_away = false;
    if (s->has_one_waiting && !s->is_stopping) {
        s->has_one_waiting = false;
        accept_waiting(s);
    }
    on_handle_closed(handle);
}

/* No memory for a connection: it is accepted all the same, into a handle that we have, and closed.  Left alone it would keep
 * the listener busy, and its client waiting. */
static void turn_away(struct so_http_server *s)
{
    if (s->is_turning_away) {
        s->has_one_waiting = true;
        return;
    }
    s->is_turning_away = true;
    s->handles++;
    (void)uv_tcp_init(so_loop_uv(s->loop), &s->turned_away);
    s->turned_away.data = s;
    (void)uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&s->turned_away);
    uv_close((uv_handle_t *)&s->turned_away, on_turned_away);
}

static void accept_waiting(struct so_http_server *s)
{
    if (so_http_conn_accept(s) != SO_OK)
        turn_away(s);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct so_http_server *s = listener->data;
    if (status == 0 && !s->is_stopping)
        accept_waiting(s);
}

/* ---- start ---- */

static int open_listener(struct so_http_server *s, struct so_err *err)
{
    int fd = -1;
    int rc = so_listen_open(s->options.host, s->options.port, &fd, &s->port, err);
    if (rc != SO_OK)
        return rc;
    int why = uv_tcp_open(&s->listener, fd);
    if (why < 0)
        close(fd);
    else
        why = uv_listen((uv_stream_t *)&s->listener, BACKLOG, on_connection);
    if (why < 0)
        return so_fail(err, why == UV_EADDRINUSE ? SO_EEXISTS : SO_EIO, "cannot listen on %s port %u: %s", s->options.host,
                       s->port, uv_strerror(why));
    return SO_OK;
}

static void set_timeouts(struct so_http_server *s)
{
    const struct so_http_limits *limits = &s->options.limits;
    unsigned *lasts = s->deadlines.lasts_ms;
    lasts[WAIT_IDLE] = limits->idle_timeout_ms;
    lasts[WAIT_HEAD] = limits->header_timeout_ms;
    lasts[WAIT_BODY] = limits->body_timeout_ms;
    lasts[WAIT_WRITE] = limits->write_timeout_ms;
    lasts[WAIT_LINGER] = LINGER_MS;
}

int so_http_server_start(struct so_loop *loop, const struct so_http_server_options *options, struct so_http_server **out,
                         struct so_err *err)
{
    struct so_http_server *s = so_calloc(1, sizeof(*s));
    if (s == NULL)
        return so_err_oom(err);
    s->loop = loop;
    s->options = *options;
    /* Taken at once, so that a refusal can be written when there is no memory left. */
    so_buf_init(&s->out, OUT_MAX);
    if (so_buf_reserve(&s->out, OUT_FLUSH + BODY_COPY_MAX) == NULL) {
        so_free(s);
        return so_err_oom(err);
    }
    uv_loop_t *uv = so_loop_uv(loop);
    so_deadlines_init(&s->deadlines, uv, so_http_conn_expired, s);
    (void)uv_timer_init(uv, &s->grace);  /* always 0 */
    (void)uv_tcp_init(uv, &s->listener); /* the same without a socket to make */
    s->handles = 3;
    s->listener.data = s->grace.data = s;
    set_timeouts(s);
    int rc = open_listener(s, err);
    if (rc != SO_OK) {
        so_http_server_stop(s, 0, NULL, NULL);
        return rc;
    }
    *out = s;
    return SO_OK;
}

unsigned so_http_server_port(const struct so_http_server *s) { return s->port; }

/* ---- stop ---- */

/* Calls fn for each connection.  fn may close it or move it to another list. */
static void for_each_connection(struct so_http_server *s, void (*fn)(struct so_http_conn *c))
{
    for (int kind = 0; kind < WAIT_KINDS; kind++) {
        struct so_deadline *last = s->deadlines.lists[kind].prev;
        for (struct so_deadline *d = so_deadline_first(&s->deadlines, kind), *next; d != NULL; d = next) {
            next = d == last ? NULL : d->next;
            fn(so_http_conn_of_deadline(d));
        }
    }
}

static void ask_to_leave(struct so_http_conn *c)
{
    if (c->state == CONN_STREAM && c->stream.events->stopping != NULL)
        c->stream.events->stopping(&c->stream, c->stream.arg);
    else if (c->state == CONN_HEAD)
        so_http_conn_settle(c); /* closes it when it is idle */
}

static void on_grace_over(uv_timer_t *timer) { for_each_connection(timer->data, so_http_conn_close); }

void so_http_server_stop(struct so_http_server *s, unsigned grace_ms, void (*stopped)(void *arg), void *arg)
{
    if (s->is_stopping)
        return;
    s->is_stopping = true;
    s->stopped = stopped;
    s->stopped_arg = arg;
    close_handle(s, (uv_handle_t *)&s->listener);
    for_each_connection(s, ask_to_leave);
    if (s->connections == 0)
        close_timers(s);
    else if (grace_ms == 0)
        on_grace_over(&s->grace);
    else
        (void)uv_timer_start(&s->grace, on_grace_over, grace_ms, 0);
}
