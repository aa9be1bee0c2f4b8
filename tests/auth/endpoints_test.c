/* endpoints_test.c: requests and their answers, as a table; then what the answers hold. */
#include "fixture.h"

#include "auth/endpoints.h"
#include "core/fs.h"

/* One account exists: ada@example.com / secret-1. */
static const struct {
    const char *label;
    struct request request;
    int status;
    const char *code;
} CASES[] = {
    {"no key", {"GET", "/settings", NULL, ""}, 401, ""},
    {"unknown opaque key", {"GET", "/settings", NULL, "sb_publishable_other"}, 401, ""},
    {"no such path", {"GET", "/nowhere", NULL}, 404, "not_found"},
    {"no such method", {"DELETE", "/signup", NULL}, 405, "method_not_allowed"},
    {"health", {"GET", "/health", NULL}, 200, ""},
    {"settings", {"GET", "/settings", NULL}, 200, ""},
    {"key set without a key", {"GET", "/.well-known/jwks.json", NULL, ""}, 200, ""},
    {"configuration without a key", {"GET", "/.well-known/openid-configuration", NULL, ""}, 200, ""},

    {"body is no JSON", {"POST", "/signup", "{\"email\""}, 400, "bad_json"},
    {"body is empty", {"POST", "/signup", ""}, 400, "bad_json"},
    {"body is an array", {"POST", "/signup", "[]"}, 400, "bad_json"},
    {"member of the wrong type", {"POST", "/signup", "{\"email\":1}"}, 400, "bad_json"},
    {"member twice", {"POST", "/signup", "{\"email\":\"a@b.c\",\"email\":\"b@b.c\"}"}, 400, "bad_json"},
    {"data is no object", {"POST", "/signup", "{\"data\":[]}"}, 400, "bad_json"},
    {"no password", {"POST", "/signup", "{\"email\":\"x@example.com\"}"}, 400, "validation_failed"},
    {"short password", {"POST", "/signup", "{\"email\":\"x@example.com\",\"password\":\"12345\"}"}, 422, "weak_password"},
    {"six characters of two bytes each are enough",
     {"POST", "/signup", "{\"email\":\"ae@example.com\",\"password\":\"\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\"}"},
     200,
     ""},
    {"73 bytes of password",
     {"POST", "/signup",
      "{\"email\":\"x@example.com\",\"password\":"
      "\"0123456789012345678901234567890123456789012345678901234567890123456789012\"}"},
     400,
     "validation_failed"},
    {"bad address", {"POST", "/signup", "{\"email\":\"nobody\",\"password\":\"secret-1\"}"}, 400, "validation_failed"},
    {"both address and phone",
     {"POST", "/signup", "{\"email\":\"x@example.com\",\"phone\":\"491\",\"password\":\"secret-1\"}"},
     400,
     "validation_failed"},
    {"phone", {"POST", "/signup", "{\"phone\":\"491\",\"password\":\"secret-1\"}"}, 400, "phone_provider_disabled"},
    {"known address",
     {"POST", "/signup", "{\"email\":\"ada@example.com\",\"password\":\"secret-2\"}"},
     422,
     "user_already_exists"},
    {"known address in capitals",
     {"POST", "/signup", "{\"email\":\"ADA@Example.com\",\"password\":\"secret-2\"}"},
     422,
     "user_already_exists"},

    {"grant unknown", {"POST", "/token?grant_type=magic", "{}"}, 400, "invalid_credentials"},
    {"grant missing", {"POST", "/token", "{}"}, 400, "invalid_credentials"},
    {"neither address nor phone", {"POST", "/token?grant_type=password", "{}"}, 400, "validation_failed"},
    {"right password",
     {"POST", "/token?grant_type=password", "{\"email\":\"ada@example.com\",\"password\":\"secret-1\"}"},
     200,
     ""},
    {"address in capitals",
     {"POST", "/token?grant_type=password", "{\"email\":\"Ada@EXAMPLE.com\",\"password\":\"secret-1\"}"},
     200,
     ""},
    {"sign-in by phone",
     {"POST", "/token?grant_type=password", "{\"phone\":\"491\",\"password\":\"secret-1\"}"},
     422,
     "phone_provider_disabled"},
    {"refresh without token", {"POST", "/token?grant_type=refresh_token", "{}"}, 400, "validation_failed"},
    {"refresh with an unknown token",
     {"POST", "/token?grant_type=refresh_token", "{\"refresh_token\":\"abc\"}"},
     400,
     "refresh_token_not_found"},

    {"user without token", {"GET", "/user", NULL}, 401, "no_authorization"},
    {"user with the key for token", {"GET", "/user", NULL, NULL, ANON_KEY}, 403, "bad_jwt"},
    {"user with garbage", {"GET", "/user", NULL, NULL, "a.b.c"}, 403, "bad_jwt"},
    {"logout without token", {"POST", "/logout", NULL}, 401, "no_authorization"},

    {"admin without token", {"GET", "/admin/users", NULL}, 401, "no_authorization"},
    {"admin with the anon key", {"GET", "/admin/users", NULL, NULL, ANON_KEY}, 403, "not_admin"},
    {"admin with the service key as apikey", {"GET", "/admin/users", NULL, SERVICE_KEY}, 200, ""},
    {"admin with the service key twice", {"GET", "/admin/users", NULL, SERVICE_KEY, SERVICE_KEY}, 200, ""},
    {"bad page", {"GET", "/admin/users?page=x", NULL, SERVICE_KEY}, 400, "validation_failed"},
    {"page 0", {"GET", "/admin/users?page=0", NULL, SERVICE_KEY}, 400, "validation_failed"},
    {"empty page", {"GET", "/admin/users?page=&per_page=", NULL, SERVICE_KEY}, 200, ""},
    {"id is no uuid", {"GET", "/admin/users/7", NULL, SERVICE_KEY}, 404, "validation_failed"},
    {"id with an encoded way up", {"GET", "/admin/users/..%2Fusers%3Fx", NULL, SERVICE_KEY}, 404, "validation_failed"},
    {"provider unknown", {"GET", "/authorize?provider=google", NULL, ""}, 400, "validation_failed"},
    {"provider missing", {"GET", "/authorize", NULL, ""}, 400, "validation_failed"},
    {"callback without state", {"GET", "/callback?code=x", NULL, ""}, 302, ""},
    {"callback with a state nobody gave", {"POST", "/callback", "code=x&state=y", ""}, 302, ""},
    {"ID token of an unknown provider",
     {"POST", "/token?grant_type=id_token", "{\"provider\":\"google\",\"id_token\":\"x\"}"},
     400,
     "provider_disabled"},
    {"ID token missing", {"POST", "/token?grant_type=id_token", "{\"provider\":\"google\"}"}, 400, "validation_failed"},
    {"linking without token", {"GET", "/user/identities/authorize?provider=google", NULL}, 401, "no_authorization"},
    {"unlinking without token",
     {"DELETE", "/user/identities/00000000-0000-4000-8000-000000000000", NULL},
     401,
     "no_authorization"},
    {"id with a way up", {"GET", "/admin/users/../users?x", NULL, SERVICE_KEY}, 404, "not_found"},
    {"id with an encoded slash", {"GET", "/admin/users/..%2Fusers", NULL, SERVICE_KEY}, 404, "validation_failed"},
    {"id with an encoded query", {"GET", "/admin/users/%3Fpage=1", NULL, SERVICE_KEY}, 404, "validation_failed"},
    {"two ids, one no uuid",
     {"DELETE", "/admin/users/00000000-0000-4000-8000-000000000000/factors/..", NULL, SERVICE_KEY},
     404,
     "validation_failed"},
    {"a name where an id belongs", {"DELETE", "/factors/recovery-codes/", NULL, SERVICE_KEY}, 404, "not_found"},
    {"id unknown", {"GET", "/admin/users/00000000-0000-4000-8000-000000000000", NULL, SERVICE_KEY}, 404, "user_not_found"},
    {"delete unknown",
     {"DELETE", "/admin/users/00000000-0000-4000-8000-000000000000", NULL, SERVICE_KEY},
     404,
     "user_not_found"},
    {"create without address", {"POST", "/admin/users", "{}", SERVICE_KEY}, 400, "validation_failed"},
    {"create with a taken address",
     {"POST", "/admin/users", "{\"email\":\"ada@example.com\"}", SERVICE_KEY},
     422,
     "email_exists"},
    {"create with an unknown role",
     {"POST", "/admin/users", "{\"email\":\"x@example.com\",\"role\":\"root\"}", SERVICE_KEY},
     400,
     "validation_failed"},
    {"create with a bad hash",
     {"POST", "/admin/users", "{\"email\":\"x@example.com\",\"password_hash\":\"md5\"}", SERVICE_KEY},
     400,
     "validation_failed"},
    {"create with a bad ban",
     {"POST", "/admin/users", "{\"email\":\"x@example.com\",\"ban_duration\":\"soon\"}", SERVICE_KEY},
     400,
     "validation_failed"},
    {"create with a bad id",
     {"POST", "/admin/users", "{\"email\":\"x@example.com\",\"id\":\"7\"}", SERVICE_KEY},
     400,
     "validation_failed"},
};

