/* sql_text.c: cut an SQL expression into tokens, refusing everything that is not plainly part of one expression.
 *
 * The result is put between parentheses in statements of ours, so the one thing that matters is that it cannot leave them:
 * no ')' without its '(', no comment that swallows what follows, no quote left open, no second statement. */
#include "model/sql_text.h"

#include "core/utf8.h"

struct cutter {
    struct so_str source;
    size_t at;
    size_t depth;
    bool parameters; /* :name is allowed */
};

/* Longest first. */
static const char *const OPERATORS[] = {"->>", "->", "::", "<=", ">=", "<>", "!=", "==", "||", "<<", ">>", "=",
                                        "<",   ">",  "+",  "-",  "*",  "/",  "%",  ",",  ".",  "&",  "|"};

/* What starts something that has no place in an expression, and what to say about it. */
static const struct refusal {
    const char *start, *reason;
} REFUSALS[] = {
    {"--", "comments are not allowed here"},
    {"/*", "comments are not allowed here"},
    {";", "';' is not allowed: write one expression"},
    {"?", "parameters and jsonb operators with '?' are not available"},
    {"@", "'@' is not available: for JSON use -> and ->>"},
    {"$", "parameters and dollar quotes are not allowed"},
    {"#", "'#' is not available: for JSON use -> and ->>"},
    {"&&", "'&&' is not available: use AND, or EXISTS with a subquery"},
    {"~", "regular expressions with '~' are not available: use LIKE with a text"},
    {"^", "'^' is not available"},
    {"`", "put names between \"double quotes\""},
    {"[", "arrays with '[' are not available: use IN (...), and -> or ->> for JSON"},
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool starts_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}
static bool goes_on_word(char c) { return starts_word(c) || is_digit(c); }

static char peek(const struct cutter *c, size_t ahead)
{
    return c->at + ahead < c->source.n ? c->source.p[c->at + ahead] : '\0';
}

static bool looking_at(const struct cutter *c, const char *text)
{
    return so_str_starts(so_str_slice(c->source, c->at, c->source.n), so_str_c(text));
}

/* 'text' or "name"; the quote inside is doubled. */
static int cut_quoted(struct cutter *c, char quote, struct so_err *err)
{
    size_t start = c->at++;
    for (; c->at < c->source.n; c->at++) {
        if (c->source.p[c->at] != quote)
            continue;
        if (peek(c, 1) != quote) {
            c->at++;
            return SO_OK;
        }
        c->at++;
    }
    return so_fail_at(err, SO_EINVAL, start, "the quote %c is not closed", quote);
}

static int cut_word(struct cutter *c, struct so_err *err)
{
    while (goes_on_word(peek(c, 0)))
        c->at++;
    if (peek(c, 0) == '\'' || looking_at(c, "&'"))
        return so_fail_at(err, SO_EINVAL, c->at, "a text with a prefix (E'..', X'..', U&'..') is not available");
    return SO_OK;
}

/* 12, 1.5, .5, 1e-3 */
static int cut_number(struct cutter *c, struct so_err *err)
{
    while (is_digit(peek(c, 0)))
        c->at++;
    if (peek(c, 0) == '.')
        c->at++;
    while (is_digit(peek(c, 0)))
        c->at++;
    if (peek(c, 0) == 'e' || peek(c, 0) == 'E') {
        c->at++;
        if (peek(c, 0) == '+' || peek(c, 0) == '-')
            c->at++;
        while (is_digit(peek(c, 0)))
            c->at++;
    }
    if (goes_on_word(peek(c, 0)))
        return so_fail_at(err, SO_EINVAL, c->at, "a number runs into a name");
    return SO_OK;
}

/* :name, but not the "::" of a cast. */
static bool starts_parameter(const struct cutter *c)
{
    return c->parameters && peek(c, 0) == ':' && starts_word(peek(c, 1));
}

static int cut_operator(struct cutter *c, struct so_err *err)
{
    for (size_t i = 0; i < COUNT_OF(REFUSALS); i++) {
        if (looking_at(c, REFUSALS[i].start))
            return so_fail_at(err, SO_EINVAL, c->at, "%s", REFUSALS[i].reason);
    }
    for (size_t i = 0; i < COUNT_OF(OPERATORS); i++) {
        if (looking_at(c, OPERATORS[i])) {
            c->at += strlen(OPERATORS[i]);
            return SO_OK;
        }
    }
    if (peek(c, 0) == ':')
        return so_fail_at(err, SO_EINVAL, c->at, "parameters are not allowed");
    return so_fail_at(err, SO_EINVAL, c->at, "unexpected character '%c'", peek(c, 0));
}

