/* regex.h: ECMA-262 regular expressions (with the u flag) on PCRE2.
 * Owns: so_regex_new() makes what the arena's reset frees.   Threads: any may match.
 * Limits: a fixed number of matching steps.   Never: blocks. */
#ifndef SO_SCHEMA_REGEX_H
#define SO_SCHEMA_REGEX_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/str.h"

struct so_regex;

enum so_regex_result { SO_REGEX_NO, SO_REGEX_YES, SO_REGEX_LIMIT, SO_REGEX_NOMEM };

/* SO_EINVAL with the reason when the pattern is none, or cannot be had on PCRE2; SO_ENOMEM. */
int so_regex_new(struct so_arena *arena, struct so_str pattern, const struct so_regex **out,
                 struct so_err *err) SO_MUST_CHECK;
/* Whether the pattern occurs somewhere in the text. */
enum so_regex_result so_regex_search(const struct so_regex *r, struct so_str text);

/* ecma.c: writes the same pattern in PCRE2's syntax.  SO_EINVAL with err->at at the fault. */
int so_ecma_to_pcre(struct so_str pattern, struct so_buf *out, struct so_err *err) SO_MUST_CHECK;

#endif
