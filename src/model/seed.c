/* seed.c: the first rows of an app: DIR/seed/NAME.json (an array of rows) or NAME.jsonl (a row a line).
 *
 *   file -> rows -> batches of BATCH_ROWS -> INSERT ... RETURNING -> the stored rows are validated
 *   (PostgreSQL: a row at a time, which the server makes a record of)
 *
 * A row gets the defaults of its columns and must satisfy its schema, as one that a client writes; policies do not ask. */
#include "core/fs.h"
#include "db/catalog.h"
#include "db/identity.h"
#include "db/input.h"
#include "db/shape.h"
#include "model/migrate.h"
#include "model/sql_text.h"
#include "json/write.h"

enum { BATCH_ROWS = 500, FILE_BYTES_MAX = 1 << 30, BATCH_BYTES_MAX = 256 << 20 };

struct seeder {
    const struct so_table *table;
    struct so_conn *conn;
    bool is_postgres;
    struct so_str file;    /* "seed/books.json", for messages */
    struct so_arena arena; /* of one batch */
    struct so_json *batch; /* BATCH_ROWS rows */
    size_t count;          /* rows in the batch */
    size_t before;         /* rows in earlier batches */
    struct so_err *err;
};

/* ---- one batch ---- */

static int fail_row(struct seeder *s, size_t i, int code, const char *location, const char *reason)
{
    return so_fail(s->err, code, "%.*s: row %zu: %s%s%s", SO_STR_ARG(s->file), s->before + i + 1, location,
                   location[0] == '\0' ? "" : ": ", reason);
}

static int fail_violation(struct seeder *s, size_t i, const struct so_violation *v)
{
    return so_fail(s->err, SO_EINVAL, "%.*s: row %zu: %.*s: %.*s", SO_STR_ARG(s->file), s->before + i + 1,
                   SO_STR_ARG(v->instance_location), SO_STR_ARG(v->message));
}

static int check_members(struct seeder *s, size_t i)
{
    const struct so_json *row = &s->batch[i];
    if (row->type != SO_JSON_OBJECT)
        return fail_row(s, i, SO_EINVAL, "", "a row is an object");
    for (uint32_t m = 0; m < row->len; m++) {
        struct so_str name = so_json_key(&row->u.members[m]);
        if (so_table_field(s->table, name) != NULL)
            continue;
        return so_fail(s->err, SO_EINVAL, "%.*s: row %zu: the table has no column \"%.*s\"", SO_STR_ARG(s->file),
                       s->before + i + 1, SO_STR_ARG(name));
    }
    return SO_OK;
}

/* INSERT INTO t (a, ...) SELECT a value or the default, ... FROM so_input(?1) RETURNING a, ... */
static void put_insert(struct so_buf *b, const struct so_table *t)
{
    so_buf_lit(b, "INSERT INTO ");
    so_sql_put_name(b, t->name);
    for (size_t f = 0; f < t->field_count; f++) {
        so_buf_puts(b, f == 0 ? " (" : ", ");
        so_sql_put_name(b, t->fields[f].name);
    }
    for (size_t f = 0; f < t->field_count; f++) {
        so_buf_puts(b, f == 0 ? ") SELECT " : ", ");
        if (t->fields[f].default_sql.p == NULL)
            so_buf_printf(b, "so_value(?1, i, %zu)", f);
        else
            so_buf_printf(b, "CASE WHEN so_has(?1, i, %zu) THEN so_value(?1, i, %zu) ELSE %.*s END", f, f,
                          SO_STR_ARG(t->fields[f].default_sql));
    }
    so_buf_lit(b, " FROM so_input(?1)");
    for (size_t f = 0; f < t->field_count; f++) {
        so_buf_puts(b, f == 0 ? " RETURNING " : ", ");
        so_sql_put_name(b, t->fields[f].name);
    }
}

