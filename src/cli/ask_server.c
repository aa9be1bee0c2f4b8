/* ask_server.c: one HTTP request (RFC 9112) to the server of this app: written whole, read until the server closes.
 * What comes back is our own server's: a status line, headers, and a body that is not chunked. */
#include "cli/ask_server.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_S = 30, HEAD_MAX = 64 * 1024 };

/* Where the server listens; an address for all interfaces is reached by loopback. */
static const char *host_of(const struct so_config *config)
{
    if (strcmp(config->host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(config->host, "::") == 0 ? "::1" : config->host;
}

static int connect_to(const struct so_config *config, int *out, struct so_err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct addrinfo *address = NULL;
    char port[16];
    snprintf(port, sizeof(port), "%d", (int)config->port);
    int fd = -1;
    if (getaddrinfo(host_of(config), port, &hints, &address) == 0)
        fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0 &&
              connect(fd, address->ai_addr, address->ai_addrlen) == 0;
    if (address != NULL)
        freeaddrinfo(address);
    if (ok) {
        *out = fd;
        return SO_OK;
    }
    if (fd >= 0)
        close(fd);
    so_fail(err, SO_EIO, "another process has the database open, and no server answers at %s port %s", host_of(config),
            port);
    so_err_hint(err, "set PORT and HOST to where the server listens, as it has them");
    return SO_EIO;
}

static int write_all(int fd, struct so_str bytes, struct so_err *err)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return so_fail(err, SO_EIO, "the server does not take the request");
        bytes = so_str_slice(bytes, (size_t)n, bytes.n);
    }
    return SO_OK;
}

static int read_all(int fd, struct so_buf *out, struct so_err *err)
{
    enum { CHUNK = 16 * 1024 };
    for (;;) {
        char *to = so_buf_reserve(out, CHUNK);
        if (to == NULL)
            return so_buf_check(out, "the server's answer", err);
        ssize_t n = recv(fd, to, CHUNK, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return so_fail(err, SO_EIO, "the server did not answer in time");
        if (n == 0)
            return SO_OK;
        out->len += (size_t)n;
    }
}

/* "HTTP/1.1 200 OK", headers, an empty line, the body. */
static int take_apart(struct so_str answer, int *out_status, struct so_buf *out, struct so_err *err)
{
    size_t end = so_str_find(so_str_slice(answer, 0, HEAD_MAX), SO_STR("\r\n\r\n"));
    int64_t status;
    if (end == SO_STR_NONE || !so_str_starts(answer, SO_STR("HTTP/1.1 ")) ||
        !so_str_to_i64(so_str_slice(answer, 9, 12), &status))
        return so_fail(err, SO_EIO, "what listens there is no Socle server");
    so_buf_put_str(out, so_str_slice(answer, end + 4, answer.n));
    *out_status = (int)status;
    return so_buf_check(out, "the server's answer", err);
}

static void put_request(const struct so_config *config, const char *method, struct so_str target, struct so_str body,
                        struct so_buf *out)
{
    so_buf_printf(out,
                  "%s %.*s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\napikey: %s\r\n"
                  "X-Supabase-Api-Version: 2024-01-01\r\nUser-Agent: socle user\r\n",
                  method, SO_STR_ARG(target), config->service_key);
    if (body.n > 0)
        so_buf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.n);
    so_buf_lit(out, "\r\n");
    so_buf_put_str(out, body);
}

int cli_ask_server(const struct so_config *config, const char *method, struct so_str target, struct so_str body,
                   int *out_status, struct so_buf *out, struct so_err *err)
{
    struct so_buf request, answer;
    int fd = -1;
    if (config->service_key == NULL)
        return so_fail(err, SO_EDENIED,
                       "a server has the database open, and SOCLE_SERVICE_KEY is not set, so it cannot be asked");
    so_buf_init(&request, 64 * 1024);
    so_buf_init(&answer, out->max + HEAD_MAX);
    put_request(config, method, target, body, &request);
    int rc = so_buf_check(&request, "the request", err);
    if (rc == SO_OK)
        rc = connect_to(config, &fd, err);
    if (rc == SO_OK)
        rc = write_all(fd, so_buf_str(&request), err);
    if (rc == SO_OK)
        rc = read_all(fd, &answer, err);
    if (rc == SO_OK)
        rc = take_apart(so_buf_str(&answer), out_status, out, err);
    if (fd >= 0)
        close(fd);
    so_buf_deinit(&answer);
    so_buf_deinit(&request);
    return rc;
}
