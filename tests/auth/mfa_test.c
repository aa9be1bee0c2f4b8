/* mfa_test.c: second factors: what lifts a session to aal2, what takes it down again, and what nobody may do at aal1. */
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

static const char *claim(const char *token, const char *pointer)
{
    struct so_json claims = claims_of(token);
    const struct so_json *v = so_json_at(&claims, so_str_c(pointer));
    return v == NULL || v->type != SO_JSON_STRING ? "" : so_arena_dup(&arena, so_json_str(v)).p;
}

static bool is_welcome(const char *token)
{
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    return identify(ANON_KEY, printed("Bearer %s", token), &who, &err) == SO_OK;
}

/* ---- an authenticator app ---- */

struct app {
    const char *id, *secret;
};

static struct answer enroll_as(const char *token, const char *name)
{
    return send("POST", "/factors", printed("{\"factor_type\":\"totp\",\"friendly_name\":\"%s\"}", name), NULL, token);
}

static struct app enroll(const char *token, const char *name)
{
    struct answer a = enroll_as(token, name);
    assert_answer(a, 200, "");
    return (struct app){text(&a, "/id"), text(&a, "/totp/secret")};
}

static const char *code_of(struct app app)
{
    char code[7];
    assert_true(so_totp_code(so_str_c(app.secret), so_clock_now() / 30, code));
    return printed("%s", code);
}

static struct answer challenge(const char *token, const char *id)
{
    return send("POST", printed("/factors/%s/challenge", id), "{}", NULL, token);
}

static struct answer verify_with(const char *token, const char *id, const char *challenge_id, const char *code)
{
    return send("POST", printed("/factors/%s/verify", id),
                printed("{\"challenge_id\":\"%s\",\"code\":\"%s\"}", challenge_id, code), NULL, token);
}

static struct answer pass(const char *token, struct app app, const char *code)
{
    struct answer c = challenge(token, app.id);
    assert_answer(c, 200, "");
    return verify_with(token, app.id, text(&c, "/id"), code);
}

/* A session at aal2 of a new account, and its app. */
static struct answer lifted(const char *email, struct app *out_app)
{
    struct answer first = sign_up(email, "secret-1");
    *out_app = enroll(token_of(&first), "phone");
    struct answer second = pass(token_of(&first), *out_app, code_of(*out_app));
    assert_answer(second, 200, "");
    pass_seconds(30); /* the next code */
    return second;
}

/* ---- enrolling and passing ---- */

static void an_app_is_enrolled_and_lifts_the_session(void **state)
{
    (void)state;
    struct answer first = sign_up("ada@example.com", "secret-1");
    assert_string_equal(claim(token_of(&first), "/aal"), "aal1");
    struct answer a = enroll_as(token_of(&first), "phone");
    assert_answer(a, 200, "");
    assert_string_equal(text(&a, "/type"), "totp");
    assert_string_equal(text(&a, "/friendly_name"), "phone");
    assert_true(so_str_starts(so_str_c(text(&a, "/totp/qr_code")), SO_STR("<svg ")));
    assert_true(so_str_starts(so_str_c(text(&a, "/totp/uri")),
                              SO_STR("otpauth://totp/127.0.0.1%3A54321:ada%40example.com?algorithm=SHA1")));
    struct app app = {text(&a, "/id"), text(&a, "/totp/secret")};
    struct answer me = who_am_i(token_of(&first));
    assert_string_equal(text(&me, "/factors/0/status"), "unverified");

    struct answer c = challenge(token_of(&first), app.id);
    assert_answer(c, 200, "");
    assert_int_equal(at(&c, "/expires_at")->u.i, START + 300);
    pass_seconds(7);
    struct answer second = verify_with(token_of(&first), app.id, text(&c, "/id"), code_of(app));
    assert_answer(second, 200, "");
    assert_string_equal(claim(token_of(&second), "/aal"), "aal2");
    assert_string_equal(claim(token_of(&second), "/amr/0/method"), "totp");
    assert_string_equal(claim(token_of(&second), "/amr/1/method"), "password");
    assert_string_equal(claim(token_of(&second), "/session_id"), claim(token_of(&first), "/session_id"));
    assert_string_equal(text(&second, "/user/factors/0/status"), "verified");
    assert_string_equal(text(&second, "/user/factors/0/factor_type"), "totp");
    assert_null(at(&second, "/user/factors/0/secret"));
    struct answer third = refresh(text(&second, "/refresh_token"));
    assert_string_equal(claim(token_of(&third), "/aal"), "aal2");
}

