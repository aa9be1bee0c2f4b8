/* extension.h: Sec-WebSocket-Extensions (RFC 6455 section 9.1): read in one pass, and permessage-deflate chosen from it
 * (RFC 7692 section 7.1).   Never: allocates. */
#ifndef SO_WS_EXTENSION_H
#define SO_WS_EXTENSION_H

#include "core/base.h"
#include "core/str.h"

/* What this side wants of permessage-deflate. */
struct so_ws_deflate_rules {
    bool is_on;
    /* Keep windows between messages when the client agrees: smaller messages for up to 300 KiB of memory a connection.
     * Otherwise neither side keeps one, and a connection costs nothing. */
    bool keeps_window;
    size_t threshold; /* bytes: shorter messages are sent as they are */
};

/* What was agreed on. */
struct so_ws_deflate_terms {
    bool is_on;
    bool server_keeps_window, client_keeps_window;
    uint8_t server_bits, client_bits;        /* of the windows: 9 .. 15 and 8 .. 15 */
    bool says_server_bits, says_client_bits; /* the offer named them, so the answer does */
};

/* Reads one header value, and accepts the first offer in it that we can fulfil, unless *terms holds one already.
 * False when the value is malformed. */
bool so_ws_extensions_read(struct so_str value, const struct so_ws_deflate_rules *rules,
                           struct so_ws_deflate_terms *terms) SO_MUST_CHECK;
/* Writes the answer's value, NUL-terminated. */
enum { SO_WS_EXTENSIONS_SIZE = 160 };
void so_ws_extensions_write(char out[SO_WS_EXTENSIONS_SIZE], const struct so_ws_deflate_terms *terms);

/* Takes a token (RFC 9110 section 5.6.2) off the front; empty when there is none. */
struct so_str so_ws_take_token(struct so_str *rest);
/* Takes blanks and tabs off the front. */
void so_ws_skip_blanks(struct so_str *rest);

#endif
