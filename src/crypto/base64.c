/* base64.c: one loop and one table for both alphabets of RFC 4648.
 *
 * Decoding is canonical: a text that decodes is the only text for its bytes.  Otherwise one token would have several
 * spellings, and whoever keeps a list of tokens (a cache, a revocation list) could be walked around. */
#include "crypto/base64.h"

/* A value of VALUES means the same in both alphabets; URL and STD mark the two digits that do not; BAD is in neither. */
enum { VALUE = 0x3F, URL = 0x40, STD = 0x80, BAD = 0xFF };

static const uint8_t VALUES[128] = {
    BAD,      BAD, BAD, BAD, BAD, BAD,      BAD, BAD,      BAD, BAD,      BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD,      BAD, BAD, BAD, BAD, BAD,      BAD, BAD,      BAD, BAD,      BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD,      BAD, BAD, BAD, BAD, STD | 62, BAD, URL | 62, BAD, STD | 63, 52,  53,  54,  55,  56,  57,  58,  59,  60,
    61,       BAD, BAD, BAD, BAD, BAD,      BAD, BAD,      0,   1,        2,   3,   4,   5,   6,   7,   8,   9,   10,
    11,       12,  13,  14,  15,  16,       17,  18,       19,  20,       21,  22,  23,  24,  25,  BAD, BAD, BAD, BAD,
    URL | 63, BAD, 26,  27,  28,  29,       30,  31,       32,  33,       34,  35,  36,  37,  38,  39,  40,  41,  42,
    43,       44,  45,  46,  47,  48,       49,  50,       51,  BAD,      BAD, BAD, BAD, BAD,
};

static const char URL_DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char STD_DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Appends without padding. */
static void put(struct so_buf *out, struct so_str bytes, const char *digits)
{
    const uint8_t *in = (const uint8_t *)bytes.p;
    size_t tail = bytes.n % 3, whole = bytes.n - tail;
    char *to = so_buf_reserve(out, bytes.n / 3 * 4 + (tail == 0 ? 0 : tail + 1));
    if (to == NULL)
        return;
    char *start = to;
    for (size_t i = 0; i < whole; i += 3) {
        uint32_t word = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        *to++ = digits[word >> 18];
        *to++ = digits[word >> 12 & VALUE];
        *to++ = digits[word >> 6 & VALUE];
        *to++ = digits[word & VALUE];
    }
    if (tail > 0) {
        uint32_t word = (uint32_t)in[whole] << 16 | (tail == 2 ? (uint32_t)in[whole + 1] << 8 : 0);
        *to++ = digits[word >> 18];
        *to++ = digits[word >> 12 & VALUE];
        if (tail == 2)
            *to++ = digits[word >> 6 & VALUE];
    }
    out->len += (size_t)(to - start);
}

static uint8_t value_of(char c) { return (uint8_t)c < sizeof(VALUES) ? VALUES[(uint8_t)c] : BAD; }

/* The 24 bits of four digits, their marks left out. */
static uint32_t word_of(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (uint32_t)((a & VALUE) << 18 | (b & VALUE) << 12 | (c & VALUE) << 6 | (d & VALUE));
}

/* Text without padding; `foreign` is the mark of the other alphabet.  The faults are or-ed together and looked at once. */
static bool decode(struct so_str text, uint8_t foreign, uint8_t *out, size_t *out_len)
{
    const char *in = text.p;
    size_t tail = text.n % 4, whole = text.n - tail;
    uint8_t *to = out;
    uint8_t marks = 0;
    if (tail == 1)
        return false;
    for (size_t i = 0; i < whole; i += 4) {
        uint8_t a = value_of(in[i]), b = value_of(in[i + 1]), c = value_of(in[i + 2]), d = value_of(in[i + 3]);
        marks |= a | b | c | d;
        uint32_t word = word_of(a, b, c, d);
        *to++ = (uint8_t)(word >> 16);
        *to++ = (uint8_t)(word >> 8);
        *to++ = (uint8_t)word;
    }
    if (tail > 0) {
        uint8_t a = value_of(in[whole]), b = value_of(in[whole + 1]), c = tail == 3 ? value_of(in[whole + 2]) : 0;
        marks |= a | b | c;
        uint32_t word = word_of(a, b, c, 0);
        *to++ = (uint8_t)(word >> 16);
        if (tail == 3)
            *to++ = (uint8_t)(word >> 8);
        if ((word & (tail == 3 ? 0xFFU : 0xFFFFU)) != 0)
            return false; /* stray bits: another spelling of the same bytes */
    }
    if ((marks & foreign) != 0)
        return false;
    *out_len = (size_t)(to - out);
    return true;
}

void so_base64url_put(struct so_buf *out, struct so_str bytes) { put(out, bytes, URL_DIGITS); }

bool so_base64url_decode(struct so_str text, uint8_t *out, size_t *out_len) { return decode(text, STD, out, out_len); }

void so_base64_put(struct so_buf *out, struct so_str bytes)
{
    put(out, bytes, STD_DIGITS);
    if (bytes.n % 3 != 0)
        so_buf_put(out, "==", 3 - bytes.n % 3);
}

bool so_base64_decode(struct so_str text, uint8_t *out, size_t *out_len)
{
    if (text.n % 4 != 0)
        return false;
    for (int i = 0; i < 2 && text.n > 0 && text.p[text.n - 1] == '='; i++)
        text.n--;
    return decode(text, URL, out, out_len); /* a '=' left over is in no alphabet */
}
