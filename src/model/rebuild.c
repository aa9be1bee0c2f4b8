/* rebuild.c: make a table anew, for what ALTER TABLE cannot do (sqlite.org/lang_altertable.html section 7).
 *
 *   CREATE "_socle_new_t" -> INSERT ... SELECT -> DROP "t" -> RENAME -> indexes
 *
 * Foreign keys are not enforced meanwhile (so_db_migrate), or the DROP would delete what refers to the table; and
 * legacy_alter_table is on (apply.c), so that RENAME leaves alone what views, triggers and other tables say about "t". */
#include "model/convert.h"
#include "model/plan.h"
#include "model/sql_text.h"

static bool has_usable_default(const struct so_field_rule *field)
{
    return field->default_sql.p != NULL && so_str_find(field->default_sql, SO_STR(":auth_")) == SO_STR_NONE;
}

bool so_rebuild_fills(const struct so_table_diff *d, size_t f)
{
    const struct so_field_rule *field = &d->table->fields[f];
    return so_ddl_is_row_number(d->table, field) || has_usable_default(field);
}

void so_rebuild_put_converted(struct so_buf *b, const struct so_table_diff *d, size_t f, bool after_rename)
{
    const struct so_column *from = d->from[f];
    struct so_buf name;
    so_buf_init(&name, 1024);
    so_sql_put_name(&name, after_rename ? d->table->fields[f].name : from->name);
    so_convert_put(b, so_buf_cstr(&name), from->type, d->table->fields[f].type);
    if (b->rc == SO_OK)
        b->rc = name.rc;
    so_buf_deinit(&name);
}

void so_rebuild_put_value(struct so_buf *b, const struct so_table_diff *d, size_t f, bool after_rename)
{
    const struct so_field_rule *field = &d->table->fields[f];
    bool filled = has_usable_default(field) && !so_ddl_is_row_number(d->table, field);
    if (d->from[f] == NULL) {
        so_buf_put_str(b, filled ? field->default_sql : SO_STR("NULL"));
        return;
    }
    if (filled && field->required)
        so_buf_lit(b, "coalesce(");
    so_rebuild_put_converted(b, d, f, after_rename);
    if (filled && field->required)
        so_buf_printf(b, ", %.*s)", SO_STR_ARG(field->default_sql));
}

void so_rebuild_put(struct so_buf *b, const struct so_table_diff *d)
{
    const struct so_table *t = d->table;
    struct so_buf name;
    so_buf_init(&name, 256);
    so_buf_printf(&name, "_socle_new_%.*s", SO_STR_ARG(t->name));
    so_ddl_put_table(b, t, so_buf_str(&name));
    so_buf_lit(b, ";\nINSERT INTO ");
    so_sql_put_name(b, so_buf_str(&name));
    so_buf_lit(b, " (");
    for (size_t f = 0; f < t->field_count; f++) {
        so_buf_puts(b, f == 0 ? "" : ", ");
        so_sql_put_name(b, t->fields[f].name);
    }
    so_buf_lit(b, ")\nSELECT ");
    for (size_t f = 0; f < t->field_count; f++) {
        so_buf_puts(b, f == 0 ? "" : ", ");
        so_rebuild_put_value(b, d, f, true);
    }
    so_buf_lit(b, " FROM ");
    so_sql_put_name(b, t->name);
    so_buf_lit(b, ";\nDROP TABLE ");
    so_sql_put_name(b, t->name);
    so_buf_lit(b, ";\nALTER TABLE ");
    so_sql_put_name(b, so_buf_str(&name));
    so_buf_lit(b, " RENAME TO ");
    so_sql_put_name(b, t->name);
    for (size_t i = 0; i < d->index_count; i++) {
        so_buf_lit(b, ";\n");
        so_ddl_put_index(b, t->name, &d->indexes[i]);
    }
    if (b->rc == SO_OK)
        b->rc = name.rc;
    so_buf_deinit(&name);
}
