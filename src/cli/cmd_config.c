/* cmd_config.c: socle config. */
#include <stdio.h>

#include "app/config.h"
#include "cli/cli.h"

static const char HELP[] = "socle config [--json] [DIR]\n\n"
                           "Prints every setting: its value here (secrets masked), its default and what it means.\n"
                           "The environment comes first, then DIR/.env, then the default.\n";

int cmd_config(int argc, char **argv)
{
    bool as_json = false, help;
    const struct cli_option options[] = {{"--json", NULL, &as_json}};
    int plain = cli_parse(argc, argv, options, COUNT_OF(options), HELP, &help);
    if (help)
        return CLI_OK;
    if (plain < 0 || plain > 1)
        return plain < 0 ? CLI_USAGE : cli_usage("config takes one folder at most");
    struct so_config config;
    struct so_err err = SO_ERR_INIT;
    if (so_config_load(plain == 1 ? argv[1] : ".", &config, &err) != SO_OK)
        return cli_fail(&err);
    struct so_buf out;
    so_buf_init(&out, 1 << 20);
    so_config_print(&config, as_json, &out);
    fwrite(out.p, 1, out.len, stdout);
    so_buf_deinit(&out);
    so_config_deinit(&config);
    return CLI_OK;
}
