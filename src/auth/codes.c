/* codes.c: one-time codes: the table auth_one_time_tokens.
 *
 * The database holds the SHA-256 of a link's token, and of the digits an HMAC under that token's hash. */
#include "auth/codes.h"

#include "auth/errors.h"
#include "auth/secrets.h"
#include "auth/sql.h"
#include "auth/text.h"
#include "crypto/digest.h"

#define PKCE_PREFIX "pkce_"
enum { LIFETIME_S = 3600, ATTEMPTS_MAX = 5 };

static const struct {
    const char *name; /* in the table */
    const char *type; /* on the wire */
} KINDS[SO_CODE_KINDS] = {
    [SO_CODE_CONFIRMATION] = {"confirmation", "signup"},
    [SO_CODE_INVITE] = {"invite", "invite"},
    [SO_CODE_MAGIC_LINK] = {"magic_link", "magiclink"},
    [SO_CODE_RECOVERY] = {"recovery", "recovery"},
    [SO_CODE_CHANGE_CURRENT] = {"email_change_current", "email_change"},
    [SO_CODE_CHANGE_NEW] = {"email_change_new", "email_change"},
    [SO_CODE_REAUTHENTICATION] = {"reauthentication", "reauthentication"},
};

const char *so_code_type(enum so_code_kind kind) { return KINDS[kind].type; }

unsigned so_code_kinds_of_type(struct so_str type)
{
    enum { SIGN_IN = 1 << SO_CODE_CONFIRMATION | 1 << SO_CODE_MAGIC_LINK };
    static const struct {
        const char *type;
        unsigned kinds;
    } TYPES[] = {
        {"signup", SIGN_IN}, /* a first magic link is a confirmation: clients ask for either */
        {"magiclink", SIGN_IN},
        {"email", SIGN_IN | 1 << SO_CODE_INVITE},
        {"invite", 1 << SO_CODE_INVITE},
        {"recovery", 1 << SO_CODE_RECOVERY},
        {"email_change", 1 << SO_CODE_CHANGE_CURRENT | 1 << SO_CODE_CHANGE_NEW},
    };
    for (size_t i = 0; i < COUNT_OF(TYPES); i++)
        if (so_str_eq_c(type, TYPES[i].type))
            return TYPES[i].kinds;
    return 0;
}

/* ---- issue ---- */

static int make_token(struct so_auth_call *call, struct so_code_issued *out, struct so_err *err)
{
    int rc = so_auth_random_text(call->arena, &out->token, err);
    if (rc == SO_OK && call->params.code_challenge.n > 0) {
        out->token = so_arena_printf(call->arena, PKCE_PREFIX "%.*s", SO_STR_ARG(out->token));
        rc = out->token.p == NULL ? so_err_oom(err) : SO_OK;
    }
    return rc == SO_OK ? so_auth_random_digits(call->arena, &out->digits, err) : rc;
}

int so_code_issue(struct so_auth_call *call, struct so_conn *conn, enum so_code_kind kind, struct so_str user_id,
                  struct so_str email, struct so_code_issued *out, struct so_err *err)
{
    struct so_str name = so_str_c(KINDS[kind].name), token_hash, code_hash;
    struct so_str challenge = call->params.code_challenge, method = call->params.code_challenge_method;
    struct so_str until = so_auth_time_dup(call->arena, call->now_us + (int64_t)LIFETIME_S * 1000000);
    if (until.p == NULL)
        return so_err_oom(err);
    if (challenge.n == 0)
        challenge = method = (struct so_str){NULL, 0};
    int rc = make_token(call, out, err);
    if (rc == SO_OK)
        rc = so_auth_hash_text(call->arena, out->token, &token_hash, err);
    if (rc == SO_OK)
        rc = so_auth_hmac_text(call->arena, token_hash, out->digits, &code_hash, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "DELETE FROM auth_one_time_tokens WHERE user_id = ?1 AND kind = ?2",
                             SO_VALUES(user_id, name), NULL, err);
    if (rc != SO_OK)
        return rc;
    return so_auth_sql_run(conn,
                           "INSERT INTO auth_one_time_tokens (token_hash, user_id, kind, email, code_hash, code_challenge,"
                           " code_challenge_method, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                           SO_VALUES(token_hash, user_id, name, email, code_hash, challenge, method, call->now, until), NULL,
                           err);
}

/* ---- find ---- */

