/* digest.c: OpenSSL's EVP, with every algorithm fetched once.
 *
 * OpenSSL 3 looks an algorithm up by name under a lock, which costs more than hashing a token.  So the first use stores
 * what it fetched in an atomic pointer; a thread that loses that race gives its copy back. */
#include "crypto/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>

static const struct {
    const char *name;
    size_t size; /* bytes */
} DIGESTS[] = {
    [SO_SHA1] = {"SHA1", 20},
    [SO_SHA256] = {"SHA2-256", 32},
    [SO_SHA384] = {"SHA2-384", 48},
    [SO_SHA512] = {"SHA2-512", 64},
};

static _Atomic(EVP_MD *) digests[COUNT_OF(DIGESTS)];
static _Atomic(EVP_MAC *) hmac;

size_t so_digest_size(enum so_digest kind) { return DIGESTS[kind].size; }

static const EVP_MD *find_digest(enum so_digest kind)
{
    EVP_MD *md = atomic_load_explicit(&digests[kind], memory_order_acquire);
    if (SO_LIKELY(md != NULL))
        return md;
    EVP_MD *mine = EVP_MD_fetch(NULL, DIGESTS[kind].name, NULL);
    if (mine == NULL || atomic_compare_exchange_strong(&digests[kind], &md, mine))
        return mine;
    EVP_MD_free(mine);
    return md;
}

static EVP_MAC *find_hmac(void)
{
    EVP_MAC *mac = atomic_load_explicit(&hmac, memory_order_acquire);
    if (SO_LIKELY(mac != NULL))
        return mac;
    EVP_MAC *mine = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (mine == NULL || atomic_compare_exchange_strong(&hmac, &mac, mine))
        return mine;
    EVP_MAC_free(mine);
    return mac;
}

bool so_digest(enum so_digest kind, struct so_str data, uint8_t out[SO_DIGEST_MAX])
{
    const EVP_MD *md = find_digest(kind);
    return md != NULL && EVP_Digest(data.p, data.n, out, NULL, md, NULL) == 1;
}

/* An EVP_MAC_CTX that has its key and has hashed nothing; it is duplicated for each use and never changed.  The opaque
 * struct has no members of its own: it only gives OpenSSL's type a name that headers can say. */
static EVP_MAC_CTX *context_of(struct so_hmac_key *key) { return (EVP_MAC_CTX *)(void *)key; }
static const EVP_MAC_CTX *const_context_of(const struct so_hmac_key *key) { return (const EVP_MAC_CTX *)(const void *)key; }

struct so_hmac_key *so_hmac_key_new(enum so_digest kind, struct so_str key)
{
    EVP_MAC *mac = find_hmac();
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    if (ctx == NULL)
        return NULL;
    char name[16];
    snprintf(name, sizeof(name), "%s", DIGESTS[kind].name); /* OSSL_PARAM wants text that is not const */
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_END};
    /* A NULL key would mean "the one of before"; the empty key of RFC 2104 is a pointer to nothing. */
    const unsigned char *bytes = (const unsigned char *)(key.n == 0 ? "" : key.p);
    if (EVP_MAC_init(ctx, bytes, key.n, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }
    return (struct so_hmac_key *)(void *)ctx;
}

void so_hmac_key_free(struct so_hmac_key *key) { EVP_MAC_CTX_free(context_of(key)); }

bool so_hmac_with(const struct so_hmac_key *key, struct so_str data, uint8_t out[SO_DIGEST_MAX])
{
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(const_context_of(key));
    size_t size;
    bool ok = ctx != NULL && EVP_MAC_update(ctx, (const unsigned char *)data.p, data.n) == 1 &&
              EVP_MAC_final(ctx, out, &size, SO_DIGEST_MAX) == 1;
    EVP_MAC_CTX_free(ctx);
    return ok;
}

bool so_hmac(enum so_digest kind, struct so_str key, struct so_str data, uint8_t out[SO_DIGEST_MAX])
{
    struct so_hmac_key *ready = so_hmac_key_new(kind, key);
    bool ok = ready != NULL && so_hmac_with(ready, data, out);
    so_hmac_key_free(ready);
    return ok;
}

bool so_equal_secret(struct so_str a, struct so_str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
