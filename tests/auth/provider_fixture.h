/* provider_fixture.h: an OpenID provider without a network: a fetcher that answers from memory, and tokens signed here. */
#ifndef SO_TESTS_AUTH_PROVIDER_FIXTURE_H
#define SO_TESTS_AUTH_PROVIDER_FIXTURE_H

#include "fixture.h"

#include <pthread.h>

#include "auth/fetch.h"
#include "core/buf.h"
#include "jose/jwk.h"

#define ISSUER "https://idp.example"

enum { PAGES_MAX = 8 };
static struct elsewhere {
    struct so_fetcher fetcher;
    pthread_mutex_t lock;
    struct {
        const char *url;
        struct so_str body; /* p == NULL: nobody answers */
    } pages[PAGES_MAX];
    size_t count;
    unsigned calls;
    struct so_jwk *key;
} elsewhere;

static int answer_from_memory(struct so_fetcher *fetcher, const struct so_fetch *what, struct so_arena *in_arena,
                              struct so_fetched *out, struct so_err *err)
{
    struct so_str body = {NULL, 0};
    (void)fetcher;
    pthread_mutex_lock(&elsewhere.lock);
    elsewhere.calls++;
    for (size_t i = 0; i < elsewhere.count; i++)
        if (so_str_eq_c(what->url, elsewhere.pages[i].url))
            body = elsewhere.pages[i].body;
    pthread_mutex_unlock(&elsewhere.lock);
    if (body.p == NULL)
        return so_fail(err, SO_EIO, "nobody answers at %.*s", SO_STR_ARG(what->url));
    *out = (struct so_fetched){200, so_arena_dup(in_arena, body)};
    return out->body.p == NULL ? so_err_oom(err) : SO_OK;
}

/* body: NULL: nobody answers any more. */
static SO_UNUSED void page(const char *url, const char *body)
{
    pthread_mutex_lock(&elsewhere.lock);
    size_t i = 0;
    while (i < elsewhere.count && strcmp(elsewhere.pages[i].url, url) != 0)
        i++;
    assert_true(i < PAGES_MAX);
    elsewhere.pages[i].url = url;
    elsewhere.pages[i].body = body == NULL ? so_str(NULL, 0) : so_arena_dup(&arena, so_str_c(body));
    elsewhere.count = elsewhere.count > i ? elsewhere.count : i + 1;
    pthread_mutex_unlock(&elsewhere.lock);
}

static SO_UNUSED unsigned calls(void)
{
    pthread_mutex_lock(&elsewhere.lock);
    unsigned n = elsewhere.calls;
    pthread_mutex_unlock(&elsewhere.lock);
    return n;
}

/* {"keys":[...]} of one key, as text in the test's arena. */
static SO_UNUSED const char *key_set_of(const struct so_jwk *key)
{
    struct so_buf text;
    struct so_err err = SO_ERR_INIT;
    so_buf_init(&text, 1 << 16);
    so_buf_puts(&text, "{\"keys\":[");
    must(so_jwk_put(key, false, &text, &err), &err);
    so_buf_puts(&text, "]}");
    const char *copy = so_arena_dup(&arena, so_buf_str(&text)).p;
    so_buf_deinit(&text);
    return copy;
}

static SO_UNUSED void publish_key(void) { page(ISSUER "/jwks", key_set_of(elsewhere.key)); }

static SO_UNUSED void new_key(void)
{
    struct so_err err = SO_ERR_INIT;
    so_jwk_unref(elsewhere.key);
    must(so_jwk_generate(SO_ALG_ES256, &elsewhere.key, &err), &err);
}

static SO_UNUSED const char *signed_with(const struct so_jwk *key, const char *claims)
{
    struct so_buf out;
    struct so_err err = SO_ERR_INIT;
    so_buf_init(&out, SO_JWT_MAX);
    must(so_jwt_sign(key, so_str_c(claims), &out, &err), &err);
    const char *copy = so_arena_dup(&arena, so_buf_str(&out)).p;
    so_buf_deinit(&out);
    return copy;
}

static SO_UNUSED void open_elsewhere(void)
{
    elsewhere = (struct elsewhere){.fetcher = {answer_from_memory}};
    pthread_mutex_init(&elsewhere.lock, NULL);
    new_key();
    page(ISSUER "/.well-known/openid-configuration",
         "{\"issuer\":\"" ISSUER "\",\"authorization_endpoint\":\"" ISSUER "/authorize\",\"token_endpoint\":\"" ISSUER
         "/token\",\"jwks_uri\":\"" ISSUER "/jwks\"}");
    publish_key();
}

static SO_UNUSED void close_elsewhere(void)
{
    so_jwk_unref(elsewhere.key);
    pthread_mutex_destroy(&elsewhere.lock);
}

#endif
