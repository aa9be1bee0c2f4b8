/* jwk_test.c: keys come in as the RFCs write them, go out the same, and no broken or weak one gets in. */
#include "../testing.h"

#include "core/mem.h"
#include "helper.h"
#include "vectors.h"

/* RFC 7638 section 3.1 and RFC 8037 appendix A.3 */
static const struct {
    const char *label, *jwk, *thumbprint;
} THUMBPRINTS[] = {
    {"RSA",
     "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
     "BJECPebWKRXjB"
     "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
     "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
     "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
     "kEgU8awapJzKnqDKgw\",\"e\":"
     "\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
     "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
    {"OKP",
     "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\"x\":\"11qYAYKxCrfVS_"
     "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
     "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
};

static void thumbprints_are_those_of_the_rfcs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(THUMBPRINTS); i++) {
        struct so_jwk *key = must_parse_key(THUMBPRINTS[i].jwk, SO_ALG_NONE);
        struct so_buf out;
        so_buf_init(&out, 128);
        assert_int_equal(so_jwk_thumbprint(key, &out, NULL), SO_OK);
        assert_str(so_buf_str(&out), THUMBPRINTS[i].thumbprint);
        so_buf_deinit(&out);
        so_jwk_unref(key);
        so_arena_reset(&arena);
    }
}

/* Every member of the original is in the copy, except those that do not matter to a key. */
static void same_members(const char *label, struct so_str original, struct so_str copy)
{
    struct so_json a, b;
    assert_int_equal(so_json_parse(&arena, original, NULL, &a, NULL), SO_OK);
    assert_int_equal(so_json_parse(&arena, copy, NULL, &b, NULL), SO_OK);
    for (uint32_t i = 0; i < a.len; i++) {
        const struct so_json *other = so_json_get(&b, so_json_key(&a.u.members[i]));
        if (other == NULL || !so_json_eq(&a.u.members[i].value, other))
            fail_msg("%s: member %.*s in %.*s", label, SO_STR_ARG(so_json_key(&a.u.members[i])), SO_STR_ARG(copy));
    }
}

static void a_key_is_written_as_it_was_read(void **state)
{
    (void)state;
    struct so_buf out;
    so_buf_init(&out, 8192);
    for (size_t i = 0; i < COUNT_OF(VECTORS); i++) {
        struct so_jwk *key = must_parse_key(VECTORS[i].jwk, VECTORS[i].alg);
        so_buf_reset(&out);
        assert_int_equal(so_jwk_put(key, true, &out, NULL), SO_OK);
        same_members(VECTORS[i].label, so_str_c(VECTORS[i].jwk), so_buf_str(&out));
        so_jwk_unref(key);
        so_arena_reset(&arena);
    }
    for (int alg = 1; alg < SO_ALG_COUNT; alg++) {
        struct so_jwk *key = must_generate((enum so_jws_alg)alg), *again;
        so_buf_reset(&out);
        assert_int_equal(so_jwk_put(key, true, &out, NULL), SO_OK);
        again = must_parse_key(so_buf_cstr(&out), SO_ALG_NONE);
        assert_int_equal(so_jwk_alg(again), alg);
        assert_true(so_jwk_is_private(again));
        assert_int_equal(so_jwk_kid(again).n, 43);
        assert_true(so_str_eq(so_jwk_kid(again), so_jwk_kid(key)));
        so_jwk_unref(again);
        so_jwk_unref(key);
        so_arena_reset(&arena);
    }
    so_buf_deinit(&out);
}

static void the_public_form_holds_no_secret(void **state)
{
    (void)state;
    static const char *const SECRETS[] = {"d", "p", "q", "dp", "dq", "qi", "k"};
    for (int alg = 1; alg < SO_ALG_COUNT; alg++) {
        struct so_jwk *key = must_generate((enum so_jws_alg)alg);
        struct so_json json;
        struct so_buf out;
        so_buf_init(&out, 8192);
        int rc = so_jwk_put(key, false, &out, NULL);
        if (alg <= SO_ALG_HS512) {
            assert_int_equal(rc, SO_EINVAL);
            assert_int_equal(out.len, 0);
        } else {
            assert_int_equal(rc, SO_OK);
            assert_int_equal(so_json_parse(&arena, so_buf_str(&out), NULL, &json, NULL), SO_OK);
            for (size_t i = 0; i < COUNT_OF(SECRETS); i++)
                assert_null(so_json_get(&json, so_str_c(SECRETS[i])));
            struct so_jwk *public = must_parse_key(so_buf_cstr(&out), SO_ALG_NONE);
            struct so_err err = SO_ERR_INIT;
            uint8_t signature[SO_SIGNATURE_MAX];
            size_t n;
            assert_false(so_jwk_is_private(public));
            assert_int_equal(so_signature_make(public, SO_STR("x"), signature, &n, &err), SO_EINVAL);
            struct so_buf more;
            so_buf_init(&more, 8192); /* asked for the private form, it gives what it has */
            assert_int_equal(so_jwk_put(public, true, &more, NULL), SO_OK);
            assert_true(so_str_eq(so_buf_str(&more), so_str(out.p, out.len)));
            so_buf_deinit(&more);
            so_jwk_unref(public);
        }
        so_buf_deinit(&out);
        so_jwk_unref(key);
        so_arena_reset(&arena);
    }
}

