/* changes_fuzz.c: a filter as a stranger writes it, against a row of the change log.  Input: the filter, a newline, the row.
 */
#include <stdlib.h>
#include <string.h>

#include "realtime/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct so_column COLUMNS[] = {
    {.name = SO_STR_INIT("s"), .type = SO_TYPE_TEXT, .index = 0},
    {.name = SO_STR_INIT("i"), .type = SO_TYPE_INTEGER, .index = 1},
    {.name = SO_STR_INIT("f"), .type = SO_TYPE_NUMERIC, .index = 2},
    {.name = SO_STR_INIT("b"), .type = SO_TYPE_BOOLEAN, .index = 3},
    {.name = SO_STR_INIT("j"), .type = SO_TYPE_JSON, .index = 4},
    {.name = SO_STR_INIT("d"), .type = SO_TYPE_DECIMAL, .index = 5},
    {.name = SO_STR_INIT("x"), .type = SO_TYPE_BLOB, .index = 6},
    {.name = SO_STR_INIT("t"), .type = SO_TYPE_TIMESTAMPTZ, .index = 7},
};

static bool may_read(const void *arg, const struct so_column *column)
{
    (void)arg, (void)column;
    return true;
}

static void run(struct so_arena *arena, const struct so_relation *relation, struct so_str text, struct so_str row_text)
{
    struct so_err err = SO_ERR_INIT;
    struct so_change_filter filter = {0};
    struct so_row row;
    bool holds;
    char number[24];
    int filter_rc = so_change_filter_parse(text, relation, may_read, NULL, arena, &filter, &err);
    int row_rc = so_row_parse(row_text, arena, &row, &err);
    if (filter_rc != SO_OK || row_rc != SO_OK)
        return;
    if (so_change_filter_test(&filter, &row, arena, &holds, &err) != SO_OK)
        return;
    /* Who is found by value is found by the value of every row that the filter is true of. */
    const struct so_filter_term *by = so_change_filter_equality(&filter);
    if (by == NULL || !holds)
        return;
    char other[24];
    struct so_str want = so_filter_key(&by->values[0].cell, number);
    struct so_str have = so_filter_key(so_row_find(&row, by->column->name, by->column->index), other);
    if (!so_str_eq(want, have))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct so_arena arena;
    struct so_relation relation = {.name = SO_STR("t"), .columns = COLUMNS, .column_count = COUNT_OF(COLUMNS)};
    struct so_str input = {(const char *)data, size};
    size_t end = so_str_find_char(input, '\n', 0);
    so_arena_init(&arena, 64 << 20);
    so_map_init(&relation.by_name, &arena);
    bool is_ready = size > 0;
    for (size_t i = 0; i < COUNT_OF(COLUMNS); i++)
        is_ready = is_ready && so_map_put(&relation.by_name, COLUMNS[i].name, (void *)(uintptr_t)&COLUMNS[i]);
    if (is_ready)
        run(&arena, &relation, so_str_slice(input, 0, end),
            end == SO_STR_NONE ? SO_STR("") : so_str_slice(input, end + 1, size));
    so_arena_deinit(&arena);
    return 0;
}