static int make_shape(struct seeder *s, struct so_shape *out)
{
    const struct so_table *t = s->table;
    struct so_field *fields = so_alloc_array(&s->arena, t->field_count, sizeof(*fields));
    if (fields == NULL)
        return so_err_oom(s->err);
    for (size_t f = 0; f < t->field_count; f++) {
        fields[f] = (struct so_field){so_field_key(&s->arena, t->fields[f].name), SO_FIELD_VALUE, t->fields[f].type};
        if (fields[f].key.p == NULL)
            return so_err_oom(s->err);
    }
    *out = (struct so_shape){.fields = fields, .field_count = t->field_count};
    return SO_OK;
}

/* The row as it is stored, defaults included, against the schema. */
static int check_stored(struct seeder *s, size_t i, const struct so_shape *shape, struct so_stmt *st, struct so_buf *text)
{
    struct so_json row;
    const struct so_violation *violation = NULL;
    so_buf_reset(text);
    so_shape_put_row(shape, st, 0, text);
    int rc = so_buf_check(text, "a row", s->err);
    if (rc == SO_OK)
        rc = so_json_parse(&s->arena, so_buf_str(text), NULL, &row, s->err);
    if (rc == SO_OK)
        rc = so_table_validate(s->table, &row, -1, &s->arena, &violation, s->err);
    return rc == SO_OK && violation != NULL ? fail_violation(s, i, violation) : rc;
}

static int run_insert(struct seeder *s, struct so_stmt *st, const struct so_input *input)
{
    static const struct so_identity NOBODY = {.role = SO_ROLE_SERVICE};
    struct so_shape shape;
    struct so_err cause = SO_ERR_INIT;
    bool row = true;
    int rc = make_shape(s, &shape);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_pointer(st, 1, input, SO_INPUT_KIND);
    so_identity_bind(&NOBODY, st);
    struct so_buf text;
    so_buf_init(&text, BATCH_BYTES_MAX);
    for (size_t i = 0; rc == SO_OK; i++) {
        if (so_stmt_step(st, &row, &cause) != SO_OK) {
            rc = so_fail_http(s->err, cause.code, cause.status, cause.id, "%.*s: rows %zu to %zu: %s", SO_STR_ARG(s->file),
                              s->before + 1, s->before + s->count, cause.message);
            break;
        }
        if (!row)
            break;
        rc = check_stored(s, i, &shape, st, &text);
    }
    so_buf_deinit(&text);
    return rc;
}

/* ---- one batch, on PostgreSQL ---- */

/* INSERT INTO t (a, ...) SELECT a, ... FROM jsonb_populate_record(NULL::t, ?1) RETURNING the row as JSON.  A column that the
 * row does not name is left to the table's default.  A decimal is a text in JSON, as its schema says. */
static void put_row_insert(struct so_buf *b, const struct so_table *t, const struct so_json *row)
{
    struct so_buf names;
    so_buf_init(&names, 1 << 20);
    for (uint32_t m = 0; m < row->len; m++) {
        so_buf_puts(&names, m == 0 ? "" : ", ");
        so_sql_put_name(&names, so_json_key(&row->u.members[m]));
    }
    so_buf_lit(b, "INSERT INTO ");
    so_sql_put_name(b, t->name);
    if (row->len == 0)
        so_buf_lit(b, " DEFAULT VALUES");
    else
        so_buf_printf(b, " (%s) SELECT %s FROM jsonb_populate_record(NULL::", so_buf_cstr(&names), so_buf_cstr(&names));
    if (row->len > 0) {
        so_sql_put_name(b, t->name);
        so_buf_lit(b, ", ?1::jsonb)");
    }
    so_buf_lit(b, " RETURNING (to_jsonb(");
    so_sql_put_name(b, t->name);
    so_buf_lit(b, ".*)");
    for (size_t f = 0; f < t->field_count; f++) {
        if (t->fields[f].type != SO_TYPE_DECIMAL)
            continue;
        so_buf_lit(b, " || jsonb_build_object(");
        so_sql_put_text(b, t->fields[f].name);
        so_buf_lit(b, ", ");
        so_sql_put_name(b, t->name);
        so_buf_putc(b, '.');
        so_sql_put_name(b, t->fields[f].name);
        so_buf_lit(b, "::text)");
    }
    so_buf_lit(b, ")::text");
    b->rc = b->rc == SO_OK ? names.rc : b->rc;
    so_buf_deinit(&names);
}

