/* place.c: error messages that name file, JSON Pointer (RFC 6901) and reason; and "did you mean". */
#include "model/place.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/distance.h"

enum { REASON_MAX = 512, POINTER_MAX = 512 };

static void put_token(struct so_buf *b, struct so_str token)
{
    so_buf_putc(b, '/');
    for (size_t i = 0; i < token.n; i++) {
        if (token.p[i] == '~')
            so_buf_lit(b, "~0");
        else if (token.p[i] == '/')
            so_buf_lit(b, "~1");
        else
            so_buf_putc(b, token.p[i]);
    }
}

/* A pointer that meets the limit is cut: it is only read by people. */
static void put_pointer(struct so_buf *b, const struct so_place *at)
{
    if (at->property.n > 0) {
        so_buf_lit(b, "/properties");
        put_token(b, at->property);
    }
    if (at->keyword != NULL)
        put_token(b, so_str_c(at->keyword));
    if (at->member.n > 0)
        put_token(b, at->member);
}

int so_place_fail(const struct so_place *at, struct so_err *err, int code, const char *format, ...)
{
    char reason[REASON_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);

    struct so_buf pointer;
    so_buf_init(&pointer, POINTER_MAX);
    put_pointer(&pointer, at);
    struct so_str text = so_buf_str(&pointer);
    so_fail(err, code, "%.*s#%.*s: %s", SO_STR_ARG(at->file), SO_STR_ARG(text), reason);
    so_buf_deinit(&pointer);
    return code;
}

int so_place_wrap(const struct so_place *at, const struct so_err *cause, struct so_err *err)
{
    if (cause->code == SO_ENOMEM)
        return so_err_oom(err);
    so_place_fail(at, err, cause->code, "%s", cause->message);
    if (cause->details[0] != '\0')
        so_err_details(err, "%s", cause->details);
    if (cause->hint[0] != '\0')
        so_err_hint(err, "%s", cause->hint);
    return cause->code;
}

/* Blind to case and to '_' for '-'. */
static char plain(char c) { return c == '_' ? '-' : so_fold_case(c); }

const char *so_nearest(struct so_str word, const char *const *known)
{
    /* Longer words may hold more slips: "x-policy" is three away from "x-policies". */
    size_t best = word.n >= 8 ? 3 : 2;
    const char *nearest = NULL;
    for (; *known != NULL; known++) {
        struct so_str name = so_str_c(*known);
        size_t d = so_distance(word, name, plain);
        if (d > best || (nearest != NULL && d == best) || d >= name.n)
            continue;
        best = d;
        nearest = *known;
    }
    return nearest;
}
