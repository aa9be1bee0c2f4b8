/* sql_words.c: expressions written for PostgreSQL (policies, x-default) in the words of SQLite.
 *
 *   tokens -> one pass, left to right -> SQLite's text
 *
 * The pass remembers where the operand begins that ended last (`operand`), because "x::int" names the type after the value
 * and SQLite wants CAST(x AS INTEGER).  What would mean something else on SQLite is rewritten or refused, never passed on:
 * LIKE (SQLite's ignores case), "name" (SQLite takes an unknown one for a text), CAST to a type it does not know. */
#include "model/sql_text.h"

#define NO_OPERAND ((size_t)-1)

struct translator {
    const struct so_sql_token *at; /* the next token */
    struct so_arena *arena;
    struct so_buf out;
    size_t operand; /* where the last operand begins in `out`, or NO_OPERAND after an operator */
    size_t opened[SO_SQL_DEPTH_MAX];
    size_t depth;
    bool identity;
    const struct so_sql_statement *statement; /* NULL: an expression */
    bool marks;                               /* the places of guards */
};

/* SCHEMA.NAME(): what the request is about.  realtime.topic() is null but in realtime/policies.json, as in the reference. */
static const struct {
    const char *schema, *name, *sql;
} CALLER_FUNCTIONS[] = {
    {"auth", "uid", ":auth_uid"},
    {"auth", "role", ":auth_role"},
    {"auth", "jwt", ":auth_jwt"},
    {"auth", "email", "(:auth_jwt ->> 'email')"},
    {"realtime", "topic", ":realtime_topic"},
};

/* Words that stand alone, and functions without arguments. */
static const struct {
    const char *word;
    bool call; /* followed by "()" */
    const char *sql;
} VALUES[] = {
    {"true", false, "1"},
    {"false", false, "0"},
    {"now", true, "so_now()"},
    {"current_timestamp", false, "so_now()"},
    {"current_date", false, "substr(so_now(), 1, 10)"},
};

static const char NO_STATEMENT[] = "only an expression is allowed here, no statement";
static const char NO_FUNCTION[] = "this function reaches outside the database and is not allowed";
static const char NO_INNER[] = "this function is Socle's own and is not allowed here";
static const char NO_ARRAY[] = "arrays are not available: use IN (...)";

/* A word that may not be used, as a function (followed by a parenthesis) or anywhere. */
static const struct {
    const char *word;
    bool call;
    const char *reason;
} REFUSED[] = {
    {"load_extension", true, NO_FUNCTION},
    {"readfile", true, NO_FUNCTION},
    {"writefile", true, NO_FUNCTION},
    {"edit", true, NO_FUNCTION},
    {"fts3_tokenizer", true, NO_FUNCTION},
    {"fsdir", true, NO_FUNCTION},
    {"lsdir", true, NO_FUNCTION},
    {"lsmode", true, NO_FUNCTION},
    {"sqlar_compress", true, NO_FUNCTION},
    {"sqlar_uncompress", true, NO_FUNCTION},
    {"zipfile", true, NO_FUNCTION},
    {"so_input", false, NO_INNER},
    {"so_value", false, NO_INNER},
    {"so_has", false, NO_INNER},
    {"so_object", false, NO_INNER},
    {"so_rows", false, NO_INNER},
    {"so_members", false, NO_INNER},
    {"insert", false, NO_STATEMENT},
    {"update", false, NO_STATEMENT},
    {"delete", false, NO_STATEMENT},
    {"drop", false, NO_STATEMENT},
    {"alter", false, NO_STATEMENT},
    {"create", false, NO_STATEMENT},
    {"attach", false, NO_STATEMENT},
    {"detach", false, NO_STATEMENT},
    {"pragma", false, NO_STATEMENT},
    {"vacuum", false, NO_STATEMENT},
    {"reindex", false, NO_STATEMENT},
    {"returning", false, NO_STATEMENT},
    {"recursive", false, "recursive queries are not allowed here"},
    {"raise", true, NO_STATEMENT},
    {"cast", true, "write (value)::type instead of CAST(value AS type)"},
    {"interval", false, "INTERVAL is not available: compare with a column or a constant"},
    {"array", false, NO_ARRAY},
    {"any", true, NO_ARRAY},
    {"some", true, NO_ARRAY},
    {"all", true, NO_ARRAY},
    {"similar", false, "SIMILAR TO is not available: use LIKE"},
    {"localtimestamp", false, "use now()"},
    {"current_time", false, "use now()"},
};

