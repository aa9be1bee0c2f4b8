/* limits.c: fixed windows in a table of buckets.
 *
 * An IPv6 peer counts by its /64, the smallest network that is given out: one customer has 2^64 addresses to choose from. */
#include "auth/limits.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/random.h"

enum { BUCKETS = 1024, WAYS = 4 }; /* 96 KiB: four thousand peers at work at the same time */

struct so_auth_window {
    uint64_t key; /* of peer and group; 0: free */
    int64_t ends; /* seconds since 1970 */
    unsigned count;
};

/* As PROTOCOL.md section 2.4 has them. */
static const struct so_auth_limit_row ROWS[SO_AUTH_LIMIT_COUNT] = {
    [SO_AUTH_LIMIT_SIGNUP] = {30, 300}, [SO_AUTH_LIMIT_ANONYMOUS] = {30, 3600}, [SO_AUTH_LIMIT_TOKEN] = {150, 300},
    [SO_AUTH_LIMIT_OTP] = {30, 300},    [SO_AUTH_LIMIT_VERIFY] = {30, 300},     [SO_AUTH_LIMIT_FACTOR] = {30, 300},
    [SO_AUTH_LIMIT_MAILBOX] = {1, 60},
};

const struct so_auth_limit_row *so_auth_limit_row(enum so_auth_limit limit) { return &ROWS[limit]; }

int so_auth_limits_init(struct so_auth_limits *limits, bool on, struct so_err *err)
{
    limits->windows = NULL;
    if (pthread_mutex_init(&limits->lock, NULL) != 0)
        return so_err_oom(err);
    if (!on)
        return SO_OK;
    limits->windows = so_calloc((size_t)BUCKETS * WAYS, sizeof(*limits->windows));
    if (limits->windows != NULL)
        return SO_OK;
    pthread_mutex_destroy(&limits->lock);
    return so_err_oom(err);
}

void so_auth_limits_deinit(struct so_auth_limits *limits)
{
    so_free(limits->windows);
    pthread_mutex_destroy(&limits->lock);
}

void so_auth_network(struct so_str peer, char out[SO_AUTH_NETWORK_SIZE])
{
    unsigned char address[16];
    char text[INET6_ADDRSTRLEN] = "";
    if (peer.n < sizeof(text) && so_str_find_char(peer, ':', 0) != SO_STR_NONE) {
        memcpy(text, peer.p, peer.n);
        if (inet_pton(AF_INET6, text, address) == 1) {
            snprintf(out, SO_AUTH_NETWORK_SIZE, "%02x%02x:%02x%02x:%02x%02x:%02x%02x::/64", address[0], address[1],
                     address[2], address[3], address[4], address[5], address[6], address[7]);
            return;
        }
    }
    snprintf(out, SO_AUTH_NETWORK_SIZE, "%.*s", (int)so_min_size(peer.n, SO_AUTH_NETWORK_SIZE - 1),
             peer.n == 0 ? "" : peer.p);
}

static uint64_t key_of(enum so_auth_limit limit, struct so_str peer)
{
    char network[SO_AUTH_NETWORK_SIZE];
    uint64_t seed = so_random_seed() + (uint64_t)limit;
    if (limit == SO_AUTH_LIMIT_MAILBOX) /* no peer, and longer than one */
        return so_hash(peer, seed) | 1; /* never 0 */
    so_auth_network(peer, network);
    return so_hash(so_str_c(network), seed) | 1;
}

/* The key's window; else the free one, or the one that ends first, made new. */
static struct so_auth_window *window_of(struct so_auth_window *bucket, uint64_t key, int64_t now, int64_t length)
{
    struct so_auth_window *oldest = bucket;
    for (size_t i = 0; i < WAYS; i++) {
        if (bucket[i].key == key && bucket[i].ends > now && bucket[i].ends <= now + length)
            return &bucket[i];
        if (bucket[i].ends < oldest->ends)
            oldest = &bucket[i];
    }
    *oldest = (struct so_auth_window){.key = key, .ends = now + length};
    return oldest;
}

int64_t so_auth_limits_take(struct so_auth_limits *limits, enum so_auth_limit limit, struct so_str peer)
{
    const struct so_auth_limit_row *row = &ROWS[limit];
    if (limits->windows == NULL || row->max == 0)
        return 0;
    int64_t now = so_clock_now();
    uint64_t key = key_of(limit, peer);
    pthread_mutex_lock(&limits->lock);
    struct so_auth_window *window = window_of(&limits->windows[key / 2 % BUCKETS * WAYS], key, now, row->window);
    bool passes = window->count < row->max;
    window->count += passes;
    int64_t wait = passes ? 0 : window->ends - now;
    pthread_mutex_unlock(&limits->lock);
    return wait;
}
