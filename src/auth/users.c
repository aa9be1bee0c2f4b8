/* users.c: accounts and their identities.
 *
 * One list of columns (users.h) makes the struct, the statements and the JSON object, so they cannot disagree. */
#include "auth/users.h"

#include "auth/auth_int.h"
#include "auth/sql.h"
#include "core/random.h"

static const struct so_row_column USER[] = {
#define X(column, member, form) {member, SO_ROW_##form, offsetof(struct so_user, column)},
    SO_USER_COLUMNS(X)
#undef X
};
static const struct so_row_column IDENTITY[] = {
#define X(column, member, form) {member, SO_ROW_##form, offsetof(struct so_user_identity, column)},
    SO_IDENTITY_COLUMNS(X)
#undef X
};

#define USER_SELECT     "SELECT 0" SO_USER_COLUMNS(SO_ROW_NAME) " FROM auth_users "
#define IDENTITY_SELECT "SELECT 0" SO_IDENTITY_COLUMNS(SO_ROW_NAME) " FROM auth_identities "

/* ---- reading ---- */

static int add_identity(struct so_user *user, const struct so_user_identity *identity, struct so_arena *arena,
                        struct so_err *err)
{
    struct so_user_identity *copy = so_alloc_array(arena, user->identity_count + 1, sizeof(*copy));
    if (copy == NULL)
        return so_err_oom(err);
    if (user->identity_count > 0)
        memcpy(copy, user->identities, user->identity_count * sizeof(*copy));
    copy[user->identity_count++] = *identity;
    user->identities = copy;
    return SO_OK;
}

static int load_identities(struct so_conn *conn, struct so_user *user, struct so_arena *arena, struct so_err *err)
{
    struct so_stmt *st;
    int rc =
        so_auth_sql_start(conn, IDENTITY_SELECT "WHERE user_id = ?1 ORDER BY created_at, id", SO_VALUES(user->id), &st, err);
    if (rc != SO_OK)
        return rc;
    user->identities = NULL;
    user->identity_count = 0;
    for (bool row; (rc = so_stmt_step(st, &row, err)) == SO_OK && row;) {
        struct so_user_identity identity;
        rc = so_row_load(st, IDENTITY, COUNT_OF(IDENTITY), &identity, arena, err);
        if (rc == SO_OK)
            rc = add_identity(user, &identity, arena, err);
        if (rc != SO_OK)
            break;
    }
    so_stmt_done(st);
    return rc;
}

static int load_rest(struct so_conn *conn, struct so_user *user, struct so_arena *arena, struct so_err *err)
{
    int rc = load_identities(conn, user, arena, err);
    return rc == SO_OK ? so_factors_load(conn, user->id, arena, &user->factors, &user->factor_count, err) : rc;
}

int so_user_find(struct so_conn *conn, enum so_user_key key, struct so_str value, struct so_arena *arena,
                 struct so_user *out, bool *out_found, struct so_err *err)
{
    static const char *const SQL[] = {
        [SO_USER_BY_ID] = USER_SELECT "WHERE id = ?1",
        [SO_USER_BY_EMAIL] = USER_SELECT "WHERE email = ?1",
        [SO_USER_BY_PHONE] = USER_SELECT "WHERE phone = ?1",
    };
    struct so_stmt *st;
    struct so_user user = {0};
    bool row = false;
    int rc = so_auth_sql_start(conn, SQL[key], SO_VALUES(value), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row)
        rc = so_row_load(st, USER, COUNT_OF(USER), &user, arena, err);
    so_stmt_done(st);
    if (rc == SO_OK && row)
        rc = load_rest(conn, &user, arena, err);
    if (rc == SO_OK)
        *out_found = row;
    if (rc == SO_OK && row)
        *out = user;
    return rc;
}

