/* parse_test.c: what is JSON, what is not, where it stops being JSON, and what the values are. */
#include "../testing.h"

#include "core/mem.h"
#include "json/index.h"
#include "json/json.h"
#include "json/write.h"

static struct so_arena arena;

static int set_up(void **state)
{
    (void)state;
    so_arena_init(&arena, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    so_arena_deinit(&arena);
    return 0;
}

/* Parses a copy in a block of exactly this size, so that ASan sees a byte read too far.  The copy is freed by the arena. */
static int parse(struct so_str text, const struct so_json_options *options, struct so_json *out, struct so_err *err)
{
    char *exact = malloc(text.n ? text.n : 1);
    assert_non_null(exact);
    memcpy(exact, text.p, text.n);
    assert_true(so_defer(&arena, free, exact));
    *err = SO_ERR_INIT;
    return so_json_parse(&arena, so_str(exact, text.n), options, out, err);
}

static const struct {
    const char *text, *written; /* NULL: as it was */
} GOOD[] = {
    {"null", NULL},
    {"true", NULL},
    {" false\r\n\t", "false"},
    {"0", NULL},
    {"-0", NULL},
    {"-0.0", NULL},
    {"1", NULL},
    {"-1", NULL},
    {"123456789012345678901234567890.5", NULL},
    {"1E+2", NULL},
    {"0e1", NULL},
    {"0.1e-07", NULL},
    {"\"\"", NULL},
    {"\"\\u0000\\u001f\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\\u001f\\\"\\\\/\\b\\f\\n\\r\\t\""},
    {"\"\\u00e9\\u20AC\\uD83D\\uDE00\"", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
    {"\"a\x7F\xC3\xA9\xE2\x82\xAC\xF4\x8F\xBF\xBF\"", NULL},
    {"\"\xEF\xBB\xBF\"", NULL}, /* inside a string it is a character */
    {"\"0123456789012345678901234567890123456789\\n0123456789\"", NULL},
    {"[]", NULL},
    {"{}", NULL},
    {"[ ]", "[]"},
    {"{ }", "{}"},
    {"[[],[[]],{}]", NULL},
    {"[1,\"2\",{\"a\":[3.5],\"\":null}]", NULL},
    {"{\"a\":{\"b\":{\"c\":{}}},\"d\":[]}", NULL},
    {"{\"a\":1,\"a\":2}", NULL},
    {"\n{\n        \"a\"  :\t[ 1 ,\r\n 2 ]\n                  }\n", "{\"a\":[1,2]}"},
};

static void what_the_grammar_allows_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(GOOD); i++) {
        struct so_json value;
        struct so_err err;
        if (parse(so_str_c(GOOD[i].text), NULL, &value, &err) != SO_OK)
            fail_msg("%s: %s at %zu", GOOD[i].text, err.message, err.at);
        struct so_buf b;
        so_buf_init(&b, 1 << 20);
        so_json_put(&b, &value);
        assert_str(so_buf_str(&b), GOOD[i].written == NULL ? GOOD[i].text : GOOD[i].written);
        so_buf_deinit(&b);
    }
}

