/* config.h: every setting, from one table (config.c): environment first, then DIR/.env, then the default.
 * Owns: all text it points to, in its arena.   Threads: read only once loaded. */
#ifndef SO_APP_CONFIG_H
#define SO_APP_CONFIG_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"

struct so_provider_settings;
struct so_config_shown;

/* How a request's transaction ends; the same order as its choices in config.c. */
enum so_nodes_mode { SO_NODES_AUTO, SO_NODES_TRUE, SO_NODES_FALSE };
enum so_config_tx_end { SO_TX_END_COMMIT, SO_TX_END_COMMIT_OVERRIDE, SO_TX_END_ROLLBACK, SO_TX_END_ROLLBACK_OVERRIDE };

struct so_config {
    struct so_arena arena;
    const char *dir;  /* the app's folder */
    bool development; /* set by `socle dev`: weak secrets are let through */

    /* where to listen */
    const char *host;
    int64_t port;
    const char *public_url; /* as clients reach us; made from host and port when not set */

    /* the database */
    const char *database_url;
    const char *database_path; /* the file that database_url means */
    const char *keys_path;     /* signing keys, beside the database */
    int64_t statement_ms;
    const char *db_schemas, *db_extra_search_path; /* comma-separated; PostgreSQL */
    bool is_postgres;                              /* database_url is one of PostgreSQL's; database_path then is it, too */
    const struct so_str *schemas, *search_path;    /* the lists of these two */
    size_t schema_count, search_path_count;
    const char *db_anon_role, *db_pre_request;  /* NULL when not set; PostgreSQL */
    const char *db_read_url, *db_channel;       /* NULL when not set; PostgreSQL */
    const struct so_proc_setting *app_settings; /* that every transaction has: app.settings.NAME; PostgreSQL */
    int64_t db_pool;
    bool db_prepared;

    /* the data API */
    const char *rest_path;                     /* without a slash at its end: "/rest/v1", "" for the root */
    int64_t max_rows, db_tx_end, openapi_mode; /* 0: no limit; enum so_config_tx_end; enum so_openapi_mode */
    bool db_aggregates_enabled, db_plan_enabled;

    /* keys and tokens */
    const char *jwt_secret, *anon_key, *service_key, *master_key; /* NULL when not set */
    const char *jwt_aud;                                          /* NULL: any audience */
    const char *jwt_role_claim_key;
    int64_t token_lifetime_s, refresh_reuse_s, password_min;
    bool signup_disabled, anonymous_users, rate_limits;
    int64_t session_lifetime_s, session_inactivity_s, session_low_aal_s;
    bool single_session, password_reauthentication, password_current_required;
    int64_t argon2_memory_kib, argon2_passes, mfa_factors_max, audit_days;

    /* mail; NULL when not set */
    const char *smtp_url, *smtp_user, *smtp_password, *mail_from;
    const char *site_url, *redirect_urls;
    bool mail_autoconfirm;

    /* accounts elsewhere, and calls to other servers */
    const char *jwt_issuers;                /* NULL when not set */
    const char *auth_providers;             /* names, as written; NULL when not set */
    struct so_provider_settings *providers; /* provider_count; made by app/config_providers.c */
    size_t provider_count;
    bool manual_linking, outbound_private;
    const char *ca_file;
    struct so_config_shown *shown; /* shown_count: their settings, for printing */
    size_t shown_count;

    /* realtime */
    bool realtime;
    int64_t log_keep_rows, log_keep_s;
    const char *realtime_tables; /* NULL when not set; PostgreSQL */

    /* limits */
    int64_t threads, workers, body_max, reply_max, connections_max;
    int64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms, grace_ms;
    const char *cors_origins;

    /* realtime: realtime/realtime.h says what each limits */
    int64_t realtime_connections_max, realtime_channels_max, realtime_joins, realtime_events, realtime_presence_calls;
    int64_t realtime_presence_window_ms, realtime_posts, realtime_payload_max, realtime_queue_max, realtime_silence_ms;
    int64_t realtime_stall_ms;
    bool realtime_private_only;
    int64_t realtime_nodes; /* enum so_nodes_mode */
    int64_t realtime_node_timeout_ms;
    int64_t realtime_replay_s, realtime_replay_bytes;

    /* talk */
    int64_t log_level, log_format; /* enum so_log_level, enum so_log_format */
};

/* Reads everything for the app in `dir` (may be NULL: no .env, current folder).  A bad value: SO_EINVAL with one line that
 * names the setting, the value (unless it is a secret) and what it may be. */
int so_config_load(const char *dir, struct so_config *out, struct so_err *err) SO_MUST_CHECK;
void so_config_deinit(struct so_config *c); /* zeroed is fine */

/* The checks that a production start makes on top: keys are there, and are neither weak nor placeholders. */
int so_config_check_production(const struct so_config *c, struct so_err *err) SO_MUST_CHECK;

/* All settings, for people (name, value with secrets masked, source, meaning) or as JSON. */
void so_config_print(const struct so_config *c, bool as_json, struct so_buf *out);

#endif
