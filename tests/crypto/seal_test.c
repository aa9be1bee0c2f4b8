/* seal_test.c: what was sealed opens again, for the same key and purpose only, and not after any change. */
#include "../testing.h"

#include "core/mem.h"
#include "crypto/seal.h"

#define MASTER  SO_STR("a master key of more than 32 bytes, for tests")
#define PURPOSE SO_STR("tests")

static void seal(const char *plain, struct so_buf *out)
{
    struct so_err err = SO_ERR_INIT;
    so_buf_init(out, 1 << 20);
    assert_int_equal(so_seal(MASTER, PURPOSE, so_str_c(plain), out, &err), SO_OK);
}

static void what_was_sealed_opens_again(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"", "x", "a text of some length, longer than one block of the cipher"};
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        struct so_buf sealed, plain;
        struct so_err err = SO_ERR_INIT;
        seal(TEXTS[i], &sealed);
        assert_int_equal(sealed.len, strlen(TEXTS[i]) + SO_SEAL_EXTRA);
        so_buf_init(&plain, 1 << 20);
        assert_int_equal(so_unseal(MASTER, PURPOSE, so_buf_str(&sealed), &plain, &err), SO_OK);
        assert_str(so_buf_str(&plain), TEXTS[i]);
        so_buf_deinit(&sealed);
        so_buf_deinit(&plain);
    }
}

/* Made with Node's hkdfSync() and createCipheriv(), salt and nonce all zero. */
static void the_form_is_the_documented_one(void **state)
{
    (void)state;
    static const char HEX[] =
        "000000000000000000000000000000000000000000000000000000001b9d6582f19efcba78f8b91446741ec7b923c6bf2f";
    char sealed[sizeof(HEX) / 2];
    struct so_buf plain;
    struct so_err err = SO_ERR_INIT;
    for (size_t i = 0; i < sizeof(sealed); i++) {
        unsigned byte;
        assert_int_equal(sscanf(HEX + 2 * i, "%2x", &byte), 1);
        sealed[i] = (char)byte;
    }
    so_buf_init(&plain, 1 << 10);
    assert_int_equal(so_unseal(MASTER, PURPOSE, so_str(sealed, sizeof(sealed)), &plain, &err), SO_OK);
    assert_str(so_buf_str(&plain), "hello");
    so_buf_deinit(&plain);
}

static void the_same_text_is_never_sealed_the_same(void **state)
{
    (void)state;
    struct so_buf a, b;
    seal("text", &a);
    seal("text", &b);
    assert_false(so_str_eq(so_buf_str(&a), so_buf_str(&b)));
    so_buf_deinit(&a);
    so_buf_deinit(&b);
}

static void any_change_is_noticed(void **state)
{
    (void)state;
    struct so_buf sealed, plain;
    seal("secret", &sealed);
    so_buf_init(&plain, 1 << 20);
    for (size_t i = 0; i < sealed.len; i++) {
        struct so_err err = SO_ERR_INIT;
        sealed.p[i] ^= 1;
        if (so_unseal(MASTER, PURPOSE, so_buf_str(&sealed), &plain, &err) != SO_EAUTH)
            fail_msg("byte %zu", i);
        sealed.p[i] ^= 1;
    }
    for (size_t n = 0; n < sealed.len; n++) {
        struct so_err err = SO_ERR_INIT;
        assert_int_equal(so_unseal(MASTER, PURPOSE, so_str(sealed.p, n), &plain, &err), SO_EAUTH);
    }
    struct so_err err = SO_ERR_INIT;
    assert_int_equal(so_unseal(SO_STR("another"), PURPOSE, so_buf_str(&sealed), &plain, &err), SO_EAUTH);
    err = SO_ERR_INIT;
    assert_int_equal(so_unseal(MASTER, SO_STR("another"), so_buf_str(&sealed), &plain, &err), SO_EAUTH);
    assert_int_equal(plain.len, 0);
    so_buf_deinit(&sealed);
    so_buf_deinit(&plain);
}

static void memory_that_runs_out_is_an_error(void **state)
{
    (void)state;
    struct so_buf out;
    struct so_err err = SO_ERR_INIT;
    so_buf_init(&out, 1 << 20);
    so_mem_fail_at(0);
    assert_int_equal(so_seal(MASTER, PURPOSE, SO_STR("text"), &out, &err), SO_ENOMEM);
    so_mem_fail_at(-1);
    so_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens_again),
        cmocka_unit_test(the_form_is_the_documented_one),
        cmocka_unit_test(the_same_text_is_never_sealed_the_same),
        cmocka_unit_test(any_change_is_noticed),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
