/* secrets.c: random texts and their hashes, all in base64url. */
#include "auth/secrets.h"

#include "core/buf.h"
#include "core/random.h"
#include "crypto/base64.h"
#include "crypto/digest.h"

enum { TOKEN_BYTES = 32 };

static int encode(struct so_arena *arena, const uint8_t *bytes, size_t n, struct so_str *out, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, 256);
    so_base64url_put(&text, so_str((const char *)bytes, n));
    *out = text.rc == SO_OK ? so_arena_dup(arena, so_buf_str(&text)) : (struct so_str){NULL, 0};
    so_buf_deinit(&text);
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

int so_auth_random_text(struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    uint8_t bytes[TOKEN_BYTES];
    so_random_bytes(bytes, sizeof(bytes));
    return encode(arena, bytes, sizeof(bytes), out, err);
}

int so_auth_random_digits(struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    *out = so_arena_printf(arena, "%06u", (unsigned)so_random_below(1000000));
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

int so_auth_hash_text(struct so_arena *arena, struct so_str text, struct so_str *out, struct so_err *err)
{
    uint8_t digest[SO_DIGEST_MAX];
    if (!so_digest(SO_SHA256, text, digest))
        return so_err_oom(err);
    return encode(arena, digest, so_digest_size(SO_SHA256), out, err);
}

int so_auth_hmac_text(struct so_arena *arena, struct so_str key, struct so_str text, struct so_str *out, struct so_err *err)
{
    uint8_t mac[SO_DIGEST_MAX];
    if (!so_hmac(SO_SHA256, key, text, mac))
        return so_err_oom(err);
    return encode(arena, mac, so_digest_size(SO_SHA256), out, err);
}
