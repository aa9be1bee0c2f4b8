/* type_int.h: the normalise functions of the table in type.c that have a file of their own.  Not for other modules. */
#ifndef SO_DB_TYPE_INT_H
#define SO_DB_TYPE_INT_H

#include "db/type.h"

/* calendar.c */
so_type_normalise so_normalise_timestamptz, so_normalise_date, so_normalise_time;

/* calendar.c: microseconds since 1970 in stored form, 32 bytes and a NUL. */
enum { SO_TIMESTAMP_LEN = 32 };
void so_timestamp_format(int64_t us, char out[SO_TIMESTAMP_LEN + 1]);

/* type.c: SO_EINVAL with `id` and: invalid input syntax for type TYPE: "TEXT" */
int so_type_fail(const char *id, const char *type, struct so_str text, struct so_err *err);

#endif
