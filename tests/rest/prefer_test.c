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
        {"handling=strict, timezone=Mars/Base", "Invalid preferences: timezone=Mars/Base"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preferences_are_understood),
        cmocka_unit_test(the_first_of_a_sort_counts),
        cmocka_unit_test(strict_handling_refuses_the_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
