/* oauth_state.c: sign-ins under way. */
#include "auth/oauth_state.h"

#include "auth/errors.h"
#include "auth/secrets.h"
#include "auth/sql.h"
#include "auth/text.h"

struct putting {
    struct so_auth_call *call;
    const struct so_oauth_state *state;
    struct so_str hash;
};

static struct so_str oldest_good(struct so_auth_call *call)
{
    return so_auth_time_dup(call->arena, call->now_us - (int64_t)SO_OAUTH_STATE_S * 1000000);
}

static int put(void *arg, struct so_conn *conn, struct so_err *err)
{
    const struct putting *putting = arg;
    const struct so_oauth_state *s = putting->state;
    struct so_str oldest = oldest_good(putting->call);
    if (oldest.p == NULL)
        return so_err_oom(err);
    int rc = so_auth_sql_run(conn, "DELETE FROM auth_oauth_states WHERE created_at < ?1", SO_VALUES(oldest), NULL, err);
    if (rc != SO_OK)
        return rc;
    return so_auth_sql_run(conn,
                           "INSERT INTO auth_oauth_states (state_hash, provider, redirect_to, code_challenge,"
                           " code_challenge_method, link_to, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                           SO_VALUES(putting->hash, s->provider, s->redirect_to, s->code_challenge, s->code_challenge_method,
                                     s->link_to, putting->call->now),
                           NULL, err);
}

int so_oauth_state_put(struct so_auth_call *call, const struct so_oauth_state *state, struct so_str *out_text,
                       struct so_err *err)
{
    struct putting putting = {.call = call, .state = state};
    struct so_str text;
    int rc = so_auth_random_text(call->arena, &text, err);
    if (rc == SO_OK)
        rc = so_auth_hash_text(call->arena, text, &putting.hash, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, put, &putting, err);
    if (rc == SO_OK)
        *out_text = text;
    return rc;
}

struct taking {
    struct so_auth_call *call;
    struct so_str hash;
    struct so_oauth_state state;
    bool found;
};

static int find(struct taking *taking, struct so_conn *conn, struct so_err *err)
{
    struct so_oauth_state *s = &taking->state;
    struct so_str *const texts[] = {&s->provider, &s->redirect_to, &s->code_challenge, &s->code_challenge_method,
                                    &s->link_to,  &s->created_at};
    struct so_stmt *st;
    int rc = so_auth_sql_start(conn,
                               "SELECT provider, redirect_to, code_challenge, code_challenge_method, link_to, created_at"
                               " FROM auth_oauth_states WHERE state_hash = ?1",
                               SO_VALUES(taking->hash), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &taking->found, err);
    for (size_t i = 0; rc == SO_OK && taking->found && i < COUNT_OF(texts); i++) {
        struct so_str text = so_stmt_text(st, (int)i);
        *texts[i] = text.p == NULL ? text : so_arena_dup(taking->call->arena, text);
        if (text.p != NULL && texts[i]->p == NULL)
            rc = so_err_oom(err);
    }
    so_stmt_done(st);
    return rc;
}

static int take(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct taking *taking = arg;
    int rc = find(taking, conn, err);
    if (rc != SO_OK || !taking->found)
        return rc;
    return so_auth_sql_run(conn, "DELETE FROM auth_oauth_states WHERE state_hash = ?1", SO_VALUES(taking->hash), NULL, err);
}

int so_oauth_state_take(struct so_auth_call *call, struct so_str text, struct so_oauth_state *out, struct so_err *err)
{
    struct taking taking = {.call = call};
    struct so_str oldest = oldest_good(call);
    if (oldest.p == NULL)
        return so_err_oom(err);
    int rc = so_auth_hash_text(call->arena, text, &taking.hash, err);
    if (rc == SO_OK)
        rc = so_auth_write(call, take, &taking, err);
    if (rc != SO_OK)
        return rc;
    if (!taking.found)
        return so_auth_fail(err, SO_AUTH_BAD_OAUTH_STATE);
    if (so_str_cmp(taking.state.created_at, oldest) < 0)
        return so_auth_fail_with(err, SO_AUTH_BAD_OAUTH_STATE, "OAuth state has expired");
    *out = taking.state;
    return SO_OK;
}

int so_oauth_secret(struct so_auth_call *call, struct so_str text, enum so_oauth_secret which, struct so_str *out,
                    struct so_err *err)
{
    static const struct so_str PURPOSES[] = {
        [SO_OAUTH_VERIFIER] = SO_STR_INIT("verifier"),
        [SO_OAUTH_NONCE] = SO_STR_INIT("nonce"),
        [SO_OAUTH_BROWSER] = SO_STR_INIT("browser"),
    };
    return so_auth_hmac_text(call->arena, text, PURPOSES[which], out, err);
}
