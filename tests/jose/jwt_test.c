/* jwt_test.c: the attacks of RFC 8725 and of the years after it, each signed properly where that is what it takes, so that
 * a token is refused for the one thing that is wrong with it. */
#include "../testing.h"

#include "core/mem.h"
#include "helper.h"
#include "vectors.h"

enum { NOW = 1000000 };

static struct so_jwk *hmac, *ec, *rsa;
static struct so_jwks set;

static int make_keys(void **state)
{
    (void)state;
    if (so_jwk_from_secret(SO_STR("a secret of exactly 32 bytes, ok"), SO_ALG_HS256, &hmac, NULL) != SO_OK ||
        so_jwk_generate(SO_ALG_ES256, &ec, NULL) != SO_OK || so_jwk_generate(SO_ALG_RS256, &rsa, NULL) != SO_OK)
        return -1;
    set = (struct so_jwks){.keys = {hmac, ec, rsa}, .count = 3};
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    so_jwks_clear(&set);
    so_arena_deinit(&arena);
    return 0;
}

static int verify_at(struct so_str token, const struct so_jwt_checks *checks, struct so_err *err)
{
    struct so_json claims;
    return so_jwt_verify(&set, token, checks, &arena, &claims, NULL, err);
}

static int verify(struct so_str token, struct so_err *err)
{
    return verify_at(token, &(struct so_jwt_checks){.now = NOW}, err);
}

#define ALG "\"alg\":\"HS256\""

static const struct {
    const char *label, *header;
    int want;
    const char *reason; /* part of the message */
} HEADERS[] = {
    {"the least", "{" ALG "}", SO_OK, ""},
    {"the usual", "{" ALG ",\"typ\":\"JWT\"}", SO_OK, ""},
    {"unknown members are fine", "{" ALG ",\"x\":[1,{\"y\":2}],\"x5t\":\"abc\"}", SO_OK, ""},
    {"a kid that keys without one answer to", "{" ALG ",\"kid\":\"who\"}", SO_OK, ""},
    {"white space", " { \"alg\" : \"HS256\" } ", SO_OK, ""},
    {"an escaped alg is the same alg", "{\"alg\":\"\\u0048S256\"}", SO_OK, ""},
    {"none", "{\"alg\":\"none\"}", SO_EAUTH, "none"},
    {"None", "{\"alg\":\"None\"}", SO_EAUTH, "none"},
    {"nOnE", "{\"alg\":\"nOnE\"}", SO_EAUTH, "none"},
    {"an empty alg", "{\"alg\":\"\"}", SO_EAUTH, "supported"},
    {"lower case", "{\"alg\":\"hs256\"}", SO_EAUTH, "supported"},
    {"blank after it", "{\"alg\":\"HS256 \"}", SO_EAUTH, "supported"},
    {"a NUL after it", "{\"alg\":\"HS256\\u0000\"}", SO_EAUTH, "supported"},
    {"an alg of JWE", "{\"alg\":\"RSA-OAEP\"}", SO_EAUTH, "supported"},
    {"PBES2 with a million rounds", "{\"alg\":\"PBES2-HS256+A128KW\",\"p2c\":2147483647}", SO_EAUTH, "supported"},
    {"an alg that no key has", "{\"alg\":\"HS384\"}", SO_EAUTH, "no key is for HS384"},
    {"another key's alg", "{\"alg\":\"ES256\"}", SO_EAUTH, "does not match"},
    {"no alg", "{\"typ\":\"JWT\"}", SO_EINVAL, "alg"},
    {"alg null", "{\"alg\":null}", SO_EINVAL, "alg"},
    {"alg a number", "{\"alg\":0}", SO_EINVAL, "alg"},
    {"alg an array", "{\"alg\":[\"HS256\"]}", SO_EINVAL, "alg"},
    {"kid a number", "{" ALG ",\"kid\":1}", SO_EINVAL, "kid"},
    {"crit, known", "{" ALG ",\"crit\":[\"exp\"],\"exp\":1}", SO_EINVAL, "crit"},
    {"crit, empty", "{" ALG ",\"crit\":[]}", SO_EINVAL, "crit"},
    {"crit, null", "{" ALG ",\"crit\":null}", SO_EINVAL, "crit"},
    {"b64 false", "{" ALG ",\"b64\":false,\"crit\":[\"b64\"]}", SO_EINVAL, "\""},
    {"b64 alone", "{" ALG ",\"b64\":false}", SO_EINVAL, "b64"},
    {"b64 true", "{" ALG ",\"b64\":true}", SO_EINVAL, "b64"},
    {"an embedded key (CVE-2018-0114)", "{" ALG ",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}", SO_EINVAL, "jwk"},
    {"a key elsewhere", "{" ALG ",\"jku\":\"http://127.0.0.1/\"}", SO_EINVAL, "jku"},
    {"a certificate elsewhere", "{" ALG ",\"x5u\":\"http://127.0.0.1/\"}", SO_EINVAL, "x5u"},
    {"a certificate", "{" ALG ",\"x5c\":[\"AAAA\"]}", SO_EINVAL, "x5c"},
    {"compressed", "{" ALG ",\"zip\":\"DEF\"}", SO_EINVAL, "zip"},
    {"encrypted", "{" ALG ",\"enc\":\"A128GCM\"}", SO_EINVAL, "enc"},
    {"two algs", "{" ALG ",\"alg\":\"none\"}", SO_EINVAL, "JSON"},
    {"two algs, one escaped", "{" ALG ",\"\\u0061lg\":\"none\"}", SO_EINVAL, "JSON"},
    {"deep", "{" ALG ",\"x\":[[[[[[]]]]]]}", SO_ELIMIT, "JSON"},
    {"cut", "{" ALG, SO_EINVAL, "JSON"},
    {"more after it", "{" ALG "}{}", SO_EINVAL, "JSON"},
    {"an array",
     "["
     "\"alg\",\"HS256\"]",
     SO_EINVAL, "object"},
    {"a text", "\"HS256\"", SO_EINVAL, "object"},
    {"nothing", "", SO_EINVAL, ""},
    {"no UTF-8", "{" ALG ",\"x\":\"\xC3\x28\"}", SO_EINVAL, "JSON"},
};

