/* error_test.c: a failure becomes the status and the body that clients of PostgREST know. */
#include "../testing.h"

#include "rest/rest.h"

static const struct {
    const char *label;
    struct so_err err;
    enum so_role role;
    int status;
    const char *body;
} CASES[] = {
    {"all four members",
     {.code = SO_EINVAL, .status = 400, .id = "PGRST100", .message = "m", .details = "d", .hint = "h"},
     SO_ROLE_ANON,
     400,
     "{\"code\":\"PGRST100\",\"details\":\"d\",\"hint\":\"h\",\"message\":\"m\"}"},
    {"empty ones are null",
     {.code = SO_EDB, .id = "23505", .message = "dup"},
     SO_ROLE_ANON,
     409,
     "{\"code\":\"23505\",\"details\":null,\"hint\":null,\"message\":\"dup\"}"},
    {"text is escaped",
     {.code = SO_EDB, .id = "22P02", .message = "a \"b\"\n"},
     SO_ROLE_ANON,
     400,
     "{\"code\":\"22P02\",\"details\":null,\"hint\":null,\"message\":\"a \\\"b\\\"\\n\"}"},
    {"privilege, anonymous", {.code = SO_EDENIED, .status = 403, .id = "42501"}, SO_ROLE_ANON, 401, NULL},
    {"privilege, signed in", {.code = SO_EDB, .id = "42501"}, SO_ROLE_AUTHENTICATED, 403, NULL},
    {"foreign key", {.code = SO_EDB, .id = "23503"}, SO_ROLE_ANON, 409, NULL},
    {"not null", {.code = SO_EDB, .id = "23502"}, SO_ROLE_ANON, 400, NULL},
    {"no table", {.code = SO_EDB, .id = "42P01"}, SO_ROLE_ANON, 404, NULL},
    {"no column", {.code = SO_EDB, .id = "42703"}, SO_ROLE_ANON, 400, NULL},
    {"the longest prefix counts", {.code = SO_EDB, .id = "25006"}, SO_ROLE_ANON, 405, NULL},
    {"... and its family", {.code = SO_EDB, .id = "25001"}, SO_ROLE_ANON, 500, NULL},
    {"time limit", {.code = SO_ETIMEOUT, .id = "57014"}, SO_ROLE_ANON, 504, NULL},
    {"out of memory", {.code = SO_ENOMEM, .status = 503, .id = "53200"}, SO_ROLE_ANON, 503, NULL},
    {"queue full",
     {.code = SO_EBUSY, .message = "full"},
     SO_ROLE_ANON,
     503,
     "{\"code\":\"53300\",\"details\":null,\"hint\":null,\"message\":\"full\"}"},
    {"anything else",
     {.code = SO_EIO, .message = "x"},
     SO_ROLE_ANON,
     500,
     "{\"code\":\"XX000\",\"details\":null,\"hint\":null,\"message\":\"x\"}"},
    {"relationships are JSON",
     {.code = SO_EINVAL, .status = 300, .id = "PGRST201", .details = "[{\"a\":1}]"},
     SO_ROLE_ANON,
     300,
     "{\"code\":\"PGRST201\",\"details\":[{\"a\":1}],\"hint\":null,\"message\":\"\"}"},
};

static void failures_become_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_rest_out out;
        struct so_buf body;
        struct so_identity who = {.role = CASES[i].role};
        so_buf_init(&body, 4096);
        so_buf_lit(&body, "half an answer");
        so_rest_error(NULL, &who, &CASES[i].err, &out, &body);
        if (out.status != CASES[i].status || (CASES[i].body != NULL && !so_str_eq_c(so_buf_str(&body), CASES[i].body)))
            fail_msg("%s: %d %.*s", CASES[i].label, out.status, SO_STR_ARG(so_buf_str(&body)));
        so_buf_deinit(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(failures_become_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
