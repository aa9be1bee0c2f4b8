/* helper.h: keys from text and tokens with any header, signed properly: for tests of jose/. */
#ifndef SO_TESTS_JOSE_HELPER_H
#define SO_TESTS_JOSE_HELPER_H

#include "crypto/base64.h"
#include "jose/jwt.h"
#include "jose/signature.h"

/* Memory of the whole test program; test_arena_reset() between tests keeps it small. */
static struct so_arena arena = {.max = 16 << 20};

SO_UNUSED static int parse_key(const char *text, enum so_jws_alg alg, struct so_jwk **out, struct so_err *err)
{
    struct so_json doc;
    int rc = so_json_parse(&arena, so_str_c(text), &(struct so_json_options){.reject_duplicates = true}, &doc, err);
    return rc == SO_OK ? so_jwk_parse(&doc, alg, out, err) : rc;
}

SO_UNUSED static struct so_jwk *must_parse_key(const char *text, enum so_jws_alg alg)
{
    struct so_err err = SO_ERR_INIT;
    struct so_jwk *key;
    if (parse_key(text, alg, &key, &err) != SO_OK)
        fail_msg("%s: %s", text, err.message);
    return key;
}

SO_UNUSED static struct so_jwk *must_generate(enum so_jws_alg alg)
{
    struct so_jwk *key;
    assert_int_equal(so_jwk_generate(alg, &key, NULL), SO_OK);
    return key;
}

/* header.payload.signature of these very texts. */
SO_UNUSED static struct so_str forge(const struct so_jwk *key, const char *header, struct so_str payload)
{
    static struct so_buf out;
    uint8_t signature[SO_SIGNATURE_MAX];
    size_t n;
    if (out.max == 0)
        so_buf_init(&out, 1 << 20);
    so_buf_reset(&out);
    so_base64url_put(&out, so_str_c(header));
    so_buf_putc(&out, '.');
    so_base64url_put(&out, payload);
    assert_int_equal(so_signature_make(key, so_buf_str(&out), signature, &n, NULL), SO_OK);
    so_buf_putc(&out, '.');
    so_base64url_put(&out, so_str((char *)signature, n));
    struct so_str copy = so_arena_dup(&arena, so_buf_str(&out));
    so_buf_deinit(&out);
    return copy;
}

#endif
