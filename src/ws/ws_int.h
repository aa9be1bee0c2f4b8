/* ws_int.h: a connection from inside: receive.c reads, send.c writes, ws.c opens and ends.  Inside ws/ only. */
#ifndef SO_WS_WS_INT_H
#define SO_WS_WS_INT_H

#include "core/buf.h"
#include "net/deadline.h"
#include "ws/deflate.h"
#include "ws/text.h"
#include "ws/ws.h"

enum {
    GATHERED_MAX = 16 * 1024, /* a longer shared frame is not copied to be sent with others */
    BUFFER_KEEP = 64 * 1024,  /* a larger shared buffer is given back after its message */
    CORK_MAX = 64 * 1024      /* answers to one read() are collected up to here, and go out in one write() */
};

/* Kinds of deadlines. */
enum ws_wait { WAIT_QUIET, WAIT_PONG, WAIT_CLOSE };

enum ws_state {
    WS_OPEN,
    WS_CLOSING, /* our close frame is out: nothing more is sent, the peer's is awaited */
    WS_DONE     /* both are, or it makes no sense to wait */
};

/* A frame that waits for the socket, without being copied. */
struct so_ws_waiting {
    struct so_ws_waiting *next;
    struct so_ws_frame *frame; /* a reference */
    struct so_str bytes;       /* of it */
};

struct so_ws {
    struct so_ws_server *server;
    struct so_http_stream *stream; /* valid until its closed() */
    const struct so_ws_events *events;
    void *arg;
    struct so_str protocol;
    struct so_deadline deadline;
    struct so_ws_parser parser;
    struct so_buf message; /* unmasked payload of the message under way; still compressed if it came so */
    struct so_ws_text text;
    struct so_ws_deflate_terms deflate;
    struct so_ws_deflater *deflater;    /* of its own only if the server keeps its window; made when first needed */
    struct so_ws_inflater *inflater;    /* of its own only if the client keeps its window */
    struct so_ws_waiting *first, *last; /* frames behind what the stream has queued already, or for the end of the turn */
    struct so_ws *late_next, **late_at; /* of server->late; late_at is NULL while it is not in the list */
    size_t waiting;                     /* bytes of them */
    uint8_t state;                      /* enum ws_state */
    bool is_paused;
    bool awaits_drained; /* something of ours is in the stream's queue: its drained() will come */
    uint8_t control_len;
    uint16_t code;                   /* for closed() */
    char control[SO_WS_CONTROL_MAX]; /* payload of the control frame under way; the peer's reason after its close frame */
};

struct so_ws_server {
    struct so_loop *loop;
    struct so_ws_options options;
    struct so_deadlines deadlines;
    size_t count;
    struct so_buf spare;    /* memory for a connection's `message`: taken when one begins, put back at its end */
    struct so_buf inflated; /* the message that is being handed out */
    struct so_buf deflated; /* the message that is being sent */
    struct so_buf cork;     /* what `corked` has written and the socket not seen */
    struct so_ws *late;     /* who have been given shared frames in this turn of the loop */
    struct so_task turn;    /* sends them */
    bool is_turn_posted, is_freed;
    struct so_ws *corked;                                   /* whose bytes are being read now; NULL: nobody's */
    struct so_ws_deflater *deflaters[SO_WS_WINDOW_MAX + 1]; /* by window bits, for those who keep no window */
    struct so_ws_inflater *inflater;
};

/* ---- receive.c ---- */

void so_ws_receive(struct so_ws *ws, struct so_str bytes);

/* ---- send.c ---- */

/* A control frame, or nothing when it cannot be sent any more. */
void so_ws_send_control(struct so_ws *ws, enum so_ws_opcode opcode, struct so_str payload);
/* What is written until so_ws_uncork() goes out together. */
void so_ws_cork(struct so_ws *ws);
void so_ws_uncork(struct so_ws *ws);

/* Sends what waits, as far as the socket takes it.  False when some still does. */
bool so_ws_send_waiting(struct so_ws *ws);
/* Calls the owner's drained(). */
void so_ws_tell_drained(struct so_ws *ws);
/* Of server->turn: what shared frames were given out in this turn of the loop. */
void so_ws_send_late(struct so_task *turn);
void so_ws_forget_late(struct so_ws *ws);
void so_ws_forget_waiting(struct so_ws *ws);

/* ---- ws.c ---- */

/* Ends the stream of a connection that is done, once its last words have been given to it. */
void so_ws_finish(struct so_ws *ws);

/* The peer broke a rule or a limit: says so, and does not wait for an answer. */
void so_ws_fail(struct so_ws *ws, enum so_ws_code code, const char *why);
/* The peer's close frame: answers it, unless it is the answer. */
void so_ws_take_close(struct so_ws *ws, unsigned code);

#endif