static int insert_row(struct seeder *s, size_t i, struct so_str sql, struct so_str json)
{
    struct so_stmt *st;
    struct so_err cause = SO_ERR_INIT;
    struct so_json row;
    const struct so_violation *violation = NULL;
    bool there = false;
    int rc = so_conn_prepare(s->conn, sql, &st, &cause);
    if (rc != SO_OK)
        return fail_row(s, i, rc, "", cause.message);
    if (s->batch[i].len > 0)
        so_stmt_bind_text(st, 1, json);
    rc = so_stmt_step(st, &there, &cause);
    if (rc == SO_OK && there)
        rc = so_json_parse(&s->arena, so_stmt_text(st, 0), NULL, &row, &cause);
    if (rc != SO_OK)
        rc = so_fail_http(s->err, cause.code, cause.status, cause.id, "%.*s: row %zu: %s", SO_STR_ARG(s->file),
                          s->before + i + 1, cause.message);
    else if (there)
        rc = so_table_validate(s->table, &row, -1, &s->arena, &violation, s->err);
    so_stmt_done(st);
    return rc == SO_OK && violation != NULL ? fail_violation(s, i, violation) : rc;
}

static int write_rows(struct seeder *s)
{
    struct so_buf sql, json;
    int rc = SO_OK;
    so_buf_init(&sql, 16 << 20);
    so_buf_init(&json, BATCH_BYTES_MAX);
    for (size_t i = 0; rc == SO_OK && i < s->count; i++) {
        so_buf_reset(&sql);
        so_buf_reset(&json);
        put_row_insert(&sql, s->table, &s->batch[i]);
        so_json_put(&json, &s->batch[i]);
        rc = so_buf_check(&sql, "the statement", s->err);
        if (rc == SO_OK)
            rc = so_buf_check(&json, "a row", s->err);
        if (rc == SO_OK)
            rc = insert_row(s, i, so_buf_str(&sql), so_buf_str(&json));
    }
    so_buf_deinit(&json);
    so_buf_deinit(&sql);
    s->before += rc == SO_OK ? s->count : 0;
    s->count = 0;
    return rc;
}

static int write_batch(struct seeder *s)
{
    const struct so_table *t = s->table;
    struct so_input_column *columns = so_alloc_array(&s->arena, t->field_count, sizeof(*columns));
    struct so_stmt *st;
    int rc = columns == NULL ? so_err_oom(s->err) : SO_OK;
    for (size_t i = 0; rc == SO_OK && i < s->count; i++)
        rc = check_members(s, i);
    if (rc != SO_OK || s->count == 0 || s->is_postgres)
        return rc == SO_OK && s->count > 0 ? write_rows(s) : rc;
    for (size_t f = 0; f < t->field_count; f++)
        columns[f] = (struct so_input_column){t->fields[f].name, t->fields[f].type};
    const struct so_input input = {s->batch, s->count, columns, t->field_count};
    struct so_buf sql;
    so_buf_init(&sql, 16 << 20);
    put_insert(&sql, t);
    rc = so_buf_check(&sql, "the statement", s->err);
    if (rc == SO_OK)
        rc = so_conn_prepare(s->conn, so_buf_str(&sql), &st, s->err);
    so_buf_deinit(&sql);
    if (rc != SO_OK)
        return rc;
    rc = run_insert(s, st, &input);
    so_stmt_done(st);
    s->before += s->count;
    s->count = 0;
    return rc;
}

/* ---- files ---- */

static int fail_syntax(struct seeder *s, size_t line, const struct so_err *cause)
{
    if (cause->code == SO_ENOMEM)
        return so_err_oom(s->err);
    return so_fail(s->err, cause->code, "%.*s: not JSON: line %zu: %s", SO_STR_ARG(s->file), line, cause->message);
}