static const struct {
    struct so_str text;
    size_t at;
    const char *message;
} BAD[] = {
    {SO_STR_INIT(""), 0, "unexpected end of input"},
    {SO_STR_INIT(" \n"), 2, "unexpected end of input"},
    {SO_STR_INIT("\xEF\xBB\xBFnull"), 0, "a byte order mark may not begin JSON text (RFC 8259 section 8.1)"},
    {SO_STR_INIT("\xEF\xBB"), 0, "expected a value"},
    {SO_STR_INIT("null\0"), 4, "text after the end of the value"},
    {SO_STR_INIT("\0"), 0, "expected a value"},
    {SO_STR_INIT("\fnull"), 0, "expected a value"},
    {SO_STR_INIT("1 2"), 2, "text after the end of the value"},
    {SO_STR_INIT("[]]"), 2, "text after the end of the value"},
    {SO_STR_INIT("nul"), 3, "unexpected end of input"},
    {SO_STR_INIT("nulL"), 3, "expected null"},
    {SO_STR_INIT("tru]"), 3, "expected true"},
    {SO_STR_INIT("fALSE"), 1, "expected false"},
    {SO_STR_INIT("True"), 0, "expected a value"},
    {SO_STR_INIT("NaN"), 0, "expected a value"},
    {SO_STR_INIT("'a'"), 0, "expected a value"},
    {SO_STR_INIT("/*x*/1"), 0, "expected a value"},
    /* numbers */
    {SO_STR_INIT("-"), 1, "unexpected end of input"},
    {SO_STR_INIT("[-]"), 2, "expected a digit"},
    {SO_STR_INIT("-Infinity"), 1, "expected a digit"},
    {SO_STR_INIT("+1"), 0, "expected a value"},
    {SO_STR_INIT(".5"), 0, "expected a value"},
    {SO_STR_INIT("01"), 0, "a number has no leading zeros"},
    {SO_STR_INIT("-00"), 1, "a number has no leading zeros"},
    {SO_STR_INIT("1."), 2, "unexpected end of input"},
    {SO_STR_INIT("[1.]"), 3, "expected a digit"},
    {SO_STR_INIT("[1.e1]"), 3, "expected a digit"},
    {SO_STR_INIT("1e"), 2, "unexpected end of input"},
    {SO_STR_INIT("[1e+]"), 4, "expected a digit"},
    {SO_STR_INIT("1.5.5"), 3, "text after the end of the value"},
    {SO_STR_INIT("0x1"), 1, "text after the end of the value"},
    {SO_STR_INIT("[1a]"), 2, "expected ',' or ']'"},
    {SO_STR_INIT("[1.0000000000000a]"), 16, "expected ',' or ']'"},
    {SO_STR_INIT("1\xEF\xBC\x91"), 1, "text after the end of the value"},
    /* strings */
    {SO_STR_INIT("\"abc"), 4, "unexpected end of input"},
    {SO_STR_INIT("\""), 1, "unexpected end of input"},
    {SO_STR_INIT("\"\\"), 2, "unexpected end of input"},
    {SO_STR_INIT("\"\\\""), 3, "unexpected end of input"},
    {SO_STR_INIT("\"a\nb\""), 2, "control character in a string: write it as an escape"},
    {SO_STR_INIT("\"a\0b\""), 2, "control character in a string: write it as an escape"},
    {SO_STR_INIT("\"0123456789abcdef0123\x1F\""), 21, "control character in a string: write it as an escape"},
    {SO_STR_INIT("\"\\x41\""), 1, "unknown escape in a string"},
    {SO_STR_INIT("\"ab\\\xC3\xA9\""), 3, "unknown escape in a string"},
    {SO_STR_INIT("\"\\u12\""), 1, "expected four hexadecimal digits after \\u"},
    {SO_STR_INIT("\"\\u00G0\""), 1, "expected four hexadecimal digits after \\u"},
    {SO_STR_INIT("\"\\U0041\""), 1, "unknown escape in a string"},
    {SO_STR_INIT("\"a\\uD800\""), 2, "half of a surrogate pair alone"},
    {SO_STR_INIT("\"\\uDC00\\uD800\""), 1, "half of a surrogate pair alone"},
    {SO_STR_INIT("\"\\uD800\\u0041\""), 1, "half of a surrogate pair alone"},
    {SO_STR_INIT("\"\\uD800\\uD800\\uDC00\""), 1, "half of a surrogate pair alone"},
    {SO_STR_INIT("\"\\uD800\\uE000\""), 1, "half of a surrogate pair alone"},
    {SO_STR_INIT("\"\\uD800\\n\""), 1, "half of a surrogate pair alone"},
    {SO_STR_INIT("\"\\uD800\\uDC0\""), 1, "half of a surrogate pair alone"},
    {SO_STR_INIT("\"a\x80\""), 2, "not UTF-8"},
    {SO_STR_INIT("\"\xC0\x80\""), 1, "not UTF-8"},                  /* overlong */
    {SO_STR_INIT("\"\xED\xA0\x80\""), 1, "not UTF-8"},              /* a surrogate */
    {SO_STR_INIT("\"\xF4\x90\x80\x80\""), 1, "not UTF-8"},          /* above U+10FFFF */
    {SO_STR_INIT("\"0123456789abcdef\xE2\x82\""), 17, "not UTF-8"}, /* cut */
    {SO_STR_INIT("\"\xE2\x82\xAC \xE2\x82\\n\""), 5, "not UTF-8"},
    {SO_STR_INIT("\"\xFF\""), 1, "not UTF-8"},
    /* arrays and objects */
    {SO_STR_INIT("["), 1, "unexpected end of input"},
    {SO_STR_INIT("[1"), 2, "unexpected end of input"},
    {SO_STR_INIT("[1,"), 3, "unexpected end of input"},
    {SO_STR_INIT("[1,]"), 3, "expected a value"},
    {SO_STR_INIT("[,1]"), 1, "expected a value"},
    {SO_STR_INIT("[1,,2]"), 3, "expected a value"},
    {SO_STR_INIT("[1 2]"), 3, "expected ',' or ']'"},
    {SO_STR_INIT("[1}"), 2, "expected ',' or ']'"},
    {SO_STR_INIT("]"), 0, "expected a value"},
    {SO_STR_INIT("{"), 1, "unexpected end of input"},
    {SO_STR_INIT("{]"), 1, "expected a member's name in quotes or '}'"},
    {SO_STR_INIT("{1:1}"), 1, "expected a member's name in quotes or '}'"},
    {SO_STR_INIT("{a:1}"), 1, "expected a member's name in quotes or '}'"},
    {SO_STR_INIT("{\"a\""), 4, "unexpected end of input"},
    {SO_STR_INIT("{\"a\" 1}"), 5, "expected ':'"},
    {SO_STR_INIT("{\"a\",1}"), 4, "expected ':'"},
    {SO_STR_INIT("{\"a\":}"), 5, "expected a value"},
    {SO_STR_INIT("{\"a\":1"), 6, "unexpected end of input"},
    {SO_STR_INIT("{\"a\":1]"), 6, "expected ',' or '}'"},
    {SO_STR_INIT("{\"a\":1,}"), 7, "expected a member's name in quotes"},
    {SO_STR_INIT("{\"a\":1 \"b\":2}"), 7, "expected ',' or '}'"},
    {SO_STR_INIT("{\"a\":1,,\"b\":2}"), 7, "expected a member's name in quotes"},
};

