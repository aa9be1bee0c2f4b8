/* text.h: SQL text that grows in an arena.  The first failure is kept, so a builder writes in a straight line and asks once.
 * Borrows: the arena.   Errors: `failed` when the arena's limit was met. */
#ifndef SO_REST_TEXT_H
#define SO_REST_TEXT_H

#include <string.h>

#include "core/arena.h"

struct so_text {
    struct so_arena *arena;
    char *p;
    size_t len, cap;
    bool failed;
};

void so_text_init(struct so_text *t, struct so_arena *arena, size_t cap);
void so_text_grow(struct so_text *t, size_t need);

static inline void so_text_put(struct so_text *t, const char *bytes, size_t n)
{
    if (SO_UNLIKELY(n > t->cap - t->len))
        so_text_grow(t, n);
    if (SO_UNLIKELY(t->failed) || n == 0)
        return;
    memcpy(t->p + t->len, bytes, n);
    t->len += n;
}
static inline void so_text_str(struct so_text *t, struct so_str s) { so_text_put(t, s.p, s.n); }
static inline void so_text_c(struct so_text *t, const char *text) { so_text_put(t, text, strlen(text)); }
static inline void so_text_char(struct so_text *t, char c) { so_text_put(t, &c, 1); }
#define so_text_lit(t, literal) so_text_put((t), "" literal, sizeof(literal) - 1)
void so_text_u64(struct so_text *t, uint64_t value);
/* "name" with quotes doubled: an identifier in both databases. */
void so_text_name(struct so_text *t, struct so_str name);

static inline struct so_str so_text_get(const struct so_text *t) { return (struct so_str){t->p, t->len}; }

#endif