static void the_header_can_only_rule_keys_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(HEADERS); i++) {
        struct so_err err = SO_ERR_INIT;
        int rc = verify(forge(hmac, HEADERS[i].header, SO_STR("{}")), &err);
        if (rc != HEADERS[i].want || strstr(err.message, HEADERS[i].reason) == NULL)
            fail_msg("%s: %s: %s", HEADERS[i].label, so_code_name(rc), err.message);
        so_arena_reset(&arena);
    }
}

static const struct {
    const char *label, *payload;
    int want;
} PAYLOADS[] = {
    {"no claims", "{}", SO_OK},
    {"last second before exp", "{\"exp\":1000001}", SO_OK},
    {"exp is exclusive (RFC 7519 4.1.4)", "{\"exp\":1000000}", SO_EEXPIRED},
    {"long ago", "{\"exp\":1}", SO_EEXPIRED},
    {"exp of zero", "{\"exp\":0}", SO_EEXPIRED},
    {"exp with a fraction, just after", "{\"exp\":1000000.5}", SO_OK},
    {"exp with a fraction, just before", "{\"exp\":999999.5}", SO_EEXPIRED},
    {"exp with an exponent", "{\"exp\":1.000001e6}", SO_OK},
    {"exp with an exponent, over", "{\"exp\":1e6}", SO_EEXPIRED},
    {"exp in the year 9999", "{\"exp\":253402300799}", SO_OK},
    {"exp in the year 10000", "{\"exp\":253402300800}", SO_EINVAL},
    {"exp in milliseconds", "{\"exp\":1700000000000}", SO_EINVAL},
    {"exp beyond int64", "{\"exp\":99999999999999999999}", SO_EINVAL},
    {"exp of 2^63-1", "{\"exp\":9223372036854775807}", SO_EINVAL},
    {"exp of -2^63", "{\"exp\":-9223372036854775808}", SO_EINVAL},
    {"exp beyond double", "{\"exp\":1e999}", SO_EINVAL},
    {"exp below zero", "{\"exp\":-1}", SO_EINVAL},
    {"exp far below zero", "{\"exp\":-1e999}", SO_EINVAL},
    {"exp a text", "{\"exp\":\"2000000\"}", SO_EINVAL},
    {"exp null", "{\"exp\":null}", SO_EINVAL},
    {"exp true", "{\"exp\":true}", SO_EINVAL},
    {"exp an array", "{\"exp\":[2000000]}", SO_EINVAL},
    {"exp twice", "{\"exp\":2000000,\"exp\":1}", SO_EINVAL},
    {"exp twice, one escaped", "{\"exp\":1,\"\\u0065xp\":2000000}", SO_EINVAL},
    {"nbf is inclusive (RFC 7519 4.1.5)", "{\"nbf\":1000000}", SO_OK},
    {"a second too early", "{\"nbf\":1000001}", SO_EEARLY},
    {"half a second too early", "{\"nbf\":1000000.5}", SO_EEARLY},
    {"nbf a text", "{\"nbf\":\"0\"}", SO_EINVAL},
    {"iat in the future is no fault", "{\"iat\":1000100}", SO_OK},
    {"iat a text", "{\"iat\":\"now\"}", SO_EINVAL},
    {"iss a number", "{\"iss\":1}", SO_EINVAL},
    {"aud a number", "{\"aud\":1}", SO_EINVAL},
    {"aud an object", "{\"aud\":{\"a\":1}}", SO_EINVAL},
    {"aud with a number in it", "{\"aud\":[\"a\",1]}", SO_EINVAL},
    {"aud not asked for", "{\"aud\":[\"a\",\"b\"]}", SO_OK},
    {"an array", "[]", SO_EINVAL},
    {"a text", "\"x\"", SO_EINVAL},
    {"null", "null", SO_EINVAL},
    {"nothing", "", SO_EINVAL},
    {"no JSON", "foo", SO_EINVAL},
    {"more after it", "{} {}", SO_EINVAL},
    {"two members of one name, deep", "{\"a\":{\"b\":1,\"b\":1}}", SO_EINVAL},
    {"no UTF-8", "{\"sub\":\"\xFF\"}", SO_EINVAL},
};

