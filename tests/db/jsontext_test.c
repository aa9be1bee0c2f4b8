/* jsontext_test.c: what is copied into an answer as JSON is JSON: the check agrees with the parser. */
#include "../testing.h"

#include "db/blob.h"
#include "db/jsontext.h"
#include "json/json.h"

static const char *const TEXTS[] = {
    "1",
    "-0",
    "01",
    "1.",
    ".5",
    "1e5",
    "1E+5",
    "1e",
    "-",
    "+1",
    "true",
    "tru",
    "truee",
    "null",
    "nul",
    "\"a\"",
    "\"a",
    "\"\\u00e9\"",
    "\"\\u00g9\"",
    "\"\\x\"",
    "\"\\",
    "\"\n\"",
    "\"\xff\"",
    "\"\xc3\xa9\"",
    "[]",
    "[1]",
    "[1,]",
    "[,1]",
    "[1,2]",
    "[1 2]",
    "[",
    "]",
    "[[]",
    "[[]]",
    "{}",
    "{\"a\":1}",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{a:1}",
    "{\"a\":}",
    "{\"a\":[1,{\"b\":null}]}",
    "{\"a\":[}",
    "[{]}",
    "[{}]",
    " [ 1 , { \"a\" : [ ] } ] \n",
    "",
    " ",
    "1 2",
    "[1]]",
    "{}{}",
    "[\"a\",{}]",
    "NaN",
    "Infinity",
};

static bool parses(struct so_str text)
{
    struct so_arena arena;
    struct so_json v;
    so_arena_init(&arena, 1 << 20);
    int rc = so_json_parse(&arena, text, NULL, &v, NULL);
    so_arena_deinit(&arena);
    return rc == SO_OK;
}

static void the_check_agrees_with_the_parser(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++)
        if (so_json_text_valid(so_str_c(TEXTS[i])) != parses(so_str_c(TEXTS[i])))
            fail_msg("%s", TEXTS[i]);
}

/* Every change of one byte of a text that has all there is. */
static void it_agrees_on_mutations(void **state)
{
    static const char WHOLE[] = "{\"a\":[1,-2.5e+3,true,null],\"b\\n\":{\"c\":\"\\u00e9\"},\"d\":[]}";
    static const char BYTES[] = "{}[],:\"\\0.-+eEtnu \x01\xc3";
    (void)state;
    for (size_t i = 0; i < sizeof(WHOLE) - 1; i++)
        for (size_t k = 0; k < sizeof(BYTES); k++) { /* the NUL, too */
            char text[sizeof(WHOLE)];
            memcpy(text, WHOLE, sizeof(WHOLE));
            text[i] = BYTES[k];
            struct so_str s = {text, sizeof(WHOLE) - 1};
            if (so_json_text_valid(s) != parses(s))
                fail_msg("%s", text);
        }
}

static void deep_text_is_refused(void **state)
{
    (void)state;
    char text[200];
    for (size_t depth = 1; depth <= 100; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(so_json_text_valid((struct so_str){text, 2 * depth}), depth <= 64);
    }
}

static void numbers_are_recognised(void **state)
{
    (void)state;
    assert_true(so_json_text_is_number(SO_STR("-12.50e3")));
    assert_false(so_json_text_is_number(SO_STR("12 ")));
    assert_false(so_json_text_is_number(SO_STR("0x10")));
    assert_false(so_json_text_is_number(SO_STR("")));
}

static void blobs_come_back(void **state)
{
    (void)state;
    char bytes[40];
    for (size_t n = 0; n < sizeof(bytes); n++) {
        struct so_buf text, back;
        so_buf_init(&text, 1024);
        so_buf_init(&back, 1024);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)(n * 37 + i * 101);
        so_blob_put(&text, (struct so_str){bytes, n});
        assert_true(so_blob_read(so_buf_str(&text), &back));
        assert_true(so_str_eq(so_buf_str(&back), (struct so_str){bytes, n}));
        so_buf_deinit(&text);
        so_buf_deinit(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_agrees_with_the_parser),
        cmocka_unit_test(it_agrees_on_mutations),
        cmocka_unit_test(deep_text_is_refused),
        cmocka_unit_test(numbers_are_recognised),
        cmocka_unit_test(blobs_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
