/* extension.c: the grammar, with every byte looked at once:
 *
 *   extensions = extension *( "," extension )        extension = token *( ";" parameter )
 *   parameter  = token [ "=" ( token | quoted token ) ] */
#include "ws/extension.h"

#include <stdio.h>

#include "ws/deflate.h"

static bool is_token_char(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static void drop(struct so_str *rest, size_t n) { *rest = so_str_slice(*rest, n, rest->n); }

void so_ws_skip_blanks(struct so_str *rest)
{
    size_t n = 0;
    while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'))
        n++;
    drop(rest, n);
}

struct so_str so_ws_take_token(struct so_str *rest)
{
    size_t n = 0;
    while (n < rest->n && is_token_char(rest->p[n]))
        n++;
    struct so_str token = so_str_slice(*rest, 0, n);
    drop(rest, n);
    return token;
}

/* Takes `c` and the blanks around it off the front, if it is there. */
static bool take_char(struct so_str *rest, char c)
{
    so_ws_skip_blanks(rest);
    if (rest->n == 0 || rest->p[0] != c)
        return false;
    drop(rest, 1);
    so_ws_skip_blanks(rest);
    return true;
}

/* A value may be quoted, but must be a token inside (RFC 6455 section 9.1), so nothing in it needs an escape. */
static bool take_value(struct so_str *rest, struct so_str *out)
{
    bool is_quoted = rest->n > 0 && rest->p[0] == '"';
    if (is_quoted)
        drop(rest, 1);
    *out = so_ws_take_token(rest);
    if (out->n == 0)
        return false;
    if (!is_quoted)
        return true;
    if (rest->n == 0 || rest->p[0] != '"')
        return false;
    drop(rest, 1);
    return true;
}

/* ---- one offer of permessage-deflate ---- */

enum parameter { SERVER_NO_TAKEOVER, CLIENT_NO_TAKEOVER, SERVER_BITS, CLIENT_BITS, PARAMETERS };
enum value { VALUE_NONE, VALUE_BITS, VALUE_BITS_OR_NONE };

static const struct {
    struct so_str name;
    enum value value;
} PARAMETER[PARAMETERS] = {
    [SERVER_NO_TAKEOVER] = {SO_STR_INIT("server_no_context_takeover"), VALUE_NONE},
    [CLIENT_NO_TAKEOVER] = {SO_STR_INIT("client_no_context_takeover"), VALUE_NONE},
    [SERVER_BITS] = {SO_STR_INIT("server_max_window_bits"), VALUE_BITS},
    [CLIENT_BITS] = {SO_STR_INIT("client_max_window_bits"), VALUE_BITS_OR_NONE},
};

struct offer {
    bool is_deflate; /* and has not shown a fault that makes us decline it (RFC 7692 section 7.1) */
    bool is_set[PARAMETERS];
    unsigned bits[PARAMETERS]; /* 0: without value */
};

/* 8 .. 15 without leading zero; else 0. */
static unsigned read_bits(struct so_str text)
{
    uint64_t bits;
    if (text.n == 0 || text.p[0] == '0' || !so_str_to_u64(text, &bits) || bits < 8 || bits > SO_WS_WINDOW_MAX)
        return 0;
    return (unsigned)bits;
}

/* value.p is NULL when there is none. */
static void add_parameter(struct offer *offer, struct so_str name, struct so_str value)
{
    size_t i = 0;
    while (i < PARAMETERS && !so_str_eq_nocase(name, PARAMETER[i].name))
        i++;
    if (i == PARAMETERS || offer->is_set[i]) {
        offer->is_deflate = false; /* unknown, or said twice */
        return;
    }
    offer->is_set[i] = true;
    bool has_value = value.p != NULL;
    offer->bits[i] = has_value ? read_bits(value) : 0;
    bool is_right[] = {
        [VALUE_NONE] = !has_value,
        [VALUE_BITS] = offer->bits[i] != 0,
        [VALUE_BITS_OR_NONE] = !has_value || offer->bits[i] != 0,
    };
    if (!is_right[PARAMETER[i].value])
        offer->is_deflate = false;
}

static bool read_offer(struct so_str *rest, struct offer *offer)
{
    struct so_str name = so_ws_take_token(rest);
    *offer = (struct offer){.is_deflate = so_str_eq_nocase(name, SO_STR("permessage-deflate"))};
    if (name.n == 0)
        return false;
    while (take_char(rest, ';')) {
        struct so_str parameter = so_ws_take_token(rest), value = {NULL, 0};
        if (parameter.n == 0 || (take_char(rest, '=') && !take_value(rest, &value)))
            return false;
        add_parameter(offer, parameter, value);
    }
    return true;
}

static void accept_offer(const struct offer *offer, const struct so_ws_deflate_rules *rules,
                         struct so_ws_deflate_terms *terms)
{
    unsigned server_bits = offer->is_set[SERVER_BITS] ? offer->bits[SERVER_BITS] : SO_WS_WINDOW_MAX;
    unsigned client_bits = offer->bits[CLIENT_BITS] != 0 ? offer->bits[CLIENT_BITS] : SO_WS_WINDOW_MAX;
    if (!offer->is_deflate || server_bits < SO_WS_WINDOW_MIN)
        return;
    *terms = (struct so_ws_deflate_terms){
        .is_on = true,
        .server_keeps_window = rules->keeps_window && !offer->is_set[SERVER_NO_TAKEOVER],
        .client_keeps_window = rules->keeps_window && !offer->is_set[CLIENT_NO_TAKEOVER],
        .server_bits = (uint8_t)server_bits,
        .client_bits = (uint8_t)client_bits,
        .says_server_bits = offer->is_set[SERVER_BITS],
        .says_client_bits = offer->bits[CLIENT_BITS] != 0,
    };
}

bool so_ws_extensions_read(struct so_str value, const struct so_ws_deflate_rules *rules, struct so_ws_deflate_terms *terms)
{
    so_ws_skip_blanks(&value);
    do {
        struct offer offer;
        if (!read_offer(&value, &offer))
            return false;
        if (rules->is_on && !terms->is_on)
            accept_offer(&offer, rules, terms);
    } while (take_char(&value, ','));
    return value.n == 0;
}

void so_ws_extensions_write(char out[SO_WS_EXTENSIONS_SIZE], const struct so_ws_deflate_terms *terms)
{
    char server_bits[32] = "", client_bits[32] = "";
    if (terms->says_server_bits)
        (void)snprintf(server_bits, sizeof(server_bits), "; server_max_window_bits=%u", terms->server_bits);
    if (terms->says_client_bits)
        (void)snprintf(client_bits, sizeof(client_bits), "; client_max_window_bits=%u", terms->client_bits);
    (void)snprintf(out, SO_WS_EXTENSIONS_SIZE, "permessage-deflate%s%s%s%s",
                   terms->server_keeps_window ? "" : "; server_no_context_takeover",
                   terms->client_keeps_window ? "" : "; client_no_context_takeover", server_bits, client_bits);
}
