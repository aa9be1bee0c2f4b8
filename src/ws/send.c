/* send.c: from messages to frames, and frames that many connections share.
 *
 *   message --> [compressed] --> frame --> cork, while the peer's bytes are being read --> the stream, and its queue
 *   shared frame --> a list of references --> at the end of the loop's turn, all together: the stream
 *
 * A frame for ten thousand who do not read is in memory once, what each has not read is still in order, and a connection
 * that is told twenty things in one turn costs one write(2): with 1,000 listeners that is what the time goes to. */
#include <stdatomic.h>

#include "core/mem.h"
#include "ws/ws_int.h"

struct so_ws_frame {
    atomic_uint refs;
    struct so_str plain, compressed; /* head and payload; compressed.n is 0 when there is none */
    char bytes[];
};

/* ---- what waits ---- */

/* To the stream.  After a failure it is closed, and its closed() will tell. */
static int put(struct so_ws *ws, struct so_str head, struct so_str body)
{
    int rc = so_http_stream_write(ws->stream, head, body);
    ws->awaits_drained = so_http_stream_queued(ws->stream) > 0;
    return rc;
}

/* Puts it at the end of the list; the stream has something queued, so drained() will come.  Out of memory the connection is
 * dropped, since a message would be missing. */
static int wait_with(struct so_ws *ws, struct so_ws_frame *frame, struct so_str bytes)
{
    struct so_ws_waiting *w = so_malloc(sizeof(*w));
    if (w == NULL) {
        so_http_stream_abort(ws->stream);
        return SO_ENOMEM;
    }
    *w = (struct so_ws_waiting){.frame = so_ws_frame_ref(frame), .bytes = bytes};
    if (ws->first == NULL)
        ws->first = w;
    else
        ws->last->next = w;
    ws->last = w;
    ws->waiting += bytes.n;
    return SO_OK;
}

/* The same with a copy. */
static int wait_with_copy(struct so_ws *ws, struct so_str head, struct so_str body)
{
    struct so_ws_frame *frame = so_malloc(sizeof(*frame) + head.n + body.n);
    if (frame == NULL) {
        so_http_stream_abort(ws->stream);
        return SO_ENOMEM;
    }
    atomic_init(&frame->refs, 1);
    memcpy(frame->bytes, head.p, head.n);
    memcpy(frame->bytes + head.n, body.p, body.n);
    int rc = wait_with(ws, frame, so_str(frame->bytes, head.n + body.n));
    so_ws_frame_unref(frame);
    return rc;
}

static void drop_first(struct so_ws *ws)
{
    struct so_ws_waiting *w = ws->first;
    ws->first = w->next;
    ws->waiting -= w->bytes.n;
    so_ws_frame_unref(w->frame);
    so_free(w);
}

void so_ws_forget_waiting(struct so_ws *ws)
{
    while (ws->first != NULL)
        drop_first(ws);
}

/* Moves small frames to the cork, where they become one write.  True: there is something in it. */
static bool gather(struct so_ws *ws)
{
    struct so_buf *cork = &ws->server->cork;
    while (ws->first != NULL && ws->first->bytes.n <= GATHERED_MAX && ws->first->bytes.n <= CORK_MAX - cork->len) {
        so_buf_put_str(cork, ws->first->bytes);
        if (cork->rc != SO_OK) { /* it has not been put: without memory frames go one by one */
            cork->rc = SO_OK;
            break;
        }
        drop_first(ws);
    }
    return cork->len > 0;
}

static int send_some(struct so_ws *ws)
{
    if (gather(ws)) {
        int rc = put(ws, so_buf_str(&ws->server->cork), so_str("", 0));
        so_buf_reset(&ws->server->cork);
        return rc;
    }
    int rc = put(ws, ws->first->bytes, so_str("", 0));
    drop_first(ws);
    return rc;
}

bool so_ws_send_waiting(struct so_ws *ws)
{
    ws->awaits_drained = false;
    while (ws->first != NULL && !ws->awaits_drained)
        if (send_some(ws) != SO_OK)
            so_ws_forget_waiting(ws); /* the stream is closed */
    return ws->first == NULL && !ws->awaits_drained;
}

/* ---- the end of the turn ---- */

void so_ws_forget_late(struct so_ws *ws)
{
    if (ws->late_at == NULL)
        return;
    *ws->late_at = ws->late_next;
    if (ws->late_next != NULL)
        ws->late_next->late_at = ws->late_at;
    ws->late_at = NULL;
}

static void send_at_end_of_turn(struct so_ws *ws)
{
    struct so_ws_server *s = ws->server;
    if (ws->late_at != NULL)
        return;
    ws->late_next = s->late;
    ws->late_at = &s->late;
    if (s->late != NULL)
        s->late->late_at = &ws->late_next;
    s->late = ws;
    if (s->is_turn_posted)
        return;
    s->is_turn_posted = true;
    s->turn.run = so_ws_send_late;
    so_loop_post(s->loop, &s->turn);
}

