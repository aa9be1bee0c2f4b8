/* jws_test.c: signatures that others made verify, ours verify, and nothing else does. */
#include "../testing.h"

#include "helper.h"
#include "jose/jws.h"
#include "vectors.h"

static int verify(struct so_jwk *key, struct so_str token, enum so_jws_alg alg, struct so_str *payload)
{
    struct so_jwks keys = {.keys = {key}, .count = 1};
    return so_jws_verify(&keys, token, alg, &arena, payload, NULL, NULL);
}

static void the_signatures_of_the_rfcs_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(VECTORS); i++) {
        struct so_jwk *key = must_parse_key(VECTORS[i].jwk, VECTORS[i].alg);
        struct so_str payload, token = so_str_c(VECTORS[i].token);
        if (verify(key, token, SO_ALG_NONE, &payload) != SO_OK)
            fail_msg("%s", VECTORS[i].label);
        size_t end = token.n - 1;
        while (token.p[end] != '.')
            end--;
        if (VECTORS[i].can_be_made_again) {
            struct so_buf text;
            uint8_t signature[SO_SIGNATURE_MAX];
            size_t n;
            assert_int_equal(so_signature_make(key, so_str_slice(token, 0, end), signature, &n, NULL), SO_OK);
            so_buf_init(&text, 2048);
            so_base64url_put(&text, so_str((char *)signature, n));
            if (!so_str_eq(so_buf_str(&text), so_str_slice(token, end + 1, token.n)))
                fail_msg("%s: signed again", VECTORS[i].label);
            so_buf_deinit(&text);
        }
        so_jwk_unref(key);
        so_arena_reset(&arena);
    }
}

static void every_changed_character_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(VECTORS); i++) {
        struct so_jwk *key = must_parse_key(VECTORS[i].jwk, VECTORS[i].alg);
        struct so_str payload, original = so_str_c(VECTORS[i].token);
        size_t step = original.n > 300 ? 29 : 7;
        for (size_t at = 0; at < original.n; at += step) {
            char *text = so_alloc_text(&arena, original.n);
            memcpy(text, original.p, original.n);
            text[at] = text[at] == 'A' ? 'B' : 'A';
            int rc = verify(key, so_str(text, original.n), SO_ALG_NONE, &payload);
            if (rc != SO_EAUTH && rc != SO_EINVAL)
                fail_msg("%s: character %zu changed: %s", VECTORS[i].label, at, so_code_name(rc));
        }
        so_jwk_unref(key);
        so_arena_reset(&arena);
    }
}

static void every_algorithm_verifies_what_it_signed(void **state)
{
    (void)state;
    struct so_jwk *keys[SO_ALG_COUNT] = {NULL};
    for (int alg = 1; alg < SO_ALG_COUNT; alg++) {
        keys[alg] = must_generate((enum so_jws_alg)alg);
        assert_int_equal(so_jwk_alg(keys[alg]), alg);
        assert_int_equal(so_jws_alg_find(so_str_c(so_jws_alg_name((enum so_jws_alg)alg))), alg);
        struct so_str payload;
        struct so_buf token;
        so_buf_init(&token, 1 << 16);
        for (int times = 0; times < 5; times++) { /* ECDSA's numbers differ in length from one to the next */
            so_buf_reset(&token);
            assert_int_equal(so_jwt_sign(keys[alg], SO_STR("{\"sub\":\"u1\"}"), &token, NULL), SO_OK);
            if (verify(keys[alg], so_buf_str(&token), SO_ALG_NONE, &payload) != SO_OK)
                fail_msg("%s", so_jws_alg_name((enum so_jws_alg)alg));
            assert_str(payload, "{\"sub\":\"u1\"}");
        }
        for (int other = 1; other < alg; other++)
            assert_int_equal(verify(keys[other], so_buf_str(&token), SO_ALG_NONE, &payload), SO_EAUTH);
        so_buf_deinit(&token);
        so_arena_reset(&arena);
    }
    for (int alg = 1; alg < SO_ALG_COUNT; alg++)
        so_jwk_unref(keys[alg]);
}

