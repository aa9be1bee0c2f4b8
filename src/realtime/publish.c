/* publish.c: broadcasts over HTTP (PROTOCOL.md section 8).
 *
 *   POST .../broadcast                                {"messages":[{"topic","event","payload","private"}]}
 *   POST .../broadcast/{topic}/events/{event}         the body is the payload, JSON or bytes; ?private=true,
 *                                                     ?persist=true or ?persist[ttl]=SECONDS: kept for replay */
#include <stdio.h>

#include "http/url.h"
#include "realtime/hub_int.h"
#include "json/write.h"

enum { MESSAGES_MAX = 1000 };

struct post {
    struct so_hub *hub;
    struct so_http_exchange *x;
    const struct so_identity *who;
};

static void reply(const struct post *p, int status, const char *member, const char *text)
{
    char number[24];
    size_t max = p->hub->rt->settings.posts_per_second;
    (void)snprintf(number, sizeof(number), "%zu", max);
    so_http_reply_header(p->x, SO_STR("x-rate-limit"), so_str_c(number));
    (void)snprintf(number, sizeof(number), "%zu", max - so_min_size(max, p->hub->posts.count));
    so_http_reply_header(p->x, SO_STR("x-rate-limit-remaining"), so_str_c(number));
    (void)snprintf(number, sizeof(number), "%u", p->hub->posts.count);
    so_http_reply_header(p->x, SO_STR("x-rate-rolling"), so_str_c(number));
    if (text != NULL) {
        struct so_buf *body = so_http_reply_body(p->x);
        so_http_reply_header(p->x, SO_STR("Content-Type"), SO_STR("application/json"));
        so_buf_printf(body, "{\"%s\":", member);
        so_json_put_str(body, so_str_c(text));
        so_buf_putc(body, '}');
    }
    so_http_reply_send(p->x, status);
}

/* ---- one message ---- */

/* With the topic as channels have it.  p is NULL: it is empty or too long, or memory ran out. */
static struct so_str full_topic(struct so_arena *arena, struct so_str name)
{
    if (name.n == 0 || name.n > SO_WIRE_NAME_MAX - sizeof("realtime:"))
        return so_str(NULL, 0);
    return so_arena_printf(arena, "realtime:%.*s", SO_STR_ARG(name));
}

static bool may_speak(const struct post *p, struct so_str name)
{
    struct so_err err = SO_ERR_INIT;
    const struct so_access_question q = {SO_SPEAK, p->who, name, "broadcast"};
    return so_access_ask(p->hub->access, p->hub->reader, &q, &err);
}

static bool tell(const struct post *p, const struct so_note *of)
{
    struct so_note *note = so_note_new(of);
    if (note == NULL)
        return false;
    hub_count(&p->hub->rt->stats.broadcasts, 1);
    room_tell(p->hub, note, NULL);
    so_note_unref(note);
    return true;
}

static const char *keep(const struct post *p, const struct so_note *of, int64_t seconds)
{
    hub_count(&p->hub->rt->stats.broadcasts, 1);
    return replay_put(p->hub, of, seconds, NULL, NULL, NULL);
}

/* ---- a list of messages ---- */

static const char *read_message(const struct post *p, const struct so_json *v, struct so_note *out)
{
    struct so_str event = so_json_get_str(v, SO_STR("event"));
    const struct so_json *payload = so_json_get(v, SO_STR("payload")), *is_private = so_json_get(v, SO_STR("private"));
    struct so_buf body;
    *out = (struct so_note){.kind = SO_NOTE_BROADCAST, .encoding = SO_WIRE_JSON, .event = event};
    out->room.is_private = is_private != NULL && is_private->type == SO_JSON_TRUE;
    out->room.topic = full_topic(p->x->arena, so_json_get_str(v, SO_STR("topic")));
    if (out->room.topic.p == NULL)
        return "each message needs a topic of 1 to 245 bytes";
    if (event.p == NULL || event.n == 0 || event.n > SO_WIRE_NAME_MAX || payload == NULL)
        return "each message needs an event and a payload";
    so_buf_init(&body, p->hub->rt->settings.payload_max + 1);
    so_json_put(&body, payload);
    bool is_too_long = body.rc == SO_ELIMIT || body.len > p->hub->rt->settings.payload_max;
    out->body = is_too_long ? so_str("", 0) : so_arena_dup(p->x->arena, so_buf_str(&body));
    so_buf_deinit(&body);
    if (is_too_long)
        return "a payload is too large";
    return out->body.p == NULL ? "out of memory" : NULL;
}

static void publish_list(const struct post *p)
{
    struct so_json v;
    const struct so_json *list = NULL;
    if (so_json_parse(p->x->arena, p->x->req.body, NULL, &v, NULL) == SO_OK)
        list = so_json_get(&v, SO_STR("messages"));
    if (list == NULL || list->type != SO_JSON_ARRAY || list->len > MESSAGES_MAX) {
        reply(p, 422, "errors", "the body is {\"messages\": [...]}, at most 1000 of them");
        return;
    }
    struct so_note *notes = so_alloc_array(p->x->arena, list->len, sizeof(*notes));
    const char *fault = notes == NULL && list->len > 0 ? "out of memory" : NULL;
    for (uint32_t i = 0; fault == NULL && i < list->len; i++) /* all are right, or none is sent */
        fault = read_message(p, &list->u.items[i], &notes[i]);
    if (fault != NULL) {
        reply(p, 422, "errors", fault);
        return;
    }
    for (uint32_t i = 0; i < list->len; i++) {
        struct so_str name = so_str_slice(notes[i].room.topic, sizeof("realtime:") - 1, notes[i].room.topic.n);
        if (!notes[i].room.is_private || may_speak(p, name)) /* else dropped without a word, as in the reference */
            (void)tell(p, &notes[i]);
    }
    reply(p, 202, NULL, NULL);
}

