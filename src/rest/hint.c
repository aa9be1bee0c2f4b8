/* hint.c: "perhaps you meant": the nearest name among those that the caller may read, if it is near enough.
 * Runs only when a request has failed already; its cost grows with the number of tables, a success's does not. */
#include "rest/plan.h"

#include "core/distance.h"

/* As near as the reference asks (PostgREST, Error.hs: getFuzzyHint). */
static const double NEAR_ENOUGH = 0.75;

double so_similarity(struct so_str a, struct so_str b)
{
    size_t longest = so_max_size(a.n, b.n);
    if (longest > SO_DISTANCE_MAX_BYTES || longest == 0)
        return 0; /* longer names get no suggestion */
    return 1.0 - (double)so_distance(a, b, NULL) / (double)longest;
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
