/* totp.c: time-based one-time passwords. */
#include "auth/totp.h"

#include <stdio.h>

#include "core/random.h"
#include "crypto/digest.h"

static const char BASE32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
enum { SECRET_BYTES_MAX = 64 };

int so_totp_secret(struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    _Static_assert(SO_TOTP_SECRET_BYTES % 5 == 0, "whole groups need no padding");
    enum { LETTERS = SO_TOTP_SECRET_BYTES / 5 * 8 };
    uint8_t bytes[LETTERS];
    char *text = so_alloc_text(arena, LETTERS + 1);
    if (text == NULL)
        return so_err_oom(err);
    so_random_bytes(bytes, LETTERS);
    for (size_t i = 0; i < LETTERS; i++)
        text[i] = BASE32[bytes[i] % 32]; /* five bits a letter */
    text[LETTERS] = '\0';
    *out = so_str(text, LETTERS);
    return SO_OK;
}

static bool decode(struct so_str text, uint8_t out[SECRET_BYTES_MAX], size_t *out_n)
{
    uint32_t bits = 0;
    size_t held = 0, n = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char *letter = text.p[i] == '\0' ? NULL : strchr(BASE32, text.p[i]);
        if (letter == NULL || n == SECRET_BYTES_MAX)
            return false;
        bits = bits << 5 | (uint32_t)(letter - BASE32);
        held += 5;
        if (held >= 8) {
            held -= 8;
            out[n++] = (uint8_t)(bits >> held);
        }
    }
    *out_n = n;
    return n > 0;
}

/* RFC 4226 section 5.3: the low bits of the last byte say which four bytes count. */
bool so_totp_code(struct so_str secret, int64_t step, char out[7])
{
    uint8_t key[SECRET_BYTES_MAX], counter[8], mac[SO_DIGEST_MAX];
    size_t n;
    if (!decode(secret, key, &n))
        return false;
    for (size_t i = 0; i < 8; i++)
        counter[i] = (uint8_t)(step >> (56 - 8 * i));
    if (!so_hmac(SO_SHA1, so_str((const char *)key, n), so_str((const char *)counter, sizeof(counter)), mac))
        return false;
    const uint8_t *at = mac + (mac[19] & 15);
    uint32_t number = (uint32_t)(at[0] & 0x7F) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    snprintf(out, 7, "%06u", (unsigned)(number % 1000000));
    return true;
}

/* Every step is computed, so that the time does not tell which one fits. */
int64_t so_totp_find_step(struct so_str secret, struct so_str code, int64_t now, int64_t last_step)
{
    int64_t found = -1, middle = now / SO_TOTP_PERIOD;
    for (int64_t step = middle - SO_TOTP_SKEW; step <= middle + SO_TOTP_SKEW; step++) {
        char want[7];
        if (!so_totp_code(secret, step, want))
            return -1;
        if (so_equal_secret(code, so_str(want, 6)) && step > last_step && found < 0)
            found = step;
    }
    return found;
}

void so_totp_put_uri(struct so_str secret, struct so_str issuer, struct so_str account, struct so_buf *out)
{
    so_buf_lit(out, "otpauth://totp/");
    so_buf_put_url(out, issuer);
    so_buf_putc(out, ':');
    so_buf_put_url(out, account);
    so_buf_lit(out, "?algorithm=SHA1&digits=6&issuer=");
    so_buf_put_url(out, issuer);
    so_buf_printf(out, "&period=%d&secret=%.*s", SO_TOTP_PERIOD, SO_STR_ARG(secret));
}
