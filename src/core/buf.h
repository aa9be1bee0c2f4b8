/* buf.h: bytes that grow, up to a maximum.
 * The first failure (memory, maximum) is kept in `rc` and every later write is ignored, so a builder writes in a straight
 * line and asks once at the end.   Owns: its bytes.   Threads: one at a time. */
#ifndef SO_CORE_BUF_H
#define SO_CORE_BUF_H

#include <string.h>

#include "core/base.h"
#include "core/err.h"
#include "core/str.h"

struct so_buf {
    char *p;
    size_t len, cap;
    size_t max; /* bytes */
    int rc;     /* SO_OK, SO_ENOMEM or SO_ELIMIT: the first failure */
};

/* No allocation happens before the first write. */
void so_buf_init(struct so_buf *b, size_t max);
void so_buf_deinit(struct so_buf *b); /* a zeroed buffer is fine; usable again after it, empty */
void so_buf_reset(struct so_buf *b);  /* empty, memory kept, rc cleared */
/* Moves the bytes out: the caller frees them with so_free().  The buffer is empty after it. */
char *so_buf_take(struct so_buf *b, size_t *out_len);

/* Room for n more bytes at p + len, not counted yet; NULL (and rc set) when there can be none. */
char *so_buf_reserve_slow(struct so_buf *b, size_t n);
static inline char *so_buf_reserve(struct so_buf *b, size_t n)
{
    if (SO_LIKELY(n <= b->cap - b->len && b->rc == SO_OK))
        return b->p + b->len;
    return so_buf_reserve_slow(b, n);
}
static inline void so_buf_put(struct so_buf *b, const void *bytes, size_t n)
{
    char *to = n == 0 ? NULL : so_buf_reserve(b, n); /* an empty buffer has no bytes to point at */
    if (to == NULL)
        return;
    memcpy(to, bytes, n);
    b->len += n;
}
static inline void so_buf_putc(struct so_buf *b, char c)
{
    char *to = so_buf_reserve(b, 1);
    if (to == NULL)
        return;
    *to = c;
    b->len++;
}
static inline void so_buf_puts(struct so_buf *b, const char *text) { so_buf_put(b, text, strlen(text)); }
static inline void so_buf_put_str(struct so_buf *b, struct so_str s) { so_buf_put(b, s.p, s.n); }
/* A string literal. */
#define so_buf_lit(b, literal) so_buf_put((b), "" literal, sizeof(literal) - 1)
void so_buf_put_i64(struct so_buf *b, int64_t value);
void so_buf_put_u64(struct so_buf *b, uint64_t value);
void so_buf_printf(struct so_buf *b, const char *format, ...) SO_PRINTF(2, 3);
/* Appends `s` in %XX form, all bytes but the unreserved ones of RFC 3986 section 2.3. */
void so_buf_put_url(struct so_buf *b, struct so_str s);

static inline struct so_str so_buf_str(const struct so_buf *b) { return (struct so_str){b->p == NULL ? "" : b->p, b->len}; }
/* A NUL after the bytes, not counted; "" when memory ran out. */
const char *so_buf_cstr(struct so_buf *b);
/* Turns a kept failure into err: SO_OK, SO_ENOMEM, or SO_ELIMIT naming `what`. */
int so_buf_check(const struct so_buf *b, const char *what, struct so_err *err) SO_MUST_CHECK;

#endif
