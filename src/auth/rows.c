/* rows.c: rows of our tables as structs of texts. */
#include "auth/rows.h"

static struct so_str *field(void *row, const struct so_row_column *column)
{
    return (struct so_str *)(void *)((char *)row + column->at);
}

static struct so_str field_of(const void *row, const struct so_row_column *column)
{
    return *(const struct so_str *)(const void *)((const char *)row + column->at);
}

int so_row_load(struct so_stmt *st, const struct so_row_column *columns, size_t count, void *row, struct so_arena *arena,
                struct so_err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct so_str text = so_stmt_text(st, (int)i + 1);
        *field(row, &columns[i]) = (struct so_str){NULL, 0};
        if (text.p == NULL)
            continue;
        text = so_arena_dup(arena, text);
        if (text.p == NULL)
            return so_err_oom(err);
        *field(row, &columns[i]) = text;
    }
    return SO_OK;
}

int so_rows_load(struct so_stmt *st, const struct so_row_column *columns, size_t count, size_t size, void **out_rows,
                 size_t *out_count, struct so_arena *arena, struct so_err *err)
{
    char *rows = NULL;
    size_t found = 0;
    int rc;
    for (bool row; (rc = so_stmt_step(st, &row, err)) == SO_OK && row; found++) {
        if (rows == NULL)
            rows = so_alloc_array(arena, (size_t)so_stmt_i64(st, (int)count + 1), size);
        rc = rows == NULL ? so_err_oom(err) : so_row_load(st, columns, count, rows + found * size, arena, err);
        if (rc != SO_OK)
            break;
    }
    so_stmt_done(st);
    if (rc != SO_OK)
        return rc;
    *out_rows = rows;
    *out_count = found;
    return SO_OK;
}

void so_row_values(const void *row, const struct so_row_column *columns, size_t count, struct so_str *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = field_of(row, &columns[i]);
}

void so_row_put_time(struct so_jw *w, struct so_str time)
{
    char text[64];
    struct so_str utc = SO_STR("+00:00");
    if (so_str_ends(time, utc) && time.n < sizeof(text)) {
        memcpy(text, time.p, time.n - utc.n);
        text[time.n - utc.n] = 'Z';
        time = so_str(text, time.n - utc.n + 1);
    }
    so_jw_str(w, time);
}

void so_row_put(struct so_jw *w, const struct so_row_column *columns, size_t count, const void *row)
{
    for (size_t i = 0; i < count; i++) {
        struct so_str value = field_of(row, &columns[i]);
        enum so_row_form form = columns[i].form;
        bool if_set = form == SO_ROW_TEXT_IF_SET || form == SO_ROW_TIME_IF_SET;
        if (form == SO_ROW_HIDDEN || (if_set && value.n == 0))
            continue;
        so_jw_key(w, so_str_c(columns[i].member));
        if (form == SO_ROW_TIME_IF_SET)
            so_row_put_time(w, value);
        else if (form == SO_ROW_JSON)
            so_jw_raw(w, value.n == 0 ? SO_STR("{}") : value);
        else if (form == SO_ROW_BOOL)
            so_jw_bool(w, so_str_eq_c(value, "1"));
        else
            so_jw_str(w, value.p == NULL ? SO_STR("") : value);
    }
}
