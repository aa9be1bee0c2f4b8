/* emit.c: writes the instructions.
 *
 * A sequence is written for one node and one type of instance, so everything that the type decides is decided here: a rule
 * that does not apply is not written, "type" itself costs nothing, the values of another type drop out of "enum", and of
 * anyOf and oneOf only those branches stay that this type can meet.  One branch left is no choice: it is put in place.
 * Branches at the same place of the instance are written first (recursion.c has made sure that this ends); those of members
 * and items wait in a queue and are entered through their node at run time. */
#include <stdint.h>
#include <string.h>

#include "core/mem.h"
#include "schema/compile.h"
#include "schema/evaluated.h"
#include "schema/inplace.h"
#include "schema/op.h"

enum { INLINE_MAX = 8, ENUM_LINEAR_MAX = 6 };

struct sequence {
    struct so_op *ops;
    uint32_t count, cap;
    bool fails; /* no instance of this type can pass */
};

struct emitter {
    struct so_schema *schema;
    struct so_arena *arena;
    struct sequence program;
    struct so_node **queue;
    uint32_t queued, queue_cap;
    bool has_unevaluated, no_memory;
};

static int32_t emit_node(struct emitter *e, struct so_node *node, enum so_json_type type);

/* ---- sequences ---- */

static void push(struct emitter *e, struct sequence *s, struct so_op op)
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

static void push_pointer(struct emitter *e, struct sequence *s, enum so_op_code code, const void *p)
{
    if (p == NULL)
        e->no_memory = true;
    else
        push(e, s, (struct so_op){.code = (uint8_t)code, .u.p = p});
}

static void *make(struct emitter *e, size_t count, size_t size)
{
    void *p = so_alloc_array(e->arena, count, size);
    if (p == NULL)
        e->no_memory = true;
    return p;
}

/* Makes passing at `pc` a condition of the sequence: short ones are copied. */
static void require_pc(struct emitter *e, struct sequence *s, int32_t pc)
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
        push(e, s, (struct so_op){.code = OP_CALL, .pc = pc});
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct so_op op = e->program.ops[(uint32_t)pc + i];
        op.only_values = 0;
        push(e, s, op);
    }
}

/* Its instructions are needed for every type; they are written later. */
static const struct so_node *later(struct emitter *e, struct so_node *node)
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

static bool accepts_all(const struct so_node *node)
{
    return node->source->type == SO_JSON_TRUE || (node->source->type == SO_JSON_OBJECT && node->rule_count == 0);
}

/* ---- rules of one value ---- */

static void emit_type(struct emitter *e, struct sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    if (so_type_in(rule->u.type.mask, type))
        return;
    if (type != SO_JSON_NUMBER || !rule->u.type.integer)
        s->fails = true;
    else
        push(e, s, (struct so_op){.code = rule->u.type.strict_integer ? OP_STRICT_INTEGER : OP_INTEGER});
}

/* Whether an instance of `type` can equal the value. */
static bool may_equal(const struct so_json *value, enum so_json_type type)
{
    if (type == SO_JSON_INT || type == SO_JSON_NUMBER)
        return so_json_is_number(value);
    return value->type == type;
}

static void emit_equals(struct emitter *e, struct sequence *s, const struct so_json *value, enum so_json_type type)
{
    if (!may_equal(value, type))
        s->fails = true;
    else if (type > SO_JSON_TRUE) /* there is only one null, false and true */
        push_pointer(e, s, type == SO_JSON_STRING ? OP_STRING_IS : OP_EQUALS, value);
}

static void hash_values(struct emitter *e, struct so_enum_plan *plan)
{
    uint32_t size = 16;
    while (size < plan->count * 2)
        size *= 2;
    uint32_t *slots = make(e, size, sizeof(*slots));
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

static void emit_enum(struct emitter *e, struct sequence *s, const struct so_json *values, enum so_json_type type)
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
        emit_equals(e, s, &values->u.items[first], type);
        return;
    }
    struct so_enum_plan *plan = make(e, 1, sizeof(*plan));
    const struct so_json **fitting = make(e, count, sizeof(*fitting));
    if (plan == NULL || fitting == NULL)
        return;
    plan->values = fitting;
    for (uint32_t i = first; i < values->len; i++)
        if (may_equal(&values->u.items[i], type))
            fitting[plan->count++] = &values->u.items[i];
    if (plan->count > ENUM_LINEAR_MAX)
        hash_values(e, plan);
    push_pointer(e, s, OP_ENUM, plan);
}

