/* room.c: the members of a topic on this loop, and what is said to all of them: written once, sent to each. */
#include "core/mem.h"
#include "realtime/hub_int.h"

enum { MEMBERS_MIN = 4 };

/* ---- members ---- */

struct room *room_take(struct so_hub *hub, const struct so_room_name *name)
{
    char buffer[SO_WIRE_NAME_MAX + 1];
    struct so_str key = so_room_key(name, buffer);
    struct so_table_entry *e = so_hash_table_find(&hub->rooms, key);
    if (e != NULL)
        return SO_CONTAINER_OF(e, struct room, entry);
    struct room *room = so_calloc(1, sizeof(*room) + key.n);
    if (room == NULL)
        return NULL;
    memcpy(room->key, key.p, key.n);
    room->entry.key = so_str(room->key, key.n);
    room->name = (struct so_room_name){so_str(room->key + 1, key.n - 1), name->is_private};
    if (so_hash_table_put(&hub->rooms, &room->entry))
        return room;
    so_free(room);
    return NULL;
}

void room_drop_if_empty(struct so_hub *hub, struct room *room)
{
    if (room->count > 0)
        return;
    for (size_t i = 0; i < COUNT_OF(hub->told); i++)
        if (hub->told[i].room == room)
            hear_forget(hub);
    so_hash_table_remove(&hub->rooms, &room->entry);
    so_free(room->members);
    so_free(room);
}

bool room_add(struct room *room, struct channel *ch)
{
    if (room->count == room->cap) {
        size_t cap = so_max_size(room->cap * 2, MEMBERS_MIN);
        struct channel **members = so_realloc(room->members, cap * sizeof(*members));
        if (members == NULL)
            return false;
        room->members = members;
        room->cap = cap;
    }
    ch->room = room;
    ch->index = room->count;
    room->members[room->count++] = ch;
    return true;
}

void room_remove(struct so_hub *hub, struct channel *ch)
{
    struct room *room = ch->room;
    struct channel *last = room->members[--room->count];
    room->members[ch->index] = last;
    last->index = ch->index;
    room_drop_if_empty(hub, room);
}

/* ---- what is said ---- */

static bool put_note(struct so_buf *out, enum so_wire_version version, const struct so_note *note, bool *out_is_binary)
{
    if (note->kind == SO_NOTE_BROADCAST) {
        const struct so_wire_broadcast b = {note->room.topic, note->event, note->body, note->meta, note->encoding};
        return so_wire_put_broadcast(out, version, &b, out_is_binary);
    }
    const struct so_wire_head head = {SO_WIRE_NULL, SO_WIRE_NULL, note->room.topic, SO_STR("presence_diff")};
    so_wire_put(out, version, &head, note->body);
    *out_is_binary = false;
    return true;
}

/* One form of a note: for the clients of one version. */
struct form {
    bool is_made;
    struct so_ws_frame *frame; /* NULL: they cannot get it */
};

static void make_form(struct so_hub *hub, enum so_wire_version version, const struct so_note *note, struct form *form)
{
    bool is_binary;
    form->is_made = true;
    so_buf_reset(&hub->text);
    if (!put_note(&hub->text, version, note, &is_binary) || hub->text.rc != SO_OK)
        return;
    if (so_ws_frame_new(hub->ws, is_binary ? SO_WS_BINARY : SO_WS_TEXT, so_buf_str(&hub->text), &form->frame) != SO_OK)
        form->frame = NULL;
}

static bool hears(const struct channel *ch, const struct so_note *note)
{
    if (note->kind == SO_NOTE_BROADCAST)
        return (ch->may & MAY_HEAR_BROADCAST) != 0;
    return ch->has_presence && (ch->may & MAY_HEAR_PRESENCE) != 0 && note->version > ch->presence_version;
}

void room_send(struct channel *ch, const struct so_note *note)
{
    struct so_hub *hub = ch->socket->hub;
    struct form form = {false, NULL};
    if (!hears(ch, note) || hub_refuses(hub, ch->caller))
        return;
    make_form(hub, ch->socket->version, note, &form);
    if (form.frame != NULL)
        socket_send_frame(ch->socket, form.frame);
    so_ws_frame_unref(form.frame);
}

void room_deliver(struct so_hub *hub, struct so_note *note, const struct channel *except)
{
    char buffer[SO_WIRE_NAME_MAX + 1];
    struct so_table_entry *e = so_hash_table_find(&hub->rooms, so_room_key(&note->room, buffer));
    if (e == NULL)
        return;
    struct room *room = SO_CONTAINER_OF(e, struct room, entry);
    struct form forms[SO_WIRE_V2 + 1] = {{false, NULL}};
    for (size_t i = 0; i < room->count; i++) {
        struct channel *ch = room->members[i];
        struct form *form = &forms[ch->socket->version];
        if (ch == except || !hears(ch, note) || hub_refuses(hub, ch->caller) || replay_takes(ch, note))
            continue;
        if (!form->is_made)
            make_form(hub, ch->socket->version, note, form);
        if (form->frame != NULL)
            socket_send_frame(ch->socket, form->frame);
    }
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        so_ws_frame_unref(forms[i].frame);
}

void room_tell(struct so_hub *hub, struct so_note *note, const struct channel *except)
{
    room_deliver(hub, note, except);
    (void)!so_bus_publish(hub->rt->bus, hub->member, note); /* out of memory: as if it had been lost on the way */
}

void room_receive(struct so_note *note, void *hub) { room_deliver(hub, note, NULL); }
