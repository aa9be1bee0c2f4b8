/* embed.c: which relationship between two tables select=books(...) means (PostgREST, Plan.hs: findRel).
 *
 *   a foreign key of the parent       many-to-one, or one-to-one when its columns are unique
 *   a foreign key that leads here     one-to-many, or one-to-one
 *   two foreign keys of a third table whose primary key holds both: many-to-many
 *
 * The work depends on the keys of the parent and of its neighbours, not on the number of tables. */
#include <stdlib.h>

#include "rest/errors.h"
#include "rest/plan.h"
#include "rest/text.h"

/* More than these are as ambiguous as these. */
enum { FOUND_MAX = 8 };

struct search {
    struct so_rest_plan *plan;
    const struct so_entity *from;
    struct so_str target, hint; /* hint.p == NULL: none */
    struct so_link links[FOUND_MAX];
    size_t found;
};

static bool is_self(const struct so_link *l) { return l->from == l->to; }

static bool is_computed(const struct so_link *l) { return l->computed != NULL; }

/* The name of the key's only column on the parent's (or the child's) side; {NULL,0} when it has several. */
static struct so_str single_column(const struct so_link *l, bool of_parent)
{
    const struct so_foreign_key *k = l->key;
    if (is_computed(l) || l->cardinality == SO_MANY_TO_MANY || k->column_count != 1)
        return (struct so_str){NULL, 0};
    return of_parent == l->parent_holds_key ? k->from->columns[k->from_columns[0]].name
                                            : k->to->columns[k->to_columns[0]].name;
}

static bool names_column(const struct so_link *l, bool of_parent, struct so_str name)
{
    struct so_str column = single_column(l, of_parent);
    return column.p != NULL && so_str_eq(column, name);
}

static bool names_constraint(const struct so_link *l, struct so_str name)
{
    return l->cardinality != SO_MANY_TO_MANY && so_str_eq(l->key->name, name);
}

/* One key leads both ways: the table's name means the children, the column's name the parent. */
static bool matches_self(const struct search *s, const struct so_link *l)
{
    bool by_table = so_str_eq(s->target, l->to->relation->name) && l->cardinality == SO_ONE_TO_MANY;
    if (s->hint.p != NULL)
        return by_table && (names_column(l, false, s->hint) || names_constraint(l, s->hint));
    return by_table || (l->cardinality == SO_MANY_TO_ONE && names_column(l, true, s->target));
}

/* A key seen through a view is named by the view alone. */
static bool leads_to_view(const struct so_link *l) { return l->key->traced && l->to->relation->is_view; }

static bool matches(const struct search *s, const struct so_link *l)
{
    if (is_computed(l))
        return so_str_eq(s->target, l->computed->name);
    if (is_self(l))
        return matches_self(s, l);
    bool by_table = so_str_eq(s->target, l->to->relation->name);
    if (s->hint.p == NULL)
        return by_table || (!leads_to_view(l) && (names_constraint(l, s->target) || names_column(l, true, s->target)));
    if (!by_table)
        return false;
    if (l->cardinality == SO_MANY_TO_MANY)
        return so_str_eq(s->hint, l->junction->relation->name);
    return names_constraint(l, s->hint) || names_column(l, true, s->hint) || names_column(l, false, s->hint);
}

/* A function of the row with the name of the other table takes the place of the keys between the two. */
static bool is_overridden(const struct search *s, const struct so_link *l)
{
    const struct so_relation *r = s->from->relation;
    for (size_t i = 0; !is_computed(l) && i < r->computed_count; i++)
        if (so_str_eq(r->computed[i]->name, l->to->relation->name) &&
            so_str_eq(r->computed[i]->schema, l->to->relation->schema))
            return true;
    return false;
}

static void consider(struct search *s, const struct so_link *l)
{
    if (l->to == NULL || (l->cardinality == SO_MANY_TO_MANY && l->junction == NULL) ||
        (s->plan->schema != NULL &&
         !so_str_eq(is_computed(l) ? l->computed->schema : l->to->relation->schema, s->plan->schema->name)) ||
        !matches(s, l) || is_overridden(s, l))
        return;
    if (s->found < FOUND_MAX)
        s->links[s->found++] = *l;
}

static bool key_holds(const struct so_index *primary, const struct so_foreign_key *k)
{
    for (size_t i = 0; i < k->column_count; i++) {
        size_t at = 0;
        while (at < primary->column_count && primary->columns[at] != k->from_columns[i])
            at++;
        if (at == primary->column_count)
            return false;
    }
    return true;
}

