/* config.c: one row per setting: its name, where it goes, what it may be, and what it means.
 * A new setting is a member of struct so_config and a row here; `socle config` prints this table. */
#include "app/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config_int.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/map.h"
#include "db/db.h"

#define AT(member) offsetof(struct so_config, member)
#define MIB(n)     ((int64_t)(n) << 20)
#define ONE_DAY_MS (24LL * 3600 * 1000)

const struct so_setting so_settings[] = {
    {"HOST", "PGRST_SERVER_HOST", TEXT, false, AT(host), 0, 0, "127.0.0.1", NULL,
     "numeric address to listen on; 0.0.0.0 in a container"},
    {"PORT", "PGRST_SERVER_PORT", COUNT, false, AT(port), 0, 65535, "54321", NULL,
     "port to listen on; 0 takes any free one"},
    {"SOCLE_PUBLIC_URL", "API_EXTERNAL_URL|PGRST_OPENAPI_SERVER_PROXY_URI", TEXT, false, AT(public_url), 0, 0, NULL, NULL,
     "URL under which clients reach this server: issuer of tokens; made from HOST and PORT when not set"},
    {"DATABASE_URL", "PGRST_DB_URI", TEXT, false, AT(database_url), 0, 0, "data/socle.db", NULL,
     "a file path or sqlite:PATH, relative to the app's folder, or postgres://USER:PASSWORD@HOST/NAME"},
    {"SOCLE_DB_READ_URL", NULL, TEXT, false, AT(db_read_url), 0, 0, NULL, NULL,
     "PostgreSQL: where requests that only read go: replicas"},
    {"SOCLE_DB_POOL", "PGRST_DB_POOL", COUNT, false, AT(db_pool), 1, 1000, "16", NULL,
     "PostgreSQL: connections of each event loop, at most"},
    {"SOCLE_DB_PREPARED_STATEMENTS", "PGRST_DB_PREPARED_STATEMENTS", FLAG, false, AT(db_prepared), 0, 0, "true", NULL,
     "PostgreSQL: false for a pooler in transaction mode (pgbouncer)"},
    {"SOCLE_DB_CHANNEL", "PGRST_DB_CHANNEL", TEXT, false, AT(db_channel), 0, 0, "pgrst", NULL,
     "PostgreSQL: NOTIFY on this channel makes the server read the catalog again; empty: nobody listens"},
    {"SOCLE_STATEMENT_TIMEOUT_MS", NULL, COUNT, false, AT(statement_ms), 10, ONE_DAY_MS, "8000", NULL,
     "a statement that runs longer is ended: 504"},
    {"SOCLE_DB_SCHEMAS", "PGRST_DB_SCHEMAS", TEXT, false, AT(db_schemas), 0, 0, "public", NULL,
     "PostgreSQL: the schemas that the data API shows, separated by commas; the first one is the default"},
    {"SOCLE_DB_EXTRA_SEARCH_PATH", "PGRST_DB_EXTRA_SEARCH_PATH", TEXT, false, AT(db_extra_search_path), 0, 0, "public", NULL,
     "PostgreSQL: schemas that statements find names in but the data API does not show, separated by commas"},
    {"SOCLE_DB_ANON_ROLE", "PGRST_DB_ANON_ROLE", TEXT, false, AT(db_anon_role), 0, 0, NULL, NULL,
     "PostgreSQL: the database's role of requests without a token"},
    {"SOCLE_DB_PRE_REQUEST", "PGRST_DB_PRE_REQUEST", TEXT, false, AT(db_pre_request), 0, 0, NULL, NULL,
     "PostgreSQL: a function that is called before each request's statement, in its transaction"},
    {"SOCLE_REST_PATH", NULL, TEXT, false, AT(rest_path), 0, 0, "/rest/v1", NULL, "where the data API is; it may be /"},
    {"SOCLE_DB_MAX_ROWS", "PGRST_DB_MAX_ROWS|SOCLE_MAX_ROWS", COUNT, false, AT(max_rows), 0, INT64_MAX, "1000", NULL,
     "rows an answer may hold; 0: no limit"},
    {"SOCLE_DB_TX_END", "PGRST_DB_TX_END", CHOICE, false, AT(db_tx_end), 0, 0, "commit",
     "commit|commit-allow-override|rollback|rollback-allow-override",
     "what becomes of a request's writes; with allow-override, Prefer: tx=... decides"},
    {"SOCLE_DB_AGGREGATES_ENABLED", "PGRST_DB_AGGREGATES_ENABLED", FLAG, false, AT(db_aggregates_enabled), 0, 0, "false",
     NULL, "clients may ask for sum(), avg(), min() and max()"},
    {"SOCLE_DB_PLAN_ENABLED", "PGRST_DB_PLAN_ENABLED", FLAG, false, AT(db_plan_enabled), 0, 0, "false", NULL,
     "clients may ask how a statement runs: Accept: application/vnd.pgrst.plan"},
    {"SOCLE_OPENAPI_MODE", "PGRST_OPENAPI_MODE", CHOICE, false, AT(openapi_mode), 0, 0, "follow-privileges",
     "follow-privileges|ignore-privileges|disabled",
     "what the data API's root document shows: what the caller may use, or all"},
    {"SOCLE_ANON_KEY", "SUPABASE_ANON_KEY", TEXT, true, AT(anon_key), 0, 0, NULL, NULL,
     "publishable key of browsers and apps: role anon"},
    {"SOCLE_SERVICE_KEY", "SUPABASE_SERVICE_ROLE_KEY", TEXT, true, AT(service_key), 0, 0, NULL, NULL,
     "secret key of your own servers: above every policy"},
    {"SOCLE_JWT_SECRET", "JWT_SECRET|PGRST_JWT_SECRET", TEXT, true, AT(jwt_secret), 0, 0, NULL, NULL,
     "shared HS256 secret of at least 32 bytes, so that tokens made elsewhere verify; our own are signed with ES256"},
    {"SOCLE_JWT_AUD", "PGRST_JWT_AUD", TEXT, false, AT(jwt_aud), 0, 0, NULL, NULL,
     "PostgreSQL: a token whose aud names others only is refused"},
    {"SOCLE_JWT_ROLE_CLAIM_KEY", "PGRST_JWT_ROLE_CLAIM_KEY", TEXT, false, AT(jwt_role_claim_key), 0, 0, ".role", NULL,
     "PostgreSQL: where in a token the database's role stands"},
    {"SOCLE_MASTER_KEY", NULL, TEXT, true, AT(master_key), 0, 0, NULL, NULL,
     "seals data/keys.json, the private signing keys: at least 32 random bytes; without it the file is plain, mode 0600"},
    {"SOCLE_JWT_EXP", "JWT_EXP", COUNT, false, AT(token_lifetime_s), 30, 604800, "3600", NULL,
     "seconds an access token lives"},
    {"SOCLE_REFRESH_REUSE", NULL, COUNT, false, AT(refresh_reuse_s), 0, 3600, "10", NULL,
     "seconds in which a refresh token may come twice (several tabs, lost answers)"},
    {"SOCLE_PASSWORD_MIN", NULL, COUNT, false, AT(password_min), 6, 72, "6", NULL, "characters a new password must have"},
    {"SOCLE_DISABLE_SIGNUP", NULL, FLAG, false, AT(signup_disabled), 0, 0, "false", NULL,
     "only the service key makes accounts"},
    {"SOCLE_ANONYMOUS_USERS", NULL, FLAG, false, AT(anonymous_users), 0, 0, "false", NULL,
     "allow sign-in without an address"},
    {"SOCLE_RATE_LIMITS", NULL, FLAG, false, AT(rate_limits), 0, 0, "true", NULL,
     "limit sign-ins and sign-ups per address: 429"},
    {"SOCLE_SESSION_LIFETIME", NULL, COUNT, false, AT(session_lifetime_s), 0, 315360000, "0", NULL,
     "seconds after which a session ends, however much it is used; 0: never"},
    {"SOCLE_SESSION_INACTIVITY", NULL, COUNT, false, AT(session_inactivity_s), 0, 315360000, "0", NULL,
     "seconds without a refresh after which a session ends; 0: never"},
    {"SOCLE_SESSION_LOW_AAL", NULL, COUNT, false, AT(session_low_aal_s), 0, 315360000, "0", NULL,
     "seconds in which whoever has a second factor must have used it, or the session ends; 0: never"},
    {"SOCLE_SINGLE_SESSION", NULL, FLAG, false, AT(single_session), 0, 0, "false", NULL,
     "a sign-in ends the user's other sessions"},
    {"SOCLE_PASSWORD_REAUTHENTICATION", "SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION", FLAG, false,
     AT(password_reauthentication), 0, 0, "false", NULL,
     "a new password needs a sign-in of less than a day ago, or a mailed nonce"},
    {"SOCLE_PASSWORD_CURRENT", "SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD", FLAG, false,
     AT(password_current_required), 0, 0, "false", NULL, "a new password needs the current one"},
    {"SOCLE_ARGON2_MEMORY", NULL, COUNT, false, AT(argon2_memory_kib), 8192, 4194304, "19456", NULL,
     "KiB that hashing a password takes; older hashes are made anew at the next sign-in"},
    {"SOCLE_ARGON2_PASSES", NULL, COUNT, false, AT(argon2_passes), 1, 64, "2", NULL, "passes over that memory"},
    {"SOCLE_MFA_FACTORS", "MFA_MAX_ENROLLED_FACTORS", COUNT, false, AT(mfa_factors_max), 1, 100, "10", NULL,
     "second factors an account may have"},
    {"SOCLE_AUDIT_DAYS", NULL, COUNT, false, AT(audit_days), 0, 36500, "90", NULL,
     "days the audit log is kept; 0: for ever"},
    {"SOCLE_SMTP_URL", NULL, TEXT, false, AT(smtp_url), 0, 0, NULL, NULL,
     "smtp://HOST:PORT (with STARTTLS, unless HOST is this machine) or smtps://HOST:PORT; not set: no mail is sent"},
    {"SOCLE_SMTP_USER", "SMTP_USER", TEXT, false, AT(smtp_user), 0, 0, NULL, NULL, "who signs in at that server"},
    {"SOCLE_SMTP_PASSWORD", "SMTP_PASS", TEXT, true, AT(smtp_password), 0, 0, NULL, NULL, "and with which password"},
    {"SOCLE_MAIL_FROM", "SMTP_ADMIN_EMAIL", TEXT, false, AT(mail_from), 0, 0, NULL, NULL,
     "sender of all mail: an address, or Name <address>"},
    {"SOCLE_MAIL_AUTOCONFIRM", "MAILER_AUTOCONFIRM", FLAG, false, AT(mail_autoconfirm), 0, 0, "true", NULL,
     "an address counts as confirmed at sign-up; false: only after its owner used code or link.  Always true without mail"},
    {"SOCLE_SITE_URL", "SITE_URL", TEXT, false, AT(site_url), 0, 0, NULL, NULL,
     "where links of mails lead in the end unless the app asks for another place; SOCLE_PUBLIC_URL when not set"},
    {"SOCLE_REDIRECT_URLS", "URI_ALLOW_LIST", TEXT, false, AT(redirect_urls), 0, 0, NULL, NULL,
     "other places that an app may ask for, compared exactly: a list separated by commas"},
    {"SOCLE_AUTH_PROVIDERS", NULL, TEXT, false, AT(auth_providers), 0, 0, NULL, NULL,
     "other accounts to sign in with, separated by commas: google, github, or names of your own; each has its settings "
     "SOCLE_AUTH_NAME_CLIENT_ID, _CLIENT_SECRET, _ISSUER, _SCOPES"},
    {"SOCLE_JWT_ISSUERS", NULL, TEXT, false, AT(jwt_issuers), 0, 0, NULL, NULL,
     "others whose tokens are good for the data, separated by commas: ISSUER=JWKS, a URL or file, then aud=, role=, "
     "role_claim=, roles=VALUE:ROLE|VALUE:ROLE"},
    {"SOCLE_MANUAL_LINKING", "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED", FLAG, false, AT(manual_linking), 0, 0, "false", NULL,
     "users may link and unlink other accounts themselves"},
    {"SOCLE_OUTBOUND_PRIVATE", NULL, FLAG, false, AT(outbound_private), 0, 0, "false", NULL,
     "calls to other servers may go to this machine and to private networks, there also without TLS"},
    {"SOCLE_CA_FILE", NULL, TEXT, false, AT(ca_file), 0, 0, NULL, NULL,
     "PEM file of authorities whose certificates are trusted besides the system's, for mail and calls to other servers"},
    {"SOCLE_REALTIME", NULL, FLAG, false, AT(realtime), 0, 0, "true", NULL,
     "log every change of the tables, so that subscribers hear of it; false: no log, and no triggers"},
    {"SOCLE_REALTIME_TABLES", NULL, TEXT, false, AT(realtime_tables), 0, 0, NULL, NULL,
     "PostgreSQL: tables of a database without schema files that get the log's triggers: \"a, s.b\", or \"publication\""},
    {"SOCLE_LOG_KEEP_ROWS", NULL, COUNT, false, AT(log_keep_rows), 1, INT64_MAX, "100000", NULL,
     "changes that the log keeps at most, for clients who come back"},
    {"SOCLE_LOG_KEEP_SECONDS", NULL, COUNT, false, AT(log_keep_s), 1, INT32_MAX, "86400", NULL,
     "and how long it keeps them"},
    {"SOCLE_THREADS", NULL, COUNT, false, AT(threads), 0, 256, "0", NULL, "event loops; 0: one per core"},
    {"SOCLE_WORKERS", NULL, COUNT, false, AT(workers), 1, 256, "4", NULL,
     "threads for what may block: password hashes, slow queries"},
    {"SOCLE_BODY_MAX", NULL, COUNT, false, AT(body_max), 1024, MIB(1024), "10485760", NULL,
     "bytes of a request's body: 413"},
    {"SOCLE_REPLY_MAX", NULL, COUNT, false, AT(reply_max), 1024, MIB(4095), "67108864", NULL, "bytes of an answer's body"},
    {"SOCLE_CONNECTIONS_MAX", NULL, COUNT, false, AT(connections_max), 1, 1000000, "10000", NULL,
     "open connections per event loop; beyond it 503"},
    {"SOCLE_HEADER_TIMEOUT_MS", NULL, COUNT, false, AT(header_timeout_ms), 100, ONE_DAY_MS, "10000", NULL,
     "from the first byte of a request to the end of its headers: 408"},
    {"SOCLE_BODY_TIMEOUT_MS", NULL, COUNT, false, AT(body_timeout_ms), 100, ONE_DAY_MS, "15000", NULL,
     "without a further byte of the body: 408"},
    {"SOCLE_IDLE_TIMEOUT_MS", NULL, COUNT, false, AT(idle_timeout_ms), 100, ONE_DAY_MS, "75000", NULL,
     "a connection without a request is closed"},
    {"SOCLE_WRITE_TIMEOUT_MS", NULL, COUNT, false, AT(write_timeout_ms), 100, ONE_DAY_MS, "30000", NULL,
     "a client that takes no further byte of its answer is cut off"},
    {"SOCLE_GRACE_MS", NULL, COUNT, false, AT(grace_ms), 0, ONE_DAY_MS, "10000", NULL,
     "after SIGTERM, requests under way have this long"},
    {"SOCLE_CORS_ORIGINS", "PGRST_SERVER_CORS_ALLOWED_ORIGINS", TEXT, false, AT(cors_origins), 0, 0, "*", NULL,
     "origins whose pages may call: * or a list separated by commas"},
    {"SOCLE_REALTIME_CONNECTIONS_MAX", NULL, COUNT, false, AT(realtime_connections_max), 1, 1000000, "10000", NULL,
     "open WebSockets in all; beyond it 429"},
    {"SOCLE_REALTIME_CHANNELS_MAX", NULL, COUNT, false, AT(realtime_channels_max), 1, 100000, "100", NULL,
     "channels of one WebSocket; beyond it ChannelRateLimitReached"},
    {"SOCLE_REALTIME_JOINS_PER_SECOND", NULL, COUNT, false, AT(realtime_joins), 1, 1000000, "100", NULL,
     "joins of one WebSocket; beyond it ClientJoinRateLimitReached"},
    {"SOCLE_REALTIME_EVENTS_PER_SECOND", NULL, COUNT, false, AT(realtime_events), 1, 1000000, "500", NULL,
     "messages of one WebSocket; beyond it the channel is closed"},
    {"SOCLE_REALTIME_PRESENCE_CALLS", NULL, COUNT, false, AT(realtime_presence_calls), 1, 1000000, "5", NULL,
     "track and untrack on one channel within SOCLE_REALTIME_PRESENCE_WINDOW_MS; beyond it the channel is closed"},
    {"SOCLE_REALTIME_PRESENCE_WINDOW_MS", NULL, COUNT, false, AT(realtime_presence_window_ms), 1, ONE_DAY_MS, "30000", NULL,
     "the window for SOCLE_REALTIME_PRESENCE_CALLS"},
    {"SOCLE_REALTIME_POSTS_PER_SECOND", NULL, COUNT, false, AT(realtime_posts), 1, 1000000, "1000", NULL,
     "broadcasts over HTTP per event loop; beyond it 429"},
    {"SOCLE_REALTIME_PAYLOAD_MAX", NULL, COUNT, false, AT(realtime_payload_max), 1024, MIB(16), "3072000", NULL,
     "bytes of a broadcast's payload"},
    {"SOCLE_REALTIME_QUEUE_MAX", NULL, COUNT, false, AT(realtime_queue_max), 64 * 1024, MIB(1024), "4194304", NULL,
     "bytes that may wait for a client who does not read: then changes wait in the log; for others the WebSocket is closed "
     "with 1013"},
    {"SOCLE_REALTIME_STALL_MS", NULL, COUNT, false, AT(realtime_stall_ms), 1000, ONE_DAY_MS, "10000", NULL,
     "a WebSocket whose client reads nothing for so long while changes wait is closed with 1013"},
    {"SOCLE_REALTIME_SILENCE_MS", NULL, COUNT, false, AT(realtime_silence_ms), 1000, ONE_DAY_MS, "60000", NULL,
     "a WebSocket without a message, such as a heartbeat, is closed"},
    {"SOCLE_REALTIME_PRIVATE_ONLY", NULL, FLAG, false, AT(realtime_private_only), 0, 0, "false", NULL,
     "only private channels may be joined: those that realtime/policies.json guards"},
    {"SOCLE_REALTIME_NODES", NULL, CHOICE, false, AT(realtime_nodes), 0, 0, "auto", "auto|true|false",
     "PostgreSQL: broadcast and presence reach the clients of all servers on the database; auto: where schema socle is "
     "ours"},
    {"SOCLE_REALTIME_NODE_TIMEOUT_MS", NULL, COUNT, false, AT(realtime_node_timeout_ms), 300, ONE_DAY_MS, "6000", NULL,
     "a server that the others do not hear for so long is dead: its presences leave.  The same for all of them"},
    {"SOCLE_REALTIME_REPLAY_SECONDS", NULL, COUNT, false, AT(realtime_replay_s), 0, 31536000, "259200", NULL,
     "broadcasts that private channels keep for replay are kept so long at most; 0: none is kept"},
    {"SOCLE_REALTIME_REPLAY_BYTES", NULL, COUNT, false, AT(realtime_replay_bytes), 1 << 20, MIB(1 << 20), "67108864", NULL,
     "and so many bytes of them; the oldest go first"},
    {"SOCLE_LOG", NULL, CHOICE, false, AT(log_level), 0, 0, "info", "error|warn|info|debug", "what is logged to stderr"},
    {"SOCLE_LOG_FORMAT", NULL, CHOICE, false, AT(log_format), 0, 0, "auto", "auto|text|json",
     "auto: text on a terminal, JSON lines elsewhere"},
};
const size_t so_setting_count = COUNT_OF(so_settings);

