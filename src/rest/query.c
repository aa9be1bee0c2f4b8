/* query.c: the query string: split, decode, and hand each parameter to the file that reads its sort.
 *
 *   select, columns, on_conflict     by their whole name
 *   order, limit, offset, and, or    by the last word of their name: what is before it is the path of an embedded resource
 *   everything else                  is a filter
 */
#include "core/utf8.h"
#include "rest/errors.h"
#include "rest/scan.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool needs_decoding(struct so_str text, bool plus)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '%' || (plus && text.p[i] == '+'))
            return true;
    return false;
}

/* A '%' without two hex digits stays as it is, as in the reference. */
static size_t decode_into(char *out, struct so_str text, bool plus)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        int high, low;
        if (c == '%' && i + 2 < text.n && (high = hex_digit(text.p[i + 1])) >= 0 && (low = hex_digit(text.p[i + 2])) >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = c;
    }
    return n;
}

int so_url_decode(struct so_arena *arena, struct so_str text, bool plus, struct so_str *out, struct so_err *err)
{
    struct so_str plain = text;
    if (needs_decoding(text, plus)) {
        char *copy = so_alloc_text(arena, text.n);
        if (copy == NULL)
            return so_err_oom(err);
        plain = so_str(copy, decode_into(copy, text, plus));
    }
    if (!so_utf8_valid(plain) || so_str_find_char(plain, '\0', 0) != SO_STR_NONE) {
        int rc = so_fail_http(err, PGRST100_UTF8);
        so_err_details(err, "Percent-encode text as UTF-8");
        return rc;
    }
    *out = plain;
    return SO_OK;
}

static bool same_path(const struct so_name *a, const struct so_name *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next)
        if (!so_str_eq(a->name, b->name))
            return false;
    return a == b;
}

struct so_scope *so_request_scope(struct so_request *r, const struct so_name *path)
{
    if (path == NULL)
        return &r->top;
    struct so_scope **at = &r->scopes;
    for (; *at != NULL; at = &(*at)->next)
        if (same_path((*at)->path, path))
            return *at;
    struct so_scope *made = so_alloc_zero(r->arena, sizeof(*made));
    if (made == NULL)
        return NULL;
    made->path = path;
    made->filters_end = &made->filters;
    made->limit = -1;
    *at = made;
    return made;
}

static int parse_select(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err)
{
    (void)key;
    return so_select_parse(r->arena, value, &r->select, err);
}

static int parse_columns(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err)
{
    (void)key;
    struct so_scan s = {.text = value, .what = "failed to parse columns parameter", .arena = r->arena, .err = err};
    r->has_columns = true;
    return so_scan_names(&s, &r->columns);
}

static int parse_on_conflict(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err)
{
    (void)key;
    struct so_scan s = {.text = value, .what = "failed to parse on_conflict parameter", .arena = r->arena, .err = err};
    return so_scan_names(&s, &r->on_conflict);
}

enum { ONCE = 1, SUFFIX = 2 };
static const struct parameter {
    struct so_str name;
    int (*parse)(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err);
    unsigned how; /* ONCE: the first one counts; SUFFIX: a path may stand before the name */
} PARAMETERS[] = {
    {SO_STR_INIT("select"), parse_select, ONCE},           {SO_STR_INIT("columns"), parse_columns, ONCE},
    {SO_STR_INIT("on_conflict"), parse_on_conflict, ONCE}, {SO_STR_INIT("order"), so_order_parse, SUFFIX},
    {SO_STR_INIT("limit"), so_range_parse, SUFFIX},        {SO_STR_INIT("offset"), so_range_parse, SUFFIX},
    {SO_STR_INIT("and"), so_logic_parse, SUFFIX},          {SO_STR_INIT("or"), so_logic_parse, SUFFIX},
};

static bool names_parameter(struct so_str key, const struct parameter *p)
{
    if (so_str_eq(key, p->name))
        return true;
    return (p->how & SUFFIX) != 0 && key.n > p->name.n && so_str_ends(key, p->name) && key.p[key.n - p->name.n - 1] == '.';
}

/* By GET, what is no condition is an argument of the function (PostgREST, QueryParams.hs). */
static int add_argument(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err)
{
    struct so_arg *arg = so_alloc(r->arena, sizeof(*arg));
    if (arg == NULL)
        return so_err_oom(err);
    *arg = (struct so_arg){key, value, r->args};
    r->args = arg;
    return SO_OK;
}

static int parse_parameter(struct so_request *r, struct so_str key, struct so_str value, unsigned *seen, struct so_err *err)
{
    for (size_t i = 0; i < COUNT_OF(PARAMETERS); i++) {
        if (!names_parameter(key, &PARAMETERS[i]))
            continue;
        if ((PARAMETERS[i].how & ONCE) != 0 && (*seen & 1u << i) != 0)
            return SO_OK;
        *seen |= 1u << i;
        return PARAMETERS[i].parse(r, key, value, err);
    }
    if (r->resource == SO_RESOURCE_FUNCTION && !r->is_call && !so_filter_is_one(value))
        return add_argument(r, key, value, err);
    return so_filter_parse(r, key, value, err);
}

/* For Content-Location. */
static int keep_parameters(struct so_request *r, struct so_str query, struct so_err *err)
{
    size_t max = 1;
    if (r->resource != SO_RESOURCE_RELATION || r->verb != SO_VERB_READ)
        return SO_OK;
    for (size_t i = 0; i < query.n; i++)
        max += query.p[i] == '&';
    max = so_min_size(max, SO_REST_ITEMS_MAX);
    r->parameters = so_alloc(r->arena, max * sizeof(*r->parameters));
    return r->parameters == NULL ? so_err_oom(err) : SO_OK;
}

int so_query_parse(struct so_request *r, struct so_str query, struct so_err *err)
{
    struct so_str pair;
    int kept = keep_parameters(r, query, err);
    if (kept != SO_OK)
        return kept;
    unsigned seen = 0, count = 0;
    while (so_str_split(&query, '&', &pair)) {
        size_t equals = so_str_find_char(pair, '=', 0);
        if (equals == SO_STR_NONE) /* a name without "=" is no parameter */
            continue;
        if (++count > SO_REST_ITEMS_MAX)
            return so_fail_http(err, PGRST100_ITEMS, "failed to parse query string", SO_REST_ITEMS_MAX);
        struct so_str key, value;
        int rc = so_url_decode(r->arena, so_str_slice(pair, 0, equals), true, &key, err);
        if (rc == SO_OK)
            rc = so_url_decode(r->arena, so_str_slice(pair, equals + 1, pair.n), true, &value, err);
        if (rc == SO_OK && r->parameters != NULL)
            r->parameters[r->parameter_count++] = (struct so_parameter){key, value};
        if (rc == SO_OK && key.n > 0)
            rc = parse_parameter(r, key, value, &seen, err);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}
