/* issuers.h: other services whose tokens we take (SOCLE_JWT_ISSUERS), and their keys, read by a thread of their own: when
 * they are old, and when a token names a key that nobody has seen yet.
 *
 *   ISSUER=JWKS [aud=AUDIENCE] [role=ROLE] [role_claim=CLAIM roles=VALUE:ROLE|VALUE:ROLE], ...
 *
 * JWKS is a URL or a file.  ROLE is what people have here: authenticated unless it says otherwise.
 * Threads: any, once opened.   Never on the callers' threads: blocks. */
#ifndef SO_AUTH_ISSUERS_H
#define SO_AUTH_ISSUERS_H

#include "auth/key_source.h"
#include "db/identity.h"

enum { SO_ISSUERS_MAX = 16, SO_ISSUER_ROLES_MAX = 16 };

struct so_issuer_role {
    struct so_str value;
    enum so_role role;
};

struct so_issuer {
    struct so_str name;  /* the claim "iss", to the letter */
    struct so_str where; /* "https://..." or a path */
    struct so_str aud;   /* {NULL,0}: any */
    struct so_str role_claim;
    enum so_role role; /* of those whom no row below fits */
    struct so_issuer_role roles[SO_ISSUER_ROLES_MAX];
    size_t role_count;
    struct so_key_source keys;
    atomic_bool is_wanted; /* some token's key is not among them */
};

struct so_issuers {
    struct so_issuer *items;
    size_t count;
    _Atomic uint64_t version; /* differs when some keys differ */
    struct so_fetcher *fetcher;
    void (*failed)(void *arg, const struct so_err *err);
    void *arg;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of the two below */
    pthread_cond_t changed;
    bool closing, asked;
};

struct so_issuers_settings {
    struct so_str text;                                  /* SOCLE_JWT_ISSUERS; copied */
    const char *folder;                                  /* files are relative to it; NULL: to where the process is */
    struct so_fetcher *fetcher;                          /* borrowed; NULL: files only */
    void (*failed)(void *arg, const struct so_err *err); /* told, on the thread, when keys could not be read; may be NULL */
    void *arg;
};
/* SO_EINVAL names the part of the text that is wrong.  With issuers it starts the thread. */
int so_issuers_open(struct so_issuers *issuers, const struct so_issuers_settings *settings, struct so_arena *arena,
                    struct so_err *err) SO_MUST_CHECK;
void so_issuers_close(struct so_issuers *issuers); /* zeroed is fine */

/* The issuer that the token names, or NULL; nothing is verified. */
struct so_issuer *so_issuer_of(struct so_issuers *issuers, struct so_str token, struct so_arena *arena);

/* Signature, times, iss and aud, with the keys that are there; when the token's is not, they will soon be read again.
 * Errors as so_jwt_verify(). */
int so_issuer_verify(struct so_issuers *issuers, struct so_issuer *issuer, struct so_str token, int64_t now,
                     struct so_arena *arena, struct so_json *out_claims, struct so_err *err) SO_MUST_CHECK;
enum so_role so_issuer_role(const struct so_issuer *issuer, const struct so_json *claims);

#endif
