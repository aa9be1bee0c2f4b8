/* confirm.c: confirmed addresses, and changed ones.
 *
 *   PUT /user {email} --letters to both mailboxes--> one confirmed --> both confirmed: the address is the new one
 *
 * An account without a confirmed address of its own has only the new mailbox to ask. */
#include "auth/confirm.h"

#include "auth/errors.h"
#include "auth/letters.h"
#include "auth/sql.h"

static int settle(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    user->email_confirmed_at = call->now;
    user->is_anonymous = SO_STR("0");
    int rc = so_user_identify(call, conn, user, "email", true, err);
    return rc == SO_OK ? so_user_describe(call, user, err) : rc;
}

int so_confirm_email(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, enum so_code_kind kind,
                     struct so_err *err)
{
    if (user->email_confirmed_at.p != NULL)
        return SO_OK;
    /* Whoever signed up here with a password need not be who has the mailbox: unless the owner confirms that very sign-up,
     * the password is not theirs. */
    if (kind != SO_CODE_CONFIRMATION)
        user->encrypted_password = (struct so_str){NULL, 0};
    return settle(call, conn, user, err);
}

int so_email_change_send(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    bool both = user->email.n > 0 && user->email_confirmed_at.p != NULL;
    user->email_change_sent_at = call->now;
    user->email_change_confirm_status = both ? SO_STR("0") : SO_STR("1");
    int rc = so_auth_sql_run(conn, "DELETE FROM auth_one_time_tokens WHERE user_id = ?1 AND kind LIKE 'email_change%'",
                             SO_VALUES(user->id), NULL, err);
    if (rc == SO_OK)
        rc = so_letter_write(call, conn, SO_CODE_CHANGE_NEW, user, user->email_change, err);
    if (rc == SO_OK && both)
        rc = so_letter_write(call, conn, SO_CODE_CHANGE_CURRENT, user, user->email, err);
    return rc == SO_OK ? so_user_update(call, conn, user, err) : rc;
}

int so_confirm_change(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, bool *out_done,
                      struct so_err *err)
{
    struct so_user other;
    bool taken = false;
    *out_done = so_str_eq_c(user->email_change_confirm_status, "1");
    if (!*out_done) {
        user->email_change_confirm_status = SO_STR("1");
        return so_user_update(call, conn, user, err);
    }
    if (user->email_change.n == 0)
        return so_auth_fail(err, SO_AUTH_OTP_EXPIRED);
    int rc = so_user_find(conn, SO_USER_BY_EMAIL, user->email_change, call->arena, &other, &taken, err);
    if (rc == SO_OK && taken)
        return so_auth_fail(err, SO_AUTH_EMAIL_EXISTS);
    user->email = user->email_change;
    user->email_change = (struct so_str){NULL, 0};
    user->email_change_confirm_status = SO_STR("0");
    /* Codes that went to the old mailbox prove nothing about this account any more. */
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "DELETE FROM auth_one_time_tokens WHERE user_id = ?1", SO_VALUES(user->id), NULL, err);
    if (rc == SO_OK)
        rc = settle(call, conn, user, err);
    return rc == SO_OK ? so_auth_audit(call, conn, "user_email_changed", user->id, err) : rc;
}
