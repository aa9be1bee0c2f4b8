/* password.c: argon2id by libargon2; bcrypt, for accounts that come from elsewhere, by libcrypt.
 *
 * The PHC string is read and written here rather than by libargon2, because costs must be bounded before they are paid:
 * a hash that asks for 4 TiB, smuggled in with imported accounts, would otherwise stop the server at the next sign-in. */
#include "crypto/password.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/crypto.h>

#include "core/mem.h"
#include "core/random.h"
#include "crypto/base64.h"
#include "crypto/digest.h"

const struct so_password_cost SO_PASSWORD_COST_DEFAULT = {.memory_kib = 19456, .passes = 2, .lanes = 1};

enum {
    PASSWORD_MAX = 4096,          /* bytes */
    MEMORY_KIB_MAX = 1024 * 1024, /* 1 GiB */
    PASSES_MAX = 64,
    LANES_MAX = 16,
    SALT_SIZE = 16, /* what we make; RFC 9106 section 3.1 recommends it */
    HASH_SIZE = 32,
    SALT_MIN = 8, /* what we accept */
    HASH_MIN = 12,
    FIELD_MAX = 64,
    BCRYPT_LENGTH = 60,  /* "$2b$10$" and 53 digits */
    BCRYPT_COST_MAX = 16 /* about ten seconds of one core */
};

struct phc {
    argon2_type type;
    uint32_t version; /* 0x13, or 0x10 where the string names none */
    struct so_password_cost cost;
    uint8_t salt[FIELD_MAX], hash[FIELD_MAX];
    size_t salt_len, hash_len; /* bytes */
};

static bool cost_is_sane(const struct so_password_cost *cost)
{
    return cost->passes >= 1 && cost->passes <= PASSES_MAX && cost->lanes >= 1 && cost->lanes <= LANES_MAX &&
           cost->memory_kib >= 8 * cost->lanes && cost->memory_kib <= MEMORY_KIB_MAX;
}

/* ---- the PHC string ---- */

