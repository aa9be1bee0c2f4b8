/* fixture.h: a service on a temporary database, with cheap passwords and a clock that stands still, and requests to it. */
#ifndef SO_TESTS_AUTH_FIXTURE_H
#define SO_TESTS_AUTH_FIXTURE_H

#include "../testing.h"

#include <stdatomic.h>
#include <unistd.h>

#include "auth/auth.h"
#include "core/clock.h"
#include "core/mem.h"
#include "jose/jwt.h"
#include "json/json.h"

/* A request leaves out what it does not say. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define ANON_KEY    "sb_publishable_test0123456789"
#define SERVICE_KEY "sb_secret_test0123456789"
#define SECRET      "j3Kx9-vQ2mR7pL5wZ8tB4nC6dF1gH0sYa"
#define START       1800000000LL /* seconds */

static char directory[64], db_path[96], keys_path[96];
static struct so_db *db;
static struct so_auth *auth;
static struct so_arena arena; /* of the test: answers live until its end */
static _Atomic int64_t clock_us = START * 1000000;

static int64_t test_clock(void) { return atomic_load(&clock_us); }
static SO_UNUSED void pass_seconds(int64_t seconds) { atomic_fetch_add(&clock_us, seconds * 1000000); }

static struct so_auth_settings default_settings(void)
{
    return (struct so_auth_settings){
        .public_url = SO_STR("http://127.0.0.1:54321"),
        .jwt_secret = SO_STR(SECRET),
        .anon_key = SO_STR(ANON_KEY),
        .service_key = SO_STR(SERVICE_KEY),
        .token_lifetime = 3600,
        .refresh_reuse_seconds = 10,
        .password_min = 6,
        .anonymous_enabled = true,
        .autoconfirm = true,
        .password_cost = {.memory_kib = 64, .passes = 1, .lanes = 1},
        .keys_path = keys_path,
    };
}

static SO_UNUSED void must(int rc, const struct so_err *err)
{
    if (rc != SO_OK)
        fail_msg("%s: %s", so_code_name(rc), err->message);
}

static SO_UNUSED void open_auth(const struct so_auth_settings *settings)
{
    struct so_err err = SO_ERR_INIT;
    must(so_auth_open(db, settings, &auth, &err), &err);
}

static SO_UNUSED int set_up(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    snprintf(directory, sizeof(directory), "/tmp/socle-auth-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(db_path, sizeof(db_path), "%s/data.db", directory);
    snprintf(keys_path, sizeof(keys_path), "%s/keys.json", directory);
    atomic_store(&clock_us, START * 1000000);
    so_clock_set_source(test_clock);
    so_arena_init(&arena, 256 << 20);
    must(so_db_open(db_path, &(struct so_db_options){0}, &db, &err), &err);
    struct so_auth_settings settings = default_settings();
    open_auth(&settings);
    return 0;
}

static SO_UNUSED int tear_down(void **state)
{
    (void)state;
    char command[128];
    so_auth_close(auth);
    auth = NULL;
    so_db_close(db);
    db = NULL;
    so_arena_deinit(&arena);
    so_clock_set_source(NULL);
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command) == 0 ? 0 : -1;
}

struct answer {
    int status;
    struct so_str body;
    struct so_json json; /* null when the body is none */
    struct so_auth_out out;
};

/* A request as it would come from the wire; `target` is path and query. */
struct request {
    const char *method, *target, *body, *apikey, *bearer, *peer, *version;
};

static struct answer send_in(const struct request *request, struct so_arena *in_arena)
{
    struct so_str target = so_str_c(request->target), path, query = {NULL, 0};
    size_t mark = so_str_find_char(target, '?', 0);
    path = so_str_slice(target, 0, mark);
    if (mark != SO_STR_NONE)
        query = so_str_slice(target, mark + 1, target.n);
    const struct so_auth_in in = {
        .method = so_str_c(request->method),
        .path = path,
        .query = query,
        .body = so_str_c(request->body),
        .apikey = request->apikey == NULL ? SO_STR(ANON_KEY) : so_str_c(request->apikey),
        .authorization = request->bearer == NULL ? so_str(NULL, 0) : so_arena_printf(in_arena, "Bearer %s", request->bearer),
        .api_version = request->version == NULL ? SO_STR("2024-01-01") : so_str_c(request->version),
        .peer = so_str_c(request->peer == NULL ? "192.0.2.1" : request->peer),
        .user_agent = SO_STR("test"),
    };
    struct answer answer = {0};
    struct so_buf body;
    so_buf_init(&body, 8 << 20);
    so_auth_handle(auth, &in, in_arena, &answer.out, &body);
    answer.status = answer.out.status;
    answer.body = so_arena_dup(in_arena, so_buf_str(&body));
    so_buf_deinit(&body);
    if (answer.body.n > 0 && answer.body.p[0] != '<' &&
        so_json_parse(in_arena, answer.body, NULL, &answer.json, NULL) != SO_OK)
        fail_msg("the answer is no JSON: %.*s", SO_STR_ARG(answer.body));
    return answer;
}

