/* router.c: patterns in the order in which they win, tried one after the other.
 *
 * Linear on purpose: a program has a few dozen routes, and the bytes before the first '{' or '*' rule nearly all of them out
 * with one memcmp(). */
#include "http/router.h"

#include <stdlib.h>

#include "core/buf.h"
#include "core/mem.h"
#include "http/url.h"

struct pattern {
    const struct so_route *route;
    struct so_str text;
    size_t fixed;    /* bytes before the first '{' or '*' */
    size_t literal;  /* bytes that stand for themselves, anywhere */
    bool is_prefix;  /* ends in '*' */
    size_t position; /* in the table */
};

struct so_router {
    size_t count;
    struct pattern patterns[];
};

/* ---- building ---- */

static bool is_param(struct so_str segment)
{
    return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

static bool has_special(struct so_str segment)
{
    for (size_t i = 0; i < segment.n; i++)
        if (strchr("{}*%?#", segment.p[i]) != NULL)
            return true;
    return false;
}

static int read_pattern(const struct so_route *route, size_t position, struct pattern *out, struct so_err *err)
{
    struct so_str text = so_str_c(route->pattern), rest = so_str_slice(text, 1, text.n), segment;
    *out = (struct pattern){.route = route, .text = text, .position = position, .literal = 1};
    bool is_fixed = true;
    size_t params = 0, segments = 0;
    if (text.n == 0 || text.p[0] != '/')
        return so_fail(err, SO_EINVAL, "route \"%s\" does not start with a slash", route->pattern);
    while (so_str_split(&rest, '/', &segment)) {
        bool is_star = so_str_eq_c(segment, "*") && rest.p == NULL;
        bool is_literal = !is_star && !is_param(segment);
        if (is_literal && has_special(segment))
            return so_fail(err, SO_EINVAL, "route \"%s\": \"%.*s\" is not a segment", route->pattern, SO_STR_ARG(segment));
        if (is_fixed && !is_literal)
            out->fixed = (size_t)(segment.p - text.p);
        is_fixed = is_fixed && is_literal;
        out->is_prefix = is_star;
        out->literal += (is_literal ? segment.n : 0) + (rest.p != NULL);
        params += !is_literal;
        segments++;
    }
    if (is_fixed)
        out->fixed = text.n;
    if (params > SO_ROUTE_PARAMS_MAX || segments > SO_ROUTE_SEGMENTS_MAX)
        return so_fail(err, SO_EINVAL, "route \"%s\" has too many parts", route->pattern);
    return SO_OK;
}

/* The one that wins comes first. */
static int by_rank(const void *a, const void *b)
{
    const struct pattern *x = a, *y = b;
    if (x->literal != y->literal)
        return x->literal > y->literal ? -1 : 1;
    if (x->is_prefix != y->is_prefix)
        return x->is_prefix ? 1 : -1;
    return x->position < y->position ? -1 : 1;
}

static int check_twins(const struct so_router *r, struct so_err *err)
{
    for (size_t i = 0; i < r->count; i++)
        for (size_t k = i + 1; k < r->count && r->patterns[k].literal == r->patterns[i].literal; k++)
            if (so_str_eq(r->patterns[i].text, r->patterns[k].text) &&
                (r->patterns[i].route->methods & r->patterns[k].route->methods) != 0)
                return so_fail(err, SO_EINVAL, "there are two routes for \"%s\"", r->patterns[i].route->pattern);
    return SO_OK;
}

int so_router_new(const struct so_route *routes, size_t count, struct so_router **out, struct so_err *err)
{
    struct so_router *r = so_calloc(1, sizeof(*r) + count * sizeof(r->patterns[0]));
    if (r == NULL)
        return so_err_oom(err);
    int rc = SO_OK;
    for (size_t i = 0; i < count && rc == SO_OK; i++)
        rc = read_pattern(&routes[i], i, &r->patterns[r->count++], err);
    if (rc == SO_OK) {
        qsort(r->patterns, r->count, sizeof(r->patterns[0]), by_rank);
        rc = check_twins(r, err);
    }
    if (rc != SO_OK) {
        so_router_free(r);
        return rc;
    }
    *out = r;
    return SO_OK;
}

void so_router_free(struct so_router *r) { so_free(r); }

/* ---- matching ---- */

/* The path cut at its slashes, and each piece decoded, so that "/%61uth" is "/auth" and "a%2Fb" is one segment. */
struct path {
    struct so_str raw;
    bool is_plain; /* nothing in it is encoded */
    size_t count;  /* may be one more than there is room for: then only prefixes match */
    struct so_str raws[SO_ROUTE_SEGMENTS_MAX];
    struct so_str segments[SO_ROUTE_SEGMENTS_MAX];
};

static int cut_path(struct so_str raw, struct so_arena *arena, struct path *out)
{
    out->raw = raw;
    out->count = 0;
    out->is_plain = so_str_find_char(raw, '%', 0) == SO_STR_NONE;
    struct so_str rest = so_str_slice(raw, 1, raw.n), segment;
    if (raw.n == 0 || raw.p[0] != '/')
        return SO_ENOTFOUND; /* OPTIONS * */
    while (so_str_split(&rest, '/', &segment)) {
        struct so_str decoded;
        int rc = so_http_decode(arena, segment, false, &decoded);
        if (rc == SO_OK && so_str_find_char(decoded, '\0', 0) != SO_STR_NONE)
            rc = SO_EINVAL;
        if (rc != SO_OK)
            return rc;
        if (out->count < SO_ROUTE_SEGMENTS_MAX) {
            out->raws[out->count] = segment;
            out->segments[out->count] = decoded;
        }
        if (out->count <= SO_ROUTE_SEGMENTS_MAX)
            out->count++;
    }
    return SO_OK;
}

static void add_param(struct so_route_match *m, struct so_str name, struct so_str value)
{
    m->params[m->param_count].name = name;
    m->params[m->param_count].value = value;
    m->param_count++;
}

static bool matches(const struct pattern *p, const struct path *path, struct so_route_match *m)
{
    m->param_count = 0;
    if (path->is_plain && (path->raw.n < p->fixed || memcmp(path->raw.p, p->text.p, p->fixed) != 0))
        return false;
    struct so_str rest = so_str_slice(p->text, 1, p->text.n), segment;
    size_t i = 0;
    for (; so_str_split(&rest, '/', &segment); i++) {
        if (i >= path->count || i >= SO_ROUTE_SEGMENTS_MAX)
            return false;
        if (p->is_prefix && rest.p == NULL) {
            const char *from = path->raws[i].p;
            add_param(m, segment, so_str(from, (size_t)(path->raw.p + path->raw.n - from)));
            return true;
        }
        if (!is_param(segment)) {
            if (!so_str_eq(segment, path->segments[i]))
                return false;
            continue;
        }
        if (path->segments[i].n == 0)
            return false;
        add_param(m, so_str_slice(segment, 1, segment.n - 1), path->segments[i]);
    }
    return i == path->count;
}

static unsigned methods_of(const struct so_route *route)
{
    return route->methods | ((route->methods & SO_ALLOW(SO_GET)) != 0 ? SO_ALLOW(SO_HEAD) : 0);
}

int so_router_find(const struct so_router *r, const struct so_http_request *req, struct so_arena *arena,
                   struct so_route_match *out)
{
    struct path path;
    int rc = cut_path(req->path, arena, &path);
    if (rc != SO_OK)
        return rc;
    *out = (struct so_route_match){0};
    for (size_t i = 0; i < r->count; i++) {
        const struct pattern *p = &r->patterns[i];
        if (!matches(p, &path, out))
            continue;
        if ((methods_of(p->route) & SO_ALLOW(req->method)) != 0) {
            out->route = p->route;
            return SO_OK;
        }
        out->allowed |= methods_of(p->route);
    }
    out->param_count = 0;
    return out->allowed != 0 ? SO_EDENIED : SO_ENOTFOUND;
}

struct so_str so_route_param(const struct so_route_match *m, const char *name)
{
    for (size_t i = 0; i < m->param_count; i++)
        if (so_str_eq_c(m->params[i].name, name))
            return m->params[i].value;
    return (struct so_str){NULL, 0};
}

struct so_str so_route_allow(unsigned methods, struct so_arena *arena)
{
    static const char *const NAMES[] = {
        [SO_GET] = "GET",     [SO_HEAD] = "HEAD",     [SO_POST] = "POST",      [SO_PUT] = "PUT",
        [SO_PATCH] = "PATCH", [SO_DELETE] = "DELETE", [SO_OPTIONS] = "OPTIONS"};
    char text[64];
    struct so_buf list = {.p = text, .cap = sizeof(text), .max = sizeof(text)};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        if ((methods & SO_ALLOW(i)) != 0) {
            so_buf_puts(&list, list.len > 0 ? ", " : "");
            so_buf_puts(&list, NAMES[i]);
        }
    return so_arena_dup(arena, so_buf_str(&list));
}
