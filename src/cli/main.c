/* main.c: the table of commands. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
    const char *name, *usage, *summary;
    cli_command *run;
} COMMANDS[] = {
    {"init", "init [DIR]", "a new app, with .env and keys made", cmd_init},
    {"dev", "dev [DIR]", "serve; migrate and reload on save", cmd_dev},
    {"serve", "serve [DIR]", "serve, for production", cmd_serve},
    {"migrate", "migrate plan|apply|status [DIR]", "what would change in the database; change it", cmd_migrate},
    {"policy", "policy list|explain [DIR]", "who may do what to which row, and why", cmd_policy},
    {"config", "config [DIR]", "every setting: name, value, default, meaning", cmd_config},
    {"keys", "keys list|rotate|revoke", "the keys that sign tokens: show, turn over, take away", cmd_keys},
    {"user", "user add|list|remove", "accounts: make, show, take away", cmd_user},
    {"jwt", "jwt verify|sign|decode", "tokens: what a signature proves, what a payload shows", cmd_jwt},
    {"json", "json check FILE...", "is it JSON?", cmd_json},
    {"schema", "schema validate|test|bench|explain", "JSON Schema: check instances, run suites, measure, explain a table",
     cmd_schema},
    {"ws", "ws echo --port N [--deflate]", "a WebSocket that answers every message with itself", cmd_ws},
};

static void print_help(FILE *to)
{
    fputs("Socle turns a folder of JSON Schema files into a backend: data, accounts, tokens.\n\n", to);
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++)
        fprintf(to, "  socle %-36s %s\n", COMMANDS[i].usage, COMMANDS[i].summary);
    fputs("\n`socle COMMAND --help` tells more.  DIR is the app's folder; the current one when left out.\n", to);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return CLI_OK;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        puts("socle " SOCLE_VERSION);
        return CLI_OK;
    }
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++)
        if (strcmp(name, COMMANDS[i].name) == 0)
            return COMMANDS[i].run(argc - 1, argv + 1);
    fprintf(stderr, "socle: there is no command \"%s\"\n\n", name);
    print_help(stderr);
    return CLI_USAGE;
}
