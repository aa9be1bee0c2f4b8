/* sessions.h: sessions and their refresh tokens (PROTOCOL.md section 4.4).  All of it runs inside a transaction of the
 * writer. */
#ifndef SO_AUTH_SESSIONS_H
#define SO_AUTH_SESSIONS_H

#include "auth/auth_int.h"

/* What a sign-in or a refresh yields: enough to make the access token. */
struct so_grant {
    struct so_user user;
    struct so_str session_id, aal;
    struct so_str amr; /* the claim, JSON text */
    struct so_str refresh_token;
    struct so_str provider_token, provider_refresh_token; /* of another provider, for the app; {NULL,0}: none */
    int64_t expires; /* of the access token, seconds since 1970: not later than its session */
};

/* What the session says of its tokens; user and refresh token are the caller's. */
void so_session_grant(const struct so_auth_call *call, const struct so_session *session, struct so_grant *out);

/* A new session for grant->user by `method` ("password", "anonymous"); notes the sign-in on the user. */
int so_session_begin(struct so_auth_call *call, struct so_conn *conn, const char *method, struct so_grant *grant,
                     struct so_err *err) SO_MUST_CHECK;

/* Exchanges a refresh token.  SO_OK with *out_reused: the token was used before and too long ago; its session was ended,
 * which must be committed, and the caller then refuses. */
int so_session_refresh(struct so_auth_call *call, struct so_conn *conn, struct so_str token, struct so_grant *grant,
                       bool *out_reused, struct so_err *err) SO_MUST_CHECK;

/* A new refresh token in place of all that the session had: what was taken before is good for nothing now. */
int so_session_renew_token(struct so_auth_call *call, struct so_conn *conn, struct so_str session_id, struct so_str *out,
                           struct so_err *err) SO_MUST_CHECK;

/* What passing a second factor does to a session: aal2, `method` in front of amr, a new refresh token (session_aal.c).  The
 * user's other sessions that are still at aal1 end. */
int so_session_raise(struct so_auth_call *call, struct so_conn *conn, const char *method, struct so_str factor_id,
                     struct so_grant *grant, struct so_err *err) SO_MUST_CHECK;
/* And what its end does to those that passed it: aal1 again, from their next refresh on. */
int so_session_lower(struct so_auth_call *call, struct so_conn *conn, struct so_str user_id, struct so_str factor_id,
                     const char *method, struct so_err *err) SO_MUST_CHECK;

/* WEAK: the others that have not passed a second factor. */
enum so_session_scope { SO_SESSION_ALL, SO_SESSION_THIS, SO_SESSION_OTHERS, SO_SESSION_WEAK };
/* Ends sessions of the user: their refresh tokens are gone and their access tokens refused. */
int so_session_end(struct so_auth_call *call, struct so_conn *conn, enum so_session_scope scope, struct so_str user_id,
                   struct so_str session_id, struct so_err *err) SO_MUST_CHECK;

/* Refuses the access tokens that carry this id (of a session or a user) until then, seconds since 1970. */
int so_session_refuse(struct so_auth_call *call, struct so_conn *conn, struct so_str id, int64_t until,
                      struct so_err *err) SO_MUST_CHECK;

/* And no longer: the caller takes the id out of memory after the commit. */
int so_session_allow(struct so_auth_call *call, struct so_conn *conn, struct so_str id, struct so_err *err) SO_MUST_CHECK;

/* For an access token; fills call->session.  session_not_found when there is none of this user, session_expired when its
 * time is over. */
int so_session_check(struct so_auth_call *call, struct so_conn *conn, struct so_str session_id, struct so_str user_id,
                     struct so_err *err) SO_MUST_CHECK;

#endif
