/* keys.c: the ring of keys, and noticing that their file changed. */
#include "auth/keys.h"

#include <pthread.h>
#include <sys/stat.h>

#include "auth/key_file.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/hash.h"
#include "core/mem.h"

enum {
    DOCUMENT_MAX = 64 * 1024, /* bytes */
    SECRET_MIN = 32,          /* RFC 7518 section 3.2: as long as the hash */
    DISTINCT_MIN = 8,         /* different bytes in a secret that somebody did not just type in */
    LOOK_EVERY_NS = 1000000000
};

struct so_auth_keys {
    pthread_mutex_t lock; /* of ring: held for a pointer's copy only */
    struct so_auth_ring *ring;
    _Atomic uint64_t version;

    pthread_mutex_t reading; /* held while the file is read */
    uint64_t stamp;          /* of the file as it was last read; 0: that failed */
    _Atomic int64_t look_at; /* so_clock_mono_ns(): not before */

    char *path;
    struct so_jwk *secret; /* NULL: none */
    struct so_str master;  /* owned, zeroed at the end */
};

/* ---- secrets ---- */

/* From documentation and templates; a part of the secret is enough. */
static const char *const PLACEHOLDERS[] = {
    "super-secret-jwt-token", "your-super-secret", "your-secret", "your_secret", "changeme", "change-me", "change_me",
    "example-secret",         "placeholder",
};

static bool is_weak(struct so_str secret)
{
    bool seen[256] = {false};
    size_t distinct = 0;
    for (size_t i = 0; i < secret.n; i++) {
        distinct += !seen[(unsigned char)secret.p[i]];
        seen[(unsigned char)secret.p[i]] = true;
    }
    for (size_t i = 0; i < COUNT_OF(PLACEHOLDERS); i++)
        if (so_str_find(secret, so_str_c(PLACEHOLDERS[i])) != SO_STR_NONE)
            return true;
    return distinct < DISTINCT_MIN;
}

static int check_secret(struct so_str secret, const char *name, bool weak_allowed, struct so_err *err)
{
    if (secret.n < SECRET_MIN)
        return so_fail(err, SO_EINVAL, "the %s has %zu bytes; it needs at least %d", name, secret.n, SECRET_MIN);
    if (!weak_allowed && is_weak(secret))
        return so_fail(err, SO_EINVAL, "the %s is a well-known placeholder or too repetitive: anybody could guess it", name);
    return SO_OK;
}

static int keep_secrets(struct so_auth_keys *keys, const struct so_auth_key_settings *settings, struct so_err *err)
{
    int rc = SO_OK;
    if (settings->secret.p != NULL)
        rc = check_secret(settings->secret, "JWT secret", settings->weak_allowed, err);
    if (rc == SO_OK && settings->secret.p != NULL)
        rc = so_jwk_from_secret(settings->secret, SO_ALG_HS256, &keys->secret, err);
    if (rc != SO_OK || settings->master.p == NULL)
        return rc;
    rc = check_secret(settings->master, "master key", settings->weak_allowed, err);
    char *copy = rc == SO_OK ? so_strndup(settings->master.p, settings->master.n) : NULL;
    if (rc == SO_OK && copy == NULL)
        return so_err_oom(err);
    keys->master = so_str(copy, copy == NULL ? 0 : settings->master.n);
    return rc;
}

/* ---- rings ---- */

void so_auth_keys_give(struct so_auth_ring *ring)
{
    if (ring == NULL || atomic_fetch_sub(&ring->refs, 1) != 1)
        return;
    so_jwks_clear(&ring->keys);
    so_buf_deinit(&ring->document);
    so_free(ring);
}

static int write_document(struct so_auth_ring *ring, struct so_err *err)
{
    struct so_buf *out = &ring->document;
    int rc = SO_OK;
    bool first = true;
    so_buf_lit(out, "{\"keys\":[");
    for (size_t i = 0; rc == SO_OK && i < ring->keys.count; i++) {
        if (so_jwk_alg(ring->keys.keys[i]) < SO_ALG_RS256)
            continue; /* symmetric */
        if (!first)
            so_buf_putc(out, ',');
        first = false;
        rc = so_jwk_put(ring->keys.keys[i], false, out, err);
    }
    so_buf_lit(out, "]}");
    return rc == SO_OK ? so_buf_check(out, "the key set", err) : rc;
}

static int make_ring(const struct so_auth_keys *keys, const struct so_key_file *file, struct so_auth_ring **out,
                     struct so_err *err)
{
    _Static_assert((int)SO_KEY_FILE_KEYS_MAX < (int)SO_JWKS_MAX, "and one for the secret");
    struct so_auth_ring *ring = so_calloc(1, sizeof(*ring));
    if (ring == NULL)
        return so_err_oom(err);
    atomic_init(&ring->refs, 1);
    so_buf_init(&ring->document, DOCUMENT_MAX);
    for (size_t i = 0; i < file->count; i++)
        ring->keys.keys[ring->keys.count++] = so_jwk_ref(file->entries[i].key);
    if (keys->secret != NULL)
        ring->keys.keys[ring->keys.count++] = so_jwk_ref(keys->secret);
    ring->signing = so_key_file_current(file);
    int rc = write_document(ring, err);
    if (rc != SO_OK)
        so_auth_keys_give(ring);
    else
        *out = ring;
    return rc;
}

