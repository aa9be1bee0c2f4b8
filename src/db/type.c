/* type.c: the table of column types, their names, and the stored form of all but dates and times (calendar.c). */
#include "db/type.h"

#include <string.h>

#include "db/type_int.h"

enum {
    DECIMAL_DIGITS_MAX = 1000, /* of a decimal once it is written out */
    TEXT_SHOWN_MAX = 200       /* bytes of a bad value that a message repeats */
};

int so_type_fail(const char *id, const char *type, struct so_str text, struct so_err *err)
{
    struct so_str shown = so_str_slice(text, 0, TEXT_SHOWN_MAX);
    return so_fail_http(err, SO_EINVAL, 0, id, "invalid input syntax for type %s: \"%.*s\"", type, SO_STR_ARG(shown));
}

static int keep(struct so_str stored, struct so_str *out, struct so_err *err)
{
    if (stored.p == NULL)
        return so_err_oom(err);
    *out = stored;
    return SO_OK;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* ---- uuid ---- */

/* As PostgreSQL reads it: braces around it and a dash after any group of four digits are optional. */
static int normalise_uuid(struct so_str text, struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    struct so_str s = so_str_trim(text);
    if (s.n >= 2 && s.p[0] == '{' && s.p[s.n - 1] == '}')
        s = so_str_slice(s, 1, s.n - 1);
    char digits[36];
    size_t len = 0, count = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = lower(s.p[i]);
        bool is_hex = is_digit(c) || (c >= 'a' && c <= 'f');
        bool may_be_dash = c == '-' && count > 0 && count % 4 == 0 && count < 32 && s.p[i - 1] != '-';
        if ((!is_hex && !may_be_dash) || (is_hex && count == 32))
            return so_type_fail("22P02", "uuid", text, err);
        if (!is_hex)
            continue;
        if (count == 8 || count == 12 || count == 16 || count == 20)
            digits[len++] = '-';
        digits[len++] = c;
        count++;
    }
    if (count != 32)
        return so_type_fail("22P02", "uuid", text, err);
    return keep(so_arena_dup(arena, (struct so_str){digits, len}), out, err);
}

/* ---- boolean ---- */

static int normalise_boolean(struct so_str text, struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    static const struct {
        const char *word;
        size_t shortest; /* so many of its letters suffice */
        const char *stored;
    } WORDS[] = {{"true", 1, "1"}, {"false", 1, "0"}, {"yes", 1, "1"}, {"no", 1, "0"},
                 {"on", 2, "1"},   {"off", 2, "0"},   {"1", 1, "1"},   {"0", 1, "0"}};
    (void)arena;
    struct so_str s = so_str_trim(text);
    for (size_t i = 0; i < COUNT_OF(WORDS); i++) {
        struct so_str word = so_str_c(WORDS[i].word);
        if (s.n >= WORDS[i].shortest && s.n <= word.n && so_str_eq_nocase(s, so_str_slice(word, 0, s.n))) {
            *out = so_str_c(WORDS[i].stored);
            return SO_OK;
        }
    }
    return so_type_fail("22P02", "boolean", text, err);
}

/* ---- decimal ---- */

struct decimal {
    bool is_negative;
    struct so_str whole, fraction; /* digits; either may be empty, not both */
    int64_t exponent;
};

static struct so_str take_digits(const char **p, const char *end)
{
    const char *from = *p;
    while (*p < end && is_digit(**p))
        (*p)++;
    return (struct so_str){from, (size_t)(*p - from)};
}

static bool read_decimal(struct so_str s, struct decimal *d)
{
    const char *p = s.p, *end = s.p + s.n;
    *d = (struct decimal){0};
    if (p < end && (*p == '-' || *p == '+'))
        d->is_negative = *p++ == '-';
    d->whole = take_digits(&p, end);
    d->fraction = (struct so_str){p, 0};
    if (p < end && *p == '.') {
        p++;
        d->fraction = take_digits(&p, end);
    }
    if (d->whole.n + d->fraction.n == 0)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && *p == '+')
            p++;
        return so_str_to_i64((struct so_str){p, (size_t)(end - p)}, &d->exponent);
    }
    return p == end;
}

/* The digit at `place`: 0 is the ones, 1 the tens, -1 the tenths. */
static char digit_at(const struct decimal *d, int64_t place)
{
    int64_t at = place - d->exponent; /* before the exponent moved the point */
    if (at >= 0)
        return at < (int64_t)d->whole.n ? d->whole.p[d->whole.n - 1 - (size_t)at] : '0';
    return -at <= (int64_t)d->fraction.n ? d->fraction.p[-at - 1] : '0';
}

