/* changes_fixture.h: an app's database, a feed, a loop that the test itself turns, and ears that write down what they hear.
 */
#ifndef SO_TESTS_CHANGES_FIXTURE_H
#define SO_TESTS_CHANGES_FIXTURE_H

#include "../model/workbench.h"

#include <sqlite3.h>
#include <uv.h>

#include "realtime/changes.h"

#define TABLE(properties, rest)                                                                                             \
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}" properties "},\"x-primary-key\":[\"id\"]" rest "}"
#define TEXT(name)        ",\"" name "\":{\"type\":\"string\"}"
#define TYPED(name, type) ",\"" name "\":{" type "}"
#define SELECT(policy)    ",\"x-policies\":{\"select\":\"" policy "\"}"

static struct world {
    struct so_db *db;
    struct so_feed *feed;
    struct so_loop *loop;
    struct so_conn *reader;
    struct so_changes *changes;
} world;

struct ear {
    struct so_subscription *subscription;
    char text[16384]; /* a line per event */
    size_t len;
    unsigned readies, gaps, events;
    int64_t ready_seq, last_seq;
    bool failed, whole;            /* whole: all of data is written down */
    void (*then)(struct ear *ear); /* on each event */
};

static const struct so_identity ANON = {.role = SO_ROLE_ANON}, SERVICE = {.role = SO_ROLE_SERVICE};
#define USER(name)                                                                                                          \
    ((struct so_identity){.role = SO_ROLE_AUTHENTICATED,                                                                    \
                          .uid = SO_STR(name),                                                                              \
                          .claims = SO_STR("{\"sub\":\"" name "\",\"role\":\"authenticated\"}")})

/* ---- writing down ---- */

static void write_down(struct ear *ear, const char *format, ...) SO_PRINTF(2, 3);
static void write_down(struct ear *ear, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(ear->text + ear->len, sizeof(ear->text) - ear->len, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof(ear->text) - ear->len);
    ear->len += (size_t)n;
}

/* The text of a member that is an object, or "-". */
static struct so_str member(struct so_str data, const char *name)
{
    char key[32];
    snprintf(key, sizeof(key), "\"%s\":{", name);
    size_t at = so_str_find(data, so_str_c(key)), end = at;
    if (at == SO_STR_NONE)
        return SO_STR("-");
    at += strlen(key) - 1;
    size_t depth = 0;
    for (end = at; end < data.n; end++) {
        depth += data.p[end] == '{';
        depth -= data.p[end] == '}';
        if (depth == 0)
            break;
    }
    return so_str_slice(data, at, end + 1);
}

static void on_ready(int64_t seq, void *arg)
{
    struct ear *ear = arg;
    ear->readies++;
    ear->ready_seq = seq;
}

static void on_heard(const struct so_heard *heard, void *arg)
{
    struct ear *ear = arg;
    ear->events++;
    ear->last_seq = heard->seq;
    if (ear->whole) {
        write_down(ear, "%.*s\n", SO_STR_ARG(heard->data));
    } else {
        size_t type = so_str_find(heard->data, SO_STR("\"type\":\"")) + 8;
        write_down(ear, "%.6s %.*s %.*s\n", heard->data.p + type, SO_STR_ARG(member(heard->data, "record")),
                   SO_STR_ARG(member(heard->data, "old_record")));
    }
    if (ear->then != NULL)
        ear->then(ear);
}

static void on_gap(int64_t asked, int64_t oldest, void *arg)
{
    struct ear *ear = arg;
    ear->gaps++;
    write_down(ear, "gap %d-%d\n", (int)asked, (int)oldest);
}

static void on_failed(const struct so_err *err, void *arg)
{
    struct ear *ear = arg;
    ear->failed = true;
    ear->subscription = NULL;
    write_down(ear, "failed: %s\n", err->message);
}

static const struct so_subscription_events EAR = {on_ready, on_heard, on_gap, on_failed, NULL};

/* ---- the world ---- */

static inline void turn(void) { uv_run(so_loop_uv(world.loop), UV_RUN_ONCE); }

