/* oauth_state.h: a sign-in that went to a provider and has not come back: the table auth_oauth_states.
 *
 * The state, a random text, goes to the provider and comes back.  The table keeps only its hash, and what binds the flow is
 * made of it: the verifier and the nonce towards the provider, and the browser's cookie.  So whoever reads the database can
 * finish nobody's sign-in.   Blocks. */
#ifndef SO_AUTH_OAUTH_STATE_H
#define SO_AUTH_OAUTH_STATE_H

#include "auth/auth_int.h"

enum { SO_OAUTH_STATE_S = 600 }; /* seconds that a person has at the provider */

/* Absent texts are {NULL,0}. */
struct so_oauth_state {
    struct so_str provider, redirect_to;
    struct so_str code_challenge, code_challenge_method; /* of the app that asked */
    struct so_str link_to;                               /* id of the user who asked for a link */
    struct so_str created_at;
};
int so_oauth_state_put(struct so_auth_call *call, const struct so_oauth_state *state, struct so_str *out_text,
                       struct so_err *err) SO_MUST_CHECK;
/* Takes it out: who comes second finds nothing.  bad_oauth_state when there is none, or it is too old. */
int so_oauth_state_take(struct so_auth_call *call, struct so_str text, struct so_oauth_state *out,
                        struct so_err *err) SO_MUST_CHECK;

enum so_oauth_secret { SO_OAUTH_VERIFIER, SO_OAUTH_NONCE, SO_OAUTH_BROWSER };
int so_oauth_secret(struct so_auth_call *call, struct so_str text, enum so_oauth_secret which, struct so_str *out,
                    struct so_err *err) SO_MUST_CHECK;

#endif