static void claims_must_be_well_formed_and_in_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(PAYLOADS); i++) {
        struct so_err err = SO_ERR_INIT;
        int rc = verify(forge(hmac, "{" ALG "}", so_str_c(PAYLOADS[i].payload)), &err);
        if (rc != PAYLOADS[i].want || err.code != rc)
            fail_msg("%s: %s: %s", PAYLOADS[i].label, so_code_name(rc), err.message);
        so_arena_reset(&arena);
    }
}

static const struct {
    const char *label;
    int64_t now, leeway;
    int want;
} TIMES[] = {
    {"nbf", 900, 0, SO_OK},
    {"a second before nbf", 899, 0, SO_EEARLY},
    {"a second before nbf, with leeway", 899, 1, SO_OK},
    {"two seconds before nbf, with leeway", 898, 1, SO_EEARLY},
    {"last second", 1099, 0, SO_OK},
    {"exp", 1100, 0, SO_EEXPIRED},
    {"exp with leeway", 1100, 1, SO_OK},
    {"a second after exp with leeway", 1101, 1, SO_EEXPIRED},
    {"a leeway below zero is none", 1099, -100, SO_OK},
    {"an absurd leeway is a day", 1100 + 86400, INT64_MAX, SO_EEXPIRED},
    {"the end of time", INT64_MAX, INT64_MAX, SO_EEXPIRED},
    {"before all time", INT64_MIN, INT64_MAX, SO_EEARLY},
};

