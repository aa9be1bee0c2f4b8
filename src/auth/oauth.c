/* oauth.c: sign-in and linking through another provider (RFC 6749 section 4.1 with PKCE, OpenID Connect Core section 3.1).
 *
 *   GET /authorize --302--> provider --> GET or POST /callback --> exchange.c --> external.c --302--> app, with the session
 *                                                                                  in the fragment or ?code= (PKCE)
 *
 * A flow is bound to whoever began it: to the app by its code challenge or, without one, to the browser by a cookie, so that
 * nobody can be signed in with a stranger's account (RFC 6749 section 10.12). */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/exchange.h"
#include "auth/external.h"
#include "auth/landing.h"
#include "auth/letters.h"
#include "auth/oauth_state.h"
#include "auth/reply.h"
#include "auth/secrets.h"
#include "auth/text.h"
#include "crypto/digest.h"

enum { URL_MAX = 16 * 1024, COOKIE_MAX = 16 * 1024 };

/* ---- the cookie ---- */

static const char COOKIE[] = "socle-oauth-";

/* Each flow has its own, so that two tabs do not disturb each other; the name tells nothing about the state. */
static int cookie_name(struct so_auth_call *call, struct so_str state, struct so_str *out, struct so_err *err)
{
    struct so_str hash;
    int rc = so_auth_hash_text(call->arena, state, &hash, err);
    if (rc != SO_OK)
        return rc;
    *out = so_arena_printf(call->arena, "%s%.8s", COOKIE, hash.p);
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

/* With https it also comes along when the provider answers by a form's POST. */
static int set_cookie(struct so_auth_call *call, struct so_str state, struct so_err *err)
{
    struct so_str name, value, url = call->auth->issuer;
    bool is_https = so_str_starts(url, SO_STR("https://"));
    int rc = cookie_name(call, state, &name, err);
    if (rc == SO_OK)
        rc = so_oauth_secret(call, state, SO_OAUTH_BROWSER, &value, err);
    if (rc != SO_OK)
        return rc;
    struct so_str path = so_str_slice(url, so_str_find_char(url, '/', so_str_find(url, SO_STR("://")) + 3), url.n);
    struct so_str cookie = so_arena_printf(call->arena, "%.*s=%.*s; Max-Age=%d; Path=%.*s/callback; HttpOnly; %s",
                                           SO_STR_ARG(name), SO_STR_ARG(value), SO_OAUTH_STATE_S, SO_STR_ARG(path),
                                           is_https ? "SameSite=None; Secure" : "SameSite=Lax");
    if (cookie.p == NULL)
        return so_err_oom(err);
    so_reply_header(call->out, "Set-Cookie", cookie);
    return SO_OK;
}

static int check_cookie(struct so_auth_call *call, struct so_str state, struct so_err *err)
{
    struct so_str name, want, one, rest = so_str_slice(call->in->cookie, 0, COOKIE_MAX);
    int rc = cookie_name(call, state, &name, err);
    if (rc == SO_OK)
        rc = so_oauth_secret(call, state, SO_OAUTH_BROWSER, &want, err);
    if (rc != SO_OK)
        return rc;
    while (so_str_split(&rest, ';', &one)) {
        one = so_str_trim(one);
        if (so_str_starts(one, name) && one.n > name.n && one.p[name.n] == '=' &&
            so_equal_secret(so_str_slice(one, name.n + 1, one.n), want))
            return SO_OK;
    }
    return so_auth_fail_with(err, SO_AUTH_BAD_OAUTH_STATE, "The sign-in was begun in another browser");
}

/* ---- to the provider ---- */

/* What only this server may say to the provider, and what was said to this server alone. */
static bool is_reserved(struct so_str name)
{
    static const char *const NAMES[] = {
        "client_id",     "client_secret", "redirect_uri", "response_type", "state",        "code_challenge",
        "code_verifier", "nonce",         "scope",        "request",       "request_uri",  "code_challenge_method",
        "registration",  "provider",      "scopes",       "redirect_to",   "invite_token", "skip_http_redirect",
    };
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        if (so_str_eq_nocase(name, so_str_c(NAMES[i])))
            return true;
    return false;
}

static void put_parameter(struct so_buf *url, struct so_str name, struct so_str value)
{
    bool started = so_str_find_char(so_buf_str(url), '?', 0) != SO_STR_NONE;
    so_buf_putc(url, started ? '&' : '?');
    so_buf_put_url(url, name);
    so_buf_putc(url, '=');
    so_buf_put_url(url, value);
}

/* The app's own wishes: prompt, access_type, login_hint, ... */
static void put_wishes(struct so_auth_call *call, struct so_buf *url)
{
    struct so_str rest = call->in->query, pair, name, value;
    while (so_str_split(&rest, '&', &pair))
        if (so_auth_query_pair(pair, call->arena, &name, &value) && name.n > 0 && !is_reserved(name))
            put_parameter(url, name, value);
}

/* The settings' scopes and those that the app asks for, which it separates by blanks or commas. */
static int put_scopes(struct so_auth_call *call, const struct so_provider *provider, struct so_buf *url, struct so_err *err)
{
    struct so_str more = so_auth_query(call->in->query, "scopes", call->arena);
    struct so_str all = so_arena_printf(call->arena, "%.*s%s%.*s", SO_STR_ARG(provider->settings.scopes),
                                        more.n > 0 ? " " : "", (int)more.n, more.p == NULL ? "" : more.p);
    if (all.p == NULL)
        return so_err_oom(err);
    char *text = so_alloc_text(call->arena, all.n + 1);
    if (text == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < all.n; i++)
        text[i] = all.p[i] == ',' ? ' ' : all.p[i];
    put_parameter(url, SO_STR("scope"), so_str(text, all.n));
    return SO_OK;
}

static int put_request(struct so_auth_call *call, const struct so_provider *provider, struct so_str state,
                       struct so_buf *url, struct so_err *err)
{
    struct so_str verifier, challenge, nonce, redirect_uri = so_exchange_redirect_uri(call);
    int rc = redirect_uri.p == NULL ? so_err_oom(err) : SO_OK;
    if (rc == SO_OK)
        rc = so_oauth_secret(call, state, SO_OAUTH_VERIFIER, &verifier, err);
    if (rc == SO_OK)
        rc = so_auth_hash_text(call->arena, verifier, &challenge, err);
    if (rc == SO_OK)
        rc = so_oauth_secret(call, state, SO_OAUTH_NONCE, &nonce, err);
    if (rc != SO_OK)
        return rc;
    put_parameter(url, SO_STR("client_id"), provider->client_id);
    put_parameter(url, SO_STR("redirect_uri"), redirect_uri);
    put_parameter(url, SO_STR("response_type"), SO_STR("code"));
    put_parameter(url, SO_STR("state"), state);
    put_parameter(url, SO_STR("code_challenge"), challenge);
    put_parameter(url, SO_STR("code_challenge_method"), SO_STR("S256"));
    if (provider->kind == SO_PROVIDER_OIDC)
        put_parameter(url, SO_STR("nonce"), nonce);
    put_wishes(call, url);
    return put_scopes(call, provider, url, err);
}

static int make_url(struct so_auth_call *call, struct so_provider *provider, struct so_str state, struct so_str *out,
                    struct so_err *err)
{
    struct so_str endpoint;
    struct so_buf url;
    struct so_err own = SO_ERR_INIT;
    int rc = so_exchange_endpoint(call, provider, &endpoint, &own);
    if (rc != SO_OK)
        return rc == SO_ENOMEM ? so_err_oom(err) : so_fail(err, SO_EIO, "%s", own.message);
    so_buf_init(&url, URL_MAX);
    so_buf_put_str(&url, endpoint);
    rc = put_request(call, provider, state, &url, err);
    if (rc == SO_OK && url.rc == SO_ELIMIT)
        rc = so_auth_fail_with(err, SO_AUTH_VALIDATION, "the parameters for the provider are too long");
    if (rc == SO_OK)
        rc = so_buf_check(&url, "the provider's URL", err);
    if (rc == SO_OK) {
        *out = so_arena_dup(call->arena, so_buf_str(&url));
        rc = out->p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&url);
    return rc;
}

/* link_to: the user who asks for a link; {NULL,0}: a sign-in. */
static int begin(struct so_auth_call *call, struct so_str link_to, struct so_str *out_url, struct so_str *out_state,
                 struct so_err *err)
{
    struct so_str query = call->in->query, name = so_auth_query(query, "provider", call->arena);
    struct so_provider *provider = so_provider_find(&call->auth->providers, name);
    if (provider == NULL)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Unsupported provider: provider is not enabled");
    call->params.code_challenge = so_auth_query(query, "code_challenge", call->arena);
    call->params.code_challenge_method = so_auth_query(query, "code_challenge_method", call->arena);
    int rc = so_letter_check_challenge(call, err);
    const struct so_oauth_state state = {
        .provider = provider->settings.name,
        .redirect_to = so_letter_redirect(call, so_auth_query(query, "redirect_to", call->arena)),
        .code_challenge = call->params.code_challenge.n > 0 ? call->params.code_challenge : so_str(NULL, 0),
        .code_challenge_method = call->params.code_challenge_method,
        .link_to = link_to,
    };
    if (rc == SO_OK)
        rc = so_oauth_state_put(call, &state, out_state, err);
    return rc == SO_OK ? make_url(call, provider, *out_state, out_url, err) : rc;
}

int so_oauth_authorize(struct so_auth_call *call, struct so_err *err)
{
    struct so_str url, state;
    int rc = begin(call, so_str(NULL, 0), &url, &state, err);
    if (rc != SO_OK)
        return rc;
    so_reply_redirect(call, 302, url);
    return set_cookie(call, state, err);
}

/* An app asks for this with its token and sends the browser to the URL that it gets. */
int so_oauth_link(struct so_auth_call *call, struct so_err *err)
{
    struct so_str url, state;
    struct so_jw w;
    int rc = so_external_may_link(call, err);
    if (rc == SO_OK)
        rc = begin(call, call->user.id, &url, &state, err);
    if (rc != SO_OK)
        return rc;
    if (!so_str_eq_c(so_auth_query(call->in->query, "skip_http_redirect", call->arena), "true")) {
        so_reply_redirect(call, 302, url);
        return SO_OK;
    }
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_jw_member_str(&w, "url", url);
    so_jw_end_object(&w);
    return SO_OK;
}

/* ---- and back ---- */

/* What went wrong at the provider is the log's to know. */
static int failed(int rc, const struct so_err *own, struct so_err *err)
{
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    so_auth_fail(err, SO_AUTH_EXCHANGE_FAILED);
    so_err_details(err, "%s", own->message);
    return err->code;
}

/* "access_denied" and the like, which the provider tells the browser (RFC 6749 section 4.1.2.1). */
static int refused(struct so_str error, struct so_str description, struct so_err *err)
{
    if (description.n == 0)
        description = error;
    return so_auth_fail_with(err, SO_AUTH_PROVIDER_REFUSED, "%.*s", SO_STR_ARG(so_str_slice(description, 0, 300)));
}

static int finish(struct so_auth_call *call, struct so_str answer, struct so_str text, const struct so_oauth_state *state,
                  struct so_external *external, struct so_err *err)
{
    struct so_exchange exchange = {.provider = so_provider_find(&call->auth->providers, state->provider),
                                   .code = so_auth_query(answer, "code", call->arena)};
    struct so_str error = so_auth_query(answer, "error", call->arena);
    struct so_err own = SO_ERR_INIT;
    bool is_bound = state->code_challenge.p != NULL || state->link_to.p != NULL;
    int rc = is_bound ? SO_OK : check_cookie(call, text, err);
    if (rc == SO_OK && error.n > 0)
        return refused(error, so_auth_query(answer, "error_description", call->arena), err);
    if (rc == SO_OK && exchange.code.n == 0)
        return so_auth_fail(err, SO_AUTH_BAD_OAUTH_CALLBACK);
    if (rc == SO_OK && exchange.provider == NULL)
        return so_auth_fail(err, SO_AUTH_PROVIDER_UNSUPPORTED);
    if (rc == SO_OK)
        rc = so_oauth_secret(call, text, SO_OAUTH_VERIFIER, &exchange.verifier, err);
    if (rc == SO_OK && exchange.provider->kind == SO_PROVIDER_OIDC)
        rc = so_oauth_secret(call, text, SO_OAUTH_NONCE, &exchange.nonce, err);
    if (rc != SO_OK)
        return rc;
    rc = so_exchange_code(call, &exchange, &own);
    if (rc != SO_OK)
        return failed(rc, &own, err);
    external->provider = exchange.provider;
    external->profile = exchange.profile;
    external->provider_token = exchange.access_token;
    external->provider_refresh_token = exchange.refresh_token;
    external->link_to = state->link_to;
    external->code_challenge = state->code_challenge;
    external->code_challenge_method = state->code_challenge_method;
    return so_external_sign_in(external, err);
}

static int land(struct so_auth_call *call, struct so_str where, int rc, const struct so_external *external,
                struct so_err *err)
{
    struct so_landing landing;
    struct so_str reason = {NULL, 0};
    so_landing_init(&landing, where);
    if (rc == SO_OK && external->auth_code.p != NULL) {
        so_landing_query(&landing, "code", external->auth_code);
    } else if (rc == SO_OK) {
        rc = so_landing_session(&landing, call, &external->grant, err);
    } else if (err->status != 0) {
        so_landing_error(&landing, err, true);
        if (err->details[0] != '\0')
            reason = so_arena_dup(call->arena, so_str_c(err->details));
        *err = SO_ERR_INIT;
        rc = SO_OK;
    }
    if (rc != SO_OK) {
        so_buf_deinit(&landing.url);
        return rc;
    }
    rc = so_landing_reply(&landing, call, 302, err);
    call->out->failure = reason;
    return rc;
}

int so_oauth_callback(struct so_auth_call *call, struct so_err *err)
{
    struct so_external external = {.call = call};
    struct so_oauth_state state = {.redirect_to = call->auth->settings.site_url};
    struct so_str answer = so_str_eq_c(call->in->method, "POST") ? call->in->body : call->in->query;
    struct so_str text = so_auth_query(answer, "state", call->arena);
    int rc = text.n == 0 ? so_auth_fail_with(err, SO_AUTH_BAD_OAUTH_CALLBACK, "OAuth state parameter missing")
                         : so_oauth_state_take(call, text, &state, err);
    if (rc == SO_OK)
        rc = finish(call, answer, text, &state, &external, err);
    return land(call, state.redirect_to, rc, &external, err);
}
