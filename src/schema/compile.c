/* compile.c: makes nodes and rules, following every reference.
 *
 * A dynamic reference ($dynamicRef, $recursiveRef) depends on the resources passed on the way to it.  All it asks of that
 * way is which resource was the first to declare each dynamic anchor, so that is what a scope holds, and a node is made for
 * every pair of subschema and scope that can occur.  Nearly always there is one scope, and at run time nothing is dynamic.
 */
#include "schema/compile.h"

#include <string.h>

#include "core/mem.h"

enum { SCOPES_MAX = 256, NODES_MAX = 1 << 20, COPY_DEPTH_MAX = 4096 };

struct scope_entry {
    const struct so_anchor *anchor;
    struct so_resource *resource;
};

struct so_scope {
    struct so_scope *next; /* all scopes ever made: equal ones are the same pointer */
    uint32_t count;
    struct scope_entry entries[];
};

struct compiler {
    struct so_schema *schema;
    struct so_arena *arena;
    const struct so_schema_options *options;
    struct so_registry registry;
    struct so_map nodes; /* by subschema and scope */
    struct so_scope *scopes;
    uint32_t scope_count, node_count;
    struct so_err *err;
};

/* Where the rule being made stands. */
struct site {
    struct so_node *node;
    struct so_resource *resource;
    const struct so_json *schema;
    struct so_str pointer; /* of the keyword's value */
};

static int blame(struct compiler *c, int rc, struct so_str pointer)
{
    if (rc != SO_OK)
        so_err_pointer(c->err, pointer);
    return rc;
}

const struct so_rule *so_node_rule(const struct so_node *node, enum so_rule_code code)
{
    for (uint32_t i = 0; i < node->rule_count; i++)
        if (node->rules[i].code == code)
            return &node->rules[i];
    return NULL;
}

const struct so_json *so_find_name(const struct so_json *object, const struct so_name *name)
{
    const struct so_json_member *m = object->u.members;
    for (uint32_t i = object->len; i-- > 0;)
        if (m[i].key_hash == name->hash && m[i].key_len == name->text.n && so_bytes_eq(m[i].key, name->text.p, name->text.n))
            return &m[i].value;
    return NULL;
}

struct so_node *so_property_node(const struct so_rule *properties, const struct so_json_member *member)
{
    int32_t at = so_table_find(properties->u.properties.table, member);
    return at < 0 ? NULL : properties->u.properties.items[at].node;
}

/* ---- a copy of the schema's JSON, so that the caller's may go ---- */

static bool copy_json(struct so_arena *arena, const struct so_json *from, struct so_json *to, unsigned depth)
{
    *to = *from;
    to->flags = 0; /* an index after the members is not copied */
    if (depth > COPY_DEPTH_MAX)
        return false;
    if (from->type == SO_JSON_STRING || from->type == SO_JSON_NUMBER) {
        to->u.text = so_arena_dup(arena, so_json_str(from)).p;
        return to->u.text != NULL;
    }
    if (from->len == 0)
        return true;
    if (from->type == SO_JSON_ARRAY) {
        struct so_json *items = so_alloc_array(arena, from->len, sizeof(*items));
        to->u.items = items;
        for (uint32_t i = 0; items != NULL && i < from->len; i++)
            if (!copy_json(arena, &from->u.items[i], &items[i], depth + 1))
                return false;
        return items != NULL;
    }
    if (from->type == SO_JSON_OBJECT) {
        struct so_json_member *members = so_alloc_array(arena, from->len, sizeof(*members));
        to->u.members = members;
        for (uint32_t i = 0; members != NULL && i < from->len; i++) {
            members[i] = from->u.members[i];
            members[i].key = so_arena_dup(arena, so_json_key(&from->u.members[i])).p;
            members[i].key_hash = so_json_key_hash(so_json_key(&from->u.members[i]));
            if (members[i].key == NULL || !copy_json(arena, &from->u.members[i].value, &members[i].value, depth + 1))
                return false;
        }
        return members != NULL;
    }
    return true;
}