/* RFC 9864: the names say the curve; EdDSA leaves it to the key; ESP256 and its like are COSE's. */
static void names_of_edwards_curves_mean_one_curve_each(void **state)
{
    (void)state;
    static const struct {
        const char *key_alg, *curve; /* "" is a JWK without alg */
        const char *token_alg;
        bool fits;
    } ROWS[] = {
        {"", "Ed25519", "EdDSA", true},        {"", "Ed25519", "Ed25519", true},     {"", "Ed25519", "Ed448", false},
        {"EdDSA", "Ed25519", "Ed25519", true}, {"EdDSA", "Ed25519", "Ed448", false}, {"Ed25519", "Ed25519", "EdDSA", true},
        {"", "Ed448", "Ed448", true},          {"EdDSA", "Ed448", "Ed448", true},    {"Ed448", "Ed448", "EdDSA", true},
        {"", "Ed448", "Ed25519", false},       {"", "Ed25519", "ESP256", false},     {"", "Ed25519", "ED25519", false},
    };
    static const char *const D[] = {"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
                                    "bIKlYsuAjRDWMr6JyFE-v2ySnzTd-oyfY8mWDvbjSKNSjIo_zC8ETjmj_FuUSS-PAy51SaIAmPlb"};
    static const char *const X[] = {"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                                    "X9dEm1m0Yf0s54fsYWrUah2hNCSFpw4fig6nXYDpZ3jt8SR2m0bHBhvWeD3x5Q9s0foavq_oJWGA"};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        size_t which = strcmp(ROWS[i].curve, "Ed448") == 0;
        struct so_str jwk = so_arena_printf(&arena, "{\"kty\":\"OKP\",\"crv\":\"%s\",\"d\":\"%s\",\"x\":\"%s\"%s%s%s}",
                                            ROWS[i].curve, D[which], X[which], ROWS[i].key_alg[0] ? ",\"alg\":\"" : "",
                                            ROWS[i].key_alg, ROWS[i].key_alg[0] ? "\"" : "");
        struct so_jwk *key = must_parse_key(jwk.p, SO_ALG_NONE);
        struct so_buf token;
        uint8_t signature[SO_SIGNATURE_MAX];
        struct so_str payload;
        size_t n;
        so_buf_init(&token, 4096);
        so_base64url_put(&token, so_arena_printf(&arena, "{\"alg\":\"%s\"}", ROWS[i].token_alg));
        so_buf_lit(&token, ".e30");
        assert_int_equal(so_signature_make(key, so_buf_str(&token), signature, &n, NULL), SO_OK);
        so_buf_putc(&token, '.');
        so_base64url_put(&token, so_str((char *)signature, n));
        int rc = verify(key, so_buf_str(&token), SO_ALG_NONE, &payload);
        if (rc != (ROWS[i].fits ? SO_OK : SO_EAUTH))
            fail_msg("key %s on %s, token %s: %s", ROWS[i].key_alg, ROWS[i].curve, ROWS[i].token_alg, so_code_name(rc));
        so_buf_deinit(&token);
        so_jwk_unref(key);
        so_arena_reset(&arena);
    }
}

static void an_rsa_key_without_alg_means_rs256_unless_the_caller_says_otherwise(void **state)
{
    (void)state;
    struct so_jwk *bare = must_parse_key(VECTORS[6].jwk, SO_ALG_NONE), *bound = must_parse_key(VECTORS[6].jwk, SO_ALG_RS256);
    struct so_str payload, ps384 = so_str_c(VECTORS[6].token), rs256 = so_str_c(VECTORS[5].token);
    assert_int_equal(so_jwk_alg(bare), SO_ALG_RS256);
    assert_int_equal(verify(bare, rs256, SO_ALG_NONE, &payload), SO_OK);
    assert_int_equal(verify(bare, ps384, SO_ALG_NONE, &payload), SO_EAUTH); /* the header does not choose */
    assert_int_equal(verify(bare, ps384, SO_ALG_PS384, &payload), SO_OK);   /* the caller may */
    assert_int_equal(verify(bare, rs256, SO_ALG_PS384, &payload), SO_EAUTH);
    assert_int_equal(verify(bare, rs256, SO_ALG_HS256, &payload), SO_EAUTH);
    assert_int_equal(verify(bound, ps384, SO_ALG_PS384, &payload), SO_EAUTH); /* but not against the key */
    so_jwk_unref(bare);
    so_jwk_unref(bound);
}