#define X256  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""
#define Y256  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define D256  "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""
#define EC256 "\"kty\":\"EC\",\"crv\":\"P-256\","
#define ED    "\"kty\":\"OKP\",\"crv\":\"Ed25519\","
#define EDX   "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define K32   "\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\""

static const struct {
    const char *label, *jwk;
    enum so_jws_alg alg;
    int want;
    const char *reason; /* part of the message */
} KEYS[] = {
    {"EC, public", "{" EC256 X256 "," Y256 "}", SO_ALG_NONE, SO_OK, ""},
    {"EC, private", "{" EC256 X256 "," Y256 "," D256 "}", SO_ALG_NONE, SO_OK, ""},
    {"EC, its algorithm asked for", "{" EC256 X256 "," Y256 "}", SO_ALG_ES256, SO_OK, ""},
    {"EC, another curve's algorithm asked for", "{" EC256 X256 "," Y256 "}", SO_ALG_ES384, SO_EINVAL, "ES384"},
    {"EC as a secret", "{" EC256 X256 "," Y256 "," K32 "}", SO_ALG_HS256, SO_EINVAL, "HS256"},
    {"EC that says HS256", "{" EC256 X256 "," Y256 ",\"alg\":\"HS256\"}", SO_ALG_NONE, SO_EINVAL, "HS256"},
    {"EC that says none", "{" EC256 X256 "," Y256 ",\"alg\":\"none\"}", SO_ALG_NONE, SO_EINVAL, "alg"},
    {"alg and the wish differ", "{\"kty\":\"oct\",\"alg\":\"HS256\"," K32 "}", SO_ALG_HS384, SO_EINVAL, "HS384"},
    {"alg a number", "{" EC256 X256 "," Y256 ",\"alg\":7}", SO_ALG_NONE, SO_EINVAL, "alg"},
    {"use sig", "{" EC256 X256 "," Y256 ",\"use\":\"sig\"}", SO_ALG_NONE, SO_OK, ""},
    {"use enc", "{" EC256 X256 "," Y256 ",\"use\":\"enc\"}", SO_ALG_NONE, SO_EINVAL, "use"},
    {"use a number", "{" EC256 X256 "," Y256 ",\"use\":1}", SO_ALG_NONE, SO_EINVAL, "use"},
    {"key_ops verify", "{" EC256 X256 "," Y256 ",\"key_ops\":[\"verify\"]}", SO_ALG_NONE, SO_OK, ""},
    {"key_ops for encryption", "{" EC256 X256 "," Y256 ",\"key_ops\":[\"deriveKey\"]}", SO_ALG_NONE, SO_EINVAL, "key_ops"},
    {"key_ops that leave nothing", "{" EC256 X256 "," Y256 ",\"key_ops\":[\"sign\"]}", SO_ALG_NONE, SO_EINVAL, "key_ops"},
    {"key_ops empty", "{" EC256 X256 "," Y256 ",\"key_ops\":[]}", SO_ALG_NONE, SO_EINVAL, "key_ops"},
    {"key_ops a text", "{" EC256 X256 "," Y256 ",\"key_ops\":\"verify\"}", SO_ALG_NONE, SO_EINVAL, "key_ops"},
    {"kid a number", "{" EC256 X256 "," Y256 ",\"kid\":5}", SO_ALG_NONE, SO_EINVAL, "kid"},
    {"no kty", "{\"crv\":\"P-256\"," X256 "," Y256 "}", SO_ALG_NONE, SO_EINVAL, "kty"},
    {"an unknown kty", "{\"kty\":\"AKP\"}", SO_ALG_NONE, SO_EINVAL, "kty"},
    {"an unknown curve", "{\"kty\":\"EC\",\"crv\":\"secp256k1\"," X256 "," Y256 "}", SO_ALG_NONE, SO_EINVAL, "crv"},
    {"a curve for key agreement", "{\"kty\":\"OKP\",\"crv\":\"X25519\"," EDX "}", SO_ALG_NONE, SO_EINVAL, "crv"},
    {"the other type's curve", "{\"kty\":\"EC\",\"crv\":\"Ed25519\"," EDX "}", SO_ALG_NONE, SO_EINVAL, "crv"},
    {"no y", "{" EC256 X256 "}", SO_ALG_NONE, SO_EINVAL, "\"y\""},
    {"off the curve", "{" EC256 X256 ",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"}", SO_ALG_NONE, SO_EINVAL,
     "curve"},
    {"at infinity",
     "{" EC256
     "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
     SO_ALG_NONE, SO_EINVAL, "curve"},
    {"x too short", "{" EC256 "\"x\":\"AQAB\"," Y256 "}", SO_ALG_NONE, SO_EINVAL, "\"x\""},
    {"x padded", "{" EC256 "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=\"," Y256 "}", SO_ALG_NONE, SO_EINVAL,
     "\"x\""},
    {"x with stray bits", "{" EC256 "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV\"," Y256 "}", SO_ALG_NONE,
     SO_EINVAL, "\"x\""},
    {"x a number", "{" EC256 "\"x\":1," Y256 "}", SO_ALG_NONE, SO_EINVAL, "\"x\""},
    {"another key's d", "{" EC256 X256 "," Y256 ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LA\"}", SO_ALG_NONE,
     SO_EINVAL, "belong together"},
    {"d of zero", "{" EC256 X256 "," Y256 ",\"d\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", SO_ALG_NONE, SO_EINVAL,
     ""},
    {"d above the order", "{" EC256 X256 "," Y256 ",\"d\":\"__________________________________________8\"}", SO_ALG_NONE,
     SO_EINVAL, ""},
    {"Ed25519", "{" ED EDX "}", SO_ALG_NONE, SO_OK, ""},
    {"Ed25519, another key's d", "{" ED EDX ",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2E\"}", SO_ALG_NONE,
     SO_EINVAL, ""},
    {"Ed25519, x too long", "{" ED "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoA\"}", SO_ALG_NONE, SO_EINVAL,
     "\"x\""},
    {"oct", "{\"kty\":\"oct\"," K32 "}", SO_ALG_NONE, SO_OK, ""},
    {"oct of 32 bytes for HS512", "{\"kty\":\"oct\"," K32 "}", SO_ALG_HS512, SO_EINVAL, "64 bytes"},
    {"oct of 31 bytes", "{\"kty\":\"oct\",\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg\"}", SO_ALG_NONE, SO_EINVAL,
     "32 bytes"},
    {"oct, empty", "{\"kty\":\"oct\",\"k\":\"\"}", SO_ALG_NONE, SO_EINVAL, "\"k\""},
    {"oct without k", "{\"kty\":\"oct\"}", SO_ALG_NONE, SO_EINVAL, "\"k\""},
    {"RSA, too small", "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78L\",\"e\":\"AQAB\"}",
     SO_ALG_NONE, SO_EINVAL, "2048"},
    {"RSA without n", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", SO_ALG_NONE, SO_EINVAL, "\"n\""},
    {"no object", "[]", SO_ALG_NONE, SO_EINVAL, "object"},
    {"x twice", "{" EC256 X256 "," X256 "," Y256 "}", SO_ALG_NONE, SO_EINVAL, ""},
};

