/* realtime_load.c: many WebSockets on one thread, to see how fast a server tells all of them the same.
 *
 *   connect -> upgrade -> join -> [subscribed] -> a talker speaks, the others listen: deliveries a second, latency
 *
 * Frames are written and read by hand, because any library would be slower than what is measured.  Every message carries the
 * microsecond at which it was sent, as an isbn of 13 digits, so that a row of the bookstore can carry it, too. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024, FRAME_MAX = 64 * 1024, LATENCY_MAX_US = 10 * 1000 * 1000, MASK = 0x80, BODY_MAX = 4096 };

/* What is measured. */
enum mode {
    BROADCAST, /* a talker says it over its WebSocket */
    CHANGES,   /* a row is inserted over HTTP; those of a burst by as many clients at once */
    PLAIN,     /* no channels: a server that sends each message to all others */
    IDLE       /* nobody says anything */
};
static const char *const MODES[] = {"broadcast", "changes", "plain", "idle"};

static struct {
    enum mode mode;
    unsigned port, listeners, messages, window, seconds;
    unsigned bytes; /* PLAIN: of a message; 0: as short as it can be */
    const char *key;
} options = {.listeners = 1000, .messages = 1000, .window = 4, .seconds = 5, .key = ""};

struct connection {
    int fd;
    bool is_open;      /* upgraded */
    bool is_writer;    /* speaks HTTP */
    char *kept;        /* the part of a frame that has come */
    size_t kept_count; /* its bytes */
};

static struct {
    struct connection *all; /* the talker is the last */
    unsigned count, ready;
    int epoll;
    struct connection *writers; /* CHANGES: HTTP connections, one per message of a burst */
    uint64_t delivered, bytes;
    uint32_t *latency; /* how often each number of microseconds */
} state;

static void die(const char *what)
{
    fprintf(stderr, "realtime_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}

/* ---- out ---- */

static void write_all(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EAGAIN)
            continue;
        if (done <= 0)
            die("write");
        at += done;
        n -= (size_t)done;
    }
}

/* With a mask of zeros, so the payload stays as it is. */
static void send_frame(int fd, unsigned opcode, const char *payload, size_t n)
{
    unsigned char frame[BODY_MAX + 8] = {(unsigned char)(0x80 | opcode), (unsigned char)(MASK | n)};
    size_t head = 2;
    if (n > 125) {
        frame[1] = MASK | 126;
        frame[head++] = (unsigned char)(n >> 8);
        frame[head++] = (unsigned char)n;
    }
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, payload, n);
    write_all(fd, frame, head + 4 + n);
}

static void send_text(int fd, const char *text) { send_frame(fd, 1, text, strlen(text)); }