enum { ENV_FILE_MAX = 64 * 1024 };

/* ---- .env ---- */

/* NAME=value lines; '#' comments; "..." and '...' around a value are taken off; `export ` in front is fine. */
static int parse_env_line(struct so_map *values, struct so_str line, const char *path, size_t number, struct so_err *err)
{
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    line = so_str_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return SO_OK;
    if (so_str_starts(line, SO_STR("export ")))
        line = so_str_trim(so_str_slice(line, 7, line.n));
    size_t equals = so_str_find_char(line, '=', 0);
    if (equals == SO_STR_NONE || equals == 0)
        return so_fail(err, SO_EINVAL, "%s:%zu: expected NAME=value", path, number);
    struct so_str name = so_str_trim(so_str_slice(line, 0, equals));
    struct so_str value = so_str_trim(so_str_slice(line, equals + 1, line.n));
    if (value.n > 0 && (value.p[0] == '"' || value.p[0] == '\'')) {
        size_t end = so_str_find_char(value, value.p[0], 1);
        if (end == SO_STR_NONE)
            return so_fail(err, SO_EINVAL, "%s:%zu: the quote is never closed", path, number);
        value = so_str_slice(value, 1, end);
    } else {
        size_t comment = so_str_find(value, SO_STR(" #"));
        if (comment != SO_STR_NONE)
            value = so_str_trim(so_str_slice(value, 0, comment));
    }
    value = so_arena_dup(values->arena, value);
    if (value.p == NULL || !so_map_put(values, name, (void *)(uintptr_t)value.p))
        return so_err_oom(err);
    return SO_OK;
}

