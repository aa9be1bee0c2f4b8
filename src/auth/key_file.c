/* key_file.c: reading, writing and turning over the key file. */
#include "auth/key_file.h"

#include <errno.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "crypto/base64.h"
#include "crypto/seal.h"

enum {
    FILE_MAX = 128 * 1024,    /* bytes */
    KEPT_SECONDS = 8 * 86400, /* of a previous key: the longest life of a token is a week */
    PREVIOUS_MAX = 8          /* beyond it the oldest goes, as often as somebody rotates */
};

/* A sealed file is {"sealed": base64url}.  Our members of a JWK, which other readers pass over (RFC 7517 section 4): */
#define STATE_MEMBER "socle:state"
#define SINCE_MEMBER "socle:since"
static const struct so_str SEAL_PURPOSE = SO_STR_INIT("socle key file");

static const char *const STATES[] = {[SO_KEY_NEXT] = "next", [SO_KEY_CURRENT] = "current", [SO_KEY_PREVIOUS] = "previous"};

const char *so_key_state_name(enum so_key_state state) { return STATES[state]; }

static void wipe(struct so_buf *text)
{
    if (text->p != NULL)
        explicit_bzero(text->p, text->cap);
    so_buf_deinit(text);
}

void so_key_file_clear(struct so_key_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        so_jwk_unref(file->entries[i].key);
    file->count = 0;
}

/* ---- reading ---- */

static int check_mode(const char *path, struct so_err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return so_fail(err, SO_EIO, "cannot look at the key file %s: %s", path, strerror(errno));
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return SO_OK;
    so_fail(err, SO_EDENIED, "the key file %s can be read or written by others (mode %04o)", path,
            (unsigned)info.st_mode & 07777);
    so_err_hint(err, "chmod 600 %s; if somebody may have read it, run `socle keys rotate` and revoke the old keys", path);
    return SO_EDENIED;
}

/* A private key that is not for a shared secret. */
static bool can_sign(const struct so_jwk *key)
{
    return so_jwk_is_private(key) && so_jwk_alg(key) >= SO_ALG_RS256 && so_jwk_alg(key) < SO_ALG_COUNT;
}

static int read_state(const struct so_json *jwk, enum so_key_state *out, struct so_err *err)
{
    struct so_str name = so_json_get_str(jwk, SO_STR(STATE_MEMBER));
    *out = SO_KEY_PREVIOUS;
    for (size_t i = 0; i < COUNT_OF(STATES); i++)
        if (so_str_eq_c(name, STATES[i])) {
            *out = (enum so_key_state)i;
            return SO_OK;
        }
    return name.p == NULL ? SO_OK : so_fail(err, SO_EINVAL, "a key is neither next nor current nor previous");
}

static int read_entry(const struct so_json *jwk, struct so_key_file *file, struct so_err *err)
{
    struct so_key_entry entry = {0};
    const struct so_json *since = so_json_get(jwk, SO_STR(SINCE_MEMBER));
    int rc = so_jwk_parse(jwk, SO_ALG_NONE, &entry.key, err);
    if (rc == SO_OK)
        rc = read_state(jwk, &entry.state, err);
    if (rc == SO_OK && since != NULL && !so_json_to_i64(since, &entry.since))
        rc = so_fail(err, SO_EINVAL, "a key's " SINCE_MEMBER " is no number");
    if (rc == SO_OK && entry.state != SO_KEY_PREVIOUS && !can_sign(entry.key))
        rc = so_fail(err, SO_EINVAL, "the %s key is no private key to sign with", STATES[entry.state]);
    if (rc != SO_OK) {
        so_jwk_unref(entry.key);
        return rc;
    }
    file->entries[file->count++] = entry;
    return SO_OK;
}

static struct so_key_entry *find_state(struct so_key_file *file, enum so_key_state state)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->entries[i].state == state)
            return &file->entries[i];
    return NULL;
}

/* One current key there must be, of each of the other two any number. */
static int settle_states(struct so_key_file *file, struct so_err *err)
{
    size_t current = 0;
    for (size_t i = 0; i < file->count; i++)
        current += file->entries[i].state == SO_KEY_CURRENT;
    for (size_t i = 0; i < file->count && current == 0; i++)
        if (can_sign(file->entries[i].key)) {
            file->entries[i].state = SO_KEY_CURRENT;
            current = 1;
        }
    if (current == 0)
        return so_fail(err, SO_EINVAL, "it holds no private key to sign with");
    return current == 1 ? SO_OK : so_fail(err, SO_EINVAL, "it has %zu current keys", current);
}

static int read_set(const struct so_json *doc, struct so_key_file *out, struct so_err *err)
{
    const struct so_json *keys = so_json_get(doc, SO_STR("keys"));
    struct so_key_file file = {.count = 0};
    int rc = SO_OK;
    if (keys == NULL || keys->type != SO_JSON_ARRAY)
        return so_fail(err, SO_EINVAL, "it is no object with an array \"keys\"");
    if (keys->len > SO_KEY_FILE_KEYS_MAX)
        return so_fail(err, SO_ELIMIT, "it holds more than %d keys", SO_KEY_FILE_KEYS_MAX);
    for (size_t i = 0; rc == SO_OK && i < keys->len; i++)
        rc = read_entry(&keys->u.items[i], &file, err);
    if (rc == SO_OK)
        rc = settle_states(&file, err);
    if (rc != SO_OK)
        so_key_file_clear(&file);
    else
        *out = file;
    return rc;
}

