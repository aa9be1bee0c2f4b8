/* payload.c: a change as the member "data" of the event (PROTOCOL.md section 7.9), with "seq" as our own addition. */
#include "db/blob.h"
#include "db/shape.h"
#include "realtime/changes_int.h"
#include "json/write.h"

enum {
    DATA_MAX = 1 << 20, /* bytes; a larger change is told with its key alone */
    WHOLE_MAX = 1 << 30
};

static const struct form_row {
    const char *type;
    bool has_new, has_old, old_is_key;
} FORMS[SO_FORM_COUNT] = {
    [SO_FORM_INSERT] = {"INSERT", true, false, false},    [SO_FORM_UPDATE] = {"UPDATE", true, true, false},
    [SO_FORM_UPDATE_KEY] = {"UPDATE", true, true, true},  [SO_FORM_DELETE] = {"DELETE", false, true, false},
    [SO_FORM_DELETE_KEY] = {"DELETE", false, true, true},
};

static void put_cell(struct so_buf *b, enum so_type type, const struct so_cell *cell)
{
    if (cell->json != NULL) { /* as PostgreSQL writes it */
        so_json_put(b, cell->json);
        return;
    }
    switch (cell->kind) {
    case SO_CELL_INTEGER:
        if (type == SO_TYPE_BOOLEAN)
            so_json_put_bool(b, cell->integer != 0);
        else
            so_json_put_i64(b, cell->integer);
        break;
    case SO_CELL_REAL: so_json_put_double(b, cell->real); break;
    case SO_CELL_TEXT: so_shape_put_text(type, cell->bytes, b); break;
    case SO_CELL_BLOB:
        so_buf_putc(b, '"');
        so_blob_put(b, cell->bytes);
        so_buf_putc(b, '"');
        break;
    default: so_buf_lit(b, "null"); break;
    }
}

static void put_row(struct so_buf *b, const struct so_watch *w, const struct so_projection *p, const struct so_row *row,
                    bool key_only)
{
    char before = '{';
    for (size_t i = 0; i < w->relation->column_count; i++) {
        const struct so_column *column = &w->relation->columns[i];
        if (!so_projection_shows(p, i) || (key_only && column->pk == 0))
            continue;
        so_buf_putc(b, before);
        before = ',';
        so_json_put_str(b, column->name);
        so_buf_putc(b, ':');
        put_cell(b, column->type, so_row_find(row, column->name, i));
    }
    so_buf_puts(b, before == '{' ? "{}" : "}");
}

static void put_data(struct so_buf *b, const struct so_watch *w, const struct so_projection *p, const struct form_row *form,
                     const struct so_change *change, bool is_too_large)
{
    bool lacks_key = w->relation->primary == NULL && (is_too_large || form->old_is_key);
    so_buf_lit(b, "{\"schema\":");
    so_json_put_str(b, w->relation->schema);
    so_buf_lit(b, ",\"table\":");
    so_json_put_str(b, w->relation->name);
    so_buf_printf(b, ",\"type\":\"%s\",\"commit_timestamp\":", form->type);
    so_json_put_str(b, change->at);
    so_buf_lit(b, ",\"seq\":");
    so_buf_put_i64(b, change->seq);
    so_buf_lit(b, ",\"columns\":");
    so_buf_put_str(b, p->columns_json);
    if (form->has_new) {
        so_buf_lit(b, ",\"record\":");
        put_row(b, w, p, &change->new_row, is_too_large);
    }
    if (form->has_old) {
        so_buf_lit(b, ",\"old_record\":");
        put_row(b, w, p, &change->old_row, is_too_large || form->old_is_key);
    }
    so_buf_puts(b, is_too_large && lacks_key ? ",\"errors\":[\"Error 413: Payload Too Large\","
                                               "\"Error 400: Bad Request, no primary key\"]}"
                   : is_too_large            ? ",\"errors\":[\"Error 413: Payload Too Large\"]}"
                   : lacks_key               ? ",\"errors\":[\"Error 400: Bad Request, no primary key\"]}"
                                             : ",\"errors\":null}");
}

int so_payload(struct so_changes *c, const struct so_watch *w, struct so_projection *p, enum so_form form,
               const struct so_change *change, struct so_str *out, struct so_err *err)
{
    if (p->generation != c->generation)
        memset(p->data, 0, sizeof(p->data));
    p->generation = c->generation;
    if (p->data[form].p == NULL) {
        struct so_buf b;
        so_buf_init(&b, DATA_MAX);
        put_data(&b, w, p, &FORMS[form], change, false);
        if (b.rc == SO_ELIMIT) {
            so_buf_deinit(&b);
            so_buf_init(&b, WHOLE_MAX); /* keys are small, as a rule */
            put_data(&b, w, p, &FORMS[form], change, true);
        }
        int rc = so_buf_check(&b, "a change", err);
        struct so_str data = rc == SO_OK ? so_arena_dup(&c->scratch, so_buf_str(&b)) : (struct so_str){NULL, 0};
        so_buf_deinit(&b);
        if (rc == SO_OK && data.p == NULL)
            rc = so_err_oom(err);
        if (rc != SO_OK)
            return rc;
        p->data[form] = data;
    }
    *out = p->data[form];
    return SO_OK;
}
