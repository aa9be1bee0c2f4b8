/* cmd_ws.c: socle ws echo: a WebSocket server on loopback, for client suites to be pointed at. */
#include <stdio.h>
#include <uv.h>

#include "cli/cli.h"
#include "http/http.h"
#include "ws/ws.h"

static const char HELP[] =
    "socle ws echo --port N [--deflate]\n\n"
    "Answers every WebSocket message with itself, on 127.0.0.1:N (0: any free port) and every path.  With --deflate it\n"
    "agrees to permessage-deflate, with windows kept unless the client asks otherwise.  Stops on SIGTERM.\n";

enum {
    MESSAGE_MAX = 64 << 20,
    QUEUE_MAX = 2 * MESSAGE_MAX,
    QUEUE_PAUSE = 1 << 20, /* bytes: a client that does not read this much is not read from, either */
    GRACE_MS = 2000
};

struct echo {
    struct so_loop *loop;
    struct so_http_server *http;
    struct so_ws_server *ws;
    uv_signal_t terminate, interrupt;
};

static void on_message(struct so_ws *ws, enum so_ws_opcode opcode, struct so_str bytes, void *arg)
{
    (void)arg;
    if (so_ws_send(ws, opcode, bytes) == SO_OK && so_ws_queued(ws) > QUEUE_PAUSE)
        so_ws_pause(ws, true);
}

static void on_drained(struct so_ws *ws, void *arg)
{
    (void)arg;
    so_ws_pause(ws, false);
}

static void on_closed(struct so_ws *ws, unsigned code, struct so_str reason, void *arg)
{
    (void)ws;
    (void)code;
    (void)reason;
    (void)arg;
}

static const struct so_ws_events EVENTS = {on_message, on_drained, on_closed};

static void on_request(struct so_http_exchange *x, void *arg)
{
    struct echo *echo = arg;
    struct so_ws *ws;
    (void)!so_ws_accept(echo->ws, x, &EVENTS, NULL, &ws, NULL); /* the client has been told */
}

static void on_stopped(void *arg)
{
    struct echo *echo = arg;
    so_ws_server_free(echo->ws);
    so_loop_stop(echo->loop);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    struct echo *echo = signal->data;
    if (uv_is_closing((uv_handle_t *)&echo->terminate))
        return;
    uv_close((uv_handle_t *)&echo->terminate, NULL);
    uv_close((uv_handle_t *)&echo->interrupt, NULL);
    so_http_server_stop(echo->http, GRACE_MS, on_stopped, echo);
}

static void watch(struct echo *echo, uv_signal_t *handle, int number)
{
    handle->data = echo;
    uv_signal_init(so_loop_uv(echo->loop), handle);
    uv_signal_start(handle, on_signal, number);
}

static int start(struct echo *echo, unsigned port, bool with_deflate, struct so_err *err)
{
    struct so_ws_options options = SO_WS_OPTIONS_DEFAULT;
    options.rules.deflate.is_on = with_deflate;
    options.rules.deflate.keeps_window = true;
    options.message_max = options.frame_max = MESSAGE_MAX;
    options.queue_max = QUEUE_MAX;
    const struct so_http_server_options http = {
        .host = "127.0.0.1",
        .port = port,
        .limits = SO_HTTP_LIMITS_DEFAULT,
        .handler = on_request,
        .handler_arg = echo,
    };
    int rc = so_ws_server_new(echo->loop, &options, &echo->ws, err);
    if (rc == SO_OK)
        rc = so_http_server_start(echo->loop, &http, &echo->http, err);
    return rc;
}

static int serve_echo(unsigned port, bool with_deflate)
{
    struct echo echo = {.loop = NULL};
    struct so_err err = SO_ERR_INIT;
    if (so_loop_new(&echo.loop, &err) != SO_OK)
        return cli_fail(&err);
    int code = CLI_OK;
    if (start(&echo, port, with_deflate, &err) == SO_OK) {
        watch(&echo, &echo.terminate, SIGTERM);
        watch(&echo, &echo.interrupt, SIGINT);
        fprintf(stderr, "listening on ws://127.0.0.1:%u\n", so_http_server_port(echo.http));
    } else {
        code = cli_fail(&err);
        so_ws_server_free(echo.ws);
        so_loop_stop(echo.loop);
    }
    so_loop_run(echo.loop);
    so_loop_free(echo.loop);
    return code;
}

int cmd_ws(int argc, char **argv)
{
    const char *port_text = NULL;
    bool with_deflate = false, help;
    const struct cli_option options[] = {{"--port", &port_text, NULL}, {"--deflate", NULL, &with_deflate}};
    int plain = cli_parse(argc, argv, options, COUNT_OF(options), HELP, &help);
    if (help)
        return CLI_OK;
    if (plain < 0)
        return CLI_USAGE;
    uint64_t port;
    if (plain != 1 || strcmp(argv[1], "echo") != 0)
        return cli_usage("ws takes one word: echo (see socle ws --help)");
    if (port_text == NULL || !so_str_to_u64(so_str_c(port_text), &port) || port > UINT16_MAX)
        return cli_usage("ws echo needs --port with a number from 0 to 65535");
    return serve_echo((unsigned)port, with_deflate);
}
