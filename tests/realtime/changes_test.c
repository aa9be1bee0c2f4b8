/* changes_test.c: who hears of which change: policies, forms, columns, reloads, renewed tokens. */
#include "changes_fixture.h"

static const char *const TABLES[] = {
    "open",
    TABLE(TEXT("a") TYPED("n", "\"type\":\"integer\"") TYPED("secret", "\"type\":\"string\",\"writeOnly\":true"),
          SELECT("true")),
    "mine",
    TABLE(TEXT("owner") TEXT("a"), SELECT("owner = auth.uid()")),
    "roles",
    TABLE("", SELECT("auth.role() = 'authenticated'")),
    "shared",
    TABLE(TYPED("of", "\"type\":\"integer\""), SELECT("EXISTS (SELECT 1 FROM mine m WHERE m.id = shared.of)")),
    "child",
    TABLE(TYPED("parent", "\"type\":\"integer\",\"x-references\":\"open.id\",\"x-on-delete\":\"cascade\""), SELECT("true")),
    "closed",
    TABLE(TEXT("a"), ""),
    "quiet",
    TABLE("", ",\"x-realtime\":false" SELECT("true")),
    "affine",
    TABLE(TYPED("n", "\"type\":\"integer\"") TEXT("a"), SELECT("n = '5' AND a = 5 AND affine.n > '10' - 6")),
    "typed",
    TABLE(TYPED("j", "\"type\":\"object\"") TYPED("d", "\"type\":\"string\",\"format\":\"decimal\"")
              TYPED("b", "\"type\":\"boolean\"") TYPED("f", "\"type\":\"number\"")
                  TYPED("t", "\"type\":\"string\",\"format\":\"date-time\""),
          SELECT("true")),
    NULL,
};

static int open_tables(void **state)
{
    (void)state;
    open_world(TABLES);
    return 0;
}

static int close_tables(void **state)
{
    (void)state;
    close_world();
    return 0;
}

/* ---- forms ---- */

static void everyone_hears_of_an_open_table(void **state)
{
    (void)state;
    struct ear ear = {0};
    hear(&ear, &ANON, "open", NULL);
    bench_sql(world.db, "INSERT INTO open VALUES (1, 'x', 7, 'hush'); UPDATE open SET a = 'y'; DELETE FROM open");
    settle();
    assert_heard("open", &ear,
                 "INSERT {\"id\":1,\"a\":\"x\",\"n\":7} -\n"
                 "UPDATE {\"id\":1,\"a\":\"y\",\"n\":7} {\"id\":1,\"a\":\"x\",\"n\":7}\n"
                 "DELETE - {\"id\":1,\"a\":\"y\",\"n\":7}\n");
    so_subscription_close(ear.subscription);
}

static void the_service_role_hears_hidden_columns_and_closed_tables(void **state)
{
    (void)state;
    struct ear open = {0}, closed = {0};
    hear(&open, &SERVICE, "open", NULL);
    hear(&closed, &SERVICE, "closed", NULL);
    bench_sql(world.db, "INSERT INTO open VALUES (1, 'x', 7, 'hush'); INSERT INTO closed VALUES (1, 'x')");
    settle();
    assert_heard("open", &open, "INSERT {\"id\":1,\"a\":\"x\",\"n\":7,\"secret\":\"hush\"} -\n");
    assert_heard("closed", &closed, "INSERT {\"id\":1,\"a\":\"x\"} -\n");
    so_subscription_close(open.subscription);
    so_subscription_close(closed.subscription);
}

