/* walk.c: evaluates rule by rule without early exit, and keeps a unit for everything that failed. */
#include "schema/walk.h"

#include <string.h>

#include "core/utf8.h"
#include "schema/inplace.h"

/* A location while the walk is there; made into text for the units that stay. */
struct place {
    const struct place *parent;
    struct so_str token; /* p == NULL: the index counts */
    size_t index;
};

struct point {
    const struct place *instance, *keyword;
    const char *name; /* of the keyword that led here */
    bool is_name;
};

static struct so_unit *walk_node(struct so_walk *w, const struct so_node *node, const struct so_json *v,
                                 const struct point *at);

static struct so_str place_text(struct so_walk *w, const struct place *p)
{
    if (p == NULL)
        return so_str("", 0);
    struct so_str before = place_text(w, p->parent);
    if (before.p == NULL)
        return before;
    return p->token.p != NULL ? so_pointer_join(w->arena, before, p->token)
                              : so_pointer_join_index(w->arena, before, p->index);
}

static struct so_unit *new_unit(struct so_walk *w, const struct so_node *node, const struct so_rule *rule,
                                const struct so_json *v, const struct point *at)
{
    struct so_unit *u = so_alloc_zero(w->arena, sizeof(*u));
    struct so_str instance = place_text(w, at->instance), keyword = place_text(w, at->keyword);
    const struct so_json *copy = v;
    if (at->is_name) { /* the value lives on the walk's stack */
        struct so_json *kept = so_alloc(w->arena, sizeof(*kept));
        if (kept != NULL)
            *kept = *v;
        copy = kept;
    }
    if (u == NULL || instance.p == NULL || keyword.p == NULL || copy == NULL) {
        so_run_fail(&w->run, SO_ENOMEM, NULL);
        return NULL;
    }
    *u = (struct so_unit){.node = node,
                          .rule = rule,
                          .keyword = at->name,
                          .instance = copy,
                          .instance_location = instance,
                          .keyword_location = keyword,
                          .valid = true,
                          .is_name = at->is_name,
                          .is_keyword = rule != NULL};
    return u;
}

