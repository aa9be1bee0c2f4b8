/* fanout_bench_server.c: the limit for fan-out on this machine: one thread, one epoll, no protocol but frames' lengths.
 *
 *   read what a client says -> its frames without their mask -> at the end of the turn, one write(2) to every other client
 *
 *   fanout_bench_server PORT      until it is killed
 *
 * Any upgrade is taken (the load does not look at Sec-WebSocket-Accept), and who cannot be written to at once is waited for.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = 20000, READ_SIZE = 64 * 1024, OUT_MAX = 1 << 20, EVENTS_MAX = 512, MASK_SIZE = 4, TAG_MASK = 0x80 };

static struct {
    bool is_open;     /* upgraded */
    bool is_speaking; /* has said something in this turn, and does not hear it */
} clients[CLIENTS_MAX];
static int last_fd;
static unsigned char out[OUT_MAX]; /* frames of this turn */
static size_t out_count;

static void die(const char *what)
{
    fprintf(stderr, "fanout_bench_server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void write_all(int fd, const void *bytes, size_t n)
{
    for (const char *at = bytes; n > 0;) {
        ssize_t done = write(fd, at, n);
        if (done > 0) {
            at += done;
            n -= (size_t)done;
        } else if (done < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            (void)poll(&wait, 1, -1);
        } else {
            return; /* gone: its read says so */
        }
    }
}

/* RFC 6455 section 5.2, for whole frames with a mask of zeros, as the load writes them: the same bytes without the mask. */
static void take_frames(const unsigned char *in, size_t n)
{
    while (n >= 2) {
        size_t length = in[1] & 127, head = 2;
        if (length == 126) {
            length = (size_t)in[2] << 8 | in[3];
            head = 4;
        }
        if (n < head + MASK_SIZE + length || out_count + head + length > OUT_MAX)
            die("a frame is not whole");
        memcpy(out + out_count, in, head);
        out[out_count + 1] &= (unsigned char)~TAG_MASK;
        memcpy(out + out_count + head, in + head + MASK_SIZE, length);
        out_count += head + length;
        in += head + MASK_SIZE + length;
        n -= head + MASK_SIZE + length;
    }
}

static void on_readable(int fd)
{
    static const char WELCOME[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    static unsigned char in[READ_SIZE];
    ssize_t n = read(fd, in, sizeof(in));
    if (n <= 0) {
        clients[fd].is_open = false;
        close(fd);
    } else if (!clients[fd].is_open) {
        clients[fd].is_open = true;
        write_all(fd, WELCOME, sizeof(WELCOME) - 1);
    } else {
        clients[fd].is_speaking = true;
        take_frames(in, (size_t)n);
    }
}

static void send_all(void)
{
    for (int fd = 0; fd <= last_fd && out_count > 0; fd++) {
        if (clients[fd].is_open && !clients[fd].is_speaking)
            write_all(fd, out, out_count);
        clients[fd].is_speaking = false;
    }
    out_count = 0;
}

static void take_client(int epoll, int listener)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0 || fd >= CLIENTS_MAX)
        die("accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    clients[fd].is_open = false;
    last_fd = fd > last_fd ? fd : last_fd;
}

int main(int argc, char **argv)
{
    struct rlimit files = {CLIENTS_MAX, CLIENTS_MAX};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (epoll < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, 4096) != 0)
        die("listen");
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = listener}}, events[EVENTS_MAX];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                take_client(epoll, listener);
            else
                on_readable(events[i].data.fd);
        }
        send_all();
    }
}
