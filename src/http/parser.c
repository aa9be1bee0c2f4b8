/* parser.c: scan for line ends with memchr(), then read the whole head once.
 *
 * The scan sees each byte once, even when the head comes a byte at a time; it stops a head that is too long, or that has a
 * bare LF, before it is complete.  Everything else waits for the whole head, which makes the reading plain. */
#include "http/parser.h"

#include "core/str.h"
#include "http/headers.h"

/* ---- characters ---- */

enum {
    TCHAR = 1,  /* of a token */
    TARGET = 2, /* of a request target: more than RFC 3986 allows ({, ", |), as people type them; never # or a control */
    HOST = 4    /* of a Host value: uri-host [":" port] */
};

#define T  TARGET
#define TT (TCHAR | TARGET)
#define TH (TARGET | HOST)
#define A  (TCHAR | TARGET | HOST)
static const uint8_t CLASS[256] = {
    ['!'] = A,  ['"'] = T,  ['#'] = TCHAR, ['$'] = A,  ['%'] = A, ['&'] = A,  ['\''] = A, ['('] = TH, [')'] = TH, ['*'] = A,
    ['+'] = A,  [','] = TH, ['-'] = A,     ['.'] = A,  ['/'] = T, ['0'] = A,  ['1'] = A,  ['2'] = A,  ['3'] = A,  ['4'] = A,
    ['5'] = A,  ['6'] = A,  ['7'] = A,     ['8'] = A,  ['9'] = A, [':'] = TH, [';'] = TH, ['<'] = T,  ['='] = TH, ['>'] = T,
    ['?'] = T,  ['@'] = T,  ['A'] = A,     ['B'] = A,  ['C'] = A, ['D'] = A,  ['E'] = A,  ['F'] = A,  ['G'] = A,  ['H'] = A,
    ['I'] = A,  ['J'] = A,  ['K'] = A,     ['L'] = A,  ['M'] = A, ['N'] = A,  ['O'] = A,  ['P'] = A,  ['Q'] = A,  ['R'] = A,
    ['S'] = A,  ['T'] = A,  ['U'] = A,     ['V'] = A,  ['W'] = A, ['X'] = A,  ['Y'] = A,  ['Z'] = A,  ['['] = TH, ['\\'] = T,
    [']'] = TH, ['^'] = TT, ['_'] = A,     ['`'] = TT, ['a'] = A, ['b'] = A,  ['c'] = A,  ['d'] = A,  ['e'] = A,  ['f'] = A,
    ['g'] = A,  ['h'] = A,  ['i'] = A,     ['j'] = A,  ['k'] = A, ['l'] = A,  ['m'] = A,  ['n'] = A,  ['o'] = A,  ['p'] = A,
    ['q'] = A,  ['r'] = A,  ['s'] = A,     ['t'] = A,  ['u'] = A, ['v'] = A,  ['w'] = A,  ['x'] = A,  ['y'] = A,  ['z'] = A,
    ['{'] = T,  ['|'] = TT, ['}'] = T,     ['~'] = A,
};
#undef T
#undef TT
#undef TH
#undef A

/* Bytes at the front of s that are of class `what`. */
static size_t span(struct so_str s, unsigned what)
{
    size_t i = 0;
    while (i < s.n && (CLASS[(unsigned char)s.p[i]] & what) != 0)
        i++;
    return i;
}

bool so_http_is_token(struct so_str s) { return s.n > 0 && span(s, TCHAR) == s.n; }

