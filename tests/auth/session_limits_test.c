/* session_limits_test.c: sessions end by age and by rest, are listed, and are ended one by one; other processes hear of it.
 */
#include "fixture.h"

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

static const char *token_of(const struct answer *a) { return text(a, "/access_token"); }

static const char *session_of(const struct answer *a)
{
    struct so_json claims = claims_of(token_of(a));
    return so_arena_dup(&arena, so_json_get_str(&claims, SO_STR("session_id"))).p;
}

static bool is_welcome(const char *token)
{
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    return identify(ANON_KEY, printed("Bearer %s", token), &who, &err) == SO_OK;
}

static void reopen(const struct so_auth_settings *settings)
{
    so_auth_close(auth);
    auth = NULL;
    open_auth(settings);
}

/* ---- limits ---- */

static void a_session_ends_with_its_lifetime_and_its_tokens_with_it(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    settings.session_limits.lifetime = 5000;
    reopen(&settings);
    struct answer a = sign_up("ada@example.com", "secret-1");
    assert_int_equal(at(&a, "/expires_in")->u.i, 3600);
    pass_seconds(3000);
    a = refresh(text(&a, "/refresh_token"));
    assert_answer(a, 200, "");
    assert_int_equal(at(&a, "/expires_in")->u.i, 2000); /* not beyond the session */
    assert_int_equal(at(&a, "/expires_at")->u.i, START + 5000);
    pass_seconds(1999);
    assert_true(is_welcome(token_of(&a)));
    assert_answer(who_am_i(token_of(&a)), 200, "");
    pass_seconds(1);
    assert_false(is_welcome(token_of(&a)));
    struct answer over = refresh(text(&a, "/refresh_token"));
    assert_answer(over, 400, "session_expired");
    assert_string_equal(text(&over, "/message"), "Invalid Refresh Token: Session Expired");
    assert_answer(sign_in("ada@example.com", "secret-1"), 200, "");
}

static void a_session_ends_when_nobody_refreshes_it(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    settings.session_limits.inactivity = 600;
    reopen(&settings);
    struct answer a = sign_up("ada@example.com", "secret-1");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(at(&a, "/expires_in")->u.i, 600);
        pass_seconds(599);
        a = refresh(text(&a, "/refresh_token"));
        assert_answer(a, 200, "");
    }
    pass_seconds(600);
    struct answer over = refresh(text(&a, "/refresh_token"));
    assert_answer(over, 400, "session_expired");
    assert_string_equal(text(&over, "/message"), "Invalid Refresh Token: Session Expired (Inactivity)");
}

static void a_limit_set_later_holds_for_sessions_of_before(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    struct so_auth_settings settings = default_settings();
    settings.session_limits.lifetime = 60;
    pass_seconds(61);
    reopen(&settings);
    assert_answer(who_am_i(token_of(&a)), 403, "session_expired");
    assert_answer(refresh(text(&a, "/refresh_token")), 400, "session_expired");
}

static void whoever_has_a_factor_must_use_it_in_time(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    char code[7];
    settings.session_limits.low_aal = 120;
    reopen(&settings);
    struct answer plain = sign_up("bob@example.com", "secret-1"), me = sign_up("ada@example.com", "secret-1");
    struct answer factor = send("POST", "/factors", "{\"factor_type\":\"totp\"}", NULL, token_of(&me));
    const char *path = printed("/factors/%s", text(&factor, "/id"));
    struct answer c = send("POST", printed("%s/challenge", path), "", NULL, token_of(&me));
    assert_true(so_totp_code(so_str_c(text(&factor, "/totp/secret")), so_clock_now() / 30, code));
    struct answer lifted =
        send("POST", printed("%s/verify", path), printed("{\"challenge_id\":\"%s\",\"code\":\"%s\"}", text(&c, "/id"), code),
             NULL, token_of(&me));
    assert_answer(lifted, 200, "");
    struct answer weak = sign_in("ada@example.com", "secret-1");
    pass_seconds(119);
    weak = refresh(text(&weak, "/refresh_token"));
    assert_answer(weak, 200, "");
    pass_seconds(1);
    assert_answer(refresh(text(&weak, "/refresh_token")), 400, "session_expired");
    assert_answer(refresh(text(&lifted, "/refresh_token")), 200, "");
    assert_answer(refresh(text(&plain, "/refresh_token")), 200, "");
}

