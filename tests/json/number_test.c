/* number_test.c: numbers are compared, divided and converted by their exact value, at any size and at once. */
#include "../testing.h"

#include <float.h>
#include <math.h>

#include "json/json.h"
#include "json/number.h"

/* A number from its text, as the parser would give it. */
static struct so_json number(const char *text)
{
    struct so_arena none;
    struct so_json value;
    so_arena_init(&none, 0);
    if (so_json_parse(&none, so_str_c(text), NULL, &value, NULL) != SO_OK)
        fail_msg("not a number: %s", text);
    return value;
}

static const char E_HUGE[] = "1e99999999999999999999999999999999999999";

static void order_is_by_exact_value(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } CASES[] = {
        {"1", "2", -1},
        {"1", "1.0", 0},
        {"1", "10e-1", 0},
        {"0.001e3", "1", 0},
        {"100", "1E+2", 0},
        {"-0", "0", 0},
        {"0e999999999999999999999", "-0.000", 0},
        {"-1", "1", -1},
        {"-2", "-1.5", -1},
        {"-1", "0.0", -1},
        {"0.1", "0.10000000000000000000000000001", -1},
        {"9007199254740993", "9007199254740992.0", 1}, /* equal as doubles */
        {"9223372036854775807", "9223372036854775807.5", -1},
        {"12345678901234567890123", "12345678901234567890124", -1},
        {"1e999999999", "1e999999998", 1},
        {"9e999999998", "1e999999999", -1},
        {"10e999999998", "1e999999999", 0},
        {"-1e999999999", "1", -1},
        {"1e-999999999", "0", 1},
        {"1e9223372036854775807", "1e9223372036854775808", -1}, /* around int64 */
        {"1e3000000000000000000", "1e400000000000000000", 1},
        {"10e99999999999999999999999999999999999998", E_HUGE, 0}, /* far beyond it */
        {"1e99999999999999999999999999999999999998", E_HUGE, -1},
        {"0.01e100000000000000000000000000000000000001", E_HUGE, 0},
        {"1e-99999999999999999999999999999999999999", "1e-99999999999999999999999999999999999998", -1},
        {"1e-99999999999999999999999999999999999999", E_HUGE, -1},
        {"1e0000000000000000000000000000000000002", "100", 0},
        {"1e+0", "1e-0", 0},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_json a = number(CASES[i].a), b = number(CASES[i].b);
        int order = so_json_number_cmp(&a, &b), back = so_json_number_cmp(&b, &a);
        if (order != CASES[i].order || back != -order)
            fail_msg("%s <=> %s: %d, %d", CASES[i].a, CASES[i].b, order, back);
        if (order == 0 && so_json_hash(&a, 1) != so_json_hash(&b, 1))
            fail_msg("hashes of %s and %s", CASES[i].a, CASES[i].b);
    }
}

static void whole_numbers_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_integer, fits;
        int64_t value;
    } CASES[] = {
        {"0", true, true, 0},
        {"-0", true, true, 0},
        {"0.000e-99999999999999999999", true, true, 0},
        {"1.0", true, true, 1},
        {"1e3", true, true, 1000},
        {"-1200e-2", true, true, -12},
        {"1.5e1", true, true, 15},
        {"1.5", false, false, 0},
        {"1e-1", false, false, 0},
        {"-12345e-3", false, false, 0},
        {"9223372036854775807.0", true, true, INT64_MAX},
        {"9223372036854775808", true, false, 0},
        {"-9223372036854775808.0", true, true, INT64_MIN},
        {"-9223372036854775809", true, false, 0},
        {"0.0000009223372036854775807e25", true, true, INT64_MAX},
        {"1e18", true, true, 1000000000000000000},
        {"1e19", true, false, 0},
        {"99999999999999999999", true, false, 0},
        {"1e400", true, false, 0},
        {"1e99999999999999999999", true, false, 0},
        {"1e-99999999999999999999", false, false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_json v = number(CASES[i].text);
        int64_t value = 77;
        if (so_json_is_integer(&v) != CASES[i].is_integer || so_json_to_i64(&v, &value) != CASES[i].fits)
            fail_msg("%s", CASES[i].text);
        assert_int_equal(value, CASES[i].fits ? CASES[i].value : 77);
    }
    struct so_json text = so_json_make_str(SO_STR("1"));
    int64_t value;
    assert_false(so_json_is_integer(&text));
    assert_false(so_json_to_i64(&text, &value));
}