void so_ws_send_late(struct so_task *turn)
{
    struct so_ws_server *s = SO_CONTAINER_OF(turn, struct so_ws_server, turn);
    s->is_turn_posted = false;
    while (s->late != NULL) {
        struct so_ws *ws = s->late;
        so_ws_forget_late(ws);
        bool is_drained = !ws->awaits_drained && so_ws_send_waiting(ws);
        so_ws_finish(ws);
        if (is_drained)
            so_ws_tell_drained(ws);
    }
    if (s->is_freed)
        so_free(s);
}

/* ---- bytes ---- */

void so_ws_cork(struct so_ws *ws) { ws->server->corked = ws; }

static int flush(struct so_ws *ws)
{
    struct so_buf *cork = &ws->server->cork;
    int rc = cork->len == 0 ? SO_OK : put(ws, so_buf_str(cork), so_str("", 0));
    so_buf_reset(cork);
    return rc;
}

void so_ws_uncork(struct so_ws *ws)
{
    (void)flush(ws);
    ws->server->corked = NULL;
}

static bool is_corked(const struct so_ws *ws) { return ws->server->corked == ws; }

size_t so_ws_queued(const struct so_ws *ws)
{
    return so_http_stream_queued(ws->stream) + ws->waiting + (is_corked(ws) ? ws->server->cork.len : 0);
}

static int write_bytes(struct so_ws *ws, struct so_str head, struct so_str body)
{
    struct so_buf *cork = &ws->server->cork;
    if (ws->first != NULL) /* then the cork is empty: see write_shared() */
        return wait_with_copy(ws, head, body);
    if (!is_corked(ws))
        return put(ws, head, body);
    if (head.n + body.n <= CORK_MAX - cork->len) {
        so_buf_put_str(cork, head);
        so_buf_put_str(cork, body);
        if (cork->rc == SO_OK)
            return SO_OK;
        so_http_stream_abort(ws->stream); /* out of memory, and half a frame would be worse than none */
        return SO_ENOMEM;
    }
    int rc = flush(ws);
    return rc != SO_OK ? rc : put(ws, head, body);
}

static int write_shared(struct so_ws *ws, struct so_ws_frame *frame, struct so_str bytes)
{
    int rc = is_corked(ws) ? flush(ws) : SO_OK;
    if (rc != SO_OK)
        return rc;
    rc = wait_with(ws, frame, bytes);
    if (rc == SO_OK && !ws->awaits_drained)
        send_at_end_of_turn(ws);
    return rc;
}

/* Is there room for n more bytes?  If not, the connection is being closed.  An empty queue has room for any message: a peer
 * who reads can be told all. */
static int check_queue(struct so_ws *ws, size_t n)
{
    size_t queued = so_ws_queued(ws), max = ws->server->options.queue_max;
    if (queued == 0 || (queued <= max && n <= max - queued))
        return SO_OK;
    so_ws_close(ws, SO_WS_TRY_AGAIN_LATER, SO_STR("too much waits to be read"));
    return SO_EBUSY;
}

static int write_frame(struct so_ws *ws, struct so_str head, struct so_str body)
{
    int rc = check_queue(ws, head.n + body.n);
    return rc != SO_OK ? rc : write_bytes(ws, head, body);
}

void so_ws_send_control(struct so_ws *ws, enum so_ws_opcode opcode, struct so_str payload)
{
    uint8_t head[SO_WS_HEAD_MAX];
    if (ws->state != WS_OPEN)
        return;
    size_t n = so_ws_frame_head(head, opcode, false, payload.n);
    if (opcode == SO_WS_CLOSE)
        (void)write_bytes(ws, so_str((const char *)head, n), payload); /* never refused: it ends the queue */
    else
        (void)write_frame(ws, so_str((const char *)head, n), payload);
}

/* ---- messages ---- */

static struct so_ws_deflater *find_deflater(struct so_ws *ws)
{
    bool keeps = ws->deflate.server_keeps_window;
    int bits = ws->deflate.server_bits;
    struct so_ws_deflater **at = keeps ? &ws->deflater : &ws->server->deflaters[bits];
    if (*at == NULL)
        *at = so_ws_deflater_new(bits, keeps);
    return *at;
}

/* Puts the message into server->deflated.  SO_EBUSY: it is better sent as it is. */
static int deflate_message(struct so_ws *ws, struct so_str bytes)
{
    struct so_buf *out = &ws->server->deflated;
    struct so_ws_deflater *deflater = find_deflater(ws);
    if (deflater == NULL)
        return SO_ENOMEM;
    so_buf_reset(out);
    int rc = so_ws_deflate(deflater, bytes, out);
    /* A window that is kept has moved on: the peer's must follow, however long the result. */
    return rc == SO_OK && out->len >= bytes.n && !ws->deflate.server_keeps_window ? SO_EBUSY : rc;
}

