/* feed_int.h: the insides of the feed, shared by feed.c (its thread) and slot.c (its mailboxes).  Not for others. */
#ifndef SO_REALTIME_FEED_INT_H
#define SO_REALTIME_FEED_INT_H

#include <pthread.h>

#include "db/pg_listen.h"
#include "realtime/feed.h"
#include "realtime/seer.h"
#include "realtime/source.h"

#define SO_SLOT_NOTHING INT64_MAX

struct so_slot {
    struct so_feed *feed;
    struct so_loop *loop;
    bool (*receive)(void *arg, struct so_slot_message *m); /* the loop's; NULL once closed */
    void *arg;
    /* under the feed's lock: */
    struct so_slot *next;
    bool is_listening;
    bool is_behind;     /* it has not taken what was posted: live batches are left out, and read again later */
    int64_t posted;     /* all up to here was posted, from where it began to listen; -1: it has just begun */
    int64_t cursor;     /* the past is posted up to here; -1: nobody waits for the past */
    int64_t wanted;     /* where the next walk through the past begins; SO_SLOT_NOTHING: no need */
    uint64_t asked;     /* newest ticket */
    uint64_t answered;  /* newest ticket of a mark */
    uint64_t taken;     /* newest ticket when the thread last looked at the log */
    bool owes_mark;     /* a walk through the past has ended */
    unsigned in_flight; /* messages posted and not received */
    uint64_t round;     /* of the thread, in which it was last served */
    unsigned refs;      /* the loop's, and one per message in flight */
};

struct so_feed {
    struct so_db *db;
    struct so_feed_options options;
    struct so_source *source; /* the thread's */
    struct so_seer *seer;     /* PostgreSQL; else NULL */
    struct so_pg_listener *listener;
    pthread_t thread;
    bool is_running;
    int64_t trimmed_ns; /* the thread's: when retention was last looked at */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* under the lock: */
    bool is_closing, is_told;
    bool is_trimming; /* the job is the writer's */
    bool must_trim;   /* there is more to remove than one step did */
    struct so_slot *slots;
    size_t listening;
    uint64_t round;
    int64_t last; /* newest change read; -1: nobody listens */
    struct so_db_job trim;
    int64_t trim_upto;
};

enum {
    SO_FEED_BATCH_MAX = 256,   /* changes in one batch */
    SO_SLOT_IN_FLIGHT_MAX = 64 /* messages a loop may leave untaken */
};

/* Each with the feed's lock held. */
int so_slot_post(struct so_slot *slot, int64_t floor, struct so_batch *batch, struct so_err *err) SO_MUST_CHECK;
int so_slot_post_mark(struct so_slot *slot, struct so_err *err) SO_MUST_CHECK;

#endif
