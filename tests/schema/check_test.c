/* check_test.c: what the official suite does not ask: corners, limits, and that fast check and slow walk agree. */
#include "schema_testing.h"

static const struct {
    const char *label, *schema, *instance;
    bool valid;
} CASES[] = {
    {"true accepts", "true", "null", true},
    {"false refuses", "false", "null", false},
    {"1.0 is an integer", "{'type':'integer'}", "1.0", true},
    {"1e400 is an integer", "{'type':'integer'}", "1e400", true},
    {"1e-1 is none", "{'type':'integer'}", "1e-1", false},
    {"draft 4 looks at the spelling", "{'$schema':'http://json-schema.org/draft-04/schema#','type':'integer'}", "1.0",
     false},
    {"more than 64 bits", "{'maximum':100000000000000000000}", "100000000000000000001", false},
    {"a limit at the edge of int64", "{'exclusiveMaximum':-9223372036854775808}", "-9223372036854775808", false},
    {"decimals are exact", "{'multipleOf':0.01}", "19.99", true},
    {"decimals are exact, the other way", "{'multipleOf':0.01}", "19.999", false},
    {"numbers within limits", "{'items':{'minimum':-1,'maximum':90}}", "[1.5,-1,90,89.99,-1.0,90.0,9e1,0.0]", true},
    {"just above, among many", "{'items':{'minimum':-1,'maximum':90}}", "[1.5,2.5,90.01]", false},
    {"just below, among many", "{'items':{'minimum':-1,'maximum':90}}", "[1.5,2.5,-1.01]", false},
    {"an excluded limit, among many", "{'items':{'exclusiveMaximum':3}}", "[2.9,3.0]", false},
    {"integers only, among many", "{'items':{'type':'integer','maximum':9}}", "[1,2.0,2.5]", false},
    {"integers beyond 32 bits, among many", "{'items':{'type':'number','maximum':5000000000}}", "[1,5000000000,5000000001]",
     false},
    {"a fractional limit, among many", "{'items':{'minimum':0.5}}", "[1,0.6,0.4]", false},
    {"numbers, or anything else", "{'items':{'maximum':3}}", "[2.5,'a',null,[9],{}]", true},
    {"pairs", "{'items':{'prefixItems':[{'maximum':2},{'minimum':0}],'minItems':2,'items':false}}",
     "[[1.5,0.5],[2,0],[2.0,7]]", true},
    {"a pair whose second is wrong", "{'items':{'prefixItems':[{'maximum':2},{'minimum':0}],'minItems':2,'items':false}}",
     "[[1.5,0.5],[1,-0.5]]", false},
    {"a pair that is too short", "{'items':{'prefixItems':[{'maximum':2},{'minimum':0}],'minItems':2,'items':false}}",
     "[[1.5,0.5],[1]]", false},
    {"a pair that is too long", "{'items':{'prefixItems':[{'maximum':2},{'minimum':0}],'minItems':2,'items':false}}",
     "[[1.5,0.5],[1,1,1]]", false},
    {"tuples with a rest", "{'items':{'prefixItems':[{'type':'number'}],'items':{'type':'string'}}}",
     "[[],[1.5],[1,'a','b']]", true},
    {"tuples with a wrong rest", "{'items':{'prefixItems':[{'type':'number'}],'items':{'type':'string'}}}",
     "[[1.5],[1,'a',2]]", false},
    {"one property, given twice", "{'properties':{'a':{'type':'string'}}}", "{'a':1,'b':2,'a':'x'}", false},
    {"one property, not there", "{'properties':{'a':{'type':'string'}}}", "{'b':1}", true},
    {"every member", "{'additionalProperties':{'maximum':3}}", "{'a':1,'b':4}", false},
    {"no member at all", "{'additionalProperties':false}", "{}", true},
    {"properties, none of them there", "{'properties':{'a':false,'b':false},'required':['c']}", "{}", false},
    {"1e999 is above all", "{'minimum':1e998}", "1e999", true},
    {"just outside a limit", "{'minimum':-180}", "-180.01", false},
    {"just inside a limit", "{'exclusiveMaximum':1}", "0.999", true},
    {"a limit spelt with a fraction", "{'exclusiveMaximum':1}", "1.000", false},
    {"a fractional limit, whole parts equal", "{'minimum':-0.5}", "-0.6", false},
    {"minus zero is not below zero", "{'minimum':0}", "-0.0", true},
    {"a tag picks the branch, whose rules hold",
     "{'oneOf':[{'properties':{'k':{'const':'a'}}},"
     "{'properties':{'k':{'const':'b'},'n':{'minimum':1}}}],'unevaluatedProperties':false}",
     "{'k':'b','n':0}", false},
    {"what the other branch knows is not evaluated",
     "{'oneOf':[{'properties':{'k':{'const':'a'}}},"
     "{'properties':{'k':{'const':'b'},'n':true}}],'unevaluatedProperties':false}",
     "{'k':'a','n':0}", false},
    {"what the branch itself knows is",
     "{'oneOf':[{'properties':{'k':{'const':'a'}}},"
     "{'properties':{'k':{'const':'b'},'n':true}}],'unevaluatedProperties':false}",
     "{'k':'b','n':0}", true},
    {"no tag lets all branches pass", "{'oneOf':[{'properties':{'k':{'const':'a'}}},{'properties':{'k':{'const':'b'}}}]}",
     "{}", false},
    {"a tag of another type is none", "{'anyOf':[{'properties':{'k':{'const':'a'}}},{'properties':{'k':{'const':'b'}}}]}",
     "{'k':1}", false},
    {"const compares by value", "{'const':{'a':1,'b':[2]}}", "{'b':[2.0],'a':1e0}", true},
    {"a large enum finds", "{'enum':[1,2,3,4,5,6,7,8,9,'x',null]}", "9.0", true},
    {"a large enum misses", "{'enum':[1,2,3,4,5,6,7,8,9,'x',null]}", "10", false},
    {"a large enum of texts", "{'enum':['a','b','c','d','e','f','g','h','i']}", "'i'", true},
    {"lengths are code points", "{'maxLength':2}", "'\xf0\x9f\x98\x80\xf0\x9f\x98\x80'", true},
    {"an empty name", "{'properties':{'':{'type':'null'}}}", "{'':1}", false},
    {"unique by value", "{'uniqueItems':true}", "[1,2,1.0]", false},
    {"unique objects", "{'uniqueItems':true}", "[{'a':1,'b':2},{'b':2,'a':1}]", false},
    {"many unique items", "{'uniqueItems':true}", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,'1',[1],{'a':1},null,true]", true},
    {"many items, two equal", "{'uniqueItems':true}", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,'1',[1],{'a':1},null,[1e0]]",
     false},
    {"required twice", "{'required':['a','a'],'properties':{'a':true}}", "{'a':1}", true},
    {"required beside other properties", "{'required':['b'],'properties':{'a':{'type':'null'}}}", "{'a':null}", false},
    {"additional takes required ones too", "{'required':['b'],'additionalProperties':false}", "{'b':1}", false},
    {"one branch left by type", "{'anyOf':[{'type':'string'},{'type':'object','required':['a']}]}", "{'b':1}", false},
    {"oneOf with two that always pass", "{'oneOf':[true,{'type':'string'},true]}", "'a'", false},
    {"if without then", "{'if':{'type':'string'},'else':{'minimum':3}}", "2", false},
    {"not of not", "{'not':{'not':{'type':'string'}}}", "'a'", true},
    {"unevaluated across anyOf",
     "{'anyOf':[{'properties':{'a':true}},{'properties':{'b':true},'required':['b']}],'unevaluatedProperties':false}",
     "{'a':1,'b':2}", true},
    {"unevaluated of a failed branch",
     "{'anyOf':[{'properties':{'a':true}},{'properties':{'b':true},'required':['c']}],'unevaluatedProperties':false}",
     "{'a':1,'b':2}", false},
    {"unevaluated is nested", "{'allOf':[{'unevaluatedProperties':true}],'unevaluatedProperties':false}", "{'a':1}", true},
    {"contains marks items", "{'contains':{'type':'string'},'unevaluatedItems':{'type':'null'}}", "['a',null]", true},
    {"maxContains", "{'contains':{'type':'string'},'maxContains':1}", "['a','b']", false},
    {"minContains 0", "{'contains':{'type':'string'},'minContains':0}", "[]", true},
    {"dependentRequired", "{'dependentRequired':{'a':['b']}}", "{'a':1}", false},
    {"propertyNames", "{'propertyNames':{'maxLength':1}}", "{'ab':1}", false},
    {"recursion into the instance", "{'properties':{'next':{'$ref':'#'}},'additionalProperties':false}",
     "{'next':{'next':{'x':1}}}", false},
    {"a reference under an unknown keyword", "{'x':{'y':{'type':'null'}},'$ref':'#/x/y'}", "1", false},
};

