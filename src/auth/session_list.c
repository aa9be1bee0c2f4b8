/* session_list.c: /user/sessions and /admin/users/{id}/sessions: where somebody is signed in, and ending one of them.
 * An extension of ours: the reference has no list of sessions. */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/reply.h"
#include "auth/sessions.h"
#include "auth/text.h"

/* ---- list ---- */

static int reply_list(struct so_auth_call *call, const struct so_session *sessions, size_t count, struct so_err *err)
{
    enum { SHOWN_MAX = 1000 };
    const struct so_session_limits *limits = &call->auth->settings.session_limits;
    size_t shown = 0;
    struct so_jw w;
    so_reply_begin(call, 200, &w);
    so_jw_object(&w);
    so_jw_key(&w, SO_STR("sessions"));
    so_jw_array(&w);
    for (size_t i = 0; i < count && shown < SHOWN_MAX; i++) {
        enum so_session_end_cause cause;
        struct so_str expires = {NULL, 0};
        int64_t ends = so_session_ends(&sessions[i], limits, &cause);
        if (ends <= call->now_us)
            continue;
        if (ends != INT64_MAX) {
            expires = so_auth_time_dup(call->arena, ends);
            if (expires.p == NULL)
                return so_err_oom(err);
        }
        shown++;
        so_session_put(&w, &sessions[i], expires, so_str_eq(sessions[i].id, call->session_id));
    }
    so_jw_end_array(&w);
    so_jw_end_object(&w);
    return SO_OK;
}

static int list(struct so_auth_call *call, struct so_str user_id, bool must_exist, struct so_err *err)
{
    struct so_conn *conn;
    struct so_user user;
    struct so_session *sessions = NULL;
    size_t count = 0;
    bool found = true;
    int rc = so_db_reader_take(call->auth->db, &conn, err);
    if (rc != SO_OK)
        return rc;
    if (must_exist)
        rc = so_user_find(conn, SO_USER_BY_ID, user_id, call->arena, &user, &found, err);
    if (rc == SO_OK && !found)
        rc = so_auth_fail(err, SO_AUTH_USER_NOT_FOUND);
    if (rc == SO_OK)
        rc = so_sessions_load(conn, user_id, call->arena, &sessions, &count, err);
    so_db_reader_give(call->auth->db, conn);
    return rc == SO_OK ? reply_list(call, sessions, count, err) : rc;
}

int so_sessions_list(struct so_auth_call *call, struct so_err *err) { return list(call, call->user.id, false, err); }
int so_admin_sessions(struct so_auth_call *call, struct so_err *err) { return list(call, call->id, true, err); }

/* ---- end one ---- */

struct ending {
    struct so_auth_call *call;
    struct so_str user_id, session_id;
};

static int run_end(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct ending *e = arg;
    struct so_session session;
    bool found;
    int rc = so_session_find(conn, e->session_id, e->call->arena, &session, &found, err);
    if (rc == SO_OK && (!found || !so_str_eq(session.user_id, e->user_id)))
        return so_auth_fail(err, SO_AUTH_NO_SUCH_SESSION);
    if (rc == SO_OK)
        rc = so_session_end(e->call, conn, SO_SESSION_THIS, e->user_id, e->session_id, err);
    return rc == SO_OK ? so_auth_audit(e->call, conn, "logout", e->user_id, err) : rc;
}

static int end(struct so_auth_call *call, struct so_str user_id, struct so_str session_id, struct so_err *err)
{
    struct ending e = {call, user_id, session_id};
    int rc = so_auth_write(call, run_end, &e, err);
    if (rc == SO_OK)
        so_reply_empty_object(call);
    return rc;
}

int so_session_end_one(struct so_auth_call *call, struct so_err *err) { return end(call, call->user.id, call->id, err); }
int so_admin_session_end(struct so_auth_call *call, struct so_err *err) { return end(call, call->id, call->second_id, err); }