static const struct so_number_plan *number_plan(struct emitter *e, const struct so_json *value)
{
    struct so_number_plan *plan = make(e, 1, sizeof(*plan));
    if (plan == NULL)
        return NULL;
    plan->value = value;
    plan->is_short = so_short_read(value, &plan->brief);
    plan->has_whole = plan->is_short;
    plan->whole = plan->is_short ? (int64_t)(plan->brief.digits / so_short_power(plan->brief.scale)) : 0;
    return plan;
}

static void emit_limit(struct emitter *e, struct sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    bool low = rule->code == RULE_MINIMUM || rule->code == RULE_EXCLUSIVE_MINIMUM;
    bool exclusive = rule->code == RULE_EXCLUSIVE_MINIMUM || rule->code == RULE_EXCLUSIVE_MAXIMUM || rule->u.exclusive;
    int64_t limit;
    if (type == SO_JSON_INT && so_json_to_i64(rule->value, &limit)) {
        if (exclusive && limit == (low ? INT64_MAX : INT64_MIN))
            s->fails = true;
        else
            push(e, s,
                 (struct so_op){.code = low ? OP_INT_MIN : OP_INT_MAX, .u.i = limit + (exclusive ? (low ? 1 : -1) : 0)});
        return;
    }
    unsigned flag = (low ? LIMIT_GREATER : LIMIT_LESS) | (exclusive ? 0U : LIMIT_EQUAL);
    push(e, s, (struct so_op){.code = OP_NUMBER_LIMIT, .flag = (uint8_t)flag, .u.p = number_plan(e, rule->value)});
}

static void emit_multiple(struct emitter *e, struct sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    int64_t of;
    if (type == SO_JSON_INT && so_json_to_i64(rule->value, &of)) {
        if (of != 1)
            push(e, s, (struct so_op){.code = OP_INT_MULTIPLE, .u.i = of});
        return;
    }
    push_pointer(e, s, OP_MULTIPLE, number_plan(e, rule->value));
}

static void emit_content(struct emitter *e, struct sequence *s, const struct so_node *node, const struct so_rule *rule)
{
    if (!rule->u.asserts)
        return;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->ops[i].code == OP_CONTENT && s->ops[i].u.p == node)
            return;
    const struct so_rule *inner = so_node_rule(node, RULE_CONTENT_SCHEMA);
    if (inner != NULL)
        later(e, inner->u.node);
    push_pointer(e, s, OP_CONTENT, node);
}

/* ---- arrays and objects ---- */

static void emit_items(struct emitter *e, struct sequence *s, const struct so_node *node)
{
    const struct so_rule *prefix = so_node_rule(node, RULE_PREFIX_ITEMS), *rest = so_node_rule(node, RULE_ITEMS);
    if (rest != NULL && accepts_all(rest->u.items.node))
        rest = NULL;
    if (prefix == NULL && rest == NULL)
        return;
    if (rest != NULL)
        later(e, rest->u.items.node);
    if (prefix == NULL) {
        push_pointer(e, s, OP_ALL_ITEMS, rest->u.items.node);
        return;
    }
    for (uint32_t i = 0; i < prefix->u.list.count; i++)
        later(e, prefix->u.list.nodes[i]);
    struct so_items_plan *plan = make(e, 1, sizeof(*plan));
    if (plan != NULL)
        *plan = (struct so_items_plan){&prefix->u.list, rest == NULL ? NULL : rest->u.items.node};
    push_pointer(e, s, OP_ITEMS, plan);
}

/* Every name that an object plan looks for: the properties, then what is only required. */
struct plan_names {
    const struct so_rule *properties, *required;
};

static uint32_t property_count(const struct so_rule *properties)
{
    return properties == NULL ? 0 : properties->u.properties.count;
}