/* Both evaluations: the instructions, and rule by rule with everything kept. */
static void check(const char *label, const struct so_schema *s, const struct so_json *v, bool want)
{
    struct so_err err = SO_ERR_INIT;
    struct so_arena arena;
    struct so_buf out;
    bool fast = !want, slow = !want;
    so_arena_init(&arena, 64 << 20);
    so_buf_init(&out, 64 << 20);
    if (so_schema_check(s, v, &fast, &err) != SO_OK || fast != want)
        fail_msg("%s: check says %d %s", label, fast, err.message);
    if (so_schema_output(s, v, SO_OUTPUT_VERBOSE, &arena, &out, &slow, &err) != SO_OK || slow != want)
        fail_msg("%s: walk says %d %s", label, slow, err.message);
    so_buf_deinit(&out);
    so_arena_deinit(&arena);
}

static void values_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_arena arena;
        so_arena_init(&arena, 1 << 20);
        struct so_schema *s = schema_of(CASES[i].schema, NULL);
        struct so_json v = json_of(&arena, CASES[i].instance);
        check(CASES[i].label, s, &v, CASES[i].valid);
        so_schema_free(s);
        so_arena_deinit(&arena);
    }
}

static void formats_assert_only_when_asked(void **state)
{
    (void)state;
    struct so_arena arena;
    so_arena_init(&arena, 1 << 20);
    struct so_json v = json_of(&arena, "'no address'");
    struct so_schema_options options = {.assert_format = true};
    struct so_schema *plain = schema_of("{'format':'email'}", NULL), *strict = schema_of("{'format':'email'}", &options);
    check("annotation", plain, &v, true);
    check("assertion", strict, &v, false);
    so_schema_free(plain);
    so_schema_free(strict);
    so_arena_deinit(&arena);
}

