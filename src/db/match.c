/* match.c: so_like(pattern, text), so_ilike(pattern, text), so_regex(pattern, text, flags).
 *
 * LIKE as in PostgreSQL: '%' any text, '_' one character, '\' makes the next character plain.  One step back to the last '%'
 * is enough, since an earlier one can match nothing that the last cannot; so the work is at most pattern times text. */
#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#include "core/utf8.h"
#include "db/match.h"
#include "db/sqlite_int.h"

/* ---- characters ---- */

static locale_t utf8_locale;
static pthread_once_t locale_once = PTHREAD_ONCE_INIT;
static void make_locale(void) { utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0); }

/* Simple case folding, one character to one.  Without the locale ASCII alone is folded. */
static int32_t fold(int32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    return utf8_locale == (locale_t)0 ? c : (int32_t)towlower_l((wint_t)c, utf8_locale);
}

/* The next character; a malformed byte counts as one, of a value that no character has. */
static int32_t next_char(struct so_str s, size_t *at, bool folds)
{
    int32_t c = so_utf8_next(s, at);
    if (c < 0)
        return 0x110000 + (unsigned char)s.p[(*at)++];
    return folds ? fold(c) : c;
}

/* ---- LIKE ---- */

enum like_step { LIKE_ONE_CHAR, LIKE_CHAR };

static enum like_step next_step(struct so_str pattern, size_t *at, bool folds, int32_t *out_char)
{
    char c = pattern.p[*at];
    if (c == '_') {
        (*at)++;
        return LIKE_ONE_CHAR;
    }
    if (c == '\\' && *at + 1 < pattern.n)
        (*at)++;
    *out_char = next_char(pattern, at, folds);
    return LIKE_CHAR;
}

/* One step of the pattern other than '%' against one character.  False when they differ; both are then to be forgotten. */
static bool take_char(struct so_str pattern, size_t *p, struct so_str text, size_t *t, bool folds)
{
    int32_t want = 0;
    if (*p == pattern.n || *t == text.n)
        return false;
    enum like_step step = next_step(pattern, p, folds, &want);
    int32_t got = next_char(text, t, folds);
    return step == LIKE_ONE_CHAR || got == want;
}

bool so_db_like(struct so_str pattern, struct so_str text, bool folds)
{
    if (folds)
        pthread_once(&locale_once, make_locale);
    size_t p = 0, t = 0;
    size_t retry_p = SO_STR_NONE, retry_t = 0; /* after the last '%', and what it leaves of the text */
    for (;;) {
        if (p < pattern.n && pattern.p[p] == '%') {
            retry_p = ++p;
            retry_t = t;
            continue;
        }
        if (p == pattern.n && t == text.n)
            return true;
        if (take_char(pattern, &p, text, &t, folds))
            continue;
        if (retry_p == SO_STR_NONE || retry_t == text.n)
            return false;
        next_char(text, &retry_t, false); /* the '%' takes one character more */
        p = retry_p;
        t = retry_t;
    }
}

static bool read_text(sqlite3_context *context, sqlite3_value *value, struct so_str *out)
{
    if (sqlite3_value_type(value) == SQLITE_NULL)
        return false; /* the result is NULL by itself */
    out->p = (const char *)sqlite3_value_text(value);
    out->n = (size_t)sqlite3_value_bytes(value);
    if (out->p == NULL)
        sqlite3_result_error_nomem(context);
    return out->p != NULL;
}

static void call_like(sqlite3_context *context, int count, sqlite3_value **args)
{
    (void)count;
    struct so_str pattern, text;
    if (read_text(context, args[0], &pattern) && read_text(context, args[1], &text))
        sqlite3_result_int(context, so_db_like(pattern, text, false));
}

static void call_ilike(sqlite3_context *context, int count, sqlite3_value **args)
{
    (void)count;
    struct so_str pattern, text;
    if (read_text(context, args[0], &pattern) && read_text(context, args[1], &text))
        sqlite3_result_int(context, so_db_like(pattern, text, true));
}

/* ---- regular expressions ---- */

/* The compiled pattern stays with the statement while its argument is the same. */
static struct so_db_regex *regex_of(sqlite3_context *context, sqlite3_value **args, struct so_str pattern)
{
    struct so_str flags;
    if (!read_text(context, args[2], &flags))
        return NULL;
    bool folds = so_str_find_char(flags, 'i', 0) != SO_STR_NONE;
    struct so_db_regex *kept = sqlite3_get_auxdata(context, 0);
    if (kept != NULL && so_db_regex_folds(kept) == folds)
        return kept;
    struct so_err err = SO_ERR_INIT;
    struct so_db_regex *regex;
    if (so_db_regex_new(pattern, folds, &regex, &err) != SO_OK) {
        so_sqlite_raise(context, &err);
        return NULL;
    }
    sqlite3_set_auxdata(context, 0, regex, so_db_regex_free);
    kept = sqlite3_get_auxdata(context, 0); /* NULL when SQLite could not keep it, and freed it */
    if (kept == NULL)
        sqlite3_result_error_nomem(context);
    return kept;
}

static void call_regex(sqlite3_context *context, int count, sqlite3_value **args)
{
    (void)count;
    struct so_str pattern, text;
    if (!read_text(context, args[0], &pattern) || !read_text(context, args[1], &text))
        return;
    struct so_db_regex *regex = regex_of(context, args, pattern);
    if (regex == NULL)
        return;
    struct so_err err = SO_ERR_INIT;
    bool matches;
    if (so_db_regex_match(regex, text, &matches, &err) == SO_OK)
        sqlite3_result_int(context, matches);
    else
        so_sqlite_raise(context, &err);
}

int so_match_register(struct so_sqlite *conn)
{
    enum { FLAGS = SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS };
    static const struct so_sql_function FUNCTIONS[] = {
        {"so_like", 2, FLAGS, call_like, NULL, NULL},
        {"so_ilike", 2, FLAGS, call_ilike, NULL, NULL},
        {"so_regex", 3, FLAGS, call_regex, NULL, NULL},
    };
    return so_sqlite_add_functions(conn, FUNCTIONS, COUNT_OF(FUNCTIONS));
}
