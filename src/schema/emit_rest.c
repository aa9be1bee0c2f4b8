/* emit_rest.c: instructions for unevaluatedProperties and unevaluatedItems.  Where it is known beforehand what is evaluated,
 * they are additionalProperties by another name. */
#include "schema/emit.h"
#include "schema/evaluated.h"

static struct so_str evaluated_key(const void *arg, uint32_t i) { return ((const struct so_evaluated *)arg)->names[i]; }

/* Whether the plan walks the members already, and its properties are all that is known. */
static bool covers(const struct so_object_plan *plan, const struct so_evaluated *known)
{
    if (plan->additional != NULL || plan->patterns != NULL)
        return false;
    for (uint32_t i = 0; i < known->count; i++) {
        struct so_str name = known->names[i];
        struct so_json_member m = {.key = name.p, .key_len = (uint32_t)name.n, .key_hash = so_json_key_hash(name)};
        int32_t at = so_table_find(plan->table, &m);
        if (at < 0 || !plan->properties[at].declared)
            return false;
    }
    return true;
}

/* As additionalProperties beside all those names. */
static void emit_rest(struct so_emitter *e, struct so_sequence *s, const struct so_evaluated *known, struct so_node *rest)
{
    struct so_object_plan *plan = so_make(e, 1, sizeof(*plan));
    struct so_op *last = s->count > 0 ? &s->ops[s->count - 1] : NULL;
    if (plan != NULL && last != NULL && last->code == OP_OBJECT && covers(last->u.p, known)) {
        *plan = *(const struct so_object_plan *)last->u.p; /* the old one may belong to another sequence, too */
        plan->additional = so_later(e, rest);
        last->u.p = plan;
        return;
    }
    struct so_plan_property *rows = so_make(e, known->count + 1U, sizeof(*rows));
    struct so_table *table = so_table_make(e->arena, known->count, evaluated_key, known);
    if (plan == NULL || rows == NULL || table == NULL) {
        e->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < known->count; i++)
        rows[i] = (struct so_plan_property){NULL, 0, true};
    *plan = (struct so_object_plan){table, rows, 0, NULL, so_later(e, rest)};
    so_push_pointer(e, s, OP_OBJECT, plan);
}

void so_emit_unevaluated(struct so_emitter *e, struct so_sequence *s, const struct so_node *node, const struct so_rule *rule)
{
    struct so_evaluated known = {.names = NULL};
    if (so_accepts_all(rule->u.node))
        return;
    bool is_static = rule->code == RULE_UNEVALUATED_PROPERTIES && so_collect_evaluated(e->arena, node, rule, &known);
    e->no_memory = e->no_memory || known.no_memory;
    if (is_static) {
        if (!known.all)
            emit_rest(e, s, &known, rule->u.node);
        return;
    }
    struct so_unevaluated_plan *plan = so_make(e, 1, sizeof(*plan));
    if (plan == NULL)
        return;
    *plan = (struct so_unevaluated_plan){node, so_later(e, rule->u.node)};
    so_push_pointer(e, s, rule->code == RULE_UNEVALUATED_ITEMS ? OP_UNEVALUATED_ITEMS : OP_UNEVALUATED_PROPERTIES, plan);
}
