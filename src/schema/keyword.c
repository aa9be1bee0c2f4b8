/* keyword.c: every keyword of every draft: where it belongs, what its value must be, what it applies to. */
#include "schema/keyword.h"

#include <stdlib.h>

enum {
    D4 = 1 << 0,
    D6 = 1 << 1,
    D7 = 1 << 2,
    D19 = 1 << 3,
    D20 = 1 << 4,
    FROM_6 = D6 | D7 | D19 | D20,
    FROM_7 = D7 | D19 | D20,
    FROM_19 = D19 | D20,
    TO_7 = D4 | D6 | D7,
    TO_19 = TO_7 | D19,
    ALL = TO_19 | D20
};

/* Sorted by name for bsearch(); a name that changed its meaning has a row for each. "dependencies" is gone since 2019-09,
 * but what it says is clear, and schemas in the wild use it (the suite's dependencies-compatibility.json). */
static const struct so_keyword KEYWORDS[] = {
    {"$anchor", FROM_19, VALUE_STRING, VOCAB_CORE, 0, RULE_NONE},
    {"$comment", FROM_7, VALUE_STRING, VOCAB_CORE, 0, RULE_NONE},
    {"$defs", FROM_19, VALUE_SCHEMA_MAP, VOCAB_CORE, 0, RULE_NONE},
    {"$dynamicAnchor", D20, VALUE_STRING, VOCAB_CORE, 0, RULE_NONE},
    {"$dynamicRef", D20, VALUE_URI, VOCAB_CORE, ON_ANY, RULE_DYNAMIC_REF},
    {"$id", FROM_6, VALUE_URI, VOCAB_CORE, 0, RULE_NONE},
    {"$recursiveAnchor", D19, VALUE_BOOL, VOCAB_CORE, 0, RULE_NONE},
    {"$recursiveRef", D19, VALUE_URI, VOCAB_CORE, ON_ANY, RULE_DYNAMIC_REF},
    {"$ref", ALL, VALUE_URI, VOCAB_CORE, ON_ANY, RULE_REF},
    {"$schema", ALL, VALUE_URI, VOCAB_CORE, 0, RULE_NONE},
    {"$vocabulary", FROM_19, VALUE_VOCABULARY, VOCAB_CORE, 0, RULE_NONE},
    {"additionalItems", TO_19, VALUE_SCHEMA_OR_BOOL, VOCAB_APPLICATOR, ON_ARRAY, RULE_ITEMS},
    {"additionalProperties", ALL, VALUE_SCHEMA_OR_BOOL, VOCAB_APPLICATOR, ON_OBJECT, RULE_ADDITIONAL_PROPERTIES},
    {"allOf", ALL, VALUE_SCHEMAS, VOCAB_APPLICATOR, ON_ANY, RULE_ALL_OF},
    {"anyOf", ALL, VALUE_SCHEMAS, VOCAB_APPLICATOR, ON_ANY, RULE_ANY_OF},
    {"const", FROM_6, VALUE_ANY, VOCAB_VALIDATION, ON_ANY, RULE_CONST},
    {"contains", FROM_6, VALUE_SCHEMA, VOCAB_APPLICATOR, ON_ARRAY, RULE_CONTAINS},
    {"contentEncoding", FROM_7, VALUE_STRING, VOCAB_CONTENT, ON_STRING, RULE_CONTENT_ENCODING},
    {"contentMediaType", FROM_7, VALUE_STRING, VOCAB_CONTENT, ON_STRING, RULE_CONTENT_MEDIA_TYPE},
    {"contentSchema", FROM_19, VALUE_SCHEMA, VOCAB_CONTENT, ON_STRING, RULE_CONTENT_SCHEMA},
    {"default", ALL, VALUE_ANY, VOCAB_META_DATA, 0, RULE_NONE},
    {"definitions", ALL, VALUE_SCHEMA_MAP, VOCAB_CORE, 0, RULE_NONE},
    {"dependencies", ALL, VALUE_DEPENDENCIES, VOCAB_APPLICATOR, ON_OBJECT, RULE_DEPENDENCIES},
    {"dependentRequired", FROM_19, VALUE_NAMES_MAP, VOCAB_VALIDATION, ON_OBJECT, RULE_DEPENDENT_REQUIRED},
    {"dependentSchemas", FROM_19, VALUE_SCHEMA_MAP, VOCAB_APPLICATOR, ON_OBJECT, RULE_DEPENDENT_SCHEMAS},
    {"deprecated", FROM_19, VALUE_BOOL, VOCAB_META_DATA, 0, RULE_NONE},
    {"description", ALL, VALUE_STRING, VOCAB_META_DATA, 0, RULE_NONE},
    {"else", FROM_7, VALUE_SCHEMA, VOCAB_APPLICATOR, 0, RULE_NONE},
    {"enum", ALL, VALUE_VALUES, VOCAB_VALIDATION, ON_ANY, RULE_ENUM},
    {"examples", FROM_6, VALUE_ANY, VOCAB_META_DATA, 0, RULE_NONE},
    {"exclusiveMaximum", D4, VALUE_BOOL, VOCAB_VALIDATION, 0, RULE_NONE},
    {"exclusiveMaximum", FROM_6, VALUE_NUMBER, VOCAB_VALIDATION, ON_NUMBER, RULE_EXCLUSIVE_MAXIMUM},
    {"exclusiveMinimum", D4, VALUE_BOOL, VOCAB_VALIDATION, 0, RULE_NONE},
    {"exclusiveMinimum", FROM_6, VALUE_NUMBER, VOCAB_VALIDATION, ON_NUMBER, RULE_EXCLUSIVE_MINIMUM},
    {"format", ALL, VALUE_STRING, VOCAB_FORMAT, ON_STRING, RULE_FORMAT},
    {"id", D4, VALUE_URI, VOCAB_CORE, 0, RULE_NONE},
    {"if", FROM_7, VALUE_SCHEMA, VOCAB_APPLICATOR, ON_ANY, RULE_IF},
    {"items", TO_19, VALUE_ITEMS, VOCAB_APPLICATOR, ON_ARRAY, RULE_ITEMS},
    {"items", D20, VALUE_SCHEMA, VOCAB_APPLICATOR, ON_ARRAY, RULE_ITEMS},
    {"maxContains", FROM_19, VALUE_COUNT, VOCAB_VALIDATION, 0, RULE_NONE},
    {"maxItems", ALL, VALUE_COUNT, VOCAB_VALIDATION, ON_ARRAY, RULE_MAX_ITEMS},
    {"maxLength", ALL, VALUE_COUNT, VOCAB_VALIDATION, ON_STRING, RULE_MAX_LENGTH},
    {"maxProperties", ALL, VALUE_COUNT, VOCAB_VALIDATION, ON_OBJECT, RULE_MAX_PROPERTIES},
    {"maximum", ALL, VALUE_NUMBER, VOCAB_VALIDATION, ON_NUMBER, RULE_MAXIMUM},
    {"minContains", FROM_19, VALUE_COUNT, VOCAB_VALIDATION, 0, RULE_NONE},
    {"minItems", ALL, VALUE_COUNT, VOCAB_VALIDATION, ON_ARRAY, RULE_MIN_ITEMS},
    {"minLength", ALL, VALUE_COUNT, VOCAB_VALIDATION, ON_STRING, RULE_MIN_LENGTH},
    {"minProperties", ALL, VALUE_COUNT, VOCAB_VALIDATION, ON_OBJECT, RULE_MIN_PROPERTIES},
    {"minimum", ALL, VALUE_NUMBER, VOCAB_VALIDATION, ON_NUMBER, RULE_MINIMUM},
    {"multipleOf", ALL, VALUE_POSITIVE, VOCAB_VALIDATION, ON_NUMBER, RULE_MULTIPLE_OF},
    {"not", ALL, VALUE_SCHEMA, VOCAB_APPLICATOR, ON_ANY, RULE_NOT},
    {"oneOf", ALL, VALUE_SCHEMAS, VOCAB_APPLICATOR, ON_ANY, RULE_ONE_OF},
    {"pattern", ALL, VALUE_PATTERN, VOCAB_VALIDATION, ON_STRING, RULE_PATTERN},
    {"patternProperties", ALL, VALUE_PATTERN_MAP, VOCAB_APPLICATOR, ON_OBJECT, RULE_PATTERN_PROPERTIES},
    {"prefixItems", D20, VALUE_SCHEMAS, VOCAB_APPLICATOR, ON_ARRAY, RULE_PREFIX_ITEMS},
    {"properties", ALL, VALUE_SCHEMA_MAP, VOCAB_APPLICATOR, ON_OBJECT, RULE_PROPERTIES},
    {"propertyNames", FROM_6, VALUE_SCHEMA, VOCAB_APPLICATOR, ON_OBJECT, RULE_PROPERTY_NAMES},
    {"readOnly", FROM_7, VALUE_BOOL, VOCAB_META_DATA, 0, RULE_NONE},
    {"required", ALL, VALUE_NAMES, VOCAB_VALIDATION, ON_OBJECT, RULE_REQUIRED},
    {"then", FROM_7, VALUE_SCHEMA, VOCAB_APPLICATOR, 0, RULE_NONE},
    {"title", ALL, VALUE_STRING, VOCAB_META_DATA, 0, RULE_NONE},
    {"type", ALL, VALUE_TYPES, VOCAB_VALIDATION, ON_ANY, RULE_TYPE},
    {"unevaluatedItems", FROM_19, VALUE_SCHEMA, VOCAB_UNEVALUATED, ON_ARRAY, RULE_UNEVALUATED_ITEMS},
    {"unevaluatedProperties", FROM_19, VALUE_SCHEMA, VOCAB_UNEVALUATED, ON_OBJECT, RULE_UNEVALUATED_PROPERTIES},
    {"uniqueItems", ALL, VALUE_BOOL, VOCAB_VALIDATION, ON_ARRAY, RULE_UNIQUE_ITEMS},
    {"writeOnly", FROM_7, VALUE_BOOL, VOCAB_META_DATA, 0, RULE_NONE},
};

