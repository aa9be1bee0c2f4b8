/* handshake.c: the checks of RFC 6455 section 4.2.1, in its order, and the answer of section 4.2.2. */
#include "ws/handshake.h"

#include "crypto/base64.h"
#include "crypto/digest.h"

enum { KEY_BYTES = 16, KEY_SIZE = 24, SHA1_BYTES = 20 };

static int refuse(struct so_err *err, int status, const char *why)
{
    return so_fail_http(err, status == 403 ? SO_EDENIED : SO_EINVAL, status, "", "%s", why);
}

/* Is `wanted` in a comma-separated list, which may be spread over several headers? */
static bool list_has(const struct so_http_request *req, struct so_str name, struct so_str wanted)
{
    struct so_str list, item;
    for (size_t i = 0; so_http_header_next(req, name, &i, &list);)
        while (so_str_split(&list, ',', &item))
            if (so_str_eq_nocase(so_str_trim(item), wanted))
                return true;
    return false;
}

/* The value of a header that must be there once. */
static bool find_single(const struct so_http_request *req, struct so_str name, struct so_str *out)
{
    struct so_str other;
    size_t i = 0;
    return so_http_header_next(req, name, &i, out) && !so_http_header_next(req, name, &i, &other);
}

static bool origin_is_allowed(const struct so_http_request *req, const struct so_ws_handshake_rules *rules)
{
    struct so_str origin;
    if (rules->origin_count == 0 || so_http_header(req, SO_STR("Origin")).p == NULL)
        return true;
    if (!find_single(req, SO_STR("Origin"), &origin))
        return false;
    for (size_t i = 0; i < rules->origin_count; i++)
        if (so_str_eq_nocase(origin, rules->origins[i]))
            return true;
    return false;
}

static bool is_among(struct so_str name, const struct so_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (so_str_eq(name, names[i]))
            return true;
    return false;
}

/* Reads the offers, which must be tokens, each once; and takes the first that is spoken here. */
static int choose_protocol(const struct so_http_request *req, const struct so_ws_handshake_rules *rules,
                           struct so_str *out_chosen, struct so_err *err)
{
    struct so_str offered[SO_WS_PROTOCOLS_OFFERED_MAX], list, item;
    size_t count = 0;
    *out_chosen = so_str(NULL, 0);
    for (size_t i = 0; so_http_header_next(req, SO_STR("Sec-WebSocket-Protocol"), &i, &list);)
        while (so_str_split(&list, ',', &item)) {
            item = so_str_trim(item);
            struct so_str rest = item, name = so_ws_take_token(&rest);
            if (name.n == 0 || rest.n > 0)
                return refuse(err, 400, "Sec-WebSocket-Protocol is malformed");
            if (count == COUNT_OF(offered))
                return refuse(err, 400, "Sec-WebSocket-Protocol offers too many protocols");
            if (is_among(name, offered, count))
                return refuse(err, 400, "Sec-WebSocket-Protocol offers a protocol twice");
            offered[count++] = name;
        }
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < rules->protocol_count; k++)
            if (so_str_eq(offered[i], rules->protocols[k])) {
                *out_chosen = rules->protocols[k];
                return SO_OK;
            }
    return SO_OK;
}

static int read_extensions(const struct so_http_request *req, const struct so_ws_deflate_rules *rules,
                           struct so_ws_deflate_terms *out, struct so_err *err)
{
    struct so_str value;
    *out = (struct so_ws_deflate_terms){.is_on = false};
    for (size_t i = 0; so_http_header_next(req, SO_STR("Sec-WebSocket-Extensions"), &i, &value);)
        if (!so_ws_extensions_read(value, rules, out))
            return refuse(err, 400, "Sec-WebSocket-Extensions is malformed");
    return SO_OK;
}

