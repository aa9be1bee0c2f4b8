/* route_realtime.c: the door of realtime, and who a WebSocket's tokens are of.
 *
 *   /realtime/v1/websocket            -> so_hub_connect
 *   /realtime/v1/api/broadcast[...]   -> identify -> so_hub_publish */
#include "app/internal.h"

#include "core/clock.h"
#include "jose/jwt.h"

/* ---- who ---- */

/* The reason's name and text as clients know them (PROTOCOL.md section 7.4). */
static int refuse(struct so_err *err, int code, const char *id, const char *message)
{
    return so_fail_http(err, code, 401, id, "%s", message);
}

static int say_expired(const struct so_jwt_times *times, struct so_err *err)
{
    return so_fail_http(err, SO_EEXPIRED, 401, "InvalidJWTToken", "Token has expired %lld seconds ago",
                        (long long)(so_clock_now() - times->exp));
}

/* What can be known before any signature is looked at. */
static int look_at_token(struct so_str token, struct so_arena *arena, struct so_jwt_times *out, struct so_err *err)
{
    struct so_json header, claims;
    int rc = so_jwt_decode(token, arena, &header, &claims, NULL);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK || so_jwt_times_read(&claims, out, NULL) != SO_OK)
        return refuse(err, SO_EINVAL, "MalformedJWT", "The token provided is not a valid JWT");
    if (out->exp == INT64_MAX || so_json_get_str(&claims, SO_STR("role")).p == NULL)
        return refuse(err, SO_EINVAL, "InvalidJWTToken", "Fields `role` and `exp` are required in JWT");
    return SO_OK;
}

static int64_t expiry_of_key(struct so_str key, struct so_arena *arena)
{
    struct so_json header, claims;
    struct so_jwt_times times;
    bool is_token = so_jwt_decode(key, arena, &header, &claims, NULL) == SO_OK;
    return is_token && so_jwt_times_read(&claims, &times, NULL) == SO_OK && times.exp != INT64_MAX ? times.exp : 0;
}

static int identify_key(struct so_app_loop *on, struct so_str key, struct so_arena *arena, struct so_guest *out,
                        struct so_err *err)
{
    int rc = so_auth_identify(on->app->auth, on->tokens, key, so_str(NULL, 0), arena, &out->who, err);
    if (rc == SO_OK)
        out->expires = so_str_starts(key, SO_STR("sb_")) ? 0 : expiry_of_key(key, arena);
    return rc;
}

static int identify(void *arg, struct so_str key, struct so_str token, struct so_arena *arena, struct so_guest *out,
                    struct so_err *err)
{
    struct so_app_loop *on = arg;
    struct so_jwt_times times;
    struct so_err own = SO_ERR_INIT;
    if (token.n == 0)
        return identify_key(on, key, arena, out, err);
    int rc = look_at_token(token, arena, &times, err);
    if (rc != SO_OK)
        return rc;
    struct so_str bearer = so_arena_printf(arena, "Bearer %.*s", SO_STR_ARG(token));
    if (bearer.p == NULL)
        return so_err_oom(err);
    rc = so_auth_identify(on->app->auth, on->tokens, key, bearer, arena, &out->who, &own);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK && strcmp(own.id, "PGRST303") == 0)
        return say_expired(&times, err);
    if (rc != SO_OK && strstr(own.message, "session has ended") != NULL)
        return refuse(err, rc, "InvalidJWTToken", own.message);
    if (rc != SO_OK)
        return refuse(err, rc, "JwtSignatureError", "Failed to validate JWT signature");
    out->expires = times.exp;
    return SO_OK;
}

static uint64_t revocations(void *arg) { return so_auth_revocations(((struct so_app_loop *)arg)->app->auth); }

static bool is_revoked(void *arg, const struct so_identity *who)
{
    return so_auth_is_revoked(((struct so_app_loop *)arg)->app->auth, who);
}

struct so_gate so_app_gate(struct so_app_loop *on) { return (struct so_gate){identify, revocations, is_revoked, on}; }

/* ---- doors ---- */

static void publish(struct so_app_loop *on, struct so_http_exchange *x, struct so_str path)
{
    struct so_identity found, *who = so_alloc(x->arena, sizeof(*who));
    struct so_err err = SO_ERR_INIT;
    int rc = who == NULL ? so_err_oom(&err)
                         : so_auth_identify(on->app->auth, on->tokens, so_http_header(&x->req, SO_STR("apikey")),
                                            so_http_header(&x->req, SO_STR("Authorization")), x->arena, &found, &err);
    if (rc == SO_OK)
        rc = so_identity_copy(&found, x->arena, who, &err);
    if (rc == SO_OK) {
        so_hub_publish(on->hub, x, who, path);
        return;
    }
    so_http_reply_header(x, SO_STR("Content-Type"), SO_STR("application/json"));
    so_buf_puts(so_http_reply_body(x),
                rc == SO_ENOMEM ? "{\"message\":\"out of memory\"}" : "{\"message\":\"Unauthorized\"}");
    so_http_reply_send(x, rc == SO_ENOMEM ? 503 : 401);
}

void so_app_realtime(struct so_app_loop *on, struct so_http_exchange *x, struct so_str path)
{
    struct so_str broadcast = SO_STR("api/broadcast"), rest = so_str_slice(path, broadcast.n, path.n);
    if (so_str_eq(path, SO_STR("websocket")))
        so_hub_connect(on->hub, x);
    else if (so_str_starts(path, broadcast) && (rest.n == 0 || rest.p[0] == '/'))
        publish(on, x, rest);
    else
        so_app_reply_error(x, 404, "not_found", "there is nothing at this path", "the WebSocket is /realtime/v1/websocket");
}
