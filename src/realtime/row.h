/* row.h: a row of the change log (model/logging.h): cells of what the database held, by name. */
#ifndef SO_REALTIME_ROW_H
#define SO_REALTIME_ROW_H

#include "core/arena.h"
#include "core/err.h"
#include "core/str.h"

enum so_cell_kind { SO_CELL_NULL, SO_CELL_INTEGER, SO_CELL_REAL, SO_CELL_TEXT, SO_CELL_BLOB };

struct so_cell {
    enum so_cell_kind kind;
    int64_t integer;
    double real;
    struct so_str bytes; /* of TEXT and BLOB */
};

struct so_row {
    const struct so_str *names;
    const struct so_cell *cells;
    size_t count;
};

/* `"isbn" '123',"pages" 7`; what it points to lies in `arena` or in `text`.  SO_EINVAL when it is no such text. */
int so_row_parse(struct so_str text, struct so_arena *arena, struct so_row *out, struct so_err *err) SO_MUST_CHECK;
/* NULL's cell when the row has none of this name.  `hint`: where it probably is. */
const struct so_cell *so_row_find(const struct so_row *row, struct so_str name, size_t hint);
bool so_cell_eq(const struct so_cell *a, const struct so_cell *b); /* the same value of the same kind */

#endif