static void the_event_is_as_the_protocol_has_it(void **state)
{
    (void)state;
    struct ear ear = {.whole = true};
    hear(&ear, &ANON, "typed", NULL);
    bench_sql(world.db, "INSERT INTO typed VALUES (9007199254740993, '{\"a\":[1]}', '10.50', 1, 0.1,"
                        " '2024-01-01T00:00:00.500000+00:00'); UPDATE typed SET f = 1e300, b = NULL, d = x'00ff'");
    settle();
    char *at = strstr(ear.text, "commit_timestamp\":\"");
    assert_non_null(at);
    memset(at + 19, '-', 24);
    at = strstr(at, "\"seq\":");
    assert_int_equal(at[6], '1');
    char *second = strchr(ear.text, '\n');
    *second++ = '\0';
    assert_string_equal(ear.text,
                        "{\"schema\":\"public\",\"table\":\"typed\",\"type\":\"INSERT\","
                        "\"commit_timestamp\":\"------------------------\",\"seq\":1,\"columns\":["
                        "{\"name\":\"id\",\"type\":\"int8\"},{\"name\":\"j\",\"type\":\"jsonb\"},"
                        "{\"name\":\"d\",\"type\":\"numeric\"},{\"name\":\"b\",\"type\":\"bool\"},"
                        "{\"name\":\"f\",\"type\":\"numeric\"},{\"name\":\"t\",\"type\":\"timestamptz\"}],"
                        "\"record\":{\"id\":9007199254740993,\"j\":{\"a\":[1]},\"d\":\"10.50\",\"b\":true,\"f\":0.1,"
                        "\"t\":\"2024-01-01T00:00:00.5+00:00\"},\"errors\":null}");
    assert_non_null(
        strstr(second, "\"record\":{\"id\":9007199254740993,\"j\":{\"a\":[1]},\"d\":\"AP8=\",\"b\":null,\"f\":1e"));
    assert_non_null(strstr(second, "\"old_record\":{\"id\":9007199254740993,\"j\":{\"a\":[1]},\"d\":\"10.50\",\"b\":true,"));
    so_subscription_close(ear.subscription);
}

static void a_cascade_and_an_upsert_are_heard(void **state)
{
    (void)state;
    struct ear ear = {0};
    hear(&ear, &ANON, NULL, NULL);
    bench_sql(world.db, "INSERT INTO open (id, a) VALUES (1, 'x'); INSERT INTO child VALUES (5, 1);"
                        " INSERT INTO open (id, a) VALUES (1, 'y') ON CONFLICT (id) DO UPDATE SET a = excluded.a;"
                        " DELETE FROM open");
    settle();
    assert_heard("all", &ear,
                 "INSERT {\"id\":1,\"a\":\"x\",\"n\":null} -\n"
                 "INSERT {\"id\":5,\"parent\":1} -\n"
                 "UPDATE {\"id\":1,\"a\":\"y\",\"n\":null} {\"id\":1,\"a\":\"x\",\"n\":null}\n"
                 "DELETE - {\"id\":5,\"parent\":1}\n"
                 "DELETE - {\"id\":1,\"a\":\"y\",\"n\":null}\n");
    so_subscription_close(ear.subscription);
}

static void another_program_is_heard(void **state)
{
    (void)state;
    struct ear ear = {0};
    hear(&ear, &ANON, "open", NULL);
    other_program("PRAGMA trusted_schema=OFF; INSERT INTO open (id, a) VALUES (1, 'x')");
    while (ear.events == 0)
        turn();
    assert_heard("other", &ear, "INSERT {\"id\":1,\"a\":\"x\",\"n\":null} -\n");
    so_subscription_close(ear.subscription);
}

static void a_huge_row_is_told_by_its_key(void **state)
{
    (void)state;
    struct ear ear = {.whole = true};
    hear(&ear, &ANON, "open", NULL);
    bench_sql(world.db, "INSERT INTO open (id, a) VALUES (1, hex(zeroblob(600000)))");
    settle();
    assert_non_null(strstr(ear.text, "\"record\":{\"id\":1},\"errors\":[\"Error 413: Payload Too Large\"]}"));
    so_subscription_close(ear.subscription);
}

/* ---- policies ---- */

