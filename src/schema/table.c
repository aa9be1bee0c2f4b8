/* table.c: open addressing over the members' own hashes, with a factor searched for that makes it (nearly) perfect.
 * 32-bit hashes can be made to collide: then the names stand in one run, and `probes` says how long it is at most. */
#include "schema/table.h"

enum { FACTORS_TRIED = 48 };

static uint32_t fill(struct so_table *t, uint32_t count, struct so_str (*key)(const void *arg, uint32_t i), const void *arg,
                     const uint32_t *hashes)
{
    memset(t->slots, 0, ((size_t)t->mask + 1) * sizeof(*t->slots));
    t->probes = 0;
    uint32_t collisions = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct so_str name = key(arg, i);
        uint32_t at = (hashes[i] * t->factor) >> 7 & t->mask, probe = 0;
        for (;; probe++) {
            struct so_table_slot *s = &t->slots[(at + probe) & t->mask];
            if (s->index == 0) {
                *s = (struct so_table_slot){hashes[i], (uint32_t)name.n, name.p, i + 1};
                break;
            }
            if (s->hash == hashes[i] && so_str_eq(so_str(s->key, s->len), name))
                break;
        }
        collisions += probe;
        if (probe > t->probes)
            t->probes = probe;
    }
    return collisions;
}

struct so_table *so_table_make(struct so_arena *arena, uint32_t count, struct so_str (*key)(const void *arg, uint32_t i),
                               const void *arg)
{
    struct so_table *t = so_alloc_zero(arena, sizeof(*t));
    uint32_t *hashes = so_alloc_array(arena, (size_t)count + 1, sizeof(*hashes));
    uint32_t size = 4;
    while (size < count * 2ULL && size < 1U << 30)
        size *= 2;
    if (count <= 256)
        size *= 2;
    if (t == NULL || hashes == NULL || (t->slots = so_alloc_array(arena, size, sizeof(*t->slots))) == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        hashes[i] = so_json_key_hash(key(arg, i));
    t->mask = size - 1;
    t->count = count;
    uint32_t best = UINT32_MAX, best_factor = 1;
    for (uint32_t n = 0; n < (count <= 256 ? FACTORS_TRIED : 2); n++) {
        t->factor = 0x9E3779B1U + n * 0x85EBCA6AU; /* odd numbers, far apart */
        uint32_t collisions = fill(t, count, key, arg, hashes);
        if (collisions < best) {
            best = collisions;
            best_factor = t->factor;
        }
        if (collisions == 0)
            return t;
    }
    t->factor = best_factor;
    fill(t, count, key, arg, hashes);
    return t;
}
