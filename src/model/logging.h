/* logging.h: the change log: a table in the database itself, written by triggers in the transaction of the change, so that
 * what other programs write counts, too.
 *
 *   _socle_changes   seq    the change's number: 1, 2, 3, ... in the order of commits, without holes
 *                    at     when, UTC: 2026-01-01T12:00:00.123Z
 *                    table, op ("INSERT", "UPDATE", "DELETE")
 *                    old, new   the row as SQL literals:  "isbn" '123',"pages" 7,"cover" X'FFD8'
 *
 * The rows are not JSON, since SQLite before 3.41 refuses its JSON functions in triggers where the schema is not trusted
 * (PRAGMA trusted_schema=OFF: every connection of ours, and of careful others); quote() is let through, and keeps integers,
 * doubles and blobs exactly.  (It ends a text at a NUL; requests cannot bring one.)
 * What triggers cannot see: the row that INSERT OR REPLACE of another program removes, unless that has
 * PRAGMA recursive_triggers on. */
#ifndef SO_MODEL_LOGGING_H
#define SO_MODEL_LOGGING_H

#include "core/buf.h"
#include "model/model.h"

#define SO_LOGGING_TABLE                                                                                                    \
    "CREATE TABLE IF NOT EXISTS _socle_changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL,"                   \
    " \"table\" TEXT NOT NULL, op TEXT NOT NULL, old TEXT, new TEXT)"
#define SO_LOGGING_PREFIX "_socle_log_" /* of the triggers' names */

enum { SO_LOGGING_TRIGGERS = 3 };

static inline bool so_logging_wanted(const struct so_model *model, const struct so_table *table)
{
    return model->realtime && table->realtime;
}
/* One trigger of a table's three, as sqlite_schema will show it. */
void so_logging_put(struct so_buf *b, const struct so_table *table, size_t which);

#endif