static void only_sound_keys_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(KEYS); i++) {
        struct so_err err = SO_ERR_INIT;
        struct so_jwk *key = NULL;
        int rc = parse_key(KEYS[i].jwk, KEYS[i].alg, &key, &err);
        if (rc != KEYS[i].want || err.code != rc || strstr(err.message, KEYS[i].reason) == NULL)
            fail_msg("%s: %s: %s", KEYS[i].label, so_code_name(rc), err.message);
        so_jwk_unref(key);
        so_arena_reset(&arena);
    }
}

/* The RSA key of RFC 7520 with one member replaced by `value`, or left out when that is NULL. */
static int parse_rsa_with(const char *name, const char *value)
{
    struct so_json doc;
    struct so_jwk *key = NULL;
    assert_int_equal(so_json_parse(&arena, so_str_c(VECTORS[5].jwk), NULL, &doc, NULL), SO_OK);
    struct so_json_member *members = so_alloc_array(&arena, doc.len + 1, sizeof(members[0]));
    uint32_t n = 0;
    for (uint32_t i = 0; i < doc.len; i++)
        if (!so_str_eq_c(so_json_key(&doc.u.members[i]), name))
            members[n++] = doc.u.members[i];
    if (value != NULL) {
        members[n].key = name;
        members[n].key_len = (uint32_t)strlen(name);
        members[n].key_hash = so_json_key_hash(so_str_c(name));
        members[n++].value = so_json_make_str(so_str_c(value));
    }
    const struct so_json changed = {.type = SO_JSON_OBJECT, .len = n, .u.members = members};
    int rc = so_jwk_parse(&changed, SO_ALG_NONE, &key, NULL);
    so_jwk_unref(key);
    so_arena_reset(&arena);
    return rc;
}

