/* pointer.c: JSON Pointers written (RFC 6901), and as URI fragments in errors (section 6). */
#include <stdio.h>
#include <string.h>

#include "schema/registry.h"

struct so_str so_pointer_join(struct so_arena *arena, struct so_str pointer, struct so_str token)
{
    size_t escapes = 0;
    for (size_t i = 0; i < token.n; i++)
        escapes += token.p[i] == '~' || token.p[i] == '/';
    char *text = so_alloc_text(arena, pointer.n + 1 + token.n + escapes + 1);
    if (text == NULL)
        return (struct so_str){NULL, 0};
    if (pointer.n > 0)
        memcpy(text, pointer.p, pointer.n);
    char *at = text + pointer.n;
    *at++ = '/';
    for (size_t i = 0; i < token.n; i++) {
        char c = token.p[i];
        if (c == '~' || c == '/') {
            *at++ = '~';
            c = c == '~' ? '0' : '1';
        }
        *at++ = c;
    }
    *at = '\0';
    return so_str(text, (size_t)(at - text));
}

struct so_str so_pointer_join_index(struct so_arena *arena, struct so_str pointer, size_t index)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%zu", index);
    return so_pointer_join(arena, pointer, so_str(digits, (size_t)n));
}

/* What a fragment may hold as it is (RFC 3986 section 3.5). */
static bool is_fragment_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@/?", c) != NULL);
}

void so_err_pointer(struct so_err *err, struct so_str pointer)
{
    if (err == NULL || err->details[0] != '\0')
        return;
    char text[sizeof(err->details)] = "#";
    size_t n = 1;
    for (size_t i = 0; i < pointer.n && n + 4 < sizeof(text); i++) {
        if (is_fragment_char(pointer.p[i]))
            text[n++] = pointer.p[i];
        else
            n += (size_t)snprintf(text + n, 4, "%%%02X", (unsigned char)pointer.p[i]);
    }
    text[n] = '\0';
    so_err_details(err, "%s", text);
}
