/* index.h: finds a member of a large object without walking it.  Private to json/.
 * Owns: nothing; the table is the caller's memory, right after the members.   Never: allocates. */
#ifndef SO_JSON_INDEX_H
#define SO_JSON_INDEX_H

#include "core/hash.h"
#include "json/json.h"

/* Up to this many members a walk along the hashes is as fast as any index. */
enum { SO_JSON_INDEX_MIN = 32 };

/* struct so_json.flags of an object: what comes after its members.  4 is SO_JSON_HAS_WHOLE. */
enum {
    SO_JSON_HAS_TABLE = 1, /* an open-addressing table */
    SO_JSON_HAS_ORDER = 2  /* the members' positions in order of (hash, name, position) */
};

#define SO_JSON_NO_MEMBER UINT32_MAX

static inline uint32_t so_json_hash_key(struct so_str key)
{
    uint64_t hash = so_hash(key, 0);
    return (uint32_t)(hash ^ (hash >> 32));
}

static inline bool so_json_key_is(const struct so_json_member *m, struct so_str key, uint32_t hash)
{
    return m->key_hash == hash && m->key_len == key.n && (key.n == 0 || memcmp(m->key, key.p, key.n) == 0);
}

/* Bytes of index that an object of `count` members wants after them. */
size_t so_json_index_size(uint32_t count);
/* Fills the index after v's members and sets v->flags.  Returns the position of a member whose name comes again later, or
 * SO_JSON_NO_MEMBER when all names differ. */
uint32_t so_json_index_build(struct so_json *v);
/* Position of the last member of this name, or SO_JSON_NO_MEMBER.  v->flags must say that there is an index. */
uint32_t so_json_index_find(const struct so_json *v, struct so_str key, uint32_t hash);

#endif
