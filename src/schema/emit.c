/* emit.c: writes the instructions.
 *
 * A sequence is written for one node and one type of instance, so everything that the type decides is decided here: a rule
 * that does not apply is not written, "type" itself costs nothing, the values of another type drop out of "enum", and of
 * anyOf and oneOf only those branches stay that this type can meet.  One branch left is no choice: it is put in place.
 * Branches at the same place of the instance are written first (recursion.c has made sure that this ends); those of members
 * and items wait in a queue and are entered through their node at run time. */
#include "schema/emit.h"

#include <stdint.h>
#include <string.h>

#include "core/mem.h"
#include "schema/compile.h"
#include "schema/inplace.h"

enum { INLINE_MAX = 8 };

/* ---- sequences ---- */

void so_push(struct so_emitter *e, struct so_sequence *s, struct so_op op)
{
    if (s->count == s->cap) {
        uint32_t cap = s->cap < 8 ? 8 : s->cap * 2;
        struct so_op *ops = so_realloc(s->ops, cap * sizeof(*ops));
        if (ops == NULL) {
            e->no_memory = true;
            return;
        }
        s->ops = ops;
        s->cap = cap;
    }
    s->ops[s->count++] = op;
}

void so_push_pointer(struct so_emitter *e, struct so_sequence *s, enum so_op_code code, const void *p)
{
    if (p == NULL)
        e->no_memory = true;
    else
        so_push(e, s, (struct so_op){.code = (uint8_t)code, .u.p = p});
}

void *so_make(struct so_emitter *e, size_t count, size_t size)
{
    void *p = so_alloc_array(e->arena, count, size);
    if (p == NULL)
        e->no_memory = true;
    return p;
}

/* Makes passing at `pc` a condition of the sequence: short ones are copied. */
void so_require_pc(struct so_emitter *e, struct so_sequence *s, int32_t pc)
{
    if (pc == PC_PASS || e->no_memory)
        return;
    if (pc == PC_FAIL) {
        s->fails = true;
        return;
    }
    uint32_t n = 0;
    const struct so_op *ops = &e->program.ops[pc];
    while (n <= INLINE_MAX && ops[n].code != OP_PASS && ops[n].code != OP_JUMP)
        n++;
    if (n > INLINE_MAX || ops[n].code == OP_JUMP) {
        so_push(e, s, (struct so_op){.code = OP_CALL, .pc = pc});
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct so_op op = e->program.ops[(uint32_t)pc + i];
        op.only_values = 0;
        so_push(e, s, op);
    }
}

/* Its instructions are needed for every type; they are written later. */
const struct so_node *so_later(struct so_emitter *e, struct so_node *node)
{
    if (node == NULL || node->is_queued)
        return node;
    if (e->queued == e->queue_cap) {
        uint32_t cap = e->queue_cap < 64 ? 64 : e->queue_cap * 2;
        struct so_node **queue = so_realloc(e->queue, cap * sizeof(*queue));
        if (queue == NULL) {
            e->no_memory = true;
            return node;
        }
        e->queue = queue;
        e->queue_cap = cap;
    }
    node->is_queued = true;
    e->queue[e->queued++] = node;
    return node;
}

bool so_accepts_all(const struct so_node *node)
{
    return node->source->type == SO_JSON_TRUE || (node->source->type == SO_JSON_OBJECT && node->rule_count == 0);
}

/* ---- nodes ---- */

static void emit_rule(struct so_emitter *e, struct so_sequence *s, const struct so_node *node, const struct so_rule *rule,
                      enum so_json_type type)
{
    switch ((enum so_rule_code)rule->code) {
    case RULE_TYPE: so_emit_type(e, s, rule, type); break;
    case RULE_CONST: so_emit_equals(e, s, rule->value, type); break;
    case RULE_ENUM: so_emit_enum(e, s, rule->value, type); break;
    case RULE_MINIMUM:
    case RULE_MAXIMUM:
    case RULE_EXCLUSIVE_MINIMUM:
    case RULE_EXCLUSIVE_MAXIMUM: so_emit_limit(e, s, rule, type); break;
    case RULE_MULTIPLE_OF: so_emit_multiple(e, s, rule, type); break;
    case RULE_MIN_LENGTH:
    case RULE_MIN_ITEMS:
    case RULE_MIN_PROPERTIES:
        if (rule->u.count.n > 0)
            so_push(e, s,
                    (struct so_op){.code = rule->code == RULE_MIN_LENGTH ? OP_MIN_LENGTH : OP_MIN_COUNT,
                                   .u.n = rule->u.count.n});
        break;
    case RULE_MAX_LENGTH:
    case RULE_MAX_ITEMS:
    case RULE_MAX_PROPERTIES:
        so_push(
            e, s,
            (struct so_op){.code = rule->code == RULE_MAX_LENGTH ? OP_MAX_LENGTH : OP_MAX_COUNT, .u.n = rule->u.count.n});
        break;
    case RULE_PATTERN: so_push_pointer(e, s, OP_PATTERN, rule->u.regex); break;
    case RULE_FORMAT:
        if (rule->u.format != NULL)
            so_push_pointer(e, s, OP_FORMAT, rule->u.format);
        break;
    case RULE_CONTENT_ENCODING:
    case RULE_CONTENT_MEDIA_TYPE: so_emit_content(e, s, node, rule); break;
    case RULE_UNIQUE_ITEMS:
        if (rule->value->type == SO_JSON_TRUE)
            so_push(e, s, (struct so_op){.code = OP_UNIQUE});
        break;
    case RULE_CONTAINS:
        so_later(e, rule->u.contains.node);
        if (rule->u.contains.min > 0 || rule->u.contains.max < UINT64_MAX)
            so_push_pointer(e, s, OP_CONTAINS, rule);
        break;
    case RULE_DEPENDENT_REQUIRED:
    case RULE_DEPENDENT_SCHEMAS:
    case RULE_DEPENDENCIES: so_emit_dependencies(e, s, rule, type); break;
    case RULE_PROPERTY_NAMES:
        if (!so_accepts_all(rule->u.node))
            so_push_pointer(e, s, OP_PROPERTY_NAMES, so_later(e, rule->u.node));
        break;
    case RULE_REF:
    case RULE_DYNAMIC_REF: so_require_pc(e, s, so_emit_node(e, rule->u.node, type)); break;
    case RULE_ALL_OF:
        for (uint32_t i = 0; i < rule->u.list.count; i++)
            so_require_pc(e, s, so_emit_node(e, rule->u.list.nodes[i], type));
        break;
    case RULE_ANY_OF:
    case RULE_ONE_OF: so_emit_choice(e, s, rule, type); break;
    case RULE_NOT: so_emit_not(e, s, rule, type); break;
    case RULE_IF: so_emit_if(e, s, rule, type); break;
    case RULE_UNEVALUATED_ITEMS:
    case RULE_UNEVALUATED_PROPERTIES: so_emit_unevaluated(e, s, node, rule); break;
    default: break; /* so_emit_items() and so_emit_object() take several rules at once */
    }
}