struct so_auth_ring *so_auth_keys_take(struct so_auth_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    struct so_auth_ring *ring = keys->ring;
    atomic_fetch_add(&ring->refs, 1);
    pthread_mutex_unlock(&keys->lock);
    return ring;
}

uint64_t so_auth_keys_version(const struct so_auth_keys *keys)
{
    return atomic_load_explicit(&keys->version, memory_order_acquire);
}

static void put_ring(struct so_auth_keys *keys, struct so_auth_ring *ring)
{
    pthread_mutex_lock(&keys->lock);
    struct so_auth_ring *old = keys->ring;
    keys->ring = ring;
    ring->version = atomic_fetch_add(&keys->version, 1) + 1;
    pthread_mutex_unlock(&keys->lock);
    so_auth_keys_give(old);
}

/* ---- the file ---- */

/* Every way of writing a file changes one of these. */
static uint64_t stamp_of(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return 0;
    const uint64_t parts[] = {(uint64_t)info.st_ino, (uint64_t)info.st_size, (uint64_t)info.st_mtim.tv_sec,
                              (uint64_t)info.st_mtim.tv_nsec};
    return so_hash(so_str((const char *)parts, sizeof(parts)), 1);
}

static int read_ring(struct so_auth_keys *keys, struct so_err *err)
{
    struct so_key_file file;
    struct so_auth_ring *ring = NULL;
    keys->stamp = stamp_of(keys->path); /* before reading: what is written meanwhile is seen at the next look */
    int rc = so_key_file_read(keys->path, keys->master, &file, err);
    if (rc != SO_OK)
        return rc;
    if (keys->master.n > 0 && !file.is_sealed) {
        rc = so_key_file_write(keys->path, keys->master, &file, true, err);
        keys->stamp = stamp_of(keys->path);
    }
    if (rc == SO_OK)
        rc = make_ring(keys, &file, &ring, err);
    if (rc == SO_OK)
        put_ring(keys, ring);
    so_key_file_clear(&file);
    return rc;
}

int so_auth_keys_reload(struct so_auth_keys *keys, struct so_err *err)
{
    pthread_mutex_lock(&keys->reading);
    int rc = read_ring(keys, err);
    pthread_mutex_unlock(&keys->reading);
    return rc;
}

int so_auth_keys_look(struct so_auth_keys *keys, bool *out_changed, struct so_err *err)
{
    int64_t now = so_clock_mono_ns(), due = atomic_load(&keys->look_at);
    int rc = SO_OK;
    if (out_changed != NULL)
        *out_changed = false;
    if (now < due || !atomic_compare_exchange_strong(&keys->look_at, &due, now + LOOK_EVERY_NS))
        return SO_OK;
    pthread_mutex_lock(&keys->reading);
    bool changed = stamp_of(keys->path) != keys->stamp;
    if (changed)
        rc = read_ring(keys, err);
    if (rc != SO_OK)
        keys->stamp = 0; /* to be tried, and told, again */
    pthread_mutex_unlock(&keys->reading);
    if (out_changed != NULL)
        *out_changed = changed && rc == SO_OK;
    return rc;
}

static int make_file(const struct so_auth_keys *keys, struct so_err *err)
{
    struct so_key_file file;
    struct so_err own = SO_ERR_INIT;
    int rc = so_key_file_make(SO_ALG_ES256, so_clock_now(), &file, err);
    if (rc != SO_OK)
        return rc;
    rc = so_key_file_write(keys->path, keys->master, &file, false, &own);
    if (rc == SO_EEXISTS) /* another process was first: its keys count */
        rc = SO_OK;
    else if (rc != SO_OK)
        so_fail(err, rc, "%s", own.message);
    so_key_file_clear(&file);
    return rc;
}

/* ---- open and close ---- */

static int set_up(struct so_auth_keys *keys, const struct so_auth_key_settings *settings, struct so_err *err)
{
    keys->path = so_strndup(settings->path, strlen(settings->path));
    int rc = keys->path == NULL ? so_err_oom(err) : keep_secrets(keys, settings, err);
    if (rc == SO_OK && !so_fs_exists(keys->path))
        rc = make_file(keys, err);
    return rc == SO_OK ? so_auth_keys_reload(keys, err) : rc;
}

int so_auth_keys_open(const struct so_auth_key_settings *settings, struct so_auth_keys **out, struct so_err *err)
{
    struct so_auth_keys *keys = so_calloc(1, sizeof(*keys));
    if (keys == NULL)
        return so_err_oom(err);
    /* These two fail for attributes only, and have none. */
    pthread_mutex_init(&keys->lock, NULL);
    pthread_mutex_init(&keys->reading, NULL);
    int rc = set_up(keys, settings, err);
    if (rc != SO_OK)
        so_auth_keys_close(keys);
    else
        *out = keys;
    return rc;
}

void so_auth_keys_close(struct so_auth_keys *keys)
{
    if (keys == NULL)
        return;
    so_auth_keys_give(keys->ring);
    so_jwk_unref(keys->secret);
    if (keys->master.p != NULL)
        explicit_bzero((void *)(uintptr_t)keys->master.p, keys->master.n);
    so_free((void *)(uintptr_t)keys->master.p);
    so_free(keys->path);
    pthread_mutex_destroy(&keys->lock);
    pthread_mutex_destroy(&keys->reading);
    so_free(keys);
}