static void each_request_gets_its_answer(void **state)
{
    (void)state;
    sign_up("ada@example.com", "secret-1");
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct answer a = request(&CASES[i].request);
        if (a.status != CASES[i].status || strcmp(text(&a, "/code"), CASES[i].code) != 0)
            fail_msg("%s: got %d %.*s", CASES[i].label, a.status, SO_STR_ARG(a.body));
    }
}

static void every_endpoint_is_found_and_only_by_its_method(void **state)
{
    (void)state;
    for (size_t i = 0; so_endpoint_at(i) != NULL; i++) {
        const struct so_endpoint *e = so_endpoint_at(i);
        assert_ptr_equal(so_endpoint_find(so_str_c(e->method), so_str_c(e->path), NULL), e);
        assert_true(strlen(e->summary) > 0);
        assert_null(so_endpoint_find(SO_STR("TRACE"), so_str_c(e->path), NULL));
    }
    static const char *const NONE[] = {"", "/", "//", "/user/", "/users", "/admin/users/", "/admin/users/a/b", "user"};
    for (size_t i = 0; i < COUNT_OF(NONE); i++)
        if (so_endpoint_find(SO_STR("GET"), so_str_c(NONE[i]), NULL) != NULL ||
            so_endpoint_methods(so_str_c(NONE[i]), &arena).n != 0)
            fail_msg("%s", NONE[i]);
}

