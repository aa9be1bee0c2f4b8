/* identify.h: who may call an endpoint, found in the request's headers. */
#ifndef SO_AUTH_IDENTIFY_H
#define SO_AUTH_IDENTIFY_H

#include "auth/auth_int.h"

enum so_auth_access {
    SO_ACCESS_OPEN, /* anybody */
    SO_ACCESS_KEY,  /* whoever has an API key */
    SO_ACCESS_USER, /* a user's token, of a session that is alive: fills call->user and call->session_id */
    SO_ACCESS_ADMIN /* the service role */
};

/* Whether a key that was configured is one: opaque with the right prefix, or a token of ours with the right role. */
int so_auth_check_keys(struct so_auth *auth, struct so_err *err) SO_MUST_CHECK;

/* anon, authenticated, service_role */
bool so_auth_is_role(struct so_str name);

/* Queries the database for SO_ACCESS_USER.  Errors are those of PROTOCOL.md section 2.3. */
int so_auth_admit(struct so_auth_call *call, enum so_auth_access access, struct so_err *err) SO_MUST_CHECK;

#endif
