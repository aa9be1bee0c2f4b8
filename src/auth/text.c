/* text.c: the small texts of the auth service. */
#include "auth/text.h"

#include <stdio.h>

#include "auth/errors.h"

/* ---- times ---- */

/* The civil date of a day number: years begin in March, so that the leap day is the last one (H. Hinnant's algorithm). */
static void date_of_day(int64_t day, int64_t *year, int *month, int *day_of_month)
{
    enum { DAYS_TO_0000_03_01 = 719468, DAYS_PER_ERA = 146097 };
    int64_t z = day + DAYS_TO_0000_03_01;
    int64_t era = (z >= 0 ? z : z - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t of_era = z - era * DAYS_PER_ERA;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * of_year + 2) / 153;
    *day_of_month = (int)(of_year - (153 * march_month + 2) / 5 + 1);
    *month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

void so_auth_time(int64_t us, char out[SO_AUTH_TIME_SIZE])
{
    const int64_t SECOND = 1000000, DAY = 86400 * SECOND, LAST = 253402300799999999; /* 9999-12-31T23:59:59.999999 */
    us = us < 0 ? 0 : us > LAST ? LAST : us;
    int64_t year;
    int month, day;
    date_of_day(us / DAY, &year, &month, &day);
    unsigned second = (unsigned)(us % DAY / SECOND), fraction = (unsigned)(us % SECOND);
    /* The remainders change nothing; they show the compiler that the text fits. */
    snprintf(out, SO_AUTH_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06u+00:00", (unsigned)year % 10000,
             (unsigned)month % 100, (unsigned)day % 100, second / 3600 % 100, second / 60 % 60, second % 60,
             fraction % 1000000);
}

/* The day number of a civil date: the way back. */
static int64_t day_of_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year % 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool so_auth_time_read(struct so_str text, int64_t *out_us)
{
    static const char FORM[] = "0000-00-00T00:00:00.000000+00:00"; /* a zero stands for any digit */
    int64_t numbers[7] = {0};
    size_t count = 0;
    if (text.n != sizeof(FORM) - 1)
        return false;
    for (size_t i = 0; i < 26; i++) {
        char c = text.p[i];
        if (FORM[i] == '0' ? c < '0' || c > '9' : c != FORM[i])
            return false;
        if (FORM[i] == '0')
            numbers[count] = numbers[count] * 10 + (c - '0');
        else
            count++;
    }
    if (!so_str_ends(text, SO_STR("+00:00")))
        return false;
    int64_t seconds = day_of_date(numbers[0], numbers[1], numbers[2]) * 86400 + numbers[3] * 3600 + numbers[4] * 60;
    *out_us = (seconds + numbers[5]) * 1000000 + numbers[6];
    return true;
}

struct so_str so_auth_time_dup(struct so_arena *arena, int64_t us)
{
    char text[SO_AUTH_TIME_SIZE];
    so_auth_time(us, text);
    return so_arena_dup(arena, so_str_c(text));
}

/* ---- addresses ---- */

static struct so_str lower_dup(struct so_arena *arena, struct so_str text)
{
    char *lower = so_alloc_text(arena, text.n + 1);
    for (size_t i = 0; lower != NULL && i < text.n; i++)
        lower[i] = (char)(text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] + ('a' - 'A') : text.p[i]);
    return (struct so_str){lower, text.n};
}

static bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool is_local_part(struct so_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter_or_digit(s.p[i]) && (s.p[i] == '\0' || strchr(".!#$%&'*+/=?^_`{|}~-", s.p[i]) == NULL))
            return false;
    return s.n > 0;
}

