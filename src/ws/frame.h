/* frame.h: WebSocket frames (RFC 6455 section 5): bytes of a client in, events out; and the heads of our own.
 *
 *   HEAD --head complete--> PAYLOAD --last byte--> HEAD      any --broken rule--> BAD
 *
 * Strict: reserved bits and opcodes, unmasked frames, lengths in more bytes than needed, control frames that are long or cut
 * in parts, fragments out of order are all errors, and seen at the earliest byte that shows them.
 * Never: allocates, blocks. */
#ifndef SO_WS_FRAME_H
#define SO_WS_FRAME_H

#include "core/base.h"
#include "core/str.h"

enum so_ws_opcode {
    SO_WS_CONTINUATION = 0x0,
    SO_WS_TEXT = 0x1,
    SO_WS_BINARY = 0x2,
    SO_WS_CLOSE = 0x8,
    SO_WS_PING = 0x9,
    SO_WS_PONG = 0xA
};

/* Why a connection ends (RFC 6455 section 7.4.1 and IANA's registry). */
enum so_ws_code {
    SO_WS_NORMAL = 1000,
    SO_WS_GOING_AWAY = 1001,
    SO_WS_PROTOCOL_ERROR = 1002,
    SO_WS_UNSUPPORTED = 1003,
    SO_WS_NO_CODE = 1005,  /* never sent: the close frame was empty */
    SO_WS_DROPPED = 1006,  /* never sent: there was no close frame */
    SO_WS_BAD_DATA = 1007, /* text that is not UTF-8, or does not inflate */
    SO_WS_POLICY = 1008,
    SO_WS_TOO_BIG = 1009,
    SO_WS_EXTENSION_WANTED = 1010,
    SO_WS_INTERNAL = 1011,
    SO_WS_TRY_AGAIN_LATER = 1013
};
/* May it be in a close frame? */
bool so_ws_code_is_valid(unsigned code);

enum {
    SO_WS_CONTROL_MAX = 125, /* bytes of a control frame's payload */
    SO_WS_REASON_MAX = 123,  /* bytes of text in a close frame */
    SO_WS_HEAD_MAX = 14,     /* of a client; ours have no mask and at most 10 */
};

enum so_ws_step {
    SO_WS_MORE,    /* the input is used up */
    SO_WS_HEAD,    /* a frame begins: opcode, is_final, is_compressed, length */
    SO_WS_PAYLOAD, /* some of its payload */
    SO_WS_END,     /* and it was the last; every HEAD has its END */
    SO_WS_BAD      /* code and why; the parser is of no use any more */
};

struct so_ws_parser {
    uint64_t frame_max; /* bytes of payload; beyond it: 1009 */
    bool allows_rsv1;   /* permessage-deflate was agreed on */
    bool is_final;      /* the message's last frame */
    bool is_compressed; /* RSV1 was set on the message's first frame; not meant for control frames */
    uint8_t opcode;     /* of the frame under way; a continuation has its message's */
    uint8_t message;    /* opcode of the message that waits for its continuation; 0: none */
    uint8_t state;      /* private */
    uint8_t head_len;   /* private */
    uint8_t head[SO_WS_HEAD_MAX];
    uint8_t key[4];  /* the mask */
    uint16_t code;   /* enum so_ws_code, of SO_WS_BAD */
    const char *why; /* static text, of SO_WS_BAD */
    uint64_t length; /* of the frame's payload */
    uint64_t at;     /* bytes of it given out before the latest SO_WS_PAYLOAD */
    uint64_t left;   /* bytes of it still to come */
};

void so_ws_parser_init(struct so_ws_parser *p, uint64_t frame_max, bool allows_rsv1);
/* Takes from the front of *input, and says what that was.  Call it until SO_WS_MORE or SO_WS_BAD.
 * *out_payload is set with SO_WS_PAYLOAD only: a part of the input, still masked (so_ws_unmask()). */
enum so_ws_step so_ws_parse(struct so_ws_parser *p, struct so_str *input, struct so_str *out_payload) SO_MUST_CHECK;
/* Writes the payload that so_ws_parse() just gave out. */
void so_ws_unmask(const struct so_ws_parser *p, char *to, struct so_str payload);

static inline bool so_ws_is_control(unsigned opcode) { return opcode >= SO_WS_CLOSE; }

/* The head of a complete message in one frame, unmasked, as servers send them.  Returns its bytes, at most 10. */
size_t so_ws_frame_head(uint8_t out[SO_WS_HEAD_MAX], enum so_ws_opcode opcode, bool is_compressed, uint64_t length);

#endif
