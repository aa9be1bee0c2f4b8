/* scan.h: find the bytes that matter in JSON text, many at a time: 16 with SSE2, 8 with plain 64-bit words.
 * Private to json/.   Never: reads outside [at, end). */
#ifndef SO_JSON_SCAN_H
#define SO_JSON_SCAN_H

#include <string.h>

#include "core/base.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The byte `c` in each byte of a word. */
#define SO_SCAN_ALL(c) (0x0101010101010101ULL * (unsigned char)(c))

static inline uint64_t so_scan_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Non-zero when a byte of the word is below n (n <= 128). */
static inline uint64_t so_scan_below(uint64_t word, unsigned char n)
{
    return (word - SO_SCAN_ALL(n)) & ~word & SO_SCAN_ALL(0x80);
}

/* Non-zero when a byte of the word is a quote, a backslash or a control character. */
static inline uint64_t so_scan_special(uint64_t word)
{
    return so_scan_below(word, 0x20) | so_scan_below(word ^ SO_SCAN_ALL('"'), 1) |
           so_scan_below(word ^ SO_SCAN_ALL('\\'), 1);
}

static inline bool so_scan_is_special(unsigned char c) { return c < 0x20 || c == '"' || c == '\\'; }

/* The first byte that a JSON string cannot hold as it is (quote, backslash, control character), or `end`.
 * Sets *non_ascii when a byte above 0x7F comes before it; never clears it. */
static inline const char *so_scan_string(const char *at, const char *end, bool *non_ascii)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i special = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                                       _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
        unsigned hits = (unsigned)_mm_movemask_epi8(special), high = (unsigned)_mm_movemask_epi8(bytes);
        if (hits != 0) {
            *non_ascii |= (high & (hits - 1) & ~hits) != 0; /* only those below the lowest hit */
            return at + __builtin_ctz(hits);
        }
        *non_ascii |= high != 0;
        at += 16;
    }
#endif
    while (end - at >= 8) {
        uint64_t word = so_scan_load(at);
        if (so_scan_special(word) != 0)
            break;
        *non_ascii |= (word & SO_SCAN_ALL(0x80)) != 0;
        at += 8;
    }
    while (at < end && !so_scan_is_special((unsigned char)*at))
        *non_ascii |= (unsigned char)*at++ >= 0x80;
    return at;
}

static inline bool so_scan_is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/* The first byte that is not white space, or `end`. */
static inline const char *so_scan_space(const char *at, const char *end)
{
    if (at < end && (unsigned char)*at > ' ')
        return at; /* the common case by far */
    /* Indentation is one line break, then blanks. */
    while (at < end && so_scan_is_space(*at)) {
        at++;
        while (end - at >= 8 && so_scan_load(at) == SO_SCAN_ALL(' '))
            at += 8;
    }
    return at;
}

static inline bool so_scan_is_digit(char c) { return c >= '0' && c <= '9'; }

/* The first byte that is not a digit, or `end`. */
static inline const char *so_scan_digits(const char *at, const char *end)
{
    while (end - at >= 8) {
        /* '0'..'9' are 0x30..0x39: the high half is 3, and adding 6 leaves it so. */
        uint64_t word = so_scan_load(at);
        if (((word & SO_SCAN_ALL(0xF0)) | (((word + SO_SCAN_ALL(6)) & SO_SCAN_ALL(0xF0)) >> 4)) != SO_SCAN_ALL(0x33))
            break;
        at += 8;
    }
    while (at < end && so_scan_is_digit(*at))
        at++;
    return at;
}

#endif
