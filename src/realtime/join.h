/* join.h: what a channel is joined with (PROTOCOL.md section 7.4): read leniently, as the reference does: what is missing or
 * of the wrong shape counts as the default.   Borrows: the message.   Never: allocates. */
#ifndef SO_REALTIME_JOIN_H
#define SO_REALTIME_JOIN_H

#include "json/json.h"

enum so_join_replay { SO_REPLAY_NONE, SO_REPLAY_WANTED, SO_REPLAY_WRONG /* what should be numbers are none */ };

struct so_join {
    bool acks, hears_itself;         /* config.broadcast: ack, self */
    bool has_presence;               /* config.presence.enabled */
    bool is_private;                 /* config.private */
    struct so_str presence_key;      /* config.presence.key; empty: one is made */
    struct so_str token;             /* access_token; empty: none, or an API key, which says nothing new */
    const struct so_json *listeners; /* config.postgres_changes, an array; NULL: none */
    enum so_join_replay replay;      /* config.broadcast.replay */
    int64_t replay_since_ms, replay_limit;
    int64_t since; /* config.postgres_changes_options.since; -1: from now on */
};

enum { SO_PRESENCE_KEY_MAX = 255, SO_REPLAY_LIMIT = 25 /* when the client says none */ };

void so_join_read(const struct so_json *payload, struct so_join *out);
/* A token as it comes in joins and access_token events: empty when it is null, no text or an API key. */
struct so_str so_join_token(const struct so_json *value);

#endif
