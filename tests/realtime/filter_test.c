/* filter_test.c: filters as they are written and what they are true of; rows of the log as they are read. */
#include "../testing.h"

#include <math.h>

#include "core/mem.h"
#include "realtime/filter.h"

/* One column a type. */
static const struct so_column COLUMNS[] = {
    {.name = SO_STR_INIT("s"), .type = SO_TYPE_TEXT, .index = 0},
    {.name = SO_STR_INIT("i"), .type = SO_TYPE_INTEGER, .index = 1},
    {.name = SO_STR_INIT("f"), .type = SO_TYPE_NUMERIC, .index = 2},
    {.name = SO_STR_INIT("b"), .type = SO_TYPE_BOOLEAN, .index = 3},
    {.name = SO_STR_INIT("j"), .type = SO_TYPE_JSON, .index = 4},
    {.name = SO_STR_INIT("u"), .type = SO_TYPE_UUID, .index = 5},
    {.name = SO_STR_INIT("t"), .type = SO_TYPE_TIMESTAMPTZ, .index = 6},
    {.name = SO_STR_INIT("d"), .type = SO_TYPE_DECIMAL, .index = 7},
    {.name = SO_STR_INIT("x"), .type = SO_TYPE_BLOB, .index = 8},
    {.name = SO_STR_INIT("none"), .type = SO_TYPE_TEXT, .index = 9},
    {.name = SO_STR_INIT("hidden"), .type = SO_TYPE_TEXT, .index = 10},
};
static const char ROW[] = "\"s\" 'a,b(\"c'' d',\"i\" 9007199254740993,\"f\" 2.5,\"b\" 1,\"j\" '{\"k\": [1, 2.0]}',"
                          "\"u\" 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',\"t\" '2024-01-01T00:00:00.000000+00:00',"
                          "\"d\" '10.50',\"x\" X'00FF',\"none\" NULL";

static struct so_arena arena, relation_arena;
static struct so_relation relation;

static int open_relation(void **state)
{
    (void)state;
    so_arena_init(&relation_arena, 1 << 20);
    relation = (struct so_relation){.name = SO_STR("t"), .columns = COLUMNS, .column_count = COUNT_OF(COLUMNS)};
    so_map_init(&relation.by_name, &relation_arena);
    for (size_t i = 0; i < COUNT_OF(COLUMNS); i++)
        assert_true(so_map_put(&relation.by_name, COLUMNS[i].name, (void *)(uintptr_t)&COLUMNS[i]));
    so_arena_init(&arena, 64 << 20);
    return 0;
}

static int close_relation(void **state)
{
    (void)state;
    so_arena_deinit(&arena);
    so_arena_deinit(&relation_arena);
    return 0;
}

static bool may_read(const void *arg, const struct so_column *column)
{
    (void)arg;
    return !so_str_eq_c(column->name, "hidden");
}

static int parse(const char *text, struct so_change_filter *out, struct so_err *err)
{
    return so_change_filter_parse(so_str_c(text), &relation, may_read, NULL, &arena, out, err);
}

