/* digest_test.c: the published vectors, and comparison that does not stop early. */
#include "../testing.h"

#include "crypto/digest.h"

static const char *hex(const uint8_t *bytes, size_t n)
{
    static char text[2 * SO_DIGEST_MAX + 1];
    for (size_t i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

static const struct {
    enum so_digest kind;
    const char *data, *want;
} DIGESTS[] = {
    /* FIPS 180-4's example "abc", and the empty text */
    {SO_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {SO_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {SO_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {SO_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {SO_SHA384, "abc", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    {SO_SHA512, "abc",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac9"
     "4fa5"
     "4ca49f"},
};

static void digests_are_those_of_fips_180(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(DIGESTS); i++) {
        uint8_t out[SO_DIGEST_MAX];
        assert_true(so_digest(DIGESTS[i].kind, so_str_c(DIGESTS[i].data), out));
        assert_string_equal(hex(out, so_digest_size(DIGESTS[i].kind)), DIGESTS[i].want);
    }
}

static const struct {
    enum so_digest kind;
    const char *key, *data, *want;
} MACS[] = {
    /* RFC 4231 test case 2; RFC 2202 test case 2 */
    {SO_SHA256, "Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {SO_SHA384, "Jefe", "what do ya want for nothing?",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
    {SO_SHA512, "Jefe", "what do ya want for nothing?",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e07"
     "0a38"
     "bce737"},
    {SO_SHA1, "Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {SO_SHA256, "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
};

static void macs_are_those_of_rfc_4231(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(MACS); i++) {
        uint8_t out[SO_DIGEST_MAX];
        size_t size = so_digest_size(MACS[i].kind);
        assert_true(so_hmac(MACS[i].kind, so_str_c(MACS[i].key), so_str_c(MACS[i].data), out));
        assert_string_equal(hex(out, size), MACS[i].want);
        struct so_hmac_key *key = so_hmac_key_new(MACS[i].kind, so_str_c(MACS[i].key));
        assert_non_null(key);
        for (int twice = 0; twice < 2; twice++) { /* a use leaves the key as it was */
            memset(out, 0, sizeof(out));
            assert_true(so_hmac_with(key, so_str_c(MACS[i].data), out));
            assert_string_equal(hex(out, size), MACS[i].want);
        }
        so_hmac_key_free(key);
    }
    so_hmac_key_free(NULL);
}

static void secrets_are_equal_only_when_all_bytes_are(void **state)
{
    (void)state;
    assert_true(so_equal_secret(SO_STR("same"), SO_STR("same")));
    assert_true(so_equal_secret(so_str(NULL, 0), SO_STR("")));
    assert_false(so_equal_secret(SO_STR("same"), SO_STR("samE")));
    assert_false(so_equal_secret(SO_STR("same"), SO_STR("Same")));
    assert_false(so_equal_secret(SO_STR("same"), SO_STR("sam")));
    assert_false(so_equal_secret(SO_STR(""), SO_STR("x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_fips_180),
        cmocka_unit_test(macs_are_those_of_rfc_4231),
        cmocka_unit_test(secrets_are_equal_only_when_all_bytes_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
