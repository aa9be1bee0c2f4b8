/* text_test.c: times, addresses, ids, durations and query parameters. */
#include "../testing.h"

#include "auth/text.h"

static struct so_arena arena;

static void times_are_written_in_full(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *want;
    } ROWS[] = {
        {0, "1970-01-01T00:00:00.000000+00:00"},
        {-5, "1970-01-01T00:00:00.000000+00:00"},
        {951782399999999, "2000-02-28T23:59:59.999999+00:00"},
        {951782400000000, "2000-02-29T00:00:00.000000+00:00"},
        {951868800000001, "2000-03-01T00:00:00.000001+00:00"},
        {1735689599000000, "2024-12-31T23:59:59.000000+00:00"},
        {4107542400000000, "2100-03-01T00:00:00.000000+00:00"},
        {253402300799999999, "9999-12-31T23:59:59.999999+00:00"},
        {INT64_MAX, "9999-12-31T23:59:59.999999+00:00"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char text[SO_AUTH_TIME_SIZE];
        so_auth_time(ROWS[i].us, text);
        assert_string_equal(text, ROWS[i].want);
    }
}

#define TEN "0123456789"
#define A60 TEN TEN TEN TEN TEN TEN

static void addresses_are_checked_and_lowered(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* NULL: refused */
    } ROWS[] = {
        {"ada@example.com", "ada@example.com"},
        {"Ada.Lovelace+x@EXAMPLE.co.uk", "ada.lovelace+x@example.co.uk"},
        {"o'hara@example.com", "o'hara@example.com"},
        {"a@localhost", "a@localhost"},
        {"", NULL},
        {"@", NULL},
        {"ada", NULL},
        {"ada@", NULL},
        {"@example.com", NULL},
        {"a b@example.com", NULL},
        {" a@example.com", NULL},
        {"a@example.com ", NULL},
        {"a@b@c", NULL},
        {"a@-b.com", NULL},
        {"a@b-.com", NULL},
        {"a@b..com", NULL},
        {"a@b.com.", NULL},
        {"a@b_c.com", NULL},
        {"a@\xC3\xA4.com", NULL},
        {"\xC3\xA4@a.com", NULL},
        {"a\r\nBcc: x@example.com", NULL},
        {"a,b@example.com", NULL},
        {"<a@example.com>", NULL},
        {"a@" A60 "0123.com", NULL},                                            /* a label of 64 */
        {A60 A60 A60 A60 "abc@example.com", A60 A60 A60 A60 "abc@example.com"}, /* 255 bytes */
        {A60 A60 A60 A60 "abcd@example.com", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct so_str got;
        bool good = so_auth_email(so_str_c(ROWS[i].text), &arena, &got);
        if (good != (ROWS[i].want != NULL) || (good && !so_str_eq_c(got, ROWS[i].want)))
            fail_msg("%s", ROWS[i].text);
    }
    struct so_str got;
    assert_false(so_auth_email(so_str("a\0b@example.com", 15), &arena, &got));
}

static void phone_numbers_lose_their_plus(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } ROWS[] = {{"+4915112345", "4915112345"},
                {"4915112345", "4915112345"},
                {"12", "12"},
                {"123456789012345", "123456789012345"},
                {"1234567890123456", NULL},
                {"0151", NULL},
                {"1", NULL},
                {"+", NULL},
                {"", NULL},
                {"+49 151", NULL},
                {"++49", NULL}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct so_str got;
        bool good = so_auth_phone(so_str_c(ROWS[i].text), &got);
        if (good != (ROWS[i].want != NULL) || (good && !so_str_eq_c(got, ROWS[i].want)))
            fail_msg("%s", ROWS[i].text);
    }
}

static void ids_have_one_form(void **state)
{
    (void)state;
    uint8_t id[16];
    assert_true(so_auth_uuid(SO_STR("00112233-4455-6677-8899-aaBBccDDeeFF"), id));
    assert_memory_equal(id, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF", 16);
    static const char *const BAD[] = {"",
                                      "00112233-4455-6677-8899-aabbccddeef",
                                      "00112233-4455-6677-8899-aabbccddeeffa",
                                      "00112233a4455-6677-8899-aabbccddeeff",
                                      "00112233-4455-6677-8899-aabbccddeefg",
                                      "{0112233-4455-6677-8899-aabbccddeef}",
                                      "0011-2233445566778899-aabbccddeeff--"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++)
        if (so_auth_uuid(so_str_c(BAD[i]), id))
            fail_msg("%s", BAD[i]);
}

static void durations_add_up(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
    } ROWS[] = {{"24h", 86400000000},
                {"1h30m", 5400000000},
                {"90s", 90000000},
                {"500ms", 500000},
                {"0s", 0},
                {"1m1ms", 60001000},
                {"", -1},
                {"24", -1},
                {"h", -1},
                {"1d", -1},
                {"-1h", -1},
                {"1h ", -1},
                {"1.5h", -1},
                {"8784000h", 31622400000000000},
                {"8784001h", -1},
                {"99999999999999999999h", -1},
                {"8784000h1s", -1}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        int64_t got = -1;
        bool good = so_auth_duration(so_str_c(ROWS[i].text), &got);
        if (good != (ROWS[i].want >= 0) || (good && got != ROWS[i].want))
            fail_msg("%s: %lld", ROWS[i].text, (long long)got);
    }
}

static void query_parameters_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *query, *want; /* NULL: none */
    } ROWS[] = {{"a=1", "1"},     {"b=2&a=1&a=3", "1"},   {"a=", ""},     {"a", ""},     {"b=1", NULL},  {"", NULL},
                {"aa=1", NULL},   {"a=x%20y+z", "x y z"}, {"a=%2B", "+"}, {"a=%", NULL}, {"a=%2", NULL}, {"a=%zz", NULL},
                {"a=b=c", "b=c"}, {"&&a=1", "1"}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct so_str got = so_auth_query(so_str_c(ROWS[i].query), "a", &arena);
        if ((got.p != NULL) != (ROWS[i].want != NULL) || (got.p != NULL && !so_str_eq_c(got, ROWS[i].want)))
            fail_msg("%s", ROWS[i].query);
    }
    assert_null(so_auth_query(so_str(NULL, 0), "a", &arena).p);
}

static int set_up(void **state)
{
    (void)state;
    so_arena_init(&arena, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    so_arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_in_full),
        cmocka_unit_test(addresses_are_checked_and_lowered),
        cmocka_unit_test(phone_numbers_lose_their_plus),
        cmocka_unit_test(ids_have_one_form),
        cmocka_unit_test(durations_add_up),
        cmocka_unit_test(query_parameters_are_decoded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