static const struct {
    const char *name;
    unsigned mask;
} TYPES[] = {
    {"null", ON_NULL},     {"boolean", ON_BOOL}, {"integer", ON_NUMBER}, {"number", ON_NUMBER},
    {"string", ON_STRING}, {"array", ON_ARRAY},  {"object", ON_OBJECT},
};

unsigned so_draft_bit(enum so_draft draft)
{
    switch (draft) {
    case SO_DRAFT_4: return D4;
    case SO_DRAFT_6: return D6;
    case SO_DRAFT_7: return D7;
    case SO_DRAFT_2019_09: return D19;
    default: return D20;
    }
}

const struct so_keyword *so_keywords(size_t *out_count)
{
    *out_count = COUNT_OF(KEYWORDS);
    return KEYWORDS;
}

unsigned so_type_mask(struct so_str name)
{
    for (size_t i = 0; i < COUNT_OF(TYPES); i++)
        if (so_str_eq_c(name, TYPES[i].name))
            return TYPES[i].mask;
    return 0;
}

/* As strcmp() would order them; the names in the table hold no NUL, a name in a schema may. */
static int compare(struct so_str name, const char *row)
{
    int order = strncmp(name.p, row, name.n);
    return order != 0 ? order : row[name.n] == '\0' ? 0 : -1;
}

