/* mfa.h: what the endpoints of second factors share.  All of it runs inside a transaction of the writer. */
#ifndef SO_AUTH_MFA_H
#define SO_AUTH_MFA_H

#include "auth/sessions.h"

enum { SO_MFA_CHALLENGE_SECONDS = 300, SO_MFA_UNVERIFIED_SECONDS = 300 };

/* A session of a lasting account is needed: no_authorization, session_not_found. */
int so_mfa_admit(struct so_auth_call *call, struct so_err *err) SO_MUST_CHECK;

/* The factor was passed: the session is at aal2, and grant has all that the answer needs. */
int so_mfa_pass(struct so_auth_call *call, struct so_conn *conn, const struct so_factor *factor, struct so_grant *grant,
                struct so_err *err) SO_MUST_CHECK;
/* The factor goes, and what rested on it: sessions are at aal1 from their next refresh on, and recovery codes are nobody's
 * only factor. */
int so_mfa_remove(struct so_auth_call *call, struct so_conn *conn, const struct so_factor *factor,
                  struct so_err *err) SO_MUST_CHECK;
/* {"factor_id": ...} for the audit log. */
int so_mfa_audit(struct so_auth_call *call, struct so_conn *conn, const char *action, const struct so_factor *factor,
                 struct so_err *err) SO_MUST_CHECK;

#endif
