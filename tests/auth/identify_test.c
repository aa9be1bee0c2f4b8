/* identify_test.c: keys and tokens, good ones and forged ones; on the event loop's side and on the endpoints'. */
#include "fixture.h"

#include "core/random.h"
#include "crypto/base64.h"

static const char *bearer(const char *token) { return so_arena_printf(&arena, "Bearer %s", token).p; }

static const char *base64url(const char *plain)
{
    struct so_buf out;
    so_buf_init(&out, 1 << 16);
    so_base64url_put(&out, so_str_c(plain));
    const char *copy = so_arena_dup(&arena, so_buf_str(&out)).p;
    so_buf_deinit(&out);
    return copy;
}

/* Header and payload as given, with this signature. */
static const char *raw_token(const char *header, const char *payload, const char *signature)
{
    return so_arena_printf(&arena, "%s.%s.%s", base64url(header), base64url(payload), signature).p;
}

static const char ADA[] = "{\"sub\":\"11111111-2222-4333-8444-555555555555\",\"role\":\"authenticated\",\"exp\":1800000100}";

static void the_key_or_the_token_decides(void **state)
{
    (void)state;
    const char *anon_jwt = foreign_token(SECRET, "{\"role\":\"anon\",\"exp\":1900000000}");
    const char *service_jwt = foreign_token(SECRET, "{\"role\":\"service_role\",\"exp\":1900000000}");
    const char *user = foreign_token(SECRET, ADA);
    const char *no_role = foreign_token(SECRET, "{\"sub\":\"x\"}");
    const char *old = foreign_token(SECRET, "{\"sub\":\"x\",\"role\":\"authenticated\",\"exp\":1800000000}");
    const char *early = foreign_token(SECRET, "{\"role\":\"authenticated\",\"nbf\":1800000001}");
    const char *root = foreign_token(SECRET, "{\"role\":\"postgres\"}");
    const char *other = foreign_token("another-secret-of-at-least-32-bytes!!", ADA);
    const char *service_sub = foreign_token(SECRET, "{\"role\":\"service_role\",\"sub\":\"x\"}");
    const char *old_key = foreign_token(SECRET, "{\"role\":\"service_role\",\"exp\":1700000000}");
    const struct {
        const char *label, *apikey, *authorization;
        int rc;
        enum so_role role; /* with SO_OK */
        const char *id;    /* without */
    } ROWS[] = {
        {"nothing", NULL, NULL, SO_EAUTH, 0, ""},
        {"empty headers", "", "", SO_EAUTH, 0, ""},
        {"publishable", ANON_KEY, NULL, SO_OK, SO_ROLE_ANON, NULL},
        {"publishable twice", ANON_KEY, bearer(ANON_KEY), SO_OK, SO_ROLE_ANON, NULL},
        {"secret", SERVICE_KEY, NULL, SO_OK, SO_ROLE_SERVICE, NULL},
        {"secret twice", SERVICE_KEY, bearer(SERVICE_KEY), SO_OK, SO_ROLE_SERVICE, NULL},
        {"publishable, opaque key in Authorization is skipped", ANON_KEY, bearer(SERVICE_KEY), SO_OK, SO_ROLE_ANON, NULL},
        {"key in Authorization only", NULL, bearer(SERVICE_KEY), SO_OK, SO_ROLE_SERVICE, NULL},
        {"unknown opaque key in Authorization only", NULL, bearer("sb_secret_x"), SO_EAUTH, 0, ""},
        {"unknown opaque key", "sb_secret_x", NULL, SO_EAUTH, 0, ""},
        {"a part of the key", "sb_secret_test", NULL, SO_EAUTH, 0, ""},
        {"the key and more", SERVICE_KEY "x", NULL, SO_EAUTH, 0, ""},
        {"unknown key with a good token", "sb_publishable_x", bearer(user), SO_EAUTH, 0, ""},
        {"anon as token", anon_jwt, NULL, SO_OK, SO_ROLE_ANON, NULL},
        {"anon as token twice", anon_jwt, bearer(anon_jwt), SO_OK, SO_ROLE_ANON, NULL},
        {"service as token", service_jwt, NULL, SO_OK, SO_ROLE_SERVICE, NULL},
        {"service token over publishable key", ANON_KEY, bearer(service_jwt), SO_OK, SO_ROLE_SERVICE, NULL},
        {"key token in Authorization only", NULL, bearer(service_jwt), SO_OK, SO_ROLE_SERVICE, NULL},
        {"expired key token", old_key, NULL, SO_EAUTH, 0, ""},
        {"a user's token is no key", user, NULL, SO_EAUTH, 0, ""},
        {"a token with a subject is no key", service_sub, NULL, SO_EAUTH, 0, ""},
        {"a user's token without a key", NULL, bearer(user), SO_EAUTH, 0, ""},
        {"user", ANON_KEY, bearer(user), SO_OK, SO_ROLE_AUTHENTICATED, NULL},
        {"user's token outranks the secret key", SERVICE_KEY, bearer(user), SO_OK, SO_ROLE_AUTHENTICATED, NULL},
        {"scheme in any case", ANON_KEY, so_arena_printf(&arena, "bearer   %s ", user).p, SO_OK, SO_ROLE_AUTHENTICATED,
         NULL},
        {"token without role", ANON_KEY, bearer(no_role), SO_OK, SO_ROLE_ANON, NULL},
        {"another scheme", ANON_KEY, "Basic YTpi", SO_EAUTH, 0, "PGRST301"},
        {"scheme alone", ANON_KEY, "Bearer ", SO_EAUTH, 0, "PGRST301"},
        {"expired", ANON_KEY, bearer(old), SO_EAUTH, 0, "PGRST303"},
        {"not good yet", ANON_KEY, bearer(early), SO_EAUTH, 0, "PGRST301"},
        {"unknown role", ANON_KEY, bearer(root), SO_EAUTH, 0, "PGRST301"},
        {"another secret", ANON_KEY, bearer(other), SO_EAUTH, 0, "PGRST301"},
        {"garbage", ANON_KEY, "Bearer abc", SO_EAUTH, 0, "PGRST301"},
        {"alg none", ANON_KEY, bearer(raw_token("{\"alg\":\"none\"}", ADA, "")), SO_EAUTH, 0, "PGRST301"},
        {"alg None", ANON_KEY, bearer(raw_token("{\"alg\":\"None\"}", ADA, "")), SO_EAUTH, 0, "PGRST301"},
        {"alg none as key", raw_token("{\"alg\":\"none\"}", "{\"role\":\"service_role\"}", ""), NULL, SO_EAUTH, 0, ""},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct so_identity who = {0};
        struct so_err err = SO_ERR_INIT;
        int rc = identify(ROWS[i].apikey, ROWS[i].authorization, &who, &err);
        if (rc != ROWS[i].rc || (rc == SO_OK && who.role != ROWS[i].role) ||
            (rc != SO_OK && (strcmp(err.id, ROWS[i].id) != 0 || err.status != 401)))
            fail_msg("%s: got %s role %d id %s status %d: %s", ROWS[i].label, so_code_name(rc), (int)who.role, err.id,
                     err.status, err.message);
    }
}