/* ---- one message, named by the path ---- */

/* "/{topic}/events/{event}" */
static bool read_path(const struct post *p, struct so_str path, struct so_str *out_topic, struct so_str *out_event)
{
    struct so_str none, topic, events, event, rest = path;
    if (!so_str_split(&rest, '/', &none) || !so_str_split(&rest, '/', &topic) || !so_str_split(&rest, '/', &events) ||
        !so_str_split(&rest, '/', &event) || rest.p != NULL)
        return false;
    return none.n == 0 && so_str_eq(events, SO_STR("events")) && event.n > 0 &&
           so_http_decode(p->x->arena, topic, false, out_topic) == SO_OK &&
           so_http_decode(p->x->arena, event, false, out_event) == SO_OK && out_event->n <= SO_WIRE_NAME_MAX;
}

struct query {
    bool is_private, persists;
    int64_t seconds; /* of persist: so_store_put() */
    const char *fault;
};

static void read_pair(const struct post *p, struct so_str pair, struct query *out)
{
    struct so_str name, decoded, value = pair;
    (void)so_str_split(&value, '=', &name);
    if (so_http_decode(p->x->arena, name, true, &decoded) != SO_OK)
        return;
    if (so_str_eq(decoded, SO_STR("private")))
        out->is_private = so_str_eq(value, SO_STR("true"));
    if (so_str_eq(decoded, SO_STR("persist")))
        out->persists = so_str_eq(value, SO_STR("true"));
    if (so_str_eq(decoded, SO_STR("persist[ttl]"))) {
        out->persists = true;
        if (!so_str_to_i64(value, &out->seconds) || out->seconds <= 0)
            out->fault = "persist[ttl] is a number of seconds";
    }
}

static void read_query(const struct post *p, struct query *out)
{
    struct so_str pair, rest = p->x->req.query;
    *out = (struct query){.seconds = INT64_MAX};
    while (rest.p != NULL && so_str_split(&rest, '&', &pair))
        read_pair(p, pair, out);
    if (out->persists && !out->is_private)
        out->fault = "messages of public channels are not kept";
}

/* Answers with what is wrong; 0: nothing. */
static int check_body(const struct post *p, struct so_note *note, const char **out_text)
{
    struct so_str type = so_http_header(&p->x->req, SO_STR("Content-Type")), bare;
    struct so_json v;
    (void)so_str_split(&type, ';', &bare);
    bare = so_str_trim(bare);
    bool is_json = so_str_eq_nocase(bare, SO_STR("application/json"));
    note->encoding = is_json ? SO_WIRE_JSON : SO_WIRE_BYTES;
    note->body = p->x->req.body;
    if (!is_json && !so_str_eq_nocase(bare, SO_STR("application/octet-stream"))) {
        *out_text = "the body is application/json or application/octet-stream";
        return 415;
    }
    if (note->body.n > p->hub->rt->settings.payload_max) {
        *out_text = "the payload is too large";
        return 422;
    }
    if (is_json && so_json_parse(p->x->arena, note->body, NULL, &v, NULL) != SO_OK) {
        *out_text = "the body is not JSON";
        return 422;
    }
    return 0;
}

static void publish_one(const struct post *p, struct so_str path)
{
    struct so_note note = {.kind = SO_NOTE_BROADCAST};
    struct so_str name;
    const char *text = NULL;
    if (!read_path(p, path, &name, &note.event) || (note.room.topic = full_topic(p->x->arena, name)).p == NULL) {
        reply(p, 404, "message", "the path is /api/broadcast/{topic}/events/{event}");
        return;
    }
    struct query query;
    int status = check_body(p, &note, &text);
    read_query(p, &query);
    note.room.is_private = query.is_private;
    if (status != 0)
        reply(p, status, "message", text);
    else if (query.fault != NULL)
        reply(p, 422, "message", query.fault);
    else if (note.room.is_private && !may_speak(p, name))
        reply(p, 403, "message", "You do not have permissions to write to this Channel topic");
    else if ((text = query.persists ? keep(p, &note, query.seconds) : tell(p, &note) ? NULL : "out of memory") != NULL)
        reply(p, 503, "message", text);
    else
        reply(p, 202, NULL, NULL);
}

void so_hub_publish(struct so_hub *hub, struct so_http_exchange *x, const struct so_identity *who, struct so_str path)
{
    const struct post p = {hub, x, who};
    bool is_list = path.n == 0;
    if (x->req.method != SO_POST)
        reply(&p, 405, "message", "broadcasts are sent with POST");
    else if (!so_window_take(&hub->posts, hub_now_ms(hub), 1000, hub->rt->settings.posts_per_second))
        reply(&p, 429, "message", "Too many requests");
    else if (is_list)
        publish_list(&p);
    else
        publish_one(&p, path);
}
