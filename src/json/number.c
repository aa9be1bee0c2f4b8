/* number.c: decimal numbers of any size, exactly, and never written out: 1e999999999 is a digit and an exponent. */
#include "json/number.h"

#include <stdio.h>

#include "core/hash.h"
#include "json/scan.h"

/* Beyond any sum of a text's length and an exponent that matters; sums of a few of them stay inside int64. */
#define FAR ((int64_t)1 << 60)

/* ---- taking apart ---- */

static struct so_str number_text(struct so_decimal *d, const struct so_json *v)
{
    if (v->type == SO_JSON_NUMBER)
        return so_json_str(v);
    int len = snprintf(d->own, sizeof(d->own), "%lld", (long long)v->u.i);
    return so_str(d->own, (size_t)len);
}

static void read_exponent(struct so_decimal *d, const char *at, const char *end)
{
    d->has_negative_exponent = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    while (at < end && *at == '0')
        at++;
    d->exponent = so_str(at, (size_t)(end - at));
}

void so_decimal_init(struct so_decimal *d, const struct so_json *v)
{
    struct so_str text = number_text(d, v);
    const char *at = text.p, *end = text.p + text.n;
    d->is_negative = *at == '-';
    at += d->is_negative;

    const char *first = NULL, *last = NULL, *dot = NULL;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            dot = at;
        } else if (*at != '0') {
            last = at;
            if (first == NULL)
                first = at;
        }
    }
    if (dot == NULL)
        dot = at;
    read_exponent(d, at < end ? at + 1 : end, end);
    d->digits = first;
    d->count = 0;
    d->point = 0;
    if (first == NULL)
        return;
    d->count = (size_t)(last - first) + 1 - (first < dot && dot < last);
    d->point = first < dot ? dot - first : -(first - dot - 1);
}

/* The exponent, cut to +-2*FAR. */
static int64_t exponent_of(const struct so_decimal *d)
{
    int64_t value = 0;
    for (size_t i = 0; i < d->exponent.n && value < 2 * FAR; i++)
        value = value >= 2 * FAR / 10 ? 2 * FAR : value * 10 + (d->exponent.p[i] - '0');
    return d->has_negative_exponent ? -value : value;
}

int64_t so_decimal_scale(const struct so_decimal *d) { return exponent_of(d) + d->point; }

/* |a's exponent| - |b's exponent| as digit strings, exact within +-FAR/10 and +-FAR otherwise. */
static int64_t subtract_digits(struct so_str a, struct so_str b)
{
    size_t n = so_max_size(a.n, b.n);
    int64_t difference = 0;
    for (size_t i = n; i > 0; i--) {
        int digit_a = i <= a.n ? a.p[a.n - i] - '0' : 0, digit_b = i <= b.n ? b.p[b.n - i] - '0' : 0;
        difference = difference * 10 + (digit_a - digit_b);
        /* Once out here, no digit that follows brings it back. */
        if (difference > FAR / 10 || difference < -FAR / 10)
            return difference > 0 ? FAR : -FAR;
    }
    return difference;
}

/* a's scale - b's scale, in the same way.  Two exponents of a thousand digits can still differ by one. */
static int64_t scale_difference(const struct so_decimal *a, const struct so_decimal *b)
{
    int64_t exponents;
    if (a->has_negative_exponent == b->has_negative_exponent) {
        exponents = subtract_digits(a->exponent, b->exponent);
        if (a->has_negative_exponent)
            exponents = -exponents;
    } else {
        exponents = exponent_of(a) - exponent_of(b);
    }
    return exponents + (a->point - b->point);
}

/* ---- order and identity ---- */

/* Both have digits. */
static int compare_magnitudes(const struct so_decimal *a, const struct so_decimal *b)
{
    int64_t scale = scale_difference(a, b);
    if (scale != 0)
        return scale < 0 ? -1 : 1;
    const char *at_a = a->digits, *at_b = b->digits;
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        unsigned digit_a = so_decimal_next(&at_a), digit_b = so_decimal_next(&at_b);
        if (digit_a != digit_b)
            return digit_a < digit_b ? -1 : 1;
    }
    return (a->count > b->count) - (a->count < b->count);
}

static int sign_of(const struct so_decimal *d) { return d->count == 0 ? 0 : d->is_negative ? -1 : 1; }

int so_json_number_cmp(const struct so_json *a, const struct so_json *b)
{
    if (a->type == SO_JSON_INT && b->type == SO_JSON_INT)
        return (a->u.i > b->u.i) - (a->u.i < b->u.i);
    int64_t whole_a, whole_b;
    if (so_json_truncate(a, &whole_a) && so_json_truncate(b, &whole_b) && whole_a != whole_b)
        return whole_a < whole_b ? -1 : 1;
    return so_json_number_cmp_exactly(a, b);
}

int so_json_number_cmp_exactly(const struct so_json *a, const struct so_json *b)
{
    struct so_decimal x, y;
    so_decimal_init(&x, a);
    so_decimal_init(&y, b);
    int sign = sign_of(&x), other = sign_of(&y);
    if (sign != other || sign == 0)
        return (sign > other) - (sign < other);
    return sign * compare_magnitudes(&x, &y);
}

static bool is_whole(const struct so_decimal *d) { return d->count == 0 || so_decimal_scale(d) >= (int64_t)d->count; }

bool so_json_is_integer(const struct so_json *v)
{
    if (v->type != SO_JSON_NUMBER)
        return v->type == SO_JSON_INT;
    struct so_decimal d;
    so_decimal_init(&d, v);
    return is_whole(&d);
}

