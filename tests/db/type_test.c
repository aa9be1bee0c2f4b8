/* type_test.c: every spelling that clients use ends in the one stored form. */
#include "../testing.h"

#include "core/arena.h"
#include "core/mem.h"
#include "db/type.h"

static const struct {
    enum so_type type;
    const char *text, *want; /* want: the stored form, or the SQLSTATE of the failure */
} CASES[] = {
    {SO_TYPE_UUID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {SO_TYPE_UUID, "{a0eebc999c0b4ef8bb6d6bb9bd380a11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {SO_TYPE_UUID, "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {SO_TYPE_UUID, "a0eebc99--9c0b4ef8bb6d6bb9bd380a11", "22P02"},
    {SO_TYPE_UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "22P02"},
    {SO_TYPE_UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-", "22P02"},
    {SO_TYPE_UUID, "", "22P02"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01t00:00:00z", "2024-01-01T00:00:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "2024-02-29 23:30:00.5-01:30", "2024-03-01T01:00:00.500000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00+05:30", "2023-12-31T18:30:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00+0530", "2023-12-31T18:30:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00+05", "2023-12-31T19:00:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01 12:34", "2024-01-01T12:34:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, " 2024-01-01 ", "2024-01-01T00:00:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000+00:00"}, /* a leap second */
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T24:00:00Z", "2024-01-02T00:00:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00.123457+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "1999-12-31T23:59:59.9999996Z", "2000-01-01T00:00:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "1900-03-01T00:00:00Z", "1900-03-01T00:00:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000+00:00"},
    {SO_TYPE_TIMESTAMPTZ, "9999-12-31T23:59:59-01:00", "22008"},
    {SO_TYPE_TIMESTAMPTZ, "0001-01-01T00:00:00+01:00", "22008"},
    {SO_TYPE_TIMESTAMPTZ, "0000-01-01T00:00:00Z", "22008"},
    {SO_TYPE_TIMESTAMPTZ, "12024-01-01T00:00:00Z", "22008"},
    {SO_TYPE_TIMESTAMPTZ, "2023-02-29T00:00:00Z", "22008"},
    {SO_TYPE_TIMESTAMPTZ, "2024-13-01T00:00:00Z", "22008"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T25:00:00Z", "22008"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T24:00:01Z", "22008"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00+16:00", "22008"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00.Z", "22007"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00Zx", "22007"},
    {SO_TYPE_TIMESTAMPTZ, "2024-01-01T", "22007"},
    {SO_TYPE_TIMESTAMPTZ, "yesterday-ish", "22007"},
    {SO_TYPE_TIMESTAMPTZ, "", "22007"},
    {SO_TYPE_DATE, "2024-02-29", "2024-02-29"},
    {SO_TYPE_DATE, "2024-02-29T23:00:00-05:00", "2024-02-29"},
    {SO_TYPE_DATE, "2023-02-29", "22008"},
    {SO_TYPE_DATE, "29.02.2024", "22007"},
    {SO_TYPE_TIME, "12:30", "12:30:00.000000"},
    {SO_TYPE_TIME, "12:30:01.25Z", "12:30:01.250000"},
    {SO_TYPE_TIME, "23:59:60Z", "24:00:00.000000"},
    {SO_TYPE_TIME, "23:59:60.5Z", "22008"},
    {SO_TYPE_TIME, "25:00", "22008"},
    {SO_TYPE_TIME, "noon", "22007"},
    {SO_TYPE_DECIMAL, "1.50", "1.5"},
    {SO_TYPE_DECIMAL, "-0.0", "0"},
    {SO_TYPE_DECIMAL, "007", "7"},
    {SO_TYPE_DECIMAL, ".5", "0.5"},
    {SO_TYPE_DECIMAL, "5.", "5"},
    {SO_TYPE_DECIMAL, "+1e3", "1000"},
    {SO_TYPE_DECIMAL, "12.5e-3", "0.0125"},
    {SO_TYPE_DECIMAL, "-100", "-100"},
    {SO_TYPE_DECIMAL, "123456789012345678901234567890.000100", "123456789012345678901234567890.0001"},
    {SO_TYPE_DECIMAL, "1e1000000", "22003"},
    {SO_TYPE_DECIMAL, "1e", "22P02"},
    {SO_TYPE_DECIMAL, ".", "22P02"},
    {SO_TYPE_DECIMAL, "NaN", "22P02"},
    {SO_TYPE_DECIMAL, "", "22P02"},
    {SO_TYPE_BOOLEAN, "true", "1"},
    {SO_TYPE_BOOLEAN, " T ", "1"},
    {SO_TYPE_BOOLEAN, "off", "0"},
    {SO_TYPE_BOOLEAN, "o", "22P02"},
    {SO_TYPE_BOOLEAN, "truest", "22P02"},
    {SO_TYPE_BOOLEAN, "", "22P02"},
};

static void every_spelling_has_one_stored_form(void **state)
{
    (void)state;
    struct so_arena arena;
    so_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_err err = SO_ERR_INIT;
        struct so_str out;
        int rc = so_type_info(CASES[i].type)->normalise(so_str_c(CASES[i].text), &arena, &out, &err);
        struct so_str got = rc == SO_OK ? out : so_str_c(err.id);
        if (!so_str_eq_c(got, CASES[i].want) || (rc != SO_OK && rc != SO_EINVAL))
            fail_msg("%s \"%s\": %.*s", so_type_info(CASES[i].type)->name, CASES[i].text, SO_STR_ARG(got));
    }
    so_arena_deinit(&arena);
}

static void messages_are_those_of_postgres(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_str out;
    struct so_err err = SO_ERR_INIT;
    so_arena_init(&arena, 1 << 20);
    assert_int_equal(so_type_info(SO_TYPE_UUID)->normalise(SO_STR("x"), &arena, &out, &err), SO_EINVAL);
    assert_string_equal(err.message, "invalid input syntax for type uuid: \"x\"");
    so_arena_deinit(&arena);
}

static void text_order_is_time_order(void **state)
{
    static const char *const TIMES[] = {"0099-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.1Z",
                                        "2024-01-01T00:00:00-01:00"};
    (void)state;
    struct so_arena arena;
    struct so_str last = SO_STR(""), out = last;
    so_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(TIMES); i++, last = out) {
        assert_int_equal(so_type_info(SO_TYPE_TIMESTAMPTZ)->normalise(so_str_c(TIMES[i]), &arena, &out, NULL), SO_OK);
        assert_true(so_str_cmp(last, out) < 0);
    }
    so_arena_deinit(&arena);
}

static void declared_types_are_understood(void **state)
{
    static const struct {
        const char *declared;
        enum so_type type;
    } DECLARED[] = {
        {"varchar(20)", SO_TYPE_TEXT}, {"uuid text", SO_TYPE_UUID},
        {"BIGINT", SO_TYPE_INTEGER},   {"", SO_TYPE_TEXT},
        {"DATETIME", SO_TYPE_TEXT},    {"REAL", SO_TYPE_NUMERIC},
        {"boolean", SO_TYPE_BOOLEAN},  {"DECIMAL(10,2)", SO_TYPE_NUMERIC},
        {"longblob", SO_TYPE_BLOB},    {"JSON", SO_TYPE_JSON},
        {"DATE", SO_TYPE_DATE},        {"DECIMAL TEXT", SO_TYPE_DECIMAL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(DECLARED); i++)
        if (so_type_from_sqlite(so_str_c(DECLARED[i].declared)) != DECLARED[i].type)
            fail_msg("%s", DECLARED[i].declared);
    for (int t = 0; t < SO_TYPE_COUNT; t++) /* what we declare, we find again */
        assert_int_equal(so_type_from_sqlite(so_str_c(so_type_info((enum so_type)t)->sqlite_decl)), t);
    enum so_type type;
    assert_true(so_type_find(SO_STR("TimestampTZ"), &type));
    assert_int_equal(type, SO_TYPE_TIMESTAMPTZ);
    assert_true(so_type_find(SO_STR("double precision"), &type));
    assert_false(so_type_find(SO_STR("money"), &type));
}

static void no_allocation_failure_harms(void **state)
{
    (void)state;
    for (int t = 0; t < SO_TYPE_COUNT; t++) {
        static const char *const GOOD[SO_TYPE_COUNT] = {[SO_TYPE_UUID] = "a0eebc999c0b4ef8bb6d6bb9bd380a11",
                                                        [SO_TYPE_TIMESTAMPTZ] = "2024-01-01",
                                                        [SO_TYPE_DATE] = "2024-01-01",
                                                        [SO_TYPE_TIME] = "12:00",
                                                        [SO_TYPE_DECIMAL] = "1.50"};
        if (GOOD[t] == NULL)
            continue;
        struct so_arena arena;
        struct so_str out = {NULL, 0};
        struct so_err err = SO_ERR_INIT;
        so_arena_init(&arena, 1 << 20);
        so_mem_fail_at(0);
        int rc = so_type_info((enum so_type)t)->normalise(so_str_c(GOOD[t]), &arena, &out, &err);
        so_mem_fail_at(-1);
        assert_int_equal(rc, SO_ENOMEM);
        assert_null(out.p);
        so_arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_has_one_stored_form), cmocka_unit_test(messages_are_those_of_postgres),
        cmocka_unit_test(text_order_is_time_order),           cmocka_unit_test(declared_types_are_understood),
        cmocka_unit_test(no_allocation_failure_harms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
