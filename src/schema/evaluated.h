/* evaluated.h: what unevaluatedProperties leaves out, where that does not hang on the instance. */
#ifndef SO_SCHEMA_EVALUATED_H
#define SO_SCHEMA_EVALUATED_H

#include "schema/program.h"

struct so_evaluated {
    struct so_str *names;
    uint32_t count;
    uint32_t visits; /* of nodes: a chain of references can double at every step */
    bool all;        /* every member is evaluated */
    bool no_memory;
};

/* Adds the names that `node` always evaluates, but for the rule `asks` (may be NULL).  False when it depends on the
 * instance: then mark.c must look. */
bool so_collect_evaluated(struct so_arena *arena, const struct so_node *node, const struct so_rule *asks,
                          struct so_evaluated *out);

#endif