bool so_json_to_i64(const struct so_json *v, int64_t *out)
{
    if (v->type == SO_JSON_INT) {
        *out = v->u.i;
        return true;
    }
    if (v->type != SO_JSON_NUMBER)
        return false;
    struct so_decimal d;
    so_decimal_init(&d, v);
    int64_t digits = d.count == 0 ? 0 : so_decimal_scale(&d);
    if (!is_whole(&d) || digits > 19)
        return false;
    uint64_t magnitude = 0; /* 19 digits fit */
    const char *at = d.digits;
    for (int64_t i = 0; i < digits; i++)
        magnitude = magnitude * 10 + (i < (int64_t)d.count ? so_decimal_next(&at) : 0);
    if (magnitude > (uint64_t)INT64_MAX + d.is_negative)
        return false;
    *out = (int64_t)(d.is_negative ? 0 - magnitude : magnitude);
    return true;
}

uint64_t so_json_number_hash(const struct so_json *v, uint64_t seed)
{
    int64_t whole;
    if (so_json_to_i64(v, &whole))
        return so_hash_mix((uint64_t)whole ^ 0xA0761D6478BD642FULL, seed ^ 0xE7037ED1A0B428DBULL);
    struct so_decimal d;
    so_decimal_init(&d, v);
    int64_t scale = so_decimal_scale(&d);
    if (scale > FAR / 2 || scale < -FAR / 2)
        scale = FAR; /* not exact out there: equal values still agree */
    uint64_t hash = so_hash_mix(seed ^ (uint64_t)scale, 0xE7037ED1A0B428DBULL + d.is_negative);
    const char *at = d.digits;
    for (size_t i = 0; i < d.count; i++)
        hash = so_hash_mix(hash ^ so_decimal_next(&at), 0xA0761D6478BD642FULL);
    return hash;
}

/* ---- multiples ---- */

/* A natural number of up to SO_JSON_DIGITS_MAX digits, times 10, in 32-bit limbs, lowest first. */
enum { LIMBS_MAX = SO_JSON_DIGITS_MAX * 4 / 32 + 2 };
struct natural {
    size_t count; /* limbs; the highest is not zero */
    uint32_t limbs[LIMBS_MAX];
};

/* n = n * 10 + digit */
static void append_digit(struct natural *n, unsigned digit)
{
    uint64_t carry = digit;
    for (size_t i = 0; i < n->count; i++) {
        carry += (uint64_t)n->limbs[i] * 10;
        n->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0)
        n->limbs[n->count++] = (uint32_t)carry;
}

static bool is_less(const struct natural *a, const struct natural *b)
{
    if (a->count != b->count)
        return a->count < b->count;
    for (size_t i = a->count; i-- > 0;)
        if (a->limbs[i] != b->limbs[i])
            return a->limbs[i] < b->limbs[i];
    return false;
}

/* a = a - b, for b <= a */
static void subtract(struct natural *a, const struct natural *b)
{
    int64_t borrow = 0;
    for (size_t i = 0; i < a->count; i++) {
        borrow += (int64_t)a->limbs[i] - (i < b->count ? b->limbs[i] : 0);
        a->limbs[i] = (uint32_t)borrow;
        borrow = borrow < 0 ? -1 : 0;
    }
    while (a->count > 0 && a->limbs[a->count - 1] == 0)
        a->count--;
}

/* Whether b divides DIGITS(a) * 10^zeros: long division, as on paper. */
static bool divides_long(const struct so_decimal *b, const struct so_decimal *a, int64_t zeros)
{
    if (b->count > SO_JSON_DIGITS_MAX || a->count > SO_JSON_DIGITS_MAX || zeros > SO_JSON_DIGITS_MAX - (int64_t)a->count)
        return false;
    struct natural divisor = {0}, rest = {0};
    const char *at = b->digits;
    for (size_t i = 0; i < b->count; i++)
        append_digit(&divisor, so_decimal_next(&at));
    at = a->digits;
    for (int64_t i = 0; i < (int64_t)a->count + zeros; i++) {
        append_digit(&rest, i < (int64_t)a->count ? so_decimal_next(&at) : 0);
        while (!is_less(&rest, &divisor))
            subtract(&rest, &divisor);
    }
    return rest.count == 0;
}

/* The same for a divisor that fits one word. */
static bool divides_short(const struct so_decimal *b, const struct so_decimal *a, int64_t zeros)
{
    uint64_t divisor = 0, rest = 0;
    const char *at = b->digits;
    for (size_t i = 0; i < b->count; i++)
        divisor = divisor * 10 + so_decimal_next(&at);
    at = a->digits;
    for (int64_t i = 0; i < (int64_t)a->count + zeros; i++) {
        unsigned digit = i < (int64_t)a->count ? so_decimal_next(&at) : 0;
        rest = (uint64_t)(((__uint128_t)rest * 10 + digit) % divisor);
    }
    return rest == 0;
}

bool so_json_number_is_multiple(const struct so_json *a, const struct so_json *b)
{
    if (a->type == SO_JSON_INT && b->type == SO_JSON_INT && b->u.i > 0)
        return a->u.i % b->u.i == 0;
    struct so_decimal x, y;
    so_decimal_init(&x, a);
    so_decimal_init(&y, b);
    if (x.count == 0 || y.count == 0)
        return y.count != 0; /* zero is a multiple of all but zero */
    /* a / b = DIGITS(a) * 10^zeros / DIGITS(b).  Neither ends in 0, so a negative power leaves a remainder. */
    int64_t zeros = scale_difference(&x, &y) - (int64_t)x.count + (int64_t)y.count;
    if (zeros < 0)
        return false;
    /* DIGITS(b) has fewer factors 2 and fewer factors 5 than it has bits, so more zeros than that change nothing. */
    if (zeros > (int64_t)y.count * 4)
        zeros = (int64_t)y.count * 4;
    return y.count <= 19 ? divides_short(&y, &x, zeros) : divides_long(&y, &x, zeros);
}