/* What "ada" hears; "bob" and nobody hear what is said of them. */
static const struct {
    const char *label, *before, *sql, *ada, *bob, *anon;
} POLICIES[] = {
    {"an insert", "SELECT 1", "INSERT INTO mine VALUES (1, 'ada', 'x')",
     "INSERT {\"id\":1,\"owner\":\"ada\",\"a\":\"x\"} -\n", "", ""},
    {"an update", "INSERT INTO mine VALUES (1, 'ada', 'x')", "UPDATE mine SET a = 'y'",
     "UPDATE {\"id\":1,\"owner\":\"ada\",\"a\":\"y\"} {\"id\":1,\"owner\":\"ada\",\"a\":\"x\"}\n", "", ""},
    {"a delete: the old row decides", "INSERT INTO mine VALUES (1, 'ada', 'x')", "DELETE FROM mine",
     "DELETE - {\"id\":1,\"owner\":\"ada\",\"a\":\"x\"}\n", "", ""},
    {"a row that changes hands leaves one and comes to the other", "INSERT INTO mine VALUES (1, 'ada', 'x')",
     "UPDATE mine SET owner = 'bob', a = 'secret'", "DELETE - {\"id\":1}\n",
     "UPDATE {\"id\":1,\"owner\":\"bob\",\"a\":\"secret\"} {\"id\":1}\n", ""},
    {"a row of nobody", "INSERT INTO mine VALUES (1, NULL, 'x')", "UPDATE mine SET a = 'y'; DELETE FROM mine", "", "", ""},
    {"a table for those who are signed in", "SELECT 1", "INSERT INTO roles VALUES (1)", "INSERT {\"id\":1} -\n",
     "INSERT {\"id\":1} -\n", ""},
    {"a policy that asks another table, with the caller's eyes", "INSERT INTO mine VALUES (1, 'ada', 'x')",
     "INSERT INTO shared VALUES (5, 1)", "INSERT {\"id\":5,\"of\":1} -\n", "", ""},
    {"a comparison converts as it does over the table", "SELECT 1", "INSERT INTO affine VALUES (1, 5, '5'), (2, 6, '5')",
     "INSERT {\"id\":1,\"n\":5,\"a\":\"5\"} -\n", "INSERT {\"id\":1,\"n\":5,\"a\":\"5\"} -\n",
     "INSERT {\"id\":1,\"n\":5,\"a\":\"5\"} -\n"},
    {"a table without policies", "SELECT 1",
     "INSERT INTO closed VALUES (1, 'x'); UPDATE closed SET a = 'y'; DELETE FROM closed", "", "", ""},
};

static void policies_hold_for_every_event(void **state)
{
    (void)state;
    const struct so_identity ada = USER("ada"), bob = USER("bob");
    for (size_t i = 0; i < COUNT_OF(POLICIES); i++) {
        struct ear ears[3] = {0};
        bench_sql(world.db, "DELETE FROM mine; DELETE FROM shared; DELETE FROM roles; DELETE FROM closed");
        bench_sql(world.db, POLICIES[i].before);
        hear(&ears[0], &ada, NULL, NULL); /* every table */
        hear(&ears[1], &bob, NULL, NULL);
        hear(&ears[2], &ANON, NULL, NULL);
        bench_sql(world.db, POLICIES[i].sql);
        settle();
        assert_heard(POLICIES[i].label, &ears[0], POLICIES[i].ada);
        assert_heard(POLICIES[i].label, &ears[1], POLICIES[i].bob);
        assert_heard(POLICIES[i].label, &ears[2], POLICIES[i].anon);
        for (size_t e = 0; e < COUNT_OF(ears); e++)
            so_subscription_close(ears[e].subscription);
    }
}

/* ---- a view that is kept up to date by events alone ---- */

enum { ROWS = 12 };
struct view {
    const char *owner;
    struct so_subscription *subscription;
    bool has[ROWS];
    bool ready;
};

static void view_ready(int64_t seq, void *arg)
{
    (void)seq;
    ((struct view *)arg)->ready = true;
}

/* "id":N of the record, or of the old one; -1: there is none. */
static int id_in(struct so_str row)
{
    size_t at = so_str_find(row, SO_STR("\"id\":"));
    return at == SO_STR_NONE ? -1 : atoi(row.p + at + 5);
}

static void view_heard(const struct so_heard *heard, void *arg)
{
    struct view *v = arg;
    struct so_str record = member(heard->data, "record"), old = member(heard->data, "old_record");
    char mine[32];
    snprintf(mine, sizeof(mine), "\"owner\":\"%s\"", v->owner);
    const struct so_str rows[] = {record, old};
    for (size_t i = 0; i < 2; i++) /* no row of another's, not even an old one */
        if (so_str_find(rows[i], SO_STR("\"owner\":")) != SO_STR_NONE && so_str_find(rows[i], so_str_c(mine)) == SO_STR_NONE)
            fail_msg("%s hears %.*s", v->owner, SO_STR_ARG(heard->data));
    if (id_in(old) >= 0)
        v->has[id_in(old)] = false;
    if (id_in(record) >= 0)
        v->has[id_in(record)] = true;
}

