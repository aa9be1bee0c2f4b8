/* cors.c: pages of other origins may call (Fetch standard, section 3.2; PROTOCOL 1.4): one variable opens or narrows it. */
#include "app/internal.h"

static bool is_allowed(struct so_str origin, const char *list)
{
    struct so_str rest = so_str_c(list), one;
    while (so_str_split(&rest, ',', &one)) {
        one = so_str_trim(one);
        if (so_str_eq(one, SO_STR("*")) || so_str_eq(one, origin))
            return true;
    }
    return false;
}

static void reply_preflight(struct so_http_exchange *x)
{
    static const struct so_str ALWAYS =
        SO_STR_INIT("authorization, apikey, content-type, prefer, accept-profile, content-profile, range, range-unit, "
                    "x-client-info, x-supabase-api-version, x-retry-count, traceparent, tracestate, baggage");
    struct so_str asked = so_http_header(&x->req, SO_STR("Access-Control-Request-Headers"));
    so_http_reply_header(x, SO_STR("Access-Control-Allow-Methods"), SO_STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    so_http_reply_header(x, SO_STR("Access-Control-Allow-Headers"), asked.n > 0 ? asked : ALWAYS);
    so_http_reply_header(x, SO_STR("Access-Control-Max-Age"), SO_STR("86400"));
    so_http_reply_send(x, 204);
}

bool so_app_cors(const struct so_config *config, struct so_http_exchange *x)
{
    struct so_str origin = so_http_header(&x->req, SO_STR("Origin"));
    bool any = so_str_eq_c(SO_STR("*"), config->cors_origins);
    if (!any)
        so_http_reply_header(x, SO_STR("Vary"), SO_STR("Origin")); /* a cache must not give one origin's answer to another */
    if (origin.p == NULL)
        return false;
    if (any || is_allowed(origin, config->cors_origins)) {
        so_http_reply_header(x, SO_STR("Access-Control-Allow-Origin"), any ? SO_STR("*") : origin);
        so_http_reply_header(x, SO_STR("Access-Control-Expose-Headers"),
                             SO_STR("Content-Range, Content-Location, Location, Link, Preference-Applied, Retry-After, "
                                    "X-Total-Count, X-Supabase-Api-Version, X-Sb-Error-Code"));
    }
    bool preflight =
        x->req.method == SO_OPTIONS && so_http_header(&x->req, SO_STR("Access-Control-Request-Method")).p != NULL;
    if (preflight)
        reply_preflight(x);
    return preflight;
}
