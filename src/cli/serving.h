/* serving.h: run an app until a signal ends it. */
#ifndef SO_CLI_SERVING_H
#define SO_CLI_SERVING_H

#include "app/app.h"

/* Serves `app`, which is open: starts it, prints where it listens, reloads on SIGHUP (and, with `watch`, when a schema file
 * changes), stops on SIGTERM and SIGINT.  Closes nothing.  Returns the exit code. */
int cli_serve(struct so_app *app, const struct so_config *config, bool watch, long long started_ns);

#endif