enum { NO, YES };
static const struct {
    const char *filter;
    int want;
} TRUTHS[] = {
    /* nothing asked */
    {"", YES},
    {"   ", YES},
    /* text, quotes, commas */
    {"s=eq.\"a,b(\\\"c' d\"", YES},
    {"s=eq.\"a,b(\\\"c' D\"", NO},
    {"s=eq.a", NO},
    {"s=neq.a", YES},
    {"s=not.eq.a", YES},
    {"s=in.(a,\"a,b(\\\"c' d\",z)", YES},
    {"s=in.(a, b)", NO},
    {"s=not.in.(a,b)", YES},
    {"s=in.()", NO},
    {"s=gt.a", YES},
    {"s=lt.b", YES},
    {"s=like.a,b%", NO}, /* the comma ends the term */
    {"s=like.\"a,b%\"", YES},
    {"s=like.\"A,b%\"", NO},
    {"s=ilike.\"A,B%\"", YES},
    {"s=not.ilike.\"A,B%\"", NO},
    {"s=match.^a.b", YES},
    {"s=match.^b", NO},
    {"s=imatch.^A", YES},
    {"s=like.a_b%", YES},
    {"s=eq.\"half", NO}, /* a quote that does not end is text */
    /* integers, exactly */
    {"i=eq.9007199254740993", YES},
    {"i=eq.9007199254740992", NO},
    {"i=gt.9007199254740992", YES},
    {"i=lte.9007199254740993", YES},
    {"i=lt.9007199254740993", NO},
    {"i=in.(1,9007199254740993)", YES},
    /* numbers */
    {"f=eq.2.5", YES},
    {"f=eq.2.50", YES},
    {"f=gte.2", YES},
    {"f=lt.2.4999", NO},
    /* booleans */
    {"b=eq.true", YES},
    {"b=eq.f", NO},
    {"b=is.true", YES},
    {"b=is.false", NO},
    {"b=not.is.false", YES},
    {"b=is.unknown", NO},
    /* JSON by what it says */
    {"j=eq.{\"k\":[1,2]}", NO}, /* the comma ends the term: not JSON, see BAD; never reached */
    {"j=eq.\"{\\\"k\\\":[1,2]}\"", YES},
    {"j=neq.\"{\\\"k\\\":[2,1]}\"", YES},
    /* stored forms */
    {"u=eq.A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", YES},
    {"t=eq.2024-01-01T02:00:00+02:00", YES},
    {"t=lt.2024-01-01T00:00:00.000001Z", YES},
    {"d=eq.10.5", YES},
    {"d=lt.9", NO}, /* as numbers, not as texts */
    {"d=gt.9", YES},
    {"x=eq.AP8=", YES},
    {"x=eq.\\x00ff", YES},
    {"x=lt.\\x01", YES},
    /* NULL is unknown */
    {"none=eq.a", NO},
    {"none=not.eq.a", NO},
    {"none=neq.a", NO},
    {"none=in.(a)", NO},
    {"none=not.in.(a)", NO},
    {"none=like.%", NO},
    {"none=is.null", YES},
    {"none=not.is.null", NO},
    {"s=is.null", NO},
    {"s=not.is.null", YES},
    {"none=isdistinct.a", YES},
    {"none=not.isdistinct.a", NO},
    {"f=isdistinct.2.5", NO},
    {"f=isdistinct.3", YES},
    /* several: AND */
    {"i=gt.1,f=gt.2", YES},
    {"i=gt.1, f=gt.3", NO},
    {"i=in.(9007199254740993,2),s=like.a%,none=is.null", YES},
};

static void filters_are_true_of_what_they_say(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_row row;
    assert_int_equal(so_row_parse(so_str_c(ROW), &arena, &row, &err), SO_OK);
    for (size_t i = 0; i < COUNT_OF(TRUTHS); i++) {
        struct so_change_filter filter;
        bool got;
        int rc = parse(TRUTHS[i].filter, &filter, &err);
        if (rc == SO_EINVAL && TRUTHS[i].want == NO) { /* a comma inside: said to be wrong, as Realtime does */
            assert_non_null(strchr(TRUTHS[i].filter, ','));
            err = SO_ERR_INIT;
            continue;
        }
        if (rc != SO_OK)
            fail_msg("%s: %s", TRUTHS[i].filter, err.message);
        assert_int_equal(so_change_filter_test(&filter, &row, &arena, &got, &err), SO_OK);
        if (got != (TRUTHS[i].want == YES))
            fail_msg("%s is %s", TRUTHS[i].filter, got ? "true" : "false");
    }
}

static const struct {
    const char *filter, *want;
} BAD[] = {
    {"undefined", "filter: expected column=operator.value"},
    {"i=eq.1,", "filter must not contain empty segments (check for extra commas)"},
    {",i=eq.1", "filter must not contain empty segments (check for extra commas)"},
    {"i=1", "filter: there is no operator \"1\""},
    {"i=foo.1", "filter: there is no operator \"foo\""},
    {"i=not.not.eq.1", "filter: there is no operator \"not\""},
    {"nope=eq.1", "filter: there is no column \"nope\""},
    {"hidden=eq.1", "filter: there is no column \"hidden\""},
    {"i=eq.one", "filter i: invalid input syntax for type bigint: \"one\""},
    {"i=eq.9223372036854775808", "filter i: value \"9223372036854775808\" is out of range for type bigint"},
    {"u=eq.x", "filter u: invalid input syntax for type uuid: \"x\""},
    {"b=eq.perhaps", "filter b: invalid input syntax for type boolean: \"perhaps\""},
    {"j=eq.{", "filter j: invalid input syntax for type json"},
    {"i=in.1,2", "filter i: `in` filter value must be wrapped by parentheses"},
    {"i=is.true", "filter i: `is` takes null, and for a boolean column true, false and unknown"},
    {"i=like.1%", "filter i: a column of type bigint has no operator like"},
    {"j=gt.1", "filter j: a column of type jsonb has no operator gt"},
};

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct so_err err = SO_ERR_INIT;
        struct so_change_filter filter;
        assert_int_equal(parse(BAD[i].filter, &filter, &err), SO_EINVAL);
        if (strcmp(err.message, BAD[i].want) != 0)
            fail_msg("%s\n got:  %s\n want: %s", BAD[i].filter, err.message, BAD[i].want);
    }
}

