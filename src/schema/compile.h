/* compile.h: from a schema's JSON to nodes and rules. */
#ifndef SO_SCHEMA_COMPILE_H
#define SO_SCHEMA_COMPILE_H

#include "schema/program.h"

/* Fills s->root and every node that it reaches. */
int so_compile_nodes(struct so_schema *s, const struct so_json *root, const struct so_schema_options *options,
                     struct so_err *err) SO_MUST_CHECK;
/* recursion.c: SO_EINVAL when a schema refers to itself without going into the instance. */
int so_refuse_recursion(struct so_schema *s, struct so_err *err) SO_MUST_CHECK;
/* emit.c: writes s->ops and every node's entries. */
int so_emit(struct so_schema *s, struct so_err *err) SO_MUST_CHECK;

#endif