static void an_altered_token_of_ours_is_refused(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    const char *token = text(&a, "/access_token");
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    must(identify(ANON_KEY, bearer(token), &who, &err), &err);
    /* Every byte counts; the last character of a part has bits that must be zero. */
    for (size_t i = 0; i < strlen(token); i += 7) {
        char *forged = (char *)(uintptr_t)so_arena_dup(&arena, so_str_c(token)).p;
        forged[i] = forged[i] == 'A' ? 'B' : 'A';
        err = SO_ERR_INIT;
        assert_int_equal(identify(ANON_KEY, bearer(forged), &who, &err), SO_EAUTH);
        assert_answer(who_am_i(forged), 403, "bad_jwt");
    }
    /* The public key as HMAC secret (CVE-2015-9235), and a key brought along in the header. */
    struct answer keys = send("GET", "/.well-known/jwks.json", NULL);
    const char *confused = foreign_token(so_arena_dup(&arena, keys.body).p, ADA);
    assert_answer(who_am_i(confused), 403, "bad_jwt");
    const char *brought = raw_token("{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}", ADA, "AAAA");
    assert_answer(who_am_i(brought), 403, "bad_jwt");
}

static void a_forged_role_needs_the_key(void **state)
{
    (void)state;
    const char *forged = foreign_token("not-the-secret-but-just-as-long-as-it", "{\"role\":\"service_role\"}");
    assert_answer(send("GET", "/admin/users", NULL, NULL, forged), 403, "bad_jwt");
    assert_answer(send("GET", "/admin/users", NULL, NULL, foreign_token(SECRET, ADA)), 403, "not_admin");
    assert_answer(send("GET", "/admin/users", NULL, NULL, foreign_token(SECRET, "{\"role\":\"service_role\"}")), 200, "");
}

