/* validate.h: rows against the schema file: the body before it is written, the stored row after it was changed. */
#ifndef SO_REST_VALIDATE_H
#define SO_REST_VALIDATE_H

#include "rest/plan.h"

/* Every row of the body, for an insert: sets p->violations.  Members the client left out and the database fills in are not
 * missed.  Only `keys` (p->write.input's columns) count. */
int so_validate_body(struct so_rest_plan *p) SO_MUST_CHECK;
/* What a body says wrong by itself, for an update that the database refused: only the members that are there. */
int so_validate_changes(struct so_rest_plan *p) SO_MUST_CHECK;
/* Adds: the client may not set this column. */
int so_validate_read_only(struct so_rest_plan *p, struct so_str key) SO_MUST_CHECK;
/* The stored row as it is now. */
int so_validate_value(struct so_rest_plan *p, const struct so_json *row, int64_t index) SO_MUST_CHECK;
/* The stored row, as JSON text of the entity's row shape; index: its place in an array body, or -1. */
int so_validate_stored(struct so_rest_plan *p, struct so_str row, int64_t index) SO_MUST_CHECK;
/* SO_OK when p->violations is empty, else SO_EINVAL with 422. */
int so_validate_verdict(struct so_rest_plan *p) SO_MUST_CHECK;

#endif
