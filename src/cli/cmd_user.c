/* cmd_user.c: socle user add|list|remove: accounts, through the same endpoints that the admin API has (auth/admin.c), so
 * that both check and write alike.  The service runs here; a server on the same database takes turns with it (db/db.h) and
 * hears within a second which tokens it ended. */
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/config.h"
#include "auth/auth.h"
#include "auth/text.h"
#include "cli/cli.h"
#include "core/random.h"
#include "json/write.h"

static const char HELP[] =
    "socle user add EMAIL [--password-stdin] [--role ROLE] [--unconfirmed] [--json] [DIR]\n"
    "    A new account.  The password is the first line of standard input; without one, its owner comes in by a mailed "
    "code\n"
    "    or link.  The address counts as confirmed unless --unconfirmed.\n"
    "socle user list [--json] [DIR]\n"
    "    All accounts, newest first: id, address, last sign-in, state.\n"
    "socle user remove EMAIL|ID [--json] [DIR]\n"
    "    Takes an account away with its sessions, identities and factors; rows of the app's tables stay.\n";

enum { ANSWER_MAX = 64 << 20, MEMORY_MAX = 128 << 20, PAGE = 1000, KEY_BYTES = 24 };

struct command {
    struct so_config config;
    struct so_db *db;
    struct so_auth *auth;
    struct so_arena arena;
    char key[64]; /* of the service role, known to this process only */
    const char *who, *role;
    bool as_json, reads_password, is_unconfirmed;
};

/* ---- the service, in this process ---- */

static void make_key(char out[64])
{
    uint8_t bytes[KEY_BYTES];
    size_t n = (size_t)snprintf(out, 64, "sb_secret_");
    so_random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes) && n + 2 < 64; i++)
        n += (size_t)snprintf(out + n, 64 - n, "%02x", bytes[i]);
}

static int open_auth(struct command *c, struct so_err *err)
{
    const struct so_config *config = &c->config;
    make_key(c->key);
    const struct so_auth_settings settings = {
        .public_url = so_str_c(config->public_url),
        .service_key = so_str_c(c->key),
        .token_lifetime = config->token_lifetime_s,
        .refresh_reuse_seconds = config->refresh_reuse_s,
        .password_min = (size_t)config->password_min,
        .password_cost = {(uint32_t)config->argon2_memory_kib, (uint32_t)config->argon2_passes, 1},
        .autoconfirm = true, /* nothing is mailed from here */
        .audit_days = config->audit_days,
        .weak_secrets_allowed = true, /* whether they are is the server's business */
        .keys_path = config->keys_path,
        .master_key = config->master_key == NULL ? so_str(NULL, 0) : so_str_c(config->master_key),
    };
    return so_auth_open(c->db, &settings, &c->auth, err);
}

static int open_service(struct command *c, struct so_err *err)
{
    int rc = so_app_make_data_folder(&c->config, err);
    if (rc == SO_OK)
        rc = so_db_open(c->config.database_path, NULL, &c->db, err);
    return rc == SO_OK ? open_auth(c, err) : rc;
}

static void run_endpoint(struct command *c, const char *method, struct so_str path, struct so_str query, struct so_str body,
                         int *out_status, struct so_buf *out)
{
    const struct so_auth_in in = {.method = so_str_c(method),
                                  .path = path,
                                  .query = query,
                                  .body = body,
                                  .apikey = so_str_c(c->key),
                                  .api_version = SO_STR("2024-01-01"),
                                  .peer = SO_STR("127.0.0.1"),
                                  .user_agent = SO_STR("socle user")};
    struct so_auth_out answer;
    so_auth_handle(c->auth, &in, &c->arena, &answer, out);
    *out_status = answer.status;
}

/* The answer, in the arena; a refusal becomes an error with its sentence. */
static int ask(struct command *c, const char *method, struct so_str path, struct so_str query, struct so_str body,
               struct so_json *out, struct so_err *err)
{
    struct so_buf text;
    int status = 0;
    so_buf_init(&text, ANSWER_MAX);
    run_endpoint(c, method, path, query, body, &status, &text);
    int rc = so_buf_check(&text, "the answer", err);
    struct so_str copy = rc == SO_OK ? so_arena_dup(&c->arena, so_buf_str(&text)) : (struct so_str){NULL, 0};
    so_buf_deinit(&text);
    if (rc == SO_OK && copy.p == NULL)
        rc = so_err_oom(err);
    if (rc == SO_OK)
        rc = so_json_parse(&c->arena, copy, NULL, out, err);
    if (rc != SO_OK || status < 400)
        return rc;
    return so_fail(err, SO_EINVAL, "%.*s", SO_STR_ARG(so_json_get_str(out, SO_STR("message"))));
}

