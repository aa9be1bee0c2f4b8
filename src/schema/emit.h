/* emit.h: how nodes become instructions.  emit.c owns the order of things; each of the others writes one kind of keyword.
 * Memory that ran out is noted in the emitter and asked for at the end; until then everything goes on without harm. */
#ifndef SO_SCHEMA_EMIT_H
#define SO_SCHEMA_EMIT_H

#include "schema/op.h"

struct so_sequence {
    struct so_op *ops;
    uint32_t count, cap;
    bool fails; /* no instance of this type can pass */
};

struct so_emitter {
    struct so_schema *schema;
    struct so_arena *arena;
    struct so_sequence program;
    struct so_node **queue;
    uint32_t queued, queue_cap;
    bool has_unevaluated, no_memory;
};

/* ---- emit.c ---- */

/* The start of the node's instructions for this type, written now if they were not. */
int32_t so_emit_node(struct so_emitter *e, struct so_node *node, enum so_json_type type);
/* Its instructions are needed for every type; they are written later.  NULL is fine.  Returns the node. */
const struct so_node *so_later(struct so_emitter *e, struct so_node *node);
bool so_accepts_all(const struct so_node *node);
void so_push(struct so_emitter *e, struct so_sequence *s, struct so_op op);
/* NULL stands for memory that ran out. */
void so_push_pointer(struct so_emitter *e, struct so_sequence *s, enum so_op_code code, const void *p);
/* Makes passing at `pc` a condition of the sequence: short ones are copied. */
void so_require_pc(struct so_emitter *e, struct so_sequence *s, int32_t pc);
/* Zeroed memory of the schema, or NULL. */
void *so_make(struct so_emitter *e, size_t count, size_t size);

/* ---- emit_value.c ---- */

void so_emit_type(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type);
void so_emit_equals(struct so_emitter *e, struct so_sequence *s, const struct so_json *value, enum so_json_type type);
void so_emit_enum(struct so_emitter *e, struct so_sequence *s, const struct so_json *values, enum so_json_type type);
void so_emit_limit(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type);
void so_emit_multiple(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type);
void so_emit_content(struct so_emitter *e, struct so_sequence *s, const struct so_node *node, const struct so_rule *rule);

/* ---- emit_children.c ---- */

/* Both take all keywords of the node that go into items or members, at once. */
void so_emit_items(struct so_emitter *e, struct so_sequence *s, const struct so_node *node);
void so_emit_object(struct so_emitter *e, struct so_sequence *s, const struct so_node *node);
void so_emit_dependencies(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type);
/* Turns an OP_OBJECT that asks for little into a smaller instruction; its plan is final now. */
void so_simplify_object(struct so_emitter *e, struct so_op *op);
/* Of RULE_PROPERTIES or NULL. */
uint32_t so_property_count(const struct so_rule *properties);

/* ---- glance.c ---- */

/* Fills so_node.glance and .tuple of all queued nodes, whose instructions are written. */
void so_find_glances(struct so_emitter *e);

/* ---- emit_choice.c, emit_rest.c ---- */

void so_emit_choice(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type);
void so_emit_not(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type);
void so_emit_if(struct so_emitter *e, struct so_sequence *s, const struct so_rule *rule, enum so_json_type type);
void so_emit_unevaluated(struct so_emitter *e, struct so_sequence *s, const struct so_node *node,
                         const struct so_rule *rule);

#endif