static struct so_str plan_key(const void *arg, uint32_t i)
{
    const struct plan_names *names = arg;
    uint32_t n = property_count(names->properties);
    return i < n ? names->properties->u.properties.items[i].name.text : names->required->u.names.names[i - n].text;
}

static void emit_required(struct emitter *e, struct sequence *s, const struct so_rule *required)
{
    if (required->u.names.count == 1)
        push_pointer(e, s, OP_REQUIRED_ONE, required->u.names.names);
    else if (required->u.names.count > 1)
        push_pointer(e, s, OP_REQUIRED, &required->u.names);
}

/* Marks the required names in the plan, a bit each; names given twice share theirs. */
static void plan_required(struct so_object_plan *plan, struct so_plan_property *rows, const struct so_rule *required)
{
    int16_t bit = 0;
    for (uint32_t i = 0; i < required->u.names.count; i++) {
        const struct so_name *name = &required->u.names.names[i];
        struct so_json_member m = {.key = name->text.p, .key_len = (uint32_t)name->text.n, .key_hash = name->hash};
        struct so_plan_property *row = &rows[so_table_find(plan->table, &m)];
        if (row->required >= 0)
            continue;
        row->required = bit;
        plan->required |= 1ULL << bit++;
    }
}

static void emit_object(struct emitter *e, struct sequence *s, const struct so_node *node)
{
    const struct so_rule *properties = so_node_rule(node, RULE_PROPERTIES), *required = so_node_rule(node, RULE_REQUIRED);
    const struct so_rule *patterns = so_node_rule(node, RULE_PATTERN_PROPERTIES);
    const struct so_rule *additional = so_node_rule(node, RULE_ADDITIONAL_PROPERTIES);
    struct so_node *rest =
        additional == NULL || accepts_all(additional->u.additional.node) ? NULL : additional->u.additional.node;
    bool loops = property_count(properties) > 0 || patterns != NULL || rest != NULL;
    if (required != NULL && (!loops || required->u.names.count > REQUIRED_BITS)) {
        emit_required(e, s, required);
        required = NULL;
    }
    if (!loops)
        return;
    uint32_t declared = property_count(properties);
    uint32_t count = declared + (required == NULL ? 0 : required->u.names.count);
    struct plan_names names = {properties, required};
    struct so_object_plan *plan = make(e, 1, sizeof(*plan));
    struct so_plan_property *rows = make(e, count + 1U, sizeof(*rows));
    struct so_table *table = so_table_make(e->arena, count, plan_key, &names);
    if (plan == NULL || rows == NULL || table == NULL) {
        e->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (struct so_plan_property){NULL, -1, i < declared};
        if (i < declared && !accepts_all(properties->u.properties.items[i].node))
            rows[i].node = later(e, properties->u.properties.items[i].node);
    }
    *plan = (struct so_object_plan){table, rows, 0, patterns, later(e, rest)};
    for (uint32_t i = 0; patterns != NULL && i < patterns->u.patterns.count; i++)
        later(e, patterns->u.patterns.items[i].node);
    if (required != NULL)
        plan_required(plan, rows, required);
    push_pointer(e, s, OP_OBJECT, plan);
}

static void emit_dependencies(struct emitter *e, struct sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    uint32_t count = rule->u.dependencies.count;
    struct so_dependency_plan *plan = make(e, 1, sizeof(*plan));
    int32_t *pcs = make(e, count + 1U, sizeof(*pcs));
    if (plan == NULL || pcs == NULL)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (rule->u.dependencies.items[i].node != NULL)
            pcs[i] = emit_node(e, rule->u.dependencies.items[i].node, type);
    *plan = (struct so_dependency_plan){rule, pcs};
    if (count > 0)
        push_pointer(e, s, OP_DEPENDENCIES, plan);
}

/* ---- combinations ---- */

/* The ways that this type can take through anyOf or oneOf. */
struct ways {
    int32_t *pcs;
    struct so_guard *guards;
    struct so_node **nodes;
    uint32_t count, certain; /* `certain` of them always pass */
    bool guarded;
};

