/* output_test.c: the specification's output formats. */
#include "schema_testing.h"

static const struct {
    const char *schema, *instance;
    enum so_schema_output format;
    const char *want;
} CASES[] = {
    {"{'type':'null'}", "null", SO_OUTPUT_FLAG, "{'valid':true}"},
    {"{'type':'null'}", "1", SO_OUTPUT_FLAG, "{'valid':false}"},
    {"{'properties':{'a':{'type':'null'}}}", "{'a':1}", SO_OUTPUT_BASIC,
     "{'valid':false,'errors':[{'valid':false,'keywordLocation':'/properties/a/type','instanceLocation':'/a',"
     "'error':'a must be null, but is 1'}]}"},
    {"{'$id':'http://x/y','properties':{'a':{'title':'A'}}}", "{'a':1}", SO_OUTPUT_BASIC,
     "{'valid':true,'annotations':[{'valid':true,'keywordLocation':'/properties','absoluteKeywordLocation':'http://x/y#/"
     "properties',"
     "'instanceLocation':'','annotation':['a']},{'valid':true,'keywordLocation':'/properties/a/title',"
     "'absoluteKeywordLocation':'http://x/y#/properties/a/title','instanceLocation':'/a','annotation':'A'}]}"},
    {"{'allOf':[{'minimum':3},{'maximum':1}]}", "2", SO_OUTPUT_DETAILED,
     "{'valid':false,'keywordLocation':'/allOf','instanceLocation':'','errors':[{'valid':false,"
     "'keywordLocation':'/allOf/0/minimum','instanceLocation':'','error':'the value must be at least 3, but is "
     "2'},{'valid':false,"
     "'keywordLocation':'/allOf/1/maximum','instanceLocation':'','error':'the value must be at most 1, but is 2'}]}"},
    {"{'minimum':1}", "2", SO_OUTPUT_VERBOSE,
     "{'valid':true,'keywordLocation':'','instanceLocation':'','annotations':[{'valid':true,'keywordLocation':'/minimum',"
     "'instanceLocation':''}]}"},
};

static void outputs_have_their_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_arena arena;
        struct so_buf out;
        struct so_err err = SO_ERR_INIT;
        bool valid;
        so_arena_init(&arena, 1 << 20);
        so_buf_init(&out, 1 << 20);
        struct so_schema *s = schema_of(CASES[i].schema, NULL);
        struct so_json v = json_of(&arena, CASES[i].instance), got;
        struct so_json want = json_of(&arena, CASES[i].want);
        assert_int_equal(so_schema_output(s, &v, CASES[i].format, &arena, &out, &valid, &err), SO_OK);
        assert_int_equal(so_json_parse(&arena, so_buf_str(&out), NULL, &got, &err), SO_OK);
        if (!so_json_eq(&got, &want))
            fail_msg("%s: %s", CASES[i].schema, so_buf_cstr(&out));
        so_buf_deinit(&out);
        so_schema_free(s);
        so_arena_deinit(&arena);
    }
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_buf out;
    bool valid;
    so_arena_init(&arena, 1 << 20);
    so_buf_init(&out, 10);
    struct so_schema *s = schema_of("{'type':'null'}", NULL);
    struct so_json v = so_json_make_int(1);
    assert_int_equal(so_schema_output(s, &v, SO_OUTPUT_BASIC, &arena, &out, &valid, NULL), SO_ELIMIT);
    so_buf_deinit(&out);
    so_schema_free(s);
    so_arena_deinit(&arena);
}

static void allocation_failures_are_survived(void **state)
{
    (void)state;
    struct so_schema *s = schema_of("{'$id':'http://a/b','properties':{'a':{'items':{'title':'x','not':{'minimum':4}}}},"
                                    "'additionalProperties':{'contains':{'const':3}}}",
                                    NULL);
    struct so_arena source;
    so_arena_init(&source, 1 << 20);
    struct so_json v = json_of(&source, "{'a':[1,2],'b':[3]}");
    for (long n = 0;; n++) {
        struct so_arena arena;
        struct so_buf out;
        bool valid = false;
        so_arena_init(&arena, 1 << 20);
        so_buf_init(&out, 1 << 20);
        so_mem_fail_at(n);
        int rc = so_schema_output(s, &v, SO_OUTPUT_VERBOSE, &arena, &out, &valid, NULL);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        so_buf_deinit(&out);
        so_arena_deinit(&arena);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
        if (!failed)
            break;
    }
    so_schema_free(s);
    so_arena_deinit(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_have_their_form),
        cmocka_unit_test(a_full_buffer_is_an_error),
        cmocka_unit_test(allocation_failures_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
