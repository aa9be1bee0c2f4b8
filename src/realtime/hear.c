/* hear.c: changes of the database on a channel (PROTOCOL.md sections 7.4, 7.5 and 7.9): from what changes.h tells to
 * messages.  A frame is made once for all who are told the same: same change, same columns, same listeners, same room. */
#include <stdio.h>

#include "core/hash.h"
#include "core/mem.h"
#include "realtime/hub_int.h"
#include "json/write.h"

/* ---- what is asked for ---- */

static struct so_str optional(const struct so_json *v, struct so_str name)
{
    v = so_json_get(v, name);
    return v != NULL && v->type == SO_JSON_STRING ? so_json_str(v) : so_str(NULL, 0);
}

/* select: a list of columns, as JSON text or in the client's own words. */
static struct so_str columns(const struct so_json *v, struct so_arena *arena)
{
    const struct so_json *list = so_json_get(v, SO_STR("select"));
    if (list == NULL || list->type != SO_JSON_ARRAY)
        return optional(v, SO_STR("select"));
    struct so_buf text;
    so_buf_init(&text, TEXT_MAX);
    so_json_put(&text, list);
    struct so_str kept = so_arena_dup(arena, so_buf_str(&text));
    so_buf_deinit(&text);
    return kept;
}

/* What is no object is passed over. */
static bool read_listeners(const struct so_json *array, struct so_arena *arena, struct hearing *out)
{
    if (array == NULL)
        return true;
    out->listeners = so_alloc_array(arena, array->len, sizeof(*out->listeners));
    out->sources = so_alloc_array(arena, array->len, sizeof(*out->sources));
    if (out->listeners == NULL || out->sources == NULL)
        return false;
    for (uint32_t i = 0; i < array->len; i++) {
        const struct so_json *v = &array->u.items[i];
        if (v->type != SO_JSON_OBJECT)
            continue;
        out->sources[out->count] = v;
        out->listeners[out->count++] = (struct so_listener){
            .event = optional(v, SO_STR("event")),
            .schema = optional(v, SO_STR("schema")),
            .table = optional(v, SO_STR("table")),
            .filter = optional(v, SO_STR("filter")),
            .select = columns(v, arena),
        };
    }
    return true;
}

static void put_source(struct so_buf *out, const struct so_json *source, int64_t id)
{
    so_buf_lit(out, "{\"id\":");
    so_json_put_i64(out, id);
    for (uint32_t i = 0; i < source->len; i++) {
        const struct so_json_member *m = &source->u.members[i];
        if (so_str_eq(so_json_key(m), SO_STR("id")))
            continue;
        so_buf_putc(out, ',');
        so_json_put_str(out, so_json_key(m));
        so_buf_putc(out, ':');
        so_json_put(out, &m->value);
    }
    so_buf_putc(out, '}');
}

void hear_put_reply(struct so_buf *out, const struct hearing *l)
{
    so_buf_putc(out, '[');
    for (size_t i = 0; i < l->count; i++) {
        so_buf_puts(out, i == 0 ? "" : ",");
        put_source(out, l->sources[i], l->listeners[i].id);
    }
    so_buf_putc(out, ']');
}

/* ---- what is heard ---- */

static void on_ready(int64_t seq, void *arg)
{
    char more[40];
    (void)snprintf(more, sizeof(more), ",\"seq\":%lld", (long long)seq);
    channel_say(arg, "postgres_changes", true, "Subscribed to PostgreSQL", so_str_c(more));
}

static void on_gap(int64_t asked, int64_t oldest, void *arg)
{
    char message[160], more[96];
    (void)snprintf(message, sizeof(message), "Changes are lost: the log begins after %lld, and %lld was the last one seen",
                   (long long)oldest, (long long)asked);
    (void)snprintf(more, sizeof(more), ",\"gap\":{\"asked\":%lld,\"oldest\":%lld}", (long long)asked, (long long)oldest);
    channel_say(arg, "postgres_changes", false, message, so_str_c(more));
}

