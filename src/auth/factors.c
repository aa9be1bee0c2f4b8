/* factors.c: second factors of an account.
 *
 * A secret stands in the table as "sealed:" and base64url of crypto/seal.h, bound to the factor's id, when there is a master
 * key; else plain.  A plain one is sealed when it is next used (auth/mfa.c). */
#include "auth/factors.h"

#include "auth/auth_int.h"
#include "auth/errors.h"
#include "auth/sql.h"
#include "core/random.h"
#include "crypto/base64.h"
#include "crypto/seal.h"

static const struct so_str SEALED = SO_STR_INIT("sealed:");
enum { SECRET_MAX = 256 };

static const struct so_row_column COLUMNS[] = {
#define X(column, member, form) {member, SO_ROW_##form, offsetof(struct so_factor, column)},
    SO_FACTOR_COLUMNS(X)
#undef X
};

#define SELECT "SELECT 0" SO_FACTOR_COLUMNS(SO_ROW_NAME) ", count(*) OVER () FROM auth_mfa_factors "

/* ---- rows ---- */

int so_factors_load(struct so_conn *conn, struct so_str user_id, struct so_arena *arena, struct so_factor **out,
                    size_t *out_count, struct so_err *err)
{
    struct so_stmt *st;
    void *rows = NULL;
    int rc = so_auth_sql_start(conn, SELECT "WHERE user_id = ?1 ORDER BY created_at, id", SO_VALUES(user_id), &st, err);
    if (rc == SO_OK)
        rc = so_rows_load(st, COLUMNS, COUNT_OF(COLUMNS), sizeof(**out), &rows, out_count, arena, err);
    if (rc == SO_OK)
        *out = rows;
    return rc;
}

int so_factor_find(struct so_auth_call *call, struct so_conn *conn, struct so_str user_id, struct so_str id,
                   struct so_factor *out, struct so_err *err)
{
    struct so_stmt *st;
    bool row = false;
    int rc = so_auth_sql_start(conn, SELECT "WHERE id = ?1 AND user_id = ?2", SO_VALUES(id, user_id), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row)
        rc = so_row_load(st, COLUMNS, COUNT_OF(COLUMNS), out, call->arena, err);
    so_stmt_done(st);
    return rc == SO_OK && !row ? so_auth_fail(err, SO_AUTH_FACTOR_NOT_FOUND) : rc;
}

int so_factor_make(struct so_auth_call *call, struct so_str user_id, const char *type, bool verified, struct so_factor *out,
                   struct so_err *err)
{
    char id[37];
    so_random_uuid(id);
    *out = (struct so_factor){
        .id = so_arena_dup(call->arena, so_str_c(id)),
        .user_id = user_id,
        .factor_type = so_str_c(type),
        .status = verified ? SO_STR("verified") : SO_STR("unverified"),
        .created_at = call->now,
        .updated_at = call->now,
    };
    return out->id.p == NULL ? so_err_oom(err) : SO_OK;
}

int so_factor_insert(struct so_conn *conn, const struct so_factor *factor, struct so_err *err)
{
    /* The first name stands alone, since the list's pieces begin with a comma. */
    static const char SQL[] = "INSERT INTO auth_mfa_factors (web_authn_credential" SO_FACTOR_COLUMNS(
        SO_ROW_NAME) ") VALUES (NULL" SO_FACTOR_COLUMNS(SO_ROW_MARK) ")";
    struct so_str values[COUNT_OF(COLUMNS)];
    so_row_values(factor, COLUMNS, COUNT_OF(COLUMNS), values);
    return so_auth_sql_run(conn, SQL, values, COUNT_OF(COLUMNS), NULL, err);
}