const struct so_keyword *so_keyword_find(struct so_str name, enum so_draft draft)
{
    size_t low = 0, high = COUNT_OF(KEYWORDS);
    while (low < high) { /* the first row that is not before the name */
        size_t mid = (low + high) / 2;
        if (compare(name, KEYWORDS[mid].name) > 0)
            low = mid + 1;
        else
            high = mid;
    }
    unsigned bit = so_draft_bit(draft);
    for (; low < COUNT_OF(KEYWORDS) && so_str_eq_c(name, KEYWORDS[low].name); low++)
        if (KEYWORDS[low].drafts & bit)
            return &KEYWORDS[low];
    return NULL;
}

static bool is_schema(const struct so_json *v, enum so_draft draft)
{
    return v->type == SO_JSON_OBJECT || (draft != SO_DRAFT_4 && so_json_is_bool(v));
}

static int wrong_schema(enum so_draft draft, struct so_err *err)
{
    return so_fail(err, SO_EINVAL,
                   draft == SO_DRAFT_4 ? "a schema must be an object" : "a schema must be an object or a boolean");
}

static int check_names(const struct so_json *v, struct so_err *err)
{
    if (v->type != SO_JSON_ARRAY)
        return so_fail(err, SO_EINVAL, "must be an array of property names");
    for (uint32_t i = 0; i < v->len; i++)
        if (v->u.items[i].type != SO_JSON_STRING)
            return so_fail(err, SO_EINVAL, "must hold property names only, but item %u is no string", (unsigned)i);
    return SO_OK;
}