int so_ws_send(struct so_ws *ws, enum so_ws_opcode opcode, struct so_str bytes)
{
    const struct so_ws_options *options = &ws->server->options;
    if (opcode == SO_WS_CLOSE || (so_ws_is_control(opcode) && bytes.n > SO_WS_CONTROL_MAX))
        return SO_EINVAL;
    if (ws->state != WS_OPEN)
        return SO_ECLOSED;
    bool is_worth_it = ws->deflate.is_on && !so_ws_is_control(opcode) && bytes.n >= options->rules.deflate.threshold;
    int rc = is_worth_it && bytes.n > 0 ? deflate_message(ws, bytes) : SO_EBUSY;
    if (rc != SO_OK && rc != SO_EBUSY) {
        so_ws_close(ws, SO_WS_INTERNAL, SO_STR("out of memory"));
        return rc;
    }
    bool is_compressed = rc == SO_OK;
    struct so_str payload = is_compressed ? so_buf_str(&ws->server->deflated) : bytes;
    uint8_t head[SO_WS_HEAD_MAX];
    size_t n = so_ws_frame_head(head, opcode, is_compressed, payload.n);
    rc = write_frame(ws, so_str((const char *)head, n), payload);
    if (ws->server->deflated.cap > BUFFER_KEEP)
        so_buf_deinit(&ws->server->deflated);
    return rc;
}

/* ---- shared frames ---- */

/* Writes a frame to `to`, and returns where it lies. */
static struct so_str put_frame(char *to, enum so_ws_opcode opcode, bool is_compressed, struct so_str payload)
{
    size_t n = so_ws_frame_head((uint8_t *)to, opcode, is_compressed, payload.n);
    memcpy(to + n, payload.p, payload.n);
    return so_str(to, n + payload.n);
}

/* The compressed payload, or "" when it is not worth it. */
static int compress(struct so_ws_server *s, struct so_str bytes, struct so_str *out)
{
    struct so_ws_deflater **deflater = &s->deflaters[SO_WS_WINDOW_MAX];
    const struct so_ws_deflate_rules *rules = &s->options.rules.deflate;
    if (!rules->is_on || bytes.n == 0 || bytes.n < rules->threshold)
        return SO_OK;
    if (*deflater == NULL && (*deflater = so_ws_deflater_new(SO_WS_WINDOW_MAX, false)) == NULL)
        return SO_ENOMEM;
    so_buf_reset(&s->deflated);
    int rc = so_ws_deflate(*deflater, bytes, &s->deflated);
    if (rc == SO_OK && s->deflated.len < bytes.n)
        *out = so_buf_str(&s->deflated);
    return rc;
}

int so_ws_frame_new(struct so_ws_server *deflating, enum so_ws_opcode opcode, struct so_str bytes, struct so_ws_frame **out)
{
    struct so_str small = so_str("", 0);
    int rc = deflating == NULL ? SO_OK : compress(deflating, bytes, &small);
    if (rc != SO_OK)
        return rc;
    struct so_ws_frame *frame = so_malloc(sizeof(*frame) + 2 * (size_t)SO_WS_HEAD_MAX + bytes.n + small.n);
    if (frame == NULL)
        return SO_ENOMEM;
    atomic_init(&frame->refs, 1);
    frame->plain = put_frame(frame->bytes, opcode, false, bytes);
    frame->compressed = so_str("", 0);
    if (small.n > 0)
        frame->compressed = put_frame(frame->bytes + frame->plain.n, opcode, true, small);
    *out = frame;
    return SO_OK;
}

struct so_ws_frame *so_ws_frame_ref(struct so_ws_frame *frame)
{
    (void)atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
    return frame;
}

void so_ws_frame_unref(struct so_ws_frame *frame)
{
    if (frame != NULL && atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) == 1)
        so_free(frame);
}

int so_ws_send_frame(struct so_ws *ws, struct so_ws_frame *frame)
{
    const struct so_ws_deflate_terms *terms = &ws->deflate;
    if (ws->state != WS_OPEN)
        return SO_ECLOSED;
    /* A plain message goes by the window of a connection that keeps one (RFC 7692 section 6), so it is always right. */
    bool fits = terms->is_on && !terms->server_keeps_window && terms->server_bits == SO_WS_WINDOW_MAX;
    struct so_str bytes = fits && frame->compressed.n > 0 ? frame->compressed : frame->plain;
    int rc = check_queue(ws, bytes.n);
    return rc != SO_OK ? rc : write_shared(ws, frame, bytes);
}
