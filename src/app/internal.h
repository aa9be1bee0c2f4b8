/* internal.h: what the files of app/ share. */
#ifndef SO_APP_INTERNAL_H
#define SO_APP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/app.h"
#include "app/pg_host.h"
#include "auth/auth.h"
#include "db/db.h"
#include "http/http.h"
#include "realtime/realtime.h"
#include "rest/rest.h"

/* One event loop and what it alone uses. */
struct so_app_loop {
    struct so_app *app;
    struct so_loop *loop;
    pthread_t thread;
    struct so_http_server *server;
    struct so_conn *reader; /* SQLite; else NULL */
    struct so_app_pg *pg;   /* PostgreSQL; else NULL */
    struct so_auth_cache *tokens;
    struct so_snapshot *snapshot; /* a reference; replaced by a task on this loop */
    struct so_hub *hub;           /* its WebSockets */
    uint64_t requests;            /* written by the loop, read by /metrics */
    int64_t lost_told_ns;         /* when it was last logged that the database is away; monotonic */
};

struct so_app {
    const struct so_config *config;
    enum so_app_migrate migrate;
    bool is_foreign; /* PostgreSQL: the tables are not ours to change */
    struct so_db *db;
    struct so_auth *auth;
    struct so_mailer *smtp, *catcher; /* one of them, or none */
    struct so_fetcher *fetcher;       /* NULL: nothing calls other servers */
    struct so_snapshot *snapshot;     /* the newest; main thread */
    struct so_rest_settings rest;
    struct so_realtime *realtime;
    struct so_feed *feed;     /* the log of changes */
    struct so_access *access; /* policies of private channels, the newest; main thread */
    struct so_app_loop *loops;
    unsigned loop_count; /* loops that are running */
    unsigned port;
    atomic_bool stopping;
};

/* cors.c: adds the headers that let other origins' pages read the answer.  True when the request was a preflight and is
 * answered. */
bool so_app_cors(const struct so_config *config, struct so_http_exchange *x);

/* One file per door.  Each replies, now or later. */
void so_app_rest(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest_of_path);
void so_app_auth(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest_of_path);
void so_app_static(struct so_app_loop *on, struct so_http_exchange *x);
void so_app_realtime(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest_of_path);
void so_app_health(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest_of_path);
void so_app_metrics(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest_of_path);
void so_app_mail(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest_of_path);
void so_app_describe(struct so_app_loop *on, struct so_http_exchange *x, struct so_str rest_of_path);

/* route_realtime.c: what a hub asks the app. */
struct so_gate so_app_gate(struct so_app_loop *on);

/* reply.c: {"code":...,"message":...,"details":null,"hint":null} for errors outside rest and auth. */
void so_app_reply_error(struct so_http_exchange *x, int status, const char *code, const char *message, const char *hint);
void so_app_reply_err(struct so_http_exchange *x, const struct so_err *err);

#endif
