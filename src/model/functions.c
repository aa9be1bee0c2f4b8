/* functions.c: functions/NAME.sql as the model's functions (DESIGN.md section 3).
 *
 *   first comment (JSON) -> params, returns, security, volatility, roles
 *   the rest             -> comments off -> one statement -> SQLite's words (sql_words.c), its parameters marked
 *
 * Strict like the schema files: what is not understood stops the start.  Nobody but the service role may call a function
 * without "roles". */
#include <stdio.h>

#include "core/fs.h"
#include "db/identity.h"
#include "model/fields.h"
#include "model/load.h"
#include "model/policy.h"
#include "model/sql_text.h"

enum { FUNCTIONS_MAX = 1000, NAME_MAX_BYTES = 63 };

struct reader {
    struct so_model *model;
    struct so_arena *arena;
    struct so_function **functions;
    size_t count;
    struct so_err *err;
};

#define FAIL(r, f, ...) fail_in((r)->err, (f), so_arena_printf((r)->arena, __VA_ARGS__))

static int fail_in(struct so_err *err, const struct so_function *f, struct so_str reason)
{
    if (reason.p == NULL)
        return so_err_oom(err);
    return so_fail(err, SO_EINVAL, "%.*s: %.*s", SO_STR_ARG(f->file), SO_STR_ARG(reason));
}

static int fail_with(struct reader *r, const struct so_function *f, const struct so_err *cause)
{
    return cause->code == SO_ENOMEM ? so_err_oom(r->err) : FAIL(r, f, "%s", cause->message);
}

/* ---- the first comment ---- */

static int read_columns(struct reader *r, const struct so_json *root, const struct so_json *schema,
                        const struct so_function_column **out, size_t *out_count)
{
    const struct so_json *properties = so_json_get(schema, SO_STR("properties"));
    uint32_t count = properties != NULL && properties->type == SO_JSON_OBJECT ? properties->len : 0;
    struct so_function_column *columns = so_alloc_array(r->arena, so_max_size(count, 1), sizeof(*columns));
    if (columns == NULL)
        return so_err_oom(r->err);
    for (uint32_t i = 0; i < count; i++) {
        const struct so_json_member *m = &properties->u.members[i];
        bool nullable;
        columns[i] = (struct so_function_column){.name = so_json_key(m), .schema = &m->value};
        so_type_infer(root, &m->value, &columns[i].type, &nullable);
    }
    *out = columns;
    *out_count = count;
    return SO_OK;
}

static void free_schema(void *schema) { so_schema_free(schema); }

static int read_params(struct reader *r, struct so_function *f, const struct so_json *params)
{
    const struct so_schema_options options = {.assert_format = true};
    struct so_err cause = SO_ERR_INIT;
    struct so_schema *schema = NULL;
    if (params->type != SO_JSON_OBJECT)
        return FAIL(r, f, "\"params\" should be a JSON Schema with \"properties\"");
    int rc = read_columns(r, params, params, &f->args, &f->arg_count);
    if (rc == SO_OK && f->arg_count > SO_SQL_PARAMETERS_MAX)
        return FAIL(r, f, "more than %d params", SO_SQL_PARAMETERS_MAX);
    if (rc == SO_OK && so_schema_compile(params, &options, &schema, &cause) != SO_OK)
        return fail_with(r, f, &cause);
    if (rc == SO_OK && !so_defer(r->arena, free_schema, schema))
        return so_err_oom(r->err);
    f->params = schema;
    f->params_source = params;
    return rc;
}

/* A single column without a name of its own. */
static int return_value(struct reader *r, struct so_function *f, const struct so_json *root, const struct so_json *schema)
{
    struct so_function_column *column = so_alloc_zero(r->arena, sizeof(*column));
    bool nullable;
    if (column == NULL)
        return so_err_oom(r->err);
    *column = (struct so_function_column){.name = f->name, .schema = schema};
    so_type_infer(root, schema, &column->type, &nullable);
    f->columns = column;
    f->column_count = 1;
    return SO_OK;
}

