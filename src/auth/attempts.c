/* attempts.c: how often a secret of one account may be tried. */
#include "auth/attempts.h"

#include <stdio.h>

#include "auth/errors.h"
#include "auth/secrets.h"
#include "auth/sql.h"

/* Of each kind, the short window first and that of all networks last. */
static const struct so_attempt_row ROWS[] = {
    {SO_ATTEMPT_PASSWORD, true, 10, 300}, {SO_ATTEMPT_PASSWORD, true, 50, 86400}, {SO_ATTEMPT_PASSWORD, false, 100, 3600},
    {SO_ATTEMPT_FACTOR, true, 15, 300},   {SO_ATTEMPT_FACTOR, true, 60, 86400},   {SO_ATTEMPT_FACTOR, false, 100, 86400},
    {SO_ATTEMPT_RECOVERY, true, 5, 900},  {SO_ATTEMPT_RECOVERY, true, 20, 86400},
};

const struct so_attempt_row *so_attempt_row(size_t index) { return index < COUNT_OF(ROWS) ? &ROWS[index] : NULL; }

/* How the account is named, and what its owner's successes are called in the audit log. */
static const struct {
    const char *user_by, *success;
} KINDS[] = {
    [SO_ATTEMPT_PASSWORD] = {"email", "login"},
    [SO_ATTEMPT_FACTOR] = {"id", "verification_attempted"},
    [SO_ATTEMPT_RECOVERY] = {"id", "verification_attempted"},
};

static int key_of(struct so_auth_call *call, size_t row, struct so_str account, struct so_str *out, struct so_err *err)
{
    char network[SO_AUTH_NETWORK_SIZE] = "";
    if (ROWS[row].by_network)
        so_auth_network(call->in->peer, network);
    struct so_str text = so_arena_printf(call->arena, "%zu %s %.*s", row, network, SO_STR_ARG(account));
    return text.p == NULL ? so_err_oom(err) : so_auth_hash_text(call->arena, text, out, err);
}

static struct so_str number(struct so_auth_call *call, int64_t value)
{
    return so_arena_printf(call->arena, "%lld", (long long)value);
}

/* ---- networks that the owner came from ---- */

static int is_known_network(struct so_auth_call *call, struct so_conn *conn, enum so_attempt kind, struct so_str account,
                            bool *out, struct so_err *err)
{
    char mine[SO_AUTH_NETWORK_SIZE], other[SO_AUTH_NETWORK_SIZE];
    struct so_stmt *st;
    struct so_str sql =
        so_arena_printf(call->arena,
                        "SELECT ip_address FROM auth_audit_log WHERE user_id ="
                        " (SELECT id FROM auth_users WHERE %s = ?1) AND action = ?2 ORDER BY id DESC LIMIT 100",
                        KINDS[kind].user_by);
    if (sql.p == NULL)
        return so_err_oom(err);
    int rc = so_auth_sql_start(conn, sql.p, SO_VALUES(account, so_str_c(KINDS[kind].success)), &st, err);
    if (rc != SO_OK)
        return rc;
    *out = false;
    so_auth_network(call->in->peer, mine);
    for (bool row; (rc = so_stmt_step(st, &row, err)) == SO_OK && row;) {
        so_auth_network(so_stmt_text(st, 0), other);
        *out = *out || strcmp(mine, other) == 0;
    }
    so_stmt_done(st);
    return rc;
}

/* ---- counting ---- */

/* Counts one try in one statement, so that of many at the same instant each sees another number.  *out_wait: the seconds
 * until the window ends when this try was one too many, else 0.  A window begins when there is none or the last is over. */