/* ---- scopes ---- */

static const struct scope_entry *scope_find(const struct so_scope *scope, struct so_str name)
{
    for (uint32_t i = 0; i < scope->count; i++)
        if (so_str_eq(scope->entries[i].anchor->name, name))
            return &scope->entries[i];
    return NULL;
}

static bool same_scope(const struct so_scope *a, const struct so_scope *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct scope_entry *other = scope_find(b, a->entries[i].anchor->name);
        if (other == NULL || other->anchor != a->entries[i].anchor)
            return false;
    }
    return true;
}

/* The scope after passing into `res`; NULL with err filled. */
static const struct so_scope *scope_enter(struct compiler *c, const struct so_scope *scope, struct so_resource *res)
{
    uint32_t added = 0;
    for (const struct so_anchor *a = res->anchors; a != NULL && res->has_dynamic; a = a->next)
        added += a->dynamic && scope_find(scope, a->name) == NULL;
    if (added == 0)
        return scope;
    struct so_scope *wider = so_alloc(c->arena, sizeof(*wider) + (scope->count + added) * sizeof(wider->entries[0]));
    if (wider == NULL) {
        so_err_oom(c->err);
        return NULL;
    }
    wider->count = scope->count;
    memcpy(wider->entries, scope->entries, scope->count * sizeof(wider->entries[0]));
    for (const struct so_anchor *a = res->anchors; a != NULL; a = a->next)
        if (a->dynamic && scope_find(scope, a->name) == NULL)
            wider->entries[wider->count++] = (struct scope_entry){a, res};
    for (const struct so_scope *s = c->scopes; s != NULL; s = s->next)
        if (same_scope(s, wider))
            return s;
    if (++c->scope_count > SCOPES_MAX) {
        so_fail(c->err, SO_ELIMIT, "the dynamic references depend on more than %d ways to them", SCOPES_MAX);
        return NULL;
    }
    wider->next = c->scopes;
    c->scopes = wider;
    return wider;
}

/* ---- nodes ---- */

/* The node for a subschema of `res` in `scope`, made if need be. */
static int get_node(struct compiler *c, const struct so_json *schema, struct so_resource *res, const struct so_scope *scope,
                    struct so_str pointer, struct so_node **out)
{
    res = so_registry_enter(&c->registry, res, schema);
    scope = scope_enter(c, scope, res);
    if (scope == NULL)
        return c->err == NULL ? SO_ENOMEM : c->err->code;
    const void *pair[2] = {schema, scope};
    struct so_str key = so_str((const char *)pair, sizeof(pair));
    *out = so_map_find(&c->nodes, key);
    if (*out != NULL)
        return SO_OK;
    if (++c->node_count > NODES_MAX)
        return so_fail(c->err, SO_ELIMIT, "a schema may have %d subschemas", NODES_MAX);
    struct so_node *node = so_alloc_zero(c->arena, sizeof(*node));
    key = so_arena_dup(c->arena, key);
    if (node == NULL || key.p == NULL || !so_map_put(&c->nodes, key, node))
        return so_err_oom(c->err);
    memset(node->entry, 0xFF, sizeof(node->entry)); /* PC_NONE */
    node->source = schema;
    node->resource = res;
    node->scope = scope;
    node->pointer = pointer;
    struct so_schema *s = c->schema;
    if (s->last_node != NULL)
        s->last_node->next = node;
    else
        s->first_node = node;
    s->last_node = node;
    *out = node;
    return SO_OK;
}

static int child_node(struct compiler *c, const struct site *at, const struct so_json *schema, struct so_str pointer,
                      struct so_node **out)
{
    if (pointer.p == NULL)
        return so_err_oom(c->err);
    return get_node(c, schema, at->resource, at->node->scope, pointer, out);
}

