/* jwk_write.c: keys to JSON, and their thumbprints. */
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "crypto/base64.h"
#include "jose/jwk_int.h"
#include "json/write.h"

enum { PART_TEXT_MAX = SO_RSA_SIZE_MAX / 3 * 4 + 8 };

static bool encode(const uint8_t *bytes, size_t n, struct so_buf *out)
{
    so_base64url_put(out, so_str((const char *)bytes, n));
    return out->rc == SO_OK;
}

/* Writes the base64url of one part to `out`.  False when the key has no such part, or memory ran out (out->rc). */
static bool get_part(const struct so_jwk *key, const struct so_jwk_part *part, struct so_buf *out)
{
    const struct so_jws_info *info = so_jws_info(key->alg);
    uint8_t bytes[SO_RSA_SIZE_MAX];
    size_t n;
    bool ok;
    ERR_set_mark(); /* a part that is not there is no error of this thread's */
    if (info->kind == SO_JWS_ED) {
        ok = EVP_PKEY_get_octet_string_param(key->pkey, part->param, bytes, sizeof(bytes), &n) == 1;
    } else {
        BIGNUM *number = NULL;
        ok = EVP_PKEY_get_bn_param(key->pkey, part->param, &number) == 1;
        n = info->coordinate > 0 ? info->coordinate : ok ? (size_t)BN_num_bytes(number) : 0;
        ok = ok && n <= sizeof(bytes) && BN_bn2binpad(number, bytes, (int)n) == (int)n;
        BN_clear_free(number);
    }
    ERR_pop_to_mark();
    ok = ok && encode(bytes, n, out);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return ok;
}

static void wipe(struct so_buf *b)
{
    if (b->p != NULL)
        OPENSSL_cleanse(b->p, b->cap);
    so_buf_deinit(b);
}

static int put_parts(const struct so_jwk *key, bool with_private, struct so_jw *w, struct so_err *err)
{
    const struct so_jwk_part *part = so_jwk_parts(so_str_c(so_jws_info(key->alg)->kty));
    struct so_buf text;
    so_buf_init(&text, PART_TEXT_MAX);
    int rc = SO_OK;
    for (; rc == SO_OK && part->name != NULL && (with_private || !part->is_private); part++) {
        so_buf_reset(&text);
        if (get_part(key, part, &text))
            so_jw_member_str(w, part->name, so_buf_str(&text));
        else if (text.rc != SO_OK || !part->is_private) /* RSA keys may come without p, q and the rest */
            rc = so_err_oom(err);
    }
    wipe(&text);
    return rc;
}

static int put_secret(const struct so_jwk *key, struct so_jw *w, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, PART_TEXT_MAX);
    so_base64url_put(&text, key->secret);
    int rc = so_buf_check(&text, "the key", err);
    if (rc == SO_OK)
        so_jw_member_str(w, "k", so_buf_str(&text));
    if (key->may_sign != key->may_verify) { /* of an asymmetric key the members say it */
        so_jw_key(w, SO_STR("key_ops"));
        so_jw_array(w);
        so_jw_cstr(w, key->may_sign ? "sign" : "verify");
        so_jw_end_array(w);
    }
    wipe(&text);
    return rc;
}

int so_jwk_put(const struct so_jwk *key, bool with_private, struct so_buf *out, struct so_err *err)
{
    const struct so_jws_info *info = so_jws_info(key->alg);
    if (key->pkey == NULL && !with_private)
        return so_fail(err, SO_EINVAL, "an HMAC key is a secret: it has no public form");
    size_t start = out->len;
    struct so_jw w;
    so_jw_init(&w, out);
    so_jw_object(&w);
    so_jw_member_cstr(&w, "kty", info->kty);
    so_jw_member_cstr(&w, "alg", info->name);
    so_jw_member_cstr(&w, "use", "sig");
    if (key->kid.n > 0)
        so_jw_member_str(&w, "kid", key->kid);
    if (info->curve != NULL)
        so_jw_member_cstr(&w, "crv", info->curve);
    int rc = key->pkey == NULL ? put_secret(key, &w, err) : put_parts(key, with_private, &w, err);
    so_jw_end_object(&w);
    if (rc == SO_OK)
        rc = so_buf_check(out, "the key", err);
    if (rc != SO_OK)
        out->len = start;
    return rc;
}

/* ---- RFC 7638: the required members only, sorted by name, no white space ---- */

static int put_canonical(const struct so_jwk *key, struct so_buf *out, struct so_err *err)
{
    /* Per kind of key: the order of its members.  kty and crv are texts of the table, the others are parts. */
    static const char *const RSA[] = {"e", "kty", "n", NULL}, *const EC[] = {"crv", "kty", "x", "y", NULL},
                             *const OKP[] = {"crv", "kty", "x", NULL}, *const OCT[] = {"k", "kty", NULL};
    const struct so_jws_info *info = so_jws_info(key->alg);
    const char *const *names = key->pkey == NULL ? OCT : info->kind == SO_JWS_EC ? EC : info->kind == SO_JWS_ED ? OKP : RSA;
    const struct so_jwk_part *parts = so_jwk_parts(so_str_c(info->kty));
    for (size_t i = 0; names[i] != NULL; i++) {
        so_buf_printf(out, "%c\"%s\":\"", i == 0 ? '{' : ',', names[i]);
        if (strcmp(names[i], "kty") == 0)
            so_buf_puts(out, info->kty);
        else if (strcmp(names[i], "crv") == 0)
            so_buf_puts(out, info->curve);
        else if (key->pkey == NULL)
            so_base64url_put(out, key->secret);
        else
            for (const struct so_jwk_part *part = parts; part->name != NULL; part++)
                if (strcmp(part->name, names[i]) == 0 && !get_part(key, part, out))
                    return so_err_oom(err);
        so_buf_putc(out, '"');
    }
    so_buf_putc(out, '}');
    return so_buf_check(out, "the key", err);
}

int so_jwk_thumbprint(const struct so_jwk *key, struct so_buf *out, struct so_err *err)
{
    uint8_t digest[SO_DIGEST_MAX];
    struct so_buf text;
    so_buf_init(&text, 2 * PART_TEXT_MAX);
    int rc = put_canonical(key, &text, err);
    if (rc == SO_OK && !so_digest(SO_SHA256, so_buf_str(&text), digest))
        rc = so_err_oom(err);
    wipe(&text);
    if (rc != SO_OK)
        return rc;
    so_base64url_put(out, so_str((const char *)digest, so_digest_size(SO_SHA256)));
    return so_buf_check(out, "the thumbprint", err);
}
