/* oauth_test.c: sign-in with other accounts, against a provider in memory: what the clock, the settings and the lack of
 * memory do to it.  The flows themselves are in tests/e2e/oauth.test.mjs. */
#include "provider_fixture.h"

#include "auth/providers.h"

static const struct so_provider_settings PROVIDERS[] = {
    {.name = SO_STR_INIT("acme"),
     .issuer = SO_STR_INIT(ISSUER),
     .client_ids = SO_STR_INIT("app"),
     .client_secret = SO_STR_INIT("s")},
};

static struct so_auth_settings oauth_settings(void)
{
    struct so_auth_settings settings = default_settings();
    settings.fetcher = &elsewhere.fetcher;
    settings.providers = PROVIDERS;
    settings.provider_count = COUNT_OF(PROVIDERS);
    settings.manual_linking = true;
    return settings;
}

static int set_up_oauth(void **state)
{
    set_up(state);
    open_elsewhere();
    so_auth_close(auth);
    struct so_auth_settings settings = oauth_settings();
    open_auth(&settings);
    return 0;
}

static int tear_down_oauth(void **state)
{
    int rc = tear_down(state);
    close_elsewhere();
    return rc;
}

static const char *id_token(const char *email, const char *more)
{
    return signed_with(elsewhere.key, so_arena_printf(&arena,
                                                      "{\"iss\":\"" ISSUER
                                                      "\",\"aud\":\"app\",\"exp\":%lld,\"sub\":\"%s\",\"email\":\"%s\","
                                                      "\"email_verified\":true%s}",
                                                      (long long)START + 300, email, email, more)
                                          .p);
}

static struct answer give(const char *token)
{
    return send("POST", "/token?grant_type=id_token",
                so_arena_printf(&arena, "{\"provider\":\"acme\",\"id_token\":\"%s\"}", token).p);
}

/* ---- a flow by hand ---- */

static const char *parameter(const char *url, const char *name)
{
    struct so_str query = so_str_c(url);
    size_t mark = so_str_find_char(query, '?', 0);
    const char *at = strstr(url + mark, name);
    assert_non_null(at);
    at += strlen(name);
    return so_arena_dup(&arena, so_str(at, strcspn(at, "&#"))).p;
}

/* The provider's answer to the code of a flow with this nonce. */
static void answer_code(const char *nonce)
{
    const char *token = id_token("ada@example.com", so_arena_printf(&arena, ",\"nonce\":\"%s\"", nonce).p);
    page(ISSUER "/token", so_arena_printf(&arena, "{\"access_token\":\"at\",\"id_token\":\"%s\"}", token).p);
}

#define CHALLENGE "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=s256"
#define VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

static const char *begin_flow(void)
{
    struct answer a = send("GET", "/authorize?provider=acme&" CHALLENGE, NULL, "");
    assert_int_equal(a.status, 302);
    const char *location = header(&a, "Location");
    answer_code(parameter(location, "nonce="));
    return parameter(location, "&state=");
}

static struct answer come_back(const char *state)
{
    return send("GET", so_arena_printf(&arena, "/callback?code=c&state=%s", state).p, NULL, "");
}

static void a_person_has_ten_minutes_at_the_provider(void **state)
{
    (void)state;
    const char *first = begin_flow();
    pass_seconds(200); /* the ID token's own time is not what is looked at */
    struct answer a = come_back(first);
    assert_non_null(strstr(header(&a, "Location"), "?code="));
    const char *late = begin_flow();
    pass_seconds(601);
    a = come_back(late);
    assert_non_null(strstr(header(&a, "Location"), "error_code=bad_oauth_state"));
    assert_null(strstr(header(&a, "Location"), "code=c"));
}

static void a_nonce_of_another_flow_is_refused(void **state)
{
    (void)state;
    const char *mine = begin_flow();
    answer_code("another");
    struct answer a = come_back(mine);
    assert_non_null(strstr(header(&a, "Location"), "error_code=unexpected_failure"));
    assert_non_null(strstr(a.out.failure.p, "Nonces mismatch"));
}

