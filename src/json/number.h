/* number.h: a decimal number taken apart without copying it.  Private to json/. */
#ifndef SO_JSON_NUMBER_H
#define SO_JSON_NUMBER_H

#include "json/json.h"

/* The value 0.DIGITS * 10^(point + exponent).   Borrows: the number's text; points into itself, so do not copy it. */
struct so_decimal {
    bool is_negative;
    size_t count;       /* significant digits: no zeros at either end; 0 when the value is zero */
    const char *digits; /* the first of them; a '.' may lie between */
    int64_t point;      /* where the decimal point is, counted from the first digit: below 2^33 either way */
    bool has_negative_exponent;
    struct so_str exponent; /* its digits without leading zeros: any number of them */
    char own[24];           /* the text, where the value was an int64 */
};

void so_decimal_init(struct so_decimal *d, const struct so_json *v);
/* The next significant digit, 0..9; *at starts as d->digits.  Ask no more than d->count times. */
static inline unsigned so_decimal_next(const char **at)
{
    if (**at == '.')
        ++*at;
    return (unsigned)(*(*at)++ - '0');
}
/* point + exponent, exact within +-2^60, and beyond that far out on the same side. */
int64_t so_decimal_scale(const struct so_decimal *d);

/* so_json_number_cmp() digit by digit: the way that needs no short cut, and what the short cuts are tested against. */
int so_json_number_cmp_exactly(const struct so_json *a, const struct so_json *b);

/* The same for all spellings of one value. */
uint64_t so_json_number_hash(const struct so_json *v, uint64_t seed);

#endif
