/* admin.c: /admin/users: accounts, for whoever has the service role. */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/page.h"
#include "auth/passwords.h"
#include "auth/reply.h"
#include "auth/sessions.h"
#include "auth/sql.h"
#include "auth/text.h"

/* ---- reading ---- */

static int find_user(struct so_auth_call *call, struct so_conn *conn, struct so_user *out, struct so_err *err)
{
    bool found;
    int rc = so_user_find(conn, SO_USER_BY_ID, call->id, call->arena, out, &found, err);
    return rc == SO_OK && !found ? so_auth_fail(err, SO_AUTH_USER_NOT_FOUND) : rc;
}

int so_admin_get(struct so_auth_call *call, struct so_err *err)
{
    struct so_conn *conn;
    struct so_user user;
    int rc = so_db_reader_take(call->auth->db, &conn, err);
    if (rc != SO_OK)
        return rc;
    rc = find_user(call, conn, &user, err);
    so_db_reader_give(call->auth->db, conn);
    if (rc == SO_OK)
        so_reply_user(call, &user);
    return rc;
}

int so_admin_list(struct so_auth_call *call, struct so_err *err)
{
    struct so_auth_page page;
    int64_t total;
    struct so_user *users;
    size_t count;
    struct so_conn *conn;
    int rc = so_auth_page_take(call, &page, err);
    if (rc == SO_OK)
        rc = so_db_reader_take(call->auth->db, &conn, err);
    if (rc != SO_OK)
        return rc;
    rc = so_user_list(conn, page.per_page, (page.page - 1) * page.per_page, call->arena, &users, &count, &total, err);
    so_db_reader_give(call->auth->db, conn);
    if (rc != SO_OK)
        return rc;
    struct so_jw w;
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_jw_key(&w, SO_STR("users"));
    so_jw_array(&w);
    for (size_t i = 0; i < count; i++)
        so_user_put(&w, &users[i]);
    so_jw_end_array(&w);
    so_jw_member_cstr(&w, "aud", "authenticated");
    so_jw_end_object(&w);
    so_auth_page_put(call, &page, "/admin/users", total);
    return SO_OK;
}

/* ---- what create and update share ---- */

struct account {
    struct so_auth_call *call;
    struct so_user user;
    struct so_str email, phone; /* checked; {NULL,0}: not given */
    struct so_str hash;         /* of the password, or as given */
    int64_t ban_us;             /* with params.ban_duration; 0 lifts the ban */
};

