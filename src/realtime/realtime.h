/* realtime.h: Phoenix channels as supabase-js speaks them (PROTOCOL.md sections 7 and 8): broadcast, presence, changes of
 * the database.
 *
 *   struct so_realtime   one per process: settings, the bus between loops, presence, what is said to other processes
 *   struct so_hub        one per event loop: its sockets, their channels, its rooms
 *
 *   frame -> wire.c -> socket.c (which channel?) -> channel.c (join, leave, token) | talk.c (broadcast, presence)
 *         -> room.c -> frames shared by all members; the bus takes the note to the other loops' rooms
 *
 * Who a token is of, the app answers through struct so_gate: this module knows no accounts.
 * Threads: a hub is its loop's; struct so_realtime: any.   Limits: struct so_realtime_settings, each with its answer. */
#ifndef SO_REALTIME_REALTIME_H
#define SO_REALTIME_REALTIME_H

#include "db/db.h"
#include "db/identity.h"
#include "http/http.h"
#include "realtime/access.h"
#include "realtime/changes.h"

struct so_realtime_settings {
    const char *origins;       /* pages that may connect: "*", or a list separated by commas; borrowed */
    size_t connections_max;    /* of the process: 429 */
    size_t channels_max;       /* of a connection: ChannelRateLimitReached */
    size_t joins_per_second;   /* of a connection: ClientJoinRateLimitReached */
    size_t events_per_second;  /* of a connection, broadcasts and others: the channel is closed */
    size_t presence_calls_max; /* of a channel within presence_window_ms: the channel is closed */
    int64_t presence_window_ms;
    size_t posts_per_second; /* of a loop, broadcasts over HTTP: 429 */
    size_t payload_max;      /* bytes of a broadcast or of what is tracked */
    size_t queue_max;        /* bytes that wait for a client who does not read: closed with 1013 */
    int64_t stall_ms;        /* changes wait for room in the queue, and nothing of it is read: closed with 1013 */
    int64_t silence_ms;      /* without a message, such as a heartbeat: closed */
    bool private_only;       /* public channels are off */
    /* Other processes on the same PostgreSQL, whose clients hear ours and are heard: see nodes.h. */
    struct so_db *nodes_db;    /* NULL: there are none */
    const char *nodes_url;     /* where to LISTEN; borrowed */
    unsigned nodes_timeout_ms; /* one that says nothing for so long is dead: its presences leave */
    void (*nodes_told)(void *arg, const struct so_err *err); /* they cannot be reached, or can again (NULL) */
    struct so_db *replay_db;                                 /* where broadcasts are kept for replay; NULL: nowhere */
    int64_t replay_seconds;                                  /* for so long at most */
    int64_t replay_bytes;                                    /* of all of them */
};
extern const struct so_realtime_settings SO_REALTIME_SETTINGS_DEFAULT;

struct so_realtime;
int so_realtime_open(const struct so_realtime_settings *settings, struct so_realtime **out,
                     struct so_err *err) SO_MUST_CHECK;
void so_realtime_close(struct so_realtime *rt); /* its hubs are gone; NULL is fine */

struct so_realtime_stats {
    uint64_t sockets, channels; /* open now */
    uint64_t broadcasts;        /* taken from clients, sockets and HTTP alike */
    uint64_t deliveries;        /* messages handed to sockets: broadcasts, presence, changes */
    uint64_t too_slow;          /* sockets closed because they did not read */
    uint64_t nodes, node_drops; /* other processes that are alive; broadcasts that they did not get: see nodes.h */
};
void so_realtime_get_stats(struct so_realtime *rt, struct so_realtime_stats *out);

/* ---- who is asking ---- */

struct so_guest {
    struct so_identity who;
    int64_t expires; /* seconds since 1970; 0: never */
};
/* What the app lends to each hub. */
struct so_gate {
    /* token: of a user, or empty: the key decides.  *out borrows from `arena` or lives until the next call.
     * SO_EAUTH and such: err->id is the reason's name ("InvalidJWTToken"), err->message its text. */
    int (*identify)(void *arg, struct so_str apikey, struct so_str token, struct so_arena *arena, struct so_guest *out,
                    struct so_err *err);
    /* Grows whenever a session is ended or an account is banned, so that one look tells that nothing has changed. */
    uint64_t (*revocations)(void *arg);
    bool (*is_revoked)(void *arg, const struct so_identity *who);
    void *arg;
};

/* ---- one loop ---- */

struct so_hub;
struct so_hub_options {
    struct so_realtime *realtime;
    struct so_loop *loop;
    struct so_gate gate;
    struct so_conn *reader; /* the loop's own; for policies and changes */
    struct so_feed *feed;   /* NULL: changes of the database are not told */
};
int so_hub_new(const struct so_hub_options *options, struct so_hub **out, struct so_err *err) SO_MUST_CHECK;
/* What tables, columns and policies are from now on: catalog and model are borrowed until the next call or so_hub_free().
 * Private channels that may not be heard any more are closed. */
int so_hub_use(struct so_hub *hub, const struct so_catalog *catalog, const struct so_model *model, struct so_access *access,
               struct so_err *err) SO_MUST_CHECK;
/* On its loop, after the last connection is gone; or when the loop never ran.  NULL is fine. */
void so_hub_free(struct so_hub *hub);

/* GET /realtime/v1/websocket: answers, in any case. */
void so_hub_connect(struct so_hub *hub, struct so_http_exchange *x);
/* POST /realtime/v1/api/broadcast and below: `path` is what follows "broadcast".  Answers, in any case. */
void so_hub_publish(struct so_hub *hub, struct so_http_exchange *x, const struct so_identity *who, struct so_str path);

#endif
