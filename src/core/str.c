/* str.c: search, compare and cut borrowed strings. */
#include "core/str.h"

static char lower(char c) { return (c >= 'A' && c <= 'Z') ? (char)(c + ('a' - 'A')) : c; }

bool so_str_eq_nocase(struct so_str a, struct so_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

int so_str_cmp(struct so_str a, struct so_str b)
{
    size_t shared = so_min_size(a.n, b.n);
    int order = shared == 0 ? 0 : memcmp(a.p, b.p, shared);
    if (order != 0)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

bool so_str_starts(struct so_str s, struct so_str prefix)
{
    return s.n >= prefix.n && so_str_eq((struct so_str){s.p, prefix.n}, prefix);
}

bool so_str_ends(struct so_str s, struct so_str suffix)
{
    return s.n >= suffix.n && so_str_eq((struct so_str){s.p + (s.n - suffix.n), suffix.n}, suffix);
}

size_t so_str_find_char(struct so_str s, char c, size_t from)
{
    if (from >= s.n)
        return SO_STR_NONE;
    const char *hit = memchr(s.p + from, c, s.n - from);
    return hit == NULL ? SO_STR_NONE : (size_t)(hit - s.p);
}

size_t so_str_find(struct so_str s, struct so_str needle)
{
    if (needle.n == 0)
        return 0;
    for (size_t at = 0; (at = so_str_find_char(s, needle.p[0], at)) != SO_STR_NONE; at++) {
        if (s.n - at < needle.n)
            return SO_STR_NONE;
        if (memcmp(s.p + at, needle.p, needle.n) == 0)
            return at;
    }
    return SO_STR_NONE;
}

struct so_str so_str_slice(struct so_str s, size_t from, size_t to)
{
    to = so_min_size(to, s.n);
    from = so_min_size(from, to);
    return (struct so_str){s.p + from, to - from};
}

struct so_str so_str_trim(struct so_str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (struct so_str){s.p + 1, s.n - 1};
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

bool so_str_split(struct so_str *rest, char sep, struct so_str *out_part)
{
    if (rest->p == NULL)
        return false;
    size_t at = so_str_find_char(*rest, sep, 0);
    if (at == SO_STR_NONE) {
        *out_part = *rest;
        *rest = (struct so_str){NULL, 0};
    } else {
        *out_part = (struct so_str){rest->p, at};
        *rest = (struct so_str){rest->p + at + 1, rest->n - at - 1};
    }
    return true;
}

bool so_str_to_u64(struct so_str s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool so_str_to_i64(struct so_str s, int64_t *out)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t magnitude;
    if (!so_str_to_u64(negative ? so_str_slice(s, 1, s.n) : s, &magnitude))
        return false;
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (magnitude > limit)
        return false;
    /* 0 - magnitude in unsigned arithmetic also gives INT64_MIN without overflow. */
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}
