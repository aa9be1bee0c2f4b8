/* public.c: what anybody may know: name, settings, public keys, where the endpoints are. */
#include "auth/endpoints.h"
#include "auth/reply.h"

int so_public_health(struct so_auth_call *call, struct so_err *err)
{
    (void)err;
    struct so_jw w;
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_jw_member_cstr(&w, "version", "v" SOCLE_VERSION);
    so_jw_member_cstr(&w, "name", "GoTrue"); /* the dialect: clients look for this name */
    so_jw_member_cstr(&w, "description", "Socle's auth service, in the dialect of Supabase Auth");
    so_jw_end_object(&w);
    return SO_OK;
}

int so_public_settings(struct so_auth_call *call, struct so_err *err)
{
    (void)err;
    /* Known ways in that are not set up are listed as off: clients show a button for what is on. */
    static const char *const OFF[] = {"phone",  "apple",   "azure",  "bitbucket", "discord",  "facebook",
                                      "github", "gitlab",  "google", "keycloak",  "linkedin", "notion",
                                      "slack",  "spotify", "twitch", "zoom"};
    const struct so_auth_settings *settings = &call->auth->settings;
    struct so_jw w;
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_jw_key(&w, SO_STR("external"));
    so_jw_object(&w);
    so_jw_member_bool(&w, "email", true);
    so_jw_member_bool(&w, "anonymous_users", settings->anonymous_enabled);
    for (size_t i = 0; i < COUNT_OF(OFF); i++)
        if (so_provider_find(&call->auth->providers, so_str_c(OFF[i])) == NULL)
            so_jw_member_bool(&w, OFF[i], false);
    for (size_t i = 0; i < call->auth->providers.count; i++) {
        so_jw_key(&w, call->auth->providers.items[i].settings.name);
        so_jw_bool(&w, true);
    }
    so_jw_end_object(&w);
    so_jw_member_bool(&w, "disable_signup", settings->signup_disabled);
    so_jw_member_bool(&w, "mailer_autoconfirm", settings->autoconfirm);
    so_jw_member_bool(&w, "phone_autoconfirm", false);
    so_jw_member_cstr(&w, "sms_provider", "");
    so_jw_member_bool(&w, "saml_enabled", false);
    so_jw_member_bool(&w, "passkeys_enabled", false);
    so_jw_end_object(&w);
    return SO_OK;
}

int so_public_jwks(struct so_auth_call *call, struct so_err *err)
{
    (void)err;
    struct so_jw w;
    so_reply_begin(call, 200, &w);
    struct so_auth_ring *ring = so_auth_keys_take(call->auth->keys);
    so_jw_raw(&w, so_buf_str(&ring->document));
    so_auth_keys_give(ring);
    so_reply_header(call->out, "Cache-Control", SO_STR("public, max-age=600"));
    return SO_OK;
}

static void put_url(struct so_jw *w, struct so_auth_call *call, const char *name, const char *path, struct so_err *err)
{
    struct so_str url = so_arena_printf(call->arena, "%.*s%s", SO_STR_ARG(call->auth->issuer), path);
    if (url.p == NULL)
        so_err_oom(err);
    else
        so_jw_member_str(w, name, url);
}

static void put_list(struct so_jw *w, const char *name, const char *only)
{
    so_jw_key(w, so_str_c(name));
    so_jw_array(w);
    so_jw_cstr(w, only);
    so_jw_end_array(w);
}

int so_public_configuration(struct so_auth_call *call, struct so_err *err)
{
    struct so_jw w;
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_jw_member_str(&w, "issuer", call->auth->issuer);
    put_url(&w, call, "jwks_uri", "/.well-known/jwks.json", err);
    put_url(&w, call, "token_endpoint", "/token", err);
    put_url(&w, call, "userinfo_endpoint", "/user", err);
    put_list(&w, "subject_types_supported", "public");
    struct so_auth_ring *ring = so_auth_keys_take(call->auth->keys);
    put_list(&w, "id_token_signing_alg_values_supported", so_jws_alg_name(so_jwk_alg(ring->signing)));
    so_auth_keys_give(ring);
    so_jw_end_object(&w);
    so_reply_header(call->out, "Cache-Control", SO_STR("public, max-age=600"));
    return err->code;
}
