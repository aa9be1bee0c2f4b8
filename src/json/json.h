/* json.h: JSON values (RFC 8259), parsed once into an arena and never changed.
 * Borrows: the arena and the text; both must outlive the value (strings without escapes point into the text).
 * Threads: any number of readers.   Limits: struct so_json_options.   Never: rounds a number. */
#ifndef SO_JSON_JSON_H
#define SO_JSON_JSON_H

#include "core/arena.h"
#include "core/base.h"
#include "core/err.h"
#include "core/str.h"

enum so_json_type {
    SO_JSON_NULL,
    SO_JSON_FALSE,
    SO_JSON_TRUE,
    SO_JSON_INT,    /* an integer without fraction or exponent that fits int64: u.i.  ("-0" is a SO_JSON_NUMBER) */
    SO_JSON_NUMBER, /* any other number: its source text, u.text, len bytes */
    SO_JSON_STRING, /* unescaped UTF-8, u.text, len bytes; may hold NUL bytes; not NUL-terminated */
    SO_JSON_ARRAY,  /* u.items[len] */
    SO_JSON_OBJECT  /* u.members[len], in source order */
};

struct so_json_member;

/* 16 bytes. */
struct so_json {
    uint8_t type;  /* enum so_json_type */
    uint8_t flags; /* private to json/ */
    int16_t whole; /* so_json_has_whole() */
    uint32_t len;  /* bytes of text, items or members */
    union {
        int64_t i;
        const char *text;
        const struct so_json *items;
        const struct so_json_member *members;
    } u;
};

struct so_json_member {
    const char *key;   /* unescaped UTF-8, not NUL-terminated */
    uint32_t key_len;  /* bytes */
    uint32_t key_hash; /* so_json_key_hash(key): the same in every run, so that compiled tables can hold it */
    struct so_json value;
};

struct so_json_options {
    uint32_t depth_max;     /* nesting of arrays and objects; 0 means SO_JSON_DEPTH_MAX; at most SO_JSON_DEPTH_LIMIT */
    bool reject_duplicates; /* two members of one name are an error (I-JSON, RFC 7493 section 2.3) */
};
enum {
    SO_JSON_DEPTH_MAX = 512,
    SO_JSON_DEPTH_LIMIT = 4096 /* whatever the options say: what walks a value may recurse */
};

/* Parses one text of at most 4 GiB - 1; white space around it is fine, anything else after it is not.
 * SO_EINVAL with err->at at the offending byte and a message such as "expected ',' or '}'"; SO_ELIMIT for depth or size;
 * SO_ENOMEM.  options may be NULL. */
int so_json_parse(struct so_arena *arena, struct so_str text, const struct so_json_options *options, struct so_json *out,
                  struct so_err *err) SO_MUST_CHECK;

/* What a name hashes to.  Unkeyed on purpose; tables that strangers can fill must bound their probes. */
uint32_t so_json_key_hash(struct so_str key);

static inline struct so_str so_json_str(const struct so_json *v) { return (struct so_str){v->u.text, v->len}; }
static inline struct so_str so_json_key(const struct so_json_member *m) { return (struct so_str){m->key, m->key_len}; }
static inline bool so_json_is_number(const struct so_json *v) { return v->type == SO_JSON_INT || v->type == SO_JSON_NUMBER; }
static inline bool so_json_is_bool(const struct so_json *v) { return v->type == SO_JSON_TRUE || v->type == SO_JSON_FALSE; }

/* The member of this name (the last one, should there be several), or NULL; also NULL when v is NULL or no object. */
const struct so_json *so_json_get(const struct so_json *v, struct so_str key);
/* Its text when it is a string, else {NULL, 0}. */
struct so_str so_json_get_str(const struct so_json *v, struct so_str key);

/* Whether the parser has noted the whole part of a SO_JSON_NUMBER, v->whole: its value without the fraction, 0 for -0.5.  It
 * does so for plain decimals with few digits before the point.  Two numbers stand to each other as their whole parts do,
 * unless these are equal, so that most comparisons need not read the text. */
enum { SO_JSON_HAS_WHOLE = 4, /* of flags */ SO_JSON_WHOLE_DIGITS = 4 };
static inline bool so_json_has_whole(const struct so_json *v) { return (v->flags & SO_JSON_HAS_WHOLE) != 0; }
/* The number without its fraction, if that is known at once. */
static inline bool so_json_truncate(const struct so_json *v, int64_t *out)
{
    *out = v->type == SO_JSON_INT ? v->u.i : v->whole;
    return v->type == SO_JSON_INT || so_json_has_whole(v);
}

/* Values made in code, for tests and builders. */
static inline struct so_json so_json_make_int(int64_t i) { return (struct so_json){.type = SO_JSON_INT, .u.i = i}; }
static inline struct so_json so_json_make_str(struct so_str s)
{
    return (struct so_json){.type = SO_JSON_STRING, .len = (uint32_t)s.n, .u.text = s.p};
}

/* Equal as JSON Schema and RFC 8259 readers see it: numbers by exact value (1 == 1.0 == 10e-1), objects without order. */
bool so_json_eq(const struct so_json *a, const struct so_json *b);
/* Equal values have equal hashes.  A table that strangers can fill takes a random seed. */
uint64_t so_json_hash(const struct so_json *v, uint64_t seed);

/* ---- numbers, exactly (json/number.c) ---- */

/* The value as int64 when it is a whole number in range, whatever its spelling (1.0, 1e3).  Else false. */
bool so_json_to_i64(const struct so_json *v, int64_t *out);
/* The nearest double (round half to even); infinite for 1e999. */
double so_json_to_double(const struct so_json *v);
/* Whole number of any size: 1.0 and 1e400 are. */
bool so_json_is_integer(const struct so_json *v);
/* -1, 0, 1 by exact value, any size and precision, in time linear in the texts' length (1e999999999 costs nothing more). */
int so_json_number_cmp(const struct so_json *a, const struct so_json *b);
/* Whether a is a whole multiple of b (b > 0), exactly: 0.3 is one of 0.1.  Exponents are bounded: an absurd pair whose
 * answer would need more than SO_JSON_DIGITS_MAX digits is answered false. */
bool so_json_number_is_multiple(const struct so_json *a, const struct so_json *b);
enum { SO_JSON_DIGITS_MAX = 4096 };

/* ---- JSON Pointer (RFC 6901; json/pointer.c) ---- */

/* The value at `pointer` ("" is v itself, "/a/0" ...), or NULL when there is none or the pointer is malformed. */
const struct so_json *so_json_at(const struct so_json *v, struct so_str pointer);

#endif
