/* url.c: strict percent-decoding: a bad %XX is an error, not text. */
#include "http/url.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool needs_decoding(struct so_str text, bool plus_is_space)
{
    return so_str_find_char(text, '%', 0) != SO_STR_NONE || (plus_is_space && so_str_find_char(text, '+', 0) != SO_STR_NONE);
}

int so_http_decode(struct so_arena *arena, struct so_str text, bool plus_is_space, struct so_str *out)
{
    if (!needs_decoding(text, plus_is_space)) {
        *out = text;
        return SO_OK;
    }
    char *p = so_alloc_text(arena, text.n);
    if (p == NULL)
        return SO_ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = text.n - i > 2 ? hex_value(text.p[i + 1]) : -1;
            int low = text.n - i > 2 ? hex_value(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return SO_EINVAL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        p[n++] = c;
    }
    *out = so_str(p, n);
    return SO_OK;
}
