/* signature.c: sign and verify with OpenSSL, translating between its DER and JOSE's fixed-length ECDSA signatures.
 *
 * Every use duplicates the key's ready context: that leaves out the algorithm look-ups (microseconds in OpenSSL 3) and
 * keeps keys shareable between threads without a lock. */
#include "jose/signature.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "jose/jwk_int.h"

enum {
    COORDINATE_MAX = 66,                       /* bytes: P-521 */
    DER_MAX = 3 + 2 * (2 + 1 + COORDINATE_MAX) /* SEQUENCE { INTEGER r, INTEGER s } */
};

bool so_signature_fits(const struct so_jwk *key, enum so_jws_alg alg, bool is_callers)
{
    if (so_jws_covers(alg, key->alg))
        return true;
    const struct so_jws_info *info = so_jws_info(alg);
    return is_callers && key->alg_is_implied && info->curve == NULL && strcmp(info->kty, so_jws_info(key->alg)->kty) == 0 &&
           (info->kind != SO_JWS_HMAC || key->secret.n >= so_digest_size(info->digest));
}

size_t so_signature_size(const struct so_jwk *key, enum so_jws_alg alg)
{
    const struct so_jws_info *info = so_jws_info(alg);
    switch (info->kind) {
    case SO_JWS_HMAC: return so_digest_size(info->digest);
    case SO_JWS_EC:
    case SO_JWS_ED: return 2 * info->coordinate;
    default: return (size_t)EVP_PKEY_get_size(key->pkey); /* RSA: as long as the modulus */
    }
}

EVP_MD_CTX *so_signature_context(EVP_PKEY *pkey, enum so_jws_alg alg, bool to_sign)
{
    static const char *const NAMES[] = {
        [SO_SHA1] = "SHA1", [SO_SHA256] = "SHA256", [SO_SHA384] = "SHA384", [SO_SHA512] = "SHA512"};
    const struct so_jws_info *info = so_jws_info(alg);
    const char *digest = info->kind == SO_JWS_ED ? NULL : NAMES[info->digest]; /* Ed25519 hashes by itself */
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL; /* borrowed from ctx */
    bool ok = ctx != NULL;
    if (ok)
        ok = to_sign ? EVP_DigestSignInit_ex(ctx, &options, digest, NULL, NULL, pkey, NULL) == 1
                     : EVP_DigestVerifyInit_ex(ctx, &options, digest, NULL, NULL, pkey, NULL) == 1;
    if (ok && info->kind == SO_JWS_PSS) /* RFC 7518 section 3.5: the salt is as long as the hash */
        ok = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
    if (ok)
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

/* A context for one use: a copy of the ready one, or, for the rare algorithm that the caller chose, a new one. */
static EVP_MD_CTX *context_for_use(const EVP_MD_CTX *ready)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL && EVP_MD_CTX_copy_ex(ctx, ready) == 1) {
        EVP_MD_CTX_set_flags(ctx, EVP_MD_CTX_FLAG_FINALISE); /* used once: OpenSSL need not copy it again */
        return ctx;
    }
    EVP_MD_CTX_free(ctx);
    return NULL;
}

/* ---- ECDSA's two forms ---- */

/* Writes a DER INTEGER of the big-endian `value` and returns the bytes written. */
static size_t put_der_integer(uint8_t *out, const uint8_t *value, size_t n)
{
    while (n > 1 && value[0] == 0) {
        value++;
        n--;
    }
    size_t sign = value[0] >> 7; /* a first bit of one would make it negative: a zero byte goes before it */
    out[0] = 0x02;
    out[1] = (uint8_t)(n + sign);
    out[2] = 0;
    memcpy(out + 2 + sign, value, n);
    return 2 + sign + n;
}

static size_t put_der(uint8_t out[DER_MAX], struct so_str rs)
{
    uint8_t body[DER_MAX];
    const uint8_t *r = (const uint8_t *)rs.p;
    size_t half = rs.n / 2;
    size_t n = put_der_integer(body, r, half);
    n += put_der_integer(body + n, r + half, half);
    size_t head = 0;
    out[head++] = 0x30;
    if (n > 127)
        out[head++] = 0x81;
    out[head++] = (uint8_t)n;
    memcpy(out + head, body, n);
    return head + n;
}

