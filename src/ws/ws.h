/* ws.h: WebSocket connections (RFC 6455, RFC 7692) on the streams of http.h.
 *
 *   request --so_ws_accept()--> OPEN --close frame either way--> CLOSING --the other's, or time--> closed()
 *
 * A struct so_ws_server holds what the connections of one loop share: limits, timers, buffers, zlib's streams.  An idle
 * connection is a struct of some 400 bytes, and owns buffers only while a message is under way or waits to be sent.
 * Threads: everything on the loop's, except frames (so_ws_frame_*). */
#ifndef SO_WS_WS_H
#define SO_WS_WS_H

#include "core/err.h"
#include "http/http.h"
#include "ws/frame.h"
#include "ws/handshake.h"

struct so_ws_options {
    struct so_ws_handshake_rules rules; /* what it points to must outlive the server */
    size_t message_max;                 /* bytes, after inflating: 1009 */
    size_t frame_max;                   /* bytes: 1009 */
    size_t queue_max;                   /* bytes that wait for a peer who does not read, or one message: 1013 */
    unsigned ping_interval_ms;          /* after so long without a byte a ping is sent; 0: never */
    unsigned pong_timeout_ms;           /* and after so long again without one the connection is dropped */
    unsigned close_timeout_ms;          /* for the peer's close frame, after ours */
};
extern const struct so_ws_options SO_WS_OPTIONS_DEFAULT; /* any origin, no subprotocol, deflate without windows kept */

struct so_ws;
struct so_ws_events {
    /* A whole message, SO_WS_TEXT (UTF-8) or SO_WS_BINARY, borrowed for the call. */
    void (*message)(struct so_ws *ws, enum so_ws_opcode opcode, struct so_str bytes, void *arg);
    /* All that waited has gone out (told only after something had to wait, were it for the end of a turn).  NULL when nobody
     * asks. */
    void (*drained)(struct so_ws *ws, void *arg);
    /* The last call.  code: of the peer's close frame, SO_WS_NO_CODE when it held none; what we sent when the peer broke a
     * rule or a limit; SO_WS_DROPPED when there was no goodbye.  reason: the peer's, or "". */
    void (*closed)(struct so_ws *ws, unsigned code, struct so_str reason, void *arg);
};

/* ---- the server: one per loop ---- */

struct so_ws_server;
int so_ws_server_new(struct so_loop *loop, const struct so_ws_options *options, struct so_ws_server **out,
                     struct so_err *err) SO_MUST_CHECK;
/* After the last connection is gone (so_http_server_stop() has told).  The memory goes when the loop has let go of the
 * timer; NULL is fine. */
void so_ws_server_free(struct so_ws_server *s);
size_t so_ws_server_count(const struct so_ws_server *s); /* open connections */

/* ---- a connection ---- */

/* Answers the request, with 101 or with the refusal that it deserves: `x` is gone in either case.  On SO_OK *out_ws is
 * there until closed(); message() is never called before this returns.  `events` must outlive the connection.
 * SO_EINVAL, SO_EDENIED (origin), SO_ENOMEM, SO_ECLOSED (the client is gone). */
int so_ws_accept(struct so_ws_server *s, struct so_http_exchange *x, const struct so_ws_events *events, void *arg,
                 struct so_ws **out_ws, struct so_err *err) SO_MUST_CHECK;
struct so_str so_ws_protocol(const struct so_ws *ws); /* the subprotocol that was agreed on; p == NULL: none */

/* Sends a message (or SO_WS_PING, SO_WS_PONG), compressed when that was agreed on and is worth it.  Text must be UTF-8.
 * SO_ECLOSED: closing or closed.  SO_EBUSY: the queue is full; the connection is being closed with 1013.  SO_ENOMEM: it is
 * being dropped.  None of them needs an answer: closed() will tell.  SO_EINVAL: SO_WS_CLOSE, or a ping beyond 125 bytes. */
int so_ws_send(struct so_ws *ws, enum so_ws_opcode opcode, struct so_str bytes) SO_MUST_CHECK;
/* Begins the close handshake; code 0 sends an empty close frame.  Messages of the peer are dropped from here on.  A reason
 * is cut to SO_WS_REASON_MAX bytes. */
void so_ws_close(struct so_ws *ws, unsigned code, struct so_str reason);
void so_ws_abort(struct so_ws *ws);                 /* no goodbye */
size_t so_ws_queued(const struct so_ws *ws);        /* bytes that wait for the socket */
void so_ws_pause(struct so_ws *ws, bool is_paused); /* after what is read already, the peer is held back by TCP */

/* ---- one message for many connections ---- */

/* A message serialised once.  It never changes, so connections of all threads may send it, and any thread may ref and
 * unref. */
struct so_ws_frame;
/* deflating: makes the compressed form, too, with this server's stream, for connections that agreed on it without keeping
 * windows (on those that keep theirs, and when it is no shorter, the plain form is sent); NULL: plain only.  SO_ENOMEM. */
int so_ws_frame_new(struct so_ws_server *deflating, enum so_ws_opcode opcode, struct so_str bytes,
                    struct so_ws_frame **out) SO_MUST_CHECK;
struct so_ws_frame *so_ws_frame_ref(struct so_ws_frame *frame);
void so_ws_frame_unref(struct so_ws_frame *frame); /* NULL is fine */
/* Like so_ws_send(); the frame is not copied while it waits for a peer who does not read, but for the part that the socket
 * took half of.  The caller's reference stays the caller's. */
int so_ws_send_frame(struct so_ws *ws, struct so_ws_frame *frame) SO_MUST_CHECK;

#endif