static void emit_rules(struct so_emitter *e, struct so_sequence *s, struct so_node *node, enum so_json_type type)
{
    bool grouped = false;
    for (uint32_t i = 0; i < node->rule_count && !e->no_memory; i++) {
        const struct so_rule *rule = &node->rules[i];
        if (e->has_unevaluated) /* mark.c may ask any of them whether it holds */
            for (uint32_t j = 0; j < so_in_place_count(rule); j++)
                so_later(e, so_in_place(rule, j));
        if (s->fails || !so_type_in(rule->keyword->types, type))
            continue;
        if (!grouped && rule->code >= RULE_PREFIX_ITEMS && type == SO_JSON_ARRAY) {
            grouped = true;
            so_emit_items(e, s, node);
        }
        if (!grouped && rule->code >= RULE_REQUIRED && type == SO_JSON_OBJECT) {
            grouped = true;
            so_emit_object(e, s, node);
        }
        emit_rule(e, s, node, rule, type);
    }
}

static bool has_only_values(const struct so_sequence *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->ops[i].code < OP_INTEGER || s->ops[i].code > OP_MAX_COUNT)
            return false;
    return true;
}

/* Puts a finished sequence into the program, unless the node's sequence for another type is the same. */
static int32_t place(struct so_emitter *e, const struct so_node *node, struct so_sequence *s)
{
    if (s->fails)
        return PC_FAIL;
    if (s->count == 0)
        return PC_PASS;
    if (s->count == 1 && s->ops[0].code == OP_CALL)
        return s->ops[0].pc;
    if (s->ops[s->count - 1].code == OP_CALL)
        s->ops[s->count - 1].code = OP_JUMP;
    s->ops[0].only_values = has_only_values(s);
    for (int type = 0; type < 8; type++) {
        int32_t pc = node->entry[type];
        if (pc > PC_FAIL && e->program.count - (uint32_t)pc > s->count &&
            memcmp(&e->program.ops[pc], s->ops, s->count * sizeof(*s->ops)) == 0 &&
            (e->program.ops[(uint32_t)pc + s->count].code == OP_PASS || s->ops[s->count - 1].code == OP_JUMP))
            return pc;
    }
    int32_t pc = (int32_t)e->program.count;
    for (uint32_t i = 0; i < s->count; i++)
        so_push(e, &e->program, s->ops[i]);
    if (s->ops[s->count - 1].code != OP_JUMP)
        so_push(e, &e->program, (struct so_op){.code = OP_PASS});
    return pc;
}

int32_t so_emit_node(struct so_emitter *e, struct so_node *node, enum so_json_type type)
{
    if (node->entry[type] != PC_NONE)
        return node->entry[type];
    struct so_sequence s = {.fails = node->source->type == SO_JSON_FALSE};
    emit_rules(e, &s, node, type);
    int32_t pc = e->no_memory ? PC_FAIL : place(e, node, &s);
    so_free(s.ops);
    node->entry[type] = pc;
    return pc;
}

int so_emit(struct so_schema *schema, struct so_err *err)
{
    struct so_emitter e = {.schema = schema, .arena = &schema->arena};
    for (const struct so_node *n = schema->first_node; n != NULL; n = n->next)
        if (so_node_rule(n, RULE_UNEVALUATED_ITEMS) != NULL || so_node_rule(n, RULE_UNEVALUATED_PROPERTIES) != NULL)
            e.has_unevaluated = true;
    so_push(&e, &e.program, (struct so_op){.code = OP_PASS});
    so_push(&e, &e.program, (struct so_op){.code = OP_FAIL});
    so_later(&e, schema->root);
    for (uint32_t i = 0; i < e.queued && !e.no_memory; i++)
        for (int type = 0; type < 8; type++)
            so_emit_node(&e, e.queue[i], (enum so_json_type)type);
    for (uint32_t i = 0; i < e.program.count && !e.no_memory; i++)
        if (e.program.ops[i].code == OP_OBJECT)
            so_simplify_object(&e, &e.program.ops[i]);
    so_find_glances(&e);
    struct so_op *ops = so_alloc_array(e.arena, e.program.count + 1U, sizeof(*ops));
    if (ops != NULL && !e.no_memory)
        memcpy(ops, e.program.ops, e.program.count * sizeof(*ops));
    schema->ops = ops;
    schema->op_count = e.program.count;
    so_free(e.program.ops);
    so_free(e.queue);
    return ops == NULL || e.no_memory ? so_err_oom(err) : SO_OK;
}
