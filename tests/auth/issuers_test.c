/* issuers_test.c: tokens of other issuers: whose keys, which role, and what they are not good for. */
#include "provider_fixture.h"

#include "auth/issuers.h"
#include "core/fs.h"

static struct so_auth_settings issuer_settings(const char *text)
{
    struct so_auth_settings settings = default_settings();
    settings.fetcher = &elsewhere.fetcher;
    settings.jwt_issuers = so_str_c(text);
    return settings;
}

static void reopen(const char *text)
{
    struct so_auth_settings settings = issuer_settings(text);
    so_auth_close(auth);
    open_auth(&settings);
}

static int set_up_issuers(void **state)
{
    set_up(state);
    open_elsewhere();
    return 0;
}

static int tear_down_issuers(void **state)
{
    int rc = tear_down(state);
    close_elsewhere();
    return rc;
}

static const char *token_of(const char *iss, const char *more)
{
    return signed_with(
        elsewhere.key,
        so_arena_printf(&arena, "{\"iss\":\"%s\",\"sub\":\"auth0|7\",\"exp\":%lld%s}", iss, (long long)START + 300, more).p);
}

/* Keys are read by another thread: asks again until it has them, or says no for another reason. */
static int identify_soon(const char *token, struct so_identity *out, struct so_err *err)
{
    struct so_str bearer = so_arena_printf(&arena, "Bearer %s", token);
    for (int i = 0; i < 2000; i++) {
        *err = SO_ERR_INIT;
        int rc = identify(ANON_KEY, bearer.p, out, err);
        if (rc == SO_OK || strstr(err->message, "could not be read yet") == NULL)
            return rc;
        usleep(1000);
    }
    return SO_ETIMEOUT;
}

static void their_tokens_are_good_for_the_data(void **state)
{
    (void)state;
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    reopen(ISSUER "=" ISSUER "/jwks");
    must(identify_soon(token_of(ISSUER, ",\"role\":\"service_role\",\"session_id\":\"x\""), &who, &err), &err);
    assert_int_equal(who.role, SO_ROLE_AUTHENTICATED); /* what the settings say, not the token */
    assert_str(who.uid, "auth0|7");
    assert_null(who.session_id.p);
    assert_true(so_str_find(who.claims, SO_STR("auth0|7")) != SO_STR_NONE);
}

static const struct {
    const char *label, *issuers, *more;
    enum so_role role;
} ROLES[] = {
    {"fixed", ISSUER "=" ISSUER "/jwks role=anon", "", SO_ROLE_ANON},
    {"mapped", ISSUER "=" ISSUER "/jwks role_claim=kind roles=admin:service_role|guest:anon", ",\"kind\":\"admin\"",
     SO_ROLE_SERVICE},
    {"mapped, second", ISSUER "=" ISSUER "/jwks role_claim=kind roles=admin:service_role|guest:anon", ",\"kind\":\"guest\"",
     SO_ROLE_ANON},
    {"in an array", ISSUER "=" ISSUER "/jwks role_claim=/a/roles roles=admin:service_role",
     ",\"a\":{\"roles\":[\"x\",\"admin\"]}", SO_ROLE_SERVICE},
    {"not mapped", ISSUER "=" ISSUER "/jwks role_claim=kind roles=admin:service_role role=anon",
     ",\"kind\":\"service_role\"", SO_ROLE_ANON},
    {"no claim", ISSUER "=" ISSUER "/jwks role_claim=kind roles=admin:service_role", "", SO_ROLE_AUTHENTICATED},
    {"claim of another type", ISSUER "=" ISSUER "/jwks role_claim=kind roles=1:service_role", ",\"kind\":1",
     SO_ROLE_AUTHENTICATED},
};

static void roles_are_given_by_the_settings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROLES); i++) {
        struct so_identity who;
        struct so_err err = SO_ERR_INIT;
        reopen(ROLES[i].issuers);
        must(identify_soon(token_of(ISSUER, ROLES[i].more), &who, &err), &err);
        if (who.role != ROLES[i].role)
            fail_msg("%s: %d", ROLES[i].label, (int)who.role);
    }
}

