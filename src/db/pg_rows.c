/* pg_rows.c: the rows of an answer of PostgreSQL, read as those of any statement.
 *
 * Values are text, as the server writes them, but for two: bytea is given as its bytes, and the number of a boolean is 0 or
 * 1, so that code which reads either kind of database need not know which. */
#include "db/pg_int.h"

#include <stdlib.h>

enum { SCRATCH_MAX = 256 << 20, OID_BOOL = 16, OID_BYTEA = 17 }; /* the types' numbers are the same everywhere */

void so_pg_rows_init(struct so_pg_rows *rows)
{
    *rows = (struct so_pg_rows){.base = {&so_pg_rows_ops}, .row = -1};
    so_arena_init(&rows->scratch, SCRATCH_MAX);
}

void so_pg_rows_set(struct so_pg_rows *rows, PGresult *result)
{
    so_pq.clear(rows->result);
    rows->result = result;
    rows->row = -1;
    if (result == NULL)
        so_arena_deinit(&rows->scratch);
    else
        so_arena_reset(&rows->scratch);
}

bool so_pg_rows_next(struct so_pg_rows *rows)
{
    so_arena_reset(&rows->scratch);
    if (rows->result == NULL || rows->row >= so_pq.ntuples(rows->result))
        return false;
    return ++rows->row < so_pq.ntuples(rows->result);
}

static const struct so_pg_rows *rows_of(const struct so_stmt *base) { return (const struct so_pg_rows *)base; }

static bool is_cell(const struct so_pg_rows *rows, int column)
{
    return rows->result != NULL && rows->row >= 0 && rows->row < so_pq.ntuples(rows->result) && column >= 0 &&
           column < so_pq.nfields(rows->result);
}

static int step(struct so_stmt *st, bool *out_row, struct so_err *err)
{
    (void)err;
    *out_row = so_pg_rows_next(so_pg_rows_of(st));
    return SO_OK;
}

static int column_count(const struct so_stmt *st)
{
    return rows_of(st)->result == NULL ? 0 : so_pq.nfields(rows_of(st)->result);
}

static struct so_str column_name(const struct so_stmt *st, int column)
{
    return so_str_c(rows_of(st)->result == NULL ? NULL : so_pq.fname(rows_of(st)->result, column));
}

static bool is_null(struct so_stmt *st, int column)
{
    const struct so_pg_rows *rows = rows_of(st);
    return !is_cell(rows, column) || so_pq.getisnull(rows->result, rows->row, column) != 0;
}

/* "" for null. */
static const char *value_of(struct so_stmt *st, int column)
{
    return is_null(st, column) ? "" : so_pq.getvalue(rows_of(st)->result, rows_of(st)->row, column);
}

static bool has_type(const struct so_stmt *st, int column, Oid type)
{
    return so_pq.ftype(rows_of(st)->result, column) == type;
}

static int64_t i64(struct so_stmt *st, int column)
{
    const char *text = value_of(st, column);
    if (text[0] != '\0' && has_type(st, column, OID_BOOL))
        return text[0] == 't';
    return strtoll(text, NULL, 10);
}

static double real(struct so_stmt *st, int column) { return strtod(value_of(st, column), NULL); }

static int digit_of(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* "\x6869", the server's default form; the older escaped form is left as it is. */
static struct so_str decode_bytes(struct so_pg_rows *rows, struct so_str text)
{
    if (!so_str_starts(text, SO_STR("\\x")))
        return text;
    struct so_str hex = so_str_slice(text, 2, text.n);
    char *bytes = so_alloc_text(&rows->scratch, hex.n / 2 + 1);
    if (bytes == NULL)
        return (struct so_str){NULL, 0};
    for (size_t i = 0; i < hex.n / 2; i++)
        bytes[i] = (char)(digit_of(hex.p[2 * i]) << 4 | digit_of(hex.p[2 * i + 1]));
    return (struct so_str){bytes, hex.n / 2};
}

static struct so_str text(struct so_stmt *st, int column)
{
    struct so_pg_rows *rows = so_pg_rows_of(st);
    if (is_null(st, column))
        return (struct so_str){NULL, 0};
    struct so_str value = {so_pq.getvalue(rows->result, rows->row, column),
                           (size_t)so_pq.getlength(rows->result, rows->row, column)};
    return has_type(st, column, OID_BYTEA) ? decode_bytes(rows, value) : value;
}

static int64_t changes(struct so_stmt *st)
{
    struct so_pg_rows *rows = so_pg_rows_of(st);
    return rows->result == NULL ? 0 : strtoll(so_pq.cmdTuples(rows->result), NULL, 10);
}

/* The struct is a member of something larger. */
static void done(struct so_stmt *st) { so_pg_rows_set(so_pg_rows_of(st), NULL); }

/* ---- what an answer cannot do: it takes no values any more ---- */

static void refuse(struct so_stmt *st, int position) { (void)st, (void)position; }
static void refuse_i64(struct so_stmt *st, int position, int64_t value) { (void)st, (void)position, (void)value; }
static void refuse_double(struct so_stmt *st, int position, double value) { (void)st, (void)position, (void)value; }
static void refuse_text(struct so_stmt *st, int position, struct so_str value) { (void)st, (void)position, (void)value; }
static void refuse_pointer(struct so_stmt *st, int position, const void *pointer, const char *kind)
{
    (void)st, (void)position, (void)pointer, (void)kind;
}
static int no_parameter(struct so_stmt *st, const char *name)
{
    (void)st, (void)name;
    return 0;
}

const struct so_stmt_ops so_pg_rows_ops = {
    .bind_null = refuse,
    .bind_i64 = refuse_i64,
    .bind_double = refuse_double,
    .bind_text = refuse_text,
    .bind_blob = refuse_text,
    .bind_pointer = refuse_pointer,
    .parameter = no_parameter,
    .step = step,
    .column_count = column_count,
    .column_name = column_name,
    .is_null = is_null,
    .i64 = i64,
    .real = real,
    .text = text,
    .changes = changes,
    .done = done,
};
