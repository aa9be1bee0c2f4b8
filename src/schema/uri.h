/* uri.h: references resolved against a base (RFC 3986 section 5).  Not here: whether a URI is well formed (format_uri.c). */
#ifndef SO_SCHEMA_URI_H
#define SO_SCHEMA_URI_H

#include "core/arena.h"
#include "core/str.h"

/* `ref` resolved against `base`, without its fragment, in `arena`; *out_fragment (without '#') points into `ref`, its p is
 * NULL when there is none.  False when memory ran out. */
bool so_uri_resolve(struct so_arena *arena, struct so_str base, struct so_str ref, struct so_str *out_uri,
                    struct so_str *out_fragment) SO_MUST_CHECK;
/* Whether it starts with a scheme. */
bool so_uri_is_absolute(struct so_str uri);
/* %XX decoded, in `arena`; p is NULL when memory ran out.  A malformed escape stays as it is. */
struct so_str so_uri_decode(struct so_arena *arena, struct so_str text);

#endif
