/* format_idn.c: internationalised host names (IDNA 2008: RFC 5890 to 5893) on libidn2. */
#include "schema/format_idn.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>

#include "core/utf8.h"
#include "schema/format.h"

enum { LABEL_BYTES_MAX = 255, NAME_BYTES_MAX = 1024, ASCII_NAME_MAX = 253 };

/* RFC 5892 exceptions that libidn2 lets pass: Hangul's old tone marks. */
static bool has_disallowed(struct so_str label)
{
    for (size_t at = 0; at < label.n;) {
        int32_t c = so_utf8_next(label, &at);
        if (c < 0 || c == 0x302E || c == 0x302F)
            return true;
    }
    return false;
}

/* The label as registered: NFC, no disallowed characters, context and bidi rules, at most 63 bytes as an A-label. */
static bool is_u_label(struct so_str label, size_t *out_ascii_length)
{
    char text[LABEL_BYTES_MAX + 1];
    uint8_t *ascii = NULL;
    if (label.n == 0 || label.n > LABEL_BYTES_MAX || memchr(label.p, '\0', label.n) != NULL || has_disallowed(label))
        return false;
    memcpy(text, label.p, label.n);
    text[label.n] = '\0';
    int rc = idn2_register_u8((const uint8_t *)text, NULL, &ascii, 0);
    *out_ascii_length = rc == IDN2_OK ? strlen((const char *)ascii) : 0;
    idn2_free(ascii);
    return rc == IDN2_OK && *out_ascii_length <= 63;
}

bool so_is_a_label(struct so_str label)
{
    char text[64], *unicode = NULL;
    if (label.n <= 4 || label.n > 63)
        return false;
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        text[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    text[label.n] = '\0';
    size_t length;
    bool good = idn2_to_unicode_8z8z(text, &unicode, 0) == IDN2_OK && strncmp(unicode, "xn--", 4) != 0 &&
                is_u_label(so_str_c(unicode), &length);
    idn2_free(unicode);
    return good;
}

/* ---- the bidi rule (RFC 5893 section 2), which looks at all labels of a name ---- */

static bool is_right_to_left(int class) { return class == UC_BIDI_R || class == UC_BIDI_AL || class == UC_BIDI_AN; }

static bool has_right_to_left(struct so_str s)
{
    for (size_t at = 0; at < s.n;)
        if (is_right_to_left(uc_bidi_class((ucs4_t)so_utf8_next(s, &at))))
            return true;
    return false;
}

/* Numbers as in the RFC. */
static bool obeys_bidi_rule(struct so_str label)
{
    size_t at = 0;
    int first = uc_bidi_class((ucs4_t)so_utf8_next(label, &at)), end = first;
    bool rtl = first == UC_BIDI_R || first == UC_BIDI_AL, en = false, an = false;
    if (!rtl && first != UC_BIDI_L) /* 1 */
        return false;
    for (at = 0; at < label.n;) {
        int class = uc_bidi_class((ucs4_t)so_utf8_next(label, &at));
        bool neutral = class == UC_BIDI_EN || class == UC_BIDI_ES || class == UC_BIDI_CS || class == UC_BIDI_ET ||
                       class == UC_BIDI_ON || class == UC_BIDI_BN || class == UC_BIDI_NSM;
        if (!neutral && (rtl ? !is_right_to_left(class) : class != UC_BIDI_L)) /* 2, 5 */
            return false;
        en = en || class == UC_BIDI_EN;
        an = an || class == UC_BIDI_AN;
        if (class != UC_BIDI_NSM)
            end = class;
    }
    if (rtl)
        return !(en && an) && (is_right_to_left(end) || end == UC_BIDI_EN); /* 4, 3 */
    return end == UC_BIDI_L || end == UC_BIDI_EN;                           /* 6 */
}

static bool is_ascii(struct so_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] & 0x80)
            return false;
    return true;
}

/* Bytes of the label separator at `at`: '.' or one of its ideographic forms (RFC 3490 section 3.1); 0 when it is none. */
static size_t separator(struct so_str s, size_t at)
{
    size_t end = at;
    int32_t c = so_utf8_next(s, &end);
    return c == '.' || c == 0x3002 || c == 0xFF0E || c == 0xFF61 ? end - at : 0;
}

bool so_format_idn_hostname(struct so_str s)
{
    size_t total = 0;
    if (s.n == 0 || s.n > NAME_BYTES_MAX || !so_utf8_valid(s))
        return false;
    bool bidi = has_right_to_left(s);
    for (size_t at = 0;;) {
        size_t start = at, ascii_length;
        while (at < s.n && separator(s, at) == 0)
            so_utf8_next(s, &at);
        struct so_str label = so_str_slice(s, start, at);
        ascii_length = label.n;
        if (is_ascii(label) ? !so_is_host_label(label) : !is_u_label(label, &ascii_length))
            return false;
        if (bidi && !obeys_bidi_rule(label))
            return false;
        total += ascii_length + 1;
        if (at >= s.n)
            return total - 1 <= ASCII_NAME_MAX;
        at += separator(s, at);
        if (at >= s.n)
            return false;
    }
}

bool so_is_idn_domain(struct so_str domain)
{
    uint8_t buffer[NAME_BYTES_MAX];
    size_t n = sizeof(buffer);
    if (domain.n == 0 || domain.n > NAME_BYTES_MAX || !so_utf8_valid(domain))
        return false;
    uint8_t *text = u8_normalize(UNINORM_NFC, (const uint8_t *)domain.p, domain.n, buffer, &n);
    bool good = text != NULL && so_format_idn_hostname(so_str((const char *)text, n));
    if (text != buffer)
        free(text); /* libunistring's own, so not so_free() */
    return good;
}
