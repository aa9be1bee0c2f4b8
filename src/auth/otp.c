/* otp.c: asking for a mail: /otp, /magiclink, /recover, /resend, /reauthenticate.
 *
 * A known and an unknown address get the same answer and the same work: one transaction that writes at least a line of the
 * audit log, and the letter is posted by another thread (auth/smtp.c). */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/letters.h"
#include "auth/reply.h"
#include "auth/text.h"

struct asking {
    struct so_auth_call *call;
    struct so_str email;
    struct so_user user;
    const char *action; /* for the audit log */
    /* With the account, or with found == false. */
    int (*write)(struct asking *asking, struct so_conn *conn, bool found, struct so_err *err);
};

static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct asking *asking = arg;
    struct so_auth_call *call = asking->call;
    bool found = false;
    call->mail_count = 0;
    int rc = so_user_find(conn, SO_USER_BY_EMAIL, asking->email, call->arena, &asking->user, &found, err);
    if (rc == SO_OK)
        rc = asking->write(asking, conn, found, err);
    return rc == SO_OK ? so_auth_audit(call, conn, asking->action, asking->user.id, err) : rc;
}

static int take_email(struct so_auth_call *call, struct so_str *out, struct so_err *err)
{
    if (call->params.phone.n > 0)
        return so_auth_fail(err, SO_AUTH_PHONE_LOGIN_DISABLED);
    if (call->params.email.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "An email address is required");
    int rc = so_auth_email_take(call->arena, call->params.email, out, err);
    if (rc == SO_OK)
        rc = so_letter_check_challenge(call, err);
    return rc == SO_OK ? so_letter_admit(call, *out, err) : rc;
}

static int ask(struct asking *asking, struct so_err *err)
{
    struct so_auth_call *call = asking->call;
    int rc = take_email(call, &asking->email, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run, asking, err);
    if (rc == SO_OK)
        rc = so_letters_post(call, err);
    if (rc == SO_OK)
        so_reply_empty_object(call);
    return rc;
}

static int write_letter(struct asking *asking, struct so_conn *conn, enum so_code_kind kind, struct so_err *err)
{
    struct so_user *user = &asking->user;
    struct so_str *sent = kind == SO_CODE_CONFIRMATION ? &user->confirmation_sent_at : &user->recovery_sent_at;
    *sent = asking->call->now;
    int rc = so_letter_write(asking->call, conn, kind, user, user->email, err);
    return rc == SO_OK ? so_user_update(asking->call, conn, user, err) : rc;
}

/* ---- one-time password, magic link ---- */

static int sign_up(struct asking *asking, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = asking->call;
    struct so_user *user = &asking->user;
    if (call->params.create_user == SO_AUTH_FLAG_FALSE || call->auth->settings.signup_disabled)
        return so_auth_fail(err, SO_AUTH_OTP_DISABLED);
    int rc = so_user_make(call, user, err);
    user->email = asking->email;
    if (rc == SO_OK)
        rc = so_auth_merge(SO_STR(""), call->params.data, SO_AUTH_USER_METADATA_MAX, call->arena, &user->raw_user_meta_data,
                           err);
    if (rc == SO_OK)
        rc = so_user_describe(call, user, err);
    if (rc == SO_OK)
        rc = so_user_insert(conn, user, err);
    if (rc == SO_OK)
        rc = so_user_identify(call, conn, user, "email", false, err);
    return rc == SO_OK ? write_letter(asking, conn, SO_CODE_CONFIRMATION, err) : rc;
}

static int write_otp(struct asking *asking, struct so_conn *conn, bool found, struct so_err *err)
{
    return found ? write_letter(asking, conn, SO_CODE_MAGIC_LINK, err) : sign_up(asking, conn, err);
}

int so_otp(struct so_auth_call *call, struct so_err *err)
{
    struct asking asking = {.call = call, .action = "user_otp_requested", .write = write_otp};
    return ask(&asking, err);
}

/* ---- recovery ---- */

static int write_recovery(struct asking *asking, struct so_conn *conn, bool found, struct so_err *err)
{
    return found ? write_letter(asking, conn, SO_CODE_RECOVERY, err) : SO_OK;
}

int so_recover(struct so_auth_call *call, struct so_err *err)
{
    struct asking asking = {.call = call, .action = "user_recovery_requested", .write = write_recovery};
    return ask(&asking, err);
}

/* ---- once more ---- */

static int write_signup_again(struct asking *asking, struct so_conn *conn, bool found, struct so_err *err)
{
    bool waits = found && asking->user.email_confirmed_at.p == NULL;
    return waits ? write_letter(asking, conn, SO_CODE_CONFIRMATION, err) : SO_OK;
}

static int write_change_again(struct asking *asking, struct so_conn *conn, bool found, struct so_err *err)
{
    bool waits = found && asking->user.email_change.n > 0;
    return waits ? so_email_change_send(asking->call, conn, &asking->user, err) : SO_OK;
}

int so_resend(struct so_auth_call *call, struct so_err *err)
{
    struct asking asking = {.call = call, .action = "user_resend_requested"};
    if (so_str_eq_c(call->params.type, "signup"))
        asking.write = write_signup_again;
    else if (so_str_eq_c(call->params.type, "email_change"))
        asking.write = write_change_again;
    else
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Missing one of these types: signup, email_change");
    return ask(&asking, err);
}

/* ---- reauthentication ---- */

static int run_reauthenticate(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = arg;
    call->mail_count = 0;
    call->user.reauthentication_sent_at = call->now;
    int rc = so_letter_write(call, conn, SO_CODE_REAUTHENTICATION, &call->user, call->user.email, err);
    if (rc == SO_OK)
        rc = so_user_update(call, conn, &call->user, err);
    return rc == SO_OK ? so_auth_audit(call, conn, "user_reauthenticate_requested", call->user.id, err) : rc;
}

int so_reauthenticate(struct so_auth_call *call, struct so_err *err)
{
    if (call->user.email.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION,
                                 "Reauthentication requires the user to have an email or a phone number");
    if (call->user.email_confirmed_at.p == NULL)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION_STATE, "Please verify your email first.");
    int rc = so_letter_admit(call, call->user.email, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run_reauthenticate, call, err);
    if (rc == SO_OK)
        rc = so_letters_post(call, err);
    if (rc == SO_OK)
        so_reply_empty_object(call);
    return rc;
}