/* "type/subtype" of RFC 6838's characters, without parameters. */
static bool is_media_type(struct so_str text)
{
    size_t slashes = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(".+-_", c) != NULL);
        slashes += c == '/' && i > 0 && i + 1 < text.n;
        if (!letter && c != '/')
            return false;
    }
    return slashes == 1;
}

static int read_returns_schema(struct reader *r, struct so_function *f, const struct so_json *schema)
{
    struct so_str type = so_json_get_str(schema, SO_STR("type"));
    const struct so_json *items = so_json_get(schema, SO_STR("items"));
    bool is_array = so_str_eq(type, SO_STR("array"));
    const struct so_json *one = is_array && items != NULL ? items : schema;
    if (so_str_eq(type, SO_STR("null")))
        return SO_OK;
    if (so_json_get(one, SO_STR("properties")) != NULL) {
        f->returns = is_array ? SO_RETURNS_ROWS : SO_RETURNS_ROW;
        return read_columns(r, schema, one, &f->columns, &f->column_count);
    }
    f->returns = is_array && items != NULL ? SO_RETURNS_VALUES : SO_RETURNS_VALUE;
    if (f->returns == SO_RETURNS_VALUE)
        f->media_type = so_json_get_str(schema, SO_STR("contentMediaType"));
    if (f->media_type.p != NULL && !is_media_type(f->media_type))
        return FAIL(r, f, "\"contentMediaType\" should be a media type as image/png");
    return return_value(r, f, schema, one);
}

static int read_returns(struct reader *r, struct so_function *f, const struct so_json *value)
{
    struct so_str text = value->type == SO_JSON_STRING ? so_json_str(value) : (struct so_str){NULL, 0};
    if (value->type == SO_JSON_OBJECT)
        return read_returns_schema(r, f, value);
    if (value->type == SO_JSON_NULL || so_str_eq(text, SO_STR("void")))
        return SO_OK;
    if (text.p == NULL || text.n < 3 || !so_str_ends(text, SO_STR("[]")))
        return FAIL(r, f, "\"returns\" should be \"TABLE[]\", \"void\" or a JSON Schema");
    f->returns = SO_RETURNS_ROWS;
    f->table = so_str_slice(text, 0, text.n - 2);
    return SO_OK;
}

/* One of two words; *out: it is the second. */
static int read_choice(struct reader *r, struct so_function *f, const char *key, const struct so_json *value,
                       const char *const words[2], bool *out)
{
    struct so_str text = value->type == SO_JSON_STRING ? so_json_str(value) : SO_STR("");
    *out = so_str_eq_c(text, words[1]);
    return *out || so_str_eq_c(text, words[0]) ? SO_OK
                                               : FAIL(r, f, "\"%s\" should be \"%s\" or \"%s\"", key, words[0], words[1]);
}

static int read_security(struct reader *r, struct so_function *f, const struct so_json *value)
{
    return read_choice(r, f, "security", value, (const char *const[]){"invoker", "definer"}, &f->definer);
}

static int read_volatility(struct reader *r, struct so_function *f, const struct so_json *value)
{
    return read_choice(r, f, "volatility", value, (const char *const[]){"read", "write"}, &f->is_write);
}

static int read_roles(struct reader *r, struct so_function *f, const struct so_json *value)
{
    for (uint32_t i = 0; value->type == SO_JSON_ARRAY && i < value->len; i++) {
        const struct so_json *item = &value->u.items[i];
        struct so_str name = item->type == SO_JSON_STRING ? so_json_str(item) : SO_STR("");
        unsigned role = SO_ROLE_ANON;
        while (role <= SO_ROLE_SERVICE && !so_str_eq_c(name, so_role_name((enum so_role)role)))
            role++;
        if (role > SO_ROLE_SERVICE)
            return FAIL(r, f, "there is no role \"%.*s\": there are anon, authenticated and service_role", SO_STR_ARG(name));
        f->roles |= 1u << role;
    }
    return value->type == SO_JSON_ARRAY ? SO_OK : FAIL(r, f, "\"roles\" should be a list such as [\"authenticated\"]");
}