static void rsa_members_must_fit_each_other(void **state)
{
    (void)state;
    assert_int_equal(parse_rsa_with("x-none", NULL), SO_OK);
    assert_int_equal(parse_rsa_with("e", "Aw"), SO_EINVAL);     /* 3: sound, but not this key's */
    assert_int_equal(parse_rsa_with("e", "AQ"), SO_EINVAL);     /* 1 */
    assert_int_equal(parse_rsa_with("e", "AQAA"), SO_EINVAL);   /* even */
    assert_int_equal(parse_rsa_with("e", "AAEAAQ"), SO_EINVAL); /* a leading zero */
    assert_int_equal(parse_rsa_with("e", "AQAAAAAAAAAB"), SO_EINVAL);
    assert_int_equal(parse_rsa_with("e", NULL), SO_EINVAL);
    assert_int_equal(parse_rsa_with("d", "AQAB"), SO_EINVAL);
    assert_int_equal(parse_rsa_with("d", NULL), SO_EINVAL);
    assert_int_equal(parse_rsa_with("p", NULL), SO_EINVAL);
    assert_int_equal(parse_rsa_with("qi", "AQAB"), SO_EINVAL);
    assert_int_equal(parse_rsa_with("oth", "x"), SO_EINVAL);
}

static void key_ops_decide_what_a_key_does(void **state)
{
    (void)state;
    static const struct {
        const char *label, *jwk;
        bool is_private, verifies;
    } cases[] = {
        {"private key for signing: its public half verifies", "{" EC256 X256 "," Y256 "," D256 ",\"key_ops\":[\"sign\"]}",
         true, true},
        {"private key for verifying", "{" EC256 X256 "," Y256 "," D256 ",\"key_ops\":[\"verify\"]}", false, true},
        {"secret for signing", "{\"kty\":\"oct\"," K32 ",\"key_ops\":[\"sign\"]}", true, false},
        {"secret for verifying", "{\"kty\":\"oct\"," K32 ",\"key_ops\":[\"verify\"]}", false, true},
        {"secret for both", "{\"kty\":\"oct\"," K32 ",\"key_ops\":[\"verify\",\"sign\"]}", true, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct so_jwk *key = must_parse_key(cases[i].jwk, SO_ALG_NONE);
        struct so_jwk *all =
            must_parse_key(i < 2 ? "{" EC256 X256 "," Y256 "," D256 "}" : "{\"kty\":\"oct\"," K32 "}", SO_ALG_NONE);
        struct so_jwks only = {.keys = {key}, .count = 1};
        struct so_buf token, json;
        struct so_json claims;
        so_buf_init(&token, 4096);
        so_buf_init(&json, 4096);
        assert_int_equal(so_jwt_sign(all, SO_STR("{}"), &token, NULL), SO_OK);
        const struct so_jwt_checks checks = {.now = 0};
        bool verifies = so_jwt_verify(&only, so_buf_str(&token), &checks, &arena, &claims, NULL, NULL) == SO_OK;
        if (so_jwk_is_private(key) != cases[i].is_private || verifies != cases[i].verifies)
            fail_msg("%s", cases[i].label);
        assert_int_equal(so_jwk_put(key, true, &json, NULL), SO_OK);
        struct so_jwk *again = must_parse_key(so_buf_cstr(&json), SO_ALG_NONE);
        if (so_jwk_is_private(again) != cases[i].is_private)
            fail_msg("%s: written and read", cases[i].label);
        so_jwk_unref(again);
        so_jwk_unref(all);
        so_jwk_unref(key);
        so_buf_deinit(&token);
        so_buf_deinit(&json);
    }
    so_arena_reset(&arena);
}

static int parse_set(const char *text, struct so_jwks *out)
{
    struct so_json doc;
    assert_int_equal(so_json_parse(&arena, so_str_c(text), NULL, &doc, NULL), SO_OK);
    return so_jwks_parse(&doc, out, NULL);
}

static void a_set_passes_over_what_is_not_for_us(void **state)
{
    (void)state;
    struct so_jwks set = {.count = 0};
    assert_int_equal(parse_set("{\"keys\":[{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\"},{" EC256 X256 "," Y256 ",\"kid\":\"a\"},"
                               "{" EC256 X256 "," Y256 ",\"use\":\"enc\"},{\"kty\":\"OKP\",\"crv\":\"X25519\"," EDX "},"
                               "{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP\"},{" ED EDX "}]}",
                               &set),
                     SO_OK);
    assert_int_equal(set.count, 2);
    assert_str(so_jwk_kid(set.keys[0]), "a");
    assert_int_equal(so_jwk_alg(set.keys[1]), SO_ALG_EDDSA);
    so_jwks_clear(&set);
    assert_int_equal(set.count, 0);
    assert_int_equal(parse_set("{" ED EDX "}", &set), SO_OK); /* a single JWK */
    assert_int_equal(set.count, 1);
    so_jwks_clear(&set);
    assert_int_equal(parse_set("{\"keys\":[]}", &set), SO_OK);
    assert_int_equal(parse_set("{\"keys\":[{" ED EDX "},{" EC256 X256 "}]}", &set), SO_EINVAL); /* malformed */
    assert_int_equal(parse_set("{\"keys\":{}}", &set), SO_EINVAL);
    assert_int_equal(parse_set("[]", &set), SO_EINVAL);
    assert_int_equal(set.count, 0);
    struct so_buf many;
    so_buf_init(&many, 1 << 16);
    so_buf_puts(&many, "{\"keys\":[{}");
    for (int i = 0; i < SO_JWKS_MAX; i++)
        so_buf_puts(&many, ",{}");
    so_buf_puts(&many, "]}");
    assert_int_equal(parse_set(so_buf_cstr(&many), &set), SO_ELIMIT);
    so_buf_deinit(&many);
    so_arena_reset(&arena);
}

static void a_key_lives_as_long_as_its_last_reference(void **state)
{
    (void)state;
    struct so_jwk *key = must_generate(SO_ALG_HS256);
    struct so_jwk *same = so_jwk_ref(key);
    so_jwk_unref(key);
    assert_int_equal(so_jwk_alg(same), SO_ALG_HS256);
    so_jwk_unref(same);
    so_jwk_unref(NULL);
    assert_int_equal(so_jwk_generate(SO_ALG_NONE, &key, NULL), SO_EINVAL);
}

static void every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(VECTORS); i += 2) {
        struct so_json doc;
        assert_int_equal(so_json_parse(&arena, so_str_c(VECTORS[i].jwk), NULL, &doc, NULL), SO_OK);
        bool failed = true;
        for (long n = 0; failed; n++) {
            struct so_jwk *key = NULL;
            struct so_buf text, thumbprint;
            so_buf_init(&text, 8192);
            so_buf_init(&thumbprint, 64);
            so_mem_fail_at(n);
            int rc = so_jwk_parse(&doc, SO_ALG_NONE, &key, NULL);
            if (rc == SO_OK)
                rc = so_jwk_put(key, true, &text, NULL);
            if (rc == SO_OK)
                rc = so_jwk_thumbprint(key, &thumbprint, NULL);
            failed = so_mem_failed();
            so_mem_fail_at(-1);
            assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
            so_jwk_unref(key);
            so_buf_deinit(&text);
            so_buf_deinit(&thumbprint);
        }
    }
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_jwk *key = NULL;
        so_mem_fail_at(n);
        int rc = so_jwk_generate(SO_ALG_ES256, &key, NULL);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
        so_jwk_unref(key);
    }
    so_arena_reset(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thumbprints_are_those_of_the_rfcs),    cmocka_unit_test(a_key_is_written_as_it_was_read),
        cmocka_unit_test(the_public_form_holds_no_secret),      cmocka_unit_test(only_sound_keys_are_taken),
        cmocka_unit_test(rsa_members_must_fit_each_other),      cmocka_unit_test(key_ops_decide_what_a_key_does),
        cmocka_unit_test(a_set_passes_over_what_is_not_for_us), cmocka_unit_test(a_key_lives_as_long_as_its_last_reference),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    so_arena_deinit(&arena);
    return failed;
}
