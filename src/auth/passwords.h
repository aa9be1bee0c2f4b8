/* passwords.h: what a password must be, and checking one.   Blocks (argon2): never inside a transaction. */
#ifndef SO_AUTH_PASSWORDS_H
#define SO_AUTH_PASSWORDS_H

#include "auth/auth_int.h"

enum { SO_AUTH_PASSWORD_MAX = 72 }; /* bytes; what bcrypt can tell apart, and the reference's limit */

/* weak_password (err->details holds the reason) or validation_failed. */
int so_auth_password_check(const struct so_auth *auth, struct so_str password, struct so_err *err) SO_MUST_CHECK;
int so_auth_password_hash(struct so_auth_call *call, struct so_str password, struct so_str *out,
                          struct so_err *err) SO_MUST_CHECK;
/* Whether it is the one of `hash`.  hash.p == NULL (no such user, or one without password) costs the same time and is false.
 */
int so_auth_password_matches(struct so_auth_call *call, struct so_str password, struct so_str hash, bool *out,
                             struct so_err *err) SO_MUST_CHECK;
bool so_auth_password_is_outdated(const struct so_auth *auth, struct so_str hash);

/* The hash to compare with when there is none: of the configured cost, of nobody's password. */
struct so_str so_auth_password_dummy(struct so_arena *arena, const struct so_password_cost *cost);

#endif
