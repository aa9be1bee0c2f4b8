/* config_providers.c: the settings of other places where people have accounts: SOCLE_AUTH_NAME_... for every NAME in
 * SOCLE_AUTH_PROVIDERS. */
#include <stdio.h>

#include "app/config_int.h"
#include "auth/providers.h"

static const struct row {
    const char *suffix;
    const char *alias; /* after GOTRUE_EXTERNAL_NAME_; NULL: none */
    bool secret;
    size_t at; /* offset in struct so_provider_settings */
    const char *meaning;
} ROWS[] = {
#define AT(member) offsetof(struct so_provider_settings, member)
    {"CLIENT_ID", "CLIENT_ID", false, AT(client_ids),
     "id that the provider gave this app; after a comma those of other apps whose ID tokens are good, too"},
    {"CLIENT_SECRET", "SECRET", true, AT(client_secret), "and its secret"},
    {"ISSUER", NULL, false, AT(issuer), "URL of an OpenID provider, to the letter as its tokens have it; known for google"},
    {"URL", "URL", false, AT(url), "of a GitHub Enterprise server"},
    {"SCOPES", NULL, false, AT(scopes), "what to ask for, separated by blanks; openid email profile, or user:email"},
#undef AT
};
static const char OPTIONAL_MEANING[] = "true: people without a verified address may come in";

enum { SHOWN_PER_PROVIDER = COUNT_OF(ROWS) + 1 };

/* Letters, digits, '-' and '_': a part of URLs and, in capitals, of settings' names. */
static bool is_name(struct so_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return name.n > 0 && name.n <= SO_PROVIDER_NAME_MAX;
}

static void upper(struct so_str name, char out[SO_PROVIDER_NAME_MAX + 1])
{
    for (size_t i = 0; i < name.n; i++)
        out[i] = name.p[i] >= 'a' && name.p[i] <= 'z' ? (char)(name.p[i] - 32) : name.p[i] == '-' ? '_' : name.p[i];
    out[name.n] = '\0';
}

static int show(struct so_config *c, const char *name, const char *value, bool secret, const char *meaning,
                struct so_err *err)
{
    struct so_str shown = SO_STR("");
    if (value != NULL)
        shown = secret ? so_arena_printf(&c->arena, "(set, %zu bytes)", strlen(value)) : so_str_c(value);
    if (shown.p == NULL)
        return so_err_oom(err);
    c->shown[c->shown_count++] = (struct so_config_shown){name, shown.p, meaning};
    return SO_OK;
}

/* Finds SOCLE_AUTH_NAME_SUFFIX and notes it for printing. */
static int find(struct so_config *c, const struct so_map *values, const char *provider, const struct row *row,
                const char **out, struct so_err *err)
{
    char alias[96];
    struct so_str name = so_arena_printf(&c->arena, "SOCLE_AUTH_%s_%s", provider, row->suffix);
    if (name.p == NULL)
        return so_err_oom(err);
    snprintf(alias, sizeof(alias), "GOTRUE_EXTERNAL_%s_%s", provider, row->alias == NULL ? "" : row->alias);
    int rc = so_config_find(c, values, name.p, row->alias == NULL ? NULL : alias, row->secret, out, err);
    if (rc == SO_OK && *out != NULL) {
        struct so_str kept = so_arena_dup(&c->arena, so_str_c(*out));
        if (kept.p == NULL)
            return so_err_oom(err);
        *out = kept.p;
    }
    return rc == SO_OK ? show(c, name.p, *out, row->secret, row->meaning, err) : rc;
}

static int load_one(struct so_config *c, const struct so_map *values, struct so_str name, struct so_err *err)
{
    static const struct row OPTIONAL = {"EMAIL_OPTIONAL", "EMAIL_OPTIONAL", false, 0, OPTIONAL_MEANING};
    struct so_provider_settings *provider = &c->providers[c->provider_count++];
    char capitals[SO_PROVIDER_NAME_MAX + 1];
    const char *text = NULL;
    upper(name, capitals);
    provider->name = name;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        int rc = find(c, values, capitals, &ROWS[i], &text, err);
        if (rc != SO_OK)
            return rc;
        if (text != NULL)
            *(struct so_str *)(void *)((char *)provider + ROWS[i].at) = so_str_c(text);
    }
    int rc = find(c, values, capitals, &OPTIONAL, &text, err);
    if (rc == SO_OK && text != NULL && !so_config_flag(text, &provider->email_optional))
        rc = so_fail(err, SO_EINVAL, "SOCLE_AUTH_%s_EMAIL_OPTIONAL is \"%s\", but must be true or false", capitals, text);
    if (rc == SO_OK && provider->client_ids.n == 0)
        rc = so_fail(err, SO_EINVAL, "SOCLE_AUTH_PROVIDERS names \"%.*s\", but SOCLE_AUTH_%s_CLIENT_ID is not set",
                     SO_STR_ARG(name), capitals);
    return rc;
}

int so_config_load_providers(struct so_config *c, const struct so_map *values, struct so_err *err)
{
    struct so_str rest = so_str_c(c->auth_providers), name;
    if (rest.n == 0)
        return SO_OK;
    c->providers = so_alloc_array(&c->arena, SO_PROVIDERS_MAX, sizeof(*c->providers));
    c->shown = so_alloc_array(&c->arena, (size_t)SO_PROVIDERS_MAX * SHOWN_PER_PROVIDER, sizeof(*c->shown));
    if (c->providers == NULL || c->shown == NULL)
        return so_err_oom(err);
    while (so_str_split(&rest, ',', &name)) {
        name = so_str_trim(name);
        if (!is_name(name))
            return so_fail(err, SO_EINVAL,
                           "SOCLE_AUTH_PROVIDERS holds \"%.*s\": a name is at most %d of the characters a-z 0-9 - _",
                           SO_STR_ARG(name), SO_PROVIDER_NAME_MAX);
        if (c->provider_count == SO_PROVIDERS_MAX)
            return so_fail(err, SO_ELIMIT, "SOCLE_AUTH_PROVIDERS names more than %d", SO_PROVIDERS_MAX);
        int rc = load_one(c, values, name, err);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}
