/* table.h: from member names to small numbers: built once, then only read.
 * Borrows: the names' bytes.   Threads: any number of readers. */
#ifndef SO_SCHEMA_TABLE_H
#define SO_SCHEMA_TABLE_H

#include "core/arena.h"
#include "json/json.h"

struct so_table_slot {
    uint32_t hash, len;
    const char *key;
    uint32_t index; /* the name's number plus 1; 0: free */
};

struct so_table {
    struct so_table_slot *slots;
    uint32_t mask;   /* slots - 1 */
    uint32_t factor; /* chosen so that few names, mostly none, share a place */
    uint32_t probes; /* no name is further than this from its place */
    uint32_t count;
};

/* Names `count` strings, key(arg, i); a name given twice keeps its first number. NULL when memory ran out. */
struct so_table *so_table_make(struct so_arena *arena, uint32_t count, struct so_str (*key)(const void *arg, uint32_t i),
                               const void *arg);

/* memcmp() == 0 without the call: most names have up to 16 bytes. */
static inline bool so_bytes_eq(const char *a, const char *b, size_t n)
{
    uint64_t x, y, z, w;
    if (n > 16)
        return memcmp(a, b, n) == 0;
    if (n >= 8) {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        memcpy(&z, a + n - 8, 8);
        memcpy(&w, b + n - 8, 8);
        return ((x ^ y) | (z ^ w)) == 0;
    }
    if (n >= 4) {
        uint32_t p, q, r, s;
        memcpy(&p, a, 4);
        memcpy(&q, b, 4);
        memcpy(&r, a + n - 4, 4);
        memcpy(&s, b + n - 4, 4);
        return ((p ^ q) | (r ^ s)) == 0;
    }
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

/* The name's number, or -1. */
static inline int32_t so_table_find(const struct so_table *t, const struct so_json_member *m)
{
    uint32_t at = (m->key_hash * t->factor) >> 7 & t->mask;
    for (uint32_t probe = 0; probe <= t->probes; probe++) {
        const struct so_table_slot *s = &t->slots[(at + probe) & t->mask];
        if (s->index == 0)
            return -1;
        if (s->hash == m->key_hash && s->len == m->key_len && so_bytes_eq(s->key, m->key, s->len))
            return (int32_t)(s->index - 1);
    }
    return -1;
}

#endif
