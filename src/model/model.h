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
 * db/identity.h), now() is so_now().  In a loaded model, a table that a subquery reads stands for the rows of it that its
 * own select policy leaves.  Column names stand bare: put it where they resolve to the row. */
struct so_policy {
    enum so_policy_kind kind;
    struct so_str sql;    /* for SO_POLICY_SQL, without outer parentheses */
    struct so_str source; /* as written */
    struct so_str marked; /* private: sql with the places of guards marked (guard.c); p == NULL without subqueries */
};

/* Whether the file says it: "check" that is absent is ALLOW without a source. */
static inline bool so_policy_is_given(const struct so_policy *policy)
{
    return policy->kind != SO_POLICY_ALLOW || policy->source.n > 0;
}

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
    struct so_str default_pg;  /* how PostgreSQL's does, who asks there, too; {NULL,0} when there is none */
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
    bool realtime;          /* x-realtime: changes are logged, and subscribers may hear of them; true when absent */
};

/* What a function answers with. */
enum so_returns {
    SO_RETURNS_VOID,
    SO_RETURNS_VALUE,  /* the first column of the first row, or null */
    SO_RETURNS_VALUES, /* the first column of each row, an array */
    SO_RETURNS_ROW,    /* the first row as an object, or null */
    SO_RETURNS_ROWS    /* an array of objects: rows of `table`, or of `columns` */
};
struct so_function_column {
    struct so_str name;
    enum so_type type;
    const struct so_json *schema;
};
/* functions/NAME.sql: one statement behind /rest/v1/rpc/NAME. */
struct so_function {
    struct so_str name, file, description;
    const struct so_schema *params; /* compiled; NULL: it takes none */
    const struct so_json *params_source;
    const struct so_function_column *args;
    size_t arg_count;
    enum so_returns returns;
    struct so_str media_type; /* of VALUE: contentMediaType, in which the value can be had as it is; empty: none */
    struct so_str table;      /* of ROWS; empty: `columns` say what they hold */
    const struct so_function_column *columns;
    size_t column_count;
    bool definer;     /* it reads past the policies */
    bool is_write;    /* "volatility": "write": POST only */
    bool changes;     /* it is INSERT, UPDATE or DELETE, always definer */
    unsigned roles;   /* bit 1u << enum so_role; who may call it, besides the service role */
    bool begins_with; /* WITH (or WITH RECURSIVE) has been taken off the front of sql */
    bool is_recursive;
    struct so_str source;       /* as written, without comments */
    struct so_str sql;          /* a parameter is two bytes: see sql_text.h, SO_SQL_MARK */
    const struct so_str *names; /* every name in it, unquoted: among them all tables that it can read */
    size_t name_count;
};

struct so_model {
    struct so_arena arena;
    const struct so_function *const *functions; /* sorted by name */
    size_t function_count;
    const struct so_table *const *tables; /* in an order in which references lead backwards where they can */
    size_t table_count;
    struct so_map by_name; /* -> struct so_table */
    bool realtime;         /* changes are logged; true unless the owner says otherwise right after loading */
    bool is_applied;       /* the database's own policies are those of the files (PostgreSQL); told by the owner, too */
    int refs;              /* private */
};

/* Reads DIR/schemas, every .json file, and DIR/functions, every .sql file.  A missing folder is a model without tables.
 * SO_EINVAL: err->message is "schemas/books.json#/properties/isbn: reason" (file, JSON Pointer, reason), ready to print. */
int so_model_load(const char *dir, struct so_model **out, struct so_err *err) SO_MUST_CHECK;
struct so_model *so_model_ref(struct so_model *m);
void so_model_unref(struct so_model *m); /* NULL is fine */
const struct so_table *so_model_find(const struct so_model *m, struct so_str name);
const struct so_field_rule *so_table_field(const struct so_table *t, struct so_str name);

/* The arguments, an object, against the function's params, as so_table_validate() does it with a row. */
int so_function_validate(const struct so_function *f, const struct so_json *args, struct so_arena *arena,
                         const struct so_violation **out, struct so_err *err) SO_MUST_CHECK;

/* Compiles one policy expression (policy.c).  SO_EINVAL with the reason. */
int so_policy_compile(struct so_str source, struct so_arena *arena, struct so_policy *out, struct so_err *err) SO_MUST_CHECK;

/* Validates a whole row (an object) as it would be stored: nulls of columns that are not required are left out first.
 * *out is NULL when valid.  row_index >= 0 prefixes every location with "/row_index". */
int so_table_validate(const struct so_table *t, const struct so_json *row, int64_t row_index, struct so_arena *arena,
                      const struct so_violation **out, struct so_err *err) SO_MUST_CHECK;

#endif
