/* pg_changes_test.c: who hears what of a PostgreSQL database. */
#include "pg_world.h"

#define NOTES                                                                                                               \
    "CREATE TABLE notes (id int PRIMARY KEY, owner text, text text, secret text);"                                          \
    "GRANT SELECT (id, owner, text) ON notes TO authenticated; GRANT SELECT ON notes TO service_role;"                      \
    "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"                                                                          \
    "CREATE POLICY own ON notes FOR SELECT TO authenticated USING (owner = auth.uid());"

static void a_change_is_told_as_postgres_writes_it(void **state)
{
    (void)state;
    static struct ear ear = {.whole = true};
    pg_open_world(
        "CREATE TABLE t (id bigint PRIMARY KEY, n numeric, at timestamptz, tags text[], j jsonb, b boolean, x bytea);"
        "GRANT SELECT ON t TO anon;",
        "t, sentinel");
    hear(&ear, &ANON, "t", NULL);
    pg_exec(&pg, "SET LOCAL timezone = 'Asia/Tokyo'; INSERT INTO t VALUES (9007199254740993, 12345678901234567890.10,"
                 " '2026-01-02 03:04:05Z', '{a,\"b c\"}', '{\"k\": [1.50]}', true, '\\xFFD8')");
    pg_settle();
    static const char *const WANTED[] = {
        "{\"schema\":\"public\",\"table\":\"t\",\"type\":\"INSERT\",\"commit_timestamp\":\"20",
        "Z\",\"seq\":1,",
        "{\"name\":\"id\",\"type\":\"int8\"},{\"name\":\"n\",\"type\":\"numeric\"},{\"name\":\"at\",\"type\":"
        "\"timestamptz\"}",
        "{\"name\":\"tags\",\"type\":\"_text\"},{\"name\":\"j\",\"type\":\"jsonb\"}",
        "\"record\":{\"id\":9007199254740993,\"n\":12345678901234567890.10,\"at\":\"2026-01-02T03:04:05+00:00\","
        "\"tags\":[\"a\",\"b c\"],\"j\":{\"k\":[1.50]},\"b\":true,\"x\":\"\\\\xffd8\"},\"errors\":null}",
    };
    for (size_t i = 0; i < COUNT_OF(WANTED); i++)
        if (strstr(ear.text, WANTED[i]) == NULL)
            fail_msg("%s\n lacks %s", ear.text, WANTED[i]);
    pg_close_world();
}

static void policies_hold_for_every_event(void **state)
{
    (void)state;
    static const struct {
        const char *label, *sql, *ada, *bob, *service;
    } STEPS[] = {
        {"insert", "INSERT INTO notes VALUES (1, 'ada', 'a', 's')", "INSERT {\"id\":1,\"owner\":\"ada\",\"text\":\"a\"} -\n",
         "", "INSERT {\"id\":1,\"owner\":\"ada\",\"text\":\"a\",\"secret\":\"s\"} -\n"},
        {"update", "UPDATE notes SET text = 'b'",
         "UPDATE {\"id\":1,\"owner\":\"ada\",\"text\":\"b\"} {\"id\":1,\"owner\":\"ada\",\"text\":\"a\"}\n", "",
         "UPDATE {\"id\":1,\"owner\":\"ada\",\"text\":\"b\",\"secret\":\"s\"}"
         " {\"id\":1,\"owner\":\"ada\",\"text\":\"a\",\"secret\":\"s\"}\n"},
        {"out of one's view, into another's", "UPDATE notes SET owner = 'bob'", "DELETE - {\"id\":1}\n",
         "UPDATE {\"id\":1,\"owner\":\"bob\",\"text\":\"b\"} {\"id\":1}\n",
         "UPDATE {\"id\":1,\"owner\":\"bob\",\"text\":\"b\",\"secret\":\"s\"}"
         " {\"id\":1,\"owner\":\"ada\",\"text\":\"b\",\"secret\":\"s\"}\n"},
        {"delete", "DELETE FROM notes", "", "DELETE - {\"id\":1,\"owner\":\"bob\",\"text\":\"b\"}\n",
         "DELETE - {\"id\":1,\"owner\":\"bob\",\"text\":\"b\",\"secret\":\"s\"}\n"},
        {"rolled back",
         "DO $$ BEGIN INSERT INTO notes VALUES (3, 'ada', '', ''); RAISE unique_violation;"
         " EXCEPTION WHEN unique_violation THEN NULL; END $$",
         "", "", ""},
        {"nobody's", "INSERT INTO notes VALUES (2)", "", "",
         "INSERT {\"id\":2,\"owner\":null,\"text\":null,\"secret\":null} -\n"},
        {"truncate", "TRUNCATE notes", "", "", "DELETE - {\"id\":2,\"owner\":null,\"text\":null,\"secret\":null}\n"},
    };
    static struct ear ada, bob, service, anon;
    pg_open_world(NOTES "GRANT SELECT ON sentinel TO anon;", "notes, sentinel");
    hear(&ada, &USER("ada"), "notes", NULL);
    hear(&bob, &USER("bob"), NULL, NULL);
    hear(&service, &SERVICE, "notes", NULL);
    hear(&anon, &ANON, "notes", NULL); /* may read no column */
    for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
        pg_exec(&pg, STEPS[i].sql);
        pg_settle();
        assert_heard(STEPS[i].label, &ada, STEPS[i].ada);
        assert_heard(STEPS[i].label, &bob, STEPS[i].bob);
        assert_heard(STEPS[i].label, &service, STEPS[i].service);
        assert_heard(STEPS[i].label, &anon, "");
    }
    pg_close_world();
}