static int check_types(const struct so_json *v, struct so_err *err)
{
    const struct so_json *items = v->type == SO_JSON_ARRAY ? v->u.items : v;
    uint32_t count = v->type == SO_JSON_ARRAY ? v->len : 1;
    if (count == 0)
        return so_fail(err, SO_EINVAL, "must name at least one type");
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].type != SO_JSON_STRING)
            return so_fail(err, SO_EINVAL, "must be the name of a type or an array of them");
        struct so_str name = so_json_str(&items[i]);
        if (so_type_mask(name) == 0)
            return so_fail(err, SO_EINVAL,
                           "\"%.*s\" is no type; the types are null, boolean, integer, number, string, array and object",
                           SO_STR_ARG(so_str_slice(name, 0, 40)));
    }
    return SO_OK;
}

static int check_schemas(const struct so_json *v, enum so_draft draft, struct so_err *err)
{
    if (v->type != SO_JSON_ARRAY || v->len == 0)
        return so_fail(err, SO_EINVAL, "must be an array of at least one schema");
    for (uint32_t i = 0; i < v->len; i++)
        if (!is_schema(&v->u.items[i], draft))
            return wrong_schema(draft, err);
    return SO_OK;
}

static int check_map(const struct so_keyword *k, const struct so_json *v, enum so_draft draft, struct so_err *err)
{
    if (v->type != SO_JSON_OBJECT)
        return so_fail(err, SO_EINVAL, "must be an object");
    for (uint32_t i = 0; i < v->len; i++) {
        const struct so_json *value = &v->u.members[i].value;
        int rc = SO_OK;
        if (k->value == VALUE_NAMES_MAP || (k->value == VALUE_DEPENDENCIES && value->type == SO_JSON_ARRAY))
            rc = check_names(value, err);
        else if (k->value == VALUE_VOCABULARY)
            rc = so_json_is_bool(value) ? SO_OK : so_fail(err, SO_EINVAL, "a vocabulary's value must be true or false");
        else if (!is_schema(value, draft))
            rc = wrong_schema(draft, err);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

static int must(bool good, const char *what, struct so_err *err)
{
    return good ? SO_OK : so_fail(err, SO_EINVAL, "must be %s", what);
}

int so_keyword_check(const struct so_keyword *k, enum so_draft draft, const struct so_json *v, struct so_err *err)
{
    static const struct so_json ZERO = {.type = SO_JSON_INT};
    switch ((enum so_value_kind)k->value) {
    case VALUE_ANY: return SO_OK;
    case VALUE_BOOL: return must(so_json_is_bool(v), "true or false", err);
    case VALUE_NUMBER: return must(so_json_is_number(v), "a number", err);
    case VALUE_POSITIVE: return must(so_json_is_number(v) && so_json_number_cmp(v, &ZERO) > 0, "a number above 0", err);
    case VALUE_COUNT:
        return must(so_json_is_number(v) && so_json_is_integer(v) && so_json_number_cmp(v, &ZERO) >= 0,
                    "a whole number, 0 or more", err);
    case VALUE_STRING:
    case VALUE_PATTERN: return must(v->type == SO_JSON_STRING, "a string", err);
    case VALUE_URI: return must(v->type == SO_JSON_STRING, "a string with a URI reference", err);
    case VALUE_TYPES: return check_types(v, err);
    case VALUE_VALUES: return must(v->type == SO_JSON_ARRAY, "an array of values", err);
    case VALUE_NAMES: return check_names(v, err);
    case VALUE_SCHEMA_OR_BOOL: return so_json_is_bool(v) || is_schema(v, draft) ? SO_OK : wrong_schema(draft, err);
    case VALUE_SCHEMA: return is_schema(v, draft) ? SO_OK : wrong_schema(draft, err);
    case VALUE_ITEMS:
        if (v->type == SO_JSON_ARRAY)
            return v->len == 0 ? SO_OK : check_schemas(v, draft, err);
        return is_schema(v, draft) ? SO_OK : wrong_schema(draft, err);
    case VALUE_SCHEMAS: return check_schemas(v, draft, err);
    case VALUE_NAMES_MAP:
    case VALUE_SCHEMA_MAP:
    case VALUE_PATTERN_MAP:
    case VALUE_DEPENDENCIES:
    case VALUE_VOCABULARY: return check_map(k, v, draft, err);
    }
    return SO_OK;
}
