/* wire.c: both serializers, both ways. */
#include "realtime/wire.h"

#include "core/utf8.h"
#include "json/write.h"

const struct so_str SO_WIRE_NULL = SO_STR_INIT("null");

enum {
    KIND_PUSH = 3, /* a user's broadcast, to the server: PUSH_HEAD bytes, then its texts */
    PUSH_HEAD = 7,
    KIND_BROADCAST = 4 /* and from it */
};

/* ---- text, in ---- */

/* A reference goes back as it came, so it is kept as JSON. */
static bool keep_ref(const struct so_json *v, struct so_arena *arena, struct so_str *out)
{
    *out = SO_WIRE_NULL;
    if (v == NULL || v->type == SO_JSON_NULL)
        return true;
    if ((v->type != SO_JSON_STRING && v->type != SO_JSON_INT) || (v->type == SO_JSON_STRING && v->len > SO_WIRE_NAME_MAX))
        return false;
    struct so_buf text;
    so_buf_init(&text, (size_t)SO_WIRE_NAME_MAX * 6 + 2); /* each byte an escape at worst */
    so_json_put(&text, v);
    *out = so_arena_dup(arena, so_buf_str(&text));
    bool is_kept = text.rc == SO_OK && out->p != NULL;
    so_buf_deinit(&text);
    return is_kept;
}

static bool take_name(const struct so_json *v, struct so_str *out)
{
    if (v == NULL || v->type != SO_JSON_STRING || v->len > SO_WIRE_NAME_MAX)
        return false;
    *out = so_json_str(v);
    return true;
}

/* The five parts of a message, in the order of 2.0.0; NULL where 1.0.0 left one out. */
enum { PART_JOIN_REF, PART_REF, PART_TOPIC, PART_EVENT, PART_PAYLOAD, PARTS };

static bool find_parts(enum so_wire_version version, const struct so_json *v, const struct so_json *out[PARTS])
{
    static const char *const NAMES[PARTS] = {"join_ref", "ref", "topic", "event", "payload"};
    bool is_array = version == SO_WIRE_V2;
    if (is_array ? v->type != SO_JSON_ARRAY || v->len != PARTS : v->type != SO_JSON_OBJECT)
        return false;
    for (size_t i = 0; i < PARTS; i++)
        out[i] = is_array ? &v->u.items[i] : so_json_get(v, so_str_c(NAMES[i]));
    return true;
}

int so_wire_read_text(enum so_wire_version version, struct so_str frame, struct so_arena *arena, struct so_wire_message *out)
{
    static const struct so_json_options OPTIONS = {.depth_max = SO_WIRE_DEPTH_MAX};
    static const struct so_json NOTHING = {.type = SO_JSON_OBJECT};
    struct so_json *v = so_alloc(arena, sizeof(*v));
    const struct so_json *parts[PARTS];
    struct so_wire_message m = {.payload = &NOTHING};
    int rc = v == NULL ? SO_ENOMEM : so_json_parse(arena, frame, &OPTIONS, v, NULL);
    if (rc != SO_OK)
        return rc;
    if (!find_parts(version, v, parts) || !take_name(parts[PART_TOPIC], &m.topic) ||
        !take_name(parts[PART_EVENT], &m.event) || !keep_ref(parts[PART_JOIN_REF], arena, &m.join_ref) ||
        !keep_ref(parts[PART_REF], arena, &m.ref))
        return SO_EINVAL;
    if (parts[PART_PAYLOAD] != NULL)
        m.payload = parts[PART_PAYLOAD];
    *out = m;
    return SO_OK;
}

/* ---- binary, in ---- */

/* supabase-js writes one byte for each UTF-16 unit of these texts, so "é" comes as E9: what is no UTF-8 is read as Latin-1,
 * and means the topic that the client had joined as text. */
static bool take_text(struct so_str *rest, size_t n, struct so_arena *arena, struct so_str *out)
{
    struct so_str text = so_str_slice(*rest, 0, n);
    *rest = so_str_slice(*rest, n, rest->n);
    *out = text;
    if (so_utf8_valid(text))
        return true;
    char *wide = so_alloc_text(arena, 2 * n);
    if (wide == NULL)
        return false;
    *out = so_str(wide, 0);
    for (size_t i = 0; i < n; i++)
        out->n += so_utf8_put(wide + out->n, (uint8_t)text.p[i]);
    return true;
}

static bool take_ref(struct so_str *rest, size_t n, struct so_arena *arena, struct so_str *out)
{
    struct so_str text;
    if (!take_text(rest, n, arena, &text))
        return false;
    const struct so_json v = so_json_make_str(text);
    return keep_ref(n == 0 ? NULL : &v, arena, out);
}

