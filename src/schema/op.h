/* op.h: the instructions of a compiled schema.  A sequence ends at OP_PASS; the first one that fails ends it too. */
#ifndef SO_SCHEMA_OP_H
#define SO_SCHEMA_OP_H

#include "schema/program.h"
#include "schema/short_number.h"

/* OP_INTEGER to OP_MAX_COUNT look at one value only, without running other instructions. */
enum so_op_code {
    OP_PASS,
    OP_FAIL,
    OP_JUMP,    /* pc: go on there */
    OP_CALL,    /* pc: must pass there */
    OP_INTEGER, /* a SO_JSON_NUMBER that is whole */
    OP_STRICT_INTEGER,
    OP_STRING_IS, /* u.p: the struct so_json it must equal */
    OP_EQUALS,    /* the same for any type */
    OP_ENUM,      /* u.p: struct so_enum_plan */
    OP_INT_MIN,   /* u.i; the instance is a SO_JSON_INT */
    OP_INT_MAX,
    OP_INT_MULTIPLE, /* u.i */
    OP_NUMBER_LIMIT, /* u.p: struct so_number_plan; flag: enum so_limit_flag */
    OP_MULTIPLE,     /* u.p: struct so_number_plan */
    OP_MIN_LENGTH,   /* u.n code points */
    OP_MAX_LENGTH,
    OP_PATTERN,   /* u.p: struct so_regex */
    OP_FORMAT,    /* u.p: struct so_format */
    OP_MIN_COUNT, /* u.n: items or members */
    OP_MAX_COUNT,
    OP_CONTENT, /* u.p: struct so_node, whose content rules assert */
    OP_UNIQUE,
    OP_ITEMS,             /* u.p: struct so_items_plan */
    OP_ALL_ITEMS,         /* u.p: struct so_node for every item */
    OP_CONTAINS,          /* u.p: struct so_rule */
    OP_REQUIRED,          /* u.p: struct so_name_list */
    OP_REQUIRED_ONE,      /* u.p: struct so_name */
    OP_DEPENDENCIES,      /* u.p: struct so_dependency_plan */
    OP_PROPERTY_NAMES,    /* u.p: struct so_node */
    OP_OBJECT,            /* u.p: struct so_object_plan */
    OP_PROPERTIES,        /* the same, without patterns and additional */
    OP_ONE_PROPERTY,      /* u.p: struct so_one_property */
    OP_ALL_MEMBERS,       /* u.p: struct so_node for every member's value */
    OP_ANY,               /* u.p: struct so_choice_plan; one way must pass */
    OP_ONE,               /* exactly one must */
    OP_NOT,               /* pc must fail */
    OP_IF,                /* pc; u.p: two int32_t pcs, then and else */
    OP_UNEVALUATED_ITEMS, /* u.p: struct so_unevaluated_plan */
    OP_UNEVALUATED_PROPERTIES,
    OP_COUNT
};

enum so_limit_flag { LIMIT_LESS = 1, LIMIT_EQUAL = 2, LIMIT_GREATER = 4 }; /* how the instance may compare */

struct so_number_plan {
    const struct so_json *value;
    struct so_short brief; /* the same */
    bool is_short;
    bool has_whole;
    int64_t whole; /* the value without its fraction */
};

/* A member whose value tells at once that a branch is not meant: {"kind": {"const": ...}}. */
struct so_guard {
    const struct so_name *name; /* NULL: no such member */
    const struct so_node *node; /* what it must be, if it is there */
};

struct so_choice_plan {
    const int32_t *pcs;
    const struct so_guard *guards;  /* one for each, or NULL when nobody has one */
    const struct so_json **tags;    /* when all guards want a string constant of one name: those; else NULL */
    struct so_node **nodes;         /* one for each */
    const struct so_node_list *all; /* of the rule, with those that were dropped */
    uint32_t count;
};

struct so_enum_plan {
    const struct so_json **values; /* those of the instance's type only */
    uint32_t count;
    uint32_t mask;         /* of slots, when there are many; else 0 */
    const uint32_t *slots; /* value's number plus 1, by so_json_hash(); 0: free */
};

struct so_items_plan {
    const struct so_node_list *prefix; /* or NULL */
    const struct so_node *rest;        /* or NULL */
};

struct so_plan_property {
    const struct so_node *node; /* NULL: anything goes */
    uint64_t bit;               /* in "required", or 0 */
    bool declared;              /* in "properties": not additional */
};

enum { REQUIRED_BITS = 64 }; /* names that one object plan can require */

struct so_object_plan {
    const struct so_table *table; /* of properties; may be empty */
    const struct so_plan_property *properties;
    uint64_t required;                /* the bits that must be seen */
    const struct so_rule *patterns;   /* or NULL */
    const struct so_node *additional; /* or NULL */
};

/* An object plan with nothing else in it. */
struct so_one_property {
    struct so_name name;
    const struct so_node *node;
};

struct so_dependency_plan {
    const struct so_rule *rule;
    const int32_t *pcs; /* by row; unused where the names count */
};

struct so_unevaluated_plan {
    const struct so_node *owner; /* of the keyword */
    const struct so_node *node;  /* for what nobody evaluated */
};

#endif
