/* identify.c: who is asking (PROTOCOL.md sections 1.3 and 2.3).
 *
 *   apikey, Authorization -> key's role --(Authorization is a token)--> token's facts -> identity
 *
 * The first part runs on event loops: it looks at memory only. */
#include "auth/identify.h"

#include "auth/errors.h"
#include "auth/sessions.h"
#include "auth/text.h"
#include "core/clock.h"
#include "core/mem.h"
#include "crypto/base64.h"
#include "crypto/digest.h"
#include "jose/cache.h"

enum { CACHE_ENTRIES = 1024 };

/* ---- tokens ---- */

/* What a verified token says.  Borrowed from the arena or the cache. */
struct facts {
    struct so_str sub, role, session_id;
    struct so_str claims; /* the payload, JSON text */
    struct so_str issuer; /* {NULL,0}: ourselves, or who has our secret */
};

struct so_auth_cache {
    struct so_auth *auth;
    struct so_jwt_cache *tokens;
};

int so_auth_cache_new(struct so_auth *auth, struct so_auth_cache **out, struct so_err *err)
{
    struct so_auth_cache *cache = so_calloc(1, sizeof(*cache));
    if (cache == NULL)
        return so_err_oom(err);
    cache->auth = auth;
    cache->tokens = so_jwt_cache_new(CACHE_ENTRIES);
    if (cache->tokens == NULL) {
        so_auth_cache_free(cache);
        return so_err_oom(err);
    }
    *out = cache;
    return SO_OK;
}

void so_auth_cache_free(struct so_auth_cache *cache)
{
    if (cache == NULL)
        return;
    so_jwt_cache_free(cache->tokens);
    so_free(cache);
}

/* The cache keeps a small object: the token's times, under their names because the cache looks at them, and last an array of
 * the facts in this order.  So finding a token again costs no parsing, no writing, and no search by name. */
enum { FACT_SUB, FACT_ROLE, FACT_SESSION, FACT_CLAIMS, FACT_ISSUER, FACT_COUNT };
static const char *const TIMES[] = {"exp", "nbf"};

static struct so_json_member member(const char *name, struct so_json value)
{
    struct so_str key = so_str_c(name);
    return (struct so_json_member){key.p, (uint32_t)key.n, so_json_key_hash(key), value};
}

static struct so_json text_or_null(struct so_str s)
{
    return s.p == NULL ? (struct so_json){.type = SO_JSON_NULL} : so_json_make_str(s);
}

/* Another one whenever our keys or those of another issuer are others. */
static uint64_t version_of_keys(struct so_auth *auth)
{
    return so_auth_keys_version(auth->keys) << 32 | (uint32_t)atomic_load(&auth->issuers.version);
}

/* key_version: of before the token was verified; the keys may have been replaced since. */
static void keep(struct so_auth_cache *cache, struct so_str token, uint64_t key_version, const struct so_json *claims,
                 const struct facts *facts)
{
    const struct so_json texts[FACT_COUNT] = {
        [FACT_SUB] = text_or_null(facts->sub),
        [FACT_ROLE] = text_or_null(facts->role),
        [FACT_SESSION] = text_or_null(facts->session_id),
        [FACT_CLAIMS] = text_or_null(facts->claims),
        [FACT_ISSUER] = text_or_null(facts->issuer),
    };
    struct so_json_member members[COUNT_OF(TIMES) + 1];
    uint32_t count = 0;
    for (size_t i = 0; i < COUNT_OF(TIMES); i++) {
        const struct so_json *time = so_json_get(claims, so_str_c(TIMES[i]));
        if (time != NULL)
            members[count++] = member(TIMES[i], *time);
    }
    members[count++] = member("facts", (struct so_json){.type = SO_JSON_ARRAY, .len = FACT_COUNT, .u.items = texts});
    const struct so_json kept = {.type = SO_JSON_OBJECT, .len = count, .u.members = members};
    so_jwt_cache_put(cache->tokens, token, key_version, &kept);
}

static struct so_str fact(const struct so_json *facts, size_t index)
{
    const struct so_json *v = &facts->u.items[index];
    return v->type == SO_JSON_STRING ? so_json_str(v) : (struct so_str){NULL, 0};
}

static bool find_kept(struct so_auth *auth, struct so_auth_cache *cache, struct so_str token, int64_t now, struct facts *out)
{
    const struct so_json *kept = so_jwt_cache_find(cache->tokens, token, version_of_keys(auth), now, 0);
    if (kept == NULL)
        return false;
    const struct so_json *facts = &kept->u.members[kept->len - 1].value;
    *out = (struct facts){fact(facts, FACT_SUB), fact(facts, FACT_ROLE), fact(facts, FACT_SESSION), fact(facts, FACT_CLAIMS),
                          fact(facts, FACT_ISSUER)};
    return true;
}

