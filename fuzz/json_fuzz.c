/* json_fuzz.c: any bytes are refused with a place in them, or read to a value that survives being written and read again. */
#include <stdlib.h>

#include "json/write.h"

#define CHECK(condition)                                                                                                    \
    do {                                                                                                                    \
        if (!(condition))                                                                                                   \
            abort();                                                                                                        \
    } while (0)

enum { ARENA_MAX = 64 << 20, TEXT_MAX = 64 << 20 };

/* Numbers against each other: order is antisymmetric, equals are equal everywhere. */
static void check_numbers(const struct so_json *a, const struct so_json *b)
{
    int order = so_json_number_cmp(a, b);
    CHECK(order == -so_json_number_cmp(b, a));
    CHECK((order == 0) == so_json_eq(a, b));
    double x = so_json_to_double(a), y = so_json_to_double(b);
    CHECK(order == 0 ? x == y : order < 0 ? x <= y : x >= y);
    int64_t i = 0, k = 0;
    bool fits_i = so_json_to_i64(a, &i), fits_k = so_json_to_i64(b, &k);
    if (fits_i && fits_k)
        CHECK(order == (i > k) - (i < k));
    CHECK(!fits_i || so_json_is_integer(a));
    if (so_json_number_is_multiple(a, b))
        CHECK(!so_json_is_integer(b) || so_json_is_integer(a));
}

static void check_value(const struct so_json *v)
{
    for (uint32_t i = 0; v->type == SO_JSON_ARRAY && i < v->len; i++) {
        const struct so_json *item = &v->u.items[i];
        if (i > 0 && so_json_is_number(item) && so_json_is_number(item - 1))
            check_numbers(item - 1, item);
        check_value(item);
    }
    for (uint32_t i = 0; v->type == SO_JSON_OBJECT && i < v->len; i++) {
        const struct so_json_member *m = &v->u.members[i];
        const struct so_json *found = so_json_get(v, so_json_key(m));
        CHECK(found != NULL && found >= &m->value);
        CHECK(m->key_hash == so_json_key_hash(so_json_key(m)));
        check_value(&m->value);
    }
}

static void check_round_trip(struct so_arena *arena, const struct so_json *v,
                             void (*put)(struct so_buf *, const struct so_json *))
{
    struct so_buf first, second;
    so_buf_init(&first, TEXT_MAX);
    so_buf_init(&second, TEXT_MAX);
    put(&first, v);
    CHECK(first.rc == SO_OK);
    struct so_json again;
    struct so_json_options deep = {.depth_max = UINT32_MAX};
    CHECK(so_json_parse(arena, so_buf_str(&first), &deep, &again, NULL) == SO_OK);
    CHECK(so_json_eq(v, &again) && so_json_eq(&again, v));
    CHECK(so_json_hash(v, 1) == so_json_hash(&again, 1));
    put(&second, &again);
    CHECK(so_str_eq(so_buf_str(&first), so_buf_str(&second)));
    so_buf_deinit(&first);
    so_buf_deinit(&second);
}

/* The same bytes as a string for the writer: whatever they are, the result is JSON. */
static void check_string(struct so_arena *arena, struct so_str bytes)
{
    struct so_buf b;
    struct so_json v;
    so_buf_init(&b, TEXT_MAX);
    so_json_put_str(&b, bytes);
    CHECK(so_json_parse(arena, so_buf_str(&b), NULL, &v, NULL) == SO_OK && v.type == SO_JSON_STRING);
    so_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct so_str text = so_str((const char *)data, size);
    struct so_json_options strict = {.depth_max = 64, .reject_duplicates = true};
    struct so_json v, same;
    struct so_arena arena;
    so_arena_init(&arena, ARENA_MAX);
    struct so_err err = SO_ERR_INIT, strict_err = SO_ERR_INIT;
    int rc = so_json_parse(&arena, text, NULL, &v, &err);
    CHECK(rc == err.code && (rc == SO_OK || (err.at <= size && err.message[0] != '\0')));
    int strict_rc = so_json_parse(&arena, text, &strict, &same, &strict_err);
    CHECK(rc == SO_OK || strict_rc != SO_OK);
    if (rc == SO_OK) {
        check_value(&v);
        check_round_trip(&arena, &v, so_json_put);
        check_round_trip(&arena, &v, so_json_put_pretty);
        CHECK(strict_rc != SO_OK || so_json_eq(&v, &same));
    }
    so_json_at(rc == SO_OK ? &v : NULL, text);
    check_string(&arena, text);
    so_arena_deinit(&arena);
    return 0;
}
