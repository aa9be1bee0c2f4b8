/* policy_list.h: `socle policy list`: what the schema files say, or on PostgreSQL what the database has. */
#ifndef SO_CLI_POLICY_LIST_H
#define SO_CLI_POLICY_LIST_H

#include "app/config.h"
#include "db/db.h"
#include "model/model.h"
#include "json/write.h"

void cli_list_files(const struct so_model *model, bool as_json, struct so_buf *out);
/* Of the tables in the schemas that are served. */
int cli_list_database(struct so_conn *conn, const struct so_config *config, bool as_json, struct so_buf *out,
                      struct so_err *err) SO_MUST_CHECK;
/* A policy's text as a member; null when there is none. */
void cli_put_policy(struct so_jw *w, const char *key, struct so_str source);

#endif
