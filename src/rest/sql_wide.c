/* sql_wide.c: the cells of an embedded row as arguments, however many they are.
 *
 *   so_rows(?1, c0, c1)                                             up to SO_SHAPE_CELLS_MAX
 *   so_rows(?1, so_members(?2, c0, ...), so_members(?3, c126, ...))     more, each part with its own piece of the shape */
#include "rest/sql_int.h"

static void put_names(struct so_sqlb *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        so_text_lit(&b->text, ", c");
        so_text_u64(&b->text, i);
    }
}

static size_t part_end(const struct so_shape *shape, size_t from)
{
    return shape->field_count - from < SO_SHAPE_CELLS_MAX ? shape->field_count : from + SO_SHAPE_CELLS_MAX;
}

/* The shape of the parts, then that of each part; NULL without memory. */
static const struct so_shape *split(struct so_arena *arena, const struct so_shape *shape, size_t parts)
{
    struct so_field *fields = so_alloc_array(arena, parts, sizeof(*fields));
    struct so_shape *shapes = so_alloc_array(arena, parts + 1, sizeof(*shapes));
    if (fields == NULL || shapes == NULL)
        return NULL;
    shapes[0] = (struct so_shape){fields, parts, false};
    for (size_t i = 0; i < parts; i++) {
        size_t from = i * SO_SHAPE_CELLS_MAX;
        fields[i] = (struct so_field){SO_STR(""), SO_FIELD_MEMBERS, SO_TYPE_TEXT};
        shapes[i + 1] = (struct so_shape){shape->fields + from, part_end(shape, from) - from, shape->strip_nulls};
    }
    return shapes;
}

void so_sqlb_put_cells(struct so_sqlb *b, const struct so_shape *shape)
{
    if (shape->field_count <= SO_SHAPE_CELLS_MAX) {
        so_sqlb_put_shape(b, shape);
        put_names(b, 0, shape->field_count);
        return;
    }
    size_t parts = (shape->field_count + SO_SHAPE_CELLS_MAX - 1) / SO_SHAPE_CELLS_MAX;
    const struct so_shape *shapes = split(b->plan->arena, shape, parts);
    if (shapes == NULL) {
        b->text.failed = true;
        return;
    }
    so_sqlb_put_shape(b, &shapes[0]);
    for (size_t i = 0; i < parts; i++) {
        so_text_lit(&b->text, ", so_members(");
        so_sqlb_put_shape(b, &shapes[i + 1]);
        put_names(b, i * SO_SHAPE_CELLS_MAX, part_end(shape, i * SO_SHAPE_CELLS_MAX));
        so_text_char(&b->text, ')');
    }
}
