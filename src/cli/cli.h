/* cli.h: what the commands share.  Data goes to stdout, talk to stderr. */
#ifndef SO_CLI_CLI_H
#define SO_CLI_CLI_H

#include "core/buf.h"
#include "core/err.h"

/* Exit codes of every command (DESIGN.md section 4). */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* argv[0] is the command's own name.  Returns the exit code. */
typedef int cli_command(int argc, char **argv);
cli_command cmd_init, cmd_dev, cmd_serve, cmd_migrate, cmd_config, cmd_jwt, cmd_json, cmd_keys, cmd_policy, cmd_schema,
    cmd_ws, cmd_user;

/* ---- arguments (args.c) ---- */

struct cli_option {
    const char *name;   /* "--now" */
    const char **value; /* where the next argument goes; NULL for a flag */
    bool *flag;
};

/* Takes the options out of argv and leaves the plain arguments at argv[1 ..]; "--" ends the options.  Returns how many plain
 * arguments there are, or -1 after saying on stderr what was wrong.  "-h" and "--help" print `help` on stdout and set
 * *out_help. */
int cli_parse(int argc, char **argv, const struct cli_option *options, size_t option_count, const char *help,
              bool *out_help);

/* Prints "socle: message" and, when there is one, "  hint" on stderr.  Returns CLI_FAILED. */
int cli_fail(const struct so_err *err);
int cli_usage(const char *format, ...) SO_PRINTF(1, 2); /* the same for a wrong call: CLI_USAGE */

/* The whole file, or stdin for "-".  Says on stderr what went wrong. */
int cli_read(const char *path, struct so_buf *out, struct so_err *err);

/* A line on stderr that is overwritten while work lasts longer than a second; nothing when stderr is no terminal. */
struct cli_progress {
    const char *what;
    long long started_ns, shown_ns;
};
void cli_progress_start(struct cli_progress *p, const char *what);
void cli_progress_step(struct cli_progress *p, unsigned long long done, unsigned long long total); /* total 0: unknown */
void cli_progress_end(struct cli_progress *p);

#endif