static void a_key_must_be_long_enough_for_the_callers_hmac(void **state)
{
    (void)state;
    struct so_jwk *short_key, *long_key;
    struct so_str payload, secret = SO_STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    struct so_jwk *signer;
    assert_int_equal(so_jwk_from_secret(so_str_slice(secret, 0, 32), SO_ALG_NONE, &short_key, NULL), SO_OK);
    assert_int_equal(so_jwk_from_secret(secret, SO_ALG_NONE, &long_key, NULL), SO_OK);
    assert_int_equal(so_jwk_from_secret(secret, SO_ALG_HS512, &signer, NULL), SO_OK);
    struct so_str token = forge(signer, "{\"alg\":\"HS512\"}", SO_STR("{}"));
    assert_int_equal(verify(long_key, token, SO_ALG_NONE, &payload), SO_EAUTH);
    assert_int_equal(verify(long_key, token, SO_ALG_HS512, &payload), SO_OK);
    assert_int_equal(verify(short_key, token, SO_ALG_HS512, &payload), SO_EAUTH);
    so_jwk_unref(short_key);
    so_jwk_unref(long_key);
    so_jwk_unref(signer);
}

static void ecdsa_signatures_have_one_form(void **state)
{
    (void)state;
    struct so_jwk *key = must_generate(SO_ALG_ES256);
    const struct so_str data = SO_STR("data");
    uint8_t good[SO_SIGNATURE_MAX], bad[SO_SIGNATURE_MAX] = {0};
    size_t n;
    assert_int_equal(so_signature_make(key, data, good, &n, NULL), SO_OK);
    assert_int_equal(n, 64);
    assert_int_equal(so_signature_verify(key, SO_ALG_ES256, data, so_str((char *)good, 64), NULL), SO_OK);
    assert_int_equal(so_signature_verify(key, SO_ALG_ES256, data, so_str((char *)bad, 64), NULL), SO_EAUTH);
    memcpy(bad, good, 32); /* s is zero */
    assert_int_equal(so_signature_verify(key, SO_ALG_ES256, data, so_str((char *)bad, 64), NULL), SO_EAUTH);
    memcpy(bad + 32, good + 32, 32);
    memset(bad, 0, 32); /* r is zero */
    assert_int_equal(so_signature_verify(key, SO_ALG_ES256, data, so_str((char *)bad, 64), NULL), SO_EAUTH);
    memset(bad, 0xFF, 64); /* both above the order of the curve */
    assert_int_equal(so_signature_verify(key, SO_ALG_ES256, data, so_str((char *)bad, 64), NULL), SO_EAUTH);
    memcpy(bad + 1, good, 64); /* one byte more or less */
    assert_int_equal(so_signature_verify(key, SO_ALG_ES256, data, so_str((char *)bad, 65), NULL), SO_EAUTH);
    assert_int_equal(so_signature_verify(key, SO_ALG_ES256, data, so_str((char *)good, 63), NULL), SO_EAUTH);
    assert_int_equal(so_signature_verify(key, SO_ALG_ES256, data, so_str((char *)good, 0), NULL), SO_EAUTH);
    const uint8_t head[] = {0x30, 68, 0x02, 32}; /* DER */
    memcpy(bad, head, 4);
    memcpy(bad + 4, good, 32);
    bad[36] = 0x02;
    bad[37] = 32;
    memcpy(bad + 38, good + 32, 32);
    assert_int_equal(so_signature_verify(key, SO_ALG_ES256, data, so_str((char *)bad, 70), NULL), SO_EAUTH);
    so_jwk_unref(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signatures_of_the_rfcs_verify),
        cmocka_unit_test(every_changed_character_is_noticed),
        cmocka_unit_test(every_algorithm_verifies_what_it_signed),
        cmocka_unit_test(names_of_edwards_curves_mean_one_curve_each),
        cmocka_unit_test(an_rsa_key_without_alg_means_rs256_unless_the_caller_says_otherwise),
        cmocka_unit_test(a_key_must_be_long_enough_for_the_callers_hmac),
        cmocka_unit_test(ecdsa_signatures_have_one_form),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    so_arena_deinit(&arena);
    return failed;
}