static int normalise_decimal(struct so_str text, struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    struct decimal d;
    if (!read_decimal(so_str_trim(text), &d))
        return so_type_fail("22P02", "numeric", text, err);
    int64_t high = d.exponent, low = d.exponent;
    bool is_bounded = d.exponent <= DECIMAL_DIGITS_MAX && d.exponent >= -DECIMAL_DIGITS_MAX &&
                      d.whole.n + d.fraction.n <= DECIMAL_DIGITS_MAX;
    if (!is_bounded)
        return so_fail_http(err, SO_EINVAL, 0, "22003", "value overflows numeric format");
    high = high + (int64_t)d.whole.n - 1;
    low = low - (int64_t)d.fraction.n;
    while (high > 0 && digit_at(&d, high) == '0')
        high--;
    while (low < 0 && digit_at(&d, low) == '0')
        low++;
    high = high < 0 ? 0 : high;
    low = low > 0 ? 0 : low;
    char *p = so_alloc_text(arena, (size_t)(high - low) + 4);
    if (p == NULL)
        return so_err_oom(err);
    size_t len = 0;
    bool is_zero = high == 0 && low == 0 && digit_at(&d, 0) == '0';
    if (d.is_negative && !is_zero)
        p[len++] = '-';
    for (int64_t place = high; place >= low; place--) {
        if (place == -1)
            p[len++] = '.';
        p[len++] = digit_at(&d, place);
    }
    p[len] = '\0';
    *out = (struct so_str){p, len};
    return SO_OK;
}

/* ---- the table ---- */

/* A declared type with TEXT in it keeps text as it is (sqlite.org/datatype3.html section 3.1), so "UUID TEXT" and not
 * "UUID", whose affinity would be NUMERIC. */
static const struct so_type_info TYPES[] = {
    [SO_TYPE_TEXT] = {SO_TYPE_TEXT, "text", "text", "TEXT", NULL},
    [SO_TYPE_INTEGER] = {SO_TYPE_INTEGER, "bigint", "int8", "INTEGER", NULL},
    [SO_TYPE_NUMERIC] = {SO_TYPE_NUMERIC, "numeric", "numeric", "NUMERIC", NULL},
    [SO_TYPE_BOOLEAN] = {SO_TYPE_BOOLEAN, "boolean", "bool", "BOOLEAN", normalise_boolean},
    [SO_TYPE_JSON] = {SO_TYPE_JSON, "jsonb", "jsonb", "JSON TEXT", NULL},
    [SO_TYPE_UUID] = {SO_TYPE_UUID, "uuid", "uuid", "UUID TEXT", normalise_uuid},
    [SO_TYPE_TIMESTAMPTZ] = {SO_TYPE_TIMESTAMPTZ, "timestamp with time zone", "timestamptz", "TIMESTAMPTZ TEXT",
                             so_normalise_timestamptz},
    [SO_TYPE_DATE] = {SO_TYPE_DATE, "date", "date", "DATE TEXT", so_normalise_date},
    [SO_TYPE_TIME] = {SO_TYPE_TIME, "time without time zone", "time", "TIME TEXT", so_normalise_time},
    [SO_TYPE_DECIMAL] = {SO_TYPE_DECIMAL, "numeric", "numeric", "DECIMAL TEXT", normalise_decimal},
    [SO_TYPE_BLOB] = {SO_TYPE_BLOB, "bytea", "bytea", "BLOB", NULL},
};
_Static_assert(COUNT_OF(TYPES) == SO_TYPE_COUNT, "every type has a row");

const struct so_type_info *so_type_info(enum so_type type) { return &TYPES[type]; }

struct type_name {
    const char *name;
    enum so_type type;
};

static bool find_name(const struct type_name *table, size_t count, struct so_str name, enum so_type *out)
{
    for (size_t i = 0; i < count; i++)
        if (so_str_eq_nocase(so_str_c(table[i].name), name)) {
            *out = table[i].type;
            return true;
        }
    return false;
}

/* Declared types of databases that Socle did not make.  Columns of DATETIME, TIMESTAMP or TIME hold whatever their makers
 * liked, so they are text here: normalising what they are compared with would never match. */
