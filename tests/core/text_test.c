/* text_test.c: borrowed strings, UTF-8, maps and hashes. */
#include "../testing.h"

#include "core/map.h"
#include "core/str.h"
#include "core/utf8.h"

static void numbers_are_read_to_their_limits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t want;
    } CASES[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"", false, 0},
        {"-", false, 0},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"+1", false, 0},
        {"1 ", false, 0},
        {"0x1", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        int64_t got = 77;
        bool good = so_str_to_i64(so_str_c(CASES[i].text), &got);
        if (good != CASES[i].good || got != (good ? CASES[i].want : 77))
            fail_msg("%s", CASES[i].text);
    }
}

static void a_split_gives_every_part(void **state)
{
    (void)state;
    struct so_str rest = SO_STR("a,,b,"), part;
    static const char *const WANT[] = {"a", "", "b", ""};
    for (size_t i = 0; i < COUNT_OF(WANT); i++) {
        assert_true(so_str_split(&rest, ',', &part));
        assert_str(part, WANT[i]);
    }
    assert_false(so_str_split(&rest, ',', &part));
}

static void ill_formed_utf8_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *label, *text;
        size_t want; /* index of the first bad byte; SIZE_MAX: none */
    } CASES[] = {
        {"ascii", "plain text of more than eight bytes", SIZE_MAX},
        {"two, three, four bytes", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", SIZE_MAX},
        {"overlong slash", "a\xC0\xAF", 1},
        {"overlong of three", "\xE0\x80\xAF", 0},
        {"surrogate", "ab\xED\xA0\x80", 2},
        {"above U+10FFFF", "\xF4\x90\x80\x80", 0},
        {"cut", "abcdefgh\xE2\x82", 8},
        {"continuation alone", "\x80", 0},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_str s = so_str_c(CASES[i].text);
        if (so_utf8_check(s) != (CASES[i].want == SIZE_MAX ? s.n : CASES[i].want))
            fail_msg("%s", CASES[i].label);
    }
    assert_int_equal(so_utf8_length(SO_STR("\xC3\xA9\xE2\x82\xAC!")), 3);
}

static void every_code_point_survives(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x110000; c += c < 0x3000 ? 1 : 251) {
        char bytes[4];
        size_t at = 0, n = so_utf8_put(bytes, c);
        bool is_scalar = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
        assert_int_equal(n > 0, is_scalar);
        if (n > 0)
            assert_int_equal(so_utf8_next(so_str(bytes, n), &at), (int32_t)c);
    }
}

static void a_map_holds_what_was_put(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_map map;
    so_arena_init(&arena, 1 << 22);
    so_map_init(&map, &arena);
    assert_null(so_map_find(&map, SO_STR("x")));
    for (uintptr_t i = 1; i <= 5000; i++)
        assert_true(so_map_put(&map, so_arena_printf(&arena, "key %d", (int)i), (void *)i));
    assert_true(so_map_put(&map, SO_STR("key 7"), (void *)1));
    assert_int_equal(map.count, 5000);
    for (uintptr_t i = 1; i <= 5000; i++)
        assert_ptr_equal(so_map_find(&map, so_arena_printf(&arena, "key %d", (int)i)), (void *)(i == 7 ? 1 : i));
    assert_false(so_map_has(&map, SO_STR("key 5001")));
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_to_their_limits), cmocka_unit_test(a_split_gives_every_part),
        cmocka_unit_test(ill_formed_utf8_is_found),         cmocka_unit_test(every_code_point_survives),
        cmocka_unit_test(a_map_holds_what_was_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
