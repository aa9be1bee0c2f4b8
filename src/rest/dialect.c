/* dialect.c: SQLite's row. */
#include "rest/dialect.h"
#include "rest/op.h"

/* PostgREST lets '*' stand for '%', which needs no escape in a URL. */
bool so_like_stars(struct so_arena *arena, struct so_str text, struct so_str *out)
{
    char *p = so_alloc_text(arena, text.n + 1);
    if (p == NULL)
        return false;
    for (size_t i = 0; i < text.n; i++)
        p[i] = text.p[i] == '*' ? '%' : text.p[i];
    *out = so_str(p, text.n);
    return true;
}

/* $.a."b c"[0][#-1] */
static bool sqlite_json_path(const struct so_json_step *steps, struct so_text *out)
{
    so_text_char(out, '$');
    for (const struct so_json_step *s = steps; s != NULL; s = s->next) {
        if (!s->is_index) {
            so_text_lit(out, ".\"");
            so_text_str(out, s->key);
            so_text_char(out, '"');
            continue;
        }
        so_text_c(out, s->index < 0 ? "[#-" : "[");
        so_text_u64(out, s->index < 0 ? 0 - (uint64_t)s->index : (uint64_t)s->index);
        so_text_char(out, ']');
    }
    return !out->failed;
}

#define RANGES "it has no range types"
/* By the key, since a policy's subquery has no rowid. */
#define SEARCH "($k) IN (SELECT $K FROM main.$t WHERE rowid IN (SELECT rowid FROM main.$x WHERE $x MATCH $v))"
#define SEARCH_ROW                                                                                                          \
    {                                                                                                                       \
        .sql = SEARCH, .exact = "CASE WHEN $c IS NOT NULL THEN " SEARCH " END", .convert = so_search_convert                \
    }

const struct so_dialect so_dialect_sqlite = {
    .name = "sqlite",
    .call_plan = so_call_plan,
    .write_plan = so_write_plan,
    .make = so_sql_make,
    .root = so_rest_write_root,
    .operators =
        {
            [SO_OP_EQ] = {.sql = "$c = $v"},
            [SO_OP_NEQ] = {.sql = "$c <> $v"},
            [SO_OP_GT] = {.sql = "$c > $v", .is_ordering = true},
            [SO_OP_GTE] = {.sql = "$c >= $v", .is_ordering = true},
            [SO_OP_LT] = {.sql = "$c < $v", .is_ordering = true},
            [SO_OP_LTE] = {.sql = "$c <= $v", .is_ordering = true},
            [SO_OP_LIKE] = {.sql = "so_like($v, $c)", .pattern = so_like_stars},
            [SO_OP_ILIKE] = {.sql = "so_ilike($v, $c)", .pattern = so_like_stars},
            [SO_OP_MATCH] = {.sql = "so_regex($v, $c, '')", .is_text = true},
            [SO_OP_IMATCH] = {.sql = "so_regex($v, $c, 'i')", .is_text = true},
            [SO_OP_IN] = {.sql = "$c IN (SELECT value FROM json_each($v))"},
            [SO_OP_IS] = {.sql = ""},
            [SO_OP_ISDISTINCT] = {.sql = "$c IS NOT $v"},
            [SO_OP_CS] = {.sql = "so_contains($c, $v)", .is_set = true},
            [SO_OP_CD] = {.sql = "so_contains($v, $c)", .is_set = true},
            /* NULL, not false, for a NULL column: "not" must not find it. */
            [SO_OP_OV] = {.sql = "CASE WHEN $c IS NOT NULL THEN EXISTS (SELECT 1 FROM json_each($c) w JOIN json_each($v) h "
                                 "ON h.value IS w.value AND h.type = w.type) END",
                          .is_set = true},
            [SO_OP_SL] = {.missing = RANGES},
            [SO_OP_SR] = {.missing = RANGES},
            [SO_OP_NXR] = {.missing = RANGES},
            [SO_OP_NXL] = {.missing = RANGES},
            [SO_OP_ADJ] = {.missing = RANGES},
            [SO_OP_FTS] = SEARCH_ROW,
            [SO_OP_PLFTS] = SEARCH_ROW,
            [SO_OP_PHFTS] = SEARCH_ROW,
            [SO_OP_WFTS] = SEARCH_ROW,
        },
    .is =
        {
            [SO_IS_NULL] = " IS NULL",
            [SO_IS_NOT_NULL] = " IS NOT NULL",
            [SO_IS_TRUE] = " IS 1",
            [SO_IS_FALSE] = " IS 0",
            [SO_IS_UNKNOWN] = " IS NULL",
        },
    .json_path = sqlite_json_path,
    .path_json = "($c -> $p)",
    /* ->> gives 1 and 0 for true and false, and numbers as numbers; PostgreSQL's gives text. */
    .path_text = "CASE json_type($c, $p) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST($c ->> $p AS TEXT) END",
    .path_value = "($c ->> $p)",
    .json_operators =
        {
            [SO_OP_EQ] = " = ",
            [SO_OP_NEQ] = " <> ",
            [SO_OP_GT] = " > ",
            [SO_OP_GTE] = " >= ",
            [SO_OP_LT] = " < ",
            [SO_OP_LTE] = " <= ",
            [SO_OP_ISDISTINCT] = " IS NOT ",
        },
    .json_value = "json($v)",
    .casts =
        {
            [SO_TYPE_TEXT] = "CAST($c AS TEXT)",
            [SO_TYPE_INTEGER] = "CAST(round($c) AS INTEGER)",
            [SO_TYPE_NUMERIC] = "CAST($c AS NUMERIC)",
            [SO_TYPE_BOOLEAN] =
                "CASE WHEN $c IN ('true', 't', 'yes', 'on') THEN 1 WHEN $c IS NOT NULL THEN CAST($c AS INTEGER) "
                "<> 0 END",
            [SO_TYPE_JSON] = "CASE WHEN json_valid($c) THEN json($c) ELSE json_quote($c) END",
            [SO_TYPE_UUID] = "lower($c)",
            [SO_TYPE_TIMESTAMPTZ] = "CASE WHEN length($c) = 10 THEN $c || 'T00:00:00.000000+00:00' ELSE $c END",
            [SO_TYPE_DATE] = "substr($c, 1, 10)",
            [SO_TYPE_TIME] = "CASE WHEN length($c) > 15 THEN substr($c, 12, 15) ELSE $c END",
            [SO_TYPE_DECIMAL] = "CAST($c AS TEXT)",
            [SO_TYPE_BLOB] = "CAST($c AS BLOB)",
        },
    .cast_boolean_text = "CASE $c WHEN 1 THEN 'true' WHEN 0 THEN 'false' END",
    .decimal_order = "CAST($c AS NUMERIC)",
    .aggregates =
        {
            [SO_AGG_SUM] = "sum($c)",
            [SO_AGG_AVG] = "avg($c)",
            [SO_AGG_COUNT] = "count($c)",
            [SO_AGG_MAX] = "max($c)",
            [SO_AGG_MIN] = "min($c)",
        },
    .nulls_are_smallest = true,
    .object = "so_object(",
    .rows = "so_rows(",
    .values = "so_values(",
    .explain = "EXPLAIN QUERY PLAN ",
    .input_rows = "so_input(",
    .input_value = "so_value(",
    .input_has = "so_has(",
};
