/* ws_test.c: connections over real sockets on loopback: timers, limits, shared frames, goodbyes, and no memory. */
#include "../testing.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/mem.h"
#include "ws/deflate.h"
#include "ws/ws_int.h"

/* ---- the server under test, on a thread of its own ---- */

enum { MESSAGE_MAX = 1000, FRAME_MAX = 800, QUEUE_MAX = 8 << 20, MEMBERS_MAX = 8 };

static struct so_loop *loop;
static struct so_http_server *http;
static struct so_ws_server *server;
static pthread_t loop_thread;
static unsigned port;
static bool is_running;

/* Of the loop's thread, but for the atomics. */
static struct so_ws *members[MEMBERS_MAX];
static size_t member_count;
static atomic_uint closed_count, closed_code, send_result;
static char closed_reason[SO_WS_REASON_MAX + 1];

static const char TALE[] =
    "{\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1}";

static void tell_all(void)
{
    struct so_ws_frame *frame;
    if (so_ws_frame_new(server, SO_WS_TEXT, so_str_c(TALE), &frame) != SO_OK)
        return;
    struct so_ws_frame *second = so_ws_frame_ref(frame);
    for (size_t i = 0; i < member_count; i++)
        (void)!so_ws_send_frame(members[i], frame);
    so_ws_frame_unref(frame);
    so_ws_frame_unref(second);
}

static void flood(struct so_ws *ws)
{
    static char megabyte[1 << 20];
    int rc = SO_OK;
    for (int i = 0; i < 64 && rc == SO_OK; i++)
        rc = so_ws_send(ws, SO_WS_BINARY, so_str(megabyte, sizeof(megabyte)));
    atomic_store(&send_result, (unsigned)rc);
}

/* The same with one frame for all, and a number after each: what waits is in order, and not copied. */
static void flood_shared(struct so_ws *ws)
{
    static char megabyte[1 << 20];
    struct so_ws_frame *frame;
    int rc = so_ws_frame_new(NULL, SO_WS_BINARY, so_str(megabyte, sizeof(megabyte)), &frame);
    if (rc != SO_OK)
        return;
    for (int i = 0; i < 64 && rc == SO_OK; i++) {
        char number = (char)('0' + i);
        rc = so_ws_send_frame(ws, frame);
        if (rc == SO_OK)
            rc = so_ws_send(ws, SO_WS_TEXT, so_str(&number, 1));
    }
    so_ws_frame_unref(frame);
    assert_true(rc != SO_EBUSY || (so_ws_queued(ws) > 7 << 20 && so_http_stream_queued(ws->stream) < 2 << 20));
    atomic_store(&send_result, (unsigned)rc);
}

/* A few words are commands; the rest is echoed. */
static void on_message(struct so_ws *ws, enum so_ws_opcode opcode, struct so_str bytes, void *arg)
{
    assert_ptr_equal(arg, members);
    if (so_str_eq_c(bytes, "tell"))
        tell_all();
    else if (so_str_eq_c(bytes, "flood"))
        flood(ws);
    else if (so_str_eq_c(bytes, "flood with one"))
        flood_shared(ws);
    else if (so_str_eq_c(bytes, "pause and close")) {
        so_ws_pause(ws, true);
        so_ws_close(ws, 4000, SO_STR(""));
    } else if (so_str_eq_c(bytes, "close"))
        so_ws_close(ws, 4000, SO_STR("as you wish"));
    else if (so_str_eq_c(bytes, "abort"))
        so_ws_abort(ws);
    else if (so_str_eq_c(bytes, "long reason"))
        so_ws_close(ws, 1000, SO_STR("ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää"));
    else if (so_str_eq_c(bytes, "protocol"))
        (void)!so_ws_send(ws, SO_WS_TEXT, so_ws_protocol(ws));
    else
        (void)!so_ws_send(ws, opcode, bytes);
}

static void on_closed(struct so_ws *ws, unsigned code, struct so_str reason, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < member_count; i++)
        if (members[i] == ws)
            members[i--] = members[--member_count];
    (void)snprintf(closed_reason, sizeof(closed_reason), "%.*s", SO_STR_ARG(reason));
    atomic_store(&closed_code, code);
    atomic_fetch_add(&closed_count, 1);
}

