/* schema_fuzz.c: the input is a byte of options and a JSON array: a schema, then instances.
 * Whatever compiles must be judged alike by the instructions (so_schema_check) and rule by rule (verbose output), and a list
 * of violations must be empty exactly when the instance is valid. */
#include <stdlib.h>

#include "schema/schema.h"

static const enum so_draft DRAFTS[] = {SO_DRAFT_2020_12, SO_DRAFT_4, SO_DRAFT_6, SO_DRAFT_7, SO_DRAFT_2019_09};

static void judge(const struct so_schema *s, const struct so_json *v)
{
    struct so_arena arena;
    struct so_buf out;
    bool fast = false, slow = false;
    const struct so_violation *violations = NULL;
    so_arena_init(&arena, 64 << 20);
    so_buf_init(&out, 64 << 20);
    int rc = so_schema_check(s, v, &fast, NULL);
    int rc_list = so_schema_validate(s, v, &arena, 0, &violations, NULL);
    int rc_tree = so_schema_output(s, v, SO_OUTPUT_VERBOSE, &arena, &out, &slow, NULL);
    if (rc == SO_OK && rc_list == SO_OK && fast != (violations == NULL))
        abort();
    if (rc == SO_OK && rc_tree == SO_OK && fast != slow)
        abort();
    so_buf_deinit(&out);
    so_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct so_arena arena;
    struct so_json input;
    struct so_schema *s = NULL;
    const struct so_schema_options options = {.draft = DRAFTS[data[0] % COUNT_OF(DRAFTS)],
                                              .assert_format = (data[0] & 32) != 0,
                                              .assert_content = (data[0] & 64) != 0,
                                              .memory_max = 8 << 20};
    so_arena_init(&arena, 64 << 20);
    if (so_json_parse(&arena, so_str((const char *)data + 1, size - 1), NULL, &input, NULL) == SO_OK &&
        input.type == SO_JSON_ARRAY && input.len > 0 && so_schema_compile(&input.u.items[0], &options, &s, NULL) == SO_OK) {
        for (uint32_t i = 1; i < input.len; i++)
            judge(s, &input.u.items[i]);
        judge(s, &input); /* and one that it was not written for */
        so_schema_free(s);
    }
    so_arena_deinit(&arena);
    return 0;
}