static inline void use_tables(void)
{
    struct so_err err = SO_ERR_INIT;
    struct so_conn *conn;
    struct so_catalog *catalog;
    struct so_model *model = bench_model(bench_dir);
    bench_must_migrate(world.db, bench_dir, true);
    assert_int_equal(so_db_reader_take(world.db, &conn, &err), SO_OK);
    assert_int_equal(so_catalog_read(conn, &catalog, &err), SO_OK);
    so_db_reader_give(world.db, conn);
    if (so_changes_use(world.changes, catalog, model, &err) != SO_OK)
        fail_msg("%s", err.message);
    so_catalog_unref(catalog);
    so_model_unref(model);
}

static inline void open_loop(int64_t keep_rows)
{
    struct so_err err = SO_ERR_INIT;
    const struct so_feed_options options = {.keep_rows = keep_rows, .keep_seconds = 3600, .poll_ms = 5};
    assert_int_equal(so_loop_new(&world.loop, &err), SO_OK);
    assert_int_equal(so_feed_open(world.db, &options, &world.feed, &err), SO_OK);
    assert_int_equal(so_db_reader_open(world.db, &world.reader, &err), SO_OK);
    assert_int_equal(so_changes_new(world.feed, world.loop, world.reader, &world.changes, &err), SO_OK);
    use_tables();
}

static inline void close_loop(void)
{
    so_changes_free(world.changes);
    so_feed_close(world.feed);
    so_loop_free(world.loop);
    so_conn_close(world.reader);
}

/* schemas: NAME, TEXT, ..., NULL */
static inline void open_world(const char *const *schemas)
{
    bench_open();
    for (; *schemas != NULL; schemas += 2) {
        char name[64];
        snprintf(name, sizeof(name), "schemas/%s.json", schemas[0]);
        bench_file(name, schemas[1]);
    }
    bench_file("schemas/sentinel.json", TABLE("", ""));
    world.db = bench_database();
    open_loop(100000);
}

static inline void close_world(void)
{
    close_loop();
    so_db_close(world.db);
    bench_close();
}

/* ---- ears ---- */

static inline int try_hear(struct ear *ear, const struct so_identity *who, struct so_listener *listeners, size_t count,
                           int64_t since, struct so_err *err)
{
    return so_changes_subscribe(world.changes, who, listeners, count, since, &EAR, ear, &ear->subscription, err);
}

static inline void wait_ready(struct ear *ear, unsigned times)
{
    while (ear->readies < times && !ear->failed)
        turn();
}

static inline void hear_since(struct ear *ear, const struct so_identity *who, const char *table, const char *filter,
                              int64_t since)
{
    struct so_err err = SO_ERR_INIT;
    struct so_listener l = {.event = SO_STR("*"), .schema = SO_STR("public")};
    if (table != NULL)
        l.table = so_str_c(table);
    if (filter != NULL)
        l.filter = so_str_c(filter);
    *ear = (struct ear){.whole = ear->whole, .then = ear->then};
    if (try_hear(ear, who, &l, 1, since, &err) != SO_OK)
        fail_msg("%s", err.message);
    assert_int_equal(ear->readies, 0); /* events come later */
    wait_ready(ear, 1);
}

static inline void hear(struct ear *ear, const struct so_identity *who, const char *table, const char *filter)
{
    hear_since(ear, who, table, filter, -1);
}

/* Everything that was committed has been dispatched when the sentinel is heard. */
static inline void settle(void)
{
    static struct ear sentinel;
    static int id;
    char sql[64];
    hear(&sentinel, &SERVICE, "sentinel", NULL);
    snprintf(sql, sizeof(sql), "INSERT INTO sentinel VALUES (%d)", ++id);
    bench_sql(world.db, sql);
    while (sentinel.events == 0)
        turn();
    so_subscription_close(sentinel.subscription);
    bench_sql(world.db, "DELETE FROM sentinel");
}

/* Does it, and asserts what was heard since the last time. */
static inline void assert_heard(const char *label, struct ear *ear, const char *want)
{
    if (strcmp(ear->text, want) != 0)
        fail_msg("%s\n got:  %s\n want: %s", label, ear->text, want);
    ear->len = 0;
    ear->text[0] = '\0';
}

static inline void other_program(const char *sql)
{
    char path[96];
    sqlite3 *other;
    char *message = NULL;
    snprintf(path, sizeof(path), "%s/app.db", bench_dir);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    sqlite3_busy_timeout(other, 5000);
    if (sqlite3_exec(other, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(other);
}

#endif