/* "m=19456": takes the number after `name`. */
static bool read_number(struct so_str field, struct so_str name, uint32_t *out)
{
    uint64_t value;
    if (!so_str_starts(field, name) || !so_str_to_u64(so_str_slice(field, name.n, field.n), &value) || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool read_cost(struct so_str text, struct so_password_cost *out)
{
    struct so_str m, t, p;
    return so_str_split(&text, ',', &m) && so_str_split(&text, ',', &t) && so_str_split(&text, ',', &p) && text.p == NULL &&
           read_number(m, SO_STR("m="), &out->memory_kib) && read_number(t, SO_STR("t="), &out->passes) &&
           read_number(p, SO_STR("p="), &out->lanes) && cost_is_sane(out);
}

/* The alphabet of base64 without its padding: the decoder wants the padding, so it gets it. */
static bool read_bytes(struct so_str text, size_t min, uint8_t out[FIELD_MAX], size_t *out_len)
{
    char padded[FIELD_MAX / 3 * 4 + 8];
    uint8_t bytes[sizeof(padded)];
    size_t n;
    if (text.n > FIELD_MAX / 3 * 4 + 2)
        return false;
    memset(padded, '=', sizeof(padded));
    memcpy(padded, text.p, text.n);
    if (!so_base64_decode(so_str(padded, (text.n + 3) / 4 * 4), bytes, &n) || n < min || n > FIELD_MAX)
        return false;
    memcpy(out, bytes, n);
    *out_len = n;
    return true;
}

/* "$argon2id$v=19$m=19456,t=2,p=1$salt$hash" */
static bool read_phc(struct so_str text, struct phc *out)
{
    struct so_str empty, type, field;
    if (!so_str_split(&text, '$', &empty) || empty.n != 0 || !so_str_split(&text, '$', &type) ||
        !so_str_split(&text, '$', &field))
        return false;
    if (so_str_eq_c(type, "argon2id"))
        out->type = Argon2_id;
    else if (so_str_eq_c(type, "argon2i"))
        out->type = Argon2_i;
    else
        return false;
    out->version = ARGON2_VERSION_10;
    if (read_number(field, SO_STR("v="), &out->version) && !so_str_split(&text, '$', &field))
        return false;
    if (out->version != ARGON2_VERSION_10 && out->version != ARGON2_VERSION_13)
        return false;
    struct so_str salt, hash;
    return read_cost(field, &out->cost) && so_str_split(&text, '$', &salt) && so_str_split(&text, '$', &hash) &&
           text.p == NULL && read_bytes(salt, SALT_MIN, out->salt, &out->salt_len) &&
           read_bytes(hash, HASH_MIN, out->hash, &out->hash_len);
}

static void put_unpadded(struct so_buf *out, const uint8_t *bytes, size_t n)
{
    so_base64_put(out, so_str((const char *)bytes, n));
    while (out->rc == SO_OK && out->p[out->len - 1] == '=')
        out->len--;
}

static void put_phc(struct so_buf *out, const struct phc *phc)
{
    so_buf_printf(out, "$argon2id$v=%u$m=%u,t=%u,p=%u$", phc->version, phc->cost.memory_kib, phc->cost.passes,
                  phc->cost.lanes);
    put_unpadded(out, phc->salt, phc->salt_len);
    so_buf_putc(out, '$');
    put_unpadded(out, phc->hash, phc->hash_len);
}

/* ---- argon2 ---- */

static int allocate(uint8_t **out, size_t size)
{
    *out = so_malloc(size);
    return *out == NULL ? ARGON2_MEMORY_ALLOCATION_ERROR : ARGON2_OK;
}

static void release(uint8_t *memory, size_t size)
{
    (void)size; /* libargon2 has cleared it */
    so_free(memory);
}

/* One thread whatever the lanes: a worker is one of a bounded number, and stays one.  The result is the same. */
static int run_argon2(struct so_str password, const struct phc *phc, uint8_t out[FIELD_MAX], struct so_err *err)
{
    struct phc copy = *phc; /* libargon2's struct has no const pointers */
    char *secret = so_strndup(password.p, password.n);
    if (secret == NULL)
        return so_err_oom(err);
    argon2_context ctx = {.out = out,
                          .outlen = (uint32_t)phc->hash_len,
                          .pwd = (uint8_t *)secret,
                          .pwdlen = (uint32_t)password.n,
                          .salt = copy.salt,
                          .saltlen = (uint32_t)phc->salt_len,
                          .t_cost = phc->cost.passes,
                          .m_cost = phc->cost.memory_kib,
                          .lanes = phc->cost.lanes,
                          .threads = 1,
                          .version = phc->version,
                          .allocate_cbk = allocate,
                          .free_cbk = release,
                          .flags = ARGON2_DEFAULT_FLAGS};
    int rc = argon2_ctx(&ctx, phc->type);
    OPENSSL_cleanse(secret, password.n);
    so_free(secret);
    if (rc == ARGON2_MEMORY_ALLOCATION_ERROR)
        return so_err_oom(err);
    if (rc != ARGON2_OK)
        return so_fail(err, SO_EINVAL, "argon2: %s", argon2_error_message(rc));
    return SO_OK;
}

static int check_length(struct so_str password, struct so_err *err)
{
    if (password.n > PASSWORD_MAX)
        return so_fail(err, SO_ELIMIT, "a password has at most %d bytes", PASSWORD_MAX);
    return SO_OK;
}

int so_password_hash(struct so_str password, const struct so_password_cost *cost, struct so_buf *out, struct so_err *err)
{
    struct phc phc = {
        .type = Argon2_id, .version = ARGON2_VERSION_13, .cost = *cost, .salt_len = SALT_SIZE, .hash_len = HASH_SIZE};
    int rc = check_length(password, err);
    if (rc != SO_OK)
        return rc;
    if (!cost_is_sane(cost))
        return so_fail(err, SO_EINVAL,
                       "the cost of argon2 is out of range (memory 8 KiB a lane to 1 GiB, passes 1 to %d, lanes 1 to %d)",
                       PASSES_MAX, LANES_MAX);
    so_random_bytes(phc.salt, SALT_SIZE);
    rc = run_argon2(password, &phc, phc.hash, err);
    if (rc == SO_OK) {
        put_phc(out, &phc);
        rc = so_buf_check(out, "the password hash", err);
    }
    OPENSSL_cleanse(&phc, sizeof(phc));
    return rc;
}

/* ---- bcrypt ---- */

static bool is_bcrypt(struct so_str hash)
{
    uint64_t cost;
    return hash.n == BCRYPT_LENGTH &&
           (so_str_starts(hash, SO_STR("$2a$")) || so_str_starts(hash, SO_STR("$2b$")) ||
            so_str_starts(hash, SO_STR("$2y$"))) &&
           so_str_to_u64(so_str_slice(hash, 4, 6), &cost) && cost >= 4 && cost <= BCRYPT_COST_MAX && hash.p[6] == '$';
}

/* What the call needs, in one block that is zeroed before it is freed. */
struct bcrypt_work {
    struct crypt_data data;
    char password[PASSWORD_MAX + 1];
    char setting[BCRYPT_LENGTH + 1];
};

static int verify_bcrypt(struct so_str password, struct so_str hash, struct so_err *err)
{
    if (password.n > 0 && memchr(password.p, '\0', password.n) != NULL)
        return so_fail(err, SO_EAUTH, "wrong password"); /* bcrypt would stop at the NUL and call a prefix equal */
    struct bcrypt_work *work = so_calloc(1, sizeof(*work));
    if (work == NULL)
        return so_err_oom(err);
    if (password.n > 0)
        memcpy(work->password, password.p, password.n);
    memcpy(work->setting, hash.p, hash.n);
    /* libxcrypt's own call rather than crypt_r(), which AddressSanitizer replaces */
    const char *again = crypt_rn(work->password, work->setting, &work->data, sizeof(work->data));
    int rc = SO_OK;
    if (again == NULL)
        rc = so_fail(err, SO_EINVAL, "the stored password hash is not valid bcrypt");
    else if (!so_equal_secret(so_str_c(again), hash))
        rc = so_fail(err, SO_EAUTH, "wrong password");
    OPENSSL_cleanse(work, sizeof(*work));
    so_free(work);
    return rc;
}

/* ---- either ---- */

int so_password_verify(struct so_str password, struct so_str hash, struct so_err *err)
{
    int rc = check_length(password, err);
    if (rc != SO_OK)
        return rc;
    if (is_bcrypt(hash))
        return verify_bcrypt(password, hash, err);
    struct phc phc;
    uint8_t again[FIELD_MAX];
    if (!read_phc(hash, &phc))
        return so_fail(err, SO_EINVAL, "the stored password hash is in no form known here (argon2id, argon2i, bcrypt)");
    rc = run_argon2(password, &phc, again, err);
    if (rc == SO_OK &&
        !so_equal_secret(so_str((const char *)again, phc.hash_len), so_str((const char *)phc.hash, phc.hash_len)))
        rc = so_fail(err, SO_EAUTH, "wrong password");
    OPENSSL_cleanse(again, sizeof(again));
    return rc;
}

bool so_password_is_weaker(struct so_str hash, const struct so_password_cost *cost)
{
    struct phc phc;
    return !read_phc(hash, &phc) || phc.type != Argon2_id || phc.version != ARGON2_VERSION_13 ||
           phc.cost.memory_kib < cost->memory_kib || phc.cost.passes < cost->passes || phc.salt_len < SALT_SIZE ||
           phc.hash_len < HASH_SIZE;
}
