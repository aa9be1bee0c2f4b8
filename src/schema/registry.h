/* registry.h: schema documents, the resources inside them ($id), their anchors, and what a reference leads to.
 * Owns: nothing but what it puts in the arena.   Threads: one, during compilation only. */
#ifndef SO_SCHEMA_REGISTRY_H
#define SO_SCHEMA_REGISTRY_H

#include "core/map.h"
#include "schema/keyword.h"

struct so_anchor {
    struct so_str name; /* "" is $recursiveAnchor */
    const struct so_json *schema;
    struct so_str pointer; /* from the document's root */
    bool dynamic;
    struct so_anchor *next;
};

/* A schema with a URI of its own: a document's root, or a subschema with $id. */
struct so_resource {
    struct so_str uri; /* without fragment; may be empty */
    const struct so_json *root;
    struct so_str pointer; /* of the root, from the document's root */
    enum so_draft draft;
    unsigned vocab; /* of enum so_vocabulary, what its metaschema turns on */
    struct so_anchor *anchors;
    bool has_dynamic; /* one of the anchors is dynamic */
};

struct so_registry {
    struct so_arena *arena;
    const struct so_schema_options *options; /* never NULL */
    struct so_map by_uri;                    /* to struct so_resource */
    struct so_map by_root;                   /* from the address of a root */
    struct so_map scanned;                   /* addresses of schemas found under unknown keywords */
    uint32_t documents;
};

/* Where a reference leads. */
struct so_target {
    const struct so_json *schema;
    struct so_resource *resource; /* that it belongs to */
    struct so_str pointer;        /* from the document's root */
};

void so_registry_init(struct so_registry *r, struct so_arena *arena, const struct so_schema_options *options);
/* Checks the document and finds its resources. err->details is the JSON Pointer of what is wrong. */
int so_registry_add(struct so_registry *r, const struct so_json *root, struct so_str uri, enum so_draft draft,
                    struct so_resource **out, struct so_err *err) SO_MUST_CHECK;
/* SO_ENOTFOUND when it leads nowhere. */
int so_registry_resolve(struct so_registry *r, struct so_resource *from, struct so_str ref, struct so_target *out,
                        struct so_err *err) SO_MUST_CHECK;
/* The resource whose root this schema is, or `parent` when it is none. */
struct so_resource *so_registry_enter(const struct so_registry *r, struct so_resource *parent, const struct so_json *schema);
/* The anchor of this name, or NULL. */
const struct so_anchor *so_resource_anchor(const struct so_resource *resource, struct so_str name);

/* pointer + "/" + token, escaped (RFC 6901); p is NULL when memory ran out. */
struct so_str so_pointer_join(struct so_arena *arena, struct so_str pointer, struct so_str token);
struct so_str so_pointer_join_index(struct so_arena *arena, struct so_str pointer, size_t index);
/* Puts "#" and the pointer, percent-encoded as a fragment, in err->details. */
void so_err_pointer(struct so_err *err, struct so_str pointer);

#endif
