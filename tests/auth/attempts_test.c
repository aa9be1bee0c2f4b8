/* attempts_test.c: guessing has an end, for known and unknown addresses alike, and the owner is not locked out by it. */
#include "fixture.h"

#include "auth/attempts.h"
#include "auth/totp.h"

static const char *printed(const char *format, ...) SO_PRINTF(1, 2);
static const char *printed(const char *format, ...)
{
    char out[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(out, sizeof(out), format, args);
    va_end(args);
    return so_arena_dup(&arena, so_str_c(out)).p;
}

static int set_up_limited(void **state)
{
    struct so_auth_settings settings;
    set_up(state);
    so_auth_close(auth);
    auth = NULL;
    settings = default_settings();
    settings.rate_limits = true;
    open_auth(&settings);
    return 0;
}

static struct answer try_from(const char *peer, const char *email, const char *password)
{
    return send("POST", "/token?grant_type=password", printed("{\"email\":\"%s\",\"password\":\"%s\"}", email, password),
                NULL, NULL, peer);
}

/* Many tries from many networks: the limit per peer is another one. */
static const char *network(int n) { return printed("198.51.%d.%d", 100 + n / 200, n % 200); }

static void ten_wrong_passwords_close_the_door_for_five_minutes(void **state)
{
    (void)state;
    static const char *const ADDRESSES[] = {"ada@example.com", "nobody@example.com", "no address"};
    sign_up("ada@example.com", "secret-1");
    for (size_t i = 0; i < COUNT_OF(ADDRESSES); i++) {
        for (int n = 0; n < 10; n++)
            assert_answer(try_from("203.0.113.1", ADDRESSES[i], "wrong"), 400, "invalid_credentials");
        struct answer a = try_from("203.0.113.1", ADDRESSES[i], "secret-1");
        assert_answer(a, 429, "over_request_rate_limit");
        assert_string_equal(header(&a, "Retry-After"), "300");
    }
    assert_answer(try_from("203.0.113.1", "ADA@example.com", "secret-1"), 429, "over_request_rate_limit");
    assert_answer(try_from("203.0.113.2", "ada@example.com", "secret-1"), 200, ""); /* another network */
    pass_seconds(299);
    assert_answer(try_from("203.0.113.1", "ada@example.com", "secret-1"), 429, "over_request_rate_limit");
    pass_seconds(1); /* the window ends, whatever was tried */
    assert_answer(try_from("203.0.113.1", "ada@example.com", "secret-1"), 200, "");
}

static void a_success_forgets_what_was_wrong_before(void **state)
{
    (void)state;
    sign_up("ada@example.com", "secret-1");
    for (int round = 0; round < 3; round++) {
        for (int n = 0; n < 9; n++)
            assert_answer(try_from("203.0.113.1", "ada@example.com", "wrong"), 400, "invalid_credentials");
        assert_answer(try_from("203.0.113.1", "ada@example.com", "secret-1"), 200, "");
    }
}

static void a_slow_guesser_meets_the_limit_of_a_day(void **state)
{
    (void)state;
    int made = 0;
    struct answer a = {0};
    sign_up("ada@example.com", "secret-1");
    for (int window = 0; window < 20; window++, pass_seconds(300))
        for (int n = 0; n < 10; n++) {
            a = try_from("203.0.113.1", "ada@example.com", "wrong");
            made += a.status == 400;
        }
    assert_int_equal(made, 50);
    assert_true(atoi(header(&a, "Retry-After")) > 20000);
}

static void one_ipv6_customer_is_one_network(void **state)
{
    (void)state;
    sign_up("ada@example.com", "secret-1");
    for (int n = 0; n < 10; n++)
        assert_answer(try_from(printed("2001:db8:1:2::%d", n + 1), "ada@example.com", "wrong"), 400, "invalid_credentials");
    assert_answer(try_from("2001:db8:1:2:ffff::1", "ada@example.com", "secret-1"), 429, "over_request_rate_limit");
    assert_answer(try_from("2001:db8:1:3::1", "ada@example.com", "secret-1"), 200, "");
}

static void strangers_from_everywhere_do_not_lock_the_owner_out(void **state)
{
    (void)state;
    int refused = 0;
    sign_up("ada@example.com", "secret-1"); /* from 192.0.2.1, the fixture's peer */
    for (int n = 0; n < 110; n++)
        refused += try_from(network(n), "ada@example.com", "wrong").status == 429;
    assert_int_equal(refused, 10);
    assert_answer(try_from("203.0.113.77", "ada@example.com", "secret-1"), 429, "over_request_rate_limit");
    assert_answer(try_from("192.0.2.1", "ada@example.com", "secret-1"), 200, ""); /* the owner, where the owner was before */
    pass_seconds(3600);
    assert_answer(try_from("203.0.113.77", "ada@example.com", "secret-1"), 200, "");
    /* An address that nobody has looks the same. */
    refused = 0;
    for (int n = 0; n < 110; n++)
        refused += try_from(network(n), "nobody@example.com", "wrong").status == 429;
    assert_int_equal(refused, 10);
}

static void counts_are_shared_through_the_database(void **state)
{
    (void)state;
    struct so_auth *first = auth, *second;
    struct so_auth_settings settings = default_settings();
    settings.rate_limits = true;
    sign_up("ada@example.com", "secret-1");
    open_auth(&settings);
    second = auth;
    for (int n = 0; n < 10; n++) {
        auth = n % 2 == 0 ? first : second;
        assert_answer(try_from("203.0.113.1", "ada@example.com", "wrong"), 400, "invalid_credentials");
    }
    auth = first;
    assert_answer(try_from("203.0.113.1", "ada@example.com", "secret-1"), 429, "over_request_rate_limit");
    so_auth_close(second);
}

/* ---- second factors ---- */

static const char *token_of(const struct answer *a) { return text(a, "/access_token"); }

static struct answer verify(const char *token, const char *factor, const char *code, const char *peer)
{
    struct answer c = send("POST", printed("/factors/%s/challenge", factor), "{}", NULL, token, peer);
    return send("POST", printed("/factors/%s/verify", factor),
                printed("{\"challenge_id\":\"%s\",\"code\":\"%s\"}", text(&c, "/id"), code), NULL, token, peer);
}

static void fifteen_wrong_codes_close_the_door_for_five_minutes(void **state)
{
    (void)state;
    char code[7];
    struct answer me = sign_up("ada@example.com", "secret-1");
    struct answer factor = send("POST", "/factors", "{\"factor_type\":\"totp\"}", NULL, token_of(&me));
    const char *id = text(&factor, "/id");
    for (int n = 0; n < 15; n++) {
        assert_answer(verify(token_of(&me), id, "wrong!", "192.0.2.1"), 422, "mfa_verification_failed");
    }
    assert_true(so_totp_code(so_str_c(text(&factor, "/totp/secret")), so_clock_now() / 30, code));
    assert_int_equal(verify(token_of(&me), id, code, "192.0.2.1").status, 429);
    struct answer in = sign_in("ada@example.com", "secret-1"); /* another session changes nothing */
    assert_int_equal(verify(token_of(&in), id, code, "192.0.2.1").status, 429);
    pass_seconds(300);
    in = sign_in("ada@example.com", "secret-1");
    assert_true(so_totp_code(so_str_c(text(&factor, "/totp/secret")), so_clock_now() / 30, code));
    assert_answer(verify(token_of(&in), id, code, "192.0.2.1"), 200, "");
}

static void recovery_codes_are_locked_after_five(void **state)
{
    (void)state;
    char code[7];
    struct answer me = sign_up("ada@example.com", "secret-1");
    struct answer factor = send("POST", "/factors", "{\"factor_type\":\"totp\"}", NULL, token_of(&me));
    assert_true(so_totp_code(so_str_c(text(&factor, "/totp/secret")), so_clock_now() / 30, code));
    struct answer lifted = verify(token_of(&me), text(&factor, "/id"), code, "192.0.2.1");
    struct answer made = send("POST", "/factors/recovery-codes", "", NULL, token_of(&lifted));
    assert_answer(made, 200, "");
    for (int n = 0; n < 5; n++)
        assert_answer(send("POST", "/factors/recovery-codes/verify", "{\"code\":\"wrong\"}", NULL, token_of(&lifted)), 422,
                      "mfa_verification_failed");
    const char *right = printed("{\"code\":\"%s\"}", text(&made, "/codes/0"));
    struct answer locked = send("POST", "/factors/recovery-codes/verify", right, NULL, token_of(&lifted));
    assert_answer(locked, 429, "mfa_recovery_codes_locked");
    assert_string_equal(header(&locked, "Retry-After"), "900");
    struct answer others = send("POST", "/factors/recovery-codes/regenerate", "", NULL, token_of(&lifted));
    assert_answer(others, 200, "");
    right = printed("{\"code\":\"%s\"}", text(&others, "/codes/0"));
    assert_answer(send("POST", "/factors/recovery-codes/verify", right, NULL, token_of(&lifted)), 200, "");
}

/* What docs/auth.md says. */
static void every_kind_has_a_short_and_a_long_window(void **state)
{
    (void)state;
    unsigned windows[3] = {0};
    for (size_t i = 0; so_attempt_row(i) != NULL; i++)
        windows[so_attempt_row(i)->kind] += so_attempt_row(i)->by_network;
    for (size_t i = 0; i < COUNT_OF(windows); i++)
        assert_int_equal(windows[i], 2);
}

#define WITH_LIMITS(test) cmocka_unit_test_setup_teardown(test, set_up_limited, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LIMITS(ten_wrong_passwords_close_the_door_for_five_minutes),
        WITH_LIMITS(a_success_forgets_what_was_wrong_before),
        WITH_LIMITS(a_slow_guesser_meets_the_limit_of_a_day),
        WITH_LIMITS(one_ipv6_customer_is_one_network),
        WITH_LIMITS(strangers_from_everywhere_do_not_lock_the_owner_out),
        WITH_LIMITS(counts_are_shared_through_the_database),
        WITH_LIMITS(fifteen_wrong_codes_close_the_door_for_five_minutes),
        WITH_LIMITS(recovery_codes_are_locked_after_five),
        cmocka_unit_test(every_kind_has_a_short_and_a_long_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