static SO_UNUSED struct answer request(const struct request *r) { return send_in(r, &arena); }
#define send(...) request(&(const struct request){__VA_ARGS__})

/* ---- what an answer says ---- */

static SO_UNUSED const struct so_json *at(const struct answer *answer, const char *pointer)
{
    return so_json_at(&answer->json, so_str_c(pointer));
}

/* NUL-terminated; "" when it is no text. */
static SO_UNUSED const char *text(const struct answer *answer, const char *pointer)
{
    const struct so_json *v = at(answer, pointer);
    return v == NULL || v->type != SO_JSON_STRING ? "" : so_arena_dup(&arena, so_json_str(v)).p;
}

static SO_UNUSED const char *header(const struct answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->out.header_count; i++)
        if (so_str_eq_c(answer->out.headers[i].name, name))
            return so_arena_dup(&arena, answer->out.headers[i].value).p;
    return "";
}

#define assert_answer(answer, want_status, want_code) check_answer((answer), (want_status), (want_code), __FILE__, __LINE__)
static SO_UNUSED void check_answer(struct answer answer, int status, const char *code, const char *file, int line)
{
    if (answer.status == status && strcmp(text(&answer, "/code"), code) == 0)
        return;
    print_error("got %d %.*s\nwant %d %s\n", answer.status, SO_STR_ARG(answer.body), status, code);
    _fail(file, line);
}

static SO_UNUSED struct answer sign_up(const char *email, const char *password)
{
    struct answer a =
        send("POST", "/signup", so_arena_printf(&arena, "{\"email\":\"%s\",\"password\":\"%s\"}", email, password).p);
    assert_answer(a, 200, "");
    return a;
}

static SO_UNUSED struct answer sign_in(const char *email, const char *password)
{
    return send("POST", "/token?grant_type=password",
                so_arena_printf(&arena, "{\"email\":\"%s\",\"password\":\"%s\"}", email, password).p);
}

static SO_UNUSED struct answer refresh(const char *token)
{
    return send("POST", "/token?grant_type=refresh_token", so_arena_printf(&arena, "{\"refresh_token\":\"%s\"}", token).p);
}

static SO_UNUSED struct answer who_am_i(const char *token) { return send("GET", "/user", NULL, NULL, token); }

/* The payload of a token, unverified. */
static SO_UNUSED struct so_json claims_of(const char *token)
{
    struct so_json head, claims;
    struct so_err err = SO_ERR_INIT;
    must(so_jwt_decode(so_str_c(token), &arena, &head, &claims, &err), &err);
    return claims;
}

/* A token made elsewhere with the shared secret. */
static SO_UNUSED const char *foreign_token(const char *secret, const char *payload)
{
    struct so_jwk *key;
    struct so_buf out;
    struct so_err err = SO_ERR_INIT;
    must(so_jwk_from_secret(so_str_c(secret), SO_ALG_HS256, &key, &err), &err);
    so_buf_init(&out, SO_JWT_MAX);
    must(so_jwt_sign(key, so_str_c(payload), &out, &err), &err);
    const char *copy = so_arena_dup(&arena, so_buf_str(&out)).p;
    so_buf_deinit(&out);
    so_jwk_unref(key);
    return copy;
}

static SO_UNUSED int identify(const char *apikey, const char *authorization, struct so_identity *out, struct so_err *err)
{
    struct so_auth_cache *cache;
    must(so_auth_cache_new(auth, &cache, err), err);
    struct so_identity who = {0};
    int rc = so_auth_identify(auth, cache, apikey == NULL ? so_str(NULL, 0) : so_str_c(apikey),
                              authorization == NULL ? so_str(NULL, 0) : so_str_c(authorization), &arena, &who, err);
    *out = who;
    so_auth_cache_free(cache);
    return rc;
}

#endif
