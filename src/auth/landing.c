/* landing.c: redirects back to the app. */
#include "auth/landing.h"

#include <stdio.h>

#include "auth/reply.h"
#include "auth/tokens.h"
#include "jose/jwt.h"

enum { URL_MAX = 64 * 1024 };

void so_landing_init(struct so_landing *landing, struct so_str url)
{
    so_buf_init(&landing->url, URL_MAX);
    so_buf_put_str(&landing->url, so_str_slice(url, 0, so_str_find_char(url, '#', 0)));
}

static void put(struct so_landing *landing, char start, const char *name, struct so_str value)
{
    struct so_str so_far = so_buf_str(&landing->url);
    bool started = so_str_find_char(so_far, start, 0) != SO_STR_NONE;
    char last = so_far.n > 0 ? so_far.p[so_far.n - 1] : start;
    if (!started)
        so_buf_putc(&landing->url, start);
    else if (last != start && last != '&')
        so_buf_putc(&landing->url, '&');
    so_buf_printf(&landing->url, "%s=", name);
    so_buf_put_url(&landing->url, value);
}

void so_landing_query(struct so_landing *landing, const char *name, struct so_str value) { put(landing, '?', name, value); }

void so_landing_fragment(struct so_landing *landing, const char *name, struct so_str value)
{
    put(landing, '#', name, value);
}

static void put_number(struct so_landing *landing, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    so_landing_fragment(landing, name, so_str_c(text));
}

int so_landing_session(struct so_landing *landing, struct so_auth_call *call, const struct so_grant *grant,
                       struct so_err *err)
{
    struct so_buf token;
    so_buf_init(&token, SO_JWT_MAX);
    int rc = so_token_sign(call, grant, &token, err);
    if (rc == SO_OK) {
        so_landing_fragment(landing, "access_token", so_buf_str(&token));
        put_number(landing, "expires_at", grant->expires);
        put_number(landing, "expires_in", grant->expires - call->now_us / 1000000);
        so_landing_fragment(landing, "refresh_token", grant->refresh_token);
        so_landing_fragment(landing, "token_type", SO_STR("bearer"));
        if (grant->provider_token.n > 0)
            so_landing_fragment(landing, "provider_token", grant->provider_token);
        if (grant->provider_refresh_token.n > 0)
            so_landing_fragment(landing, "provider_refresh_token", grant->provider_refresh_token);
    }
    so_buf_deinit(&token);
    return rc;
}

/* RFC 6749 section 4.1.2.1, by status as the reference has it; refusals of a person are access_denied. */
static const char *error_of(const struct so_err *failure)
{
    static const struct {
        const char *id; /* NULL: any */
        int status;
        const char *error;
    } ERRORS[] = {
        {"signup_disabled", 422, "access_denied"},
        {"user_banned", 400, "access_denied"},
        {"provider_email_needs_verification", 422, "access_denied"},
        {NULL, 400, "invalid_request"},
        {NULL, 401, "unauthorized_client"},
        {NULL, 403, "access_denied"},
        {NULL, 503, "temporarily_unavailable"},
    };
    for (size_t i = 0; i < COUNT_OF(ERRORS); i++)
        if (failure->status == ERRORS[i].status && (ERRORS[i].id == NULL || strcmp(failure->id, ERRORS[i].id) == 0))
            return ERRORS[i].error;
    return "server_error";
}

void so_landing_error(struct so_landing *landing, const struct so_err *failure, bool in_query)
{
    const struct {
        const char *name, *value;
    } MEMBERS[] = {{"error", error_of(failure)}, {"error_code", failure->id}, {"error_description", failure->message}};
    for (size_t i = 0; in_query && i < COUNT_OF(MEMBERS); i++)
        so_landing_query(landing, MEMBERS[i].name, so_str_c(MEMBERS[i].value));
    for (size_t i = 0; i < COUNT_OF(MEMBERS); i++)
        so_landing_fragment(landing, MEMBERS[i].name, so_str_c(MEMBERS[i].value));
}

int so_landing_reply(struct so_landing *landing, struct so_auth_call *call, int status, struct so_err *err)
{
    int rc = so_buf_check(&landing->url, "the link back", err);
    struct so_str copy = rc == SO_OK ? so_arena_dup(call->arena, so_buf_str(&landing->url)) : (struct so_str){NULL, 0};
    so_buf_deinit(&landing->url);
    if (rc == SO_OK && copy.p == NULL)
        rc = so_err_oom(err);
    if (rc == SO_OK)
        so_reply_redirect(call, status, copy);
    return rc;
}