static void a_token_is_good_from_nbf_until_exp(void **state)
{
    (void)state;
    struct so_str token = forge(hmac, "{" ALG "}", SO_STR("{\"nbf\":900,\"exp\":1100}"));
    for (size_t i = 0; i < COUNT_OF(TIMES); i++)
        if (verify_at(token, &(struct so_jwt_checks){.now = TIMES[i].now, .leeway = TIMES[i].leeway}, NULL) != TIMES[i].want)
            fail_msg("%s", TIMES[i].label);
    so_arena_reset(&arena);
}

static const struct {
    const char *label, *payload;
    int want; /* with aud "api" and iss "us" asked for */
} PARTIES[] = {
    {"both right", "{\"aud\":\"api\",\"iss\":\"us\"}", SO_OK},
    {"one of several", "{\"aud\":[\"web\",\"api\"],\"iss\":\"us\"}", SO_OK},
    {"no aud", "{\"iss\":\"us\"}", SO_EDENIED},
    {"none of several", "{\"aud\":[\"web\",\"app\"],\"iss\":\"us\"}", SO_EDENIED},
    {"an empty array", "{\"aud\":[],\"iss\":\"us\"}", SO_EDENIED},
    {"a prefix", "{\"aud\":\"ap\",\"iss\":\"us\"}", SO_EDENIED},
    {"another case", "{\"aud\":\"API\",\"iss\":\"us\"}", SO_EDENIED},
    {"a NUL after it", "{\"aud\":\"api\\u0000\",\"iss\":\"us\"}", SO_EDENIED},
    {"no iss", "{\"aud\":\"api\"}", SO_EDENIED},
    {"another iss", "{\"aud\":\"api\",\"iss\":\"them\"}", SO_EDENIED},
    {"iss an array (CVE-2025-30144)", "{\"aud\":\"api\",\"iss\":[\"us\",\"them\"]}", SO_EINVAL},
};

static void audience_and_issuer_are_compared_whole(void **state)
{
    (void)state;
    const struct so_jwt_checks checks = {.now = NOW, .aud = SO_STR("api"), .iss = SO_STR("us")};
    for (size_t i = 0; i < COUNT_OF(PARTIES); i++)
        if (verify_at(forge(hmac, "{" ALG "}", so_str_c(PARTIES[i].payload)), &checks, NULL) != PARTIES[i].want)
            fail_msg("%s", PARTIES[i].label);
    so_arena_reset(&arena);
}

static struct so_str join(const char *a, struct so_str b, const char *c)
{
    return so_arena_printf(&arena, "%s%.*s%s", a, SO_STR_ARG(b), c);
}

static void the_three_parts_have_one_spelling(void **state)
{
    (void)state;
    struct so_str good = forge(hmac, "{" ALG "}", SO_STR("{\"a\":1}"));
    size_t dot = so_str_find_char(good, '.', 0);
    char *trailing = so_alloc_text(&arena, good.n);
    memcpy(trailing, good.p, good.n);
    trailing[good.n - 1]++; /* 32 bytes are 43 characters: two bits of the last one mean nothing and must be zero */
    const struct {
        const char *label;
        struct so_str token;
        int want;
    } cases[] = {
        {"as it was", good, SO_OK},
        {"empty", SO_STR(""), SO_EINVAL},
        {"dots only", SO_STR(".."), SO_EINVAL},
        {"one part", so_str_slice(good, 0, dot), SO_EINVAL},
        {"two parts", so_str_slice(good, 0, so_str_find_char(good, '.', dot + 1)), SO_EINVAL},
        {"no signature", so_str_slice(good, 0, so_str_find_char(good, '.', dot + 1) + 1), SO_EAUTH},
        {"four parts", join("", good, ".x"), SO_EINVAL},
        {"a dot at the end", join("", good, "."), SO_EINVAL},
        {"five parts, as in JWE", join("", good, ".x.y"), SO_EINVAL},
        {"a dot in front", join(".", good, ""), SO_EINVAL},
        {"padding", join("", good, "="), SO_EINVAL},
        {"a blank in front", join(" ", good, ""), SO_EINVAL},
        {"a line break behind", join("", good, "\n"), SO_EINVAL},
        {"Bearer", join("Bearer ", good, ""), SO_EINVAL},
        {"stray bits", so_str(trailing, good.n), SO_EINVAL},
        {"a signature with more", join("", good, "AAAA"), SO_EAUTH},
        {"a signature cut", so_str_slice(good, 0, good.n - 3), SO_EAUTH},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct so_err err = SO_ERR_INIT;
        int rc = verify(cases[i].token, &err);
        if (rc != cases[i].want)
            fail_msg("%s: %s: %s", cases[i].label, so_code_name(rc), err.message);
    }
    so_arena_reset(&arena);
}

