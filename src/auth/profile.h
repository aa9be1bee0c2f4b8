/* profile.h: who somebody is at a provider, in the words that the reference keeps: identity_data of PROTOCOL.md section 2.5.
 * Never: blocks. */
#ifndef SO_AUTH_PROFILE_H
#define SO_AUTH_PROFILE_H

#include "core/arena.h"
#include "core/err.h"
#include "json/json.h"

struct so_profile {
    struct so_str subject;
    struct so_str email; /* lower case; {NULL,0}: none that looks like one */
    bool email_verified; /* by the provider */
    struct so_str data;  /* JSON text of an object */
};

/* From the claims of an ID token (OpenID Connect Core section 5.1) and, for those that it does not have, the answer of the
 * userinfo endpoint (NULL: not asked).  SO_EDENIED when that is somebody else's. */
int so_profile_of_claims(const struct so_json *claims, const struct so_json *userinfo, struct so_arena *arena,
                         struct so_profile *out, struct so_err *err) SO_MUST_CHECK;

/* From GitHub's GET /user and GET /user/emails: the primary address counts. */
int so_profile_of_github(struct so_str api, const struct so_json *user, const struct so_json *emails, struct so_arena *arena,
                         struct so_profile *out, struct so_err *err) SO_MUST_CHECK;

#endif
