/* params.c: the members of a request's body. */
#include "auth/params.h"

#include "auth/errors.h"
#include "core/buf.h"
#include "json/write.h"

enum kind { TEXT, OBJECT, FLAG };

/* The limit of a text is in bytes; what it may say is looked at where it is used. */
static const struct field {
    const char *name;
    enum kind kind;
    size_t at; /* in struct so_auth_params */
    size_t max;
} FIELDS[] = {
#define FIELD(name, kind, max)                                                                                              \
    {                                                                                                                       \
#name, kind, offsetof(struct so_auth_params, name), max                                                             \
    }
    FIELD(id, TEXT, 64),
    FIELD(email, TEXT, 1024), /* longer ones than 255 get the sentence about addresses */
    FIELD(phone, TEXT, 64),
    FIELD(password, TEXT, 4096), /* likewise above 72 */
    FIELD(password_hash, TEXT, 512),
    FIELD(current_password, TEXT, 4096),
    FIELD(nonce, TEXT, 512),
    FIELD(refresh_token, TEXT, 512),
    FIELD(type, TEXT, 64),
    FIELD(token, TEXT, 512),
    FIELD(token_hash, TEXT, 512),
    FIELD(new_email, TEXT, 1024),
    FIELD(redirect_to, TEXT, 2048),
    FIELD(code_challenge, TEXT, 128), /* RFC 7636 section 4.1: 43 to 128 */
    FIELD(code_challenge_method, TEXT, 16),
    FIELD(auth_code, TEXT, 128),
    FIELD(code_verifier, TEXT, 128),
    FIELD(role, TEXT, 64),
    FIELD(aud, TEXT, 255),
    FIELD(ban_duration, TEXT, 64),
    FIELD(provider, TEXT, 64),
    FIELD(id_token, TEXT, 16384), /* SO_JWT_MAX */
    FIELD(access_token, TEXT, 16384),
    FIELD(factor_type, TEXT, 64),
    FIELD(friendly_name, TEXT, 255),
    FIELD(issuer, TEXT, 255),
    FIELD(challenge_id, TEXT, 64),
    FIELD(code, TEXT, 64),
    FIELD(data, OBJECT, 0),
    FIELD(user_metadata, OBJECT, 0),
    FIELD(app_metadata, OBJECT, 0),
    FIELD(email_confirm, FLAG, 0),
    FIELD(phone_confirm, FLAG, 0),
    FIELD(create_user, FLAG, 0),
    FIELD(should_soft_delete, FLAG, 0),
    FIELD(link_identity, FLAG, 0),
#undef FIELD
};

static int wrong_type(const struct field *field, const char *wanted, struct so_err *err)
{
    return so_auth_fail_with(err, SO_AUTH_BAD_JSON, "Could not parse request body as JSON: \"%s\" must be %s", field->name,
                             wanted);
}

static int read_field(const struct field *field, const struct so_json *v, struct so_auth_params *params, struct so_err *err)
{
    char *at = (char *)params + field->at;
    if (v == NULL || v->type == SO_JSON_NULL)
        return SO_OK;
    switch (field->kind) {
    case TEXT:
        if (v->type != SO_JSON_STRING)
            return wrong_type(field, "a string", err);
        if (v->len > field->max)
            return so_auth_fail_with(err, SO_AUTH_VALIDATION, "%s must have at most %zu bytes", field->name, field->max);
        *(struct so_str *)(void *)at = so_json_str(v);
        return SO_OK;
    case OBJECT:
        if (v->type != SO_JSON_OBJECT)
            return wrong_type(field, "an object", err);
        *(const struct so_json **)(void *)at = v;
        return SO_OK;
    case FLAG:
        if (!so_json_is_bool(v))
            return wrong_type(field, "true or false", err);
        *(enum so_auth_flag *)(void *)at = v->type == SO_JSON_TRUE ? SO_AUTH_FLAG_TRUE : SO_AUTH_FLAG_FALSE;
        return SO_OK;
    }
    return SO_OK;
}

/* In the arena: the params point into it. */
static int parse_body(struct so_str body, struct so_arena *arena, struct so_json **out, struct so_err *err)
{
    const struct so_json_options options = {.depth_max = SO_AUTH_DEPTH_MAX, .reject_duplicates = true};
    struct so_err own = SO_ERR_INIT;
    struct so_json *doc = so_alloc(arena, sizeof(*doc));
    if (doc == NULL)
        return so_err_oom(err);
    int rc = so_json_parse(arena, body, &options, doc, &own);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK)
        return so_auth_fail_with(err, SO_AUTH_BAD_JSON, "Could not parse request body as JSON: %s", own.message);
    if (doc->type != SO_JSON_OBJECT)
        return so_auth_fail_with(err, SO_AUTH_BAD_JSON, "Could not parse request body as JSON: it must be an object");
    *out = doc;
    return SO_OK;
}

int so_auth_params_read(struct so_str body, bool may_be_empty, struct so_arena *arena, struct so_auth_params *out,
                        struct so_err *err)
{
    struct so_auth_params params = {0};
    struct so_json *doc = NULL;
    int rc = SO_OK;
    if (body.n > SO_AUTH_BODY_MAX)
        return so_auth_fail(err, SO_AUTH_TOO_LARGE);
    if (body.n > 0 || !may_be_empty)
        rc = parse_body(body, arena, &doc, err);
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(FIELDS); i++)
        rc = read_field(&FIELDS[i], so_json_get(doc, so_str_c(FIELDS[i].name)), &params, err);
    if (rc == SO_OK)
        *out = params;
    return rc;
}

/* ---- metadata ---- */

static int write_merged(const struct so_json *base, const struct so_json *patch, struct so_buf *out, struct so_err *err)
{
    struct so_jw w;
    so_jw_init(&w, out);
    so_jw_object(&w);
    for (size_t i = 0; base->type == SO_JSON_OBJECT && i < base->len; i++) {
        const struct so_json_member *member = &base->u.members[i];
        if (so_json_get(patch, so_json_key(member)) != NULL)
            continue;
        so_jw_key(&w, so_json_key(member));
        so_jw_json(&w, &member->value);
    }
    for (size_t i = 0; patch != NULL && i < patch->len; i++) {
        const struct so_json_member *member = &patch->u.members[i];
        if (member->value.type == SO_JSON_NULL)
            continue;
        so_jw_key(&w, so_json_key(member));
        so_jw_json(&w, &member->value);
    }
    so_jw_end_object(&w);
    if (out->rc == SO_ELIMIT)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Metadata must have at most %zu bytes", out->max);
    return so_buf_check(out, "metadata", err);
}

int so_auth_merge(struct so_str base, const struct so_json *patch, size_t max, struct so_arena *arena, struct so_str *out,
                  struct so_err *err)
{
    struct so_json old = {.type = SO_JSON_OBJECT};
    struct so_buf text;
    /* Merging compares every name with every other.  16 KiB hold fewer than this. */
    enum { MEMBERS_MAX = 4096 };
    if (patch != NULL && patch->len > MEMBERS_MAX)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Metadata must have at most %d members", MEMBERS_MAX);
    int rc = base.n == 0 ? SO_OK : so_json_parse(arena, base, NULL, &old, err);
    if (rc != SO_OK)
        return rc;
    so_buf_init(&text, max);
    rc = write_merged(&old, patch, &text, err);
    struct so_str merged = {NULL, 0};
    if (rc == SO_OK) {
        merged = so_arena_dup(arena, so_buf_str(&text));
        rc = merged.p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&text);
    if (rc == SO_OK)
        *out = merged;
    return rc;
}