static void enrolling_has_rules(void **state)
{
    (void)state;
    static const struct {
        const char *label, *body;
        int status;
        const char *code;
    } CASES[] = {
        {"no type", "{}", 400, "validation_failed"},
        {"unknown type", "{\"factor_type\":\"smoke\"}", 400, "validation_failed"},
        {"phone", "{\"factor_type\":\"phone\",\"phone\":\"+491\"}", 422, "mfa_phone_enroll_not_enabled"},
        {"security key", "{\"factor_type\":\"webauthn\"}", 422, "mfa_webauthn_enroll_not_enabled"},
        {"a name that is taken", "{\"factor_type\":\"totp\",\"friendly_name\":\"phone\"}", 422, "mfa_factor_name_conflict"},
        {"another name", "{\"factor_type\":\"totp\",\"friendly_name\":\"tablet\",\"issuer\":\"Shop\"}", 200, ""},
    };
    struct answer me = sign_up("ada@example.com", "secret-1");
    enroll(token_of(&me), "phone");
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct answer a = send("POST", "/factors", CASES[i].body, NULL, token_of(&me));
        if (a.status != CASES[i].status || strcmp(text(&a, "/code"), CASES[i].code) != 0)
            fail_msg("%s: got %d %.*s", CASES[i].label, a.status, SO_STR_ARG(a.body));
    }
    for (int i = 2; i < 10; i++)
        enroll(token_of(&me), printed("n%d", i));
    assert_answer(enroll_as(token_of(&me), "one more"), 422, "too_many_enrolled_mfa_factors");
    pass_seconds(301); /* nobody verified them */
    enroll(token_of(&me), "phone");
    struct answer nobody = send("POST", "/signup", "{}");
    assert_answer(enroll_as(token_of(&nobody), "phone"), 403, "no_authorization");
    assert_answer(enroll_as(NULL, "phone"), 401, "no_authorization");
}

static void a_wrong_code_or_challenge_is_refused(void **state)
{
    (void)state;
    struct answer me = sign_up("ada@example.com", "secret-1"), other = sign_up("bob@example.com", "secret-1");
    struct app app = enroll(token_of(&me), "phone");
    const char *token = token_of(&me), *nowhere = "00000000-0000-4000-8000-000000000000";
    const char *code = code_of(app), *wrong = strcmp(code, "000000") == 0 ? "000001" : "000000";
    struct answer c = challenge(token, app.id);
    const char *id = text(&c, "/id");
    assert_answer(verify_with(token, app.id, id, wrong), 422, "mfa_verification_failed");
    assert_answer(verify_with(token, app.id, id, ""), 400, "validation_failed");
    assert_answer(verify_with(token, app.id, nowhere, code), 422, "mfa_factor_not_found");
    assert_answer(verify_with(token, app.id, "x", code), 422, "mfa_factor_not_found");
    assert_answer(verify_with(token, nowhere, id, code), 404, "mfa_factor_not_found");
    assert_answer(verify_with(token, "x", id, code), 404, "validation_failed");
    assert_answer(verify_with(token_of(&other), app.id, id, code), 404, "mfa_factor_not_found");
    assert_answer(challenge(token_of(&other), app.id), 404, "mfa_factor_not_found");
    struct answer elsewhere = send("POST", printed("/factors/%s/verify", app.id),
                                   printed("{\"challenge_id\":\"%s\",\"code\":\"%s\"}", id, code), NULL, token, "192.0.2.9");
    assert_answer(elsewhere, 422, "mfa_ip_address_mismatch");
    pass_seconds(300);
    assert_answer(verify_with(token, app.id, id, code_of(app)), 422, "mfa_challenge_expired");
    assert_string_equal(claim(token, "/aal"), "aal1");
}

