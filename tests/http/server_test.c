/* server_test.c: the server over real sockets on loopback: whole conversations in, whole conversations out. */
#include "../testing.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "core/mem.h"
#include "http/http.h"

#define H "Host: a\r\n"

/* ---- the server under test: a loop on a thread of its own ---- */

static struct so_loop *loop;
static struct so_http_server *server;
static pthread_t loop_thread;
static unsigned port;
static atomic_int later_replies, streams_open, streams_told_to_stop, handled;

static void sleep_ms(long ms) { nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL); }

/* A reply that comes from elsewhere, 40 ms later. */
struct later {
    struct so_work work;
    struct so_http_exchange *x;
};

static atomic_bool is_holding; /* replies wait until it is false */
static void be_slow(struct so_work *w)
{
    (void)w;
    sleep_ms(40);
    while (atomic_load(&is_holding))
        sleep_ms(5);
}

static void reply_later(struct so_work *w)
{
    struct later *l = SO_CONTAINER_OF(w, struct later, work);
    struct so_http_exchange *x = l->x;
    so_buf_put_str(so_http_reply_body(x), x->req.path); /* the request is still there, whatever the client did */
    so_buf_put_str(so_http_reply_body(x), x->req.body);
    atomic_fetch_add(&later_replies, 1);
    so_http_reply_send(x, 200);
}

static void answer_later(struct so_http_exchange *x)
{
    struct later *l = so_alloc_zero(x->arena, sizeof(*l));
    if (l == NULL) {
        so_http_reply_send(x, 500);
        return;
    }
    l->x = x;
    l->work.work = be_slow;
    l->work.done = reply_later;
    if (so_loop_work(x->loop, &l->work, NULL) != SO_OK)
        so_http_reply_send(x, 503);
}

enum { STREAM_BIG = 32 << 20 };

/* An upgraded connection echoes; "bye" closes it, "cut" aborts it, "big" answers with more than
 * sockets take at once. */
static void on_stream_bytes(struct so_http_stream *s, struct so_str bytes, void *arg)
{
    static const char ZEROS[STREAM_BIG];
    assert_ptr_equal(arg, &streams_open);
    if (so_str_eq_c(bytes, "bye"))
        so_http_stream_close(s);
    else if (so_str_eq_c(bytes, "cut")) {
        so_http_stream_abort(s);
        assert_str(bytes, "cut"); /* borrowed until we return */
    } else if (so_str_eq_c(bytes, "big"))
        (void)!so_http_stream_write(s, SO_STR("<"), so_str(ZEROS, sizeof(ZEROS)));
    else
        (void)!so_http_stream_write(s, SO_STR("<"), bytes);
}

static void on_stream_drained(struct so_http_stream *s, void *arg)
{
    (void)arg;
    assert_int_equal(so_http_stream_queued(s), 0);
    (void)!so_http_stream_write(s, SO_STR(">"), SO_STR(""));
}

static void on_stream_stopping(struct so_http_stream *s, void *arg)
{
    (void)arg;
    atomic_fetch_add(&streams_told_to_stop, 1);
    (void)!so_http_stream_write(s, SO_STR("stopping"), SO_STR(""));
    so_http_stream_close(s);
}

static void on_stream_closed(struct so_http_stream *s, void *arg)
{
    (void)s;
    (void)arg;
    atomic_fetch_sub(&streams_open, 1);
}

static const struct so_http_stream_events STREAM_EVENTS = {on_stream_bytes, on_stream_drained, on_stream_stopping,
                                                           on_stream_closed};

static void upgrade(struct so_http_exchange *x)
{
    struct so_http_stream *stream;
    so_http_reply_header(x, SO_STR("Upgrade"), SO_STR("echo"));
    if (so_http_upgrade(x, &STREAM_EVENTS, &streams_open, &stream, NULL) != SO_OK)
        so_http_reply_send(x, 400);
    else
        atomic_fetch_add(&streams_open, 1);
}

static void upgrade_later(struct so_work *w) { upgrade(SO_CONTAINER_OF(w, struct later, work)->x); }

static void answer_echo(struct so_http_exchange *x)
{
    struct so_buf *out = so_http_reply_body(x);
    so_buf_put_str(out, x->req.method_text);
    so_buf_putc(out, ' ');
    so_buf_put_str(out, x->req.path);
    if (x->req.query.p != NULL)
        so_buf_printf(out, "?%.*s", SO_STR_ARG(x->req.query));
    if (x->req.has_body)
        so_buf_printf(out, "[%.*s]", SO_STR_ARG(x->req.body));
    so_http_reply_send(x, 200);
}

static void answer_status(struct so_http_exchange *x)
{
    so_buf_lit(so_http_reply_body(x), "body");
    so_http_reply_send(x, atoi(x->req.path.p + 1));
}

