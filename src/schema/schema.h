/* schema.h: JSON Schema, drafts 4, 6, 7, 2019-09 and 2020-12: compile once, validate often.
 * Usable without the server.  Spec: json-schema.org, Core and Validation of each draft.
 * Owns: a compiled schema owns everything it needs; the source text and values may go.
 * Threads: a compiled schema never changes: any number of threads may validate with it.
 * Limits: struct so_schema_options.   Never: reaches the network; changes the schema or the instance. */
#ifndef SO_SCHEMA_SCHEMA_H
#define SO_SCHEMA_SCHEMA_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "json/json.h"

enum so_draft { SO_DRAFT_4 = 4, SO_DRAFT_6 = 6, SO_DRAFT_7 = 7, SO_DRAFT_2019_09 = 2019, SO_DRAFT_2020_12 = 2020 };

struct so_schema; /* opaque, from so_schema_compile() to so_schema_free() */

/* Loads the schema document that `uri` (absolute, no fragment) names into *out, in `arena`.  SO_ENOTFOUND when there is
 * none. The metaschemas of all drafts are built in and never asked for. */
typedef int so_schema_loader(void *arg, struct so_str uri, struct so_arena *arena, struct so_json *out, struct so_err *err);

struct so_schema_options {
    enum so_draft draft;    /* for schemas without "$schema"; 0 means 2020-12 */
    bool assert_format;     /* "format" asserts instead of annotating */
    bool assert_content;    /* contentEncoding / contentMediaType assert */
    struct so_str base_uri; /* of a document without "$id"; may be empty */
    so_schema_loader *load; /* may be NULL: then only what is built in or inside the document resolves */
    void *load_arg;
    size_t memory_max; /* bytes a compiled schema may take; 0 means 64 MiB */
};

/* Compiles `root`.  SO_EINVAL with err->details holding the JSON Pointer (as a URI fragment, "#/properties/a") of the wrong
 * keyword and err->message the reason; SO_ENOTFOUND for a reference that leads nowhere; SO_ELIMIT; SO_ENOMEM.
 * options may be NULL. */
int so_schema_compile(const struct so_json *root, const struct so_schema_options *options, struct so_schema **out,
                      struct so_err *err) SO_MUST_CHECK;
void so_schema_free(struct so_schema *s); /* NULL is fine */

/* Valid or not, as fast as possible, without allocation on the usual path.  SO_OK with *out_valid set; SO_ELIMIT when a
 * limit (pattern steps, depth) was met, SO_ENOMEM. */
int so_schema_check(const struct so_schema *s, const struct so_json *instance, bool *out_valid,
                    struct so_err *err) SO_MUST_CHECK;

/* One reason why an instance is not valid.  All text lives in the arena given to so_schema_validate(). */
struct so_violation {
    struct so_str instance_location; /* JSON Pointer into the instance, "" for the whole */
    struct so_str
        keyword_location; /* JSON Pointer from the root schema, through references ("/properties/a/$ref/minimum") */
    struct so_str absolute_keyword_location; /* URI with fragment; empty when the schema has no base */
    struct so_str keyword;                   /* "minimum" */
    struct so_str message;                   /* a sentence: "price must be at least 0, but is -3" */
    const struct so_violation *next;         /* in order of discovery, or NULL */
};

/* Every violation, for people: leaves only, and of a failed anyOf/oneOf the nearest branch.  *out is NULL when valid.
 * At most `max` of them (0 means 100). */
int so_schema_validate(const struct so_schema *s, const struct so_json *instance, struct so_arena *arena, size_t max,
                       const struct so_violation **out, struct so_err *err) SO_MUST_CHECK;

/* The specification's output formats (2020-12 core, section 12), written as JSON. */
enum so_schema_output { SO_OUTPUT_FLAG, SO_OUTPUT_BASIC, SO_OUTPUT_DETAILED, SO_OUTPUT_VERBOSE };
int so_schema_output(const struct so_schema *s, const struct so_json *instance, enum so_schema_output format,
                     struct so_arena *arena, struct so_buf *out, bool *out_valid, struct so_err *err) SO_MUST_CHECK;

#endif
