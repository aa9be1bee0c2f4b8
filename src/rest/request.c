/* request.c: method, path and headers; the parts do the rest. */
#include "rest/request.h"
#include "rest/errors.h"

static const struct method_row {
    struct so_str name;
    enum so_verb verb;
    bool head;
    bool on_root, on_relation, on_function;
    bool has_rows; /* the body is rows */
} METHODS[] = {
    /* name                  verb            head   root   rel   rpc    rows */
    {SO_STR_INIT("GET"), SO_VERB_READ, false, true, true, true, false},
    {SO_STR_INIT("HEAD"), SO_VERB_READ, true, true, true, true, false},
    {SO_STR_INIT("POST"), SO_VERB_INSERT, false, false, true, true, true},
    {SO_STR_INIT("PATCH"), SO_VERB_UPDATE, false, false, true, false, true},
    {SO_STR_INIT("PUT"), SO_VERB_PUT, false, false, true, false, true},
    {SO_STR_INIT("DELETE"), SO_VERB_DELETE, false, false, true, false, false},
    {SO_STR_INIT("OPTIONS"), SO_VERB_INFO, false, true, true, true, false},
};

static int parse_path(struct so_request *r, struct so_str path, struct so_err *err)
{
    if (path.n == 0) {
        r->resource = SO_RESOURCE_ROOT;
        return SO_OK;
    }
    r->resource = SO_RESOURCE_RELATION;
    if (so_str_starts(path, SO_STR("rpc/"))) {
        r->resource = SO_RESOURCE_FUNCTION;
        path = so_str_slice(path, 4, path.n);
    }
    if (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (path.n == 0 || so_str_find_char(path, '/', 0) != SO_STR_NONE)
        return so_fail_http(err, PGRST125);
    return so_url_decode(r->arena, path, false, &r->name, err);
}

static int parse_method(struct so_request *r, struct so_str method, const struct method_row **out, struct so_err *err)
{
    for (size_t i = 0; i < COUNT_OF(METHODS); i++) {
        const struct method_row *row = &METHODS[i];
        if (!so_str_eq(method, row->name))
            continue;
        bool fits = r->resource == SO_RESOURCE_ROOT       ? row->on_root
                    : r->resource == SO_RESOURCE_FUNCTION ? row->on_function
                                                          : row->on_relation;
        if (!fits)
            break;
        r->is_call = r->resource == SO_RESOURCE_FUNCTION && row->verb == SO_VERB_INSERT;
        r->verb = r->is_call ? SO_VERB_READ : row->verb; /* what a function gives is read */
        r->head = row->head;
        *out = row;
        return SO_OK;
    }
    if (r->resource == SO_RESOURCE_FUNCTION)
        return so_fail_http(err, PGRST101, SO_STR_ARG(method));
    return so_fail_http(err, PGRST117, SO_STR_ARG(method));
}

/* The headers that matter, found in one pass. */
struct headers {
    struct so_str accept, content_type, accept_profile, content_profile, range;
    struct so_str invalid; /* preferences that nobody knows */
};

static int parse_header(struct so_request *r, const struct so_rest_header *h, struct headers *out, struct so_err *err)
{
    static const struct {
        struct so_str name;
        size_t at;
    } KNOWN[] = {
        {SO_STR_INIT("accept"), offsetof(struct headers, accept)},
        {SO_STR_INIT("content-type"), offsetof(struct headers, content_type)},
        {SO_STR_INIT("accept-profile"), offsetof(struct headers, accept_profile)},
        {SO_STR_INIT("content-profile"), offsetof(struct headers, content_profile)},
        {SO_STR_INIT("range"), offsetof(struct headers, range)},
    };
    if (so_str_eq_nocase(h->name, SO_STR("prefer")))
        return so_prefer_parse(r->arena, h->value, &r->prefer, &out->invalid, err);
    for (size_t i = 0; i < COUNT_OF(KNOWN); i++) {
        struct so_str *slot = (struct so_str *)(void *)((char *)out + KNOWN[i].at);
        if (slot->p == NULL && so_str_eq_nocase(h->name, KNOWN[i].name))
            *slot = h->value.p == NULL ? SO_STR("") : h->value;
    }
    return SO_OK;
}

/* Reads name a schema in Accept-Profile, writes in Content-Profile. */
static void take_profile(struct so_request *r, const struct headers *h)
{
    bool reads = (r->verb == SO_VERB_READ && !r->is_call) || r->verb == SO_VERB_INFO;
    r->profile = so_str_trim(reads ? h->accept_profile : h->content_profile);
    r->named_schema = r->profile.p != NULL;
}

/* A plan may be refused later, and a function or a relation may have a type of its own: until then nothing is wrong
 * (prepare.c). */
static int choose_media(struct so_request *r, struct so_str accept, struct so_err *err)
{
    struct so_err none = SO_ERR_INIT;
    int rc = so_media_choose(accept, r->resource == SO_RESOURCE_ROOT, &r->media, &r->explain, &none);
    r->accept = accept;
    if (rc == SO_OK)
        return SO_OK;
    r->media = SO_MEDIA_NONE;
    if (r->explain.asked || r->resource != SO_RESOURCE_ROOT)
        return SO_OK;
    *err = none;
    return rc;
}

static const struct so_select *everything(void)
{
    static const struct so_select STAR = {.kind = SO_SELECT_STAR};
    return &STAR;
}

int so_request_parse(const struct so_rest_in *in, struct so_arena *arena, struct so_request *out, struct so_err *err)
{
    *out = (struct so_request){.arena = arena,
                               .select = everything(),
                               .prefer = {.max_affected = -1},
                               .method = in->method,
                               .path = in->path,
                               .headers = in->headers,
                               .header_count = in->header_count,
                               .body_text = in->body};
    out->top.limit = -1;
    out->top.filters_end = &out->top.filters;
    const struct method_row *method = NULL;
    struct headers headers = {.invalid = {NULL, 0}};
    int rc = parse_path(out, in->path, err);
    if (rc == SO_OK)
        rc = parse_method(out, in->method, &method, err);
    for (size_t i = 0; rc == SO_OK && i < in->header_count; i++)
        rc = parse_header(out, &in->headers[i], &headers, err);
    take_profile(out, &headers);
    if (rc == SO_OK)
        rc = so_prefer_check(&out->prefer, headers.invalid, err);
    if (rc != SO_OK || out->verb == SO_VERB_INFO)
        return rc;
    rc = choose_media(out, headers.accept, err);
    if (rc == SO_OK && out->resource != SO_RESOURCE_ROOT)
        rc = so_query_parse(out, in->query, err);
    if (rc == SO_OK)
        rc = so_range_finish(out, headers.range, err);
    if (rc != SO_OK || !method->has_rows)
        return rc;
    rc = so_content_choose(headers.content_type, out->is_call, &out->content, err);
    if (rc != SO_OK)
        return rc;
    return out->is_call ? so_body_parse_args(out, in->body, out->content, err)
                        : so_body_parse(out, in->body, out->content, err);
}
