/* app.c: open and reload: schema files -> migration -> catalog -> snapshot. */
#include "app/internal.h"
#include "app/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fs.h"
#include "core/log.h"
#include "core/mem.h"
#include "model/logging.h"
#include "model/logging_pg.h"
#include "model/migrate.h"
#include "model/notes_pg.h"
#include "model/policy.h"

enum { PLAN_MEMORY_MAX = 64 << 20, LIST_MAX = 1 << 20 };

/* ---- the database fits the schema files ---- */

struct migration {
    const struct so_config *config;
    const struct so_model *model;
    enum so_app_migrate mode;
    bool is_foreign; /* the tables are somebody else's: nothing is planned */
};

static int refuse(const struct so_plan *plan, struct so_err *err)
{
    const struct so_step *first = &plan->steps[0];
    for (size_t i = 0; i < plan->step_count && plan->losing_count > 0; i++)
        if (plan->steps[i].loses_data) {
            first = &plan->steps[i];
            break;
        }
    so_fail(err, SO_EDENIED, "the database does not fit the schema files (%zu changes, %zu that lose data): %.*s",
            plan->step_count, plan->losing_count, SO_STR_ARG(first->summary));
    so_err_hint(err, plan->losing_count > 0
                         ? "see `socle migrate plan`, then `socle migrate apply --allow-data-loss` if you mean it"
                         : "`socle migrate plan` shows all, `socle migrate apply` makes them");
    return SO_EDENIED;
}

/* Plans against what is there now; on the writer also applies, in the same transaction. */
static int plan_and_apply(struct migration *m, struct so_conn *conn, bool apply, size_t *out_steps, struct so_err *err)
{
    struct so_arena arena;
    struct so_catalog *catalog = NULL;
    struct so_plan plan = {0};
    so_arena_init(&arena, PLAN_MEMORY_MAX);
    int rc = so_app_read_tables(m->config, conn, &catalog, err);
    if (rc == SO_OK)
        rc = so_migrate_plan(m->model, catalog, conn, &arena, &plan, err);
    m->is_foreign = plan.is_foreign;
    if (m->is_foreign)
        plan.step_count = 0;
    if (rc == SO_OK && apply && plan.step_count > 0) {
        bool may = m->mode == SO_MIGRATE_SAFE && plan.losing_count == 0;
        rc = may ? so_migrate_apply(&plan, conn, false, err) : refuse(&plan, err);
        for (size_t i = 0; rc == SO_OK && i < plan.step_count; i++)
            so_log(SO_LOG_INFO, "migrated %.*s", SO_STR_ARG(plan.steps[i].summary));
    }
    *out_steps = plan.step_count;
    so_catalog_unref(catalog);
    so_arena_deinit(&arena);
    return rc;
}

static int migrate_on_writer(void *arg, struct so_conn *conn, struct so_err *err)
{
    size_t steps;
    return plan_and_apply(arg, conn, true, &steps, err);
}

/* A reader finds out whether there is anything to do: so_db_migrate() checks every reference of the database, and a start of
 * a large database that fits should not wait for that. */
static int migrate(struct so_app *app, const struct so_model *model, struct so_err *err)
{
    struct migration m = {.config = app->config, .model = model, .mode = app->migrate};
    struct so_conn *conn;
    size_t steps = 0;
    int rc = so_db_reader_take(app->db, &conn, err);
    if (rc != SO_OK)
        return rc;
    rc = plan_and_apply(&m, conn, false, &steps, err);
    so_db_reader_give(app->db, conn);
    app->is_foreign = m.is_foreign;
    return rc == SO_OK && steps > 0 ? so_db_migrate(app->db, migrate_on_writer, &m, err) : rc;
}

static int fit_log(void *arg, struct so_conn *conn, struct so_err *err)
{
    return so_logging_pg_fit(conn, *(const struct so_str *)arg, err);
}

/* "public.books,public.authors": the tables of schema files whose changes are told. */
static void put_logged(struct so_buf *b, const struct so_config *c, const struct so_model *model)
{
    for (size_t i = 0; i < model->table_count; i++)
        if (so_logging_wanted(model, model->tables[i]))
            so_buf_printf(b, "%s%.*s.%.*s", b->len > 0 ? "," : "", SO_STR_ARG(c->schemas[0]),
                          SO_STR_ARG(model->tables[i]->name));
}