/* The payload of a token that was verified, as text. */
static int payload_of(struct so_str token, struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    size_t first = so_str_find_char(token, '.', 0);
    size_t second = so_str_find_char(token, '.', first + 1);
    struct so_str part = so_str_slice(token, first + 1, second);
    uint8_t *bytes = so_alloc(arena, so_base64_decoded_max(part.n));
    size_t n;
    if (bytes == NULL || !so_base64url_decode(part, bytes, &n))
        return so_err_oom(err);
    *out = so_str((const char *)bytes, n);
    return SO_OK;
}

static int verify_once(struct so_auth *auth, struct so_str token, const struct so_jwt_checks *checks, struct so_arena *arena,
                       struct so_json *out_claims, struct so_err *err)
{
    struct so_auth_ring *ring = so_auth_keys_take(auth->keys);
    int rc = so_jwt_verify(&ring->keys, token, checks, arena, out_claims, NULL, err);
    so_auth_keys_give(ring);
    return rc;
}

/* A token that no key fits may be signed with a key that the file has and we have not seen yet. */
static int verify_with_ring(struct so_auth *auth, struct so_str token, const struct so_jwt_checks *checks,
                            struct so_arena *arena, struct so_json *out_claims, struct so_err *err)
{
    struct so_err first = SO_ERR_INIT;
    bool changed = false;
    int rc = verify_once(auth, token, checks, arena, out_claims, &first);
    if (rc == SO_EAUTH && so_auth_keys_look(auth->keys, &changed, NULL) == SO_OK && changed)
        return verify_once(auth, token, checks, arena, out_claims, err);
    if (rc != SO_OK && err != NULL && err->code == SO_OK)
        *err = first;
    return rc;
}

/* A token that is not signed with a key of ours may be another issuer's.  *out_issuer is NULL when it is not. */
static int verify_any(struct so_auth *auth, struct so_str token, int64_t now, struct so_arena *arena,
                      struct so_json *out_claims, struct so_issuer **out_issuer, struct so_err *err)
{
    const struct so_jwt_checks checks = {.now = now, .aud = auth->settings.audience};
    struct so_err own = SO_ERR_INIT;
    int rc = verify_with_ring(auth, token, &checks, arena, out_claims, &own);
    struct so_issuer *issuer = rc == SO_EAUTH ? so_issuer_of(&auth->issuers, token, arena) : NULL;
    *out_issuer = issuer;
    if (issuer != NULL)
        return so_issuer_verify(&auth->issuers, issuer, token, now, arena, out_claims, err);
    if (rc != SO_OK && err != NULL && err->code == SO_OK)
        *err = own;
    return rc;
}

/* Of another issuer's token nothing counts but who it is about, and the role that the settings give such people. */
static void facts_of(const struct so_auth *auth, const struct so_json *claims, struct so_str payload,
                     const struct so_issuer *issuer, struct facts *out)
{
    *out = (struct facts){.sub = so_json_get_str(claims, SO_STR("sub")), .claims = payload};
    if (issuer != NULL) {
        out->issuer = issuer->name;
        out->role = so_str_c(so_role_name(so_issuer_role(issuer, claims)));
        return;
    }
    out->role = auth->settings.foreign ? so_auth_role_claim(claims, auth->settings.role_claim)
                                       : so_json_get_str(claims, SO_STR("role"));
    out->session_id = so_json_get_str(claims, SO_STR("session_id"));
}

/* cache may be NULL.  The errors are those of so_jwt_verify(). */
static int verify(struct so_auth *auth, struct so_auth_cache *cache, struct so_str token, int64_t now,
                  struct so_arena *arena, struct facts *out, struct so_err *err)
{
    const uint64_t key_version = version_of_keys(auth);
    struct so_json claims;
    struct so_issuer *issuer;
    struct so_str payload = {NULL, 0};
    if (cache != NULL && find_kept(auth, cache, token, now, out))
        return SO_OK;
    int rc = verify_any(auth, token, now, arena, &claims, &issuer, err);
    if (rc == SO_OK)
        rc = payload_of(token, arena, &payload, err);
    if (rc != SO_OK)
        return rc;
    facts_of(auth, &claims, payload, issuer, out);
    if (cache != NULL)
        keep(cache, token, key_version, &claims, out);
    return SO_OK;
}

