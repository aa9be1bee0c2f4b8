/* filter_int.h: the table of operators, shared by filter.c (their text) and compare.c (their meaning). */
#ifndef SO_REALTIME_FILTER_INT_H
#define SO_REALTIME_FILTER_INT_H

#include "realtime/filter.h"

/* What follows an operator. */
enum so_operand { SO_OPERAND_ONE, SO_OPERAND_LIST, SO_OPERAND_TRUTH, SO_OPERAND_PATTERN, SO_OPERAND_REGEX };

const struct so_filter_operator *so_filter_op_find(struct so_str name); /* NULL: there is none */
const char *so_filter_op_name(const struct so_filter_operator *op);
enum so_operand so_filter_operand(const struct so_filter_operator *op);
bool so_filter_op_fits(const struct so_filter_operator *op, enum so_type type);
bool so_filter_folds(const struct so_filter_operator *op); /* letter case makes no difference */
static inline bool so_filter_is_pattern(const struct so_filter_operator *op)
{
    return so_filter_operand(op) >= SO_OPERAND_PATTERN;
}

#endif
