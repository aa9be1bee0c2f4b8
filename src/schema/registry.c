/* registry.c: finds the resources and anchors of schema documents, and follows references to them.
 *
 * A document is scanned once, along its keywords: only what stands where a schema stands may declare an $id, so an $id
 * inside "enum" or under an unknown keyword is data.  The scan also checks the form of every keyword's value.  A reference
 * may point under an unknown keyword all the same; what it finds there is scanned then. */
#include "schema/registry.h"

#include <string.h>

#include "schema/metaschema.h"
#include "schema/uri.h"

enum { DEPTH_MAX = 1000, DOCUMENTS_MAX = 1000 };

/* The way to a schema inside its document; made into text only when somebody asks. */
struct path {
    const struct path *parent;
    struct so_str token;
    uint32_t index;
    bool is_index;
};

struct scan {
    struct so_registry *registry;
    struct so_str top; /* the pointer of the schema where this scan began */
    struct so_err *err;
};

static int scan_schema(struct scan *s, const struct so_json *schema, struct so_resource *res, const struct path *path,
                       unsigned depth);

static struct so_str pointer_of(struct so_arena *arena, struct so_str top, const struct path *path)
{
    if (path == NULL)
        return top;
    struct so_str before = pointer_of(arena, top, path->parent);
    if (before.p == NULL)
        return before;
    return path->is_index ? so_pointer_join_index(arena, before, path->index) : so_pointer_join(arena, before, path->token);
}

/* Adds where the error is to what it says; `keyword` may be empty. Returns rc. */
static int blame(struct scan *s, int rc, const struct path *path, const char *keyword)
{
    struct path at = {path, so_str_c(keyword), 0, false};
    struct so_str pointer = pointer_of(s->registry->arena, s->top, keyword[0] != '\0' ? &at : path);
    if (pointer.p != NULL && rc != SO_OK)
        so_err_pointer(s->err, pointer);
    return rc;
}

static bool remember(struct so_map *map, const struct so_json *address, void *value)
{
    struct so_str key = so_arena_dup(map->arena, so_str((const char *)&address, sizeof(address)));
    return key.p != NULL && so_map_put(map, key, value);
}

static void *recall(const struct so_map *map, const struct so_json *address)
{
    return so_map_find(map, so_str((const char *)&address, sizeof(address)));
}

void so_registry_init(struct so_registry *r, struct so_arena *arena, const struct so_schema_options *options)
{
    *r = (struct so_registry){.arena = arena, .options = options};
    so_map_init(&r->by_uri, arena);
    so_map_init(&r->by_root, arena);
    so_map_init(&r->scanned, arena);
}

/* ---- identifiers and anchors ---- */

const struct so_anchor *so_resource_anchor(const struct so_resource *resource, struct so_str name)
{
    for (const struct so_anchor *a = resource->anchors; a != NULL; a = a->next)
        if (so_str_eq(a->name, name))
            return a;
    return NULL;
}

static int add_anchor(struct scan *s, struct so_resource *res, struct so_str name, bool dynamic,
                      const struct so_json *schema, const struct path *path, const char *keyword)
{
    const struct so_anchor *old = so_resource_anchor(res, name);
    if (old != NULL && old->schema != schema)
        return blame(
            s, so_fail(s->err, SO_EINVAL, "the anchor \"%.*s\" is declared twice", SO_STR_ARG(so_str_slice(name, 0, 80))),
            path, keyword);
    struct so_arena *arena = s->registry->arena;
    struct so_anchor *a = so_alloc(arena, sizeof(*a));
    struct so_str pointer = pointer_of(arena, s->top, path);
    if (a == NULL || pointer.p == NULL)
        return so_err_oom(s->err);
    *a = (struct so_anchor){name, schema, pointer, dynamic, res->anchors};
    res->anchors = a;
    res->has_dynamic = res->has_dynamic || dynamic;
    return SO_OK;
}

/* The string of this keyword, when it has one. */
static struct so_str get_text(const struct so_json *schema, const char *keyword)
{
    return so_json_get_str(schema, so_str_c(keyword));
}

static const char *id_keyword(enum so_draft draft) { return draft == SO_DRAFT_4 ? "id" : "$id"; }