static void with_one_session_a_user_the_newest_stays(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    settings.single_session = true;
    reopen(&settings);
    struct answer bob = sign_up("bob@example.com", "secret-1");
    struct answer first = sign_up("ada@example.com", "secret-1"), second = sign_in("ada@example.com", "secret-1");
    assert_false(is_welcome(token_of(&first)));
    assert_answer(refresh(text(&first, "/refresh_token")), 400, "session_expired");
    assert_answer(who_am_i(token_of(&first)), 403, "session_expired");
    assert_true(is_welcome(token_of(&second)));
    assert_true(is_welcome(token_of(&bob)));
}

static int count_rows(const char *table)
{
    struct so_conn *conn;
    struct so_stmt *st;
    struct so_err err = SO_ERR_INIT;
    bool row;
    must(so_db_reader_take(db, &conn, &err), &err);
    must(so_conn_prepare(conn, so_str_c(printed("SELECT count(*) FROM %s", table)), &st, &err), &err);
    must(so_stmt_step(st, &row, &err), &err);
    int count = (int)so_stmt_i64(st, 0);
    so_stmt_done(st);
    so_db_reader_give(db, conn);
    return count;
}

static void what_ended_long_ago_is_forgotten_at_the_next_sign_in(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    settings.session_limits.inactivity = 600;
    reopen(&settings);
    sign_up("ada@example.com", "secret-1");
    sign_in("ada@example.com", "secret-1");
    sign_up("bob@example.com", "secret-1");
    pass_seconds(86400);
    sign_in("ada@example.com", "secret-1");
    assert_int_equal(count_rows("auth_sessions"), 4); /* they can still say why */
    pass_seconds(601);
    sign_in("ada@example.com", "secret-1");
    assert_int_equal(count_rows("auth_sessions"), 3); /* bob's is bob's affair */
    assert_int_equal(count_rows("auth_refresh_tokens"), 3);
}

/* ---- list ---- */

static void sessions_are_listed_newest_first(void **state)
{
    (void)state;
    struct answer first = sign_up("ada@example.com", "secret-1");
    sign_up("bob@example.com", "secret-1");
    pass_seconds(60);
    struct answer second = sign_in("ada@example.com", "secret-1");
    pass_seconds(60);
    first = refresh(text(&first, "/refresh_token"));
    struct answer list = send("GET", "/user/sessions", NULL, NULL, token_of(&first));
    assert_answer(list, 200, "");
    assert_int_equal(at(&list, "/sessions")->len, 2);
    assert_string_equal(text(&list, "/sessions/0/id"), session_of(&second));
    assert_string_equal(text(&list, "/sessions/1/id"), session_of(&first));
    assert_int_equal(at(&list, "/sessions/0/current")->type, SO_JSON_FALSE);
    assert_int_equal(at(&list, "/sessions/1/current")->type, SO_JSON_TRUE);
    assert_string_equal(text(&list, "/sessions/1/created_at"), "2027-01-15T08:00:00.000000Z");
    assert_string_equal(text(&list, "/sessions/1/refreshed_at"), "2027-01-15T08:02:00.000000Z");
    assert_string_equal(text(&list, "/sessions/1/user_agent"), "test");
    assert_string_equal(text(&list, "/sessions/1/ip"), "192.0.2.1");
    assert_string_equal(text(&list, "/sessions/1/aal"), "aal1");
    assert_string_equal(text(&list, "/sessions/1/amr/0/method"), "password");
    assert_null(at(&list, "/sessions/1/expires_at"));

    const char *user = text(&first, "/user/id");
    struct answer all = send("GET", printed("/admin/users/%s/sessions", user), NULL, SERVICE_KEY);
    assert_int_equal(at(&all, "/sessions")->len, 2);
    assert_answer(send("GET", "/admin/users/00000000-0000-4000-8000-000000000000/sessions", NULL, SERVICE_KEY), 404,
                  "user_not_found");
}

static void one_session_can_be_ended(void **state)
{
    (void)state;
    struct answer mine = sign_up("ada@example.com", "secret-1"), lost = sign_in("ada@example.com", "secret-1");
    struct answer bob = sign_up("bob@example.com", "secret-1");
    const char *of_lost = printed("/user/sessions/%s", session_of(&lost));
    assert_answer(send("DELETE", of_lost, NULL, NULL, token_of(&bob)), 404, "session_not_found");
    assert_true(is_welcome(token_of(&lost)));
    assert_answer(send("DELETE", of_lost, NULL, NULL, token_of(&mine)), 200, "");
    assert_false(is_welcome(token_of(&lost)));
    assert_answer(refresh(text(&lost, "/refresh_token")), 400, "refresh_token_not_found");
    assert_answer(send("DELETE", of_lost, NULL, NULL, token_of(&mine)), 404, "session_not_found");
    const char *of_mine = printed("/admin/users/%s/sessions/%s", text(&mine, "/user/id"), session_of(&mine));
    const char *of_other = printed("/admin/users/%s/sessions/%s", text(&bob, "/user/id"), session_of(&mine));
    assert_answer(send("DELETE", of_other, NULL, SERVICE_KEY), 404, "session_not_found");
    assert_answer(send("DELETE", of_mine, NULL, SERVICE_KEY), 200, "");
    assert_false(is_welcome(token_of(&mine)));
}