static void consider_junction(struct search *s, const struct so_foreign_key *near)
{
    const struct so_relation *junction = near->from;
    if (junction->primary == NULL || near->from_unique || !key_holds(junction->primary, near))
        return;
    for (size_t i = 0; i < junction->out_key_count; i++) {
        const struct so_foreign_key *far = junction->out_keys[i];
        if (far == near || far->from_unique || so_str_eq(far->name, near->name) || !key_holds(junction->primary, far))
            continue;
        consider(s, &(struct so_link){
                        .cardinality = SO_MANY_TO_MANY,
                        .key = near,
                        .far = far,
                        .from = s->from,
                        .to = so_snapshot_entity(s->plan->snapshot, far->to),
                        .junction = so_snapshot_entity(s->plan->snapshot, junction),
                    });
    }
}

static void consider_all(struct search *s)
{
    const struct so_relation *r = s->from->relation;
    for (size_t i = 0; i < r->computed_count; i++)
        consider(s, &(struct so_link){
                        .cardinality = r->computed[i]->to_one ? SO_MANY_TO_ONE : SO_ONE_TO_MANY,
                        .computed = r->computed[i],
                        .from = s->from,
                        .to = so_snapshot_entity(s->plan->snapshot, r->computed[i]->to),
                    });
    for (size_t i = 0; i < r->out_key_count; i++) {
        const struct so_foreign_key *k = r->out_keys[i];
        consider(s, &(struct so_link){
                        .cardinality = k->from_unique ? SO_ONE_TO_ONE : SO_MANY_TO_ONE,
                        .key = k,
                        .parent_holds_key = true,
                        .from = s->from,
                        .to = so_snapshot_entity(s->plan->snapshot, k->to),
                    });
    }
    for (size_t i = 0; i < r->in_key_count; i++) {
        const struct so_foreign_key *k = r->in_keys[i];
        consider(s, &(struct so_link){
                        .cardinality = k->from_unique ? SO_ONE_TO_ONE : SO_ONE_TO_MANY,
                        .key = k,
                        .from = s->from,
                        .to = so_snapshot_entity(s->plan->snapshot, k->from),
                    });
        consider_junction(s, k);
    }
}

/* ---- what went wrong ---- */

static void put_columns(struct so_text *t, const struct so_relation *r, const uint16_t *columns, size_t count)
{
    so_text_char(t, '(');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            so_text_lit(t, ", ");
        so_text_str(t, r->columns[columns[i]].name);
    }
    so_text_char(t, ')');
}

static void put_relationship(struct so_text *t, const struct so_link *l)
{
    const struct so_foreign_key *k = l->key;
    if (is_computed(l)) {
        so_text_str(t, l->computed->name);
        return;
    }
    if (l->cardinality == SO_MANY_TO_MANY) {
        so_text_str(t, l->junction->relation->name);
        so_text_lit(t, " using ");
        so_text_str(t, k->name);
        put_columns(t, k->from, k->from_columns, k->column_count);
        so_text_lit(t, " and ");
        so_text_str(t, l->far->name);
        put_columns(t, l->far->from, l->far->from_columns, l->far->column_count);
        return;
    }
    const struct so_relation *near = l->from->relation, *far = l->to->relation;
    so_text_str(t, k->name);
    so_text_lit(t, " using ");
    so_text_str(t, near->name);
    put_columns(t, near, l->parent_holds_key ? k->from_columns : k->to_columns, k->column_count);
    so_text_lit(t, " and ");
    so_text_str(t, far->name);
    put_columns(t, far, l->parent_holds_key ? k->to_columns : k->from_columns, k->column_count);
}

/* Hints and details never name what the caller may not read. */
static bool may_tell(const struct search *s, const struct so_link *l)
{
    const struct so_identity *who = s->plan->who;
    return so_entity_policy(l->to, SO_CMD_SELECT, who)->kind != SO_POLICY_DENY &&
           (l->junction == NULL || so_entity_policy(l->junction, SO_CMD_SELECT, who)->kind != SO_POLICY_DENY);
}

/* Details are a JSON array; so_rest_error() knows, by the code.  What does not fit into struct so_err is left out whole.
 * Names come from the database: a quote in one would break the JSON, so such a relationship is left out, too. */
