/* raise_test.c: RAISE sqlstate 'PTnnn' and 'PGRST': the answer that SQL of the user asks for. */
#include "../testing.h"

#include "core/mem.h"
#include "rest/raise.h"
#include "json/json.h"

static struct so_err raised(const char *id, const char *message, const char *details, const char *hint)
{
    struct so_err err = SO_ERR_INIT;
    snprintf(err.id, sizeof(err.id), "%s", id);
    snprintf(err.message, sizeof(err.message), "%s", message);
    snprintf(err.details, sizeof(err.details), "%s", details);
    snprintf(err.hint, sizeof(err.hint), "%s", hint);
    return err;
}

#define MESSAGE "{\"code\": \"123\", \"message\": \"no\", \"details\": \"d\", \"hint\": \"h\"}"
#define DETAIL  "{\"status\": 332, \"headers\": {\"X-A\": \"b\"}}"

static const struct {
    const char *label, *id, *message, *details, *hint;
    int status;                              /* 0: it is no such error */
    const char *code, *text, *more, *advice; /* NULL: not there */
} CASES[] = {
    {"another error", "23505", "m", "", "", 0, NULL, NULL, NULL, NULL},
    {"PT without a status", "PT", "m", "", "", 0, NULL, NULL, NULL, NULL},
    {"a status", "PT402", "Pay", "d", "h", 402, "PT402", "Pay", "d", "h"},
    {"a status alone", "PT404", "", "", "", 404, "PT404", "", NULL, NULL},
    {"a status below all", "PT099", "m", "", "", 500, "PT099", "m", NULL, NULL},
    {"a status beyond all", "PT600", "m", "", "", 500, "PT600", "m", NULL, NULL},
    {"a status that is none", "PTabc", "m", "", "", 500, "PTabc", "m", NULL, NULL},
    {"a whole answer", "PGRST", MESSAGE, DETAIL, "", 332, "123", "no", "d", "h"},
    {"... with what must be there", "PGRST", "{\"code\": \"1\", \"message\": \"m\"}", DETAIL, "", 332, "1", "m", NULL, NULL},
    {"a message that is no JSON", "PGRST", "oh", DETAIL, "", 500, "PGRST121",
     "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", "Invalid JSON value for MESSAGE: 'oh'",
     "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'."},
    {"a message without a code", "PGRST", "{\"message\": \"m\"}", DETAIL, "", 500, "PGRST121", NULL,
     "Invalid JSON value for MESSAGE: '{\"message\": \"m\"}'", NULL},
    {"no detail", "PGRST", MESSAGE, "", "", 500, "PGRST121", NULL, "DETAIL is missing in the RAISE statement", NULL},
    {"a detail without headers", "PGRST", MESSAGE, "{\"status\": 200}", "", 500, "PGRST121", NULL,
     "Invalid JSON value for DETAIL: '{\"status\": 200}'", NULL},
    {"headers that are a list", "PGRST", MESSAGE, "{\"status\": 200, \"headers\": []}", "", 500, "PGRST121", NULL, NULL,
     NULL},
    {"a status that is no number", "PGRST", MESSAGE, "{\"status\": \"x\", \"headers\": {}}", "", 500, "PGRST121", NULL, NULL,
     NULL},
    {"a status that cannot be sent", "PGRST", MESSAGE, "{\"status\": 42, \"headers\": {}}", "", 500, "PGRST121", NULL, NULL,
     NULL},
};

static void same(const char *label, struct so_str got, const char *want)
{
    if (want != NULL && !so_str_eq_c(got, want))
        fail_msg("%s: got \"%.*s\", not \"%s\"", label, SO_STR_ARG(got), want);
}

static void what_is_raised_is_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_arena arena;
        struct so_raise r = {.status = 0};
        struct so_err err = raised(CASES[i].id, CASES[i].message, CASES[i].details, CASES[i].hint);
        so_arena_init(&arena, 1 << 20);
        assert_int_equal(so_raise_read(&err, &arena, &r), CASES[i].status != 0);
        assert_int_equal(r.status, CASES[i].status);
        same(CASES[i].label, r.code, CASES[i].code);
        same(CASES[i].label, r.message, CASES[i].text);
        same(CASES[i].label, r.details, CASES[i].more);
        same(CASES[i].label, r.hint, CASES[i].advice);
        so_arena_deinit(&arena);
    }
}

static void headers_come_with_the_answer(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_raise r;
    struct so_err err = raised("PGRST", MESSAGE, DETAIL, "");
    so_arena_init(&arena, 1 << 20);
    assert_true(so_raise_read(&err, &arena, &r));
    assert_non_null(r.headers);
    assert_true(so_str_eq_c(so_json_get_str(r.headers, SO_STR("X-A")), "b"));
    so_arena_deinit(&arena);
}

/* What cannot be read for want of memory is a 500, never less. */
static void memory_may_run_out(void **state)
{
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_arena arena;
        struct so_raise r = {.status = 0};
        struct so_err err = raised("PGRST", MESSAGE, DETAIL, "");
        so_arena_init(&arena, 1 << 20);
        so_mem_fail_at(n);
        assert_true(so_raise_read(&err, &arena, &r));
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(r.status, failed ? 500 : 332);
        so_arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_raised_is_answered),
        cmocka_unit_test(headers_come_with_the_answer),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
