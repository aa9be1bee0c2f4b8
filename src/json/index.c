/* index.c: a hash table over the members of a large object; a sorted list where names were chosen to collide.
 *
 * The hash is not keyed, so a stranger can make all names of an object collide.  The table therefore gives up after
 * PROBES_MAX steps, and the members are put in order instead: O(n log n) to build and O(log n) to ask, whatever the names.
 */
#include "json/index.h"

/* A table at most half full needs more than a few dozen steps only when somebody wanted it to. */
enum { PROBES_MAX = 128 };

static size_t table_slots(uint32_t count)
{
    size_t slots = 1;
    while (slots < (size_t)count * 2)
        slots *= 2;
    return slots;
}

size_t so_json_index_size(uint32_t count) { return count > SO_JSON_INDEX_MIN ? table_slots(count) * sizeof(uint32_t) : 0; }

/* The index lies in the same allocation, right after the members. */
static uint32_t *index_of(const struct so_json *v) { return (uint32_t *)(uintptr_t)(v->u.members + v->len); }

/* ---- table: slot -> position + 1, 0 when free ---- */

/* The slot that holds `key`, or the free one where it would go; NULL after PROBES_MAX steps. */
static uint32_t *probe(const struct so_json *v, uint32_t *table, size_t mask, struct so_str key, uint32_t hash)
{
    size_t at = hash & mask;
    for (int i = 0; i < PROBES_MAX; i++, at = (at + 1) & mask) {
        if (table[at] == 0 || so_json_key_is(&v->u.members[table[at] - 1], key, hash))
            return &table[at];
    }
    return NULL;
}

/* Last member first, so that the last of a name is the one that is found.  False when the names collide too much. */
static bool build_table(const struct so_json *v, uint32_t *table, uint32_t *out_duplicate)
{
    size_t slots = table_slots(v->len);
    memset(table, 0, slots * sizeof(*table));
    uint32_t duplicate = SO_JSON_NO_MEMBER;
    for (uint32_t i = v->len; i-- > 0;) {
        const struct so_json_member *m = &v->u.members[i];
        uint32_t *slot = probe(v, table, slots - 1, so_json_key(m), m->key_hash);
        if (slot == NULL)
            return false;
        if (*slot == 0)
            *slot = i + 1;
        else
            duplicate = i;
    }
    *out_duplicate = duplicate;
    return true;
}

/* ---- order: heap sort, because it needs no memory and has no bad case ---- */

static int compare_keys(const struct so_json_member *a, struct so_str key, uint32_t hash)
{
    if (a->key_hash != hash)
        return a->key_hash < hash ? -1 : 1;
    return so_str_cmp(so_json_key(a), key);
}

static bool comes_before(const struct so_json *v, uint32_t a, uint32_t b)
{
    int order = compare_keys(&v->u.members[a], so_json_key(&v->u.members[b]), v->u.members[b].key_hash);
    return order != 0 ? order < 0 : a < b;
}

static void sift_down(const struct so_json *v, uint32_t *heap, size_t root, size_t count)
{
    uint32_t moving = heap[root];
    for (size_t child; (child = root * 2 + 1) < count; root = child) {
        if (child + 1 < count && comes_before(v, heap[child], heap[child + 1]))
            child++;
        if (!comes_before(v, moving, heap[child]))
            break;
        heap[root] = heap[child];
    }
    heap[root] = moving;
}

static void build_order(const struct so_json *v, uint32_t *order, uint32_t *out_duplicate)
{
    for (uint32_t i = 0; i < v->len; i++)
        order[i] = i;
    for (size_t root = v->len / 2; root-- > 0;)
        sift_down(v, order, root, v->len);
    for (size_t count = v->len; count-- > 1;) {
        uint32_t largest = order[0];
        order[0] = order[count];
        order[count] = largest;
        sift_down(v, order, 0, count);
    }
    *out_duplicate = SO_JSON_NO_MEMBER;
    for (uint32_t i = 1; i < v->len; i++) {
        const struct so_json_member *m = &v->u.members[order[i]];
        if (so_json_key_is(&v->u.members[order[i - 1]], so_json_key(m), m->key_hash))
            *out_duplicate = order[i - 1];
    }
}

uint32_t so_json_index_build(struct so_json *v)
{
    uint32_t duplicate;
    v->flags = SO_JSON_HAS_TABLE;
    if (!build_table(v, index_of(v), &duplicate)) {
        v->flags = SO_JSON_HAS_ORDER;
        build_order(v, index_of(v), &duplicate);
    }
    return duplicate;
}

static uint32_t find_in_order(const struct so_json *v, struct so_str key, uint32_t hash)
{
    const uint32_t *order = index_of(v);
    size_t low = 0, high = v->len; /* the last of this name is before `high` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(&v->u.members[order[middle]], key, hash) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low > 0 && so_json_key_is(&v->u.members[order[low - 1]], key, hash);
    return found ? order[low - 1] : SO_JSON_NO_MEMBER;
}

uint32_t so_json_index_find(const struct so_json *v, struct so_str key, uint32_t hash)
{
    if (v->flags & SO_JSON_HAS_ORDER)
        return find_in_order(v, key, hash);
    const uint32_t *slot = probe(v, index_of(v), table_slots(v->len) - 1, key, hash);
    return slot == NULL || *slot == 0 ? SO_JSON_NO_MEMBER : *slot - 1;
}
