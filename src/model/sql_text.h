/* sql_text.h: SQL expressions of schema files, as tokens; and names and texts quoted for SQLite.
 * Limits: SO_SQL_SOURCE_MAX bytes, SO_SQL_TOKENS_MAX tokens, SO_SQL_DEPTH_MAX parentheses. */
#ifndef SO_MODEL_SQL_TEXT_H
#define SO_MODEL_SQL_TEXT_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"

enum { SO_SQL_SOURCE_MAX = 16 * 1024, SO_SQL_TOKENS_MAX = 4096, SO_SQL_DEPTH_MAX = 64 };

enum so_sql_kind {
    SO_SQL_END,
    SO_SQL_WORD, /* keyword or plain name */
    SO_SQL_NAME, /* "quoted name", with its quotes */
    SO_SQL_TEXT, /* 'text', with its quotes */
    SO_SQL_NUMBER,
    SO_SQL_OPERATOR,  /* also "," and "." */
    SO_SQL_PARAMETER, /* :name, in statements only */
    SO_SQL_OPEN,      /* ( */
    SO_SQL_CLOSE      /* ) */
};

struct so_sql_token {
    enum so_sql_kind kind;
    struct so_str text; /* borrowed from the source */
    bool space_before;
};

/* Cuts `source` into tokens, the last of them SO_SQL_END.  Whatever could end the expression early or reach beyond it is
 * SO_EINVAL: comments, ';', parameters, unbalanced parentheses, unended quotes. */
int so_sql_tokens(struct so_str source, struct so_arena *arena, const struct so_sql_token **out,
                  struct so_err *err) SO_MUST_CHECK;
bool so_sql_is(const struct so_sql_token *token, const char *text); /* words without case */

/* PostgreSQL's words for our few functions in SQLite's (sql_words.c): auth.uid() -> :auth_uid, x::int -> CAST(x AS INTEGER).
 * *out_identity (may be NULL): the result asks who the caller is.  SO_EINVAL names what SQLite cannot do. */
int so_sql_translate(struct so_str source, struct so_arena *arena, struct so_str *out, bool *out_identity,
                     struct so_err *err) SO_MUST_CHECK;

/* The same, with SO_SQL_GUARD before the SELECT of each subquery and SO_SQL_GUARD_WITH instead of its WITH.  What would slip
 * past a common table expression there (main.t, x IN t) is SO_EINVAL. */
#define SO_SQL_GUARD      '\x01'
#define SO_SQL_GUARD_WITH '\x02'
int so_sql_translate_marked(struct so_str source, struct so_arena *arena, struct so_str *out,
                            struct so_err *err) SO_MUST_CHECK;
/* `marked` into `out` with `guards` ("a AS (...), b AS (...)", may be empty) in the marked places. */
void so_sql_put_guarded(struct so_buf *out, struct so_str marked, struct so_str guards);

/* A whole statement of a function file, which may have parameters. */
enum { SO_SQL_PARAMETERS_MAX = 64 };
struct so_sql_statement {
    bool writes;                      /* in: it may be INSERT, UPDATE or DELETE */
    const struct so_str *parameters;  /* in: their names */
    size_t parameter_count;           /* in */
    struct so_str sql;                /* SQLite's; a parameter is the two bytes SO_SQL_MARK, 0x20 + its position */
    const struct so_sql_token *words; /* the source's tokens */
};
#define SO_SQL_MARK '\x03'
/* SO_EINVAL as above; `source` has no comments. */
int so_sql_translate_statement(struct so_str source, struct so_arena *arena, struct so_sql_statement *statement,
                               struct so_err *err) SO_MUST_CHECK;
/* The same tokens as so_sql_tokens() with :name among them. */
int so_sql_statement_tokens(struct so_str source, struct so_arena *arena, const struct so_sql_token **out,
                            struct so_err *err) SO_MUST_CHECK;

void so_sql_put_name(struct so_buf *b, struct so_str name); /* "name" */
void so_sql_put_text(struct so_buf *b, struct so_str text); /* 'text' */

#endif
