/* pg_bench.c: the pool of one event loop at work on PostgreSQL: point reads and durable inserts.
 *
 *   pg_bench URL read|insert CLIENTS CONNECTIONS SECONDS      prints requests per second
 *
 * A client asks again as soon as it is answered, as those of pgbench do (bench/pg.sh runs both on the same server). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/db/pg_host.h"

#include "core/mem.h"

enum { ROWS = 100000, VALUE_SIZE = 24, WARM_UP_NS = 200000000 };

struct bench {
    struct so_pg_pool *pool;
    bool inserts;
    uint64_t random, answered;
    int64_t until;
    unsigned pending;
};

struct client {
    struct so_pg_request request;
    struct so_pg_query query;
    struct so_str value;
    char text[VALUE_SIZE];
    struct bench *bench;
};

static void die(const struct so_err *err)
{
    fprintf(stderr, "pg_bench: %s %s %s\n", err->id, err->message, err->details);
    exit(1);
}

static void ask(struct client *c)
{
    struct bench *b = c->bench;
    struct so_err err = SO_ERR_INIT;
    b->random = (b->random * 48271) % 2147483647;
    c->value = so_str(c->text, (size_t)snprintf(c->text, VALUE_SIZE, "%d", (int)(b->random % ROWS) + 1));
    if (so_pg_submit(b->pool, &c->request, &err) != SO_OK)
        die(&err);
    b->pending++;
}

static void answered(struct so_pg_request *r)
{
    struct client *c = SO_CONTAINER_OF(r, struct client, request);
    struct so_err err = SO_ERR_INIT;
    bool row = false;
    if (r->rc != SO_OK || so_stmt_step(r->answers[0], &row, &err) != SO_OK || !row || so_stmt_text(r->answers[0], 0).n == 0)
        die(&r->err);
    c->bench->answered++;
    c->bench->pending--;
    if (so_clock_mono_ns() < c->bench->until)
        ask(c);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: pg_bench URL read|insert CLIENTS CONNECTIONS SECONDS\n");
        return 2;
    }
    struct so_err err = SO_ERR_INIT;
    struct bench b = {.inserts = strcmp(argv[2], "insert") == 0, .random = 1};
    size_t clients = (size_t)atoi(argv[3]);
    struct so_pg_pool_options options = {.url = argv[1], .connections = (unsigned)atoi(argv[4])};
    unsigned slots = so_pg_pool_slots(&options);
    struct client *all = so_calloc(clients, sizeof(*all));
    struct host host;
    host_init(&host);
    if (all == NULL || slots > HOST_SLOTS || so_pg_pool_open(&options, &host.host, &b.pool, &err) != SO_OK)
        die(&err);
    int64_t start = so_clock_mono_ns() + WARM_UP_NS, seconds = atoi(argv[5]);
    b.until = start + seconds * INT64_C(1000000000);
    for (size_t i = 0; i < clients; i++) {
        struct client *c = &all[i];
        c->bench = &b;
        c->query =
            b.inserts ? (struct so_pg_query){SO_STR("INSERT INTO books(title, price) VALUES ('A title of some length', 9.99)"
                                                    " RETURNING id"),
                                             NULL, 0}
                      : (struct so_pg_query){SO_STR("SELECT id, title, price, at FROM books WHERE id = ?1"), &c->value, 1};
        c->request = (struct so_pg_request){
            .queries = &c->query, .query_count = 1, .deadline = INT64_MAX, .reads = !b.inserts, .done = answered};
        ask(c);
    }
    while (so_clock_mono_ns() < start) /* connections are made, statements prepared: pgbench does not count that either */
        host_turn(&host, b.pool, slots);
    b.answered = 0;
    while (b.pending > 0)
        host_turn(&host, b.pool, slots);
    printf("%.0f\n", (double)b.answered / ((double)(so_clock_mono_ns() - start) / 1e9));
    so_pg_pool_close(b.pool);
    so_free(all);
    return 0;
}