/* ---- a new password ---- */

static void an_old_session_must_reauthenticate_for_a_new_password(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    settings.password_reauthentication = true;
    settings.token_lifetime = 604800;
    reopen(&settings);
    struct answer a = sign_up("ada@example.com", "secret-1");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-2\"}", NULL, token_of(&a)), 200, "");
    pass_seconds(86401);
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-3\"}", NULL, token_of(&a)), 400, "reauthentication_needed");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-3\",\"nonce\":\"123456\"}", NULL, token_of(&a)), 422,
                  "reauthentication_not_valid");
    assert_answer(send("PUT", "/user", "{\"data\":{\"a\":1}}", NULL, token_of(&a)), 200, "");
    a = sign_in("ada@example.com", "secret-2");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-3\"}", NULL, token_of(&a)), 200, "");
}

static void the_current_password_can_be_demanded(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    settings.password_current_required = true;
    reopen(&settings);
    struct answer a = sign_up("ada@example.com", "secret-1");
    const char *token = token_of(&a);
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-2\"}", NULL, token), 400, "current_password_required");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-2\",\"current_password\":\"x\"}", NULL, token), 400,
                  "current_password_invalid");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-2\",\"current_password\":\"secret-1\"}", NULL, token), 200,
                  "");
}

/* ---- two processes ---- */

static struct so_auth *elsewhere; /* another service on the same database, as another process has it */

static void hear(struct so_auth *service)
{
    struct so_err err = SO_ERR_INIT;
    must(so_auth_look_at_revocations(service, &err), &err);
}

static void another_process_hears_of_what_was_ended_and_allowed(void **state)
{
    (void)state;
    struct so_auth *here = auth;
    struct so_auth_settings settings = default_settings();
    struct answer ada = sign_up("ada@example.com", "secret-1"), bob = sign_up("bob@example.com", "secret-1");
    open_auth(&settings);
    elsewhere = auth;
    assert_true(is_welcome(token_of(&ada)));

    auth = here;
    assert_int_equal(send("POST", "/logout", NULL, NULL, token_of(&ada)).status, 204);
    const char *of_bob = printed("/admin/users/%s", text(&bob, "/user/id"));
    assert_answer(send("PUT", of_bob, "{\"ban_duration\":\"1h\"}", SERVICE_KEY), 200, "");

    auth = elsewhere;
    assert_true(is_welcome(token_of(&ada)));
    hear(elsewhere);
    assert_false(is_welcome(token_of(&ada)));
    assert_false(is_welcome(token_of(&bob)));
    pass_seconds(5);
    assert_answer(send("PUT", of_bob, "{\"ban_duration\":\"none\"}", SERVICE_KEY), 200, "");
    assert_true(is_welcome(token_of(&bob)));

    auth = here;
    assert_false(is_welcome(token_of(&bob)));
    hear(here);
    assert_true(is_welcome(token_of(&bob)));
    assert_false(is_welcome(token_of(&ada)));
    hear(here); /* nothing new */
    assert_false(is_welcome(token_of(&ada)));
    so_auth_close(elsewhere);
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(a_session_ends_with_its_lifetime_and_its_tokens_with_it),
        WITH_SERVICE(a_session_ends_when_nobody_refreshes_it),
        WITH_SERVICE(a_limit_set_later_holds_for_sessions_of_before),
        WITH_SERVICE(whoever_has_a_factor_must_use_it_in_time),
        WITH_SERVICE(with_one_session_a_user_the_newest_stays),
        WITH_SERVICE(what_ended_long_ago_is_forgotten_at_the_next_sign_in),
        WITH_SERVICE(sessions_are_listed_newest_first),
        WITH_SERVICE(one_session_can_be_ended),
        WITH_SERVICE(an_old_session_must_reauthenticate_for_a_new_password),
        WITH_SERVICE(the_current_password_can_be_demanded),
        WITH_SERVICE(another_process_hears_of_what_was_ended_and_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
