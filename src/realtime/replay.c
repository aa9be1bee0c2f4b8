/* replay.c: broadcasts that are kept (store.h) and told again to those who join later (PROTOCOL.md section 7.7).
 *
 *   "persist" of a sender -> replay_keep() -> told with {"id"}, and put -> the sender's reply, once it is durable
 *   "replay" of a join -> the store is asked -> told with {"replayed":true,"id"} -> what came meanwhile, but not again
 *
 * What comes while the store is asked waits, so that the past is told before the present. */
#include "core/mem.h"
#include "core/random.h"
#include "realtime/hub_int.h"

enum { WAITING_MAX = 4096 }; /* broadcasts: beyond it the socket is closed, since nothing may be lost between */

/* Of a channel.  While the store is asked it outlives it. */
struct replay {
    struct channel *ch; /* NULL: it has ended */
    bool is_asking;
    struct so_note **waiting;
    size_t waiting_count, waiting_cap;
    char ids[SO_STORE_RECALL_MAX][SO_STORE_ID]; /* told from the store: not again when they come late from elsewhere */
    size_t id_count;
};

/* A reply that waits until a message is durable. */
struct receipt {
    struct channel *ch;             /* NULL: it has ended */
    struct receipt *next, **at;     /* of the channel */
    struct so_wire_message message; /* only what a reply needs, in `text` */
    char text[];
};

/* ---- what is told again ---- */

static void free_replay(struct replay *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->waiting_count; i++)
        so_note_unref(r->waiting[i]);
    so_free(r->waiting);
    so_free(r);
}

static bool was_told(const struct replay *r, const struct so_note *note)
{
    struct so_str id = r->id_count > 0 ? so_store_id(note->meta) : so_str(NULL, 0);
    for (size_t i = 0; id.p != NULL && i < r->id_count; i++)
        if (memcmp(r->ids[i], id.p, SO_STORE_ID) == 0)
            return true;
    return false;
}

static bool wait_for_it(struct replay *r, struct so_note *note)
{
    if (r->waiting_count == r->waiting_cap) {
        size_t cap = so_max_size(8, r->waiting_cap * 2);
        struct so_note **waiting = cap > WAITING_MAX ? NULL : so_realloc(r->waiting, cap * sizeof(struct so_note *));
        if (waiting == NULL)
            return false;
        r->waiting = waiting;
        r->waiting_cap = cap;
    }
    r->waiting[r->waiting_count++] = so_note_ref(note);
    return true;
}

bool replay_takes(struct channel *ch, struct so_note *note)
{
    struct replay *r = ch->replay;
    if (r == NULL || note->kind != SO_NOTE_BROADCAST)
        return false;
    if (!r->is_asking)
        return was_told(r, note);
    if (!wait_for_it(r, note))
        so_ws_close(ch->socket->ws, SO_WS_TRY_AGAIN_LATER, SO_STR("too much came during the replay"));
    return true;
}

static void tell_kept(struct replay *r, struct so_note *const *notes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct so_str id = so_store_id(notes[i]->meta);
        if (id.p == NULL)
            continue;
        memcpy(r->ids[r->id_count++], id.p, SO_STORE_ID);
        room_send(r->ch, notes[i]);
    }
}

static void tell_waiting(struct replay *r)
{
    for (size_t i = 0; i < r->waiting_count; i++) {
        if (!was_told(r, r->waiting[i]))
            room_send(r->ch, r->waiting[i]);
        so_note_unref(r->waiting[i]);
    }
    so_free(r->waiting);
    r->waiting = NULL;
    r->waiting_count = r->waiting_cap = 0;
}

static void on_recalled(void *arg, struct so_note *const *notes, size_t count, const struct so_err *err)
{
    struct replay *r = arg;
    r->is_asking = false;
    if (r->ch == NULL) {
        free_replay(r);
        return;
    }
    if (err != NULL)
        channel_say(r->ch, "system", false, "UnableToReplayMessages: Realtime was unable to replay messages", SO_STR(""));
    tell_kept(r, notes, count);
    tell_waiting(r);
    if (r->id_count == 0) {
        r->ch->replay = NULL;
        free_replay(r);
    }
}

void replay_begin(struct channel *ch, const struct so_join *join)
{
    struct so_hub *hub = ch->socket->hub;
    struct so_err err = SO_ERR_INIT;
    const struct so_store_recall what = {room_topic(ch->room), join->replay_since_ms, join->replay_limit};
    if (join->replay != SO_REPLAY_WANTED || hub->rt->store == NULL || !channel_may(ch, MAY_HEAR_BROADCAST))
        return;
    struct replay *r = so_calloc(1, sizeof(*r));
    if (r != NULL && so_store_recall(hub->rt->store, hub->loop, &what, on_recalled, r, &err) == SO_OK) {
        r->ch = ch;
        r->is_asking = true;
        ch->replay = r;
        return;
    }
    so_free(r);
    channel_say(ch, "system", false, "UnableToReplayMessages: Realtime was unable to replay messages", SO_STR(""));
}

