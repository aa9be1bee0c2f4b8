/* totp_test.c: the vectors of RFC 6238 appendix B (their last six digits), skew, and that no code passes twice. */
#include "../testing.h"

#include "auth/totp.h"

#define SECRET "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" /* "12345678901234567890" */

static void codes_are_those_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        int64_t time;
        const char *code;
    } VECTORS[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
                   {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
    for (size_t i = 0; i < COUNT_OF(VECTORS); i++) {
        char code[7];
        assert_true(so_totp_code(SO_STR(SECRET), VECTORS[i].time / 30, code));
        assert_string_equal(code, VECTORS[i].code);
        assert_int_equal(so_totp_find_step(SO_STR(SECRET), so_str_c(VECTORS[i].code), VECTORS[i].time, -1),
                         VECTORS[i].time / 30);
    }
}

static void a_clock_may_be_one_step_off(void **state)
{
    (void)state;
    const int64_t step = 1234567890 / 30;
    for (int64_t off = -3; off <= 3; off++) {
        int64_t found = so_totp_find_step(SO_STR(SECRET), SO_STR("005924"), (step + off) * 30, -1);
        assert_int_equal(found, off >= -1 && off <= 1 ? step : -1);
    }
}

static void a_code_is_good_once_and_older_ones_with_it(void **state)
{
    (void)state;
    const int64_t step = 1234567890 / 30, now = step * 30;
    assert_int_equal(so_totp_find_step(SO_STR(SECRET), SO_STR("005924"), now, step - 1), step);
    assert_int_equal(so_totp_find_step(SO_STR(SECRET), SO_STR("005924"), now, step), -1);
    assert_int_equal(so_totp_find_step(SO_STR(SECRET), SO_STR("005924"), now, step + 1), -1);
}

static void what_is_no_code_or_no_secret_fits_nothing(void **state)
{
    (void)state;
    static const char *const CODES[] = {"", "5924", "0005924", "00592", "005924 ", "abcdef"};
    char code[7];
    for (size_t i = 0; i < COUNT_OF(CODES); i++)
        assert_int_equal(so_totp_find_step(SO_STR(SECRET), so_str_c(CODES[i]), 1234567890, -1), -1);
    assert_false(so_totp_code(SO_STR(""), 1, code));
    assert_false(so_totp_code(SO_STR("not base32!"), 1, code));
    assert_false(so_totp_code(so_str("AB\0CDEFGH", 9), 1, code));
}

static void secrets_are_random_and_uris_name_issuer_and_account(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_str one, other;
    struct so_err err = SO_ERR_INIT;
    struct so_buf uri;
    so_arena_init(&arena, 1 << 16);
    assert_int_equal(so_totp_secret(&arena, &one, &err), SO_OK);
    assert_int_equal(so_totp_secret(&arena, &other, &err), SO_OK);
    assert_int_equal(one.n, 32);
    assert_false(so_str_eq(one, other));
    so_buf_init(&uri, 1024);
    so_totp_put_uri(SO_STR("ABC"), SO_STR("My shop:1"), SO_STR("a+b@example.com"), &uri);
    assert_str(so_buf_str(&uri),
               "otpauth://totp/My%20shop%3A1:a%2Bb%40example.com?algorithm=SHA1&digits=6&issuer=My%20shop%3A1"
               "&period=30&secret=ABC");
    so_buf_deinit(&uri);
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_of_the_rfc),
        cmocka_unit_test(a_clock_may_be_one_step_off),
        cmocka_unit_test(a_code_is_good_once_and_older_ones_with_it),
        cmocka_unit_test(what_is_no_code_or_no_secret_fits_nothing),
        cmocka_unit_test(secrets_are_random_and_uris_name_issuer_and_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
