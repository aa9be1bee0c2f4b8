/* emit_value.c: instructions for the keywords that look at one value alone: type, const, enum, numbers, content. */

#include "schema/emit.h"

enum { ENUM_LINEAR_MAX = 6 };

void so_emit_type(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    if (so_type_in(rule->u.type.mask, type))
        return;
    if (type != SO_JSON_NUMBER || !rule->u.type.integer)
        s->fails = true;
    else
        so_push(e, s, (struct so_op){.code = rule->u.type.strict_integer ? OP_STRICT_INTEGER : OP_INTEGER});
}

/* Whether an instance of `type` can equal the value. */
static bool may_equal(const struct so_json *value, enum so_json_type type)
{
    if (type == SO_JSON_INT || type == SO_JSON_NUMBER)
        return so_json_is_number(value);
    return value->type == type;
}

void so_emit_equals(struct so_emitter *e, struct so_sequence *s, const struct so_json *value, enum so_json_type type)
{
    if (!may_equal(value, type))
        s->fails = true;
    else if (type > SO_JSON_TRUE) /* there is only one null, false and true */
        so_push_pointer(e, s, type == SO_JSON_STRING ? OP_STRING_IS : OP_EQUALS, value);
}

static void hash_values(struct so_emitter *e, struct so_enum_plan *plan)
{
    uint32_t size = 16;
    while (size < plan->count * 2)
        size *= 2;
    uint32_t *slots = so_make(e, size, sizeof(*slots));
    if (slots == NULL)
        return;
    for (uint32_t i = 0; i < plan->count; i++) {
        uint32_t at = (uint32_t)so_json_hash(plan->values[i], 0) & (size - 1);
        while (slots[at] != 0 && !so_json_eq(plan->values[slots[at] - 1], plan->values[i]))
            at = (at + 1) & (size - 1);
        if (slots[at] == 0)
            slots[at] = i + 1;
    }
    plan->slots = slots;
    plan->mask = size - 1;
}

void so_emit_enum(struct so_emitter *e, struct so_sequence *s, const struct so_json *values, enum so_json_type type)
{
    uint32_t count = 0, first = 0;
    for (uint32_t i = values->len; i-- > 0;)
        if (may_equal(&values->u.items[i], type)) {
            count++;
            first = i;
        }
    if (count == 0) {
        s->fails = true;
        return;
    }
    if (count == 1 || type <= SO_JSON_TRUE) {
        so_emit_equals(e, s, &values->u.items[first], type);
        return;
    }
    struct so_enum_plan *plan = so_make(e, 1, sizeof(*plan));
    const struct so_json **fitting = so_make(e, count, sizeof(*fitting));
    if (plan == NULL || fitting == NULL)
        return;
    plan->values = fitting;
    for (uint32_t i = first; i < values->len; i++)
        if (may_equal(&values->u.items[i], type))
            fitting[plan->count++] = &values->u.items[i];
    if (plan->count > ENUM_LINEAR_MAX)
        hash_values(e, plan);
    so_push_pointer(e, s, OP_ENUM, plan);
}

static const struct so_number_plan *number_plan(struct so_emitter *e, const struct so_json *value)
{
    struct so_number_plan *plan = so_make(e, 1, sizeof(*plan));
    if (plan == NULL)
        return NULL;
    plan->value = value;
    plan->is_short = so_short_read(value, &plan->brief);
    plan->has_whole = plan->is_short;
    plan->whole = plan->is_short ? (int64_t)(plan->brief.digits / so_short_power(plan->brief.scale)) : 0;
    return plan;
}

void so_emit_limit(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    bool low = rule->code == RULE_MINIMUM || rule->code == RULE_EXCLUSIVE_MINIMUM;
    bool exclusive = rule->code == RULE_EXCLUSIVE_MINIMUM || rule->code == RULE_EXCLUSIVE_MAXIMUM || rule->u.exclusive;
    int64_t limit;
    if (type == SO_JSON_INT && so_json_to_i64(rule->value, &limit)) {
        if (exclusive && limit == (low ? INT64_MAX : INT64_MIN))
            s->fails = true;
        else
            so_push(e, s,
                    (struct so_op){.code = low ? OP_INT_MIN : OP_INT_MAX, .u.i = limit + (exclusive ? (low ? 1 : -1) : 0)});
        return;
    }
    unsigned flag = (low ? LIMIT_GREATER : LIMIT_LESS) | (exclusive ? 0U : LIMIT_EQUAL);
    so_push(e, s, (struct so_op){.code = OP_NUMBER_LIMIT, .flag = (uint8_t)flag, .u.p = number_plan(e, rule->value)});
}

void so_emit_multiple(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    int64_t of;
    if (type == SO_JSON_INT && so_json_to_i64(rule->value, &of)) {
        if (of != 1)
            so_push(e, s, (struct so_op){.code = OP_INT_MULTIPLE, .u.i = of});
        return;
    }
    so_push_pointer(e, s, OP_MULTIPLE, number_plan(e, rule->value));
}

void so_emit_content(struct so_emitter *e, struct so_sequence *s, const struct so_node *node, const struct so_rule *rule)
{
    if (!rule->u.asserts)
        return;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->ops[i].code == OP_CONTENT && s->ops[i].u.p == node)
            return;
    const struct so_rule *inner = so_node_rule(node, RULE_CONTENT_SCHEMA);
    if (inner != NULL)
        so_later(e, inner->u.node);
    so_push_pointer(e, s, OP_CONTENT, node);
}
