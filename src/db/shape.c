/* shape.c: rows as JSON, and the SQL functions so_object() and so_rows() that nest them.
 *
 * What a cell holds decides how it is written, and its column's type how that is shown: SQLite's columns may hold any kind
 * of value.  Cells are struct sqlite3_value everywhere: a result's are "unprotected", which makes no difference in the
 * library's multi-thread mode (sqlite.org/c3ref/value.html). */
#include "db/shape.h"

#include "db/blob.h"
#include "db/jsontext.h"
#include "db/sqlite_int.h"
#include "json/write.h"

enum {
    NESTED_MAX = 64 << 20, /* bytes of one nested value */
    JSON_SUBTYPE = 'J'     /* what SQLite's own JSON functions mark JSON with */
};

struct so_str so_field_key(struct so_arena *arena, struct so_str name)
{
    struct so_buf b;
    so_buf_init(&b, SIZE_MAX / 4);
    so_json_put_str(&b, name);
    so_buf_putc(&b, ':');
    struct so_str key = b.rc == SO_OK ? so_arena_dup(arena, so_buf_str(&b)) : (struct so_str){NULL, 0};
    so_buf_deinit(&b);
    return key;
}

/* ---- one cell ---- */

static void put_quoted_plain(struct so_buf *out, struct so_str head, struct so_str tail)
{
    so_buf_putc(out, '"');
    so_buf_put_str(out, head);
    so_buf_put_str(out, tail);
    so_buf_putc(out, '"');
}

/* A fraction without its trailing zeros, and without its point when nothing is left: as PostgreSQL shows it. */
static struct so_str trim_fraction(struct so_str s)
{
    while (s.n > 0 && s.p[s.n - 1] == '0')
        s.n--;
    if (s.n > 0 && s.p[s.n - 1] == '.')
        s.n--;
    return s;
}

static bool is_made_of(struct so_str s, const char *allowed)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\0' || strchr(allowed, s.p[i]) == NULL)
            return false;
    return true;
}

/* "2024-01-01T00:00:00.500000+00:00" and "12:00:00.000000" in stored form; anything else is shown as it is. */
static void put_timestamp(struct so_buf *out, struct so_str s)
{
    if (s.n == 32 && s.p[10] == 'T' && s.p[19] == '.' && s.p[26] == '+' && is_made_of(s, "0123456789-T:.+"))
        put_quoted_plain(out, trim_fraction(so_str_slice(s, 0, 26)), so_str_slice(s, 26, 32));
    else
        so_json_put_str(out, s);
}

static void put_time(struct so_buf *out, struct so_str s)
{
    if (s.n == 15 && s.p[8] == '.' && is_made_of(s, "0123456789:."))
        put_quoted_plain(out, trim_fraction(s), SO_STR(""));
    else
        so_json_put_str(out, s);
}

static void put_json(struct so_buf *out, struct so_str s)
{
    if (so_json_text_valid(s))
        so_buf_put_str(out, s);
    else
        so_json_put_str(out, s);
}

/* Digits that neither an integer nor a double of SQLite would hold. */
static void put_number_text(struct so_buf *out, struct so_str s)
{
    if (so_json_text_is_number(s))
        so_buf_put_str(out, s);
    else
        so_json_put_str(out, s);
}

typedef void put_text(struct so_buf *out, struct so_str s);
static put_text *const PUT_TEXT[] = {
    [SO_TYPE_TEXT] = so_json_put_str,      [SO_TYPE_INTEGER] = put_number_text, [SO_TYPE_NUMERIC] = put_number_text,
    [SO_TYPE_BOOLEAN] = so_json_put_str,   [SO_TYPE_JSON] = put_json,           [SO_TYPE_UUID] = so_json_put_str,
    [SO_TYPE_TIMESTAMPTZ] = put_timestamp, [SO_TYPE_DATE] = so_json_put_str,    [SO_TYPE_TIME] = put_time,
    [SO_TYPE_DECIMAL] = so_json_put_str,   [SO_TYPE_BLOB] = so_json_put_str,
};
_Static_assert(COUNT_OF(PUT_TEXT) == SO_TYPE_COUNT, "every type has a row");

void so_shape_put_text(enum so_type type, struct so_str stored, struct so_buf *out) { PUT_TEXT[type](out, stored); }

/* A cell's text; a failure to get it latches in `out`. */
static struct so_str text_of(sqlite3_value *cell, struct so_buf *out)
{
    const char *p = (const char *)sqlite3_value_text(cell);
    if (p == NULL) {
        if (out->rc == SO_OK)
            out->rc = SO_ENOMEM;
        return SO_STR("");
    }
    return (struct so_str){p, (size_t)sqlite3_value_bytes(cell)};
}

static void put_blob(struct so_buf *out, sqlite3_value *cell)
{
    int len = sqlite3_value_bytes(cell);
    const char *bytes = sqlite3_value_blob(cell);
    so_buf_putc(out, '"');
    so_blob_put(out, (struct so_str){bytes, bytes == NULL ? 0 : (size_t)len});
    so_buf_putc(out, '"');
}

static void put_cell(struct so_buf *out, const struct so_field *field, sqlite3_value *cell, int storage)
{
    if (field->kind != SO_FIELD_VALUE && storage != SQLITE_NULL) {
        so_buf_put_str(out, text_of(cell, out));
        return;
    }
    switch (storage) {
    case SQLITE_INTEGER:
        if (field->type == SO_TYPE_BOOLEAN)
            so_json_put_bool(out, sqlite3_value_int64(cell) != 0);
        else
            so_json_put_i64(out, sqlite3_value_int64(cell));
        break;
    case SQLITE_FLOAT: so_json_put_double(out, sqlite3_value_double(cell)); break;
    case SQLITE_TEXT: PUT_TEXT[field->type](out, text_of(cell, out)); break;
    case SQLITE_BLOB: put_blob(out, cell); break;
    default: so_buf_lit(out, "null"); break;
    }
}

