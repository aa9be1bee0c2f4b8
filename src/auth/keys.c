/* keys.c: the key file and the ring. */
#include "auth/keys.h"

#include <errno.h>
#include <sys/stat.h>

#include "core/fs.h"

enum {
    FILE_MAX = 64 * 1024, /* bytes */
    SECRET_MIN = 32,      /* RFC 7518 section 3.2: as long as the hash */
    DISTINCT_MIN = 8      /* different bytes in a secret that somebody did not just type in */
};

/* ---- the shared secret ---- */

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

static int add_secret(struct so_auth_keys *keys, struct so_str secret, bool weak_allowed, struct so_err *err)
{
    if (secret.p == NULL)
        return SO_OK;
    if (secret.n < SECRET_MIN)
        return so_fail(err, SO_EINVAL, "the JWT secret has %zu bytes; it needs at least %d", secret.n, SECRET_MIN);
    if (!weak_allowed && is_weak(secret))
        return so_fail(err, SO_EINVAL,
                       "the JWT secret is a well-known placeholder or too repetitive: anybody could make tokens with it");
    if (keys->ring.count == SO_JWKS_MAX)
        return so_fail(err, SO_ELIMIT, "the key file holds too many keys");
    int rc = so_jwk_from_secret(secret, SO_ALG_HS256, &keys->ring.keys[keys->ring.count], err);
    if (rc == SO_OK)
        keys->ring.count++;
    return rc;
}

/* ---- the file ---- */

static int make_file(const char *path, struct so_err *err)
{
    struct so_jwk *key;
    struct so_buf text;
    int rc = so_jwk_generate(SO_ALG_ES256, &key, err);
    if (rc != SO_OK)
        return rc;
    so_buf_init(&text, FILE_MAX);
    so_buf_lit(&text, "{\"keys\":[");
    rc = so_jwk_put(key, true, &text, err);
    so_buf_lit(&text, "]}\n");
    if (rc == SO_OK)
        rc = so_buf_check(&text, "the key file", err);
    struct so_err own = SO_ERR_INIT;
    if (rc == SO_OK) {
        rc = so_fs_write(path, so_buf_str(&text), 0600, false, &own);
        if (rc == SO_EEXISTS) /* another process was first: its key counts */
            rc = SO_OK;
        else if (rc != SO_OK)
            so_fail(err, rc, "%s", own.message);
    }
    if (text.p != NULL)
        explicit_bzero(text.p, text.cap);
    so_buf_deinit(&text);
    so_jwk_unref(key);
    return rc;
}

static int check_mode(const char *path, struct so_err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return so_fail(err, SO_EIO, "cannot look at the key file %s: %s", path, strerror(errno));
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return SO_OK;
    so_fail(err, SO_EDENIED, "the key file %s can be read or written by others (mode %04o)", path,
            (unsigned)info.st_mode & 07777);
    so_err_hint(err, "chmod 600 %s; if somebody may have read it, delete it and start again: everybody signs in anew", path);
    return SO_EDENIED;
}

static int parse_file(const char *path, struct so_str text, struct so_auth_keys *keys, struct so_err *err)
{
    struct so_arena arena;
    struct so_json doc;
    struct so_err own = SO_ERR_INIT;
    so_arena_init(&arena, 1 << 20);
    int rc = so_json_parse(&arena, text, &(struct so_json_options){.reject_duplicates = true}, &doc, &own);
    if (rc == SO_OK)
        rc = so_jwks_parse(&doc, &keys->ring, &own);
    so_arena_deinit(&arena);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK)
        return so_fail(err, rc, "the key file %s: %s", path, own.message);
    for (size_t i = 0; i < keys->ring.count && keys->signing == NULL; i++)
        if (so_jwk_is_private(keys->ring.keys[i]) && so_jwk_alg(keys->ring.keys[i]) < SO_ALG_COUNT &&
            so_jwk_alg(keys->ring.keys[i]) >= SO_ALG_RS256)
            keys->signing = keys->ring.keys[i];
    if (keys->signing == NULL)
        return so_fail(err, SO_EINVAL, "the key file %s holds no private key to sign with", path);
    return SO_OK;
}

static int read_file(const char *path, struct so_auth_keys *keys, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, FILE_MAX);
    int rc = check_mode(path, err);
    if (rc == SO_OK)
        rc = so_fs_read(path, &text, err);
    if (rc == SO_OK)
        rc = parse_file(path, so_buf_str(&text), keys, err);
    if (text.p != NULL)
        explicit_bzero(text.p, text.cap);
    so_buf_deinit(&text);
    return rc;
}

/* ---- the whole ---- */

static int write_document(struct so_auth_keys *keys, struct so_err *err)
{
    struct so_buf *out = &keys->jwks_document;
    bool first = true;
    int rc = SO_OK;
    so_buf_lit(out, "{\"keys\":[");
    for (size_t i = 0; rc == SO_OK && i < keys->ring.count; i++) {
        if (so_jwk_alg(keys->ring.keys[i]) < SO_ALG_RS256)
            continue; /* symmetric */
        if (!first)
            so_buf_putc(out, ',');
        first = false;
        rc = so_jwk_put(keys->ring.keys[i], false, out, err);
    }
    so_buf_lit(out, "]}");
    return rc == SO_OK ? so_buf_check(out, "the key set", err) : rc;
}

int so_auth_keys_open(const char *path, struct so_str secret, bool weak_allowed, struct so_auth_keys *out,
                      struct so_err *err)
{
    struct so_auth_keys keys = {.version = 1};
    so_buf_init(&keys.jwks_document, FILE_MAX);
    int rc = so_fs_exists(path) ? SO_OK : make_file(path, err);
    if (rc == SO_OK)
        rc = read_file(path, &keys, err);
    if (rc == SO_OK)
        rc = write_document(&keys, err);
    if (rc == SO_OK)
        rc = add_secret(&keys, secret, weak_allowed, err);
    if (rc != SO_OK)
        so_auth_keys_close(&keys);
    else
        *out = keys;
    return rc;
}

void so_auth_keys_close(struct so_auth_keys *keys)
{
    so_jwks_clear(&keys->ring);
    so_buf_deinit(&keys->jwks_document);
}
