/* prefer_test.c: the Prefer header, once or several times, strict or not. */
#include "parsed.h"

static void preferences_are_understood(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "GET t",
          "Prefer: return=representation, count=exact,missing=default|prefer: resolution=ignore-duplicates , tx=rollback"
          "|PREFER: handling=lenient, max-affected=5, timezone=UTC, whatever",
          NULL);
    assert_int_equal(p.rc, SO_OK);
    const struct so_prefer *f = &p.request.prefer;
    assert_int_equal(f->ret, SO_RETURN_FULL);
    assert_int_equal(f->count, SO_COUNT_EXACT);
    assert_int_equal(f->missing, SO_MISSING_DEFAULT);
    assert_int_equal(f->resolution, SO_RESOLUTION_IGNORE);
    assert_int_equal(f->tx, SO_TX_ROLLBACK);
    assert_int_equal(f->handling, SO_HANDLING_LENIENT);
    assert_int_equal(f->max_affected, 5);
    assert_str(f->timezone, "UTC");
    done(&p);
}

static void the_first_of_a_sort_counts(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "GET t", "Prefer: return=minimal, return=representation|Prefer: return=headers-only", NULL);
    assert_int_equal(p.request.prefer.ret, SO_RETURN_MINIMAL);
    done(&p);
}

static void strict_handling_refuses_the_unknown(void **state)
{
    (void)state;
    static const struct {
        const char *prefer, *want; /* want NULL: accepted */
    } CASES[] = {
        {"handling=strict, return=minimal", NULL},
        {"handling=lenient, a=1", NULL},
        {"a=1", NULL},
        {"handling=strict, a=1, b=2", "Invalid preferences: a=1, b=2"},
        {"a=1, handling=strict", "Invalid preferences: a=1"},
        {"handling=strict, max-affected=x", "Invalid preferences: max-affected=x"},
        {"handling=strict, Return=minimal", "Invalid preferences: Return=minimal"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct parsed p;
        char header[128];
        snprintf(header, sizeof(header), "Prefer: %s", CASES[i].prefer);
        parse(&p, "GET t", header, NULL);
        if (CASES[i].want == NULL)
            assert_int_equal(p.rc, SO_OK);
        else
            assert_string_equal(p.err.details, CASES[i].want);
        done(&p);
    }
}

static void the_database_knows_the_timezones(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_map zones;
    struct so_err err = SO_ERR_INIT;
    so_arena_init(&arena, 64 * 1024);
    so_map_init(&zones, &arena);
    assert_true(so_map_put(&zones, SO_STR("UTC"), &zones));
    struct so_prefer utc = {.timezone = SO_STR("UTC")}, mars = {.timezone = SO_STR("Mars/Base")};
    assert_int_equal(so_prefer_settle(&utc, &zones, &err), SO_OK);
    assert_str(utc.timezone, "UTC");
    struct so_prefer strict = mars;
    strict.handling = SO_HANDLING_STRICT;
    assert_int_equal(so_prefer_settle(&mars, &zones, &err), SO_OK);
    assert_null(mars.timezone.p);
    assert_int_equal(so_prefer_settle(&strict, &zones, &err), SO_EINVAL);
    assert_string_equal(err.details, "Invalid preferences: timezone=Mars/Base");
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preferences_are_understood),
        cmocka_unit_test(the_first_of_a_sort_counts),
        cmocka_unit_test(strict_handling_refuses_the_unknown),
        cmocka_unit_test(the_database_knows_the_timezones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
