/* url.h: percent-decoding.  Spec: RFC 3986 section 2.1; '+' as in application/x-www-form-urlencoded. */
#ifndef SO_HTTP_URL_H
#define SO_HTTP_URL_H

#include "core/arena.h"
#include "core/err.h"

/* Decodes `text` into the arena; *out is `text` itself when there is nothing to decode.  The result may hold any byte.
 * SO_EINVAL: a '%' without two hex digits.  SO_ENOMEM. */
int so_http_decode(struct so_arena *arena, struct so_str text, bool plus_is_space, struct so_str *out) SO_MUST_CHECK;

#endif
