/* pkce.c: auth codes: the table auth_flow_states. */
#include "auth/pkce.h"

#include "auth/errors.h"
#include "auth/secrets.h"
#include "auth/sql.h"
#include "auth/text.h"
#include "auth/tokens.h"
#include "crypto/base64.h"
#include "crypto/digest.h"
#include "crypto/seal.h"

enum { LIFETIME_S = 300 };

static struct so_str oldest_good(struct so_auth_call *call)
{
    return so_auth_time_dup(call->arena, call->now_us - (int64_t)LIFETIME_S * 1000000);
}

/* ---- another provider's tokens ---- */

static const struct so_str PURPOSE = SO_STR_INIT("provider tokens");
enum { TOKENS_MAX = 64 * 1024 };

/* They wait in the database for a few minutes, readable only to who brings the auth code. */
static int seal_tokens(struct so_auth_call *call, const struct so_pkce_flow *flow, struct so_str auth_code,
                       struct so_str *out, struct so_err *err)
{
    struct so_buf plain, sealed, text;
    *out = (struct so_str){NULL, 0};
    if (flow->provider_token.n == 0)
        return SO_OK;
    so_buf_init(&plain, TOKENS_MAX);
    so_buf_init(&sealed, TOKENS_MAX);
    so_buf_init(&text, 2 * TOKENS_MAX);
    so_buf_put_str(&plain, flow->provider_token);
    so_buf_putc(&plain, '\n'); /* none is inside a token (RFC 6749 appendix A.12) */
    so_buf_put_str(&plain, flow->provider_refresh_token);
    int rc = so_buf_check(&plain, "the provider's tokens", err);
    if (rc == SO_OK)
        rc = so_seal(auth_code, PURPOSE, so_buf_str(&plain), &sealed, err);
    so_base64url_put(&text, so_buf_str(&sealed));
    if (rc == SO_OK)
        rc = so_buf_check(&text, "the provider's tokens", err);
    if (rc == SO_OK) {
        *out = so_arena_dup(call->arena, so_buf_str(&text));
        rc = out->p == NULL ? so_err_oom(err) : SO_OK;
    }
    if (plain.len > 0)
        explicit_bzero(plain.p, plain.len);
    so_buf_deinit(&plain);
    so_buf_deinit(&sealed);
    so_buf_deinit(&text);
    return rc;
}

static int unseal_tokens(struct so_auth_call *call, struct so_str text, struct so_grant *grant, struct so_err *err)
{
    struct so_buf plain;
    size_t n;
    uint8_t *bytes = so_alloc(call->arena, so_base64_decoded_max(text.n));
    if (bytes == NULL)
        return so_err_oom(err);
    if (!so_base64url_decode(text, bytes, &n))
        return so_fail(err, SO_EIO, "auth_flow_states holds tokens in no form of ours");
    so_buf_init(&plain, TOKENS_MAX);
    int rc = so_unseal(call->params.auth_code, PURPOSE, so_str((const char *)bytes, n), &plain, err);
    struct so_str rest = rc == SO_OK ? so_arena_dup(call->arena, so_buf_str(&plain)) : (struct so_str){NULL, 0};
    so_buf_deinit(&plain);
    if (rc != SO_OK)
        return rc;
    if (rest.p == NULL)
        return so_err_oom(err);
    if (so_str_split(&rest, '\n', &grant->provider_token))
        grant->provider_refresh_token = rest;
    return SO_OK;
}

/* ---- the auth code ---- */

int so_pkce_begin(struct so_auth_call *call, struct so_conn *conn, const struct so_pkce_flow *flow,
                  struct so_str *out_auth_code, struct so_err *err)
{
    struct so_str hash, tokens, day_ago = so_auth_time_dup(call->arena, call->now_us - 86400LL * 1000000);
    if (day_ago.p == NULL)
        return so_err_oom(err);
    int rc = so_auth_random_text(call->arena, out_auth_code, err);
    if (rc == SO_OK)
        rc = so_auth_hash_text(call->arena, *out_auth_code, &hash, err);
    if (rc == SO_OK)
        rc = seal_tokens(call, flow, *out_auth_code, &tokens, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "DELETE FROM auth_flow_states WHERE created_at < ?1", SO_VALUES(day_ago), NULL, err);
    if (rc != SO_OK)
        return rc;
    return so_auth_sql_run(conn,
                           "INSERT INTO auth_flow_states (auth_code_hash, user_id, code_challenge, code_challenge_method,"
                           " authentication_method, created_at, provider_tokens) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                           SO_VALUES(hash, flow->user_id, flow->code_challenge, flow->code_challenge_method,
                                     so_str_c(flow->method), call->now, tokens),
                           NULL, err);
}

