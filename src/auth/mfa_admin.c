/* mfa_admin.c: /admin/users/{id}/factors: for somebody who lost phone and paper both. */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/mfa.h"
#include "auth/reply.h"
#include "auth/text.h"

struct change {
    struct so_auth_call *call;
    struct so_factor factor;
};

static int find_user(struct so_auth_call *call, struct so_conn *conn, struct so_user *out, struct so_err *err)
{
    bool found;
    int rc = so_user_find(conn, SO_USER_BY_ID, call->id, call->arena, out, &found, err);
    return rc == SO_OK && !found ? so_auth_fail(err, SO_AUTH_USER_NOT_FOUND) : rc;
}

int so_admin_factors(struct so_auth_call *call, struct so_err *err)
{
    struct so_conn *conn;
    struct so_user user;
    struct so_jw w;
    int rc = so_db_reader_take(call->auth->db, &conn, err);
    if (rc != SO_OK)
        return rc;
    rc = find_user(call, conn, &user, err);
    so_db_reader_give(call->auth->db, conn);
    if (rc != SO_OK)
        return rc;
    so_reply_begin(call, 200, &w);
    so_jw_array(&w);
    for (size_t i = 0; i < user.factor_count; i++)
        so_factor_put(&w, &user.factors[i]);
    so_jw_end_array(&w);
    return SO_OK;
}

static int finish(struct change *change, int (*run)(void *, struct so_conn *, struct so_err *), struct so_err *err)
{
    struct so_jw w;
    int rc = so_auth_write(change->call, run, change, err);
    if (rc != SO_OK)
        return rc;
    so_reply_begin(change->call, 200, &w);
    so_factor_put(&w, &change->factor);
    return SO_OK;
}

static int run_delete(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct change *change = arg;
    struct so_auth_call *call = change->call;
    struct so_user user;
    int rc = find_user(call, conn, &user, err);
    if (rc == SO_OK)
        rc = so_factor_find(call, conn, user.id, call->second_id, &change->factor, err);
    if (rc == SO_OK)
        rc = so_mfa_remove(call, conn, &change->factor, err);
    return rc == SO_OK ? so_mfa_audit(call, conn, "factor_deleted", &change->factor, err) : rc;
}

int so_admin_factor_delete(struct so_auth_call *call, struct so_err *err)
{
    struct change change = {.call = call};
    return finish(&change, run_delete, err);
}

static int rename_to(struct so_factor *factor, const struct so_user *user, struct so_str name, struct so_err *err)
{
    for (size_t i = 0; i < user->factor_count; i++)
        if (so_str_eq(user->factors[i].friendly_name, name) && !so_str_eq(user->factors[i].id, factor->id))
            return so_auth_fail(err, SO_AUTH_FACTOR_NAME_TAKEN);
    factor->friendly_name = name;
    return SO_OK;
}

static int run_update(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct change *change = arg;
    struct so_auth_call *call = change->call;
    struct so_user user;
    int rc = find_user(call, conn, &user, err);
    if (rc == SO_OK)
        rc = so_factor_find(call, conn, user.id, call->second_id, &change->factor, err);
    if (rc == SO_OK && call->params.friendly_name.n > 0)
        rc = rename_to(&change->factor, &user, call->params.friendly_name, err);
    if (rc == SO_OK)
        rc = so_factor_update(call, conn, &change->factor, err);
    return rc == SO_OK ? so_mfa_audit(call, conn, "factor_updated", &change->factor, err) : rc;
}

int so_admin_factor_update(struct so_auth_call *call, struct so_err *err)
{
    struct change change = {.call = call};
    return finish(&change, run_update, err);
}
