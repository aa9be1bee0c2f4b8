/* report.c: so_schema_validate(): the failed units as sentences: leaves only, of anyOf and oneOf the nearest branch, and the
 * schema's own words (x-message) where it has some. */
#include <string.h>

#include "schema/walk.h"

enum { VIOLATIONS_MAX = 100 };

struct report {
    struct so_arena *arena;
    const struct so_schema *schema;
    struct so_violation *first, *last;
    size_t count, max;
    bool no_memory;
};

static void collect(struct report *r, const struct so_unit *unit);

/* "x-message" of the unit's schema: a text for everything, or texts by keyword. */
static struct so_str own_message(const struct so_unit *unit, bool whole)
{
    const struct so_json *x = so_json_get(unit->node->source, SO_STR("x-message"));
    if (x == NULL)
        return (struct so_str){NULL, 0};
    if (whole)
        return x->type == SO_JSON_STRING ? so_json_str(x) : (struct so_str){NULL, 0};
    return x->type == SO_JSON_OBJECT ? so_json_get_str(x, so_str_c(unit->keyword)) : (struct so_str){NULL, 0};
}

static void add(struct report *r, const struct so_unit *unit, struct so_str message)
{
    if (r->count >= r->max)
        return;
    struct so_violation *v = so_alloc_zero(r->arena, sizeof(*v));
    if (message.p == NULL)
        message = so_unit_message(r->arena, unit);
    else
        message = so_arena_dup(r->arena, message);
    struct so_str absolute = so_unit_absolute(r->arena, unit);
    if (v == NULL || message.p == NULL || absolute.p == NULL) {
        r->no_memory = true;
        return;
    }
    *v = (struct so_violation){.instance_location = unit->instance_location,
                               .keyword_location = unit->keyword_location,
                               .absolute_keyword_location = absolute,
                               .keyword = so_str_c(unit->keyword),
                               .message = message};
    if (r->last != NULL)
        r->last->next = v;
    else
        r->first = v;
    r->last = v;
    r->count++;
}

/* ---- the nearest branch ---- */

/* How far a failed unit is from being good: a wrong type or tag says that another branch was meant. */
static uint64_t distance(const struct so_unit *unit, const struct so_unit *choice, unsigned depth)
{
    if (unit->valid || depth > 64)
        return 0;
    if (unit->first == NULL) {
        bool here = unit->instance_location.n == choice->instance_location.n;
        uint8_t code = unit->rule == NULL ? RULE_NONE : unit->rule->code;
        if (code == RULE_TYPE || (code == RULE_NONE && here))
            return here ? 100000 : 100;
        if (code == RULE_CONST || code == RULE_ENUM)
            return here ? 1000 : 300;
        return code == RULE_REQUIRED ? 20 : 10;
    }
    uint64_t sum = 0, least = UINT64_MAX;
    for (const struct so_unit *c = unit->first; c != NULL; c = c->next) {
        uint64_t d = distance(c, choice, depth + 1);
        sum += d;
        if (!c->valid && d < least)
            least = d;
    }
    bool any = unit->rule != NULL && (unit->rule->code == RULE_ANY_OF || unit->rule->code == RULE_ONE_OF);
    return any && least != UINT64_MAX ? least : sum;
}

static const struct so_unit *nearest_branch(const struct so_unit *choice, bool *out_all_types)
{
    const struct so_unit *best = NULL;
    uint64_t best_distance = UINT64_MAX;
    *out_all_types = true;
    for (const struct so_unit *c = choice->first; c != NULL; c = c->next) {
        uint64_t d = distance(c, choice, 0);
        if (c->valid)
            continue;
        *out_all_types = *out_all_types && d >= 100000;
        if (d < best_distance) {
            best = c;
            best_distance = d;
        }
    }
    return best;
}

