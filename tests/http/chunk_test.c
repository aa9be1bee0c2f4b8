/* chunk_test.c: chunked bodies, whole and a byte at a time. */
#include "../testing.h"

#include "http/chunk.h"

static const struct {
    const char *label, *input;
    enum so_chunk_result want;
    const char *body, *rest;
} CASES[] = {
    {"one chunk", "5\r\nhello\r\n0\r\n\r\n", SO_CHUNK_DONE, "hello", ""},
    {"two chunks and what follows", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /", SO_CHUNK_DONE, "hello world", "GET /"},
    {"nothing", "0\r\n\r\n", SO_CHUNK_DONE, "", ""},
    {"hex in both cases", "A\r\n0123456789\r\nb\r\n01234567890\r\n0\r\n\r\n", SO_CHUNK_DONE, "012345678901234567890", ""},
    {"leading zeros", "005\r\nhello\r\n000\r\n\r\n", SO_CHUNK_DONE, "hello", ""},
    {"data that looks like a chunk", "7\r\n0\r\n\r\n0\r\r\n0\r\n\r\n", SO_CHUNK_DONE, "0\r\n\r\n0\r", ""},
    {"extension without value", "5;a\r\nhello\r\n0;b\r\n\r\n", SO_CHUNK_DONE, "hello", ""},
    {"extensions with values", "5;a=b;c=\"d;\\\"e\"\r\nhello\r\n0\r\n\r\n", SO_CHUNK_DONE, "hello", ""},
    {"blanks round an extension", "5 ; a\t= b ;c\r\nhello\r\n0\r\n\r\n", SO_CHUNK_DONE, "hello", ""},
    {"trailers are dropped", "1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\nnext", SO_CHUNK_DONE, "x", "next"},
    {"cut in a size", "5", SO_CHUNK_MORE, "", ""},
    {"cut in data", "5\r\nhel", SO_CHUNK_MORE, "hel", ""},
    {"cut before the last line", "1\r\nx\r\n0\r\n", SO_CHUNK_MORE, "x", ""},
    {"largest size", "fffffffffffffff\r\nx", SO_CHUNK_MORE, "x", ""},
    {"size too large", "1000000000000000\r\nx", SO_CHUNK_BAD, "", NULL},
    {"size of zeros without end", "0000000000000000\r\n", SO_CHUNK_BAD, "", NULL},
    {"no size", "\r\nhello", SO_CHUNK_BAD, "", NULL},
    {"sign", "+5\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"minus", "-1\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"0x", "0x5\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"blank before the size", " 5\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"blank after the size", "5 \r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"bare LF after the size", "5\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"bare CR after the size", "5\rhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"bare LF in an extension", "5;a\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"bare LF in a quoted value", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"empty extension", "5;\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"extension without name", "5;=a\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"extension without its value", "5;a=\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"junk after a quoted value", "5;a=\"b\"c\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"data longer than its size", "4\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "hell", NULL},
    {"data shorter than its size", "6\r\nhello\r\n0\r\n\r\n", SO_CHUNK_BAD, "hello\r", NULL},
    {"bare LF after data", "5\r\nhello\n0\r\n\r\n", SO_CHUNK_BAD, "hello", NULL},
    {"a blank for the CR after data", "5\r\nhello \n0\r\n\r\n", SO_CHUNK_BAD, "hello", NULL},
    {"bare LF at the end", "0\r\n\n", SO_CHUNK_BAD, "", NULL},
    {"bare CR at the end", "0\r\n\rx", SO_CHUNK_BAD, "", NULL},
    {"trailer without name", "0\r\n: b\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"trailer without colon", "0\r\nGET / HTTP/1.1\r\n\r\n", SO_CHUNK_BAD, "", NULL},
    {"control in a trailer", "0\r\nA: \001\r\n\r\n", SO_CHUNK_BAD, "", NULL},
};

/* Feeds `input` in pieces of `step` bytes and gathers the body. */
static enum so_chunk_result decode(struct so_str input, size_t step, char *body, size_t *out_len, size_t *out_used)
{
    struct so_chunk c;
    enum so_chunk_result result = SO_CHUNK_MORE;
    so_chunk_init(&c);
    *out_len = *out_used = 0;
    while (result == SO_CHUNK_MORE && *out_used < input.n) {
        struct so_str piece = so_str_slice(input, *out_used, *out_used + step), data, left = piece;
        while ((result = so_chunk_next(&c, &left, &data)) == SO_CHUNK_DATA) {
            memcpy(body + *out_len, data.p, data.n);
            *out_len += data.n;
        }
        *out_used += piece.n - left.n;
    }
    return result;
}

static void bodies_are_decoded_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_str input = so_str_c(CASES[i].input);
        for (size_t step = 1; step <= input.n; step++) {
            char body[256];
            size_t len, used;
            enum so_chunk_result got = decode(input, step, body, &len, &used);
            bool is_right = got == CASES[i].want && so_str_eq_c(so_str(body, len), CASES[i].body) &&
                            (CASES[i].rest == NULL || so_str_eq_c(so_str_slice(input, used, input.n), CASES[i].rest));
            if (!is_right)
                fail_msg("%s, in pieces of %zu: result %d, body \"%.*s\"", CASES[i].label, step, (int)got, (int)len, body);
        }
    }
}

static void a_nul_is_no_token_character(void **state)
{
    (void)state;
    static const struct so_str INPUTS[] = {SO_STR_INIT("5;\0\r\n"), SO_STR_INIT("0\r\n\0: a\r\n\r\n"),
                                           SO_STR_INIT("5\0\r\n"), SO_STR_INIT("0\r\nA: \0\r\n\r\n")};
    for (size_t i = 0; i < COUNT_OF(INPUTS); i++) {
        char body[16];
        size_t len, used;
        assert_int_equal(decode(INPUTS[i], 100, body, &len, &used), SO_CHUNK_BAD);
    }
}

static void extensions_and_trailers_are_bounded(void **state)
{
    (void)state;
    static const char *const STARTS[] = {"5;", "5;a=\"", "0\r\nA: "};
    for (size_t i = 0; i < COUNT_OF(STARTS); i++) {
        struct so_chunk c;
        struct so_str data, start = so_str_c(STARTS[i]);
        so_chunk_init(&c);
        enum so_chunk_result result = so_chunk_next(&c, &start, &data);
        size_t fed = 0;
        for (; result == SO_CHUNK_MORE && fed < 2 * SO_CHUNK_EXTRA_MAX; fed++) {
            struct so_str letter = SO_STR("a");
            result = so_chunk_next(&c, &letter, &data);
        }
        assert_int_equal(result, SO_CHUNK_BAD);
        assert_in_range(fed, SO_CHUNK_EXTRA_MAX - 8, SO_CHUNK_EXTRA_MAX + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_decoded_however_they_are_cut),
        cmocka_unit_test(a_nul_is_no_token_character),
        cmocka_unit_test(extensions_and_trailers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