/* Each: the policies of a table with the columns id and a, under which ada sees of the rows 1 to 4 those that are named. */
static void policies_mean_what_they_mean_in_a_query(void **state)
{
    (void)state;
    static const struct {
        const char *label, *sql, *sees;
    } CASES[] = {
        {"no policy", "", ""},
        {"of another role", "CREATE POLICY p ON t FOR SELECT TO anon USING (true)", ""},
        {"of everybody", "CREATE POLICY p ON t FOR SELECT USING (id < 3)", "12"},
        {"for all commands", "CREATE POLICY p ON t USING (id = 4)", "4"},
        {"of another command", "CREATE POLICY p ON t FOR UPDATE USING (true)", ""},
        {"one or the other", "CREATE POLICY p ON t USING (id = 1); CREATE POLICY q ON t FOR SELECT USING (id = 3)", "13"},
        {"restricted", "CREATE POLICY p ON t USING (true); CREATE POLICY q ON t AS RESTRICTIVE USING (id > 2)", "34"},
        {"only restricted", "CREATE POLICY q ON t AS RESTRICTIVE USING (id > 2)", ""},
        {"unknown", "CREATE POLICY p ON t USING (a = 'x')", "2"},
        {"a subquery that names the row",
         "CREATE TABLE m (t_id int, who text); GRANT SELECT ON m TO authenticated;"
         " INSERT INTO m VALUES (3, 'ada'), (4, 'bob');"
         " CREATE POLICY p ON t USING (EXISTS (SELECT 1 FROM m WHERE m.t_id = t.id AND m.who = auth.uid()))",
         "3"},
        {"columns named like ours",
         "ALTER TABLE t ADD o int DEFAULT 7, ADD n int DEFAULT 8, ADD w int DEFAULT 9;"
         " CREATE POLICY p ON t USING (o = 7 AND n = 8 AND w = 9)",
         "1234"},
        {"the whole row",
         "CREATE FUNCTION f(r t) RETURNS boolean LANGUAGE sql AS 'SELECT (r).id = 2';"
         " CREATE POLICY p ON t USING (f(t))",
         "2"},
        {"who one is",
         "CREATE POLICY p ON t USING (current_user = 'authenticated' AND"
         " current_setting('request.jwt.claims')::json->>'role' = 'authenticated')",
         "1234"},
        {"without row security", "ALTER TABLE t DISABLE ROW LEVEL SECURITY", "1234"},
        {"without a right", "CREATE POLICY p ON t USING (true); REVOKE SELECT ON t FROM authenticated", ""},
        {"without a right to the schema",
         "CREATE POLICY p ON t USING (true);"
         " REVOKE USAGE ON SCHEMA public FROM authenticated, PUBLIC",
         ""},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        static struct ear ada;
        char sql[2048];
        snprintf(sql, sizeof(sql),
                 "CREATE TABLE t (id int PRIMARY KEY, a text); GRANT SELECT ON t TO authenticated;"
                 "ALTER TABLE t ENABLE ROW LEVEL SECURITY; %s",
                 CASES[i].sql);
        ada = (struct ear){0};
        pg_open_world(sql, "t, sentinel");
        hear(&ada, &USER("ada"), "t", NULL);
        pg_exec(&pg, "INSERT INTO t (id, a) VALUES (1, NULL), (2, 'x'), (3, 'y'), (4, NULL); DELETE FROM t");
        pg_settle();
        char want[1024] = "", got[1024] = "";
        for (const char *verb = "I"; verb != NULL; verb = *verb == 'I' ? "D" : NULL)
            for (const char *id = CASES[i].sees; *id != '\0'; id++)
                snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s%c ", verb, *id);
        for (const char *line = ada.text; *line != '\0'; line = strchr(line, '\n') + 1) {
            const char *id = strstr(line, "\"id\":");
            if (id == NULL)
                fail_msg("%s: %s", CASES[i].label, ada.text);
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "%c%c ", *line, id[5]);
        }
        if (strcmp(got, want) != 0)
            fail_msg("%s: got %s want %s (%s)", CASES[i].label, got, want, ada.text);
        pg_close_world();
    }
}