static void on_failed(const struct so_err *err, void *arg)
{
    struct channel *ch = arg;
    ch->subscription = NULL;
    channel_say(ch, "postgres_changes", false, err->message, SO_STR(""));
}

static void forget(struct told *t)
{
    so_ws_frame_unref(t->frame);
    so_free((void *)(uintptr_t)t->ids.p);
    *t = (struct told){0};
}

void hear_forget(struct so_hub *hub)
{
    for (size_t i = 0; i < COUNT_OF(hub->told); i++)
        forget(&hub->told[i]);
}

static struct so_str bytes_of(const struct so_heard *heard)
{
    return so_str((const char *)heard->ids, heard->id_count * sizeof(heard->ids[0]));
}

static void put_change(struct so_buf *out, const struct so_heard *heard)
{
    so_buf_lit(out, "{\"ids\":[");
    for (size_t i = 0; i < heard->id_count; i++) {
        so_buf_puts(out, i == 0 ? "" : ",");
        so_buf_put_i64(out, heard->ids[i]);
    }
    so_buf_puts(out, heard->has_more ? "],\"more\":true,\"data\":" : "],\"data\":");
    so_buf_put_str(out, heard->data);
    so_buf_putc(out, '}');
}

static struct so_ws_frame *make_frame(struct channel *ch, const struct so_heard *heard)
{
    struct so_hub *hub = ch->socket->hub;
    struct so_ws_frame *frame;
    const struct so_wire_head head = {SO_WIRE_NULL, SO_WIRE_NULL, room_topic(ch->room), SO_STR("postgres_changes")};
    so_buf_reset(&hub->payload);
    so_buf_reset(&hub->text);
    put_change(&hub->payload, heard);
    so_wire_put(&hub->text, ch->socket->version, &head, so_buf_str(&hub->payload));
    if (hub->payload.rc != SO_OK || hub->text.rc != SO_OK ||
        so_ws_frame_new(hub->ws, SO_WS_TEXT, so_buf_str(&hub->text), &frame) != SO_OK)
        return NULL;
    return frame;
}

static bool is_the_same(const struct told *t, const struct channel *ch, const struct so_heard *heard)
{
    return t->frame != NULL && t->dispatch == heard->dispatch && t->room == ch->room && t->data == heard->data.p &&
           t->has_more == heard->has_more && so_str_eq(t->ids, bytes_of(heard));
}

/* The frame that the last one was told, if it is the same.  NULL: out of memory. */
static struct so_ws_frame *find_frame(struct channel *ch, const struct so_heard *heard)
{
    struct told *t = &ch->socket->hub->told[ch->socket->version];
    if (is_the_same(t, ch, heard))
        return t->frame;
    struct so_str ids = bytes_of(heard);
    forget(t);
    *t = (struct told){.frame = make_frame(ch, heard),
                       .room = ch->room,
                       .dispatch = heard->dispatch,
                       .data = heard->data.p,
                       .has_more = heard->has_more,
                       .ids = so_str(so_strndup(ids.p, ids.n), ids.n)};
    if (t->frame != NULL && t->ids.p != NULL)
        return t->frame;
    forget(t);
    return NULL;
}

static void on_heard(const struct so_heard *heard, void *arg)
{
    struct channel *ch = arg;
    if (hub_refuses(ch->socket->hub, ch->caller))
        return; /* the next sweep ends the channel */
    struct so_ws_frame *frame = find_frame(ch, heard);
    if (frame != NULL)
        socket_send_frame(ch->socket, frame);
    else
        so_ws_close(ch->socket->ws, SO_WS_INTERNAL, SO_STR("out of memory")); /* it resumes later, without a gap */
}

/* For changes a quarter of the queue is left to others, such as answers to heartbeats. */
static bool has_room(size_t bytes, void *arg)
{
    enum { AROUND = 8 * 1024 }; /* what a message has beside its data: the topic, ids of listeners */
    struct socket *s = ((struct channel *)arg)->socket;
    size_t queued = so_ws_queued(s->ws), max = s->hub->rt->settings.queue_max / 4 * 3;
    bool fits = queued == 0 || (queued <= max && bytes + AROUND <= max - queued);
    s->is_held |= !fits;
    return fits;
}