int so_user_find_by_identity(struct so_conn *conn, struct so_str provider, struct so_str provider_id, struct so_arena *arena,
                             struct so_user *out, bool *out_found, struct so_err *err)
{
    struct so_stmt *st;
    struct so_str id = {NULL, 0};
    bool row = false;
    int rc = so_auth_sql_start(conn, "SELECT user_id FROM auth_identities WHERE provider = ?1 AND provider_id = ?2",
                               SO_VALUES(provider, provider_id), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row) {
        id = so_arena_dup(arena, so_stmt_text(st, 0));
        rc = id.p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_stmt_done(st);
    if (rc == SO_OK && row)
        return so_user_find(conn, SO_USER_BY_ID, id, arena, out, out_found, err);
    if (rc == SO_OK)
        *out_found = false;
    return rc;
}

static int count_users(struct so_conn *conn, int64_t *out, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = so_auth_sql_start(conn, "SELECT count(*) FROM auth_users", NULL, 0, &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK)
        *out = so_stmt_i64(st, 0);
    so_stmt_done(st);
    return rc;
}

int so_user_list(struct so_conn *conn, int64_t limit, int64_t offset, struct so_arena *arena, struct so_user **out,
                 size_t *out_count, int64_t *out_total, struct so_err *err)
{
    struct so_stmt *st;
    size_t count = 0;
    int64_t total;
    struct so_user *users = so_alloc_array(arena, (size_t)limit + 1, sizeof(*users));
    if (users == NULL)
        return so_err_oom(err);
    int rc = count_users(conn, &total, err);
    if (rc == SO_OK)
        rc = so_conn_prepare(conn, SO_STR(USER_SELECT "ORDER BY created_at DESC, id DESC LIMIT ?1 OFFSET ?2"), &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_i64(st, 1, limit);
    so_stmt_bind_i64(st, 2, offset);
    for (bool row; (rc = so_stmt_step(st, &row, err)) == SO_OK && row;) {
        rc = so_row_load(st, USER, COUNT_OF(USER), &users[count], arena, err);
        if (rc != SO_OK)
            break;
        count++;
    }
    so_stmt_done(st);
    for (size_t i = 0; rc == SO_OK && i < count; i++)
        rc = load_rest(conn, &users[i], arena, err);
    if (rc != SO_OK)
        return rc;
    *out = users;
    *out_count = count;
    *out_total = total;
    return SO_OK;
}

bool so_user_is_anonymous(const struct so_user *user) { return so_str_eq_c(user->is_anonymous, "1"); }

bool so_user_is_banned(const struct so_user *user, struct so_str now)
{
    return user->banned_until.p != NULL && so_str_cmp(user->banned_until, now) > 0;
}

/* ---- writing ---- */

int so_user_make(struct so_auth_call *call, struct so_user *out, struct so_err *err)
{
    char id[37];
    so_random_uuid(id);
    *out = (struct so_user){
        .id = so_arena_dup(call->arena, so_str_c(id)),
        .aud = SO_STR("authenticated"),
        .role = SO_STR("authenticated"),
        .raw_app_meta_data = SO_STR("{}"),
        .raw_user_meta_data = SO_STR("{}"),
        .created_at = call->now,
        .updated_at = call->now,
        .email_change_confirm_status = SO_STR("0"),
        .is_anonymous = SO_STR("0"),
    };
    return out->id.p == NULL ? so_err_oom(err) : SO_OK;
}

int so_user_insert(struct so_conn *conn, const struct so_user *user, struct so_err *err)
{
    struct so_str values[COUNT_OF(USER)];
    so_row_values(user, USER, COUNT_OF(USER), values);
    return so_auth_sql_run(
        conn,
        "INSERT INTO auth_users (is_sso_user" SO_USER_COLUMNS(SO_ROW_NAME) ") VALUES (0" SO_USER_COLUMNS(SO_ROW_MARK) ")",
        values, COUNT_OF(USER), NULL, err);
}

int so_user_update(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, struct so_err *err)
{
    struct so_str values[COUNT_OF(USER) + 1];
    user->updated_at = call->now;
    so_row_values(user, USER, COUNT_OF(USER), values);
    values[COUNT_OF(USER)] = user->id;
    return so_auth_sql_run(conn,
                           "UPDATE auth_users SET is_sso_user = is_sso_user" SO_USER_COLUMNS(SO_ROW_SET) " WHERE id = ?",
                           values, COUNT_OF(USER) + 1, NULL, err);
}

/* ---- identities and what metadata says about them ---- */

static struct so_json_member member(const char *name, struct so_json value)
{
    struct so_str key = so_str_c(name);
    return (struct so_json_member){key.p, (uint32_t)key.n, so_json_key_hash(key), value};
}

static struct so_json truth(bool value) { return (struct so_json){.type = value ? SO_JSON_TRUE : SO_JSON_FALSE}; }

enum { CLAIMS_MAX = 4 };

static struct so_json claims_of(const struct so_user *user, bool by_phone, bool verified,
                                struct so_json_member members[CLAIMS_MAX])
{
    members[0] = member("sub", so_json_make_str(user->id));
    members[1] = by_phone ? member("phone", so_json_make_str(user->phone)) : member("email", so_json_make_str(user->email));
    members[2] = member("email_verified", truth(verified && !by_phone));
    members[3] = member("phone_verified", truth(verified && by_phone));
    return (struct so_json){.type = SO_JSON_OBJECT, .len = CLAIMS_MAX, .u.members = members};
}

int so_user_describe(struct so_auth_call *call, struct so_user *user, struct so_err *err)
{
    struct so_json_member members[CLAIMS_MAX];
    bool by_phone = user->email.p == NULL;
    bool verified = by_phone || user->email_confirmed_at.p != NULL;
    struct so_json claims = claims_of(user, by_phone, verified, members);
    return so_auth_merge(user->raw_user_meta_data, &claims, SO_AUTH_USER_METADATA_MAX, call->arena,
                         &user->raw_user_meta_data, err);
}

static bool is_listed(const struct so_json *names, size_t count, struct so_str name)
{
    for (size_t i = 0; i < count; i++)
        if (so_str_eq(so_json_str(&names[i]), name))
            return true;
    return false;
}

/* {"provider": the first one, "providers": each once} */
static int list_providers(struct so_auth_call *call, struct so_user *user, struct so_err *err)
{
    struct so_json *names = so_alloc_array(call->arena, user->identity_count + 1, sizeof(*names));
    struct so_json_member members[2];
    uint32_t count = 0;
    if (names == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < user->identity_count; i++)
        if (!is_listed(names, count, user->identities[i].provider))
            names[count++] = so_json_make_str(user->identities[i].provider);
    members[0] = member("provider", names[0]);
    members[1] = member("providers", (struct so_json){.type = SO_JSON_ARRAY, .len = count, .u.items = names});
    struct so_json patch = {.type = SO_JSON_OBJECT, .len = COUNT_OF(members), .u.members = members};
    return so_auth_merge(user->raw_app_meta_data, &patch, SO_AUTH_APP_METADATA_MAX, call->arena, &user->raw_app_meta_data,
                         err);
}

/* The user's identity of this provider, and with this id there unless that is {NULL,0}: a new one if there is none; NULL
 * when memory ran out. */
static struct so_user_identity *take_identity(struct so_auth_call *call, struct so_user *user, struct so_str provider,
                                              struct so_str provider_id, struct so_err *err)
{
    for (size_t i = 0; i < user->identity_count; i++)
        if (so_str_eq(user->identities[i].provider, provider) &&
            (provider_id.p == NULL || so_str_eq(user->identities[i].provider_id, provider_id)))
            return &user->identities[i];
    char id[37];
    so_random_uuid(id);
    struct so_user_identity identity = {
        .id = so_arena_dup(call->arena, so_str_c(id)),
        .provider_id = provider_id.p == NULL ? user->id : provider_id,
        .user_id = user->id,
        .provider = provider,
        .last_sign_in_at = call->now,
        .created_at = call->now,
    };
    if (identity.id.p == NULL || add_identity(user, &identity, call->arena, err) != SO_OK)
        return NULL;
    return &user->identities[user->identity_count - 1];
}

static int save_identity(struct so_auth_call *call, struct so_conn *conn, struct so_user *user,
                         struct so_user_identity *identity, struct so_err *err)
{
    identity->updated_at = call->now;
    int rc = so_auth_sql_run(
        conn,
        "INSERT INTO auth_identities (id, provider_id, provider, user_id, identity_data, email,"
        " last_sign_in_at, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT (provider_id, provider) DO UPDATE SET identity_data = excluded.identity_data,"
        " email = excluded.email, last_sign_in_at = excluded.last_sign_in_at, updated_at = excluded.updated_at",
        SO_VALUES(identity->id, identity->provider_id, identity->provider, identity->user_id, identity->identity_data,
                  identity->email, identity->last_sign_in_at, identity->created_at, identity->updated_at),
        NULL, err);
    return rc == SO_OK ? list_providers(call, user, err) : rc;
}

int so_user_identify(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, const char *provider,
                     bool verified, struct so_err *err)
{
    const struct so_str ANY = {NULL, 0};
    bool by_phone = strcmp(provider, "phone") == 0;
    struct so_json_member members[CLAIMS_MAX];
    struct so_json claims = claims_of(user, by_phone, verified, members);
    struct so_user_identity *identity = take_identity(call, user, so_str_c(provider), ANY, err);
    if (identity == NULL)
        return so_err_oom(err);
    int rc = so_auth_merge(identity->identity_data, &claims, SO_AUTH_USER_METADATA_MAX, call->arena,
                           &identity->identity_data, err);
    if (rc != SO_OK)
        return rc;
    identity->email = by_phone ? (struct so_str){NULL, 0} : user->email;
    return save_identity(call, conn, user, identity, err);
}

int so_user_attach(struct so_auth_call *call, struct so_conn *conn, struct so_user *user,
                   const struct so_user_identity *given, struct so_err *err)
{
    struct so_user_identity *identity = take_identity(call, user, given->provider, given->provider_id, err);
    if (identity == NULL)
        return so_err_oom(err);
    identity->identity_data = given->identity_data;
    identity->email = given->email;
    identity->last_sign_in_at = call->now;
    return save_identity(call, conn, user, identity, err);
}

int so_user_detach(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, size_t at, struct so_err *err)
{
    int rc =
        so_auth_sql_run(conn, "DELETE FROM auth_identities WHERE id = ?1", SO_VALUES(user->identities[at].id), NULL, err);
    if (rc != SO_OK)
        return rc;
    user->identity_count--;
    memmove(&user->identities[at], &user->identities[at + 1], (user->identity_count - at) * sizeof(*user->identities));
    return list_providers(call, user, err);
}

/* ---- JSON ---- */

/* The earlier of the two confirmations, as the reference's generated column has it. */
static struct so_str confirmed_at(const struct so_user *user)
{
    struct so_str email = user->email_confirmed_at, phone = user->phone_confirmed_at;
    if (email.n == 0 || phone.n == 0)
        return email.n == 0 ? phone : email;
    return so_str_cmp(email, phone) < 0 ? email : phone;
}

void so_user_put_members(struct so_jw *w, const struct so_user *user)
{
    so_row_put(w, USER, COUNT_OF(USER), user);
    if (confirmed_at(user).n > 0) {
        so_jw_key(w, SO_STR("confirmed_at"));
        so_row_put_time(w, confirmed_at(user));
    }
    so_jw_key(w, SO_STR("identities"));
    so_jw_array(w);
    for (size_t i = 0; i < user->identity_count; i++) {
        so_jw_object(w);
        so_row_put(w, IDENTITY, COUNT_OF(IDENTITY), &user->identities[i]);
        so_jw_end_object(w);
    }
    so_jw_end_array(w);
    if (user->factor_count == 0)
        return;
    so_jw_key(w, SO_STR("factors"));
    so_jw_array(w);
    for (size_t i = 0; i < user->factor_count; i++)
        so_factor_put(w, &user->factors[i]);
    so_jw_end_array(w);
}

void so_user_put(struct so_jw *w, const struct so_user *user)
{
    so_jw_object(w);
    so_user_put_members(w, user);
    so_jw_end_object(w);
}