static int read_description(struct reader *r, struct so_function *f, const struct so_json *value)
{
    f->description = value->type == SO_JSON_STRING ? so_json_str(value) : SO_STR("");
    return value->type == SO_JSON_STRING ? SO_OK : FAIL(r, f, "\"description\" should be a text");
}

static const struct {
    const char *key;
    int (*read)(struct reader *r, struct so_function *f, const struct so_json *value);
} MEMBERS[] = {
    {"params", read_params},         {"returns", read_returns}, {"security", read_security},
    {"volatility", read_volatility}, {"roles", read_roles},     {"description", read_description},
};

static int read_member(struct reader *r, struct so_function *f, const struct so_json_member *member)
{
    for (size_t i = 0; i < COUNT_OF(MEMBERS); i++)
        if (so_str_eq_c(so_json_key(member), MEMBERS[i].key))
            return MEMBERS[i].read(r, f, &member->value);
    return FAIL(r, f, "\"%.*s\" is not known: there are params, returns, security, volatility, roles and description",
                SO_STR_ARG(so_json_key(member)));
}

/* Takes the comment off the front of *text. */
static int read_head(struct reader *r, struct so_function *f, struct so_str *text)
{
    size_t from = so_str_find(*text, SO_STR("/*")), to = so_str_find(*text, SO_STR("*/"));
    struct so_json *head = so_alloc_zero(r->arena, sizeof(*head));
    struct so_err cause = SO_ERR_INIT;
    if (head == NULL)
        return so_err_oom(r->err);
    for (size_t i = 0; i < so_min_size(from, text->n); i++)
        if (strchr(" \t\r\n", text->p[i]) == NULL)
            from = SO_STR_NONE;
    if (from == SO_STR_NONE || to == SO_STR_NONE || to < from + 2)
        return FAIL(r, f, "should begin with a comment of JSON: /* {\"returns\": ..., \"roles\": [...]} */");
    struct so_str json = so_str_slice(*text, from + 2, to);
    int rc = so_json_parse(r->arena, json, &(struct so_json_options){.reject_duplicates = true}, head, &cause);
    if (rc != SO_OK)
        return fail_with(r, f, &cause);
    if (head->type != SO_JSON_OBJECT)
        return FAIL(r, f, "the first comment should be a JSON object");
    for (uint32_t i = 0; rc == SO_OK && i < head->len; i++)
        rc = read_member(r, f, &head->u.members[i]);
    *text = so_str_slice(*text, to + 2, text->n);
    return rc;
}

/* ---- the statement ---- */

/* Comments as blanks, and no ';' at the end.  p is NULL when memory ran out. */
static struct so_str without_comments(struct so_arena *arena, struct so_str text)
{
    char *out = so_alloc_text(arena, text.n + 1), quote = '\0';
    for (size_t i = 0; out != NULL && i < text.n; i++) {
        char c = text.p[i];
        out[i] = c;
        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
            continue;
        }
        struct so_str rest = so_str_slice(text, i, text.n);
        bool line = so_str_starts(rest, SO_STR("--")), block = so_str_starts(rest, SO_STR("/*"));
        if (c == '\'' || c == '"')
            quote = c;
        if (!line && !block)
            continue;
        size_t end = so_str_find(rest, line ? SO_STR("\n") : SO_STR("*/"));
        size_t n = end == SO_STR_NONE ? rest.n : end + (line ? 0 : 2);
        memset(out + i, ' ', n);
        i += n - 1;
    }
    size_t n = text.n;
    while (out != NULL && n > 0 && strchr(" \t\r\n;", out[n - 1]) != NULL && out[n - 1] != '\0')
        n--;
    return (struct so_str){out, n};
}

static struct so_str unquoted(const struct so_sql_token *t)
{
    bool quoted = t->kind == SO_SQL_NAME || t->kind == SO_SQL_TEXT;
    return quoted ? so_str_slice(t->text, 1, t->text.n - 1) : t->text;
}