static void only_public_endpoints_are_quick(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        bool quick;
    } ROWS[] = {{"GET", "/.well-known/jwks.json", true},
                {"GET", "/health", true},
                {"GET", "/settings", true},
                {"POST", "/signup", false},
                {"POST", "/token", false},
                {"GET", "/user", false},
                {"POST", "/logout", false},
                {"GET", "/nowhere", true},
                {"GET", "/admin/users", false}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const struct so_auth_in in = {.method = so_str_c(ROWS[i].method), .path = so_str_c(ROWS[i].path)};
        if (so_auth_is_quick(&in) != ROWS[i].quick)
            fail_msg("%s", ROWS[i].path);
    }
}

static void a_new_account_looks_as_the_client_expects(void **state)
{
    (void)state;
    struct answer a =
        send("POST", "/signup", "{\"email\":\"Ada@Example.com\",\"password\":\"secret-1\",\"data\":{\"name\":\"Ada\"}}");
    assert_answer(a, 200, "");
    const char *id = text(&a, "/user/id");
    assert_string_equal(text(&a, "/token_type"), "bearer");
    assert_int_equal(at(&a, "/expires_in")->u.i, 3600);
    assert_int_equal(at(&a, "/expires_at")->u.i, START + 3600);
    assert_string_equal(text(&a, "/user/email"), "ada@example.com");
    assert_string_equal(text(&a, "/user/aud"), "authenticated");
    assert_string_equal(text(&a, "/user/role"), "authenticated");
    assert_string_equal(text(&a, "/user/phone"), "");
    assert_string_equal(text(&a, "/user/email_confirmed_at"), "2027-01-15T08:00:00.000000Z");
    assert_string_equal(text(&a, "/user/confirmed_at"), "2027-01-15T08:00:00.000000Z");
    assert_string_equal(text(&a, "/user/user_metadata/name"), "Ada");
    assert_string_equal(text(&a, "/user/user_metadata/sub"), id);
    assert_string_equal(text(&a, "/user/app_metadata/provider"), "email");
    assert_string_equal(text(&a, "/user/app_metadata/providers/0"), "email");
    assert_string_equal(text(&a, "/user/identities/0/identity_data/email"), "ada@example.com");
    assert_string_equal(text(&a, "/user/identities/0/id"), id);
    assert_int_equal(at(&a, "/user/is_anonymous")->type, SO_JSON_FALSE);
    assert_null(at(&a, "/user/banned_until"));
    assert_int_equal(so_str_find(a.body, SO_STR("argon2")), SO_STR_NONE);
    assert_string_equal(header(&a, "Cache-Control"), "no-store");

    struct so_json claims = claims_of(text(&a, "/access_token"));
    assert_str(so_json_get_str(&claims, SO_STR("iss")), "http://127.0.0.1:54321/auth/v1");
    assert_str(so_json_get_str(&claims, SO_STR("sub")), id);
    assert_str(so_json_get_str(&claims, SO_STR("aud")), "authenticated");
    assert_str(so_json_get_str(&claims, SO_STR("aal")), "aal1");
    assert_str(so_json_get_str(so_json_at(&claims, SO_STR("/amr/0")), SO_STR("method")), "password");
    assert_int_equal(so_json_at(&claims, SO_STR("/amr/0/timestamp"))->u.i, START);
    assert_int_equal(so_json_get(&claims, SO_STR("exp"))->u.i, START + 3600);
    assert_int_equal(so_json_get(&claims, SO_STR("is_anonymous"))->type, SO_JSON_FALSE);
    assert_int_equal(so_json_get_str(&claims, SO_STR("session_id")).n, 36);

    struct answer me = who_am_i(text(&a, "/access_token"));
    assert_answer(me, 200, "");
    assert_string_equal(text(&me, "/id"), id);
}