static void a_code_is_good_once_and_a_challenge_too(void **state)
{
    (void)state;
    struct app app;
    struct answer me = sign_up("ada@example.com", "secret-1");
    app = enroll(token_of(&me), "phone");
    struct answer c = challenge(token_of(&me), app.id);
    const char *code = code_of(app);
    struct answer lifted_one = verify_with(token_of(&me), app.id, text(&c, "/id"), code);
    assert_answer(lifted_one, 200, "");
    const char *token = token_of(&lifted_one);
    assert_answer(pass(token, app, code), 422, "mfa_verification_failed");
    pass_seconds(30);
    assert_answer(pass(token, app, code), 422, "mfa_verification_failed"); /* still within the skew */
    assert_answer(verify_with(token, app.id, text(&c, "/id"), code_of(app)), 422, "mfa_ip_address_mismatch");
    assert_answer(pass(token, app, code_of(app)), 200, "");
}

/* ---- what passing one does to other sessions and tokens ---- */

static void tokens_of_before_never_become_aal2(void **state)
{
    (void)state;
    struct answer me = sign_up("ada@example.com", "secret-1"), stolen = me;
    struct app app = enroll(token_of(&me), "phone");
    struct answer lifted_one = pass(token_of(&me), app, code_of(app));
    assert_answer(lifted_one, 200, "");
    assert_answer(refresh(text(&stolen, "/refresh_token")), 400, "refresh_token_not_found"); /* within the grace window */
    assert_answer(refresh(text(&lifted_one, "/refresh_token")), 200, "");
}

static void other_sessions_at_aal1_end(void **state)
{
    (void)state;
    struct app app;
    struct answer me = lifted("ada@example.com", &app);
    struct answer weak = sign_in("ada@example.com", "secret-1");
    assert_string_equal(claim(token_of(&weak), "/aal"), "aal1");
    struct answer again = pass(token_of(&weak), app, code_of(app));
    assert_answer(again, 200, "");
    assert_true(is_welcome(token_of(&me))); /* at aal2 already */
    struct answer third = sign_in("ada@example.com", "secret-1");
    pass_seconds(30);
    assert_answer(pass(token_of(&me), app, code_of(app)), 200, "");
    assert_false(is_welcome(token_of(&third)));
    assert_answer(who_am_i(token_of(&third)), 403, "session_not_found");
    assert_true(is_welcome(token_of(&again)));
}

/* auth#2565, #2607, #2615, #2564 */
static void aal1_changes_nothing_of_a_protected_account(void **state)
{
    (void)state;
    struct app app;
    struct answer me = lifted("ada@example.com", &app);
    struct answer weak = sign_in("ada@example.com", "secret-1");
    const char *token = token_of(&weak);
    assert_answer(enroll_as(token, "another"), 403, "insufficient_aal");
    assert_answer(send("DELETE", printed("/factors/%s", app.id), NULL, NULL, token), 422, "insufficient_aal");
    assert_answer(send("POST", "/factors/recovery-codes", "", NULL, token), 403, "insufficient_aal");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-2\"}", NULL, token), 401, "insufficient_aal");
    assert_answer(send("PUT", "/user", "{\"email\":\"eve@example.com\"}", NULL, token), 401, "insufficient_aal");
    assert_answer(send("PUT", "/user", "{\"data\":{\"a\":1}}", NULL, token), 200, "");
    assert_answer(enroll_as(token_of(&me), "another"), 200, "");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-2\"}", NULL, token_of(&me)), 200, "");
}

static void taking_a_factor_away_takes_its_sessions_down(void **state)
{
    (void)state;
    struct app app;
    struct answer me = lifted("ada@example.com", &app);
    struct answer a = send("DELETE", printed("/factors/%s", app.id), NULL, NULL, token_of(&me));
    assert_answer(a, 200, "");
    assert_string_equal(text(&a, "/id"), app.id);
    struct answer next = refresh(text(&me, "/refresh_token"));
    assert_answer(next, 200, "");
    assert_string_equal(claim(token_of(&next), "/aal"), "aal1");
    assert_string_equal(claim(token_of(&next), "/amr/0/method"), "password");
    assert_null(at(&next, "/user/factors"));
}

