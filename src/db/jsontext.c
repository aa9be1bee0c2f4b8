/* jsontext.c: check JSON text that a column holds before it is copied into an answer as it is.
 *
 * A column of JSON can hold anything, since SQLite checks nothing; one bad row must not break an answer.  Parsing would do,
 * but needs memory for values that nobody looks at. */
#include "db/jsontext.h"

#include "core/utf8.h"

/* Deeper text is not wrong, but is then shown as a string: a bit a level says whether it is an object. */
enum { DEPTH_MAX = 64 };

struct scanner {
    const char *p, *end;
};

static void skip_space(struct scanner *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

static bool take(struct scanner *s, char c)
{
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static bool take_word(struct scanner *s, struct so_str word)
{
    if ((size_t)(s->end - s->p) < word.n || memcmp(s->p, word.p, word.n) != 0)
        return false;
    s->p += word.n;
    return true;
}

static bool take_digits(struct scanner *s)
{
    const char *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > from;
}

static bool take_number(struct scanner *s)
{
    take(s, '-');
    if (!take(s, '0') && !take_digits(s))
        return false;
    if (take(s, '.') && !take_digits(s))
        return false;
    if (!take(s, 'e') && !take(s, 'E'))
        return true;
    if (!take(s, '+'))
        take(s, '-');
    return take_digits(s);
}

static bool take_hex4(struct scanner *s)
{
    if (s->end - s->p < 4)
        return false;
    for (int i = 0; i < 4; i++, s->p++) {
        char c = (char)(*s->p | 0x20);
        if (!((*s->p >= '0' && *s->p <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

static bool take_string(struct scanner *s)
{
    if (!take(s, '"'))
        return false;
    while (s->p < s->end) {
        char c = *s->p++;
        if (c == '"')
            return true;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\')
            continue;
        if (s->p == s->end)
            return false;
        c = *s->p++;
        if (c == 'u' ? !take_hex4(s) : strchr("\"\\/bfnrt", c) == NULL || c == '\0')
            return false;
    }
    return false;
}

static bool take_key(struct scanner *s)
{
    skip_space(s);
    if (!take_string(s))
        return false;
    skip_space(s);
    return take(s, ':');
}

static bool take_scalar(struct scanner *s)
{
    if (s->p == s->end)
        return false;
    switch (*s->p) {
    case '"': return take_string(s);
    case 't': return take_word(s, SO_STR("true"));
    case 'f': return take_word(s, SO_STR("false"));
    case 'n': return take_word(s, SO_STR("null"));
    default: return take_number(s);
    }
}

/* Opens arrays and objects until a value ends.  `objects`: bit n says that level n is an object. */
static bool take_value(struct scanner *s, uint64_t *objects, unsigned *depth)
{
    for (;;) {
        skip_space(s);
        bool is_object = take(s, '{');
        if (!is_object && !take(s, '['))
            return take_scalar(s);
        if (*depth == DEPTH_MAX)
            return false;
        *objects = (*objects & ~(UINT64_C(1) << *depth)) | ((uint64_t)is_object << *depth);
        (*depth)++;
        skip_space(s);
        if (take(s, is_object ? '}' : ']')) {
            (*depth)--;
            return true;
        }
        if (is_object && !take_key(s))
            return false;
    }
}

static bool take_text(struct scanner *s)
{
    uint64_t objects = 0;
    unsigned depth = 0;
    for (;;) {
        if (!take_value(s, &objects, &depth))
            return false;
        /* after a value: close levels until one goes on */
        for (;;) {
            skip_space(s);
            if (depth == 0)
                return s->p == s->end;
            bool in_object = (objects >> (depth - 1)) & 1;
            if (take(s, ',')) {
                if (in_object && !take_key(s))
                    return false;
                break;
            }
            if (!take(s, in_object ? '}' : ']'))
                return false;
            depth--;
        }
    }
}

bool so_json_text_valid(struct so_str text)
{
    struct scanner s = {text.p, text.p + text.n};
    return text.n > 0 && take_text(&s) && so_utf8_valid(text);
}

bool so_json_text_is_number(struct so_str text)
{
    struct scanner s = {text.p, text.p + text.n};
    return text.n > 0 && take_number(&s) && s.p == s.end;
}