static void events_alone_keep_a_view_true(void **state)
{
    (void)state;
    static const struct so_subscription_events VIEW = {view_ready, view_heard, NULL, NULL, NULL};
    static const char *const OWNERS[] = {"'ada'", "'bob'", "NULL"};
    const struct so_identity people[] = {USER("ada"), USER("bob")};
    struct view views[2] = {{.owner = "ada"}, {.owner = "bob"}};
    struct so_err err = SO_ERR_INIT;
    struct so_listener all = {.event = SO_STR("*"), .table = SO_STR("mine")};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            so_changes_subscribe(world.changes, &people[i], &all, 1, -1, &VIEW, &views[i], &views[i].subscription, &err),
            SO_OK);
        while (!views[i].ready)
            turn();
    }
    srand(11);
    for (int round = 0; round < 600; round++) {
        char sql[160];
        const char *owner = OWNERS[rand() % 3];
        int id = rand() % ROWS, other = rand() % ROWS;
        switch (rand() % 4) {
        case 0: snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO mine VALUES (%d, %s, 'x')", id, owner); break;
        case 1: snprintf(sql, sizeof(sql), "UPDATE mine SET owner = %s WHERE id IN (%d, %d)", owner, id, other); break;
        case 2: snprintf(sql, sizeof(sql), "UPDATE OR IGNORE mine SET id = %d WHERE id = %d", id, other); break;
        default: snprintf(sql, sizeof(sql), "DELETE FROM mine WHERE id = %d", id); break;
        }
        bench_sql(world.db, sql);
        if (round % 100 == 99)
            settle();
        for (int i = 0; round % 100 == 99 && i < 2 * ROWS; i++) {
            snprintf(sql, sizeof(sql), "SELECT count(*) FROM mine WHERE owner = '%s' AND id = %d", views[i % 2].owner,
                     i / 2);
            assert_int_equal(views[i % 2].has[i / 2], atoi(bench_get(world.db, sql)));
        }
    }
    so_subscription_close(views[0].subscription);
    so_subscription_close(views[1].subscription);
}

/* USERS.md 5.15: a table without policies is silent to all but the service role; the same for listeners by name. */
static void a_closed_table_tells_nothing(void **state)
{
    (void)state;
    const struct so_identity ada = USER("ada");
    struct ear anon = {0}, user = {0};
    hear(&anon, &ANON, "closed", NULL);
    hear(&user, &ada, "closed", "id=gt.0");
    bench_sql(world.db, "INSERT INTO closed VALUES (1, 'x'); UPDATE closed SET a = 'y'; DELETE FROM closed");
    settle();
    assert_heard("anon", &anon, "");
    assert_heard("user", &user, "");
    so_subscription_close(anon.subscription);
    so_subscription_close(user.subscription);
}

/* USERS.md 5.16: deletes of rows that one cannot read; filters on deletes; hidden columns in filters and old rows. */
static void a_delete_tells_no_more_than_a_read(void **state)
{
    (void)state;
    const struct so_identity bob = USER("bob");
    struct ear theirs = {0}, filtered = {0};
    struct so_err err = SO_ERR_INIT;
    struct ear none = {0};
    bench_sql(world.db,
              "INSERT INTO mine VALUES (1, 'ada', 'x'); INSERT INTO open VALUES (1, 'x', 1, 'hush'), (2, 'y', 2, 's')");
    hear(&theirs, &bob, "mine", NULL);
    hear(&filtered, &bob, "open", "a=eq.y");
    bench_sql(world.db, "DELETE FROM mine; DELETE FROM open");
    settle();
    assert_heard("policy", &theirs, "");
    assert_heard("filter", &filtered, "DELETE - {\"id\":2,\"a\":\"y\",\"n\":2}\n");
    struct so_listener probe = {.event = SO_STR("*"), .table = SO_STR("open"), .filter = SO_STR("secret=eq.hush")};
    assert_int_equal(try_hear(&none, &bob, &probe, 1, -1, &err), SO_EINVAL);
    assert_string_equal(err.message, "filter: there is no column \"secret\"");
    so_subscription_close(theirs.subscription);
    so_subscription_close(filtered.subscription);
}

