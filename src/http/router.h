/* router.h: from method and path to a handler.
 *
 *   "/health/live"          exactly that path
 *   "/a/{name}/b"           {name} is one segment, not empty, percent-decoded
 *   "/rest/v1/{table}"      may coexist with "/rest/v1/rpc/{name}"
 *   a '*' as last segment   every path that starts with what is before it; the rest, still encoded, is the parameter "*"
 *
 * When several patterns match, the one with more literal bytes wins; of two equal ones, the one without '*'.
 * Borrows: the table, which must outlive the router.   Threads: any, after so_router_new(). */
#ifndef SO_HTTP_ROUTER_H
#define SO_HTTP_ROUTER_H

#include "http/http.h"

#define SO_ALLOW(method) (1U << (method))
#define SO_ALLOW_ANY     (~0U)

struct so_route {
    unsigned methods; /* SO_ALLOW() of each; GET answers HEAD too.  The same pattern may come again for other methods. */
    const char *pattern;
    so_http_handler *handler;
    void *arg;
};

enum { SO_ROUTE_PARAMS_MAX = 8, SO_ROUTE_SEGMENTS_MAX = 32 };

struct so_route_match {
    const struct so_route *route; /* when found */
    unsigned allowed;             /* when the path is known but not the method: for the Allow header */
    size_t param_count;
    struct {
        struct so_str name, value;
    } params[SO_ROUTE_PARAMS_MAX];
};

struct so_router;
/* SO_EINVAL: a malformed pattern, or two routes for one pattern and method. */
int so_router_new(const struct so_route *routes, size_t count, struct so_router **out, struct so_err *err) SO_MUST_CHECK;
void so_router_free(struct so_router *r); /* NULL is fine */

/* Decoded segments are in `arena`.
 * SO_OK; SO_ENOTFOUND (404); SO_EDENIED: out->allowed tells which methods there are (405); SO_EINVAL: a bad %XX, or a NUL
 * (400); SO_ENOMEM. */
int so_router_find(const struct so_router *r, const struct so_http_request *req, struct so_arena *arena,
                   struct so_route_match *out) SO_MUST_CHECK;
/* The parameter of that name; {NULL, 0} when the pattern has none. */
struct so_str so_route_param(const struct so_route_match *m, const char *name);
/* "GET, HEAD, POST" for the Allow header.  p is NULL when memory ran out. */
struct so_str so_route_allow(unsigned methods, struct so_arena *arena);

#endif
