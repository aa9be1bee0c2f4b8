/* route_mail.c: /dashboard/mail: what `socle dev` caught instead of sending.  For whoever sits at this machine only: the
 * mails hold codes that sign in. */
#include "app/internal.h"

#include "auth/mail.h"

static bool is_loopback(struct so_str peer)
{
    return so_str_starts(peer, SO_STR("127.")) || so_str_eq(peer, SO_STR("::1")) ||
           so_str_starts(peer, SO_STR("::ffff:127."));
}

/* A name that somebody else's DNS points at this machine is none of ours (DNS rebinding), and pages of other origins may
 * not read along although the rest of the server lets them call. */
static bool is_local_page(const struct so_http_exchange *x)
{
    static const struct so_str HOSTS[] = {SO_STR_INIT("127.0.0.1"), SO_STR_INIT("localhost"), SO_STR_INIT("[::1]")};
    struct so_str host = so_http_header(&x->req, SO_STR("Host"));
    if (so_http_header(&x->req, SO_STR("Origin")).p != NULL)
        return false;
    for (size_t i = 0; i < COUNT_OF(HOSTS); i++)
        if (so_str_starts(host, HOSTS[i]) && (host.n == HOSTS[i].n || host.p[HOSTS[i].n] == ':'))
            return true;
    return false;
}

void so_app_mail(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest)
{
    (void)rest;
    struct so_mailer *catcher = on->app->catcher;
    bool reads = x->req.method == SO_GET || x->req.method == SO_HEAD;
    if (catcher == NULL || !reads || !is_loopback(x->req.peer) || !is_local_page(x)) {
        so_app_reply_error(x, 404, "not_found", "there is nothing at this path", NULL);
        return;
    }
    struct so_str accept = so_http_header(&x->req, SO_STR("Accept"));
    bool as_json = so_str_find(accept, SO_STR("application/json")) != SO_STR_NONE;
    if (as_json)
        so_catcher_put_json(catcher, so_http_reply_body(x));
    else
        so_catcher_put_html(catcher, so_http_reply_body(x));
    so_http_reply_header(x, SO_STR("Content-Type"),
                         as_json ? SO_STR("application/json") : SO_STR("text/html; charset=utf-8"));
    so_http_reply_header(x, SO_STR("Content-Security-Policy"),
                         SO_STR("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"));
    so_http_reply_header(x, SO_STR("Referrer-Policy"), SO_STR("no-referrer"));
    so_http_reply_header(x, SO_STR("Cache-Control"), SO_STR("no-store"));
    so_http_reply_send(x, 200);
}