/* ---- listeners ---- */

static void what_cannot_be_listened_to_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *table, *filter, *select, *want;
    } CASES[] = {
        {"public", "nope", NULL, NULL, "there is no table \"nope\" whose changes are told"},
        {"public", "quiet", NULL, NULL, "there is no table \"quiet\" whose changes are told"},
        {"public", "auth_users", NULL, NULL, "there is no table \"auth_users\" whose changes are told"},
        {"auth", "users", NULL, NULL, "there is no schema \"auth\""},
        {"public", "open", "nope=eq.1", NULL, "filter: there is no column \"nope\""},
        {"public", "*", "id=eq.1", NULL, "a filter needs a table"},
        {"public", "open", NULL, "[\"a\",\"secret\"]", "select: there is no column \"secret\""},
        {"public", NULL, NULL, "a", "column selection is not supported for wildcard subscriptions: it needs a table"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct ear ear = {0};
        struct so_err err = SO_ERR_INIT;
        struct so_listener l = {.event = SO_STR("*"), .schema = so_str_c(CASES[i].schema)};
        if (CASES[i].table != NULL)
            l.table = so_str_c(CASES[i].table);
        if (CASES[i].filter != NULL)
            l.filter = so_str_c(CASES[i].filter);
        if (CASES[i].select != NULL)
            l.select = so_str_c(CASES[i].select);
        assert_int_equal(try_hear(&ear, &ANON, &l, 1, -1, &err), SO_EINVAL);
        assert_string_equal(err.message, CASES[i].want);
    }
}

struct ids {
    char text[256];
    const char *data[4];
    size_t count;
};
static void note_ids(const struct so_heard *heard, void *arg)
{
    struct ids *ids = arg;
    for (size_t i = 0; i < heard->id_count; i++)
        snprintf(ids->text + strlen(ids->text), 32, "%s%ld", i == 0 ? "" : ",", (long)heard->ids[i]);
    snprintf(ids->text + strlen(ids->text), 2, ";");
    if (ids->count < COUNT_OF(ids->data))
        ids->data[ids->count++] = heard->data.p;
}
static void ready_ids(int64_t seq, void *arg)
{
    (void)seq;
    ((struct ids *)arg)->count = 0;
}

static void one_message_names_all_listeners_that_it_is_for(void **state)
{
    (void)state;
    static const struct so_subscription_events IDS = {ready_ids, note_ids, NULL, NULL, NULL};
    struct so_listener listeners[] = {
        {.event = SO_STR("*"), .table = SO_STR("open")},
        {.event = SO_STR("DELETE"), .table = SO_STR("open")},
        {.event = SO_STR("insert"), .table = SO_STR("open"), .filter = SO_STR("a=eq.x")},
        {.event = SO_STR("INSERT"), .schema = SO_STR("*")},
        {.event = SO_STR("INSERT"), .table = SO_STR("open"), .select = SO_STR("[\"n\"]")},
        {.event = SO_STR("INSERT"), .table = SO_STR("open"), .filter = SO_STR("a=eq.y")},
    };
    struct ids ids = {.count = 99}, other = {.count = 99};
    struct so_subscription *s, *t;
    struct so_err err = SO_ERR_INIT;
    assert_int_equal(so_changes_subscribe(world.changes, &ANON, listeners, COUNT_OF(listeners), -1, &IDS, &ids, &s, &err),
                     SO_OK);
    assert_int_equal(so_changes_subscribe(world.changes, &ANON, listeners, 1, -1, &IDS, &other, &t, &err), SO_OK);
    while (ids.count == 99 || other.count == 99)
        turn();
    bench_sql(world.db, "INSERT INTO open (id, a) VALUES (1, 'x')");
    settle();
    char want[256];
    snprintf(want, sizeof(want), "%ld,%ld,%ld;%ld;%ld;", (long)listeners[0].id, (long)listeners[2].id, (long)listeners[3].id,
             (long)listeners[4].id, (long)listeners[3].id /* the sentinel is closed to anon: no */);
    *strrchr(want, ';') = '\0';
    *(strrchr(want, ';') + 1) = '\0';
    assert_string_equal(ids.text, want);
    assert_ptr_equal(ids.data[0], other.data[0]); /* the same text, written once */
    assert_ptr_not_equal(ids.data[0], ids.data[1]);
    for (size_t i = 0; i < COUNT_OF(listeners); i++)
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(listeners[i].id, listeners[j].id);
    so_subscription_close(s);
    so_subscription_close(t);
}

