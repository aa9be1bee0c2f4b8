/* deflate_test.c: messages there and back, RFC 7692's own, bombs and rubble. */
#include "../testing.h"

#include "core/mem.h"
#include "ws/deflate.h"

#define RUBBLE_SIZE 200000

static char rubble[RUBBLE_SIZE]; /* does not compress */
static char words[RUBBLE_SIZE];  /* does */

static void fill(void)
{
    uint32_t x = 1;
    for (size_t i = 0; i < RUBBLE_SIZE; i++) {
        x = x * 1664525 + 1013904223;
        rubble[i] = (char)(x >> 24);
        words[i] = "{\"id\":1,\"name\":\"book\"}"[(i + (x >> 31)) % 22];
    }
}

static void check_round_trips(int bits, bool keeps)
{
    static const size_t SIZES[] = {1, 2, 125, 126, 16384, 16385, 32768, 65536, 131072, RUBBLE_SIZE};
    struct so_ws_deflater *d = so_ws_deflater_new(bits, keeps);
    struct so_ws_inflater *i = so_ws_inflater_new(bits, keeps);
    assert_true(d != NULL && i != NULL);
    for (size_t k = 0; k < 2 * COUNT_OF(SIZES); k++) {
        struct so_str message = so_str(k % 2 ? rubble : words, SIZES[k / 2]);
        struct so_buf small, again;
        so_buf_init(&small, 1 << 20);
        so_buf_init(&again, message.n + 1);
        assert_int_equal(so_ws_deflate(d, message, &small), SO_OK);
        assert_int_equal(so_ws_inflate(i, so_buf_str(&small), &again), SO_OK);
        if (!so_str_eq(so_buf_str(&again), message))
            fail_msg("%zu bytes, window of %d bits, %s", message.n, bits, keeps ? "kept" : "not kept");
        assert_true(k % 2 || message.n < 1000 || small.len < message.n / 2);
        so_buf_deinit(&small);
        so_buf_deinit(&again);
    }
    so_ws_deflater_free(d);
    so_ws_inflater_free(i);
}

static void messages_survive_with_every_window(void **state)
{
    (void)state;
    for (int bits = SO_WS_WINDOW_MIN; bits <= SO_WS_WINDOW_MAX; bits++) {
        check_round_trips(bits, true);
        check_round_trips(bits, false);
    }
}

static void a_kept_window_makes_repetitions_shorter(void **state)
{
    (void)state;
    for (int keeps = 0; keeps <= 1; keeps++) {
        struct so_ws_deflater *d = so_ws_deflater_new(SO_WS_WINDOW_MAX, keeps);
        struct so_buf first, second;
        so_buf_init(&first, 1 << 20);
        so_buf_init(&second, 1 << 20);
        assert_int_equal(so_ws_deflate(d, so_str(rubble, 1000), &first), SO_OK);
        assert_int_equal(so_ws_deflate(d, so_str(rubble, 1000), &second), SO_OK);
        assert_true(keeps ? second.len < 50 : second.len == first.len);
        so_buf_deinit(&first);
        so_buf_deinit(&second);
        so_ws_deflater_free(d);
    }
}

