/* input.c: a request's rows as SQL sees them: the table-valued function so_input() and the functions on its rows.
 *
 * so_input() is an eponymous virtual table (sqlite.org/vtab.html section 2.1.2): no CREATE, one visible column i, and the
 * argument as a hidden column that a query must bind. */
#include "db/input.h"

#include "core/mem.h"
#include "db/sqlite_int.h"

/* ---- the functions ---- */

static bool read_arguments(sqlite3_context *context, sqlite3_value **args, const struct so_input **out_in,
                           const struct so_json **out_value)
{
    const struct so_input *in = sqlite3_value_pointer(args[0], SO_INPUT_KIND);
    int64_t row = sqlite3_value_int64(args[1]), column = sqlite3_value_int64(args[2]);
    bool is_there =
        in != NULL && row >= 0 && (uint64_t)row < in->row_count && column >= 0 && (uint64_t)column < in->column_count;
    if (!is_there) {
        sqlite3_result_error(context, "no such value in the input", -1);
        return false;
    }
    *out_in = in;
    *out_value = so_json_get(&in->rows[row], in->columns[column].name);
    return true;
}

/* `stored` is what so_input_convert() made of `value`. */
static void set_result(sqlite3_context *context, const struct so_json *stored, const struct so_json *value,
                       enum so_type type)
{
    if (stored->type == SO_JSON_INT) {
        sqlite3_result_int64(context, stored->u.i);
    } else if (stored->type == SO_JSON_NUMBER) {
        sqlite3_result_double(context, so_json_to_double(stored));
    } else if (type == SO_TYPE_BLOB) {
        sqlite3_result_blob64(context, stored->u.text, stored->len, SQLITE_TRANSIENT);
    } else {
        /* Text of the input itself lives as long as the statement's parameter; what was made of it does not. */
        bool is_borrowed = stored->u.text == value->u.text && value->type == SO_JSON_STRING;
        sqlite3_result_text64(context, stored->u.text, stored->len, is_borrowed ? SQLITE_STATIC : SQLITE_TRANSIENT,
                              SQLITE_UTF8);
    }
}

static void call_value(sqlite3_context *context, int count, sqlite3_value **args)
{
    (void)count;
    const struct so_input *in;
    const struct so_json *value;
    if (!read_arguments(context, args, &in, &value) || value == NULL || value->type == SO_JSON_NULL)
        return; /* the result is NULL by itself */
    struct so_sqlite *conn = sqlite3_user_data(context);
    enum so_type type = in->columns[sqlite3_value_int64(args[2])].type;
    struct so_json stored;
    struct so_err err = SO_ERR_INIT;
    if (so_input_convert(value, type, &conn->scratch, &stored, &err) == SO_OK)
        set_result(context, &stored, value, type);
    else
        so_sqlite_raise(context, &err);
    so_arena_reset(&conn->scratch);
}

static void call_has(sqlite3_context *context, int count, sqlite3_value **args)
{
    (void)count;
    const struct so_input *in;
    const struct so_json *value;
    if (read_arguments(context, args, &in, &value))
        sqlite3_result_int(context, value != NULL);
}

/* ---- the table ---- */

struct cursor {
    sqlite3_vtab_cursor base; /* first: SQLite knows only this part */
    const struct so_input *in;
    size_t row;
};

enum { COLUMN_I, COLUMN_INPUT };

static int table_connect(sqlite3 *sqlite, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
    (void)aux, (void)argc, (void)argv, (void)message;
    int rc = sqlite3_declare_vtab(sqlite, "CREATE TABLE so_input(i INTEGER, input HIDDEN)");
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_vtab *table = so_calloc(1, sizeof(*table));
    if (table == NULL)
        return SQLITE_NOMEM;
    *out = table;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *table)
{
    so_free(table);
    return SQLITE_OK;
}

/* The one plan there is: the argument is known. */
static int table_plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *c = &info->aConstraint[i];
        if (c->iColumn != COLUMN_INPUT || c->op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!c->usable)
            return SQLITE_CONSTRAINT;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        info->estimatedCost = 10;
        info->estimatedRows = 10;
        return SQLITE_OK;
    }
    return SQLITE_CONSTRAINT;
}

static int cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    struct cursor *c = so_calloc(1, sizeof(*c));
    if (c == NULL)
        return SQLITE_NOMEM;
    *out = &c->base;
    return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *base)
{
    so_free((struct cursor *)base);
    return SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int count, sqlite3_value **args)
{
    (void)plan, (void)plan_text;
    struct cursor *c = (struct cursor *)base;
    c->in = count == 0 ? NULL : sqlite3_value_pointer(args[0], SO_INPUT_KIND);
    c->row = 0;
    return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
    ((struct cursor *)base)->row++;
    return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *base)
{
    const struct cursor *c = (const struct cursor *)base;
    return c->in == NULL || c->row >= c->in->row_count;
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    if (column == COLUMN_I)
        sqlite3_result_int64(context, (int64_t)((const struct cursor *)base)->row);
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = (int64_t)((const struct cursor *)base)->row;
    return SQLITE_OK;
}

int so_input_register(struct so_sqlite *conn)
{
    static const struct so_sql_function FUNCTIONS[] = {
        {"so_value", 3, SQLITE_DIRECTONLY | SQLITE_DETERMINISTIC, call_value, NULL, NULL},
        {"so_has", 3, SQLITE_DIRECTONLY | SQLITE_DETERMINISTIC, call_has, NULL, NULL},
    };
    static const sqlite3_module MODULE = {
        .xConnect = table_connect, /* without xCreate: eponymous only */
        .xBestIndex = table_plan,
        .xDisconnect = table_disconnect,
        .xOpen = cursor_open,
        .xClose = cursor_close,
        .xFilter = cursor_filter,
        .xNext = cursor_next,
        .xEof = cursor_eof,
        .xColumn = cursor_column,
        .xRowid = cursor_rowid,
    };
    int rc = so_sqlite_add_functions(conn, FUNCTIONS, COUNT_OF(FUNCTIONS));
    return rc == SQLITE_OK ? sqlite3_create_module_v2(conn->sqlite, "so_input", &MODULE, NULL, NULL) : rc;
}