static void a_value_finds_its_listeners(void **state)
{
    (void)state;
    struct ear ears[40];
    for (size_t i = 0; i < COUNT_OF(ears); i++) {
        char filter[32];
        snprintf(filter, sizeof(filter), i % 2 == 0 ? "n=eq.%zu" : "a=eq.t%zu", i / 2);
        ears[i] = (struct ear){0};
        hear(&ears[i], &ANON, "open", filter);
    }
    bench_sql(world.db, "INSERT INTO open VALUES (1, 't3', 5, NULL); UPDATE open SET n = 6; DELETE FROM open");
    settle();
    for (size_t i = 0; i < COUNT_OF(ears); i++) {
        unsigned want = i == 7 ? 3 : i == 10 ? 1 : i == 12 ? 2 : 0; /* a = t3; n = 5, which is true of the insert; n = 6 */
        if (ears[i].events != want)
            fail_msg("ear %zu heard %u of %u: %s", i, ears[i].events, want, ears[i].text);
        so_subscription_close(ears[i].subscription);
    }
}

/* ---- tokens and reloads ---- */

static void a_renewed_token_counts_at_once_and_nothing_is_lost(void **state)
{
    (void)state;
    const struct so_identity ada = USER("ada"), bob = USER("bob");
    struct so_err err = SO_ERR_INIT;
    struct ear ear = {0};
    hear(&ear, &ada, "mine", NULL);
    bench_sql(world.db, "INSERT INTO mine VALUES (1, 'ada', 'x'), (2, 'bob', 'x')");
    settle();
    assert_int_equal(so_subscription_renew(ear.subscription, &bob, &err), SO_OK);
    assert_int_equal(ear.readies, 1);
    bench_sql(world.db, "INSERT INTO mine VALUES (3, 'ada', 'x'), (4, 'bob', 'x')");
    wait_ready(&ear, 2);
    settle();
    assert_heard("renewed", &ear,
                 "INSERT {\"id\":1,\"owner\":\"ada\",\"a\":\"x\"} -\nINSERT {\"id\":4,\"owner\":\"bob\",\"a\":\"x\"} -\n");
    so_subscription_close(ear.subscription);
}

static void a_renewal_that_may_not_see_a_column_is_refused(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct ear ear = {0};
    hear(&ear, &SERVICE, "open", "secret=eq.hush");
    assert_int_equal(so_subscription_renew(ear.subscription, &ANON, &err), SO_EINVAL);
    bench_sql(world.db, "INSERT INTO open VALUES (1, 'x', 1, 'hush')"); /* it goes on as it was */
    settle();
    assert_heard("as before", &ear, "INSERT {\"id\":1,\"a\":\"x\",\"n\":1,\"secret\":\"hush\"} -\n");
    so_subscription_close(ear.subscription);
}

static void a_reload_changes_columns_and_policies(void **state)
{
    (void)state;
    struct ear open = {0}, closed = {0}, filtered = {0};
    hear(&open, &ANON, "open", NULL);
    hear(&filtered, &ANON, "open", "a=eq.x");
    hear(&closed, &ANON, "closed", NULL);
    bench_file("schemas/closed.json", TABLE(TEXT("a"), SELECT("true")));
    bench_file("schemas/open.json", TABLE(TYPED("n", "\"type\":\"integer\"") TEXT("fresh"), SELECT("true")));
    use_tables();
    assert_heard("filtered", &filtered, "failed: filter: there is no column \"a\"\n");
    assert_int_equal(filtered.subscription == NULL, true);
    bench_sql(world.db, "INSERT INTO open (id, n, fresh) VALUES (1, 2, 'y'); INSERT INTO closed VALUES (1, 'x')");
    settle();
    assert_heard("open", &open, "INSERT {\"id\":1,\"n\":2,\"fresh\":\"y\"} -\n");
    assert_heard("closed", &closed, "INSERT {\"id\":1,\"a\":\"x\"} -\n");
    bench_file("schemas/closed.json", NULL);
    use_tables();
    assert_heard("gone", &closed, "failed: there is no table \"closed\" whose changes are told\n");
    so_subscription_close(open.subscription);
}