static void errors_have_the_form_the_client_asks_for(void **state)
{
    (void)state;
    struct answer a = send("GET", "/user", NULL);
    assert_string_equal(header(&a, "X-Supabase-Api-Version"), "2024-01-01");
    assert_string_equal(header(&a, "x-sb-error-code"), "no_authorization");
    assert_non_null(at(&a, "/message"));
    a = send("GET", "/user", NULL, NULL, NULL, NULL, "");
    assert_string_equal(header(&a, "X-Supabase-Api-Version"), "");
    assert_int_equal(at(&a, "/code")->u.i, 401);
    assert_string_equal(text(&a, "/error_code"), "no_authorization");
    assert_non_null(at(&a, "/msg"));
    a = send("PATCH", "/user", NULL);
    assert_string_equal(header(&a, "Allow"), "GET, PUT");
    a = send("POST", "/signup", "{\"email\":\"x@example.com\",\"password\":\"1\"}");
    assert_string_equal(text(&a, "/weak_password/reasons/0"), "length");
    a = send("GET", "/settings", NULL, "");
    assert_string_equal(text(&a, "/message"), "No API key found in request");
    a = send("GET", "/settings", NULL, "nonsense");
    assert_string_equal(text(&a, "/message"), "Invalid API key");
}

static void the_key_set_verifies_tokens_and_holds_no_secret(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    struct answer keys = send("GET", "/.well-known/jwks.json", NULL, "");
    struct so_jwks set = {0};
    struct so_err err = SO_ERR_INIT;
    struct so_json claims;
    assert_int_equal(at(&keys, "/keys")->len, 2); /* the current key, and the next one before it is needed */
    assert_null(at(&keys, "/keys/1/d"));
    assert_string_equal(text(&keys, "/keys/0/kty"), "EC");
    assert_string_equal(text(&keys, "/keys/0/alg"), "ES256");
    assert_true(strlen(text(&keys, "/keys/0/kid")) > 0);
    assert_null(at(&keys, "/keys/0/d"));
    assert_string_equal(header(&keys, "Cache-Control"), "public, max-age=600");
    must(so_jwks_parse(&keys.json, &set, &err), &err);
    must(so_jwt_verify(&set, so_str_c(text(&a, "/access_token")), &(struct so_jwt_checks){.now = START}, &arena, &claims,
                       NULL, &err),
         &err);
    so_jwks_clear(&set);
}

