/* flows_test.c: everything that goes through a mailbox, with a mailer that keeps what it is given. */
#include "fixture.h"

#include <pthread.h>

#include "auth/mail.h"

/* ---- a mailbox ---- */

enum { MAILS_MAX = 64 };
static struct mailbox {
    struct so_mailer mailer;
    struct so_mail mails[MAILS_MAX];
    size_t count;
    int rc; /* what post() answers */
} box;

static int keep(struct so_mailer *mailer, const struct so_mail *mail, struct so_err *err)
{
    (void)mailer;
    if (box.rc != SO_OK)
        return so_fail(err, box.rc, "the mailer says no");
    assert_true(box.count < MAILS_MAX);
    box.mails[box.count++] = (struct so_mail){so_arena_dup(&arena, mail->to), so_arena_dup(&arena, mail->subject),
                                              so_arena_dup(&arena, mail->text), so_arena_dup(&arena, mail->html)};
    return SO_OK;
}

static struct so_auth_settings mail_settings(void)
{
    struct so_auth_settings settings = default_settings();
    settings.autoconfirm = false;
    settings.mailer = &box.mailer;
    settings.site_url = SO_STR("https://app.example.com");
    settings.redirect_urls = SO_STR("https://app.example.com/welcome, myapp://back");
    return settings;
}

static int set_up_mail(void **state)
{
    set_up(state);
    so_auth_close(auth);
    box = (struct mailbox){.mailer = {keep}};
    struct so_auth_settings settings = mail_settings();
    open_auth(&settings);
    return 0;
}

static const struct so_mail *last_mail(void)
{
    assert_true(box.count > 0);
    return &box.mails[box.count - 1];
}

static const char *code_in(const struct so_mail *mail)
{
    for (const char *p = mail->text.p; *p != '\0'; p++)
        if (strspn(p, "0123456789") == 6)
            return so_arena_dup(&arena, so_str(p, 6)).p;
        else if (strncmp(p, "http", 4) == 0)
            p += strcspn(p, "\n") - 1;
    fail_msg("no code in %s", mail->text.p);
    return "";
}

/* "/verify?token=...": what the link asks of us. */
static const char *link_in(const struct so_mail *mail)
{
    const char *link = strstr(mail->text.p, "http://127.0.0.1:54321/auth/v1/verify?");
    assert_non_null(link);
    link = strstr(link, "/verify?");
    return so_arena_dup(&arena, so_str(link, strcspn(link, "\n"))).p;
}

static const char *token_in(const struct so_mail *mail)
{
    const char *token = strstr(link_in(mail), "token=") + 6;
    return so_arena_dup(&arena, so_str(token, strcspn(token, "&"))).p;
}