/* Before 2019-09 whatever stands beside "$ref" does not count, "$id" included. */
static bool is_only_ref(const struct so_json *schema, enum so_draft draft)
{
    return draft <= SO_DRAFT_7 && get_text(schema, "$ref").p != NULL;
}

static int add_resource(struct scan *s, const struct so_json *root, struct so_str uri, const struct so_resource *like,
                        const struct path *path, struct so_resource **out)
{
    struct so_registry *r = s->registry;
    struct so_resource *res = so_alloc(r->arena, sizeof(*res));
    struct so_str pointer = pointer_of(r->arena, s->top, path);
    if (res == NULL || pointer.p == NULL)
        return so_err_oom(s->err);
    *res = (struct so_resource){.uri = uri, .root = root, .pointer = pointer, .draft = like->draft, .vocab = like->vocab};
    const struct so_resource *old = so_map_find(&r->by_uri, uri);
    if (old != NULL && old->root != root)
        return blame(
            s, so_fail(s->err, SO_EINVAL, "the identifier \"%.*s\" is used twice", SO_STR_ARG(so_str_slice(uri, 0, 200))),
            path, id_keyword(res->draft));
    if (!so_map_put(&r->by_uri, uri, res) || !remember(&r->by_root, root, res))
        return so_err_oom(s->err);
    *out = res;
    return SO_OK;
}

/* What $id does: a new resource, or before 2019-09 ("#name") an anchor.  *res becomes the resource that the schema is in. */
static int enter_id(struct scan *s, const struct so_json *schema, struct so_resource **res, const struct path *path)
{
    const char *keyword = id_keyword((*res)->draft);
    struct so_str id = get_text(schema, keyword), uri, fragment;
    if (id.p == NULL)
        return SO_OK;
    if (!so_uri_resolve(s->registry->arena, (*res)->uri, id, &uri, &fragment))
        return so_err_oom(s->err);
    if ((*res)->draft >= SO_DRAFT_2019_09 && fragment.n > 0)
        return blame(s, so_fail(s->err, SO_EINVAL, "must not have a fragment; use \"$anchor\""), path, keyword);
    if (!so_str_eq(uri, (*res)->uri) || (id.n > 0 && id.p[0] != '#' && (*res)->root != schema)) {
        int rc = add_resource(s, schema, uri, *res, path, res);
        if (rc != SO_OK)
            return rc;
    }
    if (fragment.n > 0 && fragment.p[0] != '/')
        return add_anchor(s, *res, fragment, false, schema, path, keyword);
    return SO_OK;
}

/* A name as XML's NCName has it, in ASCII: Core section 8.2.2. */
static bool is_anchor_name(struct so_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool start = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
        if (!start && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.')))
            return false;
    }
    return name.n > 0;
}

static int enter_anchors(struct scan *s, const struct so_json *schema, struct so_resource *res, const struct path *path)
{
    static const struct {
        const char *keyword;
        bool dynamic;
    } ANCHORS[] = {{"$anchor", false}, {"$dynamicAnchor", true}};
    for (size_t i = 0; i < COUNT_OF(ANCHORS); i++) {
        if (so_keyword_find(so_str_c(ANCHORS[i].keyword), res->draft) == NULL)
            continue;
        struct so_str name = get_text(schema, ANCHORS[i].keyword);
        if (name.p == NULL)
            continue;
        if (!is_anchor_name(name))
            return blame(s, so_fail(s->err, SO_EINVAL, "must be a name: a letter or _, then letters, digits, -, _ and ."),
                         path, ANCHORS[i].keyword);
        int rc = add_anchor(s, res, name, ANCHORS[i].dynamic, schema, path, ANCHORS[i].keyword);
        if (rc != SO_OK)
            return rc;
    }
    const struct so_json *recursive = so_json_get(schema, SO_STR("$recursiveAnchor"));
    if (res->draft == SO_DRAFT_2019_09 && recursive != NULL && recursive->type == SO_JSON_TRUE && res->root == schema)
        return add_anchor(s, res, so_str("", 0), true, schema, path, "$recursiveAnchor");
    return SO_OK;
}

/* ---- the dialect: "$schema" and its vocabularies ---- */

