/* check.c: is the value valid?  One function walks the instructions; every instruction that takes more than a few lines has
 * a function of its own.  No allocation unless an array or object is large or a string needs decoding. */
#include "schema/check.h"

#include <string.h>

#include "core/mem.h"
#include "core/utf8.h"
#include "schema/op.h"

/* What needs much stack must not be inlined into the loop over instructions: that one nests deeply. */
#define NOINLINE __attribute__((noinline))

void so_run_fail(struct so_run *run, int rc, const char *why)
{
    if (run->rc == SO_OK) {
        run->rc = rc;
        run->why = why;
        run->steps = -1; /* the next instruction that nests looks at this alone */
    }
}

int so_run_explain(const struct so_run *run, struct so_err *err)
{
    if (run->rc == SO_ENOMEM)
        return so_err_oom(err);
    return so_fail(err, run->rc, "the check was given up: %s", run->why == NULL ? "too many steps" : run->why);
}

/* Work in proportion to the value's size counts as well. */
static inline void charge(struct so_run *run, uint32_t steps)
{
    run->steps -= steps;
    if (SO_UNLIKELY(run->steps < 0))
        so_run_fail(run, SO_ELIMIT, "it takes too many steps");
}

bool so_check_regex(struct so_run *run, const struct so_regex *regex, struct so_str text)
{
    switch (so_regex_search(regex, text)) {
    case SO_REGEX_YES: return true;
    case SO_REGEX_LIMIT: so_run_fail(run, SO_ELIMIT, "a pattern takes too many steps on this text"); return false;
    case SO_REGEX_NOMEM: so_run_fail(run, SO_ENOMEM, NULL); return false;
    default: return false;
    }
}

struct so_json so_name_value(const struct so_json_member *m) { return so_json_make_str(so_json_key(m)); }

/* ---- single values ---- */

static bool is_strict_integer(const struct so_json *v)
{
    return memchr(v->u.text, '.', v->len) == NULL && memchr(v->u.text, 'e', v->len) == NULL &&
           memchr(v->u.text, 'E', v->len) == NULL;
}

static inline bool string_is(const struct so_json *v, const struct so_json *want)
{
    return v->len == want->len && so_bytes_eq(v->u.text, want->u.text, v->len);
}

NOINLINE static bool check_enum(const struct so_enum_plan *plan, const struct so_json *v)
{
    if (plan->slots != NULL) {
        uint32_t at = (uint32_t)so_json_hash(v, 0) & plan->mask;
        for (; plan->slots[at] != 0; at = (at + 1) & plan->mask)
            if (so_json_eq(plan->values[plan->slots[at] - 1], v))
                return true;
        return false;
    }
    if (v->type == SO_JSON_STRING) {
        for (uint32_t i = 0; i < plan->count; i++)
            if (string_is(v, plan->values[i]))
                return true;
        return false;
    }
    for (uint32_t i = 0; i < plan->count; i++)
        if (so_json_eq(plan->values[i], v))
            return true;
    return false;
}

NOINLINE static int compare_numbers(const struct so_json *v, const struct so_number_plan *plan)
{
    struct so_short brief;
    if (plan->is_short && plan->brief.scale == 0 && v->type == SO_JSON_NUMBER) {
        int order = so_order_to_integer(v, plan->brief.digits);
        if (order != 2)
            return order;
    }
    if (plan->is_short && so_short_read(v, &brief))
        return so_short_compare(brief, plan->brief);
    return so_json_number_cmp(v, plan->value);
}

static inline bool check_limit(const struct so_json *v, const struct so_number_plan *plan, unsigned allowed)
{
    if (SO_LIKELY(so_json_has_whole(v) && plan->has_whole && v->whole != plan->whole))
        return (allowed & (v->whole < plan->whole ? LIMIT_LESS : LIMIT_GREATER)) != 0;
    int order = compare_numbers(v, plan);
    return (allowed & (order < 0 ? LIMIT_LESS : order == 0 ? LIMIT_EQUAL : LIMIT_GREATER)) != 0;
}

static bool check_multiple(const struct so_json *v, const struct so_number_plan *plan)
{
    struct so_short brief;
    if (plan->is_short && so_short_read(v, &brief))
        return so_short_is_multiple(brief, plan->brief);
    return so_json_number_is_multiple(v, plan->value);
}

