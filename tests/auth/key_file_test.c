/* key_file_test.c: keys turn over without signing anybody out, are revoked at once, and are sealed at rest. */
#include "fixture.h"

#include "auth/auth_int.h"
#include "auth/key_file.h"
#include "core/fs.h"

#define MASTER SO_STR("Zk3-vQ2mR7pL5wZ8tB4nC6dF1gH0sYa_x9")
static const struct so_str NO_MASTER = {NULL, 0};

static struct so_key_file read_keys(struct so_str master)
{
    struct so_key_file file = {.count = 0};
    struct so_err err = SO_ERR_INIT;
    must(so_key_file_read(keys_path, master, &file, &err), &err);
    return file;
}

static void save_keys(struct so_key_file *file)
{
    struct so_err err = SO_ERR_INIT;
    must(so_key_file_write(keys_path, NO_MASTER, file, true, &err), &err);
    so_key_file_clear(file);
}

static const char *kid_of(const struct so_key_file *file, enum so_key_state state)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->entries[i].state == state)
            return so_arena_dup(&arena, so_jwk_kid(file->entries[i].key)).p;
    return "";
}

static void rotate_file(void)
{
    struct so_err err = SO_ERR_INIT;
    struct so_key_file file = read_keys(NO_MASTER);
    must(so_key_file_rotate(&file, SO_ALG_NONE, so_clock_now(), &err), &err);
    save_keys(&file);
}

static const char *kid_of_token(const char *token)
{
    struct so_json head, claims;
    struct so_err err = SO_ERR_INIT;
    must(so_jwt_decode(so_str_c(token), &arena, &head, &claims, &err), &err);
    return so_arena_dup(&arena, so_json_get_str(&head, SO_STR("kid"))).p;
}

static void keys_go_from_next_to_current_to_previous(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_key_file file = read_keys(NO_MASTER);
    assert_int_equal(file.count, 2);
    const char *first = kid_of(&file, SO_KEY_CURRENT), *second = kid_of(&file, SO_KEY_NEXT);
    must(so_key_file_rotate(&file, SO_ALG_EDDSA, 1000, &err), &err);
    assert_string_equal(kid_of(&file, SO_KEY_PREVIOUS), first);
    assert_string_equal(kid_of(&file, SO_KEY_CURRENT), second);
    assert_int_equal(so_jwk_alg(so_key_file_current(&file)), SO_ALG_ES256);
    must(so_key_file_rotate(&file, SO_ALG_NONE, 2000, &err), &err);
    assert_int_equal(so_jwk_alg(so_key_file_current(&file)), SO_ALG_EDDSA);
    assert_int_equal(file.count, 4);
    save_keys(&file);
    file = read_keys(NO_MASTER);
    assert_int_equal(file.count, 4);
    assert_int_equal(so_jwk_alg(so_key_file_current(&file)), SO_ALG_EDDSA);
    so_key_file_clear(&file);
}

static void previous_keys_go_when_no_token_can_need_them(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_key_file file = read_keys(NO_MASTER);
    const int64_t day = 86400;
    must(so_key_file_rotate(&file, SO_ALG_NONE, 1, &err), &err);
    must(so_key_file_rotate(&file, SO_ALG_NONE, 7 * day, &err), &err);
    assert_int_equal(file.count, 4);
    must(so_key_file_rotate(&file, SO_ALG_NONE, 8 * day + 1, &err), &err);
    assert_int_equal(file.count, 4);
    for (int i = 0; i < 40; i++) /* however often: the file stays small */
        must(so_key_file_rotate(&file, SO_ALG_NONE, 8 * day + 2, &err), &err);
    assert_in_range(file.count, 4, 12);
    so_key_file_clear(&file);
}

