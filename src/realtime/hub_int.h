/* hub_int.h: a hub from inside.  Inside realtime/ only.
 *
 *   hub --has--> sockets --have--> channels --are in--> rooms <--has-- hub
 *
 * A channel is one socket's membership of a room.  What a file offers to the others stands under its name. */
#ifndef SO_REALTIME_HUB_INT_H
#define SO_REALTIME_HUB_INT_H

#include "net/deadline.h"
#include "realtime/caller.h"
#include "realtime/join.h"
#include "realtime/nodes.h"
#include "realtime/presence.h"
#include "realtime/realtime.h"
#include "realtime/store.h"
#include "realtime/table.h"
#include "realtime/window.h"
#include "ws/ws.h"

enum {
    SCRATCH_MAX = 64 << 20, /* memory of one message, parsed */
    TEXT_MAX = 64 << 20,    /* of one message, written */
    SWEEP_MS = 1000         /* so late at most expiry, silence and revocation are seen */
};

struct so_realtime {
    struct so_realtime_settings settings;
    struct so_bus *bus;
    struct so_presence *presence;
    struct so_nodes *nodes;         /* NULL: this process is alone */
    struct so_store *store;         /* NULL: nothing is kept */
    struct so_realtime_stats stats; /* atomics */
};

/* One frame for all who are told the same change: see hear.c. */
struct told {
    struct so_ws_frame *frame;
    struct room *room;
    uint64_t dispatch;
    const char *data;
    bool has_more;
    struct so_str ids; /* their bytes, ours to free */
};

struct so_hub {
    struct so_realtime *rt;
    struct so_loop *loop;
    struct so_gate gate;
    struct so_conn *reader;
    struct so_changes *changes; /* NULL: changes are not told */
    struct so_access *access;   /* a reference; NULL before the first so_hub_use() */
    struct so_ws_server *ws;
    struct so_str *origins; /* of the handshake's rules */
    struct so_bus_member *member;
    struct socket *sockets;
    struct so_hash_table rooms;
    struct so_deadlines deadlines; /* the sweep's */
    struct so_deadline sweep;
    uint64_t revocations; /* as of the last sweep */
    struct told told[SO_WIRE_V2 + 1];
    struct so_window posts;      /* broadcasts over HTTP */
    struct so_arena scratch;     /* of the message that is being handled */
    struct so_buf text, payload; /* of what is being written */
};

struct socket {
    struct so_hub *hub;
    struct so_ws *ws;
    struct socket *next, **at; /* of hub->sockets; what points to this one */
    struct channel *channels;
    size_t channel_count;
    struct so_caller *caller; /* whom the key speaks for */
    int64_t heard_ms;         /* when its last message came */
    bool is_held;             /* changes wait in the log for room in its queue */
    size_t queued;            /* as of the last sweep */
    int64_t moved_ms;         /* when it was last seen to take something, or had no need to */
    struct so_window joins, events;
    enum so_wire_version version;
    struct so_str key; /* of the API */
    char text[];
};

struct room {
    struct so_table_entry entry; /* in hub->rooms */
    struct so_room_name name;    /* borrows from `key` */
    struct channel **members;
    size_t count, cap;
    char key[];
};

/* What a channel may do; public ones may everything. */
enum { MAY_HEAR_BROADCAST = 1, MAY_HEAR_PRESENCE = 2, MAY_SPEAK_BROADCAST = 4, MAY_SPEAK_PRESENCE = 8, MAY_ALL = 15 };

struct channel {
    struct socket *socket;
    struct channel *next; /* of the socket */
    struct room *room;
    size_t index; /* in room->members */
    struct so_caller *caller;
    struct so_str join_ref; /* JSON */
    struct so_str presence_key;
    struct so_presence_entry *presence; /* what it tracks */
    uint64_t presence_version;          /* diffs up to here were in the state that it was given */
    struct so_window presence_calls;
    struct so_subscription *subscription;
    struct replay *replay;    /* NULL: none was asked for, or it told nothing */
    struct receipt *receipts; /* answers that wait for the store */
    unsigned may, asked;      /* MAY_...: granted, and known; all of both in public channels */
    bool acks, hears_itself, has_presence;
    char text[];
};

static inline struct so_str room_topic(const struct room *room) { return room->name.topic; }
/* Without "realtime:". */
static inline struct so_str room_short_name(const struct room *room)
{
    return so_str_slice(room->name.topic, sizeof("realtime:") - 1, room->name.topic.n);
}

/* ---- hub.c ---- */

int64_t hub_now_ms(const struct so_hub *hub);
/* Has the caller's session been ended?  Costs a look at one number while nobody's was. */
bool hub_refuses(const struct so_hub *hub, const struct so_caller *caller);
static inline void hub_count(uint64_t *counter, int64_t by)
{
    (void)__atomic_add_fetch(counter, (uint64_t)by, __ATOMIC_RELAXED);
}

