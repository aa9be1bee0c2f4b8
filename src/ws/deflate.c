/* deflate.c: a message is a run of deflate blocks that a flush ended, without the four bytes that every flush ends with. */
#include "ws/deflate.h"

#include <limits.h>
#define ZLIB_CONST /* input that zlib promises not to write to */
#include <zlib.h>

#include "core/mem.h"

/* What the sender cuts off and the receiver appends (RFC 7692 sections 7.2.1 and 7.2.2). */
static const char TAIL[4] = {0x00, 0x00, (char)0xFF, (char)0xFF};

enum {
    STEP = 16 * 1024, /* room given to zlib at a time */
    LEVEL = 1,        /* 2.9 KB of JSON: 513 bytes in 16 us; with zlib's default, 6: 465 in 30 (2026-11) */
    MEMORY_LEVEL = 8
};

struct so_ws_deflater {
    z_stream z;
    bool keeps_window;
};
struct so_ws_inflater {
    z_stream z;
    bool keeps_window;
};

static void *zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return so_calloc(count, size);
}

static void zlib_free(void *opaque, void *memory)
{
    (void)opaque;
    so_free(memory);
}

/* Lets zlib write to the end of `out`: room before the call, and what was written after it. */
static bool give_room(z_stream *z, struct so_buf *out)
{
    size_t room = so_min_size(STEP, out->max - out->len);
    char *to = room == 0 ? NULL : so_buf_reserve(out, room);
    if (to == NULL) {
        if (out->rc == SO_OK)
            out->rc = SO_ELIMIT;
        return false;
    }
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)room;
    return true;
}

static void take_written(const z_stream *z, struct so_buf *out) { out->len = (size_t)((char *)z->next_out - out->p); }

/* zlib counts input in an int: takes as much off the front of *input as fits one. */
static void give_input(z_stream *z, struct so_str *input)
{
    size_t n = so_min_size(input->n, INT_MAX);
    z->next_in = (const Bytef *)input->p;
    z->avail_in = (uInt)n;
    *input = so_str_slice(*input, n, input->n);
}

/* ---- compressing ---- */

struct so_ws_deflater *so_ws_deflater_new(int window_bits, bool keeps_window)
{
    struct so_ws_deflater *d = so_calloc(1, sizeof(*d));
    if (d == NULL)
        return NULL;
    d->keeps_window = keeps_window;
    d->z.zalloc = zlib_alloc;
    d->z.zfree = zlib_free;
    if (deflateInit2(&d->z, LEVEL, Z_DEFLATED, -window_bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK)
        return d;
    so_free(d);
    return NULL;
}

void so_ws_deflater_free(struct so_ws_deflater *d)
{
    if (d == NULL)
        return;
    (void)deflateEnd(&d->z);
    so_free(d);
}

int so_ws_deflate(struct so_ws_deflater *d, struct so_str message, struct so_buf *out)
{
    z_stream *z = &d->z;
    if (!d->keeps_window)
        (void)deflateReset(z);
    size_t start = out->len;
    do {
        give_input(z, &message);
        do { /* the flush is complete when room is left over */
            if (!give_room(z, out))
                return out->rc;
            (void)deflate(z, message.n > 0 ? Z_NO_FLUSH : Z_SYNC_FLUSH); /* can fail only for lack of room */
            take_written(z, out);
        } while (z->avail_out == 0);
    } while (message.n > 0);
    if (out->len - start >= sizeof(TAIL) && memcmp(out->p + out->len - sizeof(TAIL), TAIL, sizeof(TAIL)) == 0)
        out->len -= sizeof(TAIL);
    if (out->len == start)
        so_buf_putc(out, 0); /* an empty message is an empty block (RFC 7692 section 7.2.3.6) */
    return out->rc;
}

/* ---- and back ---- */

struct so_ws_inflater *so_ws_inflater_new(int window_bits, bool keeps_window)
{
    struct so_ws_inflater *d = so_calloc(1, sizeof(*d));
    if (d == NULL)
        return NULL;
    d->keeps_window = keeps_window;
    d->z.zalloc = zlib_alloc;
    d->z.zfree = zlib_free;
    if (inflateInit2(&d->z, -window_bits) == Z_OK)
        return d;
    so_free(d);
    return NULL;
}

void so_ws_inflater_free(struct so_ws_inflater *d)
{
    if (d == NULL)
        return;
    (void)inflateEnd(&d->z);
    so_free(d);
}

/* After a block that calls itself the last, more blocks may follow, and look back beyond it (RFC 7692 section 7.2.3.4); zlib
 * forgets its window on a reset. */
static int go_on_after_last_block(z_stream *z)
{
    enum { WINDOW = 1 << SO_WS_WINDOW_MAX };
    uInt size = 0;
    Bytef *window = so_malloc(WINDOW);
    if (window == NULL)
        return SO_ENOMEM;
    bool is_done = inflateGetDictionary(z, window, &size) == Z_OK && inflateReset(z) == Z_OK &&
                   inflateSetDictionary(z, window, size) == Z_OK;
    so_free(window);
    return is_done ? SO_OK : SO_ENOMEM;
}

/* Inflates all of z's input. */
static int inflate_input(z_stream *z, struct so_buf *out)
{
    for (;;) {
        if (!give_room(z, out))
            return out->rc;
        int rc = inflate(z, Z_SYNC_FLUSH);
        take_written(z, out);
        if (rc == Z_STREAM_END) {
            rc = go_on_after_last_block(z);
            if (rc != SO_OK)
                return rc;
            if (z->avail_in == 0)
                return SO_OK;
        } else if (rc == Z_MEM_ERROR) {
            return SO_ENOMEM;
        } else if (rc != Z_OK && rc != Z_BUF_ERROR) { /* the latter: nothing to do, for lack of input */
            return SO_EINVAL;
        } else if (z->avail_in == 0 && z->avail_out > 0) {
            return SO_OK;
        }
    }
}

int so_ws_inflate(struct so_ws_inflater *d, struct so_str compressed, struct so_buf *out)
{
    z_stream *z = &d->z;
    if (!d->keeps_window)
        (void)inflateReset(z);
    int rc = SO_OK;
    while (rc == SO_OK && compressed.n > 0) {
        give_input(z, &compressed);
        rc = inflate_input(z, out);
    }
    struct so_str tail = so_str(TAIL, sizeof(TAIL));
    if (rc == SO_OK) {
        give_input(z, &tail);
        rc = inflate_input(z, out);
    }
    /* The tail must have been read as the empty block that it is: a message that was cut would have eaten it. */
    enum { BETWEEN_BLOCKS = 128, UNUSED_BITS = 63 };
    if (rc == SO_OK && ((z->data_type & BETWEEN_BLOCKS) == 0 || (z->data_type & UNUSED_BITS) != 0))
        return SO_EINVAL;
    return rc;
}
