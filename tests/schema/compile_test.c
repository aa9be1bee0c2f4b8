/* compile_test.c: wrong schemas are refused with the place and the reason; documents are loaded; limits hold. */
#include "schema_testing.h"

static const struct {
    const char *schema;
    int code;
    const char *pointer, *reason; /* a part of the message */
} WRONG[] = {
    {"3", SO_EINVAL, "#", "must be an object"},
    {"{'type':'strin'}", SO_EINVAL, "#/type", "\"strin\" is no type"},
    {"{'type':[]}", SO_EINVAL, "#/type", "at least one"},
    {"{'properties':{'a/b':{'minimum':'1'}}}", SO_EINVAL, "#/properties/a~1b/minimum", "must be a number"},
    {"{'properties':{'a b':7}}", SO_EINVAL, "#/properties", "a schema must be"},
    {"{'minLength':-1}", SO_EINVAL, "#/minLength", "whole number"},
    {"{'maxItems':1.5}", SO_EINVAL, "#/maxItems", "whole number"},
    {"{'multipleOf':0}", SO_EINVAL, "#/multipleOf", "above 0"},
    {"{'required':'a'}", SO_EINVAL, "#/required", "array of property names"},
    {"{'required':['a',1]}", SO_EINVAL, "#/required", "item 1"},
    {"{'allOf':[]}", SO_EINVAL, "#/allOf", "at least one schema"},
    {"{'items':[true]}", SO_EINVAL, "#/items", "a schema must be"},
    {"{'pattern':'a)'}", SO_EINVAL, "#/pattern", "without its ("},
    {"{'patternProperties':{'(?<=a+)b':true}}", SO_EINVAL, "#/patternProperties/(?%3C=a+)b", "cannot be used"},
    {"{'$ref':'#/$defs/none'}", SO_ENOTFOUND, "#/$ref", "nothing at #/$defs/none"},
    {"{'$ref':'#none'}", SO_ENOTFOUND, "#/$ref", "no anchor \"none\""},
    {"{'$ref':'http://example.com/x'}", SO_ENOTFOUND, "#/$ref", "no schema \"http://example.com/x\""},
    {"{'$ref':'#/const','const':5}", SO_EINVAL, "#/$ref", "no schema"},
    {"{'$ref':'#'}", SO_EINVAL, "#", "never end"},
    {"{'$defs':{'a':{'not':{'$ref':'#/$defs/b'}},'b':{'anyOf':[{'$ref':'#/$defs/a'}]}},'$ref':'#/$defs/a'}", SO_EINVAL,
     "#/$defs/a", "never end"},
    {"{'$schema':'http://example.com/meta'}", SO_ENOTFOUND, "#/$schema", "no schema"},
    {"{'$defs':{'a':{'$anchor':'x'},'b':{'$anchor':'x'}}}", SO_EINVAL, "#/$defs/b/$anchor", "declared twice"},
    {"{'$defs':{'a':{'$id':'http://a/x'},'b':{'$id':'http://a/x'}}}", SO_EINVAL, "#/$defs/b/$id", "used twice"},
    {"{'$id':'http://a/x#y'}", SO_EINVAL, "#/$id", "fragment"},
    {"{'$anchor':'1a'}", SO_EINVAL, "#/$anchor", "name"},
};

static void wrong_schemas_are_refused_with_place_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(WRONG); i++) {
        struct so_arena arena;
        struct so_err err = SO_ERR_INIT;
        struct so_schema *s = NULL;
        so_arena_init(&arena, 1 << 20);
        struct so_json root = json_of(&arena, WRONG[i].schema);
        int rc = so_schema_compile(&root, NULL, &s, &err);
        if (rc != WRONG[i].code || strcmp(err.details, WRONG[i].pointer) != 0 ||
            strstr(err.message, WRONG[i].reason) == NULL)
            fail_msg("%s: %s %s: %s", WRONG[i].schema, so_code_name(rc), err.details, err.message);
        assert_null(s);
        assert_int_equal(so_schema_compile(&root, NULL, &s, NULL), WRONG[i].code); /* nobody has to listen */
        so_arena_deinit(&arena);
    }
}

static int load(void *arg, struct so_str uri, struct so_arena *arena, struct so_json *out, struct so_err *err)
{
    ++*(int *)arg;
    if (!so_str_eq_c(uri, "http://example.com/tree"))
        return SO_ENOTFOUND;
    return so_json_parse(arena,
                         SO_STR("{\"$dynamicAnchor\":\"node\",\"properties\":{\"children\":{\"items\":"
                                "{\"$dynamicRef\":\"#node\"}}}}"),
                         NULL, out, err);
}

static void documents_are_loaded_once(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_err err = SO_ERR_INIT;
    struct so_schema *s = NULL;
    int calls = 0;
    bool valid = true;
    const struct so_schema_options options = {
        .base_uri = SO_STR("http://example.com/strict"), .load = load, .load_arg = &calls};
    so_arena_init(&arena, 1 << 20);
    struct so_json root = json_of(&arena, "{'$dynamicAnchor':'node','$ref':'tree','unevaluatedProperties':false,"
                                          "'$defs':{'again':{'$ref':'tree'}}}");
    assert_int_equal(so_schema_compile(&root, &options, &s, &err), SO_OK);
    assert_int_equal(calls, 1);
    struct so_json good = json_of(&arena, "{'children':[{'children':[]}]}"),
                   bad = json_of(&arena, "{'children':[{'daat':1}]}");
    assert_int_equal(so_schema_check(s, &good, &valid, &err), SO_OK);
    assert_true(valid);
    assert_int_equal(so_schema_check(s, &bad, &valid, &err), SO_OK);
    assert_false(valid);
    so_schema_free(s);
    so_arena_deinit(&arena);
}

