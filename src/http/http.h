/* http.h: the HTTP/1.1 server (RFC 9110, RFC 9112).
 *
 *   bytes -> parser.c -> exchange (request complete, body too) -> handler -> reply -> bytes
 *
 * A handler is called once per request, on the loop's thread, and must reply exactly once: at once, or later on the same
 * thread (after so_loop_post() or so_loop_work()).  Requests of one connection are handled one after the other, so replies
 * to pipelined requests keep their order.  If the client goes away meanwhile the exchange stays valid until the reply.
 * Limits: struct so_http_limits, each with its status. */
#ifndef SO_HTTP_HTTP_H
#define SO_HTTP_HTTP_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "net/loop.h"

enum so_method {
    SO_GET,
    SO_HEAD,
    SO_POST,
    SO_PUT,
    SO_PATCH,
    SO_DELETE,
    SO_OPTIONS,
    SO_METHOD_OTHER /* a well-formed name that we have no use for: see method_text */
};

struct so_header {
    struct so_str name;  /* as sent; compare with so_str_eq_nocase() */
    struct so_str value; /* trimmed */
};

struct so_http_request {
    enum so_method method;
    struct so_str method_text;
    struct so_str path;  /* of the target, still percent-encoded, starts with '/' ("*" for OPTIONS *) */
    struct so_str query; /* after '?', still encoded; p == NULL when there is no '?' */
    const struct so_header *headers;
    size_t header_count;
    struct so_str body; /* chunked coding removed; "" when there is none */
    bool has_body;      /* a Content-Length or chunked coding was sent */
    struct so_str peer; /* address of the client, without port */
};

/* The first header of that name, or {NULL, 0}.  http.h joins no lists: a header that may be repeated is read with the
 * iterator. */
struct so_str so_http_header(const struct so_http_request *req, struct so_str name);
/* All of one name: for (size_t i = 0; so_http_header_next(req, name, &i, &value);) */
bool so_http_header_next(const struct so_http_request *req, struct so_str name, size_t *i, struct so_str *out_value);

struct so_http_exchange {
    struct so_http_request req;
    struct so_arena *arena; /* the request's; reset after the reply went out */
    struct so_loop *loop;
    void *loop_data; /* what the server's owner hung on this loop: see so_http_server_options */
};

/* ---- reply: status, headers, body, send ---- */

/* Adds a header line.  Names and values from outside must hold no CR, LF or NUL (such a header is dropped).  Date,
 * Content-Length, Connection and Transfer-Encoding are the server's own. */
void so_http_reply_header(struct so_http_exchange *x, struct so_str name, struct so_str value);
/* The body under construction: write into it.  Its maximum is limits.reply_max. */
struct so_buf *so_http_reply_body(struct so_http_exchange *x);
/* Sends.  After it `x` and everything in its arena is gone.  For HEAD, 204 and 304 the body is not sent (HEAD keeps its
 * Content-Length).  Content-Length: 0 is sent with an empty body, but none with 204 and 304. */
void so_http_reply_send(struct so_http_exchange *x, int status);
/* Close the connection after this reply. */
void so_http_reply_close(struct so_http_exchange *x);
/* The text of the status line: "Not Found". */
const char *so_http_reason(int status);

typedef void so_http_handler(struct so_http_exchange *x, void *arg);

/* ---- taking the connection over (WebSocket) ---- */

/* An upgraded connection: bytes both ways, and nothing of HTTP any more.  Valid until closed() was called.
 * Everything on the loop's thread. */
struct so_http_stream;
struct so_http_stream_events {
    /* The peer's bytes, borrowed for the call.  What came with the request is the first of them. */
    void (*bytes)(struct so_http_stream *stream, struct so_str bytes, void *arg);
    /* All that was queued has gone out (told only after a write had to wait).  NULL when nobody asks. */
    void (*drained)(struct so_http_stream *stream, void *arg);
    /* The server stops: say goodbye and close; what is open after its grace time is cut.  NULL when nobody asks. */
    void (*stopping)(struct so_http_stream *stream, void *arg);
    /* The connection is gone, whoever ended it.  The last call, never made from inside another function of this file. */
    void (*closed)(struct so_http_stream *stream, void *arg);
};
/* Answers 101 with "Connection: Upgrade" and the headers added so far (the Upgrade header among them), and hands the
 * connection over: `x` and its arena are gone then, *out_stream is there, and no timeout but limits.write_timeout_ms watches
 * it.  bytes() is never called before this returns.  `events` must outlive the stream.
 * SO_EINVAL (HTTP/1.0 cannot upgrade), SO_ECLOSED (the client is gone), SO_ENOMEM or SO_ELIMIT (the headers): `x` still
 * waits for its reply. */
int so_http_upgrade(struct so_http_exchange *x, const struct so_http_stream_events *events, void *arg,
                    struct so_http_stream **out_stream, struct so_err *err) SO_MUST_CHECK;
/* Sends `head`, then `body` (either may be empty); copies what the socket does not take at once.
 * SO_ECLOSED, or SO_ENOMEM (the stream is closed then).  How much may wait is the caller's: see so_http_stream_queued(). */
int so_http_stream_write(struct so_http_stream *stream, struct so_str head, struct so_str body) SO_MUST_CHECK;
size_t so_http_stream_queued(const struct so_http_stream *stream);        /* bytes that wait for the socket */
void so_http_stream_pause(struct so_http_stream *stream, bool is_paused); /* bytes() stops; the peer is held back by TCP */
void so_http_stream_close(struct so_http_stream *stream);                 /* after what is queued; bytes() stops at once */
void so_http_stream_abort(struct so_http_stream *stream);                 /* now */

/* ---- server ---- */

struct so_http_limits {
    size_t line_max;           /* bytes of the request line: 414 */
    size_t headers_max;        /* bytes of all header lines: 431 */
    size_t header_count_max;   /* 431 */
    size_t body_max;           /* bytes: 413, said before the body is read when Content-Length tells */
    size_t reply_max;          /* bytes of a reply's body: 500 */
    size_t request_memory_max; /* bytes of the request's arena */
    /* Times of 0 never run out. */
    unsigned header_timeout_ms; /* from the first byte to the end of the headers: 408 */
    unsigned body_timeout_ms;   /* without progress in the body: 408 */
    unsigned idle_timeout_ms;   /* between requests: closed silently */
    unsigned write_timeout_ms;  /* without progress in the reply: closed */
    unsigned connections_max;   /* per loop; beyond it: 503 with Retry-After and close */
};
extern const struct so_http_limits SO_HTTP_LIMITS_DEFAULT;

struct so_http_server; /* one per loop */
struct so_http_server_options {
    const char *host; /* numeric address: "127.0.0.1", "::1", "0.0.0.0" */
    unsigned port;    /* 0: any free one, see so_http_server_port() */
    struct so_http_limits limits;
    so_http_handler *handler;
    void *handler_arg;
    void *loop_data;
};
/* Listens with SO_REUSEPORT, so each loop has its own listener on the same port. */
int so_http_server_start(struct so_loop *loop, const struct so_http_server_options *options, struct so_http_server **out,
                         struct so_err *err) SO_MUST_CHECK;
unsigned so_http_server_port(const struct so_http_server *s);
/* Graceful stop: no new connections; idle ones close; requests under way are answered with "Connection: close"; after
 * grace_ms what is left is cut.  `stopped` is called on the loop when the last connection is gone; the server is freed then.
 */
void so_http_server_stop(struct so_http_server *s, unsigned grace_ms, void (*stopped)(void *arg), void *arg);

#endif