/* A code point takes 1 to 4 bytes, so most texts need no counting. */
static bool is_at_least_long(const struct so_json *v, uint64_t min)
{
    if (v->len < min)
        return false;
    return v->len / 4 >= min || so_utf8_length(so_json_str(v)) >= min;
}

static bool is_at_most_long(const struct so_json *v, uint64_t max)
{
    if (v->len <= max)
        return true;
    return v->len / 4 <= max && so_utf8_length(so_json_str(v)) <= max;
}

static inline bool value_holds(struct so_run *run, const struct so_op *op, const struct so_json *v)
{
    switch ((enum so_op_code)op->code) {
    case OP_INTEGER: return so_json_is_integer(v);
    case OP_STRICT_INTEGER: return is_strict_integer(v);
    case OP_STRING_IS: return string_is(v, op->u.p);
    case OP_EQUALS: return so_json_eq(v, op->u.p);
    case OP_ENUM: return check_enum(op->u.p, v);
    case OP_INT_MIN: return v->u.i >= op->u.i;
    case OP_INT_MAX: return v->u.i <= op->u.i;
    case OP_INT_MULTIPLE: return v->u.i % op->u.i == 0;
    case OP_NUMBER_LIMIT: return check_limit(v, op->u.p, op->flag);
    case OP_MULTIPLE: return check_multiple(v, op->u.p);
    case OP_MIN_LENGTH: return is_at_least_long(v, op->u.n);
    case OP_MAX_LENGTH: return is_at_most_long(v, op->u.n);
    case OP_PATTERN: return so_check_regex(run, op->u.p, so_json_str(v));
    case OP_FORMAT: return ((const struct so_format *)op->u.p)->check(so_json_str(v));
    case OP_MIN_COUNT: return v->len >= op->u.n;
    case OP_MAX_COUNT: return v->len <= op->u.n;
    default: return false;
    }
}

NOINLINE static bool values_hold(struct so_run *run, const struct so_op *op, const struct so_json *v)
{
    for (; op->code != OP_PASS; op++)
        if (!value_holds(run, op, v))
            return false;
    return true;
}

NOINLINE static bool run_values_or_more(struct so_run *run, int32_t pc, const struct so_json *v)
{
    const struct so_op *op = &run->schema->ops[pc];
    return op->only_values ? values_hold(run, op, v) : so_run_at(run, pc, v);
}

/* so_run_node() for members and items: most of them need no more than their type, or are plain values, which need no
 * instructions that nest. */
static inline bool run_child(struct so_run *run, const struct so_node *node, const struct so_json *v)
{
    int32_t pc = node->entry[v->type];
    return pc <= PC_FAIL ? pc == PC_PASS : run_values_or_more(run, pc, v);
}

/* ---- arrays ---- */

enum { UNIQUE_PAIRS_MAX = 12, UNIQUE_SLOTS = 256 };

static bool unique_by_pairs(const struct so_json *array, uint32_t *out_first, uint32_t *out_second)
{
    for (uint32_t i = 1; i < array->len; i++)
        for (uint32_t j = 0; j < i; j++)
            if (so_json_eq(&array->u.items[i], &array->u.items[j])) {
                *out_first = j;
                *out_second = i;
                return false;
            }
    return true;
}

struct unique_slot {
    uint32_t hash, index; /* plus 1; 0: free */
};

static bool unique_by_hash(const struct so_json *array, struct unique_slot *slots, uint32_t mask, uint32_t *out_first,
                           uint32_t *out_second)
{
    /* Strangers may choose the items, so the seed hangs on where they lie in memory. */
    uint64_t seed = (uintptr_t)array->u.items ^ (uintptr_t)slots * 0x9E3779B97F4A7C15ULL;
    for (uint32_t i = 0; i < array->len; i++) {
        uint32_t hash = (uint32_t)so_json_hash(&array->u.items[i], seed), at = hash & mask;
        for (; slots[at].index != 0; at = (at + 1) & mask)
            if (slots[at].hash == hash && so_json_eq(&array->u.items[slots[at].index - 1], &array->u.items[i])) {
                *out_first = slots[at].index - 1;
                *out_second = i;
                return false;
            }
        slots[at] = (struct unique_slot){hash, i + 1};
    }
    return true;
}

