/* cmd_policy.c: socle policy list|explain: who may do what, and why. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "app/tables.h"
#include "cli/cli.h"
#include "cli/policy_list.h"
#include "model/policy.h"
#include "rest/why.h"

static const char HELP[] =
    "socle policy list [--json] [DIR]\n"
    "socle policy explain --as WHO [--claims JSON] [--body JSON] [--prefer TEXT] [--json] REQUEST [DIR]\n\n"
    "list      the policies of every table: what no policy names is closed to all but the service key.\n"
    "          On PostgreSQL those that the database has, whoever made them.\n"
    "explain   for each row that REQUEST names, which policy lets WHO have it or not, and the values that decided.\n"
    "          REQUEST is as behind /rest/v1/: \"GET books?pages=gt.100\", \"PATCH books?isbn=eq.1\" with --body.\n"
    "          WHO is anon, service, a user's id or address; \"role\" of --claims names another role of PostgreSQL's.\n"
    "          Nothing is changed (PostgreSQL undoes the write that it tries); a server may be running.\n";

enum { MEMORY_MAX = 256 << 20, OUT_MAX = 64 << 20 };

/* ---- the app's database, only read ---- */

struct opened {
    struct so_config config;
    struct so_db *db;
    struct so_conn *conn;
    struct so_snapshot *snapshot;
};

static int open_snapshot(struct opened *o, struct so_err *err)
{
    struct so_model *model = NULL;
    struct so_catalog *catalog = NULL;
    int rc = so_model_load(o->config.dir, &model, err);
    if (rc == SO_OK && !o->config.is_postgres) /* which proves them when they are made */
        rc = so_model_check(model, o->conn, err);
    if (rc == SO_OK)
        rc = so_app_read_tables(&o->config, o->conn, &catalog, err);
    if (rc == SO_OK)
        return so_snapshot_new(catalog, model, &o->snapshot, err);
    so_model_unref(model);
    return rc;
}

static int open_database(struct opened *o, struct so_err *err)
{
    const struct so_db_options options = {.read_only = true, .unprepared = !o->config.db_prepared};
    int rc = so_db_open(o->config.database_path, &options, &o->db, err);
    return rc == SO_OK ? so_db_reader_take(o->db, &o->conn, err) : rc;
}

static int open_app(const char *dir, struct opened *o, struct so_err *err)
{
    int rc = so_config_load(dir, &o->config, err);
    if (rc == SO_OK)
        rc = open_database(o, err);
    return rc == SO_OK ? open_snapshot(o, err) : rc;
}

static void close_app(struct opened *o)
{
    so_snapshot_unref(o->snapshot);
    if (o->conn != NULL)
        so_db_reader_give(o->db, o->conn);
    so_db_close(o->db);
    so_config_deinit(&o->config);
}

/* ---- who ---- */

static int fail_no_user(struct so_str who, struct so_err *err)
{
    *err = SO_ERR_INIT;
    return so_fail(err, SO_ENOTFOUND, "there is no user \"%.*s\": --as takes anon, service, or a user's id or address",
                   SO_STR_ARG(who));
}

/* SO_ENOTFOUND when there is no such table or no such row; nobody may ever have been served. */
static int find_in(struct so_conn *conn, struct so_str sql, struct so_str who, struct so_arena *arena, struct so_str *out,
                   struct so_err *err)
{
    struct so_stmt *st;
    bool row = false;
    int rc = so_conn_prepare(conn, sql, &st, err);
    if (rc == SO_OK) {
        so_stmt_bind_text(st, 1, who);
        rc = so_stmt_step(st, &row, err);
        if (rc == SO_OK && row)
            *out = so_arena_dup(arena, so_stmt_text(st, 0));
        so_stmt_done(st);
    }
    if ((rc == SO_OK && !row) || (rc != SO_OK && strcmp(err->id, "42P01") == 0))
        return fail_no_user(who, err);
    return rc == SO_OK && out->p == NULL ? so_err_oom(err) : rc;
}