static void the_endpoints_know_their_users(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        int status;
        const char *code;
    } ROWS[] = {
        {"{\"role\":\"authenticated\"}", 403, "bad_jwt"},
        {"{\"role\":\"authenticated\",\"sub\":\"\"}", 403, "bad_jwt"},
        {"{\"role\":\"authenticated\",\"sub\":\"ada\"}", 400, "bad_jwt"},
        {"{\"role\":\"authenticated\",\"sub\":7}", 403, "bad_jwt"},
        {"{\"sub\":\"11111111-2222-4333-8444-555555555555\",\"session_id\":\"x\"}", 403, "bad_jwt"},
        {"{\"sub\":\"11111111-2222-4333-8444-555555555555\"}", 403, "user_not_found"},
        {"{\"sub\":\"11111111-2222-4333-8444-555555555555\",\"exp\":1700000000}", 403, "bad_jwt"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++)
        assert_answer(who_am_i(foreign_token(SECRET, ROWS[i].payload)), ROWS[i].status, ROWS[i].code);

    struct answer ada = sign_up("ada@example.com", "secret-1"), bob = sign_up("bob@example.com", "secret-1");
    struct so_json claims = claims_of(text(&bob, "/access_token"));
    struct so_str session = so_json_get_str(&claims, SO_STR("session_id"));
    const char *mixed =
        so_arena_printf(&arena, "{\"sub\":\"%s\",\"session_id\":\"%.*s\"}", text(&ada, "/user/id"), SO_STR_ARG(session)).p;
    assert_answer(who_am_i(foreign_token(SECRET, mixed)), 403, "session_not_found"); /* a session of somebody else */
    pass_seconds(3600);
    struct answer late = who_am_i(text(&ada, "/access_token"));
    assert_answer(late, 403, "bad_jwt");
    assert_true(strncmp(text(&late, "/message"), "invalid JWT:", 12) == 0);
}

static void an_identity_says_who_and_what_the_token_says(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    struct so_auth_cache *cache;
    struct so_identity first, again;
    struct so_err err = SO_ERR_INIT;
    struct so_str authorization = so_str_c(bearer(text(&a, "/access_token")));
    must(so_auth_cache_new(auth, &cache, &err), &err);
    must(so_auth_identify(auth, cache, SO_STR(ANON_KEY), authorization, &arena, &first, &err), &err);
    assert_int_equal(first.role, SO_ROLE_AUTHENTICATED);
    assert_str(first.uid, text(&a, "/user/id"));
    assert_int_equal(first.session_id.n, 36);
    struct so_json claims;
    must(so_json_parse(&arena, first.claims, NULL, &claims, &err), &err);
    assert_str(so_json_get_str(&claims, SO_STR("email")), "ada@example.com");

    must(so_auth_identify(auth, cache, SO_STR(ANON_KEY), authorization, &arena, &again, &err), &err);
    assert_int_equal(again.role, first.role);
    assert_true(so_str_eq(again.uid, first.uid) && so_str_eq(again.claims, first.claims) &&
                so_str_eq(again.session_id, first.session_id));
    /* Known tokens expire, and end with their session, like unknown ones. */
    pass_seconds(3599);
    must(so_auth_identify(auth, cache, SO_STR(ANON_KEY), authorization, &arena, &again, &err), &err);
    pass_seconds(1);
    assert_int_equal(so_auth_identify(auth, cache, SO_STR(ANON_KEY), authorization, &arena, &again, &err), SO_EAUTH);
    assert_string_equal(err.id, "PGRST303");
    assert_string_equal(err.message, "JWT expired");

    a = sign_in("ada@example.com", "secret-1");
    authorization = so_str_c(bearer(text(&a, "/access_token")));
    err = SO_ERR_INIT;
    must(so_auth_identify(auth, cache, SO_STR(ANON_KEY), authorization, &arena, &again, &err), &err);
    send("POST", "/logout", NULL, NULL, text(&a, "/access_token"));
    assert_int_equal(so_auth_identify(auth, cache, SO_STR(ANON_KEY), authorization, &arena, &again, &err), SO_EAUTH);
    so_auth_cache_free(cache);
}

static void a_known_token_costs_no_memory(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    struct so_str authorization = so_str_c(bearer(text(&a, "/access_token")));
    struct so_auth_cache *cache;
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    struct so_arena none;
    must(so_auth_cache_new(auth, &cache, &err), &err);
    must(so_auth_identify(auth, cache, SO_STR(ANON_KEY), authorization, &arena, &who, &err), &err);
    so_arena_init(&none, 1 << 20);
    so_mem_fail_at(0);
    must(so_auth_identify(auth, cache, SO_STR(ANON_KEY), authorization, &none, &who, &err), &err);
    assert_false(so_mem_failed());
    so_mem_fail_at(-1);
    assert_int_equal(none.used, 0);
    so_arena_deinit(&none);
    so_auth_cache_free(cache);
}

/* ---- no memory ---- */