static bool is_name(const struct so_sql_token *t)
{
    return t->kind == SO_SQL_WORD || t->kind == SO_SQL_NAME || t->kind == SO_SQL_TEXT; /* SQLite takes FROM 'books', too */
}

/* What the guard of an invoker's function (rest/snapshot.h) could not cover. */
static int check_name(struct reader *r, const struct so_function *f, const struct so_sql_token *t)
{
    static const char *const HIDDEN[] = {"sqlite_", "_socle_", "pragma_", "auth_", "dbstat"};
    static const char *const SCHEMAS[] = {"main", "temp"};
    struct so_str name = unquoted(t);
    for (size_t i = 0; i < COUNT_OF(SCHEMAS); i++)
        if (so_str_eq_nocase(name, so_str_c(SCHEMAS[i])) && so_sql_is(t + 1, "."))
            return FAIL(r, f, "%.*s.: names stand without the database's", SO_STR_ARG(name));
    for (size_t i = 0; i < COUNT_OF(HIDDEN); i++) {
        struct so_str head = so_str_c(HIDDEN[i]);
        bool refused = i < 3 || !f->definer;
        if (refused && so_str_eq_nocase(so_str_slice(name, 0, head.n), head))
            return FAIL(r, f, "\"%.*s\" is not available%s", SO_STR_ARG(name),
                        i < 3 ? "" : " to an invoker's function: it needs \"security\": \"definer\"");
    }
    return SO_OK;
}

static int collect_names(struct reader *r, struct so_function *f, const struct so_sql_token *words)
{
    size_t count = 0;
    for (const struct so_sql_token *t = words; t->kind != SO_SQL_END; t++)
        count += is_name(t);
    struct so_str *names = so_alloc_array(r->arena, so_max_size(count, 1), sizeof(*names));
    if (names == NULL)
        return so_err_oom(r->err);
    f->names = names;
    for (const struct so_sql_token *t = words; t->kind != SO_SQL_END; t++) {
        int rc = is_name(t) ? check_name(r, f, t) : SO_OK;
        if (rc != SO_OK)
            return rc;
        if (is_name(t))
            names[f->name_count++] = unquoted(t);
    }
    return SO_OK;
}

/* INSERT, UPDATE or DELETE outside of every parenthesis. */
static bool is_change(const struct so_sql_token *words)
{
    int depth = 0;
    bool found = so_sql_is(words, "replace");
    for (; words->kind != SO_SQL_END; words++) {
        depth += (words->kind == SO_SQL_OPEN) - (words->kind == SO_SQL_CLOSE);
        found |= depth == 0 && (so_sql_is(words, "insert") || so_sql_is(words, "update") || so_sql_is(words, "delete"));
    }
    return found;
}

static int check_kind(struct reader *r, struct so_function *f, const struct so_sql_token *words)
{
    f->changes = is_change(words);
    bool reads = so_sql_is(words, "select") || so_sql_is(words, "values") || so_sql_is(words, "with");
    if (!reads && !f->changes)
        return FAIL(r, f, "should be one SELECT, VALUES, WITH, INSERT, UPDATE or DELETE");
    if (f->changes && !f->definer) {
        int rc = FAIL(r, f, "a function that writes needs \"security\": \"definer\"");
        so_err_hint(r->err, "on this database its writes could not be held against the caller's policies: let its own "
                            "conditions ask auth.uid() and auth.role()");
        return rc;
    }
    return SO_OK;
}

/* Guards are common table expressions, and those of the function follow them: its own WITH goes. */
static void take_with(struct so_function *f, const struct so_sql_token *words)
{
    f->begins_with = so_sql_is(words, "with");
    f->is_recursive = f->begins_with && so_sql_is(words + 1, "recursive");
    const char *last = f->is_recursive ? "recursive" : "with";
    for (size_t i = 0; f->begins_with && i + strlen(last) <= f->sql.n; i++)
        if (so_str_eq_nocase(so_str_slice(f->sql, i, i + strlen(last)), so_str_c(last))) {
            f->sql = so_str_slice(f->sql, i + strlen(last), f->sql.n);
            break;
        }
}