/* A property of the node, or of what it refers to, that only certain values have. */
static struct so_guard find_guard(struct emitter *e, const struct so_node *node, unsigned depth)
{
    const struct so_rule *properties = so_node_rule(node, RULE_PROPERTIES), *ref = so_node_rule(node, RULE_REF);
    for (uint32_t i = 0; i < property_count(properties); i++) {
        struct so_property *p = &properties->u.properties.items[i];
        if (so_node_rule(p->node, RULE_CONST) != NULL || so_node_rule(p->node, RULE_ENUM) != NULL)
            return (struct so_guard){&p->name, later(e, p->node)};
    }
    return ref != NULL && depth < 4 ? find_guard(e, ref->u.node, depth + 1) : (struct so_guard){NULL, NULL};
}

static struct ways find_ways(struct emitter *e, const struct so_rule *rule, enum so_json_type type)
{
    uint32_t count = rule->u.list.count;
    struct ways w = {.pcs = make(e, count, sizeof(*w.pcs)),
                     .guards = make(e, count, sizeof(*w.guards)),
                     .nodes = make(e, count, sizeof(struct so_node *))};
    for (uint32_t i = 0; !e->no_memory && i < count; i++) {
        int32_t pc = emit_node(e, rule->u.list.nodes[i], type);
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
static const struct so_json **find_tags(struct emitter *e, const struct ways *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        const struct so_guard *g = &w->guards[i];
        const struct so_rule *wanted = g->name == NULL ? NULL : so_node_rule(g->node, RULE_CONST);
        if (wanted == NULL || wanted->value->type != SO_JSON_STRING || !so_str_eq(g->name->text, w->guards[0].name->text))
            return NULL;
    }
    const struct so_json **tags = make(e, w->count, sizeof(*tags));
    for (uint32_t i = 0; tags != NULL && i < w->count; i++)
        tags[i] = so_node_rule(w->guards[i].node, RULE_CONST)->value;
    return tags;
}

static void emit_choice(struct emitter *e, struct sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    struct ways w = find_ways(e, rule, type);
    bool one = rule->code == RULE_ONE_OF;
    if (e->no_memory || (!one && w.certain > 0))
        return;
    if (w.count == 0 || (one && w.certain > 1)) {
        s->fails = true;
    } else if (w.count == 1) {
        require_pc(e, s, w.pcs[0]);
    } else {
        struct so_choice_plan *plan = make(e, 1, sizeof(*plan));
        if (plan != NULL)
            *plan = (struct so_choice_plan){w.pcs,  w.guarded ? w.guards : NULL, find_tags(e, &w), w.nodes, &rule->u.list,
                                            w.count};
        push_pointer(e, s, one ? OP_ONE : OP_ANY, plan);
    }
}

static void emit_not(struct emitter *e, struct sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    int32_t pc = emit_node(e, rule->u.node, type);
    if (pc == PC_PASS)
        s->fails = true;
    else if (pc != PC_FAIL)
        push(e, s, (struct so_op){.code = OP_NOT, .pc = pc});
}

static void emit_if(struct emitter *e, struct sequence *s, const struct so_rule *rule, enum so_json_type type)
{
    int32_t condition = emit_node(e, rule->u.branch.condition, type);
    int32_t *pcs = make(e, 2, sizeof(*pcs));
    if (pcs == NULL)
        return;
    pcs[0] = rule->u.branch.then == NULL ? PC_PASS : emit_node(e, rule->u.branch.then, type);
    pcs[1] = rule->u.branch.otherwise == NULL ? PC_PASS : emit_node(e, rule->u.branch.otherwise, type);
    if (condition == PC_PASS || condition == PC_FAIL || pcs[0] == pcs[1])
        require_pc(e, s, pcs[condition == PC_FAIL]);
    else
        push(e, s, (struct so_op){.code = OP_IF, .pc = condition, .u.p = pcs});
}

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
static void emit_rest(struct emitter *e, struct sequence *s, const struct so_evaluated *known, struct so_node *rest)
{
    struct so_object_plan *plan = make(e, 1, sizeof(*plan));
    struct so_op *last = s->count > 0 ? &s->ops[s->count - 1] : NULL;
    if (plan != NULL && last != NULL && last->code == OP_OBJECT && covers(last->u.p, known)) {
        *plan = *(const struct so_object_plan *)last->u.p; /* the old one may belong to another sequence, too */
        plan->additional = later(e, rest);
        last->u.p = plan;
        return;
    }
    struct so_plan_property *rows = make(e, known->count + 1U, sizeof(*rows));
    struct so_table *table = so_table_make(e->arena, known->count, evaluated_key, known);
    if (plan == NULL || rows == NULL || table == NULL) {
        e->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < known->count; i++)
        rows[i] = (struct so_plan_property){NULL, -1, true};
    *plan = (struct so_object_plan){table, rows, 0, NULL, later(e, rest)};
    push_pointer(e, s, OP_OBJECT, plan);
}

static void emit_unevaluated(struct emitter *e, struct sequence *s, const struct so_node *node, const struct so_rule *rule)
{
    struct so_evaluated known = {.names = NULL};
    if (accepts_all(rule->u.node))
        return;
    bool is_static = rule->code == RULE_UNEVALUATED_PROPERTIES && so_collect_evaluated(e->arena, node, rule, &known);
    e->no_memory = e->no_memory || known.no_memory;
    if (is_static) {
        if (!known.all)
            emit_rest(e, s, &known, rule->u.node);
        return;
    }
    struct so_unevaluated_plan *plan = make(e, 1, sizeof(*plan));
    if (plan == NULL)
        return;
    *plan = (struct so_unevaluated_plan){node, later(e, rule->u.node)};
    push_pointer(e, s, rule->code == RULE_UNEVALUATED_ITEMS ? OP_UNEVALUATED_ITEMS : OP_UNEVALUATED_PROPERTIES, plan);
}

/* ---- nodes ---- */

static void emit_rule(struct emitter *e, struct sequence *s, const struct so_node *node, const struct so_rule *rule,
                      enum so_json_type type)
{
    switch ((enum so_rule_code)rule->code) {
    case RULE_TYPE: emit_type(e, s, rule, type); break;
    case RULE_CONST: emit_equals(e, s, rule->value, type); break;
    case RULE_ENUM: emit_enum(e, s, rule->value, type); break;
    case RULE_MINIMUM:
    case RULE_MAXIMUM:
    case RULE_EXCLUSIVE_MINIMUM:
    case RULE_EXCLUSIVE_MAXIMUM: emit_limit(e, s, rule, type); break;
    case RULE_MULTIPLE_OF: emit_multiple(e, s, rule, type); break;
    case RULE_MIN_LENGTH:
    case RULE_MIN_ITEMS:
    case RULE_MIN_PROPERTIES:
        if (rule->u.count.n > 0)
            push(e, s,
                 (struct so_op){.code = rule->code == RULE_MIN_LENGTH ? OP_MIN_LENGTH : OP_MIN_COUNT,
                                .u.n = rule->u.count.n});
        break;
    case RULE_MAX_LENGTH:
    case RULE_MAX_ITEMS:
    case RULE_MAX_PROPERTIES:
        push(e, s,
             (struct so_op){.code = rule->code == RULE_MAX_LENGTH ? OP_MAX_LENGTH : OP_MAX_COUNT, .u.n = rule->u.count.n});
        break;
    case RULE_PATTERN: push_pointer(e, s, OP_PATTERN, rule->u.regex); break;
    case RULE_FORMAT:
        if (rule->u.format != NULL)
            push_pointer(e, s, OP_FORMAT, rule->u.format);
        break;
    case RULE_CONTENT_ENCODING:
    case RULE_CONTENT_MEDIA_TYPE: emit_content(e, s, node, rule); break;
    case RULE_UNIQUE_ITEMS:
        if (rule->value->type == SO_JSON_TRUE)
            push(e, s, (struct so_op){.code = OP_UNIQUE});
        break;
    case RULE_CONTAINS:
        later(e, rule->u.contains.node);
        if (rule->u.contains.min > 0 || rule->u.contains.max < UINT64_MAX)
            push_pointer(e, s, OP_CONTAINS, rule);
        break;
    case RULE_DEPENDENT_REQUIRED:
    case RULE_DEPENDENT_SCHEMAS:
    case RULE_DEPENDENCIES: emit_dependencies(e, s, rule, type); break;
    case RULE_PROPERTY_NAMES:
        if (!accepts_all(rule->u.node))
            push_pointer(e, s, OP_PROPERTY_NAMES, later(e, rule->u.node));
        break;
    case RULE_REF:
    case RULE_DYNAMIC_REF: require_pc(e, s, emit_node(e, rule->u.node, type)); break;
    case RULE_ALL_OF:
        for (uint32_t i = 0; i < rule->u.list.count; i++)
            require_pc(e, s, emit_node(e, rule->u.list.nodes[i], type));
        break;
    case RULE_ANY_OF:
    case RULE_ONE_OF: emit_choice(e, s, rule, type); break;
    case RULE_NOT: emit_not(e, s, rule, type); break;
    case RULE_IF: emit_if(e, s, rule, type); break;
    case RULE_UNEVALUATED_ITEMS:
    case RULE_UNEVALUATED_PROPERTIES: emit_unevaluated(e, s, node, rule); break;
    default: break; /* emit_items() and emit_object() take several rules at once */
    }
}

static void emit_rules(struct emitter *e, struct sequence *s, struct so_node *node, enum so_json_type type)
{
    bool grouped = false;
    for (uint32_t i = 0; i < node->rule_count && !e->no_memory; i++) {
        const struct so_rule *rule = &node->rules[i];
        if (e->has_unevaluated) /* mark.c may ask any of them whether it holds */
            for (uint32_t j = 0; j < so_in_place_count(rule); j++)
                later(e, so_in_place(rule, j));
        if (s->fails || !so_type_in(rule->keyword->types, type))
            continue;
        if (!grouped && rule->code >= RULE_PREFIX_ITEMS && type == SO_JSON_ARRAY) {
            grouped = true;
            emit_items(e, s, node);
        }
        if (!grouped && rule->code >= RULE_REQUIRED && type == SO_JSON_OBJECT) {
            grouped = true;
            emit_object(e, s, node);
        }
        emit_rule(e, s, node, rule, type);
    }
}

static bool has_only_values(const struct sequence *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->ops[i].code < OP_INTEGER || s->ops[i].code > OP_MAX_COUNT)
            return false;
    return true;
}