static int load_env_file(struct so_config *c, struct so_map *values, struct so_err *err)
{
    struct so_str path = so_arena_printf(&c->arena, "%s/.env", c->dir);
    if (path.p == NULL)
        return so_err_oom(err);
    if (!so_fs_exists(path.p))
        return SO_OK;
    struct so_buf text;
    so_buf_init(&text, ENV_FILE_MAX);
    int rc = so_fs_read(path.p, &text, err);
    struct so_str kept = {NULL, 0}, line;
    if (rc == SO_OK) {
        kept = so_arena_dup(&c->arena, so_buf_str(&text));
        rc = kept.p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&text);
    for (size_t number = 1; rc == SO_OK && so_str_split(&kept, '\n', &line); number++)
        rc = parse_env_line(values, line, path.p, number, err);
    return rc;
}

/* ---- finding a value ---- */

const char *so_config_get(const struct so_map *values, const char *name)
{
    const char *value = getenv(name);
    if (value == NULL)
        value = so_map_find(values, so_str_c(name));
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* NAME_FILE: the first line of that file, so that a secret need not stand in the environment. */
static int read_secret_file(struct so_config *c, const struct so_map *values, const char *name, const char **out,
                            struct so_err *err)
{
    char file_name[80];
    snprintf(file_name, sizeof(file_name), "%s_FILE", name);
    const char *path = so_config_get(values, file_name);
    if (path == NULL)
        return SO_OK;
    struct so_buf text;
    so_buf_init(&text, SO_SETTING_MAX);
    int rc = so_fs_read(path, &text, err);
    struct so_str all = so_buf_str(&text), line = {NULL, 0};
    if (rc == SO_OK && so_str_split(&all, '\n', &line)) {
        line = so_arena_dup(&c->arena, so_str_trim(line));
        rc = line.p == NULL ? so_err_oom(err) : SO_OK;
        *out = line.p;
    }
    so_buf_deinit(&text);
    return rc;
}

static const char *find_alias(const struct so_map *values, const char *aliases)
{
    struct so_str rest = aliases == NULL ? so_str(NULL, 0) : so_str_c(aliases), alias;
    char name[80];
    while (so_str_split(&rest, '|', &alias)) {
        snprintf(name, sizeof(name), "%.*s", SO_STR_ARG(alias));
        const char *value = so_config_get(values, name);
        if (value != NULL)
            return value;
    }
    return NULL;
}

int so_config_find(struct so_config *c, const struct so_map *values, const char *name, const char *alias, bool secret,
                   const char **out, struct so_err *err)
{
    *out = so_config_get(values, name);
    if (*out == NULL && secret) {
        int rc = read_secret_file(c, values, name, out, err);
        if (rc != SO_OK)
            return rc;
    }
    if (*out == NULL)
        *out = find_alias(values, alias);
    if (*out != NULL && strlen(*out) > SO_SETTING_MAX)
        return so_fail(err, SO_ELIMIT, "%s is longer than %d bytes", name, SO_SETTING_MAX);
    return SO_OK;
}

/* ---- storing it ---- */

bool so_config_flag(const char *text, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } WORDS[] = {{"true", true}, {"false", false}, {"1", true},  {"0", false},
                 {"yes", true},  {"no", false},    {"on", true}, {"off", false}};
    for (size_t i = 0; i < COUNT_OF(WORDS); i++)
        if (so_str_eq_nocase(so_str_c(text), so_str_c(WORDS[i].word))) {
            *out = WORDS[i].value;
            return true;
        }
    return false;
}

