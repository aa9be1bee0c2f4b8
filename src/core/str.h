/* str.h: a borrowed string: a pointer and a length.  Never owns; may hold NUL bytes; need not end in one. */
#ifndef SO_CORE_STR_H
#define SO_CORE_STR_H

#include <string.h>

#include "core/base.h"

struct so_str {
    const char *p;
    size_t n; /* bytes */
};

/* From a string literal, without strlen(). */
#define SO_STR(literal) ((struct so_str){"" literal, sizeof(literal) - 1})
/* For initialisers of static tables. */
#define SO_STR_INIT(literal)                                                                                                \
    {                                                                                                                       \
        "" literal, sizeof(literal) - 1                                                                                     \
    }
/* For printf: "%.*s", SO_STR_ARG(s) */
#define SO_STR_ARG(s) ((int)(s).n), ((s).p)

static inline struct so_str so_str(const char *p, size_t n) { return (struct so_str){p, n}; }
/* NULL gives the empty string. */
static inline struct so_str so_str_c(const char *text)
{
    return text == NULL ? (struct so_str){"", 0} : (struct so_str){text, strlen(text)};
}
static inline bool so_str_eq(struct so_str a, struct so_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool so_str_eq_c(struct so_str a, const char *b) { return so_str_eq(a, so_str_c(b)); }

/* ASCII case folded; other bytes compare as they are. */
bool so_str_eq_nocase(struct so_str a, struct so_str b);
/* Order of the bytes as unsigned, shorter first: for qsort() and bsearch(). */
int so_str_cmp(struct so_str a, struct so_str b);
bool so_str_starts(struct so_str s, struct so_str prefix);
bool so_str_ends(struct so_str s, struct so_str suffix);

#define SO_STR_NONE ((size_t)-1)
/* Index of the first byte `c` at or after `from`; SO_STR_NONE when there is none. */
size_t so_str_find_char(struct so_str s, char c, size_t from);
/* Index of the first `needle`; SO_STR_NONE when there is none. */
size_t so_str_find(struct so_str s, struct so_str needle);

/* The bytes [from, to) of s; both are clamped to its length. */
struct so_str so_str_slice(struct so_str s, size_t from, size_t to);
/* Without leading and trailing blanks and tabs (the OWS of RFC 9110 section 5.6.3). */
struct so_str so_str_trim(struct so_str s);
/* Takes the part before the first `sep` off the front of *rest, with the separator.  False when *rest was spent;
 * "a,b," gives "a", "b", "".  To start, *rest is the whole; a spent *rest has p == NULL. */
bool so_str_split(struct so_str *rest, char sep, struct so_str *out_part);

/* Decimal digits only, optional '-' for int64.  False when malformed or out of range; *out is then untouched. */
bool so_str_to_i64(struct so_str s, int64_t *out);
bool so_str_to_u64(struct so_str s, uint64_t *out);

#endif
