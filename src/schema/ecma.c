/* ecma.c: from ECMA-262's regular expressions (2023, section 22.2, with the u flag) to PCRE2's.
 *
 *   differs          ECMA-262                            written as
 *   .                no line end: \n \r U+2028 U+2029    [^...]
 *   \s \S            Unicode's spaces and U+FEFF         the ranges
 *   \d \w \b         ASCII                               the same: PCRE2_UCP stays off
 *   $                the very end                        PCRE2_DOLLAR_ENDONLY
 *   \cX \0 \uXXXX    and \u{X} \xXX                      \x{...}
 *   [^] and []       anything, nothing                   (?s:.) and (?!)
 *   [ in a class     a bracket                           \x{5b}: never a POSIX class
 *   \p{Letter}       long names                          \p{L}
 *
 * Everything that only PCRE2 knows (\A \Z \h (?> (?i) possessive quantifiers ...) is an error.  As in Annex B, and unlike
 * the u flag, escaped punctuation and lone braces and brackets are taken literally: schemas in the wild have them. */
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"
#include "schema/regex.h"

enum { NESTING_MAX = 200 };

struct translator {
    struct so_str in;
    size_t at;
    struct so_buf *out;
    struct so_err *err;
    unsigned groups, depth;
    bool repeatable; /* what came last can take a quantifier */
};

static int fault(struct translator *t, size_t at, const char *what)
{
    return so_fail_at(t->err, SO_EINVAL, at, "the regular expression is wrong at byte %zu: %s", at, what);
}

static char peek(const struct translator *t, size_t ahead)
{
    return t->at + ahead < t->in.n ? t->in.p[t->at + ahead] : '\0';
}
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool at_text(const struct translator *t, const char *text)
{
    return so_str_starts(so_str_slice(t->in, t->at, t->in.n), so_str_c(text));
}

static void put_code(struct so_buf *out, uint32_t code)
{
    if (code < 128 && (is_letter((char)code) || is_digit((char)code)))
        so_buf_putc(out, (char)code);
    else
        so_buf_printf(out, "\\x{%x}", (unsigned)code);
}

/* ---- character sets ---- */

#define SPACES                                                                                                              \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"
#define NO_SPACES                                                                                                           \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}"  \
    "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

/* The long names of general categories (PropertyValueAliases.txt), and what has no name in PCRE2. */
static const struct {
    const char *name, *is, *is_not;
} PROPERTIES[] = {
    {"Any", "\\x{0}-\\x{10ffff}", NULL},    {"ASCII", "\\x{0}-\\x{7f}", "\\x{80}-\\x{10ffff}"},
    {"Assigned", "\\P{Cn}", "\\p{Cn}"},     {"LC", "\\p{L&}", "\\P{L&}"},
    {"Cased_Letter", "\\p{L&}", "\\P{L&}"},
};

