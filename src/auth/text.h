/* text.h: the small texts of the auth service: times, addresses, ids, durations, query parameters.   Never: blocks. */
#ifndef SO_AUTH_TEXT_H
#define SO_AUTH_TEXT_H

#include "core/arena.h"
#include "core/err.h"
#include "core/str.h"

/* "2024-01-01T00:00:00.000000+00:00": how the database keeps a timestamptz (db/type.h), so text order is time order. */
enum { SO_AUTH_TIME_SIZE = 33 };
void so_auth_time(int64_t us, char out[SO_AUTH_TIME_SIZE]);
/* The same in an arena; p is NULL when memory ran out. */
struct so_str so_auth_time_dup(struct so_arena *arena, int64_t us);
/* And back, to microseconds since 1970.  False when it is in another form. */
bool so_auth_time_read(struct so_str text, int64_t *out_us) SO_MUST_CHECK;

/* An e-mail address as the HTML standard defines it (input type=email), at most 255 bytes, turned to lower case in `arena`.
 * False when it is none; out->p == NULL with true when memory ran out. */
bool so_auth_email(struct so_str text, struct so_arena *arena, struct so_str *out) SO_MUST_CHECK;
/* The same with the reference's refusal: validation_failed. */
int so_auth_email_take(struct so_arena *arena, struct so_str text, struct so_str *out, struct so_err *err) SO_MUST_CHECK;
/* An E.164 number: 2 to 15 digits, not 0 first.  *out borrows from text, without the leading '+'. */
bool so_auth_phone(struct so_str text, struct so_str *out) SO_MUST_CHECK;

/* 36 characters with dashes, any case -> 16 bytes. */
bool so_auth_uuid(struct so_str text, uint8_t out[16]) SO_MUST_CHECK;

/* A valid one in lower case, in `arena`. */
int so_auth_uuid_lower(struct so_arena *arena, struct so_str text, struct so_str *out, struct so_err *err) SO_MUST_CHECK;

/* Go's durations, as the reference takes them: "24h", "1h30m", "90s", "500ms"; not negative, at most a thousand years. */
bool so_auth_duration(struct so_str text, int64_t *out_us) SO_MUST_CHECK;

/* The first parameter of this name in an URL query, decoded ("+" is a space) in `arena`.  {NULL,0} when it is not there,
 * malformed, or memory ran out: the caller then takes its default or refuses. */
struct so_str so_auth_query(struct so_str query, const char *name, struct so_arena *arena);
/* One "name=value" of a query, both decoded.  False when it is malformed or memory ran out. */
bool so_auth_query_pair(struct so_str pair, struct so_arena *arena, struct so_str *out_name,
                        struct so_str *out_value) SO_MUST_CHECK;

#endif