static bool find_role(struct so_str name, enum so_role *out)
{
    static const enum so_role ROLES[] = {SO_ROLE_AUTHENTICATED, SO_ROLE_SERVICE, SO_ROLE_ANON};
    for (size_t i = 0; i < COUNT_OF(ROLES); i++)
        if (so_str_eq_c(name, so_role_name(ROLES[i]))) {
            *out = ROLES[i];
            return true;
        }
    return false;
}

bool so_auth_is_role(struct so_str name)
{
    enum so_role role;
    return find_role(name, &role);
}

/* ---- keys ---- */

static const struct so_str OPAQUE_PREFIX = SO_STR_INIT("sb_");

static int no_key(struct so_err *err) { return so_fail_http(err, SO_EAUTH, 401, "", "No API key found in request"); }

static int unknown_key(struct so_err *err) { return so_fail_http(err, SO_EAUTH, 401, "", "Invalid API key"); }

/* A key in form of a token speaks for a role and for nobody in particular. */
static bool is_key_token(const struct facts *facts, enum so_role *out)
{
    enum so_role role;
    if (facts->issuer.p != NULL || facts->sub.p != NULL || !find_role(facts->role, &role) || role == SO_ROLE_AUTHENTICATED)
        return false;
    *out = role;
    return true;
}

static bool is_configured(struct so_str key, struct so_str configured)
{
    return configured.n > 0 && so_equal_secret(key, configured);
}

/* Both are always compared, so that the time tells nothing. */
static bool find_configured(const struct so_auth *auth, struct so_str key, enum so_role *out)
{
    bool is_anon = is_configured(key, auth->settings.anon_key);
    bool is_service = is_configured(key, auth->settings.service_key);
    if (is_anon || is_service)
        *out = is_service ? SO_ROLE_SERVICE : SO_ROLE_ANON;
    return is_anon || is_service;
}

/* The role of an API key. */
static int find_key(struct so_auth *auth, struct so_auth_cache *cache, struct so_str key, struct so_arena *arena,
                    enum so_role *out, struct so_err *err)
{
    struct facts facts;
    struct so_err own = SO_ERR_INIT;
    if (find_configured(auth, key, out))
        return SO_OK;
    if (key.n == 0)
        return no_key(err);
    if (so_str_starts(key, OPAQUE_PREFIX))
        return unknown_key(err);
    int rc = verify(auth, cache, key, so_clock_now(), arena, &facts, &own);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    return rc == SO_OK && is_key_token(&facts, out) ? SO_OK : unknown_key(err);
}

static int check_key(struct so_auth *auth, struct so_str key, const char *name, struct so_str prefix, enum so_role want,
                     struct so_err *err)
{
    struct so_arena arena;
    struct facts facts;
    enum so_role role;
    struct so_err own = SO_ERR_INIT;
    if (key.n == 0)
        return SO_OK;
    if (so_str_starts(key, prefix) && key.n > prefix.n)
        return SO_OK;
    so_arena_init(&arena, 1 << 20);
    int rc = verify(auth, NULL, key, so_clock_now(), &arena, &facts, &own);
    if (rc == SO_ENOMEM)
        so_err_oom(err);
    else if (rc != SO_OK)
        so_fail(err, rc, "the %s key neither begins with %s nor is a good token: %s", name, prefix.p, own.message);
    else if (!is_key_token(&facts, &role) || role != want)
        rc = so_fail(err, SO_EINVAL, "the %s key is a token without the role %s, or with a subject", name,
                     so_role_name(want));
    so_arena_deinit(&arena);
    return rc;
}

int so_auth_check_keys(struct so_auth *auth, struct so_err *err)
{
    int rc = check_key(auth, auth->settings.anon_key, "anon", SO_STR("sb_publishable_"), SO_ROLE_ANON, err);
    if (rc == SO_OK)
        rc = check_key(auth, auth->settings.service_key, "service", SO_STR("sb_secret_"), SO_ROLE_SERVICE, err);
    return rc;
}

/* ---- headers ---- */

/* What follows "Bearer " (RFC 6750 section 2.1; the scheme in any case).  {NULL,0} when it is another scheme or nothing. */
static struct so_str bearer_of(struct so_str authorization)
{
    struct so_str scheme = SO_STR("Bearer ");
    authorization = so_str_trim(authorization);
    if (authorization.n <= scheme.n || !so_str_eq_nocase(so_str_slice(authorization, 0, scheme.n), scheme))
        return (struct so_str){NULL, 0};
    return so_str_trim(so_str_slice(authorization, scheme.n, authorization.n));
}

