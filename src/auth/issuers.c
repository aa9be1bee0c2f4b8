/* issuers.c: the setting, the thread that reads keys, and tokens of other issuers. */
#include "auth/issuers.h"

#include <errno.h>
#include <time.h>

#include "core/clock.h"
#include "jose/jwt.h"
#include "json/json.h"

enum { LEEWAY_S = 30, LOOK_EVERY_S = 30 };

/* ---- the setting ---- */

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

static bool read_roles(struct so_issuer *issuer, struct so_str text)
{
    struct so_str one;
    while (so_str_split(&text, '|', &one)) {
        size_t colon = so_str_find_char(one, ':', 0);
        struct so_issuer_role *row = &issuer->roles[issuer->role_count];
        if (issuer->role_count == SO_ISSUER_ROLES_MAX || colon == SO_STR_NONE || colon == 0 ||
            !find_role(so_str_slice(one, colon + 1, one.n), &row->role))
            return false;
        row->value = so_str_slice(one, 0, colon);
        issuer->role_count++;
    }
    return issuer->role_count > 0;
}

static bool read_word(struct so_issuer *issuer, struct so_str word)
{
    size_t equals = so_str_find_char(word, '=', 0);
    struct so_str name = so_str_slice(word, 0, equals), value;
    if (equals == SO_STR_NONE || equals + 1 == word.n)
        return false;
    value = so_str_slice(word, equals + 1, word.n);
    if (issuer->name.p == NULL) {
        issuer->name = name;
        issuer->where = value;
        return true;
    }
    if (so_str_eq_c(name, "role"))
        return find_role(value, &issuer->role);
    if (so_str_eq_c(name, "roles"))
        return read_roles(issuer, value);
    if (so_str_eq_c(name, "aud"))
        issuer->aud = value;
    else if (so_str_eq_c(name, "role_claim"))
        issuer->role_claim = value;
    else
        return false;
    return true;
}

/* text is in the arena, and what is read points into it. */
static int read_issuer(struct so_issuer *issuer, struct so_str text, const char *folder, struct so_arena *arena,
                       struct so_err *err)
{
    struct so_str word;
    issuer->role = SO_ROLE_AUTHENTICATED;
    while (so_str_split(&text, ' ', &word))
        if (word.n > 0 && !read_word(issuer, word))
            return so_fail(err, SO_EINVAL, "SOCLE_JWT_ISSUERS: \"%.*s\" means nothing there", SO_STR_ARG(word));
    if (issuer->name.n == 0)
        return so_fail(err, SO_EINVAL, "SOCLE_JWT_ISSUERS: an issuer is written ISSUER=JWKS");
    if ((issuer->role_claim.p == NULL) != (issuer->role_count == 0))
        return so_fail(err, SO_EINVAL, "SOCLE_JWT_ISSUERS: role_claim and roles need each other");
    bool is_relative = so_str_find(issuer->where, SO_STR("://")) == SO_STR_NONE && issuer->where.p[0] != '/';
    if (is_relative && folder != NULL)
        issuer->where = so_arena_printf(arena, "%s/%.*s", folder, SO_STR_ARG(issuer->where));
    return issuer->where.p == NULL ? so_err_oom(err) : SO_OK;
}

