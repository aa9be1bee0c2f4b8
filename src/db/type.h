/* type.h: the column types Socle knows, one row each: what the catalog, the schema files, the SQL and the JSON call them. */
#ifndef SO_DB_TYPE_H
#define SO_DB_TYPE_H

#include "core/arena.h"
#include "core/err.h"
#include "core/str.h"

enum so_type {
    SO_TYPE_TEXT,
    SO_TYPE_INTEGER, /* 64 bits */
    SO_TYPE_NUMERIC, /* JSON Schema "number" */
    SO_TYPE_BOOLEAN,
    SO_TYPE_JSON,
    SO_TYPE_UUID,
    SO_TYPE_TIMESTAMPTZ,
    SO_TYPE_DATE,
    SO_TYPE_TIME,
    SO_TYPE_DECIMAL, /* exact, kept and returned as text */
    SO_TYPE_BLOB,    /* base64 in JSON ("\x" hex accepted as PostgreSQL writes it) */
    SO_TYPE_COUNT
};

/* A text value as clients write it ("2024-01-01T00:00:00Z", "A0EE...", "t") turned into the one form that is stored and
 * compared: uuid lower case with dashes; timestamptz "2024-01-01T00:00:00.000000+00:00" (UTC, always six digits, so that
 * text order is time order); date "2024-01-01"; time "12:00:00.000000"; decimal without needless zeros; boolean "1"/"0".
 * SO_EINVAL with id 22P02 and PostgreSQL's sentence (invalid input syntax for type uuid: "x") when it is none; 22008 when
 * out of range. */
typedef int so_type_normalise(struct so_str text, struct so_arena *arena, struct so_str *out, struct so_err *err);

struct so_type_info {
    enum so_type type;
    const char *name;             /* as PostgREST's casts and messages say it: "bigint", "timestamp with time zone" */
    const char *pg_name;          /* realtime's short name: "int8", "timestamptz" */
    const char *sqlite_decl;      /* declared type; its affinity must keep the text as it is: "UUID TEXT" */
    so_type_normalise *normalise; /* NULL: kept as it is */
};
const struct so_type_info *so_type_info(enum so_type type);
/* From a declared type of SQLite ("varchar(20)", "UUID TEXT", "INT", ""), by Socle's names first, then SQLite's affinity
 * rules. */
enum so_type so_type_from_sqlite(struct so_str declared);
/* From a name in a cast or a schema ("text", "int", "int4", "bigint", "uuid", "jsonb", "timestamptz" ...).  False when
 * unknown. */
bool so_type_find(struct so_str name, enum so_type *out);

#endif