static bool parse_choice(const char *text, const char *choices, int64_t *out)
{
    struct so_str rest = so_str_c(choices), word;
    for (int64_t i = 0; so_str_split(&rest, '|', &word); i++)
        if (so_str_eq_c(word, text)) {
            *out = i;
            return true;
        }
    return false;
}

static int store(struct so_config *c, const struct so_setting *s, const char *text, struct so_err *err)
{
    void *to = (char *)c + s->at;
    const char *shown = s->secret ? "(secret)" : text;
    switch (s->kind) {
    case TEXT: {
        struct so_str copy = text == NULL ? (struct so_str){NULL, 0} : so_arena_dup(&c->arena, so_str_c(text));
        if (text != NULL && copy.p == NULL)
            return so_err_oom(err);
        *(const char **)to = copy.p;
        return SO_OK;
    }
    case COUNT: {
        int64_t value;
        if (!so_str_to_i64(so_str_c(text), &value) || value < s->min || value > s->max)
            return so_fail(err, SO_EINVAL, "%s is \"%s\", but must be a whole number from %lld to %lld", s->name, shown,
                           (long long)s->min, (long long)s->max);
        *(int64_t *)to = value;
        return SO_OK;
    }
    case FLAG:
        if (!so_config_flag(text, to))
            return so_fail(err, SO_EINVAL, "%s is \"%s\", but must be true or false", s->name, shown);
        return SO_OK;
    case CHOICE:
        if (!parse_choice(text, s->choices, to))
            return so_fail(err, SO_EINVAL, "%s is \"%s\", but must be one of %s", s->name, shown, s->choices);
        return SO_OK;
    }
    return SO_OK;
}

