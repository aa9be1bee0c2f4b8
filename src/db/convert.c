/* convert.c: a JSON value of a request in the stored form of a column's type (so_input_convert()). */
#include "db/input.h"

#include <math.h>

#include "db/blob.h"
#include "db/jsontext.h"
#include "db/type_int.h"
#include "json/write.h"

typedef int convert(const struct so_json *value, enum so_type type, struct so_arena *arena, struct so_json *out,
                    struct so_err *err);

/* The value as PostgreSQL's json_populate_record() sees it: strings as they are, all else as JSON text. */
static int text_of(const struct so_json *value, struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    if (value->type == SO_JSON_STRING || value->type == SO_JSON_NUMBER) {
        *out = so_json_str(value);
        return SO_OK;
    }
    struct so_buf b;
    so_buf_init(&b, arena->max);
    so_json_put(&b, value);
    int rc = so_buf_check(&b, "a value", err);
    if (rc == SO_OK) {
        *out = so_arena_dup(arena, so_buf_str(&b));
        rc = out->p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&b);
    return rc;
}

static int fail_syntax(struct so_str text, enum so_type type, struct so_err *err)
{
    return so_type_fail("22P02", so_type_info(type)->name, text, err);
}

static int fail_range(struct so_str text, enum so_type type, struct so_err *err)
{
    return so_fail_http(err, SO_EINVAL, 0, "22003", "value \"%.*s\" is out of range for type %s", SO_STR_ARG(text),
                        so_type_info(type)->name);
}

static int convert_text(const struct so_json *value, enum so_type type, struct so_arena *arena, struct so_json *out,
                        struct so_err *err)
{
    struct so_str text;
    int rc = text_of(value, arena, &text, err);
    if (rc != SO_OK)
        return rc;
    if (so_str_find_char(text, '\0', 0) != SO_STR_NONE) {
        rc = so_fail_http(err, SO_EINVAL, 0, "22P05", "unsupported Unicode escape sequence");
        so_err_details(err, "\\u0000 cannot be converted to text.");
        return rc;
    }
    const struct so_type_info *info = so_type_info(type);
    if (info->normalise != NULL)
        rc = info->normalise(text, arena, &text, err);
    if (rc == SO_OK)
        *out = so_json_make_str(text);
    return rc;
}

static int convert_json(const struct so_json *value, enum so_type type, struct so_arena *arena, struct so_json *out,
                        struct so_err *err)
{
    (void)type;
    struct so_str text;
    struct so_buf b;
    so_buf_init(&b, arena->max);
    so_json_put(&b, value);
    int rc = so_buf_check(&b, "a value", err);
    text = rc == SO_OK ? so_arena_dup(arena, so_buf_str(&b)) : (struct so_str){NULL, 0};
    so_buf_deinit(&b);
    if (rc == SO_OK && text.p == NULL)
        rc = so_err_oom(err);
    if (rc == SO_OK)
        *out = so_json_make_str(text);
    return rc;
}

/* Numbers, and strings that hold one, as a JSON number.  `text` is for messages. */
static int number_of(const struct so_json *value, enum so_type type, struct so_arena *arena, struct so_json *out,
                     struct so_str *text, struct so_err *err)
{
    int rc = text_of(value, arena, text, err);
    if (rc != SO_OK)
        return rc;
    if (so_json_is_number(value)) {
        *out = *value;
        return SO_OK;
    }
    if (value->type != SO_JSON_STRING)
        return fail_syntax(*text, type, err);
    struct so_str plain; /* ".5", "+1" and "007" are numbers to PostgreSQL */
    struct so_err ignored = SO_ERR_INIT;
    struct so_str trimmed = so_str_trim(*text);
    rc = so_type_info(SO_TYPE_DECIMAL)->normalise(trimmed, arena, &plain, &ignored);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK && so_str_eq_c(so_str_c(ignored.id), "22003"))
        return fail_range(*text, type, err);
    if (rc != SO_OK || plain.n > UINT32_MAX)
        return fail_syntax(*text, type, err);
    *out = (struct so_json){.type = SO_JSON_NUMBER, .len = (uint32_t)plain.n, .u.text = plain.p};
    return SO_OK;
}

