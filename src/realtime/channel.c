/* channel.c: a membership from its join to its end.
 *
 *   phx_join -> limits -> who? -> may they? -> room -> reply -> presence_state, changes       (anything wrong: a reason)
 *   token expired, session ended, too much of something -> system error -> phx_close -> gone */
#include <stdio.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/random.h"
#include "realtime/hub_int.h"
#include "json/write.h"

static const struct so_str PREFIX = SO_STR_INIT("realtime:");

/* ---- what a channel is told ---- */

void channel_push(struct channel *ch, struct so_str event, struct so_str payload)
{
    const struct so_wire_head head = {SO_WIRE_NULL, SO_WIRE_NULL, room_topic(ch->room), event};
    socket_send(ch->socket, &head, payload);
}

void channel_say(struct channel *ch, const char *extension, bool is_ok, const char *message, struct so_str more)
{
    struct so_buf *b = &ch->socket->hub->payload;
    so_buf_reset(b);
    so_buf_printf(b, "{\"extension\":\"%s\",\"status\":\"%s\",\"message\":", extension, is_ok ? "ok" : "error");
    so_json_put_str(b, so_str_c(message));
    so_buf_lit(b, ",\"channel\":");
    so_json_put_str(b, room_short_name(ch->room));
    so_buf_put_str(b, more);
    so_buf_putc(b, '}');
    if (b->rc == SO_OK)
        channel_push(ch, SO_STR("system"), so_buf_str(b));
}

static void push_close(struct channel *ch)
{
    const struct so_wire_head head = {ch->join_ref, ch->join_ref, room_topic(ch->room), SO_STR("phx_close")};
    socket_send(ch->socket, &head, SO_STR("{}"));
}

/* ---- the end ---- */

static void free_channel(struct channel *ch)
{
    so_caller_unref(ch->caller);
    so_free(ch);
}

void channel_end(struct channel *ch)
{
    struct socket *s = ch->socket;
    struct channel **at = &s->channels;
    while (*at != ch)
        at = &(*at)->next;
    *at = ch->next;
    s->channel_count--;
    hub_count(&s->hub->rt->stats.channels, -1);
    hear_end(ch);
    replay_end(ch);
    ch->has_presence = false; /* those who leave are not told so */
    talk_presence_leave(ch);
    room_remove(s->hub, ch);
    free_channel(ch);
}

void channel_shut(struct channel *ch, const char *why)
{
    channel_say(ch, "system", false, why, SO_STR(""));
    push_close(ch);
    channel_end(ch);
}

void channel_leave(struct channel *ch, const struct so_wire_message *m)
{
    socket_reply(ch->socket, m, true, SO_STR("{}"));
    push_close(ch);
    channel_end(ch);
}

/* ---- who, and may they ---- */

static int check_expiry(const struct so_caller *caller, struct so_err *err)
{
    int64_t now = so_clock_now();
    if (caller->expires == 0 || caller->expires > now)
        return SO_OK;
    return so_fail_http(err, SO_EEXPIRED, 401, "InvalidJWTToken", "Token has expired %lld seconds ago",
                        (long long)(now - caller->expires));
}

/* Channels of one token share what is known of it. */
static struct so_caller *find_caller(const struct socket *s, struct so_str token)
{
    if (token.n == 0)
        return so_caller_ref(s->caller);
    for (const struct channel *ch = s->channels; ch != NULL; ch = ch->next)
        if (so_str_eq(ch->caller->token, token))
            return so_caller_ref(ch->caller);
    return NULL;
}

static int identify(struct socket *s, struct so_str token, struct so_caller **out, struct so_err *err)
{
    struct so_hub *hub = s->hub;
    struct so_caller *caller = find_caller(s, token);
    if (caller == NULL) {
        struct so_guest guest;
        int rc = hub->gate.identify(hub->gate.arg, s->key, token, &hub->scratch, &guest, err);
        if (rc != SO_OK)
            return rc;
        caller = so_caller_new(&guest, token);
    }
    int rc = caller == NULL ? so_err_oom(err) : check_expiry(caller, err);
    if (rc == SO_OK && hub_refuses(hub, caller))
        rc = so_fail_http(err, SO_EAUTH, 401, "InvalidJWTToken", "The session of the token has ended");
    if (rc == SO_OK)
        *out = caller;
    else
        so_caller_unref(caller);
    return rc;
}

