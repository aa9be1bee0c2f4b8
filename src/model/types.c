/* types.c: JSON Schema's types as column types.
 *
 * Only what is plain counts: "type" (with "format" for strings), through local references; without it the values of "enum"
 * or "const".  Several types, or none, are JSON: that holds anything. */
#include "model/fields.h"

enum { REFERENCES_MAX = 32 };

/* Bits of the types that a schema allows; integer is its own, so that a union with number is a number. */
enum { T_NULL = 1, T_BOOLEAN = 2, T_INTEGER = 4, T_NUMBER = 8, T_STRING = 16, T_ARRAY = 32, T_OBJECT = 64 };

static const struct {
    const char *name;
    unsigned bit;
} NAMES[] = {
    {"null", T_NULL},     {"boolean", T_BOOLEAN}, {"integer", T_INTEGER}, {"number", T_NUMBER},
    {"string", T_STRING}, {"array", T_ARRAY},     {"object", T_OBJECT},
};

static const struct {
    const char *format;
    enum so_type type;
} FORMATS[] = {
    {"uuid", SO_TYPE_UUID}, {"date-time", SO_TYPE_TIMESTAMPTZ}, {"date", SO_TYPE_DATE},
    {"time", SO_TYPE_TIME}, {"decimal", SO_TYPE_DECIMAL},
};

static const struct {
    unsigned bits;
    enum so_type type;
} COLUMNS[] = {
    {T_STRING, SO_TYPE_TEXT},
    {T_INTEGER, SO_TYPE_INTEGER},
    {T_NUMBER, SO_TYPE_NUMERIC},
    {T_BOOLEAN, SO_TYPE_BOOLEAN},
    {T_INTEGER | T_NUMBER, SO_TYPE_NUMERIC},
};

static unsigned bit_of_name(const struct so_json *name)
{
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        if (name->type == SO_JSON_STRING && so_str_eq_c(so_json_str(name), NAMES[i].name))
            return NAMES[i].bit;
    }
    return 0;
}

static unsigned bit_of_value(const struct so_json *value)
{
    switch (value->type) {
    case SO_JSON_NULL: return T_NULL;
    case SO_JSON_FALSE:
    case SO_JSON_TRUE: return T_BOOLEAN;
    case SO_JSON_INT: return T_INTEGER;
    case SO_JSON_NUMBER: return so_json_is_integer(value) ? T_INTEGER : T_NUMBER;
    case SO_JSON_STRING: return T_STRING;
    case SO_JSON_ARRAY: return T_ARRAY;
    default: return T_OBJECT;
    }
}

/* One value, or every item of a list. */
static unsigned bits_of(const struct so_json *list, bool is_list, unsigned (*bit)(const struct so_json *))
{
    unsigned bits = 0;
    if (!is_list)
        return bit(list);
    for (uint32_t i = 0; i < list->len; i++)
        bits |= bit(&list->u.items[i]);
    return bits;
}

static unsigned allowed_types(const struct so_json *schema)
{
    const struct so_json *type = so_json_get(schema, SO_STR("type"));
    if (type != NULL)
        return bits_of(type, type->type == SO_JSON_ARRAY, bit_of_name);
    const struct so_json *values = so_json_get(schema, SO_STR("enum"));
    if (values != NULL && values->type == SO_JSON_ARRAY)
        return bits_of(values, true, bit_of_value);
    const struct so_json *value = so_json_get(schema, SO_STR("const"));
    return value == NULL ? 0 : bit_of_value(value);
}

/* Follows "$ref": "#/..." as long as the schema says nothing about the type itself. */
static const struct so_json *with_type(const struct so_json *root, const struct so_json *schema)
{
    for (int i = 0; i < REFERENCES_MAX && allowed_types(schema) == 0; i++) {
        struct so_str reference = so_json_get_str(schema, SO_STR("$ref"));
        if (reference.p == NULL || reference.n == 0 || reference.p[0] != '#')
            break;
        const struct so_json *target = so_json_at(root, so_str_slice(reference, 1, reference.n));
        if (target == NULL)
            break;
        schema = target;
    }
    return schema;
}

void so_type_infer(const struct so_json *root, const struct so_json *schema, enum so_type *out, bool *out_nullable)
{
    schema = with_type(root, schema);
    unsigned bits = allowed_types(schema);
    *out_nullable = (bits & T_NULL) != 0;
    *out = SO_TYPE_JSON;
    bits &= ~(unsigned)T_NULL;
    for (size_t i = 0; i < COUNT_OF(COLUMNS); i++) {
        if (COLUMNS[i].bits == bits)
            *out = COLUMNS[i].type;
    }
    struct so_str format = so_json_get_str(schema, SO_STR("format"));
    for (size_t i = 0; *out == SO_TYPE_TEXT && i < COUNT_OF(FORMATS); i++) {
        if (so_str_eq_c(format, FORMATS[i].format))
            *out = FORMATS[i].type;
    }
}

const char *so_type_in_schema(enum so_type type)
{
    static const char *const WORDS[SO_TYPE_COUNT] = {
        [SO_TYPE_TEXT] = "string",           [SO_TYPE_INTEGER] = "integer", [SO_TYPE_NUMERIC] = "number",
        [SO_TYPE_BOOLEAN] = "boolean",       [SO_TYPE_JSON] = "JSON",       [SO_TYPE_UUID] = "uuid",
        [SO_TYPE_TIMESTAMPTZ] = "date-time", [SO_TYPE_DATE] = "date",       [SO_TYPE_TIME] = "time",
        [SO_TYPE_DECIMAL] = "decimal",       [SO_TYPE_BLOB] = "bytes",
    };
    return WORDS[type];
}
