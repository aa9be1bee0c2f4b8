/* limits.h: how often one peer may knock: fixed windows, counted per peer and group of endpoints.
 * Owns: one table of fixed size; when it is full, the oldest window of a bucket makes room.   Threads: any. */
#ifndef SO_AUTH_LIMITS_H
#define SO_AUTH_LIMITS_H

#include <pthread.h>

#include "core/err.h"
#include "core/str.h"

enum so_auth_limit {
    SO_AUTH_LIMIT_NONE,
    SO_AUTH_LIMIT_SIGNUP,
    SO_AUTH_LIMIT_ANONYMOUS,
    SO_AUTH_LIMIT_TOKEN,
    SO_AUTH_LIMIT_OTP,
    SO_AUTH_LIMIT_VERIFY,
    SO_AUTH_LIMIT_FACTOR,
    SO_AUTH_LIMIT_MAILBOX, /* counted per address instead of per peer */
    SO_AUTH_LIMIT_COUNT
};

struct so_auth_limit_row {
    unsigned max;   /* requests in one window */
    int64_t window; /* seconds */
};
const struct so_auth_limit_row *so_auth_limit_row(enum so_auth_limit limit);

struct so_auth_limits {
    pthread_mutex_t lock;
    struct so_auth_window *windows; /* NULL: nothing is counted */
};

/* `on` false: everything is allowed and nothing is allocated. */
int so_auth_limits_init(struct so_auth_limits *limits, bool on, struct so_err *err) SO_MUST_CHECK;
void so_auth_limits_deinit(struct so_auth_limits *limits);
/* Counts one request.  0 when it may pass, else the seconds until the window ends. */
int64_t so_auth_limits_take(struct so_auth_limits *limits, enum so_auth_limit limit, struct so_str peer);

/* The network that a peer counts for: an IPv4 address itself, the /64 of an IPv6 one. */
enum { SO_AUTH_NETWORK_SIZE = 64 };
void so_auth_network(struct so_str peer, char out[SO_AUTH_NETWORK_SIZE]);

#endif
