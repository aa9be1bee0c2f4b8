/* input.h: the rows of a request body as a table that SQL can read, so that any number of rows is written by one statement
 * with one text: INSERT INTO books(a, b) SELECT so_value(?1, i, 0), so_value(?1, i, 1) FROM so_input(?1).
 *
 *   so_input(?in)              a table-valued function with the column i: 0, 1, ... row_count - 1
 *   so_value(?in, row, column) the value converted to the column's stored form; NULL when absent or null.
 *                              Fails with 22P02 / 22003 as PostgreSQL would.
 *   so_has(?in, row, column)   1 when the row has that member, even if null
 *
 * where ?in is bound with so_stmt_bind_pointer(st, n, input, SO_INPUT_KIND). */
#ifndef SO_DB_INPUT_H
#define SO_DB_INPUT_H

#include "db/type.h"
#include "json/json.h"

#define SO_INPUT_KIND "so_input"

struct so_input_column {
    struct so_str name; /* member of the row objects */
    enum so_type type;
};

struct so_input {
    const struct so_json *rows; /* row_count objects */
    size_t row_count;
    const struct so_input_column *columns;
    size_t column_count;
};

/* One JSON value in the stored form of `type` as text, for comparisons in filters and for tests:
 * strings are normalised, numbers checked.  SO_EINVAL with 22P02 or 22003. */
int so_input_convert(const struct so_json *value, enum so_type type, struct so_arena *arena, struct so_json *out,
                     struct so_err *err) SO_MUST_CHECK;

#endif
