/* suggest.c: did you mean? The Damerau-Levenshtein distance (adjacent letters swapped count once), in bytes. */
#include <stdlib.h>

#include "schema/walk.h"

enum { NAME_MAX_BYTES = 64 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

static char fold(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }

static unsigned distance(struct so_str a, struct so_str b)
{
    unsigned rows[3][NAME_MAX_BYTES + 1], *older = rows[0], *old = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        old[j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            unsigned differs = fold(a.p[i - 1]) != fold(b.p[j - 1]);
            row[j] = min3(old[j] + 1, row[j - 1] + 1, old[j - 1] + differs);
            if (i > 1 && j > 1 && fold(a.p[i - 1]) == fold(b.p[j - 2]) && fold(a.p[i - 2]) == fold(b.p[j - 1]) &&
                older[j - 2] + 1 < row[j])
                row[j] = older[j - 2] + 1;
        }
        unsigned *spare = older;
        older = old;
        old = row;
        row = spare;
    }
    return old[b.n];
}

struct so_str so_suggest(struct so_str name, struct so_str best, struct so_str candidate)
{
    if (name.n == 0 || name.n > NAME_MAX_BYTES || candidate.n > NAME_MAX_BYTES || so_str_eq(name, candidate))
        return best;
    unsigned allowed = name.n < 4 ? 1 : name.n < 9 ? 2 : 3, now = distance(name, candidate);
    if (now > allowed || (best.p != NULL && distance(name, best) <= now))
        return best;
    return candidate;
}
