/* ws_fuzz.c: no bytes crash the frame parser, the handshake's grammar or the inflater; frames mean the same in any pieces;
 * what we compress inflates to itself.
 *
 * The first byte chooses: 'f' frames, 'x' extensions, 'd' compressed messages; the rest is the input. */
#include <stdlib.h>

#include "core/utf8.h"
#include "ws/deflate.h"
#include "ws/extension.h"
#include "ws/frame.h"
#include "ws/text.h"

#define CHECK(condition)                                                                                                    \
    do {                                                                                                                    \
        if (!(condition))                                                                                                   \
            abort();                                                                                                        \
    } while (0)

enum { FRAME_MAX = 1 << 20, MESSAGE_MAX = 1 << 20 };

/* Reads `input` in pieces, and writes what happened to `out`: heads, unmasked payloads, the end. */
static void parse(struct so_str input, size_t piece_size, struct so_buf *out)
{
    struct so_ws_parser p;
    enum so_ws_step step = SO_WS_MORE;
    so_ws_parser_init(&p, FRAME_MAX, true);
    for (size_t at = 0; at < input.n && step != SO_WS_BAD; at += piece_size) {
        struct so_str piece = so_str_slice(input, at, at + piece_size), payload;
        while ((step = so_ws_parse(&p, &piece, &payload)) != SO_WS_MORE && step != SO_WS_BAD) {
            if (step == SO_WS_HEAD) {
                CHECK(p.length <= FRAME_MAX &&
                      (!so_ws_is_control(p.opcode) || (p.is_final && p.length <= SO_WS_CONTROL_MAX)));
                so_buf_printf(out, "[%u %d %d %llu]", p.opcode, p.is_final, p.is_compressed, (unsigned long long)p.length);
            } else if (step == SO_WS_PAYLOAD) {
                CHECK(payload.n > 0 && p.at + payload.n + p.left == p.length);
                char *to = so_buf_reserve(out, payload.n);
                CHECK(to != NULL);
                so_ws_unmask(&p, to, payload);
                out->len += payload.n;
            } else {
                CHECK(p.left == 0);
            }
        }
        CHECK(step == SO_WS_BAD || piece.n == 0);
    }
    if (step == SO_WS_BAD)
        so_buf_printf(out, "[%u %s]", p.code, p.why);
}

static void try_frames(struct so_str input)
{
    struct so_buf whole, bytes, pieces;
    so_buf_init(&whole, SIZE_MAX / 2);
    so_buf_init(&bytes, SIZE_MAX / 2);
    so_buf_init(&pieces, SIZE_MAX / 2);
    parse(input, input.n + 1, &whole);
    parse(input, 1, &bytes);
    parse(input, 7, &pieces);
    CHECK(so_str_eq(so_buf_str(&whole), so_buf_str(&bytes)) && so_str_eq(so_buf_str(&whole), so_buf_str(&pieces)));
    so_buf_deinit(&whole);
    so_buf_deinit(&bytes);
    so_buf_deinit(&pieces);
}

static void try_text(struct so_str input)
{
    struct so_ws_text text = {0};
    size_t at = 0;
    while (at < input.n && so_ws_text_feed(&text, so_str_slice(input, at, at + 1)))
        at++;
    CHECK((at == input.n && so_ws_text_is_whole(&text)) == so_utf8_valid(input));
}

/* What we answer, a client can read: it is well formed, and means the same when it is offered back. */
static void try_extensions(struct so_str input)
{
    const struct so_ws_deflate_rules rules = {.is_on = true, .keeps_window = true};
    struct so_ws_deflate_terms terms = {.is_on = false}, again = {.is_on = false};
    if (!so_ws_extensions_read(input, &rules, &terms) || !terms.is_on)
        return;
    char answer[SO_WS_EXTENSIONS_SIZE];
    CHECK(terms.server_bits >= SO_WS_WINDOW_MIN && terms.server_bits <= SO_WS_WINDOW_MAX);
    CHECK(terms.client_bits >= 8 && terms.client_bits <= SO_WS_WINDOW_MAX);
    so_ws_extensions_write(answer, &terms);
    CHECK(so_ws_extensions_read(so_str_c(answer), &rules, &again) && again.is_on);
    CHECK(again.server_bits == terms.server_bits && again.client_bits == terms.client_bits);
    CHECK(again.server_keeps_window == terms.server_keeps_window && again.client_keeps_window == terms.client_keeps_window);
}

static void try_deflate(struct so_str input)
{
    struct so_ws_deflater *deflater = so_ws_deflater_new(SO_WS_WINDOW_MIN + (int)(input.n % 7), true);
    struct so_ws_inflater *inflater = so_ws_inflater_new(SO_WS_WINDOW_MAX, true), *wild = so_ws_inflater_new(9, true);
    struct so_buf out, small;
    CHECK(deflater != NULL && inflater != NULL && wild != NULL);
    so_buf_init(&out, MESSAGE_MAX);
    so_buf_init(&small, SIZE_MAX / 2);
    for (int round = 0; round < 3; round++) { /* with the window of the rounds before */
        so_buf_reset(&out);
        (void)!so_ws_inflate(wild, input, &out);
        CHECK(out.len <= MESSAGE_MAX);
        so_buf_reset(&out);
        so_buf_reset(&small);
        CHECK(so_ws_deflate(deflater, input, &small) == SO_OK && small.len > 0);
        CHECK(so_ws_inflate(inflater, so_buf_str(&small), &out) == SO_OK && so_str_eq(so_buf_str(&out), input));
    }
    so_buf_deinit(&out);
    so_buf_deinit(&small);
    so_ws_deflater_free(deflater);
    so_ws_inflater_free(inflater);
    so_ws_inflater_free(wild);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct so_str input = so_str((const char *)data + 1, size - 1);
    if (data[0] == 'f')
        try_frames(input);
    else if (data[0] == 'x')
        try_extensions(input);
    else if (data[0] == 'd')
        try_deflate(input);
    else
        try_text(input);
    return 0;
}