static bool is_log_asked_for(const struct so_config *c)
{
    return c->realtime && c->realtime_tables != NULL && c->realtime_tables[0] != '\0';
}

/* Whether schema `socle` of a PostgreSQL database is there for us.  A database of somebody else's is left alone, unless the
 * setting names its tables. */
static bool has_own_schema(const struct so_app *app, const struct so_model *model)
{
    return app->config->is_postgres && (is_log_asked_for(app->config) || (!app->is_foreign && model->table_count > 0));
}

/* PostgreSQL: which tables have the log's triggers. */
static int log_tables(struct so_app *app, const struct so_model *model, struct so_err *err)
{
    const struct so_config *c = app->config;
    bool is_asked = is_log_asked_for(c);
    if (!has_own_schema(app, model))
        return SO_OK;
    struct so_buf list;
    so_buf_init(&list, LIST_MAX);
    if (is_asked)
        so_buf_puts(&list, c->realtime_tables);
    else
        put_logged(&list, c, model);
    int rc = so_buf_check(&list, "the list of logged tables", err);
    struct so_str text = so_buf_str(&list);
    if (rc == SO_OK)
        rc = so_db_migrate(app->db, fit_log, &text, err);
    so_buf_deinit(&list);
    return rc;
}

/* Also makes sure that every policy and default of the model means something to the tables as they are. */
static int read_catalog(struct so_app *app, const struct so_model *model, struct so_catalog **out, struct so_err *err)
{
    struct so_conn *conn;
    int rc = so_db_reader_take(app->db, &conn, err);
    if (rc != SO_OK)
        return rc;
    if (!app->config->is_postgres) /* which has proved them when it made its policies */
        rc = so_model_check(model, conn, err);
    if (rc == SO_OK)
        rc = so_app_read_tables(app->config, conn, out, err);
    so_db_reader_give(app->db, conn);
    return rc;
}

/* The policies of private channels, proved against the database as it is. */
static int read_access(struct so_app *app, const struct so_model *model, struct so_access **out, struct so_err *err)
{
    struct so_access *access;
    struct so_conn *conn;
    int rc = so_access_load(app->config->dir, model, &access, err);
    if (rc != SO_OK)
        return rc;
    rc = so_db_reader_take(app->db, &conn, err);
    if (rc == SO_OK) {
        rc = so_access_check(access, conn, err);
        so_db_reader_give(app->db, conn);
    }
    if (rc == SO_OK)
        *out = access;
    else
        so_access_unref(access);
    return rc;
}

static int make_snapshot(struct so_app *app, struct so_snapshot **out, struct so_access **out_access, struct so_err *err)
{
    struct so_model *model = NULL;
    struct so_catalog *catalog = NULL;
    struct so_access *access = NULL;
    int rc = so_model_load(app->config->dir, &model, err);
    if (rc == SO_OK)
        model->realtime = so_app_logs_model(app->config);
    if (rc == SO_OK)
        rc = migrate(app, model, err);
    if (rc == SO_OK)
        rc = log_tables(app, model, err);
    if (rc == SO_OK)
        model->is_applied = app->config->is_postgres && !app->is_foreign;
    if (rc == SO_OK)
        rc = read_catalog(app, model, &catalog, err);
    if (rc == SO_OK)
        rc = read_access(app, model, &access, err);
    if (rc == SO_OK) {
        rc = so_snapshot_new(catalog, model, out, err); /* takes both, also when it fails */
        catalog = NULL;
        model = NULL;
    }
    so_catalog_unref(catalog);
    so_model_unref(model);
    if (rc == SO_OK)
        *out_access = access;
    else
        so_access_unref(access);
    return rc;
}

/* ---- open ---- */

static struct so_str text_of(const char *setting) { return setting == NULL ? so_str(NULL, 0) : so_str_c(setting); }

static void mail_failed(void *arg, const struct so_err *err)
{
    (void)arg;
    so_log(SO_LOG_ERROR, "%s", err->message);
}

static void issuer_failed(void *arg, const struct so_err *err)
{
    (void)arg;
    so_log(SO_LOG_WARN, "the keys of another issuer could not be read: %s", err->message);
}