static void other_tokens_stay_out(void **state)
{
    (void)state;
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    const char *good = token_of(ISSUER, ",\"aud\":\"api\"");
    reopen(ISSUER "=" ISSUER "/jwks aud=api");
    must(identify_soon(good, &who, &err), &err);
    assert_int_equal(identify_soon(token_of(ISSUER, ",\"aud\":\"other\""), &who, &err), SO_EAUTH);
    assert_int_equal(identify_soon(token_of(ISSUER, ""), &who, &err), SO_EAUTH);
    assert_int_equal(identify_soon(token_of(ISSUER "/", ",\"aud\":\"api\""), &who, &err), SO_EAUTH);
    assert_int_equal(identify_soon(token_of("http://127.0.0.1:54321/auth/v1", ",\"aud\":\"api\""), &who, &err), SO_EAUTH);
    struct so_jwk *known = so_jwk_ref(elsewhere.key);
    new_key();
    assert_int_equal(identify_soon(token_of(ISSUER, ",\"aud\":\"api\""), &who, &err), SO_EAUTH);
    so_jwk_unref(known);
    assert_int_equal(
        identify_soon(foreign_token("another-secret-another-secret-123", "{\"iss\":\"" ISSUER "\"}"), &who, &err), SO_EAUTH);
    pass_seconds(301 + 30);
    assert_int_equal(identify_soon(good, &who, &err), SO_EAUTH);
    assert_string_equal(err.id, "PGRST303");
}

static void they_are_neither_keys_nor_accounts(void **state)
{
    (void)state;
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    struct answer ada = sign_up("ada@example.com", "secret-1");
    reopen(ISSUER "=" ISSUER "/jwks role=service_role");
    const char *as_ada = signed_with(
        elsewhere.key,
        so_arena_printf(&arena, "{\"iss\":\"" ISSUER "\",\"sub\":\"%s\",\"exp\":2000000000}", text(&ada, "/user/id")).p);
    const char *nobody = signed_with(elsewhere.key, "{\"iss\":\"" ISSUER "\",\"exp\":2000000000}");
    must(identify_soon(as_ada, &who, &err), &err);
    assert_answer(who_am_i(as_ada), 403, "bad_jwt");
    must(identify_soon(nobody, &who, &err), &err);
    assert_int_equal(who.role, SO_ROLE_SERVICE);
    assert_int_equal(identify(nobody, NULL, &who, &err), SO_EAUTH);
    assert_answer(send("GET", "/admin/users", NULL, NULL, nobody), 403, "bad_jwt");
}

static void a_new_key_is_read_when_a_token_names_it(void **state)
{
    (void)state;
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    reopen(ISSUER "=" ISSUER "/jwks");
    must(identify_soon(token_of(ISSUER, ""), &who, &err), &err);
    const char *old = token_of(ISSUER, "");
    new_key();
    publish_key();
    const char *token = token_of(ISSUER, "");
    unsigned before = calls();
    for (int i = 0; i < 50; i++) /* a flood of unknown keys is one question at most, and none right after the last */
        assert_int_equal(identify_soon(token, &who, &err), SO_EAUTH);
    assert_int_equal(calls(), before);
    pass_seconds(31);
    int rc = SO_EAUTH;
    for (int i = 0; i < 5000 && rc != SO_OK; i++) {
        rc = identify_soon(token, &who, &err);
        if (rc != SO_OK)
            usleep(1000);
    }
    must(rc, &err);
    assert_int_equal(calls(), before + 1);
    assert_int_equal(identify_soon(old, &who, &err), SO_EAUTH); /* what the issuer took back is not good from any cache */
}

static void keys_in_a_file_lie_beside_the_app(void **state)
{
    (void)state;
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    struct so_str path = so_arena_printf(&arena, "%s/idp.json", directory);
    must(so_fs_write(path.p, so_str_c(key_set_of(elsewhere.key)), 0600, false, &err), &err);
    struct so_auth_settings settings = issuer_settings(ISSUER "=idp.json");
    settings.app_folder = directory;
    settings.fetcher = NULL;
    so_auth_close(auth);
    open_auth(&settings);
    must(identify_soon(token_of(ISSUER, ""), &who, &err), &err);
}

static void a_setting_that_means_nothing_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "https://idp.example",
        "=https://idp.example/jwks",
        ISSUER "=x role=admin",
        ISSUER "=x color=red",
        ISSUER "=x role_claim=kind",
        ISSUER "=x roles=a:anon",
        ISSUER "=x,",
        ISSUER "=x role_claim=k roles=a",
        ISSUER "=x role_claim=k roles=:anon",
        ISSUER "=",
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct so_auth_settings settings = issuer_settings(BAD[i]);
        struct so_err err = SO_ERR_INIT;
        so_auth_close(auth);
        auth = NULL;
        if (so_auth_open(db, &settings, &auth, &err) != SO_EINVAL || strstr(err.message, "SOCLE_JWT_ISSUERS") == NULL)
            fail_msg("%s: %s", BAD[i], err.message);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_issuers, tear_down_issuers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(their_tokens_are_good_for_the_data),
        TEST(roles_are_given_by_the_settings),
        TEST(other_tokens_stay_out),
        TEST(they_are_neither_keys_nor_accounts),
        TEST(a_new_key_is_read_when_a_token_names_it),
        TEST(keys_in_a_file_lie_beside_the_app),
        TEST(a_setting_that_means_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
