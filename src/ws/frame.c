/* frame.c: the frame parser, a state and a few checks; and the writer. */
#include "ws/frame.h"

#include "ws/mask.h"

enum state { IN_HEAD, IN_PAYLOAD, AT_END, FAILED };
enum {
    FIN = 0x80,
    RSV1 = 0x40,
    RSV23 = 0x30,
    OPCODE = 0x0F,
    MASKED = 0x80,
    LENGTH = 0x7F,
    LENGTH_16 = 126,
    LENGTH_64 = 127
};

bool so_ws_code_is_valid(unsigned code)
{
    /* 1004 is reserved; 1005, 1006 and 1015 say what never came over the wire. */
    static const struct {
        unsigned from, to;
    } VALID[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};
    for (size_t i = 0; i < COUNT_OF(VALID); i++)
        if (code >= VALID[i].from && code <= VALID[i].to)
            return true;
    return false;
}

void so_ws_parser_init(struct so_ws_parser *p, uint64_t frame_max, bool allows_rsv1)
{
    *p = (struct so_ws_parser){.frame_max = frame_max, .allows_rsv1 = allows_rsv1};
}

static enum so_ws_step fail(struct so_ws_parser *p, enum so_ws_code code, const char *why)
{
    p->state = FAILED;
    p->code = (uint16_t)code;
    p->why = why;
    return SO_WS_BAD;
}

/* The first rule that the two first bytes break, or NULL. */
static const char *find_fault(const struct so_ws_parser *p)
{
    unsigned first = p->head[0], second = p->head[1], opcode = first & OPCODE, length = second & LENGTH;
    bool is_control = so_ws_is_control(opcode), is_first = opcode == SO_WS_TEXT || opcode == SO_WS_BINARY;
    const struct {
        bool is_broken;
        const char *why;
    } rules[] = {
        {(first & RSV23) != 0, "a reserved bit is set"},
        {(first & RSV1) != 0 && !(p->allows_rsv1 && is_first), "the compression bit is set where it means nothing"},
        {(opcode > SO_WS_BINARY && !is_control) || opcode > SO_WS_PONG, "the opcode is reserved"},
        {(second & MASKED) == 0, "the frame is not masked"},
        {is_control && (first & FIN) == 0, "a control frame is fragmented"},
        {is_control && length > SO_WS_CONTROL_MAX, "a control frame is longer than 125 bytes"},
        {is_first && p->message != 0, "a new message begins before the last one ended"},
        {opcode == SO_WS_CONTINUATION && p->message == 0, "a continuation has nothing to continue"},
    };
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (rules[i].is_broken)
            return rules[i].why;
    return NULL;
}

static uint64_t read_big_endian(const uint8_t *p, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}

/* Bytes of the length after the first two. */
static size_t length_size(const struct so_ws_parser *p)
{
    unsigned length = p->head[1] & LENGTH;
    return length < LENGTH_16 ? 0 : length == LENGTH_16 ? 2 : 8;
}

/* Takes bytes until the head has n; false when the input ended before. */
static bool fill_head(struct so_ws_parser *p, struct so_str *input, size_t n)
{
    while (p->head_len < n && input->n > 0) {
        p->head[p->head_len++] = (uint8_t)*input->p;
        *input = so_str(input->p + 1, input->n - 1);
    }
    return p->head_len >= n;
}

static enum so_ws_step begin_frame(struct so_ws_parser *p)
{
    unsigned opcode = p->head[0] & OPCODE;
    p->is_final = (p->head[0] & FIN) != 0;
    if (opcode == SO_WS_CONTINUATION)
        opcode = p->message;
    else if (!so_ws_is_control(opcode))
        p->is_compressed = (p->head[0] & RSV1) != 0;
    if (!so_ws_is_control(opcode))
        p->message = p->is_final ? 0 : (uint8_t)opcode;
    p->opcode = (uint8_t)opcode;
    p->left = p->length;
    p->at = 0;
    p->head_len = 0;
    p->state = p->left > 0 ? IN_PAYLOAD : AT_END;
    return SO_WS_HEAD;
}

static enum so_ws_step parse_head(struct so_ws_parser *p, struct so_str *input)
{
    if (p->head_len < 2) {
        if (!fill_head(p, input, 2))
            return SO_WS_MORE;
        const char *why = find_fault(p);
        if (why != NULL)
            return fail(p, SO_WS_PROTOCOL_ERROR, why);
    }
    size_t extra = length_size(p);
    if (p->head_len < 2 + extra || extra == 0) {
        if (!fill_head(p, input, 2 + extra))
            return SO_WS_MORE;
        p->length = extra == 0 ? p->head[1] & LENGTH : read_big_endian(p->head + 2, extra);
        if ((extra == 2 && p->length < LENGTH_16) || (extra == 8 && p->length <= UINT16_MAX))
            return fail(p, SO_WS_PROTOCOL_ERROR, "the length is written in more bytes than it needs");
        if (p->length > INT64_MAX)
            return fail(p, SO_WS_PROTOCOL_ERROR, "the length has more than 63 bits");
        if (p->length > p->frame_max)
            return fail(p, SO_WS_TOO_BIG, "the frame is too long");
    }
    if (!fill_head(p, input, 2 + extra + sizeof(p->key)))
        return SO_WS_MORE;
    memcpy(p->key, p->head + 2 + extra, sizeof(p->key));
    return begin_frame(p);
}

enum so_ws_step so_ws_parse(struct so_ws_parser *p, struct so_str *input, struct so_str *out_payload)
{
    switch ((enum state)p->state) {
    case IN_HEAD: return parse_head(p, input);
    case IN_PAYLOAD:
        if (input->n == 0)
            return SO_WS_MORE;
        *out_payload = so_str_slice(*input, 0, p->left < input->n ? (size_t)p->left : input->n);
        *input = so_str_slice(*input, out_payload->n, input->n);
        p->at = p->length - p->left;
        p->left -= out_payload->n;
        if (p->left == 0)
            p->state = AT_END;
        return SO_WS_PAYLOAD;
    case AT_END: p->state = IN_HEAD; return SO_WS_END;
    case FAILED: break;
    }
    return SO_WS_BAD;
}

void so_ws_unmask(const struct so_ws_parser *p, char *to, struct so_str payload)
{
    so_ws_mask(to, payload.p, payload.n, p->key, p->at);
}

size_t so_ws_frame_head(uint8_t out[SO_WS_HEAD_MAX], enum so_ws_opcode opcode, bool is_compressed, uint64_t length)
{
    out[0] = (uint8_t)(FIN | (is_compressed ? RSV1 : 0) | (unsigned)opcode);
    size_t extra = length < LENGTH_16 ? 0 : length <= UINT16_MAX ? 2 : 8;
    out[1] = extra == 0 ? (uint8_t)length : extra == 2 ? LENGTH_16 : LENGTH_64;
    for (size_t i = 0; i < extra; i++)
        out[2 + i] = (uint8_t)(length >> 8 * (extra - 1 - i));
    return 2 + extra;
}
