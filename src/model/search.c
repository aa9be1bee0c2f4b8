/* search.c: the full text index of a table as SQLite's statements (sqlite.org/fts5.html#external_content_tables).
 *
 * porter: words are compared by their stems, as by PostgreSQL's english; letters with accents stay what they are. */
#include "model/search.h"

#include "model/sql_text.h"

enum { STATEMENT_MAX = 256 * 1024 };

/* ---- names ---- */

static void put_index_name(struct so_buf *b, struct so_str table, const char *suffix)
{
    struct so_buf name;
    so_buf_init(&name, 1024);
    so_buf_printf(&name, SO_SEARCH_PREFIX "%.*s" SO_SEARCH_SUFFIX "%s", SO_STR_ARG(table), suffix);
    so_sql_put_name(b, so_buf_str(&name));
    if (b->rc == SO_OK)
        b->rc = name.rc;
    so_buf_deinit(&name);
}

static bool wanted(const struct so_table *t)
{
    for (size_t i = 0; i < t->field_count; i++)
        if (t->fields[i].search)
            return true;
    return false;
}

/* The searched columns, each with `row` before it: "old.". */
static void put_columns(struct so_buf *b, const struct so_table *t, const char *row)
{
    for (size_t i = 0; i < t->field_count; i++) {
        if (!t->fields[i].search)
            continue;
        so_buf_printf(b, ", %s", row);
        so_sql_put_name(b, t->fields[i].name);
    }
}

/* ---- the table and its triggers ---- */

static void put_table(struct so_buf *b, const struct so_table *t)
{
    so_buf_lit(b, "CREATE VIRTUAL TABLE ");
    put_index_name(b, t->name, "");
    so_buf_lit(b, " USING fts5(content=");
    so_sql_put_text(b, t->name);
    so_buf_lit(b, ", tokenize='porter unicode61 remove_diacritics 0'");
    put_columns(b, t, "");
    so_buf_lit(b, ")");
}

static void put_add(struct so_buf *b, const struct so_table *t)
{
    so_buf_lit(b, " INSERT INTO ");
    put_index_name(b, t->name, "");
    so_buf_lit(b, "(rowid");
    put_columns(b, t, "");
    so_buf_lit(b, ") VALUES (new.rowid");
    put_columns(b, t, "new.");
    so_buf_lit(b, ");");
}

/* The index wants to be told what it holds of a row that goes. */
static void put_remove(struct so_buf *b, const struct so_table *t)
{
    so_buf_lit(b, " INSERT INTO ");
    put_index_name(b, t->name, "");
    so_buf_putc(b, '(');
    put_index_name(b, t->name, "");
    so_buf_lit(b, ", rowid");
    put_columns(b, t, "");
    so_buf_lit(b, ") VALUES ('delete', old.rowid");
    put_columns(b, t, "old.");
    so_buf_lit(b, ");");
}

static void put_trigger(struct so_buf *b, const struct so_table *t, const char *suffix, const char *event)
{
    so_buf_lit(b, "CREATE TRIGGER ");
    put_index_name(b, t->name, suffix);
    so_buf_printf(b, " AFTER %s ON ", event);
    so_sql_put_name(b, t->name);
}

static void put_on_insert(struct so_buf *b, const struct so_table *t)
{
    put_trigger(b, t, "_insert", "INSERT");
    so_buf_lit(b, " BEGIN");
    put_add(b, t);
    so_buf_lit(b, " END");
}

static void put_on_delete(struct so_buf *b, const struct so_table *t)
{
    put_trigger(b, t, "_delete", "DELETE");
    so_buf_lit(b, " BEGIN");
    put_remove(b, t);
    so_buf_lit(b, " END");
}

static void put_on_update(struct so_buf *b, const struct so_table *t)
{
    put_trigger(b, t, "_update", "UPDATE");
    so_buf_lit(b, " WHEN old.rowid <> new.rowid");
    for (size_t i = 0; i < t->field_count; i++) {
        if (!t->fields[i].search)
            continue;
        so_buf_lit(b, " OR old.");
        so_sql_put_name(b, t->fields[i].name);
        so_buf_lit(b, " IS NOT new.");
        so_sql_put_name(b, t->fields[i].name);
    }
    so_buf_lit(b, " BEGIN");
    put_remove(b, t);
    put_add(b, t);
    so_buf_lit(b, " END");
}