static void limits_hold(void **state)
{
    (void)state;
    static char text[16384];
    struct so_err err = SO_ERR_INIT;
    struct so_change_filter filter;
    size_t len = (size_t)snprintf(text, sizeof(text), "i=in.(0");
    for (int i = 1; i < 100; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, ",%d", i);
    snprintf(text + len, sizeof(text) - len, ")");
    assert_int_equal(parse(text, &filter, &err), SO_OK);
    snprintf(text + len, sizeof(text) - len, ",100)");
    assert_int_equal(parse(text, &filter, &err), SO_EINVAL);
    err = SO_ERR_INIT;
    text[0] = '\0';
    for (int i = 0; i < SO_FILTER_TERMS_MAX + 1; i++)
        strcat(text, i == 0 ? "i=gt.1" : ",i=gt.1");
    assert_int_equal(parse(text, &filter, &err), SO_EINVAL);
    err = SO_ERR_INIT;
    memset(text, 'x', SO_FILTER_BYTES_MAX);
    memcpy(text, "s=eq.", 5);
    text[SO_FILTER_BYTES_MAX] = '\0';
    assert_int_equal(parse(text, &filter, &err), SO_OK);
    text[SO_FILTER_BYTES_MAX] = 'x';
    text[SO_FILTER_BYTES_MAX + 1] = '\0';
    assert_int_equal(parse(text, &filter, &err), SO_EINVAL);
}

static void equal_cells_have_equal_keys(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *key; /* NULL: not found by value */
    } CASES[] = {
        {"i=eq.007", "7"},    {"s=eq.x", "x"},
        {"b=eq.true", "1"},   {"f=eq.1", NULL},
        {"d=eq.1", NULL},     {"s=neq.x", NULL},
        {"s=not.eq.x", NULL}, {"i=gt.1,s=eq.y", "y"},
        {"", NULL},           {"j=eq.1", NULL},
        {"s=in.(x)", NULL},   {"u=eq.A0EEBC999C0B4EF8BB6D6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_err err = SO_ERR_INIT;
        struct so_change_filter filter;
        char buf[24];
        assert_int_equal(parse(CASES[i].filter, &filter, &err), SO_OK);
        const struct so_filter_term *term = so_change_filter_equality(&filter);
        assert_int_equal(term == NULL, CASES[i].key == NULL);
        if (term != NULL)
            assert_str(so_filter_key(&term->values[0].cell, buf), CASES[i].key);
    }
    char buf[24];
    const struct so_cell whole = {.kind = SO_CELL_REAL, .real = 7.0}, part = {.kind = SO_CELL_REAL, .real = 7.5}, null = {0};
    assert_str(so_filter_key(&whole, buf), "7");
    assert_null(so_filter_key(&part, buf).p);
    assert_null(so_filter_key(&null, buf).p);
}

/* ---- rows ---- */

static void rows_are_read_as_quote_wrote_them(void **state)
{
    (void)state;
    struct so_row row;
    struct so_err err = SO_ERR_INIT;
    assert_int_equal(
        so_row_parse(SO_STR("\"a \"\"q\"\"\" 'it''s',\"n\" NULL,\"i\" -9223372036854775808,\"r\" 1.0e-05,"
                            "\"big\" 3.00000000000000044409e-01,\"inf\" -Inf,\"more\" 9.0e+999,\"x\" X'',\"e\" ''"),
                     &arena, &row, &err),
        SO_OK);
    assert_int_equal(row.count, 9);
    assert_str(so_row_find(&row, SO_STR("a \"q\""), 5)->bytes, "it's");
    assert_int_equal(so_row_find(&row, SO_STR("n"), 1)->kind, SO_CELL_NULL);
    assert_true(so_row_find(&row, SO_STR("i"), 2)->integer == INT64_MIN);
    assert_true(so_row_find(&row, SO_STR("r"), 3)->real == 1.0e-05);
    assert_true(so_row_find(&row, SO_STR("big"), 0)->real == 0.1 + 0.2);
    assert_true(so_row_find(&row, SO_STR("inf"), 0)->real == -INFINITY);
    assert_true(so_row_find(&row, SO_STR("more"), 0)->real == INFINITY);
    assert_int_equal(so_row_find(&row, SO_STR("x"), 0)->kind, SO_CELL_BLOB);
    assert_int_equal(so_row_find(&row, SO_STR("e"), 0)->kind, SO_CELL_TEXT);
    assert_int_equal(so_row_find(&row, SO_STR("gone"), 0)->kind, SO_CELL_NULL);
}

