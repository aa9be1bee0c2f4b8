/* connection.h: one connection, and the request that it is serving.  Inside http/ only.
 *
 *   HEAD --head complete--> BODY --body complete--> HANDLER --reply--> HEAD ...
 *   HEAD, BODY --refused--> HEAD and `closes`         HANDLER --so_http_upgrade()--> STREAM
 *   HEAD and `closes`, STREAM closed by its owner --all sent--> LINGER --EOF or time--> CLOSED       any --error--> CLOSED
 *
 * Reading goes into one buffer per server; a connection keeps bytes of its own (`in`) only between two reads, and a call
 * (arena, bodies) only from the head to the reply: an idle one holds this struct and nothing else. */
#ifndef SO_HTTP_CONNECTION_H
#define SO_HTTP_CONNECTION_H

#include <uv.h>

#include "core/buf.h"
#include "http/chunk.h"
#include "http/http.h"
#include "http/parser.h"
#include "net/deadline.h"

enum {
    READ_SIZE = 64 * 1024,       /* one read(); also the most that a paused connection can have read ahead, about */
    READ_AHEAD = 16 * 1024,      /* kept bytes at which a connection that cannot go on stops reading */
    OUT_FLUSH = 64 * 1024,       /* replies to pipelined requests are collected up to here */
    BODY_COPY_MAX = 16 * 1024,   /* a larger body is not copied behind its head, but sent from where it is */
    CALLS_SPARE_MAX = 64,        /* calls kept for reuse, per server */
    CALL_BUFFER_KEEP = 32 * 1024 /* a larger body buffer is freed after its request */
};

/* What a connection waits for: kinds of deadlines. */
enum wait { WAIT_IDLE, WAIT_HEAD, WAIT_BODY, WAIT_WRITE, WAIT_LINGER, WAIT_HANDLER, WAIT_STREAM, WAIT_KINDS };
_Static_assert((int)WAIT_KINDS <= (int)SO_DEADLINE_KINDS, "a list for each");

enum conn_state { CONN_HEAD, CONN_BODY, CONN_HANDLER, CONN_STREAM, CONN_LINGER, CONN_CLOSED };

/* A request from its head to its reply: the public exchange and what it is made of. */
struct so_http_call {
    struct so_http_exchange x; /* what handlers see */
    struct so_http_conn *conn;
    struct so_arena arena;
    struct so_buf body_in, body_out;
    struct so_buf lines; /* reply headers, "Name: value" CRLF each */
    struct so_chunk chunk;
    uint64_t body_left; /* of a body with Content-Length */
    bool is_chunked;
    bool is_old;               /* HTTP/1.0 */
    bool closes;               /* the connection ends after the reply */
    struct so_http_call *next; /* in the list of spare ones */
};

struct so_http_stream {
    const struct so_http_stream_events *events; /* NULL: not upgraded */
    void *arg;
    bool is_paused;
    bool owes_drained; /* a write had to wait, and drained() was not called since */
};

struct so_http_conn {
    uv_tcp_t tcp;
    struct so_http_server *server;
    struct so_deadline deadline; /* always in one list: the server finds its connections there */
    struct so_http_call *call;   /* from CONN_BODY to the reply */
    struct so_buf in;            /* bytes read and not used yet */
    struct so_head_scan scan;    /* of the head that `in` starts with */
    struct so_http_stream stream;
    size_t queued;    /* bytes that waited to be sent when the write deadline was set */
    unsigned writes;  /* requests queued with libuv */
    uint8_t state;    /* enum conn_state */
    bool is_busy;     /* its bytes are being used now, further up the stack */
    bool is_reading;  /* libuv reads */
    bool has_eof;     /* the peer will send no more */
    bool has_moved;   /* since the deadline was set: begin it anew */
    bool closes;      /* say what is to be said, then end */
    bool is_released; /* libuv has let go of the handle */
    bool is_posted;   /* `resume` is with the loop */
    struct so_task resume;
    char peer[46];
};

struct so_http_server {
    struct so_loop *loop;
    struct so_http_server_options options;
    uv_tcp_t listener;
    uv_tcp_t turned_away; /* what is accepted when there is no memory for a connection */
    bool is_turning_away; /* that handle is in use */
    bool has_one_waiting; /* a connection could not even be turned away yet */
    uv_timer_t grace;
    struct so_deadlines deadlines;
    unsigned port;
    unsigned connections;
    unsigned handles; /* of the server's own, not closed yet */
    bool is_stopping;
    bool is_closing_timers;
    void (*stopped)(void *arg);
    void *stopped_arg;
    struct so_http_call *spare;
    unsigned spare_count;
    struct so_buf out;              /* what out_owner is about to send */
    struct so_http_conn *out_owner; /* NULL: nobody, and out is empty */
    int64_t date_at;                /* the second that date is for */
    char date[48];                  /* "Date: Sun, 06 Nov 1994 08:49:37 GMT" CRLF */
    char read_buffer[READ_SIZE];
};

/* ---- connection.c ---- */

/* Accepts what waits at the listener.  SO_ENOMEM: nothing was accepted. */
int so_http_conn_accept(struct so_http_server *s) SO_MUST_CHECK;
/* After a reply, a finished write, a change of a stream: uses the bytes that wait, sends, sets deadline and reading. */
void so_http_conn_go_on(struct so_http_conn *c);
/* The same without using bytes. */
void so_http_conn_settle(struct so_http_conn *c);
/* so_http_conn_go_on(), but from the loop: nothing is called back before this returns. */
void so_http_conn_go_on_later(struct so_http_conn *c);
/* Ends the connection now.  Its memory goes when libuv has let go of it, and its handler has replied. */
void so_http_conn_close(struct so_http_conn *c);
/* The exchange is over: its call goes back. */
void so_http_conn_end_call(struct so_http_conn *c);
void so_http_conn_expired(struct so_deadline *d, void *server);
static inline struct so_http_conn *so_http_conn_of_deadline(struct so_deadline *d)
{
    return SO_CONTAINER_OF(d, struct so_http_conn, deadline);
}

/* ---- call.c ---- */

struct so_http_call *so_call_take(struct so_http_conn *c); /* NULL: out of memory */
void so_call_put_back(struct so_http_server *s, struct so_http_call *call);
void so_call_free_spare(struct so_http_server *s);

/* ---- output.c ---- */

/* The output buffer, for bytes of this connection.  Every use of it ends in so_out_flush(), sooner or later. */
struct so_buf *so_out_open(struct so_http_conn *c);
/* Sends what was written for this connection. */
void so_out_flush(struct so_http_conn *c);
/* The same, and then `body`, whose memory is taken when the socket does not take all of it. */
void so_out_flush_with(struct so_http_conn *c, struct so_buf *body);
/* Two pieces, none of them kept. */
int so_out_write(struct so_http_conn *c, struct so_str head, struct so_str body);

/* ---- reply.c ---- */

/* A reply of the server's own, without an exchange: {"message":why}.  The connection ends after it. */
void so_reply_refuse(struct so_http_conn *c, int status, const char *why);
void so_reply_continue(struct so_http_conn *c);
/* 101 and the headers of the call. */
void so_reply_switching(struct so_http_call *call);

/* ---- server.c ---- */

void so_server_lost_connection(struct so_http_server *s);

#endif
