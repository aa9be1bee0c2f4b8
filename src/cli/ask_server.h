/* ask_server.h: one HTTP request to the server of this app on this machine, for commands that find the database in use. */
#ifndef SO_CLI_ASK_SERVER_H
#define SO_CLI_ASK_SERVER_H

#include "app/config.h"

/* With the service key; `target` is path and query, `body` JSON or {NULL,0}.  Appends the answer's body.   Blocks, at most
 * half a minute.  SO_EIO when no server answers, SO_EDENIED when there is no service key to ask with. */
int cli_ask_server(const struct so_config *config, const char *method, struct so_str target, struct so_str body,
                   int *out_status, struct so_buf *out, struct so_err *err) SO_MUST_CHECK;

#endif
