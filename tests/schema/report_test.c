/* report_test.c: what people read. */
#include "schema_testing.h"

/* `want`: a line per violation: instance location, keyword location, message, separated by blanks and a '|'. */
static const struct {
    const char *schema, *instance, *want;
} CASES[] = {
    {"{'properties':{'price':{'minimum':0}}}", "{'price':-3}",
     "/price /properties/price/minimum|price must be at least 0, but is -3\n"},
    {"{'$defs':{'p':{'maximum':9}},'properties':{'a':{'$ref':'#/$defs/p'}}}", "{'a':10}",
     "/a /properties/a/$ref/maximum|a must be at most 9, but is 10\n"},
    {"{'type':['string','null']}", "[1]", " /type|the value must be a string or null, but is [1]\n"},
    {"{'items':{'type':'integer','title':'Size'}}", "[1,'x']",
     "/1 /items/type|Size (item 1) must be an integer, but is \"x\"\n"},
    {"{'properties':{'tags':{'items':{'maxLength':2}}}}", "{'tags':['a','abc']}",
     "/tags/1 /properties/tags/items/maxLength|tags[1] must have at most 2 characters, but has 3\n"},
    {"{'required':['isbn','title']}", "{}", " /required|isbn is required\n /required|title is required\n"},
    {"{'properties':{'colour':true},'additionalProperties':false}", "{'color':1}",
     "/color /additionalProperties|color is not allowed; did you mean \"colour\"?\n"},
    {"{'properties':{'c':{'enum':['red','green']}}}", "{'c':'gren'}",
     "/c /properties/c/enum|c must be one of \"red\" and \"green\", but is \"gren\"; did you mean \"green\"?\n"},
    {"{'pattern':'^[0-9]+$','description':'digits only'}", "'a1'",
     " /pattern|the value must match the pattern ^[0-9]+$, but is \"a1\" (digits only)\n"},
    {"{'uniqueItems':true}", "['a','b','a']",
     " /uniqueItems|the value must not hold an item twice, but items 0 and 2 are equal\n"},
    {"{'minProperties':1}", "{}", " /minProperties|the value must have at least 1 property, but has 0\n"},
    {"{'contains':{'const':1},'minContains':2}", "[1]",
     " /contains|the value must hold at least 2 items of the kind asked for, but holds 1\n"},
    {"{'dependentRequired':{'card':['address']}}", "{'card':1}",
     " /dependentRequired|address is required when card is given\n"},
    {"{'propertyNames':{'pattern':'^[a-z]+$'}}", "{'A':1}",
     " /propertyNames/pattern|the property name must match the pattern ^[a-z]+$, but is \"A\"\n"},
    {"{'not':{'const':0}}", "0", " /not|the value must not be 0, but is 0\n"},
    {"{'if':{'required':['a']},'then':{'required':['b']}}", "{'a':1}", " /then/required|b is required\n"},
    {"{'anyOf':[{'type':'string'},{'type':'integer'}]}", "null",
     " /anyOf|the value must be a string or an integer, but is null\n"},
    {"{'anyOf':[{'properties':{'kind':{'const':'cat'},'lives':{'type':'integer'}}},"
     "{'properties':{'kind':{'const':'dog'},'tail':{'type':'string'}}}]}",
     "{'kind':'dog','tail':1,'lives':'x'}", "/tail /anyOf/1/properties/tail/type|tail must be a string, but is 1\n"},
    {"{'oneOf':[{'minimum':1},{'minimum':2},{'minimum':9}]}", "5",
     " /oneOf|the value must match exactly one of the alternatives, but matches numbers 1 and 2\n"},
    {"{'properties':{'a':{'minimum':1,'type':'integer','x-message':'a small number, please'}}}", "{'a':-0.5}",
     "/a /properties/a|a small number, please\n"},
    {"{'properties':{'a':{'minimum':1,'type':'integer','x-message':{'minimum':'too small'}}}}", "{'a':-5}",
     "/a /properties/a/minimum|too small\n"},
    {"{'x-message':'bad book','required':['t'],'properties':{'n':{'type':'null'}}}", "{'n':1}",
     " |bad book\n/n /properties/n/type|n must be null, but is 1\n"},
};