static int read_statement(struct reader *r, struct so_function *f, struct so_str text)
{
    struct so_str names[SO_SQL_PARAMETERS_MAX];
    struct so_err cause = SO_ERR_INIT;
    struct so_str source = without_comments(r->arena, text);
    if (source.p == NULL)
        return so_err_oom(r->err);
    for (size_t i = 0; i < f->arg_count; i++)
        names[i] = f->args[i].name;
    struct so_sql_statement statement = {.writes = f->is_write, .parameters = names, .parameter_count = f->arg_count};
    if (so_sql_translate_statement(source, r->arena, &statement, &cause) != SO_OK)
        return fail_with(r, f, &cause);
    f->sql = statement.sql;
    f->source = source;
    int rc = check_kind(r, f, statement.words);
    if (rc == SO_OK)
        rc = collect_names(r, f, statement.words);
    take_with(f, statement.words);
    return rc;
}

/* ---- files ---- */

static int check_function_name(struct reader *r, const struct so_function *f)
{
    bool good = f->name.n > 0 && f->name.n <= NAME_MAX_BYTES && !(f->name.p[0] >= '0' && f->name.p[0] <= '9');
    for (size_t i = 0; i < f->name.n; i++) {
        char c = f->name.p[i];
        good &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
    }
    return good ? SO_OK : FAIL(r, f, "a function's name has 1 to %d letters, digits and '_'", NAME_MAX_BYTES);
}

static int load_file(void *arg, const char *path, struct so_str file_name)
{
    struct reader *r = arg;
    struct so_function *f = so_alloc_zero(r->arena, sizeof(*f));
    struct so_str text;
    if (r->count == FUNCTIONS_MAX)
        return so_fail(r->err, SO_ELIMIT, "functions: more than %d files", FUNCTIONS_MAX);
    if (f == NULL)
        return so_err_oom(r->err);
    *f = (struct so_function){.description = SO_STR(""), .table = SO_STR("")};
    f->file = so_arena_printf(r->arena, "functions/%.*s", SO_STR_ARG(file_name));
    if (f->file.p == NULL)
        return so_err_oom(r->err);
    f->name = so_str_slice(f->file, strlen("functions/"), f->file.n - strlen(".sql"));
    int rc = check_function_name(r, f);
    if (rc == SO_OK)
        rc = so_model_read_text(r->arena, path, &text, r->err);
    if (rc == SO_OK)
        rc = read_head(r, f, &text);
    if (rc == SO_OK)
        rc = read_statement(r, f, text);
    r->functions[r->count++] = f;
    return rc;
}

int so_functions_load(const char *dir, struct so_model *model, struct so_err *err)
{
    struct reader r = {.model = model, .arena = &model->arena, .err = err};
    struct so_str path = so_arena_printf(r.arena, "%s/functions", dir);
    if (path.p == NULL)
        return so_err_oom(err);
    if (!so_fs_is_directory(path.p))
        return SO_OK;
    r.functions = so_alloc_array(r.arena, FUNCTIONS_MAX, sizeof(struct so_function *));
    if (r.functions == NULL)
        return so_err_oom(err);
    int rc = so_fs_each(path.p, ".sql", load_file, &r, err);
    model->functions = (const struct so_function *const *)r.functions;
    model->function_count = r.count;
    return rc;
}

/* ---- proof ---- */

static bool is_named(const struct so_function *f, struct so_str table)
{
    for (size_t i = 0; i < f->name_count; i++)
        if (so_str_eq_nocase(f->names[i], table))
            return true;
    return false;
}

/* As rest/sql_call.c does it for an invoker, so that what fails there (a WITH of a table's name, a rowid) fails at start. */
static size_t put_guards(struct so_buf *b, const struct so_function *f, const struct so_model *model)
{
    size_t count = 0;
    for (size_t i = 0; !f->definer && i < model->table_count; i++) {
        struct so_str table = model->tables[i]->name;
        if (!is_named(f, table))
            continue;
        so_buf_puts(b, count++ > 0 ? ", " : f->is_recursive ? "WITH RECURSIVE " : "WITH ");
        so_sql_put_name(b, table);
        so_buf_lit(b, " AS (SELECT * FROM main.");
        so_sql_put_name(b, table);
        so_buf_putc(b, ')');
    }
    return count;
}

