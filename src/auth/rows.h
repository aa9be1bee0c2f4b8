/* rows.h: rows of our tables as structs of texts.  One list of columns makes the struct, the statements and the JSON object,
 * so they cannot disagree:
 *
 *   #define SO_THING_COLUMNS(X)  X(id, "id", TEXT) X(made_at, "created_at", TIME_IF_SET) ...   X(column, "member", form)
 */
#ifndef SO_AUTH_ROWS_H
#define SO_AUTH_ROWS_H

#include "core/arena.h"
#include "db/db.h"
#include "json/write.h"

enum so_row_form {
    SO_ROW_TEXT,        /* NULL is "" */
    SO_ROW_TEXT_IF_SET, /* left out when it is NULL or "" */
    SO_ROW_TIME_IF_SET, /* "Z" at its end */
    SO_ROW_JSON,        /* NULL is {} */
    SO_ROW_BOOL,        /* "1" is true */
    SO_ROW_HIDDEN       /* never in an answer */
};

struct so_row_column {
    const char *member; /* of the JSON object */
    enum so_row_form form;
    size_t at; /* of the struct so_str in the struct */
};

/* For the lists above: a struct's members, the pieces of statements. */
#define SO_ROW_FIELD(column, member, form) struct so_str column;
#define SO_ROW_NAME(column, member, form)  ", " #column
#define SO_ROW_MARK(column, member, form)  ", ?"
#define SO_ROW_SET(column, member, form)   ", " #column " = ?"

/* Copies the row that the statement stands on into the struct at `row`; the columns begin at 1, after a constant. */
int so_row_load(struct so_stmt *st, const struct so_row_column *columns, size_t count, void *row, struct so_arena *arena,
                struct so_err *err) SO_MUST_CHECK;
/* All rows of a statement that was started, whose last column, after those of the structs, is count(*) OVER (); ends the
 * statement.  *out_rows: an array of structs of `size` bytes in the arena; NULL when there are none. */
int so_rows_load(struct so_stmt *st, const struct so_row_column *columns, size_t count, size_t size, void **out_rows,
                 size_t *out_count, struct so_arena *arena, struct so_err *err) SO_MUST_CHECK;
/* The columns' values in order. */
void so_row_values(const void *row, const struct so_row_column *columns, size_t count, struct so_str *out);
/* The members of the JSON object, without its braces. */
void so_row_put(struct so_jw *w, const struct so_row_column *columns, size_t count, const void *row);
/* A time with "Z" instead of "+00:00" at its end, as the reference writes it. */
void so_row_put_time(struct so_jw *w, struct so_str time);

#endif