static void what_it_does_not_allow_is_refused_at_the_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct so_json value = so_json_make_int(42);
        struct so_err err;
        int rc = parse(BAD[i].text, NULL, &value, &err);
        if (rc != SO_EINVAL || err.code != rc || err.at != BAD[i].at || strcmp(err.message, BAD[i].message) != 0)
            fail_msg("%.*s: got %s, \"%s\" at %zu", SO_STR_ARG(BAD[i].text), so_code_name(rc), err.message, err.at);
        assert_int_equal(value.u.i, 42); /* untouched */
    }
}

/* Every beginning of a good text is bad, but for the few that are whole by chance, and is read without a byte too many. */
static void a_cut_text_is_refused(void **state)
{
    (void)state;
    struct so_str text =
        SO_STR("[{\"name\":\"a \\u00e9 \xC3\xA9 long enough for a vector\",\"n\":[-1,2.5e10,true,false,null]}, \"\" ]");
    for (size_t n = 0; n < text.n; n++) {
        struct so_json value;
        struct so_err err;
        assert_int_equal(parse(so_str_slice(text, 0, n), NULL, &value, &err), SO_EINVAL);
    }
}

static void integers_are_int64_and_the_rest_keeps_its_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_int;
        int64_t value;
    } CASES[] = {
        {"0", true, 0},
        {"-0", false, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"9999999999999999999", false, 0},
        {"18446744073709551616", false, 0}, /* wraps to 0 */
        {"18446744073709551617", false, 0},
        {"1.0", false, 0},
        {"1e0", false, 0},
        {"-12345678901", true, -12345678901},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_json value;
        struct so_err err;
        assert_int_equal(parse(so_str_c(CASES[i].text), NULL, &value, &err), SO_OK);
        if (CASES[i].is_int) {
            assert_int_equal(value.type, SO_JSON_INT);
            assert_int_equal(value.u.i, CASES[i].value);
        } else {
            assert_int_equal(value.type, SO_JSON_NUMBER);
            assert_str(so_json_str(&value), CASES[i].text);
        }
    }
}