static void a_right_that_is_taken_away_counts_at_once(void **state)
{
    (void)state;
    static struct ear ada, bob;
    pg_open_world(NOTES "GRANT SELECT ON sentinel TO anon;", "notes, sentinel");
    hear(&ada, &USER("ada"), "notes", NULL);
    pg_exec(&pg, "REVOKE SELECT (text) ON notes FROM authenticated");
    pg_exec(&pg, "INSERT INTO notes VALUES (1, 'ada', 'a', 's')");
    pg_settle();
    assert_heard("a column", &ada, "failed: the policy cannot be asked: the columns that may be read are others now\n");
    pg_use_tables(world.changes);
    hear(&bob, &USER("ada"), "notes", NULL);
    pg_exec(&pg, "UPDATE notes SET text = 'b'");
    pg_settle();
    assert_heard("after a reload", &bob, "UPDATE {\"id\":1,\"owner\":\"ada\"} {\"id\":1,\"owner\":\"ada\"}\n");
    pg_exec(&pg, "DROP POLICY own ON notes; DELETE FROM notes");
    pg_settle();
    assert_heard("a policy", &bob, "");
    pg_close_world();
}

static void a_policy_that_fails_or_sleeps_harms_its_own_subscribers_alone(void **state)
{
    (void)state;
    static const char *const POLICIES[] = {"1 / (id - id) = 1", "pg_sleep(30) IS NULL"};
    static const char *const SAYS[] = {"division by zero", "cancel"};
    for (size_t i = 0; i < COUNT_OF(POLICIES); i++) {
        static struct ear bad, good;
        char sql[1024];
        snprintf(sql, sizeof(sql),
                 "CREATE TABLE t (id int PRIMARY KEY); GRANT SELECT ON t TO authenticated, service_role;"
                 "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (%s);",
                 POLICIES[i]);
        pg_open_world(sql, "t, sentinel");
        hear(&bad, &USER("ada"), "t", NULL);
        hear(&good, &SERVICE, "t", NULL);
        pg_exec(&pg, "INSERT INTO t VALUES (5)");
        pg_settle();
        assert_true(bad.failed);
        if (strstr(bad.text, SAYS[i]) == NULL)
            fail_msg("%s", bad.text);
        assert_heard(POLICIES[i], &good, "INSERT {\"id\":5} -\n");
        pg_close_world();
    }
}

static void filters_find_rows(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        bool matches;
    } CASES[] = {
        {"id=eq.1", true},
        {"id=eq.2", false},
        {"id=gt.0", true},
        {"n=eq.1.5", true},
        {"n=lt.1.5", false},
        {"at=eq.2026-01-02T03:04:05Z", true},
        {"at=eq.2026-01-02T04:04:05+01:00", true},
        {"at=gt.2026-01-02T03:04:05Z", false},
        {"day=lt.2026-02-01", true},
        {"b=is.true", true},
        {"b=is.false", false},
        {"u=eq.A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", true},
        {"text=like.he%", true},
        {"text=in.(a,hello)", true},
        {"j=eq.{\"a\":1}", true},
        {"j=eq.{\"a\":2}", false},
        {"color=eq.red", true},
        {"nil=is.null", true},
        {"text=is.null", false},
    };
    static struct ear ears[COUNT_OF(CASES)];
    pg_open_world("CREATE TYPE color AS ENUM ('red', 'blue'); CREATE TABLE t (id int PRIMARY KEY, n numeric, at timestamptz,"
                  " day date, b boolean, u uuid, text text, j jsonb, color color, nil int); GRANT SELECT ON t TO anon;",
                  "t, sentinel");
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        hear(&ears[i], &ANON, "t", CASES[i].filter);
    pg_exec(&pg, "INSERT INTO t VALUES (1, 1.5, '2026-01-02 03:04:05+00', '2026-01-02', true,"
                 " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'hello', '{\"a\": 1}', 'red', NULL)");
    pg_settle();
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        if (ears[i].events != CASES[i].matches)
            fail_msg("%s: heard %u", CASES[i].filter, ears[i].events);
    pg_close_world();
}