static const char *const CATEGORIES[][2] = {
    {"Letter", "L"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Surrogate", "Cs"},
    {"Private_Use", "Co"},
    {"Unassigned", "Cn"},
};

/* ECMA-262 table 68: what may stand in \p{...} without "=". */
static const char BINARY_PROPERTIES[] =
    " ASCII_Hex_Digit AHex Alphabetic Alpha Bidi_Control Bidi_C Bidi_Mirrored Bidi_M Case_Ignorable CI Cased"
    " Changes_When_Casefolded CWCF Changes_When_Casemapped CWCM Changes_When_Lowercased CWL Changes_When_Titlecased CWT"
    " Changes_When_Uppercased CWU Dash Default_Ignorable_Code_Point DI Deprecated Dep Diacritic Dia Emoji Emoji_Component "
    "EComp"
    " Emoji_Modifier EMod Emoji_Modifier_Base EBase Emoji_Presentation EPres Extended_Pictographic ExtPict Extender Ext"
    " Grapheme_Base Gr_Base Grapheme_Extend Gr_Ext Hex_Digit Hex IDS_Binary_Operator IDSB IDS_Trinary_Operator IDST "
    "ID_Continue"
    " IDC ID_Start IDS Ideographic Ideo Join_Control Join_C Logical_Order_Exception LOE Lowercase Lower Math"
    " Noncharacter_Code_Point NChar Pattern_Syntax Pat_Syn Pattern_White_Space Pat_WS Quotation_Mark QMark Radical"
    " Regional_Indicator RI Sentence_Terminal STerm Soft_Dotted SD Terminal_Punctuation Term Unified_Ideograph UIdeo "
    "Uppercase"
    " Upper Variation_Selector VS White_Space space XID_Continue XIDC XID_Start XIDS ";

static bool is_binary_property(struct so_str name)
{
    char spaced[64];
    int n = snprintf(spaced, sizeof(spaced), " %.*s ", SO_STR_ARG(name));
    return n > 2 && n < (int)sizeof(spaced) && strstr(BINARY_PROPERTIES, spaced) != NULL;
}

/* The category's short name, or NULL. */
static const char *category(struct so_str name)
{
    for (size_t i = 0; i < COUNT_OF(CATEGORIES); i++)
        if (so_str_eq_c(name, CATEGORIES[i][0]) || so_str_eq_c(name, CATEGORIES[i][1]))
            return CATEGORIES[i][1];
    return NULL;
}

static bool put_named_set(struct translator *t, struct so_str name, bool negated)
{
    for (size_t i = 0; i < COUNT_OF(PROPERTIES); i++)
        if (so_str_eq_c(name, PROPERTIES[i].name)) {
            const char *set = negated ? PROPERTIES[i].is_not : PROPERTIES[i].is;
            if (set != NULL)
                so_buf_puts(t->out, set);
            return set != NULL;
        }
    const char *short_name = category(name);
    if (short_name == NULL && !is_binary_property(name))
        return false;
    so_buf_printf(t->out, "\\%c{%.*s}", negated ? 'P' : 'p', short_name != NULL ? (int)strlen(short_name) : (int)name.n,
                  short_name != NULL ? short_name : name.p);
    return true;
}

static bool is_property_name(struct so_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '_')
            return false;
    return s.n > 0;
}

/* \p{...} at t->at, written as the inside of a class. */
static int put_property(struct translator *t)
{
    static const struct {
        const char *name, *prefix;
    } NAMES[] = {{"Script", "sc:"}, {"sc", "sc:"}, {"Script_Extensions", "scx:"}, {"scx", "scx:"}};
    size_t start = t->at, end = so_str_find_char(t->in, '}', t->at);
    bool negated = peek(t, 1) == 'P';
    if (peek(t, 2) != '{' || end == SO_STR_NONE)
        return fault(t, start, "\\p must be followed by {NAME}");
    struct so_str name = so_str_slice(t->in, t->at + 3, end), value = {NULL, 0};
    t->at = end + 1;
    size_t equals = so_str_find_char(name, '=', 0);
    if (equals != SO_STR_NONE) {
        value = so_str_slice(name, equals + 1, name.n);
        name = so_str_slice(name, 0, equals);
    }
    if (!is_property_name(name) || (value.p != NULL && !is_property_name(value)))
        return fault(t, start, "no such property");
    if (value.p == NULL && put_named_set(t, name, negated))
        return SO_OK;
    if (value.p != NULL && (so_str_eq_c(name, "General_Category") || so_str_eq_c(name, "gc")) && category(value) != NULL)
        return put_named_set(t, value, negated) ? SO_OK : fault(t, start, "no such property");
    for (size_t i = 0; value.p != NULL && i < COUNT_OF(NAMES); i++)
        if (so_str_eq_c(name, NAMES[i].name)) {
            so_buf_printf(t->out, "\\%c{%s%.*s}", negated ? 'P' : 'p', NAMES[i].prefix, SO_STR_ARG(value));
            return SO_OK;
        }
    return fault(t, start, "no such property");
}