/* ---- the account's own changes ---- */

static void metadata_is_merged_and_null_takes_away(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    const char *token = text(&a, "/access_token");
    a = send("PUT", "/user", "{\"data\":{\"a\":1,\"b\":{\"c\":[1.50]}}}", NULL, token);
    assert_answer(a, 200, "");
    a = send("PUT", "/user", "{\"data\":{\"a\":null,\"d\":\"x\"}}", NULL, token);
    assert_null(at(&a, "/user_metadata/a"));
    assert_string_equal(text(&a, "/user_metadata/d"), "x");
    assert_string_equal(text(&a, "/user_metadata/email"), "ada@example.com");
    assert_int_not_equal(so_str_find(a.body, SO_STR("1.50")), SO_STR_NONE);
    assert_answer(send("PUT", "/user", "{\"app_metadata\":{\"a\":1}}", NULL, token), 403, "not_admin");
}

/* CVE-2020-15366 and its like: in some languages this name is a door. */
static void metadata_names_are_plain_data(void **state)
{
    (void)state;
    struct answer me = sign_up("ada@example.com", "secret-1");
    const char *token = text(&me, "/access_token");
    struct answer a = send("PUT", "/user", "{\"data\":{\"__proto__\":{\"is_admin\":true},\"constructor\":1}}", NULL, token);
    assert_answer(a, 200, "");
    assert_int_equal(at(&a, "/user_metadata/__proto__/is_admin")->type, SO_JSON_TRUE);
    assert_null(at(&a, "/user_metadata/is_admin"));
    assert_string_equal(text(&a, "/role"), "authenticated");
}

static void metadata_has_a_limit_and_a_large_one_does_not_lock_its_owner_out(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    char *big = malloc(40000);
    assert_non_null(big);
    snprintf(big, 40000, "{\"data\":{\"x\":\"%0*d\"}}", 15000, 0);
    assert_answer(send("PUT", "/user", big, NULL, text(&a, "/access_token")), 200, "");
    a = sign_in("ada@example.com", "secret-1");
    assert_answer(a, 200, "");
    a = who_am_i(text(&a, "/access_token"));
    assert_int_equal(strlen(text(&a, "/user_metadata/x")), 15000);
    snprintf(big, 40000, "{\"data\":{\"y\":\"%0*d\"}}", 15000, 0);
    a = sign_in("ada@example.com", "secret-1");
    assert_answer(send("PUT", "/user", big, NULL, text(&a, "/access_token")), 400, "validation_failed");
    free(big);
}

static void a_new_password_works_and_ends_the_other_sessions(void **state)
{
    (void)state;
    struct answer other = sign_up("ada@example.com", "secret-1"), mine = sign_in("ada@example.com", "secret-1");
    const char *token = text(&mine, "/access_token");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-1\"}", NULL, token), 422, "same_password");
    assert_answer(send("PUT", "/user", "{\"password\":\"\"}", NULL, token), 422, "weak_password");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-2\",\"current_password\":\"wrong\"}", NULL, token), 400,
                  "current_password_invalid");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-2\",\"current_password\":\"secret-1\"}", NULL, token), 200,
                  "");
    assert_answer(who_am_i(token), 200, "");
    assert_answer(who_am_i(text(&other, "/access_token")), 403, "session_not_found");
    assert_answer(refresh(text(&other, "/refresh_token")), 400, "refresh_token_not_found");
    assert_answer(sign_in("ada@example.com", "secret-1"), 400, "invalid_credentials");
    assert_answer(sign_in("ada@example.com", "secret-2"), 200, "");
}