static const struct {
    const char *label;
    struct so_str bytes;
    int want;
    const char *text;
} FOREIGN[] = {
    {"RFC 7692 7.2.3.1", SO_STR_INIT("\xf2\x48\xcd\xc9\xc9\x07\x00"), SO_OK, "Hello"},
    {"7.2.3.2, the same looking back", SO_STR_INIT("\xf2\x00\x11\x00\x00"), SO_OK, "Hello"},
    {"7.2.3.3, no compression", SO_STR_INIT("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), SO_OK, "Hello"},
    {"7.2.3.4, a last block", SO_STR_INIT("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), SO_OK, "Hello"},
    {"and looking back beyond it", SO_STR_INIT("\xf2\x00\x11\x00\x00"), SO_OK, "Hello"},
    {"7.2.3.5, two blocks", SO_STR_INIT("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), SO_OK, "Hello"},
    {"7.2.3.6, empty", SO_STR_INIT("\x00"), SO_OK, ""},
    {"a reserved block type", SO_STR_INIT("\x07"), SO_EINVAL, NULL},
};

static void what_others_compress_is_read(void **state)
{
    (void)state;
    struct so_ws_inflater *i = so_ws_inflater_new(SO_WS_WINDOW_MAX, true);
    for (size_t k = 0; k < COUNT_OF(FOREIGN); k++) {
        struct so_buf out;
        so_buf_init(&out, 100);
        int rc = so_ws_inflate(i, FOREIGN[k].bytes, &out);
        if (rc != FOREIGN[k].want || (rc == SO_OK && !so_str_eq_c(so_buf_str(&out), FOREIGN[k].text)))
            fail_msg("%s: %s, \"%s\"", FOREIGN[k].label, so_code_name(rc), so_buf_cstr(&out));
        so_buf_deinit(&out);
    }
    so_ws_inflater_free(i);
}

static void a_message_that_was_cut_is_refused(void **state)
{
    (void)state;
    struct so_ws_deflater *d = so_ws_deflater_new(SO_WS_WINDOW_MAX, false);
    struct so_ws_inflater *i = so_ws_inflater_new(SO_WS_WINDOW_MAX, false);
    struct so_buf small, out;
    so_buf_init(&small, 1 << 20);
    so_buf_init(&out, 1 << 20);
    assert_int_equal(so_ws_deflate(d, so_str(words, 500), &small), SO_OK);
    for (size_t n = 1; n < small.len; n++) {
        so_buf_reset(&out);
        if (so_ws_inflate(i, so_str(small.p, n), &out) != SO_EINVAL)
            fail_msg("%zu of %zu bytes", n, small.len);
    }
    so_buf_reset(&out);
    assert_int_equal(so_ws_inflate(i, so_buf_str(&small), &out), SO_OK); /* and the stream is as good as new */
    so_buf_deinit(&small);
    so_buf_deinit(&out);
    so_ws_deflater_free(d);
    so_ws_inflater_free(i);
}

static void a_bomb_ends_at_the_limit(void **state)
{
    (void)state;
    static char zeros[4 << 20];
    struct so_ws_deflater *d = so_ws_deflater_new(SO_WS_WINDOW_MAX, false);
    struct so_ws_inflater *i = so_ws_inflater_new(SO_WS_WINDOW_MAX, false);
    struct so_buf small, out;
    so_buf_init(&small, 1 << 20);
    so_buf_init(&out, 100000);
    assert_int_equal(so_ws_deflate(d, so_str(zeros, sizeof(zeros)), &small), SO_OK);
    assert_true(small.len < 20000);
    assert_int_equal(so_ws_inflate(i, so_buf_str(&small), &out), SO_ELIMIT);
    assert_true(out.cap <= 131072);
    so_buf_deinit(&small);
    so_buf_deinit(&out);
    so_ws_deflater_free(d);
    so_ws_inflater_free(i);
}

static void out_of_memory_is_an_error(void **state)
{
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_buf small, out;
        so_buf_init(&small, 1 << 20);
        so_buf_init(&out, 1 << 20);
        so_mem_fail_at(n);
        struct so_ws_deflater *d = so_ws_deflater_new(12, false);
        struct so_ws_inflater *i = so_ws_inflater_new(12, true);
        int rc = d == NULL || i == NULL ? SO_ENOMEM : so_ws_deflate(d, so_str(words, 50000), &small);
        if (rc == SO_OK)
            rc = so_ws_inflate(i, so_buf_str(&small), &out);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
        so_ws_deflater_free(d);
        so_ws_inflater_free(i);
        so_buf_deinit(&small);
        so_buf_deinit(&out);
    }
}

int main(void)
{
    fill();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_survive_with_every_window), cmocka_unit_test(a_kept_window_makes_repetitions_shorter),
        cmocka_unit_test(what_others_compress_is_read),       cmocka_unit_test(a_message_that_was_cut_is_refused),
        cmocka_unit_test(a_bomb_ends_at_the_limit),           cmocka_unit_test(out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