/* ---- a row ---- */

static void put_member(struct so_buf *out, const struct so_shape *shape, const struct so_field *field, sqlite3_value *cell,
                       bool *is_first)
{
    int storage = sqlite3_value_type(cell);
    if (shape->strip_nulls && storage == SQLITE_NULL)
        return;
    if (field->kind == SO_FIELD_MEMBERS && sqlite3_value_bytes(cell) == 0)
        return; /* each of them was null, and left out */
    if (!*is_first)
        so_buf_putc(out, ',');
    *is_first = false;
    so_buf_put_str(out, field->key);
    put_cell(out, field, cell, storage);
}

void so_shape_put_row(const struct so_shape *shape, struct so_stmt *st, int first, struct so_buf *out)
{
    bool is_first = true;
    so_buf_putc(out, '{');
    for (size_t i = 0; i < shape->field_count; i++)
        put_member(out, shape, &shape->fields[i], sqlite3_column_value(so_sqlite_stmt(st)->sqlite, first + (int)i),
                   &is_first);
    so_buf_putc(out, '}');
}

void so_shape_put_value(const struct so_field *field, struct so_stmt *st, int column, struct so_buf *out)
{
    sqlite3_value *cell = sqlite3_column_value(so_sqlite_stmt(st)->sqlite, column);
    put_cell(out, field, cell, sqlite3_value_type(cell));
}

static void put_members(const struct so_shape *shape, sqlite3_value **cells, struct so_buf *out)
{
    bool is_first = true;
    for (size_t i = 0; i < shape->field_count; i++)
        put_member(out, shape, &shape->fields[i], cells[i], &is_first);
}

static void put_arguments(const struct so_shape *shape, sqlite3_value **cells, struct so_buf *out)
{
    so_buf_putc(out, '{');
    put_members(shape, cells, out);
    so_buf_putc(out, '}');
}

/* ---- SQL functions ---- */

/* NULL, and an error as the result, when the first argument is no shape or the cells are not as many as its fields. */
static const struct so_shape *shape_of(sqlite3_context *context, int count, sqlite3_value **args)
{
    const struct so_shape *shape = count == 0 ? NULL : sqlite3_value_pointer(args[0], SO_SHAPE_KIND);
    if (shape != NULL && shape->field_count == (size_t)count - 1)
        return shape;
    sqlite3_result_error(context, "no shape, or one of another number of columns", -1);
    return NULL;
}

static void call_object(sqlite3_context *context, int count, sqlite3_value **args)
{
    const struct so_shape *shape = shape_of(context, count, args);
    if (shape == NULL)
        return;
    struct so_buf b;
    so_buf_init(&b, NESTED_MAX);
    put_arguments(shape, args + 1, &b);
    so_result_buf(context, &b, "an embedded row");
    sqlite3_result_subtype(context, JSON_SUBTYPE);
}

static void call_members(sqlite3_context *context, int count, sqlite3_value **args)
{
    const struct so_shape *shape = shape_of(context, count, args);
    if (shape == NULL)
        return;
    struct so_buf b;
    so_buf_init(&b, NESTED_MAX);
    put_members(shape, args + 1, &b);
    so_result_buf(context, &b, "an embedded row");
}

/* The array so far, ready for one more; NULL, and an error as the result, when there is none to be had. */
static struct so_buf *next_element(sqlite3_context *context)
{
    struct so_buf *b = sqlite3_aggregate_context(context, sizeof(*b));
    if (b == NULL) {
        sqlite3_result_error_nomem(context);
        return NULL;
    }
    if (b->max == 0) /* zeroed by SQLite: the first row */
        so_buf_init(b, NESTED_MAX);
    so_buf_putc(b, b->len == 0 ? '[' : ',');
    return b;
}

static void step_rows(sqlite3_context *context, int count, sqlite3_value **args)
{
    const struct so_shape *shape = shape_of(context, count, args);
    struct so_buf *b = shape == NULL ? NULL : next_element(context);
    if (b != NULL)
        put_arguments(shape, args + 1, b);
}

static void step_values(sqlite3_context *context, int count, sqlite3_value **args)
{
    const struct so_shape *shape = shape_of(context, count, args);
    struct so_buf *b = shape == NULL ? NULL : next_element(context);
    if (b != NULL)
        put_cell(b, &shape->fields[0], args[1], sqlite3_value_type(args[1]));
}

/* Called, too, when the statement ends before its time: nothing leaks. */
static void final_rows(sqlite3_context *context)
{
    struct so_buf *b = sqlite3_aggregate_context(context, 0);
    if (b == NULL || b->max == 0) {
        sqlite3_result_text(context, "[]", 2, SQLITE_STATIC);
    } else {
        so_buf_putc(b, ']');
        so_result_buf(context, b, "embedded rows");
    }
    sqlite3_result_subtype(context, JSON_SUBTYPE);
}

int so_shape_register(struct so_sqlite *conn)
{
    static const struct so_sql_function FUNCTIONS[] = {
        {"so_object", -1, SQLITE_DIRECTONLY | SQLITE_SUBTYPE, call_object, NULL, NULL},
        {"so_members", -1, SQLITE_DIRECTONLY, call_members, NULL, NULL},
        {"so_rows", -1, SQLITE_DIRECTONLY | SQLITE_SUBTYPE, NULL, step_rows, final_rows},
        {"so_values", 2, SQLITE_DIRECTONLY | SQLITE_SUBTYPE, NULL, step_values, final_rows},
    };
    return so_sqlite_add_functions(conn, FUNCTIONS, COUNT_OF(FUNCTIONS));
}