/* ---- room.c ---- */

/* The room of that name, made if need be.  NULL: out of memory. */
struct room *room_take(struct so_hub *hub, const struct so_room_name *name);
bool room_add(struct room *room, struct channel *ch) SO_MUST_CHECK;
/* The room goes with its last member. */
void room_remove(struct so_hub *hub, struct channel *ch);
void room_drop_if_empty(struct so_hub *hub, struct room *room);
/* To the members of this loop, but not to `except` (may be NULL). */
void room_deliver(struct so_hub *hub, struct so_note *note, const struct channel *except);
/* To one of them. */
void room_send(struct channel *ch, const struct so_note *note);
/* To them and to all other loops. */
void room_tell(struct so_hub *hub, struct so_note *note, const struct channel *except);
void room_receive(struct so_note *note, void *hub);

/* ---- socket.c ---- */

/* Sends hub->text, or a frame that others share, and counts. */
void socket_send_text(struct socket *s);
void socket_send_frame(struct socket *s, struct so_ws_frame *frame);
/* payload: JSON. */
void socket_send(struct socket *s, const struct so_wire_head *head, struct so_str payload);
/* phx_reply; response: JSON. */
void socket_reply(struct socket *s, const struct so_wire_message *m, bool is_ok, struct so_str response);
/* phx_reply with {"reason": ...}. */
void socket_refuse(struct socket *s, const struct so_wire_message *m, const char *reason);

/* ---- channel.c ---- */

void channel_join(struct socket *s, const struct so_wire_message *m);
void channel_leave(struct channel *ch, const struct so_wire_message *m);
/* The event access_token. */
void channel_take_token(struct channel *ch, const struct so_wire_message *m);
/* Pushes an event to this channel alone. */
void channel_push(struct channel *ch, struct so_str event, struct so_str payload);
/* Event "system".  extension: "system" or "postgres_changes"; more: further members, JSON, or "". */
void channel_say(struct channel *ch, const char *extension, bool is_ok, const char *message, struct so_str more);
/* Says why, as an error of the system, and ends it with phx_close. */
void channel_shut(struct channel *ch, const char *why);
/* Leaves the room and is gone, without a word. */
void channel_end(struct channel *ch);
/* Asks the policies anew.  False: it may hear nothing any more, and has been shut. */
bool channel_reconsider(struct channel *ch);
/* Whether the policies let it; asked the first time only. */
bool channel_may(struct channel *ch, unsigned wish);

/* ---- replay.c ---- */

/* After the join's reply: tells what was kept, then what came meanwhile, nothing twice. */
void replay_begin(struct channel *ch, const struct so_join *join);
/* A broadcast that is not for now: it waits for its turn, or has been told. */
bool replay_takes(struct channel *ch, struct so_note *note);
void replay_end(struct channel *ch);
/* The time to live that metadata of a broadcast asks for.  False: none; *out_fault: it is none. */
bool replay_read_persist(struct so_str meta, struct so_arena *arena, int64_t *out_seconds, const char **out_fault);
/* Keeps a note under an id of its own and tells it.  done() as of so_store_put(), not called when it says (else NULL) why it
 * is neither kept nor told. */
const char *replay_put(struct so_hub *hub, const struct so_note *note, int64_t seconds, const struct channel *except,
                       void (*done)(void *arg, const struct so_err *err), void *arg);
/* The same for a channel, whose `m` is answered once it is durable. */
const char *replay_keep(struct channel *ch, const struct so_wire_message *m, const struct so_note *note, int64_t seconds);

/* ---- talk.c ---- */

void talk_broadcast(struct channel *ch, const struct so_wire_message *m);
void talk_presence(struct channel *ch, const struct so_wire_message *m);
void talk_presence_state(struct channel *ch);
/* Its presence goes with it. */
void talk_presence_leave(struct channel *ch);

/* ---- hear.c ---- */

/* What a join asked to hear, and what became of it. */
struct hearing {
    struct so_listener *listeners;  /* in hub->scratch, as all of it */
    const struct so_json **sources; /* as they came: the reply repeats them */
    size_t count;
    const struct so_listener *refused; /* the one that cannot be; NULL: all are fine */
    struct so_err err;
};
/* Subscribes; the events come after the reply. */
void hear_begin(struct channel *ch, const struct so_join *join, struct hearing *out);
/* The value of the member "postgres_changes" of the reply. */
void hear_put_reply(struct so_buf *out, const struct hearing *l);
/* After the reply: what went wrong, if anything did. */
void hear_tell(struct channel *ch, const struct hearing *l);
/* Under new claims, without a gap. */
void hear_renew(struct channel *ch);
/* There is room again in the socket's queue. */
void hear_go_on(struct channel *ch);
void hear_end(struct channel *ch);
void hear_forget(struct so_hub *hub); /* frames that were kept to be shared */

#endif
