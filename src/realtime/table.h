/* table.h: a hash table by text whose entries are members of larger structs, so that putting and removing allocates nothing
 * but the slots.   Borrows: the entries, and the bytes of their keys.   Threads: one at a time. */
#ifndef SO_REALTIME_TABLE_H
#define SO_REALTIME_TABLE_H

#include "core/base.h"
#include "core/str.h"

struct so_table_entry {
    struct so_table_entry *next; /* of the same slot */
    struct so_str key;           /* filled in by the caller */
    uint64_t hash;
};

struct so_hash_table {
    struct so_table_entry **slots;
    size_t cap, count; /* cap is 0 or a power of two */
};

/* A zeroed table is empty.  Its entries are the caller's: only the slots are given back. */
void so_hash_table_deinit(struct so_hash_table *t);
struct so_table_entry *so_hash_table_find(const struct so_hash_table *t, struct so_str key);
/* The key is not there yet.  False: out of memory. */
bool so_hash_table_put(struct so_hash_table *t, struct so_table_entry *entry) SO_MUST_CHECK;
void so_hash_table_remove(struct so_hash_table *t, struct so_table_entry *entry); /* it is there */
/* Any entry, or NULL: to take a table apart. */
struct so_table_entry *so_hash_table_first(const struct so_hash_table *t);
/* The entry after `entry`, in no order; NULL at the end. */
struct so_table_entry *so_hash_table_next(const struct so_hash_table *t, const struct so_table_entry *entry);

#endif
