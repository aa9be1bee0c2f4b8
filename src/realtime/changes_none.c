/* changes_none.c: changes.h for a database without a log of changes: there is no feed, and nothing can be subscribed. */
#include "realtime/changes.h"

static int no_log(struct so_err *err) { return so_fail(err, SO_ENOTFOUND, "this database keeps no log of changes"); }

int so_feed_open(struct so_db *db, const struct so_feed_options *options, struct so_feed **out, struct so_err *err)
{
    (void)db;
    (void)options;
    (void)out;
    return no_log(err);
}

void so_feed_close(struct so_feed *feed) { (void)feed; }

int64_t so_feed_last(struct so_feed *feed)
{
    (void)feed;
    return 0;
}

int so_changes_new(struct so_feed *feed, struct so_loop *loop, struct so_conn *reader, struct so_changes **out,
                   struct so_err *err)
{
    (void)feed;
    (void)loop;
    (void)reader;
    (void)out;
    return no_log(err);
}

void so_changes_free(struct so_changes *c) { (void)c; }

int so_changes_use(struct so_changes *c, const struct so_catalog *catalog, const struct so_model *model, struct so_err *err)
{
    (void)c;
    (void)catalog;
    (void)model;
    return no_log(err);
}

int so_changes_subscribe(struct so_changes *c, const struct so_identity *who, struct so_listener *listeners, size_t count,
                         int64_t since, const struct so_subscription_events *events, void *arg, struct so_subscription **out,
                         struct so_err *err)
{
    (void)c;
    (void)who;
    (void)listeners;
    (void)count;
    (void)since;
    (void)events;
    (void)arg;
    (void)out;
    return no_log(err);
}

int so_subscription_renew(struct so_subscription *s, const struct so_identity *who, struct so_err *err)
{
    (void)s;
    (void)who;
    return no_log(err);
}

void so_subscription_close(struct so_subscription *s) { (void)s; }