static void put_statement(struct so_buf *b, const struct so_function *f, const struct so_model *model)
{
    if (put_guards(b, f, model) > 0)
        so_buf_puts(b, f->begins_with ? ", " : " ");
    else
        so_buf_puts(b, !f->begins_with ? "" : f->is_recursive ? "WITH RECURSIVE" : "WITH");
    for (size_t i = 0; i < f->sql.n; i++) {
        if (f->sql.p[i] == SO_SQL_MARK)
            so_buf_printf(b, "?%d", f->sql.p[++i] - 0x20 + 10); /* beside :auth_uid and its like */
        else
            so_buf_putc(b, f->sql.p[i]);
    }
}

/* SELECT "a", "b" FROM (statement): every column that is promised is there. */
static void put_proof(struct so_buf *b, const struct so_function *f, const struct so_table *table,
                      const struct so_model *model)
{
    size_t count = table != NULL ? table->field_count : f->column_count;
    bool by_name = !f->changes && f->returns >= SO_RETURNS_ROW && count > 0;
    for (size_t i = 0; by_name && i < count; i++) {
        so_buf_puts(b, i == 0 ? "SELECT r." : ", r.");
        so_sql_put_name(b, table != NULL ? table->fields[i].name : f->columns[i].name);
    }
    so_buf_puts(b, by_name ? " FROM (" : "");
    put_statement(b, f, model);
    so_buf_puts(b, by_name ? ") r" : "");
}

static bool gives(const struct so_stmt *st, struct so_str name)
{
    for (int i = 0; i < so_stmt_column_count(st); i++)
        if (so_str_eq_nocase(so_stmt_column_name(st, i), name))
            return true;
    return false;
}

static int check_columns(const struct so_function *f, const struct so_table *table, const struct so_stmt *st,
                         struct so_err *err)
{
    size_t count = table != NULL ? table->field_count : f->column_count;
    bool one = f->returns == SO_RETURNS_VALUE || f->returns == SO_RETURNS_VALUES;
    if (one && so_stmt_column_count(st) != 1)
        return so_fail(err, SO_EINVAL, "%.*s: should give one column, but gives %d", SO_STR_ARG(f->file),
                       so_stmt_column_count(st));
    for (size_t i = 0; f->returns >= SO_RETURNS_ROW && i < count; i++) {
        struct so_str name = table != NULL ? table->fields[i].name : f->columns[i].name;
        if (!gives(st, name))
            return so_fail(err, SO_EINVAL, "%.*s: gives no column \"%.*s\"", SO_STR_ARG(f->file), SO_STR_ARG(name));
    }
    return SO_OK;
}

int so_function_check(const struct so_function *f, const struct so_model *model, struct so_conn *conn, struct so_err *err)
{
    const struct so_table *table = f->table.n > 0 ? so_model_find(model, f->table) : NULL;
    struct so_err cause = SO_ERR_INIT;
    struct so_stmt *st = NULL;
    struct so_buf sql;
    if (f->table.n > 0 && table == NULL)
        return so_fail(err, SO_EINVAL, "%.*s: \"returns\": there is no table \"%.*s\"", SO_STR_ARG(f->file),
                       SO_STR_ARG(f->table));
    so_buf_init(&sql, SO_SQL_SOURCE_MAX * (size_t)32);
    put_proof(&sql, f, table, model);
    int rc = so_buf_check(&sql, "the statement", err);
    if (rc == SO_OK && so_conn_prepare(conn, so_buf_str(&sql), &st, &cause) != SO_OK)
        rc = cause.code == SO_ENOMEM ? so_err_oom(err)
                                     : so_fail(err, SO_EINVAL, "%.*s: %s", SO_STR_ARG(f->file), cause.message);
    if (rc == SO_OK)
        rc = check_columns(f, table, st, err);
    so_stmt_done(st);
    so_buf_deinit(&sql);
    return rc;
}
