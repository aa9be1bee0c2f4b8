/* format_idn.c: internationalised host names (IDNA 2008: RFC 5890 to 5893) on libidn2. */
#include "schema/format_idn.h"

#include <idn2.h>
#include <string.h>

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
    for (size_t at = 0;;) {
        size_t start = at, ascii_length;
        while (at < s.n && separator(s, at) == 0)
            so_utf8_next(s, &at);
        struct so_str label = so_str_slice(s, start, at);
        ascii_length = label.n;
        if (is_ascii(label) ? !so_is_ldh_label(label) : !is_u_label(label, &ascii_length))
            return false;
        total += ascii_length + 1;
        if (at >= s.n)
            return total - 1 <= ASCII_NAME_MAX;
        at += separator(s, at);
        if (at >= s.n)
            return false;
    }
}