static void content_asserts_only_when_asked(void **state)
{
    (void)state;
    static const struct {
        const char *instance;
        bool valid;
    } TEXTS[] = {
        {"'eyJhIjoxfQ=='", true}, {"'eyJhIjoieCJ9'", false}, {"'e30'", false}, {"'!'", false}, {"'bm9wZQ=='", false}};
    struct so_schema_options options = {.assert_content = true};
    struct so_schema *s = schema_of("{'contentEncoding':'base64','contentMediaType':'application/json',"
                                    "'contentSchema':{'properties':{'a':{'type':'integer'}}}}",
                                    &options);
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        struct so_arena arena;
        so_arena_init(&arena, 1 << 20);
        struct so_json v = json_of(&arena, TEXTS[i].instance);
        check(TEXTS[i].instance, s, &v, TEXTS[i].valid);
        so_arena_deinit(&arena);
    }
    so_schema_free(s);
}

/* 2^30 ways through a chain of choices. */
static void hostile_schemas_cost_bounded_time(void **state)
{
    (void)state;
    static char text[16384];
    char *at = text + sprintf(text, "{'$ref':'#/$defs/a0','$defs':{'end':{'minimum':5,'multipleOf':3}");
    for (int i = 0; i < 30; i++) {
        char next[16];
        snprintf(next, sizeof(next), i == 29 ? "end" : "a%d", i + 1);
        at += sprintf(at, ",'a%d':{'anyOf':[{'$ref':'#/$defs/%s'},{'allOf':[{'$ref':'#/$defs/%s'},{'minimum':1}]}]}", i,
                      next, next);
    }
    strcpy(at, "}}");
    struct so_err err = SO_ERR_INIT;
    struct so_schema *s = schema_of(text, NULL);
    struct so_json four = so_json_make_int(4), six = so_json_make_int(6);
    bool valid;
    assert_int_equal(so_schema_check(s, &six, &valid, &err), SO_OK);
    assert_true(valid);
    assert_int_equal(so_schema_check(s, &four, &valid, &err), SO_ELIMIT);
    so_schema_free(s);
}

static void hostile_patterns_cost_bounded_time(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_schema *s = schema_of("{'pattern':'^(a+)+$'}", NULL);
    struct so_json v = so_json_make_str(SO_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
    bool valid;
    assert_int_equal(so_schema_check(s, &v, &valid, &err), SO_ELIMIT);
    assert_non_null(strstr(err.message, "pattern"));
    so_schema_free(s);
}

static void allocation_failures_are_survived(void **state)
{
    (void)state;
    static char text[32768];
    struct so_arena arena;
    so_arena_init(&arena, 1 << 20);
    char *at = text + sprintf(text, "[0");
    for (int i = 1; i < 600; i++)
        at += sprintf(at, ",%d", i);
    strcpy(at, ",[1],'x']");
    struct so_json v = json_of(&arena, text);
    struct so_schema *s = schema_of("{'uniqueItems':true,'anyOf':[{'prefixItems':[true]}],'contains':{'pattern':'x'},"
                                    "'unevaluatedItems':{'type':['number','array','string']}}",
                                    NULL);
    for (long n = 0;; n++) {
        struct so_err err = SO_ERR_INIT;
        bool valid = false;
        so_mem_fail_at(n);
        int rc = so_schema_check(s, &v, &valid, &err);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
        if (!failed) {
            assert_true(valid);
            break;
        }
    }
    so_schema_free(s);
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_judged),
        cmocka_unit_test(formats_assert_only_when_asked),
        cmocka_unit_test(content_asserts_only_when_asked),
        cmocka_unit_test(hostile_schemas_cost_bounded_time),
        cmocka_unit_test(hostile_patterns_cost_bounded_time),
        cmocka_unit_test(allocation_failures_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
