/* uri_test.c: the examples of RFC 3986 section 5.4, and what schemas do beyond them. */
#include "schema_testing.h"

#include "schema/uri.h"

static const struct {
    const char *base, *ref, *want;
} CASES[] = {
    {"http://a/b/c/d;p?q", "g:h", "g:h"},
    {"http://a/b/c/d;p?q", "g", "http://a/b/c/g"},
    {"http://a/b/c/d;p?q", "./g", "http://a/b/c/g"},
    {"http://a/b/c/d;p?q", "g/", "http://a/b/c/g/"},
    {"http://a/b/c/d;p?q", "/g", "http://a/g"},
    {"http://a/b/c/d;p?q", "//g", "http://g"},
    {"http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"},
    {"http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q"},
    {"http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q"},
    {"http://a/b/c/d;p?q", ".", "http://a/b/c/"},
    {"http://a/b/c/d;p?q", "..", "http://a/b/"},
    {"http://a/b/c/d;p?q", "../g", "http://a/b/g"},
    {"http://a/b/c/d;p?q", "../../g", "http://a/g"},
    {"http://a/b/c/d;p?q", "../../../g", "http://a/g"},
    {"http://a/b/c/d;p?q", "/./g", "http://a/g"},
    {"http://a/b/c/d;p?q", "g;x=1/../y", "http://a/b/c/y"},
    {"http://a/b/c/d;p?q", "g?y/../x", "http://a/b/c/g?y/../x"},
    {"http://a", "b", "http://a/b"},
    {"urn:uuid:1", "#x", "urn:uuid:1"},
    {"", "a.json#/b", "a.json"},
    {"a/b.json", "c.json", "a/c.json"},
};

static void references_are_resolved(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_arena arena;
        struct so_str uri, fragment;
        so_arena_init(&arena, 1 << 16);
        assert_true(so_uri_resolve(&arena, so_str_c(CASES[i].base), so_str_c(CASES[i].ref), &uri, &fragment));
        assert_str(uri, CASES[i].want);
        so_arena_deinit(&arena);
    }
}

static void fragments_are_told_from_nothing(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_str uri, fragment;
    so_arena_init(&arena, 1 << 16);
    assert_true(so_uri_resolve(&arena, SO_STR("http://a/b"), SO_STR("c"), &uri, &fragment));
    assert_null(fragment.p);
    assert_true(so_uri_resolve(&arena, SO_STR("http://a/b"), SO_STR("c#"), &uri, &fragment));
    assert_non_null(fragment.p);
    assert_int_equal(fragment.n, 0);
    assert_str(so_uri_decode(&arena, SO_STR("/a%25b%zz%4")), "/a%b%zz%4");
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_resolved),
        cmocka_unit_test(fragments_are_told_from_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
