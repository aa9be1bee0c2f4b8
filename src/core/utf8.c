/* utf8.c: check and decode UTF-8 after the table of well-formed sequences (Unicode 15, table 3-7). */
#include "core/utf8.h"

#include <string.h>

/* Length of the well-formed sequence at p, or 0. */
static size_t sequence_length(const unsigned char *p, size_t n)
{
    unsigned char first = p[0];
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    size_t len = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (n < len)
        return 0;
    /* The second byte alone tells overlong forms, surrogates and too large values apart. */
    unsigned char low = 0x80, high = 0xBF;
    switch (first) {
    case 0xE0: low = 0xA0; break;
    case 0xED: high = 0x9F; break;
    case 0xF0: low = 0x90; break;
    case 0xF4: high = 0x8F; break;
    default: break;
    }
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

size_t so_utf8_check(struct so_str s)
{
    size_t at = 0;
    while (at < s.n) {
        uint64_t word;
        /* ASCII goes eight bytes at a time. */
        while (s.n - at >= sizeof(word)) {
            memcpy(&word, s.p + at, sizeof(word));
            if (word & 0x8080808080808080ULL)
                break;
            at += sizeof(word);
        }
        if (at == s.n)
            break;
        size_t len = sequence_length((const unsigned char *)s.p + at, s.n - at);
        if (len == 0)
            return at;
        at += len;
    }
    return at;
}

size_t so_utf8_length(struct so_str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return count;
}

int32_t so_utf8_next(struct so_str s, size_t *at)
{
    if (*at >= s.n)
        return -1;
    const unsigned char *p = (const unsigned char *)s.p + *at;
    size_t len = sequence_length(p, s.n - *at);
    if (len == 0)
        return -1;
    static const unsigned char FIRST_BITS[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    int32_t value = p[0] & FIRST_BITS[len];
    for (size_t i = 1; i < len; i++)
        value = (value << 6) | (p[i] & 0x3F);
    *at += len;
    return value;
}

size_t so_utf8_put(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        if (c >= 0xD800 && c <= 0xDFFF)
            return 0;
        out[0] = (char)(0xE0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    if (c > 0x10FFFF)
        return 0;
    out[0] = (char)(0xF0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

size_t so_utf8_cut(const char *text, size_t max)
{
    size_t n = max;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    return n;
}
