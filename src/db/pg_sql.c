/* pg_sql.c: one pass over the text of a statement. */
#include "db/pg_sql.h"

enum { TEXT_MAX = 16 << 20 }; /* bytes of a statement */

struct scan {
    struct so_str in;
    size_t at;
    size_t name_end;    /* behind the last name (or word) that was copied */
    size_t escapes_end; /* behind the last E alone: a literal there has escapes */
    struct so_pg_sql *out;
    struct so_err *err;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool starts_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}
static bool is_word(char c) { return starts_word(c) || is_digit(c); }

/* The byte `ahead` of the place where the scan stands, '\0' beyond the end. */
static char peek(const struct scan *s, size_t ahead) { return s->at + ahead < s->in.n ? s->in.p[s->at + ahead] : '\0'; }
static char before(const struct scan *s, size_t back) { return s->at >= back ? s->in.p[s->at - back] : '\0'; }

static size_t end_of_word(struct so_str in, size_t at)
{
    while (at < in.n && is_word(in.p[at]))
        at++;
    return at;
}

/* Names may hold dollars behind their first byte. */
static size_t end_of_name(struct so_str in, size_t at)
{
    while (at < in.n && (is_word(in.p[at]) || in.p[at] == '$'))
        at++;
    return at;
}

/* ---- what is copied as it is; each gives the place behind it, the end of the text when it is not closed ---- */

static size_t end_of_quotes(struct so_str in, size_t at, bool has_escapes)
{
    char quote = in.p[at++];
    for (; at < in.n; at++) {
        if (has_escapes && in.p[at] == '\\')
            at++;
        else if (in.p[at] == quote && (at + 1 == in.n || in.p[at + 1] != quote))
            return at + 1;
        else if (in.p[at] == quote)
            at++;
    }
    return in.n;
}

static size_t end_of_line(struct so_str in, size_t at)
{
    size_t end = so_str_find_char(in, '\n', at);
    return end == SO_STR_NONE ? in.n : end;
}

/* Comments nest in PostgreSQL. */
static size_t end_of_comment(struct so_str in, size_t at)
{
    unsigned depth = 0;
    for (; at + 1 < in.n; at++) {
        if (in.p[at] == '/' && in.p[at + 1] == '*') {
            depth++;
            at++;
        } else if (in.p[at] == '*' && in.p[at + 1] == '/') {
            at++;
            if (--depth == 0)
                return at + 1;
        }
    }
    return in.n;
}

/* `at` is the first dollar of $$ or $tag$; `at` itself when it begins neither. */
static size_t end_of_dollars(struct so_str in, size_t at)
{
    size_t end = end_of_word(in, at + 1);
    if (end >= in.n || in.p[end] != '$' || is_digit(in.p[at + 1]))
        return at;
    struct so_str tag = so_str_slice(in, at, end + 1);
    size_t close = so_str_find(so_str_slice(in, end + 1, in.n), tag);
    return close == SO_STR_NONE ? in.n : end + 1 + close + tag.n;
}

/* The place behind what must not be looked into; where the scan stands when that is something else. */
static size_t end_of_opaque(const struct scan *s)
{
    char c = peek(s, 0), next = peek(s, 1);
    if (c == '\'' || c == '"') {
        return end_of_quotes(s->in, s->at, c == '\'' && s->at == s->escapes_end);
    }
    if (c == '-' && next == '-')
        return end_of_line(s->in, s->at);
    if (c == '/' && next == '*')
        return end_of_comment(s->in, s->at);
    if (c == '$' && s->at != s->name_end)
        return end_of_dollars(s->in, s->at);
    return s->at;
}

/* ---- parameters ---- */

static int put_parameter(struct scan *s, int position, size_t end)
{
    if (position > s->out->parameter_count)
        s->out->parameter_count = position;
    if (is_word(before(s, 1)) || before(s, 1) == '$') /* "a?1" must not become the name a$1 */
        so_buf_putc(&s->out->text, ' ');
    so_buf_printf(&s->out->text, "$%d", position);
    s->at = end;
    return SO_OK;
}