static void upgrade(int fd)
{
    char request[1024];
    int n =
        snprintf(request, sizeof(request),
                 "GET /realtime/v1/websocket?vsn=2.0.0&apikey=%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                 options.key);
    write_all(fd, request, (size_t)n);
}

static void join(int fd)
{
    if (options.mode == PLAIN)
        return;
    send_text(fd,
              options.mode == CHANGES
                  ? "[\"1\",\"1\",\"realtime:bench\",\"phx_join\",{\"config\":{\"postgres_changes\":[{\"event\":\"INSERT\","
                    "\"schema\":\"public\",\"table\":\"books\"}]}}]"
                  : "[\"1\",\"1\",\"realtime:bench\",\"phx_join\",{\"config\":{}}]");
}

static void speak(unsigned place)
{
    char text[512], body[BODY_MAX + 1];
    int talker = state.all[state.count - 1].fd;
    static unsigned long long stamp;
    unsigned long long now = now_us();
    stamp = now > stamp ? now : stamp + 1; /* it is a key, too */
    int n = snprintf(body, sizeof(body), "{\"isbn\":\"%013llu\",\"title\":\"What was said\",\"pages\":7}", stamp);
    for (; options.mode == PLAIN && (unsigned)n < options.bytes; n++)
        body[n] = ' ';
    if (options.mode == PLAIN) {
        send_frame(talker, 1, body, (size_t)n);
    } else if (options.mode == BROADCAST) {
        static const char HEAD[] = "\3\0\0\16\1\0\1realtime:benchm";
        memcpy(text, HEAD, sizeof(HEAD) - 1);
        memcpy(text + sizeof(HEAD) - 1, body, (size_t)n);
        send_frame(talker, 2, text, sizeof(HEAD) - 1 + (size_t)n);
    } else {
        int length =
            snprintf(text, sizeof(text),
                     "POST /rest/v1/books HTTP/1.1\r\nHost: 127.0.0.1\r\napikey: %s\r\nContent-Type: application/json"
                     "\r\nPrefer: return=minimal\r\nContent-Length: %d\r\n\r\n%s",
                     options.key, n, body);
        write_all(state.writers[place].fd, text, (size_t)length);
    }
}

/* ---- in ---- */

static const char *find(const char *in, size_t n, const char *what) { return memmem(in, n, what, strlen(what)); }

static void take_message(const char *payload, size_t n, uint64_t now)
{
    const char *stamp = find(payload, n, "\"isbn\":\"");
    if (stamp != NULL) {
        uint64_t took = now - strtoull(stamp + 8, NULL, 10);
        state.latency[took < LATENCY_MAX_US ? took : LATENCY_MAX_US - 1]++;
        state.delivered++;
    } else if (find(payload, n, options.mode == CHANGES ? "Subscribed to PostgreSQL" : "phx_reply") != NULL) {
        state.ready++;
    } else if (find(payload, n, "\"error\"") != NULL) {
        fprintf(stderr, "realtime_load: %.*s\n", (int)n, payload);
        exit(1);
    }
}

/* Bytes of the first frame, or 0 when it is not whole. */
static size_t frame_size(const unsigned char *p, size_t n, size_t *out_head)
{
    if (n < 2)
        return 0;
    size_t length = p[1], head = length == 127 ? 10 : length == 126 ? 4 : 2;
    if (n < head)
        return 0;
    if (head == 4)
        length = (size_t)p[2] << 8 | p[3];
    for (size_t i = 2; head == 10 && i < 10; i++)
        length = (i == 2 ? 0 : length << 8) | p[i];
    *out_head = head;
    return n >= head + length ? head + length : 0;
}

static size_t take_frames(struct connection *c, const char *at, size_t n)
{
    uint64_t now = now_us();
    size_t used = 0, size, head;
    if (!c->is_open) {
        const char *end = find(at, n, "\r\n\r\n");
        if (end == NULL)
            return 0;
        if (n < 12 || memcmp(at + 9, "101", 3) != 0) {
            fprintf(stderr, "realtime_load: %.*s\n", (int)n, at);
            exit(1);
        }
        c->is_open = true;
        state.ready += options.mode == PLAIN;
        used = (size_t)(end + 4 - at);
        join(c->fd);
    }
    for (; (size = frame_size((const unsigned char *)at + used, n - used, &head)) > 0; used += size) {
        if ((at[used] & 15) == 8) {
            fprintf(stderr, "realtime_load: the server closed a connection: %.*s\n", (int)(size - head), at + used + head);
            exit(1);
        }
        take_message(at + used + head, size - head, now);
    }
    return used;
}

static void on_readable(struct connection *c)
{
    static char buffer[FRAME_MAX + READ_SIZE];
    memcpy(buffer, c->kept, c->kept_count);
    ssize_t n = read(c->fd, buffer + c->kept_count, READ_SIZE);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("the server closed a connection");
    state.bytes += (uint64_t)n;
    if (c->is_writer) {
        if (find(buffer, (size_t)n, "HTTP/1.1 4") != NULL) {
            fprintf(stderr, "realtime_load: %.*s\n", (int)n, buffer);
            exit(1);
        }
        return;
    }
    size_t total = c->kept_count + (size_t)n, used = take_frames(c, buffer, total);
    c->kept_count = total - used;
    if (c->kept_count > FRAME_MAX)
        die("a frame is too long");
    c->kept = realloc(c->kept, c->kept_count + 1);
    memcpy(c->kept, buffer + used, c->kept_count);
}

static void poll_once(int timeout_ms)
{
    struct epoll_event events[512];
    int n = epoll_wait(state.epoll, events, 512, timeout_ms);
    for (int i = 0; i < n; i++)
        on_readable(events[i].data.ptr);
}

/* ---- the run ---- */

static int dial(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = c}};
    epoll_ctl(state.epoll, EPOLL_CTL_ADD, fd, &event);
    c->fd = fd;
    return fd;
}

