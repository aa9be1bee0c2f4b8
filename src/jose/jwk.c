/* jwk.c: a key's life: made of an OpenSSL handle or a secret, shared by reference, zeroed at the end. */
#include "jose/jwk.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "core/mem.h"
#include "core/random.h"
#include "crypto/base64.h"
#include "jose/jwk_int.h"
#include "jose/signature.h"
#include "json/write.h"

enum { HEADER_MAX = 4096 /* bytes: kid escaped at worst six times over, then base64url */ };

enum so_jws_alg so_jwk_alg(const struct so_jwk *key) { return key->alg; }
struct so_str so_jwk_kid(const struct so_jwk *key) { return key->kid; }
bool so_jwk_is_private(const struct so_jwk *key) { return key->may_sign; }

struct so_jwk *so_jwk_ref(struct so_jwk *key)
{
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

static void free_text(struct so_str text) { so_free((void *)(uintptr_t)text.p); }

void so_jwk_unref(struct so_jwk *key)
{
    if (key == NULL || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_MD_CTX_free(key->verifier);
    EVP_MD_CTX_free(key->signer);
    EVP_PKEY_free(key->pkey); /* zeroes the private part */
    so_hmac_key_free(key->mac);
    if (key->secret.p != NULL)
        OPENSSL_cleanse((void *)(uintptr_t)key->secret.p, key->secret.n);
    free_text(key->secret);
    free_text(key->kid);
    free_text(key->header);
    so_free(key);
}

/* ---- making one ---- */

static bool copy_text(struct so_str from, struct so_str *to)
{
    *to = so_str(so_strndup(from.p, from.n), from.n);
    return to->p != NULL;
}

/* The header never changes, so that signing a token does not build it again. */
static int set_kid(struct so_jwk *key, struct so_str kid, struct so_err *err)
{
    struct so_buf json, text;
    so_buf_init(&json, HEADER_MAX);
    so_buf_init(&text, HEADER_MAX);
    struct so_jw w;
    so_jw_init(&w, &json);
    so_jw_object(&w);
    so_jw_member_cstr(&w, "alg", so_jws_alg_name(key->alg));
    so_jw_member_cstr(&w, "typ", "JWT");
    if (kid.n > 0)
        so_jw_member_str(&w, "kid", kid);
    so_jw_end_object(&w);
    if (json.rc == SO_OK)
        so_base64url_put(&text, so_buf_str(&json));
    int rc = so_buf_check(&json, "the token's header", err);
    if (rc == SO_OK)
        rc = so_buf_check(&text, "the token's header", err);
    if (rc == SO_OK) {
        free_text(key->kid);
        free_text(key->header);
        key->header = key->kid = so_str(NULL, 0);
        if (!copy_text(kid, &key->kid) || !copy_text(so_buf_str(&text), &key->header))
            rc = so_err_oom(err);
    }
    so_buf_deinit(&json);
    so_buf_deinit(&text);
    return rc;
}

static struct so_jwk *new_key(const struct so_jwk_traits *traits)
{
    struct so_jwk *key = so_calloc(1, sizeof(*key));
    if (key == NULL)
        return NULL;
    atomic_init(&key->refs, 1);
    key->alg = traits->alg;
    key->alg_is_implied = traits->alg_is_implied;
    key->may_sign = traits->may_sign;
    key->may_verify = traits->may_verify;
    return key;
}

/* The public part must verify what the private part signs.  This holds for every type, and finds a JWK put together
 * from two keys, CRT parameters that do not fit, and a private key out of range. */
static int check_pair(const struct so_jwk *key, struct so_err *err)
{
    const struct so_str probe = SO_STR("do the two halves belong together?");
    uint8_t signature[SO_SIGNATURE_MAX];
    size_t n;
    struct so_err ignored = SO_ERR_INIT;
    if (so_signature_make(key, probe, signature, &n, &ignored) == SO_OK &&
        so_signature_verify(key, key->alg, probe, so_str((const char *)signature, n), &ignored) == SO_OK)
        return SO_OK;
    return so_fail(err, SO_EINVAL, "the JWK's private and public members do not belong together");
}

int so_jwk_from_pkey(EVP_PKEY *pkey, const struct so_jwk_traits *traits, struct so_jwk **out, struct so_err *err)
{
    struct so_jwk *key = new_key(traits);
    if (key == NULL) {
        EVP_PKEY_free(pkey);
        return so_err_oom(err);
    }
    key->pkey = pkey;
    key->verifier = so_signature_context(pkey, key->alg, false);
    if (key->may_sign)
        key->signer = so_signature_context(pkey, key->alg, true);
    int rc = key->verifier == NULL || (key->may_sign && key->signer == NULL) ? so_err_oom(err) : SO_OK;
    if (rc == SO_OK)
        rc = set_kid(key, traits->kid, err);
    if (rc == SO_OK && key->may_sign)
        rc = check_pair(key, err);
    if (rc != SO_OK) {
        so_jwk_unref(key);
        return rc;
    }
    *out = key;
    return SO_OK;
}

int so_jwk_from_bytes(struct so_str secret, const struct so_jwk_traits *traits, struct so_jwk **out, struct so_err *err)
{
    const struct so_jws_info *info = so_jws_info(traits->alg);
    if (secret.n < so_digest_size(info->digest))
        return so_fail(err, SO_EINVAL, "a secret for %s has at least %zu bytes (RFC 7518 section 3.2), this one has %zu",
                       info->name, so_digest_size(info->digest), secret.n);
    if (secret.n > SO_SECRET_MAX)
        return so_fail(err, SO_ELIMIT, "a secret has at most %d bytes", SO_SECRET_MAX);
    struct so_jwk *key = new_key(traits);
    if (key == NULL)
        return so_err_oom(err);
    key->mac = so_hmac_key_new(info->digest, secret);
    int rc = key->mac == NULL || !copy_text(secret, &key->secret) ? so_err_oom(err) : SO_OK;
    if (rc == SO_OK)
        rc = set_kid(key, traits->kid, err);
    if (rc != SO_OK) {
        so_jwk_unref(key);
        return rc;
    }
    *out = key;
    return SO_OK;
}

int so_jwk_from_secret(struct so_str secret, enum so_jws_alg alg, struct so_jwk **out, struct so_err *err)
{
    struct so_jwk_traits traits = {.alg = alg == SO_ALG_NONE ? SO_ALG_HS256 : alg,
                                   .alg_is_implied = alg == SO_ALG_NONE,
                                   .may_sign = true,
                                   .may_verify = true};
    if (so_jws_info(traits.alg)->kind != SO_JWS_HMAC)
        return so_fail(err, SO_EINVAL, "a raw secret is for HS256, HS384 or HS512, not for %s", so_jws_alg_name(alg));
    return so_jwk_from_bytes(secret, &traits, out, err);
}

/* ---- new keys ---- */

static EVP_PKEY *generate_pkey(const struct so_jws_info *info)
{
    enum { RSA_BITS = 2048 };
    switch (info->kind) {
    case SO_JWS_EC: return EVP_EC_gen(info->curve);
    case SO_JWS_ED: return EVP_PKEY_Q_keygen(NULL, NULL, info->curve);
    default: return EVP_RSA_gen(RSA_BITS);
    }
}

static int generate(const struct so_jwk_traits *traits, struct so_jwk **out, struct so_err *err)
{
    const struct so_jws_info *info = so_jws_info(traits->alg);
    if (info->kind == SO_JWS_HMAC) {
        uint8_t secret[SO_DIGEST_MAX];
        so_random_bytes(secret, sizeof(secret));
        int rc = so_jwk_from_bytes(so_str((const char *)secret, so_digest_size(info->digest)), traits, out, err);
        OPENSSL_cleanse(secret, sizeof(secret));
        return rc;
    }
    EVP_PKEY *pkey = generate_pkey(info);
    return pkey == NULL ? so_err_oom(err) : so_jwk_from_pkey(pkey, traits, out, err);
}

int so_jwk_generate(enum so_jws_alg alg, struct so_jwk **out, struct so_err *err)
{
    const struct so_jwk_traits traits = {.alg = alg, .may_sign = true, .may_verify = true};
    if (alg == SO_ALG_NONE)
        return so_fail(err, SO_EINVAL, "a new key needs an algorithm");
    struct so_jwk *key = NULL;
    int rc = generate(&traits, &key, err);
    if (rc != SO_OK)
        return rc;
    struct so_buf kid;
    so_buf_init(&kid, SO_KID_MAX);
    rc = so_jwk_thumbprint(key, &kid, err);
    if (rc == SO_OK)
        rc = set_kid(key, so_buf_str(&kid), err);
    so_buf_deinit(&kid);
    if (rc != SO_OK) {
        so_jwk_unref(key);
        return rc;
    }
    *out = key;
    return SO_OK;
}