/* ---- what follows from other settings ---- */

/* a,b: names without the blanks around them. */
static int split_names(struct so_config *c, const char *text, const struct so_str **out, size_t *out_count,
                       struct so_err *err)
{
    struct so_str rest = so_str_c(text), name;
    size_t max = 1, count = 0;
    for (size_t i = 0; i < rest.n; i++)
        max += rest.p[i] == ',';
    struct so_str *names = so_alloc_array(&c->arena, max, sizeof(*names));
    if (names == NULL)
        return so_err_oom(err);
    while (so_str_split(&rest, ',', &name))
        if (so_str_trim(name).n > 0)
            names[count++] = so_str_trim(name);
    *out = names;
    *out_count = count;
    return SO_OK;
}

/* The signing keys then are in the folder that is served, in data/. */
static int derive_postgres(struct so_config *c, struct so_err *err)
{
    struct so_str keys = so_arena_printf(&c->arena, "%s/data/keys.json", c->dir);
    c->keys_path = keys.p;
    c->database_path = c->database_url;
    int rc = keys.p == NULL ? so_err_oom(err) : split_names(c, c->db_schemas, &c->schemas, &c->schema_count, err);
    if (rc == SO_OK)
        rc = split_names(c, c->db_extra_search_path, &c->search_path, &c->search_path_count, err);
    if (rc == SO_OK && c->schema_count == 0)
        rc = so_fail(err, SO_EINVAL, "SOCLE_DB_SCHEMAS names no schema");
    return rc;
}

