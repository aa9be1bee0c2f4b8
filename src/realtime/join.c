/* join.c: a few members, each with its default. */
#include "realtime/join.h"

static bool flag(const struct so_json *v, struct so_str name)
{
    v = so_json_get(v, name);
    return v != NULL &&
           (v->type == SO_JSON_TRUE || (v->type == SO_JSON_STRING && so_str_eq_nocase(so_json_str(v), SO_STR("true"))));
}

struct so_str so_join_token(const struct so_json *value)
{
    struct so_str token = value != NULL && value->type == SO_JSON_STRING ? so_json_str(value) : SO_STR("");
    return so_str_starts(token, SO_STR("sb_")) ? SO_STR("") : token;
}

static int64_t since_of(const struct so_json *config)
{
    int64_t since;
    const struct so_json *v = so_json_get(so_json_get(config, SO_STR("postgres_changes_options")), SO_STR("since"));
    return v != NULL && so_json_is_number(v) && so_json_to_i64(v, &since) && since >= 0 ? since : -1;
}

static bool is_count(const struct so_json *v, int64_t *out)
{
    return v != NULL && so_json_is_number(v) && so_json_to_i64(v, out) && *out >= 0;
}

static void read_replay(const struct so_json *v, struct so_join *out)
{
    const struct so_json *limit = so_json_get(v, SO_STR("limit"));
    if (v == NULL || v->type == SO_JSON_NULL)
        return;
    out->replay_limit = SO_REPLAY_LIMIT;
    bool is_right = is_count(so_json_get(v, SO_STR("since")), &out->replay_since_ms) &&
                    (limit == NULL || limit->type == SO_JSON_NULL || is_count(limit, &out->replay_limit));
    out->replay = is_right ? SO_REPLAY_WANTED : SO_REPLAY_WRONG;
}

void so_join_read(const struct so_json *payload, struct so_join *out)
{
    const struct so_json *config = so_json_get(payload, SO_STR("config"));
    const struct so_json *broadcast = so_json_get(config, SO_STR("broadcast"));
    const struct so_json *presence = so_json_get(config, SO_STR("presence"));
    const struct so_json *listeners = so_json_get(config, SO_STR("postgres_changes"));
    const struct so_json *token = so_json_get(payload, SO_STR("access_token"));
    struct so_str key = so_json_get_str(presence, SO_STR("key"));
    *out = (struct so_join){
        .acks = flag(broadcast, SO_STR("ack")),
        .hears_itself = flag(broadcast, SO_STR("self")),
        .has_presence = flag(presence, SO_STR("enabled")),
        .is_private = flag(config, SO_STR("private")),
        .presence_key = key.n <= SO_PRESENCE_KEY_MAX ? key : so_str(NULL, 0),
        .token = so_join_token(token != NULL ? token : so_json_get(payload, SO_STR("user_token"))),
        .listeners = listeners != NULL && listeners->type == SO_JSON_ARRAY && listeners->len > 0 ? listeners : NULL,
        .since = since_of(config),
    };
    read_replay(so_json_get(broadcast, SO_STR("replay")), out);
}
