/* frame_test.c: frames in, events out: whole, and a byte at a time. */
#include "../testing.h"

#include "core/buf.h"
#include "ws/frame.h"

/* The mask of every frame here. */
#define KEY            "\1\2\3\4"
#define BYTES(literal) SO_STR_INIT(literal)
#define A              "\x60" /* "a" under the key's first byte */

enum { FRAME_MAX = 70000 };

/* Every event as a word: "text:5" at a head ("+more" when more frames follow, "+rsv1" when compressed), the payload when the
 * frame ends, "bad 1002" at the end. */
static void trace(struct so_ws_parser *p, struct so_str input, struct so_buf *out, struct so_buf *payload)
{
    static const char *const NAMES[] = {"?", "text", "binary", "?", "?", "?", "?", "?", "close", "ping", "pong"};
    for (;;) {
        struct so_str piece;
        switch (so_ws_parse(p, &input, &piece)) {
        case SO_WS_MORE: return;
        case SO_WS_HEAD:
            so_buf_printf(out, "%s%s%s:%llu ", NAMES[p->opcode], p->is_final ? "" : "+more",
                          p->is_compressed && !so_ws_is_control(p->opcode) ? "+rsv1" : "", (unsigned long long)p->length);
            so_buf_reset(payload);
            break;
        case SO_WS_PAYLOAD: {
            char *to = so_buf_reserve(payload, piece.n);
            assert_non_null(to);
            so_ws_unmask(p, to, piece);
            payload->len += piece.n;
            break;
        }
        case SO_WS_END:
            so_buf_put_str(out, so_str_slice(so_buf_str(payload), 0, 8));
            so_buf_putc(out, ' ');
            break;
        case SO_WS_BAD: so_buf_printf(out, "bad %u", p->code); return;
        }
    }
}