static bool is_label(struct so_str s)
{
    if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter_or_digit(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

static bool is_domain(struct so_str s)
{
    for (struct so_str label; so_str_split(&s, '.', &label);)
        if (!is_label(label))
            return false;
    return true;
}

bool so_auth_email(struct so_str text, struct so_arena *arena, struct so_str *out)
{
    enum { EMAIL_MAX = 255 };
    size_t at = so_str_find_char(text, '@', 0);
    if (text.n > EMAIL_MAX || at == SO_STR_NONE || !is_local_part(so_str_slice(text, 0, at)) ||
        !is_domain(so_str_slice(text, at + 1, text.n)))
        return false;
    *out = lower_dup(arena, text);
    return true;
}

int so_auth_email_take(struct so_arena *arena, struct so_str text, struct so_str *out, struct so_err *err)
{
    if (!so_auth_email(text, arena, out))
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Unable to validate email address: invalid format");
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

bool so_auth_phone(struct so_str text, struct so_str *out)
{
    struct so_str digits = so_str_starts(text, SO_STR("+")) ? so_str_slice(text, 1, text.n) : text;
    if (digits.n < 2 || digits.n > 15 || digits.p[0] == '0')
        return false;
    for (size_t i = 0; i < digits.n; i++)
        if (digits.p[i] < '0' || digits.p[i] > '9')
            return false;
    *out = digits;
    return true;
}

/* ---- ids ---- */

/* The value of a hex digit plus one; 0 for anything else.  A table, because every token's ids pass here. */
static const uint8_t HEX[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Two digits -> 0..255, or -1. */
static int hex_pair(const char *p)
{
    int high = HEX[(unsigned char)p[0]], low = HEX[(unsigned char)p[1]];
    return high == 0 || low == 0 ? -1 : (high - 1) << 4 | (low - 1);
}

bool so_auth_uuid(struct so_str text, uint8_t out[16])
{
    if (text.n != 36)
        return false;
    size_t bytes = 0;
    for (size_t i = 0; i < text.n;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.p[i++] != '-')
                return false;
            continue;
        }
        int byte = hex_pair(text.p + i);
        if (byte < 0)
            return false;
        out[bytes++] = (uint8_t)byte;
        i += 2;
    }
    return true;
}

int so_auth_uuid_lower(struct so_arena *arena, struct so_str text, struct so_str *out, struct so_err *err)
{
    *out = lower_dup(arena, text);
    return out->p == NULL ? so_err_oom(err) : SO_OK;
}

/* ---- durations ---- */

bool so_auth_duration(struct so_str text, int64_t *out_us)
{
    static const struct {
        struct so_str suffix; /* a suffix that begins another comes after it */
        int64_t us;
    } UNITS[] = {
        {SO_STR_INIT("ms"), 1000},    {SO_STR_INIT("us"), 1},      {SO_STR_INIT("h"), 3600000000},
        {SO_STR_INIT("m"), 60000000}, {SO_STR_INIT("s"), 1000000},
    };
    const int64_t LONGEST = 1000LL * 366 * 86400 * 1000000;
    int64_t total = 0;
    if (text.n == 0)
        return false;
    while (text.n > 0) {
        size_t digits = 0, unit = 0;
        while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
            digits++;
        uint64_t count;
        if (!so_str_to_u64(so_str_slice(text, 0, digits), &count))
            return false;
        text = so_str_slice(text, digits, text.n);
        while (unit < COUNT_OF(UNITS) && !so_str_starts(text, UNITS[unit].suffix))
            unit++;
        if (unit == COUNT_OF(UNITS) || count > (uint64_t)((LONGEST - total) / UNITS[unit].us))
            return false;
        total += (int64_t)count * UNITS[unit].us;
        text = so_str_slice(text, UNITS[unit].suffix.n, text.n);
    }
    *out_us = total;
    return true;
}

/* ---- query parameters ---- */

static struct so_str decode(struct so_str s, struct so_arena *arena)
{
    char *to = so_alloc_text(arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; to != NULL && i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int byte = i + 2 < s.n ? hex_pair(s.p + i + 1) : -1;
            if (byte < 0)
                return (struct so_str){NULL, 0};
            c = (char)byte;
            i += 2;
        }
        to[n++] = c == '+' && s.p[i] == '+' ? ' ' : c;
    }
    return (struct so_str){to, to == NULL ? 0 : n};
}

struct so_str so_auth_query(struct so_str query, const char *name, struct so_arena *arena)
{
    for (struct so_str pair; so_str_split(&query, '&', &pair);) {
        size_t equals = so_str_find_char(pair, '=', 0);
        size_t name_end = equals == SO_STR_NONE ? pair.n : equals;
        if (so_str_eq_c(so_str_slice(pair, 0, name_end), name))
            return decode(so_str_slice(pair, name_end + (equals != SO_STR_NONE), pair.n), arena);
    }
    return (struct so_str){NULL, 0};
}

bool so_auth_query_pair(struct so_str pair, struct so_arena *arena, struct so_str *out_name, struct so_str *out_value)
{
    size_t equals = so_str_find_char(pair, '=', 0);
    size_t name_end = equals == SO_STR_NONE ? pair.n : equals;
    *out_name = decode(so_str_slice(pair, 0, name_end), arena);
    *out_value = decode(so_str_slice(pair, name_end + (equals != SO_STR_NONE), pair.n), arena);
    return out_name->p != NULL && out_value->p != NULL;
}
