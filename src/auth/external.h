/* external.h: somebody whom a provider vouches for becomes a user here, or joins one.
 *
 *   known identity              -> its user
 *   verified address, no user   -> a new user
 *   verified address of a user  -> that user, if the user's own mailbox was proven, too; otherwise the account is emptied
 *                                  first: whoever made it need not be who has the mailbox
 *   no verified address         -> refused, unless the provider's settings say that none is needed */
#ifndef SO_AUTH_EXTERNAL_H
#define SO_AUTH_EXTERNAL_H

#include "auth/profile.h"
#include "auth/providers.h"
#include "auth/sessions.h"

struct so_external {
    struct so_auth_call *call;
    const struct so_provider *provider;
    struct so_profile profile;
    struct so_str link_to;        /* id of the user who asked for the link; {NULL,0}: a sign-in */
    struct so_str code_challenge; /* {NULL,0}: the session comes at once */
    struct so_str code_challenge_method;
    struct so_str provider_token, provider_refresh_token; /* handed on to the app */

    /* results: with a challenge the auth code, else the session */
    struct so_grant grant;
    struct so_str auth_code;
};

/* Whether call->user may link and unlink identities: manual_linking_disabled; insufficient_aal at aal1 of an account with a
 * second factor, as for a new password. */
int so_external_may_link(const struct so_auth_call *call, struct so_err *err) SO_MUST_CHECK;

/* One transaction. */
int so_external_sign_in(struct so_external *external, struct so_err *err) SO_MUST_CHECK;

#endif
