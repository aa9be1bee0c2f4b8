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

/* Eight bytes, the first of them lowest, whatever the machine's byte order. */
static inline uint64_t so_scan_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The last n < 8 bytes of a text: zeros follow them in the word. */
static inline uint64_t so_scan_load_last(const char *at, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)(unsigned char)at[i] << (8 * i);
    return word;
}

/* Which byte of a word is the first that a mask of 0x80s marks. */
static inline unsigned so_scan_first(uint64_t mask) { return (unsigned)__builtin_ctzll(mask) / 8; }

/* 0x80 in the first byte that is below n (n <= 128); not to be trusted above it. */
static inline uint64_t so_scan_below(uint64_t word, unsigned char n)
{
    return (word - SO_SCAN_ALL(n)) & ~word & SO_SCAN_ALL(0x80);
}

/* The same for a quote, a backslash or a control character. */
static inline uint64_t so_scan_special(uint64_t word)
{
    return so_scan_below(word, 0x20) | so_scan_below(word ^ SO_SCAN_ALL('"'), 1) |
           so_scan_below(word ^ SO_SCAN_ALL('\\'), 1);
}

/* 0x80 in every byte that is no digit. */
static inline uint64_t so_scan_non_digits(uint64_t word)
{
    word ^= SO_SCAN_ALL('0'); /* digits are 0..9 now; adding 0x76 sets the top bit from 10 on */
    return (((word & SO_SCAN_ALL(0x7F)) + SO_SCAN_ALL(0x76)) | word) & SO_SCAN_ALL(0x80);
}

/* Of the bytes before the first hit, is one above 0x7F?  (mask - 1) & ~mask is all bits below its lowest. */
static inline bool so_scan_high_before(uint64_t high, uint64_t hits) { return (high & (hits - 1) & ~hits) != 0; }

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
            *non_ascii |= so_scan_high_before(high, hits);
            return at + __builtin_ctz(hits);
        }
        *non_ascii |= high != 0;
        at += 16;
    }
#endif
    while (at < end) {
        size_t n = so_min_size((size_t)(end - at), 8);
        uint64_t word = n == 8 ? so_scan_load(at) : so_scan_load_last(at, n), high = word & SO_SCAN_ALL(0x80);
        uint64_t hits = so_scan_special(word); /* a zero after the end is one, too */
        if (hits != 0) {
            *non_ascii |= so_scan_high_before(high, hits);
            return at + so_scan_first(hits);
        }
        *non_ascii |= high != 0;
        at += n;
    }
    return at;
}

static inline bool so_scan_is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/* The first byte that is not white space, or `end`; the long way, for indentation. */
static inline const char *so_scan_indentation(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i blank = _mm_set1_epi8(' '), line = _mm_set1_epi8('\n'), back = _mm_set1_epi8('\r'),
                  tab = _mm_set1_epi8('\t');
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i space = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, blank), _mm_cmpeq_epi8(bytes, line)),
                                     _mm_or_si128(_mm_cmpeq_epi8(bytes, back), _mm_cmpeq_epi8(bytes, tab)));
        unsigned others = (unsigned)_mm_movemask_epi8(space) ^ 0xFFFF;
        if (others != 0)
            return at + __builtin_ctz(others);
        at += 16;
    }
#endif
    while (at < end && so_scan_is_space(*at))
        at++;
    return at;
}

/* The first byte that is not white space, or `end`. */
static inline const char *so_scan_space(const char *at, const char *end)
{
    /* None is the common case by far, then one blank. */
    if (end - at >= 2) {
        if ((unsigned char)*at > ' ')
            return at;
        if (*at == ' ' && (unsigned char)at[1] > ' ')
            return at + 1;
    }
    return so_scan_indentation(at, end);
}

static inline bool so_scan_is_digit(char c) { return c >= '0' && c <= '9'; }

/* The first byte that is not a digit, or `end`. */
static inline const char *so_scan_digits(const char *at, const char *end)
{
    while (at < end) {
        size_t n = so_min_size((size_t)(end - at), 8);
        uint64_t others = so_scan_non_digits(n == 8 ? so_scan_load(at) : so_scan_load_last(at, n));
        if (others != 0)
            return at + so_scan_first(others);
        at += n;
    }
    return at;
}

#endif