static int take_password(struct account *account, struct so_err *err)
{
    struct so_auth_call *call = account->call;
    const struct so_auth_params *params = &call->params;
    struct so_err own = SO_ERR_INIT;
    if (params->password.n > 0 && params->password_hash.n > 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Only a password or a password hash should be provided");
    if (params->password_hash.n > 0) {
        account->hash = params->password_hash;
        int rc = so_password_verify(SO_STR(""), account->hash, &own); /* whether its form is known */
        return rc == SO_OK || rc == SO_EAUTH
                   ? SO_OK
                   : so_auth_fail_with(err, SO_AUTH_VALIDATION, "password_hash is neither an argon2 nor a bcrypt hash");
    }
    if (params->password.n == 0)
        return SO_OK;
    int rc = so_auth_password_check(call->auth, params->password, err);
    return rc == SO_OK ? so_auth_password_hash(call, params->password, &account->hash, err) : rc;
}

static int take_params(struct account *account, struct so_err *err)
{
    struct so_auth_call *call = account->call;
    const struct so_auth_params *params = &call->params;
    int rc = SO_OK;
    if (params->email.n > 0)
        rc = so_auth_email_take(call->arena, params->email, &account->email, err);
    if (rc == SO_OK && params->phone.n > 0 && !so_auth_phone(params->phone, &account->phone))
        rc = so_auth_fail_with(err, SO_AUTH_VALIDATION, "Invalid phone number format (E.164 required)");
    if (rc == SO_OK && params->role.n > 0 && !so_auth_is_role(params->role))
        rc = so_auth_fail_with(err, SO_AUTH_VALIDATION, "role must be authenticated, anon or service_role");
    if (rc == SO_OK && params->ban_duration.n > 0 && !so_str_eq_c(params->ban_duration, "none") &&
        !so_auth_duration(params->ban_duration, &account->ban_us))
        rc = so_auth_fail_with(err, SO_AUTH_VALIDATION, "invalid format for ban duration");
    return rc == SO_OK ? take_password(account, err) : rc;
}

static int check_free(struct account *account, struct so_conn *conn, enum so_user_key key, struct so_str value,
                      enum so_auth_error error, struct so_err *err)
{
    struct so_user other;
    bool found;
    int rc = so_user_find(conn, key, value, account->call->arena, &other, &found, err);
    return rc == SO_OK && found && !so_str_eq(other.id, account->user.id) ? so_auth_fail(err, error) : rc;
}

static int apply_address(struct account *account, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = account->call;
    struct so_user *user = &account->user;
    bool email_confirm = call->params.email_confirm == SO_AUTH_FLAG_TRUE;
    bool phone_confirm = call->params.phone_confirm == SO_AUTH_FLAG_TRUE;
    int rc = SO_OK;
    if (account->email.p != NULL) {
        user->email = account->email;
        rc = so_user_identify(call, conn, user, "email", email_confirm, err);
    }
    if (rc == SO_OK && account->phone.p != NULL) {
        user->phone = account->phone;
        rc = so_user_identify(call, conn, user, "phone", phone_confirm, err);
    }
    if (email_confirm && user->email.p != NULL)
        user->email_confirmed_at = call->now;
    if (phone_confirm && user->phone.p != NULL)
        user->phone_confirmed_at = call->now;
    if ((account->email.p != NULL && email_confirm) || (account->phone.p != NULL && phone_confirm))
        user->is_anonymous = SO_STR("0");
    return rc;
}

static int apply_ban(struct account *account, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = account->call;
    struct so_user *user = &account->user;
    if (call->params.ban_duration.n == 0)
        return SO_OK;
    if (account->ban_us == 0) {
        user->banned_until = (struct so_str){NULL, 0};
        return so_session_allow(call, conn, user->id, err);
    }
    int64_t until_us = call->now_us + account->ban_us;
    user->banned_until = so_auth_time_dup(call->arena, until_us);
    if (user->banned_until.p == NULL)
        return so_err_oom(err);
    return so_session_refuse(call, conn, user->id, until_us / 1000000, err);
}

/* Everything but the addresses, which are free by now, and the row itself. */
static int apply_rest(struct account *account, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = account->call;
    const struct so_auth_params *params = &call->params;
    struct so_user *user = &account->user;
    int rc = SO_OK;
    if (params->role.n > 0)
        user->role = params->role;
    if (params->aud.n > 0)
        user->aud = params->aud;
    if (account->hash.p != NULL)
        user->encrypted_password = account->hash;
    if (params->app_metadata != NULL)
        rc = so_auth_merge(user->raw_app_meta_data, params->app_metadata, SO_AUTH_APP_METADATA_MAX, call->arena,
                           &user->raw_app_meta_data, err);
    if (rc == SO_OK && params->user_metadata != NULL)
        rc = so_auth_merge(user->raw_user_meta_data, params->user_metadata, SO_AUTH_USER_METADATA_MAX, call->arena,
                           &user->raw_user_meta_data, err);
    if (rc == SO_OK)
        rc = apply_ban(account, conn, err);
    return rc == SO_OK ? so_user_update(call, conn, user, err) : rc;
}

static int check_addresses_are_free(struct account *account, struct so_conn *conn, struct so_err *err)
{
    int rc = SO_OK;
    if (account->email.p != NULL)
        rc = check_free(account, conn, SO_USER_BY_EMAIL, account->email, SO_AUTH_EMAIL_EXISTS, err);
    if (rc == SO_OK && account->phone.p != NULL)
        rc = check_free(account, conn, SO_USER_BY_PHONE, account->phone, SO_AUTH_PHONE_EXISTS, err);
    return rc;
}

static int finish(struct account *account, int (*run)(void *, struct so_conn *, struct so_err *), struct so_err *err)
{
    struct so_auth_call *call = account->call;
    int rc = so_auth_write(call, run, account, err);
    if (rc != SO_OK)
        return rc;
    if (call->params.ban_duration.n > 0 && account->ban_us == 0)
        so_auth_revoked_remove(&call->auth->revoked, account->user.id);
    so_reply_user(call, &account->user);
    return SO_OK;
}

/* ---- create ---- */

static int run_create(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct account *account = arg;
    struct so_user other;
    bool found;
    int rc = so_user_find(conn, SO_USER_BY_ID, account->user.id, account->call->arena, &other, &found, err);
    if (rc == SO_OK && found)
        return so_auth_fail(err, SO_AUTH_ID_EXISTS);
    if (rc == SO_OK)
        rc = check_addresses_are_free(account, conn, err);
    if (rc == SO_OK)
        rc = so_user_insert(conn, &account->user, err);
    if (rc == SO_OK)
        rc = apply_address(account, conn, err);
    if (rc == SO_OK)
        rc = apply_rest(account, conn, err);
    return rc == SO_OK ? so_auth_audit(account->call, conn, "user_created", account->user.id, err) : rc;
}

static int take_new_id(struct account *account, struct so_err *err)
{
    struct so_str id = account->call->params.id;
    uint8_t bytes[16];
    if (id.n == 0)
        return SO_OK;
    if (!so_auth_uuid(id, bytes))
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "ID must conform to the uuid v4 format");
    if (so_str_eq_c(id, "00000000-0000-0000-0000-000000000000"))
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "ID cannot be a nil uuid");
    return so_auth_uuid_lower(account->call->arena, id, &account->user.id, err);
}