/* Clients that know one header only may put the key into Authorization. */
static int find_bearer_key(struct so_auth *auth, struct so_auth_cache *cache, struct so_str bearer, struct so_arena *arena,
                           enum so_role *out, struct so_err *err)
{
    struct so_err own = SO_ERR_INIT;
    if (bearer.n == 0)
        return no_key(err);
    int rc = find_key(auth, cache, bearer, arena, out, &own);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK && so_str_starts(bearer, OPAQUE_PREFIX))
        return unknown_key(err);
    return rc == SO_OK ? SO_OK : no_key(err); /* a user's token alone is no key */
}

/* The role of the request's key. */
static int find_request_key(struct so_auth *auth, struct so_auth_cache *cache, struct so_str apikey, struct so_str bearer,
                            struct so_arena *arena, enum so_role *out, struct so_err *err)
{
    if (find_configured(auth, apikey, out)) /* first, because struct so_err costs more than this */
        return SO_OK;
    return apikey.n > 0 ? find_key(auth, cache, apikey, arena, out, err)
                        : find_bearer_key(auth, cache, bearer, arena, out, err);
}

/* For a token that is not in the cache. */
static int verify_or_refuse(struct so_auth *auth, struct so_auth_cache *cache, struct so_str token, int64_t now,
                            struct so_arena *arena, struct facts *out, struct so_err *err)
{
    struct so_err own = SO_ERR_INIT;
    int rc = verify(auth, cache, token, now, arena, out, &own);
    if (rc == SO_OK)
        return SO_OK;
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc == SO_EEXPIRED)
        return so_fail_http(err, SO_EAUTH, 401, "PGRST303", "JWT expired");
    return so_fail_http(err, SO_EAUTH, 401, "PGRST301", "%s", own.message);
}

static int identify_token(struct so_auth *auth, struct so_auth_cache *cache, struct so_str token, struct so_arena *arena,
                          struct so_identity *out, struct so_err *err)
{
    struct facts facts;
    enum so_role role = SO_ROLE_ANON; /* of a token without the claim, as PostgREST has it */
    int64_t now = so_clock_now();
    int rc =
        find_kept(auth, cache, token, now, &facts) ? SO_OK : verify_or_refuse(auth, cache, token, now, arena, &facts, err);
    if (rc != SO_OK)
        return rc;
    if (facts.role.p != NULL && !find_role(facts.role, &role))
        return so_fail_http(err, SO_EAUTH, 401, "PGRST301", "the token's role is unknown");
    if (so_auth_revoked_has(&auth->revoked, facts.session_id, facts.sub, now))
        return so_fail_http(err, SO_EAUTH, 401, "PGRST301", "the token's session has ended");
    *out = (struct so_identity){.role = role, .uid = facts.sub, .claims = facts.claims, .session_id = facts.session_id};
    return SO_OK;
}

/* Tokens of another service: any role, which the database knows or not. */
static int identify_foreign(struct so_auth *auth, struct so_auth_cache *cache, struct so_str apikey, struct so_str bearer,
                            struct so_arena *arena, struct so_identity *out, struct so_err *err)
{
    struct facts facts;
    enum so_role role = SO_ROLE_ANON;
    int64_t now = so_clock_now();
    if (bearer.p == NULL || find_configured(auth, bearer, &role)) {
        if (apikey.n > 0)
            (void)find_configured(auth, apikey, &role);
        *out = (struct so_identity){.role = role};
        return SO_OK;
    }
    int rc =
        find_kept(auth, cache, bearer, now, &facts) ? SO_OK : verify_or_refuse(auth, cache, bearer, now, arena, &facts, err);
    if (rc != SO_OK)
        return rc;
    if (facts.role.p != NULL && !find_role(facts.role, &role))
        role = SO_ROLE_AUTHENTICATED;
    *out = (struct so_identity){
        .role = role, .role_name = facts.role, .uid = facts.sub, .claims = facts.claims, .session_id = facts.session_id};
    return SO_OK;
}

