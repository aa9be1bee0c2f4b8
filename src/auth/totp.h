/* totp.h: time-based one-time passwords (RFC 6238: SHA-1, 30 seconds, six digits) and their secrets (RFC 4648 base32).
 * Knows no users.   Threads: any. */
#ifndef SO_AUTH_TOTP_H
#define SO_AUTH_TOTP_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"

enum {
    SO_TOTP_SECRET_BYTES = 20, /* as long as the hash (RFC 4226 section 4, R6) */
    SO_TOTP_PERIOD = 30,       /* seconds of a step */
    SO_TOTP_SKEW = 1           /* steps that a clock may be off, either way */
};

/* A new random secret in base32, without padding. */
int so_totp_secret(struct so_arena *arena, struct so_str *out, struct so_err *err) SO_MUST_CHECK;

/* The step that `code` belongs to, at most SO_TOTP_SKEW away from `now` (seconds since 1970) and after `last_step`; -1 when
 * there is none.  Whoever keeps what this returned as the next last_step lets no code pass twice (RFC 6238 section 5.2). */
int64_t so_totp_find_step(struct so_str secret, struct so_str code, int64_t now, int64_t last_step);

/* The six digits of a step, and a NUL.  False when the secret is no base32. */
bool so_totp_code(struct so_str secret, int64_t step, char out[7]) SO_MUST_CHECK;

/* otpauth://totp/ISSUER:ACCOUNT?... as authenticator apps read it. */
void so_totp_put_uri(struct so_str secret, struct so_str issuer, struct so_str account, struct so_buf *out);

#endif
