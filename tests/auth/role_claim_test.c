/* role_claim_test.c: where in a token the role stands (SOCLE_JWT_ROLE_CLAIM_KEY). */
#include "../testing.h"

#include "auth/auth_int.h"

static const char CLAIMS[] =
    "{\"role\": \"author\", \"n\": 1, \"app_metadata\": {\"role\": \"editor\"}, \"https://x.y/role\": \"far\","
    " \"realm\": {\"roles\": [\"first\", \"second\"]}, \"deep\": [[{\"role\": \"inner\"}]], \"\": \"empty\"}";

static const struct {
    const char *path, *want; /* NULL: none */
} CASES[] = {
    {".role", "author"},
    {"$.role", "author"},
    {".app_metadata.role", "editor"},
    {"$.app_metadata.role", "editor"},
    {".\"https://x.y/role\"", "far"},
    {".realm.roles[0]", "first"},
    {".realm.roles[1]", "second"},
    {".deep[0][0].role", "inner"},
    {".\"role\"", "author"},
    {"", NULL}, /* the claims themselves are no text */
    {"$", NULL},
    {".", "empty"}, /* a name of no letters */
    {".nothing", NULL},
    {".role.more", NULL}, /* a text has no members */
    {".n", NULL},         /* a number is no role */
    {".realm.roles", NULL},
    {".realm.roles[2]", NULL},
    {".realm.roles[-1]", NULL},
    {".realm.roles[x]", NULL},
    {".realm.roles[0", NULL},
    {".realm.roles[99999999999999999999]", NULL},
    {".app_metadata[0]", NULL},
    {"role", NULL},        /* a step begins with . or [ */
    {".\"role", "author"}, /* a quote that is never closed ends with the path */
};

static void the_path_leads_to_the_role(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_json claims;
    struct so_err err = SO_ERR_INIT;
    so_arena_init(&arena, 1 << 16);
    assert_int_equal(so_json_parse(&arena, so_str_c(CLAIMS), NULL, &claims, &err), SO_OK);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_str got = so_auth_role_claim(&claims, so_str_c(CASES[i].path));
        bool good = CASES[i].want == NULL ? got.p == NULL : so_str_eq_c(got, CASES[i].want);
        if (!good)
            fail_msg("%s gives \"%.*s\"", CASES[i].path, SO_STR_ARG(got));
    }
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_path_leads_to_the_role)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