static void adopt(struct so_unit *parent, struct so_unit *child)
{
    if (child == NULL || parent == NULL)
        return;
    if (parent->last != NULL)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

/* One rule being walked. */
struct step {
    struct so_walk *walk;
    const struct so_node *node;
    const struct so_rule *rule;
    const struct so_json *v;
    const struct point *at; /* of the rule */
    struct so_unit *unit;   /* made when the first thing must be kept */
    bool valid;
};

static struct so_unit *step_unit(struct step *s)
{
    if (s->unit == NULL)
        s->unit = new_unit(s->walk, s->node, s->rule, s->v, s->at);
    return s->unit;
}

/* Walks a subschema that must hold; `key` (or index) is its place under the keyword, none when key is NULL. */
static bool walk_child(struct step *s, const struct so_node *node, const struct so_json *v, const struct place *instance,
                       const struct place *keyword, bool is_name)
{
    const struct point at = {instance, keyword, s->at->name, is_name || s->at->is_name};
    struct so_unit *child = walk_node(s->walk, node, v, &at);
    bool valid = child == NULL || child->valid;
    if (child != NULL) {
        child->parent_node = s->node;
        adopt(step_unit(s), child);
    }
    return valid;
}

/* Notes a failure of the rule itself. */
static struct so_unit *fail(struct step *s)
{
    s->valid = false;
    return step_unit(s);
}

/* A failure that stands beside others under the same rule: a missing name among several. */
static struct so_unit *fail_part(struct step *s, const struct place *instance, const struct so_json *v)
{
    struct point at = *s->at;
    s->valid = false;
    at.instance = instance;
    struct so_unit *part = new_unit(s->walk, s->node, s->rule, v, &at);
    if (part != NULL) {
        part->valid = false;
        adopt(step_unit(s), part);
    }
    return part;
}

/* ---- assertions ---- */

static bool type_holds(const struct so_rule *rule, const struct so_json *v)
{
    if (so_type_in(rule->u.type.mask, (enum so_json_type)v->type))
        return true;
    if (v->type != SO_JSON_NUMBER || !rule->u.type.integer)
        return false;
    bool plain = memchr(v->u.text, '.', v->len) == NULL && memchr(v->u.text, 'e', v->len) == NULL &&
                 memchr(v->u.text, 'E', v->len) == NULL;
    return rule->u.type.strict_integer ? plain : so_json_is_integer(v);
}

static bool enum_holds(const struct so_json *values, const struct so_json *v)
{
    for (uint32_t i = 0; i < values->len; i++)
        if (so_json_eq(&values->u.items[i], v))
            return true;
    return false;
}

static bool content_holds(struct step *s)
{
    const struct so_rule *media = so_node_rule(s->node, RULE_CONTENT_MEDIA_TYPE);
    if (!s->rule->u.asserts || (s->rule->code == RULE_CONTENT_ENCODING && media != NULL))
        return true; /* with both, the media type speaks for both */
    return so_check_content(&s->walk->run, s->node, so_json_str(s->v));
}

/* Assertions that say yes or no about one value. */
static bool assertion_holds(struct step *s)
{
    const struct so_rule *r = s->rule;
    const struct so_json *v = s->v;
    switch ((enum so_rule_code)r->code) {
    case RULE_TYPE: return type_holds(r, v);
    case RULE_CONST: return so_json_eq(r->value, v);
    case RULE_ENUM: return enum_holds(r->value, v);
    case RULE_MINIMUM: return so_json_number_cmp(v, r->value) >= (r->u.exclusive ? 1 : 0);
    case RULE_MAXIMUM: return so_json_number_cmp(v, r->value) <= (r->u.exclusive ? -1 : 0);
    case RULE_EXCLUSIVE_MINIMUM: return so_json_number_cmp(v, r->value) > 0;
    case RULE_EXCLUSIVE_MAXIMUM: return so_json_number_cmp(v, r->value) < 0;
    case RULE_MULTIPLE_OF: return so_json_number_is_multiple(v, r->value);
    case RULE_MIN_LENGTH: return so_utf8_length(so_json_str(v)) >= r->u.count.n;
    case RULE_MAX_LENGTH: return so_utf8_length(so_json_str(v)) <= r->u.count.n;
    case RULE_PATTERN: return so_check_regex(&s->walk->run, r->u.regex, so_json_str(v));
    case RULE_FORMAT: return r->u.format == NULL || r->u.format->check(so_json_str(v));
    case RULE_CONTENT_ENCODING:
    case RULE_CONTENT_MEDIA_TYPE: return content_holds(s);
    case RULE_MIN_ITEMS:
    case RULE_MIN_PROPERTIES: return v->len >= r->u.count.n;
    case RULE_MAX_ITEMS:
    case RULE_MAX_PROPERTIES: return v->len <= r->u.count.n;
    default: return true;
    }
}

static void walk_unique(struct step *s)
{
    uint32_t first = 0, second = 0;
    if (s->rule->value->type != SO_JSON_TRUE || so_check_unique(&s->walk->run, s->v, &first, &second))
        return;
    struct so_unit *u = fail(s);
    if (u != NULL) {
        u->first_number = first;
        u->second_number = second;
    }
}

static void require_names(struct step *s, const struct so_name_list *names, struct so_str because)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (so_find_name(s->v, &names->names[i]) != NULL)
            continue;
        struct so_unit *u = fail_part(s, s->at->instance, s->v);
        if (u != NULL) {
            u->name = names->names[i].text;
            u->because = because;
        }
    }
}

/* ---- arrays ---- */

static void annotate_items(struct step *s, uint32_t count)
{
    static const struct so_json YES = {.type = SO_JSON_TRUE};
    struct so_unit *u = s->walk->keep_all && s->v->len > 0 ? step_unit(s) : NULL;
    struct so_json *last = u == NULL ? NULL : so_alloc(s->walk->arena, sizeof(*last));
    if (last == NULL || count == 0)
        return;
    *last = so_json_make_int(count - 1);
    u->annotation = count >= s->v->len ? &YES : last;
}

static void walk_items(struct step *s, const struct so_node *node, uint32_t first)
{
    for (uint32_t i = first; i < s->v->len; i++) {
        const struct place instance = {s->at->instance, {NULL, 0}, i};
        s->valid &= walk_child(s, node, &s->v->u.items[i], &instance, s->at->keyword, false);
    }
    if (first < s->v->len)
        annotate_items(s, s->v->len);
}

static void walk_prefix(struct step *s)
{
    uint32_t i = 0;
    for (; i < s->v->len && i < s->rule->u.list.count; i++) {
        const struct place instance = {s->at->instance, {NULL, 0}, i}, keyword = {s->at->keyword, {NULL, 0}, i};
        s->valid &= walk_child(s, s->rule->u.list.nodes[i], &s->v->u.items[i], &instance, &keyword, false);
    }
    annotate_items(s, i);
}

