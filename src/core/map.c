/* map.c: linear probing at most three quarters full. */
#include "core/map.h"

#include "core/hash.h"
#include "core/random.h"

void so_map_init(struct so_map *m, struct so_arena *arena)
{
    *m = (struct so_map){.arena = arena, .seed = so_random_seed()};
}

static struct so_map_slot *slot_of(const struct so_map *m, struct so_str key, uint64_t hash)
{
    size_t mask = m->cap - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct so_map_slot *slot = &m->slots[i];
        if (slot->key.p == NULL || (slot->hash == hash && so_str_eq(slot->key, key)))
            return slot;
    }
}

static struct so_map_slot *find_slot(const struct so_map *m, struct so_str key)
{
    if (m->cap == 0)
        return NULL;
    struct so_map_slot *slot = slot_of(m, key, so_hash(key, m->seed));
    return slot->key.p == NULL ? NULL : slot;
}

void *so_map_find(const struct so_map *m, struct so_str key)
{
    struct so_map_slot *slot = find_slot(m, key);
    return slot == NULL ? NULL : slot->value;
}

bool so_map_has(const struct so_map *m, struct so_str key) { return find_slot(m, key) != NULL; }

static bool grow(struct so_map *m)
{
    struct so_map bigger = *m;
    bigger.cap = m->cap == 0 ? 8 : m->cap * 2;
    bigger.slots = so_alloc_array(m->arena, bigger.cap, sizeof(bigger.slots[0]));
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].key.p != NULL)
            *slot_of(&bigger, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    *m = bigger;
    return true;
}

bool so_map_put(struct so_map *m, struct so_str key, void *value)
{
    if ((m->count + 1) * 4 > m->cap * 3 && !grow(m))
        return false;
    if (key.p == NULL)
        key = SO_STR("");
    uint64_t hash = so_hash(key, m->seed);
    struct so_map_slot *slot = slot_of(m, key, hash);
    m->count += slot->key.p == NULL;
    *slot = (struct so_map_slot){key, hash, value};
    return true;
}

bool so_map_next(const struct so_map *m, size_t *i, struct so_str *out_key, void **out_value)
{
    for (; *i < m->cap; (*i)++) {
        const struct so_map_slot *slot = &m->slots[*i];
        if (slot->key.p == NULL)
            continue;
        *out_key = slot->key;
        *out_value = slot->value;
        (*i)++;
        return true;
    }
    return false;
}