static void answer_headers(struct so_http_exchange *x)
{
    so_http_reply_header(x, SO_STR("X-Good"), SO_STR("a b"));
    so_http_reply_header(x, SO_STR("X-Bad"), SO_STR("a\r\nX-Evil: b"));
    so_http_reply_header(x, SO_STR("X-Nul"), SO_STR("a\0b"));
    so_http_reply_header(x, SO_STR("X Bad"), SO_STR("a"));
    so_http_reply_header(x, SO_STR("content-length"), SO_STR("1000"));
    so_http_reply_header(x, SO_STR("Connection"), SO_STR("upgrade"));
    so_http_reply_header(x, SO_STR("Date"), SO_STR("today"));
    so_http_reply_send(x, 200);
}

static void answer_big(struct so_http_exchange *x)
{
    size_t n = (size_t)atol(x->req.query.p);
    char *to = so_buf_reserve(so_http_reply_body(x), n);
    if (to != NULL) {
        for (size_t i = 0; i < n; i++)
            to[i] = (char)('a' + i % 26);
        so_http_reply_body(x)->len += n;
    }
    so_http_reply_send(x, 200);
}

static void answer_closing(struct so_http_exchange *x)
{
    so_http_reply_close(x);
    so_http_reply_send(x, 200);
}

static void answer_peer(struct so_http_exchange *x)
{
    so_buf_put_str(so_http_reply_body(x), x->req.peer);
    so_buf_put_str(so_http_reply_body(x), so_str_c(x->loop_data));
    so_http_reply_send(x, 200);
}

static void answer_upgrade_later(struct so_http_exchange *x)
{
    struct later *l = so_alloc_zero(x->arena, sizeof(*l));
    assert_non_null(l);
    l->x = x;
    l->work.work = be_slow;
    l->work.done = upgrade_later;
    assert_int_equal(so_loop_work(x->loop, &l->work, NULL), SO_OK);
}

/* A reply that another connection's request sets free. */
static struct so_http_exchange *parked;
static void park(struct so_http_exchange *x) { parked = x; }

static void unpark(struct so_http_exchange *x)
{
    so_buf_put_str(so_http_reply_body(parked), parked->req.path);
    so_http_reply_send(parked, 200);
    so_http_reply_send(x, 200);
}

static const struct {
    const char *path;
    void (*answer)(struct so_http_exchange *x);
} PATHS[] = {
    {"/later", answer_later},
    {"/headers", answer_headers},
    {"/big", answer_big},
    {"/close", answer_closing},
    {"/park", park},
    {"/unpark", unpark},
    {"/204", answer_status},
    {"/304", answer_status},
    {"/418", answer_status},
    {"/199", answer_status},
    {"/upgrade", upgrade},
    {"/peer", answer_peer},
    {"/upgrade-later", answer_upgrade_later},
};

static void on_request(struct so_http_exchange *x, void *arg)
{
    assert_ptr_equal(arg, PATHS);
    assert_true(so_loop_is_current(x->loop));
    atomic_fetch_add(&handled, 1);
    for (size_t i = 0; i < COUNT_OF(PATHS); i++)
        if (so_str_eq_c(x->req.path, PATHS[i].path)) {
            PATHS[i].answer(x);
            return;
        }
    answer_echo(x);
}

static void *run_loop(void *unused)
{
    (void)unused;
    so_loop_run(loop);
    return NULL;
}

static bool is_running;
static void start(const struct so_http_limits *limits)
{
    static char data[] = "!";
    const struct so_http_server_options options = {.host = "127.0.0.1",
                                                   .limits = limits == NULL ? SO_HTTP_LIMITS_DEFAULT : *limits,
                                                   .handler = on_request,
                                                   .handler_arg = (void *)(uintptr_t)PATHS,
                                                   .loop_data = data};
    assert_int_equal(so_loop_new(&loop, NULL), SO_OK);
    assert_int_equal(so_workers_start(2, NULL), SO_OK);
    assert_int_equal(so_http_server_start(loop, &options, &server, NULL), SO_OK);
    port = so_http_server_port(server);
    assert_int_equal(pthread_create(&loop_thread, NULL, run_loop, NULL), 0);
    is_running = true;
}

static unsigned grace_ms;
static void on_stopped(void *arg) { so_loop_stop(arg); }
static void stop_server(struct so_task *task)
{
    (void)task;
    so_http_server_stop(server, grace_ms, on_stopped, loop);
}

static struct so_task stop_task = {.run = stop_server};
static void begin_stop(unsigned grace)
{
    grace_ms = grace;
    so_loop_post(loop, &stop_task);
}

static void end_stop(void)
{
    is_running = false;
    pthread_join(loop_thread, NULL);
    so_loop_free(loop);
    so_workers_stop();
}

static void stop(void)
{
    begin_stop(1000);
    end_stop();
}

/* After a test that failed half-way. */
static int clean_up(void **state)
{
    (void)state;
    so_mem_fail_at(-1);
    atomic_store(&is_holding, false);
    if (is_running)
        stop();
    return 0;
}

