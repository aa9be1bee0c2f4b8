/* pointer_test.c: JSON Pointer, with the examples of RFC 6901 section 5. */
#include "../testing.h"

#include "json/json.h"

static const char DOCUMENT[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
                               "\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9,\"deep\":[[{\"\":{\"\":10}}]]}";

enum { NOTHING = -1, NOT_A_NUMBER = -2 };

static const struct {
    const char *pointer;
    int want;
} CASES[] = {
    {"", NOT_A_NUMBER},
    {"/foo", NOT_A_NUMBER},
    {"/foo/0", NOT_A_NUMBER},
    {"/", 0},
    {"/a~1b", 1},
    {"/c%d", 2},
    {"/e^f", 3},
    {"/g|h", 4},
    {"/i\\j", 5},
    {"/k\"l", 6},
    {"/ ", 7},
    {"/m~0n", 8},
    {"/~01", 9}, /* not "/": ~0 is undone last */
    {"/deep/0/0//", 10},
    {"foo", NOTHING},
    {"/a/b", NOTHING},
    {"/m~n", NOTHING},
    {"/m~", NOTHING},
    {"/m~2n", NOTHING},
    {"/m~0nn", NOTHING},
    {"/m~0", NOTHING},
    {"/foo/2", NOTHING},
    {"/foo/-", NOTHING},
    {"/foo/00", NOTHING},
    {"/foo/-1", NOTHING},
    {"/foo/+1", NOTHING},
    {"/foo/1e0", NOTHING},
    {"/foo/", NOTHING},
    {"/foo/18446744073709551616", NOTHING},
    {"/foo/4294967296", NOTHING},
    {"/foo/0/0", NOTHING},
    {"//", NOTHING},
};

static void pointers_find_what_they_name(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_json value;
    so_arena_init(&arena, 1 << 20);
    assert_int_equal(so_json_parse(&arena, so_str_c(DOCUMENT), NULL, &value, NULL), SO_OK);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const struct so_json *found = so_json_at(&value, so_str_c(CASES[i].pointer));
        int got = found == NULL ? NOTHING : found->type == SO_JSON_INT ? (int)found->u.i : NOT_A_NUMBER;
        if (got != CASES[i].want)
            fail_msg("%s: %d", CASES[i].pointer, got);
    }
    assert_ptr_equal(so_json_at(&value, SO_STR("")), &value);
    assert_str(so_json_str(so_json_at(&value, SO_STR("/foo/1"))), "baz");
    assert_null(so_json_at(NULL, SO_STR("/a")));
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_find_what_they_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