static void connect_all(void)
{
    state.count = options.listeners + 1;
    state.all = calloc(state.count, sizeof(*state.all));
    uint64_t began = now_us();
    for (unsigned i = 0; i < state.count; i++) {
        upgrade(dial(&state.all[i]));
        while (i + 1 - state.ready > 100) /* a hundred at a time, as the backlog of a listener has it */
            poll_once(1000);
    }
    while (state.ready < state.count)
        poll_once(1000);
    uint64_t took = now_us() - began;
    fprintf(stderr, "%u connections joined in %.2f s: %.0f a second\n", state.count, (double)took / 1e6,
            state.count / ((double)took / 1e6));
    state.writers = calloc(options.window, sizeof(*state.writers));
    for (unsigned i = 0; options.mode == CHANGES && i < options.window; i++) {
        state.writers[i].is_writer = true;
        dial(&state.writers[i]);
    }
}

static unsigned percentile(double share)
{
    uint64_t left = (uint64_t)((double)state.delivered * share);
    unsigned us = 0;
    while (us < LATENCY_MAX_US - 1 && state.latency[us] <= left)
        left -= state.latency[us++];
    return us;
}

/* Bursts of `window` messages, each when the last one has arrived everywhere. */
static void measure(void)
{
    unsigned hearing = options.mode == CHANGES ? state.count : options.listeners;
    uint64_t began = now_us();
    for (unsigned said = 0; said < options.messages;) {
        for (unsigned i = 0; i < options.window; i++, said++)
            speak(i);
        while (state.delivered < (uint64_t)said * hearing)
            poll_once(1000);
    }
    double took = (double)(now_us() - began) / 1e6;
    printf("%s: %u listeners, %u messages in bursts of %u: %.0f deliveries/s, p50 %.1f ms, p99 %.1f ms, %.0f MB/s\n",
           MODES[options.mode], hearing, options.messages, options.window, (double)state.delivered / took,
           percentile(0.5) / 1e3, percentile(0.99) / 1e3, (double)state.bytes / took / 1e6);
}

static void usage(void)
{
    fprintf(stderr,
            "realtime_load MODE --port N [--key K] [--listeners N] [--messages N] [--window N] [--seconds N] [--bytes N]\n"
            "MODE: broadcast, changes, plain, idle\n");
    exit(2);
}

static void read_options(int argc, char **argv)
{
    static const struct option NAMES[] = {{"port", 1, NULL, 'p'},     {"key", 1, NULL, 'k'},    {"listeners", 1, NULL, 'l'},
                                          {"messages", 1, NULL, 'm'}, {"window", 1, NULL, 'w'}, {"seconds", 1, NULL, 's'},
                                          {"bytes", 1, NULL, 'b'},    {NULL, 0, NULL, 0}};
    size_t mode = 0;
    while (argc > 1 && mode < 4 && strcmp(argv[1], MODES[mode]) != 0)
        mode++;
    if (argc < 2 || mode == 4)
        usage();
    options.mode = (enum mode)mode;
    for (int c; (c = getopt_long(argc - 1, argv + 1, "", NAMES, NULL)) != -1;) {
        unsigned number = optarg == NULL ? 0 : (unsigned)strtoul(optarg, NULL, 10);
        switch (c) {
        case 'p': options.port = number; break;
        case 'k': options.key = optarg; break;
        case 'l': options.listeners = number; break;
        case 'm': options.messages = number; break;
        case 'w': options.window = number; break;
        case 's': options.seconds = number; break;
        case 'b': options.bytes = number; break;
        default: usage();
        }
    }
    if (options.port == 0 || options.window == 0 || options.bytes > BODY_MAX)
        usage();
}

int main(int argc, char **argv)
{
    struct rlimit files = {65536, 65536};
    read_options(argc, argv);
    (void)setrlimit(RLIMIT_NOFILE, &files);
    state.epoll = epoll_create1(0);
    state.latency = calloc(LATENCY_MAX_US, sizeof(*state.latency));
    if (state.epoll < 0 || state.latency == NULL)
        die("start");
    connect_all();
    if (options.mode == IDLE) {
        printf("ready\n");
        fflush(stdout);
        sleep(options.seconds);
    } else {
        measure();
    }
    return 0;
}