static void a_new_address_counts_at_once_unless_it_is_taken(void **state)
{
    (void)state;
    sign_up("bob@example.com", "secret-1");
    struct answer a = sign_up("ada@example.com", "secret-1");
    const char *token = text(&a, "/access_token");
    assert_answer(send("PUT", "/user", "{\"email\":\"BOB@example.com\"}", NULL, token), 422, "email_exists");
    assert_answer(send("PUT", "/user", "{\"email\":\"x\"}", NULL, token), 400, "validation_failed");
    a = send("PUT", "/user", "{\"email\":\"lovelace@example.com\"}", NULL, token);
    assert_answer(a, 200, "");
    assert_string_equal(text(&a, "/email"), "lovelace@example.com");
    assert_string_equal(text(&a, "/identities/0/email"), "lovelace@example.com");
    assert_int_equal(at(&a, "/identities")->len, 1);
    assert_answer(sign_in("ada@example.com", "secret-1"), 400, "invalid_credentials");
    assert_answer(sign_in("lovelace@example.com", "secret-1"), 200, "");
}

static void an_anonymous_user_can_become_a_lasting_one(void **state)
{
    (void)state;
    struct answer a = send("POST", "/signup", "{\"data\":{\"cart\":3}}");
    assert_answer(a, 200, "");
    const char *token = text(&a, "/access_token"), *id = text(&a, "/user/id");
    assert_int_equal(at(&a, "/user/is_anonymous")->type, SO_JSON_TRUE);
    assert_int_equal(at(&a, "/user/identities")->len, 0);
    assert_string_equal(text(&a, "/user/email"), "");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-1\"}", NULL, token), 422, "validation_failed");
    a = send("PUT", "/user", "{\"email\":\"ada@example.com\",\"password\":\"secret-1\"}", NULL, token);
    assert_answer(a, 200, "");
    assert_int_equal(at(&a, "/is_anonymous")->type, SO_JSON_FALSE);
    a = sign_in("ada@example.com", "secret-1");
    assert_string_equal(text(&a, "/user/id"), id);
    assert_int_equal(at(&a, "/user/user_metadata/cart")->u.i, 3);
}

static void switches_close_doors(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    settings.signup_disabled = true;
    settings.anonymous_enabled = false;
    so_auth_close(auth);
    open_auth(&settings);
    assert_answer(send("POST", "/signup", "{\"email\":\"a@b.c\",\"password\":\"secret-1\"}"), 422, "signup_disabled");
    settings.signup_disabled = false;
    so_auth_close(auth);
    open_auth(&settings);
    assert_answer(send("POST", "/signup", "{}"), 422, "anonymous_provider_disabled");
}

/* ---- administration ---- */

static void an_administrator_makes_changes_and_deletes_accounts(void **state)
{
    (void)state;
    struct answer a = send("POST", "/admin/users",
                           "{\"id\":\"11111111-2222-4333-8444-55555555AAAA\",\"email\":\"eve@example.com\","
                           "\"password\":\"secret-1\",\"phone\":\"+4915112345\",\"user_metadata\":{\"n\":1},"
                           "\"app_metadata\":{\"plan\":\"pro\"}}",
                           SERVICE_KEY);
    assert_answer(a, 200, "");
    assert_string_equal(text(&a, "/id"), "11111111-2222-4333-8444-55555555aaaa");
    assert_string_equal(text(&a, "/phone"), "4915112345");
    assert_string_equal(text(&a, "/app_metadata/plan"), "pro");
    assert_string_equal(text(&a, "/app_metadata/providers/1"), "phone");
    assert_answer(sign_in("eve@example.com", "secret-1"), 400, "email_not_confirmed");
    assert_answer(send("POST", "/admin/users",
                       "{\"id\":\"11111111-2222-4333-8444-55555555aaaa\",\"email\":\"f@example.com\"}", SERVICE_KEY),
                  422, "user_already_exists");

    const char *path = "/admin/users/11111111-2222-4333-8444-55555555aaaa";
    a = send("PUT", path, "{\"email_confirm\":true,\"app_metadata\":{\"plan\":null,\"seats\":5}}", SERVICE_KEY);
    assert_answer(a, 200, "");
    assert_null(at(&a, "/app_metadata/plan"));
    a = sign_in("eve@example.com", "secret-1");
    assert_answer(a, 200, "");
    struct so_json claims = claims_of(text(&a, "/access_token"));
    assert_int_equal(so_json_at(&claims, SO_STR("/app_metadata/seats"))->u.i, 5);

    assert_answer(send("PUT", path, "{\"password\":\"secret-2\"}", SERVICE_KEY), 200, "");
    assert_answer(who_am_i(text(&a, "/access_token")), 403, "session_not_found");
    a = sign_in("eve@example.com", "secret-2");
    assert_answer(send("DELETE", path, "{\"should_soft_delete\":false}", SERVICE_KEY), 200, "");
    assert_answer(who_am_i(text(&a, "/access_token")), 403, "user_not_found");
    assert_answer(send("GET", path, NULL, SERVICE_KEY), 404, "user_not_found");
}

