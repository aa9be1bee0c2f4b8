/* seal.c: AES-256-GCM and HKDF by OpenSSL's EVP. */
#include "crypto/seal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "core/random.h"

enum { SALT = 16, NONCE = 12, TAG = 16, KEY = 32, PLAIN_MAX = 1 << 20 };
_Static_assert((int)SALT + (int)NONCE + (int)TAG == (int)SO_SEAL_EXTRA, "the header says how long it is");

/* OSSL_PARAM takes pointers that are not const, and writes to none of these. */
static OSSL_PARAM bytes_param(const char *name, struct so_str bytes)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes.p, bytes.n);
}

static bool derive(struct so_str master, struct so_str salt, struct so_str purpose, uint8_t out[KEY])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    char digest[] = "SHA2-256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        bytes_param(OSSL_KDF_PARAM_KEY, master),
        bytes_param(OSSL_KDF_PARAM_SALT, salt),
        bytes_param(OSSL_KDF_PARAM_INFO, purpose),
        OSSL_PARAM_END,
    };
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, out, KEY, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

/* `to` has room for as many bytes as `from`; `tag` is written when sealing and compared when not. */
static bool run_gcm(bool seal, const uint8_t key[KEY], const uint8_t *nonce, struct so_str from, uint8_t *to, uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    uint8_t rest[TAG]; /* GCM has none, but the call asks where it would go */
    bool ok = ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, seal ? 1 : 0) == 1;
    ok = ok && EVP_CipherUpdate(ctx, to, &n, (const uint8_t *)from.p, (int)from.n) == 1;
    ok = ok && (seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1);
    ok = ok && EVP_CipherFinal_ex(ctx, rest, &n) == 1;
    ok = ok && (!seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

int so_seal(struct so_str master, struct so_str purpose, struct so_str plain, struct so_buf *out, struct so_err *err)
{
    uint8_t key[KEY];
    if (plain.n > PLAIN_MAX)
        return so_fail(err, SO_ELIMIT, "a sealed text has at most %d bytes", PLAIN_MAX);
    uint8_t *to = (uint8_t *)so_buf_reserve(out, SO_SEAL_EXTRA + plain.n);
    if (to == NULL)
        return so_buf_check(out, "the sealed text", err);
    so_random_bytes(to, SALT + NONCE);
    bool ok = derive(master, so_str((const char *)to, SALT), purpose, key) &&
              run_gcm(true, key, to + SALT, plain, to + SALT + NONCE, to + SALT + NONCE + plain.n);
    OPENSSL_cleanse(key, sizeof(key));
    if (!ok)
        return so_err_oom(err);
    out->len += SO_SEAL_EXTRA + plain.n;
    return SO_OK;
}

int so_unseal(struct so_str master, struct so_str purpose, struct so_str sealed, struct so_buf *out, struct so_err *err)
{
    uint8_t key[KEY], tag[TAG];
    if (sealed.n < SO_SEAL_EXTRA || sealed.n > SO_SEAL_EXTRA + PLAIN_MAX)
        return so_fail(err, SO_EAUTH, "the sealed text is cut off or too long");
    struct so_str cipher = so_str_slice(sealed, SALT + NONCE, sealed.n - TAG);
    uint8_t *to = (uint8_t *)so_buf_reserve(out, cipher.n + 1);
    if (to == NULL)
        return so_buf_check(out, "the unsealed text", err);
    memcpy(tag, sealed.p + sealed.n - TAG, TAG);
    if (!derive(master, so_str_slice(sealed, 0, SALT), purpose, key))
        return so_err_oom(err);
    bool ok = run_gcm(false, key, (const uint8_t *)sealed.p + SALT, cipher, to, tag);
    OPENSSL_cleanse(key, sizeof(key));
    if (!ok) {
        OPENSSL_cleanse(to, cipher.n); /* nobody may read what did not authenticate */
        return so_fail(err, SO_EAUTH, "the sealed text does not open: another master key, or it was changed");
    }
    out->len += cipher.n;
    return SO_OK;
}