static void strings_without_escapes_point_into_the_text(void **state)
{
    (void)state;
    struct so_str text = SO_STR("{\"key\":\"value\",\"e\":\"\\u0041\\u0000\"}");
    struct so_json value;
    assert_int_equal(so_json_parse(&arena, text, NULL, &value, NULL), SO_OK);
    assert_ptr_equal(value.u.members[0].key, text.p + 2);
    assert_ptr_equal(value.u.members[0].value.u.text, text.p + 8);
    struct so_str unescaped = so_json_get_str(&value, SO_STR("e"));
    assert_int_equal(unescaped.n, 2);
    assert_memory_equal(unescaped.p, "A\0", 2);
}

static struct so_str repeat(const char *open, size_t n, const char *middle, const char *close)
{
    struct so_buf b;
    so_buf_init(&b, 64 << 20);
    for (size_t i = 0; i < n; i++)
        so_buf_puts(&b, open);
    so_buf_puts(&b, middle);
    for (size_t i = 0; i < n; i++)
        so_buf_puts(&b, close);
    assert_int_equal(b.rc, SO_OK);
    struct so_str copy = so_arena_dup(&arena, so_buf_str(&b));
    so_buf_deinit(&b);
    return copy;
}

static void depth_is_limited(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        uint32_t depth_max;
        size_t depth, at;
        int want;
    } CASES[] = {
        {"the default", 0, SO_JSON_DEPTH_MAX, 0, SO_OK},
        {"one more", 0, SO_JSON_DEPTH_MAX + 1, SO_JSON_DEPTH_MAX, SO_ELIMIT},
        {"a limit of one", 1, 1, 0, SO_OK},
        {"one more than one", 1, 2, 1, SO_ELIMIT},
        {"far more than the stack could take", 0, 1000000, SO_JSON_DEPTH_MAX, SO_ELIMIT},
        {"the most that can be had", UINT32_MAX, SO_JSON_DEPTH_LIMIT, 0, SO_OK},
        {"and not more", UINT32_MAX, SO_JSON_DEPTH_LIMIT + 1, SO_JSON_DEPTH_LIMIT, SO_ELIMIT},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_json_options options = {.depth_max = CASES[i].depth_max};
        struct so_json value;
        struct so_err err = SO_ERR_INIT;
        int rc = so_json_parse(&arena, repeat("[", CASES[i].depth, "", "]"), &options, &value, &err);
        if (rc != CASES[i].want || (rc != SO_OK && err.at != CASES[i].at))
            fail_msg("%s: %s at %zu", CASES[i].label, so_code_name(rc), err.at);
    }
    struct so_json value;
    struct so_json_options deep = {.depth_max = UINT32_MAX};
    struct so_str text = repeat("{\"a\":", SO_JSON_DEPTH_LIMIT, "1", "}");
    assert_int_equal(so_json_parse(&arena, text, &deep, &value, NULL), SO_OK);
    assert_true(so_json_eq(&value, &value));
}