static int read_issuers(struct so_issuers *issuers, const struct so_issuers_settings *settings, struct so_arena *arena,
                        struct so_err *err)
{
    struct so_str rest = so_arena_dup(arena, settings->text), one;
    issuers->items = so_alloc_array(arena, SO_ISSUERS_MAX, sizeof(*issuers->items));
    if (rest.p == NULL || issuers->items == NULL)
        return so_err_oom(err);
    while (so_str_split(&rest, ',', &one)) {
        if (issuers->count == SO_ISSUERS_MAX)
            return so_fail(err, SO_ELIMIT, "SOCLE_JWT_ISSUERS: at most %d issuers", SO_ISSUERS_MAX);
        struct so_issuer *issuer = &issuers->items[issuers->count++];
        so_key_source_init(&issuer->keys);
        atomic_init(&issuer->is_wanted, false);
        int rc = read_issuer(issuer, one, settings->folder, arena, err);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

/* ---- the thread ---- */

/* Whether somebody still waits for it. */
static bool look_after(struct so_issuers *issuers, struct so_issuer *issuer)
{
    struct so_err err = SO_ERR_INIT;
    bool changed = false;
    int64_t now = so_clock_now();
    bool is_wanted = atomic_load(&issuer->is_wanted);
    if (!is_wanted && !so_key_source_is_old(&issuer->keys, now))
        return false;
    int rc = so_key_source_refresh(&issuer->keys, issuer->where, issuers->fetcher, now, &changed, &err);
    if (rc == SO_EBUSY)
        return is_wanted; /* too early: soon again */
    atomic_store(&issuer->is_wanted, false);
    if (changed)
        atomic_fetch_add(&issuers->version, 1);
    if (rc != SO_OK && issuers->failed != NULL)
        issuers->failed(issuers->arg, &err);
    return false;
}

/* Until somebody asks, or for some seconds.  False: it is time to end. */
static bool pause_thread(struct so_issuers *issuers, int64_t seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)seconds;
    pthread_mutex_lock(&issuers->lock);
    while (!issuers->closing && !issuers->asked)
        if (pthread_cond_timedwait(&issuers->changed, &issuers->lock, &until) == ETIMEDOUT)
            break;
    issuers->asked = false;
    bool go_on = !issuers->closing;
    pthread_mutex_unlock(&issuers->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct so_issuers *issuers = arg;
    bool waits;
    do {
        waits = false;
        for (size_t i = 0; i < issuers->count; i++)
            waits = look_after(issuers, &issuers->items[i]) || waits;
    } while (pause_thread(issuers, waits ? 1 : LOOK_EVERY_S));
    return NULL;
}

/* One token of many that wait may ask; the thread is woken once. */
static void ask(struct so_issuers *issuers, struct so_issuer *issuer)
{
    if (atomic_exchange(&issuer->is_wanted, true))
        return;
    pthread_mutex_lock(&issuers->lock);
    issuers->asked = true;
    pthread_cond_signal(&issuers->changed);
    pthread_mutex_unlock(&issuers->lock);
}

int so_issuers_open(struct so_issuers *issuers, const struct so_issuers_settings *settings, struct so_arena *arena,
                    struct so_err *err)
{
    *issuers = (struct so_issuers){.fetcher = settings->fetcher, .failed = settings->failed, .arg = settings->arg};
    if (settings->text.n == 0)
        return SO_OK;
    int rc = read_issuers(issuers, settings, arena, err);
    if (rc != SO_OK)
        return rc;
    pthread_mutex_init(&issuers->lock, NULL);
    pthread_cond_init(&issuers->changed, NULL);
    issuers->started = pthread_create(&issuers->thread, NULL, run, issuers) == 0;
    if (issuers->started)
        return SO_OK;
    pthread_cond_destroy(&issuers->changed);
    pthread_mutex_destroy(&issuers->lock);
    return so_fail(err, SO_EIO, "cannot start the thread that reads other issuers' keys");
}

void so_issuers_close(struct so_issuers *issuers)
{
    if (issuers->started) {
        pthread_mutex_lock(&issuers->lock);
        issuers->closing = true;
        pthread_cond_signal(&issuers->changed);
        pthread_mutex_unlock(&issuers->lock);
        pthread_join(issuers->thread, NULL);
        pthread_cond_destroy(&issuers->changed);
        pthread_mutex_destroy(&issuers->lock);
    }
    for (size_t i = 0; i < issuers->count; i++)
        so_key_source_deinit(&issuers->items[i].keys);
    *issuers = (struct so_issuers){0};
}

/* ---- tokens ---- */

struct so_issuer *so_issuer_of(struct so_issuers *issuers, struct so_str token, struct so_arena *arena)
{
    struct so_json header, payload;
    if (issuers->count == 0 || so_jwt_decode(token, arena, &header, &payload, NULL) != SO_OK)
        return NULL;
    struct so_str name = so_json_get_str(&payload, SO_STR("iss"));
    for (size_t i = 0; name.n > 0 && i < issuers->count; i++)
        if (so_str_eq(issuers->items[i].name, name))
            return &issuers->items[i];
    return NULL;
}

int so_issuer_verify(struct so_issuers *issuers, struct so_issuer *issuer, struct so_str token, int64_t now,
                     struct so_arena *arena, struct so_json *out_claims, struct so_err *err)
{
    const struct so_jwt_checks checks = {.now = now, .leeway = LEEWAY_S, .iss = issuer->name, .aud = issuer->aud};
    struct so_key_set *set = so_key_source_take(&issuer->keys);
    if (set == NULL || !so_key_set_has(set, token, arena))
        ask(issuers, issuer);
    if (set == NULL)
        return so_fail(err, SO_EAUTH, "the keys of the token's issuer could not be read yet");
    int rc = so_jwt_verify(&set->keys, token, &checks, arena, out_claims, NULL, err);
    so_key_set_give(set);
    return rc;
}

static bool says(const struct so_json *claim, struct so_str value)
{
    if (claim->type == SO_JSON_STRING)
        return so_str_eq(so_json_str(claim), value);
    for (size_t i = 0; claim->type == SO_JSON_ARRAY && i < claim->len; i++)
        if (claim->u.items[i].type == SO_JSON_STRING && so_str_eq(so_json_str(&claim->u.items[i]), value))
            return true;
    return false;
}

enum so_role so_issuer_role(const struct so_issuer *issuer, const struct so_json *claims)
{
    struct so_str name = issuer->role_claim;
    if (name.p == NULL)
        return issuer->role;
    const struct so_json *claim = name.p[0] == '/' ? so_json_at(claims, name) : so_json_get(claims, name);
    for (size_t i = 0; claim != NULL && i < issuer->role_count; i++)
        if (says(claim, issuer->roles[i].value))
            return issuer->roles[i].role;
    return issuer->role;
}
