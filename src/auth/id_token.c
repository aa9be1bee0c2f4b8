/* id_token.c: ID tokens, and the sign-in of an app that got one from its provider itself. */
#include "auth/id_token.h"

#include "auth/errors.h"
#include "auth/external.h"
#include "auth/identify.h"
#include "auth/tokens.h"
#include "crypto/base64.h"
#include "crypto/digest.h"
#include "jose/jwt.h"

/* ---- signature ---- */

static int verify_with(struct so_key_set *set, const struct so_id_token *what, const struct so_jwt_checks *checks,
                       struct so_arena *arena, struct so_json *out, enum so_jws_alg *out_alg, struct so_err *err)
{
    const struct so_jwk *key;
    int rc = so_jwt_verify(&set->keys, what->token, checks, arena, out, &key, err);
    if (rc == SO_OK)
        *out_alg = so_jwk_alg(key);
    return rc;
}

/* Reads the provider's keys when they are old, or when none of them is the token's. */
static int verify_signature(struct so_auth_call *call, const struct so_id_token *what, struct so_json *out,
                            enum so_jws_alg *out_alg, struct so_err *err)
{
    const int64_t now = call->now_us / 1000000;
    const struct so_jwt_checks checks = {.now = now, .leeway = SO_ID_TOKEN_LEEWAY_S, .iss = what->provider->settings.issuer};
    struct so_key_source *keys = &what->provider->keys;
    struct so_err failure = SO_ERR_INIT;
    struct so_key_set *set = so_key_source_take(keys);
    bool read_again = set == NULL || so_key_source_is_old(keys, now) || !so_key_set_has(set, what->token, call->arena);
    if (read_again && so_key_source_refresh(keys, what->jwks, call->auth->settings.fetcher, now, NULL, &failure) == SO_OK) {
        so_key_set_give(set);
        set = so_key_source_take(keys);
    }
    if (set == NULL)
        return so_fail(err, SO_EIO, "the provider's keys could not be read: %s", failure.message);
    int rc = verify_with(set, what, &checks, call->arena, out, out_alg, err);
    so_key_set_give(set);
    return rc;
}

/* ---- claims ---- */

static int check_audience(const struct so_provider *provider, const struct so_json *claims, struct so_err *err)
{
    const struct so_json *aud = so_json_get(claims, SO_STR("aud"));
    const struct so_json *azp = so_json_get(claims, SO_STR("azp"));
    bool is_list = aud != NULL && aud->type == SO_JSON_ARRAY, fits = false;
    for (size_t i = 0; is_list && i < aud->len; i++)
        fits = fits ||
               (aud->u.items[i].type == SO_JSON_STRING && so_provider_has_client(provider, so_json_str(&aud->u.items[i])));
    if (!is_list)
        fits = so_provider_has_client(provider, so_json_get_str(claims, SO_STR("aud")));
    if (!fits)
        return so_fail(err, SO_EDENIED, "it is for another audience");
    if (azp == NULL && is_list && aud->len > 1)
        return so_fail(err, SO_EDENIED, "it has several audiences and no \"azp\"");
    if (azp != NULL && !so_provider_has_client(provider, so_json_get_str(claims, SO_STR("azp"))))
        return so_fail(err, SO_EDENIED, "its \"azp\" is another client");
    return SO_OK;
}

static int check_nonce(const struct so_json *claims, struct so_str want, struct so_err *err)
{
    struct so_str nonce = so_json_get_str(claims, SO_STR("nonce"));
    if ((nonce.n > 0) != (want.n > 0))
        return so_fail(err, SO_EDENIED, "Passed nonce and nonce in id_token should either both exist or not.");
    if (!so_equal_secret(nonce, want))
        return so_fail(err, SO_EDENIED, "Nonces mismatch");
    return SO_OK;
}

/* The left half of the access token's hash, by the hash of the signature (OpenID Connect Core section 3.1.3.6). */
static int check_access_token(const struct so_json *claims, struct so_str access_token, enum so_jws_alg alg,
                              struct so_err *err)
{
    static const enum so_digest DIGESTS[SO_ALG_COUNT] = {
        [SO_ALG_RS256] = SO_SHA256, [SO_ALG_PS256] = SO_SHA256, [SO_ALG_ES256] = SO_SHA256, [SO_ALG_RS384] = SO_SHA384,
        [SO_ALG_PS384] = SO_SHA384, [SO_ALG_ES384] = SO_SHA384, [SO_ALG_RS512] = SO_SHA512, [SO_ALG_PS512] = SO_SHA512,
        [SO_ALG_ES512] = SO_SHA512, [SO_ALG_EDDSA] = SO_SHA512, /* Ed25519's own */
    };
    struct so_str said = so_json_get_str(claims, SO_STR("at_hash"));
    uint8_t hash[SO_DIGEST_MAX];
    struct so_buf text;
    if (said.n == 0 || access_token.n == 0)
        return SO_OK;
    if (!so_digest(DIGESTS[alg], access_token, hash))
        return so_err_oom(err);
    so_buf_init(&text, 128);
    so_base64url_put(&text, so_str((const char *)hash, so_digest_size(DIGESTS[alg]) / 2));
    bool fits = text.rc == SO_OK && so_str_eq(so_buf_str(&text), said);
    so_buf_deinit(&text);
    return fits ? SO_OK : so_fail(err, SO_EDENIED, "its \"at_hash\" is that of another access token");
}

