/* logging.c: the triggers of the change log as SQLite's CREATE statements. */
#include "model/logging.h"

#include "model/sql_text.h"

/* Concatenations lean to the left, and SQLite bounds their depth at 1000: so many columns stand in parentheses together. */
enum { COLUMNS_TOGETHER = 32 };

static const struct {
    const char *verb, *name;
    bool has_old, has_new;
} TRIGGERS[SO_LOGGING_TRIGGERS] = {
    {"INSERT", "insert", false, true},
    {"UPDATE", "update", true, true},
    {"DELETE", "delete", true, false},
};

/* '"isbn" '||quote(new."isbn") */
static void put_column(struct so_buf *b, struct so_str column, const char *row, bool is_first)
{
    struct so_buf name;
    so_buf_init(&name, 1024);
    if (!is_first)
        so_buf_putc(&name, ',');
    so_sql_put_name(&name, column);
    so_buf_putc(&name, ' ');
    so_sql_put_text(b, so_buf_str(&name));
    so_buf_printf(b, "||quote(%s.", row);
    so_sql_put_name(b, column);
    so_buf_putc(b, ')');
    if (b->rc == SO_OK)
        b->rc = name.rc;
    so_buf_deinit(&name);
}

static void put_row(struct so_buf *b, const struct so_table *table, const char *row)
{
    for (size_t i = 0; i < table->field_count; i++) {
        if (i % COLUMNS_TOGETHER == 0)
            so_buf_puts(b, i == 0 ? "(" : ")||(");
        else
            so_buf_lit(b, "||");
        put_column(b, table->fields[i].name, row, i == 0);
    }
    so_buf_putc(b, ')');
}

void so_logging_put(struct so_buf *b, const struct so_table *table, size_t which)
{
    struct so_buf name;
    so_buf_init(&name, 1024);
    so_buf_printf(&name, SO_LOGGING_PREFIX "%s_%.*s", TRIGGERS[which].name, SO_STR_ARG(table->name));
    so_buf_lit(b, "CREATE TRIGGER ");
    so_sql_put_name(b, so_buf_str(&name));
    so_buf_printf(b, " AFTER %s ON ", TRIGGERS[which].verb);
    so_sql_put_name(b, table->name);
    so_buf_lit(b, " BEGIN INSERT INTO _socle_changes (at, \"table\", op, old, new)"
                  " VALUES (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ");
    so_sql_put_text(b, table->name);
    so_buf_printf(b, ", '%s', ", TRIGGERS[which].verb);
    if (TRIGGERS[which].has_old)
        put_row(b, table, "old");
    else
        so_buf_lit(b, "NULL");
    so_buf_lit(b, ", ");
    if (TRIGGERS[which].has_new)
        put_row(b, table, "new");
    else
        so_buf_lit(b, "NULL");
    so_buf_lit(b, "); END");
    if (b->rc == SO_OK)
        b->rc = name.rc;
    so_buf_deinit(&name);
}
