/* handshake.h: is this request the beginning of a WebSocket, and on which terms (RFC 6455 section 4.2)?
 * Pure: a request in, an answer out.   Never: allocates. */
#ifndef SO_WS_HANDSHAKE_H
#define SO_WS_HANDSHAKE_H

#include "core/err.h"
#include "http/http.h"
#include "ws/extension.h"

struct so_ws_handshake_rules {
    /* Pages that may connect: "https://shop.example".  Browsers say which page it is, others need not: a request without
     * Origin is let in.  origin_count 0: any. */
    const struct so_str *origins;
    size_t origin_count;
    /* Subprotocols that are spoken here.  The client's first choice among them is taken; none: the connection has none. */
    const struct so_str *protocols;
    size_t protocol_count;
    struct so_ws_deflate_rules deflate;
};

enum { SO_WS_ACCEPT_SIZE = 28, SO_WS_PROTOCOLS_OFFERED_MAX = 32 };

struct so_ws_handshake {
    char accept[SO_WS_ACCEPT_SIZE + 1]; /* Sec-WebSocket-Accept */
    struct so_str protocol;             /* of rules->protocols; p == NULL: none */
    struct so_ws_deflate_terms deflate;
};

/* SO_EINVAL or SO_EDENIED: err->status is the answer (400, 403, 405, 426).  SO_ENOMEM: OpenSSL has none. */
int so_ws_handshake_read(const struct so_http_request *req, const struct so_ws_handshake_rules *rules,
                         struct so_ws_handshake *out, struct so_err *err) SO_MUST_CHECK;
/* Adds the headers of the answer 101. */
void so_ws_handshake_reply(struct so_http_exchange *x, const struct so_ws_handshake *h);
/* Sends the answer to a request that so_ws_handshake_read() refused; `x` is gone after it. */
void so_ws_handshake_refuse(struct so_http_exchange *x, const struct so_err *err);

#endif
