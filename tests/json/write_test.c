/* write_test.c: what is written is JSON, always; doubles are as short as they can be. */
#include "../testing.h"

#include <float.h>
#include <math.h>

#include "core/mem.h"
#include "json/write.h"

static void strings_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        struct so_str text;
        const char *want;
    } CASES[] = {
        {"empty", SO_STR_INIT(""), "\"\""},
        {"plain", SO_STR_INIT("a/b<c>"), "\"a/b<c>\""},
        {"short escapes", SO_STR_INIT("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\""},
        {"other controls", SO_STR_INIT("\0\x01\x1F\x7F"), "\"\\u0000\\u0001\\u001f\x7F\""},
        {"UTF-8 stays", SO_STR_INIT("\xC3\xA9\xF0\x9F\x98\x80"), "\"\xC3\xA9\xF0\x9F\x98\x80\""},
        {"a lone byte", SO_STR_INIT("a\xFF\"b"), "\"a\xEF\xBF\xBD\\\"b\""},
        {"cut at the end", SO_STR_INIT("x\xC3"), "\"x\xEF\xBF\xBD\""},
        {"cut by a quote", SO_STR_INIT("\xE2\x82\"\xAC"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\\\"\xEF\xBF\xBD\""},
        {"long", SO_STR_INIT("0123456789abcdef0123456789abcdef\n0123456789"),
         "\"0123456789abcdef0123456789abcdef\\n0123456789\""},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_buf b;
        so_buf_init(&b, 4096);
        so_json_put_str(&b, CASES[i].text);
        assert_str(so_buf_str(&b), CASES[i].want);
        so_buf_deinit(&b);
    }
}

static void doubles_are_the_shortest_that_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *want;
    } CASES[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {19.99, "19.99"},
        {100.0 / 3, "33.333333333333336"},
        {123456789.125, "123456789.125"},
        {1e15, "1000000000000000"},
        {9007199254740992.0, "9007199254740992"},
        {9007199254740994.0, "9007199254740994"},
        {1e20, "100000000000000000000"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e21, "1e+21"},
        {1.5e300, "1.5e+300"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {1e23, "1e+23"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {1e-310, "1e-310"},
        {9.5367431640625e-7, "9.5367431640625e-7"},
        {0x1p-44, "5.684341886080802e-14"},
        {0x1p-1019, "1.7800590868057611e-307"},
        {0x1p+122, "5.316911983139664e+36"}, /* ...663 is nearer, but leads to the double below */
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_buf b;
        so_buf_init(&b, 4096);
        so_json_put_double(&b, CASES[i].value);
        assert_str(so_buf_str(&b), CASES[i].want);
        so_buf_deinit(&b);
    }
}

/* Through all exponents, with odd and even fractions. */
static void any_double_survives_the_way_there_and_back(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252ULL; /* xorshift64 */
    for (int i = 0; i < 20000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        double value;
        memcpy(&value, &random, sizeof(value));
        if (!isfinite(value))
            continue;
        struct so_buf b;
        so_buf_init(&b, 4096);
        so_json_put_double(&b, value);
        struct so_arena arena;
        so_arena_init(&arena, 4096);
        struct so_json read;
        assert_int_equal(so_json_parse(&arena, so_buf_str(&b), NULL, &read, NULL), SO_OK);
        if (so_json_to_double(&read) != value || strtod(so_buf_cstr(&b), NULL) != value)
            fail_msg("%.17g became %s", value, so_buf_cstr(&b));
        so_arena_deinit(&arena);
        so_buf_deinit(&b);
    }
}

static void pretty_print_is_indented_by_two(void **state)
{
    (void)state;
    struct so_arena arena;
    so_arena_init(&arena, 1 << 16);
    struct so_json value;
    assert_int_equal(so_json_parse(&arena, SO_STR("{\"a\":[1,{}],\"b\":[],\"c\":{\"d\":\"x\"}}"), NULL, &value, NULL),
                     SO_OK);
    struct so_buf b;
    so_buf_init(&b, 4096);
    so_json_put_pretty(&b, &value);
    assert_str(so_buf_str(&b), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": [],\n  \"c\": {\n    \"d\": \"x\"\n  }\n}\n");
    so_buf_deinit(&b);
    so_arena_deinit(&arena);
}

/* Every call of the writer once. */
static void write_all(struct so_buf *b)
{
    struct so_jw w;
    struct so_json seven = so_json_make_int(7);
    so_jw_init(&w, b);
    so_jw_object(&w);
    so_jw_member_str(&w, "s", SO_STR("x"));
    so_jw_member_cstr(&w, "c", NULL);
    so_jw_member_i64(&w, "i", INT64_MIN);
    so_jw_member_bool(&w, "t", true);
    so_jw_key(&w, SO_STR("list"));
    so_jw_array(&w);
    so_jw_array(&w);
    so_jw_end_array(&w);
    so_jw_object(&w);
    so_jw_end_object(&w);
    so_jw_str(&w, SO_STR("\n"));
    so_jw_cstr(&w, "c");
    so_jw_i64(&w, 1);
    so_jw_double(&w, 0.5);
    so_jw_bool(&w, false);
    so_jw_null(&w);
    so_jw_json(&w, &seven);
    so_jw_raw(&w, SO_STR("[8]"));
    so_jw_end_array(&w);
    so_jw_key(&w, SO_STR("last"));
    so_jw_null(&w);
    so_jw_end_object(&w);
}

static void the_writer_places_commas(void **state)
{
    (void)state;
    struct so_buf b;
    so_buf_init(&b, 4096);
    write_all(&b);
    assert_str(so_buf_str(&b), "{\"s\":\"x\",\"c\":null,\"i\":-9223372036854775808,\"t\":true,"
                               "\"list\":[[],{},\"\\n\",\"c\",1,0.5,false,null,7,[8]],\"last\":null}");
    so_buf_deinit(&b);
}

static void the_writers_depth_is_limited(void **state)
{
    (void)state;
    struct so_buf b;
    struct so_jw w;
    so_buf_init(&b, 4096);
    so_jw_init(&w, &b);
    for (int i = 0; i < SO_JW_DEPTH_MAX; i++) {
        so_jw_array(&w);
        so_jw_i64(&w, 1);
    }
    assert_int_equal(b.rc, SO_OK);
    for (int i = 0; i < SO_JW_DEPTH_MAX; i++)
        so_jw_end_array(&w);
    struct so_str start = so_str_slice(so_buf_str(&b), 0, 9);
    assert_str(start, "[1,[1,[1,");
    so_buf_reset(&b);
    so_jw_init(&w, &b);
    for (int i = 0; i <= SO_JW_DEPTH_MAX; i++)
        so_jw_array(&w);
    assert_int_equal(b.rc, SO_ELIMIT);
    so_buf_deinit(&b);
}

static void failures_latch_in_the_buffer(void **state)
{
    (void)state;
    struct so_buf b;
    so_buf_init(&b, 300);
    for (int i = 0; i < 10; i++)
        write_all(&b);
    assert_int_equal(b.rc, SO_ELIMIT);
    assert_in_range(b.len, 200, 300);
    so_buf_deinit(&b);
    for (long n = 0;; n++) {
        so_buf_init(&b, 4096);
        so_mem_fail_at(n);
        write_all(&b);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(b.rc, failed ? SO_ENOMEM : SO_OK);
        so_buf_deinit(&b);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(doubles_are_the_shortest_that_read_back),
        cmocka_unit_test(any_double_survives_the_way_there_and_back),
        cmocka_unit_test(pretty_print_is_indented_by_two),
        cmocka_unit_test(the_writer_places_commas),
        cmocka_unit_test(the_writers_depth_is_limited),
        cmocka_unit_test(failures_latch_in_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