/* Keywords that an opening parenthesis may follow: there it groups, and calls nothing. */
static const char *const KEYWORDS[] = {"and",    "or",    "not",    "in",       "exists", "is",     "between",
                                       "case",   "when",  "then",   "else",     "select", "from",   "where",
                                       "having", "on",    "as",     "distinct", "union",  "except", "intersect",
                                       "by",     "limit", "offset", "values",   "over",   "filter", "using",
                                       "join",   "with",  "like",   "ilike",    "escape", "collate"};

/* value::type.  The value stands between `before` and `after`. */
static const struct cast {
    const char *type, *before, *after;
} CASTS[] = {
    {"text", "CAST(", " AS TEXT)"},
    {"varchar", "CAST(", " AS TEXT)"},
    {"uuid", "lower(", ")"},
    {"int", "CAST(", " AS INTEGER)"},
    {"integer", "CAST(", " AS INTEGER)"},
    {"int2", "CAST(", " AS INTEGER)"},
    {"int4", "CAST(", " AS INTEGER)"},
    {"int8", "CAST(", " AS INTEGER)"},
    {"bigint", "CAST(", " AS INTEGER)"},
    {"smallint", "CAST(", " AS INTEGER)"},
    {"numeric", "CAST(", " AS NUMERIC)"},
    {"decimal", "CAST(", " AS NUMERIC)"},
    {"real", "CAST(", " AS REAL)"},
    {"float4", "CAST(", " AS REAL)"},
    {"float8", "CAST(", " AS REAL)"},
    /* JSON's true is 1 by the time ->> gives it, and 'true' when it was a text. */
    {"bool", "(lower(", ") IN ('true', 't', 'yes', 'on', '1'))"},
    {"boolean", "(lower(", ") IN ('true', 't', 'yes', 'on', '1'))"},
    {"json", "json(", ")"},
    {"jsonb", "json(", ")"},
    {"date", "substr(", ", 1, 10)"},
};

static bool is_keyword(const struct so_sql_token *word)
{
    for (size_t i = 0; i < COUNT_OF(KEYWORDS); i++) {
        if (so_sql_is(word, KEYWORDS[i]))
            return true;
    }
    return false;
}

static void put_space(struct translator *t, const struct so_sql_token *before)
{
    if (before->space_before && t->out.len > 0)
        so_buf_putc(&t->out, ' ');
}

static void put_operand(struct translator *t, const struct so_sql_token *token, const char *sql)
{
    put_space(t, token);
    t->operand = t->out.len;
    so_buf_puts(&t->out, sql);
}

/* `name`: SQLite never takes that for a text, as it does with an unknown "name". */
static void put_name(struct translator *t, const struct so_sql_token *token)
{
    if (token->kind != SO_SQL_NAME) {
        so_buf_put_str(&t->out, token->text);
        return;
    }
    so_buf_putc(&t->out, '`');
    for (size_t i = 1; i + 1 < token->text.n; i++) {
        char c = token->text.p[i];
        if (c == '"')
            i++; /* doubled in the source */
        so_buf_putc(&t->out, c);
        if (c == '`')
            so_buf_putc(&t->out, c);
    }
    so_buf_putc(&t->out, '`');
}

static bool calls_nothing_in(const struct so_sql_token *word)
{
    return word[1].kind == SO_SQL_OPEN && word[2].kind == SO_SQL_CLOSE;
}

static bool is_caller_schema(const struct so_sql_token *word)
{
    size_t i = 0;
    while (i < COUNT_OF(CALLER_FUNCTIONS) && !so_sql_is(word, CALLER_FUNCTIONS[i].schema))
        i++;
    return i < COUNT_OF(CALLER_FUNCTIONS);
}

static int translate_caller(struct translator *t, struct so_err *err)
{
    const struct so_sql_token *name = t->at + 2;
    for (size_t i = 0; i < COUNT_OF(CALLER_FUNCTIONS); i++) {
        if (!so_sql_is(t->at, CALLER_FUNCTIONS[i].schema) || !so_sql_is(name, CALLER_FUNCTIONS[i].name) ||
            !calls_nothing_in(name))
            continue;
        put_operand(t, t->at, CALLER_FUNCTIONS[i].sql);
        t->identity = true;
        t->at += 5; /* auth . name ( ) */
        return SO_OK;
    }
    return so_fail(
        err, SO_EINVAL,
        "%.*s.%.*s is not known: there are auth.uid(), auth.role(), auth.jwt(), auth.email() and realtime.topic()",
        SO_STR_ARG(t->at->text), SO_STR_ARG(name->text));
}