/* The type rule that a branch failed by, or NULL. */
static const struct so_unit *type_leaf(const struct so_unit *unit)
{
    if (unit->rule != NULL && unit->rule->code == RULE_TYPE)
        return unit;
    for (const struct so_unit *c = unit->first; c != NULL; c = c->next) {
        const struct so_unit *found = c->valid ? NULL : type_leaf(c);
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* All branches want another type: one sentence with all of those. */
static bool add_types(struct report *r, const struct so_unit *choice)
{
    struct so_json names[8] = {0};
    uint32_t count = 0;
    for (const struct so_unit *c = choice->first; c != NULL; c = c->next) {
        const struct so_unit *leaf = type_leaf(c);
        if (leaf == NULL)
            return false;
        const struct so_json *v = leaf->rule->value, *items = v->type == SO_JSON_ARRAY ? v->u.items : v;
        for (uint32_t i = 0; i < (v->type == SO_JSON_ARRAY ? v->len : 1); i++) {
            bool known = false;
            for (uint32_t j = 0; j < count; j++)
                known = known || so_json_eq(&names[j], &items[i]);
            if (!known && count < COUNT_OF(names))
                names[count++] = items[i];
        }
    }
    const struct so_json list = {.type = SO_JSON_ARRAY, .len = count, .u.items = names};
    struct so_rule rule = {.keyword = choice->rule->keyword, .value = &list, .code = RULE_TYPE};
    struct so_unit unit = *choice;
    unit.rule = &rule;
    struct so_str message = so_unit_message(r->arena, &unit);
    if (message.p == NULL)
        r->no_memory = true;
    else
        add(r, choice, message);
    return true;
}

static void collect_choice(struct report *r, const struct so_unit *choice)
{
    bool all_types;
    const struct so_unit *branch = nearest_branch(choice, &all_types);
    if (branch == NULL)
        add(r, choice, (struct so_str){NULL, 0});
    else if (!all_types || !add_types(r, choice))
        collect(r, branch);
}

/* ---- the rest ---- */

/* Failures in members and items, which the schema's one text does not cover. */
static void collect_deeper(struct report *r, const struct so_unit *unit, size_t depth)
{
    for (const struct so_unit *c = unit->first; c != NULL; c = c->next) {
        if (c->valid)
            continue;
        if (c->instance_location.n > depth)
            collect(r, c);
        else
            collect_deeper(r, c, depth);
    }
}

static bool fails_here(const struct so_unit *unit, size_t depth)
{
    if (unit->valid || unit->instance_location.n > depth)
        return false;
    if (unit->first == NULL)
        return true;
    for (const struct so_unit *c = unit->first; c != NULL; c = c->next)
        if (fails_here(c, depth))
            return true;
    return false;
}

static void collect(struct report *r, const struct so_unit *unit)
{
    if (unit->valid || r->count >= r->max || r->no_memory)
        return;
    struct so_str own = own_message(unit, unit->rule == NULL);
    if (own.p != NULL) {
        size_t depth = unit->instance_location.n;
        if (fails_here(unit, depth))
            add(r, unit, own);
        collect_deeper(r, unit, depth);
        return;
    }
    if (unit->rule != NULL && (unit->rule->code == RULE_ANY_OF || unit->rule->code == RULE_ONE_OF)) {
        collect_choice(r, unit);
        return;
    }
    if (unit->first == NULL)
        add(r, unit, (struct so_str){NULL, 0});
    for (const struct so_unit *c = unit->first; c != NULL; c = c->next)
        collect(r, c);
}

int so_schema_validate(const struct so_schema *s, const struct so_json *instance, struct so_arena *arena, size_t max,
                       const struct so_violation **out, struct so_err *err)
{
    struct so_walk walk = {.run = so_run_init(s), .arena = arena};
    const struct so_unit *unit = so_walk(&walk, instance);
    int rc = so_run_finish(&walk.run, err);
    if (rc != SO_OK)
        return rc;
    struct report r = {.arena = arena, .schema = s, .max = max != 0 ? max : VIOLATIONS_MAX};
    if (unit != NULL) {
        collect(&r, unit);
        if (r.count == 0 && !r.no_memory)
            add(&r, unit, SO_STR("the value is not valid"));
    }
    if (r.no_memory)
        return so_err_oom(err);
    *out = r.first;
    return SO_OK;
}
