/* emit_choice.c: instructions for anyOf, oneOf, not and if.  Only those branches stay that the type can meet. */
#include "schema/emit.h"

/* The ways that this type can take through anyOf or oneOf. */
struct ways {
    int32_t *pcs;
    struct so_guard *guards;
    struct so_node **nodes;
    uint32_t count, certain; /* `certain` of them always pass */
    bool guarded;
};

/* A property of the node, or of what it refers to, that only certain values have. */
static struct so_guard find_guard(struct so_emitter *e, const struct so_node *node, unsigned depth)
{
    const struct so_rule *properties = so_node_rule(node, RULE_PROPERTIES), *ref = so_node_rule(node, RULE_REF);
    for (uint32_t i = 0; i < so_property_count(properties); i++) {
        struct so_property *p = &properties->u.properties.items[i];
        if (so_node_rule(p->node, RULE_CONST) != NULL || so_node_rule(p->node, RULE_ENUM) != NULL)
            return (struct so_guard){&p->name, so_later(e, p->node)};
    }
    return ref != NULL && depth < 4 ? find_guard(e, ref->u.node, depth + 1) : (struct so_guard){NULL, NULL};
}

static struct ways find_ways(struct so_emitter *e, const struct so_rule *rule, enum so_json_type type)
{
    uint32_t count = rule->u.list.count;
    struct ways w = {.pcs = so_make(e, count, sizeof(*w.pcs)),
                     .guards = so_make(e, count, sizeof(*w.guards)),
                     .nodes = so_make(e, count, sizeof(struct so_node *))};
    for (uint32_t i = 0; !e->no_memory && i < count; i++) {
        int32_t pc = so_emit_node(e, rule->u.list.nodes[i], type);
        if (pc == PC_FAIL)
            continue;
        if (type == SO_JSON_OBJECT)
            w.guards[w.count] = find_guard(e, rule->u.list.nodes[i], 0);
        w.guarded = w.guarded || w.guards[w.count].name != NULL;
        w.certain += pc == PC_PASS;
        w.nodes[w.count] = rule->u.list.nodes[i];
        w.pcs[w.count++] = pc;
    }
    return w;
}

/* The constants that tell the ways apart, when every one has a string for the same member; else NULL. */
static const struct so_json **find_tags(struct so_emitter *e, const struct ways *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        const struct so_guard *g = &w->guards[i];
        const struct so_rule *wanted = g->name == NULL ? NULL : so_node_rule(g->node, RULE_CONST);
        if (wanted == NULL || wanted->value->type != SO_JSON_STRING || !so_str_eq(g->name->text, w->guards[0].name->text))
            return NULL;
    }
    const struct so_json **tags = so_make(e, w->count, sizeof(*tags));
    for (uint32_t i = 0; tags != NULL && i < w->count; i++)
        tags[i] = so_node_rule(w->guards[i].node, RULE_CONST)->value;
    return tags;
}

void so_emit_choice(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    struct ways w = find_ways(e, rule, type);
    bool one = rule->code == RULE_ONE_OF;
    if (e->no_memory || (!one && w.certain > 0))
        return;
    if (w.count == 0 || (one && w.certain > 1)) {
        s->fails = true;
    } else if (w.count == 1) {
        so_require_pc(e, s, w.pcs[0]);
    } else {
        struct so_choice_plan *plan = so_make(e, 1, sizeof(*plan));
        if (plan != NULL)
            *plan = (struct so_choice_plan){w.pcs,  w.guarded ? w.guards : NULL, find_tags(e, &w), w.nodes, &rule->u.list,
                                            w.count};
        so_push_pointer(e, s, one ? OP_ONE : OP_ANY, plan);
    }
}

void so_emit_not(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    int32_t pc = so_emit_node(e, rule->u.node, type);
    if (pc == PC_PASS)
        s->fails = true;
    else if (pc != PC_FAIL)
        so_push(e, s, (struct so_op){.code = OP_NOT, .pc = pc});
}

void so_emit_if(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    int32_t condition = so_emit_node(e, rule->u.branch.condition, type);
    int32_t *pcs = so_make(e, 2, sizeof(*pcs));
    if (pcs == NULL)
        return;
    pcs[0] = rule->u.branch.then == NULL ? PC_PASS : so_emit_node(e, rule->u.branch.then, type);
    pcs[1] = rule->u.branch.otherwise == NULL ? PC_PASS : so_emit_node(e, rule->u.branch.otherwise, type);
    if (condition == PC_PASS || condition == PC_FAIL || pcs[0] == pcs[1])
        so_require_pc(e, s, pcs[condition == PC_FAIL]);
    else
        so_push(e, s, (struct so_op){.code = OP_IF, .pc = condition, .u.p = pcs});
}
