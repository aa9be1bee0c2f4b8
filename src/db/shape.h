/* shape.h: how the columns of a result become a JSON object: one writer for the rows of a statement and for the rows nested
 * in them.  Nested rows come from SQL functions on every connection of ours:
 *
 *   so_object(?shape, c0, c1, ...)  one row as a JSON object             (to-one embedding, in a scalar subquery)
 *   so_rows(?shape, c0, c1, ...)    an aggregate: a JSON array of objects, [] for none  (to-many embedding)
 *   so_values(?shape, c0)           the same of bare values               (a column of a to-many resource that is spread)
 *   so_members(?shape, c0, ...)     the members alone, without braces; one field of kind SO_FIELD_MEMBERS in so_object or
 *                                   so_rows: a function of SQLite takes at most SO_SHAPE_CELLS_MAX cells beside the shape
 *   so_now()                        the statement's time in stored form
 *
 * where ?shape is bound with so_stmt_bind_pointer(st, n, shape, SO_SHAPE_KIND). */
#ifndef SO_DB_SHAPE_H
#define SO_DB_SHAPE_H

#include "core/buf.h"
#include "db/db.h"

#define SO_SHAPE_KIND "so_shape"
enum { SO_SHAPE_CELLS_MAX = 126 }; /* SQLITE_MAX_FUNCTION_ARG is 127 (sqlite.org/limits.html) */

enum so_field_kind {
    SO_FIELD_VALUE,  /* a column of `type`, converted from its stored form */
    SO_FIELD_JSON,   /* JSON text as it is: nested rows, JSON paths with -> ; NULL gives null */
    SO_FIELD_MEMBERS /* what so_members() gave: any number of members, without a key */
};

struct so_field {
    struct so_str key; /* with quotes and colon, escaped: "\"isbn\":" */
    enum so_field_kind kind;
    enum so_type type;
};

/* field i is written from cell i. */
struct so_shape {
    const struct so_field *fields;
    size_t field_count;
    bool strip_nulls; /* leave members out whose value is null */
};

/* Writes `"key":` ready for struct so_field. */
struct so_str so_field_key(struct so_arena *arena, struct so_str name);
/* The current row of `st`, columns first .. first + field_count - 1, as a JSON object. */
void so_shape_put_row(const struct so_shape *shape, struct so_stmt *st, int first, struct so_buf *out);

/* A text as a column of `type` holds it, as JSON. */
void so_shape_put_text(enum so_type type, struct so_str stored, struct so_buf *out);
/* Cell `column` alone, as the value of `field`. */
void so_shape_put_value(const struct so_field *field, struct so_stmt *st, int column, struct so_buf *out);

#endif