static const struct so_subscription_events EVENTS = {on_ready, on_heard, on_gap, on_failed, has_room};

/* ---- from the beginning to the end ---- */

/* Of several listeners, the one that is to blame: the first that cannot be subscribed alone. */
static const struct so_listener *find_refused(struct channel *ch, struct hearing *l)
{
    struct so_changes *changes = ch->socket->hub->changes;
    for (size_t i = 0; i < l->count; i++) {
        struct so_subscription *trial;
        struct so_err err = SO_ERR_INIT;
        if (so_changes_subscribe(changes, &ch->caller->who, &l->listeners[i], 1, -1, &EVENTS, ch, &trial, &err) != SO_OK)
            return &l->listeners[i];
        so_subscription_close(trial);
    }
    return &l->listeners[0];
}

/* Those that were not subscribed have ids all the same: the client checks. */
static void fill_ids(struct hearing *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->listeners[i].id == 0)
            l->listeners[i].id = (int64_t)(so_hash(l->listeners[i].table, i) >> 12) | 1;
}

void hear_begin(struct channel *ch, const struct so_join *join, struct hearing *out)
{
    struct so_hub *hub = ch->socket->hub;
    *out = (struct hearing){.err = SO_ERR_INIT};
    if (!read_listeners(join->listeners, &hub->scratch, out)) {
        so_ws_close(ch->socket->ws, SO_WS_INTERNAL, SO_STR("out of memory"));
        return;
    }
    if (out->count == 0)
        return;
    int rc = SO_ENOTFOUND;
    if (hub->changes == NULL)
        so_fail(&out->err, rc, "Changes of the database are not told by this server");
    else
        rc = so_changes_subscribe(hub->changes, &ch->caller->who, out->listeners, out->count, join->since, &EVENTS, ch,
                                  &ch->subscription, &out->err);
    if (rc == SO_EINVAL)
        out->refused = find_refused(ch, out);
    fill_ids(out);
}

static struct so_str or_any(struct so_str s) { return s.p == NULL ? SO_STR("*") : s; }

void hear_tell(struct channel *ch, const struct hearing *l)
{
    const struct so_listener *r = l->refused;
    if (l->err.code == SO_OK)
        return;
    if (r == NULL) {
        channel_say(ch, "postgres_changes", false, l->err.message, SO_STR(""));
        return;
    }
    struct so_str filter = r->filter.p == NULL ? SO_STR("") : r->filter;
    struct so_str message = so_arena_printf(&ch->socket->hub->scratch,
                                            "Unable to subscribe to changes with given parameters. Please check Realtime is "
                                            "enabled for the given connect parameters: [event: %.*s, schema: %.*s, table: "
                                            "%.*s, filters: [%.*s]]",
                                            SO_STR_ARG(or_any(r->event)), SO_STR_ARG(or_any(r->schema)),
                                            SO_STR_ARG(or_any(r->table)), SO_STR_ARG(filter));
    struct so_buf more; /* our own: what is wrong with it */
    so_buf_init(&more, TEXT_MAX);
    so_buf_lit(&more, ",\"reason\":");
    so_json_put_str(&more, so_str_c(l->err.message));
    channel_say(ch, "postgres_changes", false, message.p != NULL ? message.p : l->err.message, so_buf_str(&more));
    so_buf_deinit(&more);
}

void hear_renew(struct channel *ch)
{
    struct so_err err = SO_ERR_INIT;
    if (ch->subscription == NULL || so_subscription_renew(ch->subscription, &ch->caller->who, &err) == SO_OK)
        return;
    hear_end(ch);
    channel_say(ch, "postgres_changes", false, err.message, SO_STR(""));
}

void hear_go_on(struct channel *ch) { so_subscription_go_on(ch->subscription); }

void hear_end(struct channel *ch)
{
    so_subscription_close(ch->subscription);
    ch->subscription = NULL;
}