static void a_revoked_key_is_gone_and_replaced(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_key_file file = read_keys(NO_MASTER);
    const char *first = kid_of(&file, SO_KEY_CURRENT), *second = kid_of(&file, SO_KEY_NEXT);
    must(so_key_file_revoke(&file, so_str_c(first), 1000, &err), &err);
    assert_int_equal(file.count, 2);
    assert_string_equal(kid_of(&file, SO_KEY_CURRENT), second);
    const char *third = kid_of(&file, SO_KEY_NEXT);
    must(so_key_file_revoke(&file, so_str(third, 12), 1000, &err), &err);
    assert_int_equal(file.count, 2);
    assert_string_equal(kid_of(&file, SO_KEY_CURRENT), second);
    assert_string_not_equal(kid_of(&file, SO_KEY_NEXT), third);
    assert_int_equal(so_key_file_revoke(&file, so_str_c(first), 1000, &err), SO_ENOTFOUND);
    err = SO_ERR_INIT;
    assert_int_equal(so_key_file_revoke(&file, SO_STR(""), 1000, &err), SO_ENOTFOUND);
    so_key_file_clear(&file);
}

static void a_rotation_signs_nobody_out(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct answer before = sign_up("ada@example.com", "secret-1");
    const char *token = text(&before, "/access_token");
    for (int i = 0; i < 3; i++) {
        rotate_file();
        must(so_auth_reload_keys(auth, &err), &err);
        assert_answer(who_am_i(token), 200, "");
    }
    struct answer after = refresh(text(&before, "/refresh_token"));
    assert_answer(after, 200, "");
    assert_string_not_equal(kid_of_token(text(&after, "/access_token")), kid_of_token(token));
    assert_answer(who_am_i(text(&after, "/access_token")), 200, "");
    struct answer set = send("GET", "/.well-known/jwks.json", NULL);
    assert_int_equal(at(&set, "/keys")->len, 5);
    assert_null(strstr(set.body.p, "\"d\":"));
    assert_null(strstr(set.body.p, "socle:"));
}

/* What another process signs with a key that only the file knows. */
static void an_unknown_kid_makes_us_look_at_the_file_once_a_second(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_buf token;
    struct so_identity who;
    const struct so_str claims =
        SO_STR("{\"sub\":\"11111111-2222-4333-8444-555555555555\",\"role\":\"authenticated\",\"exp\":1800000100}");
    struct so_key_file file = read_keys(NO_MASTER);
    must(so_key_file_rotate(&file, SO_ALG_NONE, 1000, &err), &err);
    must(so_key_file_rotate(&file, SO_ALG_NONE, 1000, &err), &err);
    so_buf_init(&token, SO_JWT_MAX);
    must(so_jwt_sign(so_key_file_current(&file), claims, &token, &err), &err);
    const char *bearer = so_arena_printf(&arena, "Bearer %.*s", SO_STR_ARG(so_buf_str(&token))).p;
    assert_int_equal(identify(ANON_KEY, bearer, &who, &err), SO_EAUTH); /* looked: nothing new */
    save_keys(&file);
    err = SO_ERR_INIT;
    assert_int_equal(identify(ANON_KEY, bearer, &who, &err), SO_EAUTH); /* not yet again */
    usleep(1100000);
    err = SO_ERR_INIT;
    must(identify(ANON_KEY, bearer, &who, &err), &err);
    assert_int_equal(who.role, SO_ROLE_AUTHENTICATED);
    so_buf_deinit(&token);
}

static void tokens_of_a_revoked_key_are_refused_from_the_cache_too(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_identity who;
    struct so_auth_cache *cache;
    struct answer a = sign_up("ada@example.com", "secret-1");
    struct so_str bearer = so_arena_printf(&arena, "Bearer %s", text(&a, "/access_token"));
    must(so_auth_cache_new(auth, &cache, &err), &err);
    for (int i = 0; i < 2; i++)
        must(so_auth_identify(auth, cache, SO_STR(ANON_KEY), bearer, &arena, &who, &err), &err);
    struct so_key_file file = read_keys(NO_MASTER);
    must(so_key_file_revoke(&file, so_str_c(kid_of(&file, SO_KEY_CURRENT)), 1000, &err), &err);
    save_keys(&file);
    must(so_auth_reload_keys(auth, &err), &err);
    assert_int_equal(so_auth_identify(auth, cache, SO_STR(ANON_KEY), bearer, &arena, &who, &err), SO_EAUTH);
    assert_answer(refresh(text(&a, "/refresh_token")), 200, "");
    so_auth_cache_free(cache);
}