static const struct so_ws_events EVENTS = {on_message, NULL, on_closed};

static void on_request(struct so_http_exchange *x, void *arg)
{
    struct so_ws *ws;
    (void)arg;
    if (so_ws_accept(server, x, &EVENTS, members, &ws, NULL) == SO_OK && member_count < MEMBERS_MAX)
        members[member_count++] = ws;
}

static void *run_loop(void *arg)
{
    (void)arg;
    so_loop_run(loop);
    return NULL;
}

static const struct so_str PROTOCOLS[] = {SO_STR_INIT("chat")};

static struct so_ws_options make_options(void)
{
    struct so_ws_options options = SO_WS_OPTIONS_DEFAULT;
    options.rules.protocols = PROTOCOLS;
    options.rules.protocol_count = COUNT_OF(PROTOCOLS);
    options.rules.deflate.keeps_window = true;
    options.rules.deflate.threshold = 10;
    options.message_max = MESSAGE_MAX;
    options.frame_max = FRAME_MAX;
    options.queue_max = QUEUE_MAX;
    return options;
}

static void start(const struct so_ws_options *options)
{
    const struct so_http_server_options plain = {
        .host = "127.0.0.1", .limits = SO_HTTP_LIMITS_DEFAULT, .handler = on_request};
    member_count = 0;
    atomic_store(&closed_count, 0);
    atomic_store(&closed_code, 0);
    assert_int_equal(so_loop_new(&loop, NULL), SO_OK);
    assert_int_equal(so_ws_server_new(loop, options, &server, NULL), SO_OK);
    assert_int_equal(so_http_server_start(loop, &plain, &http, NULL), SO_OK);
    port = so_http_server_port(http);
    assert_int_equal(pthread_create(&loop_thread, NULL, run_loop, NULL), 0);
    is_running = true;
}

static void on_stopped(void *arg)
{
    (void)arg;
    assert_int_equal(so_ws_server_count(server), 0);
    so_ws_server_free(server);
    so_loop_stop(loop);
}

static void stop_server(struct so_task *task)
{
    (void)task;
    so_http_server_stop(http, 300, on_stopped, NULL);
}

static void stop(void)
{
    static struct so_task task = {.run = stop_server};
    so_loop_post(loop, &task);
    pthread_join(loop_thread, NULL);
    so_loop_free(loop);
    is_running = false;
}

static int clean_up(void **state)
{
    (void)state;
    so_mem_fail_at(-1);
    if (is_running)
        stop();
    return 0;
}

static void wait_for_closed(unsigned count)
{
    for (int i = 0; i < 500 && atomic_load(&closed_count) < count; i++)
        usleep(10000);
    assert_int_equal(atomic_load(&closed_count), count);
}

/* ---- the client ---- */

static int dial(const char *more_headers)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = 5};
    char request[1024];
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    int n =
        snprintf(request, sizeof(request),
                 "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                 more_headers);
    assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
    return fd;
}

static bool hear_exactly(int fd, char *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t k = recv(fd, to + got, n - got, 0);
        if (k <= 0)
            return false;
        got += (size_t)k;
    }
    return true;
}

/* True when the answer is 101. */
static bool hear_answer(int fd)
{
    char head[2048] = "";
    for (size_t n = 0; n + 1 < sizeof(head) && strstr(head, "\r\n\r\n") == NULL; n++)
        if (!hear_exactly(fd, head + n, 1))
            return false;
    return strncmp(head, "HTTP/1.1 101 ", 13) == 0;
}

static int join(const char *more_headers)
{
    int fd = dial(more_headers);
    assert_true(hear_answer(fd));
    return fd;
}

/* A frame with the key 0, which hides nothing; `first` is its first byte. */
static void say(int fd, unsigned first, struct so_str payload)
{
    char frame[8 + 1024] = {(char)first, (char)0x80};
    size_t n = 2;
    assert_true(payload.n <= 1024);
    if (payload.n < 126) {
        frame[1] = (char)(0x80 | payload.n);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[n++] = (char)(payload.n >> 8);
        frame[n++] = (char)payload.n;
    }
    n += 4;
    memcpy(frame + n, payload.p, payload.n);
    (void)send(fd, frame, n + payload.n, MSG_NOSIGNAL);
}

