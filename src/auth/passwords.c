/* passwords.c: what a password must be, and checking one. */
#include "auth/passwords.h"

#include "auth/errors.h"
#include "core/utf8.h"

int so_auth_password_check(const struct so_auth *auth, struct so_str password, struct so_err *err)
{
    if (password.n > SO_AUTH_PASSWORD_MAX)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Password cannot be longer than %d characters",
                                 SO_AUTH_PASSWORD_MAX);
    if (so_utf8_length(password) >= auth->settings.password_min)
        return SO_OK;
    so_auth_fail_with(err, SO_AUTH_WEAK_PASSWORD, "Password should be at least %zu characters.",
                      auth->settings.password_min);
    so_err_details(err, "length");
    return SO_EINVAL;
}

int so_auth_password_hash(struct so_auth_call *call, struct so_str password, struct so_str *out, struct so_err *err)
{
    enum { HASH_MAX = 512 };
    struct so_buf text;
    so_buf_init(&text, HASH_MAX);
    int rc = so_password_hash(password, &call->auth->settings.password_cost, &text, err);
    if (rc == SO_OK) {
        *out = so_arena_dup(call->arena, so_buf_str(&text));
        rc = out->p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&text);
    return rc;
}

int so_auth_password_matches(struct so_auth_call *call, struct so_str password, struct so_str hash, bool *out,
                             struct so_err *err)
{
    struct so_err own = SO_ERR_INIT;
    bool possible = hash.n > 0 && password.n <= SO_AUTH_PASSWORD_MAX;
    if (password.n > SO_AUTH_PASSWORD_MAX)
        password.n = SO_AUTH_PASSWORD_MAX;
    int rc = so_password_verify(password, possible ? hash : call->auth->password_dummy, &own);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    *out = possible && rc == SO_OK; /* a hash in an unknown form matches nothing */
    return SO_OK;
}

bool so_auth_password_is_outdated(const struct so_auth *auth, struct so_str hash)
{
    return so_password_is_weaker(hash, &auth->settings.password_cost);
}

struct so_str so_auth_password_dummy(struct so_arena *arena, const struct so_password_cost *cost)
{
    /* Sixteen bytes of salt and a hash of zeros.  Nobody could find its password, and a match would not count. */
    return so_arena_printf(arena,
                           "$argon2id$v=19$m=%u,t=%u,p=%u$c29jbGUgc29jbGUgc29jbA$"
                           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                           cost->memory_kib, cost->passes, cost->lanes);
}
