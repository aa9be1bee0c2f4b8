/* password.h: argon2id (RFC 9106) in PHC string form ("$argon2id$v=19$m=..,t=..,p=..$salt$hash").
 * Blocks for tens of milliseconds on purpose: workers only, never an event loop. */
#ifndef SO_CRYPTO_PASSWORD_H
#define SO_CRYPTO_PASSWORD_H

#include "core/buf.h"
#include "core/err.h"

struct so_password_cost {
    uint32_t memory_kib; /* 19456 by default (OWASP's m=19 MiB, t=2, p=1) */
    uint32_t passes;     /* 2 */
    uint32_t lanes;      /* 1 */
};
extern const struct so_password_cost SO_PASSWORD_COST_DEFAULT;

int so_password_hash(struct so_str password, const struct so_password_cost *cost, struct so_buf *out,
                     struct so_err *err) SO_MUST_CHECK;
/* SO_OK when it matches, SO_EAUTH when not, SO_EINVAL when `hash` is in no form we know (argon2id, argon2i, bcrypt $2a$ $2b$
 * $2y$). */
int so_password_verify(struct so_str password, struct so_str hash, struct so_err *err) SO_MUST_CHECK;
/* Whether a stored hash is weaker than `cost` and should be made anew at the next sign-in. */
bool so_password_is_weaker(struct so_str hash, const struct so_password_cost *cost);

#endif
