/* audit_test.c: every event leaves a line, which an administrator can find, for as long as it is kept. */
#include "fixture.h"

/* Whether the log's line at `index` is this one, newest first. */
static void assert_entry(const struct answer *log, unsigned index, const char *action, const char *type, const char *author)
{
    char at_action[64], at_type[64], at_author[64];
    snprintf(at_action, sizeof(at_action), "/%u/payload/action", index);
    snprintf(at_type, sizeof(at_type), "/%u/payload/log_type", index);
    snprintf(at_author, sizeof(at_author), "/%u/payload/actor_username", index);
    assert_string_equal(text(log, at_action), action);
    assert_string_equal(text(log, at_type), type);
    assert_string_equal(text(log, at_author), author);
}

static struct answer read_log(const char *query)
{
    struct answer a = send("GET", so_arena_printf(&arena, "/admin/audit%s", query).p, NULL, SERVICE_KEY);
    assert_answer(a, 200, "");
    return a;
}

static void events_are_written_with_who_and_where(void **state)
{
    (void)state;
    struct answer me = sign_up("ada@example.com", "secret-1");
    assert_answer(sign_in("ada@example.com", "wrong"), 400, "invalid_credentials");
    assert_answer(sign_in("nobody@example.com", "wrong"), 400, "invalid_credentials");
    send("POST", "/factors", "{\"factor_type\":\"totp\"}", NULL, text(&me, "/access_token"));
    send("POST", "/logout", NULL, NULL, text(&me, "/access_token"));
    send("POST", "/admin/users", "{\"email\":\"bob@example.com\"}", SERVICE_KEY);
    struct answer log = read_log("");
    static const char *const WANT[][3] = {
        {"user_created", "team", "service_role"},
        {"logout", "account", "ada@example.com"},
        {"factor_in_progress", "factor", "ada@example.com"},
        {"login_failed", "account", "service_role"},
        {"login_failed", "account", "ada@example.com"},
        {"login", "account", "ada@example.com"},
        {"user_signedup", "team", "ada@example.com"},
    };
    assert_int_equal(log.json.len, COUNT_OF(WANT));
    for (unsigned i = 0; i < COUNT_OF(WANT); i++)
        if (i != 3) /* of nobody */
            assert_entry(&log, i, WANT[i][0], WANT[i][1], WANT[i][2]);
    assert_null(at(&log, "/3/payload/user_id"));
    assert_string_equal(text(&log, "/0/ip_address"), "192.0.2.1");
    assert_string_equal(text(&log, "/5/payload/user_agent"), "test");
    assert_string_equal(text(&log, "/2/payload/traits/factor_type"), "totp");
    assert_string_equal(text(&log, "/1/payload/actor_id"), text(&me, "/user/id"));
    assert_string_equal(text(&log, "/0/created_at"), "2027-01-15T08:00:00.000000Z");
    assert_string_equal(header(&log, "X-Total-Count"), "7");
}

static void the_log_is_searched_and_paged(void **state)
{
    (void)state;
    sign_up("ada@example.com", "secret-1");
    sign_up("a_b@example.com", "secret-1");
    static const struct {
        const char *query;
        size_t count;
    } ROWS[] = {
        {"?query=author:ADA", 2},         {"?query=author:a_b", 2},   {"?query=author:a%25b", 0}, {"?query=action:login", 2},
        {"?query=action:signed", 2},      {"?query=type:account", 2}, {"?query=type:factor", 0},  {"?query=type:nothing", 0},
        {"?query=author:example.com", 4}, {"?per_page=3", 3},         {"?per_page=3&page=2", 1},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct answer a = read_log(ROWS[i].query);
        if (a.json.len != ROWS[i].count)
            fail_msg("%s: %u lines", ROWS[i].query, a.json.len);
    }
    struct answer page = read_log("?per_page=3");
    assert_string_equal(header(&page, "Link"), "</admin/audit?page=2&per_page=3>; rel=\"next\", "
                                               "</admin/audit?page=2&per_page=3>; rel=\"last\"");
    assert_answer(send("GET", "/admin/audit?query=password:x", NULL, SERVICE_KEY), 400, "validation_failed");
    assert_answer(send("GET", "/admin/audit?query=x", NULL, SERVICE_KEY), 400, "validation_failed");
    assert_answer(send("GET", "/admin/audit?page=0", NULL, SERVICE_KEY), 400, "validation_failed");
    assert_answer(send("GET", "/admin/audit"), 401, "no_authorization");
}

static void old_lines_go_as_new_ones_come(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    settings.audit_days = 30;
    so_auth_close(auth);
    auth = NULL;
    open_auth(&settings);
    sign_up("ada@example.com", "secret-1");
    for (int i = 0; i < 4; i++)
        assert_answer(sign_in("ada@example.com", "secret-1"), 200, "");
    pass_seconds(31LL * 86400);
    for (int i = 0; i < 3; i++)
        assert_answer(sign_in("ada@example.com", "secret-1"), 200, "");
    struct answer log = read_log("");
    assert_int_equal(log.json.len, 3);
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(events_are_written_with_who_and_where),
        WITH_SERVICE(the_log_is_searched_and_paged),
        WITH_SERVICE(old_lines_go_as_new_ones_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
