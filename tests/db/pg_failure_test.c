/* pg_failure_test.c: servers of a test's own: one that crashes in the middle and comes back, one behind TLS. */
#include "pg_fixture.h"
#include "pg_host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct server {
    char dir[64], url[512];
};

static int script(const char *command, const struct server *s, const char *more)
{
    char line[512];
    const char *tests = getenv("SOCLE_TEST_DATA");
    assert_non_null(tests);
    snprintf(line, sizeof(line), "%s/lib/postgres.sh %s %s/server %s >%s/url", tests, command, s->dir, more, s->dir);
    int status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void start_server(struct server *s, const char *settings)
{
    pg_server(); /* skips where there is no PostgreSQL */
    snprintf(s->dir, sizeof(s->dir), "%s", "/tmp/socle-pgfail-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    assert_int_equal(chmod(s->dir, 0711), 0);
    assert_int_equal(script("start", s, settings), 0);
    snprintf(s->url, sizeof(s->url), "postgresql://postgres@/postgres?host=%s/server", s->dir);
}

static void remove_server(struct server *s)
{
    char url[96];
    script("remove", s, "");
    snprintf(url, sizeof(url), "%s/url", s->dir);
    unlink(url);
    rmdir(s->dir);
}

/* ---- requests all the time, and what became of them ---- */

enum { CLIENTS = 8 };

struct client {
    struct so_pg_request request;
    struct so_pg_query query;
    struct load *load;
};

struct load {
    struct so_pg_pool *pool;
    struct client clients[CLIENTS];
    bool stops;
    int good, lost, pending;
};

static void on_done(struct so_pg_request *r);

static void ask(struct client *c)
{
    struct so_err err = SO_ERR_INIT;
    bool reads = (c - c->load->clients) % 2 == 0;
    c->query = (struct so_pg_query){.sql = reads ? SO_STR("SELECT count(*) FROM t") : SO_STR("INSERT INTO t VALUES (1)")};
    c->request = (struct so_pg_request){.queries = &c->query,
                                        .query_count = 1,
                                        .reads = reads,
                                        .deadline = so_clock_mono_ns() + INT64_C(10000000000),
                                        .done = on_done};
    if (so_pg_submit(c->load->pool, &c->request, &err) == SO_OK) {
        c->load->pending++;
        return;
    }
    assert_int_equal(err.status, 503); /* refused at once, while nobody is there */
    assert_string_equal(err.id, "08001");
    c->request.queries = NULL; /* idle: asked again by the main loop */
    c->load->lost++;
}

static void on_done(struct so_pg_request *r)
{
    struct client *c = SO_CONTAINER_OF(r, struct client, request);
    c->load->pending--;
    if (r->rc == SO_OK) {
        c->load->good++;
    } else {
        c->load->lost++;
        if (r->err.status != 503 || (strncmp(r->err.id, "08", 2) != 0 && strncmp(r->err.id, "57P", 3) != 0))
            fail_msg("%d %s %s", r->rc, r->err.id, r->err.message);
    }
    c->request.queries = NULL;
    if (!c->load->stops && r->rc == SO_OK)
        ask(c);
}

/* Until `good` more requests went well, or for the failures `lost` more. */
static void run_until(struct host *h, struct load *l, unsigned slots, int good, int lost)
{
    int64_t end = so_clock_mono_ns() + INT64_C(30000000000);
    good += l->good;
    lost += l->lost;
    while (l->good < good && l->lost < lost && so_clock_mono_ns() < end) {
        for (size_t i = 0; i < CLIENTS; i++)
            if (l->clients[i].request.queries == NULL)
                ask(&l->clients[i]);
        host_turn(h, l->pool, slots);
    }
    assert_true(l->good >= good || l->lost >= lost);
}

static void a_server_that_crashes_is_found_again(void **state)
{
    (void)state;
    struct server server;
    struct host host;
    struct so_db *db;
    struct so_conn *conn;
    struct so_err err = SO_ERR_INIT;
    start_server(&server, "");
    assert_int_equal(so_db_open(server.url, NULL, &db, &err), SO_OK);
    const char *sql = "CREATE TABLE t(x int)";
    assert_int_equal(so_db_write(db, fixture_run_sql, &sql, &err), SO_OK);
    assert_int_equal(so_db_reader_open(db, &conn, &err), SO_OK);
    assert_cell(conn, "SELECT count(*) FROM t", "0");

    struct so_pg_pool_options options = {.url = server.url, .connections = 3};
    struct load load = {0};
    host_init(&host);
    unsigned slots = so_pg_pool_slots(&options);
    assert_int_equal(so_pg_pool_open(&options, &host.host, &load.pool, &err), SO_OK);
    for (size_t i = 0; i < CLIENTS; i++)
        load.clients[i].load = &load;
    run_until(&host, &load, slots, 200, 1);
    assert_int_equal(load.lost, 0);

    assert_int_equal(script("stop", &server, "immediate"), 0);
    run_until(&host, &load, slots, 1000000, CLIENTS); /* every one of them is told */
    assert_false(so_pg_pool_is_up(load.pool));
    sql = "INSERT INTO t VALUES (2)";
    assert_int_equal(so_db_write(db, fixture_run_sql, &sql, &err), SO_EDB);
    assert_int_equal(err.status, 503);
    err = SO_ERR_INIT;
    struct so_stmt *st = NULL;
    bool row;
    int rc = so_conn_prepare(conn, SO_STR("SELECT count(*) FROM t"), &st, &err);
    rc = rc == SO_OK ? so_stmt_step(st, &row, &err) : rc;
    so_stmt_done(st);
    assert_int_equal(rc, SO_EDB);
    assert_int_equal(err.status, 503);

    assert_int_equal(script("again", &server, ""), 0);
    run_until(&host, &load, slots, 200, 1000000);
    assert_true(so_pg_pool_is_up(load.pool));
    err = SO_ERR_INIT;
    assert_int_equal(so_db_write(db, fixture_run_sql, &sql, &err), SO_OK);
    assert_cell(conn, "SELECT count(*) FROM t WHERE x = 2", "1");

    load.stops = true;
    while (load.pending > 0)
        host_turn(&host, load.pool, slots);
    so_pg_pool_close(load.pool);
    so_conn_close(conn);
    so_db_close(db);
    remove_server(&server);
}

/* ---- TLS ---- */

static int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    close(fd);
    return ntohs(at.sin_port);
}

struct long_answer {
    struct so_pg_request request;
    bool is_done;
};

static void on_long_answer(struct so_pg_request *r)
{
    bool row = false;
    if (r->rc != SO_OK || so_stmt_step(r->answers[0], &row, &r->err) != SO_OK)
        fail_msg("%s %s %s", r->err.id, r->err.message, r->err.details);
    assert_int_equal(so_stmt_text(r->answers[0], 0).n, 5000000);
    assert_str(so_stmt_text(r->answers[0], 1), "t");
    SO_CONTAINER_OF(r, struct long_answer, request)->is_done = true;
}

static void the_urls_sslmode_holds(void **state)
{
    (void)state;
    struct server server;
    struct host host;
    struct so_db *db;
    struct so_conn *conn;
    struct so_pg_pool *pool;
    struct so_err err = SO_ERR_INIT;
    char settings[96], url[512];
    int port = free_port();
    snprintf(settings, sizeof(settings), "ssl=on listen_addresses=127.0.0.1 port=%d", port);
    start_server(&server, settings);
    snprintf(url, sizeof(url),
             "postgresql://postgres@127.0.0.1:%d/postgres?sslmode=verify-full&sslrootcert=%s/server/data/server.crt", port,
             server.dir);
    assert_int_equal(so_db_open(url, NULL, &db, &err), SO_OK);
    if (so_db_reader_open(db, &conn, &err) != SO_OK)
        fail_msg("%s %s", err.message, err.details);
    assert_cell(conn, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", "t");
    so_conn_close(conn);
    so_db_close(db);

    struct so_pg_pool_options options = {.url = url, .connections = 1};
    struct so_pg_query query = {
        .sql = SO_STR("SELECT repeat('x', 5000000), ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")};
    struct long_answer a = {
        .request = {.queries = &query, .query_count = 1, .deadline = INT64_MAX, .reads = true, .done = on_long_answer}};
    host_init(&host);
    assert_int_equal(so_pg_pool_open(&options, &host.host, &pool, &err), SO_OK);
    assert_int_equal(so_pg_submit(pool, &a.request, &err), SO_OK);
    while (!a.is_done)
        host_turn(&host, pool, so_pg_pool_slots(&options));
    so_pg_pool_close(pool);

    /* A certificate that nobody vouches for is refused. */
    snprintf(url, sizeof(url), "postgresql://postgres@127.0.0.1:%d/postgres?sslmode=verify-full&sslrootcert=%s/none", port,
             server.dir);
    assert_int_equal(so_db_open(url, NULL, &db, &err), SO_OK);
    assert_int_equal(so_db_reader_open(db, &conn, &err), SO_EDB);
    assert_string_equal(err.id, "08001");
    so_db_close(db);
    remove_server(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_urls_sslmode_holds),
        cmocka_unit_test(a_server_that_crashes_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