static void a_softly_deleted_account_is_empty_and_closed(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    const char *path = so_arena_printf(&arena, "/admin/users/%s", text(&a, "/user/id")).p;
    assert_answer(send("DELETE", path, "{\"should_soft_delete\":true}", SERVICE_KEY), 200, "");
    assert_answer(sign_in("ada@example.com", "secret-1"), 400, "invalid_credentials");
    a = send("GET", path, NULL, SERVICE_KEY);
    assert_string_equal(text(&a, "/email"), "");
    assert_non_null(at(&a, "/deleted_at"));
    sign_up("ada@example.com", "secret-1"); /* the address is free again */
}

static void a_ban_closes_every_door_and_can_be_lifted(void **state)
{
    (void)state;
    struct answer a = sign_up("ada@example.com", "secret-1");
    const char *path = so_arena_printf(&arena, "/admin/users/%s", text(&a, "/user/id")).p,
               *token = text(&a, "/access_token");
    const char *authorization = so_arena_printf(&arena, "Bearer %s", token).p;
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    must(identify(ANON_KEY, authorization, &who, &err), &err);
    a = send("PUT", path, "{\"ban_duration\":\"1h30m\"}", SERVICE_KEY);
    assert_string_equal(text(&a, "/banned_until"), "2027-01-15T09:30:00.000000Z");
    assert_answer(who_am_i(token), 403, "user_banned");
    assert_answer(sign_in("ada@example.com", "secret-1"), 400, "user_banned");
    assert_answer(sign_in("ada@example.com", "wrong"), 400, "invalid_credentials"); /* only the owner learns of it */
    assert_int_equal(identify(ANON_KEY, authorization, &who, &err), SO_EAUTH);
    assert_answer(send("PUT", path, "{\"ban_duration\":\"none\"}", SERVICE_KEY), 200, "");
    err = SO_ERR_INIT;
    must(identify(ANON_KEY, authorization, &who, &err), &err);
    assert_answer(who_am_i(token), 200, "");
    assert_answer(send("PUT", path, "{\"ban_duration\":\"1h\"}", SERVICE_KEY), 200, "");
    pass_seconds(3601);
    assert_answer(sign_in("ada@example.com", "secret-1"), 200, "");
}

