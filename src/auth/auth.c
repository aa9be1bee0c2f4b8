/* auth.c: the service: opening it, and answering one request. */
#include "auth/auth.h"

#include "auth/auth_int.h"
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/passwords.h"
#include "auth/reply.h"
#include "auth/sql.h"
#include "auth/tables.h"
#include "auth/text.h"
#include "core/clock.h"
#include "core/mem.h"

enum { FACTORS_MAX = 10 };

/* ---- open and close ---- */

static int copy_str(struct so_arena *arena, struct so_str *s, struct so_err *err)
{
    if (s->p == NULL)
        return SO_OK;
    *s = so_arena_dup(arena, *s);
    return s->p == NULL ? so_err_oom(err) : SO_OK;
}

static int load_templates(struct so_auth *auth, const char *app_folder, struct so_err *err)
{
    struct so_str folder = so_arena_printf(&auth->arena, "%s/mail", app_folder == NULL ? "" : app_folder);
    if (folder.p == NULL)
        return so_err_oom(err);
    auth->settings.app_folder = NULL; /* not copied, and not needed again */
    return so_mail_templates_load(app_folder == NULL ? NULL : folder.p, &auth->arena, &auth->templates, err);
}

static int copy_settings(struct so_auth *auth, const struct so_auth_settings *settings, struct so_err *err)
{
    struct so_auth_settings *s = &auth->settings;
    *s = *settings;
    s->jwt_secret = (struct so_str){NULL, 0}; /* auth/keys.c has it */
    s->providers = NULL;                      /* auth->providers has them */
    if (s->factors_max == 0)
        s->factors_max = FACTORS_MAX;
    if (s->password_cost.passes == 0)
        s->password_cost = SO_PASSWORD_COST_DEFAULT;
    while (so_str_ends(s->public_url, SO_STR("/")))
        s->public_url.n--;
    s->keys_path = so_arena_dup(&auth->arena, so_str_c(settings->keys_path)).p;
    auth->issuer = so_arena_printf(&auth->arena, "%.*s/auth/v1", SO_STR_ARG(s->public_url));
    auth->password_dummy = so_auth_password_dummy(&auth->arena, &s->password_cost);
    if (s->keys_path == NULL || auth->issuer.p == NULL || auth->password_dummy.p == NULL)
        return so_err_oom(err);
    int rc = copy_str(&auth->arena, &s->public_url, err);
    if (rc == SO_OK)
        rc = copy_str(&auth->arena, &s->anon_key, err);
    if (rc == SO_OK)
        rc = copy_str(&auth->arena, &s->service_key, err);
    if (rc == SO_OK)
        rc = copy_str(&auth->arena, &s->master_key, err);
    if (s->site_url.n == 0)
        s->site_url = s->public_url;
    if (rc == SO_OK)
        rc = copy_str(&auth->arena, &s->site_url, err);
    if (rc == SO_OK)
        rc = copy_str(&auth->arena, &s->redirect_urls, err);
    if (rc == SO_OK)
        rc = copy_str(&auth->arena, &s->audience, err);
    if (rc == SO_OK)
        rc = copy_str(&auth->arena, &s->role_claim, err);
    return rc == SO_OK ? load_templates(auth, settings->app_folder, err) : rc;
}

static int check_settings(const struct so_auth_settings *s, struct so_err *err)
{
    if (s->token_lifetime <= 0 || s->token_lifetime > 7 * 86400)
        return so_fail(err, SO_EINVAL, "the lifetime of tokens must be between a second and a week");
    if (s->refresh_reuse_seconds < 0 || s->refresh_reuse_seconds > 86400)
        return so_fail(err, SO_EINVAL, "the reuse interval of refresh tokens must be between 0 seconds and a day");
    const struct so_session_limits *limits = &s->session_limits;
    if (limits->lifetime < 0 || limits->inactivity < 0 || limits->low_aal < 0)
        return so_fail(err, SO_EINVAL, "the limits of sessions cannot be negative");
    if (s->password_min > SO_AUTH_PASSWORD_MAX)
        return so_fail(err, SO_EINVAL, "passwords cannot be longer than %d bytes", SO_AUTH_PASSWORD_MAX);
    if (!s->autoconfirm && s->mailer == NULL)
        return so_fail(err, SO_EINVAL, "addresses cannot be confirmed: mail is not set up; turn autoconfirm on");
    if (s->provider_count > 0 && s->fetcher == NULL)
        return so_fail(err, SO_EINVAL, "other providers cannot be asked: there is nobody to make the calls");
    if (s->public_url.n == 0 || s->keys_path == NULL)
        return so_fail(err, SO_EINVAL, "the auth service needs its public URL and the path of its key file");
    return SO_OK;
}

