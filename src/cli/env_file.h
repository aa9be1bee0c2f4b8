/* env_file.h: DIR/.env with fresh keys. */
#ifndef SO_CLI_ENV_FILE_H
#define SO_CLI_ENV_FILE_H

#include "core/err.h"

/* Makes DIR/.env (mode 0600) with a publishable and a secret key unless it is there.  *out_made tells. */
int cli_make_env(const char *dir, bool *out_made, struct so_err *err) SO_MUST_CHECK;

#endif
