/* listen.h: the socket that a server listens on.
 * Threads: any.   Errors: SO_EINVAL (the address), SO_EEXISTS (in use), SO_EIO.   Never: blocks or allocates. */
#ifndef SO_NET_LISTEN_H
#define SO_NET_LISTEN_H

#include "core/err.h"

/* Opens a bound TCP socket with SO_REUSEADDR and SO_REUSEPORT, so that every loop can have its own on one port.
 * host: a numeric address, IPv4 or IPv6.   port: 0 takes any free one; *out_port is what it became.
 * *out_fd is the caller's; listen(2) has not been called. */
int so_listen_open(const char *host, unsigned port, int *out_fd, unsigned *out_port, struct so_err *err) SO_MUST_CHECK;

#endif
