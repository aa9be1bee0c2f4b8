/* exchange.c: what we ask a provider once the person said yes.
 *
 *   OpenID:  token endpoint -> ID token (verified) -> userinfo, when the ID token has no address
 *   GitHub:  token endpoint -> GET /user -> GET /user/emails */
#include "auth/exchange.h"

#include "auth/id_token.h"
#include "core/buf.h"
#include "crypto/base64.h"

enum { FORM_MAX = 32 * 1024 };

struct so_str so_exchange_redirect_uri(struct so_auth_call *call)
{
    return so_arena_printf(call->arena, "%.*s/callback", SO_STR_ARG(call->auth->issuer));
}

/* ---- endpoints ---- */

static int discover(struct so_auth_call *call, struct so_provider *provider, struct so_discovered *out, struct so_err *err)
{
    return so_discovery_take(&provider->discovery, provider->settings.issuer, call->auth->settings.fetcher,
                             call->now_us / 1000000, call->arena, out, err);
}

/* A server of one's own has its API below itself. */
static int github_url(struct so_auth_call *call, const struct so_provider *provider, bool is_api, const char *path,
                      struct so_str *out, struct so_err *err)
{
    struct so_str own = provider->settings.url;
    const char *ours = is_api ? "https://api.github.com" : "https://github.com";
    *out = own.n > 0 ? so_arena_printf(call->arena, "%.*s%s%s", SO_STR_ARG(own), is_api ? "/api/v3" : "", path)
                     : so_arena_printf(call->arena, "%s%s", ours, path);
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

int so_exchange_endpoint(struct so_auth_call *call, struct so_provider *provider, struct so_str *out, struct so_err *err)
{
    struct so_discovered found;
    if (provider->kind == SO_PROVIDER_GITHUB)
        return github_url(call, provider, false, "/login/oauth/authorize", out, err);
    int rc = discover(call, provider, &found, err);
    if (rc == SO_OK && found.authorization.n == 0)
        rc = so_fail(err, SO_EINVAL, "the provider names no authorization_endpoint");
    if (rc == SO_OK)
        *out = found.authorization;
    return rc;
}

/* ---- the token endpoint ---- */

static void put_field(struct so_buf *form, const char *name, struct so_str value)
{
    so_buf_printf(form, "%s%s=", form->len > 0 ? "&" : "", name);
    so_buf_put_url(form, value);
}

/* RFC 6749 section 2.3.1: both halves are encoded before they are put together. */
static int put_basic(struct so_auth_call *call, const struct so_provider *provider, struct so_str *out, struct so_err *err)
{
    struct so_buf pair, header;
    so_buf_init(&pair, FORM_MAX);
    so_buf_init(&header, FORM_MAX);
    so_buf_put_url(&pair, provider->client_id);
    so_buf_putc(&pair, ':');
    so_buf_put_url(&pair, provider->settings.client_secret);
    so_buf_puts(&header, "Basic ");
    so_base64_put(&header, so_buf_str(&pair));
    int rc = so_buf_check(&pair, "the client's secret", err);
    if (rc == SO_OK)
        rc = so_buf_check(&header, "the client's secret", err);
    if (rc == SO_OK) {
        *out = so_arena_dup(call->arena, so_buf_str(&header));
        rc = out->p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&pair);
    so_buf_deinit(&header);
    return rc;
}

/* by_header: the secret goes into Authorization, else into the form. */
static int ask_for_tokens(struct so_auth_call *call, const struct so_exchange *exchange, struct so_str url, bool by_header,
                          struct so_json *out, struct so_err *err)
{
    const struct so_provider *provider = exchange->provider;
    struct so_fetch what = {.url = url};
    struct so_buf form;
    struct so_str redirect_uri = so_exchange_redirect_uri(call);
    int rc = redirect_uri.p == NULL ? so_err_oom(err) : SO_OK;
    so_buf_init(&form, FORM_MAX);
    put_field(&form, "grant_type", SO_STR("authorization_code"));
    put_field(&form, "code", exchange->code);
    put_field(&form, "redirect_uri", redirect_uri);
    put_field(&form, "code_verifier", exchange->verifier);
    put_field(&form, "client_id", provider->client_id);
    if (provider->settings.client_secret.n > 0 && !by_header)
        put_field(&form, "client_secret", provider->settings.client_secret);
    if (rc == SO_OK && provider->settings.client_secret.n > 0 && by_header)
        rc = put_basic(call, provider, &what.authorization, err);
    if (rc == SO_OK)
        rc = so_buf_check(&form, "the form for the provider", err);
    what.form = so_buf_str(&form);
    if (rc == SO_OK)
        rc = so_fetch_json(call->auth->settings.fetcher, &what, call->arena, out, err);
    so_buf_deinit(&form);
    return rc;
}

static int take_tokens(const struct so_json *answer, struct so_exchange *exchange, struct so_err *err)
{
    struct so_str error = so_json_get_str(answer, SO_STR("error")); /* GitHub says so with status 200 */
    exchange->access_token = so_json_get_str(answer, SO_STR("access_token"));
    exchange->refresh_token = so_json_get_str(answer, SO_STR("refresh_token"));
    if (error.p != NULL)
        return so_fail(err, SO_EIO, "the token endpoint says \"%.*s\"", SO_STR_ARG(so_str_slice(error, 0, 200)));
    if (exchange->access_token.n == 0)
        return so_fail(err, SO_EIO, "the token endpoint gave no access token");
    return SO_OK;
}

static int ask_api(struct so_auth_call *call, const struct so_exchange *exchange, struct so_str url, struct so_json *out,
                   struct so_err *err)
{
    struct so_fetch what = {.url = url};
    what.authorization = so_arena_printf(call->arena, "Bearer %.*s", SO_STR_ARG(exchange->access_token));
    if (what.authorization.p == NULL)
        return so_err_oom(err);
    return so_fetch_json(call->auth->settings.fetcher, &what, call->arena, out, err);
}

/* ---- OpenID ---- */

static int make_profile(struct so_auth_call *call, struct so_exchange *exchange, const struct so_json *claims,
                        struct so_str userinfo_url, struct so_err *err)
{
    struct so_json userinfo;
    bool ask = userinfo_url.n > 0 && so_json_get_str(claims, SO_STR("email")).n == 0;
    int rc = ask ? ask_api(call, exchange, userinfo_url, &userinfo, err) : SO_OK;
    return rc == SO_OK ? so_profile_of_claims(claims, ask ? &userinfo : NULL, call->arena, &exchange->profile, err) : rc;
}

static int exchange_openid(struct so_auth_call *call, struct so_exchange *exchange, struct so_err *err)
{
    struct so_discovered found;
    struct so_json answer, claims;
    int rc = discover(call, exchange->provider, &found, err);
    if (rc == SO_OK && found.token.n == 0)
        rc = so_fail(err, SO_EINVAL, "the provider names no token_endpoint");
    if (rc == SO_OK)
        rc = ask_for_tokens(call, exchange, found.token, found.takes_basic || !found.takes_post, &answer, err);
    if (rc == SO_OK)
        rc = take_tokens(&answer, exchange, err);
    const struct so_id_token token = {
        .provider = exchange->provider,
        .token = rc == SO_OK ? so_json_get_str(&answer, SO_STR("id_token")) : (struct so_str){NULL, 0},
        .jwks = rc == SO_OK ? found.jwks : (struct so_str){NULL, 0},
        .nonce = exchange->nonce,
        .access_token = exchange->access_token,
    };
    if (rc == SO_OK && token.token.n == 0)
        rc = so_fail(err, SO_EIO, "the token endpoint gave no ID token: is \"openid\" among the scopes?");
    if (rc == SO_OK)
        rc = so_id_token_verify(call, &token, &claims, err);
    return rc == SO_OK ? make_profile(call, exchange, &claims, found.userinfo, err) : rc;
}

/* ---- GitHub ---- */

static int exchange_github(struct so_auth_call *call, struct so_exchange *exchange, struct so_err *err)
{
    struct so_str token_url, api, user_url, emails_url;
    struct so_json answer, user, emails;
    int rc = github_url(call, exchange->provider, false, "/login/oauth/access_token", &token_url, err);
    if (rc == SO_OK)
        rc = github_url(call, exchange->provider, true, "", &api, err);
    if (rc == SO_OK)
        rc = github_url(call, exchange->provider, true, "/user", &user_url, err);
    if (rc == SO_OK)
        rc = github_url(call, exchange->provider, true, "/user/emails", &emails_url, err);
    if (rc == SO_OK)
        rc = ask_for_tokens(call, exchange, token_url, false, &answer, err);
    if (rc == SO_OK)
        rc = take_tokens(&answer, exchange, err);
    if (rc == SO_OK)
        rc = ask_api(call, exchange, user_url, &user, err);
    if (rc == SO_OK)
        rc = ask_api(call, exchange, emails_url, &emails, err);
    return rc == SO_OK ? so_profile_of_github(api, &user, &emails, call->arena, &exchange->profile, err) : rc;
}

int so_exchange_code(struct so_auth_call *call, struct so_exchange *exchange, struct so_err *err)
{
    return exchange->provider->kind == SO_PROVIDER_GITHUB ? exchange_github(call, exchange, err)
                                                          : exchange_openid(call, exchange, err);
}
