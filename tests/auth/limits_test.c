/* limits_test.c: fixed windows per peer and group of endpoints. */
#include "fixture.h"

#include "auth/limits.h"

static void a_window_closes_and_opens_again(void **state)
{
    (void)state;
    struct so_auth_limits limits;
    struct so_err err = SO_ERR_INIT;
    must(so_auth_limits_init(&limits, true, &err), &err);
    const struct so_auth_limit_row *row = so_auth_limit_row(SO_AUTH_LIMIT_SIGNUP);
    for (unsigned i = 0; i < row->max; i++)
        assert_int_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_SIGNUP, SO_STR("192.0.2.1")), 0);
    assert_int_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_SIGNUP, SO_STR("192.0.2.1")), row->window);
    assert_int_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_SIGNUP, SO_STR("192.0.2.2")), 0); /* another peer */
    assert_int_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_TOKEN, SO_STR("192.0.2.1")), 0);  /* another group */
    pass_seconds(row->window - 1);
    assert_int_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_SIGNUP, SO_STR("192.0.2.1")), 1);
    pass_seconds(1);
    assert_int_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_SIGNUP, SO_STR("192.0.2.1")), 0);
    assert_int_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_NONE, SO_STR("192.0.2.1")), 0);
    so_auth_limits_deinit(&limits);
}

static void addresses_of_one_network_count_together(void **state)
{
    (void)state;
    struct so_auth_limits limits;
    struct so_err err = SO_ERR_INIT;
    must(so_auth_limits_init(&limits, true, &err), &err);
    for (unsigned i = 0; i < so_auth_limit_row(SO_AUTH_LIMIT_SIGNUP)->max; i++) {
        struct so_str peer = so_arena_printf(&arena, "2001:db8:1:2::%x", i);
        assert_int_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_SIGNUP, peer), 0);
    }
    assert_int_not_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_SIGNUP, SO_STR("2001:db8:1:2:ffff::1")), 0);
    assert_int_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_SIGNUP, SO_STR("2001:db8:1:3::1")), 0);
    so_auth_limits_deinit(&limits);
}

static void the_table_does_not_grow_and_forgets_the_oldest(void **state)
{
    (void)state;
    struct so_auth_limits limits;
    struct so_err err = SO_ERR_INIT;
    must(so_auth_limits_init(&limits, true, &err), &err);
    so_mem_fail_at(0);
    for (unsigned i = 0; i < 100000; i++) {
        char peer[32];
        snprintf(peer, sizeof(peer), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        assert_int_equal(so_auth_limits_take(&limits, SO_AUTH_LIMIT_SIGNUP, so_str_c(peer)), 0);
    }
    assert_false(so_mem_failed());
    so_mem_fail_at(-1);
    so_auth_limits_deinit(&limits);
}

static void too_many_requests_are_told_when_to_come_back(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    settings.rate_limits = true;
    so_auth_close(auth);
    open_auth(&settings);
    for (unsigned i = 0; i < so_auth_limit_row(SO_AUTH_LIMIT_SIGNUP)->max; i++)
        assert_int_equal(send("POST", "/signup", "{}").status, 200);
    pass_seconds(100);
    struct answer a = send("POST", "/signup", "{}");
    assert_answer(a, 429, "over_request_rate_limit");
    assert_string_equal(header(&a, "Retry-After"), "200");
    assert_int_equal(send("POST", "/signup", "{}", NULL, NULL, "192.0.2.7").status, 200);
    pass_seconds(200);
    /* Anonymous sign-ups have a longer window of their own. */
    a = send("POST", "/signup", "{}");
    assert_answer(a, 429, "over_request_rate_limit");
    assert_string_equal(header(&a, "Retry-After"), "3300");
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(a_window_closes_and_opens_again),
        WITH_SERVICE(addresses_of_one_network_count_together),
        WITH_SERVICE(the_table_does_not_grow_and_forgets_the_oldest),
        WITH_SERVICE(too_many_requests_are_told_when_to_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
