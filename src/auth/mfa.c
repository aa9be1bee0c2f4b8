/* mfa.c: what the endpoints of second factors share. */
#include "auth/mfa.h"

#include "auth/errors.h"
#include "auth/sql.h"

/* What passing a factor is called in the claim amr. */
static const struct {
    const char *type, *method;
} METHODS[] = {
    {SO_FACTOR_TOTP, "totp"},
    {SO_FACTOR_RECOVERY, "mfa/recovery_code"},
};

static const char *method_of(const struct so_factor *factor)
{
    for (size_t i = 0; i < COUNT_OF(METHODS); i++)
        if (so_str_eq_c(factor->factor_type, METHODS[i].type))
            return METHODS[i].method;
    return "mfa";
}

int so_mfa_admit(struct so_auth_call *call, struct so_err *err)
{
    if (so_user_is_anonymous(&call->user))
        return so_auth_fail(err, SO_AUTH_NOT_FOR_ANONYMOUS);
    return call->session_id.n == 0 ? so_auth_fail(err, SO_AUTH_SESSION_GONE) : SO_OK;
}

int so_mfa_audit(struct so_auth_call *call, struct so_conn *conn, const char *action, const struct so_factor *factor,
                 struct so_err *err)
{
    call->traits = so_arena_printf(call->arena, "{\"factor_id\":\"%.*s\",\"factor_type\":\"%.*s\"}", SO_STR_ARG(factor->id),
                                   SO_STR_ARG(factor->factor_type));
    return call->traits.p == NULL ? so_err_oom(err) : so_auth_audit(call, conn, action, factor->user_id, err);
}

int so_mfa_pass(struct so_auth_call *call, struct so_conn *conn, const struct so_factor *factor, struct so_grant *grant,
                struct so_err *err)
{
    bool found;
    int rc = so_session_raise(call, conn, method_of(factor), factor->id, grant, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(
            conn, "DELETE FROM auth_mfa_factors WHERE user_id = ?1 AND factor_type = ?2 AND status = 'unverified'",
            SO_VALUES(factor->user_id, factor->factor_type), NULL, err);
    if (rc == SO_OK)
        rc = so_mfa_audit(call, conn, "verification_attempted", factor, err);
    if (rc == SO_OK)
        rc = so_user_find(conn, SO_USER_BY_ID, factor->user_id, call->arena, &grant->user, &found, err);
    return rc == SO_OK && !found ? so_auth_fail(err, SO_AUTH_USER_GONE) : rc;
}

static int remove_one(struct so_auth_call *call, struct so_conn *conn, const struct so_factor *factor, struct so_err *err)
{
    int rc = so_session_lower(call, conn, factor->user_id, factor->id, method_of(factor), err);
    return rc == SO_OK ? so_factor_delete(conn, factor->id, err) : rc;
}

int so_mfa_remove(struct so_auth_call *call, struct so_conn *conn, const struct so_factor *factor, struct so_err *err)
{
    struct so_factor *rest;
    size_t count, verified = 0;
    int rc = remove_one(call, conn, factor, err);
    if (rc == SO_OK)
        rc = so_factors_load(conn, factor->user_id, call->arena, &rest, &count, err);
    if (rc != SO_OK)
        return rc;
    for (size_t i = 0; i < count; i++)
        verified += so_factor_is_verified(&rest[i]) && !so_str_eq_c(rest[i].factor_type, SO_FACTOR_RECOVERY);
    for (size_t i = 0; rc == SO_OK && verified == 0 && i < count; i++)
        if (so_str_eq_c(rest[i].factor_type, SO_FACTOR_RECOVERY))
            rc = remove_one(call, conn, &rest[i], err);
    return rc;
}
