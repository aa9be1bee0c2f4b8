/* catalog_pg_media.c: aggregates that make a media type of a relation's rows: CREATE AGGREGATE f(books) whose result is a
 * domain named "text/xml".  Spec: PostgREST, SchemaCache.hs: mediaHandlers. */
#include "db/catalog_pg_int.h"

/* One of a relation comes before those of any rows (anyelement). */
static const struct so_str HANDLERS =
    SO_STR_INIT("SELECT n.nspname, p.proname, pg_catalog.lower(t.typname), NULLIF(a.typrelid, 0)::text"
                " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
                " JOIN pg_catalog.pg_type t ON t.oid = p.prorettype JOIN pg_catalog.pg_type a ON a.oid = p.proargtypes[0]"
                " WHERE p.prokind = 'a' AND p.pronargs = 1 AND n.nspname = ANY($1::text[]) AND t.typtype = 'd'"
                " AND t.typname ~ '^([A-Za-z0-9.-]+/[A-Za-z0-9.+-]+|[*]/[*])$'"
                " AND (a.typrelid <> 0 OR a.oid = 'pg_catalog.anyelement'::pg_catalog.regtype)"
                " ORDER BY a.typrelid = 0, p.oid");

/* PostGIS, wherever it was put. */
static const struct so_str GEOJSON =
    SO_STR_INIT("SELECT pg_catalog.format('%I.%I', n.nspname, p.proname) FROM pg_catalog.pg_proc p"
                " JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.proname = 'st_asgeojson'"
                " AND p.proargtypes[0] = 'pg_catalog.record'::pg_catalog.regtype LIMIT 1");

static int add_handler(struct so_pg_reading *r, struct so_stmt *st, void *arg)
{
    const struct so_handler ***end = arg;
    struct so_handler *h = so_alloc_zero(r->arena, sizeof(*h));
    bool has_target = !so_stmt_is_null(st, 3);
    if (h == NULL)
        return so_err_oom(r->err);
    h->target = has_target ? so_pg_find_relation(r, so_stmt_text(st, 3)) : NULL;
    if (has_target && h->target == NULL)
        return SO_OK;
    struct so_str *const TEXTS[] = {&h->schema, &h->name, &h->media_type};
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        int rc = so_pg_copy(r, st, (int)i, TEXTS[i]);
        if (rc != SO_OK)
            return rc;
    }
    **end = h;
    *end = &h->next;
    return SO_OK;
}

static int add_geojson(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    return so_pg_copy(r, st, 0, &r->catalog->geojson);
}

int so_pg_read_handlers(struct so_pg_reading *r)
{
    const struct so_handler **end = &r->catalog->handlers;
    int rc = so_pg_each_row(r, HANDLERS, add_handler, (void *)&end);
    return rc == SO_OK ? so_pg_each_row(r, GEOJSON, add_geojson, NULL) : rc;
}