static bool is_uuid(struct so_str s)
{
    bool is = s.n == 36;
    for (size_t i = 0; is && i < s.n; i++)
        is = i == 8 || i == 13 || i == 18 || i == 23 ? s.p[i] == '-' : isxdigit((unsigned char)s.p[i]) != 0;
    return is;
}

/* On PostgreSQL the accounts may be another service's, in tables of its own or elsewhere: an id is then taken as it is. */
static int find_user(const struct opened *o, struct so_str who, struct so_arena *arena, struct so_str *out,
                     struct so_err *err)
{
    int rc = find_in(o->conn, SO_STR("SELECT id FROM auth_users WHERE lower(email) = lower(?1) OR CAST(id AS text) = ?1"),
                     who, arena, out, err);
    if (rc == SO_ENOTFOUND && o->config.is_postgres && is_uuid(who)) {
        *err = SO_ERR_INIT;
        *out = who;
        return SO_OK;
    }
    if (rc != SO_ENOTFOUND || !o->config.is_postgres)
        return rc;
    *err = SO_ERR_INIT;
    return find_in(o->conn, SO_STR("SELECT id FROM auth.users WHERE lower(email) = lower(?1)"), who, arena, out, err);
}

static int identify(const struct opened *o, const char *who, const char *claims, struct so_arena *arena,
                    struct so_identity *out, struct so_err *err)
{
    *out = (struct so_identity){
        .role = SO_ROLE_ANON, .uid = {NULL, 0}, .claims = {NULL, 0}, .session_id = {NULL, 0}, .role_name = {NULL, 0}};
    if (strcmp(who, "service") == 0 || strcmp(who, "service_role") == 0) {
        out->role = SO_ROLE_SERVICE;
    } else if (strcmp(who, "anon") != 0) {
        out->role = SO_ROLE_AUTHENTICATED;
        int rc = find_user(o, so_str_c(who), arena, &out->uid, err);
        if (rc != SO_OK)
            return rc;
        out->claims = so_arena_printf(arena, "{\"sub\":\"%.*s\",\"role\":\"authenticated\"}", SO_STR_ARG(out->uid));
        if (out->claims.p == NULL)
            return so_err_oom(err);
    }
    struct so_json parsed;
    if (claims == NULL)
        return SO_OK;
    out->claims = so_str_c(claims);
    int rc = so_json_parse(arena, out->claims, NULL, &parsed, err);
    if (rc == SO_OK && parsed.type != SO_JSON_OBJECT)
        return so_fail(err, SO_EINVAL, "--claims should be a JSON object");
    const struct so_json *role = rc == SO_OK ? so_json_get(&parsed, SO_STR("role")) : NULL;
    if (role != NULL && role->type == SO_JSON_STRING)
        out->role_name = so_json_str(role);
    return rc;
}

/* ---- explain ---- */

static const char *verdict(const struct so_why_rule *r)
{
    return r->allows ? "allowed" : r->is_overruled ? "not" : "DENIED";
}

/* by update (new row)   by socle_update (update, new row) */
static void put_name(const struct so_why_rule *r, struct so_buf *out)
{
    so_buf_printf(out, "by %.*s", SO_STR_ARG(r->policy));
    if (r->command.n > 0)
        so_buf_printf(out, " (%.*s%s)", SO_STR_ARG(r->command), r->of_new_row ? ", new row" : "");
    else if (r->of_new_row)
        so_buf_lit(out, " (new row)");
}

static void put_rule(const struct so_why_rule *r, struct so_buf *out)
{
    so_buf_printf(out, "  %-7s ", verdict(r));
    put_name(r, out);
    so_buf_printf(out, ": %.*s", SO_STR_ARG(r->source.n == 0 ? SO_STR("no such policy") : r->source));
    if (r->values.n > 2)
        so_buf_printf(out, "   where %.*s", SO_STR_ARG(r->values));
    so_buf_putc(out, '\n');
}

