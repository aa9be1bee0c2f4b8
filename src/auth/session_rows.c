/* session_rows.c: sessions as the database has them, and how long each may live. */
#include "auth/session_rows.h"

#include "auth/sql.h"
#include "auth/text.h"

static const struct so_row_column COLUMNS[] = {
#define X(column, member, form) {member, SO_ROW_##form, offsetof(struct so_session, column)},
    SO_SESSION_COLUMNS(X)
#undef X
};

#define SELECT "SELECT 0" SO_SESSION_COLUMNS(SO_ROW_NAME) ", count(*) OVER () FROM auth_sessions "

int so_session_find(struct so_conn *conn, struct so_str id, struct so_arena *arena, struct so_session *out, bool *out_found,
                    struct so_err *err)
{
    struct so_stmt *st;
    struct so_session session;
    bool row = false;
    int rc = so_auth_sql_start(conn, SELECT "WHERE id = ?1", SO_VALUES(id), &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK && row)
        rc = so_row_load(st, COLUMNS, COUNT_OF(COLUMNS), &session, arena, err);
    so_stmt_done(st);
    if (rc != SO_OK)
        return rc;
    if (row)
        *out = session;
    *out_found = row;
    return SO_OK;
}

int so_sessions_load(struct so_conn *conn, struct so_str user_id, struct so_arena *arena, struct so_session **out,
                     size_t *out_count, struct so_err *err)
{
    struct so_stmt *st;
    void *rows = NULL;
    int rc = so_auth_sql_start(conn, SELECT "WHERE user_id = ?1 ORDER BY created_at DESC, id", SO_VALUES(user_id), &st, err);
    if (rc == SO_OK)
        rc = so_rows_load(st, COLUMNS, COUNT_OF(COLUMNS), sizeof(**out), &rows, out_count, arena, err);
    if (rc == SO_OK)
        *out = rows;
    return rc;
}

int so_session_insert(struct so_conn *conn, const struct so_session *session, struct so_err *err)
{
    static const char SQL[] = "INSERT INTO auth_sessions (id, user_id, aal, amr, factor_id, not_after, created_at,"
                              " refreshed_at, user_agent, ip) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    struct so_str values[COUNT_OF(COLUMNS)];
    so_row_values(session, COLUMNS, COUNT_OF(COLUMNS), values);
    return so_auth_sql_run(conn, SQL, values, COUNT_OF(COLUMNS), NULL, err);
}

/* ---- how long ---- */

static int64_t limit_from(struct so_str since, int64_t seconds)
{
    int64_t us;
    return seconds > 0 && so_auth_time_read(since, &us) ? us + seconds * 1000000 : INT64_MAX;
}

int64_t so_session_ends(const struct so_session *session, const struct so_session_limits *limits,
                        enum so_session_end_cause *out_cause)
{
    struct so_str active = session->refreshed_at.p != NULL ? session->refreshed_at : session->created_at;
    int64_t ends[] = {
        [SO_SESSION_ENDED] = INT64_MAX,
        [SO_SESSION_TOO_OLD] = limit_from(session->created_at, limits->lifetime),
        [SO_SESSION_IDLE] = limit_from(active, limits->inactivity),
    };
    enum so_session_end_cause cause = SO_SESSION_ENDED;
    if (session->not_after.p != NULL && !so_auth_time_read(session->not_after, &ends[SO_SESSION_ENDED]))
        ends[SO_SESSION_ENDED] = 0;
    for (size_t i = 1; i < COUNT_OF(ends); i++)
        if (ends[i] < ends[cause])
            cause = (enum so_session_end_cause)i;
    *out_cause = cause;
    return ends[cause];
}

/* ---- JSON ---- */

void so_session_put(struct so_jw *w, const struct so_session *session, struct so_str expires_at, bool is_current)
{
    so_jw_object(w);
    so_row_put(w, COLUMNS, COUNT_OF(COLUMNS), session);
    if (expires_at.n > 0) {
        so_jw_key(w, SO_STR("expires_at"));
        so_row_put_time(w, expires_at);
    }
    so_jw_member_bool(w, "current", is_current);
    so_jw_end_object(w);
}
