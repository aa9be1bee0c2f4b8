/* arena_test.c: memory from an arena is aligned, bounded, and given back with its deferred calls. */
#include "../testing.h"

#include "core/arena.h"
#include "core/mem.h"

static void allocations_are_aligned_and_apart(void **state)
{
    (void)state;
    struct so_arena a;
    so_arena_init(&a, 1 << 20);
    char *last = NULL;
    for (size_t n = 1; n < 3000; n += 7) {
        char *p = so_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0xAB, n);
        assert_ptr_not_equal(p, last);
        last = p;
    }
    so_arena_deinit(&a);
}

static void the_limit_holds(void **state)
{
    (void)state;
    struct so_arena a;
    so_arena_init(&a, 64 * 1024);
    size_t got = 0;
    while (so_alloc(&a, 1000) != NULL)
        got += 1000;
    assert_in_range(got, 32 * 1024, 64 * 1024);
    assert_null(so_alloc(&a, SIZE_MAX - 8));
    so_arena_reset(&a);
    assert_non_null(so_alloc(&a, 1000));
    so_arena_deinit(&a);
}

static int order[3], calls;
static void note(void *ptr) { order[calls++] = *(int *)ptr; }

static void deferred_calls_run_last_first(void **state)
{
    (void)state;
    int one = 1, two = 2, three = 3;
    struct so_arena a;
    so_arena_init(&a, 1 << 20);
    calls = 0;
    assert_true(so_defer(&a, note, &one));
    assert_true(so_defer(&a, note, &two));
    so_arena_reset(&a);
    assert_int_equal(calls, 2);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 1);
    so_arena_reset(&a);
    assert_int_equal(calls, 2);
    so_arena_deinit(&a);

    so_arena_init(&a, 1 << 20);
    so_mem_fail_at(0);
    assert_false(so_defer(&a, note, &three)); /* no memory to remember it: done at once, so nothing leaks */
    so_mem_fail_at(-1);
    assert_int_equal(order[2], 3);
    so_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_and_apart),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(deferred_calls_run_last_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