/* a.b, "a".b: a qualified name, and the schema "public" left out. */
static int translate_path(struct translator *t, struct so_err *err)
{
    if (is_caller_schema(t->at))
        return translate_caller(t, err);
    put_space(t, t->at);
    t->operand = t->out.len;
    if (so_sql_is(t->at, "public"))
        t->at += 2;
    for (;;) {
        if (t->at->kind != SO_SQL_WORD && t->at->kind != SO_SQL_NAME && !so_sql_is(t->at, "*"))
            return so_fail(err, SO_EINVAL, "a name should follow '.'");
        put_name(t, t->at++);
        if (!so_sql_is(t->at, "."))
            break;
        so_buf_putc(&t->out, '.');
        t->at++;
    }
    if (t->at->kind == SO_SQL_OPEN)
        return so_fail(err, SO_EINVAL, "a function cannot have a schema's name before it here");
    return SO_OK;
}

/* Puts text around the operand that ended last. */
static int wrap_operand(struct translator *t, const char *before, const char *after, struct so_err *err)
{
    struct so_str value = so_arena_dup(t->arena, so_str_slice(so_buf_str(&t->out), t->operand, t->out.len));
    if (value.p == NULL)
        return so_err_oom(err);
    t->out.len = t->operand;
    so_buf_puts(&t->out, before);
    so_buf_put_str(&t->out, value);
    so_buf_puts(&t->out, after);
    return SO_OK;
}

/* Whether the operand that ended last is all that stands before LIKE: in a || b LIKE 'x' it is not. */
static bool stands_alone(const struct translator *t)
{
    size_t before = t->operand;
    while (before != NO_OPERAND && before > 0 && t->out.p[before - 1] == ' ')
        before--;
    return before != NO_OPERAND && (before == 0 || strchr("|>+-*/%&", t->out.p[before - 1]) == NULL);
}

/* 'a%' for GLOB, which minds case whatever the connection's settings are: 'a*'. */
static void put_glob(struct so_buf *b, struct so_str pattern)
{
    so_buf_lit(b, "GLOB '");
    for (size_t i = 1; i + 1 < pattern.n; i++) {
        char c = pattern.p[i];
        bool escaped = c == '\\' && i + 2 < pattern.n;
        if (escaped)
            c = pattern.p[++i];
        if (!escaped && (c == '%' || c == '_'))
            so_buf_putc(b, c == '%' ? '*' : '?');
        else if (c == '*' || c == '?' || c == '[')
            so_buf_printf(b, "[%c]", c);
        else
            so_buf_putc(b, c);
    }
    so_buf_putc(b, '\'');
}

/* x [NOT] LIKE 'a%' -> x GLOB 'a*'; x [NOT] ILIKE 'a%' -> lower(x) LIKE lower('a%') ESCAPE '\'. */
static int translate_like(struct translator *t, bool negated, struct so_err *err)
{
    static const char *const AFTER[] = {"||", "::", "->", "->>", "escape"};
    const struct so_sql_token *like = t->at + negated, *pattern = like + 1;
    bool plain = pattern->kind == SO_SQL_TEXT;
    for (size_t i = 0; plain && i < COUNT_OF(AFTER); i++)
        plain = !so_sql_is(pattern + 1, AFTER[i]);
    if (!plain)
        return so_fail(err, SO_EINVAL, "after %.*s only a plain 'pattern' is available", SO_STR_ARG(like->text));
    if (!stands_alone(t))
        return so_fail(err, SO_EINVAL, "put what stands before %.*s between parentheses", SO_STR_ARG(like->text));
    t->at = pattern + 1;
    if (so_sql_is(like, "like")) {
        so_buf_puts(&t->out, negated ? " NOT " : " ");
        put_glob(&t->out, pattern->text);
    } else {
        int rc = wrap_operand(t, "lower(", ")", err);
        if (rc != SO_OK)
            return rc;
        so_buf_printf(&t->out, " %sLIKE lower(%.*s) ESCAPE '\\'", negated ? "NOT " : "", SO_STR_ARG(pattern->text));
    }
    t->operand = NO_OPERAND;
    return SO_OK;
}

/* What a whole statement may hold and an expression may not. */
static bool is_of_statement(const struct so_sql_statement *statement, const struct so_sql_token *word)
{
    static const char *const WRITING[] = {"insert", "update", "delete", "returning"};
    if (statement == NULL)
        return false;
    for (size_t i = 0; statement->writes && i < COUNT_OF(WRITING); i++)
        if (so_sql_is(word, WRITING[i]))
            return true;
    return so_sql_is(word, "recursive");
}

