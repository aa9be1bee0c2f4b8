/* keyword.h: the table of every keyword of every draft.   Threads: any. */
#ifndef SO_SCHEMA_KEYWORD_H
#define SO_SCHEMA_KEYWORD_H

#include "schema/schema.h"
#include "json/json.h"

/* What a keyword does. The order is the order of evaluation: cheap before costly, and unevaluated* after all others. */
enum so_rule_code {
    RULE_NONE, /* annotations, and what only the compiler reads */
    RULE_TYPE,
    RULE_CONST,
    RULE_ENUM,
    RULE_MINIMUM,
    RULE_MAXIMUM,
    RULE_EXCLUSIVE_MINIMUM,
    RULE_EXCLUSIVE_MAXIMUM,
    RULE_MULTIPLE_OF,
    RULE_MIN_LENGTH,
    RULE_MAX_LENGTH,
    RULE_PATTERN,
    RULE_FORMAT,
    RULE_CONTENT_ENCODING,
    RULE_CONTENT_MEDIA_TYPE,
    RULE_CONTENT_SCHEMA,
    RULE_MIN_ITEMS,
    RULE_MAX_ITEMS,
    RULE_UNIQUE_ITEMS,
    RULE_PREFIX_ITEMS, /* and "items" with an array before 2020-12 */
    RULE_ITEMS,        /* the rest of the items; and "additionalItems" */
    RULE_CONTAINS,     /* with minContains and maxContains */
    RULE_MIN_PROPERTIES,
    RULE_MAX_PROPERTIES,
    RULE_REQUIRED,
    RULE_DEPENDENT_REQUIRED,
    RULE_PROPERTY_NAMES,
    RULE_PROPERTIES,
    RULE_PATTERN_PROPERTIES,
    RULE_ADDITIONAL_PROPERTIES,
    RULE_REF,
    RULE_DYNAMIC_REF,
    RULE_ALL_OF,
    RULE_ANY_OF,
    RULE_ONE_OF,
    RULE_NOT,
    RULE_IF, /* with then and else */
    RULE_DEPENDENT_SCHEMAS,
    RULE_DEPENDENCIES,
    RULE_UNEVALUATED_ITEMS,
    RULE_UNEVALUATED_PROPERTIES,
    RULE_COUNT
};

/* What a keyword's value must be. */
enum so_value_kind {
    VALUE_ANY,
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_POSITIVE, /* a number above 0 */
    VALUE_COUNT,    /* a whole number, 0 or more */
    VALUE_STRING,
    VALUE_URI,     /* a reference */
    VALUE_PATTERN, /* a regular expression */
    VALUE_TYPES,   /* a type's name, or several */
    VALUE_VALUES,  /* an array, not empty before draft 6 */
    VALUE_NAMES,   /* an array of strings */
    VALUE_NAMES_MAP,
    VALUE_SCHEMA,
    VALUE_SCHEMA_OR_BOOL, /* the same, but a boolean is allowed in draft 4 too */
    VALUE_SCHEMAS,
    VALUE_ITEMS, /* a schema or an array of them */
    VALUE_SCHEMA_MAP,
    VALUE_PATTERN_MAP,  /* schemas by regular expression */
    VALUE_DEPENDENCIES, /* schemas or names by property */
    VALUE_VOCABULARY
};

enum so_vocabulary {
    VOCAB_CORE = 1 << 0,
    VOCAB_APPLICATOR = 1 << 1,
    VOCAB_UNEVALUATED = 1 << 2,
    VOCAB_VALIDATION = 1 << 3,
    VOCAB_META_DATA = 1 << 4,
    VOCAB_FORMAT = 1 << 5,
    VOCAB_CONTENT = 1 << 6,
    VOCAB_FORMAT_ASSERTION = 1 << 7, /* "format" asserts */
    VOCAB_ALL = 0x7F
};

/* A bit per enum so_json_type. */
enum {
    ON_NULL = 1 << SO_JSON_NULL,
    ON_BOOL = 1 << SO_JSON_FALSE | 1 << SO_JSON_TRUE,
    ON_NUMBER = 1 << SO_JSON_INT | 1 << SO_JSON_NUMBER,
    ON_STRING = 1 << SO_JSON_STRING,
    ON_ARRAY = 1 << SO_JSON_ARRAY,
    ON_OBJECT = 1 << SO_JSON_OBJECT,
    ON_ANY = 0xFF
};

struct so_keyword {
    const char *name;
    uint8_t drafts; /* a bit per draft, so_draft_bit() */
    uint8_t value;  /* enum so_value_kind */
    uint8_t vocab;  /* enum so_vocabulary */
    uint8_t types;  /* of the instance: a mask of ON_* */
    uint8_t rule;   /* enum so_rule_code */
};

unsigned so_draft_bit(enum so_draft draft);
/* NULL when `draft` has no such keyword. */
const struct so_keyword *so_keyword_find(struct so_str name, enum so_draft draft);
/* The whole table, sorted by name, for tests. */
const struct so_keyword *so_keywords(size_t *out_count);

/* Checks the form of a keyword's value, not what is inside its schemas.  SO_EINVAL with what is
 * wrong. */
int so_keyword_check(const struct so_keyword *k, enum so_draft draft, const struct so_json *value,
                     struct so_err *err) SO_MUST_CHECK;

/* The mask of ON_* for a type's name; "integer" is ON_NUMBER. 0 for an unknown name. */
unsigned so_type_mask(struct so_str name);

#endif