static void multiples_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool is_multiple;
    } CASES[] = {
        {"10", "5", true},
        {"10", "3", false},
        {"-10", "5", true},
        {"0", "7", true},
        {"0.0", "0.3", true},
        {"0.3", "0.1", true}, /* 2.9999999999999996 in doubles */
        {"4.35", "0.01", true},
        {"0.0075", "0.0001", true},
        {"0.00751", "0.0001", false},
        {"1.5", "1", false},
        {"1", "0.3", false},
        {"9", "0.3", true},
        {"1e308", "0.123456789", false}, /* JSON Schema's official suite */
        {"12391239123", "1e-8", true},
        {"1e400", "7", false},
        {"7e400", "7", true},
        {"1e999999999999999999999", "1024e-3", true}, /* enough twos and fives */
        {"3e999999999999999999999", "1.5e-999999999", true},
        {"1e999999999999999999999", "3", false},
        {"1e-999999999999999999999", "1", false},
        {"18446744073709551615", "5", true},
        {"18446744073709551616", "5", false},
        {"121932631112635269000000", "123456789000000000000", false},
        {"15241578753238836750495351562536198787501905199875019052100", "123456789012345678901234567890", true},
        {"15241578753238836750495351562536198787501905199875019052101", "123456789012345678901234567890", false},
        {"1e88", "340282366920938463463374607431768211456e-40", true}, /* ten to the 128th by two to the 128th */
        {"1e87", "340282366920938463463374607431768211456e-40", false},
        {"1e5000", "123456789012345678901234567890123", false},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_json a = number(CASES[i].a), b = number(CASES[i].b);
        if (so_json_number_is_multiple(&a, &b) != CASES[i].is_multiple)
            fail_msg("%s of %s", CASES[i].a, CASES[i].b);
    }
}

/* a = b * n for thousands of digits: built by writing b's digits twice, which is b * (10^n + 1). */
static void long_division_is_bounded(void **state)
{
    (void)state;
    static char once[SO_JSON_DIGITS_MAX + 2], twice[2 * SO_JSON_DIGITS_MAX + 2];
    static const size_t LENGTHS[] = {20, 1000, SO_JSON_DIGITS_MAX / 2};
    for (size_t i = 0; i < COUNT_OF(LENGTHS); i++) {
        size_t n = LENGTHS[i];
        for (size_t k = 0; k < n; k++)
            once[k] = (char)('1' + k * 7 % 9);
        once[n - 1] = '7';
        once[n] = '\0';
        memcpy(twice, once, n);
        memcpy(twice + n, once, n + 1);
        struct so_json a = number(twice), b = number(once);
        assert_true(so_json_number_is_multiple(&a, &b));
        twice[0]++;
        assert_false(so_json_number_is_multiple(&a, &b));
    }
    memset(once, '7', SO_JSON_DIGITS_MAX + 1);
    struct so_json too_long = number(once);
    assert_false(so_json_number_is_multiple(&too_long, &too_long));
}

