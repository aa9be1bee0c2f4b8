/* profile.c: claims become a profile.  What is copied, and under which names, is a table for each kind of provider. */
#include "auth/profile.h"

#include <stdio.h>

#include "auth/text.h"
#include "core/buf.h"
#include "json/write.h"

enum {
    DATA_MAX = 8 * 1024, /* bytes: user_metadata has room for it, and for the app's own */
    TEXT_MAX = 1024,     /* of one claim; longer ones are left out */
    SUBJECT_MAX = 255    /* OpenID Connect Core section 2 */
};

struct field {
    const char *from, *to;
};

/* Those after the blank line are the reference's older names. */
static const struct field OIDC[] = {
    {"iss", "iss"},
    {"sub", "sub"},
    {"name", "name"},
    {"family_name", "family_name"},
    {"given_name", "given_name"},
    {"middle_name", "middle_name"},
    {"nickname", "nickname"},
    {"preferred_username", "preferred_username"},
    {"profile", "profile"},
    {"picture", "picture"},
    {"website", "website"},
    {"gender", "gender"},
    {"birthdate", "birthdate"},
    {"zoneinfo", "zoneinfo"},
    {"locale", "locale"},

    {"name", "full_name"},
    {"picture", "avatar_url"},
    {"sub", "provider_id"},
};
static const struct field GITHUB[] = {
    {"name", "name"},       {"login", "preferred_username"}, {"name", "full_name"}, {"avatar_url", "avatar_url"},
    {"login", "user_name"},
};

/* ---- writing ---- */

static void put_fields(struct so_jw *w, const struct field *fields, size_t count, const struct so_json *first,
                       const struct so_json *second)
{
    for (size_t i = 0; i < count; i++) {
        struct so_str value = so_json_get_str(first, so_str_c(fields[i].from));
        if (value.n == 0)
            value = so_json_get_str(second, so_str_c(fields[i].from));
        if (value.n > 0 && value.n <= TEXT_MAX)
            so_jw_member_str(w, fields[i].to, value);
    }
}

static void put_email(struct so_jw *w, const struct so_profile *profile)
{
    if (profile->email.p != NULL)
        so_jw_member_str(w, "email", profile->email);
    so_jw_member_bool(w, "email_verified", profile->email_verified);
    so_jw_member_bool(w, "phone_verified", false);
}

static int finish(struct so_buf *text, struct so_arena *arena, struct so_profile *profile, struct so_profile *out,
                  struct so_err *err)
{
    int rc = so_buf_check(text, "what the provider says about the user", err);
    if (rc == SO_OK) {
        profile->data = so_arena_dup(arena, so_buf_str(text));
        rc = profile->data.p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(text);
    if (rc == SO_OK)
        *out = *profile;
    return rc;
}

static int take_email(struct so_str text, bool verified, struct so_arena *arena, struct so_profile *profile,
                      struct so_err *err)
{
    if (text.n == 0 || !so_auth_email(text, arena, &profile->email))
        return SO_OK;
    profile->email_verified = verified;
    return profile->email.p == NULL ? so_err_oom(err) : SO_OK;
}

/* ---- OpenID ---- */

/* A boolean, says the standard; "true" and 1 are seen as well (PocketBase #6657). */
static bool is_true(const struct so_json *v)
{
    if (v == NULL)
        return false;
    switch (v->type) {
    case SO_JSON_TRUE: return true;
    case SO_JSON_INT: return v->u.i == 1;
    case SO_JSON_STRING: return so_str_eq_nocase(so_json_str(v), SO_STR("true")) || so_str_eq(so_json_str(v), SO_STR("1"));
    default: return false;
    }
}

int so_profile_of_claims(const struct so_json *claims, const struct so_json *userinfo, struct so_arena *arena,
                         struct so_profile *out, struct so_err *err)
{
    struct so_profile profile = {.subject = so_json_get_str(claims, SO_STR("sub"))};
    struct so_buf text;
    struct so_jw w;
    if (profile.subject.n == 0 || profile.subject.n > SUBJECT_MAX)
        return so_fail(err, SO_EINVAL, "the ID token has no \"sub\" of 1 to %d bytes", SUBJECT_MAX);
    /* OpenID Connect Core section 5.3.2 */
    if (userinfo != NULL && !so_str_eq(so_json_get_str(userinfo, SO_STR("sub")), profile.subject))
        return so_fail(err, SO_EDENIED, "the userinfo endpoint speaks of somebody else than the ID token");
    /* Address and its verification from one place. */
    const struct so_json *from = so_json_get_str(claims, SO_STR("email")).n > 0 ? claims : userinfo;
    int rc = take_email(so_json_get_str(from, SO_STR("email")), is_true(so_json_get(from, SO_STR("email_verified"))), arena,
                        &profile, err);
    if (rc != SO_OK)
        return rc;
    so_buf_init(&text, DATA_MAX);
    so_jw_init(&w, &text);
    so_jw_object(&w);
    put_fields(&w, OIDC, COUNT_OF(OIDC), claims, userinfo);
    put_email(&w, &profile);
    so_jw_end_object(&w);
    return finish(&text, arena, &profile, out, err);
}

/* ---- GitHub ---- */

static int take_primary(const struct so_json *emails, struct so_arena *arena, struct so_profile *profile, struct so_err *err)
{
    for (size_t i = 0; emails->type == SO_JSON_ARRAY && i < emails->len; i++) {
        const struct so_json *one = &emails->u.items[i];
        if (is_true(so_json_get(one, SO_STR("primary"))))
            return take_email(so_json_get_str(one, SO_STR("email")), is_true(so_json_get(one, SO_STR("verified"))), arena,
                              profile, err);
    }
    return SO_OK;
}

int so_profile_of_github(struct so_str api, const struct so_json *user, const struct so_json *emails, struct so_arena *arena,
                         struct so_profile *out, struct so_err *err)
{
    const struct so_json *id = so_json_get(user, SO_STR("id"));
    struct so_profile profile = {0};
    struct so_buf text;
    struct so_jw w;
    if (id == NULL || id->type != SO_JSON_INT)
        return so_fail(err, SO_EINVAL, "GitHub's user has no number as id");
    profile.subject = so_arena_printf(arena, "%lld", (long long)id->u.i);
    if (profile.subject.p == NULL)
        return so_err_oom(err);
    int rc = take_primary(emails, arena, &profile, err);
    if (rc != SO_OK)
        return rc;
    so_buf_init(&text, DATA_MAX);
    so_jw_init(&w, &text);
    so_jw_object(&w);
    so_jw_member_str(&w, "iss", api);
    so_jw_member_str(&w, "sub", profile.subject);
    so_jw_member_str(&w, "provider_id", profile.subject);
    put_fields(&w, GITHUB, COUNT_OF(GITHUB), user, NULL);
    put_email(&w, &profile);
    so_jw_end_object(&w);
    return finish(&text, arena, &profile, out, err);
}
