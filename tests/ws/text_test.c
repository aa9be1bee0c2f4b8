/* text_test.c: UTF-8 in pieces is what it is in one, and a wrong byte is seen when it comes. */
#include "../testing.h"

#include "core/utf8.h"
#include "ws/text.h"

/* Feeds `text` with a cut before `cut`.  Returns what so_ws_text would say of the whole. */
static bool is_valid(struct so_str text, size_t cut)
{
    struct so_ws_text t = {0};
    return so_ws_text_feed(&t, so_str_slice(text, 0, cut)) && so_ws_text_feed(&t, so_str_slice(text, cut, text.n)) &&
           so_ws_text_is_whole(&t);
}

static void every_character_is_judged_as_a_whole_wherever_it_is_cut(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 || (c > 0xD700 && c < 0xE100) ? 1 : 251) {
        char bytes[4];
        struct so_str text = so_str(bytes, so_utf8_put(bytes, c));
        for (size_t cut = 0; cut <= text.n && text.n > 0; cut++)
            if (!is_valid(text, cut))
                fail_msg("U+%04X, cut at %zu", c, cut);
    }
}

/* All sequences of up to three bytes, and those of four that begin interestingly. */
static void every_sequence_is_judged_as_core_does(void **state)
{
    (void)state;
    static const uint8_t EDGES[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0,
                                    0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFE, 0xFF};
    enum { N = COUNT_OF(EDGES) };
    for (size_t i = 0; i < (size_t)N * N * N * N; i++) {
        const char bytes[4] = {(char)EDGES[i % N], (char)EDGES[i / N % N], (char)EDGES[i / N / N % N],
                               (char)EDGES[i / N / N / N]};
        for (size_t n = 1; n <= 4; n++) {
            struct so_str text = so_str(bytes, n);
            for (size_t cut = 0; cut <= n; cut++)
                if (is_valid(text, cut) != so_utf8_valid(text))
                    fail_msg("%02x %02x %02x %02x, %zu bytes, cut at %zu", bytes[0] & 0xFF, bytes[1] & 0xFF, bytes[2] & 0xFF,
                             bytes[3] & 0xFF, n, cut);
        }
    }
}

static void a_wrong_byte_is_seen_when_it_comes(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        struct so_str bytes;
        size_t seen_after;
    } CASES[] = {
        {"a stray continuation", SO_STR_INIT("ab\x80"), 3},     {"an overlong slash", SO_STR_INIT("\xC0\xAF"), 1},
        {"an overlong NUL", SO_STR_INIT("\xE0\x80\x80"), 2},    {"a surrogate", SO_STR_INIT("\xED\xA0\x80"), 2},
        {"above U+10FFFF", SO_STR_INIT("\xF4\x90\x80\x80"), 2}, {"five bytes", SO_STR_INIT("\xF8\x88"), 1},
        {"cut by a letter", SO_STR_INIT("\xE2\x82z"), 3},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_ws_text t = {0};
        size_t at = 0;
        while (at < CASES[i].bytes.n && so_ws_text_feed(&t, so_str_slice(CASES[i].bytes, at, at + 1)))
            at++;
        if (at + 1 != CASES[i].seen_after)
            fail_msg("%s: seen after %zu bytes", CASES[i].label, at + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_judged_as_a_whole_wherever_it_is_cut),
        cmocka_unit_test(every_sequence_is_judged_as_core_does),
        cmocka_unit_test(a_wrong_byte_is_seen_when_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
