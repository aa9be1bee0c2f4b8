/* connection.c: from bytes to handlers: the states in connection.h.
 *
 *   on_read --> use(): one request after the other, as far as the bytes go --> so_http_conn_settle(): send, set deadline and
 * reading
 *
 * A handler that replies at once does so inside use(), and the loop there goes on; one that replies later comes in through
 * so_http_conn_go_on().  Nothing is freed inside use(): a connection goes in libuv's close callback. */
#include "http/connection.h"

#include <sys/socket.h>

#include "core/mem.h"

/* ---- the end ---- */

static void free_when_done(struct so_http_conn *c)
{
    if (!c->is_released || c->call != NULL || c->is_posted)
        return;
    struct so_http_server *s = c->server;
    so_deadline_remove(&c->deadline);
    so_buf_deinit(&c->in);
    so_free(c);
    so_server_lost_connection(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct so_http_conn *c = handle->data;
    c->is_released = true;
    if (c->stream.events != NULL)
        c->stream.events->closed(&c->stream, c->stream.arg);
    free_when_done(c);
}

void so_http_conn_close(struct so_http_conn *c)
{
    if (c->state == CONN_CLOSED)
        return;
    bool is_with_handler = c->state == CONN_HANDLER;
    c->state = CONN_CLOSED;
    c->is_reading = false;
    if (c->server->out_owner == c) {
        so_buf_reset(&c->server->out);
        c->server->out_owner = NULL;
    }
    if (!c->is_busy) /* else somebody up the stack reads them still */
        so_buf_deinit(&c->in);
    if (c->call != NULL && !is_with_handler)
        so_http_conn_end_call(c);
    so_deadline_put(&c->server->deadlines, &c->deadline, WAIT_HANDLER);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void so_http_conn_end_call(struct so_http_conn *c)
{
    struct so_http_call *call = c->call;
    c->call = NULL;
    so_call_put_back(c->server, call);
    if (c->state == CONN_CLOSED)
        free_when_done(c);
    else
        c->state = CONN_HEAD;
}

static void refuse(struct so_http_conn *c, int status, const char *why)
{
    if (c->call != NULL)
        so_http_conn_end_call(c);
    so_reply_refuse(c, status, why);
}

/* ---- using bytes: each takes from the front of *input ---- */

static void take(struct so_str *input, size_t n) { *input = so_str(input->p + n, input->n - n); }

static void run_handler(struct so_http_conn *c)
{
    struct so_http_call *call = c->call;
    call->x.req.body = so_buf_str(&call->body_in);
    c->state = CONN_HANDLER;
    c->server->options.handler(&call->x, c->server->options.handler_arg);
}

/* The head is read: is its body welcome?  Then wait for it, or handle the request if it has none. */
static void begin_body(struct so_http_conn *c, const struct so_head *head, bool has_more)
{
    struct so_http_call *call = c->call;
    if (head->content_length > c->server->options.limits.body_max) {
        refuse(c, 413, "the body is too large");
        return;
    }
    call->body_left = head->content_length;
    call->is_chunked = head->is_chunked;
    if (!head->is_chunked && head->content_length == 0) {
        run_handler(c);
        return;
    }
    so_chunk_init(&call->chunk);
    c->state = CONN_BODY;
    if (head->expects_continue && !has_more)
        so_reply_continue(c);
}

/* A complete head of n bytes and `lines` header lines.  It is copied, since the read buffer is everybody's. */
static void begin_request(struct so_http_conn *c, struct so_str text, size_t lines, bool has_more)
{
    struct so_http_call *call = so_call_take(c);
    if (call == NULL) {
        refuse(c, 503, "out of memory");
        return;
    }
    c->call = call;
    struct so_str copy = so_arena_dup(&call->arena, text);
    struct so_header *headers = so_alloc(&call->arena, lines * sizeof(*headers));
    if (copy.p == NULL || headers == NULL) {
        refuse(c, 503, "out of memory");
        return;
    }
    struct so_head head;
    const char *why = NULL;
    int status = so_head_parse(copy.p, copy.n, headers, &head, &why);
    if (status != 0) {
        refuse(c, status, why);
        return;
    }
    call->closes = !head.keeps_alive;
    call->is_old = head.minor == 0;
    call->x.req = (struct so_http_request){
        .method = head.method,
        .method_text = head.method_text,
        .path = head.path,
        .query = head.query,
        .headers = headers,
        .header_count = head.header_count,
        .has_body = head.has_length || head.is_chunked,
        .peer = so_str_c(c->peer),
    };
    begin_body(c, &head, has_more);
}

static void use_head(struct so_http_conn *c, struct so_str *input)
{
    size_t n = 0;
    const char *why = NULL;
    int status = so_head_scan(&c->scan, input->p, input->n, &c->server->options.limits, &n, &why);
    if (status == SO_SCAN_MORE)
        return;
    struct so_head_scan scan = c->scan;
    c->scan = (struct so_head_scan){0};
    c->has_moved = true;
    if (status != SO_SCAN_DONE) {
        refuse(c, status, why);
        return;
    }
    struct so_str text = so_str(input->p + scan.skip, n);
    take(input, scan.skip + n);
    begin_request(c, text, scan.lines, input->n > 0);
}

/* False when the body cannot hold them: the request is refused then. */
static bool add_to_body(struct so_http_conn *c, struct so_str bytes)
{
    struct so_buf *body = &c->call->body_in;
    so_buf_put_str(body, bytes);
    if (body->rc == SO_OK)
        return true;
    if (body->rc == SO_ELIMIT)
        refuse(c, 413, "the body is too large");
    else
        refuse(c, 503, "out of memory");
    return false;
}

static void use_chunks(struct so_http_conn *c, struct so_str *input)
{
    for (;;) {
        struct so_str data;
        switch (so_chunk_next(&c->call->chunk, input, &data)) {
        case SO_CHUNK_MORE: return;
        case SO_CHUNK_DONE: run_handler(c); return;
        case SO_CHUNK_BAD: refuse(c, 400, "the chunked body is malformed"); return;
        case SO_CHUNK_DATA:
            if (!add_to_body(c, data))
                return;
        }
    }
}

static void use_body(struct so_http_conn *c, struct so_str *input)
{
    struct so_http_call *call = c->call;
    c->has_moved = true;
    if (call->is_chunked) {
        use_chunks(c, input);
        return;
    }
    struct so_str part = so_str_slice(*input, 0, call->body_left < input->n ? (size_t)call->body_left : input->n);
    take(input, part.n);
    call->body_left -= part.n;
    if (add_to_body(c, part) && call->body_left == 0)
        run_handler(c);
}

/* Uses as many bytes as the connection's state allows, and returns how many. */
static size_t use(struct so_http_conn *c, const char *p, size_t n)
{
    struct so_str input = so_str(p, n);
    size_t before;
    c->is_busy = true;
    do {
        before = input.n;
        bool must_wait = c->writes > 0 && c->state != CONN_STREAM; /* a reply that does not get out holds the next request */
        if (before == 0 || must_wait || c->state == CONN_CLOSED || c->state == CONN_HANDLER)
            break;
        if (c->closes || c->state == CONN_LINGER) {
            take(&input, input.n); /* nobody will answer it */
        } else if (c->state == CONN_HEAD) {
            use_head(c, &input);
        } else if (c->state == CONN_BODY) {
            use_body(c, &input);
        } else if (!c->stream.is_paused) {
            take(&input, input.n);
            c->stream.events->bytes(&c->stream, so_str(p + (n - before), before), c->stream.arg);
        }
    } while (input.n < before);
    c->is_busy = false;
    return n - input.n;
}

/* ---- after that ---- */

/* Everything is said.  Closing now, with bytes of the client unread, would make TCP reset the connection, and the client
 * might never see the reply (RFC 9112 section 9.6): so say that no more will come, and drop what still arrives. */
static void linger(struct so_http_conn *c)
{
    uv_os_fd_t fd;
    so_buf_deinit(&c->in);
    if (c->has_eof || uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        so_http_conn_close(c);
        return;
    }
    c->state = CONN_LINGER;
}

static enum wait find_wait(const struct so_http_conn *c)
{
    if (c->writes > 0)
        return WAIT_WRITE;
    switch ((enum conn_state)c->state) {
    case CONN_HEAD: return c->in.len > 0 ? WAIT_HEAD : WAIT_IDLE;
    case CONN_BODY: return WAIT_BODY;
    case CONN_STREAM: return WAIT_STREAM;
    case CONN_LINGER: return WAIT_LINGER;
    case CONN_HANDLER:
    case CONN_CLOSED: break;
    }
    return WAIT_HANDLER;
}

static void set_deadline(struct so_http_conn *c)
{
    enum wait wait = find_wait(c);
    bool has_moved = c->has_moved;
    c->has_moved = false;
    if (c->deadline.kind == (int)wait && !has_moved)
        return;
    c->queued = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
    so_deadline_put(&c->server->deadlines, &c->deadline, (int)wait);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct so_http_conn *c = handle->data;
    *buf = uv_buf_init(c->server->read_buffer, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void set_reading(struct so_http_conn *c)
{
    bool must_wait = c->state == CONN_HANDLER || c->writes > 0;
    bool wants = !c->has_eof && !(c->state == CONN_STREAM && c->stream.is_paused) && (!must_wait || c->in.len < READ_AHEAD);
    if (wants == c->is_reading)
        return;
    c->is_reading = wants;
    int rc = wants ? uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) : uv_read_stop((uv_stream_t *)&c->tcp);
    if (rc < 0)
        so_http_conn_close(c);
}

void so_http_conn_settle(struct so_http_conn *c)
{
    if (c->is_busy)
        return; /* done when use() is through */
    so_out_flush(c);
    if (c->state != CONN_CLOSED && c->writes == 0) {
        bool is_between = c->state == CONN_HEAD || c->state == CONN_BODY;
        if (c->closes && (c->state == CONN_HEAD || c->state == CONN_STREAM))
            linger(c);
        else if (c->has_eof && (is_between || c->state == CONN_LINGER))
            so_http_conn_close(c);
        else if (c->server->is_stopping && c->state == CONN_HEAD && c->in.len == 0)
            so_http_conn_close(c);
    }
    if (c->state == CONN_CLOSED)
        return;
    set_deadline(c);
    set_reading(c);
}

void so_http_conn_go_on(struct so_http_conn *c)
{
    if (c->is_busy || c->state == CONN_CLOSED)
        return;
    if (c->in.len > 0) {
        size_t used = use(c, c->in.p, c->in.len);
        if (c->state != CONN_CLOSED && used == c->in.len) {
            so_buf_deinit(&c->in);
        } else if (c->state != CONN_CLOSED && used > 0) {
            memmove(c->in.p, c->in.p + used, c->in.len - used);
            c->in.len -= used;
        }
    }
    if (c->state == CONN_STREAM && c->writes == 0 && c->stream.owes_drained) {
        c->stream.owes_drained = false;
        if (c->stream.events->drained != NULL)
            c->stream.events->drained(&c->stream, c->stream.arg);
    }
    so_http_conn_settle(c);
}

static void resume(struct so_task *task)
{
    struct so_http_conn *c = SO_CONTAINER_OF(task, struct so_http_conn, resume);
    c->is_posted = false;
    if (c->state == CONN_CLOSED)
        free_when_done(c);
    else
        so_http_conn_go_on(c);
}

void so_http_conn_go_on_later(struct so_http_conn *c)
{
    if (c->is_posted)
        return;
    c->is_posted = true;
    c->resume.run = resume;
    so_loop_post(c->server->loop, &c->resume);
}

/* The peer has said all.  A request under way is still answered: it may have closed its sending half only. */
static void on_end(struct so_http_conn *c, ssize_t why)
{
    if (why != UV_EOF || c->state == CONN_STREAM) {
        so_http_conn_close(c);
        return;
    }
    c->has_eof = true;
    so_http_conn_go_on(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct so_http_conn *c = stream->data;
    if (n == 0)
        return; /* libuv: nothing there after all */
    if (n < 0) {
        on_end(c, n);
        return;
    }
    size_t used = c->in.len > 0 ? 0 : use(c, buf->base, (size_t)n);
    if (c->state == CONN_CLOSED)
        return;
    if (used == (size_t)n) {
        so_http_conn_settle(c);
        return;
    }
    bool is_first = c->in.len == 0;
    so_buf_put(&c->in, buf->base + used, (size_t)n - used);
    if (c->in.rc != SO_OK)
        so_http_conn_close(c);
    else if (is_first)
        so_http_conn_settle(c); /* used as far as can be */
    else
        so_http_conn_go_on(c);
}

/* ---- the beginning, and running out of time ---- */

static void find_peer(struct so_http_conn *c)
{
    struct sockaddr_storage address = {0};
    int size = sizeof(address);
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&address, &size) != 0)
        return;
    if (address.ss_family == AF_INET)
        (void)uv_ip4_name((struct sockaddr_in *)&address, c->peer, sizeof(c->peer));
    else
        (void)uv_ip6_name((struct sockaddr_in6 *)&address, c->peer, sizeof(c->peer));
}

int so_http_conn_accept(struct so_http_server *s)
{
    struct so_http_conn *c = so_calloc(1, sizeof(*c));
    if (c == NULL)
        return SO_ENOMEM;
    (void)uv_tcp_init(so_loop_uv(s->loop), &c->tcp); /* cannot fail without a socket to make */
    c->tcp.data = c;
    c->server = s;
    so_buf_init(&c->in, SIZE_MAX / 2); /* bounded by what set_reading() lets in */
    s->connections++;
    so_deadline_put(&s->deadlines, &c->deadline, WAIT_IDLE);
    unsigned max = s->options.limits.connections_max;
    if (uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&c->tcp) != 0 || s->connections > max + max / 8 + 16) {
        so_http_conn_close(c); /* too many even to be told */
        return SO_OK;
    }
    (void)uv_tcp_nodelay(&c->tcp, 1);
    find_peer(c);
    if (s->connections > max)
        refuse(c, 503, "too many connections");
    so_http_conn_settle(c);
    return SO_OK;
}

/* Has the peer taken anything since the deadline was set? */
static bool is_draining(const struct so_http_conn *c)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp) < c->queued;
}

/* A plain close would leave the kernel with what the peer does not take. */
static void reset(struct so_http_conn *c)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    so_http_conn_close(c);
}

void so_http_conn_expired(struct so_deadline *d, void *server)
{
    (void)server;
    struct so_http_conn *c = so_http_conn_of_deadline(d);
    switch ((enum wait)d->kind) {
    case WAIT_HEAD: refuse(c, 408, "the request did not arrive in time"); break;
    case WAIT_BODY: refuse(c, 408, "the body did not arrive in time"); break;
    case WAIT_WRITE:
        if (is_draining(c))
            c->has_moved = true;
        else
            reset(c);
        break;
    default: so_http_conn_close(c); break;
    }
    if (c->state != CONN_CLOSED)
        so_http_conn_settle(c);
}
