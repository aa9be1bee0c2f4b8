/* output.c: from replies to the socket.
 *
 * Replies are collected in one buffer per server and sent with one write() when the connection's input is used up.  What the
 * socket does not take is copied (or, a large body, taken over) and left to libuv; the connection waits meanwhile. */
#include "core/mem.h"
#include "http/connection.h"

struct queued_write {
    uv_write_t req;
    struct so_http_conn *conn;
    char *body; /* owned, or NULL */
    char copy[];
};

static void on_written(uv_write_t *req, int status)
{
    struct queued_write *w = req->data;
    struct so_http_conn *c = w->conn;
    so_free(w->body);
    so_free(w);
    c->writes--;
    if (c->state == CONN_CLOSED)
        return;
    if (status < 0)
        so_http_conn_close(c);
    else if (c->writes == 0)
        so_http_conn_go_on(c);
}

/* Queues `first` (copied) and `rest`, bytes within `body`, which is owned from here on. */
static int queue(struct so_http_conn *c, struct so_str first, struct so_str rest, char *body)
{
    struct queued_write *w = so_malloc(sizeof(*w) + first.n);
    if (w == NULL) {
        so_free(body);
        return SO_ENOMEM;
    }
    w->conn = c;
    w->body = body;
    w->req.data = w;
    if (first.n > 0)
        memcpy(w->copy, first.p, first.n);
    uv_buf_t bufs[2];
    unsigned count = 0;
    if (first.n > 0)
        bufs[count++] = uv_buf_init(w->copy, (unsigned)first.n);
    if (rest.n > 0)
        bufs[count++] = (uv_buf_t){.base = body + (rest.p - body), .len = rest.n};
    int rc = uv_write(&w->req, (uv_stream_t *)&c->tcp, bufs, count, on_written);
    if (rc < 0) {
        so_free(w->body);
        so_free(w);
        return rc == UV_ENOMEM ? SO_ENOMEM : SO_ECLOSED;
    }
    c->writes++;
    return SO_OK;
}

/* Sends now what the socket takes (nothing, when something waits already): SO_OK and *out_sent. */
static int send_now(struct so_http_conn *c, struct so_str a, struct so_str b, size_t *out_sent)
{
    uv_buf_t bufs[2];
    unsigned count = 0;
    const struct so_str parts[2] = {a, b};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (parts[i].n > 0)
            bufs[count++] = (uv_buf_t){.base = (char *)(uintptr_t)parts[i].p, .len = parts[i].n};
    int n = count == 0 ? 0 : uv_try_write((uv_stream_t *)&c->tcp, bufs, count);
    if (n < 0 && n != UV_EAGAIN)
        return SO_ECLOSED;
    *out_sent = n < 0 ? 0 : (size_t)n;
    return SO_OK;
}

static struct so_str skip(struct so_str s, size_t n) { return so_str_slice(s, n, s.n); }

struct so_buf *so_out_open(struct so_http_conn *c)
{
    struct so_http_server *s = c->server;
    if (s->out_owner != NULL && (s->out_owner != c || s->out.len >= OUT_FLUSH))
        so_out_flush(s->out_owner);
    s->out_owner = c;
    return &s->out;
}

void so_out_flush_with(struct so_http_conn *c, struct so_buf *body)
{
    struct so_http_server *s = c->server;
    if (s->out_owner != c)
        return;
    struct so_str head = so_buf_str(&s->out), rest = body == NULL ? so_str("", 0) : so_buf_str(body);
    size_t sent = 0;
    int rc = s->out.rc;
    if (rc == SO_OK && c->state != CONN_CLOSED)
        rc = send_now(c, head, rest, &sent);
    if (rc == SO_OK && c->state != CONN_CLOSED && sent < head.n + rest.n) {
        size_t of_rest = sent > head.n ? sent - head.n : 0;
        char *taken = rest.n == 0 ? NULL : so_buf_take(body, NULL);
        rc = queue(c, skip(head, sent), skip(rest, of_rest), taken);
    }
    so_buf_reset(&s->out);
    s->out_owner = NULL;
    if (rc != SO_OK)
        so_http_conn_close(c);
}

void so_out_flush(struct so_http_conn *c) { so_out_flush_with(c, NULL); }

int so_out_write(struct so_http_conn *c, struct so_str head, struct so_str body)
{
    so_out_flush(c);
    if (c->state == CONN_CLOSED)
        return SO_ECLOSED;
    size_t sent = 0;
    int rc = send_now(c, head, body, &sent);
    if (rc == SO_OK && sent < head.n + body.n) {
        struct so_str rest = skip(body, sent > head.n ? sent - head.n : 0);
        char *copy = NULL;
        if (rest.n > 0 && (copy = so_malloc(rest.n)) == NULL)
            rc = SO_ENOMEM;
        if (copy != NULL)
            memcpy(copy, rest.p, rest.n);
        if (rc == SO_OK)
            rc = queue(c, skip(head, sent), so_str(copy, rest.n), copy);
    }
    if (rc != SO_OK)
        so_http_conn_close(c);
    return rc;
}
