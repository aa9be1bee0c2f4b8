/* logout.c: POST /logout: ends sessions of the user who asks. */
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/reply.h"
#include "auth/sessions.h"
#include "auth/text.h"

static const struct {
    const char *name;
    enum so_session_scope scope;
} SCOPES[] = {
    {"global", SO_SESSION_ALL},
    {"", SO_SESSION_ALL},
    {"local", SO_SESSION_THIS},
    {"others", SO_SESSION_OTHERS},
};

struct logout {
    struct so_auth_call *call;
    enum so_session_scope scope;
};

static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct logout *logout = arg;
    struct so_auth_call *call = logout->call;
    int rc = so_session_end(call, conn, logout->scope, call->user.id, call->session_id, err);
    return rc == SO_OK ? so_auth_audit(call, conn, "logout", call->user.id, err) : rc;
}

int so_logout(struct so_auth_call *call, struct so_err *err)
{
    struct logout logout = {.call = call};
    struct so_str name = so_auth_query(call->in->query, "scope", call->arena);
    size_t i = 0;
    while (i < COUNT_OF(SCOPES) && !so_str_eq_c(name, SCOPES[i].name))
        i++;
    if (i == COUNT_OF(SCOPES))
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Unsupported logout scope \"%.*s\"", (int)so_min_size(name.n, 32),
                                 name.p);
    /* A token without session cannot mean one. */
    logout.scope = call->session_id.n == 0 ? SO_SESSION_ALL : SCOPES[i].scope;
    int rc = so_auth_write(call, run, &logout, err);
    if (rc == SO_OK)
        so_reply_nothing(call);
    return rc;
}
