/* config_pgrst.c: what PostgREST's environment says that no setting of ours is for: settings of an app's own for the
 * database (PGRST_APP_SETTINGS_NAME), and what Socle cannot do, which stops the start with a line that says so.
 * Spec: PostgREST, references/configuration.  docs/rest.md lists every name of it. */
#include <string.h>
#include <strings.h>

#include "app/config_int.h"
#include "db/catalog.h"

extern char **environ;

static const struct so_str PREFIX = SO_STR_INIT("PGRST_APP_SETTINGS_");

/* Those that mean what Socle does anyway may be set to `fine`; what does not change an answer (sizes of caches, lifetimes of
 * connections) is not looked at. */
static const struct {
    const char *name, *fine; /* NULL: nothing is */
    const char *instead;
} REFUSED[] = {
    {"PGRST_ADMIN_SERVER_PORT", NULL, "/health/live, /health/ready and /metrics are on the port of the API"},
    {"PGRST_ADMIN_SERVER_UNIX_SOCKET", NULL, "/health/live, /health/ready and /metrics are on the port of the API"},
    {"PGRST_DB_CONFIG", "false", "settings are read from the environment and .env, not from roles of the database"},
    {"PGRST_DB_PRE_CONFIG", NULL, "settings are read from the environment and .env, not from a function of the database"},
    {"PGRST_DB_ROOT_SPEC", NULL, "the root document is Socle's own; SOCLE_OPENAPI_MODE=disabled turns it off"},
    {"PGRST_JWT_SECRET_IS_BASE64", "false", "SOCLE_JWT_SECRET is taken as it is: decode it first"},
    {"PGRST_OPENAPI_SECURITY_ACTIVE", "false", "the root document has no security definitions"},
    {"PGRST_SERVER_TRACE_HEADER", NULL, "answers do not repeat a header of the request"},
    {"PGRST_SERVER_TIMING_ENABLED", "false", "there is no Server-Timing; /metrics counts times"},
    {"PGRST_SERVER_UNIX_SOCKET", NULL, "Socle listens on HOST and PORT only"},
    {"PGRST_URL_USE_LEGACY_TARGET_NAMES", "true", "filters of an embedded resource go by its name or its alias"},
    {"PGRST_CLIENT_ERROR_VERBOSITY", "verbose", "errors always say all"},
};

static int refuse(const struct so_map *values, struct so_err *err)
{
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        const char *value = so_config_get(values, REFUSED[i].name);
        bool same = value != NULL && REFUSED[i].fine != NULL && strcasecmp(value, REFUSED[i].fine) == 0;
        bool flag, fine = false;
        if (value != NULL && REFUSED[i].fine != NULL && so_config_flag(value, &flag) &&
            so_config_flag(REFUSED[i].fine, &fine))
            same = flag == fine;
        if (value != NULL && !same)
            return so_fail(err, SO_EINVAL, "%s is set, but not known here: %s", REFUSED[i].name, REFUSED[i].instead);
    }
    return SO_OK;
}

/* PostgreSQL does not tell capitals apart. */
static int add_app_setting(struct so_config *c, struct so_str name, const char *value, struct so_err *err)
{
    struct so_proc_setting *s = so_alloc(&c->arena, sizeof(*s));
    if (s == NULL)
        return so_err_oom(err);
    *s = (struct so_proc_setting){so_arena_printf(&c->arena, "app.settings.%.*s", SO_STR_ARG(name)),
                                  so_arena_dup(&c->arena, so_str_c(value)), c->app_settings};
    c->app_settings = s;
    return s->name.p == NULL || s->value.p == NULL ? so_err_oom(err) : SO_OK;
}

/* The list is in reverse, so what the environment says is set after what .env says, and counts. */
static int load_app_settings(struct so_config *c, const struct so_map *values, struct so_err *err)
{
    struct so_str name;
    void *value;
    int rc = SO_OK;
    for (char **entry = environ; rc == SO_OK && *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        name = so_str(*entry, equals == NULL ? 0 : (size_t)(equals - *entry));
        if (so_str_starts(name, PREFIX) && name.n > PREFIX.n)
            rc = add_app_setting(c, so_str_slice(name, PREFIX.n, name.n), equals + 1, err);
    }
    for (size_t i = 0; rc == SO_OK && so_map_next(values, &i, &name, &value);)
        if (so_str_starts(name, PREFIX) && name.n > PREFIX.n)
            rc = add_app_setting(c, so_str_slice(name, PREFIX.n, name.n), value, err);
    return rc;
}

int so_config_load_pgrst(struct so_config *c, const struct so_map *values, struct so_err *err)
{
    bool listens = true;
    const char *channel = so_config_get(values, "PGRST_DB_CHANNEL_ENABLED");
    int rc = refuse(values, err);
    if (rc == SO_OK && channel != NULL && !so_config_flag(channel, &listens))
        rc = so_fail(err, SO_EINVAL, "PGRST_DB_CHANNEL_ENABLED is \"%s\", but must be true or false", channel);
    if (!listens)
        c->db_channel = NULL;
    return rc == SO_OK ? load_app_settings(c, values, err) : rc;
}
