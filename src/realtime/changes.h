/* changes.h: who hears of which change of the database.
 *
 *   commit -> log in the database (triggers) -> feed (one thread a process, reads the log in order) -> every loop
 *          -> policies and filters of that loop's subscriptions -> heard()
 *
 * A change has a sequence number: its place in the log.  A subscription hears every change after the number it gave, in
 * order, without gap or duplicate; it is told when the log no longer reaches back so far.
 * Threads: a feed: any; a struct so_changes and its subscriptions: their loop's. */
#ifndef SO_REALTIME_CHANGES_H
#define SO_REALTIME_CHANGES_H

#include "core/arena.h"
#include "core/err.h"
#include "db/catalog.h"
#include "db/db.h"
#include "db/identity.h"
#include "model/model.h"
#include "net/loop.h"
#include "json/json.h"

/* ---- the feed: one per process ---- */

struct so_feed;
struct so_feed_options {
    int64_t keep_rows;    /* retention of the log: at most so many changes ... */
    int64_t keep_seconds; /* ... and none older */
    unsigned poll_ms;     /* how often to look for what other programs wrote; our own writer's commits are told at once */
    /* PostgreSQL: */
    const char *listen_url;  /* where to LISTEN, so that others' commits are told at once; NULL: polled only.  Borrowed */
    struct so_str anon_role; /* of callers without a token; p == NULL: "anon".  Borrowed */
};
int so_feed_open(struct so_db *db, const struct so_feed_options *options, struct so_feed **out,
                 struct so_err *err) SO_MUST_CHECK;
void so_feed_close(struct so_feed *feed);   /* after the last so_changes is gone; NULL is fine */
int64_t so_feed_last(struct so_feed *feed); /* number of the newest change that was read; -1: nobody listens */

/* ---- one loop's subscriptions ---- */

struct so_changes;
int so_changes_new(struct so_feed *feed, struct so_loop *loop, struct so_conn *reader, struct so_changes **out,
                   struct so_err *err) SO_MUST_CHECK;
void so_changes_free(struct so_changes *c); /* its subscriptions are gone; NULL is fine */
/* After a reload: what tables, columns and policies are from now on (both borrowed until the next call). */
int so_changes_use(struct so_changes *c, const struct so_catalog *catalog, const struct so_model *model,
                   struct so_err *err) SO_MUST_CHECK;

/* What one listener asked for, as it came (PROTOCOL.md sections 7.4 and 7.9). */
struct so_listener {
    struct so_str event, schema, table, filter, select; /* p == NULL: absent */
    int64_t id; /* out: a hash of the five, never 0, the same for the same parameters */
};

/* One change as a subscriber may see it.  `data` is the member "data" of the event, serialised once for all who may see the
 * same: equal pointers mean equal text, so a frame can be shared, but only within one dispatch of a change. */
struct so_heard {
    int64_t seq;
    uint64_t dispatch;  /* a number of its own: the same change is dispatched again to those who come back */
    const int64_t *ids; /* of the listeners that it is for, in their order */
    size_t id_count;
    bool has_more;      /* other listeners of this subscriber get other columns of the same change: heard() comes again */
    struct so_str data; /* JSON object */
};

struct so_subscription;
struct so_subscription_events {
    /* Changes flow from here on: everything after `seq` will be heard.  Once after so_changes_subscribe() and after each
     * renew. */
    void (*ready)(int64_t seq, void *arg);
    void (*heard)(const struct so_heard *heard, void *arg);
    /* The log begins only after `oldest`: what lay between is lost to this subscriber.  ready() follows. */
    void (*gap)(int64_t asked, int64_t oldest, void *arg);
    /* Cannot go on (the table is gone, the database failed): the last call; the subscription is closed. */
    void (*failed)(const struct so_err *err, void *arg);
    /* Whether so many bytes of data can be taken now.  If not, the subscription keeps its place in the log, and nothing is
     * heard until so_subscription_go_on().  NULL: always. */
    bool (*has_room)(size_t bytes, void *arg);
};

/* Begins.  since < 0: from now on.  Sets each listener's id.  SO_EINVAL: an unknown table, column or operator, a bad filter;
 * err->message says which.  Events come later, never during the call; `events` and `arg` must outlive it.  `who` is copied.
 */
int so_changes_subscribe(struct so_changes *c, const struct so_identity *who, struct so_listener *listeners, size_t count,
                         int64_t since, const struct so_subscription_events *events, void *arg, struct so_subscription **out,
                         struct so_err *err) SO_MUST_CHECK;
/* The same listeners under new claims, without a gap; ready() follows. */
int so_subscription_renew(struct so_subscription *s, const struct so_identity *who, struct so_err *err) SO_MUST_CHECK;
/* There is room again: what was not heard for want of it comes now.  Otherwise, and for NULL, nothing happens. */
void so_subscription_go_on(struct so_subscription *s);
void so_subscription_close(struct so_subscription *s); /* no events after it; NULL is fine */

#endif