static void the_schema_owns_what_it_needs(void **state)
{
    (void)state;
    struct so_schema *s = schema_of("{'properties':{'kind':{'enum':['one','two']}},'required':['kind']}", NULL);
    struct so_arena arena; /* schema_of() has freed the source by now */
    so_arena_init(&arena, 1 << 20);
    struct so_json v = json_of(&arena, "{'kind':'two'}");
    bool valid = false;
    assert_int_equal(so_schema_check(s, &v, &valid, NULL), SO_OK);
    assert_true(valid);
    so_schema_free(s);
    so_arena_deinit(&arena);
}

static void memory_is_limited(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_err err = SO_ERR_INIT;
    struct so_schema *s = NULL;
    const struct so_schema_options options = {.memory_max = 16 * 1024};
    so_arena_init(&arena, 1 << 24);
    struct so_json root = json_of(&arena, "{'$ref':'https://json-schema.org/draft/2020-12/schema'}");
    assert_int_equal(so_schema_compile(&root, &options, &s, &err), SO_ELIMIT);
    so_arena_deinit(&arena);
}

/* Each definition applies the next one twice: 2^40 when written out. */
static void reference_bombs_stay_small(void **state)
{
    (void)state;
    static char text[16384];
    char *at = text + sprintf(text, "{'$ref':'#/$defs/a0','unevaluatedProperties':false,'$defs':{'a40':{'minimum':5}");
    for (int i = 0; i < 40; i++)
        at += sprintf(at, ",'a%d':{'allOf':[{'$ref':'#/$defs/a%d'},{'not':{'$ref':'#/$defs/a%d'}},{'$ref':'#/$defs/a%d'}]}",
                      i, i + 1, i + 1, i + 1);
    strcpy(at, "}}");
    struct so_schema *s = schema_of(text, NULL);
    struct so_arena arena;
    struct so_err err = SO_ERR_INIT;
    const struct so_violation *out = NULL;
    bool valid;
    so_arena_init(&arena, 64 << 20);
    struct so_json v = json_of(&arena, "{'a':1}");
    int rc = so_schema_check(s, &v, &valid, &err);
    assert_true(rc == SO_OK || rc == SO_ELIMIT);
    rc = so_schema_validate(s, &v, &arena, 0, &out, &err);
    assert_true(rc == SO_OK || rc == SO_ELIMIT || rc == SO_ENOMEM);
    so_arena_deinit(&arena);
    so_schema_free(s);
}

static void every_metaschema_accepts_itself(void **state)
{
    (void)state;
    static const char *const URIS[] = {
        "http://json-schema.org/draft-04/schema#",      "http://json-schema.org/draft-06/schema#",
        "http://json-schema.org/draft-07/schema#",      "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    };
    for (size_t i = 0; i < COUNT_OF(URIS); i++) {
        char text[200];
        struct so_arena arena;
        so_arena_init(&arena, 1 << 20);
        snprintf(text, sizeof(text), "{'$schema':'%s','$ref':'%s'}", URIS[i], URIS[i]);
        struct so_schema *s = schema_of(text, NULL);
        struct so_json good = json_of(&arena, "{'properties':{'a':{'minimum':1}}}");
        struct so_json bad = json_of(&arena, "{'properties':{'a':{'minimum':'1'}}}");
        bool valid = false;
        assert_int_equal(so_schema_check(s, &good, &valid, NULL), SO_OK);
        assert_true(valid);
        assert_int_equal(so_schema_check(s, &bad, &valid, NULL), SO_OK);
        assert_false(valid);
        so_schema_free(s);
        so_arena_deinit(&arena);
    }
}

static void allocation_failures_are_survived(void **state)
{
    (void)state;
    struct so_arena arena;
    so_arena_init(&arena, 1 << 20);
    struct so_json root = json_of(
        &arena, "{'$id':'http://a/b','$defs':{'x':{'$id':'c','$anchor':'q','pattern':'^a','items':{'$dynamicRef':'#n'},"
                "'$dynamicAnchor':'n'}},'properties':{'a':{'$ref':'c#q'},'b':{'enum':[1,2,3,4,5,6,7,8,9]}},'required':['a'],"
                "'patternProperties':{'x':true,'[^a]\\\\d':{'oneOf':[{'minimum':1},{'type':'string'}]}},'if':{'minimum':2},"
                "'then':{'dependentSchemas':{'a':{'maxProperties':3}}},'unevaluatedProperties':false,"
                "'dependentRequired':{'a':['b']}}");
    for (long n = 0;; n++) {
        struct so_err err = SO_ERR_INIT;
        struct so_schema *s = NULL;
        so_mem_fail_at(n);
        int rc = so_schema_compile(&root, NULL, &s, &err);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (rc == SO_OK)
            so_schema_free(s);
        if (!failed) {
            assert_int_equal(rc, SO_OK);
            break;
        }
        /* PCRE2 goes on without its JIT when only that finds no memory. */
        if (rc != SO_OK && rc != SO_ENOMEM)
            fail_msg("allocation %ld: %s %s", n, so_code_name(rc), err.message);
    }
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_schemas_are_refused_with_place_and_reason),
        cmocka_unit_test(documents_are_loaded_once),
        cmocka_unit_test(the_schema_owns_what_it_needs),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(reference_bombs_stay_small),
        cmocka_unit_test(every_metaschema_accepts_itself),
        cmocka_unit_test(allocation_failures_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
