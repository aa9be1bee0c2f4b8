/* args.c: options, errors, files and progress for all commands. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/clock.h"
#include "core/fs.h"

static const struct cli_option *find_option(const struct cli_option *options, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

int cli_parse(int argc, char **argv, const struct cli_option *options, size_t option_count, const char *help, bool *out_help)
{
    int plain = 0;
    bool ended = false;
    *out_help = false;
    for (int i = 1; i < argc; i++) {
        char *arg = argv[i];
        if (!ended && (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0)) {
            fputs(help, stdout);
            *out_help = true;
            return 0;
        } else if (!ended && strcmp(arg, "--") == 0) {
            ended = true;
        } else if (ended || strncmp(arg, "--", 2) != 0) {
            argv[++plain] = arg; /* with one dash, too: the kid of a key may begin with it */
        } else {
            const struct cli_option *option = find_option(options, option_count, arg);
            if (option == NULL) {
                cli_usage("unknown option %s (see --help)", arg);
                return -1;
            }
            if (option->flag != NULL) {
                *option->flag = true;
            } else if (i + 1 < argc) {
                *option->value = argv[++i];
            } else {
                cli_usage("%s needs a value (see --help)", arg);
                return -1;
            }
        }
    }
    return plain;
}

int cli_fail(const struct so_err *err)
{
    fprintf(stderr, "socle: %s\n", err->message);
    if (err->details[0] != '\0')
        fprintf(stderr, "  %s\n", err->details);
    if (err->hint[0] != '\0')
        fprintf(stderr, "  %s\n", err->hint);
    return CLI_FAILED;
}

int cli_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("socle: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return CLI_USAGE;
}

int cli_read(const char *path, struct so_buf *out, struct so_err *err)
{
    if (strcmp(path, "-") == 0)
        return so_fs_read_fd(STDIN_FILENO, "stdin", out, err);
    return so_fs_read(path, out, err);
}

/* ---- progress ---- */

#define SECOND_NS 1000000000LL

void cli_progress_start(struct cli_progress *p, const char *what)
{
    *p = (struct cli_progress){what, so_clock_mono_ns(), 0};
}

void cli_progress_step(struct cli_progress *p, unsigned long long done, unsigned long long total)
{
    long long now = so_clock_mono_ns();
    if (now - p->started_ns < SECOND_NS || now - p->shown_ns < SECOND_NS / 5 || !isatty(STDERR_FILENO))
        return;
    p->shown_ns = now;
    if (total > 0)
        fprintf(stderr, "\r%s: %llu of %llu ", p->what, done, total);
    else
        fprintf(stderr, "\r%s: %llu ", p->what, done);
    fflush(stderr);
}

void cli_progress_end(struct cli_progress *p)
{
    if (p->shown_ns > 0)
        fprintf(stderr, "\r\033[K");
}
