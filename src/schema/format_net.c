/* format_net.c: addresses, ASCII host names (RFC 1123 section 2.1, A-labels by RFC 5890) and e-mail (RFC 5321
 * section 4.1.2). */
#include <string.h>

#include "schema/format.h"
#include "schema/format_idn.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_hex(char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }
static bool is_alnum(char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }

/* RFC 2673 section 3.2: four numbers up to 255, no leading zeros. */
bool so_format_ipv4(struct so_str s)
{
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        size_t digits = 0;
        int value = 0;
        if (part > 0 && (at >= s.n || s.p[at++] != '.'))
            return false;
        for (; at < s.n && is_digit(s.p[at]) && digits < 4; at++, digits++)
            value = value * 10 + (s.p[at] - '0');
        if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && s.p[at - digits] == '0'))
            return false;
    }
    return at == s.n;
}

/* RFC 4291 section 2.2. */
bool so_format_ipv6(struct so_str s)
{
    size_t at = 0;
    int groups = 0;
    bool gap = false;
    if (so_str_starts(s, SO_STR("::"))) {
        gap = true;
        at = 2;
    }
    while (at < s.n) {
        size_t n = 0;
        while (at + n < s.n && is_hex(s.p[at + n]) && n < 5)
            n++;
        if (at + n < s.n && s.p[at + n] == '.') { /* the last 32 bits as IPv4 */
            groups += 2;
            return (gap ? groups <= 7 : groups == 8) && so_format_ipv4(so_str_slice(s, at, s.n));
        }
        if (n == 0 || n > 4)
            return false;
        groups++;
        at += n;
        if (at == s.n)
            break;
        if (s.p[at++] != ':' || at == s.n)
            return false;
        if (s.p[at] == ':') {
            if (gap)
                return false;
            gap = true;
            at++;
        }
    }
    return gap ? groups <= 7 : groups == 8;
}

enum { LABEL_MAX = 63, NAME_MAX_BYTES = 253 };

bool so_is_ldh_label(struct so_str label)
{
    if (label.n == 0 || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++)
        if (!is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
    return true;
}

bool so_is_host_label(struct so_str label)
{
    if (!so_is_ldh_label(label))
        return false;
    if (label.n < 4 || label.p[2] != '-' || label.p[3] != '-')
        return true;
    /* "??--" is reserved; the only such labels are A-labels, which must decode (RFC 5891 section 4.2.3.1). */
    return so_str_eq_nocase(so_str_slice(label, 0, 4), SO_STR("xn--")) && so_is_a_label(label);
}

static bool is_hostname(struct so_str s, bool (*is_label)(struct so_str label))
{
    struct so_str label;
    if (s.n == 0 || s.n > NAME_MAX_BYTES)
        return false;
    while (so_str_split(&s, '.', &label))
        if (!is_label(label))
            return false;
    return true;
}

bool so_format_hostname(struct so_str s) { return is_hostname(s, so_is_host_label); }
bool so_format_plain_hostname(struct so_str s) { return is_hostname(s, so_is_ldh_label); }

static bool is_atom_char(char c, bool international)
{
    if (c & 0x80)
        return international;
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_quoted_local(struct so_str s, bool international)
{
    for (size_t i = 1; i + 1 < s.n; i++) {
        char c = s.p[i];
        if (c == '\\')
            c = ++i + 1 < s.n ? s.p[i] : '\0';
        else if (c == '"')
            return false;
        if ((c & 0x80) ? !international : (c < ' ' || c == 0x7F))
            return false;
    }
    return s.n >= 2 && s.p[s.n - 1] == '"';
}

static bool is_local_part(struct so_str s, bool international)
{
    struct so_str atom;
    if (s.n == 0 || s.n > 64)
        return false;
    if (s.p[0] == '"')
        return is_quoted_local(s, international);
    while (so_str_split(&s, '.', &atom)) {
        for (size_t i = 0; i < atom.n; i++)
            if (!is_atom_char(atom.p[i], international))
                return false;
        if (atom.n == 0)
            return false;
    }
    return true;
}

static bool is_address_literal(struct so_str s)
{
    s = so_str_slice(s, 1, s.n - 1);
    if (s.n > 5 && so_str_eq_nocase(so_str_slice(s, 0, 5), SO_STR("IPv6:")))
        return so_format_ipv6(so_str_slice(s, 5, s.n));
    return so_format_ipv4(s);
}

static bool is_email(struct so_str s, bool international)
{
    size_t at = s.n;
    while (at > 0 && s.p[at - 1] != '@')
        at--;
    if (at == 0)
        return false;
    struct so_str domain = so_str_slice(s, at, s.n);
    if (!is_local_part(so_str_slice(s, 0, at - 1), international))
        return false;
    if (domain.n >= 2 && domain.p[0] == '[' && domain.p[domain.n - 1] == ']')
        return is_address_literal(domain);
    return international ? so_is_idn_domain(domain) : so_format_hostname(domain);
}

bool so_format_email(struct so_str s) { return is_email(s, false); }
bool so_format_idn_email(struct so_str s) { return is_email(s, true); }
