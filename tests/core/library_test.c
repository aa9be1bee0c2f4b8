/* library_test.c: shared libraries that are loaded when they are needed. */
#include "../testing.h"

#include "core/library.h"

struct math {
    double (*floor)(double x);
    double (*ceil)(double x);
};

static const char *const NAMES[] = {"libthat-is-not-there.so.1", "libm.so.6", "libm.dylib"};
static const struct so_library_function FUNCTIONS[] = {
    {"floor", offsetof(struct math, floor)}, {"ceil", offsetof(struct math, ceil)}, {"that_is_not_there", 0}};

static void the_first_library_that_is_there_is_taken(void **state)
{
    (void)state;
    struct math math;
    assert_true(so_library_load(NAMES, COUNT_OF(NAMES), FUNCTIONS, 2, &math));
    assert_true(math.floor(1.5) == 1.0 && math.ceil(1.5) == 2.0);
}

static void what_is_not_there_is_told(void **state)
{
    (void)state;
    struct math math;
    assert_false(so_library_load(NAMES, 1, FUNCTIONS, 2, &math));
    assert_false(so_library_load(NAMES, COUNT_OF(NAMES), FUNCTIONS, 3, &math));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_library_that_is_there_is_taken),
        cmocka_unit_test(what_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