/* True when no byte is a control: only HTAB of those below SP, and no DEL (RFC 9110 section 5.5).  Eight at a time. */
static bool is_field_text(struct so_str s)
{
    const uint64_t ONES = 0x0101010101010101ULL, HIGH = 0x8080808080808080ULL;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t word, del;
        memcpy(&word, s.p + i, 8);
        del = word ^ (ONES * 0x7F);
        /* The high bit of a byte is set where it may be below SP, or where it may be DEL; false alarms go the slow way. */
        if ((((word - ONES * 0x20) | (del - ONES)) & ~word & HIGH) != 0)
            break;
    }
    for (; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

/* ---- the scan ---- */

static int over(int status, const char *why, const char **out_why)
{
    *out_why = why;
    return status;
}

/* The limits on what is complete and on what is not: `end` is where the line under way ends, as far as is known. */
static int check_size(const struct so_head_scan *scan, size_t end, const struct so_http_limits *limits, const char **out_why)
{
    if (scan->first == 0)
        return end - scan->line_at > limits->line_max ? over(414, "the request line is too long", out_why) : 0;
    if (end - scan->first > limits->headers_max)
        return over(431, "the header lines are too long", out_why);
    return scan->lines > limits->header_count_max ? over(431, "there are too many header lines", out_why) : 0;
}

/* Something that is not HTTP at all (TLS, say) is told at its first byte, not when its time has run out. */
static bool is_not_http(const struct so_head_scan *scan, const char *p, size_t n)
{
    if (scan->first > 0 || n == scan->line_at)
        return false;
    unsigned char c = (unsigned char)p[scan->line_at];
    return c != '\r' && c != '\n' && (CLASS[c] & TCHAR) == 0;
}

/* The bytes that count against a limit do not depend on how the head is cut: the empty line never counts, whole or half. */
static int check_rest(const struct so_head_scan *scan, const char *p, size_t n, const struct so_http_limits *limits,
                      const char **out_why)
{
    bool is_half_empty = n == scan->line_at + 1 && p[scan->line_at] == '\r';
    return check_size(scan, is_half_empty ? scan->line_at : n, limits, out_why);
}

/* A line whose LF is at `end`: 0, SO_SCAN_DONE when it ends the head, or a status. */
static int take_line(struct so_head_scan *scan, const char *p, size_t end, const struct so_http_limits *limits,
                     const char **out_why)
{
    bool is_empty = end == scan->line_at + 1 && p[scan->line_at] == '\r';
    if (is_empty && scan->first > 0)
        return SO_SCAN_DONE;
    if (is_empty && scan->skip > 0)
        return over(400, "there are empty lines before the request line", out_why);
    if (is_empty) {
        scan->skip = 2;
    } else {
        scan->lines += scan->first > 0;
        int status = check_size(scan, end + 1, limits, out_why);
        if (status != 0)
            return status;
        if (end == scan->line_at || p[end - 1] != '\r')
            return over(400, "a line ends in LF without CR", out_why);
        if (scan->first == 0)
            scan->first = end + 1;
    }
    scan->at = scan->line_at = end + 1;
    return SO_SCAN_MORE;
}

int so_head_scan(struct so_head_scan *scan, const char *p, size_t n, const struct so_http_limits *limits, size_t *out_len,
                 const char **out_why)
{
    while (scan->at < n) {
        if (is_not_http(scan, p, n))
            return over(400, "this is not an HTTP request", out_why);
        const char *lf = memchr(p + scan->at, '\n', n - scan->at);
        if (lf == NULL) {
            scan->at = n;
            break;
        }
        size_t end = (size_t)(lf - p);
        int status = take_line(scan, p, end, limits, out_why);
        if (status == SO_SCAN_DONE)
            *out_len = end + 1 - scan->skip;
        if (status != SO_SCAN_MORE)
            return status;
    }
    return check_rest(scan, p, n, limits, out_why);
}

/* ---- the request line ---- */

static const struct {
    struct so_str text;
    enum so_method method;
} METHODS[] = {
    {SO_STR_INIT("GET"), SO_GET},         {SO_STR_INIT("POST"), SO_POST}, {SO_STR_INIT("PATCH"), SO_PATCH},
    {SO_STR_INIT("DELETE"), SO_DELETE},   {SO_STR_INIT("PUT"), SO_PUT},   {SO_STR_INIT("HEAD"), SO_HEAD},
    {SO_STR_INIT("OPTIONS"), SO_OPTIONS},
};

static enum so_method find_method(struct so_str text)
{
    for (size_t i = 0; i < COUNT_OF(METHODS); i++)
        if (so_str_eq(METHODS[i].text, text))
            return METHODS[i].method;
    return SO_METHOD_OTHER;
}

/* "HTTP/1.1".  A higher minor version is served as 1.1 (RFC 9110 section 2.5). */
static int read_version(struct so_str text, struct so_head *out, const char **out_why)
{
    bool is_version = text.n == 8 && memcmp(text.p, "HTTP/", 5) == 0 && text.p[5] >= '0' && text.p[5] <= '9' &&
                      text.p[6] == '.' && text.p[7] >= '0' && text.p[7] <= '9';
    if (!is_version)
        return over(400, "the request line does not end in an HTTP version", out_why);
    if (text.p[5] != '1')
        return over(505, "only HTTP/1.1 and HTTP/1.0 are spoken here", out_why);
    out->minor = text.p[7] == '0' ? 0 : 1;
    return 0;
}

/* The length of "scheme://authority" in an absolute-form target, 0 when it has another form. */
static size_t authority_end(struct so_str target)
{
    static const struct so_str SCHEMES[] = {SO_STR_INIT("http://"), SO_STR_INIT("https://")};
    for (size_t i = 0; i < COUNT_OF(SCHEMES); i++) {
        struct so_str scheme = SCHEMES[i];
        if (target.n <= scheme.n || !so_str_eq_nocase(so_str(target.p, scheme.n), scheme))
            continue;
        size_t host = span(so_str_slice(target, scheme.n, target.n), HOST);
        size_t end = scheme.n + host;
        bool stops = end == target.n || target.p[end] == '/' || target.p[end] == '?';
        return host > 0 && stops ? end : 0;
    }
    return 0;
}

/* Origin-form, absolute-form (whose authority changes nothing here) or asterisk-form (RFC 9112 section 3.2). */
static int read_target(struct so_str target, struct so_head *out, const char **out_why)
{
    if (span(target, TARGET) != target.n)
        return over(400, "the target holds a character that must be percent-encoded", out_why);
    out->query = (struct so_str){NULL, 0};
    if (so_str_eq_c(target, "*") && out->method == SO_OPTIONS) {
        out->path = target;
        return 0;
    }
    if (target.n > 0 && target.p[0] != '/') {
        size_t end = authority_end(target);
        if (end == 0)
            return over(400, "the target is neither a path nor an http URL", out_why);
        target = so_str_slice(target, end, target.n);
    }
    size_t mark = so_str_find_char(target, '?', 0);
    out->path = so_str_slice(target, 0, mark);
    if (mark != SO_STR_NONE)
        out->query = so_str_slice(target, mark + 1, target.n);
    if (out->path.n == 0)
        out->path = SO_STR("/"); /* http://host, http://host?x=1 */
    return 0;
}

static int read_request_line(struct so_str line, struct so_head *out, const char **out_why)
{
    size_t method_end = span(line, TCHAR);
    if (method_end == 0 || method_end == line.n || line.p[method_end] != ' ')
        return over(400, "the request line does not start with a method and a space", out_why);
    struct so_str rest = so_str_slice(line, method_end + 1, line.n);
    size_t target_end = so_str_find_char(rest, ' ', 0);
    if (target_end == 0 || target_end == SO_STR_NONE)
        return over(400, "the request line is not: method, target, version", out_why);
    int status = read_version(so_str_slice(rest, target_end + 1, rest.n), out, out_why);
    if (status != 0)
        return status;
    out->method_text = so_str_slice(line, 0, method_end);
    out->method = find_method(out->method_text);
    if (so_str_eq_c(out->method_text, "CONNECT"))
        return over(501, "this server is no proxy", out_why);
    return read_target(so_str_slice(rest, 0, target_end), out, out_why);
}

/* ---- header lines ---- */

static int read_header(struct so_str line, struct so_header *out, const char **out_why)
{
    size_t name = span(line, TCHAR);
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return over(400, "a header line is folded (starts with a blank)", out_why);
    if (name == 0 || name == line.n || line.p[name] != ':')
        return over(400, "a header line does not start with a name and a colon", out_why);
    struct so_str value = so_str_slice(line, name + 1, line.n);
    if (!is_field_text(value))
        return over(400, "a header's value holds a control character", out_why);
    out->name = so_str_slice(line, 0, name);
    out->value = so_str_trim(value);
    return 0;
}

/* ---- the headers that frame the message ---- */

struct framing {
    struct so_head *head;
    bool has_host;
    bool has_coding;
    bool wants_close, wants_keep;
};

static int on_host(struct framing *f, struct so_str value, const char **out_why)
{
    if (f->has_host)
        return over(400, "there are two Host headers", out_why);
    if (span(value, HOST) != value.n)
        return over(400, "the Host header is malformed", out_why);
    f->has_host = true;
    return 0;
}

static int on_content_length(struct framing *f, struct so_str value, const char **out_why)
{
    if (f->head->has_length)
        return over(400, "there are two Content-Length headers", out_why);
    if (!so_str_to_u64(value, &f->head->content_length) || f->head->content_length > INT64_MAX)
        return over(400, "Content-Length is not a number of bytes", out_why);
    f->head->has_length = true;
    return 0;
}

/* Only exactly "chunked" frames a body that we can read; what else is well-formed is somebody else's coding. */
static int on_transfer_encoding(struct framing *f, struct so_str value, const char **out_why)
{
    if (f->has_coding)
        return over(400, "there are two Transfer-Encoding headers", out_why);
    f->has_coding = true;
    size_t unknown = 0, count = 0;
    for (struct so_str part; so_str_split(&value, ',', &part); count++) {
        part = so_str_trim(part);
        if (!so_http_is_token(part))
            return over(400, "the Transfer-Encoding header is malformed", out_why);
        unknown += !so_str_eq_nocase(part, SO_STR("chunked"));
    }
    if (unknown > 0)
        return over(501, "the only transfer coding known here is chunked", out_why);
    if (count != 1)
        return over(400, "the body is chunked more than once", out_why);
    f->head->is_chunked = true;
    return 0;
}

static int on_connection(struct framing *f, struct so_str value, const char **out_why)
{
    (void)out_why;
    f->wants_close = f->wants_close || so_http_list_has(value, SO_STR("close"));
    f->wants_keep = f->wants_keep || so_http_list_has(value, SO_STR("keep-alive"));
    return 0;
}

static int on_expect(struct framing *f, struct so_str value, const char **out_why)
{
    if (f->head->minor == 0)
        return 0; /* RFC 9110 section 10.1.1: from HTTP/1.0 it is ignored */
    if (!so_str_eq_nocase(value, SO_STR("100-continue")))
        return over(417, "the only expectation known here is 100-continue", out_why);
    f->head->expects_continue = true;
    return 0;
}

static const struct {
    struct so_str name;
    int (*read)(struct framing *f, struct so_str value, const char **out_why);
} FRAMING[] = {
    {SO_STR_INIT("Host"), on_host},
    {SO_STR_INIT("Content-Length"), on_content_length},
    {SO_STR_INIT("Transfer-Encoding"), on_transfer_encoding},
    {SO_STR_INIT("Connection"), on_connection},
    {SO_STR_INIT("Expect"), on_expect},
};

static int read_framing_header(struct framing *f, const struct so_header *h, const char **out_why)
{
    for (size_t i = 0; i < COUNT_OF(FRAMING); i++)
        if (h->name.n == FRAMING[i].name.n && so_str_eq_nocase(h->name, FRAMING[i].name))
            return FRAMING[i].read(f, h->value, out_why);
    return 0;
}

static int check_framing(const struct framing *f, const char **out_why)
{
    struct so_head *head = f->head;
    if (!f->has_host && head->minor > 0)
        return over(400, "there is no Host header", out_why);
    if (f->has_coding && head->has_length)
        return over(400, "Content-Length and Transfer-Encoding exclude each other", out_why);
    if (f->has_coding && head->minor == 0)
        return over(400, "HTTP/1.0 has no Transfer-Encoding", out_why);
    head->keeps_alive = !f->wants_close && (head->minor > 0 || f->wants_keep);
    return 0;
}

int so_head_parse(const char *p, size_t n, struct so_header *headers, struct so_head *out, const char **out_why)
{
    *out = (struct so_head){0};
    struct framing f = {.head = out};
    const char *end = p + n - 2; /* before the empty line */
    for (const char *at = p, *next; at < end; at = next) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (lf == NULL)
            return over(400, "the head is cut", out_why); /* cannot be after so_head_scan() */
        next = lf + 1;
        struct so_str line = so_str(at, (size_t)(lf - 1 - at)); /* without CR LF */
        int status;
        if (at == p) {
            status = read_request_line(line, out, out_why);
        } else {
            struct so_header *h = &headers[out->header_count];
            status = read_header(line, h, out_why);
            if (status == 0)
                status = read_framing_header(&f, h, out_why);
            out->header_count++;
        }
        if (status != 0)
            return status;
    }
    return check_framing(&f, out_why);
}
