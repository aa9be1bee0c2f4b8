/* format_uri.c: URIs (RFC 3986 appendix A), IRIs (RFC 3987 section 2.2) and URI templates (RFC 6570 section 2). */
#include <string.h>

#include "core/utf8.h"
#include "schema/format.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_hex(char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }
static bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
static bool is_one_of(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

#define SUB_DELIMS "!$&'()*+,;="

/* ucschar of RFC 3987. */
static bool is_ucschar(int32_t c)
{
    if (c < 0xA0 || (c >= 0xD800 && c < 0xF900) || (c >= 0xFDD0 && c <= 0xFDEF) || (c >= 0xFFF0 && c <= 0xFFFF))
        return false;
    return (c & 0xFFFE) != 0xFFFE && (c < 0xE0000 || c >= 0xE1000) && c < 0xF0000;
}

static bool is_private(int32_t c) { return (c >= 0xE000 && c <= 0xF8FF) || (c >= 0xF0000 && (c & 0xFFFE) != 0xFFFE); }

/* Whether all of s is unreserved, escaped or in `more`; with `iri` Unicode's characters, too. */
static bool consists_of(struct so_str s, const char *more, bool iri, bool private_too)
{
    for (size_t at = 0; at < s.n;) {
        char c = s.p[at];
        if (c == '%') {
            if (at + 2 >= s.n || !is_hex(s.p[at + 1]) || !is_hex(s.p[at + 2]))
                return false;
            at += 3;
        } else if (c & 0x80) {
            int32_t code = so_utf8_next(s, &at);
            if (!iri || code < 0 || !(is_ucschar(code) || (private_too && is_private(code))))
                return false;
        } else if (is_letter(c) || is_digit(c) || is_one_of(c, "-._~") || is_one_of(c, more)) {
            at++;
        } else {
            return false;
        }
    }
    return true;
}

static bool is_ip_literal(struct so_str s)
{
    if (s.n > 1 && (s.p[0] | 0x20) == 'v') { /* IPvFuture */
        size_t dot = so_str_find_char(s, '.', 0);
        for (size_t i = 1; i < dot && i < s.n; i++)
            if (!is_hex(s.p[i]))
                return false;
        return dot != SO_STR_NONE && dot > 1 && dot + 1 < s.n && memchr(s.p, '%', s.n) == NULL &&
               consists_of(so_str_slice(s, dot + 1, s.n), SUB_DELIMS ":", false, false);
    }
    return so_format_ipv6(s);
}

static bool is_authority(struct so_str s, bool iri)
{
    size_t at = s.n;
    while (at > 0 && s.p[at - 1] != '@')
        at--;
    if (at > 0 && !consists_of(so_str_slice(s, 0, at - 1), SUB_DELIMS ":", iri, false))
        return false;
    s = so_str_slice(s, at, s.n);
    size_t port = s.n;
    while (port > 0 && is_digit(s.p[port - 1]))
        port--;
    if (port > 0 && s.p[port - 1] == ':')
        s = so_str_slice(s, 0, port - 1);
    if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        return is_ip_literal(so_str_slice(s, 1, s.n - 1));
    return consists_of(s, SUB_DELIMS, iri, false);
}

static size_t scheme_length(struct so_str s)
{
    size_t n = 0;
    if (s.n == 0 || !is_letter(s.p[0]))
        return 0;
    while (n < s.n && (is_letter(s.p[n]) || is_digit(s.p[n]) || is_one_of(s.p[n], "+-.")))
        n++;
    return n < s.n && s.p[n] == ':' ? n + 1 : 0;
}

static bool is_reference(struct so_str s, bool iri, bool needs_scheme)
{
    size_t hash = so_str_find_char(s, '#', 0);
    if (hash != SO_STR_NONE) {
        if (!consists_of(so_str_slice(s, hash + 1, s.n), SUB_DELIMS ":@/?", iri, false))
            return false;
        s = so_str_slice(s, 0, hash);
    }
    size_t question = so_str_find_char(s, '?', 0);
    if (question != SO_STR_NONE) {
        if (!consists_of(so_str_slice(s, question + 1, s.n), SUB_DELIMS ":@/?", iri, true))
            return false;
        s = so_str_slice(s, 0, question);
    }
    size_t scheme = scheme_length(s);
    if (scheme == 0 && needs_scheme)
        return false;
    s = so_str_slice(s, scheme, s.n);
    bool has_authority = so_str_starts(s, SO_STR("//"));
    if (has_authority) {
        size_t end = so_str_find_char(s, '/', 2);
        end = end == SO_STR_NONE ? s.n : end;
        if (!is_authority(so_str_slice(s, 2, end), iri))
            return false;
        s = so_str_slice(s, end, s.n);
    }
    if (scheme == 0 && !has_authority) { /* "a:b" would be a scheme: no colon in the first segment */
        size_t colon = so_str_find_char(s, ':', 0), slash = so_str_find_char(s, '/', 0);
        if (colon != SO_STR_NONE && (slash == SO_STR_NONE || colon < slash))
            return false;
    }
    return consists_of(s, SUB_DELIMS ":@/", iri, false);
}

bool so_format_uri(struct so_str s) { return is_reference(s, false, true); }
bool so_format_uri_reference(struct so_str s) { return is_reference(s, false, false); }
bool so_format_iri(struct so_str s) { return is_reference(s, true, true); }
bool so_format_iri_reference(struct so_str s) { return is_reference(s, true, false); }

/* One variable of an expression: a name, then ":N" or "*". */
static bool is_variable(struct so_str s)
{
    if (s.n > 0 && s.p[s.n - 1] == '*') {
        s.n--;
    } else {
        size_t colon = so_str_find_char(s, ':', 0);
        if (colon != SO_STR_NONE) {
            size_t digits = s.n - colon - 1;
            if (digits < 1 || digits > 4 || s.p[colon + 1] == '0')
                return false;
            for (size_t i = colon + 1; i < s.n; i++)
                if (!is_digit(s.p[i]))
                    return false;
            s.n = colon;
        }
    }
    if (s.n == 0 || s.p[0] == '.' || s.p[s.n - 1] == '.')
        return false;
    for (size_t at = 0; at < s.n; at++) {
        if (s.p[at] == '%' && at + 2 < s.n && is_hex(s.p[at + 1]) && is_hex(s.p[at + 2]))
            at += 2;
        else if (!is_letter(s.p[at]) && !is_digit(s.p[at]) && s.p[at] != '_' && !(s.p[at] == '.' && s.p[at - 1] != '.'))
            return false;
    }
    return true;
}

static bool is_expression(struct so_str s)
{
    struct so_str variable;
    if (s.n > 0 && is_one_of(s.p[0], "+#./;?&=,!@|"))
        s = so_str_slice(s, 1, s.n);
    if (s.n == 0)
        return false;
    while (so_str_split(&s, ',', &variable))
        if (!is_variable(variable))
            return false;
    return true;
}

bool so_format_uri_template(struct so_str s)
{
    for (size_t at = 0; at < s.n;) {
        if (s.p[at] != '{') {
            size_t end = so_str_find_char(s, '{', at);
            end = end == SO_STR_NONE ? s.n : end;
            if (!consists_of(so_str_slice(s, at, end), ":/?#[]@!$&'()*+,;=", true, true)) /* ' by erratum 6937 */
                return false;
            at = end;
            continue;
        }
        size_t end = so_str_find_char(s, '}', at);
        if (end == SO_STR_NONE || !is_expression(so_str_slice(s, at + 1, end)))
            return false;
        at = end + 1;
    }
    return true;
}