static void duplicates_are_found_when_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } CASES[] = {
        {"{\"a\":1,\"b\":2,\"a\":3}", 13},
        {"[{\"\":1,\"\":2}]", 7},
        {"{\"a\":{\"a\":1},\"b\":{\"x\":1, \"x\" :{}}}", 25},
        {"{\"a\":1,\"\\u0061\":2}", 0}, /* a name with escapes: at its object */
    };
    struct so_json_options strict = {.reject_duplicates = true};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_json value;
        struct so_err err;
        assert_int_equal(parse(so_str_c(CASES[i].text), NULL, &value, &err), SO_OK);
        assert_int_equal(parse(so_str_c(CASES[i].text), &strict, &value, &err), SO_EINVAL);
        if (err.at != CASES[i].at || strstr(err.message, "appears twice") == NULL)
            fail_msg("%s: %s at %zu", CASES[i].text, err.message, err.at);
    }
    struct so_json value;
    struct so_err err;
    assert_int_equal(parse(SO_STR("{\"a\":{\"a\":{\"a\":[]}},\"b\":{\"a\":0}}"), &strict, &value, &err), SO_OK);
}

/* {"<prefix>0":0,...} and, when `again`, the first name once more at the end with the value -1. */
static struct so_str many_members(size_t count, bool again)
{
    struct so_buf b;
    so_buf_init(&b, 64 << 20);
    so_buf_putc(&b, '{');
    for (size_t i = 0; i < count; i++)
        so_buf_printf(&b, "%s\"member%zu\":%zu", i == 0 ? "" : ",", i, i);
    so_buf_puts(&b, again ? ",\"member0\":-1}" : "}");
    struct so_str copy = so_arena_dup(&arena, so_buf_str(&b));
    so_buf_deinit(&b);
    return copy;
}

static void large_objects_are_searched_by_index(void **state)
{
    (void)state;
    static const size_t COUNTS[] = {1, SO_JSON_INDEX_MIN, SO_JSON_INDEX_MIN + 1, 1000, 100000};
    struct so_json_options strict = {.reject_duplicates = true};
    for (size_t i = 0; i < COUNT_OF(COUNTS); i++) {
        struct so_json value;
        assert_int_equal(so_json_parse(&arena, many_members(COUNTS[i], false), &strict, &value, NULL), SO_OK);
        assert_int_equal(value.len, COUNTS[i]);
        for (size_t k = 0; k < COUNTS[i]; k++) {
            char name[32];
            snprintf(name, sizeof(name), "member%zu", k);
            const struct so_json *found = so_json_get(&value, so_str_c(name));
            assert_ptr_equal(found, &value.u.members[k].value);
        }
        assert_null(so_json_get(&value, SO_STR("member")));

        struct so_str twice = many_members(COUNTS[i], true);
        struct so_err err = SO_ERR_INIT;
        assert_int_equal(so_json_parse(&arena, twice, &strict, &value, &err), SO_EINVAL);
        assert_int_equal(err.at, twice.n - strlen("\"member0\":-1}"));
        assert_int_equal(so_json_parse(&arena, twice, NULL, &value, NULL), SO_OK);
        assert_int_equal(so_json_get(&value, SO_STR("member0"))->u.i, -1); /* the last one counts */
    }
}

/* The index alone, with hashes as an attacker would choose them; the first thousand names come a second time at the end. */
static void colliding_names_do_not_make_it_slow(void **state)
{
    (void)state;
    enum { COUNT = 50000, AGAIN = 1000, NAMES = COUNT - AGAIN };
    size_t bytes = COUNT * sizeof(struct so_json_member);
    struct so_json_member *members = so_alloc(&arena, bytes + so_json_index_size(COUNT));
    assert_non_null(members);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct so_str name = so_arena_printf(&arena, "%u", (unsigned)i % NAMES);
        members[i] = (struct so_json_member){name.p, (uint32_t)name.n, 7, so_json_make_int(i)};
    }
    struct so_json object = {.type = SO_JSON_OBJECT, .len = COUNT, .u.members = members};
    assert_in_range(so_json_index_build(&object), 0, AGAIN - 1);
    assert_int_equal(object.flags, SO_JSON_HAS_ORDER);
    for (uint32_t i = 0; i < NAMES; i++)
        assert_int_equal(so_json_index_find(&object, so_json_key(&members[i]), 7), i < AGAIN ? NAMES + i : i);
    assert_int_equal(so_json_index_find(&object, SO_STR("31234"), 8), SO_JSON_NO_MEMBER);
    assert_int_equal(so_json_index_find(&object, SO_STR("x"), 7), SO_JSON_NO_MEMBER);
    object.len = NAMES;
    assert_int_equal(so_json_index_build(&object), SO_JSON_NO_MEMBER);
}

