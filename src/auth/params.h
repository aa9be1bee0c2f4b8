/* params.h: the members of a request's body, every one the service knows, with its type and its limit in one table. */
#ifndef SO_AUTH_PARAMS_H
#define SO_AUTH_PARAMS_H

#include "core/arena.h"
#include "json/json.h"

enum {
    SO_AUTH_BODY_MAX = 1024 * 1024,
    SO_AUTH_USER_METADATA_MAX = 16 * 1024, /* bytes, as JSON text */
    SO_AUTH_APP_METADATA_MAX = 4096,       /* less, because every token carries it: policies may rest on it */
    SO_AUTH_DEPTH_MAX = 16                 /* of the body; tokens repeat metadata, and allow 32 */
};

enum so_auth_flag { SO_AUTH_FLAG_ABSENT, SO_AUTH_FLAG_FALSE, SO_AUTH_FLAG_TRUE };

/* Texts are {NULL,0} when absent or null; objects NULL. */
struct so_auth_params {
    struct so_str id, email, phone, password, password_hash, current_password, nonce;
    struct so_str type, token, token_hash, new_email, redirect_to;
    struct so_str code_challenge, code_challenge_method, auth_code, code_verifier;
    struct so_str refresh_token, role, aud, ban_duration;
    struct so_str provider, id_token, access_token;
    struct so_str factor_type, friendly_name, issuer, challenge_id, code;
    const struct so_json *data, *user_metadata, *app_metadata;
    enum so_auth_flag email_confirm, phone_confirm, create_user, should_soft_delete, link_identity;
};

/* An empty body gives no members when it may be empty.  bad_json: no object, or a member of the wrong type;
 * validation_failed: a member that is too long. */
int so_auth_params_read(struct so_str body, bool may_be_empty, struct so_arena *arena, struct so_auth_params *out,
                        struct so_err *err) SO_MUST_CHECK;

/* `base` (JSON text of an object, or "") with the members of `patch` put over it; null takes a member away.
 * validation_failed when the result has more than `max` bytes. */
int so_auth_merge(struct so_str base, const struct so_json *patch, size_t max, struct so_arena *arena, struct so_str *out,
                  struct so_err *err) SO_MUST_CHECK;

#endif