/* ---- the exchange ---- */

struct flow {
    struct so_str user_id, challenge, challenge_method, method, created_at;
    struct so_str provider_tokens; /* sealed; {NULL,0}: there are none */
};

struct exchange {
    struct so_auth_call *call;
    struct so_grant grant;
    enum so_auth_error refused; /* committed: the auth code is spent, whatever was wrong */
    bool is_refused;
};

/* Takes the flow out of the table: whoever comes second finds nothing. */
static int take_flow(struct so_auth_call *call, struct so_conn *conn, struct flow *out, struct so_err *err)
{
    struct so_str *const texts[] = {&out->user_id, &out->challenge,  &out->challenge_method,
                                    &out->method,  &out->created_at, &out->provider_tokens};
    struct so_stmt *st;
    struct so_str hash;
    bool row = false;
    int rc = so_auth_hash_text(call->arena, call->params.auth_code, &hash, err);
    if (rc == SO_OK)
        rc = so_auth_sql_start(conn,
                               "SELECT user_id, code_challenge, code_challenge_method, authentication_method, created_at,"
                               " provider_tokens FROM auth_flow_states WHERE auth_code_hash = ?1",
                               SO_VALUES(hash), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && !row)
        rc = so_auth_fail(err, SO_AUTH_FLOW_NOT_FOUND);
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(texts); i++) {
        struct so_str text = so_stmt_text(st, (int)i);
        *texts[i] = text.p == NULL ? text : so_arena_dup(call->arena, text);
        rc = text.p != NULL && texts[i]->p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_stmt_done(st);
    if (rc != SO_OK)
        return rc;
    return so_auth_sql_run(conn, "DELETE FROM auth_flow_states WHERE auth_code_hash = ?1", SO_VALUES(hash), NULL, err);
}

/* RFC 7636 section 4.6 */
static int check_verifier(struct so_auth_call *call, const struct flow *flow, bool *out_fits, struct so_err *err)
{
    struct so_str made = call->params.code_verifier;
    int rc = SO_OK;
    if (so_str_eq_nocase(flow->challenge_method, SO_STR("s256")))
        rc = so_auth_hash_text(call->arena, made, &made, err);
    if (rc == SO_OK)
        *out_fits = so_equal_secret(made, flow->challenge);
    return rc;
}

static int refuse(struct exchange *exchange, enum so_auth_error error)
{
    exchange->refused = error;
    exchange->is_refused = true;
    return SO_OK;
}

static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct exchange *exchange = arg;
    struct so_auth_call *call = exchange->call;
    struct flow flow = {0};
    bool fits = false, found = false;
    struct so_str oldest = oldest_good(call);
    if (oldest.p == NULL)
        return so_err_oom(err);
    int rc = take_flow(call, conn, &flow, err);
    if (rc == SO_OK)
        rc = check_verifier(call, &flow, &fits, err);
    if (rc == SO_OK)
        rc = so_user_find(conn, SO_USER_BY_ID, flow.user_id, call->arena, &exchange->grant.user, &found, err);
    if (rc != SO_OK)
        return rc;
    if (so_str_cmp(flow.created_at, oldest) < 0)
        return refuse(exchange, SO_AUTH_FLOW_EXPIRED);
    if (!fits)
        return refuse(exchange, SO_AUTH_BAD_VERIFIER);
    if (!found || exchange->grant.user.deleted_at.p != NULL)
        return refuse(exchange, SO_AUTH_FLOW_NOT_FOUND);
    if (so_user_is_banned(&exchange->grant.user, call->now))
        return refuse(exchange, SO_AUTH_LOGIN_BANNED);
    if (flow.provider_tokens.p != NULL)
        rc = unseal_tokens(call, flow.provider_tokens, &exchange->grant, err);
    return rc == SO_OK ? so_session_begin(call, conn, flow.method.p, &exchange->grant, err) : rc;
}

int so_pkce_grant(struct so_auth_call *call, struct so_err *err)
{
    struct exchange exchange = {.call = call};
    if (call->params.auth_code.n == 0 || call->params.code_verifier.n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION,
                                 "invalid request: both auth code and code verifier should be non-empty");
    int rc = so_auth_write(call, run, &exchange, err);
    if (rc == SO_OK && exchange.is_refused)
        return so_auth_fail(err, exchange.refused);
    return rc == SO_OK ? so_token_reply(call, &exchange.grant, NULL, err) : rc;
}
