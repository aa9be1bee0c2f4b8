/* reply.h: the forms of an answer: JSON, nothing, or an error in the dialect the client asked for (PROTOCOL.md section 2.2).
 */
#ifndef SO_AUTH_REPLY_H
#define SO_AUTH_REPLY_H

#include "auth/auth_int.h"

/* Starts a JSON answer: w writes into the call's body. */
void so_reply_begin(struct so_auth_call *call, int status, struct so_jw *w);
void so_reply_user(struct so_auth_call *call, const struct so_user *user);        /* 200 */
void so_reply_empty_object(struct so_auth_call *call);                            /* 200 {} */
void so_reply_page(struct so_auth_call *call);                                    /* 200, HTML: the caller writes it */
void so_reply_redirect(struct so_auth_call *call, int status, struct so_str url); /* 302, 303 */
void so_reply_nothing(struct so_auth_call *call);                                 /* 204 */
/* `name` is a literal; `value` must live as long as the answer. */
void so_reply_header(struct so_auth_out *out, const char *name, struct so_str value);
/* The object {"reasons":["length"]}. */
void so_reply_put_weak_password(struct so_jw *w, struct so_str reason);

/* Replaces whatever was answered so far.  A failure that is not the client's keeps its reason for the log: out->failure. */
void so_reply_error(struct so_auth_call *call, const struct so_err *err);

#endif
