/* cmd_migrate.c: socle migrate plan|apply|status. */
#include <stdio.h>
#include <string.h>

#include "app/tables.h"
#include "cli/cli.h"
#include "core/fs.h"
#include "model/migrate.h"
#include "json/write.h"

static const char HELP[] =
    "socle migrate plan   [DIR] [--json]            what would change in the database to fit the schema files\n"
    "socle migrate apply  [DIR] [--allow-data-loss] [--seed]\n"
    "                                               change it, all or nothing; --seed also loads seed/ into empty tables\n"
    "socle migrate status [DIR]                     exit 0 when the database fits, 1 when it does not\n\n"
    "Adding is safe.  What loses data (dropping a column or table with rows, a narrower type) is refused without the flag;\n"
    "renames keep the data when the schema file says x-renamed-from.\n";

enum { MEMORY_MAX = 64 << 20 };

struct request {
    const char *action;
    bool allow_loss, seed, as_json;
    const struct so_config *config;
    struct so_model *model;
    int code; /* exit code */
};

static void print_json(const struct so_plan *plan)
{
    struct so_buf out;
    struct so_jw w;
    so_buf_init(&out, MEMORY_MAX);
    so_jw_init(&w, &out);
    so_jw_array(&w);
    for (size_t i = 0; i < plan->step_count; i++) {
        so_jw_object(&w);
        so_jw_member_str(&w, "table", plan->steps[i].table);
        so_jw_member_str(&w, "summary", plan->steps[i].summary);
        so_jw_member_str(&w, "sql", plan->steps[i].sql);
        so_jw_member_bool(&w, "loses_data", plan->steps[i].loses_data);
        so_jw_end_object(&w);
    }
    so_jw_end_array(&w);
    so_buf_putc(&out, '\n');
    fwrite(out.p, 1, out.len, stdout);
    so_buf_deinit(&out);
}

static void print_plan(const struct so_plan *plan)
{
    if (plan->step_count == 0)
        puts("nothing to change: the database fits the schema files");
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct so_step *step = &plan->steps[i];
        printf("%s %.*s\n", step->loses_data ? "!" : "+", SO_STR_ARG(step->summary));
        if (step->loses_data)
            printf("  loses data: %.*s\n", SO_STR_ARG(step->loss));
    }
}

/* On the writer, so that plan and apply see the same database. */
static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct request *r = arg;
    struct so_arena arena;
    struct so_catalog *catalog = NULL;
    struct so_plan plan = {0};
    size_t rows = 0;
    so_arena_init(&arena, MEMORY_MAX);
    int rc = so_app_read_tables(r->config, conn, &catalog, err);
    if (rc == SO_OK)
        rc = so_migrate_plan(r->model, catalog, conn, &arena, &plan, err);
    if (rc == SO_OK && r->as_json)
        print_json(&plan);
    else if (rc == SO_OK)
        print_plan(&plan);
    if (rc == SO_OK && strcmp(r->action, "status") == 0)
        r->code = plan.step_count == 0 ? CLI_OK : CLI_FAILED;
    if (rc == SO_OK && strcmp(r->action, "apply") == 0) {
        if (plan.step_count > 0)
            rc = so_migrate_apply(&plan, conn, r->allow_loss, err);
        so_catalog_unref(catalog);
        catalog = NULL;
        if (rc == SO_OK && r->seed)
            rc = so_app_read_tables(r->config, conn, &catalog, err);
        if (rc == SO_OK && r->seed)
            rc = so_seed_load(r->config->dir, r->model, catalog, conn, &rows, err);
        if (rc == SO_OK && rows > 0)
            fprintf(stderr, "loaded %zu seed rows\n", rows);
    }
    so_catalog_unref(catalog);
    so_arena_deinit(&arena);
    return rc;
}

static int look(struct request *r, struct so_db *db, struct so_err *err)
{
    struct so_conn *conn;
    int rc = so_db_reader_take(db, &conn, err);
    if (rc != SO_OK)
        return rc;
    rc = run(r, conn, err);
    so_db_reader_give(db, conn);
    return rc;
}

/* Of the database's file. */
static int make_folder(const char *path, struct so_err *err)
{
    struct so_buf folder;
    so_buf_init(&folder, 8192);
    so_buf_put(&folder, path, (size_t)(strrchr(path, '/') - path));
    int rc = folder.len == 0 ? SO_OK : so_fs_make_directories(so_buf_cstr(&folder), 0700, err);
    so_buf_deinit(&folder);
    return rc;
}

static int with_database(struct request *r, struct so_err *err)
{
    struct so_db *db = NULL;
    const struct so_config *c = r->config;
    int rc = c->is_postgres ? SO_OK : make_folder(c->database_path, err);
    /* A server may have the database: to look at it needs no writer, unless there is nothing to look at yet. */
    bool looks = strcmp(r->action, "apply") != 0 && (c->is_postgres || so_fs_exists(c->database_path));
    const struct so_db_options options = {.read_only = looks, .alone = !looks};
    if (rc == SO_OK)
        rc = so_db_open(r->config->database_path, &options, &db, err);
    if (rc == SO_OK)
        rc = options.read_only ? look(r, db, err) : so_db_migrate(db, run, r, err);
    so_db_close(db);
    return rc;
}

int cmd_migrate(int argc, char **argv)
{
    struct request r = {.code = CLI_OK};
    bool help;
    const struct cli_option options[] = {
        {"--allow-data-loss", NULL, &r.allow_loss}, {"--seed", NULL, &r.seed}, {"--json", NULL, &r.as_json}};
    int plain = cli_parse(argc, argv, options, COUNT_OF(options), HELP, &help);
    if (help)
        return CLI_OK;
    if (plain < 0)
        return CLI_USAGE;
    if (plain < 1 || plain > 2 ||
        (strcmp(argv[1], "plan") != 0 && strcmp(argv[1], "apply") != 0 && strcmp(argv[1], "status") != 0))
        return cli_usage("migrate takes plan, apply or status, and one folder at most (see socle migrate --help)");
    r.action = argv[1];
    struct so_err err = SO_ERR_INIT;
    struct so_config config = {0};
    int rc = so_config_load(plain == 2 ? argv[2] : ".", &config, &err);
    r.config = &config;
    if (rc == SO_OK)
        rc = so_model_load(config.dir, &r.model, &err);
    if (rc == SO_OK)
        r.model->realtime = so_app_logs_model(&config);
    if (rc == SO_OK)
        rc = with_database(&r, &err);
    so_model_unref(r.model);
    so_config_deinit(&config);
    return rc == SO_OK ? r.code : cli_fail(&err);
}