static int derive_paths(struct so_config *c, struct so_err *err)
{
    struct so_str url = so_str_c(c->database_url);
    c->is_postgres = so_db_is_postgres_url(url);
    if (c->is_postgres)
        return derive_postgres(c, err);
    if (so_str_starts(url, SO_STR("sqlite:"))) {
        url = so_str_slice(url, 7, url.n);
        if (so_str_starts(url, SO_STR("//")))
            url = so_str_slice(url, 2, url.n);
    }
    if (url.n == 0)
        return so_fail(err, SO_EINVAL, "DATABASE_URL is \"%s\", but must name a file", c->database_url);
    struct so_str path =
        url.p[0] == '/' ? so_arena_dup(&c->arena, url) : so_arena_printf(&c->arena, "%s/%.*s", c->dir, SO_STR_ARG(url));
    if (path.p == NULL)
        return so_err_oom(err);
    c->database_path = path.p;
    const char *slash = strrchr(path.p, '/');
    struct so_str keys = so_arena_printf(&c->arena, "%.*s/keys.json", (int)(slash - path.p), path.p);
    c->keys_path = keys.p;
    return keys.p == NULL ? so_err_oom(err) : SO_OK;
}

static int derive_url(struct so_config *c, struct so_err *err)
{
    struct so_str url;
    if (c->public_url == NULL) {
        bool any = strcmp(c->host, "0.0.0.0") == 0 || strcmp(c->host, "::") == 0;
        url = strchr(c->host, ':') != NULL && !any
                  ? so_arena_printf(&c->arena, "http://[%s]:%d", c->host, (int)c->port)
                  : so_arena_printf(&c->arena, "http://%s:%d", any ? "127.0.0.1" : c->host, (int)c->port);
    } else {
        url = so_str_c(c->public_url);
        if (!so_str_starts(url, SO_STR("http://")) && !so_str_starts(url, SO_STR("https://")))
            return so_fail(err, SO_EINVAL, "SOCLE_PUBLIC_URL is \"%s\", but must begin with http:// or https://",
                           c->public_url);
        while (url.n > 0 && url.p[url.n - 1] == '/')
            url.n--;
        url = so_arena_dup(&c->arena, url);
    }
    c->public_url = url.p;
    return url.p == NULL ? so_err_oom(err) : SO_OK;
}

