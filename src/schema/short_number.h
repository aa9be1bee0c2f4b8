/* short_number.h: numbers of up to 18 digits without an exponent, as digits and scale: exact, and compared in a few
 * nanoseconds.  All others go through json/number.c. */
#ifndef SO_SCHEMA_SHORT_NUMBER_H
#define SO_SCHEMA_SHORT_NUMBER_H

#include "json/json.h"

enum { SO_SHORT_DIGITS_MAX = 18 };

/* digits / 10^scale */
struct so_short {
    int64_t digits;
    uint32_t scale;
};

static inline __int128 so_short_power(uint32_t exponent)
{
    static const int64_t POWERS[SO_SHORT_DIGITS_MAX + 1] = {1,
                                                            10,
                                                            100,
                                                            1000,
                                                            10000,
                                                            100000,
                                                            1000000,
                                                            10000000,
                                                            100000000,
                                                            1000000000,
                                                            10000000000,
                                                            100000000000,
                                                            1000000000000,
                                                            10000000000000,
                                                            100000000000000,
                                                            1000000000000000,
                                                            10000000000000000,
                                                            100000000000000000,
                                                            1000000000000000000};
    return POWERS[exponent];
}

/* False when the number is not short. */
static inline bool so_short_read(const struct so_json *v, struct so_short *out)
{
    if (v->type == SO_JSON_INT) {
        *out = (struct so_short){v->u.i, 0};
        return true;
    }
    const char *p = v->u.text, *end = p + v->len;
    bool negative = *p == '-', point = false;
    if (v->len > SO_SHORT_DIGITS_MAX + 2U) /* a sign and a point */
        return false;
    uint64_t digits = 0; /* at most 20 digits: may wrap, but then they are too many */
    uint32_t scale = 0;
    for (p += negative; p < end; p++) {
        if (*p >= '0' && *p <= '9') {
            digits = digits * 10 + (uint64_t)(*p - '0');
            scale += point;
        } else if (*p == '.') {
            point = true;
        } else {
            return false;
        }
    }
    *out = (struct so_short){negative ? -(int64_t)digits : (int64_t)digits, scale};
    return v->len - negative - point <= SO_SHORT_DIGITS_MAX;
}

/* -1, 0 or 1. */
static inline int so_short_compare(struct so_short a, struct so_short b)
{
    __int128 x = a.digits, y = b.digits;
    if (a.scale < b.scale)
        x *= so_short_power(b.scale - a.scale);
    else if (b.scale < a.scale)
        y *= so_short_power(a.scale - b.scale);
    return (x > y) - (x < y);
}

/* Whether the number's text is plain: neither 'e' nor 'E', which are the only ones of its bytes with this bit. */
static inline bool so_is_plain(const char *p, size_t n)
{
    const uint64_t MARK = 0x4040404040404040ULL;
    uint64_t word, bits = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, p + i, 8);
        bits |= word;
    }
    if (n >= 8) { /* the rest, with some of what was seen */
        memcpy(&word, p + n - 8, 8);
        bits |= word;
    } else {
        for (; i < n; i++)
            bits |= (unsigned char)p[i];
    }
    return (bits & MARK) == 0;
}

/* How the SO_JSON_NUMBER v stands to a whole number: -1, 0, 1; 2 when this way does not tell.  Looks at the fraction only
 * when the whole part is the limit. */
static inline int so_order_to_integer(const struct so_json *v, int64_t limit)
{
    const char *p = v->u.text, *end = p + v->len;
    bool negative = *p == '-';
    if (!so_is_plain(p, v->len))
        return 2;
    int64_t whole = 0;
    p += negative;
    for (const char *stop = p + SO_SHORT_DIGITS_MAX; p < end && *p != '.'; p++) {
        if (p == stop)
            return 2;
        whole = whole * 10 + (*p - '0');
    }
    if (negative)
        whole = -whole;
    if (whole != limit)
        return whole < limit ? -1 : 1;
    for (p++; p < end; p++)
        if (*p != '0')
            return negative ? -1 : 1;
    return 0;
}

/* Whether a is a whole multiple of b, b > 0. */
static inline bool so_short_is_multiple(struct so_short a, struct so_short b)
{
    __int128 x = a.digits, y = b.digits;
    if (a.scale < b.scale)
        x *= so_short_power(b.scale - a.scale);
    else if (b.scale < a.scale)
        y *= so_short_power(a.scale - b.scale);
    return x % y == 0;
}

#endif
