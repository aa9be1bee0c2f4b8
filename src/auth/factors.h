/* factors.h: second factors of an account: the table auth_mfa_factors.  An app for one-time passwords (totp), or a set of
 * recovery codes (auth/recovery.c).   Borrows: as users.h. */
#ifndef SO_AUTH_FACTORS_H
#define SO_AUTH_FACTORS_H

#include "auth/rows.h"

struct so_auth_call;

#define SO_FACTOR_TOTP     "totp"
#define SO_FACTOR_RECOVERY "recovery_code"

/*  X(column, "member of the JSON object", how it is written) */
#define SO_FACTOR_COLUMNS(X)                                                                                                \
    X(id, "id", TEXT)                                                                                                       \
    X(user_id, NULL, HIDDEN)                                                                                                \
    X(friendly_name, "friendly_name", TEXT_IF_SET)                                                                          \
    X(factor_type, "factor_type", TEXT)                                                                                     \
    X(status, "status", TEXT)                                                                                               \
    X(secret, NULL, HIDDEN)                                                                                                 \
    X(last_step, NULL, HIDDEN)                                                                                              \
    X(phone, "phone", TEXT_IF_SET)                                                                                          \
    X(last_challenged_at, "last_challenged_at", TIME_IF_SET)                                                                \
    X(created_at, "created_at", TIME_IF_SET)                                                                                \
    X(updated_at, "updated_at", TIME_IF_SET)

struct so_factor {
    SO_FACTOR_COLUMNS(SO_ROW_FIELD)
};

/* Of one user, oldest first. */
int so_factors_load(struct so_conn *conn, struct so_str user_id, struct so_arena *arena, struct so_factor **out,
                    size_t *out_count, struct so_err *err) SO_MUST_CHECK;
/* One of the user's: mfa_factor_not_found when there is none. */
int so_factor_find(struct so_auth_call *call, struct so_conn *conn, struct so_str user_id, struct so_str id,
                   struct so_factor *out, struct so_err *err) SO_MUST_CHECK;
/* A new one with its id, made now; not in the database yet. */
int so_factor_make(struct so_auth_call *call, struct so_str user_id, const char *type, bool verified, struct so_factor *out,
                   struct so_err *err) SO_MUST_CHECK;
int so_factor_insert(struct so_conn *conn, const struct so_factor *factor, struct so_err *err) SO_MUST_CHECK;
/* Every column but id; updated_at becomes the call's time. */
int so_factor_update(struct so_auth_call *call, struct so_conn *conn, struct so_factor *factor,
                     struct so_err *err) SO_MUST_CHECK;
/* With its challenges and codes. */
int so_factor_delete(struct so_conn *conn, struct so_str id, struct so_err *err) SO_MUST_CHECK;

bool so_factor_is_verified(const struct so_factor *factor);
size_t so_factors_count_verified(const struct so_factor *factors, size_t count);

/* Keeps the secret in the factor: sealed with the master key if there is one. */
int so_factor_hide(struct so_auth_call *call, struct so_str secret, struct so_factor *factor,
                   struct so_err *err) SO_MUST_CHECK;
/* And gives it back.  SO_EAUTH when it was sealed with another master key. */
int so_factor_show(struct so_auth_call *call, const struct so_factor *factor, struct so_str *out,
                   struct so_err *err) SO_MUST_CHECK;

/* The JSON object of PROTOCOL.md section 2.5; never the secret. */
void so_factor_put(struct so_jw *w, const struct so_factor *factor);

#endif