/* PostgREST's words for any address. */
static void derive_host(struct so_config *c)
{
    static const struct {
        const char *word, *host;
    } WORDS[] = {{"*", "::"}, {"*6", "::"}, {"!6", "::"}, {"*4", "0.0.0.0"}, {"!4", "0.0.0.0"}};
    for (size_t i = 0; i < COUNT_OF(WORDS); i++)
        if (strcmp(c->host, WORDS[i].word) == 0)
            c->host = WORDS[i].host;
}

static int derive_rest_path(struct so_config *c, struct so_err *err)
{
    struct so_str path = so_str_c(c->rest_path);
    if (path.p[0] != '/' || strpbrk(c->rest_path, "?#%") != NULL)
        return so_fail(err, SO_EINVAL, "SOCLE_REST_PATH is \"%s\", but must be a path that begins with /", c->rest_path);
    while (path.n > 0 && path.p[path.n - 1] == '/')
        path.n--;
    path = so_arena_dup(&c->arena, path);
    c->rest_path = path.p;
    return path.p == NULL ? so_err_oom(err) : SO_OK;
}

static int load(struct so_config *c, struct so_err *err)
{
    struct so_map values;
    so_map_init(&values, &c->arena);
    int rc = load_env_file(c, &values, err);
    for (size_t i = 0; rc == SO_OK && i < so_setting_count; i++) {
        const char *text = NULL;
        rc = so_config_find(c, &values, so_settings[i].name, so_settings[i].alias, so_settings[i].secret, &text, err);
        if (rc == SO_OK)
            rc = store(c, &so_settings[i], text == NULL ? so_settings[i].fallback : text, err);
    }
    if (rc == SO_OK)
        rc = so_config_load_providers(c, &values, err);
    if (rc == SO_OK)
        rc = so_config_load_pgrst(c, &values, err);
    if (rc == SO_OK)
        rc = derive_paths(c, err);
    if (rc == SO_OK)
        rc = derive_rest_path(c, err);
    if (rc != SO_OK)
        return rc;
    derive_host(c);
    return derive_url(c, err);
}