static int refuse_unguarded(const struct translator *t, struct so_err *err)
{
    const struct so_sql_token *word = t->at;
    struct so_str name = word->kind == SO_SQL_NAME ? so_str_slice(word->text, 1, word->text.n - 1) : word->text;
    bool schema = so_str_eq_nocase(name, SO_STR("main")) || so_str_eq_nocase(name, SO_STR("temp"));
    if (t->marks && schema && so_sql_is(word + 1, "."))
        return so_fail(err, SO_EINVAL, "%.*s.: names stand without the database's", SO_STR_ARG(name));
    if (t->marks && so_sql_is(word, "in") && word[1].kind != SO_SQL_OPEN)
        return so_fail(err, SO_EINVAL, "IN is followed by (SELECT ...) or by a list");
    return SO_OK;
}

static int refuse(const struct translator *t, const struct so_sql_token *word, struct so_err *err)
{
    if (is_of_statement(t->statement, word))
        return SO_OK;
    if (so_str_starts(word->text, SO_STR("pragma_")) || so_str_starts(word->text, SO_STR("sqlite_")))
        return so_fail(err, SO_EINVAL, "%.*s: SQLite's own tables are not available here", SO_STR_ARG(word->text));
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        if (so_sql_is(word, REFUSED[i].word) && (!REFUSED[i].call || word[1].kind == SO_SQL_OPEN))
            return so_fail(err, SO_EINVAL, "%.*s: %s", SO_STR_ARG(word->text), REFUSED[i].reason);
    }
    return SO_OK;
}

static bool translate_value(struct translator *t)
{
    for (size_t i = 0; i < COUNT_OF(VALUES); i++) {
        if (!so_sql_is(t->at, VALUES[i].word) || VALUES[i].call != calls_nothing_in(t->at))
            continue;
        put_operand(t, t->at, VALUES[i].sql);
        t->at += VALUES[i].call ? 3 : 1;
        return true;
    }
    return false;
}

static int translate_word(struct translator *t, struct so_err *err)
{
    const struct so_sql_token *word = t->at;
    int unguarded = refuse_unguarded(t, err);
    if (unguarded != SO_OK)
        return unguarded;
    if (so_sql_is(&word[1], "."))
        return translate_path(t, err);
    bool negated = so_sql_is(word, "not");
    if (so_sql_is(word + negated, "like") || so_sql_is(word + negated, "ilike"))
        return translate_like(t, negated, err);
    int rc = word->kind == SO_SQL_WORD ? refuse(t, word, err) : SO_OK;
    if (rc != SO_OK || translate_value(t))
        return rc;
    put_space(t, word);
    t->operand = is_keyword(word) ? NO_OPERAND : t->out.len;
    put_name(t, word);
    t->at++;
    return SO_OK;
}

static int translate_cast(struct translator *t, struct so_err *err)
{
    const struct so_sql_token *type = ++t->at;
    const struct cast *cast = NULL;
    for (size_t i = 0; i < COUNT_OF(CASTS); i++) {
        if (so_sql_is(type, CASTS[i].type))
            cast = &CASTS[i];
    }
    if (t->operand == NO_OPERAND)
        return so_fail(err, SO_EINVAL, "'::' should follow a value");
    if (cast == NULL || type[1].kind == SO_SQL_OPEN)
        return so_fail(err, SO_EINVAL, "a cast to %.*s is not available", SO_STR_ARG(type->text));
    t->at++;
    return wrap_operand(t, cast->before, cast->after, err);
}

static void translate_open(struct translator *t)
{
    /* With a function before it, its name begins the operand. */
    bool call = t->operand != NO_OPERAND;
    put_space(t, t->at);
    t->opened[t->depth++] = call ? t->operand : t->out.len;
    t->operand = NO_OPERAND;
    so_buf_putc(&t->out, '(');
    t->at++;
    if (t->marks && so_sql_is(t->at, "with")) {
        so_buf_putc(&t->out, SO_SQL_GUARD_WITH);
        t->at++;
    } else if (t->marks && so_sql_is(t->at, "select")) {
        so_buf_putc(&t->out, SO_SQL_GUARD);
    }
}

static void translate_close(struct translator *t)
{
    put_space(t, t->at);
    so_buf_putc(&t->out, ')');
    t->operand = t->opened[--t->depth];
    t->at++;
}