/* ---- what is kept ---- */

bool replay_read_persist(struct so_str meta, struct so_arena *arena, int64_t *out_seconds, const char **out_fault)
{
    struct so_json v;
    *out_seconds = INT64_MAX;
    const struct so_json *persist =
        so_json_parse(arena, meta, NULL, &v, NULL) == SO_OK ? so_json_get(&v, SO_STR("persist")) : NULL;
    if (persist == NULL || persist->type == SO_JSON_NULL || persist->type == SO_JSON_FALSE)
        return false;
    const struct so_json *ttl = so_json_get(persist, SO_STR("ttl"));
    bool is_right = persist->type == SO_JSON_TRUE || persist->type == SO_JSON_OBJECT;
    if (ttl != NULL && (!so_json_is_number(ttl) || !so_json_to_i64(ttl, out_seconds) || *out_seconds <= 0))
        is_right = false;
    if (!is_right)
        *out_fault = "persist is true, or has a ttl of one or more whole seconds";
    return true;
}

static struct so_str copy_text(char **at, struct so_str text)
{
    char *to = *at;
    memcpy(to, text.p, text.n);
    *at += text.n;
    return so_str(to, text.n);
}

/* NULL: out of memory. */
static struct receipt *new_receipt(struct channel *ch, const struct so_wire_message *m)
{
    struct receipt *r = so_calloc(1, sizeof(*r) + m->join_ref.n + m->ref.n + m->topic.n);
    if (r == NULL)
        return NULL;
    char *at = r->text;
    r->message.join_ref = copy_text(&at, m->join_ref);
    r->message.ref = copy_text(&at, m->ref);
    r->message.topic = copy_text(&at, m->topic);
    r->ch = ch;
    r->next = ch->receipts;
    r->at = &ch->receipts;
    if (r->next != NULL)
        r->next->at = &r->next;
    ch->receipts = r;
    return r;
}

static void free_receipt(struct receipt *r)
{
    if (r->ch != NULL) {
        *r->at = r->next;
        if (r->next != NULL)
            r->next->at = r->at;
    }
    so_free(r);
}

static void on_kept(void *arg, const struct so_err *err)
{
    struct receipt *r = arg;
    if (r->ch != NULL && r->ch->acks && err == NULL)
        socket_reply(r->ch->socket, &r->message, true, SO_STR("{}"));
    else if (r->ch != NULL && r->ch->acks)
        socket_reply(r->ch->socket, &r->message, false,
                     SO_STR("{\"error\":\"the message was told, but could not be kept\"}"));
    free_receipt(r);
}

const char *replay_put(struct so_hub *hub, const struct so_note *of, int64_t seconds, const struct channel *except,
                       void (*done)(void *arg, const struct so_err *err), void *arg)
{
    char id[SO_STORE_ID + 1], buffer[SO_STORE_META_MAX];
    struct so_err err = SO_ERR_INIT;
    struct so_note named = *of;
    if (!of->room.is_private)
        return "messages of public channels are not kept";
    if (hub->rt->store == NULL)
        return "this server keeps no messages";
    so_random_uuid(id);
    named.meta = so_store_meta(id, false, buffer);
    struct so_note *note = so_note_new(&named);
    if (note == NULL)
        return "out of memory";
    int rc = so_store_put(hub->rt->store, hub->loop, note, seconds, done, arg, &err);
    if (rc == SO_OK)
        room_tell(hub, note, except);
    so_note_unref(note);
    return rc == SO_OK ? NULL : "the message cannot be kept now";
}

const char *replay_keep(struct channel *ch, const struct so_wire_message *m, const struct so_note *note, int64_t seconds)
{
    struct receipt *receipt = new_receipt(ch, m);
    if (receipt == NULL)
        return "out of memory";
    const char *fault = replay_put(ch->socket->hub, note, seconds, ch->hears_itself ? NULL : ch, on_kept, receipt);
    if (fault != NULL)
        free_receipt(receipt);
    return fault;
}

void replay_end(struct channel *ch)
{
    for (struct receipt *r = ch->receipts; r != NULL; r = r->next)
        r->ch = NULL;
    ch->receipts = NULL;
    if (ch->replay != NULL && ch->replay->is_asking)
        ch->replay->ch = NULL;
    else
        free_replay(ch->replay);
    ch->replay = NULL;
}
