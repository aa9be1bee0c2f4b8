/* policy_test.c: policies become SQLite's words, and nothing dangerous gets through. */
#include "workbench.h"

static const struct {
    const char *source, *sql;
} GOOD[] = {
    {"owner_id = auth.uid()", "owner_id = :auth_uid"},
    {"auth.role() = 'authenticated'", ":auth_role = 'authenticated'"},
    {"AUTH.UID( ) is not null", ":auth_uid is not null"},
    {"(select auth.uid()) = owner_id", "(select :auth_uid) = owner_id"},
    {"auth.jwt() ->> 'email' = email", ":auth_jwt ->> 'email' = email"},
    {"auth.jwt()->'app_metadata'->>'role' = 'admin'", ":auth_jwt->'app_metadata'->>'role' = 'admin'"},
    {"auth.email() = 'a@b'", "(:auth_jwt ->> 'email') = 'a@b'"},
    {"published and not deleted", "published and not deleted"},
    {"published = true or hidden = FALSE", "published = 1 or hidden = 0"},
    {"created_at <= now()", "created_at <= so_now()"},
    {"day = current_date", "day = substr(so_now(), 1, 10)"},
    {"\"owner id\" = auth.uid()", "`owner id` = :auth_uid"},
    {"\"a`\"\"b\" = 1", "`a``\"b` = 1"},
    {"name = 'O''Hara; -- )'", "name = 'O''Hara; -- )'"},
    {"EXISTS (SELECT 1 FROM members m WHERE m.team_id = team_id AND m.user_id = auth.uid())",
     "EXISTS (SELECT 1 FROM members m WHERE m.team_id = team_id AND m.user_id = :auth_uid)"},
    {"team_id IN (select team_id from public.members)", "team_id IN (select team_id from members)"},
    {"team_id = any (select team_id from members)", "team_id IN (select team_id from members)"},
    {"owner_id::text = auth.uid()::text", "CAST(owner_id AS TEXT) = CAST(:auth_uid AS TEXT)"},
    {"(auth.jwt() ->> 'level')::int > 3", "CAST((:auth_jwt ->> 'level') AS INTEGER) > 3"},
    {"coalesce(a, b)::int = 1", "CAST(coalesce(a, b) AS INTEGER) = 1"},
    {"lower(m.name)::text = 'x'", "CAST(lower(m.name) AS TEXT) = 'x'"},
    {"a::text::int = 1", "CAST(CAST(a AS TEXT) AS INTEGER) = 1"},
    {"id in (1, 2)", "id in (1, 2)"},
    {"name like 'a%b_c*'", "name GLOB 'a*b?c[*]'"},
    {"name not like '100\\%'", "name NOT GLOB '100%'"},
    {"name ilike '%X'", "lower(name) LIKE lower('%X') ESCAPE '\\'"},
    {"m.name NOT ILIKE 'x' and b", "lower(m.name) NOT LIKE lower('x') ESCAPE '\\' and b"},
    {"(auth.jwt() ->> 'email') ilike '%@x.org'", "lower((:auth_jwt ->> 'email')) LIKE lower('%@x.org') ESCAPE '\\'"},
    {"price * 1.5e2 > -3", "price * 1.5e2 > -3"},
};

static const struct {
    const char *source, *reason; /* part of it */
} BAD[] = {
    {"", "cannot be empty"},
    {"   ", "cannot be empty"},
    {"a = 1; DROP TABLE x", "';'"},
    {"a = 1 -- all", "comments"},
    {"a /* */ = 1", "comments"},
    {"a) OR (1 = 1", "no '('"},
    {"(a = 1", "no ')'"},
    {"a = 'x", "not closed"},
    {"a = \"x", "not closed"},
    {"a = :auth_uid", "parameters"},
    {"a = ?1", "parameters"},
    {"a = $1", "parameters"},
    {"a = @x", "'@'"},
    {"a = $$x$$", "dollar quotes"},
    {"a = E'x'", "prefix"},
    {"a = x'00'", "prefix"},
    {"a ~ '^x'", "regular expressions"},
    {"a && b", "'&&'"},
    {"[a] = 1", "arrays"},
    {"`a` = 1", "double quotes"},
    {"auth.uuid() = a", "auth.uuid is not known"},
    {"auth.uid = a", "auth.uid is not known"},
    {"load_extension('x')", "not allowed"},
    {"readfile('/etc/passwd') = a", "not allowed"},
    {"WriteFile ('x', 'y')", "not allowed"},
    {"so_input(a)", "Socle's own"},
    {"exists (select 1 from pragma_table_info('x'))", "SQLite's own"},
    {"exists (select 1 from sqlite_schema)", "SQLite's own"},
    {"exists (delete from x returning 1)", "no statement"},
    {"a = any (b)", "arrays are not available"},
    {"CAST(a AS uuid) = b", "(value)::type"},
    {"a::geometry = b", "cast to geometry"},
    {"a::text[] = b", "arrays with '['"},
    {"= ::int", "should follow a value"},
    {"a > now() - interval '1 day'", "INTERVAL"},
    {"a like b", "plain 'pattern'"},
    {"a like 'x' || b", "plain 'pattern'"},
    {"a || b ilike 'x'", "parentheses"},
    {"other.f(a)", "schema's name"},
    {"a = 12abc", "runs into a name"},
};

