/* identities.c: DELETE /user/identities/{id}: one way in less. */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/external.h"
#include "auth/reply.h"
#include "auth/sql.h"
#include "json/json.h"

struct unlink {
    struct so_auth_call *call;
    struct so_user user;
};

static bool is_verified(struct so_auth_call *call, const struct so_user_identity *identity)
{
    struct so_json data;
    if (identity->email.n == 0 || so_json_parse(call->arena, identity->identity_data, NULL, &data, NULL) != SO_OK)
        return false;
    const struct so_json *verified = so_json_get(&data, SO_STR("email_verified"));
    return verified != NULL && verified->type == SO_JSON_TRUE;
}

/* The account's address belongs to one of its identities.  When that one is gone, the first verified address that nobody
 * else has takes its place; without one the account could be locked out, or pass for somebody else's. */
static int settle_address(struct unlink *unlink, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = unlink->call;
    struct so_user *user = &unlink->user, other;
    bool taken = true;
    for (size_t i = 0; i < user->identity_count; i++)
        if (user->email.n == 0 || so_str_eq(user->identities[i].email, user->email))
            return SO_OK;
    for (size_t i = 0; i < user->identity_count && taken; i++) {
        struct so_str email = user->identities[i].email;
        if (!is_verified(call, &user->identities[i]))
            continue;
        int rc = so_user_find(conn, SO_USER_BY_EMAIL, email, call->arena, &other, &taken, err);
        if (rc != SO_OK)
            return rc;
        if (!taken)
            user->email = email;
    }
    if (taken)
        return so_auth_fail(err, SO_AUTH_EMAIL_CONFLICT);
    /* Codes that went to the old mailbox prove nothing about this account any more. */
    user->email_change = (struct so_str){NULL, 0};
    user->email_confirmed_at = call->now;
    return so_auth_sql_run(conn, "DELETE FROM auth_one_time_tokens WHERE user_id = ?1", SO_VALUES(user->id), NULL, err);
}

static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct unlink *unlink = arg;
    struct so_auth_call *call = unlink->call;
    struct so_user *user = &unlink->user;
    bool found = false;
    int rc = so_user_find(conn, SO_USER_BY_ID, call->user.id, call->arena, user, &found, err);
    if (rc == SO_OK && !found)
        return so_auth_fail(err, SO_AUTH_USER_GONE);
    if (rc == SO_OK && user->identity_count <= 1)
        return so_auth_fail(err, SO_AUTH_SINGLE_IDENTITY);
    size_t at = 0;
    while (rc == SO_OK && at < user->identity_count && !so_str_eq(user->identities[at].id, call->id))
        at++;
    if (rc == SO_OK && at == user->identity_count)
        return so_auth_fail(err, SO_AUTH_IDENTITY_NOT_FOUND);
    if (rc == SO_OK)
        rc = so_user_detach(call, conn, user, at, err);
    if (rc == SO_OK)
        rc = settle_address(unlink, conn, err);
    if (rc == SO_OK)
        rc = so_user_update(call, conn, user, err);
    return rc == SO_OK ? so_auth_audit(call, conn, "identity_unlinked", user->id, err) : rc;
}

int so_identity_delete(struct so_auth_call *call, struct so_err *err)
{
    struct unlink unlink = {.call = call};
    int rc = so_external_may_link(call, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run, &unlink, err);
    if (rc == SO_OK)
        so_reply_empty_object(call);
    return rc;
}