static void the_database_cannot_finish_a_flow(void **state)
{
    (void)state;
    const char *mine = begin_flow();
    struct so_conn *conn;
    struct so_stmt *st;
    struct so_err err = SO_ERR_INIT;
    bool row;
    must(so_db_reader_take(db, &conn, &err), &err);
    must(so_conn_prepare(conn, SO_STR("SELECT state_hash FROM auth_oauth_states"), &st, &err), &err);
    must(so_stmt_step(st, &row, &err), &err);
    assert_true(row);
    const char *kept = so_arena_dup(&arena, so_stmt_text(st, 0)).p;
    so_stmt_done(st);
    so_db_reader_give(db, conn);
    assert_string_not_equal(kept, mine);
    struct answer a = come_back(kept);
    assert_non_null(strstr(header(&a, "Location"), "error_code=bad_oauth_state"));
    a = come_back(mine);
    const char *code = parameter(header(&a, "Location"), "code=");
    a = send("POST", "/token?grant_type=pkce",
             so_arena_printf(&arena, "{\"auth_code\":\"%s\",\"code_verifier\":\"" VERIFIER "\"}", code).p);
    assert_answer(a, 200, "");
    assert_string_equal(text(&a, "/provider_token"), "at");
    assert_null(at(&a, "/provider_refresh_token"));
}

static void a_flow_without_challenge_sets_a_cookie_for_its_browser(void **state)
{
    (void)state;
    struct answer a = send("GET", "/authorize?provider=acme", NULL, "");
    const char *cookie = header(&a, "Set-Cookie");
    assert_non_null(strstr(cookie, "; Path=/auth/v1/callback; HttpOnly; SameSite=Lax"));
    assert_null(strstr(cookie, parameter(header(&a, "Location"), "&state=")));
    struct so_auth_settings settings = oauth_settings();
    settings.public_url = SO_STR("https://api.example.com/base");
    so_auth_close(auth);
    open_auth(&settings);
    a = send("GET", "/authorize?provider=acme", NULL, "");
    assert_non_null(strstr(header(&a, "Set-Cookie"), "; Path=/base/auth/v1/callback; HttpOnly; SameSite=None; Secure"));
}

/* ---- keys ---- */

static void a_new_key_of_the_provider_is_found_but_not_searched_for_all_the_time(void **state)
{
    (void)state;
    assert_answer(give(id_token("ada@example.com", "")), 200, "");
    unsigned before = calls();
    new_key();
    assert_answer(give(id_token("ada@example.com", "")), 400, "validation_failed");
    assert_int_equal(calls(), before); /* read a moment ago */
    publish_key();
    pass_seconds(31);
    assert_answer(give(id_token("ada@example.com", "")), 200, "");
    assert_int_equal(calls(), before + 1);
    page(ISSUER "/jwks", NULL);
    pass_seconds(200);
    assert_answer(give(id_token("ada@example.com", "")), 200, ""); /* what was read stays good */
}

static void a_provider_that_does_not_answer_is_our_failure_and_not_the_clients(void **state)
{
    (void)state;
    page(ISSUER "/jwks", NULL);
    struct answer a = give(id_token("ada@example.com", ""));
    assert_int_equal(a.status, 500);
    assert_non_null(strstr(a.out.failure.p, "nobody answers"));
}

/* ---- settings ---- */

static void closed_for_new_accounts_is_closed_here_too(void **state)
{
    (void)state;
    assert_answer(give(id_token("ada@example.com", "")), 200, "");
    struct so_auth_settings settings = oauth_settings();
    settings.signup_disabled = true;
    so_auth_close(auth);
    open_auth(&settings);
    assert_answer(give(id_token("ada@example.com", "")), 200, "");
    assert_answer(give(id_token("bob@example.com", "")), 422, "signup_disabled");
}

static void a_provider_needs_its_settings(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        struct so_provider_settings settings;
        const char *message;
    } CASES[] = {
        {"no client", {.name = SO_STR_INIT("acme"), .issuer = SO_STR_INIT(ISSUER)}, "client id"},
        {"no issuer", {.name = SO_STR_INIT("acme"), .client_ids = SO_STR_INIT("app")}, "issuer"},
        {"issuer is no URL",
         {.name = SO_STR_INIT("acme"), .client_ids = SO_STR_INIT("app"), .issuer = SO_STR_INIT("idp.example")},
         "issuer"},
        {"no secret", {.name = SO_STR_INIT("github"), .client_ids = SO_STR_INIT("app")}, "secret"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_auth_settings settings = oauth_settings();
        struct so_err err = SO_ERR_INIT;
        settings.providers = &CASES[i].settings;
        so_auth_close(auth);
        auth = NULL;
        assert_int_equal(so_auth_open(db, &settings, &auth, &err), SO_EINVAL);
        if (strstr(err.message, CASES[i].message) == NULL)
            fail_msg("%s: %s", CASES[i].label, err.message);
    }
    struct so_auth_settings settings = oauth_settings();
    settings.fetcher = NULL;
    assert_int_equal(so_auth_open(db, &settings, &auth, NULL), SO_EINVAL);
}

