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
    struct so_str on_delete; /* "CASCADE", "SET NULL", ... or empty */
};

struct so_relation {
    struct so_str name;
    bool is_view;
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
    bool internal; /* Socle's own (names beginning with "_socle_" or "auth_"): never served */
};

struct so_catalog {
    struct so_arena arena;
    struct so_map by_name;                      /* -> struct so_relation */
    const struct so_relation *const *relations; /* sorted by name */
    size_t relation_count;
    int refs; /* private */
};

const struct so_relation *so_catalog_find(const struct so_catalog *c, struct so_str name);
const struct so_column *so_relation_column(const struct so_relation *r, struct so_str name);
struct so_catalog *so_catalog_ref(struct so_catalog *c);
void so_catalog_unref(struct so_catalog *c); /* NULL is fine */

struct so_conn;
/* Reads the catalog of conn's database. */
int so_catalog_read(struct so_conn *conn, struct so_catalog **out, struct so_err *err) SO_MUST_CHECK;

#endif
