/* range.c: limit=, offset= and the Range header (PostgREST, RangeQuery.hs). */
#include "rest/errors.h"
#include "rest/scan.h"

int so_range_parse(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err)
{
    struct so_scan k = {.text = key, .what = "failed to parse tree path", .arena = r->arena, .err = err};
    struct so_name *path = NULL;
    struct so_field_name last;
    int64_t number;
    int rc = so_scan_path(&k, &path, &last);
    if (rc != SO_OK)
        return rc;
    if (!so_str_to_i64(value, &number))
        return SO_OK; /* what is no number counts as absent, as in the reference */
    struct so_scope *scope = so_request_scope(r, path);
    if (scope == NULL)
        return so_err_oom(err);
    if (so_str_eq(last.name, SO_STR("offset"))) {
        scope->offset = number < 0 ? 0 : number;
        scope->has_offset = true;
        return SO_OK;
    }
    if (number < 0) {
        rc = so_fail_http(err, PGRST103);
        so_err_details(err, "Limit should be greater than or equal to zero.");
        return rc;
    }
    scope->limit = number;
    scope->has_limit = true;
    return SO_OK;
}

/* "a-b" or "a-"; false for everything else, which means no range. */
static bool parse_header(struct so_str header, int64_t *from, int64_t *to)
{
    header = so_str_trim(header);
    if (so_str_starts(header, SO_STR("items=")))
        header = so_str_slice(header, 6, header.n);
    size_t dash = so_str_find_char(header, '-', 0);
    if (dash == SO_STR_NONE || dash == 0 || !so_str_to_i64(so_str_slice(header, 0, dash), from))
        return false;
    *to = INT64_MAX;
    return dash + 1 == header.n || so_str_to_i64(so_str_slice(header, dash + 1, header.n), to);
}

/* A missing limit is INT64_MAX here; sums are cut there. */
static int64_t add_cut(int64_t a, int64_t b) { return a > INT64_MAX - b ? INT64_MAX : a + b; }

/* RFC 9110 section 14.2: a Range header means something on GET only. */
static int apply_header(struct so_request *r, struct so_str header, struct so_err *err)
{
    struct so_scope *top = &r->top;
    int64_t from, to;
    if (r->verb != SO_VERB_READ || r->is_call || r->head || header.p == NULL || !parse_header(header, &from, &to))
        return SO_OK;
    int64_t end = top->has_limit ? add_cut(top->offset, top->limit) : INT64_MAX; /* one past the last */
    int64_t first = from > top->offset ? from : top->offset;
    end = end < add_cut(to, 1) ? end : add_cut(to, 1);
    if (top->has_limit && top->limit == 0)
        return SO_OK; /* limit=0 is asked for nothing, and gets it */
    if (from > to || first >= end) {
        int rc = so_fail_http(err, PGRST103);
        so_err_details(err, "The lower boundary must be lower than or equal to the upper boundary in the Range header.");
        return rc;
    }
    top->offset = first;
    top->has_offset = first > 0;
    top->has_limit = end != INT64_MAX;
    top->limit = top->has_limit ? end - first : -1;
    return SO_OK;
}

int so_range_finish(struct so_request *r, struct so_str range_header, struct so_err *err)
{
    if (r->verb == SO_VERB_PUT && (r->top.has_limit || r->top.has_offset))
        return so_fail_http(err, PGRST114);
    return apply_header(r, range_header, err);
}
