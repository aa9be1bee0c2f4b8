/* sessions_test.c: refresh tokens rotate, forgive retries, and end their family when somebody else uses them; sign-out is
 * effective at once. */
#include "fixture.h"

#include <pthread.h>

static const char *session_of(const struct answer *answer)
{
    struct so_json claims = claims_of(text(answer, "/access_token"));
    return so_arena_dup(&arena, so_json_get_str(&claims, SO_STR("session_id"))).p;
}

static bool is_welcome(const char *token)
{
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    return identify(ANON_KEY, so_arena_printf(&arena, "Bearer %s", token).p, &who, &err) == SO_OK;
}

static void a_refresh_gives_new_tokens_of_the_same_session(void **state)
{
    (void)state;
    struct answer first = sign_up("ada@example.com", "secret-1");
    pass_seconds(100);
    struct answer second = refresh(text(&first, "/refresh_token"));
    assert_answer(second, 200, "");
    assert_string_equal(session_of(&second), session_of(&first));
    assert_string_not_equal(text(&second, "/refresh_token"), text(&first, "/refresh_token"));
    assert_int_equal(at(&second, "/expires_at")->u.i, START + 100 + 3600);
    struct so_json claims = claims_of(text(&second, "/access_token"));
    assert_int_equal(so_json_at(&claims, SO_STR("/amr/0/timestamp"))->u.i, START); /* of the sign-in */
    assert_string_equal(text(&second, "/user/email"), "ada@example.com");
    assert_answer(refresh(text(&second, "/refresh_token")), 200, "");
}

static void the_parent_of_the_active_token_gives_the_active_one_however_late(void **state)
{
    (void)state;
    struct answer first = sign_up("ada@example.com", "secret-1");
    struct answer second = refresh(text(&first, "/refresh_token"));
    pass_seconds(86400);
    struct answer again = refresh(text(&first, "/refresh_token"));
    assert_answer(again, 200, "");
    assert_string_equal(text(&again, "/refresh_token"), text(&second, "/refresh_token"));
}

static void a_grandparent_within_the_interval_gives_a_new_pair(void **state)
{
    (void)state;
    struct answer first = sign_up("ada@example.com", "secret-1");
    struct answer second = refresh(text(&first, "/refresh_token"));
    struct answer third = refresh(text(&second, "/refresh_token"));
    pass_seconds(10);
    struct answer other = refresh(text(&first, "/refresh_token"));
    assert_answer(other, 200, "");
    assert_string_not_equal(text(&other, "/refresh_token"), text(&third, "/refresh_token"));
    assert_string_equal(session_of(&other), session_of(&first));
    assert_answer(refresh(text(&third, "/refresh_token")), 200, ""); /* both tabs go on */
    assert_answer(refresh(text(&other, "/refresh_token")), 200, "");
}

static void a_grandparent_after_the_interval_ends_the_family(void **state)
{
    (void)state;
    struct answer first = sign_up("ada@example.com", "secret-1"), elsewhere = sign_in("ada@example.com", "secret-1");
    struct answer second = refresh(text(&first, "/refresh_token"));
    struct answer third = refresh(text(&second, "/refresh_token"));
    pass_seconds(11);
    assert_true(is_welcome(text(&third, "/access_token")));
    assert_answer(refresh(text(&first, "/refresh_token")), 400, "refresh_token_already_used");
    assert_answer(refresh(text(&third, "/refresh_token")), 400, "refresh_token_already_used");
    assert_answer(refresh(text(&second, "/refresh_token")), 400, "refresh_token_already_used");
    assert_false(is_welcome(text(&third, "/access_token")));
    assert_answer(who_am_i(text(&third, "/access_token")), 403, "session_expired");
    assert_answer(refresh(text(&elsewhere, "/refresh_token")), 200, ""); /* another session has nothing to do with it */
}

static void showing_a_used_token_again_and_again_does_not_keep_it_alive(void **state)
{
    (void)state;
    struct answer first = sign_up("ada@example.com", "secret-1");
    struct answer second = refresh(text(&first, "/refresh_token"));
    assert_answer(refresh(text(&second, "/refresh_token")), 200, "");
    for (int i = 0; i < 2; i++) {
        pass_seconds(5);
        struct answer a = refresh(text(&first, "/refresh_token"));
        assert_answer(a, 200, "");
        assert_answer(refresh(text(&a, "/refresh_token")), 200, "");
    }
    pass_seconds(5);
    assert_answer(refresh(text(&first, "/refresh_token")), 400, "refresh_token_already_used");
}

/* ---- many at once ---- */

enum { THREADS = 10, EACH = 5 };
static const char *shared_token;
static struct {
    int status;
    char token[64], session[40];
} results[THREADS * EACH];

