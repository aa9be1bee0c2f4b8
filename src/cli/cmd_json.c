/* cmd_json.c: socle json check. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "json/json.h"

static const char HELP[] =
    "socle json check FILE...\n\n"
    "Prints a line per file: \"FILE: valid\" or \"FILE: invalid: reason at byte N\" (the name only when there are\n"
    "several files; - is stdin).  Strict RFC 8259.  Members of the same name are legal JSON, but are reported on\n"
    "stderr.  Exit 0 when all are valid, 1 when one is not, 2 when one cannot be read.\n";

enum { FILE_MAX = 1 << 30, ARENA_FACTOR = 40 };

static bool is_valid(struct so_str text, const char *path, struct so_err *err)
{
    struct so_arena arena;
    struct so_json value;
    so_arena_init(&arena, (size_t)FILE_MAX * ARENA_FACTOR);
    const struct so_json_options strict = {.reject_duplicates = true}, plain = {.reject_duplicates = false};
    struct so_err duplicate = SO_ERR_INIT;
    bool valid = so_json_parse(&arena, text, &plain, &value, err) == SO_OK;
    so_arena_reset(&arena);
    if (valid && so_json_parse(&arena, text, &strict, &value, &duplicate) != SO_OK)
        fprintf(stderr, "socle: %s: %s at byte %zu\n", path, duplicate.message, duplicate.at);
    so_arena_deinit(&arena);
    return valid;
}

static int check_file(const char *path, bool show_name)
{
    struct so_buf text;
    struct so_err err = SO_ERR_INIT;
    so_buf_init(&text, FILE_MAX);
    int code = CLI_OK;
    if (cli_read(path, &text, &err) != SO_OK) {
        cli_fail(&err);
        code = CLI_USAGE;
    } else {
        if (show_name)
            printf("%s: ", path);
        if (is_valid(so_buf_str(&text), path, &err)) {
            puts("valid");
        } else {
            printf("invalid: %s at byte %zu\n", err.message, err.at == SO_ERR_NOWHERE ? 0 : err.at);
            code = CLI_FAILED;
        }
    }
    so_buf_deinit(&text);
    return code;
}

int cmd_json(int argc, char **argv)
{
    bool help;
    int plain = cli_parse(argc, argv, NULL, 0, HELP, &help);
    if (help)
        return CLI_OK;
    if (plain < 0)
        return CLI_USAGE;
    if (plain < 2 || strcmp(argv[1], "check") != 0)
        return cli_usage("json check takes at least one file (see socle json --help)");
    int worst = CLI_OK;
    for (int i = 2; i <= plain; i++) {
        int code = check_file(argv[i], plain > 2);
        worst = code > worst ? code : worst;
    }
    return worst;
}
