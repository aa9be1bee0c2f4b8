/* match.h: `like` and `match` filters outside of SQL, as so_like(), so_ilike() and so_regex() do it there (match.c). */
#ifndef SO_DB_MATCH_H
#define SO_DB_MATCH_H

#include "core/err.h"
#include "core/str.h"

/* LIKE as in PostgreSQL.   Never: allocates. */
bool so_db_like(struct so_str pattern, struct so_str text, bool folds_case);

/* A regular expression, with a bound on the work that one match may take. */
struct so_db_regex; /* one thread at a time */

/* SO_EDB with 2201B when the pattern is none, SO_ENOMEM. */
int so_db_regex_new(struct so_str pattern, bool folds_case, struct so_db_regex **out, struct so_err *err) SO_MUST_CHECK;
void so_db_regex_free(void *regex); /* a struct so_db_regex; NULL is fine */
bool so_db_regex_folds(const struct so_db_regex *regex);
/* SO_ELIMIT with 54001 when the match takes too long. */
int so_db_regex_match(struct so_db_regex *regex, struct so_str text, bool *out, struct so_err *err) SO_MUST_CHECK;

#endif
