/* deflate.h: the messages of permessage-deflate (RFC 7692 section 7.2), whole ones, on zlib.
 *
 * A stream that starts every message afresh ("no context takeover") keeps nothing between two, so one serves all connections
 * of a thread; one that keeps its window belongs to a connection.   Owns: zlib's memory, which is so_malloc()'s. */
#ifndef SO_WS_DEFLATE_H
#define SO_WS_DEFLATE_H

#include "core/buf.h"
#include "core/err.h"

enum {
    SO_WS_WINDOW_MIN = 9, /* zlib has no raw deflate with 8: asked for it, old versions used 9 and cheated the reader */
    SO_WS_WINDOW_MAX = 15
};

struct so_ws_deflater;
struct so_ws_inflater;

/* window_bits: SO_WS_WINDOW_MIN .. SO_WS_WINDOW_MAX.  NULL: out of memory. */
struct so_ws_deflater *so_ws_deflater_new(int window_bits, bool keeps_window);
void so_ws_deflater_free(struct so_ws_deflater *d); /* NULL is fine */
/* Appends the compressed message to `out`: SO_OK, SO_ENOMEM, or SO_ELIMIT when it does not fit.  After a failure a stream
 * that keeps its window is of no use any more. */
int so_ws_deflate(struct so_ws_deflater *d, struct so_str message, struct so_buf *out) SO_MUST_CHECK;

struct so_ws_inflater *so_ws_inflater_new(int window_bits, bool keeps_window);
void so_ws_inflater_free(struct so_ws_inflater *d);
/* Appends the message to `out`, whose maximum is what guards against bombs.  SO_EINVAL: that is not deflate's format. */
int so_ws_inflate(struct so_ws_inflater *d, struct so_str compressed, struct so_buf *out) SO_MUST_CHECK;

#endif
