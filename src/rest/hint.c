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

/* On PostgreSQL privileges say who may know of a name; on SQLite the policies do. */
static bool knows(const struct so_rest_plan *p, const struct so_relation *r, const struct so_entity *e)
{
    if (p->schema == NULL)
        return so_entity_policy(e, SO_CMD_SELECT, p->who)->kind != SO_POLICY_DENY;
    return r->schema.p != NULL && so_str_eq(r->schema, p->schema->name) && (r->known_to & so_plan_role_bit(p)) != 0;
}

uint64_t so_plan_role_bit(const struct so_rest_plan *p)
{
    return so_catalog_role_bit(p->snapshot->catalog, so_rest_role(p->settings, p->who));
}

bool so_proc_is_known(const struct so_rest_plan *p, const struct so_proc *f)
{
    return (f->known_to & so_plan_role_bit(p)) != 0;
}

struct so_str so_hint_table(const struct so_rest_plan *p, struct so_str name)
{
    const struct so_catalog *catalog = p->snapshot->catalog;
    struct so_str best = {NULL, 0};
    double best_score = NEAR_ENOUGH;
    for (size_t i = 0; i < catalog->relation_count; i++) {
        const struct so_entity *e = so_snapshot_entity(p->snapshot, catalog->relations[i]);
        if (e == NULL || !knows(p, catalog->relations[i], e))
            continue;
        double score = so_similarity(name, e->relation->name);
        if (score >= best_score && !so_str_eq(name, e->relation->name)) {
            best = e->relation->name;
            best_score = score;
        }
    }
    return best;
}