static const struct {
    const char *name;
    unsigned mask;
} VOCABULARIES[] = {
    {"2019-09/vocab/core", VOCAB_CORE},
    {"2019-09/vocab/applicator", VOCAB_APPLICATOR | VOCAB_UNEVALUATED},
    {"2019-09/vocab/validation", VOCAB_VALIDATION},
    {"2019-09/vocab/meta-data", VOCAB_META_DATA},
    {"2019-09/vocab/format", VOCAB_FORMAT},
    {"2019-09/vocab/content", VOCAB_CONTENT},
    {"2020-12/vocab/core", VOCAB_CORE},
    {"2020-12/vocab/applicator", VOCAB_APPLICATOR},
    {"2020-12/vocab/unevaluated", VOCAB_UNEVALUATED},
    {"2020-12/vocab/validation", VOCAB_VALIDATION},
    {"2020-12/vocab/meta-data", VOCAB_META_DATA},
    {"2020-12/vocab/format-annotation", VOCAB_FORMAT},
    {"2020-12/vocab/format-assertion", VOCAB_FORMAT | VOCAB_FORMAT_ASSERTION},
    {"2020-12/vocab/content", VOCAB_CONTENT},
};

static int read_vocabularies(const struct so_json *map, unsigned *out, struct so_err *err)
{
    static const struct so_str PREFIX = SO_STR_INIT("https://json-schema.org/draft/");
    *out = VOCAB_CORE;
    for (uint32_t i = 0; i < map->len; i++) {
        struct so_str uri = so_json_key(&map->u.members[i]);
        unsigned mask = 0;
        for (size_t j = 0; so_str_starts(uri, PREFIX) && j < COUNT_OF(VOCABULARIES); j++)
            if (so_str_eq_c(so_str_slice(uri, PREFIX.n, uri.n), VOCABULARIES[j].name))
                mask = VOCABULARIES[j].mask;
        if (mask == 0 && map->u.members[i].value.type == SO_JSON_TRUE)
            return so_fail(err, SO_EINVAL, "the metaschema requires the vocabulary \"%.*s\", which is not known",
                           SO_STR_ARG(so_str_slice(uri, 0, 200)));
        *out |= mask;
    }
    return SO_OK;
}

static int load_document(struct so_registry *r, struct so_str uri, enum so_draft draft, struct so_resource **out,
                         struct so_err *err);

/* Sets draft and vocabularies of `res` from its root's "$schema". */
static int enter_dialect(struct scan *s, struct so_resource *res, const struct path *path)
{
    struct so_str name = get_text(res->root, "$schema"), uri, fragment;
    if (name.p == NULL)
        return SO_OK;
    enum so_draft draft = so_metaschema_draft(name);
    if (draft != 0) {
        res->draft = draft;
        res->vocab = VOCAB_ALL;
        return SO_OK;
    }
    if (!so_uri_resolve(s->registry->arena, res->uri, name, &uri, &fragment))
        return so_err_oom(s->err);
    if (so_str_eq(uri, res->uri) || so_map_has(&s->registry->by_uri, uri)) {
        const struct so_resource *known = so_map_find(&s->registry->by_uri, uri);
        if (known == NULL || known->root == res->root)
            return SO_OK; /* it describes itself: the default draft holds */
    }
    struct so_resource *meta;
    int rc = load_document(s->registry, uri, res->draft, &meta, s->err);
    if (rc != SO_OK)
        return blame(s, rc, path, "$schema");
    res->draft = meta->draft;
    const struct so_json *vocabularies = so_json_get(meta->root, SO_STR("$vocabulary"));
    res->vocab = VOCAB_ALL;
    if (vocabularies != NULL && vocabularies->type == SO_JSON_OBJECT && res->draft >= SO_DRAFT_2019_09)
        return blame(s, read_vocabularies(vocabularies, &res->vocab, s->err), path, "$schema");
    return SO_OK;
}

/* ---- the scan ---- */