static int read_array(struct seeder *s, struct so_str text)
{
    struct so_arena whole; /* of all rows; the batch's own is reset between batches */
    struct so_json rows;
    struct so_err cause = SO_ERR_INIT;
    so_arena_init(&whole, (size_t)4 * FILE_BYTES_MAX);
    int rc = so_json_parse(&whole, text, NULL, &rows, &cause);
    if (rc != SO_OK) {
        size_t line = 1;
        for (size_t i = 0; i < text.n && i < cause.at; i++)
            line += text.p[i] == '\n';
        rc = fail_syntax(s, line, &cause);
    } else if (rows.type != SO_JSON_ARRAY) {
        rc = so_fail(s->err, SO_EINVAL, "%.*s: should be an array of rows", SO_STR_ARG(s->file));
    }
    for (uint32_t i = 0; rc == SO_OK && i < rows.len; i++) {
        s->batch[s->count++] = rows.u.items[i];
        if (s->count < BATCH_ROWS && i + 1 < rows.len)
            continue;
        rc = write_batch(s);
        so_arena_reset(&s->arena);
    }
    so_arena_deinit(&whole);
    return rc;
}

static int read_lines(struct seeder *s, struct so_str text)
{
    struct so_str rest = text, line;
    int rc = SO_OK;
    for (size_t number = 1; rc == SO_OK && so_str_split(&rest, '\n', &line); number++) {
        struct so_err cause = SO_ERR_INIT;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (so_str_trim(line).n == 0)
            continue;
        if (so_json_parse(&s->arena, line, NULL, &s->batch[s->count], &cause) != SO_OK)
            return fail_syntax(s, number, &cause);
        if (++s->count < BATCH_ROWS)
            continue;
        rc = write_batch(s);
        so_arena_reset(&s->arena);
    }
    return rc == SO_OK ? write_batch(s) : rc;
}

static const struct {
    const char *suffix;
    int (*read)(struct seeder *s, struct so_str text);
} FORMATS[] = {{".json", read_array}, {".jsonl", read_lines}};

static int is_empty(struct seeder *s, bool *out)
{
    struct so_stmt *st;
    bool row = false;
    struct so_str sql = so_arena_printf(&s->arena, "SELECT 1 FROM \"%.*s\" LIMIT 1", SO_STR_ARG(s->table->name));
    if (sql.p == NULL)
        return so_err_oom(s->err);
    int rc = so_conn_prepare(s->conn, sql, &st, s->err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, s->err);
    so_stmt_done(st);
    *out = !row;
    return rc;
}

static int seed_file(struct seeder *s, const char *path, int (*read)(struct seeder *s, struct so_str text))
{
    bool empty = false;
    int rc = is_empty(s, &empty);
    if (rc != SO_OK || !empty)
        return rc;
    struct so_arena rows;
    struct so_buf text;
    so_arena_init(&rows, BATCH_ROWS * sizeof(*s->batch) + 4096);
    so_buf_init(&text, FILE_BYTES_MAX);
    s->batch = so_alloc_array(&rows, BATCH_ROWS, sizeof(*s->batch));
    rc = s->batch == NULL ? so_err_oom(s->err) : so_fs_read(path, &text, s->err);
    if (rc == SO_OK)
        rc = read(s, so_buf_str(&text));
    so_buf_deinit(&text);
    so_arena_deinit(&rows);
    return rc;
}

static int seed_table(const char *dir, struct seeder *s)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(FORMATS); i++) {
        struct so_arena names;
        so_arena_init(&names, 64 * 1024);
        s->file = so_arena_printf(&names, "seed/%.*s%s", SO_STR_ARG(s->table->name), FORMATS[i].suffix);
        struct so_str path = s->file.p == NULL ? s->file : so_arena_printf(&names, "%s/%s", dir, s->file.p);
        if (path.p == NULL)
            rc = so_err_oom(s->err);
        else if (so_fs_exists(path.p))
            rc = seed_file(s, path.p, FORMATS[i].read);
        so_arena_deinit(&names);
    }
    return rc;
}

/* ---- all tables ---- */