int so_config_load(const char *dir, struct so_config *out, struct so_err *err)
{
    struct so_config c = {.dir = dir == NULL ? "." : dir};
    so_arena_init(&c.arena, MIB(4));
    struct so_str kept = so_arena_dup(&c.arena, so_str_c(c.dir));
    c.dir = kept.p;
    int rc = kept.p == NULL ? so_err_oom(err) : load(&c, err);
    if (rc == SO_OK)
        *out = c;
    else
        so_arena_deinit(&c.arena);
    return rc;
}

void so_config_deinit(struct so_config *c) { so_arena_deinit(&c->arena); }

/* ---- production ---- */

enum { KEY_MIN = 20, JWT_SECRET_MIN = 32 };

/* Words that stand in examples all over the web; a secret that holds one is nobody's secret. */
static bool is_placeholder(const char *secret)
{
    static const char *const WORDS[] = {"changeme", "change-me",   "change_me", "your-super-secret",
                                        "your_",    "placeholder", "example"};
    char lowered[SO_SETTING_MAX + 1];
    size_t n = so_min_size(strlen(secret), SO_SETTING_MAX);
    for (size_t i = 0; i < n; i++)
        lowered[i] = secret[i] >= 'A' && secret[i] <= 'Z' ? (char)(secret[i] + 32) : secret[i];
    for (size_t i = 0; i < COUNT_OF(WORDS); i++)
        if (so_str_find((struct so_str){lowered, n}, so_str_c(WORDS[i])) != SO_STR_NONE)
            return true;
    return false;
}

int so_config_check_production(const struct so_config *c, struct so_err *err)
{
    if (c->anon_key == NULL && !c->is_postgres)
        return so_fail(
            err, SO_EINVAL,
            "SOCLE_ANON_KEY is not set, so no client could call: `socle init` makes one, or set it in the environment");
    const struct {
        const char *name, *value;
        size_t min;
    } secrets[] = {{"SOCLE_ANON_KEY", c->anon_key, KEY_MIN},
                   {"SOCLE_SERVICE_KEY", c->service_key, KEY_MIN},
                   {"SOCLE_JWT_SECRET", c->jwt_secret, JWT_SECRET_MIN},
                   {"SOCLE_MASTER_KEY", c->master_key, JWT_SECRET_MIN}};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        if (secrets[i].value == NULL)
            continue;
        if (strlen(secrets[i].value) < secrets[i].min)
            return so_fail(err, SO_EINVAL,
                           "%s is too short: use at least %zu random characters (`openssl rand -hex 32` makes some)",
                           secrets[i].name, secrets[i].min);
        if (is_placeholder(secrets[i].value))
            return so_fail(err, SO_EINVAL,
                           "%s looks like a placeholder out of an example: make a random one (`openssl rand -hex 32`)",
                           secrets[i].name);
    }
    if (c->service_key != NULL && c->anon_key != NULL && strcmp(c->service_key, c->anon_key) == 0)
        return so_fail(err, SO_EINVAL,
                       "SOCLE_SERVICE_KEY and SOCLE_ANON_KEY are the same, so every visitor would be above every policy");
    return SO_OK;
}