static struct answer verify(const char *format, ...) SO_PRINTF(1, 2);
static struct answer verify(const char *format, ...)
{
    char body[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(body, sizeof(body), format, args);
    va_end(args);
    return send("POST", "/verify", body);
}

static struct answer press(const char *link) { return send("POST", link, "", ""); }

#define ADA "{\"email\":\"ada@example.com\",\"password\":\"secret-1\"}"

static void sign_up_and_confirm(const char *email)
{
    struct answer a =
        send("POST", "/signup", so_arena_printf(&arena, "{\"email\":\"%s\",\"password\":\"secret-1\"}", email).p);
    assert_answer(a, 200, "");
    a = verify("{\"type\":\"signup\",\"email\":\"%s\",\"token\":\"%s\"}", email, code_in(last_mail()));
    assert_answer(a, 200, "");
}

/* ---- sign-up ---- */

static void an_address_is_confirmed_before_anybody_signs_in(void **state)
{
    (void)state;
    struct answer a = send("POST", "/signup", ADA);
    assert_answer(a, 200, "");
    assert_null(at(&a, "/access_token"));
    assert_string_not_equal(text(&a, "/confirmation_sent_at"), "");
    assert_int_equal(at(&a, "/user_metadata/email_verified")->type, SO_JSON_FALSE);
    assert_str(last_mail()->to, "ada@example.com");
    assert_answer(sign_in("ada@example.com", "secret-1"), 400, "email_not_confirmed");
    a = verify("{\"type\":\"signup\",\"email\":\"Ada@Example.com\",\"token\":\"%s\"}", code_in(last_mail()));
    assert_answer(a, 200, "");
    assert_string_not_equal(text(&a, "/access_token"), "");
    assert_string_not_equal(text(&a, "/user/email_confirmed_at"), "");
    assert_answer(sign_in("ada@example.com", "secret-1"), 200, "");
    assert_answer(verify("{\"type\":\"signup\",\"email\":\"ada@example.com\",\"token\":\"%s\"}", code_in(last_mail())), 403,
                  "otp_expired");
}

static void a_known_address_looks_like_a_new_one(void **state)
{
    (void)state;
    sign_up_and_confirm("ada@example.com");
    size_t mails = box.count;
    struct answer a = send("POST", "/signup", "{\"email\":\"ada@example.com\",\"password\":\"secret-2\"}");
    assert_answer(a, 200, "");
    assert_int_equal(at(&a, "/identities")->len, 0);
    assert_int_equal(box.count, mails);
    assert_answer(sign_in("ada@example.com", "secret-2"), 400, "invalid_credentials");
    assert_answer(sign_in("ada@example.com", "secret-1"), 200, "");
}

/* Somebody signs up with an address that is not theirs; its owner comes later, by magic link. */
static void a_password_that_the_owner_never_confirmed_is_worth_nothing(void **state)
{
    (void)state;
    assert_answer(send("POST", "/signup", "{\"email\":\"ada@example.com\",\"password\":\"planted-1\"}"), 200, "");
    assert_answer(send("POST", "/otp", "{\"email\":\"ada@example.com\"}"), 200, "");
    assert_answer(verify("{\"type\":\"magiclink\",\"token_hash\":\"%s\"}", token_in(last_mail())), 200, "");
    assert_answer(sign_in("ada@example.com", "planted-1"), 400, "invalid_credentials");
}

/* ---- links ---- */

static void a_get_consumes_nothing_and_the_button_does(void **state)
{
    (void)state;
    assert_answer(
        send("POST", "/otp?redirect_to=https%3A%2F%2Fapp.example.com%2Fwelcome", "{\"email\":\"ada@example.com\"}"), 200,
        "");
    const char *link = link_in(last_mail());
    for (int i = 0; i < 3; i++) {
        struct answer page = send("GET", link, NULL, "");
        assert_int_equal(page.status, 200);
        assert_non_null(strstr(page.body.p, "method=\"post\""));
        assert_null(strstr(page.body.p, "<script"));
        assert_string_equal(header(&page, "Referrer-Policy"), "no-referrer");
        assert_string_equal(header(&page, "Cache-Control"), "no-store");
    }
    struct answer a = press(link);
    assert_int_equal(a.status, 303);
    const char *to = header(&a, "Location");
    static const char START_OF[] = "https://app.example.com/welcome#access_token=";
    assert_memory_equal(to, START_OF, sizeof(START_OF) - 1);
    assert_non_null(strstr(to, "&refresh_token="));
    assert_non_null(strstr(to, "&token_type=bearer&type=signup"));
    a = press(link);
    assert_int_equal(a.status, 303);
    assert_non_null(strstr(header(&a, "Location"), "#error=access_denied&error_code=otp_expired"));
    assert_answer(send("GET", "/verify?type=signup", NULL, ""), 400, "validation_failed");
    assert_answer(send("GET", "/verify?token=x&type=%3Cscript%3E", NULL, ""), 400, "validation_failed");
}

static void links_lead_to_allowed_places_only(void **state)
{
    (void)state;
    static const struct {
        const char *asked, *to;
    } ROWS[] = {
        {"https%3A%2F%2Fapp.example.com%2Fwelcome", "https://app.example.com/welcome#"},
        {"myapp%3A%2F%2Fback", "myapp://back#"},
        {"https%3A%2F%2Fapp.example.com%2F", "https://app.example.com/#"},
        {"", "https://app.example.com#"},
        {"https%3A%2F%2Fapp.example.com%2Fwelcome%2F", "https://app.example.com#"},
        {"https%3A%2F%2Fapp.example.com%2Fwelcome%3Fx", "https://app.example.com#"},
        {"https%3A%2F%2Fapp.example.com.evil.example", "https://app.example.com#"},
        {"https%3A%2F%2Fevil.example", "https://app.example.com#"},
        {"%2F%2Fevil.example", "https://app.example.com#"},
        {"javascript%3Aalert(1)", "https://app.example.com#"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct answer a =
            send("POST", so_arena_printf(&arena, "/verify?token=no&type=signup&redirect_to=%s", ROWS[i].asked).p, "", "");
        if (strncmp(header(&a, "Location"), ROWS[i].to, strlen(ROWS[i].to)) != 0)
            fail_msg("%s leads to %s", ROWS[i].asked, header(&a, "Location"));
    }
}

/* ---- asking for mail ---- */

static void known_and_unknown_addresses_get_the_same_answer(void **state)
{
    (void)state;
    static const char *const ASKS[][2] = {
        {"/recover", "{\"email\":\"%s@example.com\"}"},
        {"/resend", "{\"type\":\"signup\",\"email\":\"%s@example.com\"}"},
        {"/resend", "{\"type\":\"email_change\",\"email\":\"%s@example.com\"}"},
        {"/otp", "{\"email\":\"%s@example.com\"}"},
    };
    sign_up_and_confirm("ada@example.com");
    for (size_t i = 0; i < COUNT_OF(ASKS); i++) {
        struct so_str bodies[2];
        static const char *const NAMES[] = {"ada", "nobody"};
        for (size_t who = 0; who < 2; who++) {
            char body[128];
            struct so_str format = so_str_c(ASKS[i][1]);
            size_t mark = so_str_find(format, SO_STR("%s"));
            snprintf(body, sizeof(body), "%.*s%s%s", (int)mark, format.p, NAMES[who], format.p + mark + 2);
            struct answer a = send("POST", ASKS[i][0], body);
            assert_answer(a, 200, "");
            bodies[who] = a.body;
        }
        assert_true(so_str_eq(bodies[0], bodies[1]));
    }
    assert_answer(send("POST", "/otp", "{\"email\":\"noone@example.com\",\"create_user\":false}"), 422, "otp_disabled");
}

static void a_mailbox_is_not_flooded(void **state)
{
    (void)state;
    struct so_auth_settings settings = mail_settings();
    so_auth_close(auth);
    settings.rate_limits = true;
    open_auth(&settings);
    static const char *const ASKS[] = {"/otp", "/recover", "/magiclink"};
    assert_answer(send("POST", "/otp", "{\"email\":\"ada@example.com\"}"), 200, "");
    for (size_t i = 0; i < COUNT_OF(ASKS); i++) {
        struct answer a = send("POST", ASKS[i], "{\"email\":\"ada@example.com\"}");
        assert_answer(a, 429, "over_email_send_rate_limit");
        assert_string_not_equal(header(&a, "Retry-After"), "");
    }
    /* and nobody learns from it who has an account */
    assert_answer(send("POST", "/recover", "{\"email\":\"nobody@example.com\"}"), 200, "");
    assert_answer(send("POST", "/recover", "{\"email\":\"nobody@example.com\"}"), 429, "over_email_send_rate_limit");
    assert_int_equal(box.count, 1);
    pass_seconds(61);
    assert_answer(send("POST", "/recover", "{\"email\":\"ada@example.com\"}"), 200, "");
    assert_int_equal(box.count, 2);
}

static void five_wrong_guesses_end_the_digits_but_not_the_link(void **state)
{
    (void)state;
    sign_up_and_confirm("ada@example.com");
    assert_answer(send("POST", "/otp", "{\"email\":\"ada@example.com\"}"), 200, "");
    const char *code = code_in(last_mail()), *wrong = strcmp(code, "000000") == 0 ? "000001" : "000000";
    for (int i = 0; i < 5; i++)
        assert_answer(verify("{\"type\":\"email\",\"email\":\"ada@example.com\",\"token\":\"%s\"}", wrong), 403,
                      "otp_expired");
    assert_answer(verify("{\"type\":\"email\",\"email\":\"ada@example.com\",\"token\":\"%s\"}", code), 403, "otp_expired");
    assert_answer(verify("{\"type\":\"magiclink\",\"token_hash\":\"%s\"}", token_in(last_mail())), 200, "");
}

static void codes_end_after_an_hour_and_with_the_next_one(void **state)
{
    (void)state;
    sign_up_and_confirm("ada@example.com");
    assert_answer(send("POST", "/otp", "{\"email\":\"ada@example.com\"}"), 200, "");
    const char *first = token_in(last_mail());
    assert_answer(send("POST", "/otp", "{\"email\":\"ada@example.com\"}"), 200, "");
    assert_answer(verify("{\"type\":\"magiclink\",\"token_hash\":\"%s\"}", first), 403, "otp_expired");
    assert_answer(verify("{\"type\":\"recovery\",\"token_hash\":\"%s\"}", token_in(last_mail())), 403, "otp_expired");
    pass_seconds(3600);
    assert_answer(verify("{\"type\":\"magiclink\",\"token_hash\":\"%s\"}", token_in(last_mail())), 403, "otp_expired");
}

static void a_lost_password_is_replaced(void **state)
{
    (void)state;
    sign_up_and_confirm("ada@example.com");
    assert_answer(send("POST", "/recover", "{\"email\":\"ada@example.com\"}"), 200, "");
    struct answer a = verify("{\"type\":\"recovery\",\"email\":\"ada@example.com\",\"token\":\"%s\"}", code_in(last_mail()));
    assert_answer(a, 200, "");
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-2\"}", NULL, text(&a, "/access_token")), 200, "");
    assert_answer(sign_in("ada@example.com", "secret-2"), 200, "");
    assert_answer(sign_in("ada@example.com", "secret-1"), 400, "invalid_credentials");
}