int so_factor_update(struct so_auth_call *call, struct so_conn *conn, struct so_factor *factor, struct so_err *err)
{
    static const char SQL[] = "UPDATE auth_mfa_factors SET web_authn_credential = web_authn_credential" SO_FACTOR_COLUMNS(
        SO_ROW_SET) " WHERE id = ?";
    struct so_str values[COUNT_OF(COLUMNS) + 1];
    factor->updated_at = call->now;
    so_row_values(factor, COLUMNS, COUNT_OF(COLUMNS), values);
    values[COUNT_OF(COLUMNS)] = factor->id;
    return so_auth_sql_run(conn, SQL, values, COUNT_OF(values), NULL, err);
}

int so_factor_delete(struct so_conn *conn, struct so_str id, struct so_err *err)
{
    return so_auth_sql_run(conn, "DELETE FROM auth_mfa_factors WHERE id = ?1", SO_VALUES(id), NULL, err);
}

bool so_factor_is_verified(const struct so_factor *factor) { return so_str_eq_c(factor->status, "verified"); }

size_t so_factors_count_verified(const struct so_factor *factors, size_t count)
{
    size_t verified = 0;
    for (size_t i = 0; i < count; i++)
        verified += so_factor_is_verified(&factors[i]);
    return verified;
}

/* ---- secrets ---- */

static int purpose_of(struct so_auth_call *call, const struct so_factor *factor, struct so_str *out, struct so_err *err)
{
    *out = so_arena_printf(call->arena, "socle mfa factor %.*s", SO_STR_ARG(factor->id));
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

int so_factor_hide(struct so_auth_call *call, struct so_str secret, struct so_factor *factor, struct so_err *err)
{
    struct so_str master = call->auth->settings.master_key, purpose;
    struct so_buf sealed, text;
    if (master.n == 0) {
        factor->secret = secret;
        return SO_OK;
    }
    so_buf_init(&sealed, SECRET_MAX + SO_SEAL_EXTRA);
    so_buf_init(&text, 1024);
    int rc = purpose_of(call, factor, &purpose, err);
    if (rc == SO_OK)
        rc = so_seal(master, purpose, secret, &sealed, err);
    if (rc == SO_OK) {
        so_buf_put_str(&text, SEALED);
        so_base64url_put(&text, so_buf_str(&sealed));
        rc = so_buf_check(&text, "the sealed secret", err);
    }
    struct so_str copy = rc == SO_OK ? so_arena_dup(call->arena, so_buf_str(&text)) : (struct so_str){NULL, 0};
    so_buf_deinit(&sealed);
    so_buf_deinit(&text);
    if (rc == SO_OK && copy.p == NULL)
        rc = so_err_oom(err);
    if (rc == SO_OK)
        factor->secret = copy;
    return rc;
}

int so_factor_show(struct so_auth_call *call, const struct so_factor *factor, struct so_str *out, struct so_err *err)
{
    struct so_str master = call->auth->settings.master_key, purpose, text;
    uint8_t bytes[1024];
    size_t n;
    struct so_buf plain;
    if (!so_str_starts(factor->secret, SEALED)) {
        *out = factor->secret;
        return SO_OK;
    }
    text = so_str_slice(factor->secret, SEALED.n, factor->secret.n);
    if (master.n == 0 || so_base64_decoded_max(text.n) > sizeof(bytes) || !so_base64url_decode(text, bytes, &n))
        return so_fail(err, SO_EAUTH, "the secret of factor %.*s is sealed: SOCLE_MASTER_KEY is missing",
                       SO_STR_ARG(factor->id));
    int rc = purpose_of(call, factor, &purpose, err);
    if (rc != SO_OK)
        return rc;
    so_buf_init(&plain, SECRET_MAX);
    rc = so_unseal(master, purpose, so_str((const char *)bytes, n), &plain, err);
    if (rc == SO_OK) {
        *out = so_arena_dup(call->arena, so_buf_str(&plain));
        rc = out->p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&plain);
    return rc;
}

/* ---- JSON ---- */

void so_factor_put(struct so_jw *w, const struct so_factor *factor)
{
    so_jw_object(w);
    so_row_put(w, COLUMNS, COUNT_OF(COLUMNS), factor);
    so_jw_end_object(w);
}