static void walk_contains(struct step *s)
{
    uint64_t found = 0;
    struct so_json *indexes = s->walk->keep_all ? so_alloc_array(s->walk->arena, s->v->len + 1U, sizeof(*indexes)) : NULL;
    for (uint32_t i = 0; i < s->v->len; i++)
        if (so_run_node(&s->walk->run, s->rule->u.contains.node, &s->v->u.items[i])) {
            if (indexes != NULL)
                indexes[found] = so_json_make_int(i);
            found++;
        }
    if (found < s->rule->u.contains.min || found > s->rule->u.contains.max) {
        struct so_unit *u = fail(s);
        if (u != NULL)
            u->first_number = found;
    } else if (indexes != NULL && step_unit(s) != NULL) {
        struct so_json *list = so_alloc(s->walk->arena, sizeof(*list));
        if (list != NULL)
            *list = (struct so_json){.type = SO_JSON_ARRAY, .len = (uint32_t)found, .u.items = indexes};
        s->unit->annotation = list;
    }
}

/* ---- objects ---- */

/* Names of evaluated members, for the annotation. */
struct names {
    struct so_json *items;
    uint32_t count;
};

static struct names names_start(struct step *s)
{
    return (struct names){s->walk->keep_all ? so_alloc_array(s->walk->arena, s->v->len + 1U, sizeof(struct so_json)) : NULL,
                          0};
}

static void names_add(struct names *n, const struct so_json_member *m)
{
    if (n->items != NULL)
        n->items[n->count++] = so_name_value(m);
}

static void names_annotate(struct step *s, const struct names *n)
{
    struct so_unit *u = n->items == NULL ? NULL : step_unit(s);
    struct so_json *list = u == NULL ? NULL : so_alloc(s->walk->arena, sizeof(*list));
    if (list == NULL)
        return;
    *list = (struct so_json){.type = SO_JSON_ARRAY, .len = n->count, .u.items = n->items};
    u->annotation = list;
}

static bool walk_member(struct step *s, const struct so_node *node, const struct so_json_member *m,
                        const struct place *keyword)
{
    const struct place instance = {s->at->instance, so_json_key(m), 0};
    bool valid = walk_child(s, node, &m->value, &instance, keyword, false);
    if (!valid && s->unit != NULL && s->unit->last != NULL)
        s->unit->last->name = so_json_key(m);
    return valid;
}

static void walk_properties(struct step *s)
{
    struct names names = names_start(s);
    for (uint32_t i = 0; i < s->v->len; i++) {
        const struct so_json_member *m = &s->v->u.members[i];
        const struct so_node *node = so_property_node(s->rule, m);
        const struct place keyword = {s->at->keyword, so_json_key(m), 0};
        if (node == NULL)
            continue;
        s->valid &= walk_member(s, node, m, &keyword);
        names_add(&names, m);
    }
    names_annotate(s, &names);
}

static bool pattern_takes(struct step *s, const struct so_rule *rule, const struct so_json_member *m)
{
    for (uint32_t j = 0; rule != NULL && j < rule->u.patterns.count; j++)
        if (so_check_regex(&s->walk->run, rule->u.patterns.items[j].regex, so_json_key(m)))
            return true;
    return false;
}

static void walk_patterns(struct step *s)
{
    struct names names = names_start(s);
    for (uint32_t i = 0; i < s->v->len; i++) {
        const struct so_json_member *m = &s->v->u.members[i];
        for (uint32_t j = 0; j < s->rule->u.patterns.count; j++) {
            const struct so_pattern *p = &s->rule->u.patterns.items[j];
            const struct place keyword = {s->at->keyword, p->text, 0};
            if (so_check_regex(&s->walk->run, p->regex, so_json_key(m)))
                s->valid &= walk_member(s, p->node, m, &keyword);
        }
        if (names.items != NULL && pattern_takes(s, s->rule, m))
            names_add(&names, m);
    }
    names_annotate(s, &names);
}

static void walk_additional(struct step *s)
{
    struct names names = names_start(s);
    const struct so_rule *properties = s->rule->u.additional.properties;
    for (uint32_t i = 0; i < s->v->len; i++) {
        const struct so_json_member *m = &s->v->u.members[i];
        if ((properties != NULL && so_property_node(properties, m) != NULL) ||
            pattern_takes(s, s->rule->u.additional.patterns, m))
            continue;
        s->valid &= walk_member(s, s->rule->u.additional.node, m, s->at->keyword);
        names_add(&names, m);
    }
    names_annotate(s, &names);
}

static void walk_names(struct step *s)
{
    for (uint32_t i = 0; i < s->v->len; i++) {
        struct so_json name = so_name_value(&s->v->u.members[i]);
        s->valid &= walk_child(s, s->rule->u.node, &name, s->at->instance, s->at->keyword, true);
    }
}

