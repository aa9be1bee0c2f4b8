/* format_time.c: date, time, date-time (RFC 3339 section 5.6) and duration (its appendix A). */
#include "schema/format.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Two digits at `at`, or -1. */
static int two(struct so_str s, size_t at)
{
    if (at + 2 > s.n || !is_digit(s.p[at]) || !is_digit(s.p[at + 1]))
        return -1;
    return (s.p[at] - '0') * 10 + (s.p[at + 1] - '0');
}

static int days_in(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : DAYS[month - 1];
}

bool so_format_date(struct so_str s)
{
    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-')
        return false;
    int century = two(s, 0), year = two(s, 2), month = two(s, 5), day = two(s, 8);
    if (century < 0 || year < 0 || month < 1 || month > 12)
        return false;
    return day >= 1 && day <= days_in(century * 100 + year, month);
}

/* "Z" or +hh:mm, in minutes east of UTC. */
static bool read_zone(struct so_str s, int *out)
{
    *out = 0;
    if (s.n == 1)
        return s.p[0] == 'Z' || s.p[0] == 'z';
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':')
        return false;
    int hour = two(s, 1), minute = two(s, 4);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return false;
    *out = (hour * 60 + minute) * (s.p[0] == '-' ? -1 : 1);
    return true;
}

bool so_format_time(struct so_str s)
{
    if (s.n < 9 || s.p[2] != ':' || s.p[5] != ':')
        return false;
    int hour = two(s, 0), minute = two(s, 3), second = two(s, 6), east;
    size_t at = 8;
    if (s.p[at] == '.') {
        size_t digits = ++at;
        while (at < s.n && is_digit(s.p[at]))
            at++;
        if (at == digits)
            return false;
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;
    if (!read_zone(so_str_slice(s, at, s.n), &east))
        return false;
    /* A leap second is the last one of a day in UTC. */
    return second < 60 || (hour * 60 + minute - east + 2 * 1440) % 1440 == 1439;
}

bool so_format_date_time(struct so_str s)
{
    if (s.n < 11 || (s.p[10] != 'T' && s.p[10] != 't'))
        return false;
    return so_format_date(so_str_slice(s, 0, 10)) && so_format_time(so_str_slice(s, 11, s.n));
}

/* Digits and a unit out of `units`, which shrinks to those that may come next: the grammar lets a unit be followed only by
 * the one right below it.  False when *at does not move. */
static bool take_unit(struct so_str s, size_t *at, const char **units)
{
    size_t i = *at;
    while (i < s.n && is_digit(s.p[i]))
        i++;
    if (i == *at || i >= s.n)
        return false;
    for (const char *unit = *units; *unit != '\0'; unit++)
        if (*unit == s.p[i]) {
            *units = unit + 1;
            *at = i + 1;
            return true;
        }
    return false;
}

static size_t take_units(struct so_str s, size_t at, const char *units)
{
    bool first = true;
    const char *left = units;
    for (;;) {
        const char *before = left;
        size_t from = at;
        if (!take_unit(s, &at, &left))
            return at;
        if (!first && left != before + 1)
            return from;
        first = false;
    }
}

bool so_format_duration(struct so_str s)
{
    if (s.n < 3 || s.p[0] != 'P')
        return false;
    const char *weeks = "W";
    size_t at = 1;
    if (take_unit(s, &at, &weeks))
        return at == s.n;
    at = take_units(s, 1, "YMD");
    if (at == s.n)
        return at > 1;
    if (s.p[at] != 'T')
        return false;
    size_t time = at + 1;
    at = take_units(s, time, "HMS");
    return at > time && at == s.n;
}