/* ---- single characters ---- */

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `count` hex digits `ahead` of t->at; -1 when they are not there. */
static int32_t read_hex(const struct translator *t, size_t ahead, size_t count)
{
    int32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = hex_value(peek(t, ahead + i));
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* \u{X}, \uXXXX or two of them, at t->at. */
static int read_unicode(struct translator *t, uint32_t *out)
{
    size_t start = t->at;
    if (peek(t, 2) == '{') {
        uint32_t code = 0;
        size_t digits = 0;
        for (t->at += 3; hex_value(peek(t, 0)) >= 0 && code <= 0x10FFFF; t->at++, digits++)
            code = code * 16 + (uint32_t)hex_value(peek(t, 0));
        if (digits == 0 || code > 0x10FFFF || peek(t, 0) != '}')
            return fault(t, start, "\\u{...} must hold a code point");
        t->at++;
        *out = code;
    } else {
        int32_t code = read_hex(t, 2, 4);
        if (code < 0)
            return fault(t, start, "\\u must be followed by four hexadecimal digits");
        t->at += 6;
        if (code >= 0xD800 && code < 0xDC00 && peek(t, 0) == '\\' && peek(t, 1) == 'u') {
            int32_t low = read_hex(t, 2, 4);
            if (low >= 0xDC00 && low < 0xE000) {
                t->at += 6;
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            }
        }
        *out = (uint32_t)code;
    }
    if (*out >= 0xD800 && *out < 0xE000)
        return fault(t, start, "half of a surrogate pair is no character");
    return SO_OK;
}

/* An escape that stands for one character, at t->at.  *out is -1 when it is none of those. */
static int read_char_escape(struct translator *t, bool in_class, int32_t *out)
{
    static const char CONTROLS[] = "t\tn\nv\vf\fr\r";
    size_t start = t->at;
    char c = peek(t, 1);
    uint32_t code = 0;
    *out = -1;
    if (t->at + 1 >= t->in.n)
        return fault(t, start, "a lone \\ at the end");
    const char *control = c == '\0' ? NULL : strchr(CONTROLS, c);
    if (control != NULL && is_letter(c)) {
        *out = (unsigned char)control[1];
        t->at += 2;
    } else if (c == 'c') {
        if (!is_letter(peek(t, 2)))
            return fault(t, start, "\\c must be followed by a letter");
        *out = peek(t, 2) & 0x1F;
        t->at += 3;
    } else if (c == '0' && !is_digit(peek(t, 2))) {
        *out = 0;
        t->at += 2;
    } else if (c == 'x') {
        *out = read_hex(t, 2, 2);
        if (*out < 0)
            return fault(t, start, "\\x must be followed by two hexadecimal digits");
        t->at += 4;
    } else if (c == 'u') {
        int rc = read_unicode(t, &code);
        *out = (int32_t)code;
        return rc;
    } else if (c == 'b' && in_class) {
        *out = '\b';
        t->at += 2;
    } else if (!is_letter(c) && !is_digit(c)) {
        t->at++;
        *out = so_utf8_next(t->in, &t->at);
        if (*out < 0)
            return fault(t, start, "the text is not UTF-8");
    }
    return SO_OK;
}

/* ---- classes ---- */

/* \d \D \w \W \s \S \p \P at t->at, written as the inside of a class; false when there is none. */
static bool put_set(struct translator *t, int *rc)
{
    *rc = SO_OK;
    switch (peek(t, 1)) {
    case 'd':
    case 'D':
    case 'w':
    case 'W': so_buf_put(t->out, t->in.p + t->at, 2); break;
    case 's': so_buf_puts(t->out, SPACES); break;
    case 'S': so_buf_puts(t->out, NO_SPACES); break;
    case 'p':
    case 'P': *rc = put_property(t); return true;
    default: return false;
    }
    t->at += 2;
    return true;
}

/* One member of a class: a set, which is written, or a character, which is returned in *out (else -1). */
static int read_member(struct translator *t, int32_t *out)
{
    size_t start = t->at;
    int rc;
    *out = -1;
    if (peek(t, 0) != '\\') {
        *out = so_utf8_next(t->in, &t->at);
        return *out < 0 ? fault(t, start, "the text is not UTF-8") : SO_OK;
    }
    if (put_set(t, &rc))
        return rc;
    rc = read_char_escape(t, true, out);
    return rc == SO_OK && *out < 0 ? fault(t, start, "no such escape in a class") : rc;
}

static int put_members(struct translator *t)
{
    size_t start = t->at;
    while (t->at < t->in.n && peek(t, 0) != ']') {
        int32_t low, high;
        size_t begin = t->at;
        int rc = read_member(t, &low);
        if (rc != SO_OK)
            return rc;
        if (low >= 0)
            put_code(t->out, (uint32_t)low);
        if (peek(t, 0) != '-' || peek(t, 1) == ']' || t->at + 1 >= t->in.n)
            continue;
        t->at++;
        if (low < 0 || (peek(t, 0) == '\\' && peek(t, 1) != '\0' && strchr("dDwWsSpP", peek(t, 1)) != NULL)) {
            so_buf_puts(t->out, "\\x{2d}"); /* no range: a hyphen beside a set */
            continue;
        }
        rc = read_member(t, &high);
        if (rc != SO_OK)
            return rc;
        if (high < low)
            return fault(t, begin, "the range is out of order");
        so_buf_putc(t->out, '-');
        put_code(t->out, (uint32_t)high);
    }
    if (t->at >= t->in.n)
        return fault(t, start, "the class is not closed");
    t->at++;
    return SO_OK;
}

static int put_class(struct translator *t)
{
    if (at_text(t, "[]") || at_text(t, "[^]")) {
        bool negated = peek(t, 1) == '^';
        so_buf_puts(t->out, negated ? "(?s:.)" : "(?!)");
        t->at += negated ? 3 : 2;
        return SO_OK;
    }
    bool negated = peek(t, 1) == '^';
    t->at += negated ? 2 : 1;
    so_buf_puts(t->out, negated ? "[^" : "[");
    int rc = put_members(t);
    so_buf_putc(t->out, ']');
    return rc;
}

/* ---- everything else ---- */

/* A group's name at t->at, up to '>'.  Empty when it is none. */
static struct so_str read_name(struct translator *t)
{
    size_t end = so_str_find_char(t->in, '>', t->at);
    struct so_str name = end == SO_STR_NONE ? so_str("", 0) : so_str_slice(t->in, t->at, end);
    for (size_t i = 0; i < name.n; i++)
        if (!is_letter(name.p[i]) && name.p[i] != '_' && (i == 0 || !is_digit(name.p[i])))
            return so_str("", 0);
    if (name.n > 0)
        t->at = end + 1;
    return name;
}

static int put_escape(struct translator *t)
{
    size_t start = t->at;
    char c = peek(t, 1);
    t->repeatable = true;
    if (c == 'b' || c == 'B') {
        so_buf_put(t->out, t->in.p + t->at, 2);
        t->at += 2;
        t->repeatable = false;
        return SO_OK;
    }
    if (c >= '1' && c <= '9') {
        unsigned number = 0;
        for (t->at++; is_digit(peek(t, 0)) && number < 10000; t->at++)
            number = number * 10 + (unsigned)(peek(t, 0) - '0');
        if (number > t->groups)
            return fault(t, start, "there is no such group");
        so_buf_printf(t->out, "\\g{%u}", number);
        return SO_OK;
    }
    if (c == 'k' && peek(t, 2) == '<') {
        t->at += 3;
        struct so_str name = read_name(t);
        if (name.n == 0)
            return fault(t, start, "\\k must be followed by <NAME>");
        so_buf_printf(t->out, "\\k<%.*s>", SO_STR_ARG(name));
        return SO_OK;
    }
    size_t mark = t->out->len;
    int rc;
    so_buf_putc(t->out, '[');
    if (put_set(t, &rc)) {
        so_buf_putc(t->out, ']');
        return rc;
    }
    t->out->len = t->out->len > mark ? mark : t->out->len;
    int32_t code;
    rc = read_char_escape(t, false, &code);
    if (rc == SO_OK && code < 0)
        return fault(t, start, "ECMA-262 has no such escape");
    if (rc == SO_OK)
        put_code(t->out, (uint32_t)code);
    return rc;
}

static int put_group(struct translator *t)
{
    static const char *const KINDS[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!"};
    size_t start = t->at;
    if (++t->depth > NESTING_MAX)
        return fault(t, start, "groups are nested too deeply");
    t->repeatable = false;
    for (size_t i = 0; i < COUNT_OF(KINDS); i++)
        if (at_text(t, KINDS[i])) {
            so_buf_puts(t->out, KINDS[i]);
            t->at += strlen(KINDS[i]);
            return SO_OK;
        }
    if (at_text(t, "(?<")) {
        t->at += 3;
        struct so_str name = read_name(t);
        if (name.n == 0)
            return fault(t, start, "a group's name must be letters, digits and _");
        so_buf_printf(t->out, "(?<%.*s>", SO_STR_ARG(name));
        return SO_OK;
    }
    if (at_text(t, "(?"))
        return fault(t, start, "ECMA-262 has no such group");
    so_buf_putc(t->out, '(');
    t->at++;
    return SO_OK;
}

/* Bytes of a {n}, {n,} or {n,m} at t->at; 0 when it is none. */
static size_t braces_length(const struct translator *t)
{
    size_t n = 1, digits = n;
    while (is_digit(peek(t, n)))
        n++;
    if (n == digits)
        return 0;
    if (peek(t, n) == ',')
        n++;
    while (is_digit(peek(t, n)))
        n++;
    return peek(t, n) == '}' ? n + 1 : 0;
}

static int put_quantifier(struct translator *t)
{
    size_t n = peek(t, 0) == '{' ? braces_length(t) : 1;
    if (n == 0) {
        put_code(t->out, '{');
        t->at++;
        t->repeatable = true;
        return SO_OK;
    }
    if (!t->repeatable)
        return fault(t, t->at, "there is nothing to repeat");
    so_buf_put(t->out, t->in.p + t->at, n);
    t->at += n;
    if (peek(t, 0) == '?') {
        so_buf_putc(t->out, '?');
        t->at++;
    }
    t->repeatable = false;
    return SO_OK;
}

static int put_next(struct translator *t)
{
    char c = peek(t, 0);
    switch (c) {
    case '\\': return put_escape(t);
    case '[': t->repeatable = true; return put_class(t);
    case '(': return put_group(t);
    case '*':
    case '+':
    case '?':
    case '{': return put_quantifier(t);
    case ')':
        if (t->depth == 0)
            return fault(t, t->at, "a ) without its (");
        t->depth--;
        t->repeatable = true;
        break;
    case '.':
        so_buf_puts(t->out, "[^\\n\\r\\x{2028}\\x{2029}]");
        t->at++;
        t->repeatable = true;
        return SO_OK;
    case '^':
    case '$':
    case '|': t->repeatable = false; break;
    case ']':
    case '}':
        put_code(t->out, (unsigned char)c);
        t->at++;
        t->repeatable = true;
        return SO_OK;
    default: t->repeatable = true; break;
    }
    so_buf_putc(t->out, c);
    t->at++;
    return SO_OK;
}

/* Capturing groups of the whole pattern: a reference may come before its group. */
static unsigned count_groups(struct so_str s)
{
    unsigned count = 0;
    bool in_class = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '[')
            in_class = true;
        else if (s.p[i] == ']')
            in_class = false;
        else if (s.p[i] == '(' && !in_class)
            count += i + 1 >= s.n || s.p[i + 1] != '?' ||
                     (i + 3 < s.n && s.p[i + 2] == '<' && s.p[i + 3] != '=' && s.p[i + 3] != '!');
    }
    return count;
}

int so_ecma_to_pcre(struct so_str pattern, struct so_buf *out, struct so_err *err)
{
    struct translator t = {.in = pattern, .out = out, .err = err, .groups = count_groups(pattern)};
    if (!so_utf8_valid(pattern))
        return fault(&t, so_utf8_check(pattern), "the text is not UTF-8");
    while (t.at < t.in.n) {
        int rc = put_next(&t);
        if (rc != SO_OK)
            return rc;
    }
    return t.depth > 0 ? fault(&t, t.in.n, "a ( is not closed") : SO_OK;
}