static void policies_become_sqlites_words(void **state)
{
    (void)state;
    struct so_arena arena;
    so_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(GOOD); i++) {
        struct so_policy policy;
        struct so_err err = SO_ERR_INIT;
        if (so_policy_compile(so_str_c(GOOD[i].source), &arena, &policy, &err) != SO_OK)
            fail_msg("%s: %s", GOOD[i].source, err.message);
        assert_int_equal(policy.kind, SO_POLICY_SQL);
        assert_str(policy.source, GOOD[i].source);
        assert_str(policy.sql, GOOD[i].sql);
    }
    so_arena_deinit(&arena);
}

static void what_could_leave_the_expression_is_refused(void **state)
{
    (void)state;
    struct so_arena arena;
    so_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct so_policy policy;
        struct so_err err = SO_ERR_INIT;
        if (so_policy_compile(so_str_c(BAD[i].source), &arena, &policy, &err) != SO_EINVAL)
            fail_msg("%s: should be refused", BAD[i].source);
        if (strstr(err.message, BAD[i].reason) == NULL)
            fail_msg("%s: \"%s\" should speak of \"%s\"", BAD[i].source, err.message, BAD[i].reason);
    }
    so_arena_deinit(&arena);
}

static void true_and_false_need_no_sql(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_policy policy;
    so_arena_init(&arena, 1 << 20);
    assert_int_equal(so_policy_compile(SO_STR(" TRUE "), &arena, &policy, NULL), SO_OK);
    assert_int_equal(policy.kind, SO_POLICY_ALLOW);
    assert_int_equal(so_policy_compile(SO_STR("false"), &arena, &policy, NULL), SO_OK);
    assert_int_equal(policy.kind, SO_POLICY_DENY);
    so_arena_deinit(&arena);
}

static void the_limits_hold(void **state)
{
    (void)state;
    static char text[20000];
    struct so_arena arena;
    struct so_policy policy;
    so_arena_init(&arena, 4 << 20);
    memset(text, 'a', sizeof(text));
    assert_int_equal(so_policy_compile(so_str(text, sizeof(text)), &arena, &policy, NULL), SO_ELIMIT);
    memset(text, '(', 1000);
    memset(text + 1000, ')', 1000);
    assert_int_equal(so_policy_compile(so_str(text, 2000), &arena, &policy, NULL), SO_ELIMIT);
    for (size_t i = 0; i < 10000; i += 2)
        text[i] = '1', text[i + 1] = '+';
    assert_int_equal(so_policy_compile(so_str(text, 9999), &arena, &policy, NULL), SO_ELIMIT);
    assert_int_equal(so_policy_compile(so_str("a\0b", 3), &arena, &policy, NULL), SO_EINVAL);
    assert_int_equal(so_policy_compile(SO_STR("a = '\xff'"), &arena, &policy, NULL), SO_EINVAL);
    so_arena_deinit(&arena);
}

static void every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_arena arena;
        struct so_policy policy;
        struct so_err err = SO_ERR_INIT;
        so_arena_init(&arena, 1 << 20);
        so_mem_fail_at(n);
        int rc = so_policy_compile(SO_STR("a::int = 1 and m.b ilike 'x' and auth.uid() = c"), &arena, &policy, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
        so_arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_become_sqlites_words),       cmocka_unit_test(what_could_leave_the_expression_is_refused),
        cmocka_unit_test(true_and_false_need_no_sql),          cmocka_unit_test(the_limits_hold),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