/* ---- callbacks ---- */

static void close_itself(struct ear *ear)
{
    so_subscription_close(ear->subscription);
    ear->subscription = NULL;
}

static struct ear victim;
static void close_another(struct ear *ear)
{
    (void)ear;
    so_subscription_close(victim.subscription);
    victim.subscription = NULL;
}

static void a_callback_may_close_any_subscription(void **state)
{
    (void)state;
    struct ear a = {.then = close_itself}, b = {.then = close_another}, c = {0};
    hear(&c, &ANON, "open", NULL);
    hear(&victim, &ANON, "open", NULL);
    hear(&b, &ANON, "open", NULL);
    hear(&a, &ANON, "open", NULL);
    bench_sql(world.db, "INSERT INTO open (id) VALUES (1), (2)");
    settle();
    assert_int_equal(a.events, 1);
    assert_int_equal(b.events, 2);
    assert_true(victim.events <= 1);
    assert_int_equal(c.events, 2);
    so_subscription_close(b.subscription);
    so_subscription_close(c.subscription);
}

/* ---- memory ---- */

static void subscribing_fails_cleanly(void **state)
{
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct ear ear = {0};
        struct so_err err = SO_ERR_INIT;
        struct so_listener listeners[] = {
            {.event = SO_STR("*"), .table = SO_STR("open"), .filter = SO_STR("a=match.x,n=in.(1,2)")},
            {.event = SO_STR("*"), .table = SO_STR("mine"), .select = SO_STR("[\"a\"]")}};
        const struct so_identity ada = USER("ada");
        so_mem_fail_at(n);
        int rc = try_hear(&ear, &ada, listeners, COUNT_OF(listeners), -1, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (rc == SO_OK)
            so_subscription_close(ear.subscription);
        else
            assert_int_equal(rc, SO_ENOMEM);
    }
}

/* Whatever fails on the way: the change is heard, or the subscriber is told that it must come back. */
static void no_change_is_lost_when_memory_runs_out(void **state)
{
    (void)state;
    const struct so_identity ada = USER("ada");
    for (long n = 0; n < 120; n++) {
        struct ear ear = {0};
        char sql[96], want[96];
        hear(&ear, &ada, "mine", NULL);
        snprintf(sql, sizeof(sql), "INSERT INTO mine VALUES (%ld, 'ada', 'x')", n + 100);
        snprintf(want, sizeof(want), "INSERT {\"id\":%ld,\"owner\":\"ada\",\"a\":\"x\"} -\n", n + 100);
        other_program(sql);
        so_mem_fail_at(n);
        while (ear.events == 0 && !ear.failed)
            turn();
        so_mem_fail_at(-1);
        if (!ear.failed)
            assert_heard("heard", &ear, want);
        so_subscription_close(ear.subscription);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, open_tables, close_tables)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(everyone_hears_of_an_open_table),
        T(the_service_role_hears_hidden_columns_and_closed_tables),
        T(the_event_is_as_the_protocol_has_it),
        T(a_cascade_and_an_upsert_are_heard),
        T(another_program_is_heard),
        T(a_huge_row_is_told_by_its_key),
        T(policies_hold_for_every_event),
        T(events_alone_keep_a_view_true),
        T(a_closed_table_tells_nothing),
        T(a_delete_tells_no_more_than_a_read),
        T(what_cannot_be_listened_to_is_said),
        T(one_message_names_all_listeners_that_it_is_for),
        T(a_value_finds_its_listeners),
        T(a_renewed_token_counts_at_once_and_nothing_is_lost),
        T(a_renewal_that_may_not_see_a_column_is_refused),
        T(a_reload_changes_columns_and_policies),
        T(a_callback_may_close_any_subscription),
        T(subscribing_fails_cleanly),
        T(no_change_is_lost_when_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