/* ---- the client ---- */

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = 5};
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* In pieces of `step` bytes.  False when the server does not want them. */
static bool say(int fd, struct so_str text, size_t step)
{
    for (size_t at = 0; at < text.n;) {
        struct so_str piece = so_str_slice(text, at, at + step);
        ssize_t n = send(fd, piece.p, piece.n, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static bool say_c(int fd, const char *text) { return say(fd, so_str_c(text), SIZE_MAX / 2); }

static char heard[4 << 20];

/* Reads until `want` bytes are there, or the end.  False when it did not end in order (a reset, or nothing for 5 s). */
static bool hear(int fd, size_t want, struct so_str *out)
{
    size_t len = 0;
    ssize_t n = 1;
    while (len < want && n > 0) {
        n = recv(fd, heard + len, so_min_size(sizeof(heard), want) - len, 0);
        len += n > 0 ? (size_t)n : 0;
    }
    *out = so_str(heard, len);
    return n >= 0;
}

/* All until the server closes, without the Date lines. */
static struct so_str hear_all(int fd)
{
    struct so_str text, out = {heard, 0};
    size_t from = 0, at;
    (void)hear(fd, sizeof(heard), &text); /* a cut shows in what was heard */
    while ((at = so_str_find(so_str_slice(text, from, text.n), SO_STR("Date: "))) != SO_STR_NONE) {
        memmove(heard + out.n, heard + from, at);
        out.n += at;
        from += at + sizeof("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n") - 1;
    }
    memmove(heard + out.n, heard + from, text.n - from);
    out.n += text.n - from;
    return out;
}

static struct so_str talk(struct so_str text, size_t step)
{
    int fd = dial();
    (void)say(fd, text, step);
    struct so_str out = hear_all(fd);
    close(fd);
    return out;
}

/* ---- conversations ---- */

#define OK(length, body)      "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body
#define OK_LAST(length, body) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\nConnection: close\r\n\r\n" body
#define BYE                   "Connection: close\r\n\r\n"

static const struct {
    const char *label, *say, *hear;
} TALKS[] = {
    {"one request", "GET /a?b HTTP/1.1\r\n" H BYE, OK_LAST("8", "GET /a?b")},
    {"keep-alive and pipelining", "GET /1 HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\nGET /3 HTTP/1.1\r\n" H BYE,
     OK("6", "GET /1") OK("6", "GET /2") OK_LAST("6", "GET /3")},
    {"pipelined behind a late reply",
     "GET /later HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\nGET /later HTTP/1.1\r\n" H BYE,
     OK("6", "/later") OK("6", "GET /2") OK_LAST("6", "/later")},
    {"nothing after close", "GET /1 HTTP/1.1\r\n" H BYE "GET /2 HTTP/1.1\r\n" H "\r\n", OK_LAST("6", "GET /1")},
    {"the handler closes", "GET /close HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n", OK_LAST("0", "")},
    {"an empty line before", "\r\nGET /1 HTTP/1.1\r\n" H "\r\n\r\nGET /2 HTTP/1.1\r\n" H BYE,
     OK("6", "GET /1") OK_LAST("6", "GET /2")},
    {"HTTP/1.0 closes", "GET /1 HTTP/1.0\r\n\r\n", OK_LAST("6", "GET /1")},
    {"HTTP/1.0 keeps alive when asked", "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: keep-alive\r\n\r\nGET /1" OK_LAST("6", "GET /2")},
    {"HEAD", "HEAD /1 HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H BYE, OK("7", "") OK_LAST("6", "GET /2")},
    {"204 and 304 have no body", "GET /204 HTTP/1.1\r\n" H "\r\nGET /304 HTTP/1.1\r\n" H BYE,
     "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"},
    {"a status nobody knows", "GET /418 HTTP/1.1\r\n" H BYE,
     "HTTP/1.1 418 Unknown\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"},
    {"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" H BYE, OK_LAST("9", "OPTIONS *")},
    {"absolute-form", "GET http://x/a HTTP/1.1\r\n" H BYE, OK_LAST("6", "GET /a")},
    {"headers are cleaned", "GET /headers HTTP/1.1\r\n" H BYE,
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\nX-Good: a b\r\n\r\n"},
    {"peer and loop data", "GET /peer HTTP/1.1\r\n" H BYE, OK_LAST("10", "127.0.0.1!")},
    {"body", "POST /a HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\n" H BYE,
     OK("14", "POST /a[hello]") OK_LAST("6", "GET /2")},
    {"empty body", "POST /a HTTP/1.1\r\n" H "Content-Length: 0\r\n" BYE, OK_LAST("9", "POST /a[]")},
    {"body of a GET", "GET /a HTTP/1.1\r\n" H "Content-Length: 2\r\n" BYE "hi", OK_LAST("10", "GET /a[hi]")},
    {"chunked body",
     "POST /a HTTP/1.1\r\n" H
     "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: 1\r\n\r\nGET /2 HTTP/1.1\r\n" H BYE,
     OK("14", "POST /a[hello]") OK_LAST("6", "GET /2")},
    {"body with a late reply", "POST /later HTTP/1.1\r\n" H "Content-Length: 5\r\n" BYE "hello",
     OK_LAST("11", "/laterhello")},
};

static void conversations_go_as_they_should(void **state)
{
    (void)state;
    start(NULL);
    for (size_t i = 0; i < COUNT_OF(TALKS); i++) {
        static const size_t STEPS[] = {SIZE_MAX / 2, 1, 7};
        for (size_t k = 0; k < COUNT_OF(STEPS); k++) {
            struct so_str got = talk(so_str_c(TALKS[i].say), STEPS[k]);
            if (!so_str_eq_c(got, TALKS[i].hear))
                fail_msg("%s (step %zu): %.*s", TALKS[i].label, STEPS[k], SO_STR_ARG(got));
        }
    }
    stop();
}

/* What is refused, with what is sent after it: the rest must never be taken for a request. */
#define D50  "01234567890123456789012345678901234567890123456789"
#define EVIL "GET /evil HTTP/1.1\r\n" H "\r\n"
static const struct {
    const char *label, *say;
    int status;
} REFUSED[] = {
    {"not HTTP", "\x16\x03\x01\x02", 400},
    {"bare LF", "GET / HTTP/1.1\nHost: a\n\n" EVIL, 400},
    {"no Host", "GET / HTTP/1.1\r\n\r\n" EVIL, 400},
    {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"CONNECT", "CONNECT a:1 HTTP/1.1\r\n" H "\r\n" EVIL, 501},
    {"expectation", "POST / HTTP/1.1\r\n" H "Expect: x\r\nContent-Length: 3\r\n\r\nabc" EVIL, 417},
    {"CL.TE", "POST / HTTP/1.1\r\n" H "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG" EVIL, 400},
    {"TE.CL", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" EVIL, 400},
    {"two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 35\r\n\r\n" EVIL, 400},
    {"unknown coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n" EVIL, 501},
    {"blank before the colon", "POST / HTTP/1.1\r\n" H "Content-Length : 35\r\n\r\n" EVIL, 400},
    {"folded coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" EVIL, 400},
    {"chunk with bare LF", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n" EVIL, 400},
    {"chunk too long for its size", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" EVIL,
     400},
    {"chunk size with sign", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n" EVIL, 400},
    {"request as a trailer", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n" EVIL, 400},
    {"long request line", "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n" H "\r\n" EVIL, 414},
    {"many headers", "GET / HTTP/1.1\r\n" H "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\n\r\n" EVIL, 431},
    {"long headers",
     "GET / HTTP/1.1\r\n" H "a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n",
     431},
    {"large body", "POST / HTTP/1.1\r\n" H "Content-Length: 301\r\n\r\n", 413},
    {"large body, not waited for", "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 301\r\n\r\n", 413},
    {"large chunked body",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
     "96\r\n" D50 D50 D50 "\r\n"
     "97\r\n" D50 D50 D50 "x\r\n0\r\n\r\n" EVIL,
     413},
};

static void refusals_close_and_nothing_is_smuggled(void **state)
{
    (void)state;
    struct so_http_limits limits = SO_HTTP_LIMITS_DEFAULT;
    limits.line_max = 64;
    limits.headers_max = 90;
    limits.header_count_max = 5;
    limits.body_max = 300;
    start(&limits);
    atomic_store(&handled, 0);
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++)
        for (size_t step = 1; step < SIZE_MAX / 4; step *= 1000) {
            char want[64];
            snprintf(want, sizeof(want), "HTTP/1.1 %d %s\r\n", REFUSED[i].status, so_http_reason(REFUSED[i].status));
            struct so_str got = talk(so_str_c(REFUSED[i].say), step);
            bool is_right = so_str_starts(got, so_str_c(want)) && so_str_ends(got, SO_STR("\"}")) &&
                            so_str_find(got, SO_STR("\r\nConnection: close\r\n")) != SO_STR_NONE &&
                            so_str_find(got, SO_STR("}HTTP/")) == SO_STR_NONE;
            if (!is_right)
                fail_msg("%s (step %zu): %.*s", REFUSED[i].label, step, SO_STR_ARG(got));
        }
    assert_int_equal(atomic_load(&handled), 0);
    stop();
}

static void a_body_is_asked_for_when_it_is_welcome(void **state)
{
    (void)state;
    start(NULL);
    int fd = dial();
    struct so_str got;
    assert_true(
        say_c(fd, "POST /a HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"));
    assert_true(hear(fd, 25, &got));
    assert_str(got, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_true(say_c(fd, "hi"));
    assert_str(hear_all(fd), OK_LAST("11", "POST /a[hi]"));
    close(fd);
    /* Not asked for what is there already. */
    assert_str(
        talk(SO_STR("POST /a HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"),
             1000),
        OK_LAST("11", "POST /a[hi]"));
    stop();
}

static void large_bodies_pass_both_ways(void **state)
{
    (void)state;
    enum { SIZE = 3 << 20 };
    start(NULL);
    int fd = dial();
    assert_true(
        say_c(fd, "GET /big?3145728 HTTP/1.1\r\n" H "\r\nGET /big?20000 HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H BYE));
    sleep_ms(50); /* the socket is full now: the rest is queued */
    struct so_str got = hear_all(fd);
    assert_int_equal(got.n,
                     strlen(OK("3145728", "")) + SIZE + strlen(OK("20000", "")) + 20000 + strlen(OK_LAST("6", "GET /2")));
    assert_true(so_str_ends(got, SO_STR(OK_LAST("6", "GET /2"))));
    size_t start_at = strlen(OK("3145728", ""));
    for (size_t i = 0; i < SIZE; i++)
        if (got.p[start_at + i] != (char)('a' + i % 26))
            fail_msg("byte %zu of the body is wrong", i);
    close(fd);

    static char upload[SIZE];
    memset(upload, 'x', sizeof(upload));
    fd = dial();
    assert_true(say_c(fd, "POST /a HTTP/1.1\r\n" H "Content-Length: 3145728\r\n" BYE));
    assert_true(say(fd, so_str(upload, SIZE), 100000));
    got = hear_all(fd);
    assert_true(so_str_starts(got, SO_STR(OK_LAST("3145737", "POST /a[xxx"))));
    assert_true(so_str_ends(got, SO_STR("xxx]")));
    close(fd);
    stop();
}

static void many_pipelined_requests_are_all_answered(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static char text[COUNT * 40];
    size_t n = 0;
    for (int i = 0; i < COUNT; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "GET /%05d HTTP/1.1\r\n" H "\r\n", i);
    start(NULL);
    int fd = dial();
    size_t reply = strlen(OK("10", "GET /00000")) + strlen("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    size_t said = 0;
    struct so_str got;
    for (int i = 0; i < COUNT; i += 1000) { /* a client that says much before it listens */
        size_t upto = n / COUNT * ((size_t)i + 1000);
        assert_true(say(fd, so_str(text + said, upto - said), SIZE_MAX / 2));
        said = upto;
        for (int k = 0; k < 1000; k++) {
            char want[32];
            snprintf(want, sizeof(want), "GET /%05d", i + k);
            assert_true(hear(fd, reply, &got));
            if (!so_str_ends(got, so_str_c(want)))
                fail_msg("reply %d: %.*s", i + k, SO_STR_ARG(got));
        }
    }
    close(fd);
    stop();
}

static void a_handler_may_answer_for_another_connection(void **state)
{
    (void)state;
    start(NULL);
    int fd = dial();
    atomic_store(&handled, 0);
    assert_true(say_c(fd, "GET /park HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H BYE));
    while (atomic_load(&handled) < 1)
        sleep_ms(1);
    assert_str(talk(SO_STR("GET /1 HTTP/1.1\r\n" H "\r\nGET /unpark HTTP/1.1\r\n" H "\r\nGET /3 HTTP/1.1\r\n" H BYE), 1000),
               OK("6", "GET /1") OK("0", "") OK_LAST("6", "GET /3"));
    assert_str(hear_all(fd), OK("5", "/park") OK_LAST("6", "GET /2"));
    close(fd);
    stop();
}

/* A client that sends requests without end, while the reply to the first is held back, is held back itself. */
static void what_waits_behind_a_late_reply_is_bounded(void **state)
{
    (void)state;
    enum { MUCH = 64 << 20 };
    static char requests[1 << 20];
    const char one[] = "GET /2 HTTP/1.1\r\n" H "\r\n";
    size_t n = 0, sent = 0;
    for (; n + sizeof(one) < sizeof(requests); n += sizeof(one) - 1)
        memcpy(requests + n, one, sizeof(one) - 1);
    start(NULL);
    atomic_store(&is_holding, true);
    int fd = dial();
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_usec = 100000}, sizeof(struct timeval)),
                     0);
    atomic_store(&handled, 0);
    assert_true(say_c(fd, "GET /later HTTP/1.1\r\n" H "\r\n"));
    for (ssize_t got = 1; got > 0 && sent<MUCH; sent += got> 0 ? (size_t)got : 0)
        got = send(fd, requests, n, MSG_NOSIGNAL);
    assert_true(sent < MUCH / 2); /* what the kernel's buffers hold, and no more */
    assert_int_equal(atomic_load(&handled), 1);
    atomic_store(&is_holding, false);
    struct so_str got;
    assert_true(hear(fd, 1 << 20, &got)); /* and it goes on */
    assert_int_equal(got.n, 1 << 20);
    close(fd);
    stop();
}

/* A client that asks and does not listen gets no more replies made than fit into the sockets' buffers. */
static void replies_wait_for_their_reader(void **state)
{
    (void)state;
    start(NULL);
    int fd = dial();
    atomic_store(&handled, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(say_c(fd, "GET /big?100000 HTTP/1.1\r\n" H "\r\n"));
    int before = -1;
    for (int now = 0; now != before; now = atomic_load(&handled)) {
        before = now;
        sleep_ms(100);
    }
    assert_in_range(before, 1, 500);
    close(fd);
    stop();
}

/* ---- time ---- */

static void nobody_waits_for_ever(void **state)
{
    (void)state;
    static const struct {
        const char *label, *say, *hear; /* the start of the reply; "": closed without a word */
    } SLOW[] = {
        {"idle from the start", "", ""},
        {"idle after a request", "GET /1 HTTP/1.1\r\n" H "\r\n", OK("6", "GET /1")},
        {"half a head", "GET /1 HTTP/1.1\r\nHo", "HTTP/1.1 408 Request Timeout\r\n"},
        {"half a body", "POST /1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhel", "HTTP/1.1 408 Request Timeout\r\n"},
        {"half a second head", "GET /1 HTTP/1.1\r\n" H "\r\nGET", OK("6", "GET /1") "HTTP/1.1 408 Request Timeout\r\n"},
        {"takes nothing", "GET /big?3900000 HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 200 OK\r\n"},
    };
    struct so_http_limits limits = SO_HTTP_LIMITS_DEFAULT;
    limits.idle_timeout_ms = limits.header_timeout_ms = limits.body_timeout_ms = limits.write_timeout_ms = 150;
    start(&limits);
    for (size_t i = 0; i < COUNT_OF(SLOW); i++) {
        int fd = dial();
        if (strcmp(SLOW[i].label, "takes nothing") == 0)
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int)), 0);
        assert_true(say_c(fd, SLOW[i].say));
        if (strcmp(SLOW[i].label, "takes nothing") == 0)
            sleep_ms(600);
        struct so_str got = hear_all(fd);
        if (!so_str_starts(got, so_str_c(SLOW[i].hear)) || (SLOW[i].hear[0] == '\0' && got.n > 0) || got.n >= 3900000)
            fail_msg("%s: %.*s", SLOW[i].label, (int)so_min_size(got.n, 300), got.p);
        close(fd);
    }
    /* The head's time runs from its first byte, whatever comes meanwhile: a byte every 10 ms does not help. */
    int fd = dial();
    bool goes_on = true;
    for (int i = 0; i < 60 && goes_on; i++) {
        goes_on = say_c(fd, "G");
        sleep_ms(10);
        goes_on = goes_on && recv(fd, heard, sizeof(heard), MSG_DONTWAIT) <= 0;
    }
    assert_false(goes_on);
    close(fd);
    stop();
}

static void each_head_has_its_own_time(void **state)
{
    (void)state;
    struct so_http_limits limits = SO_HTTP_LIMITS_DEFAULT;
    limits.header_timeout_ms = 1000;
    start(&limits);
    int fd = dial();
    assert_true(say_c(fd, "GET /1 HTTP/1.1\r\n"));
    for (int i = 0; i < 3; i++) { /* the end of one head comes with the start of the next, 1.8 s in all */
        sleep_ms(600);
        assert_true(say_c(fd, i < 2 ? H "\r\nGET /2 HTTP/1.1\r\n" : H BYE));
    }
    assert_str(hear_all(fd), OK("6", "GET /1") OK("6", "GET /2") OK_LAST("6", "GET /2"));
    close(fd);
    stop();
}

/* ---- clients that vanish, servers that stop ---- */

static void a_client_may_vanish_before_the_reply(void **state)
{
    (void)state;
    start(NULL);
    atomic_store(&later_replies, 0);
    for (int i = 0; i < 6; i++) {
        int fd = dial();
        assert_true(say_c(fd, i % 2 == 0 ? "GET /later HTTP/1.1\r\n" H "\r\n"
                                         : "POST /later HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhiGET /2 HTTP/1.1\r\n" H
                                           "\r\nGET"));
        sleep_ms(10);
        if (i < 3) /* a reset */
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)), 0);
        close(fd);
    }
    while (atomic_load(&later_replies) < 6)
        sleep_ms(5);
    for (int i = 0; i < 3; i++) { /* and in the middle of head and body */
        int fd = dial();
        assert_true(say_c(fd, i == 0 ? "GET /1 HT" : "POST /1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhel"));
        close(fd);
    }
    assert_str(talk(SO_STR("GET /1 HTTP/1.1\r\n" H BYE), 1000), OK_LAST("6", "GET /1"));
    stop();
}

static void a_client_that_only_stops_sending_gets_its_replies(void **state)
{
    (void)state;
    start(NULL);
    int fd = dial();
    assert_true(say_c(fd, "GET /later HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n"));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_str(hear_all(fd), OK("6", "/later") OK("6", "GET /2"));
    close(fd);
    stop();
}

static void a_stop_answers_what_is_under_way(void **state)
{
    (void)state;
    start(NULL);
    int idle = dial(), half = dial();
    struct so_str got;
    atomic_store(&handled, 0);
    atomic_store(&is_holding, true);
    assert_true(say_c(idle, "GET /1 HTTP/1.1\r\n" H "\r\n"));
    assert_true(hear(idle, strlen(OK("6", "GET /1")) + strlen("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), &got));
    assert_true(say_c(half, "GET /half HTTP/1.1\r\n"));
    sleep_ms(50);
    int busy = dial();
    assert_true(say_c(busy, "GET /later HTTP/1.1\r\n" H "\r\n"));
    while (atomic_load(&handled) < 2)
        sleep_ms(1);
    begin_stop(5000);
    assert_true(hear(idle, 1, &got));
    assert_int_equal(got.n, 0);
    atomic_store(&is_holding, false);
    assert_true(say_c(half, H "\r\n"));
    assert_str(hear_all(half), OK_LAST("9", "GET /half"));
    assert_str(hear_all(busy), OK_LAST("6", "/later"));
    close(idle);
    close(busy);
    close(half);
    end_stop();
}

static void a_stop_cuts_what_is_left_after_its_grace(void **state)
{
    (void)state;
    start(NULL);
    int half = dial();
    struct so_str got;
    assert_true(say_c(half, "GET /half HTTP/1.1\r\n"));
    sleep_ms(20);
    begin_stop(50);
    (void)hear(half, 1, &got);
    assert_int_equal(got.n, 0);
    end_stop();
    close(half);
}

static void too_many_connections_are_told_to_come_back(void **state)
{
    (void)state;
    struct so_http_limits limits = SO_HTTP_LIMITS_DEFAULT;
    limits.connections_max = 3;
    start(&limits);
    int fds[3];
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = dial();
    struct so_str got = talk(SO_STR("GET /1 HTTP/1.1\r\n" H BYE), 1000);
    assert_true(so_str_starts(got, SO_STR("HTTP/1.1 503 Service Unavailable\r\n")));
    assert_int_not_equal(so_str_find(got, SO_STR("Retry-After: ")), SO_STR_NONE);
    close(fds[0]);
    sleep_ms(50);
    assert_str(talk(SO_STR("GET /1 HTTP/1.1\r\n" H BYE), 1000), OK_LAST("6", "GET /1"));
    close(fds[1]);
    close(fds[2]);
    stop();
}

static void a_reply_over_its_limit_is_a_500(void **state)
{
    (void)state;
    struct so_http_limits limits = SO_HTTP_LIMITS_DEFAULT;
    limits.reply_max = 1000;
    start(&limits);
    struct so_str got =
        talk(SO_STR("GET /big?1001 HTTP/1.1\r\n" H "\r\nGET /199 HTTP/1.1\r\n" H "\r\nGET /big?4 HTTP/1.1\r\n" H BYE), 1000);
    assert_true(so_str_starts(got, SO_STR("HTTP/1.1 500 Internal Server Error\r\n")));
    assert_true(so_str_ends(got, SO_STR(OK_LAST("4", "abcd"))));
    stop();
}

/* ---- streams ---- */

#define SWITCHED "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
#define UPGRADE  "HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n"

static void wait_for_streams(int count)
{
    for (int i = 0; i < 1000 && atomic_load(&streams_open) != count; i++)
        sleep_ms(5);
    assert_int_equal(atomic_load(&streams_open), count);
}

static void an_upgraded_connection_is_its_owners(void **state)
{
    (void)state;
    static const char *const REQUESTS[] = {"GET /upgrade " UPGRADE "early", "GET /upgrade-later " UPGRADE "early"};
    const size_t switched = strlen(SWITCHED) + strlen("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    struct so_str got;
    start(NULL);
    for (size_t i = 0; i < COUNT_OF(REQUESTS); i++) {
        int fd = dial();
        assert_true(say_c(fd, REQUESTS[i]));
        assert_true(hear(fd, switched + 6, &got));
        assert_true(so_str_ends(got, SO_STR("Upgrade: echo\r\n\r\n<early")));
        assert_true(say_c(fd, "hello"));
        assert_true(hear(fd, 6, &got));
        assert_str(got, "<hello");
        assert_true(say_c(fd, "big"));
        sleep_ms(30);
        assert_true(hear(fd, 1, &got));
        for (size_t part = 1 << 20, n = 0; n < STREAM_BIG; n += part) {
            assert_true(hear(fd, part, &got));
            assert_int_equal(got.n, part);
        }
        assert_true(hear(fd, 1, &got)); /* drained() */
        assert_str(got, ">");
        wait_for_streams(1);
        assert_true(say_c(fd, i == 0 ? "bye" : "cut"));
        (void)hear(fd, 1, &got);
        assert_int_equal(got.n, 0);
        close(fd);
        wait_for_streams(0);
    }
    assert_str(talk(SO_STR("GET /upgrade-later " UPGRADE "cut"), 1000), SWITCHED);
    assert_true(so_str_starts(talk(SO_STR("GET /upgrade HTTP/1.0\r\n\r\n"), 1000), SO_STR("HTTP/1.1 400 ")));
    stop();
}

static void a_stop_tells_the_streams(void **state)
{
    (void)state;
    start(NULL);
    atomic_store(&streams_told_to_stop, 0);
    int one = dial(), two = dial();
    assert_true(say_c(one, "GET /upgrade " UPGRADE));
    assert_true(say_c(two, "GET /upgrade " UPGRADE));
    wait_for_streams(2);
    close(two); /* vanished */
    wait_for_streams(1);
    begin_stop(2000);
    struct so_str got = hear_all(one);
    assert_str(got, SWITCHED "stopping");
    close(one);
    end_stop();
    assert_int_equal(atomic_load(&streams_told_to_stop), 1);
    wait_for_streams(0);
}

/* ---- memory ---- */

/* Whatever allocation fails, the client gets replies or a closed connection, and the next client is served. */
static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    static const char *const SESSIONS[] = {
        "POST /a HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhiGET /big?300000 HTTP/1.1\r\n" H
        "\r\nGET /later HTTP/1.1\r\n" H BYE,
        "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nGET /2 HTTP/1.1\r\n" H BYE,
        "GET /upgrade " UPGRADE "big",
    };
    struct so_http_limits limits = SO_HTTP_LIMITS_DEFAULT;
    limits.header_timeout_ms = 100; /* when the upgrade fails, "big" is the start of a head */
    for (size_t i = 0; i < COUNT_OF(SESSIONS); i++)
        for (long n = 0;; n++) {
            start(&limits); /* a fresh server: nothing is there for reuse */
            so_mem_fail_at(n);
            int fd = dial();
            (void)say(fd, so_str_c(SESSIONS[i]), 40);
            if (i == 2) {
                struct so_str got;
                (void)hear(fd, 100000, &got);
                (void)say_c(fd, "bye");
            }
            (void)hear_all(fd);
            bool failed = so_mem_failed();
            so_mem_fail_at(-1);
            close(fd);
            assert_str(talk(SO_STR("GET /1 HTTP/1.1\r\n" H BYE), 1000), OK_LAST("6", "GET /1"));
            stop();
            assert_true(n < 200);
            if (!failed)
                break;
        }
}

static void a_server_that_cannot_start_leaves_nothing(void **state)
{
    (void)state;
    struct so_loop *alone = NULL;
    struct so_http_server *none = NULL;
    struct so_err err = SO_ERR_INIT;
    const struct so_http_server_options bad = {.host = "nowhere", .handler = on_request, .limits = SO_HTTP_LIMITS_DEFAULT};
    const struct so_http_server_options good = {.host = "::1", .handler = on_request, .limits = SO_HTTP_LIMITS_DEFAULT};
    assert_int_equal(so_loop_new(&alone, NULL), SO_OK);
    assert_int_equal(so_http_server_start(alone, &bad, &none, &err), SO_EINVAL);
    for (long n = 0; n < 2; n++) {
        so_mem_fail_at(n);
        assert_int_equal(so_http_server_start(alone, &good, &none, NULL), SO_ENOMEM);
        so_mem_fail_at(-1);
    }
    assert_null(none);
    so_loop_free(alone);
}

#define with_clean_up(test) cmocka_unit_test_teardown(test, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_clean_up(conversations_go_as_they_should),
        with_clean_up(refusals_close_and_nothing_is_smuggled),
        with_clean_up(a_body_is_asked_for_when_it_is_welcome),
        with_clean_up(large_bodies_pass_both_ways),
        with_clean_up(many_pipelined_requests_are_all_answered),
        with_clean_up(a_handler_may_answer_for_another_connection),
        with_clean_up(what_waits_behind_a_late_reply_is_bounded),
        with_clean_up(replies_wait_for_their_reader),
        with_clean_up(nobody_waits_for_ever),
        with_clean_up(each_head_has_its_own_time),
        with_clean_up(a_client_may_vanish_before_the_reply),
        with_clean_up(a_client_that_only_stops_sending_gets_its_replies),
        with_clean_up(a_stop_answers_what_is_under_way),
        with_clean_up(a_stop_cuts_what_is_left_after_its_grace),
        with_clean_up(too_many_connections_are_told_to_come_back),
        with_clean_up(a_reply_over_its_limit_is_a_500),
        with_clean_up(an_upgraded_connection_is_its_owners),
        with_clean_up(a_stop_tells_the_streams),
        with_clean_up(every_failed_allocation_is_survived),
        with_clean_up(a_server_that_cannot_start_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
