/* access_test.c: who may hear and speak in private channels: conditions read, proved, guarded and asked. */
#include "../model/workbench.h"

#include "realtime/access.h"

static const char MEMBERS[] =
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},\"room\":{\"type\":\"string\"},"
    "\"uid\":{\"type\":\"string\"}},\"required\":[\"id\",\"room\",\"uid\"],\"x-primary-key\":[\"id\"],"
    "\"x-policies\":{\"select\":\"uid = auth.uid()\"}}";

static struct so_db *db;
static struct so_model *model;
static struct so_conn *conn;

static int make_rows(void *arg, struct so_conn *c, struct so_err *err)
{
    (void)arg;
    return so_conn_exec(c,
                        "CREATE TABLE members (id INTEGER PRIMARY KEY, room TEXT NOT NULL, uid TEXT NOT NULL);"
                        "INSERT INTO members VALUES (1, 'garden', 'ada'), (2, 'cellar', 'bob')",
                        err);
}

static int setup(void **state)
{
    (void)state;
    bench_open();
    bench_file("schemas/members.json", MEMBERS);
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/realtime", bench_dir);
    assert_int_equal(mkdir(path, 0700), 0);
    db = bench_database();
    assert_int_equal(so_db_write(db, make_rows, NULL, NULL), SO_OK);
    assert_int_equal(so_model_load(bench_dir, &model, NULL), SO_OK);
    assert_int_equal(so_db_reader_take(db, &conn, NULL), SO_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    so_db_reader_give(db, conn);
    so_model_unref(model);
    so_db_close(db);
    bench_close();
    return 0;
}

static const struct so_identity ANON = {.role = SO_ROLE_ANON},
                                ADA = {.role = SO_ROLE_AUTHENTICATED, .uid = SO_STR_INIT("ada")},
                                SERVICE = {.role = SO_ROLE_SERVICE};

static const struct {
    const char *label, *file;
    enum so_access_wish wish;
    const struct so_identity *who;
    const char *topic, *extension;
    bool may;
} QUESTIONS[] = {
    {"no file", NULL, SO_HEAR, &ADA, "a", "broadcast", false},
    {"no file, but the service role", NULL, SO_SPEAK, &SERVICE, "a", "broadcast", true},
    {"true", "{\"select\":\"true\"}", SO_HEAR, &ANON, "a", "broadcast", true},
    {"the other is closed", "{\"select\":\"true\"}", SO_SPEAK, &ANON, "a", "broadcast", false},
    {"false", "{\"insert\":\"false\"}", SO_SPEAK, &ADA, "a", "broadcast", false},
    {"by topic", "{\"select\":\"realtime.topic() = 'a'\"}", SO_HEAR, &ANON, "a", "presence", true},
    {"by another topic", "{\"select\":\"realtime.topic() = 'a'\"}", SO_HEAR, &ANON, "b", "presence", false},
    {"by the columns", "{\"insert\":\"topic = 'a' and extension = 'presence'\"}", SO_SPEAK, &ANON, "a", "presence", true},
    {"by the other extension", "{\"insert\":\"messages.extension = 'presence'\"}", SO_SPEAK, &ANON, "a", "broadcast", false},
    {"by a table", "{\"select\":\"EXISTS (SELECT 1 FROM members WHERE room = realtime.topic() AND uid = auth.uid())\"}",
     SO_HEAR, &ADA, "garden", "broadcast", true},
    {"by a row of a table that the caller cannot see",
     "{\"select\":\"EXISTS (SELECT 1 FROM members WHERE room = realtime.topic())\"}", SO_HEAR, &ADA, "cellar", "broadcast",
     false},
    {"null is no", "{\"select\":\"auth.uid() = 'ada'\"}", SO_HEAR, &ANON, "a", "broadcast", false},
};

static void the_conditions_decide(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(QUESTIONS); i++) {
        struct so_access *a;
        struct so_err err = SO_ERR_INIT;
        const struct so_access_question q = {QUESTIONS[i].wish, QUESTIONS[i].who, so_str_c(QUESTIONS[i].topic),
                                             QUESTIONS[i].extension};
        bench_file("realtime/policies.json", QUESTIONS[i].file);
        if (so_access_load(bench_dir, model, &a, &err) != SO_OK || so_access_check(a, conn, &err) != SO_OK)
            fail_msg("%s: %s", QUESTIONS[i].label, err.message);
        if (so_access_ask(a, conn, &q, &err) != QUESTIONS[i].may)
            fail_msg("%s: %s", QUESTIONS[i].label, err.message);
        so_access_unref(a);
    }
}

static const struct {
    const char *file, *message;
} FAULTS[] = {
    {"[", "realtime/policies.json#/: "},
    {"[]", "realtime/policies.json: should be an object"},
    {"{\"update\":\"true\"}", "realtime/policies.json#/update: there are select"},
    {"{\"select\":7}", "realtime/policies.json#/select: a policy is an SQL condition"},
    {"{\"select\":\"\"}", "realtime/policies.json#/select: a policy cannot be empty"},
    {"{\"select\":\"1; DROP TABLE members\"}", "realtime/policies.json#/select: "},
    {"{\"insert\":\"nobody = 1\"}", "realtime/policies.json#/insert: column \"nobody\" does not exist"},
    {"{\"insert\":\"realtime.nothing() = 1\"}", "realtime/policies.json#/insert: realtime.nothing is not known"},
};

static void a_fault_is_named_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(FAULTS); i++) {
        struct so_access *a = NULL;
        struct so_err err = SO_ERR_INIT;
        bench_file("realtime/policies.json", FAULTS[i].file);
        int rc = so_access_load(bench_dir, model, &a, &err);
        if (rc == SO_OK)
            rc = so_access_check(a, conn, &err);
        if (rc == SO_OK || strncmp(err.message, FAULTS[i].message, strlen(FAULTS[i].message)) != 0)
            fail_msg("%s: %s", FAULTS[i].file, err.message);
        so_access_unref(a);
    }
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    bench_file("realtime/policies.json",
               "{\"select\":\"EXISTS (SELECT 1 FROM members WHERE room = topic)\",\"insert\":\"true\"}");
    for (long n = 0;; n++) {
        struct so_access *a = NULL;
        so_mem_fail_at(n);
        int rc = so_access_load(bench_dir, model, &a, NULL);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_true(failed ? rc == SO_ENOMEM || rc == SO_OK : rc == SO_OK);
        if (rc == SO_OK)
            so_access_unref(a);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_conditions_decide),
        cmocka_unit_test(a_fault_is_named_with_its_place),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
