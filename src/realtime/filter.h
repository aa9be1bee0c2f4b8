/* filter.h: which rows a listener wants: column=op.value, several joined by commas (AND), as Supabase Realtime takes them:
 *
 *   filter  = term *("," term)
 *   term    = column "=" ["not."] operator "." value        eq neq lt lte gt gte in like ilike is match imatch isdistinct
 *   value   = text | '"' text with \ before '"' and '\' '"' | "(" value *("," value) ")" after in
 *
 * Values are compared as the column's type does it, and NULL is unknown, as in SQL: neither eq nor not.eq is true of it.
 * Limits: SO_FILTER_BYTES_MAX, SO_FILTER_TERMS_MAX, SO_FILTER_VALUES_MAX.   Threads: one at a time (regular expressions). */
#ifndef SO_REALTIME_FILTER_H
#define SO_REALTIME_FILTER_H

#include "db/catalog.h"
#include "db/match.h"
#include "realtime/row.h"
#include "json/json.h"

enum { SO_FILTER_BYTES_MAX = 8192, SO_FILTER_TERMS_MAX = 32, SO_FILTER_VALUES_MAX = 100 };

struct so_filter_value {
    struct so_cell cell;        /* in the stored form of the column's type */
    const struct so_json *json; /* of a JSON column */
};

struct so_filter_operator;
struct so_filter_term {
    const struct so_filter_operator *op;
    bool negated;
    const struct so_column *column;
    const struct so_filter_value *values;
    size_t count;
    struct so_db_regex *regex; /* freed with the arena */
};

struct so_change_filter {
    struct so_filter_term *terms;
    size_t count; /* 0: every row */
};

/* may_read() says whether the listener may know of a column.  SO_EINVAL: err->message says what is wrong. */
int so_change_filter_parse(struct so_str text, const struct so_relation *relation,
                           bool (*may_read)(const void *arg, const struct so_column *column), const void *arg,
                           struct so_arena *arena, struct so_change_filter *out, struct so_err *err) SO_MUST_CHECK;
/* `scratch` is for the time of the call.  SO_ENOMEM, or SO_ELIMIT when a regular expression takes too long. */
int so_change_filter_test(const struct so_change_filter *filter, const struct so_row *row, struct so_arena *scratch,
                          bool *out, struct so_err *err) SO_MUST_CHECK;

/* The term by whose value the filter can be found: column=eq.value, where equal cells have equal so_filter_key()s.  NULL:
 * there is none. */
const struct so_filter_term *so_change_filter_equality(const struct so_change_filter *filter);
/* Text that is equal for equal cells of such a column, in `buf` of 24 bytes or borrowed; p == NULL: no value is equal to the
 * cell. */
struct so_str so_filter_key(const struct so_cell *cell, char buf[24]);

#endif
