/* distance.h: how far apart two names are: for "did you mean".   Never: allocates. */
#ifndef SO_CORE_DISTANCE_H
#define SO_CORE_DISTANCE_H

#include "core/str.h"

enum { SO_DISTANCE_MAX_BYTES = 64 };

/* The Damerau-Levenshtein distance in bytes (adjacent letters swapped count once).  `fold` maps a byte to what it counts as
 * (so_fold_case, or the caller's own); NULL: each for itself.  SIZE_MAX when a name is longer than SO_DISTANCE_MAX_BYTES. */
size_t so_distance(struct so_str a, struct so_str b, char (*fold)(char c));
/* ASCII letters to lower case. */
char so_fold_case(char c);

#endif