static void walk_dependencies(struct step *s)
{
    for (uint32_t i = 0; i < s->rule->u.dependencies.count; i++) {
        const struct so_dependency *d = &s->rule->u.dependencies.items[i];
        const struct place keyword = {s->at->keyword, d->name.text, 0};
        if (so_find_name(s->v, &d->name) == NULL)
            continue;
        if (d->node != NULL)
            s->valid &= walk_child(s, d->node, s->v, s->at->instance, &keyword, false);
        else
            require_names(s, &d->names, d->name.text);
    }
}

static void walk_unevaluated(struct step *s)
{
    struct so_marks marks;
    struct names names = names_start(s);
    uint32_t found = 0;
    if (!so_marks_init(&marks, &s->walk->run, s->v->len))
        return;
    so_mark(&s->walk->run, s->node, s->v, &marks, true);
    for (uint32_t i = 0; i < s->v->len; i++) {
        if (so_marks_has(&marks, i))
            continue;
        const struct place instance = {s->at->instance, {NULL, 0}, i};
        found++;
        if (s->v->type == SO_JSON_ARRAY) {
            s->valid &= walk_child(s, s->rule->u.node, &s->v->u.items[i], &instance, s->at->keyword, false);
        } else {
            s->valid &= walk_member(s, s->rule->u.node, &s->v->u.members[i], s->at->keyword);
            names_add(&names, &s->v->u.members[i]);
        }
    }
    so_marks_deinit(&marks);
    if (s->v->type == SO_JSON_OBJECT)
        names_annotate(s, &names);
    else if (found > 0)
        annotate_items(s, s->v->len);
}

/* ---- combinations ---- */

static void walk_all(struct step *s)
{
    for (uint32_t i = 0; i < s->rule->u.list.count; i++) {
        const struct place keyword = {s->at->keyword, {NULL, 0}, i};
        s->valid &= walk_child(s, s->rule->u.list.nodes[i], s->v, s->at->instance, &keyword, false);
    }
}

static void walk_choice(struct step *s)
{
    uint32_t passed = 0, first = 0, second = 0;
    for (uint32_t i = 0; i < s->rule->u.list.count; i++) {
        const struct place keyword = {s->at->keyword, {NULL, 0}, i};
        if (!walk_child(s, s->rule->u.list.nodes[i], s->v, s->at->instance, &keyword, false))
            continue;
        if (passed == 0)
            first = i;
        else if (passed == 1)
            second = i;
        passed++;
    }
    if (s->rule->code == RULE_ONE_OF ? passed == 1 : passed > 0) {
        if (!s->walk->keep_all)
            s->unit = NULL; /* the branches that failed are no news */
        return;
    }
    struct so_unit *u = fail(s);
    if (u == NULL)
        return;
    u->first_number = first;
    u->second_number = second;
    if (passed > 1 && !s->walk->keep_all)
        u->first = u->last = NULL; /* not that they fail, but that they match is wrong */
}

static void walk_not(struct step *s)
{
    if (so_run_node(&s->walk->run, s->rule->u.node, s->v))
        fail(s);
}

/* then and else stand beside "if", so their locations do. */
static void walk_if(struct step *s)
{
    bool holds = so_run_node(&s->walk->run, s->rule->u.branch.condition, s->v);
    const struct so_node *node = holds ? s->rule->u.branch.then : s->rule->u.branch.otherwise;
    const char *name = holds ? "then" : "else";
    const struct place keyword = {s->at->keyword->parent, so_str_c(name), 0};
    if (s->walk->keep_all && holds)
        walk_child(s, s->rule->u.branch.condition, s->v, s->at->instance, s->at->keyword, false);
    if (node == NULL)
        return;
    const struct point here = {s->at->instance, &keyword, name, s->at->is_name}, *before = s->at;
    s->at = &here;
    s->valid &= walk_child(s, node, s->v, here.instance, here.keyword, false);
    s->at = before;
}

/* ---- rules and nodes ---- */