static void what_is_no_row_is_refused(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",         "x",          "\"a\"",       "\"a\" ",      "\"a\" 'x", "\"a\" 'x' ",
        "\"a\" 1,", "\"a\" X'0'", "\"a\" X'0g'", "\"a\" NULLS", "\"a 1",    "\"a\" 1;\"b\" 2",
        "\"a\" 1e", "\"a\" --1",  "\"a\" 'x''"};
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        struct so_row row;
        struct so_err err = SO_ERR_INIT;
        if (so_row_parse(so_str_c(TEXTS[i]), &arena, &row, &err) != SO_EINVAL)
            fail_msg("%s", TEXTS[i]);
    }
}

/* A row of PostgreSQL's log. */
#define JSON_ROW                                                                                                            \
    "{\"s\":\"q\",\"i\":9007199254740993,\"x\":1.50,\"b\":true,\"nil\":null,\"j\":[1],\"at\":\"2026-01-02T03:04:05+09:"     \
    "00\"}"

static void rows_of_json_keep_what_they_say(void **state)
{
    (void)state;
    struct so_arena own;
    struct so_err err = SO_ERR_INIT;
    struct so_row row;
    struct so_cell cell;
    so_arena_init(&own, 1 << 20);
    assert_int_equal(so_row_parse_json(SO_STR(JSON_ROW), &own, &row, &err), SO_OK);
    assert_int_equal(row.count, 7);
    assert_int_equal(row.cells[1].integer, INT64_C(9007199254740993));
    assert_true(so_str_eq_c(so_json_str(row.cells[2].json), "1.50")); /* told as it was written */
    assert_int_equal(row.cells[3].kind, SO_CELL_INTEGER);
    assert_int_equal(row.cells[4].kind, SO_CELL_NULL);
    assert_null(row.cells[4].json);
    assert_int_equal(so_cell_comparable(&row.cells[6], SO_TYPE_TIMESTAMPTZ, &own, &cell, &err), SO_OK);
    assert_true(so_str_eq_c(cell.bytes, "2026-01-01T18:04:05.000000+00:00"));
    assert_int_equal(so_cell_comparable(&row.cells[0], SO_TYPE_TIMESTAMPTZ, &own, &cell, &err), SO_OK);
    assert_true(so_str_eq_c(cell.bytes, "q")); /* no time, so it stays what it is */
    assert_int_equal(so_cell_comparable(&row.cells[5], SO_TYPE_TEXT, &own, &cell, &err), SO_OK);
    assert_true(so_str_eq_c(cell.bytes, "[1]"));
    static const char *const NO_ROWS[] = {"", "[]", "1", "null", "{\"a\":1", "{\"a\":1}x"};
    for (size_t i = 0; i < COUNT_OF(NO_ROWS); i++) {
        err = SO_ERR_INIT;
        assert_int_equal(so_row_parse_json(so_str_c(NO_ROWS[i]), &own, &row, &err), SO_EINVAL);
    }
    so_arena_deinit(&own);
}

static void memory_that_runs_out_is_an_error(void **state)
{
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_arena own;
        struct so_err err = SO_ERR_INIT;
        struct so_change_filter filter;
        struct so_row row;
        bool got;
        so_arena_init(&own, 1 << 20);
        so_mem_fail_at(n);
        int rc = so_change_filter_parse(SO_STR("s=match.^a,j=eq.[],i=in.(1,2),s=eq.\"q\""), &relation, may_read, NULL, &own,
                                        &filter, &err);
        if (rc == SO_OK)
            rc = so_row_parse(so_str_c(ROW), &own, &row, &err);
        if (rc == SO_OK)
            rc = so_change_filter_test(&filter, &row, &own, &got, &err);
        if (rc == SO_OK)
            rc = so_row_parse_json(SO_STR(JSON_ROW), &own, &row, &err);
        struct so_cell cell;
        if (rc == SO_OK)
            rc = so_cell_comparable(&row.cells[5], SO_TYPE_TEXT, &own, &cell, &err);
        if (rc == SO_OK)
            rc = so_cell_comparable(&row.cells[6], SO_TYPE_TIMESTAMPTZ, &own, &cell, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        so_arena_deinit(&own);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, open_relation, close_relation)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(filters_are_true_of_what_they_say),
        T(what_is_wrong_is_said),
        T(limits_hold),
        T(equal_cells_have_equal_keys),
        T(rows_are_read_as_quote_wrote_them),
        T(what_is_no_row_is_refused),
        T(rows_of_json_keep_what_they_say),
        T(memory_that_runs_out_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
