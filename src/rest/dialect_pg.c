/* dialect_pg.c: PostgreSQL's row.  $c is the column, $v the value; what is the same for every operator (any, all, casts,
 * paths) pg_filter.c writes. */
#include "rest/dialect.h"
#include "rest/op.h"

const struct so_dialect so_dialect_postgres = {
    .name = "postgres",
    .resolves_itself = true,
    .call_plan = so_pg_call_plan,
    .write_plan = so_pg_write_plan,
    .make = so_pg_make,
    .run = so_pg_run,
    .root = so_pg_write_root,
    .operators =
        {
            [SO_OP_EQ] = {.sql = " = "},
            [SO_OP_NEQ] = {.sql = " <> "},
            [SO_OP_GT] = {.sql = " > "},
            [SO_OP_GTE] = {.sql = " >= "},
            [SO_OP_LT] = {.sql = " < "},
            [SO_OP_LTE] = {.sql = " <= "},
            [SO_OP_LIKE] = {.sql = " like ", .pattern = so_like_stars},
            [SO_OP_ILIKE] = {.sql = " ilike ", .pattern = so_like_stars},
            [SO_OP_MATCH] = {.sql = " ~ "},
            [SO_OP_IMATCH] = {.sql = " ~* "},
            [SO_OP_IN] = {.sql = " = "},
            [SO_OP_IS] = {.sql = ""},
            [SO_OP_ISDISTINCT] = {.sql = " IS DISTINCT FROM "},
            [SO_OP_CS] = {.sql = " @> "},
            [SO_OP_CD] = {.sql = " <@ "},
            [SO_OP_OV] = {.sql = " && "},
            [SO_OP_SL] = {.sql = " << "},
            [SO_OP_SR] = {.sql = " >> "},
            [SO_OP_NXR] = {.sql = " &< "},
            [SO_OP_NXL] = {.sql = " &> "},
            [SO_OP_ADJ] = {.sql = " -|- "},
            [SO_OP_FTS] = {.sql = " @@ to_tsquery"},
            [SO_OP_PLFTS] = {.sql = " @@ plainto_tsquery"},
            [SO_OP_PHFTS] = {.sql = " @@ phraseto_tsquery"},
            [SO_OP_WFTS] = {.sql = " @@ websearch_to_tsquery"},
        },
    .is =
        {
            [SO_IS_NULL] = " IS NULL",
            [SO_IS_NOT_NULL] = " IS NOT NULL",
            [SO_IS_TRUE] = " IS TRUE",
            [SO_IS_FALSE] = " IS FALSE",
            [SO_IS_UNKNOWN] = " IS UNKNOWN",
        },
    .aggregates =
        {
            [SO_AGG_SUM] = "SUM(",
            [SO_AGG_AVG] = "AVG(",
            [SO_AGG_COUNT] = "COUNT(",
            [SO_AGG_MAX] = "MAX(",
            [SO_AGG_MIN] = "MIN(",
        },
};