static void doubles_are_the_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } CASES[] = {
        {"0", 0.0},
        {"1", 1.0},
        {"-1.5", -1.5},
        {"0.1", 0.1},
        {"1e22", 1e22},
        {"1e23", 1e23},
        {"123456789012345678", 123456789012345678.0},
        {"9007199254740993.0", 9007199254740992.0}, /* a tie: to even */
        {"9007199254740993.00000000000000000001", 9007199254740994.0},
        {"9007199254740992999e-3", 9007199254740992.0},
        {"1.7976931348623157e308", DBL_MAX},
        {"1.7976931348623159e308", INFINITY},
        {"-1e999", -INFINITY},
        {"1e99999999999999999999", INFINITY},
        {"1e-99999999999999999999", 0.0},
        {"5e-324", 5e-324},
        {"2e-324", 0.0},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
        {"2.2250738585072014e-308", DBL_MIN},
        {"0.000000000000000000000000000000000000001", 1e-39},
        {"1000000000000000000000000000000000000e-36", 1.0},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_json v = number(CASES[i].text);
        if (so_json_to_double(&v) != CASES[i].value)
            fail_msg("%s: %.17g", CASES[i].text, so_json_to_double(&v));
    }
    struct so_json minus_zero = number("-0");
    assert_true(signbit(so_json_to_double(&minus_zero)));
}

/* Halfway between two doubles, and one digit after a thousand zeros more: only exact reading tells them apart. */
static void a_digit_far_out_still_rounds(void **state)
{
    (void)state;
    char text[1200];
    int n = snprintf(text, sizeof(text), "9007199254740993.%0*d", 1000, 0);
    struct so_json v = number(text);
    assert_true(so_json_to_double(&v) == 9007199254740992.0);
    text[n] = '1';
    text[n + 1] = '\0';
    v = number(text);
    assert_true(so_json_to_double(&v) == 9007199254740994.0);
}

static unsigned next_random(unsigned below)
{
    static uint64_t state = 42;
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(state >> 33) % below;
}

/* A number near the places where ways of reading part: few or many digits, zeros at the ends, some exponents. */
static void make_number(char *out, size_t room)
{
    static const char *const WHOLE[] = {"0",
                                        "1",
                                        "90",
                                        "180",
                                        "9999",
                                        "10000",
                                        "99999",
                                        "32768",
                                        "999999999999999999",
                                        "1000000000000000000",
                                        "9223372036854775807"};
    static const char *const FRACTION[] = {
        "", "", ".0", ".1", ".10", ".5", ".000", ".0001", ".999999999999999999", ".0000000000000000001"};
    static const char *const EXPONENT[] = {"", "", "", "", "e0", "e5", "E-3", "e+18", "e-19"};
    snprintf(out, room, "%s%s%s%s", next_random(2) ? "-" : "", WHOLE[next_random(COUNT_OF(WHOLE))],
             FRACTION[next_random(COUNT_OF(FRACTION))], EXPONENT[next_random(COUNT_OF(EXPONENT))]);
}

static void the_short_way_agrees_with_the_long_one(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        char x[64], y[64];
        make_number(x, sizeof(x));
        make_number(y, sizeof(y));
        struct so_json a = number(x), b = number(y);
        if (so_json_number_cmp(&a, &b) != so_json_number_cmp_exactly(&a, &b))
            fail_msg("%s and %s", x, y);
    }
}

static void only_plain_numbers_have_a_noted_whole_part(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_noted;
        int whole;
    } CASES[] = {
        {"-0", true, 0},         {"-0.5", true, 0},       {"0.1e-3", false, 0},  {"1e5", false, 0},
        {"9999.99", true, 9999}, {"-180.25", true, -180}, {"10000.5", false, 0}, {"12345678901234567890", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_json v = number(CASES[i].text);
        if (so_json_has_whole(&v) != CASES[i].is_noted || (CASES[i].is_noted && v.whole != CASES[i].whole))
            fail_msg("%s", CASES[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_by_exact_value),
        cmocka_unit_test(whole_numbers_are_told_apart),
        cmocka_unit_test(multiples_are_exact),
        cmocka_unit_test(long_division_is_bounded),
        cmocka_unit_test(doubles_are_the_nearest),
        cmocka_unit_test(a_digit_far_out_still_rounds),
        cmocka_unit_test(the_short_way_agrees_with_the_long_one),
        cmocka_unit_test(only_plain_numbers_have_a_noted_whole_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