/* ---- printing ---- */

static struct so_str member(const struct so_json *user, const char *name) { return so_json_get_str(user, so_str_c(name)); }

static const char *state_of(const struct so_json *user)
{
    if (member(user, "deleted_at").n > 0)
        return "deleted";
    if (member(user, "banned_until").n > 0)
        return "banned";
    if (so_json_get(user, SO_STR("is_anonymous"))->type == SO_JSON_TRUE)
        return "anonymous";
    return member(user, "confirmed_at").n > 0 ? "confirmed" : "unconfirmed";
}

static void print_line(const struct so_json *user)
{
    struct so_str last = member(user, "last_sign_in_at"), address = member(user, "email");
    if (address.n == 0)
        address = member(user, "phone");
    printf("%.*s  %-32.*s  %-20.*s  %s\n", SO_STR_ARG(member(user, "id")), (int)address.n, address.n == 0 ? "" : address.p,
           last.n == 0 ? 1 : (int)so_min_size(last.n, 19), last.n == 0 ? "-" : last.p, state_of(user));
}

static int print_json(const struct so_json *value, struct so_err *err)
{
    struct so_buf out;
    struct so_jw w;
    so_buf_init(&out, ANSWER_MAX);
    so_jw_init(&w, &out);
    so_jw_json(&w, value);
    so_buf_putc(&out, '\n');
    int rc = so_buf_check(&out, "the output", err);
    if (rc == SO_OK)
        fwrite(out.p, 1, out.len, stdout);
    so_buf_deinit(&out);
    return rc;
}

static int print_one(const struct command *c, const struct so_json *user, struct so_err *err)
{
    if (c->as_json)
        return print_json(user, err);
    print_line(user);
    return SO_OK;
}

/* ---- list ---- */

/* One page, newest first; users->len < PAGE: the last. */
static int read_page(struct command *c, unsigned page, const struct so_json **out_users, struct so_err *err)
{
    struct so_json *answer = so_alloc_zero(&c->arena, sizeof(*answer));
    struct so_str query = so_arena_printf(&c->arena, "page=%u&per_page=%d", page, PAGE);
    if (answer == NULL || query.p == NULL)
        return so_err_oom(err);
    int rc = ask(c, "GET", SO_STR("/admin/users"), query, SO_STR(""), answer, err);
    if (rc != SO_OK)
        return rc;
    *out_users = so_json_get(answer, SO_STR("users"));
    return *out_users == NULL ? so_fail(err, SO_EIO, "the answer holds no users") : SO_OK;
}