static void tell_ambiguous(struct search *s)
{
    static const char *const NAMES[] = {"many-to-one", "one-to-one", "one-to-many", "many-to-many"};
    struct so_err *err = s->plan->err;
    struct so_text details, hint, one;
    so_text_init(&details, s->plan->arena, sizeof(err->details));
    so_text_init(&hint, s->plan->arena, sizeof(err->hint));
    for (size_t i = 0; i < s->found; i++) {
        const struct so_link *l = &s->links[i];
        if (!may_tell(s, l))
            continue;
        so_text_init(&one, s->plan->arena, sizeof(err->details));
        put_relationship(&one, l);
        struct so_str text = so_text_get(&one);
        if (text.p == NULL || memchr(text.p, '"', text.n) != NULL || memchr(text.p, '\\', text.n) != NULL ||
            details.len + text.n + s->from->relation->name.n + l->to->relation->name.n + 80 > sizeof(err->details))
            continue;
        so_text_c(&details, details.len == 0 ? "{\"cardinality\":\"" : ",{\"cardinality\":\"");
        so_text_c(&details, NAMES[l->cardinality]);
        so_text_lit(&details, "\",\"embedding\":\"");
        so_text_str(&details, s->from->relation->name);
        so_text_lit(&details, " with ");
        so_text_str(&details, l->to->relation->name);
        so_text_lit(&details, "\",\"relationship\":\"");
        so_text_str(&details, text);
        so_text_lit(&details, "\"}");
    }
    for (size_t i = 0; i < s->found; i++) {
        const struct so_link *l = &s->links[i];
        if (!may_tell(s, l))
            continue;
        so_text_c(&hint, hint.len == 0 ? "'" : ", '");
        so_text_str(&hint, l->to->relation->name);
        so_text_char(&hint, '!');
        so_text_str(&hint, l->cardinality == SO_MANY_TO_MANY ? l->junction->relation->name
                           : is_computed(l)                  ? l->computed->name
                                                             : l->key->name);
        so_text_char(&hint, '\'');
    }
    so_err_details(err, "[%.*s]", SO_STR_ARG(so_text_get(&details)));
    so_err_hint(err,
                "Try changing '%.*s' to one of the following: %.*s. Find the desired relationship in the 'details' key.",
                SO_STR_ARG(s->target), SO_STR_ARG(so_text_get(&hint)));
}

/* As the reference lists them: by what they lead to, by cardinality, by name. */
static int compare_links(const void *a, const void *b)
{
    static const int RANK[] = {[SO_ONE_TO_MANY] = 0, [SO_MANY_TO_ONE] = 1, [SO_ONE_TO_ONE] = 2, [SO_MANY_TO_MANY] = 3};
    const struct so_link *x = a, *y = b;
    if (is_computed(x) || is_computed(y))
        return is_computed(x) - is_computed(y);
    int order = so_str_cmp(x->to->relation->name, y->to->relation->name);
    if (order == 0)
        order = RANK[x->cardinality] - RANK[y->cardinality];
    if (order == 0 && x->junction != NULL)
        order = so_str_cmp(x->junction->relation->name, y->junction->relation->name);
    if (order == 0)
        order = so_str_cmp(x->key->name, y->key->name);
    return order == 0 && x->far != NULL ? so_str_cmp(x->far->name, y->far->name) : order;
}

static int fail_ambiguous(struct search *s)
{
    qsort(s->links, s->found, sizeof(s->links[0]), compare_links);
    int rc = so_fail_http(s->plan->err, PGRST201, SO_STR_ARG(s->from->relation->name), SO_STR_ARG(s->target));
    if (s->plan->err != NULL)
        tell_ambiguous(s);
    return rc;
}

static int fail_none(struct search *s)
{
    struct so_err *err = s->plan->err;
    struct so_str parent = s->from->relation->name;
    int rc = so_fail_http(err, PGRST200, SO_STR_ARG(parent), SO_STR_ARG(s->target));
    so_err_details(err,
                   "Searched for a foreign key relationship between '%.*s' and '%.*s'%s%.*s%s in the schema '%.*s', but no "
                   "matches were found.",
                   SO_STR_ARG(parent), SO_STR_ARG(s->target), s->hint.p == NULL ? "" : " using the hint '", (int)s->hint.n,
                   s->hint.p == NULL ? "" : s->hint.p, s->hint.p == NULL ? "" : "'", SO_STR_ARG(so_plan_schema(s->plan)));
    struct so_str near = so_hint_table(s->plan, s->target);
    if (near.p != NULL)
        so_err_hint(err, "Perhaps you meant '%.*s' instead of '%.*s'.", SO_STR_ARG(near), SO_STR_ARG(s->target));
    return rc;
}

int so_link_find(struct so_rest_plan *p, const struct so_entity *from, struct so_str target, struct so_str hint,
                 struct so_link *out)
{
    struct search s = {.plan = p, .from = from, .target = target, .hint = hint};
    consider_all(&s);
    if (s.found == 0)
        return fail_none(&s);
    if (s.found > 1)
        return fail_ambiguous(&s);
    *out = s.links[0];
    return SO_OK;
}
