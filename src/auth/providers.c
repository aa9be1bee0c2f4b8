/* providers.c: the table of providers, from the settings. */
#include "auth/providers.h"

static const struct preset {
    const char *name;
    enum so_provider_kind kind;
    const char *issuer, *scopes;
} PRESETS[] = {
    {"google", SO_PROVIDER_OIDC, "https://accounts.google.com", "openid email profile"},
    {"github", SO_PROVIDER_GITHUB, NULL, "user:email"},
};
static const struct preset ANY = {NULL, SO_PROVIDER_OIDC, NULL, "openid email profile"};

static const struct preset *preset_of(struct so_str name)
{
    for (size_t i = 0; i < COUNT_OF(PRESETS); i++)
        if (so_str_eq_c(name, PRESETS[i].name))
            return &PRESETS[i];
    return &ANY;
}

static int check(const struct so_provider *provider, struct so_err *err)
{
    const struct so_provider_settings *s = &provider->settings;
    bool is_url = so_str_starts(s->issuer, SO_STR("https://")) || so_str_starts(s->issuer, SO_STR("http://"));
    if (provider->client_id.n == 0)
        return so_fail(err, SO_EINVAL, "the provider \"%.*s\" has no client id", SO_STR_ARG(s->name));
    if (provider->kind == SO_PROVIDER_OIDC && !is_url)
        return so_fail(err, SO_EINVAL, "the provider \"%.*s\" needs its issuer, a URL", SO_STR_ARG(s->name));
    if (provider->kind == SO_PROVIDER_GITHUB && s->client_secret.n == 0)
        return so_fail(err, SO_EINVAL, "the provider \"%.*s\" needs its client secret", SO_STR_ARG(s->name));
    return SO_OK;
}

/* The text, or what stands for it when it is absent, in the arena. */
static int copy(struct so_arena *arena, struct so_str *text, const char *otherwise, struct so_err *err)
{
    if (text->n == 0)
        *text = so_str(otherwise, otherwise == NULL ? 0 : strlen(otherwise));
    else
        *text = so_arena_dup(arena, *text);
    return text->n > 0 && text->p == NULL ? so_err_oom(err) : SO_OK;
}

static int fill(struct so_provider *provider, const struct so_provider_settings *settings, struct so_arena *arena,
                struct so_err *err)
{
    struct so_provider_settings *s = &provider->settings;
    const struct preset *preset = preset_of(settings->name);
    *s = *settings;
    const struct {
        struct so_str *text;
        const char *otherwise;
    } TEXTS[] = {{&s->name, NULL},       {&s->issuer, preset->issuer}, {&s->url, NULL},
                 {&s->client_ids, NULL}, {&s->client_secret, NULL},    {&s->scopes, preset->scopes}};
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(TEXTS); i++)
        rc = copy(arena, TEXTS[i].text, TEXTS[i].otherwise, err);
    while (so_str_ends(s->url, SO_STR("/")))
        s->url.n--;
    provider->kind = preset->kind;
    struct so_str rest = s->client_ids;
    if (rc == SO_OK && rest.p != NULL && so_str_split(&rest, ',', &provider->client_id))
        provider->client_id = so_str_trim(provider->client_id);
    return rc == SO_OK ? check(provider, err) : rc;
}

int so_providers_open(struct so_providers *providers, const struct so_provider_settings *settings, size_t count,
                      struct so_arena *arena, struct so_err *err)
{
    *providers = (struct so_providers){0};
    if (count > SO_PROVIDERS_MAX)
        return so_fail(err, SO_ELIMIT, "at most %d providers", SO_PROVIDERS_MAX);
    if (count == 0)
        return SO_OK;
    providers->items = so_alloc_array(arena, count, sizeof(*providers->items));
    if (providers->items == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < count; i++) {
        struct so_provider *provider = &providers->items[providers->count++];
        so_discovery_init(&provider->discovery);
        so_key_source_init(&provider->keys);
        int rc = fill(provider, &settings[i], arena, err);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

void so_providers_close(struct so_providers *providers)
{
    for (size_t i = 0; i < providers->count; i++) {
        so_discovery_deinit(&providers->items[i].discovery);
        so_key_source_deinit(&providers->items[i].keys);
    }
    *providers = (struct so_providers){0};
}

struct so_provider *so_provider_find(const struct so_providers *providers, struct so_str name)
{
    struct so_str custom = SO_STR("custom:");
    if (so_str_starts(name, custom))
        name = so_str_slice(name, custom.n, name.n);
    for (size_t i = 0; i < providers->count; i++)
        if (so_str_eq_nocase(providers->items[i].settings.name, name))
            return &providers->items[i];
    return NULL;
}

bool so_provider_has_client(const struct so_provider *provider, struct so_str client_id)
{
    struct so_str rest = provider->settings.client_ids, one;
    while (so_str_split(&rest, ',', &one))
        if (client_id.n > 0 && so_str_eq(so_str_trim(one), client_id))
            return true;
    return false;
}
