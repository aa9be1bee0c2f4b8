/* providers.h: the other places where people have accounts: their settings, and how each is talked to.
 * Any OpenID provider is named by its issuer; "google" has its issuer preset, and "github", which speaks OAuth 2 only, its
 * endpoints.
 * Threads: any, once opened. */
#ifndef SO_AUTH_PROVIDERS_H
#define SO_AUTH_PROVIDERS_H

#include "auth/discovery.h"
#include "auth/key_source.h"

enum { SO_PROVIDERS_MAX = 32, SO_PROVIDER_NAME_MAX = 32 };

/* Absent texts are {NULL,0}. */
struct so_provider_settings {
    struct so_str name;          /* "google": of URLs, identities and settings */
    struct so_str issuer;        /* of an OpenID provider */
    struct so_str url;           /* of a GitHub Enterprise server */
    struct so_str client_ids;    /* ours; those after the first comma are other apps' whose ID tokens are good, too */
    struct so_str client_secret; /* absent: a public client */
    struct so_str scopes;        /* separated by blanks; absent: the preset */
    bool email_optional;         /* people without a verified address may come in */
};

enum so_provider_kind { SO_PROVIDER_OIDC, SO_PROVIDER_GITHUB };

struct so_provider {
    struct so_provider_settings settings; /* in the service's arena */
    enum so_provider_kind kind;
    struct so_str client_id; /* the first one */
    struct so_discovery discovery;
    struct so_key_source keys;
};

struct so_providers {
    struct so_provider *items;
    size_t count;
};

/* Copies settings into `arena`.  SO_EINVAL names what is missing. */
int so_providers_open(struct so_providers *providers, const struct so_provider_settings *settings, size_t count,
                      struct so_arena *arena, struct so_err *err) SO_MUST_CHECK;
void so_providers_close(struct so_providers *providers); /* zeroed is fine */

/* In any case of letters; "custom:NAME", as the reference calls what it does not know itself, is NAME.  NULL: not set up. */
struct so_provider *so_provider_find(const struct so_providers *providers, struct so_str name);
bool so_provider_has_client(const struct so_provider *provider, struct so_str client_id);

#endif
