/* session_rows.h: sessions as the database has them, and how long each may live.
 *
 * A session ends at the first of: `not_after` (it was ended), its beginning + the lifetime limit, its last refresh + the
 * inactivity limit.  No access token outlives its session, so the two limits need no check anywhere else. */
#ifndef SO_AUTH_SESSION_ROWS_H
#define SO_AUTH_SESSION_ROWS_H

#include "auth/rows.h"

/*  X(column, "member of the JSON object", how it is written) */
#define SO_SESSION_COLUMNS(X)                                                                                               \
    X(id, "id", TEXT)                                                                                                       \
    X(user_id, "user_id", TEXT)                                                                                             \
    X(aal, "aal", TEXT)                                                                                                     \
    X(amr, "amr", JSON)                                                                                                     \
    X(factor_id, "factor_id", TEXT_IF_SET)                                                                                  \
    X(not_after, NULL, HIDDEN)                                                                                              \
    X(created_at, "created_at", TIME_IF_SET)                                                                                \
    X(refreshed_at, "refreshed_at", TIME_IF_SET)                                                                            \
    X(user_agent, "user_agent", TEXT_IF_SET)                                                                                \
    X(ip, "ip", TEXT_IF_SET)

struct so_session {
    SO_SESSION_COLUMNS(SO_ROW_FIELD)
};

/* *out_found false: there is none, and *out is untouched. */
int so_session_find(struct so_conn *conn, struct so_str id, struct so_arena *arena, struct so_session *out, bool *out_found,
                    struct so_err *err) SO_MUST_CHECK;
/* All of a user, newest first. */
int so_sessions_load(struct so_conn *conn, struct so_str user_id, struct so_arena *arena, struct so_session **out,
                     size_t *out_count, struct so_err *err) SO_MUST_CHECK;
int so_session_insert(struct so_conn *conn, const struct so_session *session, struct so_err *err) SO_MUST_CHECK;

/* Seconds; 0: no limit. */
struct so_session_limits {
    int64_t lifetime;   /* since it began */
    int64_t inactivity; /* since it was last refreshed */
    int64_t low_aal;    /* since it began, for a session at aal1 of a user with a verified factor */
};

enum so_session_end_cause { SO_SESSION_ENDED, SO_SESSION_TOO_OLD, SO_SESSION_IDLE };
/* When it ends, in microseconds since 1970, and why; INT64_MAX: not by itself. */
int64_t so_session_ends(const struct so_session *session, const struct so_session_limits *limits,
                        enum so_session_end_cause *out_cause);

/* The object of GET /user/sessions. */
void so_session_put(struct so_jw *w, const struct so_session *session, struct so_str expires_at, bool is_current);

#endif
