/* tokens.c: the access token and the session object around it. */
#include "auth/tokens.h"

#include "auth/reply.h"
#include "jose/jwt.h"
#include "json/write.h"

/* user_metadata may be large, but a token travels in a header with every request.  What is larger than this stands in the
 * token as {}; GET /user always has it.  app_metadata is never larger. */
enum { TOKEN_METADATA_MAX = 4096 };
_Static_assert((int)TOKEN_METADATA_MAX >= (int)SO_AUTH_APP_METADATA_MAX, "every token carries app_metadata");

static void put_metadata(struct so_jw *w, const char *name, struct so_str json)
{
    so_jw_key(w, so_str_c(name));
    so_jw_raw(w, json.n == 0 || json.n > TOKEN_METADATA_MAX ? SO_STR("{}") : json);
}

static void put_claims(struct so_buf *out, const struct so_auth *auth, const struct so_grant *grant, int64_t now)
{
    const struct so_user *user = &grant->user;
    struct so_jw w;
    so_jw_init(&w, out);
    so_jw_object(&w);
    so_jw_member_str(&w, "iss", auth->issuer);
    so_jw_member_str(&w, "sub", user->id);
    so_jw_member_str(&w, "aud", user->aud);
    so_jw_member_i64(&w, "exp", grant->expires);
    so_jw_member_i64(&w, "iat", now);
    so_jw_member_str(&w, "email", so_str(user->email.p == NULL ? "" : user->email.p, user->email.n));
    so_jw_member_str(&w, "phone", so_str(user->phone.p == NULL ? "" : user->phone.p, user->phone.n));
    put_metadata(&w, "app_metadata", user->raw_app_meta_data);
    put_metadata(&w, "user_metadata", user->raw_user_meta_data);
    so_jw_member_str(&w, "role", user->role);
    so_jw_member_str(&w, "aal", grant->aal);
    so_jw_key(&w, SO_STR("amr"));
    so_jw_raw(&w, grant->amr);
    so_jw_member_str(&w, "session_id", grant->session_id);
    so_jw_member_bool(&w, "is_anonymous", so_user_is_anonymous(user));
    so_jw_end_object(&w);
}

int so_token_sign(struct so_auth_call *call, const struct so_grant *grant, struct so_buf *out, struct so_err *err)
{
    struct so_buf claims;
    struct so_auth_ring *ring = so_auth_keys_take(call->auth->keys);
    so_buf_init(&claims, SO_JWT_MAX);
    put_claims(&claims, call->auth, grant, call->now_us / 1000000);
    int rc = so_buf_check(&claims, "the token's claims", err);
    if (rc == SO_OK)
        rc = so_jwt_sign(ring->signing, so_buf_str(&claims), out, err);
    so_buf_deinit(&claims);
    so_auth_keys_give(ring);
    return rc;
}

int so_token_reply(struct so_auth_call *call, const struct so_grant *grant, const char *weak_reason, struct so_err *err)
{
    struct so_buf token;
    struct so_jw w;
    so_buf_init(&token, SO_JWT_MAX);
    int rc = so_token_sign(call, grant, &token, err);
    if (rc == SO_OK) {
        so_reply_begin(call, 200, &w);
        so_jw_object(&w);
        so_jw_member_str(&w, "access_token", so_buf_str(&token));
        so_jw_member_cstr(&w, "token_type", "bearer");
        so_jw_member_i64(&w, "expires_in", grant->expires - call->now_us / 1000000);
        so_jw_member_i64(&w, "expires_at", grant->expires);
        so_jw_member_str(&w, "refresh_token", grant->refresh_token);
        if (grant->provider_token.n > 0)
            so_jw_member_str(&w, "provider_token", grant->provider_token);
        if (grant->provider_refresh_token.n > 0)
            so_jw_member_str(&w, "provider_refresh_token", grant->provider_refresh_token);
        so_jw_key(&w, SO_STR("user"));
        so_user_put(&w, &grant->user);
        if (weak_reason != NULL) {
            so_jw_key(&w, SO_STR("weak_password"));
            so_reply_put_weak_password(&w, so_str_c(weak_reason));
        }
        so_jw_end_object(&w);
        so_reply_header(call->out, "Cache-Control", SO_STR("no-store"));
    }
    so_buf_deinit(&token);
    return rc;
}
