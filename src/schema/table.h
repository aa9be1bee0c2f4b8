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

/* The name's number, or -1. */
static inline int32_t so_table_find(const struct so_table *t, const struct so_json_member *m)
{
    uint32_t at = (m->key_hash * t->factor) >> 7 & t->mask;
    for (uint32_t probe = 0; probe <= t->probes; probe++) {
        const struct so_table_slot *s = &t->slots[(at + probe) & t->mask];
        if (s->index == 0)
            return -1;
        if (s->hash == m->key_hash && s->len == m->key_len && memcmp(s->key, m->key, s->len) == 0)
            return (int32_t)(s->index - 1);
    }
    return -1;
}

#endif
