/* catalog.h: what the database holds, read by introspection at start and after a migration.
 * Owns: everything it points to.   Threads: never changes; so_catalog_ref() and unref() are atomic. */
#ifndef SO_DB_CATALOG_H
#define SO_DB_CATALOG_H

#include "core/map.h"
#include "db/type.h"

struct so_column {
    struct so_str name;
    struct so_str declared; /* as the database spells the type */
    enum so_type type;
    uint16_t index; /* position in its relation */
    uint16_t pk;    /* 1-based position in the primary key; 0: no part of it */
    bool not_null;
    bool generated; /* the database computes it; it cannot be written */
    bool has_default;
    struct so_str default_sql; /* {NULL,0} when there is none */
    struct so_str base;        /* PostgreSQL: of a domain the type below it, else `declared` without its length */
    struct so_str description; /* p == NULL when none; so in the other descriptions */
    /* PostgreSQL: the functions behind a domain's casts to and from json and text, as SQL has them; n == 0: none. */
    struct so_str to_json, from_json, from_text;
    struct so_str type_name; /* PostgreSQL: the type's own name, "int8", "_text" */
    uint64_t readable_to;    /* PostgreSQL, logged tables: the roles that may read it: so_catalog_role_bit() */
};

/* A primary key, unique constraint or index. */
struct so_index {
    struct so_str name;
    const uint16_t *columns; /* positions in the relation */
    size_t column_count;
    bool unique; /* and without a WHERE clause */
    bool primary;
};

struct so_relation;
struct so_foreign_key {
    struct so_str name; /* constraint name, PostgreSQL's manner: "books_author_id_fkey" */
    const struct so_relation *from, *to;
    const uint16_t *from_columns, *to_columns; /* column_count of each */
    size_t column_count;
    bool from_unique;        /* from_columns are unique: one-to-one */
    bool traced;             /* one of a table, seen through a view */
    struct so_str on_delete; /* "CASCADE", "SET NULL", ... or empty */
};

/* A function of a row that gives rows of a relation: a relationship by computation (PostgreSQL). */
struct so_computed {
    struct so_str schema, name;
    const struct so_relation *from, *to;
    bool to_one;
};

struct so_relation {
    size_t index;         /* its place in the catalog */
    struct so_str schema; /* "public" on SQLite */
    struct so_str name;
    bool is_view;
    bool insertable, updatable, deletable; /* by what it is, whatever the privileges */
    struct so_str description;
    const struct so_column *columns;
    size_t column_count;
    struct so_map by_name; /* -> struct so_column */
    const struct so_index *indexes;
    size_t index_count;
    const struct so_index *primary;               /* NULL when there is none */
    const struct so_foreign_key *const *out_keys; /* foreign keys of this relation */
    size_t out_key_count;
    const struct so_foreign_key *const *in_keys; /* foreign keys of others that lead here */
    size_t in_key_count;
    const struct so_computed *const *computed;
    size_t computed_count;
    uint64_t known_to; /* the roles that may know of it: so_catalog_role_bit() */
    bool logged;       /* PostgreSQL: its changes are written into a log (model/logging_pg.h) */
    bool internal;     /* never served: Socle's own ("_socle_...", "auth_..."), and what is in no served schema */
};

/* A function of the database (PostgreSQL). */
struct so_proc_param {
    struct so_str name; /* "" when it has none */
    struct so_str type;
    struct so_str wide_type; /* the same without a length: what a value is cast to */
    bool required, variadic;
};
enum so_volatility { SO_VOLATILITY_VOLATILE, SO_VOLATILITY_STABLE, SO_VOLATILITY_IMMUTABLE };
struct so_proc_setting {
    struct so_str name, value;
    const struct so_proc_setting *next;
};
struct so_proc {
    struct so_str schema, name, description;
    const struct so_proc_param *params;
    size_t param_count;
    bool returns_set, returns_composite, returns_void;
    struct so_str return_schema, return_name; /* the type's, or of a row type the relation's */
    struct so_str media_type;                 /* of a value whose type is a domain named "text/plain"; n == 0: none */
    enum so_volatility volatility;
    const struct so_proc_setting *settings; /* SET clauses that Socle repeats before the call: statement_timeout */
    uint64_t known_to;
    const struct so_proc *next; /* of the same name: overloads, fewest parameters first */
};

/* An aggregate that makes a media type of rows (PostgreSQL). */
struct so_handler {
    struct so_str schema, name;
    struct so_str media_type;         /* lower case; "*" "/" "*" is any */
    const struct so_relation *target; /* whose rows it takes; NULL: any */
    const struct so_handler *next;
};

/* What a client names with Accept-Profile and Content-Profile. */
struct so_schema {
    struct so_str name;
    struct so_map relations; /* -> struct so_relation */
    struct so_map procs;     /* -> struct so_proc, the first of its name */
};

/* Settings that an impersonated role brings (ALTER ROLE ... SET). */
struct so_role_settings {
    struct so_str role;
    struct so_str isolation; /* default_transaction_isolation; p == NULL when none */
    const struct so_proc_setting *settings;
    const struct so_role_settings *next;
};

enum so_engine { SO_ENGINE_SQLITE, SO_ENGINE_POSTGRES };

struct so_catalog {
    struct so_arena arena;
    enum so_engine engine;
    struct so_map by_name;           /* of the first schema: -> struct so_relation */
    const struct so_schema *schemas; /* those that are served, as they were asked for; none on SQLite */
    size_t schema_count;
    struct so_map timezones; /* that can be asked for; PostgreSQL is asked itself */
    const struct so_role_settings *roles;
    const struct so_handler *handlers; /* those of a relation before those of any rows */
    struct so_str geojson;             /* PostGIS's function of a row, as SQL has it; n == 0: not there */
    struct so_str *known_roles;        /* what known_to's bits mean */
    size_t known_role_count;
    const struct so_relation *const *relations; /* sorted by schema and name */
    size_t relation_count;
    int refs; /* private */
};

const struct so_relation *so_catalog_find(const struct so_catalog *c, struct so_str name);
const struct so_column *so_relation_column(const struct so_relation *r, struct so_str name);
struct so_catalog *so_catalog_ref(struct so_catalog *c);
void so_catalog_unref(struct so_catalog *c); /* NULL is fine */

/* 0 for a role that is not known. */
uint64_t so_catalog_role_bit(const struct so_catalog *c, struct so_str role);
/* NULL when no schema of that name is served. */
const struct so_schema *so_catalog_schema(const struct so_catalog *c, struct so_str name);

struct so_conn;
/* Reads the catalog of conn's database. */
int so_catalog_read(struct so_conn *conn, struct so_catalog **out, struct so_err *err) SO_MUST_CHECK;

/* Reads PostgreSQL's: `schemas` are served, the first one by default. */
int so_catalog_read_pg(struct so_conn *conn, const struct so_str *schemas, size_t schema_count, struct so_catalog **out,
                       struct so_err *err) SO_MUST_CHECK;

#endif
