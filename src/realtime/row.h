/* row.h: a row of the change log (model/logging.h, model/logging_pg.h): cells of what the database held, by name. */
#ifndef SO_REALTIME_ROW_H
#define SO_REALTIME_ROW_H

#include "core/arena.h"
#include "core/err.h"
#include "core/str.h"
#include "db/type.h"
#include "json/json.h"

enum so_cell_kind { SO_CELL_NULL, SO_CELL_INTEGER, SO_CELL_REAL, SO_CELL_TEXT, SO_CELL_BLOB };

struct so_cell {
    enum so_cell_kind kind;
    int64_t integer;
    double real;
    struct so_str bytes;        /* of TEXT and BLOB */
    const struct so_json *json; /* from PostgreSQL: the value as it is told; else, and for NULL, NULL */
};

struct so_row {
    const struct so_str *names;
    const struct so_cell *cells;
    size_t count;
    struct so_str text; /* from PostgreSQL: the JSON object */
};

/* `"isbn" '123',"pages" 7`; what it points to lies in `arena` or in `text`.  SO_EINVAL when it is no such text. */
int so_row_parse(struct so_str text, struct so_arena *arena, struct so_row *out, struct so_err *err) SO_MUST_CHECK;
/* The same for a JSON object.  Cells of arrays and objects are of kind TEXT without bytes. */
int so_row_parse_json(struct so_str text, struct so_arena *arena, struct so_row *out, struct so_err *err) SO_MUST_CHECK;
/* The cell in the stored form of the column's type, as the values of filters are. */
int so_cell_comparable(const struct so_cell *cell, enum so_type type, struct so_arena *arena, struct so_cell *out,
                       struct so_err *err) SO_MUST_CHECK;
/* NULL's cell when the row has none of this name.  `hint`: where it probably is. */
const struct so_cell *so_row_find(const struct so_row *row, struct so_str name, size_t hint);
bool so_cell_eq(const struct so_cell *a, const struct so_cell *b); /* the same value of the same kind */

#endif