/* ---- change of address ---- */

static void an_address_changes_when_both_mailboxes_agree(void **state)
{
    (void)state;
    sign_up_and_confirm("ada@example.com");
    struct answer session = sign_in("ada@example.com", "secret-1");
    size_t before = box.count;
    struct answer a = send("PUT", "/user", "{\"email\":\"new@example.com\"}", NULL, text(&session, "/access_token"));
    assert_answer(a, 200, "");
    assert_string_equal(text(&a, "/email"), "ada@example.com");
    assert_string_equal(text(&a, "/new_email"), "new@example.com");
    assert_int_equal(box.count, before + 2);
    const struct so_mail *to_new = &box.mails[before], *to_old = &box.mails[before + 1];
    assert_str(to_new->to, "new@example.com");
    assert_str(to_old->to, "ada@example.com");
    a = verify("{\"type\":\"email_change\",\"token_hash\":\"%s\"}", token_in(to_new));
    assert_answer(a, 200, "200");
    assert_answer(verify("{\"type\":\"email_change\",\"token_hash\":\"%s\"}", token_in(to_new)), 403, "otp_expired");
    a = who_am_i(text(&session, "/access_token"));
    assert_string_equal(text(&a, "/email"), "ada@example.com");
    a = verify("{\"type\":\"email_change\",\"email\":\"ada@example.com\",\"token\":\"%s\"}", code_in(to_old));
    assert_answer(a, 200, "");
    assert_string_equal(text(&a, "/user/email"), "new@example.com");
    assert_string_equal(text(&a, "/user/identities/0/email"), "new@example.com");
    assert_string_equal(text(&a, "/user/new_email"), "");
    assert_answer(sign_in("new@example.com", "secret-1"), 200, "");
}

