/* auth_bench.c: what the auth service itself costs: a password's hash, and saying who sends a request by its token, seen
 * before and not.  Prints JSON for bench/auth.mjs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/auth.h"
#include "core/clock.h"
#include "core/fs.h"
#include "crypto/password.h"
#include "jose/jwt.h"

#define ANON_KEY "sb_publishable_bench_0123456789abcdef"

/* More tokens than an event loop's cache has room for, so that none is found again. */
enum { TOKENS = 6000, CLAIMS_MAX = 1024 };

static void must(int rc, const struct so_err *err, const char *what)
{
    if (rc == SO_OK)
        return;
    fprintf(stderr, "auth_bench: %s: %s\n", what, err->message);
    exit(1);
}

struct bench {
    char folder[64], db_path[96], keys_path[96];
    struct so_db *db;
    struct so_auth *auth;
    struct so_auth_cache *cache;
    struct so_arena kept, arena; /* of the tokens; of one request */
    struct so_str headers[TOKENS];
    size_t next;
};

static void open_service(struct bench *b)
{
    struct so_err err = SO_ERR_INIT;
    snprintf(b->folder, sizeof(b->folder), "/tmp/socle-bench-XXXXXX");
    must(mkdtemp(b->folder) == NULL ? SO_EIO : SO_OK, &err, "mkdtemp");
    snprintf(b->db_path, sizeof(b->db_path), "%s/data.db", b->folder);
    snprintf(b->keys_path, sizeof(b->keys_path), "%s/keys.json", b->folder);
    const struct so_auth_settings settings = {.public_url = SO_STR("http://127.0.0.1:54321"),
                                              .anon_key = SO_STR(ANON_KEY),
                                              .token_lifetime = 3600,
                                              .password_min = 6,
                                              .autoconfirm = true,
                                              .keys_path = b->keys_path};
    must(so_db_open(b->db_path, &(struct so_db_options){0}, &b->db, &err), &err, "so_db_open");
    must(so_auth_open(b->db, &settings, &b->auth, &err), &err, "so_auth_open");
    must(so_auth_cache_new(b->auth, &b->cache, &err), &err, "so_auth_cache_new");
}

/* As the service signs them, with its current key. */
static void make_tokens(struct bench *b)
{
    struct so_err err = SO_ERR_INIT;
    struct so_buf text, token;
    struct so_json doc;
    struct so_jwks keys = {0};
    char claims[CLAIMS_MAX];
    int64_t now = so_clock_now();
    so_buf_init(&text, 1 << 20);
    so_buf_init(&token, SO_JWT_MAX);
    must(so_fs_read(b->keys_path, &text, &err), &err, "the key file");
    must(so_json_parse(&b->kept, so_buf_str(&text), NULL, &doc, &err), &err, "the key file");
    must(so_jwks_parse(&doc, &keys, &err), &err, "the key file");
    for (int i = 0; i < TOKENS; i++) {
        snprintf(claims, sizeof(claims),
                 "{\"iss\":\"http://127.0.0.1:54321/auth/"
                 "v1\",\"sub\":\"6f2a2c0e-7a4e-4a0b-9d3e-%012x\",\"aud\":\"authenticated\","
                 "\"exp\":%" PRId64 ",\"iat\":%" PRId64 ",\"email\":\"ada@example.com\",\"phone\":\"\",\"app_metadata\":"
                 "{\"provider\":\"email\",\"providers\":[\"email\"]},\"user_metadata\":{\"email\":\"ada@example.com\","
                 "\"email_verified\":true},\"role\":\"authenticated\",\"aal\":\"aal1\",\"amr\":[{\"method\":\"password\","
                 "\"timestamp\":%" PRId64 "}],\"session_id\":\"a3a1b1de-3a52-4d37-8b4a-%012x\",\"is_anonymous\":false}",
                 (unsigned)i, now + 3600, now, now, (unsigned)i);
        so_buf_reset(&token);
        must(so_jwt_sign(keys.keys[0], so_str_c(claims), &token, &err), &err, "so_jwt_sign");
        b->headers[i] = so_arena_printf(&b->kept, "Bearer %.*s", (int)token.len, token.p);
    }
    so_jwks_clear(&keys);
    so_buf_deinit(&text);
    so_buf_deinit(&token);
}

static void identify(struct bench *b, struct so_str authorization)
{
    struct so_identity who;
    struct so_err err = SO_ERR_INIT;
    must(so_auth_identify(b->auth, b->cache, SO_STR(ANON_KEY), authorization, &b->arena, &who, &err), &err, "identify");
    so_arena_reset(&b->arena);
}

static void seen(struct bench *b) { identify(b, b->headers[0]); }

static void unseen(struct bench *b)
{
    b->next = (b->next + 1) % TOKENS;
    identify(b, b->headers[b->next]);
}

static void hash(struct bench *b)
{
    struct so_buf out;
    struct so_err err = SO_ERR_INIT;
    (void)b;
    so_buf_init(&out, 1024);
    must(so_password_hash(SO_STR("correct horse battery"), &SO_PASSWORD_COST_DEFAULT, &out, &err), &err, "so_password_hash");
    so_buf_deinit(&out);
}

/* The best of several rounds: what the machine's other work took is not what is measured. */
static double measure(void (*fn)(struct bench *), struct bench *b, int calls)
{
    double best = 1e18;
    for (int round = 0; round < 7; round++) {
        int64_t start = so_clock_mono_ns();
        for (int i = 0; i < calls; i++)
            fn(b);
        double each = (double)(so_clock_mono_ns() - start) / calls;
        best = each < best ? each : best;
    }
    return best;
}

static void remove_folder(const struct bench *b)
{
    static const char *const SUFFIXES[] = {"", "-wal", "-shm"};
    char path[128];
    for (size_t i = 0; i < COUNT_OF(SUFFIXES); i++) {
        snprintf(path, sizeof(path), "%s%s", b->db_path, SUFFIXES[i]);
        unlink(path);
    }
    unlink(b->keys_path);
    rmdir(b->folder);
}

int main(void)
{
    static struct bench b;
    so_arena_init(&b.kept, 256 << 20);
    so_arena_init(&b.arena, 16 << 20);
    open_service(&b);
    make_tokens(&b);
    seen(&b);
    double seen_ns = measure(seen, &b, 200000);
    double unseen_ns = measure(unseen, &b, 3000);
    double hash_ns = measure(hash, &b, 10);
    printf("{\"identify_seen_ns\":%.0f,\"identify_unseen_ns\":%.0f,\"hash_ns\":%.0f}\n", seen_ns, unseen_ns, hash_ns);
    so_auth_cache_free(b.cache);
    so_auth_close(b.auth);
    so_db_close(b.db);
    remove_folder(&b);
    so_arena_deinit(&b.arena);
    so_arena_deinit(&b.kept);
    return 0;
}