static void metadata_without_room_does_not_keep_anybody_out(void **state)
{
    (void)state;
    char *big = so_alloc_text(&arena, 16200);
    memset(big, 'x', 16199);
    big[16199] = '\0';
    struct answer a = give(id_token("ada@example.com", ""));
    assert_answer(a, 200, "");
    const char *token = text(&a, "/access_token");
    a = send("PUT", "/user", so_arena_printf(&arena, "{\"data\":{\"a\":\"%s\"}}", big).p, NULL, token);
    if (a.status != 200) /* what the provider says takes some of the room */
        a = send("PUT", "/user", so_arena_printf(&arena, "{\"data\":{\"a\":\"%s\"}}", big + 400).p, NULL, token);
    assert_answer(a, 200, "");
    a = give(id_token("ada@example.com",
                      ",\"name\":\"A name that is long enough to have no room beside all the rest of it, "
                      "whatever that is, and however long it became in the meantime, which is much: "
                      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""));
    assert_answer(a, 200, "");
}

/* ---- without memory ---- */

static int try_without_memory(const struct request *r, long n, bool *out_failed)
{
    struct so_arena own;
    struct so_buf body;
    struct so_auth_out out;
    struct so_str target = so_str_c(r->target);
    size_t mark = so_str_find_char(target, '?', 0);
    const struct so_auth_in in = {.method = so_str_c(r->method),
                                  .path = so_str_slice(target, 0, mark),
                                  .query = so_str_slice(target, mark + 1, target.n),
                                  .body = so_str_c(r->body),
                                  .apikey = SO_STR(ANON_KEY),
                                  .authorization =
                                      r->bearer == NULL ? so_str(NULL, 0) : so_arena_printf(&arena, "Bearer %s", r->bearer),
                                  .peer = SO_STR("192.0.2.1")};
    so_arena_init(&own, 16 << 20);
    so_buf_init(&body, 1 << 20);
    so_mem_fail_at(n);
    so_auth_handle(auth, &in, &own, &out, &body);
    *out_failed = so_mem_failed();
    so_mem_fail_at(-1);
    so_buf_deinit(&body);
    so_arena_deinit(&own);
    return out.status;
}

static void survive(const struct request *r, int status_max)
{
    bool failed = true;
    for (long n = 0; failed; n++) {
        int status = try_without_memory(r, n, &failed);
        if (failed ? status < 200 : status > status_max)
            fail_msg("%s %s, allocation %ld: %d", r->method, r->target, n, status);
    }
}

static void flows_survive_every_failed_allocation(void **state)
{
    (void)state;
    const char *token = id_token("ada@example.com", "");
    const char *body = so_arena_printf(&arena, "{\"provider\":\"acme\",\"id_token\":\"%s\"}", token).p;
    assert_answer(give(token), 200, ""); /* the keys are there: how reading them fails is in outbound_test.c */
    survive(&(struct request){"GET", "/authorize?provider=acme&scopes=a,b&prompt=x", NULL}, 302);
    survive(&(struct request){"POST", "/token?grant_type=id_token", body}, 200);
    struct answer a = sign_up("bob@example.com", "secret-1");
    survive(&(struct request){"GET", "/user/identities/authorize?provider=acme&skip_http_redirect=true", NULL, NULL,
                              text(&a, "/access_token")},
            200);
    /* A flow is spent by its first try, so each try has its own. */
    bool failed = true;
    for (long n = 0; failed; n++) {
        const char *target = so_arena_printf(&arena, "/callback?code=c&state=%s", begin_flow()).p;
        int status = try_without_memory(&(struct request){"GET", target, NULL}, n, &failed);
        if (status < 200 || (!failed && status != 302))
            fail_msg("/callback, allocation %ld: %d", n, status);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_oauth, tear_down_oauth)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_person_has_ten_minutes_at_the_provider),
        TEST(a_nonce_of_another_flow_is_refused),
        TEST(the_database_cannot_finish_a_flow),
        TEST(a_flow_without_challenge_sets_a_cookie_for_its_browser),
        TEST(a_new_key_of_the_provider_is_found_but_not_searched_for_all_the_time),
        TEST(a_provider_that_does_not_answer_is_our_failure_and_not_the_clients),
        TEST(closed_for_new_accounts_is_closed_here_too),
        TEST(a_provider_needs_its_settings),
        TEST(metadata_without_room_does_not_keep_anybody_out),
        TEST(flows_survive_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
