/* program.h: what a schema is compiled into.
 *
 *   JSON --compile.c--> nodes and rules --emit.c--> instructions
 *
 * A node is one subschema in one dynamic scope; its rules are its keywords, every reference resolved to a node.  Reports
 * (walk.c) and the collection of evaluated members (mark.c) read the rules.  The fast check (check.c) runs the instructions,
 * which emit.c writes for every node and every type of instance apart: what a type cannot meet is not there.
 * Owns: everything is in the schema's arena.   Threads: any number of readers once so_schema_compile() returned. */
#ifndef SO_SCHEMA_PROGRAM_H
#define SO_SCHEMA_PROGRAM_H

#include "schema/format.h"
#include "schema/keyword.h"
#include "schema/regex.h"
#include "schema/registry.h"
#include "schema/table.h"

struct so_node;

struct so_node_list {
    struct so_node **nodes;
    uint32_t count;
};

struct so_name {
    struct so_str text;
    uint32_t hash; /* so_json_key_hash() */
};

struct so_name_list {
    struct so_name *names;
    uint32_t count;
};

/* A row of dependentRequired, dependentSchemas or dependencies: when the name is there, so must be the others, or the node
 * must accept the object. */
struct so_dependency {
    struct so_name name;
    struct so_node *node; /* NULL: the names count */
    struct so_name_list names;
};

struct so_pattern {
    struct so_str text;
    const struct so_regex *regex;
    struct so_node *node;
};

struct so_property {
    struct so_name name;
    struct so_node *node;
};

struct so_rule {
    const struct so_keyword *keyword;
    const struct so_json *value; /* the keyword's */
    uint8_t code;                /* enum so_rule_code; may differ from keyword->rule: "items" with an array is prefixItems */
    union {
        struct {
            uint8_t mask;        /* of ON_*; without a bit for "integer" on SO_JSON_NUMBER */
            bool integer;        /* whole numbers spelt 1.0 or 1e3 are allowed, too */
            bool strict_integer; /* draft 4: only those without fraction and exponent */
        } type;
        struct {
            uint64_t n; /* saturated */
        } count;
        bool exclusive; /* draft 4's minimum and maximum */
        const struct so_regex *regex;
        const struct so_format *format; /* NULL: annotation only */
        struct so_node_list list;
        struct so_name_list names;
        struct so_node *node;
        struct {
            struct so_node *node;
            uint32_t first; /* the items before it belong to prefixItems */
        } items;
        struct {
            struct so_node *node;
            uint64_t min, max;
            bool marks; /* what it matches counts as evaluated (2020-12) */
        } contains;
        struct {
            struct so_property *items;
            uint32_t count;
            const struct so_table *table; /* of items, by index */
        } properties;
        struct {
            struct so_pattern *items;
            uint32_t count;
        } patterns;
        struct {
            struct so_node *node;
            const struct so_rule *properties, *patterns; /* or NULL */
        } additional;
        struct {
            struct so_dependency *items;
            uint32_t count;
        } dependencies;
        struct {
            struct so_node *condition, *then, *otherwise; /* the last two or NULL */
        } branch;
        bool asserts; /* contentEncoding, contentMediaType */
    } u;
};

enum { PC_PASS = 0, PC_FAIL = 1, PC_NONE = -1 }; /* the first two instructions, and "not written yet" */

/* Numbers that pass without an instruction: those whose whole part lies strictly between `above` and `below`.  Others may
 * pass all the same. */
struct so_glance {
    int64_t above, below;
    uint8_t flag; /* SO_JSON_HAS_WHOLE: fractions, too; 0: only SO_JSON_INT */
};

/* Arrays that pass without an instruction: as many items as this, each by its glance. */
struct so_tuple {
    uint32_t min, max;
    const struct so_glance *items; /* max of them */
};

struct so_node {
    int32_t entry[8]; /* where to start for an instance of each enum so_json_type */
    struct so_glance glance;
    const struct so_tuple *tuple; /* or NULL */
    const struct so_json *source;
    const struct so_resource *resource;
    const struct so_scope *scope; /* during compilation */
    struct so_str pointer;        /* from its document's root */
    struct so_rule *rules;
    uint32_t rule_count;
    uint8_t visit;        /* colour of the search for endless recursion */
    bool is_queued;       /* emit.c will write, or has written, its instructions for every type */
    struct so_node *next; /* in the order of their making */
};

struct so_op {
    uint8_t code; /* enum so_op_code, emit.h */
    uint8_t flag;
    uint16_t only_values; /* in the first of a sequence: there is nothing but OP_INTEGER to OP_MAX_COUNT in it */
    int32_t pc;
    union {
        int64_t i;
        uint64_t n;
        const void *p;
    } u;
};

struct so_schema {
    struct so_arena arena;
    struct so_node *root, *first_node, *last_node;
    struct so_op *ops;
    uint32_t op_count;
    enum so_draft draft;
};

static inline bool so_type_in(unsigned mask, enum so_json_type type) { return (mask >> type & 1) != 0; }
/* The rule of this code, or NULL. */
const struct so_rule *so_node_rule(const struct so_node *node, enum so_rule_code code);
/* The member of this name, or NULL. */
const struct so_json *so_find_name(const struct so_json *object, const struct so_name *name);
/* The property's node for a member, or NULL. */
struct so_node *so_property_node(const struct so_rule *properties, const struct so_json_member *member);

#endif
