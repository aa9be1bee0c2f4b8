/* invite.c: POST /invite and POST /admin/generate_link: codes that the service role asks for.  The one mails the code, the
 * other hands it out, for a server that sends its own mails. */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/letters.h"
#include "auth/passwords.h"
#include "auth/reply.h"
#include "auth/text.h"

struct linking {
    struct so_auth_call *call;
    struct so_str email, new_email, hash; /* hash: of the password, for a sign-up */
    enum so_code_kind kind;
    bool by_mail;
    struct so_user user;
    struct so_code_issued code; /* unless by mail */
};

/* ---- in the transaction ---- */

static int make_user(struct linking *linking, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = linking->call;
    struct so_user *user = &linking->user;
    int rc = so_user_make(call, user, err);
    user->email = linking->email;
    user->encrypted_password = linking->hash;
    if (rc == SO_OK)
        rc = so_auth_merge(SO_STR(""), call->params.data, SO_AUTH_USER_METADATA_MAX, call->arena, &user->raw_user_meta_data,
                           err);
    if (rc == SO_OK)
        rc = so_user_describe(call, user, err);
    if (rc == SO_OK)
        rc = so_user_insert(conn, user, err);
    return rc == SO_OK ? so_user_identify(call, conn, user, "email", false, err) : rc;
}

/* The account that the code is for: a new one for sign-ups and invitations, else one that is there. */
static int find_or_make(struct linking *linking, struct so_conn *conn, struct so_err *err)
{
    struct so_user *user = &linking->user;
    bool found = false;
    bool is_new = linking->kind == SO_CODE_CONFIRMATION || linking->kind == SO_CODE_INVITE;
    int rc = so_user_find(conn, SO_USER_BY_EMAIL, linking->email, linking->call->arena, user, &found, err);
    if (rc != SO_OK)
        return rc;
    if (found && is_new && user->email_confirmed_at.p != NULL)
        return so_auth_fail(err, SO_AUTH_EMAIL_EXISTS);
    if (!found && linking->kind == SO_CODE_MAGIC_LINK) {
        linking->kind = SO_CODE_CONFIRMATION;
        is_new = true;
    }
    if (found || !is_new)
        return found ? SO_OK : so_auth_fail(err, SO_AUTH_USER_NOT_FOUND);
    return make_user(linking, conn, err);
}

static int start_change(struct linking *linking, struct so_conn *conn, struct so_err *err)
{
    struct so_user *user = &linking->user, other;
    bool taken = false;
    int rc = so_user_find(conn, SO_USER_BY_EMAIL, linking->new_email, linking->call->arena, &other, &taken, err);
    if (rc == SO_OK && taken)
        return so_auth_fail(err, SO_AUTH_EMAIL_EXISTS);
    if (!so_str_eq(user->email_change, linking->new_email)) {
        bool both = user->email_confirmed_at.p != NULL;
        user->email_change = linking->new_email;
        user->email_change_confirm_status = both ? SO_STR("0") : SO_STR("1");
    }
    user->email_change_sent_at = linking->call->now;
    return rc;
}

static int note_sending(struct linking *linking, struct so_conn *conn, struct so_err *err)
{
    struct so_user *user = &linking->user;
    struct so_str now = linking->call->now;
    switch (linking->kind) {
    case SO_CODE_INVITE: user->invited_at = user->confirmation_sent_at = now; return SO_OK;
    case SO_CODE_CONFIRMATION: user->confirmation_sent_at = now; return SO_OK;
    case SO_CODE_CHANGE_CURRENT:
    case SO_CODE_CHANGE_NEW: return start_change(linking, conn, err);
    default: user->recovery_sent_at = now; return SO_OK;
    }
}