static int parse(struct so_str text, struct so_arena *arena, struct so_json *out, struct so_err *err)
{
    return so_json_parse(arena, text, &(struct so_json_options){.reject_duplicates = true}, out, err);
}

static int unseal(struct so_str encoded, struct so_str master, struct so_arena *arena, struct so_buf *out,
                  struct so_err *err)
{
    uint8_t *sealed = so_alloc(arena, so_base64_decoded_max(encoded.n));
    size_t n;
    if (master.n == 0)
        return so_fail(err, SO_EAUTH, "it is sealed: set SOCLE_MASTER_KEY");
    if (sealed == NULL)
        return so_err_oom(err);
    if (!so_base64url_decode(encoded, sealed, &n))
        return so_fail(err, SO_EINVAL, "its \"sealed\" is no base64url");
    return so_unseal(master, SEAL_PURPOSE, so_str((const char *)sealed, n), out, err);
}

static int read_text(struct so_str text, struct so_str master, struct so_buf *plain, struct so_key_file *out,
                     struct so_err *err)
{
    struct so_arena arena;
    struct so_json doc;
    so_arena_init(&arena, 1 << 20);
    int rc = parse(text, &arena, &doc, err);
    struct so_str sealed = rc == SO_OK ? so_json_get_str(&doc, SO_STR("sealed")) : (struct so_str){NULL, 0};
    if (rc == SO_OK && sealed.p != NULL)
        rc = unseal(sealed, master, &arena, plain, err);
    if (rc == SO_OK && sealed.p != NULL)
        rc = parse(so_buf_str(plain), &arena, &doc, err);
    if (rc == SO_OK)
        rc = read_set(&doc, out, err);
    if (rc == SO_OK)
        out->is_sealed = sealed.p != NULL;
    so_arena_deinit(&arena);
    return rc;
}

int so_key_file_read(const char *path, struct so_str master, struct so_key_file *out, struct so_err *err)
{
    struct so_buf text, plain;
    struct so_err own = SO_ERR_INIT;
    so_buf_init(&text, FILE_MAX);
    so_buf_init(&plain, FILE_MAX);
    int rc = check_mode(path, err);
    if (rc == SO_OK)
        rc = so_fs_read(path, &text, err);
    if (rc == SO_OK) {
        rc = read_text(so_buf_str(&text), master, &plain, out, &own);
        if (rc == SO_ENOMEM)
            so_err_oom(err);
        else if (rc != SO_OK)
            so_fail(err, rc, "the key file %s: %s", path, own.message);
    }
    wipe(&text);
    wipe(&plain);
    return rc;
}

/* ---- writing ---- */

static int put_set(const struct so_key_file *file, struct so_buf *out, struct so_err *err)
{
    int rc = SO_OK;
    so_buf_lit(out, "{\"keys\":[");
    for (size_t i = 0; rc == SO_OK && i < file->count; i++) {
        const struct so_key_entry *entry = &file->entries[i];
        so_buf_puts(out, i == 0 ? "\n" : ",\n");
        rc = so_jwk_put(entry->key, true, out, err);
        if (rc != SO_OK)
            break;
        out->len--; /* our members go before the brace that closes the key */
        so_buf_printf(out, ",\"" STATE_MEMBER "\":\"%s\",\"" SINCE_MEMBER "\":%lld}", STATES[entry->state],
                      (long long)entry->since);
    }
    so_buf_lit(out, "\n]}\n");
    return rc == SO_OK ? so_buf_check(out, "the key file", err) : rc;
}

static int put_sealed(struct so_str plain, struct so_str master, struct so_buf *out, struct so_err *err)
{
    struct so_buf sealed;
    so_buf_init(&sealed, FILE_MAX);
    int rc = so_seal(master, SEAL_PURPOSE, plain, &sealed, err);
    if (rc == SO_OK) {
        so_buf_lit(out, "{\"sealed\":\"");
        so_base64url_put(out, so_buf_str(&sealed));
        so_buf_lit(out, "\"}\n");
        rc = so_buf_check(out, "the key file", err);
    }
    so_buf_deinit(&sealed);
    return rc;
}

int so_key_file_write(const char *path, struct so_str master, const struct so_key_file *file, bool replace,
                      struct so_err *err)
{
    struct so_buf plain, sealed;
    so_buf_init(&plain, FILE_MAX / 2);
    so_buf_init(&sealed, FILE_MAX);
    int rc = put_set(file, &plain, err);
    if (rc == SO_OK && master.n > 0)
        rc = put_sealed(so_buf_str(&plain), master, &sealed, err);
    if (rc == SO_OK)
        rc = so_fs_write(path, so_buf_str(master.n > 0 ? &sealed : &plain), 0600, replace, err);
    wipe(&plain);
    so_buf_deinit(&sealed);
    return rc;
}