static int child_list(struct compiler *c, const struct site *at, const struct so_json *list, struct so_node_list *out)
{
    out->nodes = so_alloc_array(c->arena, list->len + 1U, sizeof(*out->nodes));
    out->count = list->len;
    if (out->nodes == NULL)
        return so_err_oom(c->err);
    for (uint32_t i = 0; i < list->len; i++) {
        int rc = child_node(c, at, &list->u.items[i], so_pointer_join_index(c->arena, at->pointer, i), &out->nodes[i]);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

/* ---- the rules ---- */

static const struct so_json *sibling(const struct site *at, const char *name)
{
    const struct so_json *v = so_json_get(at->schema, so_str_c(name));
    const struct so_keyword *k = v == NULL ? NULL : so_keyword_find(so_str_c(name), at->resource->draft);
    return k != NULL && (k->vocab & at->resource->vocab) != 0 ? v : NULL;
}

static int sibling_node(struct compiler *c, const struct site *at, const char *name, struct so_node **out)
{
    const struct so_json *v = sibling(at, name);
    if (v == NULL)
        return SO_OK;
    return child_node(c, at, v, so_pointer_join(c->arena, at->node->pointer, so_str_c(name)), out);
}

static uint64_t count_of(const struct so_json *v)
{
    int64_t n;
    return so_json_to_i64(v, &n) ? (uint64_t)n : UINT64_MAX;
}

static struct so_name name_of(struct so_str text) { return (struct so_name){text, so_json_key_hash(text)}; }

static int make_names(struct compiler *c, const struct so_json *list, struct so_name_list *out)
{
    out->names = so_alloc_array(c->arena, list->len + 1U, sizeof(*out->names));
    out->count = list->len;
    if (out->names == NULL)
        return so_err_oom(c->err);
    for (uint32_t i = 0; i < list->len; i++)
        out->names[i] = name_of(so_json_str(&list->u.items[i]));
    return SO_OK;
}

static int make_type(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    (void)c;
    const struct so_json *v = rule->value, *items = v->type == SO_JSON_ARRAY ? v->u.items : v;
    uint32_t count = v->type == SO_JSON_ARRAY ? v->len : 1;
    unsigned mask = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct so_str name = so_json_str(&items[i]);
        if (so_str_eq_c(name, "integer")) {
            rule->u.type.integer = true;
            mask |= 1U << SO_JSON_INT;
        } else {
            mask |= so_type_mask(name);
        }
    }
    rule->u.type.mask = (uint8_t)mask;
    rule->u.type.strict_integer = at->resource->draft == SO_DRAFT_4;
    return SO_OK;
}

static int make_limit(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    (void)c;
    const struct so_json *e = sibling(at, rule->code == RULE_MINIMUM ? "exclusiveMinimum" : "exclusiveMaximum");
    rule->u.exclusive = at->resource->draft == SO_DRAFT_4 && e != NULL && e->type == SO_JSON_TRUE;
    return SO_OK;
}

static int make_count(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    (void)c, (void)at;
    rule->u.count.n = count_of(rule->value);
    return SO_OK;
}

static int make_nothing(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    (void)c, (void)at, (void)rule;
    return SO_OK;
}

static int make_regex(struct compiler *c, struct so_str pattern, struct so_str pointer, const struct so_regex **out)
{
    return blame(c, so_regex_new(c->arena, pattern, out, c->err), pointer);
}

static int make_pattern(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    return make_regex(c, so_json_str(rule->value), at->pointer, &rule->u.regex);
}

static int make_format(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    if (c->options->assert_format || (at->resource->vocab & VOCAB_FORMAT_ASSERTION) != 0)
        rule->u.format = so_format_find(so_json_str(rule->value), at->resource->draft);
    return SO_OK;
}

static int make_content(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    (void)at;
    rule->u.asserts = c->options->assert_content;
    return SO_OK;
}

static int make_list(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    return child_list(c, at, rule->value, &rule->u.list);
}

static int make_node(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    return child_node(c, at, rule->value, at->pointer, &rule->u.node);
}

/* "items" and "additionalItems", whose meaning hangs on the draft and on each other. */
static int make_items(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    const struct so_json *first = sibling(at, at->resource->draft == SO_DRAFT_2020_12 ? "prefixItems" : "items");
    bool has_list = first != NULL && first->type == SO_JSON_ARRAY;
    bool additional = strcmp(rule->keyword->name, "additionalItems") == 0;
    if (rule->value->type == SO_JSON_ARRAY && !additional) {
        rule->code = RULE_PREFIX_ITEMS;
        return make_list(c, at, rule);
    }
    if (additional && !has_list) {
        rule->code = RULE_NONE; /* it says nothing unless "items" is an array */
        return SO_OK;
    }
    rule->u.items.first = has_list ? first->len : 0;
    return child_node(c, at, rule->value, at->pointer, &rule->u.items.node);
}

static int make_contains(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    const struct so_json *min = sibling(at, "minContains"), *max = sibling(at, "maxContains");
    rule->u.contains.min = min != NULL ? count_of(min) : 1;
    rule->u.contains.max = max != NULL ? count_of(max) : UINT64_MAX;
    rule->u.contains.marks = at->resource->draft == SO_DRAFT_2020_12;
    return child_node(c, at, rule->value, at->pointer, &rule->u.contains.node);
}

static int make_required(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    (void)at;
    return make_names(c, rule->value, &rule->u.names);
}

static struct so_str property_key(const void *arg, uint32_t i) { return ((const struct so_property *)arg)[i].name.text; }

static int make_properties(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    const struct so_json *map = rule->value;
    struct so_property *items = so_alloc_array(c->arena, map->len + 1U, sizeof(*items));
    if (items == NULL)
        return so_err_oom(c->err);
    for (uint32_t i = 0; i < map->len; i++) {
        struct so_str key = so_json_key(&map->u.members[i]);
        items[i].name = (struct so_name){key, map->u.members[i].key_hash};
        int rc = child_node(c, at, &map->u.members[i].value, so_pointer_join(c->arena, at->pointer, key), &items[i].node);
        if (rc != SO_OK)
            return rc;
    }
    rule->u.properties.items = items;
    rule->u.properties.count = map->len;
    rule->u.properties.table = so_table_make(c->arena, map->len, property_key, items);
    return rule->u.properties.table == NULL ? so_err_oom(c->err) : SO_OK;
}

static int make_patterns(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    const struct so_json *map = rule->value;
    struct so_pattern *items = so_alloc_array(c->arena, map->len + 1U, sizeof(*items));
    if (items == NULL)
        return so_err_oom(c->err);
    for (uint32_t i = 0; i < map->len; i++) {
        items[i].text = so_json_key(&map->u.members[i]);
        struct so_str pointer = so_pointer_join(c->arena, at->pointer, items[i].text);
        int rc = child_node(c, at, &map->u.members[i].value, pointer, &items[i].node);
        if (rc == SO_OK)
            rc = make_regex(c, items[i].text, pointer, &items[i].regex);
        if (rc != SO_OK)
            return rc;
    }
    rule->u.patterns.items = items;
    rule->u.patterns.count = map->len;
    return SO_OK;
}

static int make_dependencies(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    const struct so_json *map = rule->value;
    struct so_dependency *items = so_alloc_array(c->arena, map->len + 1U, sizeof(*items));
    if (items == NULL)
        return so_err_oom(c->err);
    for (uint32_t i = 0; i < map->len; i++) {
        const struct so_json *v = &map->u.members[i].value;
        items[i].name = name_of(so_json_key(&map->u.members[i]));
        int rc = v->type == SO_JSON_ARRAY
                     ? make_names(c, v, &items[i].names)
                     : child_node(c, at, v, so_pointer_join(c->arena, at->pointer, items[i].name.text), &items[i].node);
        if (rc != SO_OK)
            return rc;
    }
    rule->u.dependencies.items = items;
    rule->u.dependencies.count = map->len;
    return SO_OK;
}

static int make_if(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    int rc = child_node(c, at, rule->value, at->pointer, &rule->u.branch.condition);
    if (rc == SO_OK)
        rc = sibling_node(c, at, "then", &rule->u.branch.then);
    if (rc == SO_OK)
        rc = sibling_node(c, at, "else", &rule->u.branch.otherwise);
    return rc;
}

static int make_ref(struct compiler *c, const struct site *at, struct so_rule *rule)
{
    struct so_str ref = so_json_str(rule->value);
    struct so_target target;
    int rc = so_registry_resolve(&c->registry, at->resource, ref, &target, c->err);
    if (rc != SO_OK)
        return blame(c, rc, at->pointer);
    if (rule->code == RULE_DYNAMIC_REF) {
        /* Only a reference that leads to a dynamic anchor is dynamic (Core section 8.2.3.2; 2019-09: 8.2.4.2.2). */
        size_t hash = so_str_find_char(ref, '#', 0);
        struct so_str name = hash == SO_STR_NONE ? so_str("", 0) : so_str_slice(ref, hash + 1, ref.n);
        const struct so_anchor *anchor = so_resource_anchor(target.resource, name);
        const struct scope_entry *outer = NULL;
        if (anchor != NULL && anchor->dynamic && anchor->schema == target.schema)
            outer = scope_find(at->node->scope, name);
        if (outer != NULL)
            target = (struct so_target){outer->anchor->schema, outer->resource, outer->anchor->pointer};
    }
    rc = get_node(c, target.schema, target.resource, at->node->scope, target.pointer, &rule->u.node);
    return rc;
}

typedef int rule_maker(struct compiler *c, const struct site *at, struct so_rule *rule);

static rule_maker *const MAKERS[RULE_COUNT] = {
    [RULE_TYPE] = make_type,
    [RULE_CONST] = make_nothing,
    [RULE_ENUM] = make_nothing,
    [RULE_MINIMUM] = make_limit,
    [RULE_MAXIMUM] = make_limit,
    [RULE_EXCLUSIVE_MINIMUM] = make_nothing,
    [RULE_EXCLUSIVE_MAXIMUM] = make_nothing,
    [RULE_MULTIPLE_OF] = make_nothing,
    [RULE_MIN_LENGTH] = make_count,
    [RULE_MAX_LENGTH] = make_count,
    [RULE_PATTERN] = make_pattern,
    [RULE_FORMAT] = make_format,
    [RULE_CONTENT_ENCODING] = make_content,
    [RULE_CONTENT_MEDIA_TYPE] = make_content,
    [RULE_CONTENT_SCHEMA] = make_node,
    [RULE_MIN_ITEMS] = make_count,
    [RULE_MAX_ITEMS] = make_count,
    [RULE_UNIQUE_ITEMS] = make_nothing,
    [RULE_PREFIX_ITEMS] = make_list,
    [RULE_ITEMS] = make_items,
    [RULE_CONTAINS] = make_contains,
    [RULE_MIN_PROPERTIES] = make_count,
    [RULE_MAX_PROPERTIES] = make_count,
    [RULE_REQUIRED] = make_required,
    [RULE_DEPENDENT_REQUIRED] = make_dependencies,
    [RULE_PROPERTY_NAMES] = make_node,
    [RULE_PROPERTIES] = make_properties,
    [RULE_PATTERN_PROPERTIES] = make_patterns,
    [RULE_ADDITIONAL_PROPERTIES] = make_node,
    [RULE_REF] = make_ref,
    [RULE_DYNAMIC_REF] = make_ref,
    [RULE_ALL_OF] = make_list,
    [RULE_ANY_OF] = make_list,
    [RULE_ONE_OF] = make_list,
    [RULE_NOT] = make_node,
    [RULE_IF] = make_if,
    [RULE_DEPENDENT_SCHEMAS] = make_dependencies,
    [RULE_DEPENDENCIES] = make_dependencies,
    [RULE_UNEVALUATED_ITEMS] = make_node,
    [RULE_UNEVALUATED_PROPERTIES] = make_node,
};

/* Rules in the order of enum so_rule_code, stable. */
static void insert_rule(struct so_node *node, struct so_rule rule)
{
    uint32_t at = node->rule_count++;
    for (; at > 0 && node->rules[at - 1].code > rule.code; at--)
        node->rules[at] = node->rules[at - 1];
    node->rules[at] = rule;
}

/* additionalProperties needs to know which members its siblings take. */
static void link_siblings(struct so_node *node)
{
    for (uint32_t i = 0; i < node->rule_count; i++) {
        struct so_rule *rule = &node->rules[i];
        if (rule->code != RULE_ADDITIONAL_PROPERTIES)
            continue;
        struct so_node *child = rule->u.node;
        rule->u.additional.node = child;
        rule->u.additional.properties = so_node_rule(node, RULE_PROPERTIES);
        rule->u.additional.patterns = so_node_rule(node, RULE_PATTERN_PROPERTIES);
    }
}

static int compile_node(struct compiler *c, struct so_node *node)
{
    const struct so_json *schema = node->source;
    struct so_resource *res = (struct so_resource *)(uintptr_t)node->resource;
    if (schema->type != SO_JSON_OBJECT || schema->len == 0)
        return SO_OK;
    node->rules = so_alloc_array(c->arena, schema->len, sizeof(*node->rules));
    if (node->rules == NULL)
        return so_err_oom(c->err);
    bool only_ref = res->draft <= SO_DRAFT_7 && so_json_get_str(schema, SO_STR("$ref")).p != NULL;
    for (uint32_t i = 0; i < schema->len; i++) {
        const struct so_json_member *m = &schema->u.members[i];
        const struct so_keyword *k = so_keyword_find(so_json_key(m), res->draft);
        if (k == NULL || k->rule == RULE_NONE || (k->vocab & res->vocab) == 0 || (only_ref && k->rule != RULE_REF))
            continue;
        if (so_json_get(schema, so_json_key(m)) != &m->value)
            continue; /* a member given twice: the last one counts */
        struct site at = {node, res, schema, so_pointer_join(c->arena, node->pointer, so_json_key(m))};
        struct so_rule rule = {.keyword = k, .value = &m->value, .code = k->rule};
        if (at.pointer.p == NULL)
            return so_err_oom(c->err);
        int rc = MAKERS[k->rule](c, &at, &rule);
        if (rc != SO_OK)
            return blame(c, rc, at.pointer);
        if (rule.code != RULE_NONE)
            insert_rule(node, rule);
    }
    link_siblings(node);
    return SO_OK;
}

int so_compile_nodes(struct so_schema *s, const struct so_json *root, const struct so_schema_options *options,
                     struct so_err *err)
{
    static struct so_scope EMPTY;
    struct compiler c = {.schema = s, .arena = &s->arena, .options = options, .err = err};
    struct so_json *copy = so_alloc(&s->arena, sizeof(*copy));
    struct so_str base = so_arena_dup(&s->arena, options->base_uri);
    if (copy == NULL || base.p == NULL || !copy_json(&s->arena, root, copy, 0))
        return so_err_oom(err);
    size_t hash = so_str_find_char(base, '#', 0);
    if (hash != SO_STR_NONE)
        base.n = hash;
    so_registry_init(&c.registry, c.arena, options);
    so_map_init(&c.nodes, c.arena);
    struct so_resource *res;
    int rc = so_registry_add(&c.registry, copy, base, options->draft != 0 ? options->draft : SO_DRAFT_2020_12, &res, err);
    if (rc != SO_OK)
        return rc;
    s->draft = res->draft;
    rc = get_node(&c, copy, res, &EMPTY, so_str("", 0), &s->root);
    for (struct so_node *n = s->root; rc == SO_OK && n != NULL; n = n->next)
        rc = compile_node(&c, n);
    return rc;
}
