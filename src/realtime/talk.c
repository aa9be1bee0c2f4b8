/* talk.c: what clients say to each other: broadcast and presence (PROTOCOL.md sections 7.7 and 7.8). */
#include "realtime/hub_int.h"
#include "json/write.h"

/* ---- broadcast ---- */

/* {"type":"broadcast","event":"move","payload":...} and nothing else means the same as a binary frame, and travels as one.
 */
static bool is_plain(const struct so_json *payload)
{
    struct so_str event = so_json_get_str(payload, SO_STR("event"));
    return payload->type == SO_JSON_OBJECT && payload->len == 3 && event.p != NULL && event.n <= SO_WIRE_NAME_MAX &&
           so_str_eq(so_json_get_str(payload, SO_STR("type")), SO_STR("broadcast")) &&
           so_json_get(payload, SO_STR("payload")) != NULL;
}

/* The note borrows from the message and from hub->payload. */
static void read_broadcast(struct so_hub *hub, const struct so_wire_message *m, struct so_note *out)
{
    so_buf_reset(&hub->payload);
    if (m->payload == NULL) {
        out->encoding = m->encoding;
        out->event = m->user_event;
        out->body = m->body;
        return;
    }
    bool plain = is_plain(m->payload);
    so_json_put(&hub->payload, plain ? so_json_get(m->payload, SO_STR("payload")) : m->payload);
    out->encoding = plain ? SO_WIRE_JSON : SO_WIRE_WHOLE;
    out->event = plain ? so_json_get_str(m->payload, SO_STR("event")) : SO_STR("");
    out->body = so_buf_str(&hub->payload);
}

static bool tell_broadcast(struct channel *ch, const struct so_note *of)
{
    struct so_note *note = so_note_new(of);
    if (note == NULL)
        return false;
    room_tell(ch->socket->hub, note, ch->hears_itself ? NULL : ch);
    so_note_unref(note);
    return true;
}

/* One that is to be kept: clients show what they are told as "error". */
static void talk_kept(struct channel *ch, const struct so_wire_message *m, struct so_note *note, int64_t seconds,
                      const char *fault)
{
    struct so_buf response;
    if (note->body.n > ch->socket->hub->rt->settings.payload_max)
        fault = "payload_size_exceeded";
    if (fault == NULL)
        fault = replay_keep(ch, m, note, seconds);
    if (fault == NULL || !ch->acks)
        return;
    so_buf_init(&response, TEXT_MAX);
    so_buf_lit(&response, "{\"error\":");
    so_json_put_str(&response, so_str_c(fault));
    so_buf_putc(&response, '}');
    if (response.rc == SO_OK)
        socket_reply(ch->socket, m, false, so_buf_str(&response));
    so_buf_deinit(&response);
}

void talk_broadcast(struct channel *ch, const struct so_wire_message *m)
{
    struct so_hub *hub = ch->socket->hub;
    struct so_note note = {.kind = SO_NOTE_BROADCAST, .room = ch->room->name};
    if (!channel_may(ch, MAY_SPEAK_BROADCAST))
        return; /* without a word, as in the reference */
    hub_count(&hub->rt->stats.broadcasts, 1);
    read_broadcast(hub, m, &note);
    const char *fault = NULL;
    int64_t seconds;
    if (m->meta.n > 0 && replay_read_persist(m->meta, &hub->scratch, &seconds, &fault)) {
        talk_kept(ch, m, &note, seconds, fault);
        return;
    }
    if (note.body.n > hub->rt->settings.payload_max)
        fault = "payload_size_exceeded";
    else if (hub->payload.rc != SO_OK || !tell_broadcast(ch, &note))
        fault = "out of memory";
    if (ch->acks && fault == NULL)
        socket_reply(ch->socket, m, true, SO_STR("{}"));
    else if (ch->acks)
        socket_refuse(ch->socket, m, fault);
}

/* ---- presence ---- */

void talk_presence_state(struct channel *ch)
{
    struct so_hub *hub = ch->socket->hub;
    so_buf_reset(&hub->payload);
    so_presence_put_state(hub->rt->presence, &ch->room->name, &hub->payload, &ch->presence_version);
    if (hub->payload.rc == SO_OK)
        channel_push(ch, SO_STR("presence_state"), so_buf_str(&hub->payload));
    else
        so_ws_close(ch->socket->ws, SO_WS_INTERNAL, SO_STR("out of memory"));
}

static void tell_diff(struct channel *ch, struct so_note *diff)
{
    if (diff != NULL)
        room_tell(ch->socket->hub, diff, NULL);
    so_note_unref(diff);
}

void talk_presence_leave(struct channel *ch)
{
    tell_diff(ch, so_presence_untrack(ch->socket->hub->rt->presence, &ch->presence));
}

/* Of what is in hub->payload.  Says why it cannot be, or NULL. */
static const char *track(struct channel *ch)
{
    struct so_hub *hub = ch->socket->hub;
    struct so_note *diff;
    if (hub->payload.rc != SO_OK || so_presence_track(hub->rt->presence, &ch->room->name, ch->presence_key,
                                                      so_buf_str(&hub->payload), &ch->presence, &diff) != SO_OK)
        return "out of memory";
    if (!ch->has_presence) { /* tracking turns it on: what is there already comes first */
        ch->has_presence = true;
        if (channel_may(ch, MAY_HEAR_PRESENCE))
            talk_presence_state(ch);
    }
    tell_diff(ch, diff);
    return NULL;
}

/* The rules whose breach ends the channel; fills hub->payload with what is tracked.  NULL: they are kept. */
static const char *find_breach(struct channel *ch, const struct so_json *meta)
{
    struct so_hub *hub = ch->socket->hub;
    const struct so_realtime_settings *settings = &hub->rt->settings;
    if (!so_window_take(&ch->presence_calls, hub_now_ms(hub), settings->presence_window_ms, settings->presence_calls_max))
        return "Client presence rate limit exceeded";
    so_buf_reset(&hub->payload);
    so_json_put(&hub->payload, meta);
    return hub->payload.len > settings->payload_max ? "Track message size exceeded" : NULL;
}

void talk_presence(struct channel *ch, const struct so_wire_message *m)
{
    static const struct so_json NOTHING = {.type = SO_JSON_OBJECT};
    struct so_str event = so_json_get_str(m->payload, SO_STR("event"));
    const struct so_json *meta = so_json_get(m->payload, SO_STR("payload"));
    if (meta == NULL)
        meta = &NOTHING;
    const char *fault = find_breach(ch, meta);
    if (fault != NULL) {
        channel_shut(ch, fault);
        return;
    }
    if (so_str_eq_nocase(event, SO_STR("untrack")))
        talk_presence_leave(ch);
    else if (!so_str_eq_nocase(event, SO_STR("track")))
        fault = "there are track and untrack";
    else if (meta->type != SO_JSON_OBJECT)
        fault = "Presence track payload must be a map";
    else if (!channel_may(ch, MAY_SPEAK_PRESENCE))
        fault = "Unauthorized";
    else
        fault = track(ch);
    if (fault != NULL)
        socket_refuse(ch->socket, m, fault);
    else
        socket_reply(ch->socket, m, true, SO_STR("{}"));
}