/* ---- turning over ---- */

static void remove_at(struct so_key_file *file, size_t at)
{
    so_jwk_unref(file->entries[at].key);
    memmove(&file->entries[at], &file->entries[at + 1], (file->count - at - 1) * sizeof(file->entries[0]));
    file->count--;
}

static int add_new(struct so_key_file *file, enum so_jws_alg alg, enum so_key_state state, int64_t now, struct so_err *err)
{
    struct so_key_entry entry = {.state = state, .since = now};
    int rc = so_jwk_generate(alg, &entry.key, err);
    if (rc == SO_OK)
        file->entries[file->count++] = entry;
    return rc;
}

int so_key_file_make(enum so_jws_alg alg, int64_t now, struct so_key_file *out, struct so_err *err)
{
    struct so_key_file file = {.count = 0};
    int rc = add_new(&file, alg, SO_KEY_CURRENT, now, err);
    if (rc == SO_OK)
        rc = add_new(&file, alg, SO_KEY_NEXT, now, err);
    if (rc != SO_OK)
        so_key_file_clear(&file);
    else
        *out = file;
    return rc;
}

/* The oldest of the previous keys; file->count when there is none. */
static size_t oldest_previous(const struct so_key_file *file, size_t *out_previous)
{
    size_t oldest = file->count;
    *out_previous = 0;
    for (size_t i = 0; i < file->count; i++) {
        if (file->entries[i].state != SO_KEY_PREVIOUS)
            continue;
        ++*out_previous;
        if (oldest == file->count || file->entries[i].since < file->entries[oldest].since)
            oldest = i;
    }
    return oldest;
}

/* A key whose age nobody knows is as young as the file: it stays until the number of them is too large. */
static void drop_old(struct so_key_file *file, int64_t now)
{
    size_t previous, oldest;
    while ((oldest = oldest_previous(file, &previous)) < file->count) {
        int64_t since = file->entries[oldest].since;
        if (previous <= PREVIOUS_MAX && (since == 0 || now - since < KEPT_SECONDS))
            return;
        remove_at(file, oldest);
    }
}

static void become(struct so_key_entry *entry, enum so_key_state state, int64_t now)
{
    entry->state = state;
    entry->since = now;
}

int so_key_file_rotate(struct so_key_file *file, enum so_jws_alg alg, int64_t now, struct so_err *err)
{
    struct so_key_entry *next = find_state(file, SO_KEY_NEXT);
    int rc = SO_OK;
    if (alg == SO_ALG_NONE)
        alg = so_jwk_alg(next != NULL ? next->key : so_key_file_current(file));
    drop_old(file, now);
    if (file->count + 2 > SO_KEY_FILE_KEYS_MAX)
        return so_fail(err, SO_ELIMIT, "the key file holds too many keys: revoke some");
    if (find_state(file, SO_KEY_NEXT) == NULL)
        rc = add_new(file, alg, SO_KEY_NEXT, now, err);
    if (rc != SO_OK)
        return rc;
    next = find_state(file, SO_KEY_NEXT);
    become(find_state(file, SO_KEY_CURRENT), SO_KEY_PREVIOUS, now);
    become(next, SO_KEY_CURRENT, now);
    return add_new(file, alg, SO_KEY_NEXT, now, err);
}

static int find_kid(const struct so_key_file *file, struct so_str kid, size_t *out, struct so_err *err)
{
    size_t found = 0;
    for (size_t i = 0; kid.n > 0 && i < file->count; i++)
        if (so_str_starts(so_jwk_kid(file->entries[i].key), kid)) {
            *out = i;
            found++;
        }
    if (found > 1)
        return so_fail(err, SO_EINVAL, "%zu keys begin with %.*s", found, SO_STR_ARG(kid));
    return found == 1 ? SO_OK : so_fail(err, SO_ENOTFOUND, "there is no key %.*s", SO_STR_ARG(kid));
}

int so_key_file_revoke(struct so_key_file *file, struct so_str kid, int64_t now, struct so_err *err)
{
    size_t at = 0;
    int rc = find_kid(file, kid, &at, err);
    if (rc == SO_OK && file->entries[at].state == SO_KEY_CURRENT) {
        struct so_str whole = so_jwk_kid(file->entries[at].key);
        rc = so_key_file_rotate(file, SO_ALG_NONE, now, err);
        if (rc == SO_OK)
            rc = find_kid(file, whole, &at, err); /* it may have moved */
    }
    bool was_next = rc == SO_OK && file->entries[at].state == SO_KEY_NEXT;
    enum so_jws_alg alg = rc == SO_OK ? so_jwk_alg(file->entries[at].key) : SO_ALG_NONE;
    if (rc == SO_OK)
        remove_at(file, at);
    return was_next ? add_new(file, alg, SO_KEY_NEXT, now, err) : rc;
}

struct so_jwk *so_key_file_current(const struct so_key_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->entries[i].state == SO_KEY_CURRENT)
            return file->entries[i].key;
    return NULL; /* not possible for a file that was read or made */
}
