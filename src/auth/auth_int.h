/* auth_int.h: what the files of this module share: the service, and one request being answered. */
#ifndef SO_AUTH_AUTH_INT_H
#define SO_AUTH_AUTH_INT_H

#include "auth/auth.h"
#include "auth/issuers.h"
#include "auth/keys.h"
#include "auth/limits.h"
#include "auth/mail_templates.h"
#include "auth/params.h"
#include "auth/revoked.h"
#include "auth/session_rows.h"
#include "auth/users.h"

struct so_auth {
    struct so_db *db;
    struct so_arena arena; /* of the settings' copies */
    struct so_auth_settings settings;
    struct so_str issuer; /* public_url + "/auth/v1" */
    struct so_mail_templates templates;
    struct so_str password_dummy; /* a hash that no password has, as costly as a real one */
    struct so_auth_keys *keys;
    struct so_auth_revoked revoked;
    struct so_conn *watching; /* reads what other processes revoked */
    struct so_auth_limits limits;
    struct so_providers providers;
    struct so_issuers issuers;
};

struct so_auth_call {
    struct so_auth *auth;
    const struct so_auth_in *in;
    struct so_arena *arena;
    struct so_auth_out *out;
    struct so_buf *body;

    int64_t now_us; /* one instant for the whole request */
    struct so_str now;
    struct so_auth_params params;         /* the body's members */
    struct so_str id;                     /* what {id} in the path stands for, lower case */
    struct so_str second_id;              /* and a second one */
    struct so_user user;                  /* who asks, on endpoints for users; id.p == NULL elsewhere */
    struct so_str session_id;             /* of that user's token; {NULL,0} for a token without session */
    struct so_session session;            /* that session; zeros without one */
    bool by_admin;                        /* the service role asks */
    struct so_str traits;                 /* of the next line of the audit log, JSON; {NULL,0}: none */
    struct so_auth_revoked_batch revoked; /* what the transaction ends */
    struct so_mail mails[2];              /* to be posted after the commit */
    size_t mail_count;
    struct so_str allow; /* with 405: the methods that the path takes */
    int64_t retry_after; /* seconds, with 429 and 503 */
};

/* A transaction of this request.  What it ended (call->revoked) is refused everywhere before this returns. */
int so_auth_write(struct so_auth_call *call, int (*run)(void *arg, struct so_conn *conn, struct so_err *err), void *arg,
                  struct so_err *err) SO_MUST_CHECK;

/* Counts the request for its peer: over_request_rate_limit when there were too many. */
int so_auth_limit(struct so_auth_call *call, enum so_auth_limit limit, struct so_err *err) SO_MUST_CHECK;

/* One line of auth_audit_log with call->traits, inside a transaction (audit.c).  user_id: whom it is about. */
int so_auth_audit(struct so_auth_call *call, struct so_conn *conn, const char *action, struct so_str user_id,
                  struct so_err *err) SO_MUST_CHECK;

/* role_claim.c: {NULL,0} when there is none. */
struct so_str so_auth_role_claim(const struct so_json *claims, struct so_str path);

#endif
