/* csv_out.c: rows as CSV (RFC 4180).  Each row goes through the JSON writer, so that a value looks the same in both. */
#include "rest/op.h"
#include "json/write.h"

static void put_text(struct so_buf *body, struct so_str text)
{
    bool plain = true;
    for (size_t i = 0; plain && i < text.n; i++)
        plain = memchr("\",\r\n", text.p[i], 4) == NULL;
    if (plain) {
        so_buf_put_str(body, text);
        return;
    }
    so_buf_putc(body, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            so_buf_putc(body, '"');
        so_buf_putc(body, text.p[i]);
    }
    so_buf_putc(body, '"');
}

/* null is an empty field; true and false are t and f; what nests is JSON text. */
static void put_value(struct so_buf *body, const struct so_json *v, struct so_buf *scratch)
{
    switch ((enum so_json_type)v->type) {
    case SO_JSON_NULL: return;
    case SO_JSON_TRUE: so_buf_putc(body, 't'); return;
    case SO_JSON_FALSE: so_buf_putc(body, 'f'); return;
    case SO_JSON_STRING: put_text(body, so_json_str(v)); return;
    default:
        so_buf_reset(scratch);
        so_json_put(scratch, v);
        put_text(body, so_buf_str(scratch));
    }
}

static int put_header(const struct so_rest_op *op, struct so_buf *body, struct so_err *err)
{
    const struct so_shape *shape = &op->plan.top.shape;
    for (size_t i = 0; i < shape->field_count; i++) {
        struct so_str key = shape->fields[i].key; /* "name": */
        struct so_json name;
        int rc = so_json_parse(op->arena, so_str_slice(key, 0, key.n - 1), NULL, &name, err);
        if (rc != SO_OK)
            return rc;
        if (i > 0)
            so_buf_putc(body, ',');
        put_text(body, so_json_str(&name));
    }
    return SO_OK;
}

/* As the reference does it, '\n' stands between lines and not behind the last one. */
static int put_row(const struct so_rest_op *op, struct so_stmt *st, struct so_buf *body, struct so_buf *scratch,
                   struct so_err *err)
{
    struct so_json row;
    so_shape_put_row(&op->plan.top.shape, st, 0, scratch);
    int rc = so_buf_check(scratch, "a row", err);
    struct so_str text = rc == SO_OK ? so_arena_dup(op->arena, so_buf_str(scratch)) : (struct so_str){NULL, 0};
    if (rc == SO_OK && text.p == NULL)
        rc = so_err_oom(err);
    if (rc == SO_OK)
        rc = so_json_parse(op->arena, text, NULL, &row, err);
    so_buf_putc(body, '\n');
    for (uint32_t i = 0; rc == SO_OK && i < row.len; i++) {
        if (i > 0)
            so_buf_putc(body, ',');
        put_value(body, &row.u.members[i].value, scratch);
    }
    return rc;
}

int so_rest_put_csv(const struct so_rest_op *op, struct so_stmt *st, bool header, struct so_buf *body, struct so_err *err)
{
    if (header)
        return put_header(op, body, err);
    struct so_buf scratch;
    so_buf_init(&scratch, body->max);
    int rc = put_row(op, st, body, &scratch, err);
    so_buf_deinit(&scratch);
    return rc;
}
