/* mark.c: what unevaluatedProperties and unevaluatedItems need to know (Core section 11).
 * Nothing is tracked while a schema is checked; a schema with one of these keywords asks here, after its other keywords have
 * passed, and branches whose success matters are checked once more. */
#include <string.h>

#include "core/mem.h"
#include "schema/check.h"
#include "schema/inplace.h"

bool so_marks_init(struct so_marks *m, struct so_run *run, uint32_t count)
{
    size_t words = ((size_t)count + 63) / 64;
    m->count = count;
    m->bits = m->own;
    memset(m->own, 0, sizeof(m->own));
    if (words > COUNT_OF(m->own))
        m->bits = so_calloc(words, sizeof(uint64_t));
    if (m->bits == NULL)
        so_run_fail(run, SO_ENOMEM, NULL);
    return m->bits != NULL;
}

void so_marks_deinit(struct so_marks *m)
{
    if (m->bits != m->own)
        so_free(m->bits);
}

void so_marks_set_all(struct so_marks *m) { memset(m->bits, 0xFF, ((size_t)m->count + 63) / 64 * sizeof(uint64_t)); }

static void mark_patterns(struct so_run *run, const struct so_rule *rule, const struct so_json *v, struct so_marks *marks)
{
    for (uint32_t i = 0; i < v->len; i++)
        for (uint32_t j = 0; j < rule->u.patterns.count && !so_marks_has(marks, i); j++)
            if (so_check_regex(run, rule->u.patterns.items[j].regex, so_json_key(&v->u.members[i])))
                so_marks_set(marks, i);
}

static void mark_range(struct so_marks *marks, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        so_marks_set(marks, i);
}

static void mark_object_rule(struct so_run *run, const struct so_rule *rule, const struct so_json *v, struct so_marks *marks)
{
    switch ((enum so_rule_code)rule->code) {
    case RULE_PROPERTIES:
        for (uint32_t i = 0; i < v->len; i++)
            if (so_property_node(rule, &v->u.members[i]) != NULL)
                so_marks_set(marks, i);
        break;
    case RULE_PATTERN_PROPERTIES: mark_patterns(run, rule, v, marks); break;
    case RULE_ADDITIONAL_PROPERTIES: /* with its siblings, it takes every member */
    case RULE_UNEVALUATED_PROPERTIES: so_marks_set_all(marks); break;
    default: break;
    }
}

static void mark_array_rule(struct so_run *run, const struct so_rule *rule, const struct so_json *v, struct so_marks *marks)
{
    switch ((enum so_rule_code)rule->code) {
    case RULE_PREFIX_ITEMS: mark_range(marks, 0, rule->u.list.count < v->len ? rule->u.list.count : v->len); break;
    case RULE_ITEMS: mark_range(marks, rule->u.items.first, v->len); break;
    case RULE_UNEVALUATED_ITEMS: so_marks_set_all(marks); break;
    case RULE_CONTAINS:
        for (uint32_t i = 0; rule->u.contains.marks && i < v->len; i++)
            if (!so_marks_has(marks, i) && so_run_node(run, rule->u.contains.node, &v->u.items[i]))
                so_marks_set(marks, i);
        break;
    default: break;
    }
}

static void mark_one_of(struct so_run *run, const struct so_node_list *branches, const struct so_json *v,
                        struct so_marks *marks)
{
    if (run->chosen.branches == branches && run->chosen.value == v) {
        so_mark(run, run->chosen.node, v, marks, false);
        return;
    }
    for (uint32_t i = 0; i < branches->count; i++)
        if (so_run_node(run, branches->nodes[i], v)) {
            so_mark(run, branches->nodes[i], v, marks, false);
            return; /* no other one passes */
        }
}

/* Those branches of a rule that accepted the value. */
static void mark_in_place(struct so_run *run, const struct so_rule *rule, const struct so_json *v, struct so_marks *marks)
{
    switch ((enum so_rule_code)rule->code) {
    case RULE_REF:
    case RULE_DYNAMIC_REF: so_mark(run, rule->u.node, v, marks, false); break;
    case RULE_ALL_OF:
        for (uint32_t i = 0; i < rule->u.list.count; i++)
            so_mark(run, rule->u.list.nodes[i], v, marks, false);
        break;
    case RULE_ONE_OF: mark_one_of(run, &rule->u.list, v, marks); break;
    case RULE_ANY_OF:
        for (uint32_t i = 0; i < rule->u.list.count; i++)
            if (so_run_node(run, rule->u.list.nodes[i], v))
                so_mark(run, rule->u.list.nodes[i], v, marks, false);
        break;
    case RULE_IF: {
        bool holds = so_run_node(run, rule->u.branch.condition, v);
        const struct so_node *then = holds ? rule->u.branch.then : rule->u.branch.otherwise;
        if (holds)
            so_mark(run, rule->u.branch.condition, v, marks, false);
        if (then != NULL)
            so_mark(run, then, v, marks, false);
        break;
    }
    case RULE_DEPENDENT_SCHEMAS:
    case RULE_DEPENDENCIES:
        for (uint32_t i = 0; v->type == SO_JSON_OBJECT && i < rule->u.dependencies.count; i++) {
            const struct so_dependency *d = &rule->u.dependencies.items[i];
            if (d->node != NULL && so_find_name(v, &d->name) != NULL)
                so_mark(run, d->node, v, marks, false);
        }
        break;
    default: break; /* "not" evaluates nothing */
    }
}

void so_mark(struct so_run *run, const struct so_node *node, const struct so_json *v, struct so_marks *marks,
             bool but_unevaluated)
{
    if (--run->steps < 0)
        so_run_fail(run, SO_ELIMIT, NULL);
    for (uint32_t i = 0; i < node->rule_count && run->rc == SO_OK; i++) {
        const struct so_rule *rule = &node->rules[i];
        bool asks = rule->code == RULE_UNEVALUATED_ITEMS || rule->code == RULE_UNEVALUATED_PROPERTIES;
        if (asks && but_unevaluated)
            continue;
        if (v->type == SO_JSON_OBJECT)
            mark_object_rule(run, rule, v, marks);
        else
            mark_array_rule(run, rule, v, marks);
        mark_in_place(run, rule, v, marks);
    }
}