static int put_numbered(struct scan *s)
{
    size_t end = s->at + 1;
    int64_t position = 0;
    while (end < s->in.n && is_digit(s->in.p[end]))
        end++;
    if (!so_str_to_i64(so_str_slice(s->in, s->at + 1, end), &position) || position < 1 || position > SO_PG_PARAMETERS_MAX)
        return so_fail_http(s->err, SO_EDB, 0, "42P02", "there is no parameter %.*s",
                            SO_STR_ARG(so_str_slice(s->in, s->at, end)));
    return put_parameter(s, (int)position, end);
}

static int put_named(struct scan *s)
{
    struct so_pg_sql *out = s->out;
    size_t end = end_of_word(s->in, s->at + 1);
    struct so_str name = so_str_slice(s->in, s->at, end);
    int position = so_pg_sql_position(out, name);
    if (position == 0) {
        if (out->name_count == SO_PG_NAMES_MAX || out->parameter_count == SO_PG_PARAMETERS_MAX)
            return so_fail_http(s->err, SO_EDB, 0, "54000", "the statement has too many parameters");
        position = out->parameter_count + 1;
        out->names[out->name_count++] = (struct so_pg_name){name, position};
    }
    return put_parameter(s, position, end);
}

static void copy_until(struct scan *s, size_t end)
{
    so_buf_put_str(&s->out->text, so_str_slice(s->in, s->at, end));
    s->at = end;
}

static int take_one(struct scan *s)
{
    char c = peek(s, 0), next = peek(s, 1);
    size_t opaque = end_of_opaque(s);
    if (opaque > s->at) {
        copy_until(s, opaque);
    } else if ((c == '?' || c == '$') && is_digit(next)) {
        return put_numbered(s);
    } else if (c == ':' && next == ':') {
        copy_until(s, s->at + 2);
    } else if (c == ':' && starts_word(next)) {
        return put_named(s);
    } else if (starts_word(c)) {
        size_t end = end_of_name(s->in, s->at);
        if (s->out->verb.n == 0)
            s->out->verb = so_str_slice(s->in, s->at, end);
        if (end == s->at + 1 && (c == 'E' || c == 'e'))
            s->escapes_end = end;
        s->name_end = end;
        copy_until(s, end);
    } else {
        copy_until(s, s->at + 1);
    }
    return SO_OK;
}

int so_pg_sql_translate(struct so_str sql, struct so_pg_sql *out, struct so_err *err)
{
    struct scan s = {.in = sql, .name_end = SO_STR_NONE, .escapes_end = SO_STR_NONE, .out = out, .err = err};
    out->parameter_count = out->name_count = 0;
    out->verb = (struct so_str){"", 0};
    so_buf_init(&out->text, TEXT_MAX);
    int rc = SO_OK;
    while (s.at < sql.n && rc == SO_OK)
        rc = take_one(&s);
    if (rc != SO_OK)
        return rc;
    so_buf_putc(&out->text, '\0'); /* for libpq */
    if (out->text.rc == SO_ELIMIT)
        return so_fail_http(err, SO_ELIMIT, 0, "54000", "the statement is too long");
    return so_buf_check(&out->text, "the statement", err);
}

int so_pg_sql_check(const struct so_pg_sql *sql, struct so_err *err)
{
    static const char *const VERBS[] = {"begin", "start", "commit", "end", "abort", "prepare", "discard", "deallocate"};
    for (size_t i = 0; i < COUNT_OF(VERBS); i++)
        if (so_str_eq_nocase(sql->verb, so_str_c(VERBS[i])))
            return so_fail_http(err, SO_EDB, 0, "42501", "not authorized");
    if (so_str_eq_nocase(sql->verb, SO_STR("copy")))
        return so_fail_http(err, SO_EDB, 0, "0A000", "COPY is not supported");
    return sql->verb.n == 0 ? so_fail_http(err, SO_EDB, 0, "42601", "the statement is empty") : SO_OK;
}

int so_pg_sql_position(const struct so_pg_sql *sql, struct so_str name)
{
    for (int i = 0; i < sql->name_count; i++)
        if (so_str_eq(sql->names[i].name, name))
            return sql->names[i].position;
    return 0;
}