static void explain_text(const struct so_why *why, const struct so_identity *who, struct so_buf *out)
{
    so_buf_printf(out, "as %s%s%.*s\n", so_role_name(who->role), who->uid.n > 0 ? " auth.uid() = " : "",
                  SO_STR_ARG(who->uid));
    if (why->is_function) {
        so_buf_printf(out, "%.*s: %s\n", SO_STR_ARG(why->resource),
                      why->may_call ? "may be called" : "DENIED: only its \"roles\" may call it");
        return;
    }
    for (const struct so_why_row *row = why->rows; row != NULL; row = row->next) {
        so_buf_printf(out, "%.*s %.*s: %s\n", SO_STR_ARG(why->resource), SO_STR_ARG(row->key), row->allowed ? "yes" : "no");
        for (size_t i = 0; i < row->rule_count; i++)
            put_rule(&row->rules[i], out);
    }
    so_buf_printf(out, "%zu of %zu row%s%s\n", why->allowed_count, why->row_count, why->row_count == 1 ? "" : "s",
                  why->is_cut ? " (the first ones: the request names more)" : "");
}

static void explain_json(const struct so_why *why, struct so_buf *out)
{
    struct so_jw w;
    so_jw_init(&w, out);
    so_jw_object(&w);
    so_jw_member_str(&w, why->is_function ? "function" : "table", why->resource);
    if (why->is_function)
        so_jw_member_bool(&w, "allowed", why->may_call);
    so_jw_key(&w, SO_STR("rows"));
    so_jw_array(&w);
    for (const struct so_why_row *row = why->rows; row != NULL; row = row->next) {
        so_jw_object(&w);
        so_jw_key(&w, SO_STR("key"));
        so_jw_raw(&w, row->key);
        so_jw_member_bool(&w, "allowed", row->allowed);
        so_jw_key(&w, SO_STR("policies"));
        so_jw_array(&w);
        for (size_t i = 0; i < row->rule_count; i++) {
            const struct so_why_rule *r = &row->rules[i];
            so_jw_object(&w);
            so_jw_member_str(&w, "policy", r->policy);
            if (r->command.n > 0)
                so_jw_member_str(&w, "command", r->command);
            cli_put_policy(&w, "source", r->source);
            so_jw_member_cstr(&w, "row", r->of_new_row ? "new" : "old");
            so_jw_member_bool(&w, "allows", r->allows);
            so_jw_key(&w, SO_STR("values"));
            so_jw_raw(&w, r->values);
            so_jw_end_object(&w);
        }
        so_jw_end_array(&w);
        so_jw_end_object(&w);
    }
    so_jw_end_array(&w);
    so_jw_end_object(&w);
    so_buf_putc(out, '\n');
}

struct question {
    const char *who, *claims, *body, *prefer, *request;
    bool as_json;
};

/* "GET books?isbn=eq.1", with or without the path of the data API. */
static int parse_request(const struct question *q, const struct so_config *config, struct so_rest_in *in, struct so_err *err)
{
    struct so_str rest = so_str_c(q->request), prefix = so_str_c(config->rest_path);
    if (!so_str_split(&rest, ' ', &in->method) || rest.p == NULL)
        return so_fail(err, SO_EINVAL, "the request is \"%s\", but should be as \"GET books?isbn=eq.1\"", q->request);
    struct so_str query = so_str_trim(rest);
    if (prefix.n > 0 && so_str_starts(query, prefix))
        query = so_str_slice(query, prefix.n, query.n);
    if (query.n > 0 && query.p[0] == '/')
        query = so_str_slice(query, 1, query.n);
    so_str_split(&query, '?', &in->path);
    in->query = query;
    in->body = q->body == NULL ? so_str(NULL, 0) : so_str_c(q->body);
    return SO_OK;
}