/* Production sends, development catches, and without a server there is no mail. */
static int open_mailer(struct so_app *app, struct so_err *err)
{
    const struct so_config *c = app->config;
    const struct so_smtp_settings smtp = {.url = c->smtp_url,
                                          .user = c->smtp_user,
                                          .password = c->smtp_password,
                                          .from = c->mail_from,
                                          .ca_file = c->ca_file,
                                          .failed = mail_failed};
    if (c->smtp_url != NULL)
        return so_smtp_open(&smtp, &app->smtp, err);
    return c->development ? so_catcher_open(&app->catcher, err) : SO_OK;
}

/* A slow server elsewhere must leave workers for everybody else. */
static int open_fetcher(struct so_app *app, struct so_err *err)
{
    const struct so_config *c = app->config;
    const struct so_fetcher_settings settings = {
        .private_allowed = c->outbound_private, .ca_file = c->ca_file, .concurrent_max = (unsigned)(c->workers + 1) / 2};
    return c->provider_count > 0 || c->jwt_issuers != NULL ? so_fetcher_open(&settings, &app->fetcher, err) : SO_OK;
}

static struct so_auth_settings auth_settings(const struct so_app *app)
{
    const struct so_config *c = app->config;
    struct so_mailer *mailer = app->smtp != NULL ? app->smtp : app->catcher;
    return (struct so_auth_settings){
        .public_url = so_str_c(c->public_url),
        .jwt_secret = text_of(c->jwt_secret),
        .anon_key = text_of(c->anon_key),
        .service_key = text_of(c->service_key),
        .token_lifetime = c->token_lifetime_s,
        .refresh_reuse_seconds = c->refresh_reuse_s,
        .password_min = (size_t)c->password_min,
        .signup_disabled = c->signup_disabled,
        .anonymous_enabled = c->anonymous_users,
        .autoconfirm = c->mail_autoconfirm || mailer == NULL,
        .mailer = mailer,
        .site_url = text_of(c->site_url),
        .redirect_urls = text_of(c->redirect_urls),
        .app_folder = c->dir,
        .rate_limits = c->rate_limits,
        .weak_secrets_allowed = c->development,
        .session_limits = {c->session_lifetime_s, c->session_inactivity_s, c->session_low_aal_s},
        .single_session = c->single_session,
        .password_reauthentication = c->password_reauthentication,
        .password_current_required = c->password_current_required,
        .password_cost = {(uint32_t)c->argon2_memory_kib, (uint32_t)c->argon2_passes, 1},
        .factors_max = (size_t)c->mfa_factors_max,
        .audit_days = c->audit_days,
        .keys_path = c->keys_path,
        .foreign = c->is_postgres,
        .audience = text_of(c->jwt_aud),
        .role_claim = text_of(c->jwt_role_claim_key),
        .master_key = text_of(c->master_key),
        .fetcher = app->fetcher,
        .providers = c->providers,
        .provider_count = c->provider_count,
        .manual_linking = c->manual_linking,
        .jwt_issuers = text_of(c->jwt_issuers),
        .issuer_failed = issuer_failed,
    };
}

struct so_rest_settings so_app_rest_settings(const struct so_config *c)
{
    return (struct so_rest_settings){
        .max_rows = c->max_rows,
        .body_max = (size_t)c->reply_max,
        .path = c->rest_path[0] == '\0' ? SO_STR("/") : so_str_c(c->rest_path),
        .aggregates = c->db_aggregates_enabled,
        .tx_rolls_back = c->db_tx_end == SO_TX_END_ROLLBACK || c->db_tx_end == SO_TX_END_ROLLBACK_OVERRIDE,
        .tx_override = c->db_tx_end == SO_TX_END_COMMIT_OVERRIDE || c->db_tx_end == SO_TX_END_ROLLBACK_OVERRIDE,
        .plan = c->db_plan_enabled,
        .openapi = (enum so_openapi_mode)c->openapi_mode,
        .pg = {.extra_search_path = c->search_path,
               .extra_search_path_count = c->search_path_count,
               .anon_role = text_of(c->db_anon_role),
               .pre_request = text_of(c->db_pre_request),
               .app_settings = c->app_settings},
    };
}

static int install_notes(void *arg, struct so_conn *conn, struct so_err *err)
{
    (void)arg;
    return so_notes_pg_install(conn, err);
}