/* Puts a finished sequence into the program, unless the node's sequence for another type is the same. */
static int32_t place(struct emitter *e, const struct so_node *node, struct sequence *s)
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
        push(e, &e->program, s->ops[i]);
    if (s->ops[s->count - 1].code != OP_JUMP)
        push(e, &e->program, (struct so_op){.code = OP_PASS});
    return pc;
}

static int32_t emit_node(struct emitter *e, struct so_node *node, enum so_json_type type)
{
    if (node->entry[type] != PC_NONE)
        return node->entry[type];
    struct sequence s = {.fails = node->source->type == SO_JSON_FALSE};
    emit_rules(e, &s, node, type);
    int32_t pc = e->no_memory ? PC_FAIL : place(e, node, &s);
    so_free(s.ops);
    node->entry[type] = pc;
    return pc;
}

int so_emit(struct so_schema *schema, struct so_err *err)
{
    struct emitter e = {.schema = schema, .arena = &schema->arena};
    for (const struct so_node *n = schema->first_node; n != NULL; n = n->next)
        if (so_node_rule(n, RULE_UNEVALUATED_ITEMS) != NULL || so_node_rule(n, RULE_UNEVALUATED_PROPERTIES) != NULL)
            e.has_unevaluated = true;
    push(&e, &e.program, (struct so_op){.code = OP_PASS});
    push(&e, &e.program, (struct so_op){.code = OP_FAIL});
    later(&e, schema->root);
    for (uint32_t i = 0; i < e.queued && !e.no_memory; i++)
        for (int type = 0; type < 8; type++)
            emit_node(&e, e.queue[i], (enum so_json_type)type);
    struct so_op *ops = so_alloc_array(e.arena, e.program.count + 1U, sizeof(*ops));
    if (ops != NULL && !e.no_memory)
        memcpy(ops, e.program.ops, e.program.count * sizeof(*ops));
    schema->ops = ops;
    schema->op_count = e.program.count;
    so_free(e.program.ops);
    so_free(e.queue);
    return ops == NULL || e.no_memory ? so_err_oom(err) : SO_OK;
}