static const struct {
    const char *label;
    struct so_str bytes;
    const char *want;
} CASES[] = {
    {"an empty text", BYTES("\x81\x80" KEY), "text:0  "},
    {"a text of one byte", BYTES("\x81\x81" KEY A), "text:1 a "},
    {"a binary frame", BYTES("\x82\x81" KEY A), "binary:1 a "},
    {"the mask goes round", BYTES("\x81\x85" KEY "`c`e`"), "text:5 aacaa "},
    {"two frames", BYTES("\x81\x81" KEY A "\x81\x81" KEY A), "text:1 a text:1 a "},
    {"fragments keep their message's opcode", BYTES("\x01\x81" KEY A "\x00\x81" KEY A "\x80\x81" KEY A),
     "text+more:1 a text+more:1 a text:1 a "},
    {"a ping between fragments", BYTES("\x02\x81" KEY A "\x89\x80" KEY "\x80\x81" KEY A),
     "binary+more:1 a ping:0  binary:1 a "},
    {"compressed", BYTES("\xC1\x81" KEY A), "text+rsv1:1 a "},
    {"compressed in fragments: the bit is the message's", BYTES("\x41\x81" KEY A "\x89\x80" KEY "\x80\x81" KEY A),
     "text+more+rsv1:1 a ping:0  text+rsv1:1 a "},
    {"and the next message has its own", BYTES("\xC1\x81" KEY A "\x81\x81" KEY A), "text+rsv1:1 a text:1 a "},
    {"RSV1 on a continuation", BYTES("\x41\x81" KEY A "\xC0\x81" KEY A), "text+more+rsv1:1 a bad 1002"},
    {"RSV1 on a ping", BYTES("\xC9\x80" KEY), "bad 1002"},
    {"RSV2", BYTES("\xA1\x80" KEY), "bad 1002"},
    {"RSV3", BYTES("\x91\x80" KEY), "bad 1002"},
    {"opcode 3", BYTES("\x83\x80" KEY), "bad 1002"},
    {"opcode 7", BYTES("\x87\x80" KEY), "bad 1002"},
    {"opcode 11", BYTES("\x8B\x80" KEY), "bad 1002"},
    {"opcode 15", BYTES("\x8F\x80" KEY), "bad 1002"},
    {"no mask", BYTES("\x81\x01"), "bad 1002"},
    {"a fragmented ping", BYTES("\x09\x80" KEY), "bad 1002"},
    {"a fragmented close", BYTES("\x08\x80" KEY), "bad 1002"},
    {"a ping of 126 bytes", BYTES("\x89\xFE"), "bad 1002"},
    {"a ping with a long length", BYTES("\x89\xFF"), "bad 1002"},
    {"a continuation of nothing", BYTES("\x80\x80" KEY), "bad 1002"},
    {"a continuation after the end", BYTES("\x81\x80" KEY "\x80\x80" KEY), "text:0  bad 1002"},
    {"a message within a message", BYTES("\x01\x80" KEY "\x81\x80" KEY), "text+more:0  bad 1002"},
    {"126 in two bytes", BYTES("\x82\xFE\x00\x7E" KEY), "binary:126 "},
    {"125 in two bytes", BYTES("\x82\xFE\x00\x7D"), "bad 1002"},
    {"0 in two bytes", BYTES("\x82\xFE\x00\x00"), "bad 1002"},
    {"65535 in two bytes", BYTES("\x82\xFE\xFF\xFF" KEY), "binary:65535 "},
    {"65536 in eight bytes", BYTES("\x82\xFF\0\0\0\0\0\1\0\0" KEY), "binary:65536 "},
    {"65535 in eight bytes", BYTES("\x82\xFF\0\0\0\0\0\0\xFF\xFF"), "bad 1002"},
    {"64 bits", BYTES("\x82\xFF\x80\0\0\0\0\0\0\0"), "bad 1002"},
    {"63 bits, but too long for us", BYTES("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), "bad 1009"},
    {"as long as may be", BYTES("\x82\xFF\0\0\0\0\0\1\x11\x70" KEY), "binary:70000 "},
    {"longer by one", BYTES("\x82\xFF\0\0\0\0\0\1\x11\x71"), "bad 1009"},
};

static void frames_are_read_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        for (size_t step = 1; step <= CASES[i].bytes.n; step = step == 1 ? 3 : step == 3 ? CASES[i].bytes.n : SIZE_MAX) {
            struct so_ws_parser p;
            struct so_buf out, payload;
            so_ws_parser_init(&p, FRAME_MAX, true);
            so_buf_init(&out, 4096);
            so_buf_init(&payload, FRAME_MAX);
            for (size_t at = 0; at < CASES[i].bytes.n && p.code == 0; at += step)
                trace(&p, so_str_slice(CASES[i].bytes, at, at + step), &out, &payload);
            if (!so_str_eq_c(so_buf_str(&out), CASES[i].want))
                fail_msg("%s, %zu bytes at a time: got \"%s\", want \"%s\"", CASES[i].label, step, so_buf_cstr(&out),
                         CASES[i].want);
            so_buf_deinit(&out);
            so_buf_deinit(&payload);
        }
}

static void without_deflate_rsv1_is_an_error(void **state)
{
    (void)state;
    struct so_ws_parser p;
    struct so_str input = SO_STR("\xC1\x80" KEY), piece;
    so_ws_parser_init(&p, FRAME_MAX, false);
    assert_int_equal(so_ws_parse(&p, &input, &piece), SO_WS_BAD);
    assert_int_equal(p.code, SO_WS_PROTOCOL_ERROR);
    assert_int_equal(so_ws_parse(&p, &input, &piece), SO_WS_BAD); /* for ever */
}

static void heads_are_as_short_as_can_be(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        bool is_compressed;
        struct so_str want;
    } HEADS[] = {
        {0, false, BYTES("\x81\x00")},
        {125, true, BYTES("\xC1\x7D")},
        {126, false, BYTES("\x81\x7E\x00\x7E")},
        {65535, false, BYTES("\x81\x7E\xFF\xFF")},
        {65536, false, BYTES("\x81\x7F\0\0\0\0\0\1\0\0")},
        {INT64_MAX, false, BYTES("\x81\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF")},
    };
    for (size_t i = 0; i < COUNT_OF(HEADS); i++) {
        uint8_t head[SO_WS_HEAD_MAX];
        size_t n = so_ws_frame_head(head, SO_WS_TEXT, HEADS[i].is_compressed, HEADS[i].length);
        assert_int_equal(n, HEADS[i].want.n);
        assert_memory_equal(head, HEADS[i].want.p, n);
    }
}

static void close_codes_are_those_that_may_be_sent(void **state)
{
    (void)state;
    static const struct {
        unsigned from, to;
        bool is_valid;
    } CODES[] = {
        {0, 999, false},     {1000, 1003, true}, {1004, 1006, false},  {1007, 1014, true},
        {1015, 2999, false}, {3000, 4999, true}, {5000, 65535, false},
    };
    for (size_t i = 0; i < COUNT_OF(CODES); i++)
        for (unsigned code = CODES[i].from; code <= CODES[i].to; code++)
            if (so_ws_code_is_valid(code) != CODES[i].is_valid)
                fail_msg("%u", code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_read_in_any_pieces),
        cmocka_unit_test(without_deflate_rsv1_is_an_error),
        cmocka_unit_test(heads_are_as_short_as_can_be),
        cmocka_unit_test(close_codes_are_those_that_may_be_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
