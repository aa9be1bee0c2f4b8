/* tokens.h: the access token and the session object around it (PROTOCOL.md sections 4.1 and 2.5). */
#ifndef SO_AUTH_TOKENS_H
#define SO_AUTH_TOKENS_H

#include "auth/sessions.h"

/* Appends the access token. */
int so_token_sign(struct so_auth_call *call, const struct so_grant *grant, struct so_buf *out,
                  struct so_err *err) SO_MUST_CHECK;

/* Answers 200 with the session.  weak_reason: "length" when the password just used is weak by today's rules, else NULL. */
int so_token_reply(struct so_auth_call *call, const struct so_grant *grant, const char *weak_reason,
                   struct so_err *err) SO_MUST_CHECK;

#endif