static int convert_integer(const struct so_json *value, enum so_type type, struct so_arena *arena, struct so_json *out,
                           struct so_err *err)
{
    if (value->type == SO_JSON_INT) {
        *out = *value;
        return SO_OK;
    }
    struct so_json number;
    struct so_str text;
    int64_t i;
    int rc = number_of(value, type, arena, &number, &text, err);
    if (rc != SO_OK)
        return rc;
    if (!so_json_is_integer(&number))
        return fail_syntax(text, type, err);
    if (!so_json_to_i64(&number, &i))
        return fail_range(text, type, err);
    *out = so_json_make_int(i);
    return SO_OK;
}

/* Whole numbers of 64 bits stay exact; others become the nearest double, as the column stores it. */
static int convert_numeric(const struct so_json *value, enum so_type type, struct so_arena *arena, struct so_json *out,
                           struct so_err *err)
{
    struct so_json number;
    struct so_str text;
    int64_t i;
    int rc = number_of(value, type, arena, &number, &text, err);
    if (rc != SO_OK)
        return rc;
    if (so_json_to_i64(&number, &i))
        number = so_json_make_int(i);
    else if (!isfinite(so_json_to_double(&number)))
        return fail_range(text, type, err);
    *out = number;
    return SO_OK;
}

static int convert_boolean(const struct so_json *value, enum so_type type, struct so_arena *arena, struct so_json *out,
                           struct so_err *err)
{
    struct so_str text, stored;
    int rc = text_of(value, arena, &text, err);
    if (rc == SO_OK)
        rc = so_type_info(type)->normalise(text, arena, &stored, err);
    if (rc == SO_OK)
        *out = so_json_make_int(stored.p[0] - '0');
    return rc;
}

static int convert_blob(const struct so_json *value, enum so_type type, struct so_arena *arena, struct so_json *out,
                        struct so_err *err)
{
    struct so_str text, bytes;
    int rc = text_of(value, arena, &text, err);
    if (rc != SO_OK)
        return rc;
    struct so_buf b;
    so_buf_init(&b, text.n + 1);
    bool is_blob = value->type == SO_JSON_STRING && so_blob_read(text, &b);
    rc = so_buf_check(&b, "a value", err);
    bytes = rc == SO_OK && is_blob ? so_arena_dup(arena, so_buf_str(&b)) : (struct so_str){NULL, 0};
    so_buf_deinit(&b);
    if (rc == SO_OK && !is_blob)
        return fail_syntax(text, type, err);
    if (rc == SO_OK && bytes.p == NULL)
        rc = so_err_oom(err);
    if (rc == SO_OK)
        *out = so_json_make_str(bytes);
    return rc;
}

static convert *const CONVERT[] = {
    [SO_TYPE_TEXT] = convert_text,        [SO_TYPE_INTEGER] = convert_integer, [SO_TYPE_NUMERIC] = convert_numeric,
    [SO_TYPE_BOOLEAN] = convert_boolean,  [SO_TYPE_JSON] = convert_json,       [SO_TYPE_UUID] = convert_text,
    [SO_TYPE_TIMESTAMPTZ] = convert_text, [SO_TYPE_DATE] = convert_text,       [SO_TYPE_TIME] = convert_text,
    [SO_TYPE_DECIMAL] = convert_text,     [SO_TYPE_BLOB] = convert_blob,
};
_Static_assert(COUNT_OF(CONVERT) == SO_TYPE_COUNT, "every type has a row");

int so_input_convert(const struct so_json *value, enum so_type type, struct so_arena *arena, struct so_json *out,
                     struct so_err *err)
{
    if (value->type == SO_JSON_NULL) {
        *out = *value;
        return SO_OK;
    }
    return CONVERT[type](value, type, arena, out, err);
}
