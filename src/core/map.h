/* map.h: from strings to pointers, open addressing, in an arena.
 * Borrows: the keys' bytes and the arena; both must outlive the map.   Threads: many readers, or one writer. */
#ifndef SO_CORE_MAP_H
#define SO_CORE_MAP_H

#include "core/arena.h"
#include "core/str.h"

struct so_map_slot {
    struct so_str key; /* key.p == NULL: free */
    uint64_t hash;
    void *value;
};

struct so_map {
    struct so_arena *arena;
    struct so_map_slot *slots;
    size_t cap, count; /* cap is 0 or a power of two */
    uint64_t seed;
};

void so_map_init(struct so_map *m, struct so_arena *arena);
/* NULL when the key is not there.  A map may hold NULL values; so_map_has() tells. */
void *so_map_find(const struct so_map *m, struct so_str key);
bool so_map_has(const struct so_map *m, struct so_str key);
/* Adds or replaces.  False when memory ran out. */
bool so_map_put(struct so_map *m, struct so_str key, void *value) SO_MUST_CHECK;
/* Every entry, in no order: for (size_t i = 0; so_map_next(m, &i, &key, &value);) */
bool so_map_next(const struct so_map *m, size_t *i, struct so_str *out_key, void **out_value);

#endif