static int hear_in(struct ear *ear, const char *schema, const char *table)
{
    struct so_err err = SO_ERR_INIT;
    struct so_listener l = {.event = SO_STR("*")};
    if (schema != NULL)
        l.schema = so_str_c(schema);
    if (table != NULL)
        l.table = so_str_c(table);
    int rc = try_hear(ear, &SERVICE, &l, 1, -1, &err);
    if (rc == SO_OK)
        wait_ready(ear, 1);
    return rc;
}

static void schemas_and_partitions_are_told_by_their_names(void **state)
{
    (void)state;
    static struct ear one, other, all, none;
    pg_open_world("CREATE SCHEMA s; GRANT USAGE ON SCHEMA s TO service_role; CREATE TABLE s.t (id int PRIMARY KEY);"
                  "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);"
                  "CREATE TABLE t_low PARTITION OF t FOR VALUES FROM (0) TO (10);"
                  "CREATE TABLE silent (id int);"
                  "GRANT SELECT ON s.t, t, silent TO service_role;",
                  "s.t, t, sentinel");
    assert_int_equal(hear_in(&one, "public", "t"), SO_OK);
    assert_int_equal(hear_in(&other, "s", "t"), SO_OK);
    assert_int_equal(hear_in(&all, "s", "*"), SO_OK);
    assert_int_equal(hear_in(&none, "public", "silent"), SO_EINVAL);
    assert_int_equal(hear_in(&none, "x", "t"), SO_EINVAL);
    pg_exec(
        &pg,
        "INSERT INTO t VALUES (1); INSERT INTO t_low VALUES (2); INSERT INTO s.t VALUES (3); INSERT INTO silent VALUES (4)");
    pg_settle();
    assert_heard("partitioned", &one, "INSERT {\"id\":1} -\nINSERT {\"id\":2} -\n");
    assert_heard("another schema", &other, "INSERT {\"id\":3} -\n");
    assert_heard("all of a schema", &all, "INSERT {\"id\":3} -\n");
    pg_log_tables("publication"); /* there is none: nothing is logged any more */
    pg_exec(&pg, "INSERT INTO s.t VALUES (5)");
    pg_log_tables("sentinel");
    pg_settle();
    assert_heard("not logged any more", &other, "");
    pg_close_world();
}

static void a_reload_while_policies_are_asked_loses_nothing(void **state)
{
    (void)state;
    static struct ear ada;
    pg_open_world(NOTES, "notes, sentinel");
    hear(&ada, &USER("ada"), "notes", NULL);
    for (int i = 0; i < 20; i++) {
        char sql[96];
        snprintf(sql, sizeof(sql), "INSERT INTO notes VALUES (%d, 'ada', 't', 's')", i);
        pg_exec(&pg, sql);
        uv_run(so_loop_uv(world.loop), UV_RUN_NOWAIT);
        pg_use_tables(world.changes);
    }
    pg_settle();
    assert_int_equal(ada.events, 20);
    pg_close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_told_as_postgres_writes_it),
        cmocka_unit_test(policies_hold_for_every_event),
        cmocka_unit_test(policies_mean_what_they_mean_in_a_query),
        cmocka_unit_test(a_right_that_is_taken_away_counts_at_once),
        cmocka_unit_test(a_policy_that_fails_or_sleeps_harms_its_own_subscribers_alone),
        cmocka_unit_test(filters_find_rows),
        cmocka_unit_test(schemas_and_partitions_are_told_by_their_names),
        cmocka_unit_test(a_reload_while_policies_are_asked_loses_nothing),
    };
    return pg_is_missing() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
