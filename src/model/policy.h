/* policy.h: policies as the loader reads them, and proved against the database that they will guard. */
#ifndef SO_MODEL_POLICY_H
#define SO_MODEL_POLICY_H

#include "db/db.h"
#include "model/model.h"

/* "select" ... for enum so_command, then "check". */
const char *so_policy_name(size_t i);
/* Fills table->policies, check and has_policies.  policies may be NULL: then everything is denied. */
int so_policies_read(const struct so_json *policies, struct so_arena *arena, struct so_table *table,
                     struct so_err *err) SO_MUST_CHECK;

/* Whether SQLite understands `policy` (one of table's) over the real table.  SO_EINVAL with file and pointer. */
int so_policy_check(struct so_conn *conn, const struct so_table *table, const struct so_policy *policy,
                    struct so_err *err) SO_MUST_CHECK;
/* guard.c: puts the caller's policies in front of the tables that `policy` reads: for one that belongs to no table, against
 * a model that is loaded.  The result is in `arena`. */
int so_policy_guard(const struct so_model *model, struct so_arena *arena, struct so_policy *policy,
                    struct so_err *err) SO_MUST_CHECK;
/* functions.c: whether SQLite understands a function's statement.  SO_EINVAL with its file. */
int so_function_check(const struct so_function *function, const struct so_model *model, struct so_conn *conn,
                      struct so_err *err) SO_MUST_CHECK;
/* All policies and x-default expressions and functions of the model: after a migration, and at every start. */
int so_model_check(const struct so_model *model, struct so_conn *conn, struct so_err *err) SO_MUST_CHECK;

#endif
