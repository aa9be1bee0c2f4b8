/* distance_test.c: how many slips lead from one name to another. */
#include "../testing.h"

#include "core/distance.h"

static const struct {
    const char *a, *b;
    size_t want, folded;
} CASES[] = {
    {"", "", 0, 0},          {"books", "", 5, 5},      {"books", "books", 0, 0}, {"books", "bokos", 1, 1},
    {"books", "boks", 1, 1}, {"books", "Books", 1, 0}, {"abc", "xyz", 3, 3},     {"x-policy", "x-policies", 3, 3},
    {"ca", "abc", 3, 3}, /* optimal string alignment, not the unrestricted distance, which is 2 */
};

static void slips_are_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_str a = so_str_c(CASES[i].a), b = so_str_c(CASES[i].b);
        if (so_distance(a, b, NULL) != CASES[i].want || so_distance(b, a, NULL) != CASES[i].want ||
            so_distance(a, b, so_fold_case) != CASES[i].folded)
            fail_msg("%s, %s", CASES[i].a, CASES[i].b);
    }
}

static void long_names_are_never_near(void **state)
{
    (void)state;
    char name[SO_DISTANCE_MAX_BYTES + 1];
    memset(name, 'a', sizeof(name));
    assert_int_equal(so_distance(so_str(name, sizeof(name) - 1), so_str(name, sizeof(name) - 1), NULL), 0);
    assert_true(so_distance(so_str(name, sizeof(name)), so_str(name, 1), NULL) == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_are_counted),
        cmocka_unit_test(long_names_are_never_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
