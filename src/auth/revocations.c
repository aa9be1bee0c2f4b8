/* revocations.c: the table auth_revocations: whose access tokens are refused until when.  Each change takes the next number
 * of a counter, whose row it holds locked until the commit: so numbers become visible in their order, and a process that
 * asks for "what is above the last I saw" (auth/revoked.c) misses none. */
#include <stdio.h>

#include "auth/sessions.h"
#include "auth/sql.h"

enum { KEPT_SECONDS = 3600 }; /* after it has ended, so that every process hears of it */

static struct so_str decimal(struct so_auth_call *call, int64_t value)
{
    return so_arena_printf(call->arena, "%lld", (long long)value);
}

static int next_number(struct so_auth_call *call, struct so_conn *conn, struct so_str *out, struct so_err *err)
{
    struct so_stmt *st;
    bool row = false;
    int64_t value = 0;
    int rc = so_auth_sql_start(conn, "UPDATE auth_counters SET value = value + 1 WHERE name = 'revocations' RETURNING value",
                               NULL, 0, &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row)
        value = so_stmt_i64(st, 0);
    while (rc == SO_OK && row)
        rc = so_stmt_step(st, &row, err);
    so_stmt_done(st);
    if (rc != SO_OK)
        return rc;
    *out = decimal(call, value);
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

int so_session_refuse(struct so_auth_call *call, struct so_conn *conn, struct so_str id, int64_t until, struct so_err *err)
{
    struct so_str old = decimal(call, call->now_us / 1000000 - KEPT_SECONDS), expires = decimal(call, until), number;
    if (old.p == NULL || expires.p == NULL)
        return so_err_oom(err);
    int rc = next_number(call, conn, &number, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn, "DELETE FROM auth_revocations WHERE expires_at <= ?1", SO_VALUES(old), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_sql_run(conn,
                             "INSERT INTO auth_revocations (id, expires_at, number) VALUES (?1, ?2, ?3)"
                             " ON CONFLICT (id) DO UPDATE SET number = excluded.number, expires_at ="
                             " CASE WHEN excluded.expires_at > auth_revocations.expires_at THEN excluded.expires_at"
                             " ELSE auth_revocations.expires_at END",
                             SO_VALUES(id, expires, number), NULL, err);
    if (rc == SO_OK)
        rc = so_auth_revoked_batch_put(&call->auth->revoked, &call->revoked, call->arena, id, until, err);
    return rc;
}

int so_session_allow(struct so_auth_call *call, struct so_conn *conn, struct so_str id, struct so_err *err)
{
    struct so_str now = decimal(call, call->now_us / 1000000), number;
    if (now.p == NULL)
        return so_err_oom(err);
    int rc = next_number(call, conn, &number, err);
    if (rc != SO_OK)
        return rc;
    return so_auth_sql_run(conn, "UPDATE auth_revocations SET expires_at = ?2, number = ?3 WHERE id = ?1",
                           SO_VALUES(id, now, number), NULL, err);
}
