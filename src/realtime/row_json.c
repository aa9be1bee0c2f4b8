/* row_json.c: rows of PostgreSQL's log, which are JSON objects; and their cells as filters compare them. */
#include "db/input.h"
#include "realtime/row.h"
#include "json/write.h"

enum { DEPTH_MAX = SO_JSON_DEPTH_LIMIT, TEXT_MAX = 1 << 30 };

static struct so_cell cell_of(const struct so_json *v)
{
    struct so_cell cell = {.kind = SO_CELL_TEXT, .json = v};
    switch ((enum so_json_type)v->type) {
    case SO_JSON_NULL: return (struct so_cell){.kind = SO_CELL_NULL};
    case SO_JSON_FALSE:
    case SO_JSON_TRUE:
        cell.kind = SO_CELL_INTEGER;
        cell.integer = v->type == SO_JSON_TRUE;
        break;
    case SO_JSON_INT:
        cell.kind = SO_CELL_INTEGER;
        cell.integer = v->u.i;
        break;
    case SO_JSON_NUMBER:
        cell.kind = SO_CELL_REAL;
        cell.real = so_json_to_double(v);
        break;
    case SO_JSON_STRING: cell.bytes = so_json_str(v); break;
    default: break; /* its text is made when somebody compares it */
    }
    return cell;
}

int so_row_parse_json(struct so_str text, struct so_arena *arena, struct so_row *out, struct so_err *err)
{
    struct so_json *v = so_alloc(arena, sizeof(*v));
    if (v == NULL)
        return so_err_oom(err);
    int rc = so_json_parse(arena, text, &(struct so_json_options){.depth_max = DEPTH_MAX}, v, err);
    if (rc != SO_OK)
        return rc;
    if (v->type != SO_JSON_OBJECT)
        return so_fail(err, SO_EINVAL, "a row of the change log cannot be read");
    struct so_str *names = so_alloc_array(arena, (size_t)v->len + 1, sizeof(*names));
    struct so_cell *cells = so_alloc_array(arena, (size_t)v->len + 1, sizeof(*cells));
    if (names == NULL || cells == NULL)
        return so_err_oom(err);
    for (uint32_t i = 0; i < v->len; i++) {
        names[i] = so_json_key(&v->u.members[i]);
        cells[i] = cell_of(&v->u.members[i].value);
    }
    *out = (struct so_row){names, cells, v->len, text};
    return SO_OK;
}

/* {"a":1} in a column that is no JSON to filters: an array of PostgreSQL, a row type. */
static int as_text(const struct so_cell *cell, struct so_arena *arena, struct so_cell *out, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, TEXT_MAX);
    so_json_put(&text, cell->json);
    int rc = so_buf_check(&text, "a cell", err);
    out->bytes = rc == SO_OK ? so_arena_dup(arena, so_buf_str(&text)) : (struct so_str){NULL, 0};
    so_buf_deinit(&text);
    return rc == SO_OK && out->bytes.p == NULL ? so_err_oom(err) : rc;
}

int so_cell_comparable(const struct so_cell *cell, enum so_type type, struct so_arena *arena, struct so_cell *out,
                       struct so_err *err)
{
    struct so_err cause = SO_ERR_INIT;
    struct so_json stored;
    *out = *cell;
    if (cell->json == NULL || cell->kind != SO_CELL_TEXT || type == SO_TYPE_JSON)
        return SO_OK;
    if (cell->json->type != SO_JSON_STRING)
        return as_text(cell, arena, out, err);
    if (type == SO_TYPE_TEXT)
        return SO_OK;
    int rc = so_input_convert(cell->json, type, arena, &stored, &cause);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK || stored.type != SO_JSON_STRING) /* "infinity", "NaN": as it stands */
        return SO_OK;
    out->kind = type == SO_TYPE_BLOB ? SO_CELL_BLOB : SO_CELL_TEXT;
    out->bytes = so_json_str(&stored);
    return SO_OK;
}
