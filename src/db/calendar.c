/* calendar.c: dates, times and timestamps as clients write them, in the one form that is stored.
 *
 * Reads RFC 3339 section 5.6 and what PostgreSQL takes besides: a blank for the T, no seconds, no minutes of the offset, no
 * offset (UTC), no time at all (midnight), 24:00:00, a second 60 (the next minute begins).  Fractions are rounded to
 * microseconds.  The calendar is the proleptic Gregorian one; years 1 to 9999. */
#include <stdio.h>
#include <string.h>

#include "db/type_int.h"

#define DAY_US (24 * 3600 * INT64_C(1000000))

enum { OFFSET_MAX = 15 * 3600 + 59 * 60 + 59 }; /* seconds: PostgreSQL's bound */

struct reader {
    const char *p, *end;
    bool is_out_of_range; /* well written, but no such day or time */
};

struct moment {
    int year, month, day;
    int64_t time_us; /* since midnight; DAY_US and a little more after 23:59:60 */
    int offset;      /* seconds east of UTC */
};

/* ---- the calendar ---- */

/* Days since 1970-01-01.  Years begin in March here, so that the leap day is the last of its year; 400 years are an era of
 * 146097 days. */
static int64_t days_of(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int era = (y >= 0 ? y : y - 399) / 400;
    int year_of_era = y - era * 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

static void date_of(int64_t days, struct moment *out)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int day_of_era = (int)(z - era * 146097);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (5 * day_of_year + 2) / 153;
    out->day = day_of_year - (153 * month + 2) / 5 + 1;
    out->month = month < 10 ? month + 3 : month - 9;
    out->year = (int)(year_of_era + era * 400) + (out->month <= 2);
}

static int days_in_month(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS[month - 1] + (month == 2 && is_leap);
}

/* ---- reading ---- */

static bool take(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool take_digits(struct reader *r, int count, int *out)
{
    int value = 0;
    if (r->end - r->p < count)
        return false;
    for (int i = 0; i < count; i++) {
        if (r->p[i] < '0' || r->p[i] > '9')
            return false;
        value = value * 10 + (r->p[i] - '0');
    }
    r->p += count;
    *out = value;
    return true;
}

static bool read_date(struct reader *r, struct moment *m)
{
    if (!take_digits(r, 4, &m->year))
        return false;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9') { /* a fifth digit */
        r->p++;
        r->is_out_of_range = true;
    }
    if (!take(r, '-') || !take_digits(r, 2, &m->month) || !take(r, '-') || !take_digits(r, 2, &m->day))
        return false;
    bool is_day =
        m->year >= 1 && m->month >= 1 && m->month <= 12 && m->day >= 1 && m->day <= days_in_month(m->year, m->month);
    r->is_out_of_range |= !is_day;
    return true;
}

/* Digits after the point: the seventh rounds. */
static bool read_fraction(struct reader *r, int *out_us)
{
    int us = 0, count = 0;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++, count++) {
        if (count < 6)
            us = us * 10 + (*r->p - '0');
        else if (count == 6)
            us += *r->p >= '5';
    }
    for (int i = count; i < 6; i++)
        us *= 10;
    *out_us = us;
    return count > 0;
}

static bool read_time(struct reader *r, struct moment *m)
{
    int hour, minute, second = 0, us = 0;
    if (!take_digits(r, 2, &hour) || !take(r, ':') || !take_digits(r, 2, &minute))
        return false;
    if (take(r, ':')) {
        if (!take_digits(r, 2, &second))
            return false;
        if (take(r, '.') && !read_fraction(r, &us))
            return false;
    }
    bool is_midnight = hour == 24 && minute == 0 && second == 0 && us == 0;
    r->is_out_of_range |= (hour > 23 && !is_midnight) || minute > 59 || second > 60;
    m->time_us = (hour * 3600 + minute * 60 + second) * INT64_C(1000000) + us;
    return true;
}

