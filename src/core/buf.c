/* buf.c: grow by doubling, latch the first failure. */
#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/mem.h"

enum { CAP_MIN = 256 };

void so_buf_init(struct so_buf *b, size_t max) { *b = (struct so_buf){.max = max}; }

void so_buf_deinit(struct so_buf *b)
{
    so_free(b->p);
    so_buf_init(b, b->max);
}

void so_buf_reset(struct so_buf *b)
{
    b->len = 0;
    b->rc = SO_OK;
}

char *so_buf_take(struct so_buf *b, size_t *out_len)
{
    char *p = b->p;
    if (out_len != NULL)
        *out_len = b->len;
    so_buf_init(b, b->max);
    return p;
}

char *so_buf_reserve_slow(struct so_buf *b, size_t n)
{
    if (b->rc != SO_OK)
        return NULL;
    if (n > b->max || b->len > b->max - n) {
        b->rc = SO_ELIMIT;
        return NULL;
    }
    if (n <= b->cap - b->len && b->p != NULL)
        return b->p + b->len;
    size_t cap = so_min_size(so_max_size(b->cap, CAP_MIN), b->max); /* max >= len + n was checked above */
    while (cap < b->len + n)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    char *p = so_realloc(b->p, cap);
    if (p == NULL) {
        b->rc = SO_ENOMEM;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    return b->p + b->len;
}

void so_buf_put_u64(struct so_buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    so_buf_put(b, digits + at, sizeof(digits) - at);
}

void so_buf_put_i64(struct so_buf *b, int64_t value)
{
    if (value < 0)
        so_buf_putc(b, '-');
    so_buf_put_u64(b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void so_buf_printf(struct so_buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    /* vsnprintf() writes a NUL too: reserve it, do not count it. */
    char *to = len < 0 ? NULL : so_buf_reserve(b, (size_t)len + 1);
    if (to != NULL) {
        vsnprintf(to, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

void so_buf_put_url(struct so_buf *b, struct so_str s)
{
    static const char HEX[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                     c == '_' || c == '~';
        if (plain)
            so_buf_putc(b, (char)c);
        else
            so_buf_put(b, (char[]){'%', HEX[c >> 4], HEX[c & 15]}, 3);
    }
}

const char *so_buf_cstr(struct so_buf *b)
{
    char *end = so_buf_reserve(b, 1);
    if (end == NULL)
        return "";
    *end = '\0';
    return b->p;
}

int so_buf_check(const struct so_buf *b, const char *what, struct so_err *err)
{
    if (b->rc == SO_ENOMEM)
        return so_err_oom(err);
    if (b->rc == SO_ELIMIT)
        return so_fail_http(err, SO_ELIMIT, 413, "54000", "%s is larger than the limit of %zu bytes", what, b->max);
    return SO_OK;
}
