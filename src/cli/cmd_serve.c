/* cmd_serve.c: socle serve and socle dev: the same server, strict for production, helpful in development. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/env_file.h"
#include "cli/serving.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"

static const char HELP_SERVE[] =
    "socle serve [DIR] [--migrate]\n\n"
    "Serves the app in DIR.  Stops at once when a setting is wrong, a key is weak, or the database does not fit the schema "
    "files\n"
    "(--migrate first makes the changes that lose no data).  SIGHUP reloads the schema files, SIGTERM stops gracefully.\n";
static const char HELP_DEV[] =
    "socle dev [DIR]\n\n"
    "Serves the app in DIR for development: makes .env with keys when there is none, fits the database to the\n"
    "schema files (never losing data), loads seed/ into empty tables, and does so again when a file is saved.\n";

static void say_how_to_start(const struct so_config *config)
{
    fprintf(stderr,
            "try:  curl '%s%s/' -H 'apikey: %s'\n"
            "or:   createClient('%s', '%s')\n",
            config->public_url, config->rest_path, config->anon_key, config->public_url, config->anon_key);
}

static int seed(struct so_app *app, struct so_err *err)
{
    size_t rows = 0;
    long long from = so_clock_mono_ns();
    int rc = so_app_seed(app, &rows, err);
    if (rc == SO_OK && rows > 0)
        so_log(SO_LOG_INFO, "loaded %zu seed rows in %.1f ms", rows, (double)(so_clock_mono_ns() - from) / 1e6);
    return rc;
}

static int serve(const char *dir, bool dev, bool migrate)
{
    long long started_ns = so_clock_mono_ns();
    struct so_config config = {0};
    struct so_app *app = NULL;
    struct so_err err = SO_ERR_INIT;
    bool made = false;
    int rc = so_fs_is_directory(dir) ? SO_OK : so_fail(&err, SO_ENOTFOUND, "there is no folder %s", dir);
    if (rc == SO_OK && dev)
        rc = cli_make_env(dir, &made, &err);
    if (rc == SO_OK)
        rc = so_config_load(dir, &config, &err);
    config.development = dev;
    if (rc == SO_OK && !dev)
        rc = so_config_check_production(&config, &err);
    if (rc == SO_OK) {
        so_log_setup((enum so_log_level)config.log_level, (enum so_log_format)config.log_format);
        if (made)
            so_log(SO_LOG_INFO, "made keys in %s/.env", dir);
        rc = so_app_open(&config, dev || migrate ? SO_MIGRATE_SAFE : SO_MIGRATE_REFUSE, &app, &err);
    }
    if (rc == SO_OK && dev)
        rc = seed(app, &err);
    int code;
    if (rc == SO_OK) {
        if (dev && config.anon_key != NULL)
            say_how_to_start(&config);
        code = cli_serve(app, &config, dev, started_ns);
    } else {
        code = cli_fail(&err);
    }
    so_app_close(app);
    so_config_deinit(&config);
    return code;
}

int cmd_serve(int argc, char **argv)
{
    bool migrate = false, help;
    const struct cli_option options[] = {{"--migrate", NULL, &migrate}};
    int plain = cli_parse(argc, argv, options, COUNT_OF(options), HELP_SERVE, &help);
    if (help)
        return CLI_OK;
    if (plain < 0 || plain > 1)
        return plain < 0 ? CLI_USAGE : cli_usage("serve takes one folder at most");
    return serve(plain == 1 ? argv[1] : ".", false, migrate);
}

int cmd_dev(int argc, char **argv)
{
    bool help;
    int plain = cli_parse(argc, argv, NULL, 0, HELP_DEV, &help);
    if (help)
        return CLI_OK;
    if (plain < 0 || plain > 1)
        return plain < 0 ? CLI_USAGE : cli_usage("dev takes one folder at most");
    return serve(plain == 1 ? argv[1] : ".", true, true);
}
