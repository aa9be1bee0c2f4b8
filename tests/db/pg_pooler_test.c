/* pg_pooler_test.c: through pgbouncer in transaction mode, where each transaction may meet another process of the server. */
#include "pg_fixture.h"
#include "pg_host.h"

#include <sys/stat.h>

struct pooler {
    struct pg_fixture f;
    char dir[64], url[512];
};

static int script(const char *command, const struct pooler *p, const char *more)
{
    char line[1024];
    snprintf(line, sizeof(line), "%s/lib/pgbouncer.sh %s %s/pooler %s", getenv("SOCLE_TEST_DATA"), command, p->dir, more);
    return system(line);
}

static void open_pooler(struct pooler *p)
{
    const char *host = strstr(pg_server(), "host=");
    snprintf(p->dir, sizeof(p->dir), "%s", "/tmp/socle-pooler-XXXXXX");
    if (script("have", p, "") != 0 || host == NULL) {
        print_message("# SKIP: pgbouncer is not installed\n");
        skip();
    }
    pg_open(&p->f);
    assert_non_null(mkdtemp(p->dir));
    assert_int_equal(chmod(p->dir, 0711), 0);
    assert_int_equal(script("start", p, host + strlen("host=")), 0);
    snprintf(p->url, sizeof(p->url), "postgresql://postgres@/%s?host=%s/pooler&port=6432", p->f.name, p->dir);
}

static void close_pooler(struct pooler *p)
{
    script("remove", p, "");
    rmdir(p->dir);
    pg_close(&p->f);
}

static void jobs_and_readers_go_through(void **state)
{
    (void)state;
    struct pooler p;
    struct so_db *db;
    struct so_conn *conn;
    struct so_err err = SO_ERR_INIT;
    open_pooler(&p);
    struct so_db_options options = {.unprepared = true};
    assert_int_equal(so_db_open(p.url, &options, &db, &err), SO_OK);
    const char *sql = "CREATE TABLE t(x int, at timestamptz); INSERT INTO t VALUES (1, '2024-01-01T00:00:00+05')";
    if (so_db_write(db, fixture_run_sql, &sql, &err) != SO_OK)
        fail_msg("%s %s %s", err.id, err.message, err.details);
    sql = "SELECT pg_sleep(0)";
    assert_int_equal(so_db_migrate(db, fixture_run_sql, &sql, &err), SO_OK);
    assert_int_equal(so_db_reader_take(db, &conn, &err), SO_OK);
    for (int i = 0; i < 5; i++)
        assert_cell(conn, "SELECT x FROM t", "1");
    so_db_reader_give(db, conn);
    so_db_close(db);
    close_pooler(&p);
}

enum { CLIENTS = 12, ROUNDS = 20 };

struct client {
    struct so_pg_request request;
    struct so_pg_query queries[2];
    struct so_str value;
    char text[16];
    int *pending;
};

static void on_done(struct so_pg_request *r)
{
    struct client *c = SO_CONTAINER_OF(r, struct client, request);
    bool row = false;
    if (r->rc != SO_OK)
        fail_msg("%s %s", r->err.id, r->err.message);
    assert_int_equal(so_stmt_step(r->answers[1], &row, &r->err), SO_OK);
    assert_true(so_str_eq(so_stmt_text(r->answers[1], 0), c->value)); /* its own setting, nobody else's */
    --*c->pending;
}

static enum so_pg_verdict commit(struct so_pg_request *r, struct so_err *err)
{
    (void)r, (void)err;
    return SO_PG_COMMIT;
}

static void requests_keep_their_surroundings_to_themselves(void **state)
{
    (void)state;
    struct pooler p;
    struct host host;
    struct so_pg_pool *pool;
    struct so_err err = SO_ERR_INIT;
    struct client clients[CLIENTS] = {0};
    int pending = 0;
    open_pooler(&p);
    host_init(&host);
    struct so_pg_pool_options options = {.url = p.url, .connections = 4, .unprepared = true};
    unsigned slots = so_pg_pool_slots(&options);
    assert_int_equal(so_pg_pool_open(&options, &host.host, &pool, &err), SO_OK);
    for (int round = 0; round < ROUNDS; round++) {
        so_pg_pool_cork(pool);
        for (int i = 0; i < CLIENTS; i++) {
            struct client *c = &clients[i];
            c->pending = &pending;
            c->value = so_str(c->text, (size_t)snprintf(c->text, sizeof(c->text), "user %d", i));
            c->queries[0] = (struct so_pg_query){SO_STR("SELECT set_config('app.who', ?1, true)"), &c->value, 1};
            c->queries[1] = (struct so_pg_query){SO_STR("SELECT current_setting('app.who')"), NULL, 0};
            c->request = (struct so_pg_request){.queries = c->queries,
                                                .query_count = 2,
                                                .deadline = INT64_MAX,
                                                .check = i % 3 == 0 ? commit : NULL,
                                                .done = on_done};
            pending++;
            assert_int_equal(so_pg_submit(pool, &c->request, &err), SO_OK);
        }
        so_pg_pool_uncork(pool);
        while (pending > 0)
            host_turn(&host, pool, slots);
    }
    so_pg_pool_close(pool);
    close_pooler(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_and_readers_go_through),
        cmocka_unit_test(requests_keep_their_surroundings_to_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