static void lookups_on_what_is_no_object_find_nothing(void **state)
{
    (void)state;
    struct so_json number = so_json_make_int(1), value;
    assert_null(so_json_get(NULL, SO_STR("a")));
    assert_null(so_json_get(&number, SO_STR("a")));
    assert_int_equal(so_json_parse(&arena, SO_STR("{\"a\":1}"), NULL, &value, NULL), SO_OK);
    assert_null(so_json_get_str(&value, SO_STR("a")).p);
    assert_null(so_json_get_str(&value, SO_STR("b")).p);
}

static void equality_is_of_values(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } CASES[] = {
        {"1", "1.0", true},
        {"10e-1", "1", true},
        {"-0", "0", true},
        {"1", "\"1\"", false},
        {"null", "false", false},
        {"\"a\"", "\"\\u0061\"", true},
        {"[1,2]", "[1.0,2e0]", true},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"{\"a\":1,\"b\":[{}]}", "{\"b\":[{}],\"a\":1.00}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
        {"{\"a\":1,\"b\":1}", "{\"a\":1}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}", true}, /* the last one counts */
        {"{\"a\":1,\"a\":2}", "{\"a\":2,\"b\":3}", false},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_json a, b;
        struct so_err err;
        assert_int_equal(parse(so_str_c(CASES[i].a), NULL, &a, &err), SO_OK);
        assert_int_equal(parse(so_str_c(CASES[i].b), NULL, &b, &err), SO_OK);
        if (so_json_eq(&a, &b) != CASES[i].equal || so_json_eq(&b, &a) != CASES[i].equal)
            fail_msg("%s and %s", CASES[i].a, CASES[i].b);
        if ((so_json_hash(&a, 5) == so_json_hash(&b, 5)) != CASES[i].equal)
            fail_msg("hashes of %s and %s", CASES[i].a, CASES[i].b);
    }
}

static void failing_memory_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    struct so_str text = many_members(2000, false);
    for (long n = 0;; n++) {
        struct so_arena small;
        so_arena_init(&small, 1 << 20);
        struct so_json value = so_json_make_int(42);
        struct so_err err = SO_ERR_INIT;
        so_mem_fail_at(n);
        int rc = so_json_parse(&small, text, NULL, &value, &err);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
        assert_int_equal(err.code, rc);
        if (failed)
            assert_int_equal(value.u.i, 42);
        so_arena_deinit(&small);
        if (!failed)
            break;
        assert_true(n < 100);
    }
}

static void the_arena_limits_the_scratch_space_too(void **state)
{
    (void)state;
    struct so_arena small;
    so_arena_init(&small, 64 * 1024);
    struct so_str text = repeat("1,", 4 << 20, "1", "");
    struct so_json value;
    struct so_err err = SO_ERR_INIT;
    struct so_str array = so_arena_printf(&arena, "[%.*s]", SO_STR_ARG(text));
    so_mem_fail_at(20); /* doubling up to the arena's size takes few allocations; up to 4 M slots it would take 22 */
    assert_int_equal(so_json_parse(&small, array, NULL, &value, &err), SO_ENOMEM);
    assert_false(so_mem_failed());
    so_mem_fail_at(-1);
    so_arena_deinit(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_grammar_allows_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_it_does_not_allow_is_refused_at_the_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_text_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(integers_are_int64_and_the_rest_keeps_its_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings_without_escapes_point_into_the_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(depth_is_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(duplicates_are_found_when_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_objects_are_searched_by_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(colliding_names_do_not_make_it_slow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lookups_on_what_is_no_object_find_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equality_is_of_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_memory_is_an_error_and_leaks_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_arena_limits_the_scratch_space_too, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