static bool is_zero(struct so_str number)
{
    uint8_t any = 0;
    for (size_t i = 0; i < number.n; i++)
        any |= (uint8_t)number.p[i];
    return any == 0;
}

static bool der_to_rs(const uint8_t *der, size_t n, size_t half, uint8_t *out)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    bool ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half) == (int)half &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, (int)half) == (int)half;
    ECDSA_SIG_free(sig);
    return ok;
}

/* ---- verify ---- */

static int mismatch(struct so_err *err) { return so_fail(err, SO_EAUTH, "the signature does not match"); }

static int verify_hmac(const struct so_jwk *key, enum so_jws_alg alg, struct so_str data, struct so_str signature,
                       struct so_err *err)
{
    enum so_digest digest = so_jws_info(alg)->digest;
    uint8_t want[SO_DIGEST_MAX];
    bool ok = alg == key->alg ? so_hmac_with(key->mac, data, want) : so_hmac(digest, key->secret, data, want);
    if (!ok)
        return so_err_oom(err);
    return so_equal_secret(signature, so_str((const char *)want, so_digest_size(digest))) ? SO_OK : mismatch(err);
}

static int verify_public(const struct so_jwk *key, enum so_jws_alg alg, struct so_str data, struct so_str signature,
                         struct so_err *err)
{
    uint8_t der[DER_MAX];
    if (so_jws_info(alg)->kind == SO_JWS_EC) {
        size_t half = signature.n / 2;
        if (is_zero(so_str_slice(signature, 0, half)) || is_zero(so_str_slice(signature, half, signature.n)))
            return mismatch(err); /* CVE-2022-21449; OpenSSL refuses it too */
        signature = so_str((const char *)der, put_der(der, signature));
    }
    ERR_set_mark(); /* a forged token must not leave its trace in this thread's error queue */
    EVP_MD_CTX *ctx = alg == key->alg ? context_for_use(key->verifier) : so_signature_context(key->pkey, alg, false);
    int rc = ctx == NULL ? so_err_oom(err) : SO_OK;
    if (rc == SO_OK &&
        EVP_DigestVerify(ctx, (const uint8_t *)signature.p, signature.n, (const uint8_t *)data.p, data.n) != 1)
        rc = mismatch(err);
    EVP_MD_CTX_free(ctx);
    ERR_pop_to_mark();
    return rc;
}

int so_signature_verify(const struct so_jwk *key, enum so_jws_alg alg, struct so_str data, struct so_str signature,
                        struct so_err *err)
{
    if (so_jws_covers(alg, key->alg))
        alg = key->alg; /* EdDSA on whichever curve */
    if (signature.n != so_signature_size(key, alg))
        return mismatch(err);
    return key->pkey == NULL ? verify_hmac(key, alg, data, signature, err) : verify_public(key, alg, data, signature, err);
}

/* ---- sign ---- */

static bool sign_private(const struct so_jwk *key, struct so_str data, uint8_t out[SO_SIGNATURE_MAX])
{
    uint8_t bytes[SO_SIGNATURE_MAX];
    size_t n = sizeof(bytes), want = so_signature_size(key, key->alg);
    ERR_set_mark();
    EVP_MD_CTX *ctx = context_for_use(key->signer);
    bool ok = ctx != NULL && EVP_DigestSign(ctx, bytes, &n, (const uint8_t *)data.p, data.n) == 1;
    EVP_MD_CTX_free(ctx);
    if (ok && so_jws_info(key->alg)->kind == SO_JWS_EC)
        ok = der_to_rs(bytes, n, want / 2, out);
    else if (ok && (ok = n == want))
        memcpy(out, bytes, n);
    ERR_pop_to_mark();
    return ok;
}

int so_signature_make(const struct so_jwk *key, struct so_str data, uint8_t out[SO_SIGNATURE_MAX], size_t *out_len,
                      struct so_err *err)
{
    if (!key->may_sign)
        return so_fail(err, SO_EINVAL, "this key cannot sign: it has no private part, or its \"key_ops\" forbid it");
    bool ok = key->pkey == NULL ? so_hmac_with(key->mac, data, out) : sign_private(key, data, out);
    if (!ok)
        return so_err_oom(err);
    *out_len = so_signature_size(key, key->alg);
    return SO_OK;
}
