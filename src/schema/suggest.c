/* suggest.c: did you mean? */
#include "schema/walk.h"

#include "core/distance.h"

struct so_str so_suggest(struct so_str name, struct so_str best, struct so_str candidate)
{
    if (name.n == 0 || so_str_eq(name, candidate))
        return best;
    size_t allowed = name.n < 4 ? 1 : name.n < 9 ? 2 : 3, now = so_distance(name, candidate, so_fold_case);
    if (now > allowed || (best.p != NULL && so_distance(name, best, so_fold_case) <= now))
        return best;
    return candidate;
}