static int scan_list(struct scan *s, const struct so_json *list, struct so_resource *res, const struct path *path,
                     unsigned depth)
{
    for (uint32_t i = 0; i < list->len; i++) {
        struct path at = {path, {NULL, 0}, i, true};
        int rc = scan_schema(s, &list->u.items[i], res, &at, depth);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

static int scan_map(struct scan *s, const struct so_json *map, struct so_resource *res, const struct path *path,
                    unsigned depth)
{
    for (uint32_t i = 0; i < map->len; i++) {
        struct path at = {path, so_json_key(&map->u.members[i]), 0, false};
        int rc = SO_OK;
        if (map->u.members[i].value.type != SO_JSON_ARRAY) /* "dependencies" may hold names as well */
            rc = scan_schema(s, &map->u.members[i].value, res, &at, depth);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

static int scan_keyword(struct scan *s, const struct so_keyword *k, const struct so_json *value, struct so_resource *res,
                        const struct path *path, unsigned depth)
{
    int rc = so_keyword_check(k, res->draft, value, s->err);
    if (rc != SO_OK)
        return blame(s, rc, path, "");
    switch ((enum so_value_kind)k->value) {
    case VALUE_SCHEMA:
    case VALUE_SCHEMA_OR_BOOL: return scan_schema(s, value, res, path, depth);
    case VALUE_SCHEMAS: return scan_list(s, value, res, path, depth);
    case VALUE_ITEMS:
        return value->type == SO_JSON_ARRAY ? scan_list(s, value, res, path, depth)
                                            : scan_schema(s, value, res, path, depth);
    case VALUE_SCHEMA_MAP:
    case VALUE_PATTERN_MAP:
    case VALUE_DEPENDENCIES: return scan_map(s, value, res, path, depth);
    default: return SO_OK;
    }
}

/* An embedded resource may speak another draft than the document around it. */
static int enter_resource(struct scan *s, const struct so_json *schema, struct so_resource **res, const struct path *path)
{
    struct so_resource outer = **res, *before = *res;
    enum so_draft draft = so_metaschema_draft(get_text(schema, "$schema"));
    if (draft != 0 && (*res)->root != schema && get_text(schema, id_keyword(draft)).p != NULL) {
        outer.draft = draft;
        outer.vocab = VOCAB_ALL;
    }
    if (is_only_ref(schema, outer.draft) || (*res)->root == schema)
        return SO_OK;
    struct so_resource *inner = &outer;
    int rc = enter_id(s, schema, &inner, path);
    if (rc != SO_OK)
        return rc;
    if (inner == &outer) { /* no new resource; an anchor may have been put in the copy */
        before->anchors = outer.anchors;
        return SO_OK;
    }
    *res = inner;
    return enter_dialect(s, inner, path);
}

static int scan_schema(struct scan *s, const struct so_json *schema, struct so_resource *res, const struct path *path,
                       unsigned depth)
{
    if (schema->type != SO_JSON_OBJECT)
        return SO_OK;
    if (depth > DEPTH_MAX)
        return blame(s, so_fail(s->err, SO_ELIMIT, "a schema may be nested %d levels deep", DEPTH_MAX), path, "");
    int rc = enter_resource(s, schema, &res, path);
    bool only_ref = is_only_ref(schema, res->draft);
    if (rc == SO_OK && !only_ref)
        rc = enter_anchors(s, schema, res, path);
    for (uint32_t i = 0; rc == SO_OK && i < schema->len; i++) {
        const struct so_json_member *m = &schema->u.members[i];
        const struct so_keyword *k = so_keyword_find(so_json_key(m), res->draft);
        if (k == NULL || (k->vocab & res->vocab) == 0)
            continue;
        if (only_ref && k->rule != RULE_REF && strcmp(k->name, "definitions") != 0)
            continue;
        struct path at = {path, so_json_key(m), 0, false};
        rc = scan_keyword(s, k, &m->value, res, &at, depth + 1);
    }
    return rc;
}

int so_registry_add(struct so_registry *r, const struct so_json *root, struct so_str uri, enum so_draft draft,
                    struct so_resource **out, struct so_err *err)
{
    struct scan s = {r, so_str("", 0), err};
    struct so_resource like = {.draft = draft, .vocab = VOCAB_ALL}, *res = NULL;
    if (++r->documents > DOCUMENTS_MAX)
        return so_fail(err, SO_ELIMIT, "a schema may refer to %d documents", DOCUMENTS_MAX);
    struct so_str id = {NULL, 0}, own = uri, fragment = {NULL, 0};
    enum so_draft named = so_metaschema_draft(get_text(root, "$schema"));
    if (named != 0)
        like.draft = named;
    if (!is_only_ref(root, like.draft))
        id = get_text(root, id_keyword(like.draft));
    if (id.p != NULL && !so_uri_resolve(r->arena, uri, id, &own, &fragment))
        return so_err_oom(err);
    if (fragment.n > 0 && like.draft >= SO_DRAFT_2019_09)
        return blame(&s, so_fail(err, SO_EINVAL, "must not have a fragment; use \"$anchor\""), NULL, id_keyword(like.draft));
    int rc = add_resource(&s, root, own, &like, NULL, &res);
    if (rc == SO_OK && !so_map_has(&r->by_uri, uri) && !so_map_put(&r->by_uri, uri, res))
        rc = so_err_oom(err);
    if (rc == SO_OK && fragment.n > 0 && fragment.p[0] != '/')
        rc = add_anchor(&s, res, fragment, false, root, NULL, id_keyword(like.draft));
    if (rc == SO_OK)
        rc = enter_dialect(&s, res, NULL);
    if (rc == SO_OK && root->type != SO_JSON_OBJECT && !(so_json_is_bool(root) && res->draft != SO_DRAFT_4))
        rc = blame(&s, so_fail(err, SO_EINVAL, "a schema must be an object or a boolean"), NULL, "");
    if (rc == SO_OK)
        rc = scan_schema(&s, root, res, NULL, 0);
    if (rc == SO_OK)
        *out = res;
    return rc;
}

/* ---- references ---- */

static int load_document(struct so_registry *r, struct so_str uri, enum so_draft draft, struct so_resource **out,
                         struct so_err *err)
{
    struct so_json *root = so_alloc(r->arena, sizeof(*root));
    if (root == NULL)
        return so_err_oom(err);
    const char *text = so_metaschema_find(uri);
    int rc = SO_ENOTFOUND;
    if (text != NULL)
        rc = so_json_parse(r->arena, so_str_c(text), NULL, root, err);
    else if (r->options->load != NULL && so_uri_is_absolute(uri))
        rc = r->options->load(r->options->load_arg, uri, r->arena, root, err);
    if (rc == SO_ENOTFOUND)
        return so_fail(err, rc, "there is no schema \"%.*s\"", SO_STR_ARG(so_str_slice(uri, 0, 300)));
    if (rc != SO_OK)
        return rc;
    rc = so_registry_add(r, root, uri, draft, out, err);
    if (rc != SO_OK && rc != SO_ENOMEM && err != NULL) {
        struct so_err inner = *err; /* the reader needs to know in which document */
        err->code = SO_OK;
        err->details[0] = '\0';
        so_fail(err, rc, "in %.*s%s: %s", SO_STR_ARG(so_str_slice(uri, 0, 200)), inner.details, inner.message);
    }
    return rc;
}

struct so_resource *so_registry_enter(const struct so_registry *r, struct so_resource *parent, const struct so_json *schema)
{
    if (schema->type != SO_JSON_OBJECT ||
        (so_json_get(schema, SO_STR("$id")) == NULL && so_json_get(schema, SO_STR("id")) == NULL))
        return parent;
    struct so_resource *own = recall(&r->by_root, schema);
    return own != NULL ? own : parent;
}

/* Where one step of a JSON Pointer stands in the grammar of a schema. */
enum place { PLACE_SCHEMA, PLACE_LIST, PLACE_MAP, PLACE_UNKNOWN };

static enum place next_place(enum place place, struct so_str token, const struct so_json *value,
                             const struct so_resource *res)
{
    if (place == PLACE_LIST || place == PLACE_MAP)
        return PLACE_SCHEMA;
    const struct so_keyword *k = place == PLACE_SCHEMA ? so_keyword_find(token, res->draft) : NULL;
    if (k == NULL || (k->vocab & res->vocab) == 0)
        return PLACE_UNKNOWN;
    switch ((enum so_value_kind)k->value) {
    case VALUE_SCHEMA:
    case VALUE_SCHEMA_OR_BOOL: return PLACE_SCHEMA;
    case VALUE_SCHEMAS: return PLACE_LIST;
    case VALUE_ITEMS: return value->type == SO_JSON_ARRAY ? PLACE_LIST : PLACE_SCHEMA;
    case VALUE_SCHEMA_MAP:
    case VALUE_PATTERN_MAP:
    case VALUE_DEPENDENCIES: return PLACE_MAP;
    default: return PLACE_UNKNOWN;
    }
}

/* One token of a pointer with ~0 and ~1 replaced, in place. */
static struct so_str unescape(char *token, size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        char c = token[i];
        if (c == '~' && i + 1 < n && (token[i + 1] == '0' || token[i + 1] == '1'))
            c = token[++i] == '0' ? '~' : '/';
        token[out++] = c;
    }
    return so_str(token, out);
}

static const struct so_json *step(const struct so_json *value, struct so_str token)
{
    uint64_t index;
    if (value->type == SO_JSON_OBJECT)
        return so_json_get(value, token);
    if (value->type == SO_JSON_ARRAY && so_str_to_u64(token, &index) && index < value->len)
        return &value->u.items[index];
    return NULL;
}

static int follow_pointer(struct so_registry *r, struct so_resource *res, struct so_str pointer, struct so_target *out,
                          struct so_err *err)
{
    const struct so_json *value = res->root;
    enum place place = PLACE_SCHEMA;
    struct so_str full = so_arena_printf(r->arena, "%.*s%.*s", SO_STR_ARG(res->pointer), SO_STR_ARG(pointer));
    struct so_str copy = so_arena_dup(r->arena, pointer);
    if (full.p == NULL || copy.p == NULL)
        return so_err_oom(err);
    char *at = (char *)(uintptr_t)copy.p, *end = at + copy.n;
    while (at < end) {
        char *slash = memchr(at + 1, '/', (size_t)(end - at - 1));
        char *stop = slash != NULL ? slash : end;
        struct so_str token = unescape(at + 1, (size_t)(stop - at - 1));
        const struct so_json *next = step(value, token);
        if (next == NULL)
            return so_fail(err, SO_ENOTFOUND, "there is nothing at #%.*s", SO_STR_ARG(so_str_slice(pointer, 0, 300)));
        place = next_place(place, token, next, res);
        value = next;
        if (place == PLACE_SCHEMA)
            res = so_registry_enter(r, res, value);
        at = stop;
    }
    *out = (struct so_target){value, res, full};
    if (place == PLACE_SCHEMA || value == res->root)
        return SO_OK;
    if (value->type != SO_JSON_OBJECT && (!so_json_is_bool(value) || res->draft == SO_DRAFT_4))
        return so_fail(err, SO_EINVAL, "what is at #%.*s is no schema", SO_STR_ARG(so_str_slice(pointer, 0, 300)));
    if (recall(&r->scanned, value) != NULL)
        return SO_OK;
    if (!remember(&r->scanned, value, res))
        return so_err_oom(err);
    struct scan s = {r, full, err};
    int rc = scan_schema(&s, value, res, NULL, 0);
    out->resource = so_registry_enter(r, res, value);
    return rc;
}

int so_registry_resolve(struct so_registry *r, struct so_resource *from, struct so_str ref, struct so_target *out,
                        struct so_err *err)
{
    struct so_str uri, fragment;
    if (!so_uri_resolve(r->arena, from->uri, ref, &uri, &fragment))
        return so_err_oom(err);
    struct so_resource *res = so_str_eq(uri, from->uri) ? from : so_map_find(&r->by_uri, uri);
    if (res == NULL) {
        int rc = load_document(r, uri, from->draft, &res, err);
        if (rc != SO_OK)
            return rc;
    }
    fragment = so_uri_decode(r->arena, fragment);
    if (fragment.p == NULL)
        return so_err_oom(err);
    if (fragment.n == 0 || fragment.p[0] == '/')
        return follow_pointer(r, res, fragment, out, err);
    const struct so_anchor *anchor = so_resource_anchor(res, fragment);
    if (anchor == NULL)
        return so_fail(err, SO_ENOTFOUND, "there is no anchor \"%.*s\"", SO_STR_ARG(so_str_slice(fragment, 0, 200)));
    *out = (struct so_target){anchor->schema, res, anchor->pointer};
    return SO_OK;
}
