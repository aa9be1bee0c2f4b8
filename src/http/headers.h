/* headers.h: header values that are lists of words.  Spec: RFC 9110 section 5.6.1.   Never: allocates. */
#ifndef SO_HTTP_HEADERS_H
#define SO_HTTP_HEADERS_H

#include "core/str.h"

/* Whether the comma-separated `value` has `word` as an element, in any case: ("keep-alive, Upgrade", "upgrade"). */
bool so_http_list_has(struct so_str value, struct so_str word);

#endif