NOINLINE bool so_check_unique(struct so_run *run, const struct so_json *array, uint32_t *out_first, uint32_t *out_second)
{
    if (array->len <= UNIQUE_PAIRS_MAX)
        return unique_by_pairs(array, out_first, out_second);
    charge(run, array->len);
    struct unique_slot own[UNIQUE_SLOTS], *slots = own;
    uint32_t size = UNIQUE_SLOTS;
    while (size / 2 < array->len && size < 1U << 31)
        size *= 2;
    if (size > UNIQUE_SLOTS)
        slots = so_calloc(size, sizeof(*slots));
    else
        memset(own, 0, sizeof(own));
    if (slots == NULL) {
        so_run_fail(run, SO_ENOMEM, NULL);
        return false;
    }
    bool unique = unique_by_hash(array, slots, size - 1, out_first, out_second);
    if (slots != own)
        so_free(slots);
    return unique;
}

static inline bool glance_fits(const struct so_glance *g, const struct so_json *v)
{
    int64_t whole = v->whole;
    if ((v->flags & g->flag) == 0) {
        if (v->type != SO_JSON_INT)
            return false;
        whole = v->u.i;
    }
    return whole > g->above && whole < g->below;
}

/* The first item that needs more than a glance, or `end`. */
static const struct so_json *skip_tuples(const struct so_tuple *t, const struct so_json *at, const struct so_json *end)
{
    const struct so_glance *glances = t->items;
    const uint32_t min = t->min, spread = t->max - t->min;
    for (; at < end && at->type == SO_JSON_ARRAY && at->len - min <= spread; at++)
        for (uint32_t i = 0; i < at->len; i++)
            if (!glance_fits(&glances[i], &at->u.items[i]))
                return at;
    return at;
}

/* The same for pairs, which most long arrays of tuples consist of: coordinates, intervals. */
static const struct so_json *skip_pairs(const struct so_tuple *t, const struct so_json *at, const struct so_json *end)
{
    const struct so_glance first = t->items[0], second = t->items[1];
    while (at < end && at->type == SO_JSON_ARRAY && at->len == 2 && glance_fits(&first, &at->u.items[0]) &&
           glance_fits(&second, &at->u.items[1]))
        at++;
    return at;
}

static const struct so_json *skip_numbers(const struct so_glance *g, const struct so_json *at, const struct so_json *end)
{
    while (at < end && glance_fits(g, at))
        at++;
    return at;
}

static bool check_all_items(struct so_run *run, const struct so_node *node, const struct so_json *v)
{
    if (v->len == 0)
        return true;
    charge(run, v->len);
    const struct so_json *at = v->u.items, *end = at + v->len;
    for (; at < end; at++) {
        if (node->tuple == NULL)
            at = skip_numbers(&node->glance, at, end);
        else
            at = node->tuple->min == 2 && node->tuple->max == 2 ? skip_pairs(node->tuple, at, end)
                                                                : skip_tuples(node->tuple, at, end);
        if (at < end && !run_child(run, node, at))
            return false;
    }
    return true;
}

static bool check_items(struct so_run *run, const struct so_items_plan *plan, const struct so_json *v)
{
    charge(run, v->len);
    uint32_t i = 0;
    for (; i < v->len && i < plan->prefix->count; i++)
        if (!run_child(run, plan->prefix->nodes[i], &v->u.items[i]))
            return false;
    for (; plan->rest != NULL && i < v->len; i++)
        if (!run_child(run, plan->rest, &v->u.items[i]))
            return false;
    return true;
}

static bool check_contains(struct so_run *run, const struct so_rule *rule, const struct so_json *v)
{
    uint64_t found = 0, min = rule->u.contains.min, max = rule->u.contains.max;
    charge(run, v->len);
    for (uint32_t i = 0; i < v->len; i++) {
        if (!run_child(run, rule->u.contains.node, &v->u.items[i]))
            continue;
        if (++found > max)
            return false;
        if (found >= min && max == UINT64_MAX)
            return true;
    }
    return found >= min;
}

/* ---- objects ---- */

static bool check_required(const struct so_name_list *names, const struct so_json *v)
{
    if (v->len == 0)
        return false;
    for (uint32_t i = 0; i < names->count; i++)
        if (so_find_name(v, &names->names[i]) == NULL)
            return false;
    return true;
}

NOINLINE static bool check_dependencies(struct so_run *run, const struct so_dependency_plan *plan, const struct so_json *v)
{
    const struct so_rule *rule = plan->rule;
    charge(run, rule->u.dependencies.count);
    for (uint32_t i = 0; i < rule->u.dependencies.count; i++) {
        const struct so_dependency *d = &rule->u.dependencies.items[i];
        if (so_find_name(v, &d->name) == NULL)
            continue;
        if (d->node != NULL ? !so_run_at(run, plan->pcs[i], v) : !check_required(&d->names, v) && d->names.count > 0)
            return false;
    }
    return true;
}

