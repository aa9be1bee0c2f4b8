/* jwt_bench.c: nanoseconds per verification of one token: OpenSSL alone on the same bytes, ours, and ours from the cache. */
#include <inttypes.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "jose/cache.h"
#include "jose/jwk_int.h"
#include "jose/signature.h"

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "jwt_bench: %s failed\n", what);
    exit(1);
}

struct subject {
    struct so_jwks keys;
    struct so_jwt_checks checks;
    struct so_buf token;
    struct so_arena arena;
    struct so_jwt_cache *cache;
    uint8_t signature[SO_SIGNATURE_MAX + 16]; /* for OpenSSL: DER when it is ECDSA */
    size_t signature_len;
    struct so_str signed_part;
};

/* As a program without our code would do it: a context set up for each call. */
static void openssl_alone(struct subject *s)
{
    const struct so_jwk *key = s->keys.keys[0];
    if (key->pkey == NULL) {
        uint8_t mac[SO_DIGEST_MAX];
        must(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key->secret.p, key->secret.n, (const uint8_t *)s->signed_part.p,
                       s->signed_part.n, mac, sizeof(mac), NULL) != NULL,
             "HMAC");
        return;
    }
    EVP_MD_CTX *ctx = so_signature_context(key->pkey, key->alg, false);
    must(EVP_DigestVerify(ctx, s->signature, s->signature_len, (const uint8_t *)s->signed_part.p, s->signed_part.n) == 1,
         "EVP_DigestVerify");
    EVP_MD_CTX_free(ctx);
}

static void verify(struct subject *s)
{
    struct so_json claims;
    must(so_jwt_verify(&s->keys, so_buf_str(&s->token), &s->checks, &s->arena, &claims, NULL, NULL) == SO_OK, "verify");
    so_arena_reset(&s->arena);
}

static void find(struct subject *s)
{
    must(so_jwt_cache_find(s->cache, so_buf_str(&s->token), 1, s->checks.now, 0) != NULL, "find");
}

/* The best of several rounds: what the machine's other work took is not what is measured. */
static double measure(void (*fn)(struct subject *), struct subject *s, int64_t round_ns)
{
    double best = 1e18;
    for (int round = 0; round < 7; round++) {
        int64_t start = so_clock_mono_ns(), spent;
        int64_t calls = 0;
        do {
            for (int i = 0; i < 16; i++)
                fn(s);
            calls += 16;
            spent = so_clock_mono_ns() - start;
        } while (spent < round_ns);
        double each = (double)spent / (double)calls;
        best = each < best ? each : best;
    }
    return best;
}

static void set_up(struct subject *s, enum so_jws_alg alg)
{
    static const char CLAIMS[] =
        "{\"iss\":\"http://127.0.0.1:8000/auth/v1\",\"sub\":\"6f2a2c0e-7a4e-4a0b-9d3e-0e3d1f5b7c11\","
        "\"aud\":\"authenticated\",\"exp\":2000003600,\"iat\":2000000000,\"email\":\"ada@example.com\","
        "\"role\":\"authenticated\",\"session_id\":\"a3a1b1de-3a52-4d37-8b4a-5f1f3a0e9a77\"}";
    *s = (struct subject){.checks = {.now = 2000000000, .aud = SO_STR("authenticated")}};
    so_arena_init(&s->arena, 1 << 20);
    so_buf_init(&s->token, 1 << 16);
    must(so_jwk_generate(alg, &s->keys.keys[0], NULL) == SO_OK, "generate");
    s->keys.count = 1;
    must(so_jwt_sign(s->keys.keys[0], so_str_c(CLAIMS), &s->token, NULL) == SO_OK, "sign");
    struct so_str token = so_buf_str(&s->token);
    s->signed_part = so_str_slice(token, 0, so_str_find_char(token, '.', so_str_find_char(token, '.', 0) + 1));
    s->signature_len = sizeof(s->signature);
    if (s->keys.keys[0]->pkey != NULL) {
        EVP_MD_CTX *ctx = so_signature_context(s->keys.keys[0]->pkey, alg, true);
        must(EVP_DigestSign(ctx, s->signature, &s->signature_len, (const uint8_t *)s->signed_part.p, s->signed_part.n) == 1,
             "EVP_DigestSign");
        EVP_MD_CTX_free(ctx);
    }
    struct so_json claims;
    s->cache = so_jwt_cache_new(1024);
    must(so_jwt_verify(&s->keys, token, &s->checks, &s->arena, &claims, NULL, NULL) == SO_OK && s->cache != NULL, "verify");
    so_jwt_cache_put(s->cache, token, 1, &claims);
}

static void tear_down(struct subject *s)
{
    so_jwt_cache_free(s->cache);
    so_jwks_clear(&s->keys);
    so_buf_deinit(&s->token);
    so_arena_deinit(&s->arena);
}

int main(void)
{
    static const enum so_jws_alg ALGS[] = {SO_ALG_HS256, SO_ALG_ES256, SO_ALG_EDDSA, SO_ALG_RS256};
    const int64_t ROUND_NS = 150 * 1000 * 1000;
    printf("%-6s %14s %14s %14s   (ns)\n", "alg", "openssl alone", "verify", "cached");
    for (size_t i = 0; i < COUNT_OF(ALGS); i++) {
        struct subject s;
        set_up(&s, ALGS[i]);
        double alone = measure(openssl_alone, &s, ROUND_NS);
        double ours = measure(verify, &s, ROUND_NS);
        double cached = measure(find, &s, ROUND_NS);
        printf("%-6s %14.0f %14.0f %14.0f\n", so_jws_alg_name(ALGS[i]), alone, ours, cached);
        tear_down(&s);
    }
    return 0;
}
