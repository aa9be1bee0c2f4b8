/* key_source.c: other people's public keys. */
#include "auth/key_source.h"

#include "core/fs.h"
#include "core/mem.h"
#include "jose/jwt.h"
#include "json/json.h"

enum { ARENA_MAX = 4 << 20 };

/* ---- sets ---- */

void so_key_set_give(struct so_key_set *set)
{
    if (set == NULL || atomic_fetch_sub(&set->refs, 1) != 1)
        return;
    so_jwks_clear(&set->keys);
    so_free(set);
}

bool so_key_set_has(const struct so_key_set *set, struct so_str token, struct so_arena *arena)
{
    struct so_json header, payload;
    if (so_jwt_decode(token, arena, &header, &payload, NULL) != SO_OK)
        return true;
    struct so_str kid = so_json_get_str(&header, SO_STR("kid"));
    for (size_t i = 0; kid.p != NULL && i < set->keys.count; i++) {
        struct so_str own = so_jwk_kid(set->keys.keys[i]);
        if (own.n == 0 || so_str_eq(own, kid))
            return true;
    }
    return kid.p == NULL;
}

/* Only public keys: a secret in a document that anybody may read proves nothing. */
static int check_public(const struct so_key_set *set, struct so_err *err)
{
    for (size_t i = 0; i < set->keys.count; i++) {
        enum so_jws_alg alg = so_jwk_alg(set->keys.keys[i]);
        if (alg == SO_ALG_HS256 || alg == SO_ALG_HS384 || alg == SO_ALG_HS512)
            return so_fail(err, SO_EINVAL, "a key set of another issuer holds a shared secret");
    }
    return set->keys.count == 0 ? so_fail(err, SO_EINVAL, "a key set of another issuer holds no key for signatures") : SO_OK;
}

static int make_set(const struct so_json *doc, struct so_key_set **out, struct so_err *err)
{
    struct so_key_set *set = so_calloc(1, sizeof(*set));
    if (set == NULL)
        return so_err_oom(err);
    atomic_init(&set->refs, 1);
    int rc = so_jwks_parse(doc, &set->keys, err);
    if (rc == SO_OK)
        rc = check_public(set, err);
    if (rc != SO_OK)
        so_key_set_give(set);
    else
        *out = set;
    return rc;
}

/* Equal as their JSON says: same public keys in the same order. */
static bool same_sets(const struct so_key_set *a, const struct so_key_set *b)
{
    struct so_buf x, y;
    bool same = a != NULL && a->keys.count == b->keys.count;
    so_buf_init(&x, ARENA_MAX);
    so_buf_init(&y, ARENA_MAX);
    for (size_t i = 0; same && i < a->keys.count; i++) {
        so_buf_reset(&x);
        so_buf_reset(&y);
        same = so_jwk_put(a->keys.keys[i], false, &x, NULL) == SO_OK &&
               so_jwk_put(b->keys.keys[i], false, &y, NULL) == SO_OK && so_str_eq(so_buf_str(&x), so_buf_str(&y));
    }
    so_buf_deinit(&x);
    so_buf_deinit(&y);
    return same;
}

/* ---- the source ---- */

void so_key_source_init(struct so_key_source *source)
{
    *source = (struct so_key_source){0};
    pthread_mutex_init(&source->lock, NULL);
}

void so_key_source_deinit(struct so_key_source *source)
{
    so_key_set_give(source->set);
    pthread_mutex_destroy(&source->lock);
}

struct so_key_set *so_key_source_take(struct so_key_source *source)
{
    pthread_mutex_lock(&source->lock);
    struct so_key_set *set = source->set;
    if (set != NULL)
        atomic_fetch_add(&set->refs, 1);
    pthread_mutex_unlock(&source->lock);
    return set;
}

bool so_key_source_is_old(struct so_key_source *source, int64_t now)
{
    pthread_mutex_lock(&source->lock);
    bool is_old = source->set == NULL || now - source->read_at >= SO_KEYS_FRESH_S || now < source->read_at;
    pthread_mutex_unlock(&source->lock);
    return is_old;
}

static int read_file(struct so_str path, struct so_arena *arena, struct so_json *out, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, SO_FETCH_MAX);
    struct so_str name = so_arena_dup(arena, path), copy = {NULL, 0};
    int rc = name.p == NULL ? so_err_oom(err) : so_fs_read(name.p, &text, err);
    if (rc == SO_OK) {
        copy = so_arena_dup(arena, so_buf_str(&text));
        rc = copy.p == NULL ? so_err_oom(err) : so_json_parse(arena, copy, NULL, out, err);
    }
    so_buf_deinit(&text);
    return rc;
}

static int read_set(struct so_str where, struct so_fetcher *fetcher, struct so_key_set **out, struct so_err *err)
{
    bool is_url = so_str_find(where, SO_STR("://")) != SO_STR_NONE;
    struct so_arena arena;
    struct so_json doc;
    if (is_url && fetcher == NULL)
        return so_fail(err, SO_EDENIED, "this server makes no calls to others");
    so_arena_init(&arena, ARENA_MAX);
    int rc = is_url ? so_fetch_json(fetcher, &(struct so_fetch){.url = where}, &arena, &doc, err)
                    : read_file(where, &arena, &doc, err);
    if (rc == SO_OK)
        rc = make_set(&doc, out, err);
    so_arena_deinit(&arena);
    return rc;
}

/* Whether this thread is the one to read now. */
static bool begin(struct so_key_source *source, int64_t now)
{
    pthread_mutex_lock(&source->lock);
    int64_t retry = source->set == NULL ? SO_KEYS_FIRST_S : SO_KEYS_RETRY_S;
    bool is_early = source->tried_at != 0 && now >= source->tried_at && now - source->tried_at < retry;
    bool go = !source->is_reading && !is_early;
    if (go) {
        source->is_reading = true;
        source->tried_at = now;
    }
    pthread_mutex_unlock(&source->lock);
    return go;
}

/* Takes `set`; NULL: nothing new. */
static bool end(struct so_key_source *source, struct so_key_set *set, int64_t now)
{
    bool changed = set != NULL && !same_sets(source->set, set); /* only the reading thread replaces it */
    struct so_key_set *spent = set;
    pthread_mutex_lock(&source->lock);
    source->is_reading = false;
    if (set != NULL)
        source->read_at = now;
    if (changed) {
        spent = source->set;
        source->set = set;
    }
    pthread_mutex_unlock(&source->lock);
    so_key_set_give(spent);
    return changed;
}

int so_key_source_refresh(struct so_key_source *source, struct so_str where, struct so_fetcher *fetcher, int64_t now,
                          bool *out_changed, struct so_err *err)
{
    struct so_key_set *set = NULL;
    if (!begin(source, now))
        return so_fail(err, SO_EBUSY, "the keys were read a moment ago");
    int rc = read_set(where, fetcher, &set, err);
    bool changed = end(source, set, now);
    if (rc == SO_OK && out_changed != NULL)
        *out_changed = changed;
    return rc;
}