int so_id_token_verify(struct so_auth_call *call, const struct so_id_token *what, struct so_json *out, struct so_err *err)
{
    struct so_json claims;
    enum so_jws_alg alg = SO_ALG_NONE;
    int rc = verify_signature(call, what, &claims, &alg, err);
    if (rc == SO_OK && so_json_get(&claims, SO_STR("exp")) == NULL)
        rc = so_fail(err, SO_EINVAL, "it has no \"exp\"");
    if (rc == SO_OK)
        rc = check_audience(what->provider, &claims, err);
    if (rc == SO_OK)
        rc = check_nonce(&claims, what->nonce, err);
    if (rc == SO_OK)
        rc = check_access_token(&claims, what->access_token, alg, err);
    if (rc == SO_OK)
        *out = claims;
    return rc;
}

/* ---- the grant ---- */

/* The app gave the provider the SHA-256 of its nonce in hex, so the token holds that. */
static int hash_nonce(struct so_auth_call *call, struct so_str *out, struct so_err *err)
{
    static const char HEX[] = "0123456789abcdef";
    struct so_str nonce = call->params.nonce;
    uint8_t hash[SO_DIGEST_MAX];
    *out = (struct so_str){NULL, 0};
    if (nonce.n == 0)
        return SO_OK;
    char *text = so_alloc_text(call->arena, 64);
    if (text == NULL || !so_digest(SO_SHA256, nonce, hash))
        return so_err_oom(err);
    for (size_t i = 0; i < 32; i++) {
        text[2 * i] = HEX[hash[i] >> 4];
        text[2 * i + 1] = HEX[hash[i] & 15];
    }
    *out = so_str(text, 64);
    return SO_OK;
}

static int take_provider(struct so_auth_call *call, struct so_provider **out, struct so_err *err)
{
    const struct so_auth_params *params = &call->params;
    if (params->id_token.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "id_token required");
    if (params->provider.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "provider required");
    struct so_provider *provider = so_provider_find(&call->auth->providers, params->provider);
    if (provider == NULL)
        return so_auth_fail_with(err, SO_AUTH_PROVIDER_DISABLED, "Provider \"%.*s\" is not enabled",
                                 SO_STR_ARG(so_str_slice(params->provider, 0, SO_PROVIDER_NAME_MAX)));
    if (provider->kind != SO_PROVIDER_OIDC)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Provider \"%.*s\" gives no ID tokens",
                                 SO_STR_ARG(provider->settings.name));
    *out = provider;
    return SO_OK;
}

/* A bad token is the client's fault, and so it is told; what else went wrong is ours or the provider's. */
static int bad_token(int rc, const struct so_err *own, struct so_err *err)
{
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc == SO_EIO || rc == SO_ETIMEOUT || rc == SO_EBUSY)
        return so_fail(err, rc, "%s", own->message);
    return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Bad ID token: %s", own->message);
}

static int verify_given(struct so_auth_call *call, struct so_provider *provider, struct so_profile *out, struct so_err *err)
{
    struct so_id_token what = {
        .provider = provider, .token = call->params.id_token, .access_token = call->params.access_token};
    struct so_discovered found;
    struct so_json claims;
    struct so_err own = SO_ERR_INIT;
    int rc = so_discovery_take(&provider->discovery, provider->settings.issuer, call->auth->settings.fetcher,
                               call->now_us / 1000000, call->arena, &found, &own);
    if (rc != SO_OK)
        return rc == SO_ENOMEM ? so_err_oom(err) : so_fail(err, SO_EIO, "%s", own.message);
    what.jwks = found.jwks;
    rc = hash_nonce(call, &what.nonce, err);
    if (rc != SO_OK)
        return rc;
    rc = so_id_token_verify(call, &what, &claims, &own);
    if (rc == SO_OK)
        rc = so_profile_of_claims(&claims, NULL, call->arena, out, &own);
    return rc == SO_OK ? SO_OK : bad_token(rc, &own, err);
}

int so_id_token_grant(struct so_auth_call *call, struct so_err *err)
{
    struct so_external external = {.call = call};
    struct so_provider *provider = NULL;
    int rc = take_provider(call, &provider, err);
    if (rc == SO_OK && call->params.link_identity == SO_AUTH_FLAG_TRUE) {
        rc = so_auth_admit(call, SO_ACCESS_USER, err);
        if (rc == SO_OK)
            rc = so_external_may_link(call, err);
        external.link_to = call->user.id;
    }
    if (rc == SO_OK)
        rc = verify_given(call, provider, &external.profile, err);
    external.provider = rc == SO_OK ? provider : NULL;
    if (rc == SO_OK)
        rc = so_external_sign_in(&external, err);
    return rc == SO_OK ? so_token_reply(call, &external.grant, NULL, err) : rc;
}
