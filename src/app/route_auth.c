/* route_auth.c: the auth service's door: quick endpoints here, the others on a worker, where they may hash and wait. */
#include "app/internal.h"

#include "core/log.h"

struct call {
    struct so_http_exchange *x;
    struct so_app_loop *on;
    struct so_auth_in in;
    struct so_auth_out out;
    struct so_work work;
};

static void handle(struct call *c)
{
    so_auth_handle(c->on->app->auth, &c->in, c->x->arena, &c->out, so_http_reply_body(c->x));
}

static void reply(struct call *c)
{
    if (c->out.failure.n > 0)
        so_log(SO_LOG_ERROR, "auth %.*s: %.*s", SO_STR_ARG(c->in.path), SO_STR_ARG(c->out.failure));
    for (size_t i = 0; i < c->out.header_count; i++)
        so_http_reply_header(c->x, c->out.headers[i].name, c->out.headers[i].value);
    so_http_reply_send(c->x, c->out.status);
}

static void work(struct so_work *w) { handle(SO_CONTAINER_OF(w, struct call, work)); }
static void work_done(struct so_work *w) { reply(SO_CONTAINER_OF(w, struct call, work)); }

void so_app_auth(struct so_app_loop *on, struct so_http_exchange *x, struct so_str path)
{
    if (so_auth_is_foreign(on->app->auth)) {
        so_app_reply_error(x, 501, "not_implemented",
                           "this server keeps no accounts: on PostgreSQL they are another service's",
                           "ask the service that made your token");
        return;
    }
    struct call *c = so_alloc_zero(x->arena, sizeof(*c));
    if (c == NULL) {
        so_app_reply_error(x, 503, "53200", "out of memory", NULL);
        return;
    }
    *c = (struct call){
        .x = x,
        .on = on,
        .in = {.method = x->req.method_text,
               .path = path,
               .query = x->req.query,
               .body = x->req.body,
               .apikey = so_http_header(&x->req, SO_STR("apikey")),
               .authorization = so_http_header(&x->req, SO_STR("Authorization")),
               .api_version = so_http_header(&x->req, SO_STR("X-Supabase-Api-Version")),
               .peer = x->req.peer,
               .user_agent = so_http_header(&x->req, SO_STR("User-Agent")),
               .cookie = so_http_header(&x->req, SO_STR("Cookie"))},
        .work = {.work = work, .done = work_done},
    };
    if (so_auth_is_quick(&c->in)) {
        handle(c);
        reply(c);
        return;
    }
    struct so_err err = SO_ERR_INIT;
    if (so_loop_work(on->loop, &c->work, &err) != SO_OK)
        so_app_reply_err(x, &err);
}
