/* identity.h: who is asking, as policies and statements see it. */
#ifndef SO_DB_IDENTITY_H
#define SO_DB_IDENTITY_H

#include "core/arena.h"
#include "core/err.h"
#include "core/str.h"

struct so_stmt;

enum so_role {
    SO_ROLE_ANON,
    SO_ROLE_AUTHENTICATED,
    SO_ROLE_SERVICE /* above every policy */
};

struct so_identity {
    enum so_role role;
    struct so_str uid;        /* claim "sub" of a user's token; {NULL,0} for none */
    struct so_str claims;     /* the token's payload as JSON text; {NULL,0} for none */
    struct so_str session_id; /* claim "session_id"; {NULL,0} for none */
    struct so_str role_name;  /* the database's, as the token says it (PostgreSQL); {NULL,0}: that of `role` */
};

/* "anon", "authenticated", "service_role" */
const char *so_role_name(enum so_role role);

/* A copy whose text lives in `arena`. */
int so_identity_copy(const struct so_identity *who, struct so_arena *arena, struct so_identity *out,
                     struct so_err *err) SO_MUST_CHECK;

/* Binds :auth_uid, :auth_role and :auth_jwt where the statement has them. */
void so_identity_bind(const struct so_identity *who, struct so_stmt *st);

#endif
