/* scan.h: the cursor that the grammar's files share, and the tokens they have in common.
 * A function that fails has filled scan->err with PGRST100, as PostgREST words it. */
#ifndef SO_REST_SCAN_H
#define SO_REST_SCAN_H

#include "rest/request.h"

struct so_scan {
    struct so_str text;
    size_t at;
    const char *what; /* "failed to parse filter" */
    struct so_arena *arena;
    struct so_err *err;
    unsigned items; /* met so far, for SO_REST_ITEMS_MAX */
};

static inline bool so_scan_end(const struct so_scan *s) { return s->at >= s->text.n; }
/* The next byte; '\0' at the end (the text holds no NUL: query.c sees to that). */
static inline char so_scan_peek(const struct so_scan *s) { return so_scan_end(s) ? '\0' : s->text.p[s->at]; }
static inline bool so_scan_take(struct so_scan *s, char c)
{
    if (so_scan_end(s) || s->text.p[s->at] != c)
        return false;
    s->at++;
    return true;
}
bool so_scan_word(struct so_scan *s, struct so_str word);
void so_scan_blanks(struct so_scan *s);

/* PGRST100 at the cursor: `expecting` in PostgREST's words. */
int so_scan_fail(struct so_scan *s, const char *expecting) SO_MUST_CHECK;
/* Counts one more item or level. */
int so_scan_count(struct so_scan *s) SO_MUST_CHECK;

/* A field name: quoted, or letters, digits, '_', '$', blanks and inner dashes. */
int so_scan_name(struct so_scan *s, struct so_str *out) SO_MUST_CHECK;
/* "..." with backslash escapes; the cursor is at the quote. */
int so_scan_quoted(struct so_scan *s, struct so_str *out) SO_MUST_CHECK;
/* Letters, digits, '_', '$' and blanks: a type or a language. */
int so_scan_identifier(struct so_scan *s, struct so_str *out) SO_MUST_CHECK;
/* A name and its JSON path, blanks around it. */
int so_scan_field(struct so_scan *s, struct so_field_name *out) SO_MUST_CHECK;
/* a,b,c up to the end. */
int so_scan_names(struct so_scan *s, struct so_name **out) SO_MUST_CHECK;
/* a.b.c->d: the names before the last one, and the field. */
int so_scan_path(struct so_scan *s, struct so_name **out_path, struct so_field_name *out_field) SO_MUST_CHECK;

#endif