/* PostgreSQL makes the write that is asked about, and undoes it. */
static int ask(const struct opened *o, const struct so_rest_in *in, struct so_arena *arena, struct so_why *why,
               struct so_err *err)
{
    const struct so_rest_settings settings = so_app_rest_settings(&o->config);
    int rc = o->config.is_postgres ? so_conn_exec(o->conn, "BEGIN READ WRITE", err) : SO_OK;
    if (rc != SO_OK)
        return rc;
    rc = so_rest_why(in, o->snapshot, &settings, o->conn, arena, why, err);
    if (o->config.is_postgres)
        (void)!so_conn_exec(o->conn, "ROLLBACK", NULL);
    return rc;
}

static int explain(const struct question *q, const char *dir, struct so_buf *out, struct so_err *err)
{
    struct opened o = {.db = NULL};
    struct so_arena arena;
    struct so_identity who;
    struct so_why why;
    const struct so_rest_header prefer = {SO_STR("Prefer"), so_str_c(q->prefer == NULL ? "" : q->prefer)};
    struct so_rest_in in = {.headers = &prefer, .header_count = q->prefer != NULL, .who = &who};
    so_arena_init(&arena, MEMORY_MAX);
    int rc = open_app(dir, &o, err);
    if (rc == SO_OK)
        rc = identify(&o, q->who, q->claims, &arena, &who, err);
    if (rc == SO_OK)
        rc = parse_request(q, &o.config, &in, err);
    if (rc == SO_OK)
        rc = ask(&o, &in, &arena, &why, err);
    if (rc == SO_OK && q->as_json)
        explain_json(&why, out);
    else if (rc == SO_OK)
        explain_text(&why, &who, out);
    so_arena_deinit(&arena);
    close_app(&o);
    return rc;
}

static int list(const char *dir, bool as_json, struct so_buf *out, struct so_err *err)
{
    struct opened o = {.db = NULL};
    struct so_model *model = NULL;
    int rc = so_config_load(dir, &o.config, err);
    if (rc == SO_OK && o.config.is_postgres) {
        rc = open_database(&o, err);
        if (rc == SO_OK)
            rc = cli_list_database(o.conn, &o.config, as_json, out, err);
        close_app(&o);
        return rc;
    }
    if (rc == SO_OK)
        rc = so_model_load(dir, &model, err);
    if (rc == SO_OK)
        cli_list_files(model, as_json, out);
    so_model_unref(model);
    so_config_deinit(&o.config);
    return rc;
}

int cmd_policy(int argc, char **argv)
{
    struct question q = {.who = NULL};
    bool help;
    const struct cli_option options[] = {{"--as", &q.who, NULL},
                                         {"--claims", &q.claims, NULL},
                                         {"--body", &q.body, NULL},
                                         {"--prefer", &q.prefer, NULL},
                                         {"--json", NULL, &q.as_json}};
    int plain = cli_parse(argc, argv, options, COUNT_OF(options), HELP, &help);
    if (help)
        return CLI_OK;
    if (plain < 0)
        return CLI_USAGE;
    bool lists = plain >= 1 && strcmp(argv[1], "list") == 0, explains = plain >= 2 && strcmp(argv[1], "explain") == 0;
    if ((!lists && !explains) || plain > (lists ? 2 : 3) || (explains && q.who == NULL))
        return cli_usage("policy takes list, or explain --as WHO and a request (see socle policy --help)");
    q.request = argv[2];
    struct so_err err = SO_ERR_INIT;
    struct so_buf out;
    so_buf_init(&out, OUT_MAX);
    int rc = lists ? list(plain == 2 ? argv[2] : ".", q.as_json, &out, &err)
                   : explain(&q, plain == 3 ? argv[3] : ".", &out, &err);
    if (rc == SO_OK)
        rc = so_buf_check(&out, "the answer", &err);
    if (rc == SO_OK)
        fwrite(out.p, 1, out.len, stdout);
    so_buf_deinit(&out);
    return rc == SO_OK ? CLI_OK : cli_fail(&err);
}