int so_auth_identify(struct so_auth *auth, struct so_auth_cache *cache, struct so_str apikey, struct so_str authorization,
                     struct so_arena *arena, struct so_identity *out, struct so_err *err)
{
    struct so_identity who = {0};
    struct so_str bearer = bearer_of(authorization);
    if (auth->settings.foreign)
        return identify_foreign(auth, cache, apikey, bearer, arena, out, err);
    int rc = find_request_key(auth, cache, apikey, bearer, arena, &who.role, err);
    if (rc != SO_OK)
        return rc;
    if (authorization.n > 0 && bearer.p == NULL)
        return so_fail_http(err, SO_EAUTH, 401, "PGRST301", "Authorization must be a Bearer token");
    if (bearer.p != NULL && !so_str_starts(bearer, OPAQUE_PREFIX))
        return identify_token(auth, cache, bearer, arena, out, err);
    *out = who;
    return SO_OK;
}

uint64_t so_auth_revocations(struct so_auth *auth)
{
    return atomic_load_explicit(&auth->revoked.version, memory_order_acquire);
}

bool so_auth_is_revoked(struct so_auth *auth, const struct so_identity *who)
{
    return so_auth_revoked_has(&auth->revoked, who->session_id, who->uid, so_clock_now());
}

/* ---- endpoints ---- */

static int load_user(struct so_auth_call *call, const struct facts *facts, struct so_err *err)
{
    struct so_conn *conn;
    bool found;
    int rc = so_db_reader_take(call->auth->db, &conn, err);
    if (rc != SO_OK)
        return rc;
    rc = so_user_find(conn, SO_USER_BY_ID, facts->sub, call->arena, &call->user, &found, err);
    if (rc == SO_OK && (!found || call->user.deleted_at.p != NULL))
        rc = so_auth_fail(err, SO_AUTH_USER_GONE);
    if (rc == SO_OK && facts->session_id.n > 0)
        rc = so_session_check(call, conn, facts->session_id, facts->sub, err);
    so_db_reader_give(call->auth->db, conn);
    if (rc == SO_OK && so_user_is_banned(&call->user, call->now))
        rc = so_auth_fail(err, SO_AUTH_USER_BANNED);
    return rc;
}

static int admit_user(struct so_auth_call *call, const struct facts *facts, struct so_err *err)
{
    uint8_t bytes[16];
    if (facts->sub.n == 0)
        return so_auth_fail(err, SO_AUTH_BAD_JWT_NO_SUB);
    if (!so_auth_uuid(facts->sub, bytes))
        return so_auth_fail(err, SO_AUTH_BAD_JWT_SUB);
    if (facts->session_id.n > 0 && !so_auth_uuid(facts->session_id, bytes))
        return so_auth_fail(err, SO_AUTH_BAD_JWT_SESSION);
    call->session_id = facts->session_id;
    return load_user(call, facts, err);
}

static int admit_admin(struct so_auth_call *call, const struct facts *facts, struct so_err *err)
{
    if (!so_str_eq_c(facts->role, so_role_name(SO_ROLE_SERVICE)))
        return so_auth_fail(err, SO_AUTH_NOT_ADMIN);
    if (so_auth_revoked_has(&call->auth->revoked, facts->session_id, facts->sub, call->now_us / 1000000))
        return so_auth_fail(err, SO_AUTH_SESSION_GONE);
    return SO_OK;
}

int so_auth_admit(struct so_auth_call *call, enum so_auth_access access, struct so_err *err)
{
    struct so_auth *auth = call->auth;
    enum so_role role;
    struct facts facts = {0};
    struct so_err own = SO_ERR_INIT;
    if (access == SO_ACCESS_OPEN)
        return SO_OK;
    struct so_str bearer = bearer_of(call->in->authorization);
    int rc = find_request_key(auth, NULL, call->in->apikey, bearer, call->arena, &role, err);
    if (rc != SO_OK || access == SO_ACCESS_KEY)
        return rc;
    if (bearer.p == NULL && (access != SO_ACCESS_ADMIN || role != SO_ROLE_SERVICE))
        return so_auth_fail(err, SO_AUTH_NO_AUTHORIZATION);
    if (bearer.p == NULL || so_str_starts(bearer, OPAQUE_PREFIX))
        facts.role = so_str_c(so_role_name(role)); /* the key speaks */
    else
        rc = verify(auth, NULL, bearer, call->now_us / 1000000, call->arena, &facts, &own);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc == SO_OK && facts.issuer.p != NULL) /* it has no session here */
        rc = so_fail(&own, SO_EAUTH, "accounts take no tokens of other issuers");
    if (rc != SO_OK)
        return so_auth_fail_with(err, SO_AUTH_BAD_JWT, "invalid JWT: unable to parse or verify signature, %s", own.message);
    return access == SO_ACCESS_ADMIN ? admit_admin(call, &facts, err) : admit_user(call, &facts, err);
}
