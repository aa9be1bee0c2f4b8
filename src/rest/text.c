/* text.c: grow by doubling; the old bytes stay behind in the arena. */
#include "rest/text.h"

void so_text_init(struct so_text *t, struct so_arena *arena, size_t cap)
{
    *t = (struct so_text){.arena = arena, .p = so_alloc_text(arena, cap), .cap = cap};
    if (t->p == NULL) {
        t->cap = 0;
        t->failed = true;
    }
}

void so_text_grow(struct so_text *t, size_t need)
{
    if (t->failed)
        return;
    size_t cap = so_max_size(t->cap * 2, t->len + need);
    char *p = so_alloc_text(t->arena, cap);
    if (p == NULL) {
        t->failed = true;
        return;
    }
    memcpy(p, t->p, t->len);
    t->p = p;
    t->cap = cap;
}

void so_text_u64(struct so_text *t, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    so_text_put(t, digits + at, sizeof(digits) - at);
}

void so_text_name(struct so_text *t, struct so_str name)
{
    so_text_char(t, '"');
    for (size_t from = 0;;) {
        size_t quote = so_str_find_char(name, '"', from);
        if (quote == SO_STR_NONE) {
            so_text_str(t, so_str_slice(name, from, name.n));
            break;
        }
        so_text_str(t, so_str_slice(name, from, quote + 1));
        so_text_char(t, '"');
        from = quote + 1;
    }
    so_text_char(t, '"');
}
