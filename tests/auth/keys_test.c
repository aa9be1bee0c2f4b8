/* keys_test.c: what a service opens with, and what it refuses to open with. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "auth/passwords.h"
#include "core/fs.h"

static int reopen(const struct so_auth_settings *settings, struct so_err *err)
{
    so_auth_close(auth);
    auth = NULL;
    *err = SO_ERR_INIT;
    return so_auth_open(db, settings, &auth, err);
}

static void the_key_file_is_ours_alone_and_lasts(void **state)
{
    (void)state;
    struct stat info;
    struct so_err err;
    struct so_buf before, after;
    struct so_auth_settings settings = default_settings();
    so_buf_init(&before, 1 << 16);
    so_buf_init(&after, 1 << 16);
    assert_int_equal(stat(keys_path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    must(so_fs_read(keys_path, &before, &err), &err);
    must(reopen(&settings, &err), &err);
    must(so_fs_read(keys_path, &after, &err), &err);
    assert_true(so_str_eq(so_buf_str(&before), so_buf_str(&after)));
    so_buf_deinit(&before);
    so_buf_deinit(&after);
}

static void a_key_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    static const mode_t MODES[] = {0640, 0604, 0660, 0602, 0644};
    struct so_err err;
    struct so_auth_settings settings = default_settings();
    for (size_t i = 0; i < COUNT_OF(MODES); i++) {
        assert_int_equal(chmod(keys_path, MODES[i]), 0);
        assert_int_equal(reopen(&settings, &err), SO_EDENIED);
        assert_true(strstr(err.hint, "chmod 600") != NULL);
    }
    assert_int_equal(chmod(keys_path, 0400), 0);
    must(reopen(&settings, &err), &err);
}

static void a_broken_key_file_is_not_replaced(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",
        "{",
        "[]",
        "{\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"EC\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH\"}]}"};
    struct so_err err;
    struct so_auth_settings settings = default_settings();
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        must(so_fs_write(keys_path, so_str_c(TEXTS[i]), 0600, true, &err), &err);
        if (reopen(&settings, &err) == SO_OK)
            fail_msg("accepted: %s", TEXTS[i]);
        assert_true(strstr(err.message, keys_path) != NULL);
    }
}

static void settings_that_cannot_work_stop_the_start(void **state)
{
    (void)state;
    struct so_auth_settings good = default_settings();
    const char *service_jwt = foreign_token(SECRET, "{\"role\":\"service_role\"}");
    const char *other_jwt = foreign_token("another-secret-of-at-least-32-bytes!!", "{\"role\":\"anon\"}");
#define CASE(label, ...)                                                                                                    \
    {                                                                                                                       \
        label, ({                                                                                                           \
            struct so_auth_settings s = good;                                                                               \
            __VA_ARGS__;                                                                                                    \
            s;                                                                                                              \
        })                                                                                                                  \
    }
    const struct {
        const char *label;
        struct so_auth_settings settings;
    } ROWS[] = {
        CASE("no mail", s.autoconfirm = false),
        CASE("short secret", s.jwt_secret = SO_STR("0123456789abcdef0123456789abcde")),
        CASE("empty secret", s.jwt_secret = SO_STR("")),
        CASE("documented secret", s.jwt_secret = SO_STR("super-secret-jwt-token-with-at-least-32-characters-long")),
        CASE("repetitive secret", s.jwt_secret = SO_STR("aaaaaaaabbbbbbbbaaaaaaaabbbbbbbb")),
        CASE("no lifetime", s.token_lifetime = 0),
        CASE("no URL", s.public_url = SO_STR("")),
        CASE("anon key of no form", s.anon_key = SO_STR("anon")),
        CASE("anon key is the secret one", s.anon_key = SO_STR(SERVICE_KEY)),
        CASE("anon key is a prefix", s.anon_key = SO_STR("sb_publishable_")),
        CASE("anon key with the service role", s.anon_key = so_str_c(service_jwt)),
        CASE("anon key signed by another", s.anon_key = so_str_c(other_jwt)),
        CASE("passwords longer than possible", s.password_min = 73),
    };
#undef CASE
    struct so_err err;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        if (reopen(&ROWS[i].settings, &err) == SO_OK)
            fail_msg("%s: accepted", ROWS[i].label);
        assert_true(err.message[0] != '\0');
        assert_null(strstr(err.message, "super-secret"));
    }
    good.jwt_secret = SO_STR("super-secret-jwt-token-with-at-least-32-characters-long");
    good.weak_secrets_allowed = true;
    must(reopen(&good, &err), &err);
}

static void configured_keys_may_be_tokens_and_none_is_needed(void **state)
{
    (void)state;
    struct so_err err;
    struct so_identity who;
    struct so_auth_settings settings = default_settings();
    settings.anon_key = so_str_c(foreign_token(SECRET, "{\"role\":\"anon\"}"));
    settings.service_key = so_str_c(foreign_token(SECRET, "{\"role\":\"service_role\"}"));
    must(reopen(&settings, &err), &err);
    must(identify(settings.service_key.p, NULL, &who, &err), &err);
    assert_int_equal(who.role, SO_ROLE_SERVICE);
    settings.anon_key = settings.service_key = settings.jwt_secret = so_str(NULL, 0);
    must(reopen(&settings, &err), &err);
    assert_int_equal(identify("", NULL, &who, &err), SO_EAUTH); /* an empty key is not the absent one */
    err = SO_ERR_INIT;
    assert_int_equal(identify(NULL, "Bearer ", &who, &err), SO_EAUTH);
}