static void accounts_are_listed_in_pages_newest_first(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        sign_up(so_arena_printf(&arena, "u%d@example.com", i).p, "secret-1");
        pass_seconds(1);
    }
    struct answer a = send("GET", "/admin/users?page=1&per_page=2", NULL, SERVICE_KEY);
    assert_int_equal(at(&a, "/users")->len, 2);
    assert_string_equal(text(&a, "/users/0/email"), "u4@example.com");
    assert_string_equal(text(&a, "/users/0/identities/0/provider"), "email");
    assert_string_equal(text(&a, "/aud"), "authenticated");
    assert_string_equal(header(&a, "X-Total-Count"), "5");
    assert_string_equal(header(&a, "Link"), "</admin/users?page=2&per_page=2>; rel=\"next\", "
                                            "</admin/users?page=3&per_page=2>; rel=\"last\"");
    a = send("GET", "/admin/users?page=3&per_page=2", NULL, SERVICE_KEY);
    assert_int_equal(at(&a, "/users")->len, 1);
    assert_string_equal(header(&a, "Link"), "</admin/users?page=3&per_page=2>; rel=\"last\"");
    a = send("GET", "/admin/users?page=99999999999999&per_page=9999999", NULL, SERVICE_KEY);
    assert_int_equal(at(&a, "/users")->len, 0);
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* ---- docs/auth.md ---- */

static struct so_str read_docs(void)
{
    struct so_buf text;
    struct so_err err = SO_ERR_INIT;
    const char *tests = getenv("SOCLE_TEST_DATA");
    so_buf_init(&text, 1 << 20);
    must(so_fs_read(so_arena_printf(&arena, "%s/../docs/auth.md", tests == NULL ? "tests" : tests).p, &text, &err), &err);
    struct so_str copy = so_arena_dup(&arena, so_buf_str(&text));
    so_buf_deinit(&text);
    return copy;
}

static void the_documentation_has_every_endpoint_and_no_other(void **state)
{
    (void)state;
    static const char *const WHO[] = {
        [SO_ACCESS_OPEN] = "open", [SO_ACCESS_KEY] = "key", [SO_ACCESS_USER] = "user", [SO_ACCESS_ADMIN] = "admin"};
    struct so_str docs = read_docs(), line;
    size_t count = 0, rows = 0;
    for (const struct so_endpoint *e; (e = so_endpoint_at(count)) != NULL; count++) {
        const struct so_auth_limit_row *limit = so_auth_limit_row(e->limit);
        struct so_str times =
            limit->max == 0 ? SO_STR("-") : so_arena_printf(&arena, "%u in %lld s", limit->max, (long long)limit->window);
        struct so_str row =
            so_arena_printf(&arena, "\n| `%s %s` | %s | %.*s |", e->method, e->path, WHO[e->access], SO_STR_ARG(times));
        if (so_str_find(docs, row) == SO_STR_NONE)
            fail_msg("docs/auth.md has no row%s", row.p);
    }
    while (so_str_split(&docs, '\n', &line))
        rows += so_str_starts(line, SO_STR("| `GET /")) || so_str_starts(line, SO_STR("| `POST /")) ||
                so_str_starts(line, SO_STR("| `PUT /")) || so_str_starts(line, SO_STR("| `DELETE /"));
    assert_int_equal(rows, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(each_request_gets_its_answer),
        cmocka_unit_test(every_endpoint_is_found_and_only_by_its_method),
        cmocka_unit_test(only_public_endpoints_are_quick),
        WITH_SERVICE(a_new_account_looks_as_the_client_expects),
        WITH_SERVICE(errors_have_the_form_the_client_asks_for),
        WITH_SERVICE(the_key_set_verifies_tokens_and_holds_no_secret),
        WITH_SERVICE(metadata_is_merged_and_null_takes_away),
        WITH_SERVICE(metadata_names_are_plain_data),
        WITH_SERVICE(metadata_has_a_limit_and_a_large_one_does_not_lock_its_owner_out),
        WITH_SERVICE(a_new_password_works_and_ends_the_other_sessions),
        WITH_SERVICE(a_new_address_counts_at_once_unless_it_is_taken),
        WITH_SERVICE(an_anonymous_user_can_become_a_lasting_one),
        WITH_SERVICE(switches_close_doors),
        WITH_SERVICE(an_administrator_makes_changes_and_deletes_accounts),
        WITH_SERVICE(a_softly_deleted_account_is_empty_and_closed),
        WITH_SERVICE(a_ban_closes_every_door_and_can_be_lifted),
        WITH_SERVICE(accounts_are_listed_in_pages_newest_first),
        WITH_SERVICE(the_documentation_has_every_endpoint_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
