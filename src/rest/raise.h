/* raise.h: errors that SQL of the user raises with an answer of its own (PostgREST, Error.hs).
 *
 *   RAISE sqlstate 'PT402'     the last three digits are the HTTP status
 *   RAISE sqlstate 'PGRST'     message {"code","message","details","hint"}, detail {"status","status_text","headers"} */
#ifndef SO_REST_RAISE_H
#define SO_REST_RAISE_H

#include "rest/rest.h"

struct so_raise {
    int status;
    struct so_str code, message, details, hint; /* p == NULL: null */
    const struct so_json *headers;              /* an object of texts; NULL: none */
};

/* False when err is none of the kind.  What the texts and headers point into is in `arena`. */
bool so_raise_read(const struct so_err *err, struct so_arena *arena, struct so_raise *out);

#endif
