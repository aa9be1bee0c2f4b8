/* table.c: chains, at most one entry a slot on average. */
#include "realtime/table.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/random.h"

enum { CAP_MIN = 8 };

static struct so_table_entry **slot_of(const struct so_hash_table *t, uint64_t hash)
{
    return &t->slots[hash & (t->cap - 1)];
}

void so_hash_table_deinit(struct so_hash_table *t)
{
    so_free(t->slots);
    *t = (struct so_hash_table){0};
}

struct so_table_entry *so_hash_table_find(const struct so_hash_table *t, struct so_str key)
{
    if (t->count == 0)
        return NULL;
    uint64_t hash = so_hash(key, so_random_seed());
    struct so_table_entry *e = *slot_of(t, hash);
    while (e != NULL && (e->hash != hash || !so_str_eq(e->key, key)))
        e = e->next;
    return e;
}

static bool grow(struct so_hash_table *t)
{
    size_t cap = t->cap == 0 ? CAP_MIN : t->cap * 2;
    struct so_hash_table larger = {.slots = so_calloc(cap, sizeof(struct so_table_entry *)), .cap = cap, .count = t->count};
    if (larger.slots == NULL)
        return t->cap > 0; /* longer chains will do */
    for (size_t i = 0; i < t->cap; i++)
        while (t->slots[i] != NULL) {
            struct so_table_entry *e = t->slots[i], **to = slot_of(&larger, e->hash);
            t->slots[i] = e->next;
            e->next = *to;
            *to = e;
        }
    so_free(t->slots);
    *t = larger;
    return true;
}

bool so_hash_table_put(struct so_hash_table *t, struct so_table_entry *entry)
{
    if (t->count >= t->cap && !grow(t))
        return false;
    entry->hash = so_hash(entry->key, so_random_seed());
    struct so_table_entry **to = slot_of(t, entry->hash);
    entry->next = *to;
    *to = entry;
    t->count++;
    return true;
}

void so_hash_table_remove(struct so_hash_table *t, struct so_table_entry *entry)
{
    struct so_table_entry **at = slot_of(t, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    t->count--;
}

static struct so_table_entry *first_from(const struct so_hash_table *t, size_t slot)
{
    while (slot < t->cap && t->slots[slot] == NULL)
        slot++;
    return slot < t->cap ? t->slots[slot] : NULL;
}

struct so_table_entry *so_hash_table_first(const struct so_hash_table *t) { return first_from(t, 0); }

struct so_table_entry *so_hash_table_next(const struct so_hash_table *t, const struct so_table_entry *entry)
{
    return entry->next != NULL ? entry->next : first_from(t, (entry->hash & (t->cap - 1)) + 1);
}