static int count_one(struct so_auth_call *call, struct so_conn *conn, size_t row, struct so_str account, int64_t *out_wait,
                     struct so_err *err)
{
    static const char SQL[] =
        "INSERT INTO auth_attempts (id, tries, ends_at) VALUES (?1, 1, CAST(?2 AS BIGINT)) ON CONFLICT (id) DO UPDATE SET"
        " tries = CASE WHEN auth_attempts.ends_at > CAST(?3 AS BIGINT) THEN auth_attempts.tries + 1 ELSE 1 END,"
        " ends_at = CASE WHEN auth_attempts.ends_at > CAST(?3 AS BIGINT) THEN auth_attempts.ends_at ELSE excluded.ends_at "
        "END"
        " RETURNING tries, ends_at";
    int64_t now = call->now_us / 1000000;
    struct so_str from = number(call, now), until = number(call, now + ROWS[row].window), key;
    struct so_stmt *st;
    bool found = false;
    if (from.p == NULL || until.p == NULL)
        return so_err_oom(err);
    int rc = key_of(call, row, account, &key, err);
    if (rc == SO_OK)
        rc = so_auth_sql_start(conn, SQL, SO_VALUES(key, until, from), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &found, err);
    if (rc == SO_OK && found)
        *out_wait = so_stmt_i64(st, 0) > ROWS[row].max ? so_stmt_i64(st, 1) - now : 0;
    while (rc == SO_OK && found)
        rc = so_stmt_step(st, &found, err);
    so_stmt_done(st);
    return rc;
}

static int forget_old(struct so_auth_call *call, struct so_conn *conn, struct so_err *err)
{
    struct so_str now = number(call, call->now_us / 1000000);
    if (now.p == NULL)
        return so_err_oom(err);
    return so_auth_sql_run(conn, "DELETE FROM auth_attempts WHERE ends_at <= CAST(?1 AS BIGINT)", SO_VALUES(now), NULL, err);
}

/* Stops at the first row that refuses: a network that is locked uses up neither its day nor the account's tries. */
int so_attempt_take(struct so_auth_call *call, struct so_conn *conn, enum so_attempt kind, struct so_str account,
                    int64_t *out_wait, struct so_err *err)
{
    int64_t wait = 0;
    *out_wait = 0;
    if (!call->auth->settings.rate_limits)
        return SO_OK;
    int rc = forget_old(call, conn, err);
    for (size_t i = 0; rc == SO_OK && wait == 0 && i < COUNT_OF(ROWS); i++) {
        bool is_known = false;
        if (ROWS[i].kind != kind)
            continue;
        rc = count_one(call, conn, i, account, &wait, err);
        if (rc == SO_OK && wait > 0 && !ROWS[i].by_network)
            rc = is_known_network(call, conn, kind, account, &is_known, err);
        if (is_known)
            wait = 0;
    }
    if (rc == SO_OK)
        *out_wait = wait;
    return rc;
}

struct admission {
    struct so_auth_call *call;
    enum so_attempt kind;
    struct so_str account;
    int64_t wait;
};

static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct admission *a = arg;
    return so_attempt_take(a->call, conn, a->kind, a->account, &a->wait, err);
}

int so_attempt_admit(struct so_auth_call *call, enum so_attempt kind, struct so_str account, struct so_err *err)
{
    struct admission a = {call, kind, account, 0};
    if (!call->auth->settings.rate_limits)
        return SO_OK;
    int rc = so_auth_write(call, run, &a, err);
    if (rc == SO_OK && a.wait > 0) {
        call->retry_after = a.wait;
        return so_auth_fail(err, SO_AUTH_RATE_LIMIT);
    }
    return rc;
}

int so_attempt_forgive(struct so_auth_call *call, struct so_conn *conn, enum so_attempt kind, struct so_str account,
                       struct so_err *err)
{
    struct so_str key;
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && call->auth->settings.rate_limits && i < COUNT_OF(ROWS); i++) {
        if (ROWS[i].kind != kind)
            continue;
        rc = key_of(call, i, account, &key, err);
        if (rc == SO_OK)
            rc = so_auth_sql_run(conn,
                                 ROWS[i].by_network ? "DELETE FROM auth_attempts WHERE id = ?1"
                                                    : "UPDATE auth_attempts SET tries = tries - 1 WHERE id = ?1",
                                 SO_VALUES(key), NULL, err);
    }
    return rc;
}