static void say_text(int fd, const char *text) { say(fd, 0x81, so_str_c(text)); }

static size_t heard_len; /* bytes of the latest payload */

/* The next frame: its first byte and short payload; -1 at the end. */
static int hear(int fd, char payload[256])
{
    unsigned char head[2];
    if (!hear_exactly(fd, (char *)head, 2) || head[1] > 125 || !hear_exactly(fd, payload, head[1]))
        return -1;
    heard_len = head[1];
    payload[heard_len] = '\0';
    return head[0];
}

#define assert_hears(fd, first, text)                                                                                       \
    do {                                                                                                                    \
        char payload_[256];                                                                                                 \
        assert_int_equal(hear((fd), payload_), (first));                                                                    \
        assert_string_equal(payload_, (text));                                                                              \
    } while (0)

/* A close frame with that code, then the end. */
static void assert_ends_with(int fd, unsigned code)
{
    char payload[256];
    int first;
    while ((first = hear(fd, payload)) >= 0 && first != 0x88)
        ;
    assert_int_equal(first, 0x88);
    assert_int_equal((unsigned char)payload[0] << 8 | (unsigned char)payload[1], code);
}

static void assert_is_over(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

/* ---- tests ---- */

static void an_idle_connection_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct so_ws) <= 512);
}

static void memory_is_given_back_after_a_message(void **state)
{
    (void)state;
    const struct so_ws_options options = make_options();
    start(&options);
    int fd = join("");
    say(fd, 0x01, SO_STR("in two "));
    say(fd, 0x80, SO_STR("parts"));
    assert_hears(fd, 0x81, "in two parts");
    assert_int_equal(members[0]->message.cap, 0); /* written before the echo, by the loop's thread, which now waits */
    assert_null(members[0]->deflater);
    close(fd);
    wait_for_closed(1);
    assert_int_equal(atomic_load(&closed_code), SO_WS_DROPPED);
}

static void the_subprotocol_is_known(void **state)
{
    (void)state;
    const struct so_ws_options options = make_options();
    start(&options);
    int fd = join("Sec-WebSocket-Protocol: x, chat\r\n");
    say_text(fd, "protocol");
    assert_hears(fd, 0x81, "chat");
    close(fd);
}

static void silence_is_asked_and_then_ended(void **state)
{
    (void)state;
    struct so_ws_options options = make_options();
    options.ping_interval_ms = 60;
    options.pong_timeout_ms = 400;
    start(&options);
    int fd = join("");
    for (int i = 0; i < 3; i++) {
        assert_hears(fd, 0x89, "");
        say(fd, 0x8A, SO_STR(""));
    }
    assert_hears(fd, 0x89, "");
    say_text(fd, "any byte will do");
    assert_hears(fd, 0x81, "any byte will do");
    assert_hears(fd, 0x89, ""); /* and now not a word */
    char payload[256];
    assert_int_equal(hear(fd, payload), -1);
    wait_for_closed(1);
    assert_int_equal(atomic_load(&closed_code), SO_WS_DROPPED);
    close(fd);
}

static void limits_hold(void **state)
{
    (void)state;
    static const char BYTES[FRAME_MAX + 1];
    static const struct {
        const char *label;
        size_t first, second; /* bytes of two frames of a message; SIZE_MAX: there is no second */
        unsigned code;        /* 0: fine */
    } CASES[] = {
        {"a frame as long as may be", FRAME_MAX, SIZE_MAX, 0},
        {"longer by one", FRAME_MAX + 1, SIZE_MAX, SO_WS_TOO_BIG},
        {"a message as long as may be", FRAME_MAX, MESSAGE_MAX - FRAME_MAX, 0},
        {"longer by one", FRAME_MAX, MESSAGE_MAX - FRAME_MAX + 1, SO_WS_TOO_BIG},
    };
    const struct so_ws_options options = make_options();
    start(&options);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        int fd = join("");
        bool has_two = CASES[i].second != SIZE_MAX;
        say(fd, has_two ? 0x02 : 0x82, so_str(BYTES, CASES[i].first));
        if (has_two)
            say(fd, 0x80, so_str(BYTES, CASES[i].second));
        if (CASES[i].code != 0) {
            assert_ends_with(fd, CASES[i].code);
            assert_is_over(fd);
        } else {
            char head[4], echo[MESSAGE_MAX];
            if (!hear_exactly(fd, head, 4) || !hear_exactly(fd, echo, CASES[i].first + (has_two ? CASES[i].second : 0)))
                fail_msg("%s", CASES[i].label);
            close(fd);
        }
        wait_for_closed((unsigned)i + 1);
        assert_int_equal(atomic_load(&closed_code), CASES[i].code == 0 ? SO_WS_DROPPED : CASES[i].code);
    }
}

