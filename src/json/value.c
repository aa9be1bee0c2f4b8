/* value.c: look members up, compare and hash values. */
#include "core/hash.h"
#include "json/index.h"
#include "json/json.h"
#include "json/number.h"

uint32_t so_json_key_hash(struct so_str key) { return so_json_hash_key(key); }

static const struct so_json_member *find_member(const struct so_json *v, struct so_str key, uint32_t hash)
{
    if (v->flags & (SO_JSON_HAS_TABLE | SO_JSON_HAS_ORDER)) {
        uint32_t at = so_json_index_find(v, key, hash);
        return at == SO_JSON_NO_MEMBER ? NULL : &v->u.members[at];
    }
    for (uint32_t i = v->len; i-- > 0;)
        if (so_json_key_is(&v->u.members[i], key, hash))
            return &v->u.members[i];
    return NULL;
}

const struct so_json *so_json_get(const struct so_json *v, struct so_str key)
{
    if (v == NULL || v->type != SO_JSON_OBJECT || v->len == 0)
        return NULL;
    const struct so_json_member *m = find_member(v, key, so_json_hash_key(key));
    return m == NULL ? NULL : &m->value;
}

struct so_str so_json_get_str(const struct so_json *v, struct so_str key)
{
    const struct so_json *found = so_json_get(v, key);
    return found == NULL || found->type != SO_JSON_STRING ? (struct so_str){NULL, 0} : so_json_str(found);
}

/* Whether m is the one that its name finds: not hidden by a later member of the same name. */
static bool is_visible(const struct so_json *v, const struct so_json_member *m)
{
    return find_member(v, so_json_key(m), m->key_hash) == m;
}

static bool objects_are_equal(const struct so_json *a, const struct so_json *b)
{
    for (uint32_t i = 0; i < a->len; i++) {
        const struct so_json_member *m = &a->u.members[i];
        if (!is_visible(a, m))
            continue;
        const struct so_json_member *other = find_member(b, so_json_key(m), m->key_hash);
        if (other == NULL || !so_json_eq(&m->value, &other->value))
            return false;
    }
    for (uint32_t i = 0; i < b->len; i++)
        if (find_member(a, so_json_key(&b->u.members[i]), b->u.members[i].key_hash) == NULL)
            return false;
    return true;
}

static bool arrays_are_equal(const struct so_json *a, const struct so_json *b)
{
    if (a->len != b->len)
        return false;
    for (uint32_t i = 0; i < a->len; i++)
        if (!so_json_eq(&a->u.items[i], &b->u.items[i]))
            return false;
    return true;
}

/* Recursion is bounded by the depth that the parser allows (SO_JSON_DEPTH_LIMIT). */
bool so_json_eq(const struct so_json *a, const struct so_json *b)
{
    if (so_json_is_number(a) && so_json_is_number(b))
        return so_json_number_cmp(a, b) == 0;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case SO_JSON_STRING: return so_str_eq(so_json_str(a), so_json_str(b));
    case SO_JSON_ARRAY: return arrays_are_equal(a, b);
    case SO_JSON_OBJECT: return objects_are_equal(a, b);
    default: return true;
    }
}

uint64_t so_json_hash(const struct so_json *v, uint64_t seed)
{
    uint64_t hash = seed + v->type;
    switch (v->type) {
    case SO_JSON_INT:
    case SO_JSON_NUMBER: return so_json_number_hash(v, seed);
    case SO_JSON_STRING: return so_hash(so_json_str(v), hash);
    case SO_JSON_ARRAY:
        for (uint32_t i = 0; i < v->len; i++)
            hash = so_hash_mix(hash ^ 0xA0761D6478BD642FULL, so_json_hash(&v->u.items[i], seed) ^ i);
        return hash;
    case SO_JSON_OBJECT:
        /* A sum, because the order of members does not count. */
        for (uint32_t i = 0; i < v->len; i++) {
            const struct so_json_member *m = &v->u.members[i];
            if (is_visible(v, m))
                hash += so_hash(so_json_key(m), so_json_hash(&m->value, seed));
        }
        return so_hash_mix(hash, 0xE7037ED1A0B428DBULL);
    default: return so_hash_mix(hash ^ 0xA0761D6478BD642FULL, 0xE7037ED1A0B428DBULL);
    }
}
