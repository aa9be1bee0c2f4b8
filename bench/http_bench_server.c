/* http_bench_server.c: answers every request with the same 80 bytes of JSON, to measure the HTTP server alone.
 *
 *   http_bench_server PORT [THREADS]      until it is killed */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/http.h"

enum { THREADS_MAX = 64 };

static void answer(struct so_http_exchange *x, void *arg)
{
    (void)arg;
    so_http_reply_header(x, SO_STR("Content-Type"), SO_STR("application/json"));
    so_buf_lit(so_http_reply_body(x),
               "{\"isbn\":\"9780131103627\",\"title\":\"The C Programming Language\",\"pages\":272,\"a\":1}");
    so_http_reply_send(x, 200);
}

static void *serve(void *port)
{
    struct so_err err = SO_ERR_INIT;
    struct so_loop *loop;
    struct so_http_server *server;
    const struct so_http_server_options options = {
        .host = "127.0.0.1", .port = *(unsigned *)port, .limits = SO_HTTP_LIMITS_DEFAULT, .handler = answer};
    if (so_loop_new(&loop, &err) != SO_OK || so_http_server_start(loop, &options, &server, &err) != SO_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    so_loop_run(loop);
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned port = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    unsigned threads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
    if (port == 0 || port > 65535 || threads == 0 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: http_bench_server PORT [THREADS]\n");
        return 2;
    }
    pthread_t other;
    for (unsigned i = 1; i < threads; i++)
        if (pthread_create(&other, NULL, serve, &port) != 0)
            return 1;
    serve(&port);
    return 0;
}