static void walk_rule(struct step *s)
{
    const struct so_rule *r = s->rule;
    switch ((enum so_rule_code)r->code) {
    case RULE_UNIQUE_ITEMS: walk_unique(s); break;
    case RULE_PREFIX_ITEMS: walk_prefix(s); break;
    case RULE_ITEMS: walk_items(s, r->u.items.node, r->u.items.first); break;
    case RULE_CONTAINS: walk_contains(s); break;
    case RULE_REQUIRED: require_names(s, &r->u.names, (struct so_str){NULL, 0}); break;
    case RULE_DEPENDENT_REQUIRED:
    case RULE_DEPENDENT_SCHEMAS:
    case RULE_DEPENDENCIES: walk_dependencies(s); break;
    case RULE_PROPERTY_NAMES: walk_names(s); break;
    case RULE_PROPERTIES: walk_properties(s); break;
    case RULE_PATTERN_PROPERTIES: walk_patterns(s); break;
    case RULE_ADDITIONAL_PROPERTIES: walk_additional(s); break;
    case RULE_REF:
    case RULE_DYNAMIC_REF: s->valid &= walk_child(s, r->u.node, s->v, s->at->instance, s->at->keyword, false); break;
    case RULE_ALL_OF: walk_all(s); break;
    case RULE_ANY_OF:
    case RULE_ONE_OF: walk_choice(s); break;
    case RULE_NOT: walk_not(s); break;
    case RULE_IF: walk_if(s); break;
    case RULE_UNEVALUATED_ITEMS:
    case RULE_UNEVALUATED_PROPERTIES: walk_unevaluated(s); break;
    default:
        if (!assertion_holds(s))
            fail(s);
        break;
    }
    if (s->walk->keep_all && step_unit(s) != NULL && s->valid)
        if (r->code >= RULE_FORMAT && r->code <= RULE_CONTENT_SCHEMA && s->v->type == SO_JSON_STRING)
            s->unit->annotation = r->value;
    if (s->unit != NULL)
        s->unit->valid = s->valid;
}

/* What is only said, not asserted: title, default, and keywords that nobody knows. */
static void annotate(struct so_walk *w, struct so_unit *unit, const struct so_node *node, const struct so_json *v,
                     const struct point *at)
{
    for (uint32_t i = 0; node->source->type == SO_JSON_OBJECT && i < node->source->len; i++) {
        const struct so_json_member *m = &node->source->u.members[i];
        const struct so_keyword *k = so_keyword_find(so_json_key(m), node->resource->draft);
        if (k != NULL && k->vocab != VOCAB_META_DATA)
            continue;
        const struct place keyword = {at->keyword, so_json_key(m), 0};
        const struct point here = {at->instance, &keyword, m->key, at->is_name};
        struct so_unit *u = new_unit(w, node, NULL, v, &here);
        if (u != NULL) {
            u->annotation = &m->value;
            u->is_keyword = true;
            u->keyword = so_json_key(m).p; /* NUL-terminated in the schema's arena */
        }
        adopt(unit, u);
    }
}

static void drop_annotations(struct so_unit *unit)
{
    unit->annotation = NULL;
    for (struct so_unit *c = unit->first; c != NULL; c = c->next)
        drop_annotations(c);
}

static bool is_unevaluated(const struct so_rule *rule)
{
    return rule->code == RULE_UNEVALUATED_ITEMS || rule->code == RULE_UNEVALUATED_PROPERTIES;
}

static struct so_unit *walk_node(struct so_walk *w, const struct so_node *node, const struct so_json *v,
                                 const struct point *at)
{
    if (!w->keep_all && so_run_node(&w->run, node, v))
        return NULL;
    if (--w->run.steps < 0)
        so_run_fail(&w->run, SO_ELIMIT, "it takes too many steps");
    if (w->run.depth >= SO_RUN_DEPTH_MAX / 4) /* a level here takes far more stack than an instruction */
        so_run_fail(&w->run, SO_ELIMIT, "schema and value are nested too deeply");
    struct so_unit *unit = w->run.rc == SO_OK ? new_unit(w, node, NULL, v, at) : NULL;
    if (unit == NULL)
        return NULL;
    unit->valid = node->source->type != SO_JSON_FALSE;
    w->run.depth++;
    for (uint32_t i = 0; i < node->rule_count && w->run.rc == SO_OK; i++) {
        const struct so_rule *rule = &node->rules[i];
        if (!so_type_in(rule->keyword->types, (enum so_json_type)v->type) || (is_unevaluated(rule) && !unit->valid))
            continue; /* what failed before would make everything unevaluated */
        const struct place keyword = {at->keyword, so_str_c(rule->keyword->name), 0};
        const struct point here = {at->instance, &keyword, rule->keyword->name, at->is_name};
        struct step s = {w, node, rule, v, &here, NULL, true};
        walk_rule(&s);
        unit->valid &= s.valid;
        adopt(unit, s.unit);
    }
    w->run.depth--;
    if (w->keep_all && unit->valid)
        annotate(w, unit, node, v, at);
    else if (w->keep_all)
        drop_annotations(unit);
    return unit;
}

struct so_unit *so_walk(struct so_walk *w, const struct so_json *instance)
{
    const struct point root = {NULL, NULL, "", false};
    return walk_node(w, w->run.schema->root, instance, &root);
}
