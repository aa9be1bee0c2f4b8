/* utf8.h: UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 * Never: allocates. */
#ifndef SO_CORE_UTF8_H
#define SO_CORE_UTF8_H

#include "core/base.h"
#include "core/str.h"

/* Index of the first byte that does not belong to a well-formed sequence; s.n when all is well. */
size_t so_utf8_check(struct so_str s);
static inline bool so_utf8_valid(struct so_str s) { return so_utf8_check(s) == s.n; }

/* Code points in well-formed text. */
size_t so_utf8_length(struct so_str s);

/* Decodes the code point at s.p[*at] and moves *at past it; -1 (and *at unmoved) for a malformed or cut sequence. */
int32_t so_utf8_next(struct so_str s, size_t *at);

/* Writes 1..4 bytes to out and returns how many; 0 for a surrogate or a value above U+10FFFF. */
size_t so_utf8_put(char out[4], uint32_t code_point);

/* The largest n <= max at which `text` can be cut without leaving half a character. */
size_t so_utf8_cut(const char *text, size_t max);

#endif
