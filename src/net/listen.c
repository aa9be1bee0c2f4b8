/* listen.c: made by hand, because libuv 1.44 cannot ask for SO_REUSEPORT. */
#include "net/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int parse_address(const char *host, unsigned port, union address *out, socklen_t *out_size, struct so_err *err)
{
    if (port > 65535)
        return so_fail(err, SO_EINVAL, "port %u is above 65535", port);
    *out = (union address){0};
    if (uv_ip4_addr(host, (int)port, &out->v4) == 0) {
        *out_size = sizeof(out->v4);
        return SO_OK;
    }
    if (uv_ip6_addr(host, (int)port, &out->v6) == 0) {
        *out_size = sizeof(out->v6);
        return SO_OK;
    }
    return so_fail(err, SO_EINVAL, "\"%s\" is not a numeric address, such as 127.0.0.1 or ::1", host);
}

static int bind_to(int fd, const union address *address, socklen_t size)
{
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        return errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
        return errno;
    return bind(fd, &address->any, size) == 0 ? 0 : errno;
}

int so_listen_open(const char *host, unsigned port, int *out_fd, unsigned *out_port, struct so_err *err)
{
    union address address;
    socklen_t size = 0;
    int rc = parse_address(host, port, &address, &size, err);
    if (rc != SO_OK)
        return rc;
    int fd = socket(address.any.sa_family, SOCK_STREAM, 0);
    if (fd < 0)
        return so_fail(err, SO_EIO, "cannot make a socket: %s", strerror(errno));
    int why = bind_to(fd, &address, size);
    if (why == 0 && getsockname(fd, &address.any, &size) != 0)
        why = errno;
    if (why != 0) {
        close(fd);
        return so_fail(err, why == EADDRINUSE ? SO_EEXISTS : SO_EIO, "cannot listen on %s port %u: %s", host, port,
                       strerror(why));
    }
    *out_fd = fd;
    *out_port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return SO_OK;
}