static int translate_operator(struct translator *t, struct so_err *err)
{
    if (so_sql_is(t->at, "::"))
        return translate_cast(t, err);
    bool any = so_sql_is(t->at, "=") && (so_sql_is(t->at + 1, "any") || so_sql_is(t->at + 1, "some"));
    put_space(t, t->at);
    t->operand = NO_OPERAND;
    if (any && t->at[2].kind == SO_SQL_OPEN && so_sql_is(&t->at[3], "select")) {
        so_buf_lit(&t->out, "IN"); /* = ANY (SELECT ...) */
        t->at += 2;
        return SO_OK;
    }
    so_buf_put_str(&t->out, t->at->text);
    t->at++;
    return SO_OK;
}

static int translate_parameter(struct translator *t, struct so_err *err)
{
    const struct so_sql_statement *s = t->statement;
    struct so_str name = so_str_slice(t->at->text, 1, t->at->text.n);
    for (size_t i = 0; s != NULL && i < s->parameter_count; i++) {
        if (!so_str_eq(s->parameters[i], name))
            continue;
        put_operand(t, t->at, (const char[]){SO_SQL_MARK, (char)(0x20 + i), '\0'});
        t->at++;
        return SO_OK;
    }
    return so_fail(err, SO_EINVAL, ":%.*s is none of the params", SO_STR_ARG(name));
}

static int translate_token(struct translator *t, struct so_err *err)
{
    switch (t->at->kind) {
    case SO_SQL_WORD:
    case SO_SQL_NAME: return translate_word(t, err);
    case SO_SQL_TEXT:
    case SO_SQL_NUMBER:
        put_space(t, t->at);
        t->operand = t->out.len;
        so_buf_put_str(&t->out, t->at->text);
        t->at++;
        return SO_OK;
    case SO_SQL_PARAMETER: return translate_parameter(t, err);
    case SO_SQL_OPEN: translate_open(t); return SO_OK;
    case SO_SQL_CLOSE: translate_close(t); return SO_OK;
    case SO_SQL_OPERATOR: return translate_operator(t, err);
    case SO_SQL_END: break;
    }
    return SO_OK;
}

static int translate_all(struct translator *t, struct so_str *out, struct so_err *err)
{
    int rc = SO_OK;
    /* A cast may double nothing: the result grows by a constant a token. */
    so_buf_init(&t->out, SO_SQL_SOURCE_MAX * (size_t)16);
    while (rc == SO_OK && t->at->kind != SO_SQL_END)
        rc = translate_token(t, err);
    if (rc == SO_OK)
        rc = so_buf_check(&t->out, "the expression", err);
    struct so_str sql = {NULL, 0};
    if (rc == SO_OK) {
        sql = so_arena_dup(t->arena, so_buf_str(&t->out));
        rc = sql.p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&t->out);
    if (rc == SO_OK)
        *out = sql;
    return rc;
}

int so_sql_translate(struct so_str source, struct so_arena *arena, struct so_str *out, bool *out_identity,
                     struct so_err *err)
{
    struct translator t = {.arena = arena, .operand = NO_OPERAND};
    int rc = so_sql_tokens(source, arena, &t.at, err);
    if (rc == SO_OK)
        rc = translate_all(&t, out, err);
    if (rc == SO_OK && out_identity != NULL)
        *out_identity = t.identity;
    return rc;
}

int so_sql_translate_statement(struct so_str source, struct so_arena *arena, struct so_sql_statement *statement,
                               struct so_err *err)
{
    struct translator t = {.arena = arena, .operand = NO_OPERAND, .statement = statement};
    int rc = so_sql_statement_tokens(source, arena, &t.at, err);
    statement->words = t.at;
    return rc == SO_OK ? translate_all(&t, &statement->sql, err) : rc;
}

int so_sql_translate_marked(struct so_str source, struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    struct translator t = {.arena = arena, .operand = NO_OPERAND, .marks = true};
    int rc = so_sql_tokens(source, arena, &t.at, err);
    return rc == SO_OK ? translate_all(&t, out, err) : rc;
}

void so_sql_put_guarded(struct so_buf *out, struct so_str marked, struct so_str guards)
{
    for (size_t i = 0; i < marked.n; i++) {
        bool with = marked.p[i] == SO_SQL_GUARD_WITH;
        if (!with && marked.p[i] != SO_SQL_GUARD) {
            so_buf_putc(out, marked.p[i]);
            continue;
        }
        so_buf_puts(out, with || guards.n > 0 ? "WITH " : "");
        so_buf_put_str(out, guards);
        so_buf_puts(out, guards.n == 0 ? "" : with ? "," : " ");
    }
}
