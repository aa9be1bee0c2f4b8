/* uri.c: reference resolution (RFC 3986 section 5.2).  Works on the component level; never looks things up. */
#include "schema/uri.h"

#include <string.h>

/* p == NULL: the component is not there, which is not the same as empty. */
struct parts {
    struct so_str scheme, authority, path, query, fragment;
};

static bool is_scheme_char(char c, bool first)
{
    bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alpha || (!first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
}

static size_t scheme_length(struct so_str s)
{
    size_t i = 0;
    while (i < s.n && is_scheme_char(s.p[i], i == 0))
        i++;
    return i > 0 && i < s.n && s.p[i] == ':' ? i : 0;
}

bool so_uri_is_absolute(struct so_str uri) { return scheme_length(uri) > 0; }

/* Takes what is before the first `mark` off the front of *rest; *out_after is what follows it, NULL when there is no mark.
 */
static struct so_str cut(struct so_str s, char mark, struct so_str *out_after)
{
    size_t at = so_str_find_char(s, mark, 0);
    if (at == SO_STR_NONE) {
        *out_after = (struct so_str){NULL, 0};
        return s;
    }
    *out_after = so_str_slice(s, at + 1, s.n);
    return so_str_slice(s, 0, at);
}

static struct parts split(struct so_str s)
{
    struct parts u = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    s = cut(s, '#', &u.fragment);
    s = cut(s, '?', &u.query);
    size_t n = scheme_length(s);
    if (n > 0) {
        u.scheme = so_str_slice(s, 0, n);
        s = so_str_slice(s, n + 1, s.n);
    }
    if (so_str_starts(s, SO_STR("//"))) {
        s = so_str_slice(s, 2, s.n);
        size_t slash = so_str_find_char(s, '/', 0);
        size_t end = slash == SO_STR_NONE ? s.n : slash;
        u.authority = so_str_slice(s, 0, end);
        s = so_str_slice(s, end, s.n);
    }
    u.path = s;
    return u;
}

/* RFC 3986 section 5.2.4, in place; returns the new length. */
static size_t remove_dot_segments(char *p, size_t n)
{
    size_t in = 0, out = 0;
    while (in < n) {
        size_t end = in + 1;
        while (end < n && p[end] != '/')
            end++;
        /* One segment with its leading slash, if it has one. */
        bool slash = p[in] == '/';
        struct so_str name = {p + in + slash, end - in - slash};
        bool last = end == n;
        if (so_str_eq_c(name, ".") || so_str_eq_c(name, "..")) {
            if (name.n == 2) {
                while (out > 0 && p[out - 1] != '/')
                    out--;
                if (out > 0)
                    out--;
            }
            if (last && slash)
                p[out++] = '/';
        } else {
            memmove(p + out, p + in, end - in);
            out += end - in;
        }
        in = end;
    }
    return out;
}

static char *put(char *at, const char *before, struct so_str s, const char *after)
{
    at = stpcpy(at, before);
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    return stpcpy(at + s.n, after);
}

bool so_uri_resolve(struct so_arena *arena, struct so_str base_text, struct so_str ref_text, struct so_str *out_uri,
                    struct so_str *out_fragment)
{
    struct parts base = split(base_text), ref = split(ref_text), u = ref;
    struct so_str folder = {"", 0}; /* of the base's path: what a relative path is put after */
    if (ref.scheme.p == NULL) {
        u.scheme = base.scheme;
        if (ref.authority.p == NULL) {
            u.authority = base.authority;
            if (ref.path.n == 0) {
                u.path = base.path;
                u.query = ref.query.p != NULL ? ref.query : base.query;
            } else if (ref.path.p[0] != '/') {
                size_t keep = base.path.n;
                while (keep > 0 && base.path.p[keep - 1] != '/')
                    keep--;
                folder = so_str_slice(base.path, 0, keep);
                if (keep == 0 && base.authority.p != NULL)
                    folder = SO_STR("/");
            }
        }
    }
    char *text = so_alloc_text(arena, base_text.n + ref_text.n + 8);
    if (text == NULL)
        return false;
    char *at = text;
    if (u.scheme.p != NULL)
        at = put(at, "", u.scheme, ":");
    if (u.authority.p != NULL)
        at = put(at, "//", u.authority, "");
    char *path = at;
    at = put(at, "", folder, "");
    at = put(at, "", u.path, "");
    if (u.path.n > 0 && (u.path.p[0] == '/' || folder.n > 0)) /* a URN's or an empty base's path has no segments to drop */
        at = path + remove_dot_segments(path, (size_t)(at - path));
    if (u.query.p != NULL)
        at = put(at, "?", u.query, "");
    *at = '\0';
    *out_uri = so_str(text, (size_t)(at - text));
    *out_fragment = ref.fragment;
    return true;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct so_str so_uri_decode(struct so_arena *arena, struct so_str text)
{
    char *out = so_alloc_text(arena, text.n + 1);
    if (out == NULL)
        return (struct so_str){NULL, 0};
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '%' && i + 2 < text.n && hex(text.p[i + 1]) >= 0 && hex(text.p[i + 2]) >= 0) {
            out[n++] = (char)(hex(text.p[i + 1]) * 16 + hex(text.p[i + 2]));
            i += 2;
        } else {
            out[n++] = text.p[i];
        }
    }
    out[n] = '\0';
    return so_str(out, n);
}
