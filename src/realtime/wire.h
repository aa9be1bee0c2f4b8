/* wire.h: the messages of Phoenix channels, as the two serializers write them (PROTOCOL.md section 7.2).
 *
 *   1.0.0  {"topic":...,"event":...,"payload":{...},"ref":"1","join_ref":"1"}
 *   2.0.0  [join_ref, ref, topic, event, payload], and broadcasts in binary: kind 3 to the server, kind 4 from it
 *
 * Pure: bytes in, a struct out, and back.   Limits: SO_WIRE_NAME_MAX.   Never: blocks. */
#ifndef SO_REALTIME_WIRE_H
#define SO_REALTIME_WIRE_H

#include "core/arena.h"
#include "core/buf.h"
#include "json/json.h"

enum so_wire_version { SO_WIRE_V1 = 1, SO_WIRE_V2 = 2 };

enum {
    SO_WIRE_NAME_MAX = 255, /* bytes of topic, event, refs: a length is one byte in a binary frame */
    SO_WIRE_DEPTH_MAX = 128 /* nesting of a payload */
};

/* What the body of a broadcast is. */
enum so_wire_encoding {
    SO_WIRE_BYTES = 0, /* the numbers of binary frames */
    SO_WIRE_JSON = 1,
    SO_WIRE_WHOLE = 2 /* no binary frame: the body is the payload of the text form, {"type","event","payload"} and all */
};

struct so_wire_message {
    struct so_str join_ref, ref; /* as JSON: "null", or a text with its quotes, or a number */
    struct so_str topic, event;
    const struct so_json *payload; /* NULL: a binary broadcast */
    /* Of a binary broadcast only: event is "broadcast". */
    struct so_str user_event, body;
    struct so_str meta; /* JSON as the client wrote it, or empty */
    enum so_wire_encoding encoding;
};

/* From a frame.  All text borrows from the frame or lies in `arena`.  SO_EINVAL: not a message; SO_ELIMIT; SO_ENOMEM. */
int so_wire_read_text(enum so_wire_version version, struct so_str frame, struct so_arena *arena,
                      struct so_wire_message *out) SO_MUST_CHECK;
int so_wire_read_binary(struct so_str frame, struct so_arena *arena, struct so_wire_message *out) SO_MUST_CHECK;

/* Writes a text frame.  payload is JSON; refs are JSON as above. */
struct so_wire_head {
    struct so_str join_ref, ref, topic, event;
};
void so_wire_put(struct so_buf *out, enum so_wire_version version, const struct so_wire_head *head, struct so_str payload);
extern const struct so_str SO_WIRE_NULL; /* "null" */

/* A broadcast on its way to clients. */
struct so_wire_broadcast {
    struct so_str topic;      /* "realtime:room" */
    struct so_str event;      /* the user's; not of SO_WIRE_WHOLE */
    struct so_str body, meta; /* meta: JSON, or empty */
    enum so_wire_encoding encoding;
};
/* The frame for clients of that version.  *out_is_binary says of which kind it is.  False: these clients cannot get it
 * (bytes, in 1.0.0). */
bool so_wire_put_broadcast(struct so_buf *out, enum so_wire_version version, const struct so_wire_broadcast *b,
                           bool *out_is_binary);

#endif
