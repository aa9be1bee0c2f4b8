/* table_test.c: against a plain array, at random. */
#include "../testing.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"
#include "realtime/table.h"

enum { NAMES = 200, ROUNDS = 20000 };

static struct {
    struct so_table_entry entry;
    char name[16];
    bool is_in;
} things[NAMES];

static void it_holds_what_was_put_and_not_removed(void **state)
{
    (void)state;
    struct so_hash_table t = {0};
    size_t count = 0;
    srand(7);
    for (size_t i = 0; i < NAMES; i++) {
        (void)snprintf(things[i].name, sizeof(things[i].name), "name%zu", i);
        things[i].entry.key = so_str_c(things[i].name);
    }
    for (int round = 0; round < ROUNDS; round++) {
        size_t i = (size_t)rand() % NAMES;
        assert_ptr_equal(so_hash_table_find(&t, things[i].entry.key), things[i].is_in ? &things[i].entry : NULL);
        if (things[i].is_in)
            so_hash_table_remove(&t, &things[i].entry);
        else
            assert_true(so_hash_table_put(&t, &things[i].entry));
        things[i].is_in = !things[i].is_in;
        count += things[i].is_in ? 1 : (size_t)-1;
        assert_int_equal(t.count, count);
    }
    size_t seen = 0;
    for (struct so_table_entry *e = so_hash_table_first(&t); e != NULL; e = so_hash_table_next(&t, e))
        seen++;
    assert_int_equal(seen, count);
    so_hash_table_deinit(&t);
}

static void without_memory_it_goes_on_with_the_slots_it_has(void **state)
{
    (void)state;
    struct so_hash_table t = {0};
    so_mem_fail_at(0);
    assert_false(so_hash_table_put(&t, &things[0].entry));
    for (size_t i = 0; i < NAMES; i++) {
        so_mem_fail_at(i == 0 ? -1 : 0);
        assert_true(so_hash_table_put(&t, &things[i].entry));
    }
    so_mem_fail_at(-1);
    for (size_t i = 0; i < NAMES; i++)
        assert_ptr_equal(so_hash_table_find(&t, things[i].entry.key), &things[i].entry);
    so_hash_table_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_what_was_put_and_not_removed),
        cmocka_unit_test(without_memory_it_goes_on_with_the_slots_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