static void size_is_looked_at_first(void **state)
{
    (void)state;
    enum { MEGABYTE = 1 << 20 };
    char *dots = so_malloc(MEGABYTE);
    struct so_arena small;
    struct so_json header, claims;
    so_arena_init(&small, 1);
    memset(dots, '.', MEGABYTE);
    so_mem_fail_at(0);
    const struct so_jwt_checks checks = {.now = NOW};
    assert_int_equal(so_jwt_verify(&set, so_str(dots, MEGABYTE), &checks, &small, &claims, NULL, NULL), SO_ELIMIT);
    assert_int_equal(so_jwt_verify(&set, so_str(dots, SO_JWT_MAX), &checks, &small, &claims, NULL, NULL), SO_EINVAL);
    assert_int_equal(so_jwt_decode(so_str(dots, MEGABYTE), &small, &header, &claims, NULL), SO_ELIMIT);
    assert_false(so_mem_failed()); /* GHSA-mh63-6h87-95cp: nothing was allocated */
    so_mem_fail_at(-1);
    memset(dots, 'A', SO_JWT_MAX);
    dots[5000] = dots[5001] = '.';
    assert_int_equal(so_jwt_verify(&set, so_str(dots, SO_JWT_MAX), &checks, &small, &claims, NULL, NULL), SO_ELIMIT);
    so_free(dots);
    so_arena_deinit(&small);

    char *payload = so_alloc_text(&arena, SO_JWT_MAX);
    memset(payload, ' ', SO_JWT_MAX);
    memcpy(payload, "{}", 2);
    struct so_buf token;
    so_buf_init(&token, 1 << 20);
    assert_int_equal(so_jwt_sign(hmac, so_str(payload, SO_JWT_MAX), &token, NULL), SO_ELIMIT);
    assert_int_equal(token.len, 0);
    assert_int_equal(so_jwt_sign(hmac, so_str(payload, 12000), &token, NULL), SO_OK);
    assert_int_equal(verify(so_buf_str(&token), NULL), SO_OK);
    so_buf_deinit(&token);
    so_arena_reset(&arena);
}

/* The oldest of them: the public key, which everybody has, used as HMAC secret. */
static void a_public_key_is_never_a_secret(void **state)
{
    (void)state;
    struct so_jwk *publics[] = {rsa, ec};
    for (size_t i = 0; i < COUNT_OF(publics); i++) {
        struct so_buf text;
        struct so_jwk *guess;
        struct so_json claims;
        so_buf_init(&text, 4096);
        assert_int_equal(so_jwk_put(publics[i], false, &text, NULL), SO_OK);
        assert_int_equal(so_jwk_from_secret(so_buf_str(&text), SO_ALG_HS256, &guess, NULL), SO_OK);
        struct so_str token = forge(guess, "{" ALG "}", SO_STR("{}"));
        struct so_jwks only = {.keys = {publics[i]}, .count = 1};
        const struct so_jwt_checks any = {.now = NOW}, asked = {.now = NOW, .alg = SO_ALG_HS256};
        assert_int_equal(so_jwt_verify(&only, token, &any, &arena, &claims, NULL, NULL), SO_EAUTH);
        assert_int_equal(so_jwt_verify(&only, token, &asked, &arena, &claims, NULL, NULL), SO_EAUTH);
        so_jwk_unref(guess);
        so_buf_deinit(&text);
    }
    /* CVE-2026-44699: an RSA key that does not say its algorithm */
    struct so_jwk *bare = must_parse_key(VECTORS[1].jwk, SO_ALG_NONE), *empty;
    struct so_json claims;
    struct so_jwks only = {.keys = {bare}, .count = 1};
    struct so_str token = forge(hmac, "{" ALG "}", SO_STR("{}"));
    assert_int_equal(so_jwt_verify(&only, token, &(struct so_jwt_checks){.alg = SO_ALG_HS256}, &arena, &claims, NULL, NULL),
                     SO_EAUTH);
    assert_int_equal(so_jwk_from_secret(SO_STR(""), SO_ALG_NONE, &empty, NULL), SO_EINVAL);
    so_jwk_unref(bare);
    so_arena_reset(&arena);
}