/* With --json one object a line, for any number of accounts. */
static int list(struct command *c, struct so_err *err)
{
    const struct so_json *users = NULL;
    for (unsigned page = 1; users == NULL || users->len == PAGE; page++) {
        so_arena_reset(&c->arena);
        int rc = read_page(c, page, &users, err);
        for (uint32_t i = 0; rc == SO_OK && i < users->len; i++)
            rc = print_one(c, &users->u.items[i], err);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

/* ---- add and remove ---- */

static int read_password(struct so_buf *out, struct so_err *err)
{
    int rc = cli_read("-", out, err);
    struct so_str all = so_buf_str(out), line = {NULL, 0};
    if (rc != SO_OK)
        return rc;
    if (!so_str_split(&all, '\n', &line) || line.n == 0)
        return so_fail(err, SO_EINVAL, "standard input holds no password");
    out->len = line.n;
    return SO_OK;
}

static int add(struct command *c, struct so_err *err)
{
    struct so_buf password, body;
    struct so_json user;
    struct so_jw w;
    so_buf_init(&password, 4096);
    so_buf_init(&body, 16 * 1024);
    int rc = c->reads_password ? read_password(&password, err) : SO_OK;
    so_jw_init(&w, &body);
    so_jw_object(&w);
    so_jw_member_cstr(&w, "email", c->who);
    so_jw_member_bool(&w, "email_confirm", !c->is_unconfirmed);
    if (password.len > 0)
        so_jw_member_str(&w, "password", so_buf_str(&password));
    if (c->role != NULL)
        so_jw_member_cstr(&w, "role", c->role);
    so_jw_end_object(&w);
    if (rc == SO_OK)
        rc = so_buf_check(&body, "the request", err);
    if (rc == SO_OK)
        rc = ask(c, "POST", SO_STR("/admin/users"), so_str(NULL, 0), so_buf_str(&body), &user, err);
    if (rc == SO_OK)
        rc = print_one(c, &user, err);
    so_buf_deinit(&body);
    so_buf_deinit(&password);
    return rc;
}

/* By id, or by address. */
static int find_id(struct command *c, struct so_str *out, struct so_err *err)
{
    const struct so_json *users = NULL;
    struct so_str who = so_str_c(c->who);
    uint8_t bytes[16];
    *out = who;
    if (so_auth_uuid(who, bytes))
        return SO_OK;
    for (unsigned page = 1; users == NULL || users->len == PAGE; page++) {
        so_arena_reset(&c->arena);
        int rc = read_page(c, page, &users, err);
        if (rc != SO_OK)
            return rc;
        for (uint32_t i = 0; i < users->len; i++)
            if (so_str_eq_nocase(member(&users->u.items[i], "email"), who)) {
                *out = member(&users->u.items[i], "id");
                return SO_OK;
            }
    }
    return so_fail(err, SO_ENOTFOUND, "nobody has the address %s", c->who);
}

static int remove_user(struct command *c, struct so_err *err)
{
    struct so_json user, nothing;
    struct so_str id, path = {NULL, 0};
    int rc = find_id(c, &id, err);
    if (rc == SO_OK) {
        path = so_arena_printf(&c->arena, "/admin/users/%.*s", SO_STR_ARG(id));
        rc = path.p == NULL ? so_err_oom(err) : SO_OK;
    }
    if (rc == SO_OK)
        rc = ask(c, "GET", path, so_str(NULL, 0), SO_STR(""), &user, err);
    if (rc == SO_OK)
        rc = ask(c, "DELETE", path, so_str(NULL, 0), SO_STR(""), &nothing, err);
    return rc == SO_OK ? print_one(c, &user, err) : rc;
}

/* ---- the command ---- */

static const struct action {
    const char *name;
    int (*run)(struct command *c, struct so_err *err);
    bool takes_who;
} ACTIONS[] = {
    {"add", add, true},
    {"list", list, false},
    {"remove", remove_user, true},
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(ACTIONS); i++)
        if (strcmp(ACTIONS[i].name, name) == 0)
            return &ACTIONS[i];
    return NULL;
}

static int run(const struct action *action, struct command *c, const char *dir, struct so_err *err)
{
    int rc = so_config_load(dir, &c->config, err);
    so_arena_init(&c->arena, MEMORY_MAX);
    if (rc == SO_OK)
        rc = open_service(c, err);
    if (rc == SO_OK)
        rc = action->run(c, err);
    so_auth_close(c->auth);
    so_db_close(c->db);
    so_arena_deinit(&c->arena);
    so_config_deinit(&c->config);
    return rc;
}

int cmd_user(int argc, char **argv)
{
    struct command c = {.who = NULL};
    bool help;
    const struct cli_option options[] = {{"--json", NULL, &c.as_json},
                                         {"--password-stdin", NULL, &c.reads_password},
                                         {"--unconfirmed", NULL, &c.is_unconfirmed},
                                         {"--role", &c.role, NULL}};
    int plain = cli_parse(argc, argv, options, COUNT_OF(options), HELP, &help);
    if (help)
        return CLI_OK;
    if (plain < 0)
        return CLI_USAGE;
    const struct action *action = plain == 0 ? NULL : find_action(argv[1]);
    if (action == NULL)
        return cli_usage("say what to do with the accounts: add, list or remove (see --help)");
    int words = 1 + action->takes_who;
    if (plain < words)
        return cli_usage("user %s needs an address%s", action->name, action->run == add ? "" : " or an id");
    if (plain > words + 1)
        return cli_usage("user %s takes one folder at most", action->name);
    if (action->run != add && (c.reads_password || c.is_unconfirmed || c.role != NULL))
        return cli_usage("--password-stdin, --unconfirmed and --role go with user add");
    c.who = action->takes_who ? argv[2] : NULL;
    struct so_err err = SO_ERR_INIT;
    return run(action, &c, plain > words ? argv[words + 1] : ".", &err) == SO_OK ? CLI_OK : cli_fail(&err);
}
