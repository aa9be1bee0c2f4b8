/* landing.h: where a browser lands after a flow: the app's URL with a session, a code, or what went wrong, in the parameters
 * that auth-js reads.
 *
 *   init -> any so_landing_query() -> any so_landing_fragment() -> reply, which frees it in any case */
#ifndef SO_AUTH_LANDING_H
#define SO_AUTH_LANDING_H

#include "auth/sessions.h"

struct so_landing {
    struct so_buf url;
};
/* url: one that the allow-list has (auth/letters.h).  Its fragment, if there is one, makes room for ours. */
void so_landing_init(struct so_landing *landing, struct so_str url);
void so_landing_query(struct so_landing *landing, const char *name, struct so_str value);
void so_landing_fragment(struct so_landing *landing, const char *name, struct so_str value);

/* The session in the fragment, where no server gets to see it. */
int so_landing_session(struct so_landing *landing, struct so_auth_call *call, const struct so_grant *grant,
                       struct so_err *err) SO_MUST_CHECK;
/* error, error_code and error_description of a failure that has a row in errors.h; in the fragment, and in the query, too,
 * for apps that wait for a code. */
void so_landing_error(struct so_landing *landing, const struct so_err *failure, bool in_query);

/* 302 or 303 to it. */
int so_landing_reply(struct so_landing *landing, struct so_auth_call *call, int status, struct so_err *err) SO_MUST_CHECK;

#endif