/* base64(SHA-1(key and the GUID of RFC 6455 section 1.3)): proves that we read the request as a WebSocket's. */
static int answer_key(struct so_str key, char out[SO_WS_ACCEPT_SIZE + 1], struct so_err *err)
{
    static const struct so_str GUID = SO_STR_INIT("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    uint8_t decoded[KEY_SIZE / 4 * 3 + 3], hash[SO_DIGEST_MAX];
    size_t decoded_len;
    if (key.n != KEY_SIZE || !so_base64_decode(key, decoded, &decoded_len) || decoded_len != KEY_BYTES)
        return refuse(err, 400, "Sec-WebSocket-Key is not 16 bytes in base64");
    char text[KEY_SIZE + 36];
    memcpy(text, key.p, KEY_SIZE);
    memcpy(text + KEY_SIZE, GUID.p, GUID.n);
    struct so_buf answer;
    so_buf_init(&answer, SO_WS_ACCEPT_SIZE);
    bool is_hashed = so_digest(SO_SHA1, so_str(text, sizeof(text)), hash);
    if (is_hashed)
        so_base64_put(&answer, so_str((const char *)hash, SHA1_BYTES));
    if (is_hashed && answer.len == SO_WS_ACCEPT_SIZE) {
        memcpy(out, answer.p, SO_WS_ACCEPT_SIZE);
        out[SO_WS_ACCEPT_SIZE] = '\0';
    } else {
        is_hashed = false;
    }
    so_buf_deinit(&answer);
    return is_hashed ? SO_OK : so_err_oom(err);
}

int so_ws_handshake_read(const struct so_http_request *req, const struct so_ws_handshake_rules *rules,
                         struct so_ws_handshake *out, struct so_err *err)
{
    struct so_ws_handshake h = {.protocol = {NULL, 0}};
    struct so_str key, version;
    if (req->method != SO_GET)
        return refuse(err, 405, "a WebSocket begins with GET");
    if (!list_has(req, SO_STR("Upgrade"), SO_STR("websocket")) || !list_has(req, SO_STR("Connection"), SO_STR("upgrade")))
        return refuse(err, 426, "here is a WebSocket: the request must ask for an upgrade to it");
    if (req->has_body && req->body.n > 0)
        return refuse(err, 400, "a WebSocket's request has no body");
    if (!find_single(req, SO_STR("Sec-WebSocket-Version"), &version) || !so_str_eq(version, SO_STR("13")))
        return refuse(err, 426, "Sec-WebSocket-Version must be 13");
    if (!find_single(req, SO_STR("Sec-WebSocket-Key"), &key))
        return refuse(err, 400, "one Sec-WebSocket-Key is needed");
    if (!origin_is_allowed(req, rules))
        return refuse(err, 403, "the page's origin may not connect here");
    int rc = answer_key(key, h.accept, err);
    if (rc == SO_OK)
        rc = choose_protocol(req, rules, &h.protocol, err);
    if (rc == SO_OK)
        rc = read_extensions(req, &rules->deflate, &h.deflate, err);
    if (rc == SO_OK)
        *out = h;
    return rc;
}

void so_ws_handshake_reply(struct so_http_exchange *x, const struct so_ws_handshake *h)
{
    so_http_reply_header(x, SO_STR("Upgrade"), SO_STR("websocket"));
    so_http_reply_header(x, SO_STR("Sec-WebSocket-Accept"), so_str_c(h->accept));
    if (h->protocol.p != NULL)
        so_http_reply_header(x, SO_STR("Sec-WebSocket-Protocol"), h->protocol);
    if (!h->deflate.is_on)
        return;
    char value[SO_WS_EXTENSIONS_SIZE];
    so_ws_extensions_write(value, &h->deflate);
    so_http_reply_header(x, SO_STR("Sec-WebSocket-Extensions"), so_str_c(value));
}

void so_ws_handshake_refuse(struct so_http_exchange *x, const struct so_err *err)
{
    int status = err->status != 0 ? err->status : err->code == SO_ENOMEM ? 503 : 400;
    so_http_reply_header(x, SO_STR("Content-Type"), SO_STR("application/json"));
    if (status == 405)
        so_http_reply_header(x, SO_STR("Allow"), SO_STR("GET"));
    if (status == 426) {
        so_http_reply_header(x, SO_STR("Upgrade"), SO_STR("websocket"));
        so_http_reply_header(x, SO_STR("Sec-WebSocket-Version"), SO_STR("13"));
    }
    so_buf_printf(so_http_reply_body(x), "{\"message\":\"%s\"}", err->message); /* our own texts, with nothing to escape */
    so_http_reply_send(x, status);
}