static int open_issuers(struct so_auth *auth, const struct so_auth_settings *settings, struct so_err *err)
{
    return so_issuers_open(&auth->issuers,
                           &(struct so_issuers_settings){.text = settings->jwt_issuers,
                                                         .folder = settings->app_folder,
                                                         .fetcher = settings->fetcher,
                                                         .failed = settings->issuer_failed},
                           &auth->arena, err);
}

/* What can fail after the locks exist. */
static int set_up(struct so_auth *auth, const struct so_auth_settings *settings, struct so_err *err)
{
    int rc = copy_settings(auth, settings, err);
    if (rc == SO_OK)
        rc = so_auth_keys_open(&(struct so_auth_key_settings){.path = settings->keys_path,
                                                              .secret = settings->jwt_secret,
                                                              .master = settings->master_key,
                                                              .weak_allowed = settings->weak_secrets_allowed},
                               &auth->keys, err);
    if (rc == SO_OK)
        rc = so_auth_check_keys(auth, err);
    if (rc == SO_OK)
        rc = so_providers_open(&auth->providers, settings->providers, settings->provider_count, &auth->arena, err);
    if (rc == SO_OK)
        rc = open_issuers(auth, settings, err);
    if (rc == SO_OK && !settings->foreign)
        rc = so_auth_tables_migrate(auth->db, err);
    if (rc == SO_OK && !settings->foreign)
        rc = so_db_reader_open(auth->db, &auth->watching, err);
    if (rc == SO_OK && !settings->foreign)
        rc = so_auth_revoked_look(&auth->revoked, auth->watching, err);
    return rc;
}

int so_auth_open(struct so_db *db, const struct so_auth_settings *settings, struct so_auth **out, struct so_err *err)
{
    int rc = check_settings(settings, err);
    if (rc != SO_OK)
        return rc;
    struct so_auth *auth = so_calloc(1, sizeof(*auth));
    if (auth == NULL)
        return so_err_oom(err);
    auth->db = db;
    so_arena_init(&auth->arena, 8 << 20);
    rc = so_auth_revoked_init(&auth->revoked, err);
    if (rc != SO_OK) {
        so_free(auth);
        return rc;
    }
    rc = so_auth_limits_init(&auth->limits, settings->rate_limits, err);
    if (rc != SO_OK) {
        so_auth_revoked_deinit(&auth->revoked);
        so_free(auth);
        return rc;
    }
    rc = set_up(auth, settings, err);
    if (rc != SO_OK)
        so_auth_close(auth);
    else
        *out = auth;
    return rc;
}

void so_auth_close(struct so_auth *auth)
{
    if (auth == NULL)
        return;
    so_issuers_close(&auth->issuers);
    so_providers_close(&auth->providers);
    so_auth_keys_close(auth->keys);
    so_conn_close(auth->watching);
    so_auth_limits_deinit(&auth->limits);
    so_auth_revoked_deinit(&auth->revoked);
    so_arena_deinit(&auth->arena);
    so_free(auth);
}

bool so_auth_is_foreign(const struct so_auth *auth) { return auth->settings.foreign; }

int so_auth_reload_keys(struct so_auth *auth, struct so_err *err) { return so_auth_keys_reload(auth->keys, err); }

int so_auth_look_at_keys(struct so_auth *auth, bool *out_changed, struct so_err *err)
{
    return so_auth_keys_look(auth->keys, out_changed, err);
}

