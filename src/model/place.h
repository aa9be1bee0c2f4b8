/* place.h: where in a schema file something is wrong, as "schemas/books.json#/properties/isbn/x-default". */
#ifndef SO_MODEL_PLACE_H
#define SO_MODEL_PLACE_H

#include "core/err.h"
#include "core/str.h"

struct so_place {
    struct so_str file;
    struct so_str property; /* empty: the table itself */
    const char *keyword;    /* NULL: the property or the table as a whole */
    struct so_str member;   /* inside the keyword's value; empty when that is meant as a whole */
};

/* Fills err with "FILE#POINTER: reason" and returns `code`. */
int so_place_fail(const struct so_place *at, struct so_err *err, int code, const char *format, ...) SO_PRINTF(4, 5);
/* The same for an error that a callee described in `cause`; keeps its code, details and hint. */
int so_place_wrap(const struct so_place *at, const struct so_err *cause, struct so_err *err);

/* The name in `known` (ended by NULL) that `word` was probably meant to be; NULL when none is near. */
const char *so_nearest(struct so_str word, const char *const *known);

#endif
