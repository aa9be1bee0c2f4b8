/* convert.c: SQL that turns stored values of one column type into another, one row a pair of types.
 *
 * A value that the new type cannot hold becomes NULL; the plan counts those before anything is changed. */
#include "model/convert.h"

#define TYPE(name) (1u << SO_TYPE_##name)
/* Kept as text, in a form that is theirs alone. */
#define TEXTUAL (TYPE(UUID) | TYPE(TIMESTAMPTZ) | TYPE(DATE) | TYPE(TIME) | TYPE(DECIMAL))

#define HEX2    "[0-9a-f][0-9a-f]"
#define HEX4    HEX2 HEX2
#define DIGITS2 "[0-9][0-9]"
#define DIGITS4 DIGITS2 DIGITS2

/* '$' stands for the column. */
static const struct conversion {
    unsigned from, to; /* bits of types */
    bool safe;
    const char *value;
} CONVERSIONS[] = {
    {TYPE(INTEGER) | TYPE(BOOLEAN), TYPE(NUMERIC), true, "$"},
    {TYPE(BOOLEAN), TYPE(INTEGER), true, "$"},
    {TYPE(BOOLEAN), TYPE(TEXT) | TYPE(JSON), true, "CASE $ WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"},
    {TYPE(INTEGER) | TYPE(NUMERIC), TYPE(TEXT) | TYPE(JSON), true, "CAST($ AS TEXT)"},
    {TYPE(INTEGER), TYPE(DECIMAL), true, "CAST($ AS TEXT)"},
    {TEXTUAL | TYPE(JSON), TYPE(TEXT), true, "$"},
    {TEXTUAL | TYPE(TEXT), TYPE(JSON), true, "json_quote($)"},
    {TYPE(DATE), TYPE(TIMESTAMPTZ), true, "$ || 'T00:00:00.000000+00:00'"},
    {TYPE(NUMERIC), TYPE(INTEGER), false, "CASE WHEN CAST($ AS INTEGER) = $ THEN CAST($ AS INTEGER) END"},
    {TYPE(INTEGER) | TYPE(NUMERIC), TYPE(BOOLEAN), false, "CASE WHEN $ IN (0, 1) THEN CAST($ AS INTEGER) END"},
    {TYPE(TEXT), TYPE(BOOLEAN), false, "CASE WHEN $ IN ('true', 't', '1') THEN 1 WHEN $ IN ('false', 'f', '0') THEN 0 END"},
    {TYPE(TEXT) | TYPE(DECIMAL), TYPE(INTEGER), false,
     "CASE WHEN CAST(CAST($ AS INTEGER) AS TEXT) = $ THEN CAST($ AS INTEGER) END"},
    /* A number as JSON writes it, that no rounding changes. */
    {TYPE(TEXT) | TYPE(DECIMAL), TYPE(NUMERIC), false,
     "CASE WHEN length($) <= 15 AND json_valid($) AND json_type($) IN ('integer', 'real') THEN CAST($ AS NUMERIC) END"},
    {TYPE(TEXT), TYPE(DECIMAL), false,
     "CASE WHEN length($) <= 15 AND json_valid($) AND json_type($) IN ('integer', 'real') AND $ NOT GLOB '*[eE]*' "
     "AND $ NOT GLOB '*.*0' AND $ NOT GLOB '-0*' THEN $ END"},
    {TYPE(TEXT), TYPE(UUID), false,
     "CASE WHEN lower($) GLOB '" HEX4 HEX4 "-" HEX4 "-" HEX4 "-" HEX4 "-" HEX4 HEX4 HEX4 "' THEN lower($) END"},
    {TYPE(TEXT), TYPE(DATE), false, "CASE WHEN date($) = $ THEN $ END"},
    {TYPE(TIMESTAMPTZ), TYPE(DATE), false, "CASE WHEN $ GLOB '*T00:00:00.000000+00:00' THEN substr($, 1, 10) END"},
    /* In stored form already, or with the milliseconds that strftime() keeps. */
    {TYPE(TEXT), TYPE(TIMESTAMPTZ), false,
     "CASE WHEN date(substr($, 1, 10)) = substr($, 1, 10) AND $ GLOB '*T" DIGITS2 ":" DIGITS2 ":" DIGITS2 "." DIGITS4
     "" DIGITS2 "+00:00' THEN $ WHEN $ GLOB '" DIGITS4 "-*' AND $ NOT GLOB '*." DIGITS4 "*' AND "
     "($ GLOB '*Z' OR $ GLOB '*[+-]" DIGITS2 ":" DIGITS2 "') "
     "THEN strftime('%Y-%m-%dT%H:%M:%f000+00:00', $) END"},
    {TYPE(JSON), TYPE(INTEGER), false, "CASE json_type($) WHEN 'integer' THEN json_extract($, '$$') END"},
    {TYPE(JSON), TYPE(NUMERIC), false, "CASE WHEN json_type($) IN ('integer', 'real') THEN json_extract($, '$$') END"},
    {TYPE(JSON), TYPE(BOOLEAN), false, "CASE WHEN json_type($) IN ('true', 'false') THEN json_extract($, '$$') END"},
};

static const struct conversion *find(enum so_type from, enum so_type to)
{
    for (size_t i = 0; i < COUNT_OF(CONVERSIONS); i++) {
        if ((CONVERSIONS[i].from & (1u << from)) != 0 && (CONVERSIONS[i].to & (1u << to)) != 0)
            return &CONVERSIONS[i];
    }
    return NULL;
}

bool so_convert_is_safe(enum so_type from, enum so_type to)
{
    const struct conversion *found = find(from, to);
    return from == to || (found != NULL && found->safe);
}

void so_convert_put(struct so_buf *b, const char *column, enum so_type from, enum so_type to)
{
    const struct conversion *found = find(from, to);
    const char *value = from == to ? "$" : found == NULL ? "NULL" : found->value;
    for (; *value != '\0'; value++) {
        if (*value != '$') {
            so_buf_putc(b, *value);
        } else if (value[1] == '$') {
            so_buf_putc(b, *value++);
        } else {
            so_buf_puts(b, column);
        }
    }
}