static const struct type_name DECLARED[] = {
    {"UUID", SO_TYPE_UUID},     {"TIMESTAMPTZ", SO_TYPE_TIMESTAMPTZ},
    {"DATE", SO_TYPE_DATE},     {"JSON", SO_TYPE_JSON},
    {"JSONB", SO_TYPE_JSON},    {"BOOL", SO_TYPE_BOOLEAN},
    {"DATETIME", SO_TYPE_TEXT}, {"TIMESTAMP", SO_TYPE_TEXT},
    {"TIME", SO_TYPE_TEXT},     {"", SO_TYPE_TEXT}, /* a view's expression: written by what it holds */
};

/* The first part found anywhere in the declared type decides (sqlite.org/datatype3.html section 3.1). */
static const struct type_name AFFINITIES[] = {
    {"INT", SO_TYPE_INTEGER}, {"CHAR", SO_TYPE_TEXT}, {"CLOB", SO_TYPE_TEXT}, {"TEXT", SO_TYPE_TEXT}, {"BLOB", SO_TYPE_BLOB},
};

static bool contains_nocase(struct so_str s, struct so_str part)
{
    for (size_t i = 0; i + part.n <= s.n; i++)
        if (so_str_eq_nocase(so_str_slice(s, i, i + part.n), part))
            return true;
    return false;
}

enum so_type so_type_from_sqlite(struct so_str declared)
{
    struct so_str name = so_str_trim(declared);
    enum so_type type;
    for (size_t i = 0; i < SO_TYPE_COUNT; i++)
        if (so_str_eq_nocase(so_str_c(TYPES[i].sqlite_decl), name))
            return TYPES[i].type;
    if (find_name(DECLARED, COUNT_OF(DECLARED), name, &type))
        return type;
    for (size_t i = 0; i < COUNT_OF(AFFINITIES); i++)
        if (contains_nocase(name, so_str_c(AFFINITIES[i].name)))
            return AFFINITIES[i].type;
    return SO_TYPE_NUMERIC;
}

static const struct type_name NAMES[] = {
    {"text", SO_TYPE_TEXT},
    {"string", SO_TYPE_TEXT},
    {"varchar", SO_TYPE_TEXT},
    {"character varying", SO_TYPE_TEXT},
    {"char", SO_TYPE_TEXT},
    {"bpchar", SO_TYPE_TEXT},
    {"citext", SO_TYPE_TEXT},
    {"name", SO_TYPE_TEXT},
    {"integer", SO_TYPE_INTEGER},
    {"int", SO_TYPE_INTEGER},
    {"int2", SO_TYPE_INTEGER},
    {"int4", SO_TYPE_INTEGER},
    {"int8", SO_TYPE_INTEGER},
    {"smallint", SO_TYPE_INTEGER},
    {"bigint", SO_TYPE_INTEGER},
    {"numeric", SO_TYPE_NUMERIC},
    {"number", SO_TYPE_NUMERIC},
    {"real", SO_TYPE_NUMERIC},
    {"float", SO_TYPE_NUMERIC},
    {"float4", SO_TYPE_NUMERIC},
    {"float8", SO_TYPE_NUMERIC},
    {"double precision", SO_TYPE_NUMERIC},
    {"boolean", SO_TYPE_BOOLEAN},
    {"bool", SO_TYPE_BOOLEAN},
    {"json", SO_TYPE_JSON},
    {"jsonb", SO_TYPE_JSON},
    {"object", SO_TYPE_JSON},
    {"array", SO_TYPE_JSON},
    {"uuid", SO_TYPE_UUID},
    {"timestamptz", SO_TYPE_TIMESTAMPTZ},
    {"timestamp with time zone", SO_TYPE_TIMESTAMPTZ},
    {"timestamp", SO_TYPE_TIMESTAMPTZ},
    {"timestamp without time zone", SO_TYPE_TIMESTAMPTZ},
    {"date-time", SO_TYPE_TIMESTAMPTZ},
    {"date", SO_TYPE_DATE},
    {"time", SO_TYPE_TIME},
    {"time without time zone", SO_TYPE_TIME},
    {"timetz", SO_TYPE_TIME},
    {"decimal", SO_TYPE_DECIMAL},
    {"bytea", SO_TYPE_BLOB},
    {"blob", SO_TYPE_BLOB},
};

bool so_type_find(struct so_str name, enum so_type *out)
{
    return find_name(NAMES, COUNT_OF(NAMES), so_str_trim(name), out);
}
