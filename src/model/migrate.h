/* migrate.h: make the database fit the schema files.
 *
 *   model + catalog -> plan (a list of steps, each with its SQL) -> apply (all steps in one transaction) -> seeds
 *
 * Additive steps are safe.  A step that can lose data (dropping a column or table that holds rows, a type that does not hold
 * every value) is marked, and refused without allow_data_loss.  A plan made right after apply is empty. */
#ifndef SO_MODEL_MIGRATE_H
#define SO_MODEL_MIGRATE_H

#include "db/catalog.h"
#include "db/db.h"
#include "model/model.h"

enum so_step_kind {
    SO_STEP_CREATE_TABLE,
    SO_STEP_RENAME_TABLE,
    SO_STEP_DROP_TABLE,
    SO_STEP_ADD_COLUMN,
    SO_STEP_RENAME_COLUMN,
    SO_STEP_DROP_COLUMN,
    SO_STEP_REBUILD_TABLE, /* SQLite cannot alter a type, NOT NULL, default or foreign key in place: make anew, copy, swap */
    SO_STEP_CREATE_INDEX,
    SO_STEP_DROP_INDEX,
    SO_STEP_CREATE_SEARCH, /* the full text index of a table's x-search columns */
    SO_STEP_DROP_SEARCH,
    SO_STEP_CREATE_LOGGING, /* the triggers of the change log (logging.h) */
    SO_STEP_DROP_LOGGING,
    /* PostgreSQL's own, whose tables are altered in place: */
    SO_STEP_PREPARE,       /* roles, auth.uid() and the like */
    SO_STEP_ALTER_TABLE,   /* a column's type, NOT NULL or default; a key */
    SO_STEP_CREATE_OBJECT, /* policies, indexes, functions ... : pg_model.h */
    SO_STEP_DROP_OBJECT
};

struct so_step {
    enum so_step_kind kind;
    struct so_str table;
    struct so_str old_name; /* of a table or column that is renamed; else empty */
    struct so_str summary;  /* "books: add column pages integer not null" */
    struct so_str sql;      /* statements separated by ';' */
    bool loses_data;
    struct so_str loss; /* "12 rows have a value in books.pages" ; empty when nothing is lost */
};

struct so_pg_object;
struct so_plan {
    struct so_step *steps;
    size_t step_count;
    size_t losing_count;
    /* PostgreSQL's (pg_model.h): */
    bool is_postgres;
    bool is_foreign;      /* it has tables of the model, and Socle made none of them: they are somebody else's */
    struct so_str schema; /* where the tables are */
    const struct so_pg_object *objects; /* what the book will say */
    size_t object_count;
};

/* conn is only read (row counts of what would be dropped).  The plan lives in `arena`.  Tables that were made by hand (not
 * by Socle) and are in no schema file are left alone.  SO_EINVAL when no plan can work: the message says what to do. */
int so_migrate_plan(const struct so_model *model, const struct so_catalog *catalog, struct so_conn *conn,
                    struct so_arena *arena, struct so_plan *out, struct so_err *err) SO_MUST_CHECK;
/* On the writer's connection, inside its transaction: in a job of so_db_migrate(), because a plan that drops or rebuilds a
 * table needs foreign keys that are not enforced meanwhile (else SO_EINVAL); additive plans may run in any job.
 * SO_EDENIED when a step loses data and that was not allowed.  After it, so_model_check() of policy.h proves the policies.
 */
int so_migrate_apply(const struct so_plan *plan, struct so_conn *conn, bool allow_data_loss,
                     struct so_err *err) SO_MUST_CHECK;
/* Loads DIR/seed/NAME.json (an array of rows, or .jsonl) into tables that are empty, validated, in the order of references.
 * *out_rows counts them.  The database fits the model already; `catalog` says where the tables
 * are on PostgreSQL, and may be NULL on SQLite. */
int so_seed_load(const char *dir, const struct so_model *model, const struct so_catalog *catalog, struct so_conn *conn,
                 size_t *out_rows, struct so_err *err) SO_MUST_CHECK;

#endif