/* References were not enforced row by row, so that rows may come in any order. */
static int check_references(const struct so_model *model, struct so_conn *conn, struct so_err *err)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < model->table_count; i++) {
        struct so_stmt *st;
        bool row = false;
        rc = so_conn_prepare(conn, SO_STR("SELECT parent FROM pragma_foreign_key_check(?1)"), &st, err);
        if (rc != SO_OK)
            return rc;
        so_stmt_bind_text(st, 1, model->tables[i]->name);
        rc = so_stmt_step(st, &row, err);
        if (rc == SO_OK && row) {
            struct so_str parent = so_stmt_text(st, 0);
            rc = so_fail_http(err, SO_EINVAL, 0, "23503", "seed/%.*s: a row refers to a row of %.*s that is not there",
                              SO_STR_ARG(model->tables[i]->name), SO_STR_ARG(parent));
        }
        so_stmt_done(st);
    }
    return rc;
}

/* The transaction's, where the tables are; references may lead to rows that come later. */
static int use_schema(const struct so_catalog *catalog, struct so_conn *conn, struct so_err *err)
{
    struct so_buf sql;
    so_buf_init(&sql, 1024);
    so_buf_lit(&sql, "SET LOCAL search_path TO ");
    so_sql_put_name(&sql, catalog->schema_count > 0 ? catalog->schemas[0].name : SO_STR("public"));
    so_buf_lit(&sql, "; SET CONSTRAINTS ALL DEFERRED");
    int rc = so_buf_check(&sql, "the statement", err);
    if (rc == SO_OK)
        rc = so_conn_exec(conn, so_buf_cstr(&sql), err);
    so_buf_deinit(&sql);
    return rc;
}

/* References are checked, and keys that count go on after the highest that was given. */
static int close_batch(const struct so_model *model, struct so_conn *conn, struct so_err *err)
{
    struct so_buf sql, table;
    so_buf_init(&sql, 1 << 20);
    so_buf_init(&table, 1024);
    so_buf_lit(&sql, "SET CONSTRAINTS ALL IMMEDIATE");
    for (size_t i = 0; i < model->table_count; i++) {
        const struct so_table *t = model->tables[i];
        const struct so_field_rule *key = t->primary_key_count == 1 ? so_table_field(t, t->primary_key[0]) : NULL;
        if (key == NULL || key->type != SO_TYPE_INTEGER)
            continue;
        so_buf_reset(&table);
        so_sql_put_name(&table, t->name);
        so_buf_lit(&sql, ";\nSELECT setval(pg_get_serial_sequence(");
        so_sql_put_text(&sql, so_buf_str(&table));
        so_buf_lit(&sql, ", ");
        so_sql_put_text(&sql, key->name);
        so_buf_lit(&sql, "), coalesce(max(");
        so_sql_put_name(&sql, key->name);
        so_buf_printf(&sql, "), 0) + 1, false) FROM %s", so_buf_cstr(&table));
    }
    int rc = so_buf_check(&sql, "the statement", err);
    if (rc == SO_OK)
        rc = so_conn_exec(conn, so_buf_cstr(&sql), err);
    so_buf_deinit(&table);
    so_buf_deinit(&sql);
    return rc;
}

int so_seed_load(const char *dir, const struct so_model *model, const struct so_catalog *catalog, struct so_conn *conn,
                 size_t *out_rows, struct so_err *err)
{
    bool is_postgres = catalog != NULL && catalog->engine == SO_ENGINE_POSTGRES;
    size_t rows = 0;
    int rc = is_postgres ? use_schema(catalog, conn, err) : so_conn_exec(conn, "PRAGMA defer_foreign_keys=ON", err);
    for (size_t i = 0; rc == SO_OK && i < model->table_count; i++) {
        struct seeder s = {.table = model->tables[i], .conn = conn, .is_postgres = is_postgres, .err = err};
        so_arena_init(&s.arena, BATCH_BYTES_MAX);
        rc = seed_table(dir, &s);
        so_arena_deinit(&s.arena);
        rows += s.before;
    }
    if (rc == SO_OK && rows > 0)
        rc = is_postgres ? close_batch(model, conn, err) : check_references(model, conn, err);
    if (!is_postgres && so_conn_exec(conn, "PRAGMA defer_foreign_keys=OFF", rc == SO_OK ? err : NULL) != SO_OK &&
        rc == SO_OK)
        rc = SO_EDB;
    if (rc == SO_OK)
        *out_rows = rows;
    return rc;
}
