/* double.c: decimal text to the nearest double, and a double to its shortest text.
 * Both have an exact fast way for what data holds (up to 15 digits, small exponents) and libc for the rest.  libc gets text
 * without a decimal point, so the locale does not matter. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/number.h"
#include "json/write.h"

/* The powers of ten that a double holds exactly. */
static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { POWER_MAX = COUNT_OF(POWERS) - 1 };

/* One operation on two exact operands rounds once, and so rightly (Clinger 1990) - if it rounds to double. */
static const bool ROUNDS_ONCE = FLT_EVAL_METHOD == 0;
static const uint64_t EXACT_MAX = 1ULL << DBL_MANT_DIG;

/* ---- to double ---- */

/* Halfway between two doubles has at most 767 significant digits: more of them only say "a bit more than this". */
enum { DIGITS_NEEDED = 768 };

static double read_slowly(const struct so_decimal *d)
{
    char text[DIGITS_NEEDED + 1 + 24];
    size_t n = so_min_size(d->count, DIGITS_NEEDED);
    const char *at = d->digits;
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('0' + so_decimal_next(&at));
    int64_t scale = so_decimal_scale(d);
    scale = scale > 9999 ? 9999 : scale < -9999 ? -9999 : scale; /* far beyond infinity and zero */
    int64_t exponent = scale - (int64_t)n;
    if (n < d->count) {
        text[n++] = '1'; /* the last digit cut off is not 0 */
        exponent--;
    }
    snprintf(text + n, sizeof(text) - n, "e%lld", (long long)exponent);
    return strtod(text, NULL);
}

static double magnitude_of(const struct so_decimal *d)
{
    if (d->count == 0)
        return 0;
    int64_t exponent = so_decimal_scale(d) - (int64_t)d->count;
    if (!ROUNDS_ONCE || d->count > 16 || exponent > POWER_MAX || exponent < -POWER_MAX)
        return read_slowly(d);
    uint64_t digits = 0;
    const char *at = d->digits;
    for (size_t i = 0; i < d->count; i++)
        digits = digits * 10 + so_decimal_next(&at);
    if (digits > EXACT_MAX)
        return read_slowly(d);
    return exponent < 0 ? (double)digits / POWERS[-exponent] : (double)digits * POWERS[exponent];
}

double so_json_to_double(const struct so_json *v)
{
    if (v->type == SO_JSON_INT)
        return (double)v->u.i;
    struct so_decimal d;
    so_decimal_init(&d, v);
    double magnitude = magnitude_of(&d);
    return d.is_negative ? -magnitude : magnitude;
}

/* ---- from double ---- */

/* digits * 10^exponent */
struct shortest {
    uint64_t digits;
    int exponent;
};

/* Numbers with few decimals.  Among texts of up to 15 digits no two mean the same double, so the first power of ten that
 * gives a whole number which leads back is the shortest. */
static bool shorten_quickly(double value, struct shortest *out)
{
    if (!ROUNDS_ONCE)
        return false;
    for (int power = 0; power <= POWER_MAX; power++) {
        double scaled = value * POWERS[power];
        if (scaled >= 1e15)
            return false;
        uint64_t digits = (uint64_t)(scaled + 0.5);
        if (digits > 0 && (double)digits / POWERS[power] == value) {
            *out = (struct shortest){digits, -power};
            return true;
        }
    }
    return false;
}

static bool reads_back(struct shortest s, double value)
{
    char text[40];
    snprintf(text, sizeof(text), "%llue%d", (unsigned long long)s.digits, s.exponent);
    return strtod(text, NULL) == value;
}

/* `value` rounded to `count` digits. */
static struct shortest round_to(double value, int count)
{
    char text[40];
    snprintf(text, sizeof(text), "%.*e", count - 1, value);
    struct shortest s = {0, 0};
    const char *at = text;
    for (int i = 0; i < count; at++) {
        if (*at < '0' || *at > '9')
            continue; /* the decimal point, whatever the locale calls it */
        s.digits = s.digits * 10 + (uint64_t)(*at - '0');
        i++;
    }
    const char *sign = strchr(at, 'e') + 1; /* always there: '+' or '-' */
    int64_t exponent = 0;
    (void)so_str_to_i64(so_str_c(*sign == '+' ? sign + 1 : sign), &exponent); /* digits of our own making */
    s.exponent = (int)exponent - (count - 1);
    return s;
}

/* The fewest digits that lead back, and of those the nearest. */
static struct shortest shorten(double value)
{
    struct shortest s;
    if (shorten_quickly(value, &s))
        return s;
    /* 15 digits always survive the way there and back in the normal range, so fewer show as zeros at the end. */
    int fraction_exponent;
    bool is_power_of_two = frexp(value, &fraction_exponent) == 0.5;
    for (int count = value < DBL_MIN ? 1 : DBL_DIG; count < DBL_DECIMAL_DIG; count++) {
        s = round_to(value, count);
        if (reads_back(s, value))
            return s;
        /* Doubles below a power of two are twice as close: the text above may lead back where the nearer one below does not.
         */
        s.digits++;
        if (is_power_of_two && reads_back(s, value))
            return s;
    }
    return round_to(value, DBL_DECIMAL_DIG);
}

/* Where the point goes and when an exponent is written: ECMA-262, Number::toString. */
static void put_shortest(struct so_buf *b, struct shortest s)
{
    while (s.digits % 10 == 0) {
        s.digits /= 10;
        s.exponent++;
    }
    char digits[24];
    int count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)s.digits);
    int point = count + s.exponent; /* places before the decimal point */
    static const char ZEROS[] = "000000000000000000000";
    if (count <= point && point <= 21) {
        so_buf_put(b, digits, (size_t)count);
        so_buf_put(b, ZEROS, (size_t)(point - count));
    } else if (0 < point && point <= 21) {
        so_buf_put(b, digits, (size_t)point);
        so_buf_putc(b, '.');
        so_buf_put(b, digits + point, (size_t)(count - point));
    } else if (-6 < point && point <= 0) {
        so_buf_lit(b, "0.");
        so_buf_put(b, ZEROS, (size_t)-point);
        so_buf_put(b, digits, (size_t)count);
    } else {
        so_buf_putc(b, digits[0]);
        if (count > 1)
            so_buf_putc(b, '.');
        so_buf_put(b, digits + 1, (size_t)(count - 1));
        so_buf_printf(b, "e%+d", point - 1);
    }
}

void so_json_put_double(struct so_buf *b, double value)
{
    if (!isfinite(value)) {
        so_buf_lit(b, "null");
        return;
    }
    if (signbit(value))
        so_buf_putc(b, '-');
    value = fabs(value);
    if (value < (double)EXACT_MAX && value == floor(value))
        so_buf_put_u64(b, (uint64_t)value);
    else
        put_shortest(b, shorten(value));
}
