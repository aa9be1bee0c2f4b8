/* search.h: the full text index of a table with x-search columns: an FTS5 table that holds no text of its own, and three
 * triggers that keep it.
 *
 * The triggers make the index part of every write: cascades, upserts and other programs' writes change it in the same
 * statement, or fail.  It is keyed by rowid, which VACUUM keeps only where a primary key is: so x-search asks for one. */
#ifndef SO_MODEL_SEARCH_H
#define SO_MODEL_SEARCH_H

#include "db/db.h"
#include "model/model.h"
#include "model/place.h"

/* The index of "books" is "_socle_books_fts". */
#define SO_SEARCH_PREFIX "_socle_"
#define SO_SEARCH_SUFFIX "_fts"

/* SO_EINVAL when a property with x-search is none that can be searched. */
int so_search_check(const struct so_table *table, struct so_place *at, struct so_err *err) SO_MUST_CHECK;
/* What of its index the database has, and whether that is all and as it should be. */
struct so_search_state {
    bool wanted, any, fits;
};
/* `name` is the table's in the database; conn is only read. */
int so_search_look(const struct so_table *table, struct so_str name, struct so_conn *conn, struct so_search_state *out,
                   struct so_err *err) SO_MUST_CHECK;

/* Statements separated by ';': make the index and fill it; drop what there is of it. */
void so_search_put_create(struct so_buf *b, const struct so_table *table);
void so_search_put_drop(struct so_buf *b, struct so_str table);

#endif
