/* catalog_pg_int.h: what the files that read PostgreSQL's catalog share. */
#ifndef SO_DB_CATALOG_PG_INT_H
#define SO_DB_CATALOG_PG_INT_H

#include "core/list.h"
#include "db/catalog.h"
#include "db/db.h"

struct so_pg_reading {
    struct so_conn *conn;
    struct so_catalog *catalog;
    struct so_arena *arena;     /* the catalog's */
    struct so_arena scratch;    /* gone when it has been read */
    struct so_str schemas;      /* those that are served, as an array literal: $1 of every query */
    struct so_list relations;   /* struct so_relation, while they may change */
    struct so_list keys;        /* struct so_foreign_key */
    struct so_list views;       /* struct so_pg_view (catalog_pg_views.c) */
    struct so_map by_oid;       /* "16384" -> struct so_relation */
    struct so_map procs_by_oid; /* -> struct so_proc */
    struct so_map by_attribute; /* "16384.1" -> struct so_column */
    struct so_err *err;
};

/* The catalog's parts are const for all who use it; until it is read they are ours to change. */
static inline void *so_pg_own(const void *part) { return (void *)(uintptr_t)part; }

int so_pg_list_add(struct so_pg_reading *r, struct so_list *list, void *item) SO_MUST_CHECK;
/* Calls each() for every row of `sql`. */
int so_pg_each_row(struct so_pg_reading *r, struct so_str sql, int (*each)(struct so_pg_reading *, struct so_stmt *, void *),
                   void *arg) SO_MUST_CHECK;
/* A copy in the catalog of the statement's text; NULL becomes {NULL,0}. */
int so_pg_copy(struct so_pg_reading *r, struct so_stmt *st, int column, struct so_str *out) SO_MUST_CHECK;
struct so_relation *so_pg_find_relation(const struct so_pg_reading *r, struct so_str oid);
/* "1 3" as positions in the relation; SO_ENOTFOUND when one is no column. */
int so_pg_positions(struct so_pg_reading *r, struct so_str oid, struct so_str numbers, uint16_t **out,
                    size_t *out_count) SO_MUST_CHECK;

/* catalog_pg_views.c: primary keys and foreign keys of tables, seen through the views that show their columns. */
int so_pg_trace_views(struct so_pg_reading *r) SO_MUST_CHECK;
/* catalog_pg_procs.c: functions and computed relationships. */
int so_pg_read_procs(struct so_pg_reading *r) SO_MUST_CHECK;
/* catalog_pg_media.c: aggregates that make media types. */
int so_pg_read_handlers(struct so_pg_reading *r) SO_MUST_CHECK;
/* Adds "name=value" to a list. */
int so_pg_add_setting(struct so_pg_reading *r, struct so_str line, const struct so_proc_setting **head) SO_MUST_CHECK;
/* catalog_pg_roles.c: settings and privileges by role, timezones. */
int so_pg_read_roles(struct so_pg_reading *r) SO_MUST_CHECK;

#endif