NOINLINE static bool check_names(struct so_run *run, const struct so_node *node, const struct so_json *v)
{
    charge(run, v->len);
    for (uint32_t i = 0; i < v->len; i++) {
        struct so_json name = so_name_value(&v->u.members[i]);
        if (!run_child(run, node, &name))
            return false;
    }
    return true;
}

/* One member against patternProperties; *known becomes true when one of them takes it. */
static bool check_patterns(struct so_run *run, const struct so_rule *patterns, const struct so_json_member *m, bool *known)
{
    for (uint32_t i = 0; i < patterns->u.patterns.count; i++) {
        const struct so_pattern *p = &patterns->u.patterns.items[i];
        if (!so_check_regex(run, p->regex, so_json_key(m)))
            continue;
        *known = true;
        if (!run_child(run, p->node, &m->value))
            return false;
    }
    return true;
}

/* properties, required, patternProperties and additionalProperties in one pass over the members. */
static bool check_object(struct so_run *run, const struct so_object_plan *plan, const struct so_json *v)
{
    uint64_t seen = 0;
    charge(run, v->len);
    for (uint32_t i = 0; i < v->len; i++) {
        const struct so_json_member *m = &v->u.members[i];
        int32_t at = so_table_find(plan->table, m);
        bool known = false;
        if (at >= 0) {
            const struct so_plan_property *p = &plan->properties[at];
            seen |= p->bit;
            known = p->declared;
            if (p->node != NULL && !run_child(run, p->node, &m->value))
                return false;
        }
        if (plan->patterns != NULL && !check_patterns(run, plan->patterns, m, &known))
            return false;
        if (!known && plan->additional != NULL && !run_child(run, plan->additional, &m->value))
            return false;
    }
    return seen == plan->required;
}

static bool check_properties(struct so_run *run, const struct so_object_plan *plan, const struct so_json *v)
{
    if (v->len == 0)
        return plan->required == 0;
    uint64_t seen = 0;
    charge(run, v->len);
    const struct so_json_member *m = v->u.members, *end = m + v->len;
    for (; m < end; m++) {
        int32_t at = so_table_find(plan->table, m);
        if (at < 0)
            continue;
        const struct so_plan_property *p = &plan->properties[at];
        seen |= p->bit;
        if (p->node != NULL && !run_child(run, p->node, &m->value))
            return false;
    }
    return seen == plan->required;
}

static bool check_one_property(struct so_run *run, const struct so_one_property *p, const struct so_json *v)
{
    if (v->len == 0)
        return true;
    charge(run, v->len);
    const struct so_json_member *m = v->u.members, *end = m + v->len;
    for (; m < end; m++)
        if (m->key_hash == p->name.hash && m->key_len == p->name.text.n && so_bytes_eq(m->key, p->name.text.p, m->key_len) &&
            !run_child(run, p->node, &m->value))
            return false;
    return true;
}

static bool check_all_members(struct so_run *run, const struct so_node *node, const struct so_json *v)
{
    if (v->len == 0)
        return true;
    charge(run, v->len);
    const struct so_json_member *m = v->u.members, *end = m + v->len;
    for (; m < end; m++)
        if (!run_child(run, node, &m->value))
            return false;
    return true;
}

/* ---- combinations ---- */

/* The member that tells the branches apart, or NULL. */
static inline const struct so_json *find_tag(const struct so_choice_plan *plan, const struct so_json *v)
{
    return plan->tags == NULL ? NULL : so_find_name(v, plan->guards[0].name);
}

/* Whether the branch is ruled out without running it. */
static inline bool is_guarded(struct so_run *run, const struct so_choice_plan *plan, uint32_t i, const struct so_json *v,
                              const struct so_json *own_tag)
{
    if (own_tag != NULL)
        return own_tag->type != SO_JSON_STRING || !string_is(own_tag, plan->tags[i]);
    if (plan->tags != NULL || plan->guards == NULL || plan->guards[i].name == NULL)
        return false;
    const struct so_json *tag = so_find_name(v, plan->guards[i].name);
    return tag != NULL && !run_child(run, plan->guards[i].node, tag);
}

