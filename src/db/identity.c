/* identity.c: who is asking, bound to a statement's named parameters. */
#include "db/identity.h"

#include "db/db.h"

const char *so_role_name(enum so_role role)
{
    static const char *const NAMES[] = {
        [SO_ROLE_ANON] = "anon", [SO_ROLE_AUTHENTICATED] = "authenticated", [SO_ROLE_SERVICE] = "service_role"};
    return NAMES[role];
}

void so_identity_bind(const struct so_identity *who, struct so_stmt *st)
{
    const struct {
        const char *parameter;
        struct so_str value;
    } PARAMETERS[] = {
        {":auth_uid", who->uid},
        {":auth_role", so_str_c(so_role_name(who->role))},
        {":auth_jwt", who->claims},
    };
    for (size_t i = 0; i < COUNT_OF(PARAMETERS); i++) {
        int position = so_stmt_parameter(st, PARAMETERS[i].parameter);
        if (position > 0)
            so_stmt_bind_text(st, position, PARAMETERS[i].value);
    }
}

int so_identity_copy(const struct so_identity *who, struct so_arena *arena, struct so_identity *out, struct so_err *err)
{
    struct so_identity copy = *who;
    struct so_str *const TEXTS[] = {&copy.role_name, &copy.uid, &copy.claims, &copy.session_id};
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        if (TEXTS[i]->p == NULL)
            continue;
        *TEXTS[i] = so_arena_dup(arena, *TEXTS[i]);
        if (TEXTS[i]->p == NULL)
            return so_err_oom(err);
    }
    *out = copy;
    return SO_OK;
}
