/* jwt_fuzz.c: no bytes crash the token or the key parser, and none but the tokens we signed ourselves verify.
 *
 * The first byte chooses: a token for a set of fixed public keys, or a JWK; the rest is the text. */
#include <stdlib.h>

#include "crypto/base64.h"
#include "jose/cache.h"

#define CHECK(condition)                                                                                                    \
    do {                                                                                                                    \
        if (!(condition))                                                                                                   \
            abort();                                                                                                        \
    } while (0)

/* The public keys of RFC 7515 A.3 and RFC 8037 A.2, and the secret of RFC 7515 A.1: the seeds hold tokens of theirs. */
static const char KEYS[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
    "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}]}";

enum { NOW = 1300819379 }; /* a second before those tokens expire */

static struct so_jwks keys;
static struct so_jwt_cache *cache;

static void set_up(struct so_arena *arena)
{
    struct so_json doc;
    CHECK(so_json_parse(arena, so_str_c(KEYS), NULL, &doc, NULL) == SO_OK);
    CHECK(so_jwks_parse(&doc, &keys, NULL) == SO_OK && keys.count == 3);
    cache = so_jwt_cache_new(64);
    CHECK(cache != NULL);
}

static void try_token(struct so_arena *arena, struct so_str token)
{
    const struct so_jwt_checks checks = {.now = NOW};
    struct so_json header, payload, claims;
    struct so_err err = SO_ERR_INIT;
    int rc = so_jwt_verify(&keys, token, &checks, arena, &claims, NULL, &err);
    CHECK(rc == err.code);
    if (rc != SO_OK)
        return;
    CHECK(claims.type == SO_JSON_OBJECT);
    CHECK(so_jwt_decode(token, arena, &header, &payload, NULL) == SO_OK && so_json_eq(&payload, &claims));
    so_jwt_cache_put(cache, token, 1, &claims);
    const struct so_json *found = so_jwt_cache_find(cache, token, 1, NOW, 0);
    CHECK(found == NULL || so_json_eq(found, &claims));
}

/* A key that was taken can be written, and read again as the same key. */
static void try_key(struct so_arena *arena, struct so_str text)
{
    const struct so_json_options options = {.reject_duplicates = true};
    struct so_json doc, again;
    struct so_jwk *key, *copy;
    if (so_json_parse(arena, text, &options, &doc, NULL) != SO_OK || so_jwk_parse(&doc, SO_ALG_NONE, &key, NULL) != SO_OK)
        return;
    struct so_buf one, two;
    so_buf_init(&one, 1 << 16);
    so_buf_init(&two, 1 << 16);
    CHECK(so_jwk_put(key, true, &one, NULL) == SO_OK);
    CHECK(so_json_parse(arena, so_buf_str(&one), NULL, &again, NULL) == SO_OK);
    CHECK(so_jwk_parse(&again, so_jwk_alg(key), &copy, NULL) == SO_OK);
    CHECK(so_jwk_put(copy, true, &two, NULL) == SO_OK && so_str_eq(so_buf_str(&one), so_buf_str(&two)));
    so_buf_deinit(&one);
    so_buf_deinit(&two);
    so_jwk_unref(copy);
    so_jwk_unref(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct so_arena arena;
    so_arena_init(&arena, 4 << 20);
    if (cache == NULL)
        set_up(&arena);
    if (size > 0) {
        struct so_str text = so_str((const char *)data + 1, size - 1);
        if (data[0] == 'k')
            try_key(&arena, text);
        else
            try_token(&arena, text);
    }
    so_arena_deinit(&arena);
    return 0;
}