static void nodes_told(void *arg, const struct so_err *err)
{
    (void)arg;
    if (err != NULL)
        so_log(SO_LOG_WARN, "realtime does not reach the other servers of the database: %s", err->message);
    else
        so_log(SO_LOG_INFO, "realtime reaches the other servers of the database again");
}

/* Whether broadcast and presence go to the other servers of the database; makes what they need for it. */
static int join_nodes(struct so_app *app, struct so_realtime_settings *out, struct so_err *err)
{
    const struct so_config *c = app->config;
    bool joins = c->is_postgres && (c->realtime_nodes == SO_NODES_TRUE ||
                                    (c->realtime_nodes == SO_NODES_AUTO && has_own_schema(app, app->snapshot->model)));
    if (!joins)
        return SO_OK;
    out->nodes_db = app->db;
    out->nodes_url = c->database_url;
    out->nodes_timeout_ms = (unsigned)c->realtime_node_timeout_ms;
    out->nodes_told = nodes_told;
    return so_db_migrate(app->db, install_notes, NULL, err);
}

static struct so_realtime_settings realtime_settings(const struct so_config *c)
{
    return (struct so_realtime_settings){
        .origins = c->cors_origins,
        .connections_max = (size_t)c->realtime_connections_max,
        .channels_max = (size_t)c->realtime_channels_max,
        .joins_per_second = (size_t)c->realtime_joins,
        .events_per_second = (size_t)c->realtime_events,
        .presence_calls_max = (size_t)c->realtime_presence_calls,
        .presence_window_ms = c->realtime_presence_window_ms,
        .posts_per_second = (size_t)c->realtime_posts,
        .payload_max = (size_t)c->realtime_payload_max,
        .queue_max = (size_t)c->realtime_queue_max,
        .stall_ms = c->realtime_stall_ms,
        .silence_ms = c->realtime_silence_ms,
        .private_only = c->realtime_private_only,
        .replay_seconds = c->realtime_replay_s,
        .replay_bytes = c->realtime_replay_bytes,
    };
}

static int open_feed(struct so_app *app, struct so_err *err)
{
    enum { POLL_MS = 500 }; /* for what other programs write */
    const struct so_config *c = app->config;
    const struct so_feed_options options = {
        .keep_rows = c->log_keep_rows,
        .keep_seconds = c->log_keep_s,
        .poll_ms = POLL_MS,
        .listen_url = c->is_postgres ? c->database_url : NULL,
        .anon_role = text_of(c->db_anon_role),
    };
    return so_feed_open(app->db, &options, &app->feed, err);
}

int so_app_make_data_folder(const struct so_config *c, struct so_err *err)
{
    const char *slash = strrchr(c->keys_path, '/'); /* beside the database, when that is a file */
    char *folder = so_strndup(c->keys_path, (size_t)(slash - c->keys_path));
    if (folder == NULL)
        return so_err_oom(err);
    int rc = folder[0] == '\0' ? SO_OK : so_fs_make_directories(folder, 0700, err);
    so_free(folder);
    return rc;
}

int so_app_open(const struct so_config *config, enum so_app_migrate mode, struct so_app **out, struct so_err *err)
{
    struct so_app *app = so_calloc(1, sizeof(*app));
    if (app == NULL)
        return so_err_oom(err);
    app->config = config;
    app->migrate = mode;
    app->rest = so_app_rest_settings(config);
    const struct so_db_options options = {
        .pool_size = (unsigned)config->workers,
        .serves = true,
        .statement_ms = (unsigned)config->statement_ms,
    };
    int rc = so_app_make_data_folder(config, err);
    if (rc == SO_OK)
        rc = so_db_open(config->database_path, &options, &app->db, err);
    if (rc == SO_OK)
        rc = open_mailer(app, err);
    if (rc == SO_OK)
        rc = open_fetcher(app, err);
    const struct so_auth_settings auth = auth_settings(app);
    if (rc == SO_OK)
        rc = so_auth_open(app->db, &auth, &app->auth, err);
    if (rc == SO_OK)
        rc = make_snapshot(app, &app->snapshot, &app->access, err);
    if (rc == SO_OK && config->realtime)
        rc = open_feed(app, err);
    struct so_realtime_settings realtime = realtime_settings(config);
    if (rc == SO_OK)
        rc = join_nodes(app, &realtime, err);
    if (config->realtime_replay_s > 0)
        realtime.replay_db = app->db;
    if (rc == SO_OK)
        rc = so_realtime_open(&realtime, &app->realtime, err);
    if (rc != SO_OK) {
        so_app_close(app);
        return rc;
    }
    *out = app;
    return SO_OK;
}

