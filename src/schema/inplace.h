/* inplace.h: the subschemas of a rule that apply to the same value as the rule itself. */
#ifndef SO_SCHEMA_INPLACE_H
#define SO_SCHEMA_INPLACE_H

#include "schema/program.h"

uint32_t so_in_place_count(const struct so_rule *rule);
struct so_node *so_in_place(const struct so_rule *rule, uint32_t i); /* may be NULL */

#endif
