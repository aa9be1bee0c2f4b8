/* schema_fuzz.c: the input is a byte of options and then either a JSON array, a schema and instances, or (bit 128) two
 * texts: a pattern and what to match it with. Whatever compiles must be judged alike by the instructions (so_schema_check),
 * the list of violations, and every output form; what they write must be JSON. */
#include <stdlib.h>

#include "core/utf8.h"
#include "schema/schema.h"

enum { BIT_FORMAT = 32, BIT_CONTENT = 64, BIT_TEXT = 128, MEMORY_MAX = 64 << 20 };

static const enum so_draft DRAFTS[] = {SO_DRAFT_2020_12, SO_DRAFT_4, SO_DRAFT_6, SO_DRAFT_7, SO_DRAFT_2019_09};

static void judge_output(const struct so_schema *s, const struct so_json *v, enum so_schema_output form, bool want)
{
    struct so_arena arena;
    struct so_buf out;
    struct so_json written;
    bool valid = false;
    so_arena_init(&arena, MEMORY_MAX);
    so_buf_init(&out, MEMORY_MAX);
    if (so_schema_output(s, v, form, &arena, &out, &valid, NULL) == SO_OK) {
        const struct so_json_options deep = {.depth_max = SO_JSON_DEPTH_LIMIT};
        int rc = so_json_parse(&arena, so_buf_str(&out), &deep, &written, NULL);
        if (valid != want || rc == SO_EINVAL)
            abort();
    }
    so_buf_deinit(&out);
    so_arena_deinit(&arena);
}

static void judge(const struct so_schema *s, const struct so_json *v)
{
    struct so_arena arena;
    bool valid = false;
    const struct so_violation *violations = NULL;
    if (so_schema_check(s, v, &valid, NULL) != SO_OK)
        return;
    so_arena_init(&arena, MEMORY_MAX);
    if (so_schema_validate(s, v, &arena, 0, &violations, NULL) == SO_OK && valid != (violations == NULL))
        abort();
    so_arena_deinit(&arena);
    for (int form = SO_OUTPUT_FLAG; form <= SO_OUTPUT_VERBOSE; form++)
        judge_output(s, v, (enum so_schema_output)form, valid);
}

/* A schema in JSON and its instances. */
static void judge_schema(struct so_str text, const struct so_schema_options *options)
{
    struct so_arena arena;
    struct so_json input;
    struct so_schema *s = NULL;
    so_arena_init(&arena, MEMORY_MAX);
    if (so_json_parse(&arena, text, NULL, &input, NULL) == SO_OK && input.type == SO_JSON_ARRAY && input.len > 0 &&
        so_schema_compile(&input.u.items[0], options, &s, NULL) == SO_OK) {
        for (uint32_t i = 1; i < input.len; i++)
            judge(s, &input.u.items[i]);
        judge(s, &input); /* and one that it was not written for */
        so_schema_free(s);
    }
    so_arena_deinit(&arena);
}

static struct so_json_member member(const char *name, struct so_json value)
{
    struct so_str key = so_str_c(name);
    return (struct so_json_member){key.p, (uint32_t)key.n, so_json_key_hash(key), value};
}

/* {"pattern": text, "patternProperties": {text: false}} on the subject, as a value and as a name. */
static void judge_pattern(struct so_str pattern, struct so_str subject, const struct so_schema_options *options)
{
    struct so_schema *s = NULL;
    if (!so_utf8_valid(pattern) || !so_utf8_valid(subject))
        return;
    const struct so_json never = {.type = SO_JSON_FALSE};
    const struct so_json_member by_pattern = {pattern.p, (uint32_t)pattern.n, so_json_key_hash(pattern), never};
    const struct so_json_member rules[] = {
        member("pattern", so_json_make_str(pattern)),
        member("patternProperties", (struct so_json){.type = SO_JSON_OBJECT, .len = 1, .u.members = &by_pattern}),
    };
    const struct so_json root = {.type = SO_JSON_OBJECT, .len = COUNT_OF(rules), .u.members = rules};
    if (so_schema_compile(&root, options, &s, NULL) != SO_OK)
        return;
    const struct so_json text = so_json_make_str(subject);
    const struct so_json_member named = {subject.p, (uint32_t)subject.n, so_json_key_hash(subject), never};
    const struct so_json object = {.type = SO_JSON_OBJECT, .len = 1, .u.members = &named};
    bool matches = false, refused = false;
    if (so_schema_check(s, &text, &matches, NULL) == SO_OK && so_schema_check(s, &object, &refused, NULL) == SO_OK &&
        matches == refused) /* the name is refused exactly when the pattern takes it */
        abort();
    judge(s, &text);
    judge(s, &object);
    so_schema_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct so_schema_options options = {.draft = DRAFTS[data[0] % COUNT_OF(DRAFTS)],
                                              .assert_format = (data[0] & BIT_FORMAT) != 0,
                                              .assert_content = (data[0] & BIT_CONTENT) != 0,
                                              .memory_max = 8 << 20};
    struct so_str text = so_str((const char *)data + 1, size - 1), pattern;
    if ((data[0] & BIT_TEXT) == 0)
        judge_schema(text, &options);
    else if (so_str_split(&text, '\n', &pattern))
        judge_pattern(pattern, text, &options);
    return 0;
}