#define SELECT                                                                                                              \
    "SELECT kind, token_hash, user_id, email, code_challenge, code_challenge_method, code_hash FROM auth_one_time_tokens "

/* The row the statement stands on.  False in *out_fits: it is of another kind. */
static int load(struct so_stmt *st, unsigned kinds, struct so_arena *arena, struct so_code_found *out, bool *out_fits,
                struct so_err *err)
{
    struct so_str *const texts[] = {&out->token_hash, &out->user_id, &out->email, &out->code_challenge,
                                    &out->code_challenge_method};
    size_t kind = 0;
    while (kind < SO_CODE_KINDS && !so_str_eq_c(so_stmt_text(st, 0), KINDS[kind].name))
        kind++;
    *out_fits = kind < SO_CODE_KINDS && (kinds >> kind & 1) != 0;
    out->kind = (enum so_code_kind)kind;
    for (size_t i = 0; *out_fits && i < COUNT_OF(texts); i++) {
        struct so_str text = so_stmt_text(st, (int)i + 1);
        *texts[i] = text.p == NULL ? text : so_arena_dup(arena, text);
        if (text.p != NULL && texts[i]->p == NULL)
            return so_err_oom(err);
    }
    return SO_OK;
}

int so_code_find_by_token(struct so_auth_call *call, struct so_conn *conn, struct so_str token, unsigned kinds,
                          struct so_code_found *out, bool *out_found, struct so_err *err)
{
    struct so_stmt *st;
    struct so_str hash;
    bool row = false;
    *out_found = false;
    int rc = so_auth_hash_text(call->arena, token, &hash, err);
    if (rc == SO_OK)
        rc = so_auth_sql_start(conn, SELECT "WHERE token_hash = ?1 AND expires_at > ?2", SO_VALUES(hash, call->now), &st,
                               err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row)
        rc = load(st, kinds, call->arena, out, out_found, err);
    so_stmt_done(st);
    return rc;
}

/* Whether these are the digits of the row. */
static int fits(struct so_auth_call *call, const struct so_code_found *code, struct so_str digits, struct so_str code_hash,
                bool *out, struct so_err *err)
{
    struct so_str guess;
    int rc = so_auth_hmac_text(call->arena, code->token_hash, digits, &guess, err);
    if (rc == SO_OK)
        *out = code_hash.p != NULL && so_equal_secret(guess, code_hash);
    return rc;
}

/* A wrong guess counts for every code that it was tried on. */
static int count_guess(struct so_auth_call *call, struct so_conn *conn, struct so_str email, struct so_err *err)
{
    struct so_str max = so_arena_printf(call->arena, "%d", ATTEMPTS_MAX);
    if (max.p == NULL)
        return so_err_oom(err);
    return so_auth_sql_run(conn,
                           "UPDATE auth_one_time_tokens SET attempts = attempts + 1,"
                           " code_hash = CASE WHEN attempts + 1 >= CAST(?2 AS INTEGER) THEN NULL ELSE code_hash END"
                           " WHERE email = ?1",
                           SO_VALUES(email, max), NULL, err);
}

int so_code_find_by_digits(struct so_auth_call *call, struct so_conn *conn, struct so_str email, struct so_str digits,
                           unsigned kinds, struct so_code_found *out, bool *out_found, struct so_err *err)
{
    struct so_stmt *st;
    *out_found = false;
    int rc = so_auth_sql_start(conn, SELECT "WHERE email = ?1 AND expires_at > ?2", SO_VALUES(email, call->now), &st, err);
    if (rc != SO_OK)
        return rc;
    for (bool row, is_kind; !*out_found && (rc = so_stmt_step(st, &row, err)) == SO_OK && row;) {
        struct so_code_found code = {0};
        rc = load(st, kinds, call->arena, &code, &is_kind, err);
        if (rc == SO_OK && is_kind)
            rc = fits(call, &code, digits, so_stmt_text(st, 6), out_found, err);
        if (rc != SO_OK)
            break;
        if (*out_found)
            *out = code;
    }
    so_stmt_done(st);
    return rc == SO_OK && !*out_found ? count_guess(call, conn, email, err) : rc;
}

int so_code_spend(struct so_conn *conn, const struct so_code_found *code, struct so_err *err)
{
    return so_auth_sql_run(conn, "DELETE FROM auth_one_time_tokens WHERE token_hash = ?1", SO_VALUES(code->token_hash), NULL,
                           err);
}
