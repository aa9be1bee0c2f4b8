/* pg_listen.h: what other sessions of PostgreSQL say with NOTIFY: "reload schema" on the channel pgrst, and the like.
 *
 * A thread of its own with a connection of its own (not through a pooler in transaction mode, which loses LISTEN), made
 * again with growing pauses when it is lost.   Owns: both.   Threads: open and close from any one; the callback comes on its
 * thread. */
#ifndef SO_DB_PG_LISTEN_H
#define SO_DB_PG_LISTEN_H

#include "core/err.h"
#include "core/str.h"

enum { SO_PG_CHANNELS_MAX = 16 };

struct so_pg_listener;

struct so_pg_listen_options {
    const char *url;
    const char *const *channels; /* copied */
    size_t channel_count;
    /* Once with channel.p == NULL whenever listening begins, at the start and after a loss: what was said meanwhile is
     * unknown, so look for yourself.  Then with each notification.  Be short: post to a loop. */
    void (*heard)(void *arg, struct so_str channel, struct so_str payload);
    /* Listening ended, or could not begin; it will be tried again.  NULL is fine. */
    void (*failed)(void *arg, const struct so_err *err);
    void *arg;
};

int so_pg_listener_open(const struct so_pg_listen_options *options, struct so_pg_listener **out,
                        struct so_err *err) SO_MUST_CHECK;
void so_pg_listener_close(struct so_pg_listener *l); /* NULL is fine; may wait for a connection that is being made */

#endif
