/* lru.h: things found by their text, in the order of their last use: the statements of a connection.
 * Owns: nothing; items are members of something larger, which also holds the key's bytes.   Threads: one at a time. */
#ifndef SO_DB_LRU_H
#define SO_DB_LRU_H

#include "core/hash.h"
#include "core/random.h"
#include "core/str.h"

enum { SO_LRU_BUCKETS = 256 }; /* a power of two */

struct so_lru_item {
    struct so_lru_item *bucket_next, *newer, *older;
    uint64_t hash; /* so_lru_hash(key) */
    struct so_str key;
};

struct so_lru {
    struct so_lru_item *newest, *oldest;
    size_t count;
    struct so_lru_item *buckets[SO_LRU_BUCKETS];
};

static inline uint64_t so_lru_hash(struct so_str key) { return so_hash(key, so_random_seed()); }

static inline struct so_lru_item *so_lru_find(const struct so_lru *lru, struct so_str key, uint64_t hash)
{
    struct so_lru_item *item = lru->buckets[hash % SO_LRU_BUCKETS];
    while (item != NULL && (item->hash != hash || !so_str_eq(item->key, key)))
        item = item->bucket_next;
    return item;
}

/* As the newest. */
static inline void so_lru_add(struct so_lru *lru, struct so_lru_item *item)
{
    struct so_lru_item **bucket = &lru->buckets[item->hash % SO_LRU_BUCKETS];
    item->bucket_next = *bucket;
    *bucket = item;
    item->newer = NULL;
    item->older = lru->newest;
    *(lru->newest == NULL ? &lru->oldest : &lru->newest->newer) = item;
    lru->newest = item;
    lru->count++;
}

static inline void so_lru_remove(struct so_lru *lru, struct so_lru_item *item)
{
    struct so_lru_item **link = &lru->buckets[item->hash % SO_LRU_BUCKETS];
    while (*link != item)
        link = &(*link)->bucket_next;
    *link = item->bucket_next;
    *(item->newer == NULL ? &lru->newest : &item->newer->older) = item->older;
    *(item->older == NULL ? &lru->oldest : &item->older->newer) = item->newer;
    lru->count--;
}

#endif