static int cut_parenthesis(struct cutter *c, enum so_sql_kind kind, struct so_err *err)
{
    if (kind == SO_SQL_CLOSE && c->depth == 0)
        return so_fail_at(err, SO_EINVAL, c->at, "a ')' has no '('");
    if (kind == SO_SQL_OPEN && c->depth == SO_SQL_DEPTH_MAX)
        return so_fail_at(err, SO_ELIMIT, c->at, "more than %d nested parentheses", SO_SQL_DEPTH_MAX);
    c->depth += kind == SO_SQL_OPEN ? 1 : (size_t)-1;
    c->at++;
    return SO_OK;
}

static int cut_token(struct cutter *c, struct so_sql_token *out, struct so_err *err)
{
    size_t blanks_from = c->at;
    while (is_blank(peek(c, 0)) && c->at < c->source.n)
        c->at++;
    size_t start = c->at;
    char first = peek(c, 0);
    int rc = SO_OK;
    enum so_sql_kind kind;
    if (start == c->source.n) {
        kind = SO_SQL_END;
    } else if (first == '\'' || first == '"') {
        kind = first == '"' ? SO_SQL_NAME : SO_SQL_TEXT;
        rc = cut_quoted(c, first, err);
    } else if (first == '(' || first == ')') {
        kind = first == '(' ? SO_SQL_OPEN : SO_SQL_CLOSE;
        rc = cut_parenthesis(c, kind, err);
    } else if (is_digit(first) || (first == '.' && is_digit(peek(c, 1)))) {
        kind = SO_SQL_NUMBER;
        rc = cut_number(c, err);
    } else if (starts_word(first) || starts_parameter(c)) {
        kind = starts_word(first) ? SO_SQL_WORD : SO_SQL_PARAMETER;
        c->at += kind == SO_SQL_PARAMETER;
        rc = cut_word(c, err);
    } else {
        kind = SO_SQL_OPERATOR;
        rc = cut_operator(c, err);
    }
    if (rc == SO_OK)
        *out = (struct so_sql_token){kind, so_str_slice(c->source, start, c->at), start > blanks_from};
    return rc;
}

/* The translator marks places with such bytes, and no text needs them. */
static bool has_control(struct so_str source)
{
    for (size_t i = 0; i < source.n; i++)
        if ((unsigned char)source.p[i] < 0x20 && !is_blank(source.p[i]))
            return true;
    return false;
}

static int cut_all(struct so_str source, bool parameters, struct so_arena *arena, const struct so_sql_token **out,
                   struct so_err *err)
{
    if (source.n > SO_SQL_SOURCE_MAX)
        return so_fail(err, SO_ELIMIT, "the expression is longer than %d bytes", SO_SQL_SOURCE_MAX);
    if (has_control(source) || !so_utf8_valid(source))
        return so_fail(err, SO_EINVAL, "the expression is not plain UTF-8 text");
    /* No token is empty, and the last one is the end. */
    size_t max = so_min_size(source.n, SO_SQL_TOKENS_MAX) + 1;
    struct so_sql_token *tokens = so_alloc_array(arena, max, sizeof(*tokens));
    if (tokens == NULL)
        return so_err_oom(err);
    struct cutter cutter = {.source = source, .parameters = parameters};
    for (size_t count = 0; count < max; count++) {
        int rc = cut_token(&cutter, &tokens[count], err);
        if (rc != SO_OK)
            return rc;
        if (tokens[count].kind != SO_SQL_END)
            continue;
        if (cutter.depth > 0)
            return so_fail(err, SO_EINVAL, "a '(' has no ')'");
        *out = tokens;
        return SO_OK;
    }
    return so_fail(err, SO_ELIMIT, "the expression has more than %d words", SO_SQL_TOKENS_MAX);
}

int so_sql_tokens(struct so_str source, struct so_arena *arena, const struct so_sql_token **out, struct so_err *err)
{
    return cut_all(source, false, arena, out, err);
}

int so_sql_statement_tokens(struct so_str source, struct so_arena *arena, const struct so_sql_token **out,
                            struct so_err *err)
{
    return cut_all(source, true, arena, out, err);
}

bool so_sql_is(const struct so_sql_token *token, const char *text)
{
    return token->kind != SO_SQL_TEXT && token->kind != SO_SQL_NAME && so_str_eq_nocase(token->text, so_str_c(text));
}

static void put_quoted(struct so_buf *b, struct so_str text, char quote)
{
    so_buf_putc(b, quote);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == quote)
            so_buf_putc(b, quote);
        so_buf_putc(b, text.p[i]);
    }
    so_buf_putc(b, quote);
}

void so_sql_put_name(struct so_buf *b, struct so_str name) { put_quoted(b, name, '"'); }
void so_sql_put_text(struct so_buf *b, struct so_str text) { put_quoted(b, text, '\''); }
