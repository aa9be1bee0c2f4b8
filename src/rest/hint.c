/* hint.c: "perhaps you meant": the nearest name among those that the caller may read, if it is near enough.
 * Runs only when a request has failed already; its cost grows with the number of tables, a success's does not. */
#include "rest/plan.h"

/* As near as the reference asks (PostgREST, Error.hs: getFuzzyHint). */
static const double NEAR_ENOUGH = 0.75;
enum { NAME_MAX_BYTES = 64 }; /* longer names get no suggestion */

/* Levenshtein's distance, one row at a time. */
static size_t distance(struct so_str a, struct so_str b)
{
    size_t row[NAME_MAX_BYTES + 1];
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
            diagonal = row[j];
            row[j] = so_min_size(change, so_min_size(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.n];
}

double so_similarity(struct so_str a, struct so_str b)
{
    if (a.n > NAME_MAX_BYTES || b.n > NAME_MAX_BYTES || a.n + b.n == 0)
        return 0;
    return 1.0 - (double)distance(a, b) / (double)so_max_size(a.n, b.n);
}

struct so_str so_hint_table(const struct so_rest_plan *p, struct so_str name)
{
    const struct so_catalog *catalog = p->snapshot->catalog;
    struct so_str best = {NULL, 0};
    double best_score = NEAR_ENOUGH;
    for (size_t i = 0; i < catalog->relation_count; i++) {
        const struct so_entity *e = so_snapshot_find(p->snapshot, catalog->relations[i]->name);
        if (e == NULL || so_entity_policy(e, SO_CMD_SELECT, p->who)->kind == SO_POLICY_DENY)
            continue;
        double score = so_similarity(name, e->relation->name);
        if (score >= best_score && !so_str_eq(name, e->relation->name)) {
            best = e->relation->name;
            best_score = score;
        }
    }
    return best;
}