static void a_compressed_message_is_measured_inflated(void **state)
{
    (void)state;
    static const char ZEROS[MESSAGE_MAX + 1];
    const struct so_ws_options options = make_options();
    start(&options);
    for (size_t n = MESSAGE_MAX; n <= MESSAGE_MAX + 1; n++) {
        struct so_ws_deflater *d = so_ws_deflater_new(SO_WS_WINDOW_MAX, false);
        struct so_buf small;
        so_buf_init(&small, 1000);
        assert_int_equal(so_ws_deflate(d, so_str(ZEROS, n), &small), SO_OK);
        int fd = join("Sec-WebSocket-Extensions: permessage-deflate\r\n");
        say(fd, 0xC2, so_buf_str(&small));
        char payload[256];
        if (n > MESSAGE_MAX)
            assert_ends_with(fd, SO_WS_TOO_BIG);
        else
            assert_int_equal(hear(fd, payload), 0xC2);
        close(fd);
        so_buf_deinit(&small);
        so_ws_deflater_free(d);
    }
}

static void who_does_not_read_is_sent_away(void **state)
{
    (void)state;
    const struct so_ws_options options = make_options();
    start(&options);
    int fd = join("");
    say_text(fd, "flood");
    for (int i = 0; i < 500 && atomic_load(&send_result) == 0; i++)
        usleep(10000);
    assert_int_equal(atomic_load(&send_result), SO_EBUSY);
    unsigned char head[10];
    static char megabyte[1 << 20];
    int frames = 0;
    while (hear_exactly(fd, (char *)head, 2) && head[0] == 0x82) { /* what was queued still comes, whole */
        assert_true(hear_exactly(fd, (char *)head + 2, 8) && hear_exactly(fd, megabyte, sizeof(megabyte)));
        frames++;
    }
    assert_in_range(frames, 7, 40); /* the queue, and what the sockets hold */
    assert_int_equal(head[0], 0x88);
    char payload[256];
    assert_true(hear_exactly(fd, payload, head[1]));
    assert_int_equal((unsigned char)payload[0] << 8 | (unsigned char)payload[1], SO_WS_TRY_AGAIN_LATER);
    say(fd, 0x88, SO_STR("\x03\xF5"));
    assert_is_over(fd);
    wait_for_closed(1);
    assert_int_equal(atomic_load(&closed_code), SO_WS_TRY_AGAIN_LATER);
}

static void hear_flood_with_one(int fd)
{
    unsigned char head[10];
    static char megabyte[1 << 20];
    int frames = 0;
    for (;; frames++) {
        assert_true(hear_exactly(fd, (char *)head, 2));
        if (head[0] != 0x82)
            break;
        assert_true(hear_exactly(fd, (char *)head + 2, 8) && hear_exactly(fd, megabyte, sizeof(megabyte)));
        assert_true(hear_exactly(fd, (char *)head, 3));
        if (head[0] == 0x88)
            break;
        assert_true(head[0] == 0x81 && head[2] == '0' + frames);
    }
    assert_in_range(frames, 7, 40);
    assert_int_equal(head[0], 0x88);
}