static void *refresh_some(void *arg)
{
    size_t from = (size_t)(uintptr_t)arg * EACH;
    char body[128];
    snprintf(body, sizeof(body), "{\"refresh_token\":\"%s\"}", shared_token);
    for (size_t i = from; i < from + EACH; i++) {
        struct so_arena own;
        so_arena_init(&own, 16 << 20);
        const struct request r = {"POST", "/token?grant_type=refresh_token", body};
        struct answer a = send_in(&r, &own);
        struct so_str token = so_json_get_str(&a.json, SO_STR("refresh_token")), id;
        struct so_json head, claims;
        results[i].status = a.status;
        if (a.status == 200 &&
            so_jwt_decode(so_json_get_str(&a.json, SO_STR("access_token")), &own, &head, &claims, NULL) == SO_OK) {
            id = so_json_get_str(&claims, SO_STR("session_id"));
            snprintf(results[i].token, sizeof(results[i].token), "%.*s", SO_STR_ARG(token));
            snprintf(results[i].session, sizeof(results[i].session), "%.*s", SO_STR_ARG(id));
        }
        so_arena_deinit(&own);
    }
    return NULL;
}

static void fifty_parallel_refreshes_all_get_the_same_successor(void **state)
{
    (void)state;
    struct answer first = sign_up("ada@example.com", "secret-1");
    pthread_t threads[THREADS];
    shared_token = text(&first, "/refresh_token");
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, refresh_some, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        assert_int_equal(results[i].status, 200);
        assert_string_equal(results[i].token, results[0].token);
        assert_string_equal(results[i].session, session_of(&first));
    }
    assert_answer(refresh(results[0].token), 200, "");
}

static void *sign_up_once(void *arg)
{
    struct so_arena own;
    const struct request r = {"POST", "/signup", "{\"email\":\"eve@example.com\",\"password\":\"secret-1\"}"};
    so_arena_init(&own, 16 << 20);
    *(int *)arg = send_in(&r, &own).status;
    so_arena_deinit(&own);
    return NULL;
}

static void of_many_sign_ups_with_one_address_one_wins(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int status[THREADS], won = 0;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_up_once, &status[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++) {
        assert_true(status[i] == 200 || status[i] == 422);
        won += status[i] == 200;
    }
    assert_int_equal(won, 1);
}

/* ---- sign-out ---- */

static void sign_out_ends_what_its_scope_says(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        bool this_lives, other_lives;
    } ROWS[] = {{"/logout", false, false},
                {"/logout?scope=global", false, false},
                {"/logout?scope=local", false, true},
                {"/logout?scope=others", true, false}};
    sign_up("ada@example.com", "secret-1");
    sign_up("bob@example.com", "secret-1");
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct answer mine = sign_in("ada@example.com", "secret-1"), other = sign_in("ada@example.com", "secret-1");
        struct answer bob = sign_in("bob@example.com", "secret-1");
        const char *token = text(&mine, "/access_token");
        struct answer a = send("POST", ROWS[i].target, NULL, NULL, token);
        assert_int_equal(a.status, 204);
        assert_int_equal(a.body.n, 0);
        assert_int_equal(is_welcome(token), ROWS[i].this_lives);
        assert_int_equal(is_welcome(text(&other, "/access_token")), ROWS[i].other_lives);
        assert_int_equal(who_am_i(token).status, ROWS[i].this_lives ? 200 : 403);
        assert_int_equal(refresh(text(&other, "/refresh_token")).status, ROWS[i].other_lives ? 200 : 400);
        assert_true(is_welcome(text(&bob, "/access_token")));
    }
    struct answer mine = sign_in("ada@example.com", "secret-1");
    assert_answer(send("POST", "/logout?scope=universe", NULL, NULL, text(&mine, "/access_token")), 400,
                  "validation_failed");
}

static void an_ended_session_stays_ended_over_a_restart(void **state)
{
    (void)state;
    struct answer mine = sign_up("ada@example.com", "secret-1"), other = sign_in("ada@example.com", "secret-1");
    send("POST", "/logout?scope=local", NULL, NULL, text(&mine, "/access_token"));
    struct so_auth_settings settings = default_settings();
    so_auth_close(auth);
    open_auth(&settings);
    assert_false(is_welcome(text(&mine, "/access_token")));
    assert_true(is_welcome(text(&other, "/access_token"))); /* the key is the same, too */
}

static void hundreds_of_ended_sessions_are_all_remembered(void **state)
{
    (void)state;
    enum { MANY = 300 };
    const char *tokens[MANY];
    sign_up("ada@example.com", "secret-1");
    for (size_t i = 0; i < MANY; i++) {
        struct answer a = sign_in("ada@example.com", "secret-1");
        tokens[i] = text(&a, "/access_token");
    }
    for (size_t i = 0; i < MANY; i += 2)
        assert_int_equal(send("POST", "/logout?scope=local", NULL, NULL, tokens[i]).status, 204);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(is_welcome(tokens[i]), i % 2 == 1);
    assert_int_equal(send("POST", "/logout", NULL, NULL, tokens[1]).status, 204);
    for (size_t i = 0; i < MANY; i++)
        assert_false(is_welcome(tokens[i]));
}

/* ---- sign-in ---- */

