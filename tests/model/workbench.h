/* workbench.h: an app's folder and a database for the tests of the model. */
#ifndef SO_TESTS_WORKBENCH_H
#define SO_TESTS_WORKBENCH_H

#include "../testing.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/fs.h"
#include "core/mem.h"
#include "db/catalog.h"
#include "db/db.h"
#include "db/identity.h"
#include "model/migrate.h"
#include "model/model.h"
#include "model/policy.h"

static char bench_dir[64];

static inline int bench_remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

/* An empty folder with schemas/ and seed/ in it. */
static inline void bench_open(void)
{
    char path[96];
    snprintf(bench_dir, sizeof(bench_dir), "/tmp/socle-model-XXXXXX");
    assert_non_null(mkdtemp(bench_dir));
    snprintf(path, sizeof(path), "%s/schemas", bench_dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/seed", bench_dir);
    assert_int_equal(mkdir(path, 0700), 0);
}

static inline void bench_close(void) { nftw(bench_dir, bench_remove_one, 8, FTW_DEPTH | FTW_PHYS); }

/* Writes bench_dir/NAME; text == NULL removes it. */
static inline void bench_file(const char *name, const char *text)
{
    char path[256];
    struct so_err err = SO_ERR_INIT;
    snprintf(path, sizeof(path), "%s/%s", bench_dir, name);
    if (text == NULL)
        unlink(path);
    else
        assert_int_equal(so_fs_write(path, so_str_c(text), 0600, true, &err), SO_OK);
}

static inline struct so_db *bench_database(void)
{
    char path[96];
    struct so_db *db = NULL;
    struct so_err err = SO_ERR_INIT;
    snprintf(path, sizeof(path), "%s/app.db", bench_dir);
    if (so_db_open(path, NULL, &db, &err) != SO_OK)
        fail_msg("%s", err.message);
    return db;
}

static inline struct so_model *bench_model(const char *dir)
{
    struct so_model *model = NULL;
    struct so_err err = SO_ERR_INIT;
    if (so_model_load(dir, &model, &err) != SO_OK)
        fail_msg("%s", err.message);
    return model;
}

static inline int bench_exec(void *arg, struct so_conn *conn, struct so_err *err) { return so_conn_exec(conn, arg, err); }

static inline void bench_sql(struct so_db *db, const char *sql)
{
    struct so_err err = SO_ERR_INIT;
    if (so_db_write(db, bench_exec, (void *)(uintptr_t)sql, &err) != SO_OK)
        fail_msg("%s: %s", sql, err.message);
}

/* The first column of the first row as text ("NULL" for null, "" for no row). */
static inline const char *bench_get(struct so_db *db, const char *sql)
{
    static char out[1024];
    struct so_conn *conn;
    struct so_stmt *st;
    struct so_err err = SO_ERR_INIT;
    bool row = false;
    assert_int_equal(so_db_reader_take(db, &conn, &err), SO_OK);
    if (so_conn_prepare(conn, so_str_c(sql), &st, &err) != SO_OK || so_stmt_step(st, &row, &err) != SO_OK)
        fail_msg("%s: %s", sql, err.message);
    if (!row)
        out[0] = '\0';
    else if (so_stmt_is_null(st, 0))
        snprintf(out, sizeof(out), "NULL");
    else
        snprintf(out, sizeof(out), "%.*s", SO_STR_ARG(so_stmt_text(st, 0)));
    so_stmt_done(st);
    so_db_reader_give(db, conn);
    return out;
}

struct bench_apply {
    const struct so_plan *plan;
    bool allow;
};
static inline int bench_apply_run(void *arg, struct so_conn *conn, struct so_err *err)
{
    const struct bench_apply *a = arg;
    return so_migrate_apply(a->plan, conn, a->allow, err);
}

/* Plans the way from the database to the model in `dir`, into `arena`. */
static inline int bench_plan(struct so_db *db, const char *dir, struct so_arena *arena, struct so_plan *out,
                             struct so_err *err)
{
    struct so_model *model = bench_model(dir);
    struct so_catalog *catalog = NULL;
    struct so_conn *conn = NULL;
    int rc = so_db_reader_take(db, &conn, err);
    if (rc == SO_OK)
        rc = so_catalog_read(conn, &catalog, err);
    if (rc == SO_OK)
        rc = so_migrate_plan(model, catalog, conn, arena, out, err);
    so_catalog_unref(catalog);
    so_db_reader_give(db, conn);
    so_model_unref(model);
    return rc;
}

static inline int bench_migrate(struct so_db *db, const char *dir, bool allow, struct so_err *err)
{
    struct so_arena arena;
    struct so_plan plan;
    so_arena_init(&arena, 16 << 20);
    int rc = bench_plan(db, dir, &arena, &plan, err);
    if (rc == SO_OK) {
        struct bench_apply apply = {&plan, allow};
        rc = so_db_migrate(db, bench_apply_run, &apply, err);
    }
    so_arena_deinit(&arena);
    return rc;
}

static inline void bench_must_migrate(struct so_db *db, const char *dir, bool allow)
{
    struct so_err err = SO_ERR_INIT;
    struct so_arena arena;
    struct so_plan plan;
    if (bench_migrate(db, dir, allow, &err) != SO_OK)
        fail_msg("%s", err.message);
    so_arena_init(&arena, 16 << 20);
    assert_int_equal(bench_plan(db, dir, &arena, &plan, &err), SO_OK);
    if (plan.step_count != 0)
        fail_msg("after apply the plan should be empty, but says: %.*s", SO_STR_ARG(plan.steps[0].summary));
    so_arena_deinit(&arena);
}

static inline const char *bench_data(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/model/data/%s", getenv("SOCLE_TEST_DATA"), name);
    return path;
}

#endif
