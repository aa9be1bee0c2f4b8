/* schema_testing.h: schemas and instances from string literals. */
#ifndef SO_TESTS_SCHEMA_TESTING_H
#define SO_TESTS_SCHEMA_TESTING_H

#include "../testing.h"

#include "core/mem.h"
#include "schema/schema.h"

/* Parses what the test wrote; single quotes stand for double ones. */
static inline struct so_json json_of(struct so_arena *arena, const char *text)
{
    struct so_err err = SO_ERR_INIT;
    struct so_json v;
    struct so_str copy = so_arena_dup(arena, so_str_c(text));
    assert_non_null(copy.p);
    for (char *p = (char *)(uintptr_t)copy.p; *p != '\0'; p++)
        if (*p == '\'')
            *p = '"';
    if (so_json_parse(arena, copy, NULL, &v, &err) != SO_OK)
        fail_msg("%s: %s", text, err.message);
    return v;
}

static inline struct so_schema *schema_of(const char *text, const struct so_schema_options *options)
{
    struct so_arena arena;
    struct so_err err = SO_ERR_INIT;
    struct so_schema *s = NULL;
    so_arena_init(&arena, 64 << 20);
    struct so_json root = json_of(&arena, text);
    if (so_schema_compile(&root, options, &s, &err) != SO_OK)
        fail_msg("%s: %s %s", text, err.details, err.message);
    so_arena_deinit(&arena);
    return s;
}

#endif
