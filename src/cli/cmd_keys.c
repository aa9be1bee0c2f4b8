/* cmd_keys.c: socle keys list|rotate|revoke. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/config.h"
#include "auth/key_file.h"
#include "cli/cli.h"
#include "core/clock.h"
#include "core/fs.h"
#include "json/write.h"

static const char HELP[] =
    "socle keys list [--json] [DIR]\n"
    "    Shows the keys that sign and verify access tokens: kid, algorithm, state, since when.\n"
    "socle keys rotate [--alg ES256|EdDSA|RS256] [DIR]\n"
    "    The next key signs from now on, the current one only verifies what it signed, and a new next key is published.  "
    "Nobody is\n"
    "    signed out.  --alg is the new key's algorithm; it signs after the rotation that follows.\n"
    "socle keys revoke KID [DIR]\n"
    "    Takes a key away (the beginning of its kid is enough): access tokens that it signed are refused from now on, and "
    "their\n"
    "    owners' clients get new ones with their refresh tokens.  For a key that somebody else may have.\n"
    "\n"
    "A running server notices within a second; SIGHUP makes it look at once.  With SOCLE_MASTER_KEY the file is sealed.\n";

struct command {
    struct so_config config;
    struct so_key_file file;
    const char *alg;
    const char *kid;
    bool as_json;
};

static struct so_str master_of(const struct command *c)
{
    return c->config.master_key == NULL ? so_str(NULL, 0) : so_str_c(c->config.master_key);
}

static int save(struct command *c, struct so_err *err)
{
    return so_key_file_write(c->config.keys_path, master_of(c), &c->file, true, err);
}

/* ---- list ---- */

static void put_time(int64_t since, char *out, size_t size)
{
    time_t seconds = (time_t)since;
    struct tm utc;
    if (since == 0 || gmtime_r(&seconds, &utc) == NULL || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, size, "-");
}

static int list(struct command *c, struct so_err *err)
{
    struct so_buf out;
    struct so_jw w;
    so_buf_init(&out, 1 << 16);
    so_jw_init(&w, &out);
    if (c->as_json)
        so_jw_array(&w);
    for (size_t i = 0; i < c->file.count; i++) {
        const struct so_key_entry *entry = &c->file.entries[i];
        char since[32];
        put_time(entry->since, since, sizeof(since));
        if (!c->as_json) {
            so_buf_printf(&out, "%-45.*s %-7s %-9s %s\n", SO_STR_ARG(so_jwk_kid(entry->key)),
                          so_jws_alg_name(so_jwk_alg(entry->key)), so_key_state_name(entry->state), since);
            continue;
        }
        so_jw_object(&w);
        so_jw_member_str(&w, "kid", so_jwk_kid(entry->key));
        so_jw_member_cstr(&w, "alg", so_jws_alg_name(so_jwk_alg(entry->key)));
        so_jw_member_cstr(&w, "state", so_key_state_name(entry->state));
        so_jw_member_cstr(&w, "since", entry->since == 0 ? NULL : since);
        so_jw_end_object(&w);
    }
    if (c->as_json) {
        so_jw_end_array(&w);
        so_buf_putc(&out, '\n');
    }
    int rc = so_buf_check(&out, "the list", err);
    if (rc == SO_OK)
        fwrite(out.p, 1, out.len, stdout);
    so_buf_deinit(&out);
    return rc;
}

/* ---- rotate and revoke ---- */

static int rotate(struct command *c, struct so_err *err)
{
    enum so_jws_alg alg = c->alg == NULL ? SO_ALG_NONE : so_jws_alg_find(so_str_c(c->alg));
    if (c->alg != NULL && alg < SO_ALG_RS256)
        return so_fail(err, SO_EINVAL, "\"%s\" is no algorithm to sign access tokens with: ES256, EdDSA and RS256 are",
                       c->alg);
    int rc = so_key_file_rotate(&c->file, alg, so_clock_now(), err);
    if (rc == SO_OK)
        rc = save(c, err);
    return rc == SO_OK ? list(c, err) : rc;
}

static int revoke(struct command *c, struct so_err *err)
{
    int rc = so_key_file_revoke(&c->file, so_str_c(c->kid), so_clock_now(), err);
    if (rc == SO_OK)
        rc = save(c, err);
    return rc == SO_OK ? list(c, err) : rc;
}

/* ---- the command ---- */

static const struct action {
    const char *name;
    int (*run)(struct command *c, struct so_err *err);
    bool takes_kid, takes_alg;
} ACTIONS[] = {
    {"list", list, false, false},
    {"rotate", rotate, false, true},
    {"revoke", revoke, true, false},
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
    if (rc == SO_OK && !so_fs_exists(c->config.keys_path))
        rc = so_fail(err, SO_ENOTFOUND, "there is no key file %s yet: `socle init` and the first start make it",
                     c->config.keys_path);
    if (rc == SO_OK)
        rc = so_key_file_read(c->config.keys_path, master_of(c), &c->file, err);
    if (rc == SO_OK)
        rc = action->run(c, err);
    so_key_file_clear(&c->file);
    so_config_deinit(&c->config);
    return rc;
}

int cmd_keys(int argc, char **argv)
{
    struct command c = {.alg = NULL};
    bool help;
    const struct cli_option options[] = {{"--json", NULL, &c.as_json}, {"--alg", &c.alg, NULL}};
    int plain = cli_parse(argc, argv, options, COUNT_OF(options), HELP, &help);
    if (help)
        return CLI_OK;
    if (plain < 0)
        return CLI_USAGE;
    const struct action *action = plain == 0 ? NULL : find_action(argv[1]);
    if (action == NULL)
        return cli_usage("say what to do with the keys: list, rotate or revoke (see --help)");
    int words = 1 + action->takes_kid; /* the action, and the key */
    if (plain < words)
        return cli_usage("keys revoke needs the kid of a key: `socle keys list` shows them");
    if (plain > words + 1)
        return cli_usage("keys %s takes one folder at most", action->name);
    if (c.alg != NULL && !action->takes_alg)
        return cli_usage("--alg goes with keys rotate");
    c.kid = action->takes_kid ? argv[2] : NULL;
    struct so_err err = SO_ERR_INIT;
    return run(action, &c, plain > words ? argv[words + 1] : ".", &err) == SO_OK ? CLI_OK : cli_fail(&err);
}