/* Z, +hh, +hhmm, +hh:mm; nothing is UTC. */
static bool read_offset(struct reader *r, struct moment *m)
{
    m->offset = 0;
    if (r->p == r->end || take(r, 'Z') || take(r, 'z'))
        return true;
    bool is_west = take(r, '-');
    int hours, minutes = 0;
    if ((!is_west && !take(r, '+')) || !take_digits(r, 2, &hours))
        return false;
    bool has_colon = take(r, ':');
    if ((has_colon || r->p < r->end) && !take_digits(r, 2, &minutes))
        return false;
    int seconds = hours * 3600 + minutes * 60;
    r->is_out_of_range |= minutes > 59 || seconds > OFFSET_MAX;
    m->offset = is_west ? -seconds : seconds;
    return true;
}

static bool read_moment(struct reader *r, struct moment *m)
{
    if (!read_date(r, m))
        return false;
    if (r->p == r->end)
        return true;
    return (take(r, 'T') || take(r, 't') || take(r, ' ')) && read_time(r, m) && read_offset(r, m);
}

/* ---- writing ---- */

void so_timestamp_format(int64_t us, char out[SO_TIMESTAMP_LEN + 1])
{
    struct moment m;
    int64_t days = us / DAY_US - (us % DAY_US < 0);
    int64_t rest = us - days * DAY_US;
    date_of(days, &m);
    int seconds = (int)(rest / 1000000);
    char text[64]; /* wide enough for any int, which the compiler cannot know to be small */
    int n = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06d+00:00", m.year, m.month, m.day, seconds / 3600,
                     seconds / 60 % 60, seconds % 60, (int)(rest % 1000000));
    size_t len = so_min_size(n < 0 ? 0 : (size_t)n, SO_TIMESTAMP_LEN);
    memcpy(out, text, len);
    out[len] = '\0';
}

static int fail_range(struct so_str text, struct so_err *err)
{
    return so_fail_http(err, SO_EINVAL, 0, "22008", "date/time field value out of range: \"%.*s\"", SO_STR_ARG(text));
}

static int keep(struct so_str stored, struct so_str *out, struct so_err *err)
{
    if (stored.p == NULL)
        return so_err_oom(err);
    *out = stored;
    return SO_OK;
}

int so_normalise_timestamptz(struct so_str text, struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    struct so_str s = so_str_trim(text);
    struct reader r = {s.p, s.p + s.n, false};
    struct moment m = {0};
    if (!read_moment(&r, &m) || r.p != r.end)
        return so_type_fail("22007", "timestamp with time zone", text, err);
    if (r.is_out_of_range)
        return fail_range(text, err);
    int64_t us = days_of(m.year, m.month, m.day) * DAY_US + m.time_us - m.offset * INT64_C(1000000);
    if (us < days_of(1, 1, 1) * DAY_US || us >= days_of(10000, 1, 1) * DAY_US)
        return fail_range(text, err);
    char stored[SO_TIMESTAMP_LEN + 1];
    so_timestamp_format(us, stored);
    return keep(so_arena_dup(arena, (struct so_str){stored, SO_TIMESTAMP_LEN}), out, err);
}

/* A timestamp's date is the date as written, wherever that is. */
int so_normalise_date(struct so_str text, struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    struct so_str s = so_str_trim(text);
    struct reader r = {s.p, s.p + s.n, false};
    struct moment m = {0};
    if (!read_moment(&r, &m) || r.p != r.end)
        return so_type_fail("22007", "date", text, err);
    if (r.is_out_of_range)
        return fail_range(text, err);
    return keep(so_arena_printf(arena, "%04d-%02d-%02d", m.year, m.month, m.day), out, err);
}

/* An offset is read and dropped, as PostgreSQL's type "time" does. */
int so_normalise_time(struct so_str text, struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    struct so_str s = so_str_trim(text);
    struct reader r = {s.p, s.p + s.n, false};
    struct moment m = {0};
    if (!read_time(&r, &m) || !read_offset(&r, &m) || r.p != r.end)
        return so_type_fail("22007", "time", text, err);
    if (r.is_out_of_range || m.time_us > DAY_US)
        return fail_range(text, err);
    int seconds = (int)(m.time_us / 1000000);
    return keep(so_arena_printf(arena, "%02d:%02d:%02d.%06d", seconds / 3600, seconds / 60 % 60, seconds % 60,
                                (int)(m.time_us % 1000000)),
                out, err);
}
