/* model.h: a folder of schema files as tables, rules and policies (DESIGN.md section 3).
 *
 *   schemas/NAME.json -> model_load -> struct so_model --+--> migrate.h: what the database lacks
 *                                                        +--> rest/: validation, defaults, policies at run time
 *
 * Owns: everything it points to, the compiled schemas too.   Threads: never changes; ref and unref are atomic. */
#ifndef SO_MODEL_MODEL_H
#define SO_MODEL_MODEL_H

#include "core/map.h"
#include "db/type.h"
#include "schema/schema.h"

/* The commands that a policy guards. */
enum so_command { SO_CMD_SELECT, SO_CMD_INSERT, SO_CMD_UPDATE, SO_CMD_DELETE, SO_CMD_COUNT };

enum so_policy_kind {
    SO_POLICY_DENY,  /* no policy, or "false" */
    SO_POLICY_ALLOW, /* "true" */
    SO_POLICY_SQL    /* an expression over the row */
};
/* The expression in SQLite's words: auth.uid(), auth.role(), auth.jwt() are :auth_uid, :auth_role, :auth_jwt (see
 * db/identity.h), now() is so_now().  Column names stand bare: put it where they resolve to the row. */
struct so_policy {
    enum so_policy_kind kind;
    struct so_str sql;    /* for SO_POLICY_SQL, without outer parentheses */
    struct so_str source; /* as written */
};

struct so_field_rule {
    struct so_str name;
    enum so_type type;
    bool required;   /* NOT NULL */
    bool read_only;  /* the client may not write it (but the service role may) */
    bool write_only; /* never returned to anyone but the service role; no filter, no order */
    bool unique;
    bool search; /* x-search */
    /* Value of a column that an insert leaves out, in SQLite's words (may use :auth_uid ...); {NULL,0} when there is none.
     */
    struct so_str default_sql;
    bool default_in_ddl;       /* the database can apply it by itself: constants, now(), gen_random_uuid() */
    struct so_str default_ddl; /* how CREATE TABLE spells it; {NULL,0} unless default_in_ddl */
    struct so_str references_table, references_column; /* x-references; empty when none */
    struct so_str on_delete;                           /* "CASCADE", ... in SQL's words; empty: NO ACTION */
    struct so_str renamed_from;                        /* x-renamed-from; empty when none */
    struct so_str title, description;
    const struct so_json *schema; /* the property's schema */
};

struct so_table {
    struct so_str name;
    struct so_str file; /* path, for messages */
    struct so_str title, description;
    const struct so_json *source; /* the whole schema file */
    const struct so_schema
        *schema; /* compiled with formats asserted; a null of a column that is not required passes (DESIGN.md section 3) */
    const struct so_field_rule *fields;
    size_t field_count;
    struct so_map by_name; /* -> struct so_field_rule */
    const struct so_str *primary_key;
    size_t primary_key_count;
    const struct so_str *const *indexes; /* x-indexes: index_count lists of names, each ended by {NULL,0} */
    size_t index_count;
    const struct so_str *const *uniques; /* x-unique on the table: lists of names */
    size_t unique_count;
    struct so_str renamed_from; /* x-renamed-from on the table */
    bool additional_properties; /* the file does not forbid them; columns that are not there are refused all the same */
    struct so_policy policies[SO_CMD_COUNT];
    struct so_policy check; /* x-policies.check, for the new row of insert and update; ALLOW when absent */
    bool has_policies;      /* the file has x-policies at all */
};

struct so_model {
    struct so_arena arena;
    const struct so_table *const *tables; /* in an order in which references lead backwards where they can */
    size_t table_count;
    struct so_map by_name; /* -> struct so_table */
    int refs;              /* private */
};

/* Reads DIR/schemas, every .json file.  A missing folder is a model without tables.  SO_EINVAL: err->message is
 * "schemas/books.json#/properties/isbn: reason" (file, JSON Pointer, reason), ready to print. */
int so_model_load(const char *dir, struct so_model **out, struct so_err *err) SO_MUST_CHECK;
struct so_model *so_model_ref(struct so_model *m);
void so_model_unref(struct so_model *m); /* NULL is fine */
const struct so_table *so_model_find(const struct so_model *m, struct so_str name);
const struct so_field_rule *so_table_field(const struct so_table *t, struct so_str name);

/* Compiles one policy expression (policy.c).  SO_EINVAL with the reason. */
int so_policy_compile(struct so_str source, struct so_arena *arena, struct so_policy *out, struct so_err *err) SO_MUST_CHECK;

/* Validates a whole row (an object) as it would be stored: nulls of columns that are not required are left out first.
 * *out is NULL when valid.  row_index >= 0 prefixes every location with "/row_index". */
int so_table_validate(const struct so_table *t, const struct so_json *row, int64_t row_index, struct so_arena *arena,
                      const struct so_violation **out, struct so_err *err) SO_MUST_CHECK;

#endif