bool channel_may(struct channel *ch, unsigned wish)
{
    if ((ch->asked & wish) != 0)
        return (ch->may & wish) != 0;
    const struct so_access_question question = {
        .wish = (wish & (MAY_HEAR_BROADCAST | MAY_HEAR_PRESENCE)) != 0 ? SO_HEAR : SO_SPEAK,
        .who = &ch->caller->who,
        .topic = room_short_name(ch->room),
        .extension = (wish & (MAY_HEAR_BROADCAST | MAY_SPEAK_BROADCAST)) != 0 ? "broadcast" : "presence",
    };
    struct so_err err = SO_ERR_INIT; /* a condition that fails grants nothing */
    struct so_hub *hub = ch->socket->hub;
    ch->asked |= wish;
    if (so_access_ask(hub->access, hub->reader, &question, &err))
        ch->may |= wish;
    return (ch->may & wish) != 0;
}

/* Asks the policies anew. */
static bool may_hear_something(struct channel *ch)
{
    bool is_public = !ch->room->name.is_private;
    ch->may = ch->asked = is_public ? MAY_ALL : 0;
    if (is_public)
        return true;
    bool hears_broadcast = channel_may(ch, MAY_HEAR_BROADCAST);
    return (ch->has_presence && channel_may(ch, MAY_HEAR_PRESENCE)) || hears_broadcast;
}

/* ---- the beginning ---- */

static struct channel *new_channel(struct socket *s, const struct so_wire_message *m, const struct so_join *join,
                                   struct so_caller *caller)
{
    char uuid[37];
    struct so_str key = join->presence_key;
    if (key.n == 0) {
        so_random_uuid(uuid);
        key = so_str(uuid, 36);
    }
    struct channel *ch = so_calloc(1, sizeof(*ch) + m->join_ref.n + key.n);
    if (ch == NULL)
        return NULL;
    memcpy(ch->text, m->join_ref.p, m->join_ref.n);
    memcpy(ch->text + m->join_ref.n, key.p, key.n);
    ch->join_ref = so_str(ch->text, m->join_ref.n);
    ch->presence_key = so_str(ch->text + m->join_ref.n, key.n);
    ch->socket = s;
    ch->caller = so_caller_ref(caller);
    ch->acks = join->acks;
    ch->hears_itself = join->hears_itself;
    ch->has_presence = join->has_presence;
    return ch;
}

/* From here on channel_end() undoes it. */
static int enter(struct channel *ch, struct so_str topic, bool is_private, struct so_err *err)
{
    struct socket *s = ch->socket;
    const struct so_room_name name = {topic, is_private};
    struct room *room = room_take(s->hub, &name);
    if (room == NULL || !room_add(room, ch)) {
        if (room != NULL)
            room_drop_if_empty(s->hub, room);
        free_channel(ch);
        return so_fail_http(err, SO_ENOMEM, 503, "UnknownErrorOnChannel", "out of memory");
    }
    ch->next = s->channels;
    s->channels = ch;
    s->channel_count++;
    hub_count(&s->hub->rt->stats.channels, 1);
    if (may_hear_something(ch))
        return SO_OK;
    so_fail_http(err, SO_EDENIED, 403, "Unauthorized", "You do not have permissions to read from this Channel topic: %.*s",
                 SO_STR_ARG(room_short_name(ch->room)));
    channel_end(ch);
    return SO_EDENIED;
}

/* The rules that ask nobody. */
static int check_rules(struct socket *s, const struct so_wire_message *m, const struct so_join *join, struct so_err *err)
{
    const struct so_realtime_settings *settings = &s->hub->rt->settings;
    const struct {
        bool is_broken;
        const char *id, *message;
    } RULES[] = {
        {m->topic.n == PREFIX.n, "TopicNameRequired", "You must provide a topic name"},
        {join->is_private ? false : settings->private_only, "PrivateOnly", "This project only allows private channels"},
        {join->replay != SO_REPLAY_NONE && !join->is_private, "UnableToReplayMessages",
         "Replay is not allowed for public channels"},
        {join->replay == SO_REPLAY_WRONG, "UnableToReplayMessages", "Replay params are not valid"},
        {!so_window_take(&s->joins, hub_now_ms(s->hub), 1000, settings->joins_per_second), "ClientJoinRateLimitReached",
         "Too many joins per second"},
        {s->channel_count >= settings->channels_max, "ChannelRateLimitReached", "Too many channels"},
    };
    for (size_t i = 0; i < COUNT_OF(RULES); i++)
        if (RULES[i].is_broken)
            return so_fail_http(err, SO_EDENIED, 403, RULES[i].id, "%s", RULES[i].message);
    return SO_OK;
}

