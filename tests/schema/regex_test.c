/* regex_test.c: ECMA-262's meaning, not PCRE2's. */
#include "schema_testing.h"

#include "schema/regex.h"

static const struct {
    const char *pattern, *text;
    bool found;
} CASES[] = {
    {"b", "abc", true},
    {"^b", "abc", false},
    {"^$", "\n", false},
    {"a$", "a\n", false},
    {"^.$", "\xe2\x80\xa8", false},
    {"^.$", "\xf0\x9f\x98\x80", true},
    {"^\\d$", "\xd9\xa3", false},
    {"^\\w$", "\xc3\xa9", false},
    {"^\\W$", "\xc3\xa9", true},
    {"^\\s$", "\xef\xbb\xbf", true},
    {"^[\\s-]$", "-", true},
    {"^\\S$", "\xc2\xa0", false},
    {"^[^\\s]$", "\xc2\xa0", false},
    {"^[\\S]$", "x", true},
    {"^\\u{1F600}$", "\xf0\x9f\x98\x80", true},
    {"^\\uD83D\\uDE00$", "\xf0\x9f\x98\x80", true},
    {"^\\x41\\cJ\\0?$", "A\n", true},
    {"^[^]$", "\n", true},
    {"[]", "a", false},
    {"^[[]$", "[", true},
    {"^[[:alpha:]]$", ":]", true},
    {"^[\\b]$", "\b", true},
    {"^\\p{Letter}+$", "\xc3\xa9z", true},
    {"^\\p{Script=Greek}$", "\xce\xb1", true},
    {"^[\\P{ASCII}]$", "a", false},
    {"^(?<y>a)\\k<y>$", "aa", true},
    {"^\\1(a)$", "a", true},
    {"^a{,2}$", "a{,2}", true},
    {"^{x}$", "{x}", true},
    {"^\\-\\@\\_$", "-@_", true},
    {"", "", true},
    {".*", "a\nb", true},
    {"^.*$", "a\nb", false},
    {"^", "a", true},
    {"^x-", "x-a", true},
    {"^x-", "ax-", false},
    {"^a\\.b$", "a.b", true},
    {"^a\\.b$", "a.bc", false},
    {"^a\\$", "a$b", true},
    {"^a|b", "cb", true},
    {"(?=b)b(?!c)(?<=b)", "bd", true},
};

static void patterns_mean_what_ecma_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_arena arena;
        struct so_err err = SO_ERR_INIT;
        const struct so_regex *r = NULL;
        so_arena_init(&arena, 1 << 20);
        if (so_regex_new(&arena, so_str_c(CASES[i].pattern), &r, &err) != SO_OK)
            fail_msg("%s: %s", CASES[i].pattern, err.message);
        if ((so_regex_search(r, so_str_c(CASES[i].text)) == SO_REGEX_YES) != CASES[i].found)
            fail_msg("%s on %s", CASES[i].pattern, CASES[i].text);
        so_arena_deinit(&arena);
    }
}

static void what_ecma_does_not_know_is_refused(void **state)
{
    (void)state;
    static const char *const PATTERNS[] = {
        "\\a",     "\\Z",       "\\A",          "\\h",    "a++",   "*",       "a**",      "(?>a)", "(?i)a",
        "(?#x)",   "(*ACCEPT)", "(a",           "a)",     "[a",    "[b-a]",   "\\",       "\\u12", "\\u{110000}",
        "\\uD800", "\\p{Nope}", "\\p{Script=}", "\\2(a)", "\\xZ1", "(?<1>a)", "(?P<x>a)", "\xff",  "\\c1",
    };
    for (size_t i = 0; i < COUNT_OF(PATTERNS); i++) {
        struct so_arena arena;
        struct so_err err = SO_ERR_INIT;
        const struct so_regex *r = NULL;
        so_arena_init(&arena, 1 << 20);
        if (so_regex_new(&arena, so_str_c(PATTERNS[i]), &r, &err) != SO_EINVAL || err.message[0] == '\0')
            fail_msg("%s: %s", PATTERNS[i], err.message);
        so_arena_deinit(&arena);
    }
}

static void ill_formed_text_matches_nothing(void **state)
{
    (void)state;
    struct so_arena arena;
    const struct so_regex *r = NULL;
    so_arena_init(&arena, 1 << 20);
    assert_int_equal(so_regex_new(&arena, SO_STR("a"), &r, NULL), SO_OK);
    assert_int_equal(so_regex_search(r, SO_STR("a\xff")), SO_REGEX_NO);
    assert_int_equal(so_regex_search(r, so_str(NULL, 0)), SO_REGEX_NO);
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_mean_what_ecma_says),
        cmocka_unit_test(what_ecma_does_not_know_is_refused),
        cmocka_unit_test(ill_formed_text_matches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