static const struct {
    const char *suffix;
    void (*put)(struct so_buf *b, const struct so_table *t);
} OBJECTS[] = {{"", put_table}, {"_insert", put_on_insert}, {"_delete", put_on_delete}, {"_update", put_on_update}};

void so_search_put_create(struct so_buf *b, const struct so_table *t)
{
    for (size_t i = 0; i < COUNT_OF(OBJECTS); i++) {
        OBJECTS[i].put(b, t);
        so_buf_lit(b, ";\n");
    }
    so_buf_lit(b, "INSERT INTO ");
    put_index_name(b, t->name, "");
    so_buf_putc(b, '(');
    put_index_name(b, t->name, "");
    so_buf_lit(b, ") VALUES ('rebuild')");
}

void so_search_put_drop(struct so_buf *b, struct so_str table)
{
    for (size_t i = COUNT_OF(OBJECTS); i-- > 0;) {
        so_buf_puts(b, i > 0 ? "DROP TRIGGER IF EXISTS " : "DROP TABLE IF EXISTS ");
        put_index_name(b, table, OBJECTS[i].suffix);
        so_buf_puts(b, i > 0 ? ";\n" : "");
    }
}

/* ---- what is there ---- */

/* *out_there: the database has an object of this name; *out_same: made by this SQL. */
static int look_at(struct so_conn *conn, struct so_str name, struct so_str sql, bool *out_there, bool *out_same,
                   struct so_err *err)
{
    struct so_stmt *st;
    int rc = so_conn_prepare(conn, SO_STR("SELECT sql FROM sqlite_schema WHERE name = ?1"), &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_text(st, 1, name);
    rc = so_stmt_step(st, out_there, err);
    *out_same = rc == SO_OK && *out_there && so_str_eq(so_stmt_text(st, 0), sql);
    so_stmt_done(st);
    return rc;
}

int so_search_look(const struct so_table *t, struct so_str table, struct so_conn *conn, struct so_search_state *out,
                   struct so_err *err)
{
    struct so_search_state state = {.wanted = wanted(t), .fits = true};
    struct so_buf name, sql;
    so_buf_init(&name, 1024);
    so_buf_init(&sql, STATEMENT_MAX);
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(OBJECTS); i++) {
        bool there = false, same = false;
        so_buf_reset(&name);
        so_buf_reset(&sql);
        so_buf_printf(&name, SO_SEARCH_PREFIX "%.*s" SO_SEARCH_SUFFIX "%s", SO_STR_ARG(table), OBJECTS[i].suffix);
        OBJECTS[i].put(&sql, t);
        rc = so_buf_check(&name, "the migration", err);
        if (rc == SO_OK)
            rc = so_buf_check(&sql, "the migration", err);
        if (rc == SO_OK)
            rc = look_at(conn, so_buf_str(&name), so_buf_str(&sql), &there, &same, err);
        state.any |= there;
        state.fits &= state.wanted ? same : !there;
    }
    so_buf_deinit(&sql);
    so_buf_deinit(&name);
    if (rc == SO_OK)
        *out = state;
    return rc;
}

/* ---- what can be searched ---- */

int so_search_check(const struct so_table *t, struct so_place *at, struct so_err *err)
{
    if (!wanted(t))
        return SO_OK;
    at->keyword = "x-search";
    for (size_t i = 0; i < t->field_count; i++) {
        const struct so_field_rule *field = &t->fields[i];
        at->property = field->name;
        if (so_str_eq_nocase(field->name, SO_STR("rowid")) || so_str_eq_nocase(field->name, SO_STR("rank")))
            return so_place_fail(at, err, SO_EINVAL, "a table that is searched cannot have a column of this name");
        if (field->search && field->type != SO_TYPE_TEXT && field->type != SO_TYPE_JSON)
            return so_place_fail(at, err, SO_EINVAL, "only text can be searched, and this is %s",
                                 so_type_info(field->type)->name);
        if (field->search && t->primary_key_count == 0)
            return so_place_fail(at, err, SO_EINVAL, "needs a table with x-primary-key");
    }
    at->property = SO_STR("");
    at->keyword = NULL;
    return SO_OK;
}