static void a_shared_frame_waits_in_order_without_a_copy(void **state)
{
    (void)state;
    const struct so_ws_options options = make_options();
    start(&options);
    atomic_store(&send_result, 0);
    int fd = join("");
    say_text(fd, "flood with one");
    for (int i = 0; i < 500 && atomic_load(&send_result) == 0; i++)
        usleep(10000);
    assert_int_equal(atomic_load(&send_result), SO_EBUSY);
    hear_flood_with_one(fd);
    close(fd);
    wait_for_closed(1);
    /* and a goodbye waits behind it */
    atomic_store(&send_result, 0);
    fd = join("");
    say_text(fd, "flood with one");
    say(fd, 0x88, SO_STR("\x0F\xA1"));
    for (int i = 0; i < 500 && atomic_load(&send_result) == 0; i++)
        usleep(10000);
    hear_flood_with_one(fd);
    close(fd);
    wait_for_closed(2);
    assert_int_equal(atomic_load(&closed_code), 4001);
    /* and is dropped with the connection */
    fd = join("");
    say_text(fd, "flood with one");
    close(fd);
    wait_for_closed(3);
}

static void out_of_memory_loses_no_message_silently(void **state)
{
    (void)state;
    const struct so_ws_options options = make_options();
    start(&options);
    for (long n = 0; n < 12; n++) {
        atomic_store(&send_result, 0);
        int fd = join("");
        so_mem_fail_at(n);
        say_text(fd, "flood with one");
        for (int i = 0; i < 20 && atomic_load(&send_result) == 0; i++)
            usleep(10000);
        so_mem_fail_at(-1);
        close(fd);
        wait_for_closed((unsigned)n + 1);
    }
}

static void one_frame_serves_all(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        bool is_compressed;
    } CLIENTS[] = {
        {"", false},
        {"Sec-WebSocket-Extensions: permessage-deflate\r\n", false}, /* its window must not be left behind */
        {"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n", true},
        {"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_max_window_bits=9\r\n", false},
    };
    const struct so_ws_options options = make_options();
    start(&options);
    int fds[COUNT_OF(CLIENTS)];
    for (size_t i = 0; i < COUNT_OF(CLIENTS); i++)
        fds[i] = join(CLIENTS[i].headers);
    say_text(fds[0], "tell");
    for (size_t i = 0; i < COUNT_OF(CLIENTS); i++) {
        char payload[256];
        assert_int_equal(hear(fds[i], payload), CLIENTS[i].is_compressed ? 0xC1 : 0x81);
        if (!CLIENTS[i].is_compressed) {
            assert_string_equal(payload, TALE);
        } else {
            struct so_ws_inflater *inflater = so_ws_inflater_new(SO_WS_WINDOW_MAX, false);
            struct so_buf out;
            so_buf_init(&out, 1000);
            assert_int_equal(so_ws_inflate(inflater, so_str(payload, heard_len), &out), SO_OK);
            assert_str(so_buf_str(&out), TALE);
            so_buf_deinit(&out);
            so_ws_inflater_free(inflater);
        }
        close(fds[i]);
    }
}

static void goodbyes_tell_their_code(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        unsigned first; /* of the frame that the client says; then, after the server's close frame, "answer" */
        struct so_str says, answer;
        unsigned code; /* for closed() */
        const char *reason;
    } CASES[] = {
        {"the client's", 0x88,
         SO_STR_INIT("\x0F\xA1"
                     "bye"),
         SO_STR_INIT(""), 4001, "bye"},
        {"an empty one", 0x88, SO_STR_INIT(""), SO_STR_INIT(""), SO_WS_NO_CODE, ""},
        {"a wrong one", 0x88, SO_STR_INIT("\x03\xED"), SO_STR_INIT(""), SO_WS_PROTOCOL_ERROR, ""},
        {"a reason that is no text", 0x88, SO_STR_INIT("\x03\xE8\xFF"), SO_STR_INIT(""), SO_WS_BAD_DATA, ""},
        {"a broken rule", 0x83, SO_STR_INIT(""), SO_STR_INIT(""), SO_WS_PROTOCOL_ERROR, ""},
        {"no text", 0x81, SO_STR_INIT("\xFF"), SO_STR_INIT(""), SO_WS_BAD_DATA, ""},
        {"the server's, answered", 0x81, SO_STR_INIT("close"),
         SO_STR_INIT("\x0F\xA0"
                     "ok"),
         4000, "ok"},
        {"the server's, not answered", 0x81, SO_STR_INIT("close"), SO_STR_INIT(""), SO_WS_DROPPED, ""},
        {"the server's, with a long reason", 0x81, SO_STR_INIT("long reason"), SO_STR_INIT("\x03\xE8"), 1000, ""},
        {"the server's, while it does not listen", 0x81, SO_STR_INIT("pause and close"), SO_STR_INIT("\x0F\xA0"), 4000, ""},
        {"none", 0x81, SO_STR_INIT("abort"), SO_STR_INIT(""), SO_WS_DROPPED, ""},
    };
    struct so_ws_options options = make_options();
    options.close_timeout_ms = 50;
    start(&options);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        int fd = join("");
        char payload[256];
        say(fd, CASES[i].first, CASES[i].says);
        int heard = hear(fd, payload);
        if (heard != (strcmp(CASES[i].label, "none") == 0 ? -1 : 0x88))
            fail_msg("%s: %x", CASES[i].label, (unsigned)heard);
        if (CASES[i].answer.n > 0)
            say(fd, 0x88, CASES[i].answer);
        bool is_silent = strcmp(CASES[i].label, "the server's, not answered") == 0;
        if (!is_silent)
            close(fd); /* else the server lingers for two seconds, in case that we still read */
        wait_for_closed((unsigned)i + 1);
        if (atomic_load(&closed_code) != CASES[i].code || strcmp(closed_reason, CASES[i].reason) != 0)
            fail_msg("%s: %u \"%s\"", CASES[i].label, atomic_load(&closed_code), closed_reason);
        if (is_silent)
            close(fd);
    }
}

