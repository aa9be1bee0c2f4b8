/* distance.c: the optimal string alignment, with three rows instead of a table. */
#include "core/distance.h"

static char same(char c) { return c; }

char so_fold_case(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }

size_t so_distance(struct so_str a, struct so_str b, char (*fold)(char c))
{
    size_t rows[3][SO_DISTANCE_MAX_BYTES + 1], *older = rows[0], *old = rows[1], *row = rows[2];
    if (a.n > SO_DISTANCE_MAX_BYTES || b.n > SO_DISTANCE_MAX_BYTES)
        return SIZE_MAX;
    if (fold == NULL)
        fold = same;
    for (size_t j = 0; j <= b.n; j++)
        old[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        char here = fold(a.p[i - 1]);
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char there = fold(b.p[j - 1]);
            row[j] = so_min_size(so_min_size(old[j], row[j - 1]) + 1, old[j - 1] + (here != there));
            if (i > 1 && j > 1 && here == fold(b.p[j - 2]) && fold(a.p[i - 2]) == there)
                row[j] = so_min_size(row[j], older[j - 2] + 1);
        }
        size_t *spare = older;
        older = old;
        old = row;
        row = spare;
    }
    return old[b.n];
}
