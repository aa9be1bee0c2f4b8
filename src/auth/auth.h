/* auth.h: accounts, sessions and tokens in the dialect of Supabase Auth.  Knows no sockets.
 *
 *   identify:  apikey + Authorization -> struct so_identity     on the event loop: no query, no allocation for a token seen
 *   handle:    one request -> one reply                            on a worker thread: straight-line code that may block
 *
 * The endpoint table is auth/endpoints.c, the errors auth/errors.h.  Tables of its own in the database: auth_users,
 * auth_identities, auth_sessions, auth_refresh_tokens, auth_mfa_factors and more (auth/tables.c). */
#ifndef SO_AUTH_AUTH_H
#define SO_AUTH_AUTH_H

#include "auth/fetch.h"
#include "auth/mail.h"
#include "auth/providers.h"
#include "auth/session_rows.h"
#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "crypto/password.h"
#include "db/db.h"
#include "db/identity.h"

struct so_auth_settings {
    struct so_str public_url;      /* "http://127.0.0.1:54321": issuer is this + "/auth/v1" */
    struct so_str jwt_secret;      /* SOCLE_JWT_SECRET: HS256 tokens made with it verify too; {NULL,0} for none */
    struct so_str anon_key;        /* SOCLE_ANON_KEY: opaque "sb_publishable_..." or a JWT; {NULL,0}: none */
    struct so_str service_key;     /* SOCLE_SERVICE_KEY */
    int64_t token_lifetime;        /* seconds, 3600 */
    int64_t refresh_reuse_seconds; /* grace window, 10 */
    size_t password_min;           /* characters, 6 */
    bool signup_disabled, anonymous_enabled;
    bool autoconfirm;          /* an address counts as confirmed at once; must be true when there is no mailer */
    bool rate_limits;          /* the fixed windows of auth/limits.c; off only for tests and benchmarks */
    bool weak_secrets_allowed; /* a well-known or repetitive jwt_secret is refused without this: for development only */
    struct so_password_cost password_cost; /* of new hashes; zeros: SO_PASSWORD_COST_DEFAULT */
    struct so_mailer *mailer;              /* borrowed; NULL: no mail, and no flow that needs it */
    struct so_str site_url;                /* where links lead in the end; {NULL,0}: public_url */
    struct so_str redirect_urls;           /* other places they may lead to, separated by commas; compared exactly */
    const char *app_folder; /* its mail/ may replace templates (auth/mail_templates.h); NULL: the built-in ones */
    const char *keys_path;  /* file of the signing keys (auth/key_file.h), made when it is not there */
    /* Another service keeps the accounts: tokens name roles of the database, no API key is asked for, and there are no
     * tables of ours (PostgreSQL). */
    bool foreign;
    struct so_str audience;   /* foreign: what "aud" must name when a token has one; {NULL,0}: anything */
    struct so_str role_claim; /* foreign: where the role stands, ".role" or "$.app.role" */
    struct so_str master_key; /* seals that file and the secrets of factors; {NULL,0}: they are plain */
    struct so_session_limits session_limits;
    bool single_session;            /* a sign-in ends the user's other sessions */
    bool password_reauthentication; /* a new password needs a session of less than a day, or a mailed nonce */
    bool password_current_required; /* a new password needs the old one, unless the session began with a mailed code */
    size_t factors_max;             /* of one account; 0: 10 */
    int64_t audit_days;             /* how long the audit log is kept; 0: for ever */
    struct so_fetcher *fetcher;     /* borrowed; needed when there are providers */
    const struct so_provider_settings *providers; /* of other accounts (auth/providers.h) */
    size_t provider_count;
    struct so_str jwt_issuers; /* others whose tokens are good (auth/issuers.h); {NULL,0}: none */
    void (*issuer_failed)(void *arg, const struct so_err *err); /* told when their keys could not be read; may be NULL */
    bool manual_linking;                                        /* users link and unlink identities themselves */
};

struct so_auth; /* one per process */
bool so_auth_is_foreign(const struct so_auth *auth);

/* Makes the tables and the signing key when they are not there.  settings' strings are copied. */
int so_auth_open(struct so_db *db, const struct so_auth_settings *settings, struct so_auth **out,
                 struct so_err *err) SO_MUST_CHECK;
void so_auth_close(struct so_auth *auth); /* NULL is fine */

/* The key file was changed (`socle keys`): reads it again.  On failure the keys stay as they were. */
int so_auth_reload_keys(struct so_auth *auth, struct so_err *err) SO_MUST_CHECK;
/* The same if it was changed, at most once a second.  *out_changed (may be NULL): there are new keys. */
int so_auth_look_at_keys(struct so_auth *auth, bool *out_changed, struct so_err *err) SO_MUST_CHECK;

/* Other processes on the same database end sessions, too: hears of it.  One indexed query; call it several times a second,
 * from one thread. */
int so_auth_look_at_revocations(struct so_auth *auth, struct so_err *err) SO_MUST_CHECK;

/* ---- who is asking ---- */

struct so_auth_cache; /* verified tokens; one per event loop */
int so_auth_cache_new(struct so_auth *auth, struct so_auth_cache **out, struct so_err *err) SO_MUST_CHECK;
void so_auth_cache_free(struct so_auth_cache *cache);

/* The rule of PROTOCOL.md section 1.3.  apikey and authorization are the headers' values ({NULL,0} when absent).
 * *out borrows from `arena` and, for tokens seen before, from `cache` until the next call of so_auth_identify() with it:
 * copy what must live longer (so_identity_copy).
 * SO_EAUTH, status 401: no or unknown key (id "" ), JWT bad (id PGRST301) or expired (PGRST303, "JWT expired"). */
int so_auth_identify(struct so_auth *auth, struct so_auth_cache *cache, struct so_str apikey, struct so_str authorization,
                     struct so_arena *arena, struct so_identity *out, struct so_err *err) SO_MUST_CHECK;

/* For connections that outlive a request: grows whenever sessions are ended or somebody is banned. */
uint64_t so_auth_revocations(struct so_auth *auth);
/* Whether the token of an identity is refused by now, although it has not expired. */
bool so_auth_is_revoked(struct so_auth *auth, const struct so_identity *who);

/* ---- endpoints ---- */

struct so_auth_header {
    struct so_str name, value;
};

struct so_auth_in {
    struct so_str method; /* "POST" */
    struct so_str path;   /* after "/auth/v1", "/token"; still encoded */
    struct so_str query;  /* p == NULL when absent */
    struct so_str body;
    struct so_str apikey, authorization; /* headers; {NULL,0} when absent */
    struct so_str api_version;           /* X-Supabase-Api-Version */
    struct so_str peer;                  /* the client's address without its port: rate limits and the audit log go by it */
    struct so_str user_agent;
    struct so_str cookie; /* header; {NULL,0} when absent */
};

struct so_auth_out {
    int status;
    struct so_auth_header headers[8]; /* Content-Type among them; in the arena or literals */
    size_t header_count;
    struct so_str failure; /* of a 5xx: the reason for the log, which the client is not told; else {NULL,0} */
};

/* Whether this endpoint can be answered on the event loop (JWKS, health, settings): it neither blocks nor hashes. */
bool so_auth_is_quick(const struct so_auth_in *in);
/* Always answers: errors become the reply of PROTOCOL.md section 2.2.  Blocks (password hash, writes) unless quick. */
void so_auth_handle(struct so_auth *auth, const struct so_auth_in *in, struct so_arena *arena, struct so_auth_out *out,
                    struct so_buf *body);

#endif
