/* ddl.c: tables and indexes of the model as SQLite's CREATE statements.
 *
 * Uniqueness is always an index of its own, never a clause of the table: an index can be made and dropped in place, a clause
 * only with the whole table anew. */
#include "model/ddl.h"

#include "model/sql_text.h"

static bool in_primary_key(const struct so_table *table, struct so_str name)
{
    for (size_t i = 0; i < table->primary_key_count; i++) {
        if (so_str_eq(table->primary_key[i], name))
            return true;
    }
    return false;
}

bool so_ddl_is_row_number(const struct so_table *table, const struct so_field_rule *field)
{
    return field->type == SO_TYPE_INTEGER && table->primary_key_count == 1 && in_primary_key(table, field->name);
}

static void put_default(struct so_buf *b, struct so_str sql)
{
    /* An expression stands in parentheses; ALTER TABLE ADD COLUMN takes constants only without them. */
    char first = sql.p[0];
    bool constant = first == '\'' || first == '-' || (first >= '0' && first <= '9') || first == '.';
    so_buf_printf(b, constant ? " DEFAULT %.*s" : " DEFAULT (%.*s)", SO_STR_ARG(sql));
}

void so_ddl_put_column(struct so_buf *b, const struct so_table *table, const struct so_field_rule *field)
{
    so_sql_put_name(b, field->name);
    if (so_ddl_is_row_number(table, field)) {
        so_buf_lit(b, " INTEGER PRIMARY KEY");
    } else {
        so_buf_printf(b, " %s", so_type_info(field->type)->sqlite_decl);
        if (field->required)
            so_buf_lit(b, " NOT NULL");
        if (field->default_in_ddl)
            put_default(b, field->default_ddl);
    }
    if (field->references_table.n == 0)
        return;
    so_ddl_put_references(b, field);
}

void so_ddl_put_references(struct so_buf *b, const struct so_field_rule *field)
{
    so_buf_lit(b, " REFERENCES ");
    so_sql_put_name(b, field->references_table);
    so_buf_putc(b, '(');
    so_sql_put_name(b, field->references_column);
    so_buf_putc(b, ')');
    if (field->on_delete.n > 0)
        so_buf_printf(b, " ON DELETE %.*s", SO_STR_ARG(field->on_delete));
}

static void put_names(struct so_buf *b, const struct so_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            so_buf_lit(b, ", ");
        so_sql_put_name(b, names[i]);
    }
}

void so_ddl_put_table(struct so_buf *b, const struct so_table *table, struct so_str name)
{
    bool row_number = false;
    so_buf_lit(b, "CREATE TABLE ");
    so_sql_put_name(b, name);
    so_buf_lit(b, " (");
    for (size_t i = 0; i < table->field_count; i++) {
        so_buf_puts(b, i == 0 ? "\n  " : ",\n  ");
        so_ddl_put_column(b, table, &table->fields[i]);
        row_number = row_number || so_ddl_is_row_number(table, &table->fields[i]);
    }
    if (table->primary_key_count > 0 && !row_number) {
        so_buf_lit(b, ",\n  PRIMARY KEY (");
        put_names(b, table->primary_key, table->primary_key_count);
        so_buf_putc(b, ')');
    }
    so_buf_lit(b, "\n)");
}

void so_ddl_put_index(struct so_buf *b, struct so_str table, const struct so_index_rule *index)
{
    so_buf_puts(b, index->unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
    so_sql_put_name(b, index->name);
    so_buf_lit(b, " ON ");
    so_sql_put_name(b, table);
    so_buf_lit(b, " (");
    put_names(b, index->columns, index->column_count);
    so_buf_putc(b, ')');
}

/* ---- which indexes ---- */

struct so_str so_ddl_index_name(struct so_arena *arena, struct so_str table, const struct so_str *columns, size_t count,
                                bool unique)
{
    struct so_buf name;
    so_buf_init(&name, 64 * 1024);
    so_buf_put_str(&name, table);
    for (size_t i = 0; i < count; i++) {
        so_buf_putc(&name, '_');
        so_buf_put_str(&name, columns[i]);
    }
    so_buf_puts(&name, unique ? "_key" : "_idx");
    struct so_str out = name.rc == SO_OK ? so_arena_dup(arena, so_buf_str(&name)) : (struct so_str){NULL, 0};
    so_buf_deinit(&name);
    return out;
}

static size_t count_names(const struct so_str *names)
{
    size_t n = 0;
    while (names[n].p != NULL)
        n++;
    return n;
}

static bool begins_with(const struct so_str *names, size_t count, const struct so_str *head, size_t head_count)
{
    if (head_count > count)
        return false;
    for (size_t i = 0; i < head_count; i++) {
        if (!so_str_eq(names[i], head[i]))
            return false;
    }
    return true;
}

struct list {
    const struct so_table *table;
    struct so_arena *arena;
    struct so_index_rule *rules;
    size_t count;
};

/* Whether the primary key or an index already in the list serves as well. */
static bool is_covered(const struct list *l, const struct so_str *columns, size_t count, bool unique)
{
    const struct so_table *t = l->table;
    if (begins_with(t->primary_key, t->primary_key_count, columns, count) && (!unique || count == t->primary_key_count))
        return true;
    for (size_t i = 0; i < l->count; i++) {
        const struct so_index_rule *rule = &l->rules[i];
        if (begins_with(rule->columns, rule->column_count, columns, count) &&
            (!unique || (rule->unique && rule->column_count == count)))
            return true;
    }
    return false;
}

static int add(struct list *l, const struct so_str *columns, size_t count, bool unique, struct so_err *err)
{
    if (is_covered(l, columns, count, unique))
        return SO_OK;
    struct so_str name = so_ddl_index_name(l->arena, l->table->name, columns, count, unique);
    if (name.p == NULL)
        return so_err_oom(err);
    l->rules[l->count++] = (struct so_index_rule){name, columns, count, unique};
    return SO_OK;
}

int so_ddl_indexes(const struct so_table *table, struct so_arena *arena, const struct so_index_rule **out, size_t *out_count,
                   struct so_err *err)
{
    size_t max = table->index_count + table->unique_count + 2 * table->field_count;
    struct list l = {table, arena, so_alloc_array(arena, so_max_size(max, 1), sizeof(*l.rules)), 0};
    if (l.rules == NULL)
        return so_err_oom(err);
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < table->field_count; i++) {
        if (table->fields[i].unique)
            rc = add(&l, &table->fields[i].name, 1, true, err);
    }
    for (size_t i = 0; rc == SO_OK && i < table->unique_count; i++)
        rc = add(&l, table->uniques[i], count_names(table->uniques[i]), true, err);
    for (size_t i = 0; rc == SO_OK && i < table->index_count; i++)
        rc = add(&l, table->indexes[i], count_names(table->indexes[i]), false, err);
    for (size_t i = 0; rc == SO_OK && i < table->field_count; i++) {
        if (table->fields[i].references_table.n > 0)
            rc = add(&l, &table->fields[i].name, 1, false, err);
    }
    if (rc != SO_OK)
        return rc;
    *out = l.rules;
    *out_count = l.count;
    return SO_OK;
}