static void an_anonymous_user_becomes_a_permanent_one(void **state)
{
    (void)state;
    struct answer a = send("POST", "/signup", "{}");
    assert_answer(a, 200, "");
    const char *id = text(&a, "/user/id");
    assert_answer(send("PUT", "/user", "{\"email\":\"ada@example.com\"}", NULL, text(&a, "/access_token")), 200, "");
    a = verify("{\"type\":\"email_change\",\"email\":\"ada@example.com\",\"token\":\"%s\"}", code_in(last_mail()));
    assert_answer(a, 200, "");
    assert_string_equal(text(&a, "/user/id"), id);
    assert_int_equal(at(&a, "/user/is_anonymous")->type, SO_JSON_FALSE);
}

/* ---- reauthentication ---- */

static void a_nonce_proves_the_mailbox_once_more(void **state)
{
    (void)state;
    sign_up_and_confirm("ada@example.com");
    struct answer session = sign_in("ada@example.com", "secret-1");
    const char *token = text(&session, "/access_token");
    assert_answer(send("GET", "/reauthenticate", NULL, NULL, token), 200, "");
    const char *nonce = code_in(last_mail());
    assert_answer(send("PUT", "/user", "{\"password\":\"secret-2\",\"nonce\":\"x\"}", NULL, token), 422,
                  "reauthentication_not_valid");
    const char *body = so_arena_printf(&arena, "{\"password\":\"secret-2\",\"nonce\":\"%s\"}", nonce).p;
    assert_answer(send("PUT", "/user", body, NULL, token), 200, "");
    assert_answer(sign_in("ada@example.com", "secret-2"), 200, "");
}

/* ---- admin ---- */