static void an_administrator_lists_names_and_deletes_factors(void **state)
{
    (void)state;
    struct app app;
    struct answer me = lifted("ada@example.com", &app);
    const char *base = printed("/admin/users/%s/factors", text(&me, "/user/id")), *one = printed("%s/%s", base, app.id);
    struct answer list = send("GET", base, NULL, SERVICE_KEY);
    assert_answer(list, 200, "");
    assert_string_equal(text(&list, "/0/id"), app.id);
    assert_null(at(&list, "/0/secret"));
    struct answer named = send("PUT", one, "{\"friendly_name\":\"old phone\"}", SERVICE_KEY);
    assert_string_equal(text(&named, "/friendly_name"), "old phone");
    assert_answer(send("GET", base), 401, "no_authorization");
    assert_answer(send("GET", "/admin/users/00000000-0000-4000-8000-000000000000/factors", NULL, SERVICE_KEY), 404,
                  "user_not_found");
    assert_answer(send("DELETE", one, NULL, SERVICE_KEY), 200, "");
    assert_answer(send("DELETE", one, NULL, SERVICE_KEY), 404, "mfa_factor_not_found");
    /* Here at once, although the token still says aal2: the session counts. */
    assert_answer(send("POST", "/factors/recovery-codes/regenerate", "", NULL, token_of(&me)), 403, "insufficient_aal");
    struct answer next = refresh(text(&me, "/refresh_token"));
    assert_string_equal(claim(token_of(&next), "/aal"), "aal1");
}

static void factors_go_with_their_user(void **state)
{
    (void)state;
    struct app app;
    struct answer me = lifted("ada@example.com", &app);
    const char *user = printed("/admin/users/%s", text(&me, "/user/id"));
    assert_answer(send("DELETE", user, "{\"should_soft_delete\":true}", SERVICE_KEY), 200, "");
    struct answer list = send("GET", printed("%s/factors", user), NULL, SERVICE_KEY);
    assert_int_equal(list.json.len, 0);
    assert_false(is_welcome(token_of(&me)));
    assert_answer(challenge(token_of(&me), app.id), 403, "user_not_found");
}

/* ---- secrets at rest ---- */

static struct so_str stored_secret(void)
{
    struct so_conn *conn;
    struct so_stmt *st;
    struct so_err err = SO_ERR_INIT;
    bool row;
    must(so_db_reader_take(db, &conn, &err), &err);
    must(so_conn_prepare(conn, SO_STR("SELECT secret FROM auth_mfa_factors"), &st, &err), &err);
    must(so_stmt_step(st, &row, &err), &err);
    assert_true(row);
    struct so_str copy = so_arena_dup(&arena, so_stmt_text(st, 0));
    so_stmt_done(st);
    so_db_reader_give(db, conn);
    return copy;
}

static void reopen_with(const char *master)
{
    struct so_auth_settings settings = default_settings();
    settings.master_key = master == NULL ? so_str(NULL, 0) : so_str_c(master);
    so_auth_close(auth);
    auth = NULL;
    open_auth(&settings);
}

static void secrets_are_sealed_with_the_master_key(void **state)
{
    (void)state;
    static const char MASTER[] = "Zk3-vQ2mR7pL5wZ8tB4nC6dF1gH0sYa_x9";
    struct answer me = sign_up("ada@example.com", "secret-1");
    struct app app = enroll(token_of(&me), "phone");
    assert_str(stored_secret(), app.secret);
    reopen_with(MASTER);
    struct answer in = sign_in("ada@example.com", "secret-1");
    assert_answer(pass(token_of(&in), app, code_of(app)), 200, ""); /* a plain one is sealed when it is used */
    struct so_str sealed = stored_secret();
    assert_true(so_str_starts(sealed, SO_STR("sealed:")));
    assert_int_equal(so_str_find(sealed, so_str_c(app.secret)), SO_STR_NONE);
    pass_seconds(30);
    in = sign_in("ada@example.com", "secret-1");
    assert_answer(pass(token_of(&in), app, code_of(app)), 200, "");
}