int so_admin_create(struct so_auth_call *call, struct so_err *err)
{
    struct account account = {.call = call};
    if (call->params.email.n == 0 && call->params.phone.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Cannot create a user without either an email or phone");
    int rc = so_user_make(call, &account.user, err);
    if (rc == SO_OK)
        rc = take_new_id(&account, err);
    if (rc == SO_OK)
        rc = take_params(&account, err); /* without a password there is none: nobody signs in with one */
    return rc == SO_OK ? finish(&account, run_create, err) : rc;
}

/* ---- update ---- */

static int run_update(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct account *account = arg;
    struct so_auth_call *call = account->call;
    int rc = find_user(call, conn, &account->user, err);
    if (rc == SO_OK)
        rc = check_addresses_are_free(account, conn, err);
    if (rc == SO_OK)
        rc = apply_address(account, conn, err);
    if (rc == SO_OK)
        rc = apply_rest(account, conn, err);
    if (rc == SO_OK && account->hash.p != NULL)
        rc = so_session_end(call, conn, SO_SESSION_ALL, call->id, (struct so_str){NULL, 0}, err);
    return rc == SO_OK ? so_auth_audit(call, conn, "user_modified", call->id, err) : rc;
}

int so_admin_update(struct so_auth_call *call, struct so_err *err)
{
    struct account account = {.call = call};
    int rc = take_params(&account, err);
    return rc == SO_OK ? finish(&account, run_update, err) : rc;
}

/* ---- delete ---- */

static int soften(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    const struct so_str NONE = {NULL, 0};
    if (user->deleted_at.p != NULL)
        return SO_OK;
    user->email = user->phone = user->email_change = user->phone_change = user->encrypted_password = NONE;
    user->raw_app_meta_data = user->raw_user_meta_data = SO_STR("{}");
    user->deleted_at = call->now;
    static const char *const CREDENTIALS[] = {
        "DELETE FROM auth_identities WHERE user_id = ?1",
        "DELETE FROM auth_mfa_factors WHERE user_id = ?1",
        "DELETE FROM auth_one_time_tokens WHERE user_id = ?1",
        "DELETE FROM auth_flow_states WHERE user_id = ?1",
    };
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(CREDENTIALS); i++)
        rc = so_auth_sql_run(conn, CREDENTIALS[i], SO_VALUES(user->id), NULL, err);
    return rc == SO_OK ? so_user_update(call, conn, user, err) : rc;
}

/* Sessions are ended one by one first: that is what refuses their access tokens. */
static int run_delete(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct so_auth_call *call = arg;
    struct so_user user;
    int rc = find_user(call, conn, &user, err);
    if (rc == SO_OK)
        rc = so_session_end(call, conn, SO_SESSION_ALL, call->id, (struct so_str){NULL, 0}, err);
    if (rc == SO_OK && call->params.should_soft_delete == SO_AUTH_FLAG_TRUE)
        rc = soften(call, conn, &user, err);
    else if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "DELETE FROM auth_users WHERE id = ?1", SO_VALUES(call->id), NULL, err);
    return rc == SO_OK ? so_auth_audit(call, conn, "user_deleted", call->id, err) : rc;
}

int so_admin_delete(struct so_auth_call *call, struct so_err *err)
{
    int rc = so_auth_write(call, run_delete, call, err);
    if (rc == SO_OK)
        so_reply_empty_object(call);
    return rc;
}