static bool check_any(struct so_run *run, const struct so_choice_plan *plan, const struct so_json *v)
{
    const struct so_json *tag = find_tag(plan, v);
    for (uint32_t i = 0; i < plan->count; i++)
        if (!is_guarded(run, plan, i, v, tag) && so_run_at(run, plan->pcs[i], v))
            return true;
    return false;
}

static bool check_one(struct so_run *run, const struct so_choice_plan *plan, const struct so_json *v)
{
    const struct so_json *tag = find_tag(plan, v);
    uint32_t passed = 0, last = 0;
    for (uint32_t i = 0; i < plan->count && passed < 2; i++)
        if (!is_guarded(run, plan, i, v, tag) && so_run_at(run, plan->pcs[i], v)) {
            passed++;
            last = i;
        }
    if (passed == 1)
        run->chosen = (struct so_chosen){plan->all, v, plan->nodes[last]};
    return passed == 1;
}

NOINLINE static bool check_unevaluated(struct so_run *run, const struct so_unevaluated_plan *plan, const struct so_json *v)
{
    struct so_marks marks;
    if (v->len == 0)
        return true;
    charge(run, v->len);
    if (!so_marks_init(&marks, run, v->len))
        return false;
    so_mark(run, plan->owner, v, &marks, true);
    bool good = true;
    for (uint32_t i = 0; i < v->len && good; i++)
        if (!so_marks_has(&marks, i))
            good = run_child(run, plan->node, v->type == SO_JSON_ARRAY ? &v->u.items[i] : &v->u.members[i].value);
    so_marks_deinit(&marks);
    return good;
}

/* The sequence at `pc`, which has an instruction at least. */
static inline __attribute__((always_inline)) bool run_ops(struct so_run *run, int32_t pc, const struct so_json *v)
{
    const struct so_op *op = &run->schema->ops[pc];
    do {
        bool good = true;
        switch ((enum so_op_code)op->code) {
        case OP_PASS: return true;
        case OP_FAIL: return false;
        case OP_JUMP: op = &run->schema->ops[op->pc] - 1; break;
        case OP_CALL: good = so_run_at(run, op->pc, v); break;
        case OP_CONTENT: good = so_check_content(run, op->u.p, so_json_str(v)); break;
        case OP_UNIQUE: {
            uint32_t first, second;
            good = so_check_unique(run, v, &first, &second);
            break;
        }
        case OP_ITEMS: good = check_items(run, op->u.p, v); break;
        case OP_ALL_ITEMS: good = check_all_items(run, op->u.p, v); break;
        case OP_CONTAINS: good = check_contains(run, op->u.p, v); break;
        case OP_REQUIRED: good = check_required(op->u.p, v); break;
        case OP_REQUIRED_ONE: good = so_find_name(v, op->u.p) != NULL; break;
        case OP_DEPENDENCIES: good = check_dependencies(run, op->u.p, v); break;
        case OP_PROPERTY_NAMES: good = check_names(run, op->u.p, v); break;
        case OP_OBJECT: good = check_object(run, op->u.p, v); break;
        case OP_PROPERTIES: good = check_properties(run, op->u.p, v); break;
        case OP_ONE_PROPERTY: good = check_one_property(run, op->u.p, v); break;
        case OP_ALL_MEMBERS: good = check_all_members(run, op->u.p, v); break;
        case OP_ANY: good = check_any(run, op->u.p, v); break;
        case OP_ONE: good = check_one(run, op->u.p, v); break;
        case OP_NOT: good = !so_run_at(run, op->pc, v); break;
        case OP_IF: good = so_run_at(run, ((const int32_t *)op->u.p)[!so_run_at(run, op->pc, v)], v); break;
        case OP_UNEVALUATED_ITEMS:
        case OP_UNEVALUATED_PROPERTIES: good = check_unevaluated(run, op->u.p, v); break;
        default: good = value_holds(run, op, v); break;
        }
        if (!good)
            return false;
    } while ((++op)->code != OP_PASS);
    return true;
}

bool so_run_at(struct so_run *run, int32_t pc, const struct so_json *v)
{
    if (pc <= PC_FAIL)
        return pc == PC_PASS;
    if (SO_UNLIKELY(--run->steps < 0 || run->depth >= SO_RUN_DEPTH_MAX)) {
        so_run_fail(run, SO_ELIMIT, run->steps < 0 ? "it takes too many steps" : "schema and value are nested too deeply");
        return false;
    }
    run->depth++;
    bool good = run_ops(run, pc, v);
    run->depth--;
    return good;
}