static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct linking *linking = arg;
    struct so_auth_call *call = linking->call;
    struct so_user *user = &linking->user;
    call->mail_count = 0;
    int rc = find_or_make(linking, conn, err);
    if (rc == SO_OK)
        rc = note_sending(linking, conn, err);
    if (rc == SO_OK)
        rc = so_user_update(call, conn, user, err);
    struct so_str to = linking->kind == SO_CODE_CHANGE_NEW ? linking->new_email : user->email;
    if (rc == SO_OK && linking->by_mail)
        rc = so_letter_write(call, conn, linking->kind, user, to, err);
    else if (rc == SO_OK)
        rc = so_code_issue(call, conn, linking->kind, user->id, to, &linking->code, err);
    return rc == SO_OK ? so_auth_audit(call, conn, linking->by_mail ? "user_invited" : "link_generated", user->id, err) : rc;
}

/* ---- the endpoints ---- */

int so_invite(struct so_auth_call *call, struct so_err *err)
{
    struct linking linking = {.call = call, .kind = SO_CODE_INVITE, .by_mail = true};
    int rc = so_auth_email_take(call->arena, call->params.email, &linking.email, err);
    if (rc == SO_OK)
        rc = so_letter_admit(call, linking.email, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run, &linking, err);
    if (rc == SO_OK)
        rc = so_letters_post(call, err);
    if (rc == SO_OK)
        so_reply_user(call, &linking.user);
    return rc;
}

static int take_link_params(struct linking *linking, struct so_err *err)
{
    static const struct {
        const char *type;
        enum so_code_kind kind;
    } TYPES[] = {
        {"signup", SO_CODE_CONFIRMATION},
        {"invite", SO_CODE_INVITE},
        {"magiclink", SO_CODE_MAGIC_LINK},
        {"recovery", SO_CODE_RECOVERY},
        {"email_change_current", SO_CODE_CHANGE_CURRENT},
        {"email_change_new", SO_CODE_CHANGE_NEW},
    };
    struct so_auth_call *call = linking->call;
    const struct so_auth_params *params = &call->params;
    size_t i = 0;
    while (i < COUNT_OF(TYPES) && !so_str_eq_c(params->type, TYPES[i].type))
        i++;
    if (i == COUNT_OF(TYPES))
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Invalid email action link type requested");
    linking->kind = TYPES[i].kind;
    bool changes = linking->kind == SO_CODE_CHANGE_CURRENT || linking->kind == SO_CODE_CHANGE_NEW;
    bool signs_up = linking->kind == SO_CODE_CONFIRMATION;
    int rc = so_auth_email_take(call->arena, params->email, &linking->email, err);
    if (rc == SO_OK && changes)
        rc = so_auth_email_take(call->arena, params->new_email, &linking->new_email, err);
    if (rc == SO_OK && signs_up && params->password.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Signup requires a valid password");
    if (rc == SO_OK && signs_up)
        rc = so_auth_password_check(call->auth, params->password, err);
    return rc == SO_OK && signs_up ? so_auth_password_hash(call, params->password, &linking->hash, err) : rc;
}

int so_generate_link(struct so_auth_call *call, struct so_err *err)
{
    struct linking linking = {.call = call};
    struct so_str link, asked = so_auth_query(call->in->query, "redirect_to", call->arena);
    struct so_jw w;
    int rc = take_link_params(&linking, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, run, &linking, err);
    if (rc == SO_OK)
        rc = so_letter_link(call, linking.kind, linking.code.token, &link, err);
    if (rc != SO_OK)
        return rc;
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_user_put_members(&w, &linking.user);
    so_jw_member_str(&w, "action_link", link);
    so_jw_member_str(&w, "email_otp", linking.code.digits);
    so_jw_member_str(&w, "hashed_token", linking.code.token);
    so_jw_member_str(&w, "verification_type", linking.kind == SO_CODE_CONFIRMATION ? SO_STR("signup") : call->params.type);
    so_jw_member_str(&w, "redirect_to", so_letter_redirect(call, asked.p != NULL ? asked : call->params.redirect_to));
    so_jw_end_object(&w);
    so_reply_header(call->out, "Cache-Control", SO_STR("no-store"));
    return SO_OK;
}
