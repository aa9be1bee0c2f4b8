/* format.c: the table of formats, and the smallest of them. */
#include "schema/format.h"

#include "core/arena.h"
#include "core/buf.h"
#include "schema/regex.h"

static const struct so_format FORMATS[] = {
    {"date", so_format_date, "a date like 2026-01-31"},
    {"date-time", so_format_date_time, "a date and time like 2026-01-31T12:00:00Z"},
    {"duration", so_format_duration, "a duration like P1DT12H"},
    {"email", so_format_email, "an e-mail address"},
    {"hostname", so_format_hostname, "a host name"},
    {"idn-email", so_format_idn_email, "an e-mail address"},
    {"idn-hostname", so_format_idn_hostname, "an internationalised host name"},
    {"ipv4", so_format_ipv4, "an IPv4 address like 192.0.2.1"},
    {"ipv6", so_format_ipv6, "an IPv6 address like 2001:db8::1"},
    {"iri", so_format_iri, "an IRI with a scheme"},
    {"iri-reference", so_format_iri_reference, "an IRI reference"},
    {"json-pointer", so_format_json_pointer, "a JSON Pointer like /a/0"},
    {"regex", so_format_regex, "a regular expression of ECMA-262"},
    {"relative-json-pointer", so_format_relative_json_pointer, "a relative JSON Pointer like 1/a"},
    {"time", so_format_time, "a time with its zone like 12:00:00Z"},
    {"uri", so_format_uri, "a URI with a scheme like https://example.com/"},
    {"uri-reference", so_format_uri_reference, "a URI reference"},
    {"uri-template", so_format_uri_template, "a URI template like /books/{isbn}"},
    {"uuid", so_format_uuid, "a UUID like 123e4567-e89b-12d3-a456-426614174000"},
};

/* RFC 1034 and 1123 alone: drafts 4 and 6 came before internationalised names. */
static const struct so_format PLAIN_HOSTNAME = {"hostname", so_format_plain_hostname, "a host name"};

const struct so_format *so_format_find(struct so_str name, enum so_draft draft)
{
    if (draft <= SO_DRAFT_6 && so_str_eq_c(name, PLAIN_HOSTNAME.name))
        return &PLAIN_HOSTNAME;
    for (size_t i = 0; i < COUNT_OF(FORMATS); i++)
        if (so_str_eq_c(name, FORMATS[i].name))
            return &FORMATS[i];
    return NULL;
}

/* RFC 6901 section 3. */
bool so_format_json_pointer(struct so_str s)
{
    if (s.n > 0 && s.p[0] != '/')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '~' && (i + 1 >= s.n || (s.p[i + 1] != '0' && s.p[i + 1] != '1')))
            return false;
    return true;
}

/* draft-bhutton-relative-json-pointer-00 section 3: a number without leading zeros, then a pointer or '#'. */
bool so_format_relative_json_pointer(struct so_str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    if (n == 0 || (n > 1 && s.p[0] == '0'))
        return false;
    struct so_str rest = so_str_slice(s, n, s.n);
    return so_str_eq_c(rest, "#") || so_format_json_pointer(rest);
}

/* RFC 9562 section 4, as text: 8-4-4-4-12 hexadecimal digits. */
bool so_format_uuid(struct so_str s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        if (hyphen ? c != '-' : !hex)
            return false;
    }
    return true;
}

/* By the grammar; whether PCRE2 can run it is another question. */
bool so_format_regex(struct so_str s)
{
    struct so_buf out;
    so_buf_init(&out, 1 << 20);
    bool good = so_ecma_to_pcre(s, &out, NULL) == SO_OK;
    so_buf_deinit(&out);
    return good;
}