int so_auth_look_at_revocations(struct so_auth *auth, struct so_err *err)
{
    if (auth->watching == NULL)
        return SO_OK;
    so_conn_set_deadline(auth->watching, INT64_MAX);
    return so_auth_revoked_look(&auth->revoked, auth->watching, err);
}

/* ---- what handlers share ---- */

int so_auth_write(struct so_auth_call *call, int (*run)(void *arg, struct so_conn *conn, struct so_err *err), void *arg,
                  struct so_err *err)
{
    int rc = so_db_write(call->auth->db, run, arg, err);
    if (rc == SO_OK)
        so_auth_revoked_batch_add(&call->auth->revoked, &call->revoked);
    else
        so_auth_revoked_batch_drop(&call->auth->revoked, &call->revoked);
    return rc;
}

int so_auth_limit(struct so_auth_call *call, enum so_auth_limit limit, struct so_err *err)
{
    call->retry_after = so_auth_limits_take(&call->auth->limits, limit, call->in->peer);
    return call->retry_after > 0 ? so_auth_fail(err, SO_AUTH_RATE_LIMIT) : SO_OK;
}

/* ---- one request ---- */

/* {id} in lower case; the reference says 404 when it is no uuid. */
static int take_id(struct so_auth_call *call, struct so_str id, struct so_str *out, struct so_err *err)
{
    uint8_t bytes[16];
    if (id.p == NULL)
        return SO_OK;
    if (!so_auth_uuid(id, bytes))
        return so_auth_fail(err, SO_AUTH_VALIDATION_ID);
    return so_auth_uuid_lower(call->arena, id, out, err);
}

static int find_endpoint(struct so_auth_call *call, const struct so_endpoint **out, struct so_endpoint_ids *out_ids,
                         struct so_err *err)
{
    *out = so_endpoint_find(call->in->method, call->in->path, out_ids);
    if (*out != NULL)
        return SO_OK;
    call->allow = so_endpoint_methods(call->in->path, call->arena);
    if (call->allow.p == NULL)
        return so_err_oom(err);
    return so_auth_fail(err, call->allow.n > 0 ? SO_AUTH_METHOD : SO_AUTH_NO_SUCH_PATH);
}

static int respond(struct so_auth_call *call, struct so_err *err)
{
    const struct so_endpoint *endpoint;
    struct so_endpoint_ids ids = {0};
    int rc = find_endpoint(call, &endpoint, &ids, err);
    if (rc != SO_OK)
        return rc;
    call->now_us = so_clock_now_us();
    call->now = so_auth_time_dup(call->arena, call->now_us);
    if (call->now.p == NULL)
        return so_err_oom(err);
    call->by_admin = endpoint->access == SO_ACCESS_ADMIN;
    rc = so_auth_admit(call, endpoint->access, err);
    if (rc == SO_OK)
        rc = so_auth_limit(call, endpoint->limit, err);
    if (rc == SO_OK)
        rc = take_id(call, ids.first, &call->id, err);
    if (rc == SO_OK)
        rc = take_id(call, ids.second, &call->second_id, err);
    if (rc == SO_OK && endpoint->body != SO_BODY_NONE)
        rc = so_auth_params_read(call->in->body, endpoint->body == SO_BODY_OPTIONAL, call->arena, &call->params, err);
    if (rc == SO_OK)
        rc = endpoint->handle(call, err);
    return rc;
}

bool so_auth_is_quick(const struct so_auth_in *in)
{
    const struct so_endpoint *endpoint = so_endpoint_find(in->method, in->path, NULL);
    return endpoint == NULL || endpoint->quick;
}

void so_auth_handle(struct so_auth *auth, const struct so_auth_in *in, struct so_arena *arena, struct so_auth_out *out,
                    struct so_buf *body)
{
    struct so_auth_call call = {.auth = auth, .in = in, .arena = arena, .out = out, .body = body};
    struct so_err err = SO_ERR_INIT;
    *out = (struct so_auth_out){0};
    int rc = respond(&call, &err);
    if (rc == SO_OK)
        rc = so_buf_check(body, "the answer", &err);
    if (rc != SO_OK)
        so_reply_error(&call, &err);
}