static void unknown_and_known_addresses_get_the_same_answer(void **state)
{
    (void)state;
    sign_up("ada@example.com", "secret-1");
    send("POST", "/admin/users", "{\"email\":\"nopassword@example.com\",\"email_confirm\":true}", SERVICE_KEY);
    send("POST", "/admin/users", "{\"email\":\"unconfirmed@example.com\",\"password\":\"secret-1\"}", SERVICE_KEY);
    send("POST", "/admin/users",
         "{\"email\":\"banned@example.com\",\"password\":\"secret-1\",\"email_confirm\":true,\"ban_duration\":\"24h\"}",
         SERVICE_KEY);
    static const char *const ADDRESSES[] = {"ada@example.com",    "nobody@example.com",      "nopassword@example.com",
                                            "banned@example.com", "unconfirmed@example.com", "no address at all"};
    struct answer want = sign_in("ada@example.com", "wrong-1");
    assert_answer(want, 400, "invalid_credentials");
    for (size_t i = 0; i < COUNT_OF(ADDRESSES); i++) {
        struct answer a = sign_in(ADDRESSES[i], "wrong-1");
        assert_int_equal(a.status, want.status);
        assert_true(so_str_eq(a.body, want.body));
        assert_answer(sign_in(ADDRESSES[i], ""), 400, "invalid_credentials");
    }
}

static void a_cheap_hash_is_made_anew_at_sign_in(void **state)
{
    (void)state;
    sign_up("ada@example.com", "secret-1");
    struct so_auth_settings settings = default_settings();
    settings.password_cost.passes = 2;
    so_auth_close(auth);
    open_auth(&settings);
    assert_answer(sign_in("ada@example.com", "secret-1"), 200, "");
    struct so_conn *conn;
    struct so_stmt *st;
    struct so_err err = SO_ERR_INIT;
    bool row;
    must(so_db_reader_take(db, &conn, &err), &err);
    must(so_conn_prepare(conn, SO_STR("SELECT encrypted_password FROM auth_users"), &st, &err), &err);
    must(so_stmt_step(st, &row, &err), &err);
    assert_int_not_equal(so_str_find(so_stmt_text(st, 0), SO_STR("t=2")), SO_STR_NONE);
    so_stmt_done(st);
    so_db_reader_give(db, conn);
    assert_answer(sign_in("ada@example.com", "secret-1"), 200, "");
}

static void a_password_that_is_weak_today_is_told_at_sign_in(void **state)
{
    (void)state;
    sign_up("ada@example.com", "secret-1");
    struct so_auth_settings settings = default_settings();
    settings.password_min = 12;
    so_auth_close(auth);
    open_auth(&settings);
    struct answer a = sign_in("ada@example.com", "secret-1");
    assert_answer(a, 200, "");
    assert_string_equal(text(&a, "/weak_password/reasons/0"), "length");
}

static void bcrypt_hashes_from_elsewhere_sign_in_and_become_argon2(void **state)
{
    (void)state;
    assert_answer(send("POST", "/admin/users",
                       "{\"email\":\"old@example.com\",\"email_confirm\":true,\"password_hash\":"
                       "\"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\"}",
                       SERVICE_KEY),
                  200, "");
    assert_answer(sign_in("old@example.com", "U*U"), 200, "");
    assert_answer(sign_in("old@example.com", "U*U"), 200, "");
    assert_answer(sign_in("old@example.com", "U*V"), 400, "invalid_credentials");
}

static void the_database_holds_no_refresh_token(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    a = refresh(text(&a, "/refresh_token"));
    char command[256];
    snprintf(command, sizeof(command), "cat %s/data.db* | grep -qaF -e '%s'", directory, text(&a, "/refresh_token"));
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof(command), "cat %s/data.db* | grep -qaF -e '%s'", directory, text(&a, "/user/id"));
    assert_int_equal(system(command), 0); /* the search can find things */
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(a_refresh_gives_new_tokens_of_the_same_session),
        WITH_SERVICE(the_parent_of_the_active_token_gives_the_active_one_however_late),
        WITH_SERVICE(a_grandparent_within_the_interval_gives_a_new_pair),
        WITH_SERVICE(a_grandparent_after_the_interval_ends_the_family),
        WITH_SERVICE(showing_a_used_token_again_and_again_does_not_keep_it_alive),
        WITH_SERVICE(fifty_parallel_refreshes_all_get_the_same_successor),
        WITH_SERVICE(of_many_sign_ups_with_one_address_one_wins),
        WITH_SERVICE(sign_out_ends_what_its_scope_says),
        WITH_SERVICE(an_ended_session_stays_ended_over_a_restart),
        WITH_SERVICE(hundreds_of_ended_sessions_are_all_remembered),
        WITH_SERVICE(unknown_and_known_addresses_get_the_same_answer),
        WITH_SERVICE(a_cheap_hash_is_made_anew_at_sign_in),
        WITH_SERVICE(a_password_that_is_weak_today_is_told_at_sign_in),
        WITH_SERVICE(bcrypt_hashes_from_elsewhere_sign_in_and_become_argon2),
        WITH_SERVICE(the_database_holds_no_refresh_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
