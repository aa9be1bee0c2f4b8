/* convert.h: what becomes of a column's values when its type changes. */
#ifndef SO_MODEL_CONVERT_H
#define SO_MODEL_CONVERT_H

#include "core/buf.h"
#include "db/type.h"

/* Appends an SQL expression: the value of `column` (an SQL name) in the stored form of `to`; NULL where it has none. */
void so_convert_put(struct so_buf *b, const char *column, enum so_type from, enum so_type to);
/* Whether every value of `from` survives, so that nothing need be counted. */
bool so_convert_is_safe(enum so_type from, enum so_type to);

#endif
