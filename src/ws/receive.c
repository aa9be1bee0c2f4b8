/* receive.c: from frames to messages. */
#include "ws/ws_int.h"

/* ---- memory of a message ---- */

static void begin_message(struct so_ws *ws)
{
    struct so_ws_server *s = ws->server;
    ws->text = (struct so_ws_text){0};
    if (ws->message.cap > 0 || s->spare.cap == 0)
        return;
    struct so_buf own = ws->message;
    ws->message = s->spare;
    s->spare = own;
}

static void end_message(struct so_ws *ws)
{
    struct so_ws_server *s = ws->server;
    so_buf_reset(&ws->message);
    if (s->spare.cap == 0 && ws->message.cap <= BUFFER_KEEP) {
        struct so_buf own = s->spare;
        s->spare = ws->message;
        ws->message = own;
    } else {
        so_buf_deinit(&ws->message);
    }
}

/* ---- compressed messages ---- */

static struct so_ws_inflater *find_inflater(struct so_ws *ws)
{
    bool keeps = ws->deflate.client_keeps_window;
    struct so_ws_inflater **at = keeps ? &ws->inflater : &ws->server->inflater;
    if (*at == NULL)
        *at = so_ws_inflater_new(keeps ? (int)so_max_size(ws->deflate.client_bits, SO_WS_WINDOW_MIN) : SO_WS_WINDOW_MAX,
                                 keeps);
    return *at;
}

/* The message into server->inflated; false after the connection was failed. */
static bool inflate_message(struct so_ws *ws)
{
    struct so_ws_server *s = ws->server;
    struct so_ws_inflater *inflater = find_inflater(ws);
    so_buf_reset(&s->inflated);
    int rc = inflater == NULL ? SO_ENOMEM : so_ws_inflate(inflater, so_buf_str(&ws->message), &s->inflated);
    if (rc == SO_OK && s->inflated.len > s->options.message_max)
        rc = SO_ELIMIT;
    if (rc == SO_OK)
        return true;
    if (rc == SO_ENOMEM)
        so_ws_fail(ws, SO_WS_INTERNAL, "out of memory");
    else if (rc == SO_ELIMIT)
        so_ws_fail(ws, SO_WS_TOO_BIG, "the message is too long");
    else
        so_ws_fail(ws, SO_WS_BAD_DATA, "the message does not inflate");
    return false;
}

static void shrink(struct so_buf *b)
{
    if (b->cap > BUFFER_KEEP)
        so_buf_deinit(b);
}

/* ---- messages ---- */

static void hand_out(struct so_ws *ws, struct so_str bytes)
{
    if (ws->state == WS_OPEN)
        ws->events->message(ws, ws->parser.opcode, bytes, ws->arg);
}

/* Text is checked as it comes when it is not compressed. */
static bool check_text(struct so_ws *ws, struct so_str piece, bool is_last)
{
    if (ws->parser.opcode != SO_WS_TEXT)
        return true;
    if (so_ws_text_feed(&ws->text, piece) && (!is_last || so_ws_text_is_whole(&ws->text)))
        return true;
    so_ws_fail(ws, SO_WS_BAD_DATA, "the text is not UTF-8");
    return false;
}

static void complete_message(struct so_ws *ws)
{
    if (ws->parser.is_compressed) {
        if (inflate_message(ws) && check_text(ws, so_buf_str(&ws->server->inflated), true))
            hand_out(ws, so_buf_str(&ws->server->inflated));
        shrink(&ws->server->inflated);
    } else if (check_text(ws, so_str("", 0), true)) {
        hand_out(ws, so_buf_str(&ws->message));
    }
    end_message(ws);
}

static void take_data(struct so_ws *ws, struct so_str payload)
{
    char *to = so_buf_reserve(&ws->message, payload.n);
    if (to == NULL) {
        so_ws_fail(ws, ws->message.rc == SO_ENOMEM ? SO_WS_INTERNAL : SO_WS_TOO_BIG, "there is no room for the message");
        return;
    }
    so_ws_unmask(&ws->parser, to, payload);
    ws->message.len += payload.n;
    if (!ws->parser.is_compressed)
        (void)check_text(ws, so_str(to, payload.n), false);
}

/* ---- control frames ---- */

/* The payload of a close frame: nothing, or a code and a reason (RFC 6455 section 5.5.1). */
static void take_close(struct so_ws *ws)
{
    struct so_str payload = so_str(ws->control, ws->control_len);
    struct so_ws_text text = {0};
    if (payload.n == 0) {
        so_ws_take_close(ws, SO_WS_NO_CODE);
        return;
    }
    unsigned code = payload.n < 2 ? 0 : (unsigned)((uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1]);
    if (!so_ws_code_is_valid(code))
        so_ws_fail(ws, SO_WS_PROTOCOL_ERROR, "the close code is not valid");
    else if (!so_ws_text_feed(&text, so_str_slice(payload, 2, payload.n)) || !so_ws_text_is_whole(&text))
        so_ws_fail(ws, SO_WS_BAD_DATA, "the close reason is not UTF-8");
    else
        so_ws_take_close(ws, code);
}

static void complete_control(struct so_ws *ws)
{
    if (ws->parser.opcode == SO_WS_CLOSE)
        take_close(ws);
    else if (ws->parser.opcode == SO_WS_PING)
        so_ws_send_control(ws, SO_WS_PONG, so_str(ws->control, ws->control_len));
    /* A pong has done its work by arriving: see on_bytes(). */
}

/* ---- frames ---- */

static void begin_frame(struct so_ws *ws, bool is_first)
{
    const struct so_ws_parser *p = &ws->parser;
    if (so_ws_is_control(p->opcode)) {
        ws->control_len = 0;
        return;
    }
    if (ws->state != WS_OPEN)
        return; /* what comes before the peer's close frame is nobody's any more */
    if (is_first)
        begin_message(ws);
    if (p->length > ws->server->options.message_max - ws->message.len)
        so_ws_fail(ws, SO_WS_TOO_BIG, "the message is too long");
}

static void take_payload(struct so_ws *ws, struct so_str payload)
{
    if (so_ws_is_control(ws->parser.opcode)) { /* at most 125 bytes: the parser has seen to that */
        so_ws_unmask(&ws->parser, ws->control + ws->control_len, payload);
        ws->control_len = (uint8_t)(ws->control_len + payload.n);
    } else if (ws->state == WS_OPEN) {
        take_data(ws, payload);
    }
}

static void end_frame(struct so_ws *ws)
{
    if (so_ws_is_control(ws->parser.opcode))
        complete_control(ws);
    else if (ws->parser.is_final && ws->state == WS_OPEN)
        complete_message(ws);
}

void so_ws_receive(struct so_ws *ws, struct so_str bytes)
{
    while (ws->state != WS_DONE) {
        struct so_str payload;
        bool is_first = ws->parser.message == 0;
        switch (so_ws_parse(&ws->parser, &bytes, &payload)) {
        case SO_WS_MORE: return;
        case SO_WS_HEAD: begin_frame(ws, is_first); break;
        case SO_WS_PAYLOAD: take_payload(ws, payload); break;
        case SO_WS_END: end_frame(ws); break;
        case SO_WS_BAD: so_ws_fail(ws, (enum so_ws_code)ws->parser.code, ws->parser.why); break;
        }
    }
}