static void a_broken_file_leaves_the_keys_as_they_are(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct answer a = sign_up("ada@example.com", "secret-1");
    must(so_fs_write(keys_path, SO_STR("{"), 0600, true, &err), &err);
    assert_int_equal(so_auth_reload_keys(auth, &err), SO_EINVAL);
    assert_answer(who_am_i(text(&a, "/access_token")), 200, "");
    assert_answer(refresh(text(&a, "/refresh_token")), 200, "");
}

static bool file_holds(const char *needle)
{
    struct so_buf text;
    struct so_err err = SO_ERR_INIT;
    so_buf_init(&text, 1 << 20);
    must(so_fs_read(keys_path, &text, &err), &err);
    bool holds = so_str_find(so_buf_str(&text), so_str_c(needle)) != SO_STR_NONE;
    so_buf_deinit(&text);
    return holds;
}

static void a_master_key_seals_the_file(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_auth_settings settings = default_settings();
    struct answer a = sign_up("ada@example.com", "secret-1");
    assert_true(file_holds("\"d\":"));
    settings.master_key = MASTER;
    so_auth_close(auth);
    open_auth(&settings); /* finds a plain file */
    assert_false(file_holds("\"d\":"));
    assert_true(file_holds("sealed"));
    assert_answer(who_am_i(text(&a, "/access_token")), 200, "");
    so_auth_close(auth);
    open_auth(&settings); /* finds a sealed one */
    assert_answer(who_am_i(text(&a, "/access_token")), 200, "");
    so_auth_close(auth);
    auth = NULL;
    const struct so_str WRONG[] = {{NULL, 0}, SO_STR_INIT("Yk3-vQ2mR7pL5wZ8tB4nC6dF1gH0sYa_x9"), SO_STR_INIT("short")};
    for (size_t i = 0; i < COUNT_OF(WRONG); i++) {
        err = SO_ERR_INIT;
        settings.master_key = WRONG[i];
        assert_int_not_equal(so_auth_open(db, &settings, &auth, &err), SO_OK);
        assert_true(file_holds("sealed"));
    }
}

static void turning_over_survives_every_failed_allocation(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        struct so_err err = SO_ERR_INIT;
        struct so_key_file file = read_keys(NO_MASTER);
        so_mem_fail_at(n);
        int rc = so_key_file_rotate(&file, SO_ALG_NONE, 1000, &err);
        if (rc == SO_OK)
            rc = so_key_file_write(keys_path, MASTER, &file, true, &err);
        so_key_file_clear(&file);
        if (rc == SO_OK)
            rc = so_key_file_read(keys_path, MASTER, &file, &err);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        so_key_file_clear(&file);
        if (!failed) {
            must(rc, &err);
            return;
        }
        if (rc == SO_OK)
            fail_msg("allocation %ld failed and nobody said so", n);
        struct so_key_file fresh;
        err = SO_ERR_INIT;
        must(so_key_file_make(SO_ALG_ES256, 1, &fresh, &err), &err);
        save_keys(&fresh);
    }
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(keys_go_from_next_to_current_to_previous),
        WITH_SERVICE(previous_keys_go_when_no_token_can_need_them),
        WITH_SERVICE(a_revoked_key_is_gone_and_replaced),
        WITH_SERVICE(a_rotation_signs_nobody_out),
        WITH_SERVICE(an_unknown_kid_makes_us_look_at_the_file_once_a_second),
        WITH_SERVICE(tokens_of_a_revoked_key_are_refused_from_the_cache_too),
        WITH_SERVICE(a_broken_file_leaves_the_keys_as_they_are),
        WITH_SERVICE(a_master_key_seals_the_file),
        WITH_SERVICE(turning_over_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
