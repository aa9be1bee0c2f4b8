/* http_fuzz.c: a connection's bytes through scan, parser and chunk decoder.
 *
 * The first byte of the input says how to cut the rest into pieces.  Whatever the cuts, what is understood must be what is
 * understood of the whole: a difference is where requests are smuggled. */
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"
#include "http/chunk.h"
#include "http/parser.h"
#include "http/router.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct so_http_limits LIMITS = {.line_max = 200, .headers_max = 400, .header_count_max = 12, .body_max = 1000};

/* A reader of one connection: the bytes so far, and what was understood of them. */
struct reader {
    struct so_str all; /* grows at its end */
    size_t at;         /* used so far */
    struct so_head_scan scan;
    struct so_chunk chunk;
    uint64_t body_left;
    enum { IN_HEAD, IN_LENGTH, IN_CHUNKS, REFUSED } state;
    struct so_buf said; /* what was understood, as text */
};

static void say_str(struct reader *r, struct so_str s)
{
    so_buf_printf(&r->said, "%zu:", s.n);
    so_buf_put_str(&r->said, s);
    so_buf_putc(&r->said, ' ');
}

static void refuse(struct reader *r, int status, const char *why)
{
    if (why == NULL || status < 400 || status > 599)
        abort();
    so_buf_printf(&r->said, "refused %d %s\n", status, why);
    r->state = REFUSED;
}

/* Decoding and routing of what a stranger sends must not fall over either. */
static void route(struct reader *r, const struct so_http_request *req)
{
    static const struct so_route ROUTES[] = {{SO_ALLOW(SO_GET), "/a/{x}/b", NULL, NULL},
                                             {SO_ALLOW(SO_POST), "/a/{x}", NULL, NULL},
                                             {SO_ALLOW_ANY, "/r/*", NULL, NULL}};
    struct so_router *router = NULL;
    struct so_arena arena;
    struct so_route_match m;
    struct so_str query;
    so_arena_init(&arena, 1 << 16);
    if (so_router_new(ROUTES, COUNT_OF(ROUTES), &router, NULL) != SO_OK)
        abort();
    int rc = so_router_find(router, req, &arena, &m);
    so_buf_printf(&r->said, "route %d ", rc);
    if (req->query.p != NULL && so_http_decode(&arena, req->query, true, &query) == SO_OK)
        say_str(r, query);
    so_router_free(router);
    so_arena_deinit(&arena);
}

static bool read_head(struct reader *r)
{
    const char *p = r->all.p + r->at, *why = NULL;
    size_t n = 0;
    int status = so_head_scan(&r->scan, p, r->all.n - r->at, &LIMITS, &n, &why);
    if (status == SO_SCAN_MORE)
        return false;
    if (status != SO_SCAN_DONE) {
        refuse(r, status, why);
        return true;
    }
    struct so_header headers[12];
    struct so_head head;
    p += r->scan.skip;
    r->at += r->scan.skip + n;
    if (r->scan.lines > COUNT_OF(headers))
        abort();
    r->scan = (struct so_head_scan){0};
    status = so_head_parse(p, n, headers, &head, &why);
    if (status != 0) {
        refuse(r, status, why);
        return true;
    }
    say_str(r, head.method_text);
    say_str(r, head.path);
    for (size_t i = 0; i < head.header_count; i++) {
        say_str(r, headers[i].name);
        say_str(r, headers[i].value);
    }
    so_buf_printf(&r->said, "minor %u keeps %d expects %d\n", head.minor, head.keeps_alive, head.expects_continue);
    route(r, &(struct so_http_request){.method = head.method, .path = head.path, .query = head.query});
    r->body_left = head.content_length;
    so_chunk_init(&r->chunk);
    r->state = head.is_chunked ? IN_CHUNKS : IN_LENGTH;
    if (head.is_chunked && head.has_length)
        abort();
    return true;
}

static bool read_length(struct reader *r)
{
    struct so_str part = so_str_slice(r->all, r->at, r->all.n);
    part.n = part.n < r->body_left ? part.n : (size_t)r->body_left;
    so_buf_put_str(&r->said, part);
    r->at += part.n;
    r->body_left -= part.n;
    if (r->body_left > 0)
        return false;
    r->state = IN_HEAD;
    return true;
}

static bool read_chunks(struct reader *r)
{
    struct so_str input = so_str_slice(r->all, r->at, r->all.n), part;
    enum so_chunk_result result;
    while ((result = so_chunk_next(&r->chunk, &input, &part)) == SO_CHUNK_DATA)
        so_buf_put_str(&r->said, part);
    r->at = r->all.n - input.n;
    if (result == SO_CHUNK_BAD)
        refuse(r, 400, "chunks");
    else if (result == SO_CHUNK_DONE)
        r->state = IN_HEAD;
    return result != SO_CHUNK_MORE;
}

static void read_more(struct reader *r, struct so_str all)
{
    r->all = all;
    bool goes_on = true;
    while (goes_on && r->state != REFUSED)
        goes_on = r->state == IN_HEAD ? read_head(r) : r->state == IN_LENGTH ? read_length(r) : read_chunks(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct so_str all = so_str((const char *)data + 1, size - 1);
    struct reader whole = {0}, cut = {0};
    so_buf_init(&whole.said, 1 << 24);
    so_buf_init(&cut.said, 1 << 24);
    read_more(&whole, all);
    uint32_t random = data[0];
    for (size_t at = 0; at < all.n;) {
        random = random * 1664525 + 1013904223;
        at += data[0] == 0 ? 1 : 1 + (random >> 16) % (1 + data[0] / 4U);
        read_more(&cut, so_str_slice(all, 0, at));
    }
    if (!so_str_eq(so_buf_str(&whole.said), so_buf_str(&cut.said))) {
        fprintf(stderr, "whole: %.*s\ncut:   %.*s\n", SO_STR_ARG(so_buf_str(&whole.said)),
                SO_STR_ARG(so_buf_str(&cut.said)));
        abort();
    }
    so_buf_deinit(&whole.said);
    so_buf_deinit(&cut.said);
    return 0;
}
