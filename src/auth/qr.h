/* qr.h: a QR code (ISO/IEC 18004) of some bytes, and the same as a picture: byte mode, error correction level M.
 * Stands alone.   Limits: SO_QR_TEXT_MAX bytes.   Threads: any. */
#ifndef SO_AUTH_QR_H
#define SO_AUTH_QR_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"

enum {
    SO_QR_TEXT_MAX = 2331, /* what version 40 holds at level M */
    SO_QR_SIDE_MAX = 177
};
enum { SO_QR_MASK_BEST = -1 }; /* else 0..7 */

struct so_qr {
    size_t side;            /* modules, without the quiet zone */
    const uint8_t *modules; /* side * side, row by row: 1 is dark; in the arena */
};

/* The smallest version that holds the text.  SO_ELIMIT, SO_ENOMEM. */
int so_qr_make(struct so_str text, int mask, struct so_arena *arena, struct so_qr *out, struct so_err *err) SO_MUST_CHECK;

/* An SVG document with a quiet zone of four modules.  It needs no escaping in a data: URL (no '#', no '%') nor inside
 * double quotes. */
void so_qr_put_svg(const struct so_qr *qr, struct so_buf *out);

#endif
