/* evaluated.c: most schemas with unevaluatedProperties only extend others by allOf and $ref.  What those evaluate is known
 * at compile time, and the keyword becomes additionalProperties beside all their names. */
#include "schema/evaluated.h"

#include <string.h>

#include "schema/inplace.h"

enum { NAMES_MAX = 1000, VISITS_MAX = 1000 };

static bool add_names(struct so_arena *arena, const struct so_rule *properties, struct so_evaluated *out)
{
    uint32_t more = properties->u.properties.count;
    struct so_str *names = so_alloc_array(arena, (size_t)out->count + more + 1, sizeof(*names));
    if (names == NULL) {
        out->no_memory = true;
        return false;
    }
    if (out->count > 0)
        memcpy(names, out->names, out->count * sizeof(*names));
    for (uint32_t j = 0; j < more; j++)
        names[out->count + j] = properties->u.properties.items[j].name.text;
    out->names = names;
    out->count += more;
    return out->count <= NAMES_MAX;
}

/* Whether a rule has no say in what members are evaluated. */
static bool is_silent(const struct so_rule *r)
{
    return r->code < RULE_PROPERTIES || r->code == RULE_NOT || r->code == RULE_UNEVALUATED_ITEMS;
}

bool so_collect_evaluated(struct so_arena *arena, const struct so_node *node, const struct so_rule *asks,
                          struct so_evaluated *out)
{
    if (++out->visits > VISITS_MAX)
        return false;
    for (uint32_t i = 0; i < node->rule_count; i++) {
        const struct so_rule *r = &node->rules[i];
        bool good = true;
        if (r == asks || is_silent(r))
            continue;
        if (r->code == RULE_ADDITIONAL_PROPERTIES || r->code == RULE_UNEVALUATED_PROPERTIES)
            out->all = true;
        else if (r->code == RULE_PROPERTIES)
            good = add_names(arena, r, out);
        else if (r->code == RULE_REF || r->code == RULE_DYNAMIC_REF || r->code == RULE_ALL_OF)
            for (uint32_t j = 0; good && j < so_in_place_count(r); j++)
                good = so_collect_evaluated(arena, so_in_place(r, j), NULL, out);
        else
            good = false;
        if (!good)
            return false;
    }
    return true;
}
