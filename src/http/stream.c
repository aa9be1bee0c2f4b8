/* stream.c: a connection after 101: whoever upgraded it has its bytes. */
#include "http/connection.h"

static struct so_http_conn *conn_of(const struct so_http_stream *stream)
{
    return SO_CONTAINER_OF((uintptr_t)stream, struct so_http_conn, stream);
}

int so_http_upgrade(struct so_http_exchange *x, const struct so_http_stream_events *events, void *arg,
                    struct so_http_stream **out_stream, struct so_err *err)
{
    struct so_http_call *call = SO_CONTAINER_OF(x, struct so_http_call, x);
    struct so_http_conn *c = call->conn;
    if (c->state == CONN_CLOSED)
        return so_fail(err, SO_ECLOSED, "the client is gone");
    if (call->is_old)
        return so_fail(err, SO_EINVAL, "HTTP/1.0 cannot upgrade");
    if (call->lines.rc != SO_OK)
        return so_buf_check(&call->lines, "the reply's head", err);
    so_reply_switching(call);
    so_http_conn_end_call(c);
    if (c->state != CONN_CLOSED) /* else a write failed: closed() will tell, as of any later failure */
        c->state = CONN_STREAM;
    c->stream = (struct so_http_stream){.events = events, .arg = arg};
    *out_stream = &c->stream;
    so_http_conn_settle(c);
    if (c->in.len > 0)
        so_http_conn_go_on_later(c);
    return SO_OK;
}

int so_http_stream_write(struct so_http_stream *stream, struct so_str head, struct so_str body)
{
    struct so_http_conn *c = conn_of(stream);
    if (c->state != CONN_STREAM || c->closes)
        return SO_ECLOSED;
    int rc = so_out_write(c, head, body);
    stream->owes_drained = stream->owes_drained || c->writes > 0;
    so_http_conn_settle(c);
    return rc;
}

size_t so_http_stream_queued(const struct so_http_stream *stream)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&conn_of(stream)->tcp);
}

void so_http_stream_pause(struct so_http_stream *stream, bool is_paused)
{
    struct so_http_conn *c = conn_of(stream);
    stream->is_paused = is_paused;
    if (c->state != CONN_STREAM)
        return;
    so_http_conn_settle(c);
    if (!is_paused && c->in.len > 0)
        so_http_conn_go_on_later(c);
}

void so_http_stream_close(struct so_http_stream *stream)
{
    struct so_http_conn *c = conn_of(stream);
    if (c->state != CONN_STREAM)
        return;
    c->closes = true;
    so_http_conn_settle(c);
}

void so_http_stream_abort(struct so_http_stream *stream) { so_http_conn_close(conn_of(stream)); }