/* NULL: `err` says why not. */
static struct channel *make_channel(struct socket *s, const struct so_wire_message *m, const struct so_join *join,
                                    struct so_err *err)
{
    struct so_caller *caller = NULL;
    if (check_rules(s, m, join, err) != SO_OK || identify(s, join->token, &caller, err) != SO_OK)
        return NULL;
    struct channel *ch = new_channel(s, m, join, caller);
    so_caller_unref(caller);
    if (ch == NULL) {
        so_fail_http(err, SO_ENOMEM, 503, "UnknownErrorOnChannel", "out of memory");
        return NULL;
    }
    return enter(ch, m->topic, join->is_private, err) == SO_OK ? ch : NULL;
}

static void reply_joined(struct channel *ch, const struct so_wire_message *m, const struct hearing *hearing)
{
    struct so_buf response;
    so_buf_init(&response, TEXT_MAX);
    so_buf_lit(&response, "{\"postgres_changes\":");
    hear_put_reply(&response, hearing);
    so_buf_putc(&response, '}');
    if (response.rc == SO_OK)
        socket_reply(ch->socket, m, true, so_buf_str(&response));
    else
        so_ws_close(ch->socket->ws, SO_WS_INTERNAL, SO_STR("out of memory"));
    so_buf_deinit(&response);
}

static void end_former(struct socket *s, struct so_str topic)
{
    for (struct channel *ch = s->channels; ch != NULL; ch = ch->next)
        if (so_str_eq(room_topic(ch->room), topic)) {
            push_close(ch);
            channel_end(ch);
            return;
        }
}

void channel_join(struct socket *s, const struct so_wire_message *m)
{
    struct so_err err = SO_ERR_INIT;
    struct so_join join;
    struct hearing hearing;
    if (!so_str_starts(m->topic, PREFIX)) {
        socket_refuse(s, m, "unmatched topic");
        return;
    }
    end_former(s, m->topic);
    so_join_read(m->payload, &join);
    struct channel *ch = make_channel(s, m, &join, &err);
    if (ch == NULL) {
        struct so_str reason = so_arena_printf(&s->hub->scratch, "%s: %s", err.id, err.message);
        socket_refuse(s, m, reason.p != NULL ? reason.p : "out of memory");
        return;
    }
    hear_begin(ch, &join, &hearing);
    reply_joined(ch, m, &hearing);
    if (ch->has_presence && channel_may(ch, MAY_HEAR_PRESENCE))
        talk_presence_state(ch);
    replay_begin(ch, &join);
    hear_tell(ch, &hearing);
}

/* ---- a new token, or new policies ---- */

bool channel_reconsider(struct channel *ch)
{
    char why[SO_WIRE_NAME_MAX + 80];
    if (may_hear_something(ch))
        return true;
    (void)snprintf(why, sizeof(why), "You no longer have permission to read from this Channel topic: %.*s",
                   SO_STR_ARG(room_short_name(ch->room)));
    channel_shut(ch, why);
    return false;
}

void channel_take_token(struct channel *ch, const struct so_wire_message *m)
{
    struct so_err err = SO_ERR_INIT;
    struct so_caller *caller;
    struct so_str token = so_join_token(so_json_get(m->payload, SO_STR("access_token")));
    if (token.n == 0 || so_str_eq(token, ch->caller->token))
        return;
    if (identify(ch->socket, token, &caller, &err) != SO_OK) {
        channel_shut(ch, err.message);
        return;
    }
    so_caller_unref(ch->caller);
    ch->caller = caller;
    if (channel_reconsider(ch))
        hear_renew(ch);
}
