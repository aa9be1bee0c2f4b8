/* emit_children.c: instructions for the keywords that go into items and members. */
#include "schema/emit.h"

void so_emit_items(struct so_emitter *e, struct so_sequence *s, const struct so_node *node)
{
    const struct so_rule *prefix = so_node_rule(node, RULE_PREFIX_ITEMS), *rest = so_node_rule(node, RULE_ITEMS);
    if (rest != NULL && so_accepts_all(rest->u.items.node))
        rest = NULL;
    if (prefix == NULL && rest == NULL)
        return;
    if (rest != NULL)
        so_later(e, rest->u.items.node);
    if (prefix == NULL) {
        so_push_pointer(e, s, OP_ALL_ITEMS, rest->u.items.node);
        return;
    }
    for (uint32_t i = 0; i < prefix->u.list.count; i++)
        so_later(e, prefix->u.list.nodes[i]);
    struct so_items_plan *plan = so_make(e, 1, sizeof(*plan));
    if (plan != NULL)
        *plan = (struct so_items_plan){&prefix->u.list, rest == NULL ? NULL : rest->u.items.node};
    so_push_pointer(e, s, OP_ITEMS, plan);
}

/* Every name that an object plan looks for: the properties, then what is only required. */
struct plan_names {
    const struct so_rule *properties, *required;
};

uint32_t so_property_count(const struct so_rule *properties)
{
    return properties == NULL ? 0 : properties->u.properties.count;
}

static struct so_str plan_key(const void *arg, uint32_t i)
{
    const struct plan_names *names = arg;
    uint32_t n = so_property_count(names->properties);
    return i < n ? names->properties->u.properties.items[i].name.text : names->required->u.names.names[i - n].text;
}

static void emit_required(struct so_emitter *e, struct so_sequence *s, const struct so_rule *required)
{
    if (required->u.names.count == 1)
        so_push_pointer(e, s, OP_REQUIRED_ONE, required->u.names.names);
    else if (required->u.names.count > 1)
        so_push_pointer(e, s, OP_REQUIRED, &required->u.names);
}

/* Marks the required names in the plan, a bit each; names given twice share theirs. */
static void plan_required(struct so_object_plan *plan, struct so_plan_property *rows, const struct so_rule *required)
{
    uint64_t bit = 1;
    for (uint32_t i = 0; i < required->u.names.count; i++) {
        const struct so_name *name = &required->u.names.names[i];
        struct so_json_member m = {.key = name->text.p, .key_len = (uint32_t)name->text.n, .key_hash = name->hash};
        struct so_plan_property *row = &rows[so_table_find(plan->table, &m)];
        if (row->bit != 0)
            continue;
        row->bit = bit;
        plan->required |= bit;
        bit <<= 1;
    }
}

void so_emit_object(struct so_emitter *e, struct so_sequence *s, const struct so_node *node)
{
    const struct so_rule *properties = so_node_rule(node, RULE_PROPERTIES), *required = so_node_rule(node, RULE_REQUIRED);
    const struct so_rule *patterns = so_node_rule(node, RULE_PATTERN_PROPERTIES);
    const struct so_rule *additional = so_node_rule(node, RULE_ADDITIONAL_PROPERTIES);
    struct so_node *rest =
        additional == NULL || so_accepts_all(additional->u.additional.node) ? NULL : additional->u.additional.node;
    bool loops = so_property_count(properties) > 0 || patterns != NULL || rest != NULL;
    if (required != NULL && (!loops || required->u.names.count > REQUIRED_BITS)) {
        emit_required(e, s, required);
        required = NULL;
    }
    if (!loops)
        return;
    uint32_t declared = so_property_count(properties);
    uint32_t count = declared + (required == NULL ? 0 : required->u.names.count);
    struct plan_names names = {properties, required};
    struct so_object_plan *plan = so_make(e, 1, sizeof(*plan));
    struct so_plan_property *rows = so_make(e, count + 1U, sizeof(*rows));
    struct so_table *table = so_table_make(e->arena, count, plan_key, &names);
    if (plan == NULL || rows == NULL || table == NULL) {
        e->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (struct so_plan_property){NULL, 0, i < declared};
        if (i < declared && !so_accepts_all(properties->u.properties.items[i].node))
            rows[i].node = so_later(e, properties->u.properties.items[i].node);
    }
    *plan = (struct so_object_plan){table, rows, 0, patterns, so_later(e, rest)};
    for (uint32_t i = 0; patterns != NULL && i < patterns->u.patterns.count; i++)
        so_later(e, patterns->u.patterns.items[i].node);
    if (required != NULL)
        plan_required(plan, rows, required);
    so_push_pointer(e, s, OP_OBJECT, plan);
}

void so_emit_dependencies(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    uint32_t count = rule->u.dependencies.count;
    struct so_dependency_plan *plan = so_make(e, 1, sizeof(*plan));
    int32_t *pcs = so_make(e, count + 1U, sizeof(*pcs));
    if (plan == NULL || pcs == NULL)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (rule->u.dependencies.items[i].node != NULL)
            pcs[i] = so_emit_node(e, rule->u.dependencies.items[i].node, type);
    *plan = (struct so_dependency_plan){rule, pcs};
    if (count > 0)
        so_push_pointer(e, s, OP_DEPENDENCIES, plan);
}

/* Of a plan with one name. */
static const struct so_one_property *only_property(struct so_emitter *e, const struct so_object_plan *plan)
{
    const struct so_table_slot *slot = plan->table->slots;
    struct so_one_property *p = so_make(e, 1, sizeof(*p));
    while (slot->index == 0)
        slot++;
    if (p != NULL)
        *p = (struct so_one_property){{so_str(slot->key, slot->len), slot->hash}, plan->properties[0].node};
    return p;
}

void so_simplify_object(struct so_emitter *e, struct so_op *op)
{
    const struct so_object_plan *plan = op->u.p;
    bool asks_more = plan->patterns != NULL || plan->required != 0;
    if (!asks_more && plan->table->count == 0 && plan->additional != NULL)
        *op = (struct so_op){.code = OP_ALL_MEMBERS, .u.p = plan->additional};
    else if (!asks_more && plan->table->count == 1 && plan->additional == NULL && plan->properties[0].node != NULL)
        *op = (struct so_op){.code = OP_ONE_PROPERTY, .u.p = only_property(e, plan)};
    else if (plan->patterns == NULL && plan->additional == NULL)
        op->code = OP_PROPERTIES;
}