static void the_service_role_invites_and_makes_links(void **state)
{
    (void)state;
    struct answer a = send("POST", "/invite", "{\"email\":\"eve@example.com\",\"data\":{\"a\":1}}", SERVICE_KEY);
    assert_answer(a, 200, "");
    assert_string_not_equal(text(&a, "/invited_at"), "");
    assert_answer(verify("{\"type\":\"invite\",\"token_hash\":\"%s\"}", token_in(last_mail())), 200, "");
    assert_answer(send("POST", "/invite", "{\"email\":\"eve@example.com\"}", SERVICE_KEY), 422, "email_exists");
    assert_answer(send("POST", "/invite", "{\"email\":\"x@example.com\"}"), 401, "no_authorization");
    size_t mails = box.count;
    static const struct {
        const char *body, *type; /* of the verification */
        int status;
        const char *code;
    } ROWS[] = {
        {"{\"type\":\"magiclink\",\"email\":\"eve@example.com\"}", "magiclink", 200, ""},
        {"{\"type\":\"magiclink\",\"email\":\"new@example.com\"}", "signup", 200, ""},
        {"{\"type\":\"recovery\",\"email\":\"eve@example.com\"}", "recovery", 200, ""},
        {"{\"type\":\"signup\",\"email\":\"two@example.com\",\"password\":\"secret-1\"}", "signup", 200, ""},
        {"{\"type\":\"invite\",\"email\":\"three@example.com\"}", "invite", 200, ""},
        {"{\"type\":\"recovery\",\"email\":\"nobody@example.com\"}", "", 404, "user_not_found"},
        {"{\"type\":\"signup\",\"email\":\"four@example.com\"}", "", 400, "validation_failed"},
        {"{\"type\":\"signup\",\"email\":\"eve@example.com\",\"password\":\"secret-1\"}", "", 422, "email_exists"},
        {"{\"type\":\"other\",\"email\":\"eve@example.com\"}", "", 400, "validation_failed"},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        a = send("POST", "/admin/generate_link", ROWS[i].body, SERVICE_KEY);
        assert_answer(a, ROWS[i].status, ROWS[i].code);
        if (a.status != 200)
            continue;
        assert_string_equal(text(&a, "/verification_type"), ROWS[i].type);
        assert_non_null(strstr(text(&a, "/action_link"), text(&a, "/hashed_token")));
        assert_answer(verify("{\"type\":\"%s\",\"token_hash\":\"%s\"}", ROWS[i].type, text(&a, "/hashed_token")), 200, "");
    }
    assert_int_equal(box.count, mails);
}

/* ---- PKCE ---- */

/* RFC 7636 appendix B */
#define VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static const char *auth_code(void)
{
    assert_answer(send("POST", "/otp",
                       "{\"email\":\"ada@example.com\",\"code_challenge\":\"" CHALLENGE
                       "\",\"code_challenge_method\":\"s256\"}"),
                  200, "");
    struct answer a = press(link_in(last_mail()));
    assert_int_equal(a.status, 303);
    static const char TO[] = "https://app.example.com?code=";
    assert_memory_equal(header(&a, "Location"), TO, sizeof(TO) - 1);
    return header(&a, "Location") + sizeof(TO) - 1;
}

static const char *exchange_body(const char *code, const char *verifier)
{
    return so_arena_printf(&arena, "{\"auth_code\":\"%s\",\"code_verifier\":\"%s\"}", code, verifier).p;
}

static void only_the_app_that_asked_gets_the_session(void **state)
{
    (void)state;
    const char *target = "/token?grant_type=pkce", *code = auth_code();
    assert_answer(send("POST", target, exchange_body(code, VERIFIER)), 200, "");
    assert_answer(send("POST", target, exchange_body(code, VERIFIER)), 404, "flow_state_not_found");
    code = auth_code();
    assert_answer(send("POST", target, exchange_body(code, CHALLENGE)), 400, "bad_code_verifier");
    assert_answer(send("POST", target, exchange_body(code, VERIFIER)), 404, "flow_state_not_found");
    code = auth_code();
    pass_seconds(301);
    assert_answer(send("POST", target, exchange_body(code, VERIFIER)), 422, "flow_state_expired");
    assert_answer(send("POST", target, "{}"), 400, "validation_failed");
    assert_answer(send("POST", "/otp", "{\"email\":\"a@example.com\",\"code_challenge\":\"short\"}"), 400,
                  "validation_failed");
}

static const char *shared_body;
static void *redeem(void *arg)
{
    struct so_arena own;
    so_arena_init(&own, 16 << 20);
    const struct request request = {"POST", "/token?grant_type=pkce", shared_body};
    struct answer a = send_in(&request, &own);
    if (a.status == 200)
        atomic_fetch_add((_Atomic int *)arg, 1);
    so_arena_deinit(&own);
    return NULL;
}