static void kid_picks_among_keys(void **state)
{
    (void)state;
    struct so_jwk *a = must_generate(SO_ALG_ES256), *b = must_generate(SO_ALG_ES256);
    struct so_jwks both = {.keys = {a, b}, .count = 2};
    struct so_json claims;
    struct so_buf token;
    const struct so_jwk *found = NULL;
    const struct so_jwt_checks checks = {.now = NOW};
    so_buf_init(&token, 4096);
    assert_int_equal(so_jwt_sign(b, SO_STR("{\"sub\":\"x\"}"), &token, NULL), SO_OK);
    assert_int_equal(so_jwt_verify(&both, so_buf_str(&token), &checks, &arena, &claims, &found, NULL), SO_OK);
    assert_ptr_equal(found, b);
    assert_str(so_json_get_str(&claims, SO_STR("sub")), "x");
    struct so_json header;
    assert_int_equal(so_jwt_decode(so_buf_str(&token), &arena, &header, &claims, NULL), SO_OK);
    assert_true(so_str_eq(so_json_get_str(&header, SO_STR("kid")), so_jwk_kid(b)));
    assert_str(so_json_get_str(&header, SO_STR("typ")), "JWT");

    struct so_str no_kid = forge(b, "{\"alg\":\"ES256\"}", SO_STR("{}"));
    assert_int_equal(so_jwt_verify(&both, no_kid, &checks, &arena, &claims, &found, NULL), SO_OK);
    struct so_str other = forge(b, "{\"alg\":\"ES256\",\"kid\":\"gone\"}", SO_STR("{}"));
    struct so_err err = SO_ERR_INIT;
    assert_int_equal(so_jwt_verify(&both, other, &checks, &arena, &claims, &found, &err), SO_EAUTH);
    assert_non_null(strstr(err.message, "kid"));
    struct so_jwks none = {.count = 0};
    assert_int_equal(so_jwt_verify(&none, no_kid, &checks, &arena, &claims, &found, NULL), SO_EAUTH);
    so_buf_deinit(&token);
    so_jwk_unref(a);
    so_jwk_unref(b);
    so_arena_reset(&arena);
}

static void every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    struct so_buf made;
    so_buf_init(&made, 4096);
    assert_int_equal(so_jwt_sign(ec, SO_STR("{\"sub\":\"x\",\"aud\":[\"a\"]}"), &made, NULL), SO_OK);
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_arena own;
        struct so_json claims;
        struct so_buf token;
        so_arena_init(&own, 1 << 20);
        so_buf_init(&token, 4096);
        so_mem_fail_at(n);
        int rc = so_jwt_verify(&set, so_buf_str(&made), &(struct so_jwt_checks){.now = NOW}, &own, &claims, NULL, NULL);
        if (rc == SO_OK)
            rc = so_jwt_sign(hmac, SO_STR("{}"), &token, NULL);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
        so_arena_deinit(&own);
        so_buf_deinit(&token);
    }
    so_buf_deinit(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_can_only_rule_keys_out),   cmocka_unit_test(claims_must_be_well_formed_and_in_time),
        cmocka_unit_test(a_token_is_good_from_nbf_until_exp),  cmocka_unit_test(audience_and_issuer_are_compared_whole),
        cmocka_unit_test(the_three_parts_have_one_spelling),   cmocka_unit_test(size_is_looked_at_first),
        cmocka_unit_test(a_public_key_is_never_a_secret),      cmocka_unit_test(kid_picks_among_keys),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