static void identify_survives_every_failed_allocation(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    const char *authorization = bearer(text(&a, "/access_token"));
    for (long n = 0;; n++) {
        struct so_arena own;
        struct so_auth_cache *cache = NULL;
        struct so_identity who;
        struct so_err err = SO_ERR_INIT;
        so_arena_init(&own, 1 << 20);
        so_mem_fail_at(n);
        int rc = so_auth_cache_new(auth, &cache, &err);
        if (rc == SO_OK)
            rc = so_auth_identify(auth, cache, SO_STR(ANON_KEY), so_str_c(authorization), &own, &who, &err);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (!failed)
            must(rc, &err);
        else if (rc != SO_OK) /* without memory a token is not kept, which is no failure */
            assert_int_equal(rc, SO_ENOMEM);
        so_auth_cache_free(cache);
        so_arena_deinit(&own);
        if (!failed)
            break;
        assert_in_range(n, 0, 10000);
    }
}

/* What an endpoint answers when the n-th allocation fails: a 5xx, or the right thing.  "%s" in the body: a word that no
 * round had before. */
static void endpoint_survives(const struct request *r, int status)
{
    for (long n = 0;; n++) {
        char number[24];
        snprintf(number, sizeof(number), "n%ld", n);
        struct so_str body_text = so_str_c(r->body), before = body_text, after = SO_STR(""), word = SO_STR("");
        size_t hole = so_str_find(body_text, SO_STR("%s"));
        if (hole != SO_STR_NONE) {
            before = so_str_slice(body_text, 0, hole);
            word = so_str_c(number);
            after = so_str_slice(body_text, hole + 2, body_text.n);
        }
        body_text = so_arena_printf(&arena, "%.*s%.*s%.*s", SO_STR_ARG(before), SO_STR_ARG(word), SO_STR_ARG(after));
        struct so_arena own;
        so_arena_init(&own, 16 << 20);
        so_mem_fail_at(n);
        struct so_str target = so_str_c(r->target);
        size_t mark = so_str_find_char(target, '?', 0);
        char authorization[8192];
        snprintf(authorization, sizeof(authorization), "Bearer %s", r->bearer == NULL ? "" : r->bearer);
        const struct so_auth_in in = {
            .method = so_str_c(r->method),
            .path = so_str_slice(target, 0, mark),
            .query = mark == SO_STR_NONE ? so_str(NULL, 0) : so_str_slice(target, mark + 1, target.n),
            .body = body_text,
            .apikey = SO_STR(ANON_KEY),
            .authorization = r->bearer == NULL ? so_str(NULL, 0) : so_str_c(authorization),
            .api_version = SO_STR("2024-01-01"),
            .peer = SO_STR("192.0.2.1"),
        };
        struct so_auth_out out;
        struct so_buf body;
        so_buf_init(&body, 1 << 20);
        so_auth_handle(auth, &in, &own, &out, &body);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (out.status != status && !(failed && out.status >= 500))
            fail_msg("%s %s, allocation %ld: %d %.*s", r->method, r->target, n, out.status, SO_STR_ARG(so_buf_str(&body)));
        so_buf_deinit(&body);
        so_arena_deinit(&own);
        if (!failed)
            break;
        assert_in_range(n, 0, 10000);
    }
}

static void endpoints_survive_every_failed_allocation(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    const char *token = text(&a, "/access_token");
    endpoint_survives(&(const struct request){"GET", "/user", NULL, NULL, token}, 200);
    endpoint_survives(&(const struct request){"PUT", "/user", "{\"data\":{\"a\":1}}", NULL, token}, 200);
    endpoint_survives(&(const struct request){"POST", "/token?grant_type=password",
                                              "{\"email\":\"ada@example.com\",\"password\":\"secret-1\"}"},
                      200);
    endpoint_survives(&(const struct request){"POST", "/token?grant_type=password",
                                              "{\"email\":\"ada@example.com\",\"password\":\"wrong\"}"},
                      400);
    endpoint_survives(&(const struct request){"POST", "/signup", "{\"email\":\"%s@example.com\",\"password\":\"secret-1\"}"},
                      200);
    /* The first time it rotates, later the answer is repeated: a client that got a 500 goes on with the same token. */
    const char *body = so_arena_printf(&arena, "{\"refresh_token\":\"%s\"}", text(&a, "/refresh_token")).p;
    endpoint_survives(&(const struct request){"POST", "/token?grant_type=refresh_token", body}, 200);
    assert_answer(who_am_i(token), 200, "");
    endpoint_survives(&(const struct request){"POST", "/logout?scope=others", NULL, NULL, token}, 204);
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(the_key_or_the_token_decides),
        WITH_SERVICE(an_altered_token_of_ours_is_refused),
        WITH_SERVICE(a_forged_role_needs_the_key),
        WITH_SERVICE(the_endpoints_know_their_users),
        WITH_SERVICE(an_identity_says_who_and_what_the_token_says),
        WITH_SERVICE(a_known_token_costs_no_memory),
        WITH_SERVICE(identify_survives_every_failed_allocation),
        WITH_SERVICE(endpoints_survive_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