static void after_our_close_frame_messages_are_dropped(void **state)
{
    (void)state;
    const struct so_ws_options options = make_options();
    start(&options);
    int fd = join("");
    say_text(fd, "close");
    say_text(fd, "late");
    say(fd, 0x89, SO_STR("late"));
    say(fd, 0x01, SO_STR("a part"));
    say(fd, 0x88, SO_STR("\x0F\xA0"));
    assert_ends_with(fd, 4000);
    assert_is_over(fd);
}

static void a_stop_says_1001(void **state)
{
    (void)state;
    const struct so_ws_options options = make_options();
    start(&options);
    int fd = join("");
    stop(); /* without an answer it is cut after the grace time */
    assert_ends_with(fd, SO_WS_GOING_AWAY);
    close(fd);
    assert_int_equal(atomic_load(&closed_count), 1);
}

static void out_of_memory_ends_one_connection_only(void **state)
{
    (void)state;
    static const char *const OFFERS[] = {"",
                                         "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: chat\r\n",
                                         "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"};
    const struct so_ws_options options = make_options();
    for (size_t i = 0; i < COUNT_OF(OFFERS); i++) {
        bool failed = true;
        for (long n = 0; failed; n++) {
            char payload[256];
            start(&options);
            so_mem_fail_at(n);
            int fd = dial(OFFERS[i]);
            if (hear_answer(fd)) {
                say(fd, 0x01, SO_STR("in two parts, one of them "));
                say(fd, 0x80, SO_STR("is this"));
                if (i > 0)
                    say(fd, 0xC1, SO_STR("\xf2\x48\xcd\xc9\xc9\x07\x00"));
                say_text(fd, "tell");
                say(fd, 0x88, SO_STR(""));
                while (hear(fd, payload) >= 0)
                    ;
            }
            failed = so_mem_failed();
            so_mem_fail_at(-1);
            close(fd);
            fd = join("");
            say_text(fd, "still there?");
            assert_hears(fd, 0x81, "still there?");
            close(fd);
            stop();
            assert_true(n < 100);
        }
    }
}

#define with_clean_up(test) cmocka_unit_test_teardown(test, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_is_small),
        with_clean_up(memory_is_given_back_after_a_message),
        with_clean_up(the_subprotocol_is_known),
        with_clean_up(silence_is_asked_and_then_ended),
        with_clean_up(limits_hold),
        with_clean_up(a_compressed_message_is_measured_inflated),
        with_clean_up(who_does_not_read_is_sent_away),
        with_clean_up(a_shared_frame_waits_in_order_without_a_copy),
        with_clean_up(out_of_memory_loses_no_message_silently),
        with_clean_up(one_frame_serves_all),
        with_clean_up(goodbyes_tell_their_code),
        with_clean_up(after_our_close_frame_messages_are_dropped),
        with_clean_up(a_stop_says_1001),
        with_clean_up(out_of_memory_ends_one_connection_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