static void fifty_redeem_one_code_and_one_session_comes_of_it(void **state)
{
    (void)state;
    enum { THREADS = 50 };
    pthread_t threads[THREADS];
    _Atomic int sessions = 0;
    shared_body = exchange_body(auth_code(), VERIFIER);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, redeem, &sessions), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sessions, 1);
}

/* ---- when things fail ---- */

static void without_a_mailer_nothing_is_promised(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    so_auth_close(auth);
    open_auth(&settings);
    static const char *const ASKS[] = {"/otp", "/recover", "/magiclink"};
    for (size_t i = 0; i < COUNT_OF(ASKS); i++)
        assert_answer(send("POST", ASKS[i], "{\"email\":\"ada@example.com\"}"), 422, "email_provider_disabled");
}

static void a_full_outbox_says_so(void **state)
{
    (void)state;
    box.rc = SO_EBUSY;
    assert_answer(send("POST", "/otp", "{\"email\":\"ada@example.com\"}"), 503, "request_timeout");
}

static const struct {
    const char *method, *path, *query, *body, *apikey;
} WITHOUT_MEMORY[] = {
    {"POST", "/otp", NULL, "{\"email\":\"ada@example.com\"}", ANON_KEY},
    {"POST", "/signup", NULL, "{\"email\":\"bob@example.com\",\"password\":\"secret-1\"}", ANON_KEY},
    {"POST", "/recover", NULL, "{\"email\":\"ada@example.com\"}", ANON_KEY},
    {"POST", "/admin/generate_link", NULL, "{\"type\":\"magiclink\",\"email\":\"ada@example.com\"}", SERVICE_KEY},
    {"POST", "/verify", "token=x&type=signup", "", ""},
    {"GET", "/verify", "token=x&type=signup", "", ""},
};

/* The answer is an error or the right one, and nothing leaks. */
static int try_without_memory(size_t row, long n, bool *out_failed)
{
    struct so_arena own;
    struct so_buf body;
    struct so_auth_out out;
    const struct so_auth_in in = {.method = so_str_c(WITHOUT_MEMORY[row].method),
                                  .path = so_str_c(WITHOUT_MEMORY[row].path),
                                  .query = so_str_c(WITHOUT_MEMORY[row].query),
                                  .body = so_str_c(WITHOUT_MEMORY[row].body),
                                  .apikey = so_str_c(WITHOUT_MEMORY[row].apikey),
                                  .peer = SO_STR("192.0.2.1")};
    box.count = 0;
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

static void flows_survive_every_failed_allocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(WITHOUT_MEMORY); i++) {
        bool failed = true;
        for (long n = 0; failed; n++) {
            int status = try_without_memory(i, n, &failed);
            if (failed ? status < 200 : status > 303)
                fail_msg("%s %s, allocation %ld: %d", WITHOUT_MEMORY[i].method, WITHOUT_MEMORY[i].path, n, status);
        }
    }
}

#define WITH_MAIL(test) cmocka_unit_test_setup_teardown(test, set_up_mail, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MAIL(an_address_is_confirmed_before_anybody_signs_in),
        WITH_MAIL(a_known_address_looks_like_a_new_one),
        WITH_MAIL(a_password_that_the_owner_never_confirmed_is_worth_nothing),
        WITH_MAIL(a_get_consumes_nothing_and_the_button_does),
        WITH_MAIL(links_lead_to_allowed_places_only),
        WITH_MAIL(known_and_unknown_addresses_get_the_same_answer),
        WITH_MAIL(a_mailbox_is_not_flooded),
        WITH_MAIL(five_wrong_guesses_end_the_digits_but_not_the_link),
        WITH_MAIL(codes_end_after_an_hour_and_with_the_next_one),
        WITH_MAIL(a_lost_password_is_replaced),
        WITH_MAIL(an_address_changes_when_both_mailboxes_agree),
        WITH_MAIL(an_anonymous_user_becomes_a_permanent_one),
        WITH_MAIL(a_nonce_proves_the_mailbox_once_more),
        WITH_MAIL(the_service_role_invites_and_makes_links),
        WITH_MAIL(only_the_app_that_asked_gets_the_session),
        WITH_MAIL(fifty_redeem_one_code_and_one_session_comes_of_it),
        WITH_MAIL(without_a_mailer_nothing_is_promised),
        WITH_MAIL(a_full_outbox_says_so),
        WITH_MAIL(flows_survive_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