/* ---- recovery codes ---- */

static struct answer use_code(const char *token, const char *code)
{
    return send("POST", "/factors/recovery-codes/verify", printed("{\"code\":\"%s\"}", code), NULL, token);
}

static void recovery_codes_lift_a_session_each_once(void **state)
{
    (void)state;
    struct app app;
    struct answer me = lifted("ada@example.com", &app);
    assert_answer(send("GET", "/factors/recovery-codes", NULL, NULL, token_of(&me)), 404, "mfa_factor_not_found");
    struct answer made = send("POST", "/factors/recovery-codes", "", NULL, token_of(&me));
    assert_answer(made, 200, "");
    assert_int_equal(at(&made, "/codes")->len, 10);
    assert_string_equal(text(&made, "/type"), "recovery_code");
    assert_answer(send("POST", "/factors/recovery-codes", "", NULL, token_of(&me)), 422, "mfa_verified_factor_exists");
    const char *code = text(&made, "/codes/3");
    assert_int_equal(strlen(code), 16);

    struct answer weak = sign_in("ada@example.com", "secret-1");
    assert_answer(use_code(token_of(&weak), "aaaaaaaaaaaaaaaa"), 422, "mfa_verification_failed");
    assert_answer(use_code(token_of(&weak), printed("%sx", code)), 422, "mfa_verification_failed");
    char typed[32];
    snprintf(typed, sizeof(typed), "%.4s-%.4s-%.4s %.4s", code, code + 4, code + 8, code + 12);
    for (char *c = typed; *c != '\0'; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    struct answer lifted_one = use_code(token_of(&weak), typed);
    assert_answer(lifted_one, 200, "");
    assert_string_equal(claim(token_of(&lifted_one), "/aal"), "aal2");
    assert_string_equal(claim(token_of(&lifted_one), "/amr/0/method"), "mfa/recovery_code");
    assert_answer(use_code(token_of(&lifted_one), code), 422, "mfa_verification_failed");
    struct answer left = send("GET", "/factors/recovery-codes", NULL, NULL, token_of(&lifted_one));
    assert_int_equal(at(&left, "/total")->u.i, 10);
    assert_int_equal(at(&left, "/remaining")->u.i, 9);

    struct answer others = send("POST", "/factors/recovery-codes/regenerate", "", NULL, token_of(&lifted_one));
    assert_answer(others, 200, "");
    assert_string_equal(text(&others, "/id"), text(&made, "/id"));
    assert_answer(use_code(token_of(&lifted_one), text(&made, "/codes/4")), 422, "mfa_verification_failed");
    assert_answer(use_code(token_of(&lifted_one), text(&others, "/codes/4")), 200, "");
}

static void recovery_codes_are_never_the_only_factor(void **state)
{
    (void)state;
    struct answer plain = sign_up("bob@example.com", "secret-1");
    assert_answer(send("POST", "/factors/recovery-codes", "", NULL, token_of(&plain)), 422,
                  "mfa_recovery_codes_sole_factor");
    assert_answer(use_code(token_of(&plain), "aaaaaaaaaaaaaaaa"), 422, "mfa_verification_failed");
    struct app app;
    struct answer me = lifted("ada@example.com", &app);
    struct answer made = send("POST", "/factors/recovery-codes", "{\"friendly_name\":\"paper\"}", NULL, token_of(&me));
    assert_string_equal(text(&made, "/friendly_name"), "paper");
    struct answer weak = sign_in("ada@example.com", "secret-1");
    struct answer by_paper = use_code(token_of(&weak), text(&made, "/codes/0"));
    assert_answer(by_paper, 200, "");
    assert_answer(send("DELETE", printed("/factors/%s", app.id), NULL, NULL, token_of(&by_paper)), 200, "");
    struct answer user = who_am_i(token_of(&by_paper));
    assert_null(at(&user, "/factors"));
    struct answer next = refresh(text(&by_paper, "/refresh_token"));
    assert_string_equal(claim(token_of(&next), "/aal"), "aal1");
}

static void recovery_codes_can_be_taken_away(void **state)
{
    (void)state;
    struct app app;
    struct answer me = lifted("ada@example.com", &app);
    struct answer made = send("POST", "/factors/recovery-codes", "", NULL, token_of(&me));
    struct answer weak = sign_in("ada@example.com", "secret-1");
    assert_answer(send("DELETE", "/factors/recovery-codes", NULL, NULL, token_of(&weak)), 422, "insufficient_aal");
    assert_answer(send("POST", "/factors/recovery-codes/regenerate", "", NULL, token_of(&weak)), 403, "insufficient_aal");
    struct answer gone = send("DELETE", "/factors/recovery-codes", NULL, NULL, token_of(&me));
    assert_answer(gone, 200, "");
    assert_string_equal(text(&gone, "/id"), text(&made, "/id"));
    assert_answer(use_code(token_of(&weak), text(&made, "/codes/0")), 422, "mfa_verification_failed");
    struct answer user = who_am_i(token_of(&me));
    assert_int_equal(at(&user, "/factors")->len, 1);
}

/* ---- memory ---- */

static int forget_factors(void *arg, struct so_conn *conn, struct so_err *err)
{
    (void)arg;
    return so_conn_exec(conn, "DELETE FROM auth_mfa_factors WHERE status = 'unverified'", err);
}

/* Each is right: until no allocation fails any more, the answer is that of always, or a failure. */
static void every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct app app;
    struct answer me = lifted("ada@example.com", &app);
    const char *token = token_of(&me), *one = printed("/factors/%s", app.id);
    const struct request REQUESTS[] = {
        {"POST", "/factors", "{\"factor_type\":\"totp\"}", NULL, token},
        {"POST", printed("%s/challenge", one), "{}", NULL, token},
        {"GET", "/user/sessions", NULL, NULL, token},
        {"GET", "/admin/audit?per_page=1&query=author:ada", NULL, SERVICE_KEY},
        {"GET", printed("/admin/users/%s/factors", text(&me, "/user/id")), NULL, SERVICE_KEY},
    };
    for (size_t i = 0; i < COUNT_OF(REQUESTS); i++) {
        bool failed = true;
        for (long n = 0; failed; n++) {
            struct so_arena own;
            so_arena_init(&own, 16 << 20);
            assert_non_null(so_alloc(&own, 1)); /* a chunk for the request itself */
            so_mem_fail_at(n);
            int status = send_in(&REQUESTS[i], &own).status;
            failed = so_mem_failed();
            so_mem_fail_at(-1);
            if (status != 200 && (!failed || status < 500))
                fail_msg("%s %s: %d after %ld allocations", REQUESTS[i].method, REQUESTS[i].target, status, n);
            so_arena_deinit(&own);
            must(so_db_write(db, forget_factors, NULL, &err), &err);
        }
    }
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(an_app_is_enrolled_and_lifts_the_session),
        WITH_SERVICE(enrolling_has_rules),
        WITH_SERVICE(a_wrong_code_or_challenge_is_refused),
        WITH_SERVICE(a_code_is_good_once_and_a_challenge_too),
        WITH_SERVICE(tokens_of_before_never_become_aal2),
        WITH_SERVICE(other_sessions_at_aal1_end),
        WITH_SERVICE(aal1_changes_nothing_of_a_protected_account),
        WITH_SERVICE(taking_a_factor_away_takes_its_sessions_down),
        WITH_SERVICE(an_administrator_lists_names_and_deletes_factors),
        WITH_SERVICE(factors_go_with_their_user),
        WITH_SERVICE(secrets_are_sealed_with_the_master_key),
        WITH_SERVICE(recovery_codes_lift_a_session_each_once),
        WITH_SERVICE(recovery_codes_are_never_the_only_factor),
        WITH_SERVICE(recovery_codes_can_be_taken_away),
        WITH_SERVICE(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
