/* reply.c: the forms of an answer. */
#include "auth/reply.h"

#include "auth/errors.h"
#include "core/random.h"

static const char API_VERSION[] = "2024-01-01"; /* the one version that is not the first */

void so_reply_header(struct so_auth_out *out, const char *name, struct so_str value)
{
    if (out->header_count < COUNT_OF(out->headers) && value.p != NULL)
        out->headers[out->header_count++] = (struct so_auth_header){so_str_c(name), value};
}

/* A date, "2024-01-01" or later: the new form.  Dates compare as texts. */
static bool wants_new_form(struct so_str version)
{
    return version.n == sizeof(API_VERSION) - 1 && version.p[4] == '-' && version.p[7] == '-' &&
           so_str_cmp(version, so_str_c(API_VERSION)) >= 0;
}

static void begin(struct so_auth_call *call, int status)
{
    so_buf_reset(call->body);
    call->out->status = status;
    call->out->header_count = 0;
    if (wants_new_form(call->in->api_version))
        so_reply_header(call->out, "X-Supabase-Api-Version", so_str_c(API_VERSION));
}

void so_reply_begin(struct so_auth_call *call, int status, struct so_jw *w)
{
    begin(call, status);
    so_reply_header(call->out, "Content-Type", SO_STR("application/json"));
    so_jw_init(w, call->body);
}

void so_reply_user(struct so_auth_call *call, const struct so_user *user)
{
    struct so_jw w;
    so_reply_begin(call, 200, &w);
    so_user_put(&w, user);
}

void so_reply_empty_object(struct so_auth_call *call)
{
    struct so_jw w;
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_jw_end_object(&w);
}

/* A form may lead to another origin in the end, so form-action, which browsers apply to redirects too, stays open. */
static void guard_page(struct so_auth_call *call)
{
    so_reply_header(call->out, "Cache-Control", SO_STR("no-store"));
    so_reply_header(call->out, "Referrer-Policy", SO_STR("no-referrer"));
    so_reply_header(call->out, "Content-Security-Policy",
                    SO_STR("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"));
}

void so_reply_page(struct so_auth_call *call)
{
    begin(call, 200);
    so_reply_header(call->out, "Content-Type", SO_STR("text/html; charset=utf-8"));
    guard_page(call);
}

void so_reply_redirect(struct so_auth_call *call, int status, struct so_str url)
{
    begin(call, status);
    so_reply_header(call->out, "Location", url);
    guard_page(call);
}

void so_reply_nothing(struct so_auth_call *call) { begin(call, 204); }

void so_reply_put_weak_password(struct so_jw *w, struct so_str reason)
{
    so_jw_object(w);
    so_jw_key(w, SO_STR("reasons"));
    so_jw_array(w);
    so_jw_str(w, reason);
    so_jw_end_array(w);
    so_jw_end_object(w);
}

/* ---- errors ---- */

/* What the client is told of a failure that no row of errors.h describes. */
static const struct so_auth_error_row *row_of_code(int code)
{
    switch (code) {
    case SO_EBUSY:
    case SO_ECLOSED: return so_auth_error_row(SO_AUTH_BUSY);
    case SO_ETIMEOUT: return so_auth_error_row(SO_AUTH_TIMEOUT);
    default: return so_auth_error_row(SO_AUTH_UNEXPECTED);
    }
}

static void put_new_form(struct so_jw *w, const char *id, const char *message)
{
    so_jw_member_cstr(w, "code", id);
    so_jw_member_cstr(w, "message", message);
}

static void put_old_form(struct so_jw *w, int status, const char *id, const char *message)
{
    so_jw_member_i64(w, "code", status);
    so_jw_member_cstr(w, "error_code", id);
    so_jw_member_cstr(w, "msg", message);
    if (status >= 500) {
        char error_id[37];
        so_random_uuid(error_id);
        so_jw_member_cstr(w, "error_id", error_id);
    }
}

/* A missing or unknown key, which Supabase's gateway answers before the auth service: it has a form of its own. */
static void reply_gateway(struct so_auth_call *call, const struct so_err *err)
{
    struct so_jw w;
    so_reply_begin(call, err->status, &w);
    so_jw_object(&w);
    so_jw_member_cstr(&w, "message", err->message);
    so_jw_end_object(&w);
}

void so_reply_error(struct so_auth_call *call, const struct so_err *err)
{
    bool described = err->status != 0 && err->id[0] != '\0';
    if (err->status == 401 && !described) {
        reply_gateway(call, err);
        return;
    }
    const struct so_auth_error_row *row = row_of_code(err->code);
    int status = described ? err->status : row->status;
    const char *message = described ? err->message : row->message;
    struct so_str id = so_arena_dup(call->arena, so_str_c(described ? err->id : row->id));
    if (id.p == NULL)
        id = so_str_c(row->id);
    struct so_jw w;
    so_reply_begin(call, status, &w);
    so_reply_header(call->out, "x-sb-error-code", id);
    if (status == 405)
        so_reply_header(call->out, "Allow", call->allow);
    if (status == 503 && call->retry_after == 0)
        call->retry_after = 1;
    if (call->retry_after > 0)
        so_reply_header(call->out, "Retry-After", so_arena_printf(call->arena, "%lld", (long long)call->retry_after));
    so_jw_object(&w);
    if (wants_new_form(call->in->api_version))
        put_new_form(&w, id.p, message);
    else
        put_old_form(&w, status, id.p, message);
    if (so_str_eq_c(id, "weak_password")) {
        so_jw_key(&w, SO_STR("weak_password"));
        so_reply_put_weak_password(&w, so_str_c(err->details));
    }
    so_jw_end_object(&w);
    if (!described)
        call->out->failure = so_arena_printf(call->arena, "%s: %s", err->id, err->message);
}