int so_wire_read_binary(struct so_str frame, struct so_arena *arena, struct so_wire_message *out)
{
    const uint8_t *head = (const uint8_t *)frame.p;
    if (frame.n < PUSH_HEAD || head[0] != KIND_PUSH || head[6] > SO_WIRE_JSON)
        return SO_EINVAL;
    size_t lengths[] = {head[1], head[2], head[3], head[4], head[5]}, sum = 0;
    for (size_t i = 0; i < COUNT_OF(lengths); i++)
        sum += lengths[i];
    if (sum > frame.n - PUSH_HEAD)
        return SO_EINVAL;
    struct so_wire_message m = {.event = SO_STR("broadcast"), .encoding = (enum so_wire_encoding)head[6]};
    struct so_str rest = so_str_slice(frame, PUSH_HEAD, frame.n);
    if (!take_ref(&rest, lengths[0], arena, &m.join_ref) || !take_ref(&rest, lengths[1], arena, &m.ref) ||
        !take_text(&rest, lengths[2], arena, &m.topic) || !take_text(&rest, lengths[3], arena, &m.user_event) ||
        !take_text(&rest, lengths[4], arena, &m.meta))
        return SO_ENOMEM;
    m.body = rest;
    if (m.encoding == SO_WIRE_JSON) { /* other clients will parse it: it must be JSON indeed */
        static const struct so_json_options OPTIONS = {.depth_max = SO_WIRE_DEPTH_MAX};
        struct so_json v;
        int rc = so_json_parse(arena, m.body, &OPTIONS, &v, NULL);
        if (rc != SO_OK)
            return rc;
    }
    *out = m;
    return SO_OK;
}

/* ---- out ---- */

void so_wire_put(struct so_buf *out, enum so_wire_version version, const struct so_wire_head *head, struct so_str payload)
{
    if (version == SO_WIRE_V2) {
        so_buf_putc(out, '[');
        so_buf_put_str(out, head->join_ref);
        so_buf_putc(out, ',');
        so_buf_put_str(out, head->ref);
        so_buf_putc(out, ',');
        so_json_put_str(out, head->topic);
        so_buf_putc(out, ',');
        so_json_put_str(out, head->event);
        so_buf_putc(out, ',');
        so_buf_put_str(out, payload);
        so_buf_putc(out, ']');
        return;
    }
    so_buf_lit(out, "{\"topic\":");
    so_json_put_str(out, head->topic);
    so_buf_lit(out, ",\"event\":");
    so_json_put_str(out, head->event);
    so_buf_lit(out, ",\"payload\":");
    so_buf_put_str(out, payload);
    so_buf_lit(out, ",\"ref\":");
    so_buf_put_str(out, head->ref);
    so_buf_putc(out, '}');
}

static void put_binary(struct so_buf *out, const struct so_wire_broadcast *b)
{
    const struct so_str texts[] = {b->topic, b->event, b->meta};
    so_buf_putc(out, KIND_BROADCAST);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        so_buf_putc(out, (char)(uint8_t)texts[i].n);
    so_buf_putc(out, (char)b->encoding);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        so_buf_put_str(out, texts[i]);
    so_buf_put_str(out, b->body);
}

/* The payload of the text form. */
static void put_whole(struct so_buf *out, const struct so_wire_broadcast *b)
{
    so_buf_lit(out, "{\"type\":\"broadcast\",\"event\":");
    so_json_put_str(out, b->event);
    so_buf_lit(out, ",\"payload\":");
    so_buf_put_str(out, b->body);
    if (b->meta.n > 0) {
        so_buf_lit(out, ",\"meta\":");
        so_buf_put_str(out, b->meta);
    }
    so_buf_putc(out, '}');
}

bool so_wire_put_broadcast(struct so_buf *out, enum so_wire_version version, const struct so_wire_broadcast *b,
                           bool *out_is_binary)
{
    bool fits = b->topic.n <= SO_WIRE_NAME_MAX && b->event.n <= SO_WIRE_NAME_MAX && b->meta.n <= SO_WIRE_NAME_MAX;
    *out_is_binary = version == SO_WIRE_V2 && b->encoding != SO_WIRE_WHOLE && fits;
    if (*out_is_binary) {
        put_binary(out, b);
        return true;
    }
    if (b->encoding == SO_WIRE_BYTES)
        return false;
    const struct so_wire_head head = {SO_WIRE_NULL, SO_WIRE_NULL, b->topic, SO_STR("broadcast")};
    if (b->encoding == SO_WIRE_WHOLE) {
        so_wire_put(out, version, &head, b->body);
        return true;
    }
    struct so_buf whole;
    so_buf_init(&whole, out->max);
    put_whole(&whole, b);
    if (whole.rc == SO_OK)
        so_wire_put(out, version, &head, so_buf_str(&whole));
    else
        out->rc = whole.rc;
    so_buf_deinit(&whole);
    return true;
}