void so_app_close(struct so_app *app)
{
    if (app == NULL)
        return;
    so_realtime_close(app->realtime);
    so_feed_close(app->feed);
    so_access_unref(app->access);
    so_snapshot_unref(app->snapshot);
    so_auth_close(app->auth);
    so_fetcher_close(app->fetcher);
    so_smtp_close(app->smtp);
    so_catcher_close(app->catcher);
    so_db_close(app->db);
    so_free(app);
}

/* ---- seeds ---- */

struct seeding {
    struct so_app *app;
    size_t rows;
};

static int seed(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct seeding *s = arg;
    return so_seed_load(s->app->config->dir, s->app->snapshot->model, s->app->snapshot->catalog, conn, &s->rows, err);
}

int so_app_seed(struct so_app *app, size_t *out_rows, struct so_err *err)
{
    struct seeding s = {app, 0};
    if (app->is_foreign) { /* and so are the rows */
        *out_rows = 0;
        return SO_OK;
    }
    int rc = so_db_write(app->db, seed, &s, err);
    if (rc == SO_OK)
        *out_rows = s.rows;
    return rc;
}

/* ---- reload ---- */

struct swap {
    struct so_app_loop *on;
    struct so_snapshot *snapshot;
    struct so_access *access;
    struct so_task task;
};

static void swap_on_loop(struct so_task *task)
{
    struct swap *s = SO_CONTAINER_OF(task, struct swap, task);
    struct so_snapshot *old = s->on->snapshot;
    struct so_err err = SO_ERR_INIT;
    if (s->on->hub != NULL && so_hub_use(s->on->hub, s->snapshot->catalog, s->snapshot->model, s->access, &err) != SO_OK)
        so_log(SO_LOG_ERROR, "realtime goes by the old schemas: %s", err.message);
    s->on->snapshot = s->snapshot;
    so_snapshot_unref(old); /* requests under way hold their own */
    so_access_unref(s->access);
    so_free(s);
}

int so_app_reload(struct so_app *app, struct so_err *err)
{
    struct so_snapshot *fresh;
    struct so_access *access;
    int rc = so_auth_reload_keys(app->auth, err);
    if (rc == SO_OK)
        rc = make_snapshot(app, &fresh, &access, err);
    if (rc != SO_OK)
        return rc;
    for (unsigned i = 0; i < app->loop_count; i++) {
        struct swap *s = so_malloc(sizeof(*s));
        if (s == NULL) {
            so_snapshot_unref(fresh);
            so_access_unref(access);
            return so_err_oom(err);
        }
        *s = (struct swap){&app->loops[i], so_snapshot_ref(fresh), so_access_ref(access), {.run = swap_on_loop}};
        so_loop_post(app->loops[i].loop, &s->task);
    }
    so_snapshot_unref(app->snapshot);
    so_access_unref(app->access);
    app->snapshot = fresh;
    app->access = access;
    return SO_OK;
}

int so_app_look_at_revocations(struct so_app *app, struct so_err *err)
{
    return so_auth_look_at_revocations(app->auth, err);
}

int so_app_look_at_keys(struct so_app *app, bool *out_changed, struct so_err *err)
{
    return so_auth_look_at_keys(app->auth, out_changed, err);
}

void so_app_closed_tables(const struct so_app *app, struct so_buf *out)
{
    const struct so_catalog *catalog = app->snapshot->catalog;
    for (size_t i = 0; i < catalog->relation_count; i++) {
        const struct so_relation *relation = catalog->relations[i];
        const struct so_table *table = so_model_find(app->snapshot->model, relation->name);
        bool closes_itself = app->config->is_postgres && (table == NULL || app->is_foreign); /* by the database's policies */
        if (relation->internal || closes_itself || (table != NULL && table->has_policies))
            continue;
        so_buf_printf(out, "%s%.*s", out->len > 0 ? ", " : "", SO_STR_ARG(relation->name));
    }
}