/* A malformed dummy would be refused at once, and the time would tell which addresses have accounts. */
static void the_hash_of_nobody_costs_what_a_real_one_does(void **state)
{
    (void)state;
    static const struct so_password_cost COSTS[] = {{19456, 2, 1}, {64, 1, 1}, {1024, 3, 2}};
    for (size_t i = 0; i < COUNT_OF(COSTS); i++) {
        struct so_err err = SO_ERR_INIT;
        struct so_str dummy = so_auth_password_dummy(&arena, &COSTS[i]);
        assert_int_equal(so_password_verify(SO_STR("secret-1"), dummy, &err), SO_EAUTH);
        assert_false(so_password_is_weaker(dummy, &COSTS[i]));
        assert_true(so_password_is_weaker(dummy, &(const struct so_password_cost){19456 * 2, 3, 4}));
    }
}

static void opening_survives_every_failed_allocation(void **state)
{
    (void)state;
    struct so_auth_settings settings = default_settings();
    settings.rate_limits = true;
    struct so_err err;
    for (long n = 0;; n++) {
        so_auth_close(auth);
        auth = NULL;
        unlink(keys_path);
        err = SO_ERR_INIT;
        so_mem_fail_at(n);
        int rc = so_auth_open(db, &settings, &auth, &err);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (rc != SO_OK && rc != SO_ENOMEM && !failed)
            fail_msg("allocation %ld: %s %s", n, so_code_name(rc), err.message);
        if (!failed)
            break;
        assert_in_range(n, 0, 10000);
    }
    must(err.code, &err);
}

static int pretend_newer(void *arg, struct so_conn *conn, struct so_err *err)
{
    (void)arg;
    return so_conn_exec(conn, "INSERT INTO auth_schema_versions (version) VALUES (1000)", err);
}

static void tables_of_a_newer_program_are_left_alone(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_auth_settings settings = default_settings();
    must(so_db_write(db, pretend_newer, NULL, &err), &err);
    assert_int_equal(reopen(&settings, &err), SO_EDENIED);
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(the_key_file_is_ours_alone_and_lasts),
        WITH_SERVICE(a_key_file_that_others_may_read_is_refused),
        WITH_SERVICE(a_broken_key_file_is_not_replaced),
        WITH_SERVICE(settings_that_cannot_work_stop_the_start),
        WITH_SERVICE(configured_keys_may_be_tokens_and_none_is_needed),
        WITH_SERVICE(the_hash_of_nobody_costs_what_a_real_one_does),
        WITH_SERVICE(opening_survives_every_failed_allocation),
        WITH_SERVICE(tables_of_a_newer_program_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
