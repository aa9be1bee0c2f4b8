/* cache.c: a set-associative table of verified tokens.
 *
 *   token --so_hash(seed)--> set of 8 slots --equal hash, then equal bytes--> claims
 *
 * A slot matches only when every byte of the token does, signature included, so no collision of hashes can let a forged
 * token in.  The hash is keyed with a seed of this cache alone: strangers cannot aim tokens at one set, and memcmp() can
 * tell them nothing, because a guess that differs in any byte from a kept token nearly always has another hash and is never
 * compared.  Only verified tokens are kept, so a flood of forged ones changes nothing here; a flood of good ones turns over
 * the slots that are not used again (CLOCK: each hit saves a slot from the hand once) and never takes more memory. */
#include "jose/cache.h"

#include <openssl/crypto.h>

#include "core/hash.h"
#include "core/mem.h"
#include "core/random.h"

enum { WAYS = 8, ENTRIES_MAX = 1 << 20 };

struct entry {
    void *block; /* owned: token and claims; NULL when the slot is free */
    struct so_str token;
    struct so_json claims;
    struct so_jwt_times times;
    bool was_hit; /* since the hand last came by */
};

struct set {
    uint64_t hashes[WAYS]; /* one cache line, looked at before any entry is */
    struct entry entries[WAYS];
    unsigned hand;
};

struct so_jwt_cache {
    uint64_t seed, key_version;
    size_t mask; /* sets - 1; their number is a power of two */
    size_t count;
    struct set sets[];
};

struct so_jwt_cache *so_jwt_cache_new(size_t entries)
{
    size_t sets = 1;
    while (sets * WAYS < so_min_size(entries, ENTRIES_MAX))
        sets *= 2;
    struct so_jwt_cache *cache = so_calloc(1, sizeof(*cache) + sets * sizeof(cache->sets[0]));
    if (cache == NULL)
        return NULL;
    so_random_bytes(&cache->seed, sizeof(cache->seed));
    cache->mask = sets - 1;
    return cache;
}

static void clear_entry(struct so_jwt_cache *cache, struct entry *e)
{
    if (e->block == NULL)
        return;
    OPENSSL_cleanse((void *)(uintptr_t)e->token.p, e->token.n); /* who has the token is the user */
    so_free(e->block);
    *e = (struct entry){.block = NULL};
    cache->count--;
}

static void clear_all(struct so_jwt_cache *cache)
{
    for (size_t i = 0; i <= cache->mask && cache->count > 0; i++)
        for (size_t way = 0; way < WAYS; way++)
            clear_entry(cache, &cache->sets[i].entries[way]);
}

void so_jwt_cache_free(struct so_jwt_cache *cache)
{
    if (cache == NULL)
        return;
    clear_all(cache);
    so_free(cache);
}

size_t so_jwt_cache_count(const struct so_jwt_cache *cache) { return cache->count; }

static void follow_version(struct so_jwt_cache *cache, uint64_t key_version)
{
    if (SO_LIKELY(cache->key_version == key_version))
        return;
    clear_all(cache);
    cache->key_version = key_version;
}

static struct entry *find_entry(struct set *set, uint64_t hash, struct so_str token)
{
    for (size_t way = 0; way < WAYS; way++)
        if (set->hashes[way] == hash && set->entries[way].block != NULL && so_str_eq(set->entries[way].token, token))
            return &set->entries[way];
    return NULL;
}

const struct so_json *so_jwt_cache_find(struct so_jwt_cache *cache, struct so_str token, uint64_t key_version, int64_t now,
                                        int64_t leeway)
{
    follow_version(cache, key_version);
    if (token.n > SO_JWT_CACHE_BYTES_MAX)
        return NULL;
    uint64_t hash = so_hash(token, cache->seed);
    struct entry *e = find_entry(&cache->sets[hash & cache->mask], hash, token);
    if (e == NULL)
        return NULL;
    int rc = so_jwt_times_check(&e->times, now, leeway, NULL);
    if (rc == SO_OK) {
        e->was_hit = true;
        return &e->claims;
    }
    if (rc == SO_EEXPIRED)
        clear_entry(cache, e);
    return NULL;
}