static void violations_are_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_arena arena;
        struct so_buf got;
        struct so_err err = SO_ERR_INIT;
        const struct so_violation *v = NULL;
        so_arena_init(&arena, 1 << 20);
        so_buf_init(&got, 1 << 20);
        struct so_schema *s = schema_of(CASES[i].schema, NULL);
        struct so_json instance = json_of(&arena, CASES[i].instance);
        assert_int_equal(so_schema_validate(s, &instance, &arena, 0, &v, &err), SO_OK);
        for (; v != NULL; v = v->next)
            so_buf_printf(&got, "%.*s %.*s|%.*s\n", SO_STR_ARG(v->instance_location), SO_STR_ARG(v->keyword_location),
                          SO_STR_ARG(v->message));
        assert_str(so_buf_str(&got), CASES[i].want);
        so_buf_deinit(&got);
        so_schema_free(s);
        so_arena_deinit(&arena);
    }
}

static void a_valid_instance_has_none_and_the_number_is_limited(void **state)
{
    (void)state;
    struct so_arena arena;
    const struct so_violation *v = NULL;
    so_arena_init(&arena, 1 << 20);
    struct so_schema *s = schema_of("{'items':{'type':'null'}}", NULL);
    struct so_json good = json_of(&arena, "[null]"), bad = json_of(&arena, "[1,2,3,4]");
    assert_int_equal(so_schema_validate(s, &good, &arena, 0, &v, NULL), SO_OK);
    assert_null(v);
    assert_int_equal(so_schema_validate(s, &bad, &arena, 2, &v, NULL), SO_OK);
    assert_non_null(v->next);
    assert_null(v->next->next);
    so_schema_free(s);
    so_arena_deinit(&arena);
}

static void long_values_are_shortened(void **state)
{
    (void)state;
    static char text[20000];
    struct so_arena arena;
    const struct so_violation *v = NULL;
    so_arena_init(&arena, 1 << 20);
    text[0] = '\'';
    for (int i = 0; i < 6000; i++)
        strcpy(text + 1 + 3 * i, "\xe2\x82\xac");
    strcat(text, "'");
    struct so_schema *s = schema_of("{'type':'null'}", NULL);
    struct so_json instance = json_of(&arena, text);
    assert_int_equal(so_schema_validate(s, &instance, &arena, 0, &v, NULL), SO_OK);
    assert_in_range(v->message.n, 40, 120);
    assert_true(so_str_ends(v->message, SO_STR("...")));
    so_schema_free(s);
    so_arena_deinit(&arena);
}

static void allocation_failures_are_survived(void **state)
{
    (void)state;
    struct so_arena source;
    so_arena_init(&source, 1 << 20);
    struct so_json v = json_of(&source, "{'a':[1,'x',{'b':2}],'c':null,'d':'q'}");
    struct so_schema *s =
        schema_of("{'$id':'http://a/b','properties':{'a':{'items':{'anyOf':[{'type':'string'},{'required':['z']}]}}},"
                  "'unevaluatedProperties':{'pattern':'^z'},'required':['e']}",
                  NULL);
    for (long n = 0;; n++) {
        struct so_arena arena;
        struct so_err err = SO_ERR_INIT;
        const struct so_violation *out = NULL;
        so_arena_init(&arena, 1 << 20);
        so_mem_fail_at(n);
        int rc = so_schema_validate(s, &v, &arena, 0, &out, &err);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
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
        cmocka_unit_test(violations_are_sentences),
        cmocka_unit_test(a_valid_instance_has_none_and_the_number_is_limited),
        cmocka_unit_test(long_values_are_shortened),
        cmocka_unit_test(allocation_failures_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
