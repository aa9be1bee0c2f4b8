/* users.h: accounts and their identities: rows read into structs, changed there, and written back whole.
 * Borrows: every text is in the arena it was read into, or where the caller put it. */
#ifndef SO_AUTH_USERS_H
#define SO_AUTH_USERS_H

#include "auth/factors.h"
#include "auth/rows.h"

struct so_auth_call;

/*  X(column, "member of the JSON object", how it is written) */
#define SO_USER_COLUMNS(X)                                                                                                  \
    X(id, "id", TEXT)                                                                                                       \
    X(aud, "aud", TEXT)                                                                                                     \
    X(role, "role", TEXT)                                                                                                   \
    X(email, "email", TEXT)                                                                                                 \
    X(encrypted_password, NULL, HIDDEN)                                                                                     \
    X(email_confirmed_at, "email_confirmed_at", TIME_IF_SET)                                                                \
    X(invited_at, "invited_at", TIME_IF_SET)                                                                                \
    X(phone, "phone", TEXT)                                                                                                 \
    X(phone_confirmed_at, "phone_confirmed_at", TIME_IF_SET)                                                                \
    X(confirmation_sent_at, "confirmation_sent_at", TIME_IF_SET)                                                            \
    X(recovery_sent_at, "recovery_sent_at", TIME_IF_SET)                                                                    \
    X(email_change, "new_email", TEXT_IF_SET)                                                                               \
    X(email_change_confirm_status, NULL, HIDDEN)                                                                            \
    X(email_change_sent_at, "email_change_sent_at", TIME_IF_SET)                                                            \
    X(phone_change, "new_phone", TEXT_IF_SET)                                                                               \
    X(phone_change_sent_at, "phone_change_sent_at", TIME_IF_SET)                                                            \
    X(reauthentication_sent_at, "reauthentication_sent_at", TIME_IF_SET)                                                    \
    X(last_sign_in_at, "last_sign_in_at", TIME_IF_SET)                                                                      \
    X(raw_app_meta_data, "app_metadata", JSON)                                                                              \
    X(raw_user_meta_data, "user_metadata", JSON)                                                                            \
    X(created_at, "created_at", TIME_IF_SET)                                                                                \
    X(updated_at, "updated_at", TIME_IF_SET)                                                                                \
    X(banned_until, "banned_until", TIME_IF_SET)                                                                            \
    X(deleted_at, "deleted_at", TIME_IF_SET)                                                                                \
    X(is_anonymous, "is_anonymous", BOOL)

#define SO_IDENTITY_COLUMNS(X)                                                                                              \
    X(id, "identity_id", TEXT)                                                                                              \
    X(provider_id, "id", TEXT)                                                                                              \
    X(user_id, "user_id", TEXT)                                                                                             \
    X(identity_data, "identity_data", JSON)                                                                                 \
    X(provider, "provider", TEXT)                                                                                           \
    X(last_sign_in_at, "last_sign_in_at", TIME_IF_SET)                                                                      \
    X(created_at, "created_at", TIME_IF_SET)                                                                                \
    X(updated_at, "updated_at", TIME_IF_SET)                                                                                \
    X(email, "email", TEXT_IF_SET)

struct so_user_identity {
    SO_IDENTITY_COLUMNS(SO_ROW_FIELD)
};

/* Columns as the database has them: NULL is {NULL,0}, a boolean is "0" or "1", times are those of auth/text.h. */
struct so_user {
    SO_USER_COLUMNS(SO_ROW_FIELD)
    struct so_user_identity *identities;
    size_t identity_count;
    struct so_factor *factors; /* second factors; without their secrets in answers */
    size_t factor_count;
};

enum so_user_key { SO_USER_BY_ID, SO_USER_BY_EMAIL, SO_USER_BY_PHONE };

/* With identities and factors.  *out_found false: there is none, and *out is untouched. */
int so_user_find(struct so_conn *conn, enum so_user_key key, struct so_str value, struct so_arena *arena,
                 struct so_user *out, bool *out_found, struct so_err *err) SO_MUST_CHECK;
/* The user who has this identity. */
int so_user_find_by_identity(struct so_conn *conn, struct so_str provider, struct so_str provider_id, struct so_arena *arena,
                             struct so_user *out, bool *out_found, struct so_err *err) SO_MUST_CHECK;
/* Newest first.  *out_total counts all. */
int so_user_list(struct so_conn *conn, int64_t limit, int64_t offset, struct so_arena *arena, struct so_user **out,
                 size_t *out_count, int64_t *out_total, struct so_err *err) SO_MUST_CHECK;

/* A user with a new id, made now, without address, password or identity.  SO_ENOMEM. */
int so_user_make(struct so_auth_call *call, struct so_user *out, struct so_err *err) SO_MUST_CHECK;
int so_user_insert(struct so_conn *conn, const struct so_user *user, struct so_err *err) SO_MUST_CHECK;
/* Every column but id; updated_at becomes the call's time. */
int so_user_update(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, struct so_err *err) SO_MUST_CHECK;

/* The identity "email" or "phone" of the user as it is now, made or renewed; user->identities shows it.  app_metadata lists
 * the provider (the caller writes the user afterwards). */
int so_user_identify(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, const char *provider,
                     bool verified, struct so_err *err) SO_MUST_CHECK;
/* An identity that another provider vouches for: provider, provider_id, email and identity_data of `given`, made or renewed,
 * and signed in with now.  user->identities and app_metadata as above. */
int so_user_attach(struct so_auth_call *call, struct so_conn *conn, struct so_user *user,
                   const struct so_user_identity *given, struct so_err *err) SO_MUST_CHECK;
/* user->identities[at] goes. */
int so_user_detach(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, size_t at,
                   struct so_err *err) SO_MUST_CHECK;
/* Notes in user_metadata what the reference puts there: sub, email, email_verified, phone_verified. */
int so_user_describe(struct so_auth_call *call, struct so_user *user, struct so_err *err) SO_MUST_CHECK;

bool so_user_is_anonymous(const struct so_user *user);
bool so_user_is_banned(const struct so_user *user, struct so_str now);

/* The JSON object of PROTOCOL.md section 2.5; never the password. */
void so_user_put(struct so_jw *w, const struct so_user *user);
void so_user_put_members(struct so_jw *w, const struct so_user *user); /* the same without its braces */

#endif