/* ---- copying claims into one block: arrays from its front, where they are aligned, and texts from behind them ---- */

struct block {
    char *arrays, *texts; /* where the next one goes */
};

/* Adds what the parts of v take.  As deep as the parser let claims be. */
static void measure(const struct so_json *v, size_t *arrays, size_t *texts)
{
    if (v->type == SO_JSON_STRING || v->type == SO_JSON_NUMBER)
        *texts += v->len;
    if (v->type == SO_JSON_ARRAY) {
        *arrays += v->len * sizeof(v->u.items[0]);
        for (uint32_t i = 0; i < v->len; i++)
            measure(&v->u.items[i], arrays, texts);
    }
    if (v->type == SO_JSON_OBJECT) {
        *arrays += v->len * sizeof(v->u.members[0]);
        for (uint32_t i = 0; i < v->len; i++) {
            *texts += v->u.members[i].key_len;
            measure(&v->u.members[i].value, arrays, texts);
        }
    }
}

static const char *copy_text(struct block *to, const char *text, size_t n)
{
    char *copy = to->texts;
    if (n > 0)
        memcpy(copy, text, n);
    to->texts += n;
    return copy;
}

static void copy_value(struct block *to, const struct so_json *from, struct so_json *out)
{
    *out = *from;
    out->flags = 0; /* an index after the members is not copied: claims are few, and finding them goes without */
    if (from->type == SO_JSON_STRING || from->type == SO_JSON_NUMBER)
        out->u.text = copy_text(to, from->u.text, from->len);
    if (from->type == SO_JSON_ARRAY) {
        struct so_json *items = (struct so_json *)(void *)to->arrays;
        to->arrays += from->len * sizeof(items[0]);
        for (uint32_t i = 0; i < from->len; i++)
            copy_value(to, &from->u.items[i], &items[i]);
        out->u.items = items;
    }
    if (from->type == SO_JSON_OBJECT) {
        struct so_json_member *members = (struct so_json_member *)(void *)to->arrays;
        to->arrays += from->len * sizeof(members[0]);
        for (uint32_t i = 0; i < from->len; i++) {
            members[i] = from->u.members[i];
            members[i].key = copy_text(to, from->u.members[i].key, from->u.members[i].key_len);
            copy_value(to, &from->u.members[i].value, &members[i].value);
        }
        out->u.members = members;
    }
}

/* ---- keeping ---- */

/* The slot for a new token: a free one, or the first that the hand finds not hit since it last came by. */
static size_t choose_slot(struct set *set)
{
    for (size_t way = 0; way < WAYS; way++)
        if (set->entries[way].block == NULL)
            return way;
    for (;; set->hand++) {
        struct entry *e = &set->entries[set->hand % WAYS];
        if (!e->was_hit)
            return set->hand++ % WAYS;
        e->was_hit = false;
    }
}

void so_jwt_cache_put(struct so_jwt_cache *cache, struct so_str token, uint64_t key_version, const struct so_json *claims)
{
    struct so_jwt_times times;
    size_t arrays = 0, texts = token.n;
    follow_version(cache, key_version);
    measure(claims, &arrays, &texts);
    if (arrays > SO_JWT_CACHE_BYTES_MAX || texts > SO_JWT_CACHE_BYTES_MAX - arrays ||
        so_jwt_times_read(claims, &times, NULL) != SO_OK)
        return;
    uint64_t hash = so_hash(token, cache->seed);
    struct set *set = &cache->sets[hash & cache->mask];
    if (find_entry(set, hash, token) != NULL)
        return;
    char *memory = so_malloc(arrays + texts);
    if (memory == NULL)
        return;
    size_t way = choose_slot(set);
    struct entry *e = &set->entries[way];
    clear_entry(cache, e);
    struct block block = {memory, memory + arrays};
    e->block = memory;
    e->token = so_str(copy_text(&block, token.p, token.n), token.n);
    copy_value(&block, claims, &e->claims);
    e->times = times;
    set->hashes[way] = hash;
    cache->count++;
}
